//! What becomes of a name that is another's (RFC 4795 4.1, 4.2): withdrawn, kept against the rules, or replaced.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::claim::{Claim, Phase};
use super::link::{Link, Turn};
use super::rename::numbered;
use super::{Event, Outcome, Why};
use crate::config::OnConflict;
use crate::dns::{Name, kind};

/// Names that are tried in a row after a loss; a host that takes all of them does so on purpose.
const RENAMES_MAX: u32 = 10;

/// A response to which we have to give in.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// Where our query came from.
    pub ours: IpAddr,
    /// Where the response came from.
    pub culprit: IpAddr,
    /// The TTL of the response.
    pub ttl: Option<u32>,
}

impl Link {
    /// Takes note of another host that has a name of ours and has to give in by the rules: RFC 4795 4.2, conflicts are
    /// logged.
    pub fn defend(&mut self, turn: &mut Turn<'_>, name: &Name, ours: IpAddr, culprit: IpAddr) {
        let Some(claim) = self.claims.get_mut(name) else {
            return;
        };
        // Each is told once.
        if claim.defended(culprit) {
            turn.events.push_back(Event::Defended {
                key: self.key,
                name: claim.used.as_ref().unwrap_or(name).clone(),
                ours,
                culprit,
            });
        }
    }

    /// Another host has a name of ours, and we have to give in.
    pub fn lose(&mut self, turn: &mut Turn<'_>, name: &Name, loss: Loss) {
        self.stop(name);
        let Some(claim) = self.claims.get_mut(name) else {
            return;
        };
        let used = claim.used.as_ref().unwrap_or(name).clone();
        let news = claim.conflict(loss.culprit);
        claim.inherited = false;
        claim.checked = Some(turn.now);
        let pause = claim.pause(turn.rng, turn.rules, loss.ttl);
        let outcome = match self.on_conflict {
            OnConflict::Keep => self.keep(turn.now, name, pause),
            OnConflict::Withdraw => self.withdraw(turn.now, name, pause),
            OnConflict::Rename => match self.rename(turn, name) {
                Some(to) => Outcome::Renamed { to },
                None => self.withdraw(turn.now, name, pause),
            },
        };
        if outcome != Outcome::Kept {
            self.silence(turn, &used);
        }
        turn.events.push_back(Event::Conflict {
            key: self.key,
            name: used,
            ours: loss.ours,
            culprit: loss.culprit,
            outcome,
            news,
        });
    }

    /// Gives a name no number any more.
    pub fn restore(&mut self, name: &Name) {
        if let Some(claim) = self.claims.get_mut(name) {
            claim.number = 1;
            if let Some(used) = claim.used.take() {
                self.renamed.remove(&used);
            }
        }
    }

    /// Puts the next free name in the place of one that is claimed; `None` if there is none.
    pub fn number(&mut self, name: &Name) -> Option<Name> {
        let first = self.claims.get(name)?.number.saturating_add(1);
        // One of as many names as there are is not among them.
        let last = first.saturating_add(u32::try_from(self.claims.len()).ok()?);
        let free =
            |name: &Name| !self.claims.contains_key(name) && !self.renamed.contains_key(name);
        let (number, used) = (first..=last)
            .filter_map(|number| Some((number, numbered(name, number)?)))
            .find(|(_, used)| free(used))?;
        self.restore(name);
        let claim = self.claims.get_mut(name)?;
        claim.number = number;
        claim.used = Some(used.clone());
        self.renamed.insert(used.clone(), name.clone());
        Some(used)
    }

    /// Does not say any more what waits to be said of a name.
    pub fn silence(&self, turn: &mut Turn<'_>, used: &Name) {
        turn.delayed.retain(|transmit| match &transmit.why {
            // A response to a PTR query may hold any name.
            Why::Response(question) => {
                transmit.key != self.key || question.name != *used && question.kind != kind::PTR
            }
            Why::Verification => true,
        });
    }

    /// An administrator's order against RFC 4795 4.1 and 4.2: the name stays in use.
    fn keep(&mut self, now: Instant, name: &Name, pause: Duration) -> Outcome {
        if let Some(claim) = self.claims.get_mut(name) {
            claim.phase = Phase::Unique;
            // One that nobody claimed is forgotten, though not before its culprit would be no news any more.
            let end = claim.vouched.then(|| now + pause);
            self.set_due(name, end);
        }
        Outcome::Kept
    }

    // RFC 4795 4.1, 4.2: the name is not used over any protocol, and verified again after the TTL at the earliest.
    fn withdraw(&mut self, now: Instant, name: &Name, pause: Duration) -> Outcome {
        let retry = now + pause;
        self.restore(name);
        if let Some(claim) = self.claims.get_mut(name) {
            claim.phase = Phase::Lost;
        }
        self.set_due(name, Some(retry));
        Outcome::Withdrawn { retry }
    }

    /// RFC 4795 4.2: the responder MAY configure a new name. It is verified like any other. What the zone holds for
    /// others and nobody claimed has one name only.
    fn rename(&mut self, turn: &Turn<'_>, name: &Name) -> Option<Name> {
        let may = |claim: &Claim| !claim.vouched && claim.losses <= RENAMES_MAX;
        if !self.claims.get(name).is_some_and(may) {
            return None;
        }
        let to = self.number(name)?;
        self.verify(turn, name);
        Some(to)
    }
}
