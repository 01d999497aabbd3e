//! How often an address is attempted (RFC 5227 2.1.1): once there were many conflicts, rarely.

use std::time::Instant;

use crate::arp::rules::{Rule, Rules};
use crate::arp::timing::{MAX_CONFLICTS, RATE_LIMIT_INTERVAL};

/// The conflicts of an interface and the last attempt.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempts {
    conflicts: u32,
    last: Option<Instant>,
}

impl Attempts {
    /// Counts a conflict, over an address in use too.
    pub fn conflict(&mut self) {
        self.conflicts = self.conflicts.saturating_add(1);
    }

    /// Takes note of an attempt.
    pub fn attempt(&mut self, now: Instant) {
        self.last = Some(now);
    }

    /// When the next attempt may begin, if not at once.
    // RFC 5227 2.1.1: no more than one in RATE_LIMIT_INTERVAL after MAX_CONFLICTS or more; RFC 3927 2.2.1 has "exceeds",
    // one more.
    pub fn pause(&self, now: Instant, rules: Rules) -> Option<Instant> {
        if self.conflicts < MAX_CONFLICTS || !rules.hold(Rule::RateLimit) {
            return None;
        }
        let next = self.last? + RATE_LIMIT_INTERVAL;
        (next > now).then_some(next)
    }
}
