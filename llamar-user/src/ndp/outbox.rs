//! What an engine has to say and has found out, until it is polled.

use std::collections::VecDeque;

/// Frames and findings. A call of an engine adds a few of each, and is followed by polls until there are none.
#[derive(Debug)]
pub(super) struct Outbox<E> {
    frames: VecDeque<Vec<u8>>,
    events: VecDeque<E>,
}

impl<E> Default for Outbox<E> {
    fn default() -> Self {
        Self {
            frames: VecDeque::new(),
            events: VecDeque::new(),
        }
    }
}

impl<E> Outbox<E> {
    /// Has a frame sent.
    pub fn send(&mut self, frame: Vec<u8>) {
        self.frames.push_back(frame);
    }

    /// Tells a finding.
    pub fn tell(&mut self, event: E) {
        self.events.push_back(event);
    }

    /// The next frame to send.
    pub fn frame(&mut self) -> Option<Vec<u8>> {
        self.frames.pop_front()
    }

    /// The next finding.
    pub fn event(&mut self) -> Option<E> {
        self.events.pop_front()
    }
}
