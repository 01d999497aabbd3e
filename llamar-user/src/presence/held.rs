//! One address as it stands.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::{Origin, Outcome};
use crate::arp::timing::{
    ANNOUNCE_WAIT, ANNOUNCEMENTS, PROBE_MAX, PROBE_MIN, PROBE_NUM, PROBE_WAIT, RATE_LIMIT_INTERVAL,
};
use crate::arp::{Defence, Policy, Then};
use crate::config::OnAddressConflict;
use crate::ether::{Repeats, Series};
use crate::ndp::{ADVERTISEMENTS, DUP_ADDR_DETECT_TRANSMITS, RETRANS_TIMER};

/// How often the time between two attempts is doubled at most: to about an hour.
const DOUBLED_MAX: u32 = 6;

/// An address of a link.
#[derive(Debug)]
pub(super) struct Held {
    pub origin: Origin,
    pub phase: Phase,
    /// Whether it may be answered for.
    pub answered: bool,
    /// Its announcements.
    pub announced: Series,
    /// How often it was taken by another host since it was last found free.
    pub failures: u32,
    /// What is done about conflicts; none where they are only told of.
    pub defence: Option<Defence>,
}

/// What is going on with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nobody else is known to have it: it is announced, where that is wanted.
    Clear,
    /// So many probes were sent; nobody has it so far.
    Probing(u32),
    /// Another host has it. Looked at again when that host was silent for some time.
    Taken,
}

impl Held {
    pub fn new(address: IpAddr, origin: Origin, on_conflict: OnAddressConflict) -> Self {
        Self {
            origin,
            phase: Phase::Clear,
            answered: true,
            announced: Series::default(),
            failures: 0,
            defence: policy(address, on_conflict).map(Defence::new),
        }
    }

    /// Another host uses an address of ours.
    pub fn meet_other(&mut self, now: Instant, announces: bool) -> Outcome {
        if matches!(self.phase, Phase::Taken | Phase::Probing(_)) {
            self.lose();
            return Outcome::Noted;
        }
        match self.defence.as_mut().map(|defence| defence.conflict(now)) {
            Some(Then::GiveUp) => {
                self.answered = false;
                self.lose();
                Outcome::Withdrawn
            }
            Some(Then::Announce) if announces => Outcome::Defended,
            _ => Outcome::Noted,
        }
    }

    /// The host for which we answer uses its address, which is not ours to defend.
    pub fn meet_owner(&mut self, announces: bool, withdraws: bool) -> Outcome {
        let was = (self.phase == Phase::Taken, self.answered);
        if withdraws || announces {
            self.lose();
        }
        self.answered &= !withdraws;
        match was {
            (_, true) if withdraws => Outcome::Withdrawn,
            (false, true) if announces => Outcome::Unannounced,
            _ => Outcome::Noted,
        }
    }

    /// How long nothing has to be heard of another host before the address is probed for again.
    // RFC 5227 2.1.1: new attempts are a minute apart. Where nothing but announcements depends on them they become rarer,
    // so that a long list of addresses that others have makes no traffic for ever.
    pub fn quiet(&self) -> Duration {
        match self.answered {
            true => {
                RATE_LIMIT_INTERVAL * 2u32.pow(self.failures.saturating_sub(1).min(DOUBLED_MAX))
            }
            false => RATE_LIMIT_INTERVAL,
        }
    }

    fn lose(&mut self) {
        if self.phase != Phase::Taken {
            self.phase = Phase::Taken;
            self.failures = self.failures.saturating_add(1);
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
    /// The announcements.
    pub announcements: Repeats,
}

// RFC 5227 1.1, 2.1.1, 2.3.
const ARP: Schedule = Schedule {
    probes: PROBE_NUM,
    announcements: ANNOUNCEMENTS,
};

// RFC 4862 5.1, 5.4.2; RFC 4861 7.2.6.
const ND: Schedule = Schedule {
    probes: DUP_ADDR_DETECT_TRANSMITS,
    announcements: ADVERTISEMENTS,
};

impl Schedule {
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => ARP,
            IpAddr::V6(_) => ND,
        }
    }

    /// The announcements of an address that is announced, or of one that is not.
    pub fn announcements(&self, announces: bool) -> Repeats {
        match announces {
            true => self.announcements,
            false => self.announcements.times(0),
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
