//! Whether the machine slept: then its names are verified anew, as others may have taken them (RFC 4795 4.1).

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{self, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId, clock_gettime};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::net::register;

/// Sleep that counts: the clocks are read one after the other, and are steered a little.
const LEAST: Duration = Duration::from_millis(500);
/// A time that does not come.
const NEVER: TimeSpec = TimeSpec::new(i64::MAX / 1_000_000_000, 0);

/// The time that the machine has slept since it was started, as far as it was told.
#[derive(Debug)]
pub struct Sleep {
    asleep: Duration,
    /// Is told when the clock is set, which is what waking up is to it.
    clock: AsyncFd<OwnedFd>,
}

impl Sleep {
    /// From now on.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let clock = TimerFd::new(timerfd::ClockId::CLOCK_REALTIME, flags)?;
        let set = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        clock.set(Expiration::OneShot(NEVER), set)?;
        Ok(Self {
            asleep: asleep().unwrap_or_default(),
            clock: register(clock.into(), Interest::READABLE)?,
        })
    }

    /// Waits until the machine may have woken up, which [`was`](Self::was) tells. Cancelling loses nothing.
    pub async fn may_have_been(&self) -> io::Result<()> {
        loop {
            let mut guard = self.clock.readable().await?;
            match nix::unistd::read(self.clock.get_ref(), &mut [0; 8]) {
                Ok(_) | Err(nix::Error::ECANCELED) => return Ok(()),
                Err(nix::Error::EAGAIN) => guard.clear_ready(),
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
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
    loop {
        let before = read(ClockId::CLOCK_MONOTONIC)?;
        let boot = read(ClockId::CLOCK_BOOTTIME)?;
        // Who was kept waiting between the two has not slept.
        if read(ClockId::CLOCK_MONOTONIC)?.saturating_sub(before) < LEAST / 10 {
            return Some(boot.saturating_sub(before));
        }
    }
}

fn read(clock: ClockId) -> Option<Duration> {
    clock_gettime(clock).ok().map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4795 4.1: R47
    #[tokio::test]
    async fn each_sleep_is_told_once() {
        let mut sleep = Sleep::new().unwrap();
        sleep.asleep = Duration::from_secs(7);
        let seconds = Duration::from_secs_f64;
        let told = [7.0, 7.1, 6.9, 9.0, 9.1, 9.4, 9.6].map(|now| sleep.grew_to(seconds(now)));
        assert_eq!(told, [false, false, false, true, false, false, true]);
    }

    #[tokio::test]
    async fn a_machine_that_is_awake_does_not_sleep() {
        let mut sleep = Sleep::new().unwrap();
        assert!(!sleep.was() && !sleep.was());
        let woken = tokio::time::timeout(Duration::from_millis(50), sleep.may_have_been());
        assert!(woken.await.is_err());
    }
}
