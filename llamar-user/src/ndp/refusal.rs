//! What is not asked for, told or claimed unless the caller insists: it would harm the network, or make no sense.

use std::net::{IpAddr, Ipv6Addr};

use crate::ether::MacAddr;
use crate::ether::refusal::{self, OwnElsewhere};

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `::`.
    #[error(":: is nobody's address")]
    Unspecified,
    /// A group's.
    #[error("{0} is a multicast address: no single host has it")]
    Multicast(Ipv6Addr),
    /// `::1`.
    #[error("{0} is the loopback address, which every host has for itself")]
    Loopback(Ipv6Addr),
    /// An IPv4 address in disguise.
    #[error("{0} stands for an IPv4 address and is on no link")]
    Ipv4(Ipv6Addr),
    /// One that several hosts may have.
    #[error("{0} is the subnet-router anycast address of its prefix: several routers may have it")]
    Anycast(Ipv6Addr),
    /// One of this host, where another's was wanted.
    #[error("{0} is our own address")]
    Own(Ipv6Addr),
    /// One of this host, which is not there.
    #[error(transparent)]
    OwnElsewhere(#[from] OwnElsewhere),
}

/// Why a text is no IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// An address of the other family.
    #[error("{0} is an IPv4 address: use llamar arp")]
    Ipv4(String),
    /// Nothing that can be read.
    #[error("{0:?} is no IPv6 address: expected one such as fe80::1 or 2001:db8::1")]
    Other(String),
    /// A zone that names no interface.
    #[error("{0:?} has no interface behind the %")]
    Zone(String),
}

/// Reads an address, with the interface that is named behind it, as in `fe80::1%eth0` (RFC 4007 11).
pub fn address(text: &str) -> Result<(Ipv6Addr, Option<&str>), AddressError> {
    let (address, zone) = match text.split_once('%') {
        Some((_, "")) => return Err(AddressError::Zone(text.to_owned())),
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    match address.parse() {
        Ok(IpAddr::V6(address)) => Ok((address, zone)),
        Ok(IpAddr::V4(_)) => Err(AddressError::Ipv4(text.to_owned())),
        Err(_) => Err(AddressError::Other(text.to_owned())),
    }
}

/// Whether an address can be some host's on a link.
pub fn host(address: Ipv6Addr) -> Result<(), Refusal> {
    if address.is_unspecified() {
        Err(Refusal::Unspecified)
    } else if address.is_multicast() {
        // RFC 4861 7.2: address resolution is never performed on multicast addresses.
        Err(Refusal::Multicast(address))
    } else if address.is_loopback() {
        Err(Refusal::Loopback(address))
    } else if address.to_ipv4().is_some() {
        Err(Refusal::Ipv4(address))
    } else {
        Ok(())
    }
}

/// Whether another host can be asked for by an address; `own` are this host's.
pub fn target(address: Ipv6Addr, own: &[Ipv6Addr]) -> Result<(), Refusal> {
    host(address)?;
    match own.contains(&address) {
        true => Err(Refusal::Own(address)),
        false => Ok(()),
    }
}

/// Whether an address can be claimed; `prefixes` are those of the link, with their lengths.
// RFC 4862 5.4: D17. Duplicate address detection is not performed on anycast addresses.
pub fn claim(
    address: Ipv6Addr,
    own: &[Ipv6Addr],
    prefixes: &[(Ipv6Addr, u8)],
) -> Result<(), Refusal> {
    target(address, own)?;
    let is_anycast = |(prefix, length): &(Ipv6Addr, u8)| {
        // RFC 6164 5: a link of two has no such address.
        let host = u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
        *length < 127 && address.to_bits() == prefix.to_bits() & !host
    };
    match prefixes.iter().any(is_anycast) {
        true => Err(Refusal::Anycast(address)),
        false => Ok(()),
    }
}

/// Whether it may be told that an address is at a hardware address; `mac` is the interface's.
pub fn announced(
    address: Ipv6Addr,
    at: MacAddr,
    mac: MacAddr,
    own: &[Ipv6Addr],
) -> Result<(), Refusal> {
    if own.contains(&address) {
        refusal::own_address(address.into(), at, mac)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    // RFC 4861 7.2
    #[test]
    fn what_no_host_can_have_is_neither_asked_for_nor_claimed() {
        let mapped = |text| (text, Refusal::Ipv4(ip(text)));
        for (text, refusal) in [
            ("::", Refusal::Unspecified),
            ("::1", Refusal::Loopback(ip("::1"))),
            ("ff02::1", Refusal::Multicast(ip("ff02::1"))),
            ("ff0e::5", Refusal::Multicast(ip("ff0e::5"))),
            mapped("::ffff:10.0.0.1"),
            mapped("::10.0.0.1"),
        ] {
            assert_eq!(host(ip(text)), Err(refusal.clone()));
            assert_eq!(target(ip(text), &[]), Err(refusal.clone()));
            assert_eq!(claim(ip(text), &[], &[]), Err(refusal));
        }
        for text in ["fe80::1", "2001:db8::1", "fd00::ffff:1", "64:ff9b::1"] {
            assert_eq!(claim(ip(text), &[], &[]), Ok(()));
        }
    }

    #[test]
    fn our_own_address_is_neither_asked_for_nor_claimed() {
        let own = [ip("fe80::1"), ip("2001:db8::1")];
        let refusal = Refusal::Own(ip("2001:db8::1"));
        assert_eq!(refusal.to_string(), "2001:db8::1 is our own address");
        assert_eq!(target(ip("2001:db8::1"), &own), Err(refusal.clone()));
        assert_eq!(claim(ip("2001:db8::1"), &own, &[]), Err(refusal));
        assert_eq!(target(ip("2001:db8::2"), &own), Ok(()));
    }

    // RFC 4862 5.4: D17
    #[test]
    fn the_anycast_address_of_a_prefix_is_not_claimed() {
        let prefixes = |length| [(ip("2001:db8:0:1::5"), length)];
        for (text, length, refused) in [
            ("2001:db8:0:1::", 64, true),
            ("2001:db8:0:1::1", 64, false),
            ("2001:db8::", 48, true),
            ("2001:db8:0:1::4", 127, false),
            ("2001:db8:0:1::5", 128, false),
            ("2001:db8:0:1::4", 126, true),
        ] {
            let refusal = match refused {
                true => Err(Refusal::Anycast(ip(text))),
                false => Ok(()),
            };
            let prefixes = prefixes(length);
            assert_eq!(claim(ip(text), &[], &prefixes), refusal, "{text}/{length}");
            // To ask for it is another matter.
            assert_eq!(target(ip("2001:db8:0:1::"), &[]), Ok(()));
        }
    }

    #[test]
    fn nobody_is_told_that_our_own_address_is_elsewhere() {
        let (own, other) = (ip("fd00::1"), ip("fd00::2"));
        let [here, there] = [1, 2].map(|last| MacAddr([2, 0, 0, 0, 0, last]));
        assert_eq!(announced(own, here, here, &[own]), Ok(()));
        assert_eq!(announced(other, there, here, &[own]), Ok(()));
        let refused = announced(own, there, here, &[own]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "fd00::1 is our own address, and 02:00:00:00:00:02 is not the interface's hardware address: we would be \
             cut off"
        );
    }

    #[test]
    fn addresses_are_read_with_their_zone_and_other_forms_are_explained() {
        assert_eq!(address("fe80::1"), Ok((ip("fe80::1"), None)));
        assert_eq!(address("fe80::1%eth0"), Ok((ip("fe80::1"), Some("eth0"))));
        for (text, expected) in [
            ("10.0.0.1", "10.0.0.1 is an IPv4 address: use llamar arp"),
            ("fe80::1%", "\"fe80::1%\" has no interface behind the %"),
            (
                "fe80::1/64",
                "\"fe80::1/64\" is no IPv6 address: expected one such as fe80::1 or 2001:db8::1",
            ),
        ] {
            assert_eq!(address(text).unwrap_err().to_string(), expected);
        }
        for text in ["", "%", "host", "fe80:::1", "[fe80::1]", " fe80::1", "1"] {
            assert!(address(text).is_err(), "{text:?}");
        }
    }
}
