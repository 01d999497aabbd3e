//! On-link prefixes: where an asker must be to be answered, and our address there.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::abi::{Prefix4, Prefix6};

/// An address of ours with what tells its network.
#[derive(Clone, Copy)]
pub(super) struct Assigned<A> {
    pub(super) address: A,
    /// The other end, whose network it then is.
    pub(super) peer: Option<A>,
    pub(super) length: u8,
}

impl Assigned<IpAddr> {
    /// The same as one of a family, if the address is.
    pub(super) fn of<A>(&self, family: impl Fn(IpAddr) -> Option<A>) -> Option<Assigned<A>> {
        Some(Assigned {
            address: family(self.address)?,
            peer: self.peer.and_then(family),
            length: self.length,
        })
    }
}

/// The IPv4 prefixes, longest first; of several addresses in one network the first is its source.
pub(super) fn prefixes4(assigned: impl Iterator<Item = Assigned<Ipv4Addr>>) -> Vec<Prefix4> {
    let network = |address: Ipv4Addr, host_bits: u8| {
        let mask = u32::MAX << host_bits;
        [address.to_bits() & mask, mask].map(u32::to_be_bytes)
    };
    let prefix = |([network, mask], source): ([_; 2], Ipv4Addr)| Prefix4 {
        network,
        mask,
        source: source.octets(),
    };
    networks(assigned, 32, network).map(prefix).collect()
}

/// The IPv6 prefixes, in the same order.
pub(super) fn prefixes6(assigned: impl Iterator<Item = Assigned<Ipv6Addr>>) -> Vec<Prefix6> {
    let network = |address: Ipv6Addr, host_bits: u8| {
        let mask = u128::MAX << host_bits;
        [address.to_bits() & mask, mask].map(u128::to_be_bytes)
    };
    let prefix = |([network, mask], source): ([_; 2], Ipv6Addr)| Prefix6 {
        network,
        mask,
        source: source.octets(),
    };
    networks(assigned, 128, network).map(prefix).collect()
}

/// The networks, longest prefix first, each with its source. `network` makes one of an address and the number of its
/// bits that tell the host.
fn networks<A: Copy, N: Copy + Eq + Hash>(
    assigned: impl Iterator<Item = Assigned<A>>,
    bits: u8,
    network: impl Fn(A, u8) -> N,
) -> impl Iterator<Item = (N, A)> {
    let mut known = HashSet::new();
    let mut networks: Vec<_> = assigned
        .filter_map(|assigned| {
            let host_bits = host_bits(assigned.length, assigned.peer.is_some(), bits)?;
            let network = network(assigned.peer.unwrap_or(assigned.address), host_bits);
            let new = known.insert(network);
            new.then_some((assigned.length, (network, assigned.address)))
        })
        .collect();
    networks.sort_by_key(|(length, _)| Reverse(*length));
    networks.into_iter().map(|(_, network)| network)
}

/// How many bits of an address tell the host, if the prefix says anything about what is on the link: one of no bits
/// would be everything, and one of all bits is no other host's, unless a peer has it.
fn host_bits(length: u8, peer: bool, bits: u8) -> Option<u8> {
    let most = if peer { bits } else { bits - 1 };
    (1..=most).contains(&length).then(|| bits - length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned<A: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Vec<Assigned<A>> {
        let parse = |entry: &str| {
            let (address, length) = entry.split_once('/').unwrap();
            let (address, peer) = match address.split_once('>') {
                Some((address, peer)) => (address, Some(peer.parse().unwrap())),
                None => (address, None),
            };
            Assigned {
                address: address.parse().unwrap(),
                peer,
                length: length.parse().unwrap(),
            }
        };
        text.split(' ').map(parse).collect()
    }

    fn found4(text: &str) -> String {
        let show = |prefix: Prefix4| {
            let [network, source] = [prefix.network, prefix.source].map(Ipv4Addr::from);
            let length = u32::from_be_bytes(prefix.mask).leading_ones();
            format!("{network}/{length} from {source}")
        };
        let prefixes = prefixes4(assigned(text).into_iter());
        let texts: Vec<_> = prefixes.into_iter().map(show).collect();
        texts.join(", ")
    }

    fn found6(text: &str) -> String {
        let show = |prefix: Prefix6| {
            let [network, source] = [prefix.network, prefix.source].map(Ipv6Addr::from);
            let length = u128::from_be_bytes(prefix.mask).leading_ones();
            format!("{network}/{length} from {source}")
        };
        let prefixes = prefixes6(assigned(text).into_iter());
        let texts: Vec<_> = prefixes.into_iter().map(show).collect();
        texts.join(", ")
    }

    #[test]
    fn a_prefix_is_the_network_of_an_address() {
        assert_eq!(found4("10.1.2.3/24"), "10.1.2.0/24 from 10.1.2.3");
        assert_eq!(found4("10.1.2.3/31"), "10.1.2.2/31 from 10.1.2.3");
        assert_eq!(found4("169.254.7.7/16"), "169.254.0.0/16 from 169.254.7.7");
        assert_eq!(found4("128.0.0.1/1"), "128.0.0.0/1 from 128.0.0.1");
        assert_eq!(found6("fe80::1/64"), "fe80::/64 from fe80::1");
        assert_eq!(
            found6("2001:db8::5/127"),
            "2001:db8::4/127 from 2001:db8::5"
        );
    }

    #[test]
    fn a_peer_is_the_network_or_tells_it() {
        assert_eq!(found4("10.0.0.1>10.9.9.9/32"), "10.9.9.9/32 from 10.0.0.1");
        assert_eq!(found4("10.0.0.1>10.9.9.9/24"), "10.9.9.0/24 from 10.0.0.1");
        assert_eq!(found6("fd00::1>fd00::2/128"), "fd00::2/128 from fd00::1");
    }

    #[test]
    fn nobody_is_on_the_link_by_a_lone_address_or_by_everything() {
        assert_eq!(found4("10.1.2.3/32 10.1.2.4/0 10.1.2.5>10.1.2.6/0"), "");
        assert_eq!(found6("2001:db8::1/128 2001:db8::2/0"), "");
    }

    #[test]
    fn longest_prefix_first_and_the_first_address_of_a_network_is_its_source() {
        assert_eq!(
            found4("10.0.0.1/8 10.1.0.1/16 10.0.0.2/8 192.168.0.1/24 10.1.0.2/16"),
            "192.168.0.0/24 from 192.168.0.1, 10.1.0.0/16 from 10.1.0.1, 10.0.0.0/8 from 10.0.0.1"
        );
        assert_eq!(
            found6("2001:db8::2/64 2001:db8::1/64 fe80::1/64 2001:db8::1/32"),
            "2001:db8::/64 from 2001:db8::2, fe80::/64 from fe80::1, 2001:db8::/32 from 2001:db8::1"
        );
    }
}
