//! How many lines are told: a flood of news is not for people, and must fill no disk.

use std::collections::BTreeMap;
use std::time::Duration;

/// Lets so many pass in each second, and some at once; counts what it does not.
#[derive(Clone, Debug)]
pub struct Throttle {
    /// In a second; none is no limit.
    rate: Option<u32>,
    /// What may pass now, in thousandths.
    credit: u64,
    at: Duration,
    left_out: BTreeMap<&'static str, u64>,
    since: Option<Duration>,
}

/// How many may come at once, in seconds of the rate: the stations of a link in its first moments.
const BURST: u64 = 10;
/// What was left out is told when it is over, and so often while it lasts.
const TELL: Duration = Duration::from_secs(10);

impl Throttle {
    /// Lets so many pass in a second; none is no limit.
    pub fn new(rate: Option<u32>) -> Self {
        Self {
            rate,
            credit: rate.map_or(0, |rate| u64::from(rate) * BURST * 1000),
            at: Duration::ZERO,
            left_out: BTreeMap::new(),
            since: None,
        }
    }

    /// Whether something may pass at a time; if not, it is counted by its name.
    pub fn admits(&mut self, at: Duration, name: &'static str) -> bool {
        let Some(rate) = self.rate else {
            return true;
        };
        let rate = u64::from(rate);
        let passed = at.saturating_sub(self.at);
        self.at = at;
        let earned = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        self.credit = self
            .credit
            .saturating_add(earned.saturating_mul(rate))
            .min(rate * BURST * 1000);
        if self.credit >= 1000 {
            self.credit -= 1000;
            return true;
        }
        *self.left_out.entry(name).or_default() += 1;
        self.since.get_or_insert(at);
        false
    }

    /// When what was left out is to be told.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.since.map(|since| since.saturating_add(TELL))
    }

    /// What was left out, if it is time to tell it: how many of each name.
    pub fn poll(&mut self, at: Duration) -> Option<BTreeMap<&'static str, u64>> {
        self.poll_timeout()
            .is_some_and(|due| due <= at)
            .then(|| self.finish())
            .flatten()
    }

    /// What was left out.
    pub fn finish(&mut self) -> Option<BTreeMap<&'static str, u64>> {
        self.since = None;
        let left_out = std::mem::take(&mut self.left_out);
        (!left_out.is_empty()).then_some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_told() {
        let mut throttle = Throttle::new(Some(5));
        let at = Duration::from_secs(1_700_000_000);
        let passed = (0..1000).filter(|_| throttle.admits(at, "new")).count();
        assert_eq!(passed, 50);
        assert_eq!(throttle.poll(at), None);
        assert_eq!(throttle.poll_timeout(), Some(at + TELL));
        assert_eq!(
            throttle.poll(at + TELL),
            Some(BTreeMap::from([("new", 950)]))
        );
        assert_eq!(throttle.poll_timeout(), None);
        assert_eq!(throttle.finish(), None);
        let later = at + TELL + Duration::from_secs(1);
        let passed = (0..1000)
            .filter(|_| throttle.admits(later, "no-station"))
            .count();
        assert_eq!(passed, 50);
        assert_eq!(
            throttle.finish(),
            Some(BTreeMap::from([("no-station", 950)]))
        );
    }

    #[test]
    fn what_is_not_limited_passes_and_the_clock_may_jump() {
        let mut throttle = Throttle::new(None);
        assert!((0..10_000).all(|_| throttle.admits(Duration::ZERO, "new")));
        let mut throttle = Throttle::new(Some(u32::MAX));
        for at in [Duration::MAX, Duration::ZERO, Duration::MAX] {
            assert!(throttle.admits(at, "new"));
        }
    }
}
