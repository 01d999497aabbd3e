//! One link as it is served: what is answered there and from which address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use llamar_common::abi::{ArpHost, Link, LinkKey, PREFIXES_MAX, Prefix4, Prefix6};

use super::Names;
use crate::config::Unusable;

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
    /// The names and their addresses.
    pub names: Names,
    /// The addresses for which ARP requests are answered.
    pub arp: BTreeMap<[u8; 4], ArpHost>,
}

impl Served {
    /// The entry of the kernel path, which holds the longest prefixes. Its generation is the writer's matter.
    pub fn link(&self, key: LinkKey) -> Link {
        let mut link = Link {
            ifindex: key.ifindex,
            vlan: key.vlan,
            mac: self.mac,
            ..Link::EMPTY
        };
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

    /// Whether there are prefixes for which the kernel path has no room.
    pub fn has_more_prefixes_than_the_kernel_path(&self) -> bool {
        self.prefixes4.len() > PREFIXES_MAX || self.prefixes6.len() > PREFIXES_MAX
    }

    /// Our address from which an asker is answered, if the asker is a station on the link.
    pub fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
        // RFC 4795 2.5: an answer goes to a unicast address; ours is no asker's.
        if Unusable::of(asker).is_some() || self.own.contains(&asker) {
            return None;
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
