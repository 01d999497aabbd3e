//! One ARP packet (RFC 826, Packet Format).

use std::net::Ipv4Addr;

use llamar_common::wire::arp::{
    ETHERNET_IPV4, LENGTH, OPERATION, REPLY, REQUEST, SENDER_HARDWARE, SENDER_PROTOCOL,
    TARGET_HARDWARE, TARGET_PROTOCOL,
};
use llamar_common::wire::{be16, chunk, ethernet, put};

use crate::ether::{Frame, MacAddr, Tag};

/// An address pair of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Station {
    /// The hardware address.
    pub mac: MacAddr,
    /// The protocol address.
    pub ip: Ipv4Addr,
}

/// A packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// The operation: [`REQUEST`], [`REPLY`], or another.
    pub operation: u16,
    /// Whoever sends it.
    pub sender: Station,
    /// Whom it asks for, or who had asked.
    pub target: Station,
}

/// Why bytes are no packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// It ends within the packet.
    #[error("shorter than an ARP packet")]
    Short,
    /// Another hardware or protocol type, or lengths that are not theirs.
    #[error("not of IPv4 over Ethernet")]
    Form,
}

impl Packet {
    /// Reads what a frame of type ARP carries; padding may follow.
    pub fn read(payload: &[u8]) -> Result<Self, Flaw> {
        let packet = payload.get(..LENGTH).ok_or(Flaw::Short)?;
        if !packet.starts_with(&ETHERNET_IPV4) {
            return Err(Flaw::Form);
        }
        let station = |hardware, protocol| Station {
            mac: MacAddr(chunk(packet, hardware)),
            ip: Ipv4Addr::from(chunk::<4>(packet, protocol)),
        };
        Ok(Self {
            operation: be16(packet, OPERATION),
            sender: station(SENDER_HARDWARE, SENDER_PROTOCOL),
            target: station(TARGET_HARDWARE, TARGET_PROTOCOL),
        })
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; LENGTH] {
        let mut packet = [0; LENGTH];
        put(&mut packet, 0, ETHERNET_IPV4);
        put(&mut packet, OPERATION, self.operation.to_be_bytes());
        put(&mut packet, SENDER_HARDWARE, self.sender.mac.0);
        put(&mut packet, SENDER_PROTOCOL, self.sender.ip.octets());
        put(&mut packet, TARGET_HARDWARE, self.target.mac.0);
        put(&mut packet, TARGET_PROTOCOL, self.target.ip.octets());
        packet
    }

    /// The frame that carries it, not padded.
    pub fn to_frame(&self, source: MacAddr, destination: MacAddr, tag: Option<Tag>) -> Vec<u8> {
        let frame = Frame {
            destination,
            source,
            tag,
            inner_tag: None,
            ether_type: ethernet::ARP,
            payload: &self.to_bytes(),
        };
        frame.to_bytes()
    }

    /// Asks who has an address.
    pub const fn request(sender: Station, target: Ipv4Addr) -> Self {
        Self {
            operation: REQUEST,
            sender,
            target: Station {
                mac: MacAddr::ZERO,
                ip: target,
            },
        }
    }

    /// Asks whether anybody has an address, without saying that we do (RFC 5227 1.1).
    // RFC 5227 2.1.1: the sender's IP address is zero, so that nobody's cache is changed; the target's hardware address
    // should be.
    pub const fn probe(mac: MacAddr, candidate: Ipv4Addr) -> Self {
        let ip = Ipv4Addr::UNSPECIFIED;
        Self::request(Station { mac, ip }, candidate)
    }

    /// Says who has an address (RFC 5227 1.1, 3: a request, not a reply).
    pub const fn announcement(holder: Station) -> Self {
        Self::request(holder, holder.ip)
    }

    /// The same as a reply, for what heeds no request.
    pub const fn gratuitous_reply(holder: Station) -> Self {
        Self {
            operation: REPLY,
            sender: holder,
            target: holder,
        }
    }

    /// Whether it asks for an address without telling one (RFC 5227 1.1).
    pub fn is_probe(&self) -> bool {
        self.operation == REQUEST && self.sender.ip.is_unspecified()
    }

    /// Whether it tells of its sender and asks for nobody else.
    pub fn is_announcement(&self) -> bool {
        self.sender.ip == self.target.ip && !self.sender.ip.is_unspecified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDER: Station = Station {
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        ip: Ipv4Addr::new(10, 0, 0, 1),
    };

    #[test]
    fn packets_are_read_as_they_were_written_and_padding_is_no_matter() {
        let asked = Ipv4Addr::new(10, 0, 0, 2);
        for packet in [
            Packet::request(HOLDER, asked),
            Packet::probe(HOLDER.mac, asked),
            Packet::announcement(HOLDER),
            Packet::gratuitous_reply(HOLDER),
        ] {
            let mut bytes = packet.to_bytes().to_vec();
            assert_eq!(Packet::read(&bytes), Ok(packet));
            bytes.extend([0xee; 18]);
            assert_eq!(Packet::read(&bytes), Ok(packet));
            for length in 0..LENGTH {
                assert_eq!(Packet::read(&bytes[..length]), Err(Flaw::Short));
            }
            for at in 0..6 {
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert_eq!(Packet::read(&other), Err(Flaw::Form));
            }
        }
    }

    // RFC 5227 2.1.1, 2.3: C9, C16
    #[test]
    fn a_probe_tells_no_address_and_an_announcement_asks_for_its_own() {
        let probe = Packet::probe(HOLDER.mac, HOLDER.ip);
        assert!(probe.is_probe() && !probe.is_announcement());
        let expected =
            *b"\0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\x0a\0\0\x01";
        assert_eq!(probe.to_bytes(), expected);
        let announcement = Packet::announcement(HOLDER);
        assert!(announcement.is_announcement() && !announcement.is_probe());
        let expected =
            *b"\0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\x0a\0\0\x01\0\0\0\0\0\0\x0a\0\0\x01";
        assert_eq!(announcement.to_bytes(), expected);
    }
}
