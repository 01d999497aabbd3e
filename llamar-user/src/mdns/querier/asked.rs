//! The questions that are asked, and when each is due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::AskId;
use super::series::{FIRST, Series};
use crate::dns::{Name, Question, Record, kind};
use crate::mdns::cache::{answers, denies};
use crate::mdns::{Family, Rules};

/// Most asks of one interface, and so questions. A browser asks four for each service, so this is a thousand of them;
/// what the link makes it ask for beyond that is not asked.
pub const ASKS_MAX: usize = 4096;

/// A question among those that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(u64);

/// All questions.
#[derive(Debug, Default)]
pub(super) struct Asked {
    questions: BTreeMap<Number, Live>,
    names: BTreeMap<Name, BTreeSet<Number>>,
    asks: BTreeMap<AskId, Number>,
    due: BTreeSet<(Instant, Family, Number)>,
    count: u64,
}

/// A question that somebody asks.
#[derive(Debug)]
struct Live {
    question: Question,
    asks: BTreeSet<AskId>,
    series: BTreeMap<Family, Series>,
}

impl Asked {
    /// Has a question asked; its number and whether it is a new one, `None` if there are too many.
    pub(super) fn add(&mut self, id: AskId, question: Question) -> Option<(Number, bool)> {
        if self.asks.len() >= ASKS_MAX {
            return None;
        }
        let known = self.find(&question);
        let number = known.unwrap_or_else(|| {
            self.count += 1;
            Number(self.count)
        });
        let names = self.names.entry(question.name.clone()).or_default();
        names.insert(number);
        let live = self.questions.entry(number).or_insert_with(|| Live {
            question,
            asks: BTreeSet::new(),
            series: BTreeMap::new(),
        });
        live.asks.insert(id);
        self.asks.insert(id, number);
        Some((number, known.is_none()))
    }

    /// Ends an ask; the question if nobody asks it any more.
    pub(super) fn remove(&mut self, id: AskId) -> Option<Question> {
        let number = self.asks.remove(&id)?;
        let live = self.questions.get_mut(&number)?;
        live.asks.remove(&id);
        if !live.asks.is_empty() {
            return None;
        }
        let live = self.questions.remove(&number)?;
        for (family, series) in live.series {
            if let Some(due) = series.due() {
                self.due.remove(&(due, family, number));
            }
        }
        if let Some(numbers) = self.names.get_mut(&live.question.name) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.names.remove(&live.question.name);
            }
        }
        Some(live.question)
    }

    /// The number of a question, if it is asked.
    pub(super) fn find(&self, question: &Question) -> Option<Number> {
        let class = question.class & !kind::CLASS_TOP;
        let is_it = |asked: &Question| asked.kind == question.kind && asked.class == class;
        let mut same = self.of_name(&question.name);
        same.find(|(_, asked)| is_it(asked))
            .map(|(number, _)| number)
    }

    pub(super) fn question(&self, number: Number) -> Option<&Question> {
        self.questions.get(&number).map(|live| &live.question)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = Number> {
        self.questions.keys().copied()
    }

    /// The questions that a record answers.
    pub(super) fn answered(&self, record: &Record) -> impl Iterator<Item = Number> {
        let numbers = self.of_name(&record.owner);
        numbers
            .filter(|(_, question)| answers(question, record))
            .map(|(number, _)| number)
    }

    /// The questions that a record answers, or to which it says that there is no answer.
    pub(super) fn concerned(&self, record: &Record) -> impl Iterator<Item = Number> {
        let numbers = self.of_name(&record.owner);
        let concerns =
            |question: &Question| answers(question, record) || denies(record, question.kind);
        numbers
            .filter(move |(_, question)| concerns(question))
            .map(|(number, _)| number)
    }

    /// When the next query is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _, _)| *due)
    }

    /// The questions whose series has one due.
    pub(super) fn due(&self, now: Instant) -> impl Iterator<Item = (Family, Number)> {
        let due = self.due.iter().take_while(move |(due, _, _)| *due <= now);
        due.map(|(_, family, number)| (*family, *number))
    }

    /// When a series that begins now has its first query: with another that is sent soon, so that they go in one
    /// message (RFC 6762 5.3), or by chance.
    pub(super) fn first(&self, now: Instant, rng: &mut StdRng) -> Instant {
        let (from, to) = (now + *FIRST.start(), now + *FIRST.end());
        let places = (from, Family::V4, Number(0))..=(to, Family::V6, Number(u64::MAX));
        match self.due.range(places).next() {
            Some((due, _, _)) => *due,
            None => now + rng.random_range(FIRST),
        }
    }

    /// Begins the series of a question on a family, or begins it anew.
    pub(super) fn begin(&mut self, number: Number, family: Family, mut series: Series) {
        let Some(live) = self.questions.get_mut(&number) else {
            return;
        };
        if let Some(old) = live.series.remove(&family) {
            series.follow(&old);
            if let Some(due) = old.due() {
                self.due.remove(&(due, family, number));
            }
        }
        let due = series.due();
        self.due.extend(due.map(|due| (due, family, number)));
        live.series.insert(family, series);
    }

    /// Forgets a family.
    pub(super) fn forget(&mut self, family: Family) {
        self.due.retain(|(_, other, _)| *other != family);
        for live in self.questions.values_mut() {
            live.series.remove(&family);
        }
    }

    /// A question was sent on a family; whether it asks for unicast responses, if they reach us.
    pub(super) fn sent(
        &mut self,
        now: Instant,
        rules: Rules,
        unicast: bool,
        (family, number): (Family, Number),
    ) -> bool {
        let sent = self.change(number, family, |series| series.sent(now, rules, unicast));
        sent.unwrap_or(false)
    }

    /// Another host asked a question of ours on a family.
    pub(super) fn suppress(&mut self, now: Instant, rules: Rules, number: Number, family: Family) {
        self.change(number, family, |series| series.suppress(now, rules));
    }

    /// A question has its whole answer.
    pub(super) fn settle(&mut self, number: Number) {
        for family in Family::ALL {
            self.change(number, family, Series::end);
        }
    }

    /// A question has lost its whole answer, and is asked again from a moment on.
    pub(super) fn resume(&mut self, moment: Instant, number: Number) {
        for family in Family::ALL {
            self.change(number, family, |series| series.resume(moment));
        }
    }

    /// Until when a question rests that was just sent.
    pub(super) fn rests_until(&self, now: Instant, number: Number) -> Option<Instant> {
        let live = self.questions.get(&number)?;
        let series = live.series.values();
        series.filter_map(|series| series.rests_until(now)).max()
    }

    /// Whether a record that came by unicast is one that was asked for (RFC 6762 6).
    pub(super) fn takes_unicast(&self, now: Instant, family: Family, record: &Record) -> bool {
        self.concerned(record).any(|number| {
            let live = self.questions.get(&number);
            let series = live.and_then(|live| live.series.get(&family));
            series.is_some_and(|series| series.takes_unicast(now))
        })
    }

    fn of_name(&self, name: &Name) -> impl Iterator<Item = (Number, &Question)> {
        let numbers = self.names.get(name).into_iter().flatten();
        numbers.filter_map(|number| Some((*number, self.question(*number)?)))
    }

    /// Does something to a series, and keeps its place in the order.
    fn change<T>(
        &mut self,
        number: Number,
        family: Family,
        act: impl FnOnce(&mut Series) -> T,
    ) -> Option<T> {
        let live = self.questions.get_mut(&number)?;
        let series = live.series.get_mut(&family)?;
        let before = series.due();
        let done = act(series);
        let after = series.due();
        if before != after {
            if let Some(before) = before {
                self.due.remove(&(before, family, number));
            }
            self.due.extend(after.map(|after| (after, family, number)));
        }
        Some(done)
    }
}
