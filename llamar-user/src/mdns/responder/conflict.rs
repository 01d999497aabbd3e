//! Names that another host has too (RFC 6762 8.1, 9).

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::Responder;
use super::claims::{ClaimId, Stage};
use super::publish::Cause;
use crate::config::OnConflict;
use crate::dns::Name;
use crate::mdns::{Event, Lost, Outcome, Rule, Rules, Turn};

/// RFC 6762 8.1: with so many conflicts ...
const CONFLICTS_MAX: usize = 15;
/// ... in such a time ...
const WINDOW: Duration = Duration::from_secs(10);
/// ... a host waits so long before each attempt.
const SLOW: Duration = Duration::from_secs(5);
/// How long a withdrawn name is left alone: at first, twice as long after each loss in a row, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3600));
/// How often a name that is kept against the rules is defended: two that both keep it would never be silent (RFC 5227 2.4 c
/// has the same for addresses).
const DEFEND: Duration = Duration::from_secs(10);

/// The conflicts of late, and whether there are too many.
#[derive(Debug, Default)]
pub(super) struct Pace {
    conflicts: VecDeque<Instant>,
    slow: bool,
}

impl Pace {
    /// Counts a conflict.
    fn count(&mut self, now: Instant) {
        self.calm_down(now);
        if self.conflicts.len() == CONFLICTS_MAX {
            self.conflicts.pop_front();
        }
        self.conflicts.push_back(now);
        let many = self.conflicts.len() == CONFLICTS_MAX;
        let first = self.conflicts.front();
        self.slow |= many && first.is_some_and(|first| now <= *first + WINDOW);
    }

    /// How long the next attempt waits. RFC 6762 8.1: each successive one, until there is quiet.
    pub(super) fn pause(&mut self, now: Instant, rules: Rules) -> Duration {
        self.calm_down(now);
        if self.slow && rules.hold(Rule::Pace) {
            SLOW
        } else {
            Duration::ZERO
        }
    }

    fn calm_down(&mut self, now: Instant) {
        let last = self.conflicts.back();
        if last.is_none_or(|last| *last + WINDOW < now) {
            self.slow = false;
        }
    }
}

impl Responder {
    /// Another host has a name that we use, or probe for.
    pub(super) fn conflict(&mut self, turn: &mut Turn<'_>, id: ClaimId, culprit: IpAddr) {
        if !turn.rules.hold(Rule::GiveWay) {
            return;
        }
        let Some(stage) = self.claims.get(id).map(super::Claim::stage) else {
            return;
        };
        match (self.on_conflict, stage) {
            (OnConflict::Keep, Stage::Held | Stage::Probing { .. }) => {
                self.keep_on(turn, id, culprit)
            }
            // RFC 6762 9: its records are not ours any more until probing has told whose they are.
            (_, Stage::Held) => {
                self.pace.count(turn.now);
                self.probe(turn, &[id]);
                self.publish(turn, &[id], Cause::Silence);
            }
            // RFC 6762 8.1: who has it already keeps it.
            (_, Stage::Probing { .. }) => {
                self.pace.count(turn.now);
                self.lose(turn, id, culprit);
            }
            (_, Stage::Down | Stage::Waiting { .. } | Stage::Withdrawn { .. }) => {}
        }
    }

    /// A name is not ours.
    fn lose(&mut self, turn: &mut Turn<'_>, id: ClaimId, culprit: IpAddr) {
        let other = self.claims.alternative(id);
        let renames = self.on_conflict == OnConflict::Rename;
        let Some(claim) = self.claims.get_mut(id) else {
            return;
        };
        claim.losses = claim.losses.saturating_add(1);
        claim.vain.get_or_insert((turn.now, false));
        claim.sure = false;
        let name = claim.used().clone();
        let news = claim.blame(culprit);
        let outcome = match other.filter(|_| renames) {
            Some((to, number)) => {
                self.claims.call(id, to.clone(), number);
                self.probe(turn, &[id]);
                Outcome::Renamed { to }
            }
            None => {
                let retry = turn.now + pause(turn.rng, claim.losses);
                self.claims.enter(id, Stage::Withdrawn { retry });
                Outcome::Withdrawn { retry }
            }
        };
        let news = news || matches!(outcome, Outcome::Renamed { .. });
        tell(turn, name, culprit, outcome, news);
        // RFC 6762 9: it ceases to be used. Services on it follow, or end with a goodbye.
        self.publish(turn, &[id], Cause::Standing);
    }

    /// A name stays in use that another host has.
    fn keep_on(&mut self, turn: &mut Turn<'_>, id: ClaimId, culprit: IpAddr) {
        let Some(claim) = self.claims.get_mut(id) else {
            return;
        };
        let news = claim.blame(culprit);
        let name = claim.used().clone();
        let is_due = claim.defended.is_none_or(|last| last + DEFEND <= turn.now);
        let defended = if is_due && claim.stage() == Stage::Held {
            claim.defended = Some(turn.now);
            claim.ids.clone()
        } else {
            BTreeSet::new()
        };
        tell(turn, name, culprit, Outcome::Kept, news);
        let is_unique = |zone: &super::Zone, id| {
            let entry = zone.entry(id);
            entry.is_some_and(|entry| entry.role == super::zone::Role::Unique)
        };
        for id in defended {
            if is_unique(&self.zone, id) {
                self.announce(turn, id, turn.now, 1);
            }
        }
        self.announce_on(turn);
    }

    /// See [`Responder::rename`].
    pub(super) fn call_also(&mut self, turn: &mut Turn<'_>, wanted: &Name, to: &Name) {
        let id = self.claims.wanting(wanted);
        let (Some(id), None) = (id, self.claims.using(to)) else {
            return;
        };
        self.claims.rename(id, to.clone());
        if self.is_up() {
            self.probe(turn, &[id]);
            // RFC 6762 10.1: here the old name was ours, and ends.
            self.publish(turn, &[id], Cause::Standing);
        }
    }
}

fn tell(turn: &mut Turn<'_>, name: Name, culprit: IpAddr, outcome: Outcome, news: bool) {
    turn.events.push_back(Event::Conflict(Lost {
        device: turn.device,
        name,
        culprit,
        outcome,
        news,
    }));
}

/// How long a withdrawn name is left alone. Chance keeps apart those who would meet again.
fn pause(rng: &mut StdRng, losses: u32) -> Duration {
    let doublings = losses.saturating_sub(1).min(16);
    let pause = (RETRY.0 * (1 << doublings)).min(RETRY.1);
    pause + rng.random_range(Duration::ZERO..=pause / 4)
}
