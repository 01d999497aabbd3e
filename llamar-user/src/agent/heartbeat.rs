//! The heartbeat's clock. A timer of the kernel's, because tokio's wake a little early and sleep again: an idle
//! agent would wake twice a beat.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::net::register;

/// Ticks at a fixed period, the first time one period after it was made.
pub struct Heartbeat {
    timer: AsyncFd<OwnedFd>,
    period: Duration,
}

impl Heartbeat {
    /// Starts the clock.
    pub fn every(period: Duration) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let expiration = Expiration::Interval(TimeSpec::from_duration(period));
        timer.set(expiration, TimerSetTimeFlags::empty())?;
        let timer = register(timer.into(), Interest::READABLE)?;
        Ok(Self { timer, period })
    }

    /// The time from one tick to the next.
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// Goes on at another period, the first time one period from now.
    pub fn change_to(&mut self, period: Duration) -> io::Result<()> {
        if self.period != period {
            *self = Self::every(period)?;
        }
        Ok(())
    }

    /// Waits for the next tick; ticks that were missed count as one. Cancelling loses none.
    pub async fn tick(&self) -> io::Result<()> {
        loop {
            let mut guard = self.timer.readable().await?;
            match nix::unistd::read(self.timer.get_ref(), &mut [0; 8]) {
                Ok(_) => return Ok(()),
                Err(nix::Error::EAGAIN) => guard.clear_ready(),
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ticks_come_one_after_the_other_and_missed_ones_count_as_one() {
        let heartbeat = Heartbeat::every(Duration::from_millis(20)).unwrap();
        heartbeat.tick().await.unwrap();
        std::thread::sleep(Duration::from_millis(100));
        heartbeat.tick().await.unwrap();
        let next = tokio::time::timeout(Duration::from_secs(5), heartbeat.tick());
        next.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn ticks_come_at_the_period_that_was_set_last() {
        let [hour, short] = [3600, 1].map(Duration::from_secs);
        let mut heartbeat = Heartbeat::every(hour).unwrap();
        let short = short / 50;
        heartbeat.change_to(short).unwrap();
        assert_eq!(heartbeat.period(), short);
        heartbeat.tick().await.unwrap();
        heartbeat.change_to(short).unwrap();
        heartbeat.tick().await.unwrap();
        heartbeat.change_to(hour).unwrap();
        let tick = tokio::time::timeout(short * 3, heartbeat.tick());
        assert!(tick.await.is_err());
    }
}
