//! What an engine has to say and has found out, until it is polled.

use std::collections::VecDeque;

use super::FRAME_MIN;

/// Frames and findings that wait. A call of an engine adds a few of each, and is followed by polls until there are none;
/// whoever does not poll loses what is beyond.
const WAITING_MAX: usize = 4096;

/// Frames and findings in the order in which they were made.
#[derive(Debug)]
pub struct Outbox<E> {
    frames: VecDeque<Vec<u8>>,
    events: VecDeque<E>,
    /// Pads frames to what a real wire carries.
    padding: bool,
}

impl<E> Default for Outbox<E> {
    fn default() -> Self {
        Self {
            frames: VecDeque::new(),
            events: VecDeque::new(),
            padding: false,
        }
    }
}

impl<E> Outbox<E> {
    /// One that pads frames, or does not.
    pub fn padding(padding: bool) -> Self {
        Self {
            padding,
            ..Self::default()
        }
    }

    /// Has a frame sent.
    pub fn send(&mut self, mut frame: Vec<u8>) {
        if self.frames.len() < WAITING_MAX {
            if self.padding && frame.len() < FRAME_MIN {
                frame.resize(FRAME_MIN, 0);
            }
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
    use super::*;

    #[test]
    fn whoever_does_not_poll_loses_what_is_beyond_the_limit() {
        let mut outbox = Outbox::default();
        for number in 0..WAITING_MAX + 9 {
            assert_eq!(outbox.is_full(), number >= WAITING_MAX);
            outbox.send(Vec::new());
            outbox.tell(number);
        }
        assert_eq!(std::iter::from_fn(|| outbox.frame()).count(), WAITING_MAX);
        assert!(std::iter::from_fn(|| outbox.event()).eq(0..WAITING_MAX));
    }

    #[test]
    fn short_frames_are_padded_if_that_is_wanted_and_long_ones_left_alone() {
        for (padding, lengths) in [(false, [42, 70]), (true, [FRAME_MIN, 70])] {
            let mut outbox = Outbox::<()>::padding(padding);
            outbox.send(vec![1; 42]);
            outbox.send(vec![1; 70]);
            let sent = std::iter::from_fn(|| outbox.frame());
            assert!(sent.map(|frame| frame.len()).eq(lengths));
        }
    }
}
