//! Which capabilities the kernel path needs, and which of them this process lacks.

use std::fs;
use std::io;

/// Capability numbers of linux/capability.h with their names.
const NEEDED: [(u32, &str); 3] = [(12, "CAP_NET_ADMIN"), (38, "CAP_PERFMON"), (39, "CAP_BPF")];
/// `CAP_SYS_ADMIN` stands for the two BPF ones.
const SYS_ADMIN: u32 = 21;

/// Names of the capabilities that loading and attaching need and this process has not, separated by commas; `None`
/// if it has all.
pub fn missing() -> io::Result<Option<String>> {
    let status = fs::read_to_string("/proc/thread-self/status")?;
    Ok(missing_in(effective(&status).unwrap_or(0)))
}

fn effective(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn missing_in(effective: u64) -> Option<String> {
    let holds = |number: u32| effective >> number & 1 == 1;
    let has = |number: u32| holds(number) || (number >= 38 && holds(SYS_ADMIN));
    let names: Vec<_> = NEEDED
        .iter()
        .filter(|&&(number, _)| !has(number))
        .map(|&(_, name)| name)
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_capabilities_are_named() {
        assert_eq!(missing_in(u64::MAX), None);
        assert_eq!(
            missing_in(0).unwrap(),
            "CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF"
        );
        assert_eq!(missing_in(1 << 12 | 1 << 39).unwrap(), "CAP_PERFMON");
        assert_eq!(missing_in(1 << 12 | 1 << 21), None);
        assert_eq!(missing_in(1 << 21).unwrap(), "CAP_NET_ADMIN");
    }

    #[test]
    fn effective_capabilities_are_read_from_a_status_file() {
        let status = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000001fffeffffff\n";
        assert_eq!(effective(status), Some(0x1ff_feff_ffff));
    }
}
