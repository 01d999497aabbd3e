//! What is worth telling.

use std::net::IpAddr;
use std::time::Duration;

use super::{How, Place, Strange};
use crate::ether::MacAddr;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// When, since the epoch.
    pub at: Duration,
    /// Where.
    pub place: Place,
    /// Who.
    pub mac: MacAddr,
    /// The address that it is about.
    pub ip: Option<IpAddr>,
    /// How it was told.
    pub how: How,
    /// Whether the address is a router's: what happens to it concerns everybody.
    pub router: bool,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A station that was not known.
    New,
    /// An address of a station that is known by another.
    NewAddress,
    /// Another has the address now.
    Changed {
        /// Who had it.
        from: MacAddr,
        /// For how long, from the first to the last time that it was heard with it.
        had_for: Duration,
        /// How long it has been silent.
        silent_for: Duration,
    },
    /// The one before has the address again.
    FlipFlop {
        /// Who had it in between.
        from: MacAddr,
        /// How many changes between these two there have been since the last was told.
        times: u64,
    },
    /// One who had the address long ago has it again.
    Reused {
        /// Who had it last.
        from: MacAddr,
    },
    /// Two have the address at the same time.
    Duplicate {
        /// The other.
        other: MacAddr,
        /// How many changes between these two there have been since the last was told.
        times: u64,
    },
    /// It is heard again after a long silence.
    Back {
        /// How long it was silent.
        after: Duration,
    },
    /// The packet tells another hardware address than its frame is from.
    Mismatch {
        /// Whom the frame is from.
        source: MacAddr,
    },
    /// The address does not belong here.
    Bogon(Strange),
    /// The hardware address is a group's, or nobody's.
    NoStation,
    /// One station has come to have very many addresses: it answers for others, or makes addresses up.
    Many {
        /// How many within a day.
        addresses: u32,
    },
    /// One station asks for very many addresses: it, or somebody behind it, looks for hosts.
    Scan {
        /// For how many at least.
        addresses: u32,
        /// Within which time.
        within: Duration,
    },
}

impl What {
    /// Its name, which does not change: it stands in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::NewAddress => "new-address",
            Self::Changed { .. } => "changed",
            Self::FlipFlop { .. } => "flip-flop",
            Self::Reused { .. } => "reused",
            Self::Duplicate { .. } => "duplicate",
            Self::Back { .. } => "back",
            Self::Mismatch { .. } => "mismatch",
            Self::Bogon(_) => "bogon",
            Self::NoStation => "no-station",
            Self::Many { .. } => "many",
            Self::Scan { .. } => "scan",
        }
    }
}
