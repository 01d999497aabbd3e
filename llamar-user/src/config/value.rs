//! Single values of a configuration, wherever they are written: a name, an address, a range, a VLAN id.
//! Each function gives the value, or says what was found and what was expected.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::Path;

use llamar_common::abi::ARP_MAX;
use llamar_common::limit::{BURST_MAX, RATE_MAX, Rate};

use super::{ConfigError, Place, Unusable, is_link_local};
use crate::dns::{Name, NameError};

/// Longest interface name in bytes (`IFNAMSIZ` without the zero).
const INTERFACE_NAME_MAX: usize = 15;

/// Highest TTL in seconds (RFC 2181 8).
pub(super) const TTL_MAX: u32 = i32::MAX as u32;

/// Highest capacity of the names map: some gigabytes of the kernel's memory.
pub(super) const NAMES_MAX: u32 = 1 << 24;

/// Least burst where none is given: an asker sends some queries for one name at once.
const BURST_LEAST: u32 = 10;

/// The text of a file, or what is wrong with its bytes.
pub(super) fn utf8<'b>(path: &Path, bytes: &'b [u8], error: &mut ConfigError) -> Option<&'b str> {
    let cause = match str::from_utf8(bytes) {
        Ok(text) => return Some(text),
        Err(cause) => cause,
    };
    let at = cause.valid_up_to();
    let message = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the text is UTF-16, expected UTF-8".into(),
        _ => format!("the byte 0x{:02x} is not UTF-8, expected UTF-8", bytes[at]),
    };
    error.push(Place::in_text(path, bytes, at), message);
    None
}

/// A rate without or with its burst, which is a second's worth otherwise.
pub(super) fn rate(per_second: u32, burst: Option<u32>) -> Rate {
    if per_second == 0 {
        return Rate::OFF;
    }
    Rate {
        per_second,
        burst: burst.unwrap_or(per_second.clamp(BURST_LEAST, BURST_MAX)),
    }
}

/// How often in a second: `1000/s`, or `off`, which is 0.
pub(super) fn per_second(text: &str) -> Result<u32, String> {
    let number = match text {
        "off" => Some(0),
        _ => text
            .strip_suffix("/s")
            .and_then(|text| decimal(text.trim_end())),
    };
    number.filter(|number| *number <= RATE_MAX).ok_or_else(|| {
        format!("{text:?} is no rate, expected one such as 1000/s, up to {RATE_MAX}/s, or off")
    })
}

/// A host's name.
pub(super) fn name(text: &str) -> Result<Name, String> {
    let expected = "expected a name such as casa or casa.example";
    if text.is_empty() {
        return Err(format!("the name is empty, {expected}"));
    }
    if let Some(strange) = text
        .chars()
        .find(|&c| c.is_whitespace() || c.is_control() || c == ',')
    {
        return Err(format!("{text:?} has {strange:?} in it, {expected}"));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return Err(format!("{text:?} is an address, {expected}"));
    }
    Name::parse(text).map_err(|error| format!("{error}, {expected}"))
}

/// A name of this host itself.
pub(super) fn own_name(text: &str) -> Result<Name, String> {
    let own = name(text)?;
    // RFC 6761 6.3: every host is localhost to itself, and none to others.
    let last = own.labels().last();
    if last.is_some_and(|label| label.eq_ignore_ascii_case(b"localhost")) {
        return Err(format!(
            "{text:?} means every host itself, expected a name for others to use"
        ));
    }
    Ok(own)
}

/// What is said of a name that is too long in the domain of mDNS.
pub(super) fn too_long_for_mdns(error: &NameError) -> String {
    format!("{error}, expected a name that has room for .local (or mdns = false)")
}

/// What is said of a name that is on one list twice.
pub(super) fn twice(name: &str) -> String {
    format!("{name:?} is there twice (case makes no difference), expected every name once")
}

/// What is said of an address that is on one list twice.
pub(super) fn address_twice(address: &str) -> String {
    format!("{address:?} is there twice, expected it once")
}

/// The name of an interface (`dev_valid_name` in Linux).
pub(super) fn interface_name(text: &str) -> Result<String, String> {
    let expected = "expected the name of an interface such as eth0";
    match text {
        "" => Err(format!("the name is empty, {expected}")),
        "." | ".." => Err(format!("{text:?} can name no interface, {expected}")),
        _ if text.len() > INTERFACE_NAME_MAX => Err(format!(
            "{text:?} has {} bytes, {expected} of at most {INTERFACE_NAME_MAX}",
            text.len()
        )),
        _ => match text
            .chars()
            .find(|&c| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':' | ','))
        {
            Some(strange) => Err(format!("{text:?} has {strange:?} in it, {expected}")),
            None => Ok(text.to_owned()),
        },
    }
}

/// An address that may be told to others. `link_local` says whether one that is valid on a single link will do.
pub(super) fn address(text: &str, link_local: bool) -> Result<IpAddr, String> {
    let Ok(address) = text.parse() else {
        let hint = match text {
            _ if text.contains('/') => " without a prefix length",
            _ if text.contains('%') => " without an interface",
            _ => "",
        };
        return Err(format!(
            "{text:?} is no address, expected one such as 192.168.1.9 or 2001:db8::9{hint}"
        ));
    };
    if let Some(why) = Unusable::of(address) {
        return Err(unusable(text, why));
    }
    if !link_local && is_link_local(address) {
        return Err(format!(
            "{text:?} is link-local, so valid on one link, expected it under [interface.NAME.hosts]"
        ));
    }
    Ok(address)
}

fn unusable(text: &str, why: Unusable) -> String {
    format!(
        "{text:?} is {}, expected an address that a host can have",
        why.as_str()
    )
}

/// An address of ours and the length of its prefix.
pub(super) fn address_with_prefix(text: &str) -> Result<(IpAddr, u8), String> {
    let expected = "expected an address and its prefix such as 10.0.100.1/24";
    let Some((address, length)) = text.split_once('/') else {
        return Err(format!("{text:?} has no prefix length, {expected}"));
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(format!("{text:?} is no address, {expected}"));
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = match decimal(length) {
        Some(length @ 1..) if length <= most => length as u8,
        _ => {
            return Err(format!(
                "{text:?} has no prefix length of 1 to {most}, {expected}"
            ));
        }
    };
    if let Some(why) = Unusable::of(address) {
        return Err(unusable(text, why));
    }
    match network_address(address, length) {
        Some(kind) => Err(format!("{text:?} is {kind}, {expected}")),
        None => Ok((address, length)),
    }
}

/// What an address is instead of a host's, where the prefix makes it something else.
fn network_address(address: IpAddr, length: u8) -> Option<&'static str> {
    match address {
        // RFC 3021: prefixes of 31 and 32 bits have neither.
        IpAddr::V4(address) if length < 31 => {
            let host_bits = u32::MAX >> length;
            match address.to_bits() & host_bits {
                0 => Some("the address of the network"),
                bits if bits == host_bits => Some("the broadcast address of the network"),
                _ => None,
            }
        }
        // RFC 4291 2.6.1, RFC 6164: the subnet-router anycast address.
        IpAddr::V6(address) if length < 127 && address.to_bits() & (u128::MAX >> length) == 0 => {
            Some("the address of the network")
        }
        _ => None,
    }
}

/// The IPv4 addresses of `ADDRESS`, `ADDRESS/LENGTH` (all of its addresses) or `FIRST-LAST`.
pub(super) fn range4(text: &str) -> Result<RangeInclusive<u32>, String> {
    let range = bounds4(text)?;
    let (first, last) = (*range.start(), *range.end());
    if last - first >= ARP_MAX {
        let count = u64::from(last - first) + 1;
        return Err(format!(
            "{text:?} has {count} addresses, expected at most {ARP_MAX}"
        ));
    }
    // Shorter than any of the classes, so its ends tell whether it touches one.
    for end in [first, last] {
        let end = Ipv4Addr::from_bits(end);
        if let Some(why) = Unusable::of(end.into()) {
            let what = match first == last {
                true => String::new(),
                false => format!("{end} of "),
            };
            return Err(format!("{what}{}", unusable(text, why)));
        }
    }
    Ok(range)
}

/// Whether these are all addresses that hosts choose from in 169.254/16.
// RFC 3927 2.1, 2.7: whoever answers for all of them keeps every other host from finding one.
pub(super) fn is_all_link_local(addresses: &BTreeSet<Ipv4Addr>) -> bool {
    let (first, last) = (
        Ipv4Addr::new(169, 254, 1, 0),
        Ipv4Addr::new(169, 254, 254, 255),
    );
    let all = (last.to_bits() - first.to_bits() + 1) as usize;
    addresses.len() >= all && addresses.range(first..=last).count() == all
}

fn bounds4(text: &str) -> Result<RangeInclusive<u32>, String> {
    let expected =
        "expected IPv4 such as 192.168.1.20, 192.168.1.64/28 or 192.168.1.30-192.168.1.40";
    let parse = |part: &str| match part.trim().parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ok(address.to_bits()),
        Ok(IpAddr::V6(_)) => Err(format!("{text:?} is IPv6, which has no ARP, {expected}")),
        Err(_) => Err(format!("{text:?} is no address or range, {expected}")),
    };
    if let Some((network, length)) = text.split_once('/') {
        let network = parse(network)?;
        let Some(length @ ..=32) = decimal(length) else {
            return Err(format!(
                "{text:?} has no prefix length of 0 to 32, {expected}"
            ));
        };
        let host_bits = u32::MAX.checked_shr(length).unwrap_or(0);
        if network & host_bits != 0 {
            let right = Ipv4Addr::from_bits(network & !host_bits);
            return Err(format!(
                "{text:?} has bits set behind its prefix, expected {right}/{length}"
            ));
        }
        return Ok(network..=network | host_bits);
    }
    if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (parse(first)?, parse(last)?);
        if first > last {
            return Err(format!(
                "{text:?} begins behind its end, expected the lower address first"
            ));
        }
        return Ok(first..=last);
    }
    let address = parse(text)?;
    Ok(address..=address)
}

/// A VLAN id, written in the one way that there is for it.
pub(super) fn vlan_id(text: &str) -> Result<u16, String> {
    match decimal(text) {
        Some(id @ 1..=4094) => Ok(id as u16),
        _ => Err(format!(
            "{text:?} is no VLAN id, expected a number from 1 to 4094"
        )),
    }
}

/// A number in decimal digits, without a sign or needless zeros.
fn decimal(text: &str) -> Option<u32> {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Result<(Ipv4Addr, Ipv4Addr), String> {
        range4(text).map(|range| {
            (
                Ipv4Addr::from_bits(*range.start()),
                Ipv4Addr::from_bits(*range.end()),
            )
        })
    }

    #[test]
    fn names_are_single_labels_or_dotted_and_any_utf8() {
        for good in ["casa", "CASA-1", "casa.example.", "ñandú", "_x", "a_b", "*"] {
            assert!(name(good).is_ok(), "{good}");
        }
        assert!(name(&"a".repeat(63)).is_ok());
        for bad in [
            "",
            ".",
            "a..b",
            ".a",
            "a b",
            "a\tb",
            "a,b",
            "a\n",
            "\u{a0}",
            "192.168.1.1",
            "fe80::1",
            "[::1]",
        ] {
            let message = name(bad).unwrap_err();
            assert!(message.contains("expected"), "{bad:?}: {message}");
        }
        assert!(name(&"a".repeat(64)).unwrap_err().contains("64 bytes"));
        let long = vec!["a".repeat(63); 4].join(".");
        assert!(name(&long).unwrap_err().contains("257 bytes"));
    }

    #[test]
    fn no_host_is_localhost_to_others() {
        assert!(own_name("localhost").is_err());
        assert!(own_name("LocalHost").is_err());
        assert!(own_name("a.localhost.").is_err());
        assert!(own_name("localhost1").is_ok());
    }

    #[test]
    fn interface_names_are_what_linux_takes() {
        for good in [
            "eth0",
            "eth0.100",
            "wlp0s20f3",
            "vr0@if2",
            "a",
            "enx001122334455",
        ] {
            assert!(interface_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "eth0:1",
            "a/b",
            "a b",
            "eth0,eth1",
            "sixteen-bytes-xx",
        ] {
            assert!(interface_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_of_hosts_are_ones_that_hosts_can_have() {
        assert!(address("192.168.1.9", false).is_ok());
        assert!(address("fe80::9", true).is_ok());
        for (bad, why) in [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("0.0.0.0", "unspecified"),
            ("::", "unspecified"),
            ("255.255.255.255", "broadcast"),
            ("fe80::9", "[interface.NAME.hosts]"),
            ("169.254.1.1", "[interface.NAME.hosts]"),
            ("192.168.1", "no address"),
            ("192.168.1.9/24", "without a prefix length"),
            ("fe80::9%eth0", "without an interface"),
            ("", "no address"),
        ] {
            let message = address(bad, false).unwrap_err();
            assert!(message.contains(why), "{bad}: {message}");
        }
    }

    #[test]
    fn addresses_of_ours_have_a_prefix() {
        let good = |text: &str| address_with_prefix(text).unwrap();
        assert_eq!(good("10.0.100.1/24").1, 24);
        assert_eq!(good("fe80::1/64").1, 64);
        assert_eq!(good("10.0.0.0/31").1, 31);
        assert_eq!(good("10.0.0.0/32").1, 32);
        assert_eq!(good("2001:db8::/127").1, 127);
        for (bad, why) in [
            ("10.0.100.1", "no prefix length"),
            ("10.0.100.1/0", "1 to 32"),
            ("10.0.100.1/33", "1 to 32"),
            ("2001:db8::1/129", "1 to 128"),
            ("10.0.100.1/024", "1 to 32"),
            ("10.0.100.1/+24", "1 to 32"),
            ("10.0.100.1/255.255.255.0", "1 to 32"),
            ("10.0.100.0/24", "address of the network"),
            ("10.0.100.255/24", "broadcast address"),
            ("2001:db8::/64", "address of the network"),
            ("127.0.0.1/8", "loopback"),
            ("x/8", "no address"),
        ] {
            let message = address_with_prefix(bad).unwrap_err();
            assert!(message.contains(why), "{bad}: {message}");
        }
    }

    #[test]
    fn a_range_has_all_of_its_addresses() {
        let pair = |first: &str, last: &str| Ok((first.parse().unwrap(), last.parse().unwrap()));
        assert_eq!(addresses("10.0.0.7"), pair("10.0.0.7", "10.0.0.7"));
        assert_eq!(addresses("10.0.0.64/28"), pair("10.0.0.64", "10.0.0.79"));
        assert_eq!(addresses("10.0.0.7/32"), pair("10.0.0.7", "10.0.0.7"));
        assert_eq!(addresses("10.0.0.0/16"), pair("10.0.0.0", "10.0.255.255"));
        assert_eq!(addresses("10.0.0.9-10.0.1.2"), pair("10.0.0.9", "10.0.1.2"));
        assert_eq!(
            addresses("10.0.0.9 - 10.0.0.9"),
            pair("10.0.0.9", "10.0.0.9")
        );
    }

    #[test]
    fn a_range_is_of_ipv4_hosts_and_not_too_large() {
        for (bad, why) in [
            ("10.0.0.0/15", "131072 addresses"),
            ("0.0.0.0/0", "4294967296 addresses"),
            ("0.0.0.0-255.255.255.255", "4294967296 addresses"),
            ("10.0.0.70/28", "expected 10.0.0.64/28"),
            ("10.0.0.0/33", "0 to 32"),
            ("10.0.0.0/", "0 to 32"),
            ("10.0.0.9-10.0.0.8", "lower address first"),
            ("10.0.0.9-11", "no address or range"),
            ("2001:db8::1", "IPv6"),
            ("126.255.255.255-127.0.0.1", "127.0.0.1 of"),
            ("224.0.0.252", "multicast"),
            ("0.0.0.0", "unspecified"),
            ("255.255.255.255", "broadcast"),
            ("eth0", "no address or range"),
            ("", "no address or range"),
        ] {
            let message = range4(bad).unwrap_err();
            assert!(message.contains(why), "{bad}: {message}");
        }
    }

    #[test]
    fn vlan_ids_are_1_to_4094() {
        assert_eq!(vlan_id("1"), Ok(1));
        assert_eq!(vlan_id("4094"), Ok(4094));
        for bad in [
            "0", "4095", "4096", "70000", "0100", "+1", "-1", "x", "", "1 ",
        ] {
            assert!(vlan_id(bad).is_err(), "{bad}");
        }
    }
}
