//! One link as it is served: what is answered there and from which address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use llamar_common::abi::{ArpHost, Link, LinkKey, NameState, Prefix4, Prefix6};
use llamar_common::limit::Rate;

use super::Names;
use crate::config::{Addresses, Unusable};

/// A link as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The interface's name in the configuration.
    pub interface: String,
    /// Index of the interface on which sockets see this link without a tag: the interface itself, or the VLAN
    /// interface on it; `None` for a VLAN that has none here.
    pub device: Option<u32>,
    /// Our hardware address on the link.
    pub mac: [u8; 6],
    /// Whether it is up; one that is down has addresses at most.
    pub up: bool,
    /// On-link IPv4 prefixes, longest first; there may be more than the kernel path holds.
    pub prefixes4: Vec<Prefix4>,
    /// On-link IPv6 prefixes, longest first.
    pub prefixes6: Vec<Prefix6>,
    /// Our addresses on the link.
    pub own: Arc<[IpAddr]>,
    /// TTL of what is answered, in seconds.
    pub ttl: u32,
    /// How often one source is answered.
    pub limit: Rate,
    /// The names and their addresses.
    pub names: Names,
    /// The addresses for which ARP requests are answered.
    pub arp: BTreeMap<[u8; 4], ArpHost>,
}

impl Served {
    /// Whether it is still being verified that nobody else has the names (RFC 4795 4.1); that takes an address.
    pub fn is_verifying(&self) -> bool {
        let mut own = self.names.own().values();
        let tentative = |addresses: &Addresses| addresses.state == NameState::Tentative;
        self.up && !self.own.is_empty() && own.any(tentative)
    }

    /// The entry of the kernel path, which holds the longest prefixes, for a clock of so many ticks. Its generation is
    /// the writer's matter.
    pub fn link(&self, key: LinkKey, ticks_per_second: u64) -> Link {
        let mut link = Link {
            ifindex: key.ifindex,
            vlan: key.vlan,
            mac: self.mac,
            limit: self.limit.limit(ticks_per_second),
            ..Link::EMPTY
        };
        // Any address for which the map of ARP hosts has the same.
        let own = self.arp.iter().filter(|(_, host)| host.mac == self.mac);
        for (to, (from, _)) in link.own4.iter_mut().zip(own) {
            *to = *from;
        }
        for (to, from) in link.prefix4.iter_mut().zip(&self.prefixes4) {
            *to = *from;
            link.prefix4_count += 1;
        }
        for (to, from) in link.prefix6.iter_mut().zip(&self.prefixes6) {
            *to = *from;
            link.prefix6_count += 1;
        }
        link
    }

    /// Our address from which an asker is answered, if the asker is a station on the link: the same rule as the
    /// kernel path's. Programs of this host, whose queries only sockets see, are answered from the address that they
    /// ask from.
    pub fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
        // RFC 4795 2.5: an answer goes to a unicast address.
        if Unusable::of(asker).is_some() {
            return None;
        }
        if self.own.contains(&asker) {
            return Some(asker);
        }
        match asker {
            IpAddr::V4(asker) => self.source4(asker).map(IpAddr::V4),
            IpAddr::V6(asker) => self.source6(asker).map(IpAddr::V6),
        }
    }

    fn source4(&self, asker: Ipv4Addr) -> Option<Ipv4Addr> {
        let asker = asker.to_bits();
        let parts = |prefix: &Prefix4| {
            let bits = [prefix.network, prefix.mask].map(u32::from_be_bytes);
            (bits[0], bits[1])
        };
        let longest = self.prefixes4.iter().find(|prefix| {
            let (network, mask) = parts(prefix);
            asker & mask == network
        })?;
        let (network, mask) = parts(longest);
        // RFC 3021: prefixes of 31 and 32 bits have neither a network nor a broadcast address.
        let station = !mask <= 1 || (asker != network && asker != network | !mask);
        station.then(|| longest.source.into())
    }

    fn source6(&self, asker: Ipv6Addr) -> Option<Ipv6Addr> {
        let asker = asker.to_bits();
        let longest = self.prefixes6.iter().find(|prefix| {
            asker & u128::from_be_bytes(prefix.mask) == u128::from_be_bytes(prefix.network)
        })?;
        Some(longest.source.into())
    }
}

#[cfg(test)]
impl Served {
    /// What tests begin with: `eth0`, up, without names and addresses.
    pub fn bare(device: Option<u32>) -> Self {
        Self {
            interface: "eth0".to_owned(),
            device,
            mac: [0; 6],
            up: true,
            prefixes4: Vec::new(),
            prefixes6: Vec::new(),
            own: Arc::new([]),
            ttl: 30,
            limit: Rate::OFF,
            names: Names::default(),
            arp: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(own: &[&str]) -> Served {
        let prefix4 = |network: [u8; 4], length: u32, source: [u8; 4]| Prefix4 {
            network,
            mask: (u32::MAX << (32 - length)).to_be_bytes(),
            source,
        };
        let octets = |address: &str| address.parse::<Ipv6Addr>().unwrap().octets();
        let prefix6 = |network: &str, length: u32, source: &str| Prefix6 {
            network: octets(network),
            mask: (u128::MAX << (128 - length)).to_be_bytes(),
            source: octets(source),
        };
        Served {
            interface: "eth0".to_owned(),
            device: Some(2),
            mac: [2, 0, 0, 0, 0, 1],
            up: true,
            prefixes4: vec![
                prefix4([10, 9, 9, 9], 32, [10, 1, 0, 1]),
                prefix4([10, 7, 0, 0], 31, [10, 7, 0, 1]),
                prefix4([10, 0, 5, 0], 24, [10, 0, 5, 1]),
                prefix4([10, 0, 0, 0], 16, [10, 0, 0, 1]),
                prefix4([169, 254, 0, 0], 16, [169, 254, 9, 9]),
            ],
            prefixes6: vec![
                prefix6("2001:db8::", 64, "2001:db8::1"),
                prefix6("fe80::", 64, "fe80::1"),
            ],
            own: own.iter().map(|ip| ip.parse().unwrap()).collect(),
            ttl: 30,
            limit: Rate::OFF,
            names: Names::default(),
            arp: BTreeMap::new(),
        }
    }

    #[test]
    fn an_asker_on_the_link_is_answered_from_the_longest_prefix() {
        let served = served(&["10.0.0.1", "10.0.0.2", "fe80::1"]);
        for (asker, source) in [
            ("10.0.5.7", Some("10.0.5.1")),
            ("10.0.6.7", Some("10.0.0.1")),
            ("10.9.9.9", Some("10.1.0.1")),
            ("10.7.0.0", Some("10.7.0.1")),
            ("169.254.1.1", Some("169.254.9.9")),
            // Programs of this host ask from any of its addresses.
            ("10.0.0.1", Some("10.0.0.1")),
            ("10.0.0.2", Some("10.0.0.2")),
            ("fe80::1", Some("fe80::1")),
            ("2001:db8::7", Some("2001:db8::1")),
            ("fe80::7", Some("fe80::1")),
            ("10.9.9.8", None),
            ("192.168.0.1", None),
            ("2001:db8:1::7", None),
            ("fe80:0:0:1::7", None),
        ] {
            let source = source.map(|source| source.parse().unwrap());
            assert_eq!(served.source_for(asker.parse().unwrap()), source, "{asker}");
        }
    }

    #[test]
    fn nobody_asks_from_an_address_that_is_no_stations() {
        let served = served(&["10.0.0.1", "10.0.0.2", "fe80::1"]);
        for asker in [
            "10.0.5.0",
            "10.0.5.255",
            "10.0.0.0",
            "10.0.255.255",
            "169.254.255.255",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.252",
            "127.0.0.1",
            "::",
            "::1",
            "ff02::1:3",
        ] {
            assert_eq!(served.source_for(asker.parse().unwrap()), None, "{asker}");
        }
    }
}
