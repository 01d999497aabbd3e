//! What a name stands for, and which addresses may be told to others.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::abi::{ADDRESSES_MAX, Host, NameState};

use super::Few;

/// The addresses of one name on one link, each once; routable ones come first, link-local ones behind them, both in
/// the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// IPv4 addresses.
    pub a: Few<Ipv4Addr>,
    /// IPv6 addresses.
    pub aaaa: Few<Ipv6Addr>,
    /// TTL of every record in seconds.
    pub ttl: u32,
    /// State of the name.
    pub state: NameState,
}

impl Addresses {
    /// The addresses of a unique name.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>, ttl: u32) -> Self {
        let (mut a, mut aaaa) = (Vec::new(), Vec::new());
        for address in addresses {
            match address {
                IpAddr::V4(address) => a.push(address),
                IpAddr::V6(address) => aaaa.push(address),
            }
        }
        Self {
            a: arrange(a, is_link_local4),
            aaaa: arrange(aaaa, is_link_local6),
            ttl,
            state: NameState::Unique,
        }
    }

    /// The one address of a unique name.
    pub fn one(address: IpAddr, ttl: u32) -> Self {
        let (a, aaaa) = match address {
            IpAddr::V4(address) => (Few::one(address), Few::default()),
            IpAddr::V6(address) => (Few::default(), Few::one(address)),
        };
        Self {
            a,
            aaaa,
            ttl,
            state: NameState::Unique,
        }
    }

    /// The same with another TTL.
    pub fn with_ttl(&self, ttl: u32) -> Self {
        Self {
            ttl,
            ..self.clone()
        }
    }

    /// All of them, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let a = self.a.iter().copied().map(IpAddr::V4);
        a.chain(self.aaaa.iter().copied().map(IpAddr::V6))
    }

    /// The entry of the kernel path; a family of more than [`ADDRESSES_MAX`] addresses is counted but not held.
    pub fn host(&self) -> Host {
        let a_routable = self.a.iter().filter(|address| !is_link_local4(address));
        let aaaa_routable = self.aaaa.iter().filter(|address| !is_link_local6(address));
        let mut host = Host {
            state: self.state as u8,
            a_count: byte(self.a.len()),
            a_routable: byte(a_routable.count()),
            aaaa_count: byte(self.aaaa.len()),
            aaaa_routable: byte(aaaa_routable.count()),
            reserved: [0; 3],
            ttl: self.ttl,
            a: [[0; 4]; ADDRESSES_MAX],
            aaaa: [[0; 16]; ADDRESSES_MAX],
        };
        if self.a.len() <= ADDRESSES_MAX {
            for (to, from) in host.a.iter_mut().zip(&self.a) {
                *to = from.octets();
            }
        }
        if self.aaaa.len() <= ADDRESSES_MAX {
            for (to, from) in host.aaaa.iter_mut().zip(&self.aaaa) {
                *to = from.octets();
            }
        }
        host
    }
}

/// Whether an address is valid on its link only (RFC 3927, RFC 4291 2.5.6).
pub fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_link_local4(&address),
        IpAddr::V6(address) => is_link_local6(&address),
    }
}

/// Whether the first `length` bits of two addresses are the same; those of two IP versions have none in common.
pub fn share_prefix(one: IpAddr, other: IpAddr, length: u8) -> bool {
    let common = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    common >= length.into()
}

fn is_link_local4(address: &Ipv4Addr) -> bool {
    address.is_link_local()
}

fn is_link_local6(address: &Ipv6Addr) -> bool {
    address.is_unicast_link_local()
}

/// Why an address can be told to nobody, if it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unusable {
    /// 127/8 or ::1.
    Loopback,
    /// 224/4 or ff00::/8.
    Multicast,
    /// 0/8 or ::.
    Unspecified,
    /// 255.255.255.255.
    Broadcast,
    /// ::ffff:0:0/96 or fe00::/9 below fe80::, which no host may have.
    Reserved,
}

impl Unusable {
    /// The reason against this address, if there is one.
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => match address.octets() {
                [0, ..] => Some(Self::Unspecified),
                [127, ..] => Some(Self::Loopback),
                [224..=239, ..] => Some(Self::Multicast),
                [255, 255, 255, 255] => Some(Self::Broadcast),
                _ => None,
            },
            IpAddr::V6(address) => match address.segments() {
                _ if address.is_unspecified() => Some(Self::Unspecified),
                _ if address.is_loopback() => Some(Self::Loopback),
                _ if address.is_multicast() => Some(Self::Multicast),
                [0, 0, 0, 0, 0, 0xffff, ..] | [0xfe00..=0xfe7f, ..] => Some(Self::Reserved),
                _ => None,
            },
        }
    }

    /// The reason in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Broadcast => "broadcast",
            Self::Reserved => "reserved",
        }
    }
}

/// Each address once, routable ones first (R37, R38), in time that grows with their number only.
fn arrange<T: Copy + Eq + std::hash::Hash>(
    mut addresses: Vec<T>,
    link_local: impl Fn(&T) -> bool,
) -> Few<T> {
    if addresses.len() > 1 {
        let mut seen = HashSet::new();
        addresses.retain(|address| seen.insert(*address));
        addresses.sort_by_key(link_local);
    }
    addresses.into()
}

fn byte(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(text: &str) -> Vec<IpAddr> {
        text.split(' ').map(|ip| ip.parse().unwrap()).collect()
    }

    #[test]
    fn routable_addresses_come_first_and_each_once() {
        let addresses = Addresses::new(
            ips("169.254.7.7 10.0.0.2 fe80::1 10.0.0.1 2001:db8::1 10.0.0.2 fd00::1"),
            30,
        );
        let all: Vec<_> = addresses.iter().collect();
        assert_eq!(
            all,
            ips("10.0.0.2 10.0.0.1 169.254.7.7 2001:db8::1 fd00::1 fe80::1")
        );
        let host = addresses.host();
        assert_eq!((host.a_count, host.a_routable), (3, 2));
        assert_eq!((host.aaaa_count, host.aaaa_routable), (3, 2));
        assert_eq!(host.a[2], [169, 254, 7, 7]);
        assert_eq!(host.a[3], [0; 4]);
        assert_eq!((host.ttl, host.state), (30, NameState::Unique as u8));
    }

    #[test]
    fn one_address_is_a_list_of_one() {
        for address in ips("10.0.0.1 fd00::1") {
            let one = Addresses::one(address, 30);
            assert_eq!(one, Addresses::new([address, address], 30));
            assert_eq!(one.iter().collect::<Vec<_>>(), [address]);
        }
    }

    #[test]
    fn more_addresses_than_an_entry_holds_are_counted_but_not_held() {
        let many = (0..1000u32).map(|low| IpAddr::V4((0x0a00_0000 + low).into()));
        let host = Addresses::new(many.chain(ips("fd00::1")), 30).host();
        assert_eq!((host.a_count, host.a), (255, [[0; 4]; ADDRESSES_MAX]));
        assert_eq!(host.aaaa_count, 1);
        assert_eq!(host.aaaa[0][0], 0xfd);
        let five = ips("10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5");
        assert_eq!(Addresses::new(five, 30).host().a_count, 5);
    }

    #[test]
    fn addresses_that_no_host_may_have_are_told_apart() {
        for (address, why) in [
            ("127.0.0.1", Some(Unusable::Loopback)),
            ("127.255.255.255", Some(Unusable::Loopback)),
            ("::1", Some(Unusable::Loopback)),
            ("0.0.0.0", Some(Unusable::Unspecified)),
            ("::", Some(Unusable::Unspecified)),
            ("224.0.0.252", Some(Unusable::Multicast)),
            ("ff02::1:3", Some(Unusable::Multicast)),
            ("255.255.255.255", Some(Unusable::Broadcast)),
            ("::ffff:10.0.0.1", Some(Unusable::Reserved)),
            ("fe00::0", Some(Unusable::Reserved)),
            ("fe80::1", None),
            ("169.254.1.1", None),
            ("240.0.0.1", None),
            ("10.0.0.255", None),
            ("2001:db8::", None),
        ] {
            assert_eq!(Unusable::of(address.parse().unwrap()), why, "{address}");
        }
    }

    #[test]
    fn addresses_share_a_prefix_of_their_own_version_only() {
        let share = |one: &str, other: &str, length| {
            share_prefix(one.parse().unwrap(), other.parse().unwrap(), length)
        };
        assert!(share("10.0.0.1", "10.0.0.255", 24) && share("10.0.0.1", "10.0.0.1", 32));
        assert!(!share("10.0.0.1", "10.0.1.1", 24) && !share("10.0.0.1", "10.0.0.0", 32));
        assert!(share("2001:db8::1", "2001:db8::ffff:0:0:1", 64));
        assert!(!share("2001:db8::1", "2001:db8::", 128));
        assert!(share("10.0.0.1", "192.0.2.1", 0) && !share("10.0.0.1", "::1", 0));
    }
}
