//! What a frame says of an address of ours.

use std::net::IpAddr;

use llamar_common::wire::arp::{REPLY, REQUEST};
use llamar_common::wire::ethernet;

use crate::arp;
use crate::ether::{Frame, MacAddr};
use crate::ndp::{self, Message};

/// What became of a frame, for the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An ARP packet of another host that uses an address of ours.
    ArpConflict,
    /// An ARP probe of another host for an address of ours.
    ArpProbed,
    /// A Neighbor Advertisement of another host for an address of ours.
    NdConflict,
    /// A Neighbor Solicitation of another host's duplicate address detection for an address of ours.
    NdProbed,
    /// A frame of this host, by another of its interfaces or by a hub.
    Own,
    /// Nothing about us.
    Other,
}

impl Heard {
    /// What it is counted as.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ArpConflict => "arp-conflict",
            Self::ArpProbed => "arp-probed",
            Self::NdConflict => "nd-conflict",
            Self::NdProbed => "nd-probed",
            Self::Own => "watch-own",
            Self::Other => "watch-other",
        }
    }
}

/// A word of a host about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub address: IpAddr,
    /// The host's hardware addresses: the one that it tells of, which is its name, and the frame's.
    pub macs: [MacAddr; 2],
    /// Whether it only asks if anybody has the address.
    pub probes: bool,
    /// VLAN id; 0 for none.
    pub vlan: u16,
}

impl Sighting {
    /// Reads a frame; `None` if it claims no address.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let frame = Frame::read(bytes).filter(|frame| frame.inner_tag.is_none())?;
        let (address, mac, probes) = match frame.ether_type {
            ethernet::ARP => of_arp(&arp::Packet::read(frame.payload).ok()?)?,
            ethernet::IPV6 => of_nd(&ndp::Packet::read(frame.payload).ok()?, frame.source)?,
            _ => return None,
        };
        Some(Self {
            address,
            macs: [mac, frame.source],
            probes,
            vlan: frame.vlan().unwrap_or(0),
        })
    }

    pub fn heard(&self) -> Heard {
        match (self.address, self.probes) {
            (IpAddr::V4(_), false) => Heard::ArpConflict,
            (IpAddr::V4(_), true) => Heard::ArpProbed,
            (IpAddr::V6(_), false) => Heard::NdConflict,
            (IpAddr::V6(_), true) => Heard::NdProbed,
        }
    }
}

// RFC 5227 2.4: a request or a reply, whatever it asks for, tells that its sender uses an address; a probe tells none
// (RFC 5227 1.1).
fn of_arp(packet: &arp::Packet) -> Option<(IpAddr, MacAddr, bool)> {
    if ![REQUEST, REPLY].contains(&packet.operation) {
        return None;
    }
    let sender = packet.sender;
    if packet.is_probe() {
        return Some((packet.target.ip.into(), sender.mac, true));
    }
    let tells = !sender.ip.is_unspecified();
    tells.then_some((sender.ip.into(), sender.mac, false))
}

// RFC 4862 5.4.3, 5.4.4: an advertisement tells that its target is in use, a solicitation from the unspecified address
// that somebody is about to use it.
fn of_nd(packet: &ndp::Packet, source: MacAddr) -> Option<(IpAddr, MacAddr, bool)> {
    match &packet.message {
        Message::Advertisement(advertisement) => {
            let mac = advertisement.target_mac.unwrap_or(source);
            Some((advertisement.target.into(), mac, false))
        }
        Message::Solicitation(solicitation) => {
            let probes = packet.source.is_unspecified();
            probes.then_some((solicitation.target.into(), source, true))
        }
    }
}
