//! What is claimed, and what becomes of it.

use std::net::Ipv4Addr;
use std::time::Instant;

use crate::arp::{Arrival, Policy, Station, Then};
use crate::ether::{MacAddr, Tag};

/// Which address is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// This one.
    Fixed(Ipv4Addr),
    /// Any of 169.254.0.0/16 that nobody else has (RFC 3927 2.1): the one that was had before first, if it is known.
    LinkLocal {
        /// The one that was had before.
        before: Option<Ipv4Addr>,
    },
}

/// How an address is claimed.
#[derive(Clone, Debug)]
pub struct Claiming {
    /// The interface's hardware address.
    pub mac: MacAddr,
    /// Hardware addresses of this host's other interfaces: what they send is no conflict, but over a link-local address.
    pub others: Vec<MacAddr>,
    /// Which address.
    pub candidate: Candidate,
    /// What it is worth. RFC 3927 2.5: conflicts over a link-local address are never ignored, so that
    /// [`Policy::Keep`] counts as [`Policy::DefendOnce`] there.
    pub policy: Policy,
    /// Answers requests for the address while it is held (RFC 5227 2.5): wanted unless the kernel has it.
    pub answer: bool,
    /// The VLAN.
    pub tag: Option<Tag>,
    /// Pads frames to 60 bytes.
    pub padding: bool,
}

impl Claiming {
    /// A claim that defends its address once and answers for it.
    pub fn new(mac: MacAddr, candidate: Candidate) -> Self {
        Self {
            mac,
            others: Vec::new(),
            candidate,
            policy: Policy::default(),
            answer: true,
            tag: None,
            padding: false,
        }
    }
}

/// How a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody is asked yet: after many conflicts this attempt has to wait until a time (RFC 5227 2.1.1).
    Paused(Instant),
    /// Others are asked whether they have the address; it must not be used.
    Probing,
    /// It is ours.
    Held,
    /// Another host has it.
    Lost,
    /// It was given back.
    Released,
}

/// What becomes of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An attempt begins.
    Begun {
        /// The address.
        address: Ipv4Addr,
        /// When, if it has to wait because there were too many conflicts.
        paused_until: Option<Instant>,
    },
    /// A probe goes out.
    Probed {
        /// The address.
        address: Ipv4Addr,
        /// The how manieth, from 1.
        number: u32,
    },
    /// The address is ours from now on.
    Held {
        /// The address.
        address: Ipv4Addr,
    },
    /// An announcement goes out: those after the first of an address that is held.
    Announced {
        /// The address.
        address: Ipv4Addr,
        /// The how manieth, from 1.
        number: u32,
    },
    /// Another host uses the address, or wants it.
    Conflict(Conflict),
    /// Another host has the address: it must not be used any more. Its connections should be reset first
    /// (RFC 5227 2.4).
    Lost {
        /// The address.
        address: Ipv4Addr,
        /// Whether it was held; else it was only probed for.
        was_held: bool,
        /// Who has it.
        by: Station,
    },
    /// Somebody asked for the address and was answered.
    Answered {
        /// Who asked; its address is 0.0.0.0 if it probed.
        asker: Station,
    },
    /// The address was given back.
    Released {
        /// The address.
        address: Ipv4Addr,
    },
}

/// Another host with the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The address.
    pub address: Ipv4Addr,
    /// The other host: its hardware address, and the address that its packet tells (0.0.0.0 if it only probes).
    pub by: Station,
    /// The packet, and in what frame it came.
    pub arrival: Arrival,
    /// Whether the address was held when it came.
    pub was_held: bool,
    /// What is done about it.
    pub then: Then,
    /// Conflicting packets before this one that were met by silence since the last report.
    pub unreported: u64,
}
