//! How often something may be done that others cause.

use std::time::{Duration, Instant};

/// A few times at once, and then once in a while.
#[derive(Debug)]
pub(super) struct Budget {
    burst: u32,
    pace: Duration,
    left: u32,
    /// When `left` was right.
    since: Instant,
}

impl Budget {
    /// `burst` times at once, and once more after each `pace`.
    pub fn new(now: Instant, burst: u32, pace: Duration) -> Self {
        Self {
            burst,
            pace,
            left: burst,
            since: now,
        }
    }

    /// Whether it may be done now; then it counts as done.
    pub fn take(&mut self, now: Instant) -> bool {
        while self.left < self.burst && now.saturating_duration_since(self.since) >= self.pace {
            self.left += 1;
            self.since += self.pace;
        }
        if self.left == self.burst {
            self.since = now;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_one_for_each_pace() {
        let start = Instant::now();
        let mut budget = Budget::new(start, 3, Duration::from_secs(1));
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
