//! What the engine has found out.

use std::net::IpAddr;
use std::time::Instant;

use crate::dns::{Name, Record};

/// Something that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A name of ours is ours on an interface, as far as anybody can tell (RFC 6762 8.1).
    Verified {
        /// Index of the interface.
        device: u32,
        /// The name that is used.
        name: Name,
    },
    /// Another host has, or wants, a name of ours, and gets it or not.
    Conflict(Lost),
    /// Another host has claimed a name of ours and was told.
    Defended {
        /// Index of the interface.
        device: u32,
        /// The name.
        name: Name,
        /// Who claimed it.
        culprit: IpAddr,
    },
    /// No free name was found for a minute (RFC 6762 9: an error that users are told of). It is told once, and tried on.
    Nameless {
        /// Index of the interface.
        device: u32,
        /// The name that was wanted.
        wanted: Name,
    },
    /// A record that somebody asked for came, was changed or went.
    Record(Held),
}

/// A name of ours that another host has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Index of the interface.
    pub device: u32,
    /// The name as it was used.
    pub name: Name,
    /// Who has it.
    pub culprit: IpAddr,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Whether that is not what was told of this name and culprit last.
    pub news: bool,
}

/// What becomes of a name that another host has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is used nevertheless.
    Kept,
    /// It is not used, and tried again then.
    Withdrawn {
        /// When.
        retry: Instant,
    },
    /// Another is used in its place, everywhere and for good; it is yet to be verified.
    Renamed {
        /// The other name.
        to: Name,
    },
}

/// What happened to a record of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Index of the interface.
    pub device: u32,
    /// The record, its class without the top bit, and the TTL that it came with.
    pub record: Record,
    /// Who sent it last.
    pub from: IpAddr,
    /// What happened.
    pub change: Change,
}

/// What can happen to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It came.
    Added,
    /// It is not valid any more: a goodbye, a flush, its TTL, or the interface.
    Removed,
}
