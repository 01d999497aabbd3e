//! Link layers: what stands in front of the network layer's packet (LINKTYPE_ values, as tcpdump.org lists them).

use etherparse::EtherType;
use etherparse::ether_type::{IPV4, IPV6};

use super::frames::Frame;
use super::{Skip, wireless};

/// What a link layer carries, and what it says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carried<'a> {
    /// What the packet is.
    pub ether_type: EtherType,
    /// The packet; a VLAN tag may stand in front of it.
    pub packet: &'a [u8],
    /// The sender's MAC address.
    pub source_mac: Option<[u8; 6]>,
    /// Index of the interface, where the link layer itself tells.
    pub device: Option<u32>,
}

/// Types below are lengths (IEEE 802.3 3.2.6).
const ETHER_TYPE_MIN: u16 = 0x0600;
/// The one of Linux's protocol numbers that are no Ethernet types which may lead to IP: frames with LLC.
const LINUX_802_2: u16 = 4;
/// Hardware type of Ethernet, and of what looks like it.
const ARPHRD_ETHER: u16 = 1;

/// What a frame carries.
pub(super) fn open(frame: &Frame) -> Result<Carried<'_>, Skip> {
    let bytes = &frame.data[..];
    match frame.link {
        0 => loopback(bytes, false),
        1 => ethernet(bytes),
        12 | 14 | 101 => raw(bytes),
        105 => wireless::open(bytes),
        108 => loopback(bytes, true),
        113 => cooked(bytes),
        127 => wireless::radiotap(bytes),
        228 => Ok(plain(IPV4, bytes)),
        229 => Ok(plain(IPV6, bytes)),
        276 => cooked_2(bytes),
        _ => Err(Skip::LinkType),
    }
}

fn plain(ether_type: EtherType, packet: &[u8]) -> Carried<'_> {
    Carried {
        ether_type,
        packet,
        source_mac: None,
        device: None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let &bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(bytes))
}

/// Ethernet II, or 802.3 with LLC.
fn ethernet(bytes: &[u8]) -> Result<Carried<'_>, Skip> {
    let (header, rest) = bytes.split_first_chunk::<14>().ok_or(Skip::Malformed)?;
    let source_mac = header[6..12].first_chunk().copied();
    let kind = u16::from_be_bytes([header[12], header[13]]);
    let carried = match kind {
        ETHER_TYPE_MIN.. => plain(EtherType(kind), rest),
        _ => llc(rest)?,
    };
    Ok(Carried {
        source_mac,
        ..carried
    })
}

/// An LLC header with SNAP behind it, by which 802.11 and 802.3 carry what Ethernet II has types for (RFC 1042).
pub(super) fn llc(bytes: &[u8]) -> Result<Carried<'_>, Skip> {
    match bytes {
        // 00 00 00 is RFC 1042's, 00 00 f8 that of bridge tunnels (802.1H): the same for IP.
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, t0, t1, rest @ ..] => {
            Ok(plain(EtherType(u16::from_be_bytes([*t0, *t1])), rest))
        }
        [] | [_] | [_, _] => Err(Skip::Malformed),
        [0xaa, 0xaa, 3, rest @ ..] if rest.len() < 5 => Err(Skip::Malformed),
        _ => Err(Skip::NotUdp),
    }
}

/// BSD's loopback: an address family, in the byte order of whoever captured or of the network.
fn loopback(bytes: &[u8], network: bool) -> Result<Carried<'_>, Skip> {
    let (family, rest) = bytes.split_first_chunk::<4>().ok_or(Skip::Malformed)?;
    let family = u32::from_be_bytes(*family);
    let family = match network || family <= u32::from(u8::MAX) {
        true => family,
        // No family has so high a number: it is of the other byte order.
        false => family.swap_bytes(),
    };
    match family {
        2 => Ok(plain(IPV4, rest)),
        // Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
        10 | 24 | 28 | 30 => Ok(plain(IPV6, rest)),
        _ => Err(Skip::NotUdp),
    }
}

/// IP of either version, and nothing in front of it.
fn raw(bytes: &[u8]) -> Result<Carried<'_>, Skip> {
    match bytes.first().ok_or(Skip::Malformed)? >> 4 {
        4 => Ok(plain(IPV4, bytes)),
        6 => Ok(plain(IPV6, bytes)),
        _ => Err(Skip::Malformed),
    }
}

/// Linux's cooked capture: packet type, hardware type, address length, eight bytes of address, protocol.
fn cooked(bytes: &[u8]) -> Result<Carried<'_>, Skip> {
    let (header, rest) = bytes.split_first_chunk::<16>().ok_or(Skip::Malformed)?;
    let hardware = u16_at(header, 2).ok_or(Skip::Malformed)?;
    let length = u16_at(header, 4).ok_or(Skip::Malformed)?;
    let address = header[6..14].first_chunk().copied();
    let is_mac = hardware == ARPHRD_ETHER && length == 6;
    let protocol = u16_at(header, 14).ok_or(Skip::Malformed)?;
    Ok(Carried {
        source_mac: address.filter(|_| is_mac),
        ..of_linux(protocol, rest)?
    })
}

/// Its second version: protocol, two bytes, interface, hardware type, packet type, address length, address.
fn cooked_2(bytes: &[u8]) -> Result<Carried<'_>, Skip> {
    let (header, rest) = bytes.split_first_chunk::<20>().ok_or(Skip::Malformed)?;
    let protocol = u16_at(header, 0).ok_or(Skip::Malformed)?;
    let device = header[4..8].first_chunk().map(|&b| u32::from_be_bytes(b));
    let hardware = u16_at(header, 8).ok_or(Skip::Malformed)?;
    let address = header[12..20].first_chunk().copied();
    let is_mac = hardware == ARPHRD_ETHER && header[11] == 6;
    Ok(Carried {
        source_mac: address.filter(|_| is_mac),
        device,
        ..of_linux(protocol, rest)?
    })
}

fn of_linux(protocol: u16, rest: &[u8]) -> Result<Carried<'_>, Skip> {
    match protocol {
        ETHER_TYPE_MIN.. => Ok(plain(EtherType(protocol), rest)),
        LINUX_802_2 => llc(rest),
        _ => Err(Skip::NotUdp),
    }
}
