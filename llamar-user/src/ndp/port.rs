//! Where an engine stands on the link, and which frames are for it to read.

use std::net::Ipv6Addr;

use llamar_common::wire::ethernet;

use super::{Message, Packet};
use crate::ether::{Frame, MacAddr, Tag};

/// The place from which an engine speaks and hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// The hardware address that frames are sent from.
    pub mac: MacAddr,
    /// The tag they bear; what is heard has to be of the same VLAN.
    pub tag: Option<Tag>,
}

/// A message that came in.
#[derive(Debug)]
pub(super) struct Heard {
    /// The hardware address that the frame came from.
    pub source: MacAddr,
    /// The message.
    pub packet: Packet,
}

impl Heard {
    /// The address that it is about.
    pub fn target(&self) -> Ipv6Addr {
        match &self.packet.message {
            Message::Solicitation(solicitation) => solicitation.target,
            Message::Advertisement(advertisement) => advertisement.target,
        }
    }

    /// Whether it asks for the holder of the address, as whoever has something to send to it does.
    pub fn resolves(&self) -> bool {
        let asks = matches!(&self.packet.message, Message::Solicitation(_));
        asks && !self.packet.source.is_unspecified()
    }
}

impl Port {
    /// What a frame carries, if it is IPv6 and of this VLAN.
    pub(super) fn payload<'f>(&self, frame: &'f [u8]) -> Option<(MacAddr, &'f [u8])> {
        let frame = Frame::read(frame)?;
        let same = vlan(frame.tag) == vlan(self.tag) && frame.inner_tag.is_none();
        (same && frame.ether_type == ethernet::IPV6).then_some((frame.source, frame.payload))
    }

    /// A valid solicitation or advertisement, if that is what a frame carries.
    // RFC 4861 7.1.1, 7.1.2: what is not valid is discarded silently.
    pub(super) fn hear(&self, frame: &[u8]) -> Option<Heard> {
        let (source, payload) = self.payload(frame)?;
        let packet = Packet::read(payload).ok()?;
        Some(Heard { source, packet })
    }
}

/// The VLAN of a tag; one that bears but a priority belongs to none (IEEE 802.1Q 9.6).
fn vlan(tag: Option<Tag>) -> Option<u16> {
    tag.map(Tag::id).filter(|id| *id != 0)
}
