//! Addresses that do not belong on a link.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::config::{Unusable, is_link_local, share_prefix};

/// Why an address is strange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strange {
    /// No host may have it.
    Unusable(Unusable),
    /// 240/4, which is reserved (RFC 1112 4).
    ClassE,
    /// It is the broadcast address or the network's own of one of the link's prefixes.
    OfPrefix,
    /// It is of none of the link's prefixes.
    OffLink,
}

impl Strange {
    /// What is strange about an address on a link with these prefixes. Without prefixes of its IP version nothing is said
    /// of where it belongs; link-local addresses belong anywhere (RFC 3927 2.6.2, RFC 4861 5.1).
    pub fn of(ip: IpAddr, prefixes: &[(IpAddr, u8)]) -> Option<Self> {
        if let Some(unusable) = Unusable::of(ip) {
            return Some(Self::Unusable(unusable));
        }
        if let IpAddr::V4(ip) = ip
            && ip.octets()[0] >= 240
        {
            return Some(Self::ClassE);
        }
        if is_link_local(ip) {
            return None;
        }
        let mut own = prefixes
            .iter()
            .filter(|(address, _)| address.is_ipv4() == ip.is_ipv4() && !is_link_local(*address))
            .peekable();
        own.peek()?;
        let within = own.find(|(address, length)| share_prefix(*address, ip, *length));
        match (within, ip) {
            (None, _) => Some(Self::OffLink),
            (Some((_, length)), IpAddr::V4(ip)) if is_end(ip, *length) => Some(Self::OfPrefix),
            _ => None,
        }
    }
}

/// Whether an address is the first or last of its prefix. Short ones have neither (RFC 3021).
fn is_end(ip: Ipv4Addr, length: u8) -> bool {
    let hosts = u32::MAX.checked_shr(length.into()).unwrap_or(0);
    let host = ip.to_bits() & hosts;
    length < 31 && (host == 0 || host == hosts)
}

impl fmt::Display for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(unusable) => write!(f, "{} address", unusable.as_str()),
            Self::ClassE => f.write_str("reserved address"),
            Self::OfPrefix => f.write_str("network or broadcast address"),
            Self::OffLink => f.write_str("not of this link's prefixes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strange(ip: &str) -> Option<String> {
        let prefixes = [("10.0.0.5", 24), ("169.254.1.1", 16), ("2001:db8::5", 64)];
        let prefixes = prefixes.map(|(ip, length)| (ip.parse().unwrap(), length));
        let strange = Strange::of(ip.parse().unwrap(), &prefixes);
        strange.map(|strange| strange.to_string())
    }

    #[test]
    fn addresses_of_the_links_prefixes_and_link_local_ones_belong_there() {
        for ip in [
            "10.0.0.1",
            "10.0.0.254",
            "169.254.77.1",
            "2001:db8::77",
            "fe80::1",
        ] {
            assert_eq!(strange(ip), None, "{ip}");
        }
        for (ip, why) in [
            ("10.0.1.1", "not of this link's prefixes"),
            ("8.8.8.8", "not of this link's prefixes"),
            ("2001:db8:1::1", "not of this link's prefixes"),
            ("10.0.0.255", "network or broadcast address"),
            ("10.0.0.0", "network or broadcast address"),
            ("127.0.0.1", "loopback address"),
            ("224.0.0.1", "multicast address"),
            ("255.255.255.255", "broadcast address"),
            ("0.0.0.7", "unspecified address"),
            ("250.1.1.1", "reserved address"),
            ("ff02::1", "multicast address"),
        ] {
            assert_eq!(strange(ip).as_deref(), Some(why), "{ip}");
        }
    }

    #[test]
    fn nothing_is_off_the_link_where_its_prefixes_are_not_known() {
        let of = |ip: &str, prefixes: &[(IpAddr, u8)]| Strange::of(ip.parse().unwrap(), prefixes);
        assert_eq!(of("8.8.8.8", &[]), None);
        assert_eq!(of("8.8.8.8", &[("fd00::1".parse().unwrap(), 64)]), None);
        assert_eq!(of("2001:db8::1", &[("fe80::1".parse().unwrap(), 64)]), None);
        assert_eq!(of("10.0.0.0", &[("10.0.0.1".parse().unwrap(), 31)]), None);
    }
}
