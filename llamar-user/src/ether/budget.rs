//! How often something may be done that others cause.

use std::time::Instant;

use llamar_common::limit::{Limit, Rate, time};

/// Ticks per second of the clock.
const TICKS: u64 = 1000;

/// A few times at once, and then once in a while: a rate's burst and what follows.
#[derive(Debug)]
pub struct Budget {
    limit: Limit,
    bucket: u64,
    start: Instant,
}

impl Budget {
    /// What a rate allows from now on.
    pub fn new(now: Instant, rate: Rate) -> Self {
        Self {
            limit: rate.limit(TICKS),
            bucket: 0,
            start: now,
        }
    }

    /// Whether it may be done now; then it counts as done.
    pub fn take(&mut self, now: Instant) -> bool {
        let ticks = now.saturating_duration_since(self.start).as_millis() as u64;
        let (after, is_left) = self.limit.spend(self.bucket, time(ticks));
        self.bucket = after;
        is_left
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_one_for_each_pace() {
        let start = Instant::now();
        let rate = Rate {
            per_second: 1,
            burst: 3,
        };
        let mut budget = Budget::new(start, rate);
        let mut taken = |after: u64| {
            let now = start + Duration::from_millis(after);
            (0..9).filter(|_| budget.take(now)).count()
        };
        assert_eq!(taken(0), 3);
        assert_eq!(taken(900), 0);
        assert_eq!(taken(2500), 2);
        assert_eq!(taken(3000), 1);
        assert_eq!(taken(60_000), 3);
    }
}
