//! What a packet is, by either protocol.

use libc::sock_filter;
use llamar_common::wire::ethernet;

use crate::arp;
use crate::ether::MacAddr;
use crate::ndp;
use crate::net::filter::neighbour_discovery_filter;
use crate::net::{CapturedFrame, arp_filter};
use crate::report::stations::{DamagedRow, Heard, PacketRow};
use crate::stations::{Place, Sighting};

/// The protocol that is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// ARP.
    Arp,
    /// Neighbor Discovery.
    Ndp,
}

/// A frame without its link layer.
#[derive(Clone, Copy, Debug)]
pub struct Bare<'f> {
    /// Whom it is from.
    pub source: Option<MacAddr>,
    /// What it carries.
    pub ether_type: u16,
    /// The bytes of that.
    pub payload: &'f [u8],
}

/// A packet.
pub enum Packet {
    Arp(arp::Packet),
    Ndp(ndp::Packet),
}

impl Speech {
    /// The frames that carry it.
    pub fn filter(self) -> Vec<sock_filter> {
        match self {
            Self::Arp => arp_filter(),
            Self::Ndp => neighbour_discovery_filter(),
        }
    }

    /// Reads what a frame carries; none if that is something else, or why it cannot be read.
    pub fn read(self, frame: Bare<'_>) -> Option<Result<Packet, String>> {
        match self {
            Self::Arp if frame.ether_type == ethernet::ARP => {
                let read = arp::Packet::read(frame.payload).map(Packet::Arp);
                Some(read.map_err(|flaw| flaw.to_string()))
            }
            Self::Ndp if frame.ether_type == ethernet::IPV6 => {
                match ndp::Packet::read(frame.payload) {
                    Ok(packet) => Some(Ok(Packet::Ndp(packet))),
                    Err(ndp::Flaw::Other) => None,
                    Err(flaw) => Some(Err(flaw.to_string())),
                }
            }
            _ => None,
        }
    }
}

impl Packet {
    /// What it tells of its sender.
    pub fn sighting(&self, place: Place, source: Option<MacAddr>) -> Option<Sighting> {
        match self {
            Self::Arp(packet) => Sighting::of_arp(place, source, packet),
            Self::Ndp(packet) => Sighting::of_ndp(place, source, packet),
        }
    }

    /// The packet as it is shown.
    pub fn row(&self, heard: Heard, source: Option<MacAddr>) -> PacketRow {
        match self {
            Self::Arp(packet) => PacketRow::arp(heard, source, packet),
            Self::Ndp(packet) => PacketRow::ndp(heard, source, packet),
        }
    }
}

/// A packet that cannot be read, as it is shown.
pub fn damaged(heard: Heard, source: Option<MacAddr>, why: String) -> DamagedRow {
    DamagedRow {
        heard,
        ether_source: source,
        why,
    }
}

impl<'f> From<&'f CapturedFrame> for Bare<'f> {
    fn from(frame: &'f CapturedFrame) -> Self {
        Self {
            source: frame.source_mac.map(MacAddr),
            ether_type: frame.ether_type,
            payload: &frame.payload,
        }
    }
}
