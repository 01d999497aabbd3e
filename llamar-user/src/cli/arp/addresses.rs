//! The addresses that options of `llamar arp` may be, and what is said of anything else.

use std::net::{IpAddr, Ipv4Addr};

use crate::ether::MacAddr;

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
}
