//! The heartbeat that gates the kernel path, and how long it is good for, in the kernel's jiffies.

use std::io;
use std::time::Duration;

use aya::programs::{ProgramError, TestRun, TestRunOptions, Xdp};
use llamar_common::abi::{Control, LEASE_SECONDS, SEEDS, SENDER_SECONDS};
use nix::time::{ClockId, clock_getres};

use super::table::Maps;

/// A frame that a test-run takes.
const FRAME: [u8; 64] = [0; 64];

/// Stamps the control map with the kernel's clocks.
pub fn stamp(program: &Xdp) -> Result<(), ProgramError> {
    let options = TestRunOptions {
        data_in: Some(&FRAME),
        ..TestRunOptions::new()
    };
    program.test_run(options).map(drop)
}

/// Jiffies per second: the kernel's coarse clock goes on once in each of them, and tells how long that takes.
pub fn hz() -> io::Result<u64> {
    let jiffy = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE)?.into();
    hz_of(jiffy)
        .ok_or_else(|| io::Error::other(format!("the kernel says that a jiffy takes {jiffy:?}")))
}

fn hz_of(jiffy: Duration) -> Option<u64> {
    let hz = (1.0 / jiffy.as_secs_f64()).round();
    (1.0..=1e6).contains(&hz).then_some(hz as u64)
}

/// Sets the leases and the seeds, which is no sign of life: the maps may not be true yet. What a former agent has left
/// stays as it is, if that had the same leases.
pub fn set_leases(maps: &Maps, hz: u64, seeds: [u64; SEEDS]) -> io::Result<()> {
    let found = maps.control()?;
    let control = match leases(found, hz) == found {
        true => found,
        false => leases(Control::default(), hz),
    };
    maps.set_control(&Control { seeds, ..control })
}

fn leases(control: Control, hz: u64) -> Control {
    Control {
        lease: u64::from(LEASE_SECONDS) * hz,
        sender_lease: u64::from(SENDER_SECONDS) * hz,
        ..control
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jiffy_is_a_whole_fraction_of_a_second() {
        // As the kernel rounds them for 100, 250, 300, 1000 and 1024 Hz.
        let jiffies = [10_000_000, 4_000_000, 3_333_333, 1_000_000, 976_563];
        let hz = jiffies.map(|jiffy| hz_of(Duration::from_nanos(jiffy)));
        assert_eq!(hz, [100, 250, 300, 1000, 1024].map(Some));
        for none in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_secs(3),
        ] {
            assert_eq!(hz_of(none), None);
        }
    }
}
