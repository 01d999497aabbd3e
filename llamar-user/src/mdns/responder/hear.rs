//! What the responses of others mean to our records (RFC 6762 6.6, 7.4, 9).

use std::collections::BTreeSet;
use std::time::Duration;

use super::Responder;
use super::announce::Urgency;
use super::answer::random_delay;
use super::claims::{ClaimId, Stage};
use super::zone::{AGAIN, Id};
use crate::dns::{Message, Rdata, Record, kind};
use crate::mdns::{Arrival, Family, Rule, Turn};

impl Responder {
    /// Takes a response that is from the link and whose header is good.
    pub fn handle_response(&mut self, turn: &mut Turn<'_>, message: &Message, arrival: &Arrival) {
        if !turn.families.contains(&arrival.family()) {
            return;
        }
        self.leave_to(turn, message.records(), arrival);
        let mut heard = Heard::default();
        // RFC 6762 9: in any section.
        for record in message.records() {
            if record.kind != kind::OPT && record.class & !kind::CLASS_TOP == kind::IN {
                self.sort_heard(record, &mut heard);
            }
        }
        // What was said to us alone has been heard by nobody else.
        if arrival.is_multicast() {
            self.heed(turn, arrival.family(), &heard);
        }
        for id in heard.conflicts {
            self.conflict(turn, id, arrival.from.ip());
        }
        self.speak(turn);
    }

    fn sort_heard(&self, record: &Record, heard: &mut Heard) {
        let Some(id) = self.zone.find(record) else {
            heard.conflicts.extend(self.conflicting(record));
            return;
        };
        let ttl = self.zone.entry(id).map_or(0, |entry| entry.record.ttl);
        if record.ttl >= ttl {
            heard.told.insert(id);
        } else if u64::from(record.ttl) * 2 < u64::from(ttl) {
            heard.short.insert(id);
        }
    }

    /// Another host told records of ours.
    fn heed(&mut self, turn: &mut Turn<'_>, family: Family, heard: &Heard) {
        if turn.rules.hold(Rule::DuplicateAnswers) {
            // RFC 6762 7.4. What is left of a unique set goes out whole nevertheless (10.2).
            for id in &heard.told {
                self.was_told(turn.now, family, *id);
            }
        }
        if heard.short.is_empty() {
            return;
        }
        // RFC 6762 6.6, 10.1: what others would drop too early is told again, a goodbye's record within the second that is
        // left to it.
        let urgency = Urgency {
            delay: random_delay(turn),
            patient: false,
            firm: false,
            again: AGAIN,
        };
        self.enqueue(turn, family, &heard.short, urgency);
    }

    /// The name that is in conflict with a record that is none of ours.
    fn conflicting(&self, record: &Record) -> Option<ClaimId> {
        // Who says goodbye does not want it any more.
        if record.ttl == 0 {
            return None;
        }
        let id = self.claims.using(&record.owner)?;
        let claim = self.claims.get(id)?;
        let is_kind = |kind| self.claims.proposes_kind(claim, kind);
        let is_ours = || match &record.data {
            Rdata::Nsec(nsec) => nsec.kinds().all(is_kind),
            _ => self.claims.proposes(claim, record),
        };
        let conflicts = match claim.stage() {
            // RFC 6762 9: the same name, type and class.
            Stage::Held => is_kind(record.kind) && !is_ours(),
            // RFC 6762 8.1: any type of the name, from the first probe on.
            Stage::Probing { .. } => !is_ours(),
            Stage::Down | Stage::Waiting { .. } | Stage::Withdrawn { .. } => false,
        };
        conflicts.then_some(id)
    }
}

impl Responder {
    /// What we tell on another interface was heard here, with the bit that flushes caches: both are on one link.
    ///
    /// RFC 6762 14: our own records of the same sets are told again before they are gone, unless they were told within the
    /// last second. Those stay (10.2), and to tell them would make the other interface tell its own again, for ever.
    pub fn reinstate(&mut self, turn: &mut Turn<'_>, records: &[Record], arrival: &Arrival) {
        let family = arrival.family();
        if !turn.families.contains(&family) || !arrival.is_multicast() {
            return;
        }
        let flushing = records
            .iter()
            .filter(|record| record.class & kind::CLASS_TOP != 0);
        let flushed = flushing.flat_map(|record| self.zone.set(&record.owner, record.kind));
        let lately = |id: &Id| {
            let entry = self.zone.entry(*id);
            entry.is_none_or(|entry| entry.told_within(family, turn.now, AGAIN))
        };
        let flushed: BTreeSet<Id> = flushed.filter(|id| !lately(id)).collect();
        let urgency = Urgency {
            delay: Duration::ZERO,
            patient: false,
            firm: false,
            again: AGAIN,
        };
        self.enqueue(turn, family, &flushed, urgency);
        self.speak(turn);
    }
}

/// What a response says of our records and names.
#[derive(Debug, Default)]
struct Heard {
    /// Records that it tells as well as we would.
    told: BTreeSet<Id>,
    /// RFC 6762 6.6: those whose TTL is below half of ours.
    short: BTreeSet<Id>,
    /// Names that its sender has too.
    conflicts: BTreeSet<ClaimId>,
}
