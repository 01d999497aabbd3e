//! What is looked for and how, and what is found.

use std::net::Ipv6Addr;
use std::time::Duration;

use crate::ether::MacAddr;
use crate::ndp::{Port, RETRANS_TIMER};

/// Addresses that one survey may ask for one by one: at 1,000 a second that takes 17 minutes for each round.
pub const ADDRESSES_MAX: u64 = 1 << 20;
/// Frames a second, at most: above that a link of 10 Mbit/s has room for nothing else.
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
        let count = more.map_or(0, |more| more.saturating_add(1));
        u64::try_from(count).unwrap_or(u64::MAX)
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
pub enum SurveyError {
    /// More than [`ADDRESSES_MAX`].
    #[error("{0} addresses are too many to be asked for one by one: {ADDRESSES_MAX} at most")]
    Addresses(u64),
    /// No address of ours.
    // RFC 4861 4.3: to ask from `::` would be to check each address for duplicates, and take it from whoever is just
    // claiming it (RFC 4862 5.4.3).
    #[error("no IPv6 address to ask from")]
    NoSource,
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
    /// Frames a second, up to [`RATE_MAX`].
    pub rate: u32,
    /// How long answers are waited for after each round.
    pub wait: Duration,
    /// Whether that may be less than [`RETRANS_TIMER`].
    pub hasty: bool,
}

impl Survey {
    /// All nodes, three times.
    pub const fn new(port: Port, sources: Vec<Ipv6Addr>) -> Self {
        Self {
            port,
            sources,
            all_nodes: true,
            ranges: Vec::new(),
            rounds: 3,
            rate: 1_000,
            wait: RETRANS_TIMER,
            hasty: false,
        }
    }
}

/// What is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody is there. The same address comes again only with another hardware address.
    Found(Found),
    /// How far it is.
    Progress {
        /// How many questions went out, or need not any more.
        asked: u64,
        /// How many there are, as far as is known.
        total: u64,
    },
    /// All is asked and waited for.
    Done {
        /// Addresses that were found.
        found: u64,
        /// Answers for more addresses than are kept.
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
    /// Whether it says to be a router; not known of one that answered the echo request only.
    pub router: Option<bool>,
    /// Another station that answered for the same address before.
    pub rival: Option<MacAddr>,
}
