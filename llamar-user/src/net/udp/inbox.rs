//! Datagrams that were received together.

use std::io;
use std::os::fd::BorrowedFd;

use super::Datagram;
use super::system::{self, MANY};

/// Room for datagrams that have come together of late, at least.
const ROOM_MIN: usize = 4;
/// Datagrams that came each alone after which there is room for more again, to see whether they still do.
const ALONE_MAX: u32 = 8;

/// Datagrams that were received together and are taken out one by one, each with its bytes.
#[derive(Debug)]
pub struct Inbox {
    /// Room for [`MANY`], of which the kernel gives memory to what was ever used.
    buffers: Vec<u8>,
    /// Longest datagram.
    each: usize,
    datagrams: [Option<Datagram>; MANY],
    /// For how many there was room, how many of them were received, and how many of those were taken out.
    room: usize,
    received: usize,
    taken: usize,
    /// How many times in a row one was received where there was room for one.
    alone: u32,
}

impl Inbox {
    /// An empty one for datagrams of at most so many bytes.
    pub fn new(each: usize) -> Self {
        Self {
            buffers: vec![0; MANY * each],
            each,
            datagrams: [None; MANY],
            room: ROOM_MIN,
            received: 0,
            taken: 0,
            alone: 0,
        }
    }

    /// The next datagram and its bytes; none if all were taken out.
    pub fn take(&mut self) -> Option<(Datagram, &[u8])> {
        while self.taken < self.received {
            let number = self.taken;
            self.taken += 1;
            let Some(datagram) = self.datagrams[number] else {
                continue;
            };
            let bytes = self.buffers.get(number * self.each..)?;
            return Some((datagram, bytes.get(..datagram.length)?));
        }
        None
    }

    /// Waits for a datagram and receives it and what is there already, in place of what there was.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.room = self.next_room();
        (self.received, self.taken) = (0, 0);
        let datagrams = &mut self.datagrams;
        let told = |number: usize, datagram| {
            if let Some(place) = datagrams.get_mut(number) {
                *place = datagram;
            }
        };
        let room = self.room * self.each;
        let buffers = self.buffers.get_mut(..room).unwrap_or_default();
        self.received = system::receive(socket, buffers, self.each, told)?;
        Ok(())
    }

    /// For how many there is to be room, by how many were received. The kernel is told of each room, and looks once more
    /// where one was left, which is not worth it where little comes.
    fn next_room(&mut self) -> usize {
        let left = self.room - self.received;
        self.alone = if self.room == 1 { self.alone + 1 } else { 0 };
        match self.received {
            1 if left == 0 && self.alone >= ALONE_MAX => ROOM_MIN,
            0 | 1 => 1,
            received if left == 0 => MANY.min(received * 4),
            received => MANY.min(received * 2).max(ROOM_MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_one_while_each_comes_alone_and_for_more_when_several_do() {
        let mut inbox = Inbox::new(1);
        let mut rooms = |counts: &[usize]| {
            let room = |&received: &usize| {
                inbox.room = inbox.next_room();
                inbox.received = received.min(inbox.room);
                inbox.room
            };
            Vec::from_iter(counts.iter().map(room))
        };
        // Each alone: now and then it is seen whether more come.
        let looks = [1, 1, 1, 1, 1, 1, 1, 1, ROOM_MIN];
        assert_eq!(rooms(&[1; 27]), looks.repeat(3));
        // Nine at a time.
        let rooms_for_many = rooms(&[9; 12]);
        assert_eq!(rooms_for_many[..11], [1, 1, 1, 1, 1, 1, 1, 1, 4, 16, 18]);
        assert_eq!(rooms_for_many[11], 18);
        // More than there can be room for, and few again.
        assert_eq!(
            rooms(&[99, 99, 99, 2, 2, 1, 1]),
            [18, MANY, MANY, MANY, 4, 4, 1]
        );
    }
}
