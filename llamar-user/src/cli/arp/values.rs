//! What the options of `llamar arp` may be, and what is said of anything else.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::ether::MacAddr;

/// Longest time that an option may name, a day: what is to last longer is not told how long.
const SECONDS_MAX: f64 = 86_400.0;
/// Shortest one: what is shorter only floods the link.
const SECONDS_MIN: f64 = 0.001;

/// An address that ARP knows. `instead` is the command that does the same for IPv6.
pub fn ip(
    instead: &'static str,
) -> impl Fn(&str) -> Result<Ipv4Addr, String> + Clone + Send + Sync + 'static {
    move |text| {
        text.parse()
            .map_err(|_| why_no_ip(text, instead, "an address is expected, as 10.0.0.1"))
    }
}

/// The address that is told as ours: `-i`, which names the interface with other programs.
pub fn source_ip(
    instead: &'static str,
) -> impl Fn(&str) -> Result<Ipv4Addr, String> + Clone + Send + Sync + 'static {
    move |text| {
        text.parse().map_err(|_| {
            let hint = "-i is the address that is told as ours; the interface is -I";
            why_no_ip(text, instead, hint)
        })
    }
}

/// Why a text is no IPv4 address, and what may have been meant.
fn why_no_ip(text: &str, instead: &str, hint: &str) -> String {
    let bare = text.split_once('%').map_or(text, |(address, _)| address);
    let (network, length) = text.split_once('/').unwrap_or((text, ""));
    if let Ok(IpAddr::V6(address)) = bare.parse() {
        format!("{address} is an IPv6 address: {instead}")
    } else if network.parse::<Ipv4Addr>().is_ok() && !length.is_empty() {
        format!("a network: llamar arp scan asks for all of {text}")
    } else if text.parse::<MacAddr>().is_ok() {
        String::from("a hardware address, for which ARP has no question: llamar ether ping")
    } else {
        format!("no IPv4 address: {hint}")
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_ipv4_address_is_refused_with_what_to_do() {
        assert_eq!(ip("nd")("10.0.0.1"), Ok([10, 0, 0, 1].into()));
        for (text, why) in [
            ("fe80::1", "fe80::1 is an IPv6 address: llamar nd detect"),
            (
                "fe80::1%eth0",
                "fe80::1 is an IPv6 address: llamar nd detect",
            ),
            (
                "10.0.0.0/24",
                "a network: llamar arp scan asks for all of 10.0.0.0/24",
            ),
            (
                "02:00:00:00:00:01",
                "a hardware address, for which ARP has no question: llamar ether ping",
            ),
            (
                "casa",
                "no IPv4 address: an address is expected, as 10.0.0.1",
            ),
            (
                "10.0.0",
                "no IPv4 address: an address is expected, as 10.0.0.1",
            ),
            (
                "010.0.0.1",
                "no IPv4 address: an address is expected, as 10.0.0.1",
            ),
            ("", "no IPv4 address: an address is expected, as 10.0.0.1"),
        ] {
            assert_eq!(ip("llamar nd detect")(text), Err(why.into()));
        }
        let why = "no IPv4 address: -i is the address that is told as ours; the interface is -I";
        assert_eq!(source_ip("")("eth0"), Err(why.into()));
        assert_eq!(source_ip("")("10.0.0.1"), Ok([10, 0, 0, 1].into()));
    }

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
