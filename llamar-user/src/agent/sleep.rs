//! Whether the machine slept: then its names are verified anew, as others may have taken them (RFC 4795 4.1).

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Sleep that counts: the clocks are read one after the other, and are steered a little.
const LEAST: Duration = Duration::from_millis(500);

/// The time that the machine has slept since it was started, as far as it was told.
#[derive(Debug)]
pub struct Sleep {
    asleep: Duration,
}

impl Sleep {
    /// From now on.
    pub fn new() -> Self {
        Self {
            asleep: asleep().unwrap_or_default(),
        }
    }

    /// Whether the machine has slept since this was asked last.
    pub fn was(&mut self) -> bool {
        asleep().is_some_and(|asleep| self.grew_to(asleep))
    }

    fn grew_to(&mut self, asleep: Duration) -> bool {
        let slept = asleep.saturating_sub(self.asleep) >= LEAST;
        if slept {
            self.asleep = asleep;
        }
        slept
    }
}

/// What CLOCK_BOOTTIME, which goes on in sleep, is ahead of CLOCK_MONOTONIC, which does not.
fn asleep() -> Option<Duration> {
    let monotonic = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).ok()?);
    let boot = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
    Some(boot.saturating_sub(monotonic))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4795 4.1: R47
    #[test]
    fn each_sleep_is_told_once() {
        let mut sleep = Sleep {
            asleep: Duration::from_secs(7),
        };
        let seconds = Duration::from_secs_f64;
        let told = [7.0, 7.1, 6.9, 9.0, 9.1, 9.4, 9.6].map(|now| sleep.grew_to(seconds(now)));
        assert_eq!(told, [false, false, false, true, false, false, true]);
    }

    #[test]
    fn a_machine_that_is_awake_does_not_sleep() {
        let mut sleep = Sleep::new();
        assert!(!sleep.was() && !sleep.was());
    }
}
