//! What the queries of others tell: that ours need not be sent (RFC 6762 7.3), or that a record is not valid any more
//! (RFC 6762 10.5).

use std::collections::{BTreeMap, BTreeSet};

use llamar_common::wire::dns;

use super::Querier;
use crate::dns::{Message, Question, Record, kind};
use crate::mdns::cache::{identity, is_same};
use crate::mdns::{Arrival, Entry, Family, Rule, Turn};

/// Most records that one query can cast doubt on: it may ask for all there are, and then goes unobserved.
pub(super) const WATCHED_MAX: usize = 256;

impl Querier {
    /// Takes a query of another host.
    pub(super) fn overhear(&mut self, turn: &Turn<'_>, message: &Message, arrival: &Arrival) {
        // RFC 6762 5.4, 6.7, 7.2, 10.5: only what is asked and answered before everybody counts, and only when all known
        // answers have been told.
        let more = message.flags & dns::TRUNCATED != 0;
        if !arrival.is_multicast() || arrival.is_legacy() || more {
            return;
        }
        if turn.rules.hold(Rule::DuplicateQuestions) {
            self.suppress(turn, message, arrival.family());
        }
        self.watch(turn, message, arrival);
    }

    /// RFC 6762 7.3: a question that another host asks is not asked again, if it lists no answer that we would not.
    fn suppress(&mut self, turn: &Turn<'_>, message: &Message, family: Family) {
        let mut others = BTreeSet::new();
        for record in &message.answers {
            let id = self.cache.find_same(record);
            let known = id.and_then(|id| Some((id, self.cache.entry(id)?)));
            if !known.is_some_and(|(id, entry)| self.is_listed(turn.now, id, entry)) {
                others.extend(self.asked.answered(record));
            }
        }
        let asked = message.questions.iter().filter(|question| is_qm(question));
        let numbers: BTreeSet<_> = asked
            .filter_map(|question| self.asked.find(question))
            .collect();
        for number in numbers.difference(&others) {
            self.asked.suppress(turn.now, turn.rules, *number, family);
        }
    }

    /// RFC 6762 10.5: an answer that should come now is waited for.
    fn watch(&mut self, turn: &Turn<'_>, message: &Message, arrival: &Arrival) {
        let family = arrival.family();
        let known: BTreeMap<u64, &Record> = message
            .answers
            .iter()
            .map(|record| (identity(record), record))
            .collect();
        let asked = message.questions.iter().filter(|question| is_qm(question));
        let records = asked.flat_map(|question| self.cache.answering(question));
        for (id, entry) in records.take(WATCHED_MAX) {
            let listed = known.get(&identity(&entry.record));
            // RFC 6762 7.1: what the asker knows is not answered.
            let enough = |known: u32| u64::from(known) * 2 >= u64::from(entry.record.ttl);
            let listed =
                listed.is_some_and(|known| is_same(known, &entry.record) && enough(known.ttl));
            // Who told it lives, and has nobody to answer to when it is he who asks.
            let is_teller = entry.from == arrival.from.ip();
            if !listed && !is_teller && is_expected(entry, family) {
                self.doubts.asked(turn.now, id, entry.received);
            }
        }
    }
}

/// Whether a question is to be answered by multicast (RFC 6762 5.4).
const fn is_qm(question: &Question) -> bool {
    question.class & kind::CLASS_TOP == 0
}

/// Whether a record would come by a family when it is asked for there: its sender may speak the other one only, and
/// NSEC records are not what answers the question (RFC 6762 6.1).
fn is_expected(entry: &Entry, family: Family) -> bool {
    Family::of(entry.from) == family && entry.record.kind != kind::NSEC
}
