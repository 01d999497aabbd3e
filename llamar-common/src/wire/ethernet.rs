//! Ethernet II and 802.1Q headers.

use network_types::eth::{EthHdr, EtherType};

/// A hardware address.
pub type Mac = [u8; 6];

/// Length of a header without tag.
pub const HEADER: usize = EthHdr::LEN;
/// Length of an 802.1Q tag.
pub const TAG: usize = 4;
/// Every station on the link.
pub const BROADCAST: Mac = [0xff; 6];
/// Group of LLMNR over IPv4: 224.0.0.252 (RFC 1112 6.4).
pub const LLMNR_V4: Mac = [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfc];
/// Group of LLMNR over IPv6: ff02::1:3 (RFC 2464 7).
pub const LLMNR_V6: Mac = [0x33, 0x33, 0x00, 0x01, 0x00, 0x03];

/// Group of mDNS over IPv4: 224.0.0.251 (RFC 1112 6.4).
pub const MDNS_V4: Mac = [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb];
/// Group of mDNS over IPv6: ff02::fb (RFC 2464 7).
pub const MDNS_V6: Mac = [0x33, 0x33, 0x00, 0x00, 0x00, 0xfb];

/// EtherType of ARP.
pub const ARP: u16 = u16::from_be(EtherType::Arp as u16);
/// EtherType of IPv4.
pub const IPV4: u16 = u16::from_be(EtherType::Ipv4 as u16);
/// EtherType of IPv6.
pub const IPV6: u16 = u16::from_be(EtherType::Ipv6 as u16);
/// EtherType of an 802.1Q tag.
pub const VLAN: u16 = u16::from_be(EtherType::Ieee8021q as u16);
/// The VLAN id's bits in a tag.
pub const VLAN_ID: u16 = 0x0fff;

/// Offset of the destination address.
pub const DESTINATION: usize = 0;
/// Offset of the source address.
pub const SOURCE: usize = 6;
/// Offset of the EtherType, or of the tag that stands before it.
pub const ETHER_TYPE: usize = 12;

/// An address as a little-endian word of 48 bits.
#[inline(always)]
pub const fn word([m0, m1, m2, m3, m4, m5]: Mac) -> u64 {
    u64::from_le_bytes([m0, m1, m2, m3, m4, m5, 0, 0])
}

/// The group address to which an IPv6 group is sent (RFC 2464 7).
#[inline(always)]
pub const fn group6(group: [u8; 16]) -> Mac {
    let [.., a, b, c, d] = group;
    [0x33, 0x33, a, b, c, d]
}

/// The bit of an address, as a little-endian word, that says that it names more than one station.
pub const GROUP: u32 = 1;

/// Whether an address, as a little-endian word, names more than one station.
#[inline(always)]
pub const fn is_group(mac: u64) -> bool {
    mac & GROUP as u64 != 0
}
