//! One address as it stands.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::Origin;
use crate::arp::timing::{
    ANNOUNCE_INTERVAL, ANNOUNCE_NUM, ANNOUNCE_WAIT, PROBE_MAX, PROBE_MIN, PROBE_NUM, PROBE_WAIT,
};
use crate::arp::{Defence, Policy};
use crate::config::OnAddressConflict;
use crate::ndp::{DUP_ADDR_DETECT_TRANSMITS, MAX_NEIGHBOR_ADVERTISEMENT, RETRANS_TIMER};

/// An address of a link.
#[derive(Debug)]
pub(super) struct Held {
    pub origin: Origin,
    pub phase: Phase,
    /// Whether it may be answered for.
    pub answered: bool,
    /// When its next frame or step is due.
    pub due: Option<Instant>,
    /// When it was announced last.
    pub announced: Option<Instant>,
    /// What is done about conflicts; none where they are only told of.
    pub defence: Option<Defence>,
}

/// What is going on with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing, but for what is repeated.
    Quiet,
    /// So many probes were sent; nobody has it so far.
    Probing(u32),
    /// It is to be announced so many times more.
    Announcing(u32),
    /// Another host has it. Looked at again when that host was silent for some time.
    Taken,
}

impl Held {
    pub fn new(address: IpAddr, origin: Origin, on_conflict: OnAddressConflict) -> Self {
        Self {
            origin,
            phase: Phase::Quiet,
            answered: true,
            due: None,
            announced: None,
            defence: policy(address, on_conflict).map(Defence::new),
        }
    }
}

/// What RFC 5227 2.4 calls what the configuration wants.
fn policy(address: IpAddr, on_conflict: OnAddressConflict) -> Option<Policy> {
    // RFC 3927 2.5: a link-local address is defended once or given up, and conflicts are never ignored.
    let link_local = matches!(address, IpAddr::V4(address) if address.is_link_local());
    match on_conflict {
        _ if link_local => Some(Policy::DefendOnce),
        OnAddressConflict::Defend => Some(Policy::Keep),
        OnAddressConflict::Withdraw => Some(Policy::DefendOnce),
        OnAddressConflict::Report => None,
    }
}

/// How often and when the frames for an address are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// Number of probes.
    pub probes: u32,
    /// Number of announcements.
    pub announcements: u32,
    /// Between two announcements of one cause.
    pub interval: Duration,
    /// Least time between any two announcements.
    pub least: Duration,
}

// RFC 5227 1.1, 2.1.1, 2.3.
const ARP: Schedule = Schedule {
    probes: PROBE_NUM,
    announcements: ANNOUNCE_NUM,
    interval: ANNOUNCE_INTERVAL,
    least: Duration::ZERO,
};

// RFC 4862 5.1, 5.4.2; RFC 4861 7.2.6: at most MAX_NEIGHBOR_ADVERTISEMENT, RetransTimer apart at least.
const ND: Schedule = Schedule {
    probes: DUP_ADDR_DETECT_TRANSMITS,
    announcements: MAX_NEIGHBOR_ADVERTISEMENT,
    interval: RETRANS_TIMER,
    least: RETRANS_TIMER,
};

impl Schedule {
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => ARP,
            IpAddr::V6(_) => ND,
        }
    }

    /// Before the first probe.
    pub fn first(&self, rng: &mut StdRng) -> Duration {
        // RFC 4862 5.4.2: MAX_RTR_SOLICITATION_DELAY, which is as long.
        rng.random_range(Duration::ZERO..=PROBE_WAIT)
    }

    /// After so many probes: until the next one, or until it is known that nobody has the address.
    pub fn after(&self, address: IpAddr, probes: u32, rng: &mut StdRng) -> Duration {
        match address {
            IpAddr::V6(_) => RETRANS_TIMER,
            IpAddr::V4(_) if probes < self.probes => rng.random_range(PROBE_MIN..=PROBE_MAX),
            IpAddr::V4(_) => ANNOUNCE_WAIT,
        }
    }
}
