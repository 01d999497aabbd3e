//! What is scanned, and what is found.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Spans;
use crate::arp::{Arrival, Station};
use crate::ether::{MacAddr, Tag};

/// Frames a second unless another pace is asked for: a /24 takes a second, and no switch or access point minds.
pub const PACE_DEFAULT: u32 = 250;

/// What is scanned, and how.
#[derive(Clone, Debug)]
pub struct Scanning {
    /// The interface's hardware address.
    pub mac: MacAddr,
    /// Our address there; `None` asks without telling one. It is not asked for.
    pub sender_ip: Option<Ipv4Addr>,
    /// Which addresses.
    pub spans: Spans,
    /// How often those are asked that say nothing.
    pub passes: u32,
    /// Frames a second at most.
    pub pace: u32,
    /// How long answers are waited for after each pass.
    pub wait: Duration,
    /// The VLAN.
    pub tag: Option<Tag>,
    /// Pads frames to 60 bytes.
    pub padding: bool,
}

impl Scanning {
    /// Asks for each address twice at most, a second apart, with 250 frames a second.
    pub fn new(mac: MacAddr, sender_ip: Option<Ipv4Addr>, spans: Spans) -> Self {
        Self {
            mac,
            sender_ip,
            spans,
            passes: 2,
            pace: PACE_DEFAULT,
            // RFC 1122 2.3.2.1: no more than one request to the same host in a second.
            wait: Duration::from_secs(1),
            tag: None,
            padding: false,
        }
    }
}

/// What a scan finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody has an address.
    Found(Found),
    /// How far it is: ten times a second at most.
    Progress(Progress),
    /// All are asked, and waited for.
    Done(Progress),
}

/// A host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who it is: the sender of its packet.
    pub station: Station,
    /// Time since it was asked last; `None` if it spoke unasked, or so late that this is not known any more.
    pub rtt: Option<Duration>,
    /// Whether it answered only after the time that answers are waited for.
    pub late: bool,
    /// Who else has the address, if somebody answered for it before.
    pub duplicate_of: Option<MacAddr>,
    /// The packet, and in what frame it came.
    pub arrival: Arrival,
}

/// How far a scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The pass, from 1.
    pub pass: u32,
    /// Requests sent in all passes.
    pub asked: u64,
    /// Requests in all if nobody answers any more.
    pub total: u64,
    /// Addresses that somebody has.
    pub found: u64,
    /// Addresses that more than one host has.
    pub duplicates: u64,
    /// Answers that came late.
    pub late: u64,
}
