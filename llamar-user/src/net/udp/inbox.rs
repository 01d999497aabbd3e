//! Datagrams that were received together.

use std::io;
use std::os::fd::BorrowedFd;

use super::Datagram;
use super::system::{self, MANY};

/// Least number of datagrams for which there is room.
const ROOM_MIN: usize = 4;

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

    /// How many datagrams were received.
    pub const fn len(&self) -> usize {
        self.received
    }

    /// Whether none was received.
    pub const fn is_empty(&self) -> bool {
        self.received == 0
    }

    /// Whether there was no room for more, which may be there.
    pub const fn is_full(&self) -> bool {
        self.received == self.room
    }

    /// Receives what is there already, in place of what there was.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        // The kernel is told of each room, which is not worth it where little comes.
        self.room = match self.received {
            received if received == self.room => MANY.min(received * 4),
            received => MANY.min(received * 2).max(ROOM_MIN),
        };
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
}
