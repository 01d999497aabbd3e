//! The names of one link: what is done for each when, and what is heard of them (RFC 4795 4.1, 4.2).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::abi::LinkKey;
use rand::rngs::StdRng;

use super::claim::{Claim, Phase, Work};
use super::conflict::Loss;
use super::verify::Running;
use super::{Event, Transmit};
use crate::config::OnConflict;
use crate::dns::{Name, Question};
use crate::llmnr::delayed::Delayed;
use crate::llmnr::rules::{Rule, Rules};
use crate::llmnr::uniqueness::{Heard, Verdict};

/// Time between two checks of a name that other hosts caused. What is asked for meanwhile is done at its end.
pub const CHECK_DISTANCE: Duration = Duration::from_secs(2);
/// Names of the zone that nobody claimed and that are remembered because they were doubted; one entry takes some
/// hundred bytes.
pub const VOUCHED_MAX: usize = 1024;

/// One call of the engine: its time and chance, and where its results go.
pub struct Turn<'a> {
    pub now: Instant,
    pub rng: &'a mut StdRng,
    pub rules: Rules,
    pub own: &'a BTreeSet<IpAddr>,
    pub delayed: &'a mut Delayed,
    pub transmits: &'a mut VecDeque<Transmit>,
    pub events: &'a mut VecDeque<Event>,
}

/// The names of a link.
#[derive(Debug)]
pub struct Link {
    pub key: LinkKey,
    pub up: bool,
    pub v4: Option<IpAddr>,
    pub v6: Option<IpAddr>,
    pub addresses: BTreeSet<IpAddr>,
    pub on_conflict: OnConflict,
    /// By the claimed name, or that of the zone if it is vouched for.
    pub claims: BTreeMap<Name, Claim>,
    /// The claimed names of those in use after a rename.
    pub renamed: BTreeMap<Name, Name>,
    /// How many of the claims are vouched for.
    pub vouched: usize,
    pub waiting: VecDeque<Name>,
    pub doubted: VecDeque<Name>,
    pub running: Vec<Running>,
    pub finished: VecDeque<(Instant, Running)>,
    pub due: BTreeSet<(Instant, Name)>,
}

/// What comes of a query with C set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The name is checked, at once or as soon as it may be.
    Checked,
    /// It is being verified, or a check waits already.
    Absorbed,
    /// Too many names are doubted already that nobody claimed.
    Ignored,
}

impl Link {
    /// A link without names, down.
    pub fn new(key: LinkKey) -> Self {
        Self {
            key,
            up: false,
            v4: None,
            v6: None,
            addresses: BTreeSet::new(),
            on_conflict: OnConflict::default(),
            claims: BTreeMap::new(),
            renamed: BTreeMap::new(),
            vouched: 0,
            waiting: VecDeque::new(),
            doubted: VecDeque::new(),
            running: Vec::new(),
            finished: VecDeque::new(),
            due: BTreeSet::new(),
        }
    }

    /// The name that is claimed or vouched for and in use as `used`, and its claim.
    pub fn claim_of(&self, used: &Name) -> Option<(&Name, &Claim)> {
        let renamed = self.renamed.get(used);
        let (name, claim) = self.claims.get_key_value(renamed.unwrap_or(used))?;
        (renamed.is_some() || claim.used.is_none()).then_some((name, claim))
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let running = self.running.iter();
        let running = running.filter_map(|running| running.verification.poll_timeout());
        let due = self.due.first().map(|&(due, _)| due);
        running.chain(due).min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        while let Some((due, _)) = self.due.first()
            && *due <= turn.now
            && let Some((_, name)) = self.due.pop_first()
        {
            self.handle_due(turn, &name);
        }
        self.step(turn);
        self.start(turn);
    }

    /// Takes note of a response; `None` if it is none to a verification of ours.
    pub fn hear(&mut self, turn: &mut Turn<'_>, heard: &Heard, from: IpAddr) -> Option<Verdict> {
        self.forget_finished(turn.now);
        let (name, verdict) = self.verifications().find_map(|running| {
            let verdict = running
                .verification
                .judge(heard, from, turn.own, turn.rules)?;
            Some((running.name.clone(), verdict))
        })?;
        match verdict {
            Verdict::Ours => {}
            Verdict::Defended { ours } => self.defend(turn, &name, ours, from),
            Verdict::Lost { ours } => {
                let loss = Loss {
                    ours,
                    culprit: from,
                    ttl: heard.ttl,
                };
                self.lose(turn, &name, loss);
                self.start(turn);
            }
        }
        Some(verdict)
    }

    /// Takes note of a query with C set for a name that is in use as `question` has it.
    pub fn doubt(&mut self, turn: &mut Turn<'_>, question: &Question) -> Doubt {
        let name = match self.claim_of(&question.name) {
            Some((name, _)) => name.clone(),
            None if self.vouched >= VOUCHED_MAX => return Doubt::Ignored,
            None => {
                self.vouched += 1;
                let name = question.name.clone();
                self.claims.insert(name.clone(), Claim::vouched());
                name
            }
        };
        let Some(claim) = self.claims.get_mut(&name) else {
            return Doubt::Ignored;
        };
        match (claim.phase, &claim.work) {
            (Phase::Unique, Work::Rest) => {}
            _ => return Doubt::Absorbed,
        }
        claim.work = Work::Doubt(question.clone());
        let paced = turn.rules.hold(Rule::Pace);
        let earliest = claim.checked.map(|checked| checked + CHECK_DISTANCE);
        match earliest.filter(|earliest| paced && *earliest > turn.now) {
            Some(earliest) => self.set_due(&name, Some(earliest)),
            None => {
                self.set_due(&name, None);
                self.doubted.push_back(name);
            }
        }
        self.start(turn);
        Doubt::Checked
    }

    fn handle_due(&mut self, turn: &mut Turn<'_>, name: &Name) {
        let Some(claim) = self.claims.get_mut(name) else {
            return;
        };
        claim.due = None;
        match (claim.phase, &claim.work) {
            (Phase::Lost, _) => {
                self.verify(turn, name);
                let key = self.key;
                let name = name.clone();
                turn.events.push_back(Event::Retried { key, name });
            }
            (_, Work::Doubt(_)) => self.doubted.push_back(name.clone()),
            (_, Work::Rest) if claim.vouched => self.forget(name),
            (Phase::Tentative, Work::Rest) => self.verify(turn, name),
            _ => {}
        }
    }

    /// Ends what is being done for a name. Where it waits its turn it stays, and is passed over.
    pub fn stop(&mut self, name: &Name) {
        if let Some(claim) = self.claims.get_mut(name) {
            claim.work = Work::Rest;
        }
        self.running.retain(|running| running.name != *name);
        self.finished.retain(|(_, running)| running.name != *name);
    }

    /// Forgets whose turn it is of those that wait for nothing any more.
    pub fn tidy(&mut self) {
        let claims = &self.claims;
        let waits = |name: &Name, doubt: bool| match claims.get(name).map(|claim| &claim.work) {
            Some(Work::Wait) => !doubt,
            Some(Work::Doubt(_)) => doubt,
            _ => false,
        };
        self.waiting.retain(|name| waits(name, false));
        self.doubted.retain(|name| waits(name, true));
    }

    /// Forgets a name and all that is being done for it.
    pub fn forget(&mut self, name: &Name) {
        self.stop(name);
        self.set_due(name, None);
        self.restore(name);
        if self.claims.remove(name).is_some_and(|claim| claim.vouched) {
            self.vouched -= 1;
        }
    }

    /// Sets when something is due for a name.
    pub fn set_due(&mut self, name: &Name, due: Option<Instant>) {
        let Some(claim) = self.claims.get_mut(name) else {
            return;
        };
        if let Some(old) = std::mem::replace(&mut claim.due, due) {
            self.due.remove(&(old, name.clone()));
        }
        if let Some(due) = due {
            self.due.insert((due, name.clone()));
        }
    }
}
