//! What an engine has to say until it is polled.

use std::collections::VecDeque;

use super::Packet;
use crate::ether::{FRAME_MIN, MacAddr, Tag};

/// Frames and findings that wait. One turn makes a few of each and the caller polls them all; whoever does not poll
/// loses what is beyond.
const WAITING_MAX: usize = 4096;

/// Frames and findings in the order in which they were made.
#[derive(Debug)]
pub(super) struct Outbox<E> {
    frames: VecDeque<Vec<u8>>,
    events: VecDeque<E>,
    /// Pads frames to what a real wire carries.
    padding: bool,
}

impl<E> Outbox<E> {
    pub const fn new(padding: bool) -> Self {
        Self {
            frames: VecDeque::new(),
            events: VecDeque::new(),
            padding,
        }
    }

    pub fn send(&mut self, packet: &Packet, from: MacAddr, to: MacAddr, tag: Option<Tag>) {
        if self.frames.len() < WAITING_MAX {
            let mut frame = packet.to_frame(from, to, tag);
            if self.padding && frame.len() < FRAME_MIN {
                frame.resize(FRAME_MIN, 0);
            }
            self.frames.push_back(frame);
        }
    }

    pub fn tell(&mut self, event: E) {
        if self.events.len() < WAITING_MAX {
            self.events.push_back(event);
        }
    }

    pub fn frame(&mut self) -> Option<Vec<u8>> {
        self.frames.pop_front()
    }

    pub fn event(&mut self) -> Option<E> {
        self.events.pop_front()
    }

    /// Whether no more frames fit in.
    pub fn is_full(&self) -> bool {
        self.frames.len() >= WAITING_MAX
    }

    /// Takes back what was not sent yet.
    pub fn unsend(&mut self) {
        self.frames.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn whoever_does_not_poll_loses_what_is_beyond_the_limit() {
        let mut outbox = Outbox::new(false);
        let packet = Packet::probe(MacAddr::ZERO, Ipv4Addr::UNSPECIFIED);
        for count in 0..WAITING_MAX + 9 {
            assert_eq!(outbox.is_full(), count >= WAITING_MAX);
            outbox.send(&packet, MacAddr::ZERO, MacAddr::BROADCAST, None);
            outbox.tell(count);
        }
        let frames = std::iter::from_fn(|| outbox.frame()).count();
        let events = std::iter::from_fn(|| outbox.event()).last();
        assert_eq!((frames, events), (WAITING_MAX, Some(WAITING_MAX - 1)));
    }
}
