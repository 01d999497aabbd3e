//! Two hosts that probe for one name at the same time (RFC 6762 8.2).

use std::cmp::Ordering;
use std::time::Duration;

use super::Responder;
use super::claims::{ClaimId, Stage};
use crate::dns::{Compression, Message, Question, Record, kind};
use crate::mdns::{Rule, Turn};

/// RFC 6762 8.2: how long the loser waits before he probes again.
const DEFER: Duration = Duration::from_secs(1);

impl Responder {
    /// Compares what another host probes for with what we do.
    pub(super) fn break_ties(&mut self, turn: &mut Turn<'_>, query: &Message) {
        if query.authorities.is_empty() || !turn.rules.hold(Rule::TieBreak) {
            return;
        }
        for question in &query.questions {
            let Some(id) = self.claims.using(&question.name) else {
                continue;
            };
            if self.loses(id, query, question) {
                // RFC 6762 8.2: under the same name. If the other is real, he will defend it then.
                let until = turn.now + DEFER;
                self.claims.enter(id, Stage::Waiting { until });
                if let Some(claim) = self.claims.get_mut(id) {
                    claim.vain.get_or_insert((turn.now, false));
                }
            }
        }
    }

    fn loses(&self, id: ClaimId, query: &Message, question: &Question) -> bool {
        let Some(claim) = self.claims.get(id) else {
            return false;
        };
        if !matches!(claim.stage(), Stage::Probing { .. }) {
            return false;
        }
        let theirs = query.authorities.iter();
        let theirs: Vec<_> = theirs.filter(|record| answers(question, record)).collect();
        let mine = self.claims.proposed(claim);
        let mine: Vec<_> = mine.iter().collect();
        !theirs.is_empty() && compare(&mine, &theirs) == Ordering::Less
    }
}

/// Whether a record of the authority section answers a question of its message, and so makes it a probe (RFC 6762 6).
pub(super) fn answers(question: &Question, record: &Record) -> bool {
    let kind = question.kind == kind::ANY || question.kind == record.kind;
    kind && record.owner == question.name
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
