//! What an engine has to say and has found out, until it is polled.

use std::collections::VecDeque;

/// Frames and findings that wait. A call of an engine adds a few of each, and is followed by polls until there are none;
/// whoever does not poll loses what is beyond.
const WAITING_MAX: usize = 4096;

/// Frames and findings in the order in which they were made.
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
        if self.frames.len() < WAITING_MAX {
            self.frames.push_back(frame);
        }
    }

    /// Tells a finding.
    pub fn tell(&mut self, event: E) {
        if self.events.len() < WAITING_MAX {
            self.events.push_back(event);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_polls_does_not_pile_up() {
        let mut outbox = Outbox::default();
        for number in 0..10_000 {
            outbox.send(vec![0; 60]);
            outbox.tell(number);
        }
        assert_eq!(std::iter::from_fn(|| outbox.frame()).count(), WAITING_MAX);
        assert!(std::iter::from_fn(|| outbox.event()).eq(0..WAITING_MAX));
    }
}
