//! ARP packets, every field of which can be something else.

use std::net::Ipv4Addr;
use std::vec::Vec;

use super::{BROADCAST, Mac, Station, ethernet};

/// An ARP packet on its way to being a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Ethernet destination.
    pub destination: Mac,
    /// Ethernet source.
    pub source: Mac,
    /// Type and control word of each VLAN tag, outermost first.
    pub tags: Vec<(u16, u16)>,
    /// Hardware type, 1 for Ethernet.
    pub hardware_type: u16,
    /// Protocol type, 0x0800 for IPv4.
    pub protocol_type: u16,
    /// Lengths of hardware and protocol addresses.
    pub lengths: [u8; 2],
    /// 1 for a request, 2 for a reply.
    pub operation: u16,
    /// The sender's hardware address.
    pub sender_hardware: Mac,
    /// The sender's protocol address.
    pub sender: Ipv4Addr,
    /// The target's hardware address.
    pub target_hardware: Mac,
    /// The target's protocol address.
    pub target: Ipv4Addr,
    /// What follows the packet.
    pub padding: Vec<u8>,
}

impl Arp {
    /// A broadcast request for an address.
    ///
    /// # Panics
    /// If the station has no IPv4 address.
    #[track_caller]
    pub fn request(from: Station, target: Ipv4Addr) -> Self {
        Self {
            destination: BROADCAST,
            source: from.mac,
            tags: Vec::new(),
            hardware_type: 1,
            protocol_type: 0x0800,
            lengths: [6, 4],
            operation: 1,
            sender_hardware: from.mac,
            sender: from.v4(),
            target_hardware: [0; 6],
            target,
            padding: Vec::new(),
        }
    }

    /// A probe (RFC 5227 1.1): a request that tells no sender address.
    pub fn probe(mac: Mac, target: Ipv4Addr) -> Self {
        Self::request(Station::new(mac, Ipv4Addr::UNSPECIFIED), target)
    }

    /// An announcement (RFC 5227 1.1): a request for the sender's own address.
    ///
    /// # Panics
    /// If the station has no IPv4 address.
    #[track_caller]
    pub fn announcement(from: Station) -> Self {
        Self::request(from, from.v4())
    }

    /// The same packet with a VLAN tag behind those it has.
    #[must_use]
    pub fn vlan(mut self, control: u16) -> Self {
        self.tags.push((0x8100, control));
        self
    }

    /// The reply (RFC 826, Packet Reception) of the station with a hardware address: straight to who asked.
    #[must_use]
    pub fn reply(&self, mac: Mac) -> Self {
        Self {
            destination: self.sender_hardware,
            source: mac,
            operation: 2,
            sender_hardware: mac,
            sender: self.target,
            target_hardware: self.sender_hardware,
            target: self.sender,
            ..self.clone()
        }
    }

    /// The frame.
    pub fn build(&self) -> Vec<u8> {
        let mut frame = ethernet(self.destination, self.source, &self.tags, 0x0806);
        frame.extend(self.hardware_type.to_be_bytes());
        frame.extend(self.protocol_type.to_be_bytes());
        frame.extend(self.lengths);
        frame.extend(self.operation.to_be_bytes());
        frame.extend(self.sender_hardware);
        frame.extend(self.sender.octets());
        frame.extend(self.target_hardware);
        frame.extend(self.target.octets());
        frame.extend(&self.padding);
        frame
    }
}
