//! What is asked, and how.

use std::net::Ipv4Addr;
use std::time::Duration;

use llamar_common::wire::arp::REQUEST;

use crate::arp::{Packet, Station};
use crate::ether::{MacAddr, Tag};

/// What is asked, how often, and with which fields. [`Ask::new`] has what is usual.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The interface's hardware address.
    pub mac: MacAddr,
    /// The address that we tell; `None` asks without telling one, as a probe does (RFC 5227 1.1).
    pub sender_ip: Option<Ipv4Addr>,
    /// Whom it is asked for; each counts once.
    pub targets: Vec<Ipv4Addr>,
    /// The operation: a request; with a reply something is told rather than asked.
    pub operation: u16,
    /// Frames to each target; `None`: without end.
    pub count: Option<u32>,
    /// Time between two frames to one target.
    pub interval: Duration,
    /// How long answers to the last frames are waited for.
    pub wait: Duration,
    /// When it ends whatever is still to do.
    pub deadline: Option<Duration>,
    /// A target that answered is not asked again.
    pub at_once: bool,
    /// Asks a target's hardware address alone once it is known.
    pub unicast: bool,
    /// Heeds only what answers a request of ours: no requests or announcements that others send by themselves.
    pub solicited_only: bool,
    /// The Ethernet source, if it is another one than the interface's.
    pub source: Option<MacAddr>,
    /// The Ethernet destination, if it is another one than all.
    pub destination: Option<MacAddr>,
    /// The packet's sender, if it is another one than the Ethernet source.
    pub sender_mac: Option<MacAddr>,
    /// The packet's target, if it is another one than zero.
    pub target_mac: Option<MacAddr>,
    /// The VLAN.
    pub tag: Option<Tag>,
    /// Pads frames to 60 bytes.
    pub padding: bool,
    /// Tells of all other packets too, as [`Event::Heard`](super::Event::Heard).
    pub verbose: bool,
}

impl Ask {
    /// Broadcasts a request to each target every second without end, and waits a second after the last.
    pub fn new(mac: MacAddr, sender_ip: Option<Ipv4Addr>, targets: Vec<Ipv4Addr>) -> Self {
        Self {
            mac,
            sender_ip,
            targets,
            operation: REQUEST,
            count: None,
            interval: Duration::from_secs(1),
            wait: Duration::from_secs(1),
            deadline: None,
            at_once: false,
            unicast: false,
            solicited_only: false,
            source: None,
            destination: None,
            sender_mac: None,
            target_mac: None,
            tag: None,
            padding: false,
            verbose: false,
        }
    }

    /// The packet for a target.
    pub fn packet(&self, target: Ipv4Addr) -> Packet {
        Packet {
            operation: self.operation,
            sender: Station {
                mac: self.sender_mac.unwrap_or(self.ether_source()),
                ip: self.sender_ip.unwrap_or(Ipv4Addr::UNSPECIFIED),
            },
            target: Station {
                // RFC 5227 2.1.1: zero in a probe; in other requests it is undetermined (RFC 826, Packet Generation).
                mac: self.target_mac.unwrap_or(MacAddr::ZERO),
                ip: target,
            },
        }
    }

    /// Where frames come from.
    pub fn ether_source(&self) -> MacAddr {
        self.source.unwrap_or(self.mac)
    }

    /// The address without an override to which a frame goes, whose target was heard at `known`.
    pub(super) fn ether_destination(&self, known: Option<MacAddr>) -> MacAddr {
        let known = known.filter(|mac| self.unicast && self.may_unicast() && mac.is_station());
        self.destination.or(known).unwrap_or(MacAddr::BROADCAST)
    }

    /// RFC 5227 1.1: a probe is broadcast. RFC 3927 2.5: and so is whatever tells a link-local address.
    fn may_unicast(&self) -> bool {
        self.sender_ip.is_some_and(|sender| !sender.is_link_local())
    }

    /// Hardware addresses from which nothing is an answer: a hub may send us our own frames back.
    pub(super) fn own(&self) -> [MacAddr; 3] {
        let source = self.ether_source();
        [self.mac, source, self.sender_mac.unwrap_or(source)]
    }
}
