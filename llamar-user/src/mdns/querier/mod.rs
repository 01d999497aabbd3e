//! What one interface asks (RFC 6762 5.2 to 5.4, 7, 10): questions that are asked until somebody ceases to, the records
//! that are kept because of them, and what the queries of others tell.
//!
//! Drain rule: each call leaves datagrams and events in the [`Turn`]; call [`Querier::handle_timeout`] when
//! [`Querier::poll_timeout`] says so.
//!
//! What the RFC leaves open:
//! - A unique answer ends a series of queries (5.2), as does an NSEC record that denies the answer (6.1). When such
//!   answers are gone the series goes on with the gap at which it ended.
//! - Records are asked for again on all families: who answers on one may have gone from the other.
//! - Questions of others whose TC bit is set are neither taken for ours (7.3) nor for unanswered (10.5): their known
//!   answers are still to come.
//! - After a wake the cache is not flushed, but ends soon if nobody confirms it (10.3).

mod asked;
mod failures;
mod overheard;
mod packing;
mod refresh;
mod sending;
mod series;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::RngExt as _;

use super::cache::{Changed, Id};
use super::{Arrival, Cache, Change, Event, Family, Held, Turn};
use crate::dns::{Message, Question, Record, kind};
use asked::{Asked, Number};
use failures::{Checks, Doubts};
use refresh::Refreshes;
use series::{FIRST, Series};

pub use asked::ASKS_MAX;

/// Somebody's wish to know what answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// RFC 6762 5.4: the moment of wake or activation, in which all that is asked is of one batch.
const FRESH: Duration = Duration::from_secs(1);
/// RFC 6762 10.3: how long records last after a wake if they are not heard again. Three queries are sent in that time.
const WAKE: Duration = Duration::from_secs(10);

/// The questions of one interface, and what was heard there.
#[derive(Debug, Default)]
pub struct Querier {
    cache: Cache,
    asked: Asked,
    refreshes: Refreshes,
    doubts: Doubts,
    checks: Checks,
    /// What is spoken, and since when.
    families: BTreeMap<Family, Instant>,
}

impl Querier {
    /// A querier that asks nothing and has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks until ceased. What the cache has comes as events at once, also if the question is asked already; false if
    /// too much is asked, and it stays at that.
    pub fn ask(&mut self, turn: &mut Turn<'_>, id: AskId, question: &Question) -> bool {
        self.catch_up(turn);
        self.cease(id);
        let class = question.class & !kind::CLASS_TOP;
        let question = Question {
            class,
            ..question.clone()
        };
        for entry in self.cache.answers(&question) {
            turn.events.push_back(Event::Record(Held {
                device: turn.device,
                record: entry.record.clone(),
                from: entry.from,
                change: Change::Added,
            }));
        }
        match self.asked.add(id, question.clone()) {
            Some((number, true)) => self.begin_question(turn, number, &question),
            Some((_, false)) => {}
            None => return false,
        }
        true
    }

    /// Asks no more.
    pub fn cease(&mut self, id: AskId) {
        let Some(question) = self.asked.remove(id) else {
            return;
        };
        self.weigh(&question);
        for (id, entry) in self.cache.concerning(&question) {
            // RFC 6762 5.2: what nobody is interested in must not be kept.
            if !entry.is_wanted() {
                self.refreshes.cancel(id);
            }
        }
    }

    /// Takes a query that another host sent.
    pub fn handle_query(&mut self, turn: &mut Turn<'_>, message: &Message, arrival: &Arrival) {
        self.catch_up(turn);
        self.overhear(turn, message, arrival);
    }

    /// Takes a response; false if it came by unicast and nothing in it was asked for (RFC 6762 6).
    pub fn handle_response(
        &mut self,
        turn: &mut Turn<'_>,
        message: &Message,
        arrival: &Arrival,
    ) -> bool {
        self.catch_up(turn);
        let (now, family) = (turn.now, arrival.family());
        let asked_for = |record: &Record| self.asked.takes_unicast(now, family, record);
        if !arrival.is_multicast() && !message.records().any(asked_for) {
            return false;
        }
        let wanted = |record: &Record| self.asked.concerned(record).next().is_some();
        let from = arrival.from.ip();
        self.cache.hear(now, turn.rules, message, from, &wanted);
        self.digest(turn);
        true
    }

    /// Somebody found that what a record says is wrong: it is asked for, and goes if nobody answers (RFC 6762 10.4).
    /// False if there is no such record, or too much was reported.
    pub fn reconfirm(&mut self, turn: &mut Turn<'_>, record: &Record) -> bool {
        self.catch_up(turn);
        let Some(id) = self.cache.find_same(record) else {
            return false;
        };
        let question = Question {
            name: record.owner.clone(),
            kind: record.kind,
            class: record.class & !kind::CLASS_TOP,
        };
        let due = turn.now + turn.rng.random_range(FIRST);
        self.checks.begin(turn.now, due, id, question)
    }

    /// Follows what is spoken on the interface: what comes up begins its questions, and when nothing is left all that
    /// was heard is gone (RFC 6762 10.3).
    pub fn follow(&mut self, turn: &mut Turn<'_>) {
        for family in Family::ALL {
            let spoken = turn.families.contains(&family);
            if spoken == self.families.contains_key(&family) {
                continue;
            }
            if spoken {
                self.begin_family(turn, family);
            } else {
                self.families.remove(&family);
                self.asked.forget(family);
            }
        }
        if self.families.is_empty() && !self.cache.is_empty() {
            self.cache.clear();
            self.digest(turn);
        }
    }

    /// The machine slept: all questions are asked anew, and what is not answered ends soon (RFC 6762 5.4, 10.3).
    pub fn wake(&mut self, turn: &mut Turn<'_>) {
        self.catch_up(turn);
        self.cache.shorten(turn.now + WAKE);
        for family in turn.families {
            self.begin_family(turn, *family);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        self.catch_up(turn);
        let batch = self.gather(turn);
        self.digest(turn);
        self.send(turn, &batch);
    }

    /// When [`Querier::handle_timeout`] is to be called; `None` if nothing is due by itself.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let times = [
            self.cache.poll_timeout(),
            self.asked.poll_timeout(),
            self.refreshes.poll_timeout(),
            self.doubts.poll_timeout(),
            self.checks.poll_timeout(),
        ];
        times.into_iter().flatten().min()
    }

    /// What was heard.
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Querier {
    /// Notices what has changed by itself since the last call.
    fn catch_up(&mut self, turn: &mut Turn<'_>) {
        self.follow(turn);
        self.cache.handle_timeout(turn.now);
        while let Some((id, since)) = self.doubts.pop(turn.now) {
            let heard = self.cache.entry(id).map(|entry| entry.received);
            // RFC 6762 10.5: others asked and nobody answered; we need not try.
            if since.is_some_and(|since| heard.is_some_and(|heard| heard < since)) {
                self.cache.remove(id);
            }
        }
        self.digest(turn);
    }

    /// Begins the series of a new question.
    fn begin_question(&mut self, turn: &mut Turn<'_>, number: Number, question: &Question) {
        self.weigh(question);
        for (id, entry) in self.cache.concerning(question) {
            if !self.refreshes.has(id) {
                self.refreshes.plan(turn.now, turn.rng, id, entry);
            }
        }
        let due = self.asked.first(turn.now, turn.rng);
        let settled = self.is_settled(question);
        for (family, since) in &self.families {
            let unicast = turn.unicast && turn.now <= *since + FRESH;
            let series = match settled {
                true => Series::ended(turn.now),
                false => Series::new(turn.now, due, unicast),
            };
            self.asked.begin(number, *family, series);
        }
    }

    /// Begins the series of all questions on a family.
    fn begin_family(&mut self, turn: &mut Turn<'_>, family: Family) {
        let now = turn.now;
        self.families.insert(family, now);
        let numbers: Vec<_> = self.asked.numbers().collect();
        for number in numbers {
            let due = self.asked.first(now, turn.rng);
            let series = Series::new(now, due, turn.unicast);
            self.asked.begin(number, family, series);
        }
    }

    /// Judges anew which records are wanted, of those that a question is about.
    fn weigh(&mut self, question: &Question) {
        let wanted = |record: &Record| self.asked.concerned(record).next().is_some();
        self.cache.weigh(&question.name, &wanted);
    }

    /// Whether the whole answer to a question is known (RFC 6762 5.2).
    fn is_settled(&self, question: &Question) -> bool {
        let mut concerning = self.cache.concerning(question);
        concerning.any(|(_, entry)| entry.is_unique() && !entry.is_condemned())
    }

    /// Tells what has changed in the cache, and plans by it.
    fn digest(&mut self, turn: &mut Turn<'_>) {
        let mut lost = BTreeSet::new();
        while let Some(changed) = self.cache.next_change() {
            if changed.change == Change::Removed {
                self.refreshes.cancel(changed.id);
                self.doubts.cancel(changed.id);
                self.checks.cancel(changed.id);
                lost.extend(self.asked.concerned(&changed.record));
            }
            self.tell(turn, changed);
        }
        self.resume(turn, &lost);
        for id in self.cache.take_heard() {
            if let Some(entry) = self.cache.entry(id) {
                self.refreshes.plan(turn.now, turn.rng, id, entry);
                self.settle(id);
            }
        }
    }

    /// Asks again what has lost its answer, if that was the whole one.
    fn resume(&mut self, turn: &mut Turn<'_>, lost: &BTreeSet<Number>) {
        let is_open = |number: &&Number| {
            let question = self.asked.question(**number);
            question.is_some_and(|question| !self.is_settled(question))
        };
        let open: Vec<_> = lost.iter().filter(is_open).copied().collect();
        if !open.is_empty() {
            // All at one moment, so that they go in one message (RFC 6762 5.3), and not at that of other hosts.
            let moment = turn.now + turn.rng.random_range(FIRST);
            for number in open {
                self.asked.resume(moment, number);
            }
        }
    }

    /// RFC 6762 5.2: a unique answer ends the series of its questions.
    fn settle(&mut self, id: Id) {
        let entry = self.cache.entry(id).filter(|entry| entry.is_unique());
        if let Some(entry) = entry {
            let numbers: Vec<_> = self.asked.concerned(&entry.record).collect();
            for number in numbers {
                self.asked.settle(number);
            }
        }
    }

    /// Tells a change to those who ask.
    fn tell(&self, turn: &mut Turn<'_>, changed: Changed) {
        if self.asked.answered(&changed.record).next().is_some() {
            turn.events.push_back(Event::Record(Held {
                device: turn.device,
                record: changed.record,
                from: changed.from,
                change: changed.change,
            }));
        }
    }
}
