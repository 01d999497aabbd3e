//! Looks for who is there: asks all nodes for an echo, and addresses that are given one by one.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;

use super::Port;
use super::outbox::Outbox;
use crate::ether::{Engine, MacAddr};

/// Addresses that one survey may ask for: at 1,000 a second that takes 17 minutes for each round.
pub const ADDRESSES_MAX: u64 = 1 << 20;
/// Frames a second, at most.
pub const RATE_MAX: u32 = 10_000;

/// Consecutive addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: Ipv6Addr,
    /// The last.
    pub last: Ipv6Addr,
}

impl Range {
    /// The addresses of a prefix.
    pub fn prefix(address: Ipv6Addr, length: u8) -> Self {
        let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        Self {
            first: Ipv6Addr::from_bits(address.to_bits() & !host),
            last: Ipv6Addr::from_bits(address.to_bits() | host),
        }
    }

    /// How many they are; the largest number where they are more.
    pub fn count(self) -> u64 {
        let more = self.last.to_bits().checked_sub(self.first.to_bits());
        more.map_or(0, |more| {
            u64::try_from(more).map_or(u64::MAX, |more| more.saturating_add(1))
        })
    }
}

impl From<Ipv6Addr> for Range {
    fn from(address: Ipv6Addr) -> Self {
        Self {
            first: address,
            last: address,
        }
    }
}

/// Why a survey is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// More than [`ADDRESSES_MAX`].
    #[error("{0} addresses are too many to ask for one by one: {ADDRESSES_MAX} at most")]
    Addresses(u64),
}

/// What is looked for, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Who asks.
    pub port: Port,
    /// Addresses of ours: hosts answer from an address of the scope and prefix from which they are asked, so each of them
    /// asks all nodes.
    pub sources: Vec<Ipv6Addr>,
    /// Whether all nodes are asked.
    pub all_nodes: bool,
    /// Which addresses are asked for one by one.
    pub ranges: Vec<Range>,
    /// How many times all nodes, and each address that is silent, are asked.
    pub rounds: u32,
    /// Frames a second.
    pub rate: u32,
    /// How long answers are waited for after each round.
    pub wait: Duration,
}

impl Survey {
    /// All nodes, three times.
    pub fn new(port: Port, sources: Vec<Ipv6Addr>) -> Self {
        Self {
            port,
            sources,
            all_nodes: true,
            ranges: Vec::new(),
            rounds: 3,
            rate: 1_000,
            wait: Duration::from_secs(1),
        }
    }
}

/// What is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody is there. The same address again only with another hardware address.
    Found(Found),
    /// How far it is.
    Progress {
        /// Solicitations and echo requests that went out.
        asked: u64,
        /// How many there will be, as far as is known.
        total: u64,
    },
    /// All is asked and waited for.
    Done {
        /// Addresses that were found.
        found: u64,
        /// Addresses that answered, but were too many to be kept.
        dropped: u64,
    },
}

/// An address and who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The address.
    pub address: Ipv6Addr,
    /// Its hardware address.
    pub mac: MacAddr,
    /// Time between question and answer.
    pub rtt: Duration,
    /// Whether it says to be a router; not known of one that answered echo requests only.
    pub router: Option<bool>,
    /// Another station that answered for the same address before.
    pub rival: Option<MacAddr>,
}

/// Looks for who is there.
#[expect(dead_code, reason = "the engine follows")]
#[derive(Debug)]
pub struct Scan {
    rng: StdRng,
    survey: Survey,
    outbox: Outbox<Event>,
}

impl Scan {
    /// Begins.
    pub fn new(rng: StdRng, now: Instant, survey: Survey) -> Result<Self, TooMany> {
        let _ = now;
        Ok(Self {
            rng,
            survey,
            outbox: Outbox::default(),
        })
    }
}

impl Engine for Scan {
    type Event = Event;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        let _ = (now, frame);
    }

    fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.outbox.event()
    }
}
