//! An ICMPv6 message (RFC 4443) in an IPv6 packet without extension headers (RFC 8200).

use std::net::Ipv6Addr;

use llamar_common::wire::checksum::Sum;
use llamar_common::wire::ip::v6;
use llamar_common::wire::ndp::{CHECKSUM, HOP_LIMIT, ICMPV6};
use llamar_common::wire::{be16, chunk, ethernet, put};

use super::Flaw;
use crate::ether::{Frame, MacAddr, Tag};

/// A packet and the bytes of its message, whose checksum is not yet looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'p> {
    /// The source.
    pub source: Ipv6Addr,
    /// The destination.
    pub destination: Ipv6Addr,
    /// The hop limit.
    pub hop_limit: u8,
    /// The message.
    pub message: &'p [u8],
}

impl<'p> Datagram<'p> {
    /// Reads what a frame of type IPv6 carries; padding may follow.
    // RFC 6980 5: a fragment is no packet of Neighbor Discovery; its next header is another.
    pub fn read(payload: &'p [u8]) -> Result<Self, Flaw> {
        let (header, rest) = payload.split_at_checked(v6::HEADER).ok_or(Flaw::Short)?;
        if header[0] >> 4 != 6 || header[v6::NEXT_HEADER] != ICMPV6 {
            return Err(Flaw::Other);
        }
        let length = usize::from(be16(header, v6::PAYLOAD_LENGTH));
        let message = rest.get(..length).ok_or(Flaw::Short)?;
        let address = |at| Ipv6Addr::from(chunk::<16>(header, at));
        Ok(Self {
            source: address(v6::SOURCE),
            destination: address(v6::DESTINATION),
            hop_limit: header[v6::HOP_LIMIT],
            message,
        })
    }

    /// Whether the checksum is right.
    pub fn is_sound(&self) -> bool {
        sum(self.source, self.destination, self.message).fold() == 0xffff
    }
}

/// The packet that carries a message, from the IPv6 header on; the checksum is filled in.
pub(super) fn packet(source: Ipv6Addr, destination: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let checksum = sum(source, destination, &message).checksum();
    put(&mut message, CHECKSUM, checksum.to_le_bytes());
    let mut bytes = vec![0; v6::HEADER];
    bytes[0] = 0x60;
    // A message of ours has a few dozen bytes.
    let length = message.len() as u16;
    put(&mut bytes, v6::PAYLOAD_LENGTH, length.to_be_bytes());
    bytes[v6::NEXT_HEADER] = ICMPV6;
    bytes[v6::HOP_LIMIT] = HOP_LIMIT;
    put(&mut bytes, v6::SOURCE, source.octets());
    put(&mut bytes, v6::DESTINATION, destination.octets());
    bytes.extend(message);
    bytes
}

/// The frame that carries a packet.
pub(super) fn frame(
    source: MacAddr,
    destination: MacAddr,
    tag: Option<Tag>,
    packet: &[u8],
) -> Vec<u8> {
    let frame = Frame {
        destination,
        source,
        tag,
        inner_tag: None,
        ether_type: ethernet::IPV6,
        payload: packet,
    };
    frame.to_bytes()
}

/// The hardware address of a group (RFC 2464 7).
pub(super) fn group_mac(group: Ipv6Addr) -> MacAddr {
    MacAddr(ethernet::group6(group.octets()))
}

/// The sum over the pseudo header (RFC 8200 8.1) and the message.
fn sum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> Sum {
    Sum::ZERO
        .bytes(&source.octets())
        .bytes(&destination.octets())
        // A payload length is of 16 bits.
        .number(message.len() as u16)
        .number(u16::from(ICMPV6))
        .bytes(message)
}
