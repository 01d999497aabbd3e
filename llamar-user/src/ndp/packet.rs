//! A message in its IPv6 packet: who says it to whom, and what is checked before it is heeded.

use std::net::Ipv6Addr;

use llamar_common::wire::checksum::Sum;
use llamar_common::wire::ip::v6;
use llamar_common::wire::ndp::{CHECKSUM, HOP_LIMIT, ICMPV6, solicited_node};
use llamar_common::wire::{be16, chunk, ethernet, put};

use super::{Flaw, Message};
use crate::ether::{Frame, MacAddr, Tag};

/// A solicitation or advertisement with its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The source; `::` while the sender's address is not yet known to be unique.
    pub source: Ipv6Addr,
    /// The destination.
    pub destination: Ipv6Addr,
    /// What is said.
    pub message: Message,
}

impl Packet {
    /// Reads what a frame of type IPv6 carries; padding may follow. A flaw says why it has to be discarded.
    pub fn read(payload: &[u8]) -> Result<Self, Flaw> {
        let header = payload.get(..v6::HEADER).ok_or(Flaw::Short)?;
        if header[0] >> 4 != 6 || header[v6::NEXT_HEADER] != ICMPV6 {
            return Err(Flaw::Other);
        }
        let length = usize::from(be16(header, v6::PAYLOAD_LENGTH));
        let bytes = payload
            .get(v6::HEADER..)
            .and_then(|rest| rest.get(..length));
        let bytes = bytes.ok_or(Flaw::Short)?;
        let address = |at| Ipv6Addr::from(chunk::<16>(header, at));
        let (source, destination) = (address(v6::SOURCE), address(v6::DESTINATION));
        let message = Message::read(bytes)?;
        if header[v6::HOP_LIMIT] != HOP_LIMIT {
            return Err(Flaw::HopLimit(header[v6::HOP_LIMIT]));
        }
        if sum(source, destination, bytes).fold() != 0xffff {
            return Err(Flaw::Checksum);
        }
        let packet = Self {
            source,
            destination,
            message,
        };
        packet.check()?;
        Ok(packet)
    }

    /// What the addresses have to be for the message (RFC 4861 7.1.1, 7.1.2).
    fn check(&self) -> Result<(), Flaw> {
        match &self.message {
            Message::Solicitation(solicitation) if self.source.is_unspecified() => {
                let group = solicited_node(solicitation.target.octets());
                if self.destination != Ipv6Addr::from(group) {
                    return Err(Flaw::Destination(self.destination));
                }
                match solicitation.source_mac {
                    Some(_) => Err(Flaw::SourceLinkLayer),
                    None => Ok(()),
                }
            }
            Message::Advertisement(advertisement)
                if advertisement.solicited && self.destination.is_multicast() =>
            {
                Err(Flaw::Solicited)
            }
            _ => Ok(()),
        }
    }

    /// Its bytes, from the IPv6 header on.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut message = self.message.to_bytes();
        let checksum = sum(self.source, self.destination, &message).checksum();
        put(&mut message, CHECKSUM, checksum.to_le_bytes());
        let mut bytes = vec![0; v6::HEADER];
        bytes[0] = 0x60;
        // A message of ours has a few dozen bytes.
        put(
            &mut bytes,
            v6::PAYLOAD_LENGTH,
            (message.len() as u16).to_be_bytes(),
        );
        bytes[v6::NEXT_HEADER] = ICMPV6;
        bytes[v6::HOP_LIMIT] = HOP_LIMIT;
        put(&mut bytes, v6::SOURCE, self.source.octets());
        put(&mut bytes, v6::DESTINATION, self.destination.octets());
        bytes.extend(message);
        bytes
    }

    /// The frame that carries it. `destination` is the neighbour's hardware address; a group has its own
    /// ([`group`](Self::group)).
    pub fn to_frame(&self, source: MacAddr, destination: MacAddr, tag: Option<Tag>) -> Vec<u8> {
        let frame = Frame {
            destination,
            source,
            tag,
            inner_tag: None,
            ether_type: ethernet::IPV6,
            payload: &self.to_bytes(),
        };
        frame.to_bytes()
    }

    /// The hardware address of the destination, if that is a group (RFC 2464 7).
    pub fn group(&self) -> Option<MacAddr> {
        let group = self.destination.is_multicast();
        group.then(|| MacAddr(ethernet::group6(self.destination.octets())))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ndp::{Advertisement, Solicitation};

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn solicitation() -> Packet {
        let target: Ipv6Addr = "fe80::12:3456".parse().unwrap();
        Packet {
            source: "fe80::1".parse().unwrap(),
            destination: solicited_node(target.octets()).into(),
            message: Message::Solicitation(Solicitation {
                target,
                source_mac: Some(MAC),
                nonce: Some(vec![1, 2, 3, 4, 5, 6]),
            }),
        }
    }

    #[test]
    fn packets_are_read_as_they_were_written() {
        let advertisement = Packet {
            source: "fe80::1".parse().unwrap(),
            destination: "ff02::1".parse().unwrap(),
            message: Message::Advertisement(Advertisement {
                target: "fd00::1".parse().unwrap(),
                router: true,
                solicited: false,
                overriding: true,
                target_mac: Some(MAC),
            }),
        };
        for packet in [solicitation(), advertisement] {
            let mut bytes = packet.to_bytes();
            let cut = bytes.len();
            assert_eq!(Packet::read(&bytes), Ok(packet));
            for length in 0..cut {
                assert_eq!(Packet::read(&bytes[..length]), Err(Flaw::Short));
            }
            bytes.extend([0xee; 4]);
            assert!(Packet::read(&bytes).is_ok());
        }
        assert_eq!(
            solicitation().group(),
            Some(MacAddr([0x33, 0x33, 0xff, 0x12, 0x34, 0x56]))
        );
    }
}
