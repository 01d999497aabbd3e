//! The verifications of a link's names: how many run at a time, and what becomes of a name when one ends (RFC 4795 4.1).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::claim::{Claim, Phase, Work};
use super::link::{CHECK_DISTANCE, Link, Turn};
use super::{Event, Transmit};
use crate::dns::{Name, Question};
use crate::llmnr::rules::{Rule, Rules};
use crate::llmnr::uniqueness::{Verification, question_of};

/// Names that are verified at a time: 16 make at most 96 queries in half a second, and a thousand names take half a
/// minute.
pub const VERIFIED_AT_ONCE: usize = 16;
/// Checks at a time that other hosts caused: they can ask for as many as they like.
pub const CHECKED_AT_ONCE: usize = 4;
/// How long a name of which nobody could be asked waits for the next attempt.
const UNSENT_PAUSE: Duration = Duration::from_secs(1);
/// How long a response may come late to a verification that is over.
const LATE: Duration = Duration::from_secs(1);
/// Verifications that are remembered for late responses: about as many as end within [`LATE`].
const FINISHED_MAX: usize = 64;

/// The verification of a claim.
#[derive(Debug)]
pub struct Running {
    pub name: Name,
    /// Another host caused it.
    pub doubt: bool,
    pub verification: Verification,
}

impl Link {
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

    /// Sends what is due and ends what is over.
    pub fn step(&mut self, turn: &mut Turn<'_>) {
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

    /// Those that run, and those that ended a moment ago.
    pub fn verifications(&self) -> impl Iterator<Item = &Running> {
        let finished = self.finished.iter().map(|(_, running)| running);
        self.running.iter().chain(finished)
    }

    /// Forgets those to which nothing can come late any more.
    pub fn forget_finished(&mut self, now: Instant) {
        while self.finished.front().is_some_and(|(end, _)| *end <= now) {
            self.finished.pop_front();
        }
    }

    /// The addresses that queries go out from, one per family.
    pub fn sources(&self, rules: Rules) -> impl Iterator<Item = IpAddr> + use<> {
        let families = if rules.hold(Rule::BothFamilies) { 2 } else { 1 };
        [self.v4, self.v6].into_iter().take(families).flatten()
    }
}
