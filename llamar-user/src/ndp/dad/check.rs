//! What is claimed and how, and what comes of it.

use std::net::Ipv6Addr;
use std::time::Duration;

use crate::ndp::{
    Conflict, DUP_ADDR_DETECT_TRANSMITS, MAX_RTR_SOLICITATION_DELAY, Port, RETRANS_TIMER, Schedule,
};

/// Which address is claimed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Who claims it.
    pub port: Port,
    /// The address.
    pub address: Ipv6Addr,
    /// DupAddrDetectTransmits: how many solicitations have to go unanswered; 0 takes the address unchecked.
    pub transmits: u32,
    /// RetransTimer: how long each of them waits.
    pub retrans: Duration,
    /// How long joining the group is delayed at most, by chance: [`MAX_RTR_SOLICITATION_DELAY`] if this is the first
    /// message of the interface, otherwise nothing (RFC 4862 5.4.2).
    pub delay: Duration,
    /// Whether solicitations bear nonces.
    pub nonces: bool,
    /// After how many rounds that all came back the address is taken for ours nonetheless; `None`: the link has to stop
    /// looping (RFC 7527 4.1).
    pub loops: Option<u32>,
    /// What comes after.
    pub after: After,
    /// How the address is announced once it is ours, if it is.
    pub announce: Option<Schedule>,
    /// R of the advertisements: this host is a router.
    pub router: bool,
}

impl Check {
    /// As the RFCs want it, at the start of an interface; nothing after.
    pub const fn new(port: Port, address: Ipv6Addr) -> Self {
        Self {
            port,
            address,
            transmits: DUP_ADDR_DETECT_TRANSMITS,
            retrans: RETRANS_TIMER,
            delay: MAX_RTR_SOLICITATION_DELAY,
            nonces: true,
            loops: None,
            after: After::Leave,
            announce: None,
            router: false,
        }
    }
}

/// What is done with an address that was found to be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Leave,
    /// Late duplicates are told of. Solicitations are answered by whoever has the address: the kernel.
    Watch,
    /// Late duplicates are told of, and solicitations answered: the kernel does not have the address.
    Hold,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The group is to be joined now, with a report to switches and routers (RFC 4862 5.4.2).
    Join {
        /// The solicited-node group of the address.
        group: Ipv6Addr,
    },
    /// A solicitation goes out.
    Asked {
        /// Which one it is, from 1.
        number: u32,
        /// How many there are to be, as far as is known.
        of: u32,
    },
    /// A solicitation of ours came back: the link loops (RFC 7527 4.2).
    Looped {
        /// How many have come back so far.
        total: u64,
    },
    /// Nobody else has the address: it is ours.
    Unique,
    /// Another has or wants the address: it must not be used (RFC 4862 5.4.5).
    Duplicate(Conflict),
    /// An advertisement of the address goes out.
    Announced {
        /// Which one it is, from 1.
        number: u32,
    },
    /// Another uses or wants the address that is ours already (RFC 4862 5.4.4).
    Late(Conflict),
}

/// Where the claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being found out.
    Tentative,
    /// It is ours.
    Ours,
    /// It is another's.
    Lost,
}
