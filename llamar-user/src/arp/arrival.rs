//! A packet that came in, and in what frame.

use llamar_common::wire::ethernet;

use super::Packet;
use crate::ether::{Frame, MacAddr, Tag};

/// An ARP packet of IPv4 over Ethernet as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// To whom the frame was sent.
    pub destination: MacAddr,
    /// From whom; whoever forwards for others may differ from the packet's sender.
    pub source: MacAddr,
    /// What it carried.
    pub packet: Packet,
}

impl Arrival {
    /// Reads a frame of a link, which is a VLAN where there is a tag; `None` if it carries no packet, or is of another
    /// link.
    pub fn read(bytes: &[u8], tag: Option<Tag>) -> Option<Self> {
        let frame = Frame::read(bytes)?;
        let is_ours = frame.ether_type == ethernet::ARP
            && frame.inner_tag.is_none()
            && vlan(frame.tag) == vlan(tag);
        let packet = is_ours.then(|| Packet::read(frame.payload).ok())??;
        Some(Self {
            destination: frame.destination,
            source: frame.source,
            packet,
        })
    }

    /// Whether whoever sent the frame is not whom the packet names.
    pub fn is_mismatched(&self) -> bool {
        self.source != self.packet.sender.mac
    }
}

/// The VLAN id: a tag of VLAN 0 only tells the priority (802.1Q 9.6).
fn vlan(tag: Option<Tag>) -> u16 {
    tag.map_or(0, Tag::id)
}
