//! What is in the zone follows from how the names stand; what changes there is told.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Responder;
use super::claims::{Claim, ClaimId, Stage, What};
use super::records;
use super::zone::{Draft, Entry, Id, Role};
use crate::dns::{Record, kind};
use crate::mdns::Turn;

/// What changed in the zone.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// To be announced, and when first.
    pub announced: Vec<(Id, Instant)>,
    /// Gone.
    pub ended: Vec<Entry>,
}

impl Responder {
    /// Puts the records of names into the zone that they have as they stand, and takes out all others; so with services whose
    /// host is among the names. `aloud`: what goes gets its goodbye.
    pub(super) fn publish(&mut self, turn: &mut Turn<'_>, ids: &[ClaimId], aloud: bool) {
        let mut all = ids.to_vec();
        for id in ids {
            let host = self
                .claims
                .get(*id)
                .filter(|claim| matches!(claim.what, What::Host(_)));
            let guests = host.map(|host| self.claims.guests(host.wanted()));
            all.extend(guests.unwrap_or_default());
        }
        let mut seen = BTreeSet::new();
        all.retain(|id| seen.insert(*id));
        self.zone.tidy(turn.now);
        let mut changes = Changes::default();
        for id in all {
            self.refresh(turn, id, aloud, &mut changes);
        }
        self.tell(turn, &changes);
    }

    /// Takes the records of a name out of the zone, with goodbyes if it was ours.
    pub(super) fn unpublish(&mut self, turn: &mut Turn<'_>, claim: Claim) {
        let mut changes = Changes::default();
        let mut ids = claim.ids;
        ids.sort_unstable();
        let ended = ids.into_iter().filter_map(|id| self.zone.release(id));
        changes.ended = ended.collect();
        self.remain(turn.now, &mut changes);
        self.tell(turn, &changes);
    }

    fn refresh(&mut self, turn: &Turn<'_>, id: ClaimId, aloud: bool, changes: &mut Changes) {
        let Some(claim) = self.claims.get(id) else {
            return;
        };
        let drafts = self.due_drafts(claim);
        let old: BTreeSet<Id> = claim.ids.iter().copied().collect();
        let mut now = Vec::with_capacity(drafts.len());
        let mut fresh = Vec::new();
        for draft in drafts {
            let role = draft.role;
            let (id, is_new) = self.keep(&old, draft);
            now.push(id);
            if is_new && role != Role::Absent {
                fresh.push(id);
            }
        }
        let kept: BTreeSet<Id> = now.iter().copied().collect();
        let gone = old.difference(&kept).copied();
        let mut ended: Vec<_> = gone.filter_map(|id| self.zone.release(id)).collect();
        if !aloud {
            ended.clear();
        }
        let changed = !fresh.is_empty() || !ended.is_empty();
        let Some(claim) = self.claims.get_mut(id) else {
            return;
        };
        claim.ids = now;
        let at = if changed {
            claim.update(turn.now)
        } else {
            turn.now
        };
        let mut own = Changes {
            announced: fresh.into_iter().map(|id| (id, at)).collect(),
            ended,
        };
        self.remain(at, &mut own);
        changes.announced.append(&mut own.announced);
        changes.ended.append(&mut own.ended);
    }

    /// The record of a draft, and whether it is new in the zone.
    fn keep(&mut self, old: &BTreeSet<Id>, draft: Draft) -> (Id, bool) {
        let found = self.zone.find(&draft.record);
        match found {
            Some(id) if old.contains(&id) => (id, false),
            _ => self.zone.hold(draft),
        }
    }

    /// RFC 6762 8.4: if a part of a unique set has gone, the bit that flushes caches tells so on what is left, which is
    /// announced in the place of a goodbye.
    fn remain(&self, at: Instant, changes: &mut Changes) {
        let announced = &mut changes.announced;
        changes.ended.retain(|entry| {
            let record = &entry.record;
            let rest = match entry.role {
                Role::Shared => Vec::new(),
                Role::Unique => self.zone.set(&record.owner, record.kind),
                Role::Absent => self.zone.absent(&record.owner).into_iter().collect(),
            };
            if entry.told != [None; 2] {
                announced.extend(rest.iter().map(|id| (*id, at)));
            }
            rest.is_empty()
        });
    }

    /// The records that a name has as it stands.
    fn due_drafts(&self, claim: &Claim) -> Vec<Draft> {
        if claim.stage() != Stage::Held {
            return Vec::new();
        }
        let What::Service(service) = &claim.what else {
            return self.claims.drafts(claim);
        };
        match self.claims.host_of(service) {
            None => self.claims.drafts(claim),
            Some(host) if host.sure => self.claims.drafts(claim),
            // Its host gets another name: what does not tell the old one stays.
            Some(host) if !claim.ids.is_empty() && !is_withdrawn(host) => {
                records::of_service(service, claim.used(), None)
            }
            Some(_) => Vec::new(),
        }
    }

    /// Whether a record that ended is told of no more: it has come back, or a set has that its goodbye would flush with it, or
    /// its name is being probed for, and may be another's.
    pub(super) fn is_back(&self, record: &Record) -> bool {
        if record.class & kind::CLASS_TOP == 0 {
            return self.zone.find(record).is_some();
        }
        let claim = self.claims.using(&record.owner);
        let claim = claim.and_then(|id| self.claims.get(id));
        let is_open = claim.is_some_and(|claim| claim.stage() != Stage::Held);
        is_open || !self.zone.set(&record.owner, record.kind).is_empty()
    }
}

const fn is_withdrawn(claim: &Claim) -> bool {
    matches!(claim.stage(), Stage::Withdrawn { .. } | Stage::Down)
}
