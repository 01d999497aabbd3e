//! Two hosts that probe for one name at the same time (RFC 6762 8.2).

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::Responder;
use super::claims::{ClaimId, Stage};
use crate::dns::{Compression, Message, Name, Question, Record, kind};
use crate::mdns::{Rule, Turn};

/// RFC 6762 8.2: how long the loser waits before he probes again.
const DEFER: Duration = Duration::from_secs(1);

/// The records of a query's authority section that answer one of its questions, and so make it a probe (RFC 6762 6), by owner.
/// They are sorted out once, as a message may hold hundreds of both.
#[derive(Debug, Default)]
pub(super) struct Proposals<'a>(BTreeMap<&'a Name, Vec<&'a Record>>);

impl<'a> Proposals<'a> {
    /// Those of a query.
    pub(super) fn new(query: &'a Message) -> Self {
        let mut proposals = BTreeMap::new();
        if query.authorities.is_empty() {
            return Self(proposals);
        }
        let asked = query.questions.iter();
        let asked: HashSet<_> = asked.map(|asked| (&asked.name, asked.kind)).collect();
        for record in &query.authorities {
            let owner = &record.owner;
            if asked.contains(&(owner, record.kind)) || asked.contains(&(owner, kind::ANY)) {
                let records: &mut Vec<_> = proposals.entry(owner).or_default();
                records.push(record);
            }
        }
        Self(proposals)
    }

    /// What is proposed for each name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a Name, &[&'a Record])> {
        self.0.iter().map(|(owner, records)| (*owner, &records[..]))
    }

    /// What is proposed for a name.
    pub(super) fn of(&self, name: &Name) -> &[&'a Record] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a question of the query is a probe.
    pub(super) fn answer(&self, question: &Question) -> bool {
        let kind = |record: &&Record| [record.kind, kind::ANY].contains(&question.kind);
        let records = self.0.get(&question.name);
        records.is_some_and(|records| records.iter().any(kind))
    }
}

impl Responder {
    /// Compares what another host probes for with what we do.
    pub(super) fn break_ties(&mut self, turn: &mut Turn<'_>, proposals: &Proposals<'_>) {
        if !turn.rules.hold(Rule::TieBreak) {
            return;
        }
        for (owner, theirs) in proposals.iter() {
            let Some(id) = self.claims.using(owner) else {
                continue;
            };
            if self.loses(id, theirs) {
                // RFC 6762 8.2: under the same name. If the other is real, he will defend it then.
                let until = turn.now + DEFER;
                self.claims.enter(id, Stage::Waiting { until });
                if let Some(claim) = self.claims.get_mut(id) {
                    claim.vain.get_or_insert((turn.now, false));
                }
            }
        }
    }

    fn loses(&self, id: ClaimId, theirs: &[&Record]) -> bool {
        let Some(claim) = self.claims.get(id) else {
            return false;
        };
        if !matches!(claim.stage(), Stage::Probing { .. }) {
            return false;
        }
        let mine = self.claims.proposed(claim);
        let mine: Vec<_> = mine.iter().collect();
        compare(&mine, theirs) == Ordering::Less
    }
}

/// RFC 6762 8.2.1: both sides sorted, then pair by pair; if one has more, that one is later.
fn compare(mine: &[&Record], theirs: &[&Record]) -> Ordering {
    let [mine, theirs] = [mine, theirs].map(|records| {
        let mut keys: Vec<_> = records.iter().map(|record| key(record)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    });
    mine.cmp(&theirs)
}

/// RFC 6762 8.2: class without the top bit, type, data as bytes without compression.
fn key(record: &Record) -> (u16, u16, Vec<u8>) {
    (record.class & !kind::CLASS_TOP, record.kind, data(record))
}

/// The bytes of a record's data, its names uncompressed.
fn data(record: &Record) -> Vec<u8> {
    let message = Message {
        answers: vec![record.clone()],
        ..Message::default()
    };
    let front = llamar_common::wire::dns::HEADER + record.owner.wire().len() + FIXED;
    let mut bytes = message.write(Compression::Off).unwrap_or_default();
    bytes.split_off(front.min(bytes.len()))
}

/// Bytes of a record between its owner and its data.
const FIXED: usize = 10;
