//! The addresses of one link: when each is probed for and announced, and what is done when another host uses it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use rand::rngs::StdRng;

use super::held::{Held, Phase, Schedule};
use super::queue::Queue;
use super::records::Records;
use super::speak::speak;
use super::{Origin, Outcome, Sent, Wanted};
use crate::config::OnAddressConflict;
use crate::ether::{MacAddr, Pace, Repeats};

/// Frames that are sent in a second at most, so that many addresses make no storm.
const FRAMES_PER_SECOND: u32 = 50;

/// What came of a turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A frame is to be sent.
    Send(IpAddr, Vec<u8>, Sent),
    /// An address that another host had is free.
    Free(IpAddr),
}

/// A link.
#[derive(Debug)]
pub(super) struct Link {
    pub wanted: Wanted,
    /// Whether there are more proxied addresses than are announced.
    is_crowded: bool,
    held: BTreeMap<IpAddr, Held>,
    queue: Queue,
    pace: Pace,
    pub records: Records,
}

impl Link {
    /// One that is down and has no addresses.
    pub fn new(wanted: &Wanted) -> Self {
        Self {
            wanted: Wanted {
                up: false,
                addresses: BTreeMap::new(),
                ..wanted.clone()
            },
            is_crowded: false,
            held: BTreeMap::new(),
            queue: Queue::default(),
            pace: Pace::per_second(FRAMES_PER_SECOND),
            records: Records::default(),
        }
    }

    /// Makes everything follow what is wanted now. Of addresses that a former agent has announced one announcement is
    /// enough.
    pub fn follow(&mut self, now: Instant, wanted: Wanted, inherited: bool, rng: &mut StdRng) {
        if self.wanted == wanted {
            return;
        }
        let former = std::mem::replace(&mut self.wanted, wanted);
        let was_crowded = std::mem::replace(&mut self.is_crowded, self.wanted.is_crowded());
        let anew = former.place() != self.wanted.place()
            || former.presence.announce != self.wanted.presence.announce
            || was_crowded != self.is_crowded;
        self.drop_those_gone();
        let addresses: Vec<_> = self
            .wanted
            .addresses
            .iter()
            .map(|(a, o)| (*a, *o))
            .collect();
        for (address, origin) in addresses {
            let on_conflict = self.wanted.presence.on_conflict;
            let known = self.held.contains_key(&address);
            if !known {
                self.held
                    .insert(address, Held::new(address, origin, on_conflict));
            }
            if let Some(held) = self.held.get_mut(&address) {
                held.answered |=
                    origin == Origin::Proxied && on_conflict != OnAddressConflict::Withdraw;
            }
            if anew || !known {
                self.begin(now, address, inherited, rng);
            } else if former.presence != self.wanted.presence {
                self.reconsider(now, address, rng);
            }
        }
        let addresses = &self.wanted.addresses;
        self.records
            .retain(|address| addresses.contains_key(address));
    }

    /// Forgets the addresses that are no longer wanted, or are another's than before.
    fn drop_those_gone(&mut self) {
        let wanted = &self.wanted.addresses;
        let gone = |(address, held): &(&IpAddr, &Held)| wanted.get(address) != Some(&held.origin);
        let gone: Vec<IpAddr> = self
            .held
            .iter()
            .filter(gone)
            .map(|(address, _)| *address)
            .collect();
        for address in gone {
            self.put(address, None);
            self.held.remove(&address);
        }
    }

    /// Goes on with an address under other rules.
    fn reconsider(&mut self, now: Instant, address: IpAddr, rng: &mut StdRng) {
        let presence = self.wanted.presence;
        let every = presence
            .every
            .filter(|_| self.wanted.up && self.announces(address));
        let Some(held) = self.held.get_mut(&address) else {
            return;
        };
        held.defence = Held::new(address, held.origin, presence.on_conflict).defence;
        match held.phase {
            // What was given up under the old rules may be kept under the new ones.
            Phase::Taken => self.begin(now, address, false, rng),
            Phase::Clear if held.announced.is_through() => {
                self.put(address, every.map(|every| now + every));
            }
            Phase::Probing(_) | Phase::Clear => {}
        }
    }

    /// Begins anew with all addresses, as when the link came up.
    pub fn restart(&mut self, now: Instant, rng: &mut StdRng) {
        let addresses: Vec<_> = self.held.keys().copied().collect();
        for address in addresses {
            self.begin(now, address, false, rng);
        }
    }

    /// Begins with an address: what this host has is announced at once, what it may not have is probed for.
    fn begin(&mut self, now: Instant, address: IpAddr, inherited: bool, rng: &mut StdRng) {
        let (up, announces) = (self.wanted.up, self.announces(address));
        let on_conflict = self.wanted.presence.on_conflict;
        let Some(held) = self.held.get_mut(&address) else {
            return;
        };
        let fresh = Held::new(address, held.origin, on_conflict);
        let schedule = Schedule::of(address);
        // RFC 5227 2.1: what was given up is probed for before it is used again.
        let (phase, due) = if !held.answered || (held.origin == Origin::Proxied && announces) {
            (Phase::Probing(0), Some(now + schedule.first(rng)))
        } else {
            let announcements = match inherited && announces {
                true => schedule.announcements.times(1),
                false => schedule.announcements(announces),
            };
            (Phase::Clear, held.announced.begin(now, announcements))
        };
        (held.phase, held.defence) = (phase, fresh.defence);
        self.put(address, due.filter(|_| up));
    }

    /// Whether an address is announced.
    fn announces(&self, address: IpAddr) -> bool {
        let origin = self.wanted.addresses.get(&address);
        let link_local = matches!(address, IpAddr::V4(address) if address.is_link_local());
        self.wanted.presence.announce
            && match origin {
                Some(Origin::Assigned) => true,
                // RFC 3927 2.7: nobody stands in for others in 169.254/16.
                Some(Origin::Proxied) => !link_local && !self.is_crowded,
                None => false,
            }
    }

    /// Sets when something is due for an address.
    fn put(&mut self, address: IpAddr, due: Option<Instant>) {
        if let Some(held) = self.held.get(&address) {
            self.queue.put(held.origin, address, due);
        }
    }

    /// When the next turn is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let earliest = self.queue.earliest()?;
        Some(self.pace.not_before(earliest))
    }

    /// Does one thing that is due; `None` if nothing is.
    pub fn turn(&mut self, now: Instant, rng: &mut StdRng) -> Option<Step> {
        loop {
            let address = self.queue.next(now)?;
            if !self.pace.is_free(now) {
                return None;
            }
            if let Some(step) = self.step(now, address, rng) {
                return Some(step);
            }
        }
    }

    /// Does what is due for an address. `None` where that is a state that was passed silently.
    fn step(&mut self, now: Instant, address: IpAddr, rng: &mut StdRng) -> Option<Step> {
        let schedule = Schedule::of(address);
        let announces = self.announces(address);
        let held = self.held.get_mut(&address)?;
        match held.phase {
            Phase::Probing(sent) if sent < schedule.probes => {
                held.phase = Phase::Probing(sent + 1);
                self.put(address, Some(now + schedule.after(address, sent + 1, rng)));
                Some(self.say(now, address, true, rng))
            }
            // RFC 5227 2.1.1, 2.3: nobody has it; the announcement is due now.
            Phase::Probing(_) => {
                let news = held.failures > 0;
                (held.answered, held.failures) = (true, 0);
                held.phase = Phase::Clear;
                let due = held.announced.begin(now, schedule.announcements(announces));
                self.put(address, due);
                news.then_some(Step::Free(address))
            }
            Phase::Clear => {
                let period = self.wanted.presence.every.filter(|_| announces);
                let announcements = Repeats {
                    period,
                    ..schedule.announcements
                };
                let due = held.announced.tell(now, announcements);
                self.put(address, due);
                Some(self.say(now, address, false, rng))
            }
            Phase::Taken => {
                held.phase = Phase::Probing(0);
                self.put(address, Some(now + schedule.first(rng)));
                None
            }
        }
    }

    fn say(&mut self, now: Instant, address: IpAddr, probe: bool, rng: &mut StdRng) -> Step {
        self.pace.spend(now);
        let (frame, sent) = speak(&self.wanted, address, probe, rng);
        Step::Send(address, frame, sent)
    }

    /// Whether an address is ours here.
    pub fn has(&self, address: IpAddr) -> bool {
        self.held.contains_key(&address)
    }

    /// The addresses that may not be answered for.
    pub fn withdrawn(&self) -> impl Iterator<Item = Ipv4Addr> {
        let withdrawn = self.held.iter().filter(|(_, held)| !held.answered);
        withdrawn.filter_map(|(address, _)| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        })
    }

    /// Another host asks whether anybody has an address; whether that ends our own asking.
    // RFC 5227 2.1.1: of two hosts that probe at the same time neither gets the address.
    pub fn probed(
        &mut self,
        now: Instant,
        address: IpAddr,
        by: MacAddr,
    ) -> Option<(Origin, Outcome, bool)> {
        let probing = matches!(self.held.get(&address)?.phase, Phase::Probing(_));
        probing.then(|| self.conflict(now, address, by)).flatten()
    }

    /// Another host uses an address: whose address it is, what is done, and whether that is news.
    pub fn conflict(
        &mut self,
        now: Instant,
        address: IpAddr,
        culprit: MacAddr,
    ) -> Option<(Origin, Outcome, bool)> {
        let announces = self.announces(address);
        let withdraws = self.wanted.presence.on_conflict == OnAddressConflict::Withdraw;
        let up = self.wanted.up;
        let held = self.held.get_mut(&address)?;
        let origin = held.origin;
        let outcome = match origin {
            _ if !up => Outcome::Noted,
            Origin::Proxied => held.meet_owner(announces, withdraws),
            Origin::Assigned => held.meet_other(now, announces),
        };
        match (outcome, held.phase) {
            // RFC 5227 2.4 (c): one announcement within the interval, so none of those that were to follow.
            (Outcome::Defended, _) => {
                let once = Schedule::of(address).announcements.times(1);
                let due = held.announced.begin(now, once);
                self.put(address, due);
            }
            (_, Phase::Taken) if up => {
                let due = now + held.quiet();
                self.put(address, Some(due));
            }
            _ => {}
        }
        let news = self.records.conflict(now, address, culprit, outcome);
        Some((origin, outcome, news))
    }
}
