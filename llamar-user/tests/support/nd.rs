//! Neighbor Discovery as it came over the wire, read by its offsets (RFC 4861 4.3, 4.4), and made-up messages.

use std::net::Ipv6Addr;

use llamar_common::testing::Mac;
use llamar_user::ether::{MacAddr, Tag};
use llamar_user::ndp::{Message, Packet};

/// Type of a solicitation.
pub const NS: u8 = 135;
/// Type of an advertisement.
pub const NA: u8 = 136;
/// Flag R of an advertisement.
pub const ROUTER: u8 = 0x80;
/// Flag O.
pub const OVERRIDE: u8 = 0x20;
/// All nodes on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// A solicitation or an advertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nd {
    /// Ethernet source.
    pub source_mac: Mac,
    /// Ethernet destination.
    pub destination_mac: Mac,
    /// VLAN id of its tag.
    pub vlan: Option<u16>,
    /// IPv6 source.
    pub source: Ipv6Addr,
    /// IPv6 destination.
    pub destination: Ipv6Addr,
    /// Hop limit.
    pub hop_limit: u8,
    /// [`NS`] or [`NA`].
    pub kind: u8,
    /// The flags of an advertisement.
    pub flags: u8,
    /// The address asked for or told of.
    pub target: Ipv6Addr,
    /// The options: type and value.
    pub options: Vec<(u8, Vec<u8>)>,
    /// The whole frame.
    pub frame: Vec<u8>,
}

impl Nd {
    /// Decodes a frame; `None` if it is neither. tshark judges its checksum.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let macs = (frame.get(6..12)?, frame.get(..6)?);
        let (vlan, at) = match frame.get(12..14)? {
            [0x81, 0x00] => (Some(u16_at(frame, 14)? & 0xfff), 18),
            _ => (None, 14),
        };
        let ip = frame.get(at..)?;
        let kind = *ip.get(40)?;
        if u16_at(frame, at - 2)? != 0x86dd || ip[6] != 58 || ![NS, NA].contains(&kind) {
            return None;
        }
        assert_eq!(
            ip.len(),
            40 + usize::from(u16_at(ip, 4)?),
            "nothing behind the IP packet of {frame:02x?}"
        );
        Some(Self {
            source_mac: macs.0.try_into().ok()?,
            destination_mac: macs.1.try_into().ok()?,
            vlan,
            source: address_at(ip, 8)?,
            destination: address_at(ip, 24)?,
            hop_limit: ip[7],
            kind,
            flags: *ip.get(44)?,
            target: address_at(ip, 48)?,
            options: options(ip.get(64..)?),
            frame: frame.to_vec(),
        })
    }

    /// The same if it is a solicitation for an address.
    pub fn solicitation(frame: &[u8], target: Ipv6Addr) -> Option<Self> {
        Self::decode(frame).filter(|nd| nd.kind == NS && nd.target == target)
    }

    /// The same if it is an advertisement of an address.
    pub fn advertisement(frame: &[u8], target: Ipv6Addr) -> Option<Self> {
        Self::decode(frame).filter(|nd| nd.kind == NA && nd.target == target)
    }

    /// The value of an option.
    pub fn option(&self, kind: u8) -> Option<&[u8]> {
        let option = self.options.iter().find(|(other, _)| *other == kind);
        option.map(|(_, value)| value.as_slice())
    }

    /// Its nonce (RFC 7527 4.1).
    pub fn nonce(&self) -> Option<&[u8]> {
        self.option(14)
    }
}

/// The frame of a message from a station to an address, whose hardware address is a group's where none is given.
pub fn frame(
    source_mac: Mac,
    destination_mac: Option<Mac>,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    message: Message,
    tag: Option<Tag>,
) -> Vec<u8> {
    let packet = Packet {
        source,
        destination,
        message,
    };
    let destination = destination_mac.map(MacAddr).or(packet.group());
    let destination = destination.expect("a hardware address");
    packet.to_frame(MacAddr(source_mac), destination, tag)
}

/// The solicited-node group of an address (RFC 4291 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let low = address.to_bits() & 0xff_ffff;
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | low)
}

/// The hardware address of a group (RFC 2464 7).
pub fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

fn options(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut options = Vec::new();
    while let [kind, units, ..] = *bytes {
        let (option, rest) = bytes.split_at(usize::from(units) * 8);
        options.push((kind, option[2..].to_vec()));
        bytes = rest;
    }
    options
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn address_at(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(octets.into())
}
