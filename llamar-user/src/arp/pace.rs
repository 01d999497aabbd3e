//! How many frames a second are sent at most.

use std::time::{Duration, Instant};

/// How late a frame may be without the next ones being late too: timers are no finer than this.
const SLACK: Duration = Duration::from_millis(5);

/// Spaces frames evenly. Over any time no more of them are sent than the rate allows, and the few that fit into 5 ms.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    gap: Duration,
    /// When the next frame may be sent; `None`: at once.
    next: Option<Instant>,
}

impl Pace {
    /// So many frames a second; 0 counts as 1.
    pub fn per_second(frames: u32) -> Self {
        Self {
            gap: Duration::from_secs(1) / frames.max(1),
            next: None,
        }
    }

    /// When the next frame may be sent; `None`: at once.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// What is due at a time, as late as the pace allows it.
    pub fn not_before(&self, due: Instant) -> Instant {
        self.next.map_or(due, |next| next.max(due))
    }

    /// Takes the place of one frame; whether there is one yet.
    pub fn take(&mut self, now: Instant) -> bool {
        if self.next.is_some_and(|next| now < next) {
            return false;
        }
        self.spend(now);
        true
    }

    /// Takes the place of a frame that is sent whether there is one or not: the next ones wait for it.
    pub fn spend(&mut self, now: Instant) {
        let late = now.checked_sub(SLACK).unwrap_or(now);
        let from = self.next.map_or(now, |next| next.max(late));
        self.next = Some(from + self.gap);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_are_never_sent_faster_than_the_rate_whenever_the_clock_is_read(
            rate in 1u32..2000, steps in prop::collection::vec(0u64..30_000, 1..100)
        ) {
            let (mut pace, mut now, mut sent) = (Pace::per_second(rate), Instant::now(), Vec::new());
            for step in steps {
                now += Duration::from_micros(step);
                while pace.take(now) {
                    sent.push(now);
                }
                prop_assert!(pace.next().is_some_and(|next| next > now));
            }
            let most = |time: Duration| (time + SLACK).as_secs_f64() * f64::from(rate) * 1.000_1 + 1.0;
            for window in [2, 3, 10, 100] {
                for frames in sent.windows(window) {
                    let time = frames[window - 1] - frames[0];
                    prop_assert!(window as f64 <= most(time) + 1e-6, "{window} in {time:?}");
                }
            }
        }
    }

    #[test]
    fn a_pace_that_is_kept_up_with_is_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::per_second(100);
        let sent = (0..1000)
            .filter(|millis| pace.take(start + Duration::from_millis(*millis)))
            .count();
        assert_eq!(sent, 100);
        assert!(Pace::per_second(0).take(start));
    }
}
