//! How often an address is told of, and how far apart. [`Agenda`](super::Agenda) has the times of many, and
//! [`Pace`](super::Pace) says how many frames a second all of them make.

use std::time::{Duration, Instant};

/// How often something is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// How many times for one cause; 0 leaves but those of the period.
    pub count: u32,
    /// Between two of them.
    pub interval: Duration,
    /// From the last one for any cause to the first for another.
    pub least: Duration,
    /// After them, again and again in this time.
    pub period: Option<Duration>,
}

/// The announcements of one address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Series {
    number: u32,
    left: u32,
    last: Option<Instant>,
}

impl Repeats {
    /// So many for one cause.
    pub fn times(self, count: u32) -> Self {
        Self { count, ..self }
    }
}

impl Series {
    /// Begins anew; when the first one is due, if there is any.
    pub fn begin(&mut self, now: Instant, repeats: Repeats) -> Option<Instant> {
        (self.number, self.left) = (0, repeats.count);
        let due = self.rests_until(repeats).map_or(now, |rest| rest.max(now));
        (repeats.count > 0 || repeats.period.is_some()).then_some(due)
    }

    /// Counts one that is made now; when the next one is due, if there is any.
    pub fn tell(&mut self, now: Instant, repeats: Repeats) -> Option<Instant> {
        self.number = self.number.saturating_add(1);
        self.left = self.left.saturating_sub(1);
        self.last = Some(now);
        let pause = match self.is_through() {
            false => Some(repeats.interval),
            true => repeats.period,
        };
        pause.map(|pause| now + pause)
    }

    /// The how manieth the last one was since the beginning, from 1; those of the period count on.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether all but those of the period were made.
    pub fn is_through(&self) -> bool {
        self.left == 0
    }

    /// Until when the last one keeps others from being made; `None` if there was none.
    pub fn rests_until(&self, repeats: Repeats) -> Option<Instant> {
        self.last.map(|last| last + repeats.least)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPEATS: Repeats = Repeats {
        count: 3,
        interval: Duration::from_secs(2),
        least: Duration::from_secs(1),
        period: None,
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The seconds and numbers of a series that is left alone, at most five of them.
    fn all(repeats: Repeats) -> Vec<(u64, u32)> {
        let start = Instant::now();
        let mut series = Series::default();
        let mut due = series.begin(start, repeats);
        let mut told = Vec::new();
        while let Some(now) = due.filter(|_| told.len() < 5) {
            due = series.tell(now, repeats);
            told.push((now.duration_since(start).as_secs(), series.number()));
        }
        told
    }

    #[test]
    fn what_has_a_period_goes_on_after_the_first_ones_and_what_has_none_ends() {
        let period = Some(seconds(60));
        assert_eq!(all(REPEATS), [(0, 1), (2, 2), (4, 3)]);
        assert_eq!(all(REPEATS.times(1)), [(0, 1)]);
        assert_eq!(all(REPEATS.times(0)), []);
        let periodic = Repeats { period, ..REPEATS };
        assert_eq!(all(periodic), [(0, 1), (2, 2), (4, 3), (64, 4), (124, 5)]);
        let mut only = all(periodic.times(0));
        only.truncate(2);
        assert_eq!(only, [(0, 1), (60, 2)]);
    }

    #[test]
    fn what_begins_anew_waits_until_the_last_one_is_old_enough() {
        let start = Instant::now();
        let mut series = Series::default();
        assert!(series.is_through());
        assert_eq!(series.rests_until(REPEATS), None);
        assert_eq!(series.begin(start, REPEATS), Some(start));
        assert_eq!(series.tell(start, REPEATS), Some(start + seconds(2)));
        assert!(!series.is_through());
        let soon = start + Duration::from_millis(300);
        let once = REPEATS.times(1);
        assert_eq!(series.begin(soon, once), Some(start + seconds(1)));
        assert_eq!(series.tell(start + seconds(1), once), None);
        assert_eq!((series.number(), series.is_through()), (1, true));
        let late = start + seconds(9);
        assert_eq!(series.begin(late, REPEATS), Some(late));
    }

    proptest! {
        #[test]
        fn no_two_are_closer_than_the_least_time_whatever_begins_anew(
            begins in prop::collection::vec(0u64..3000, 1..50), count in 0u32..4, least in 0u64..2000
        ) {
            let least = Duration::from_millis(least);
            let repeats = Repeats { count, least, ..REPEATS };
            let (mut series, mut now, mut told) = (Series::default(), Instant::now(), Vec::new());
            for pause in begins {
                let mut due = series.begin(now, repeats);
                now += Duration::from_millis(pause);
                while let Some(at) = due.filter(|due| *due <= now) {
                    due = series.tell(at, repeats);
                    told.push(at);
                }
            }
            let apart = repeats.least.min(repeats.interval);
            prop_assert!(told.windows(2).all(|pair| pair[1] - pair[0] >= apart));
        }
    }
}
