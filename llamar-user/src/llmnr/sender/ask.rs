//! What an asker is told, and what it wants done.

use std::net::IpAddr;
use std::time::Duration;

use crate::dns::Question;

/// What is asked, and how.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The question.
    pub question: Question,
    /// Whose answers are wanted.
    pub collect: Collect,
    /// How long answers are waited for: `None` is what RFC 4795 2.7 asks for.
    pub patience: Option<Duration>,
    /// Asks this host alone, over TCP.
    pub server: Option<IpAddr>,
    /// Sends an OPT record that tells this UDP payload size (RFC 6891 6.2.3). Not all responders take one.
    pub payload: Option<u16>,
}

impl Ask {
    /// A question to everybody, for the first answer.
    pub fn new(question: Question) -> Self {
        Self {
            question,
            collect: Collect::First,
            patience: None,
            server: None,
            payload: None,
        }
    }
}

/// Whose answers are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collect {
    /// The first with records is enough, and those who share its name.
    First,
    /// Everybody's.
    All,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Send a datagram by a path, from its address to the group of that address's family.
    Datagram {
        /// Index of the path.
        path: usize,
        /// The message.
        message: Vec<u8>,
    },
    /// Connect to a host by a path with TTL 1, and send a message.
    Connect {
        /// What the connection is called from now on.
        stream: usize,
        /// Index of the path.
        path: usize,
        /// The host.
        to: IpAddr,
        /// The message.
        message: Vec<u8>,
    },
    /// Close a connection.
    Close {
        /// The connection.
        stream: usize,
    },
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The network says that there is no such host (an ICMP message, or no answer to ARP).
    Unreachable,
    /// The host has nobody on that port, or closed the connection.
    Closed,
}
