//! What options of several commands may be, and what is said of anything else.

use std::time::Duration;

use clap::builder::RangedI64ValueParser;

use crate::ether::MacAddr;

/// Largest VLAN id (IEEE 802.1Q 9.6: 4095 is reserved).
const VLAN_MAX: i64 = 4094;
/// Longest time that an option may name, a day: what is to last longer is not told how long.
const SECONDS_MAX: f64 = 86_400.0;
/// Shortest one: what is shorter only floods the link.
const SECONDS_MIN: f64 = 0.001;

/// A hardware address, or the word for that of all.
pub fn mac(text: &str) -> Result<MacAddr, String> {
    match text {
        "broadcast" => Ok(MacAddr::BROADCAST),
        _ => text.parse().map_err(|_| {
            String::from("no hardware address, as 02:00:00:00:00:01, nor the word broadcast")
        }),
    }
}

/// A time in seconds.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| String::from("no number of seconds"))?;
    if (SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("not from {SECONDS_MIN} to {SECONDS_MAX} seconds"))
    }
}

/// The id of a VLAN.
pub fn vlan() -> RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=VLAN_MAX)
}

/// An 802.1p priority.
pub fn priority() -> RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(0..=7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_have_a_word_for_all() {
        assert_eq!(mac("broadcast"), Ok(MacAddr::BROADCAST));
        assert_eq!(mac("02-00-00-00-00-01"), Ok(MacAddr([2, 0, 0, 0, 0, 1])));
        assert!(mac("all").unwrap_err().contains("nor the word broadcast"));
    }

    #[test]
    fn times_have_bounds_that_are_told() {
        assert_eq!(seconds("0.1"), Ok(Duration::from_millis(100)));
        assert_eq!(seconds("86400"), Ok(Duration::from_secs(86_400)));
        for wrong in ["0", "0.0001", "-1", "nan", "inf", "86401", "1e300"] {
            let why = "not from 0.001 to 86400 seconds";
            assert_eq!(seconds(wrong), Err(why.into()), "{wrong}");
        }
        for wrong in ["", "1s", "one"] {
            assert_eq!(
                seconds(wrong),
                Err("no number of seconds".into()),
                "{wrong}"
            );
        }
    }
}
