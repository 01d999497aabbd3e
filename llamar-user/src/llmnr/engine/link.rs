//! The names of one link: which are verified when, and what becomes of those that are lost (RFC 4795 4.1, 4.2).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::abi::LinkKey;
use rand::rngs::StdRng;

use super::claim::{Claim, Phase, Work};
use super::conflict::Loss;
use super::{Event, Transmit};
use crate::config::OnConflict;
use crate::dns::{Name, Question};
use crate::llmnr::delayed::Delayed;
use crate::llmnr::rules::{Rule, Rules};
use crate::llmnr::uniqueness::{Heard, Verdict, Verification, question_of};

/// Names that are verified at a time: 16 make at most 96 queries in half a second, and a thousand names take half a
/// minute.
pub const VERIFIED_AT_ONCE: usize = 16;
/// Checks at a time that other hosts caused: they can ask for as many as they like.
pub const CHECKED_AT_ONCE: usize = 4;
/// Time between two checks of a name that other hosts caused. What is asked for meanwhile is done at its end.
pub const CHECK_DISTANCE: Duration = Duration::from_secs(2);
/// Names of the zone that nobody claimed and that are remembered because they were doubted; one entry takes some
/// hundred bytes.
pub const VOUCHED_MAX: usize = 1024;
/// How long a name of which nobody could be asked waits for the next attempt.
const UNSENT_PAUSE: Duration = Duration::from_secs(1);
/// How long a response may come late to a verification that is over.
const LATE: Duration = Duration::from_secs(1);
/// Verifications that are remembered for late responses: about as many as end within [`LATE`].
const FINISHED_MAX: usize = 64;

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

/// The verification of a claim.
#[derive(Debug)]
pub struct Running {
    pub name: Name,
    /// Another host caused it.
    pub doubt: bool,
    pub verification: Verification,
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

    /// Whether a query is one of ours on this link.
    pub fn asked(&self, id: u16, question: &Question, from: IpAddr) -> bool {
        self.verifications()
            .any(|running| running.verification.asked(id, question, from))
    }

    /// A query of ours could not be sent.
    pub fn unsent(&mut self, id: u16, source: IpAddr) {
        for running in &mut self.running {
            running.verification.unsent(id, source);
        }
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

    /// The addresses that queries go out from, one per family.
    pub fn sources(&self, rules: Rules) -> impl Iterator<Item = IpAddr> + use<> {
        let families = if rules.hold(Rule::BothFamilies) { 2 } else { 1 };
        [self.v4, self.v6].into_iter().take(families).flatten()
    }

    fn verifications(&self) -> impl Iterator<Item = &Running> {
        let finished = self.finished.iter().map(|(_, running)| running);
        self.running.iter().chain(finished)
    }

    fn forget_finished(&mut self, now: Instant) {
        while self.finished.front().is_some_and(|(end, _)| *end <= now) {
            self.finished.pop_front();
        }
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

    /// Sends what is due and ends what is over.
    fn step(&mut self, turn: &mut Turn<'_>) {
        let key = self.key;
        for running in &mut self.running {
            let verification = &mut running.verification;
            let send = |source, message| {
                turn.transmits
                    .push_back(Transmit::query(key, source, message));
            };
            verification.handle_timeout(turn.now, turn.rng, turn.rules, send);
        }
        let is_over = |running: &mut Running| running.verification.poll_timeout().is_none();
        let over: Vec<Running> = self.running.extract_if(.., is_over).collect();
        for running in over {
            self.conclude(turn, running);
        }
    }

    /// Nobody was heard whom we would have to give in to.
    fn conclude(&mut self, turn: &mut Turn<'_>, running: Running) {
        let name = running.name.clone();
        if !running.verification.was_sent() {
            // RFC 4795 4.1: nobody was asked, so nothing is known of the name that was not known before.
            if let Some(claim) = self.claims.get_mut(&name) {
                claim.work = Work::Rest;
                self.set_due(&name, Some(turn.now + UNSENT_PAUSE));
            }
            return;
        }
        if let Some(claim) = self.claims.get_mut(&name) {
            if claim.phase == Phase::Tentative {
                let used = claim.used.as_ref().unwrap_or(&name).clone();
                let key = self.key;
                turn.events.push_back(Event::Verified { key, name: used });
            }
            claim.verified();
            claim.work = Work::Rest;
            if running.doubt {
                claim.checked = Some(turn.now);
            }
            let end = claim.vouched.then(|| turn.now + CHECK_DISTANCE);
            self.set_due(&name, end);
        }
        self.forget_finished(turn.now);
        if self.finished.len() >= FINISHED_MAX {
            self.finished.pop_front();
        }
        let verification = running.verification.into_verified();
        let running = Running {
            verification,
            ..running
        };
        self.finished.push_back((turn.now + LATE, running));
    }

    /// Begins as many verifications as may run at a time.
    pub fn start(&mut self, turn: &mut Turn<'_>) {
        if !self.up || self.sources(turn.rules).next().is_none() {
            return;
        }
        let paced = turn.rules.hold(Rule::Pace);
        let room = |running: &[Running], doubt: bool, most: usize| {
            !paced || running.iter().filter(|one| one.doubt == doubt).count() < most
        };
        while room(&self.running, false, VERIFIED_AT_ONCE)
            && let Some(name) = self.waiting.pop_front()
        {
            self.run(turn, name, false);
        }
        while room(&self.running, true, CHECKED_AT_ONCE)
            && let Some(name) = self.doubted.pop_front()
        {
            self.run(turn, name, true);
        }
    }

    fn run(&mut self, turn: &mut Turn<'_>, name: Name, doubt: bool) {
        let sources = self.sources(turn.rules);
        let Some(claim) = self.claims.get_mut(&name) else {
            return;
        };
        let question = match &claim.work {
            Work::Wait if !doubt => question_of(claim.used.as_ref().unwrap_or(&name)),
            // RFC 4795 4.2: a query for the same name, type and class.
            Work::Doubt(question) if doubt => question.clone(),
            _ => return,
        };
        claim.work = Work::Run;
        let verified = claim.phase == Phase::Unique;
        let verification = Verification::new(turn.now, turn.rng, question, verified, sources);
        self.running.push(Running {
            name,
            doubt,
            verification,
        });
    }

    /// Has a name verified, from the beginning.
    pub fn verify(&mut self, turn: &Turn<'_>, name: &Name) {
        let waits = |claim: &Claim| claim.work == Work::Wait;
        let waits = self.claims.get(name).is_some_and(waits);
        if !waits {
            self.stop(name);
            self.set_due(name, None);
        }
        let Some(claim) = self.claims.get_mut(name) else {
            return;
        };
        if !turn.rules.hold(Rule::VerifyFirst) {
            claim.phase = Phase::Unique;
            return;
        }
        // RFC 4795 4.1: T is set again until it is verified; what a former agent verified is only checked.
        if !claim.inherited {
            claim.phase = Phase::Tentative;
        }
        if !waits {
            claim.work = Work::Wait;
            self.waiting.push_back(name.clone());
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
