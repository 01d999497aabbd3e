//! How an engine that speaks in whole frames is driven: it takes bytes and times, and gives bytes, findings and the time
//! at which it wants to be called again. After each `handle_*` everything is polled until there is nothing left.

use std::time::Instant;

/// A protocol engine on one interface.
pub trait Engine {
    /// What it finds out.
    type Event;

    /// Takes a frame that came in, whatever it is; a tag that was taken off is in it again.
    fn handle_frame(&mut self, now: Instant, frame: &[u8]);

    /// Does what is due.
    fn handle_timeout(&mut self, now: Instant);

    /// When something is due; `None` if only a frame can change anything.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The next frame to send.
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;

    /// The next finding.
    fn poll_event(&mut self) -> Option<Self::Event>;
}
