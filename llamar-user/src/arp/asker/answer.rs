//! What is found out.

use std::net::Ipv4Addr;
use std::time::Duration;

use llamar_common::wire::arp::{REPLY, REQUEST};

use crate::arp::{Arrival, Packet};
use crate::ether::MacAddr;

/// What an [`Asker`](super::Asker) does and finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A frame goes out.
    Asked(Asked),
    /// Somebody has the address, or wants it.
    Answer(Answer),
    /// Another packet of the link; only if asked for.
    Heard(Arrival),
    /// Everything is asked, and waited for.
    Done,
}

/// A frame that goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whom it asks for.
    pub target: Ipv4Addr,
    /// The how manieth frame to this target, from 1.
    pub number: u32,
    /// The Ethernet source.
    pub source: MacAddr,
    /// The Ethernet destination.
    pub destination: MacAddr,
    /// What it carries.
    pub packet: Packet,
}

/// A packet whose sender has a target's address; or, of probes, one whose sender wants it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The address.
    pub target: Ipv4Addr,
    /// Who has it: the sender in the packet. The frame's source is in `arrival` and may differ.
    pub mac: MacAddr,
    /// What kind of packet it is.
    pub how: How,
    /// Time since the last request to the target; only of replies, and not if nothing was asked.
    pub rtt: Option<Duration>,
    /// Whether the last request was answered by the same host before.
    pub repeated: bool,
    /// Who else had answered for the address, if anybody: two hosts use it.
    pub duplicate_of: Option<MacAddr>,
    /// The packet, and in what frame it came.
    pub arrival: Arrival,
}

/// What an answer was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// A reply to us.
    Reply,
    /// A reply to somebody else, which a hub let us see or which was broadcast (RFC 5227 2.6).
    Overheard,
    /// A request for somebody else: its sender uses the address.
    Request,
    /// Tells everybody of its sender, as a request or a reply.
    Announcement,
    /// RFC 5227 2.1.1: a probe for the address that we probe for.
    Probe,
    /// Another operation: its sender uses the address nevertheless.
    Other,
}

impl How {
    /// What a packet is whose sender has the address, and `asked` the request for it.
    pub(super) fn of(arrival: &Arrival, asked: &Packet, own: &[MacAddr]) -> Self {
        let packet = &arrival.packet;
        // Not all hosts fill in whom they answer; but they send it there.
        let to_us = [packet.target.mac, arrival.destination];
        let is_to_us =
            packet.target.ip == asked.sender.ip && to_us.iter().any(|to| own.contains(to));
        match packet.operation {
            REPLY if is_to_us => Self::Reply,
            REPLY | REQUEST if packet.is_announcement() => Self::Announcement,
            REPLY => Self::Overheard,
            REQUEST => Self::Request,
            _ => Self::Other,
        }
    }

    /// Whether it was sent because we asked.
    pub fn is_solicited(self) -> bool {
        self == Self::Reply
    }
}
