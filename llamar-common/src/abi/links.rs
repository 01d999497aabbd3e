//! The array of links.

use core::mem::offset_of;

pub use self::near::{NEAR, Near4, Near6};
use super::{INDEX_INTERFACES, LINKS_MAX, Limit, PREFIXES_MAX, Plain as _};
use crate::wire::{ethernet, le64};

mod near;

/// A link: one interface, or one VLAN of it. A record is valid on one link only.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkKey {
    /// Index of the interface on which frames arrive.
    pub ifindex: u32,
    /// VLAN id 1 to 4094 of their tag, 0 for frames without one.
    pub vlan: u16,
    /// Always 0.
    pub reserved: u16,
}

impl LinkKey {
    /// The link of untagged (`vlan` 0) or tagged frames of an interface.
    #[inline(always)]
    pub const fn new(ifindex: u32, vlan: u16) -> Self {
        Self {
            ifindex,
            vlan,
            reserved: 0,
        }
    }
}

/// Places in the array of links that a link may take, first choice first.
#[inline(always)]
pub const fn link_slot(link: LinkKey, probe: u32) -> u32 {
    let vlan = (link.vlan as u32).wrapping_mul(0x85eb_ca6b) >> 16;
    link.ifindex.wrapping_add(vlan).wrapping_add(probe) % LINKS_MAX
}

/// An on-link IPv4 prefix and our address in it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prefix4 {
    /// The prefix, host bits zero.
    pub network: [u8; 4],
    /// Its mask.
    pub mask: [u8; 4],
    /// The address from which askers in the prefix are answered.
    pub source: [u8; 4],
}

/// An on-link IPv6 prefix and our address in it; fe80::/64 is one like the others.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prefix6 {
    /// The prefix, host bits zero.
    pub network: [u8; 16],
    /// Its mask.
    pub mask: [u8; 16],
    /// The address from which askers in the prefix are answered.
    pub source: [u8; 16],
}

/// [`Link::mode`]: in the driver, where a frame is bytes and nothing else.
pub const LINK_NATIVE: u16 = 1;
/// [`Link::mode`]: in the kernel's generic code, where a frame of a local sender may carry a mark that its checksum
/// is still to be completed, counted from the frame's head.
pub const LINK_GENERIC: u16 = 2;

/// Addresses that a link names for ARP.
pub const OWN4: usize = 2;

/// A link as the kernel path sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Odd while the agent writes the entry, but for what is near. A reader that finds it odd, or changed when it has
    /// finished reading, passes the frame. That holds where loads and stores keep their order, as on x86.
    pub generation: u32,
    /// Used entries of `prefix4`.
    pub prefix4_count: u32,
    /// Index of the interface; 0 in an empty place.
    pub ifindex: u32,
    /// VLAN id, 0 for untagged frames.
    pub vlan: u16,
    /// How the program is run on the interface: [`LINK_NATIVE`], [`LINK_GENERIC`], or 0 while that is not known.
    pub mode: u16,
    /// Our hardware address on the link.
    pub mac: [u8; 6],
    /// Always 0.
    pub reserved: [u8; 2],
    /// Used entries of `prefix6`.
    pub prefix6_count: u32,
    /// Index of the interface if what is near (from `from4` to `near6`) may be read as it is, without a look at the
    /// generation; 0 if not. It becomes 0 before that is written, so long that nobody reads it still, and is set behind it,
    /// which again holds where loads and stores keep their order. `limit` is read with it, whatever is written there.
    pub plain: u32,
    /// IPv4 addresses for which the map of ARP hosts has our hardware address too, zeros behind the last.
    pub own4: [[u8; 4]; OWN4],
    /// How often one source is answered.
    pub limit: Limit,
    /// Our hardware address and the EtherType behind it, as in frames of IPv4.
    pub from4: [u8; 8],
    /// The same in frames of IPv6.
    pub from6: [u8; 8],
    /// The first prefixes of stations that none before them overlaps, for frames without a tag in the driver.
    pub near4: [Near4; NEAR],
    /// The same of 64 bits each.
    pub near6: [Near6; NEAR],
    /// On-link IPv4 prefixes, longest first.
    pub prefix4: [Prefix4; PREFIXES_MAX],
    /// On-link IPv6 prefixes, longest first.
    pub prefix6: [Prefix6; PREFIXES_MAX],
}

impl Link {
    /// An empty place.
    pub const EMPTY: Self = Self {
        generation: 0,
        prefix4_count: 0,
        ifindex: 0,
        vlan: 0,
        mode: 0,
        mac: [0; 6],
        reserved: [0; 2],
        prefix6_count: 0,
        plain: 0,
        own4: [[0; 4]; OWN4],
        limit: Limit::OFF,
        from4: [0; 8],
        from6: [0; 8],
        near4: [Near4::UNUSED; NEAR],
        near6: [Near6::UNUSED; NEAR],
        prefix4: [Prefix4 {
            network: [0; 4],
            mask: [0; 4],
            source: [0; 4],
        }; PREFIXES_MAX],
        prefix6: [Prefix6 {
            network: [0; 16],
            mask: [0; 16],
            source: [0; 16],
        }; PREFIXES_MAX],
    };

    /// Fills what the quick way takes instead of what it follows from.
    #[must_use]
    pub fn with_near(self) -> Self {
        let from = |ether_type: u16| {
            let ([a, b, c, d, e, f], [g, h]) = (self.mac, ether_type.to_be_bytes());
            [a, b, c, d, e, f, g, h]
        };
        let used = |count: u32| (count as usize).min(PREFIXES_MAX);
        // The index holds no names of others.
        let is_plain =
            self.vlan == 0 && self.mode == LINK_NATIVE && self.ifindex < INDEX_INTERFACES;
        Self {
            plain: if is_plain { self.ifindex } else { 0 },
            from4: from(ethernet::IPV4),
            from6: from(ethernet::IPV6),
            near4: near::four(&self.prefix4[..used(self.prefix4_count)]),
            near6: near::six(&self.prefix6[..used(self.prefix6_count)]),
            ..self
        }
    }

    /// Our hardware address in the lower 48 bits, as it lies in memory, read little-endian; zeros above it.
    #[inline(always)]
    pub fn station(&self) -> u64 {
        le64(self.bytes(), offset_of!(Self, mac))
    }

    /// The link's key; `ifindex` 0 stands for an empty place.
    #[inline(always)]
    pub const fn key(&self) -> LinkKey {
        LinkKey::new(self.ifindex, self.vlan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::LINK_PROBES;

    #[test]
    fn probes_of_a_link_are_different_places() {
        for ifindex in 1..2000 {
            let link = LinkKey::new(ifindex, (ifindex % 4095) as u16);
            let first = link_slot(link, 0);
            for probe in 1..LINK_PROBES {
                assert_eq!(link_slot(link, probe), (first + probe) % LINKS_MAX);
            }
        }
    }
}
