//! Responses that wait for their jitter (RFC 4795 2.7): those with T or C set, so that the hosts that share or contest
//! a name do not all respond at once.

use std::collections::BTreeMap;
use std::time::Instant;

use rand::rngs::StdRng;

use super::engine::Transmit;
use super::timing::jitter;

/// Responses that wait at a time. They stay 50 ms on average, so this is 20,000 a second: more than are worth it, and
/// half a megabyte at most lengths.
pub const DELAYED_MAX: usize = 1024;

/// Responses and when they are due.
#[derive(Debug, Default)]
pub struct Delayed {
    waiting: BTreeMap<(Instant, u64), Transmit>,
    count: u64,
}

impl Delayed {
    /// Keeps a response for a random time of up to 100 ms; false if there are too many, then it is dropped and the
    /// asker asks again.
    pub fn push(&mut self, now: Instant, rng: &mut StdRng, transmit: Transmit) -> bool {
        if self.waiting.len() >= DELAYED_MAX {
            return false;
        }
        self.count += 1;
        self.waiting
            .insert((now + jitter(rng), self.count), transmit);
        true
    }

    /// A response that is due.
    pub fn pop(&mut self, now: Instant) -> Option<Transmit> {
        let first = self.waiting.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next one is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (&(due, _), _) = self.waiting.first_key_value()?;
        Some(due)
    }

    /// Drops what is not to be said any more.
    pub fn retain(&mut self, keep: impl Fn(&Transmit) -> bool) {
        self.waiting.retain(|_, transmit| keep(transmit));
    }
}
