//! Late duplicates: others who use or want an address that is ours (RFC 4862 5.4.4). What is to be done about it the RFC
//! leaves open; here it is told, with who did it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use super::outbox::Outbox;
use super::port::Heard;
use super::rules::{Rule, Rules};
use super::{Message, Port};
use crate::ether::{Engine, MacAddr};

/// Between two reports about the same station and address.
const REPEAT: Duration = Duration::from_secs(10);
/// Between two reports about whomever, once the first few are through: a station may invent others.
const PACE: Duration = Duration::from_secs(1);
/// Reports at once.
const BURST: u32 = 8;
/// Stations and addresses that are remembered; BURST and PACE let no more in within REPEAT.
const REMEMBERED_MAX: usize = 64;

/// What another station does with an address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// It says that it has the address.
    Advertised,
    /// It checks whether it can have the address. Whoever answers it keeps the address.
    Checked,
}

/// A conflict about an address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The address.
    pub address: Ipv6Addr,
    /// The hardware address that is told, otherwise the one that the frame came from.
    pub mac: MacAddr,
    /// The hardware address that the frame came from.
    pub ether_source: MacAddr,
    /// What it does.
    pub how: How,
    /// How many of its kind there have been since the last report, this one included.
    pub times: u64,
}

/// Listens for conflicts about addresses.
#[derive(Debug)]
pub struct Defence {
    port: Port,
    own: BTreeSet<MacAddr>,
    addresses: BTreeSet<Ipv6Addr>,
    reports: Reports,
    outbox: Outbox<Conflict>,
}

impl Defence {
    /// One that has nothing to defend yet.
    pub fn new(now: Instant, port: Port) -> Self {
        Self {
            port,
            own: BTreeSet::from([port.mac]),
            addresses: BTreeSet::new(),
            reports: Reports::new(now, Rules::default()),
            outbox: Outbox::default(),
        }
    }

    /// Sets which addresses are ours, and which hardware addresses besides the port's: other interfaces of this host on
    /// the same link.
    pub fn follow(
        &mut self,
        addresses: BTreeSet<Ipv6Addr>,
        own: impl IntoIterator<Item = MacAddr>,
    ) {
        self.addresses = addresses;
        self.own = own.into_iter().chain([self.port.mac]).collect();
    }
}

impl Engine for Defence {
    type Event = Conflict;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        let Some(heard) = self.port.hear(frame) else {
            return;
        };
        let conflict = conflict(&heard).filter(|conflict| {
            let foreign = |mac| !self.own.contains(&mac);
            // RFC 4862 5.4.3: what comes from ourselves is no conflict. One of both is enough: a station that tells our
            // hardware address from another one is not ours.
            let is_foreign = foreign(conflict.mac) || foreign(conflict.ether_source);
            is_foreign && self.addresses.contains(&conflict.address)
        });
        if let Some(conflict) = conflict.and_then(|conflict| self.reports.admit(now, conflict)) {
            self.outbox.tell(conflict);
        }
    }

    /// Nothing is ever due.
    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Conflict> {
        self.outbox.event()
    }
}

/// What a message says about the holder of an address, if it is from anybody but us.
// RFC 4862 5.4.4: D14. An advertisement by another, or another's detection of a duplicate (5.4.3).
pub(super) fn conflict(heard: &Heard) -> Option<Conflict> {
    let (address, mac, how) = match &heard.packet.message {
        Message::Advertisement(advertisement) => {
            let mac = advertisement.target_mac.unwrap_or(heard.source);
            (advertisement.target, mac, How::Advertised)
        }
        Message::Solicitation(solicitation) if heard.packet.source.is_unspecified() => {
            (solicitation.target, heard.source, How::Checked)
        }
        Message::Solicitation(_) => return None,
    };
    Some(Conflict {
        address,
        mac,
        ether_source: heard.source,
        how,
        times: 1,
    })
}

/// Which conflicts are told: each station once in a while, all together not too often.
#[derive(Debug)]
pub(super) struct Reports {
    rules: Rules,
    known: BTreeMap<Key, Known>,
    /// Reports that may be made at once, and when their number was last right.
    budget: u32,
    since: Instant,
}

type Key = (Ipv6Addr, MacAddr, How);

#[derive(Debug)]
struct Known {
    reported: Instant,
    times: u64,
}

impl Reports {
    pub fn new(now: Instant, rules: Rules) -> Self {
        Self {
            rules,
            known: BTreeMap::new(),
            budget: BURST,
            since: now,
        }
    }

    /// The conflict as it is to be told, if it is.
    pub fn admit(&mut self, now: Instant, conflict: Conflict) -> Option<Conflict> {
        if !self.rules.hold(Rule::Pace) {
            return Some(conflict);
        }
        let key = (conflict.address, conflict.mac, conflict.how);
        if let Some(known) = self.known.get_mut(&key) {
            known.times = known.times.saturating_add(1);
            if now.saturating_duration_since(known.reported) < REPEAT {
                return None;
            }
        }
        self.refill(now);
        self.budget = self.budget.checked_sub(1)?;
        let times = self.known.get(&key).map_or(1, |known| known.times);
        let fresh = |known: &Known| now.saturating_duration_since(known.reported) < REPEAT;
        if self.known.len() >= REMEMBERED_MAX {
            self.known.retain(|_, known| fresh(known));
        }
        let reported = now;
        self.known.insert(key, Known { reported, times: 0 });
        Some(Conflict { times, ..conflict })
    }

    fn refill(&mut self, now: Instant) {
        while self.budget < BURST && now.saturating_duration_since(self.since) >= PACE {
            self.budget += 1;
            self.since += PACE;
        }
        if self.budget == BURST {
            self.since = now;
        }
    }
}
