//! A message in its IPv6 packet: who says it to whom, and what is checked before it is heeded.

use std::net::Ipv6Addr;

use llamar_common::wire::ndp::{HOP_LIMIT, SOLICITED_NODE};

use super::datagram::{self, Datagram};
use super::{Flaw, Message};
use crate::ether::{MacAddr, Tag};

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
        let datagram = Datagram::read(payload)?;
        let message = Message::read(datagram.message)?;
        if datagram.hop_limit != HOP_LIMIT {
            return Err(Flaw::HopLimit(datagram.hop_limit));
        }
        if !datagram.is_sound() {
            return Err(Flaw::Checksum);
        }
        let packet = Self {
            source: datagram.source,
            destination: datagram.destination,
            message,
        };
        packet.check()?;
        Ok(packet)
    }

    /// What the addresses have to be for the message (RFC 4861 7.1.1, 7.1.2).
    fn check(&self) -> Result<(), Flaw> {
        match &self.message {
            Message::Solicitation(solicitation) if self.source.is_unspecified() => {
                // RFC 4861 7.1.1: a solicited-node group, not necessarily that of the target.
                if !self.destination.octets().starts_with(&SOLICITED_NODE) {
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
        datagram::packet(self.source, self.destination, self.message.to_bytes())
    }

    /// The frame that carries it. `destination` is the neighbour's hardware address; a group has its own
    /// ([`group`](Self::group)).
    pub fn to_frame(&self, source: MacAddr, destination: MacAddr, tag: Option<Tag>) -> Vec<u8> {
        datagram::frame(source, destination, tag, &self.to_bytes())
    }

    /// The hardware address of the destination, if that is a group (RFC 2464 7).
    pub fn group(&self) -> Option<MacAddr> {
        let group = self.destination.is_multicast();
        group.then(|| datagram::group_mac(self.destination))
    }
}

#[cfg(test)]
mod tests {
    use llamar_common::wire::ndp::solicited_node;

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
