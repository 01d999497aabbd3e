//! When the last requests of a scan were sent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Requests that are remembered: 16 seconds at the usual pace.
const REQUESTS_MAX: usize = 4096;

/// The last requests of a pass, in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(VecDeque<(u64, Instant)>);

impl Recent {
    /// Takes note of a request; its number is larger than all before.
    pub fn asked(&mut self, now: Instant, number: u64) {
        if self.0.len() >= REQUESTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((number, now));
    }

    /// How long ago a number was asked for.
    pub fn since(&self, now: Instant, number: u64) -> Option<Duration> {
        let at = self.0.binary_search_by_key(&number, |(asked, _)| *asked);
        let (_, asked) = self.0.get(at.ok()?)?;
        Some(now.saturating_duration_since(*asked))
    }

    /// Forgets all: a new pass begins.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
