//! Our records on one interface (RFC 6762 6 to 10): names are probed and announced, defended and given up, questions are
//! answered, and what ends is told.
//!
//! A `Claims` entry is a name that is wanted, and how far it is; when it is ours, its records are put into the
//! `Zone`, and only what is in there is ever answered. Of the names of addresses (reverse PTR) nobody else can
//! be the owner, so they are not probed and come and go with their host (RFC 6762 8.1).
//!
//! What the RFC leaves open:
//! - A service waits until its host's name is ours too, and is not offered while that is another's.
//! - A host that gets an address in a network where it had none may be on another link: everything is probed again. Another
//!   address in the same network is only announced (RFC 6762 8, 8.4).
//! - With `on-conflict = "keep"` a lost name stays in use, against RFC 6762 9: the administrator's order.
//! - A name whose probing meets a goodbye, or an NSEC record that tells of no type but ours, has met no conflict.
//! - What another program of this host tells of it is left to that program.
//! - Goodbyes are said at once even if the record was multicast less than a second ago, and again a second later.

mod additional;
mod announce;
mod answer;
mod askers;
mod claims;
mod conflict;
mod follow;
mod hear;
mod known;
mod neighbour;
mod probe;
mod publish;
mod queue;
mod records;
mod rename;
mod size;
mod speak;
mod tie;
mod unicast;
mod zone;

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use crate::config::OnConflict;
use crate::dns::{Name, Record};
use crate::mdns::{Family, Turn, Wanted};
use askers::Askers;
use claims::{Claim, Claims, Stage};
use conflict::Pace;
use queue::Queue;
use unicast::Unicasts;
use zone::{Id, Zone};

/// Our records on one interface.
#[derive(Debug, Default)]
pub struct Responder {
    claims: Claims,
    zone: Zone,
    on_conflict: OnConflict,
    /// The families that were spoken at last, none while the interface is down.
    families: Vec<Family>,
    /// The networks that we have addresses in.
    networks: BTreeSet<(IpAddr, u8)>,
    /// The addresses of all hosts that are claimed.
    speakers: BTreeSet<IpAddr>,
    /// Names that are left to other programs of their hosts.
    left: BTreeSet<Name>,
    pace: Pace,
    /// What is to be announced again, and when.
    rounds: BTreeSet<(Instant, Id)>,
    /// What ended and is told of again, and when.
    farewells: VecDeque<(Instant, Vec<Record>)>,
    /// What is to be multicast over each family.
    queues: [Queue; 2],
    unicasts: Unicasts,
    askers: Askers,
}

/// A claimed name, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The name that is wanted.
    pub wanted: Name,
    /// The name that is used in its place, or the same.
    pub used: Name,
    /// How it stands.
    pub state: State,
    /// Who has it too: at the last conflict since it was verified; after a rename, who has the wanted one.
    pub culprit: Option<IpAddr>,
}

/// How a claimed name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not verified yet, or not any more, and not answered for.
    Probing,
    /// It is ours.
    Verified,
    /// It is another's.
    Withdrawn {
        /// When it is probed again.
        retry: Instant,
    },
}

impl Responder {
    /// A responder that wants nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Becomes what is wanted: new names are probed and then announced, changed data is announced without probing
    /// (RFC 6762 8.4), what is gone gets its goodbye. If the interface came up, has one more family or an address in another
    /// network, everything is probed again (RFC 6762 8). The name kept from a former life is for names that are new.
    pub fn follow(&mut self, turn: &mut Turn<'_>, wanted: &Wanted) {
        self.become_wanted(turn, wanted);
        self.speak(turn);
    }

    /// Probes and announces everything anew: the machine slept (RFC 6762 8).
    pub fn wake(&mut self, turn: &mut Turn<'_>) {
        self.start_over(turn);
        self.speak(turn);
    }

    /// Says goodbye for everything that was announced (RFC 6762 10.1), and nothing more after that.
    pub fn shutdown(&mut self, turn: &mut Turn<'_>) {
        self.take_leave(turn);
    }

    /// Takes another's name for a wanted one: it was found on another interface, and a host is to have one name everywhere
    /// (RFC 6762 14).
    pub fn rename(&mut self, turn: &mut Turn<'_>, wanted: &Name, to: &Name) {
        self.call_also(turn, wanted, to);
        self.speak(turn);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        self.probe_on(turn);
        self.announce_on(turn);
        self.end_askers(turn);
        self.speak_unicast(turn);
        self.speak(turn);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` if nothing is due by itself.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let queues = self
            .families
            .iter()
            .map(|family| &self.queues[*family as usize]);
        let queues = queues.filter_map(Queue::poll_timeout);
        let others = [
            self.claims.poll_timeout(),
            self.rounds.first().map(|(at, _)| *at),
            self.farewells.front().map(|(at, _)| *at),
            self.unicasts.poll_timeout(),
            self.askers.poll_timeout(),
        ];
        queues.chain(others.into_iter().flatten()).min()
    }

    /// Every name that is claimed.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.claims.iter().map(|(_, claim)| standing(claim))
    }

    /// Whether a record is one of ours: as we tell it, or are going to if its name can be had.
    pub fn has(&self, record: &Record) -> bool {
        if self.zone.find(record).is_some() {
            return true;
        }
        let claim = self.claims.using(&record.owner);
        claim
            .and_then(|id| self.claims.get(id))
            .is_some_and(|claim| self.claims.proposes(claim, record))
    }
}

fn standing(claim: &Claim) -> Standing {
    Standing {
        wanted: claim.wanted().clone(),
        used: claim.used().clone(),
        state: match claim.stage() {
            Stage::Held => State::Verified,
            Stage::Withdrawn { retry } => State::Withdrawn { retry },
            Stage::Down | Stage::Waiting { .. } | Stage::Probing { .. } => State::Probing,
        },
        culprit: claim.culprit,
    }
}

#[cfg(test)]
mod tests;
