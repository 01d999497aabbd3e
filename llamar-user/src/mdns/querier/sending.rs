//! What is sent when it is due: the questions of series, refreshes and reports, with what is known of their answers (RFC
//! 6762 5.2, 5.3, 7.1).

use std::collections::BTreeSet;
use std::time::Instant;

use super::asked::Number;
use super::failures::Step;
use super::{Querier, packing};
use crate::dns::{Question, Record, kind};
use crate::mdns::cache::Id;
use crate::mdns::{Cache, Entry, Family, Turn};

/// Questions that are to be sent now.
#[derive(Debug, Default)]
pub(super) struct Batch {
    asked: BTreeSet<(Family, Number)>,
    /// Questions about records that were reported, on all families.
    checks: Vec<Question>,
}

impl Querier {
    /// What is due.
    pub(super) fn gather(&mut self, turn: &mut Turn<'_>) -> Batch {
        let mut batch = Batch::default();
        batch.asked.extend(self.asked.due(turn.now));
        self.gather_refreshes(turn, &mut batch);
        self.gather_checks(turn, &mut batch);
        batch
    }

    /// RFC 6762 5.2: records that somebody asks for are asked for again before they end.
    fn gather_refreshes(&mut self, turn: &mut Turn<'_>, batch: &mut Batch) {
        while let Some(id) = self.refreshes.due(turn.now) {
            // RFC 6762 10.1, 10.2: what is about to go is not asked for.
            let entry = self.cache.entry(id);
            let entry = entry.filter(|entry| !entry.is_condemned());
            let asked =
                entry.and_then(|entry| Some((entry, self.asked.concerned(&entry.record).next()?)));
            let Some((entry, number)) = asked else {
                self.refreshes.cancel(id);
                continue;
            };
            if let Some(until) = self.asked.rests_until(turn.now, number) {
                self.refreshes.put_off(id, until);
                continue;
            }
            self.refreshes.asked(turn.now, turn.rng, id, entry);
            let families = self.families.keys();
            batch.asked.extend(families.map(|family| (*family, number)));
        }
    }

    /// RFC 6762 10.4: records that were reported are asked for, and go if nobody answers.
    fn gather_checks(&mut self, turn: &Turn<'_>, batch: &mut Batch) {
        let heard = |cache: &Cache, id: Id| cache.entry(id).map(|entry| entry.received);
        while let Some(step) = self.checks.pop(turn.now, |id| heard(&self.cache, id)) {
            match step {
                Step::Ask(question) => batch.checks.push(question),
                Step::End(id) => self.cache.remove(id),
            }
        }
    }

    /// Sends what is to be sent now, on each family in as few messages as hold it (RFC 6762 5.3).
    pub(super) fn send(&mut self, turn: &mut Turn<'_>, batch: &Batch) {
        let families: Vec<_> = self.families.keys().copied().collect();
        for family in families {
            let mut questions = Vec::new();
            let asked = batch.asked.iter().filter(|(on, _)| *on == family);
            for (_, number) in asked {
                questions.extend(self.sent(turn, family, *number));
            }
            for question in &batch.checks {
                let is_it = |asked: &Question| {
                    let class = asked.class & !kind::CLASS_TOP;
                    let is_same = asked.kind == question.kind && class == question.class;
                    is_same && asked.name == question.name
                };
                if !questions.iter().any(is_it) {
                    questions.push(question.clone());
                }
            }
            let known = |questions: &[Question]| self.known(turn.now, questions);
            for message in packing::messages(&questions, known, turn.room(family)) {
                turn.multicast(family, message);
            }
        }
    }

    /// Notes that a question is sent; the question as it stands in the message.
    fn sent(&mut self, turn: &mut Turn<'_>, family: Family, number: Number) -> Option<Question> {
        let place = (family, number);
        let unicast = self.asked.sent(turn.now, turn.rules, turn.unicast, place);
        let question = self.asked.question(number)?;
        for (id, entry) in self.cache.concerning(question) {
            self.refreshes.asked(turn.now, turn.rng, id, entry);
        }
        let top = if unicast { kind::CLASS_TOP } else { 0 };
        Some(Question {
            class: question.class | top,
            ..question.clone()
        })
    }

    /// What we know of the answers to some questions, for those who would answer (RFC 6762 7.1).
    fn known(&self, now: Instant, questions: &[Question]) -> Vec<Record> {
        let mut seen = BTreeSet::new();
        let answers = questions
            .iter()
            .flat_map(|question| self.cache.answering(question));
        let listed = answers.filter(|(id, entry)| self.is_listed(now, *id, entry));
        let once = listed.filter(|(id, _)| seen.insert(*id));
        let records = once.map(|(_, entry)| Record {
            ttl: entry.remaining(now),
            ..entry.record.clone()
        });
        records.take(packing::KNOWN_MAX).collect()
    }

    /// Whether a record goes into our lists of known answers: RFC 6762 7.1: if it is shared and half of its TTL or more is
    /// left. Not if we doubt it (RFC 6762 10.4), for then it is to be answered.
    pub(super) fn is_listed(&self, now: Instant, id: Id, entry: &Entry) -> bool {
        let left = u64::from(entry.remaining(now));
        let is_valid = !entry.is_condemned() && left * 2 >= u64::from(entry.record.ttl);
        is_valid && left > 0 && !entry.is_unique() && !self.checks.has(id)
    }
}
