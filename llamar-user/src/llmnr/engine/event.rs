//! What the engine gives: datagrams to be sent, and what happened.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use llamar_common::abi::LinkKey;
use llamar_common::wire::{ip, udp};

use crate::dns::{Name, Question};

/// A datagram to be sent on a link, from port 5355.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The link.
    pub key: LinkKey,
    /// Our address to send it from.
    pub source: IpAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// The message.
    pub message: Vec<u8>,
    /// What it is for.
    pub why: Why,
}

/// What a datagram is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A query that verifies a name.
    Verification,
    /// The response to a question.
    Response(Question),
}

/// What came of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// A response is sent, at once or after a random delay.
    Responded {
        /// What was asked.
        question: Question,
    },
    /// Too many responses wait already: there is none to this query.
    Dropped {
        /// What was asked.
        question: Question,
    },
    /// A query with C set, for a name of ours that is now checked, or is being checked already.
    Doubted {
        /// What is doubted.
        question: Question,
    },
    /// A query of our own came back.
    Echo,
    /// A response to a verification of ours.
    Heard,
}

/// What happened that the log or the tables of others should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A name was verified: it is unique.
    Verified {
        /// The link.
        key: LinkKey,
        /// The name in use.
        name: Name,
    },
    /// A withdrawn name is tentative again, and verified once more.
    Retried {
        /// The link.
        key: LinkKey,
        /// The claimed name.
        name: Name,
    },
    /// Another host has a name of ours, and by the rules we have to give in.
    Conflict {
        /// The link.
        key: LinkKey,
        /// The name, as it was in use.
        name: Name,
        /// The address that our query came from.
        ours: IpAddr,
        /// The other host's address.
        culprit: IpAddr,
        /// What became of the name.
        outcome: Outcome,
        /// Whether this host has not been seen with the name since that was last verified: then it is worth a line
        /// in the log.
        news: bool,
    },
    /// Another host has a name of ours too, and by the rules is the one that has to give in.
    Defended {
        /// The link.
        key: LinkKey,
        /// The name, as it is in use.
        name: Name,
        /// The address that our query came from.
        ours: IpAddr,
        /// The other host's address.
        culprit: IpAddr,
    },
    /// Another host says that a name of ours is not unique; it is checked.
    Doubted {
        /// The link.
        key: LinkKey,
        /// What is doubted.
        question: Question,
        /// Who says so.
        by: IpAddr,
        /// Its message, whose additional section should be logged and is otherwise ignored (RFC 4795 4.2).
        message: Vec<u8>,
    },
    /// Two links turned out to be the same one, reached by two interfaces, or ceased to be. Names in use on both are
    /// responded with C set meanwhile.
    SameLink {
        /// One.
        key: LinkKey,
        /// The other.
        other: LinkKey,
        /// Whether they are the same now.
        same: bool,
    },
}

/// What became of a name that another host has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stays in use.
    Kept,
    /// It is not used on the link.
    Withdrawn {
        /// When it is verified again.
        retry: Instant,
    },
    /// Another one is verified in its place.
    Renamed {
        /// The new name.
        to: Name,
    },
}

impl Transmit {
    /// A query to the group of its source's family.
    pub(super) fn query(key: LinkKey, source: IpAddr, message: Vec<u8>) -> Self {
        let group = match source {
            IpAddr::V4(_) => IpAddr::from(ip::v4::LLMNR),
            IpAddr::V6(_) => IpAddr::from(ip::v6::LLMNR),
        };
        Self {
            key,
            source,
            to: SocketAddr::new(group, udp::LLMNR),
            message,
            why: Why::Verification,
        }
    }
}
