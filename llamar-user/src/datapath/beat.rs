//! The heartbeat that gates the kernel path, and how long it is good for, in the kernel's jiffies.
//!
//! Userspace does not know how long a jiffy is: two beats some time apart tell.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use aya::programs::{ProgramError, TestRun, TestRunOptions, Xdp};
use llamar_common::abi::{Control, LEASE_SECONDS, SEEDS, SENDER_SECONDS};

use super::table::Maps;

/// Least distance of the two beats.
const APART: Duration = Duration::from_millis(60);
/// Jiffies per second that kernels are built with.
const USUAL: [u64; 4] = [100, 250, 300, 1000];
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

/// What is known of the kernel's clock, or the first of two beats that tell.
pub enum Clock {
    /// A former agent has found out how long a jiffy is.
    Known(Control, u64),
    /// The first beat, and when it was.
    Begun(Control, Instant),
}

impl Clock {
    /// Begins to find out how long a jiffy is, unless a former agent has: then its beat stays as it is.
    pub fn begin(program: &Xdp, maps: &Maps) -> io::Result<Self> {
        let found = maps.control()?;
        if let Some(hz) = known_hz(&found) {
            return Ok(Self::Known(found, hz));
        }
        // No answers until the leases are set.
        maps.set_control(&Control::default())?;
        Ok(Self::Begun(stamped(program, maps)?, Instant::now()))
    }

    /// Sets the leases and the seeds. Waits until the beats are [`APART`]. A path which has fallen silent stays silent.
    pub fn set_leases(self, program: &Xdp, maps: &Maps, seeds: [u64; SEEDS]) -> io::Result<()> {
        let control = match self {
            Self::Known(found, hz) => leases(found, hz),
            Self::Begun(first, then) => {
                thread::sleep(APART.saturating_sub(then.elapsed()));
                let second = stamped(program, maps)?;
                let hz = hz_between(first, second).ok_or_else(|| {
                    io::Error::other("the heartbeat program does not read the kernel's clocks")
                })?;
                // The measuring beats are no sign of life: the maps may not be true yet. Without a lease they were past
                // when they were written.
                leases(Control::default(), hz)
            }
        };
        maps.set_control(&Control { seeds, ..control })
    }
}

fn stamped(program: &Xdp, maps: &Maps) -> io::Result<Control> {
    stamp(program).map_err(io::Error::other)?;
    maps.control()
}

fn leases(control: Control, hz: u64) -> Control {
    Control {
        lease: u64::from(LEASE_SECONDS) * hz,
        sender_lease: u64::from(SENDER_SECONDS) * hz,
        ..control
    }
}

/// Jiffies per second according to leases that were set before.
pub fn known_hz(control: &Control) -> Option<u64> {
    let hz = control.lease / u64::from(LEASE_SECONDS);
    (hz > 0 && leases(*control, hz) == *control).then_some(hz)
}

/// Jiffies per second: a usual number where that is within an eighth, else what was measured. Both beats were stamped with
/// the same lease, as `until` has it in it.
fn hz_between(first: Control, second: Control) -> Option<u64> {
    let jiffies = second.until.checked_sub(first.until)?;
    let time = second.beat_ns.checked_sub(first.beat_ns)?;
    let measured = (jiffies * 1_000_000_000).checked_div(time)?;
    let usual = USUAL
        .into_iter()
        .min_by_key(|usual| usual.abs_diff(measured))?;
    let near = usual.abs_diff(measured) * 8 <= usual;
    Some(if near { usual } else { measured }).filter(|&hz| hz > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hz(jiffies: u64, milliseconds: u64) -> Option<u64> {
        let first = Control {
            until: 1000,
            beat_ns: 5_000_000_000,
            ..Control::default()
        };
        let second = Control {
            until: 1000 + jiffies,
            beat_ns: 5_000_000_000 + milliseconds * 1_000_000,
            ..Control::default()
        };
        hz_between(first, second)
    }

    #[test]
    fn two_beats_tell_how_long_a_jiffy_is() {
        assert_eq!(hz(6, 60), Some(100));
        assert_eq!(hz(7, 63), Some(100));
        assert_eq!(hz(15, 61), Some(250));
        assert_eq!(hz(18, 60), Some(300));
        assert_eq!(hz(61, 60), Some(1000));
        assert_eq!(hz(31, 60), Some(516));
        assert_eq!(hz(0, 60), None);
        assert_eq!(hz(6, 0), None);
    }

    #[test]
    fn leases_of_a_former_agent_tell_it_too() {
        assert_eq!(known_hz(&leases(Control::default(), 250)), Some(250));
        assert_eq!(known_hz(&Control::default()), None);
        let odd = Control {
            lease: 7,
            ..Control::default()
        };
        assert_eq!(known_hz(&odd), None);
    }
}
