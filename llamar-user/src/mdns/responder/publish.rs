//! What is in the zone follows from how the names stand; what changes there is told.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Responder;
use super::claims::{Claim, ClaimId, Stage, What};
use super::records;
use super::zone::{Draft, Entry, Id, Role};
use crate::dns::{Record, kind};
use crate::mdns::Turn;

/// Why the zone changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Something else is wanted. RFC 6762 8.4: not told too often.
    Wanted,
    /// A name was won or lost.
    Standing,
    /// Nobody may be told.
    Silence,
}

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
    /// host is among the names.
    pub(super) fn publish(&mut self, turn: &mut Turn<'_>, ids: &[ClaimId], cause: Cause) {
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
            self.refresh(turn, id, cause, &mut changes);
        }
        self.tell(turn, &changes);
    }

    /// Takes the records of a name out of the zone, with goodbyes if it was ours.
    pub(super) fn unpublish(&mut self, turn: &mut Turn<'_>, claim: Claim) {
        let mut changes = Changes::default();
        let ended = self.release(&claim.ids);
        self.end(ended, turn.now, &mut changes);
        self.tell(turn, &changes);
    }

    fn refresh(&mut self, turn: &Turn<'_>, id: ClaimId, cause: Cause, changes: &mut Changes) {
        let Some(claim) = self.claims.get(id) else {
            return;
        };
        let extent = self.extent(claim);
        let (drafts, old) = (self.drafts(claim, extent), claim.ids.clone());
        let (held, fresh) = self.hold(drafts, &old);
        let mut ended = self.release(old.difference(&held));
        if cause == Cause::Silence {
            ended.clear();
        }
        if extent == Extent::Hostless {
            // RFC 6762 8.4: what has a new target soon needs no goodbye.
            ended.retain(|entry| entry.role == Role::Shared);
        }
        let Some(claim) = self.claims.get_mut(id) else {
            return;
        };
        claim.ids = held;
        let changed = !fresh.is_empty() || !ended.is_empty();
        let at = if changed && cause == Cause::Wanted {
            claim.update(turn.now)
        } else {
            turn.now
        };
        let announced = fresh.into_iter().map(|id| (id, at));
        changes.announced.extend(announced);
        self.end(ended, at, changes);
    }

    /// Has the zone hold the records of a name that has those of `old` there: all of them, and those that are to be
    /// announced.
    fn hold(&mut self, drafts: Vec<Draft>, old: &BTreeSet<Id>) -> (BTreeSet<Id>, Vec<Id>) {
        let (mut held, mut fresh) = (BTreeSet::new(), Vec::new());
        for draft in drafts {
            if self.left.contains(&draft.record.owner) {
                continue;
            }
            let role = draft.role;
            let found = self.zone.find(&draft.record);
            let found = found.filter(|id| old.contains(id) || held.contains(id));
            let (id, is_new) = match found {
                Some(id) => (id, false),
                None => self.zone.hold(draft),
            };
            held.insert(id);
            if is_new && role != Role::Absent {
                fresh.push(id);
            }
        }
        (held, fresh)
    }

    /// Takes records out of the zone; those that nothing else holds there.
    fn release<'i>(&mut self, ids: impl IntoIterator<Item = &'i Id>) -> Vec<Entry> {
        let ids = ids.into_iter();
        ids.filter_map(|id| self.zone.release(*id)).collect()
    }

    /// Records have gone. RFC 6762 8.4: if that was a part of a unique set, the bit that flushes caches tells so on what is
    /// left, which is announced in the place of a goodbye.
    fn end(&self, ended: Vec<Entry>, at: Instant, changes: &mut Changes) {
        for entry in ended {
            let record = &entry.record;
            let rest = match entry.role {
                Role::Shared => Vec::new(),
                Role::Unique => self.zone.set(&record.owner, record.kind),
                Role::Absent => self.zone.absent(&record.owner).into_iter().collect(),
            };
            if rest.is_empty() {
                changes.ended.push(entry);
            } else if entry.told != [None; 2] {
                changes.announced.extend(rest.iter().map(|id| (*id, at)));
            }
        }
    }

    /// How much of what a name is wanted for is true as it stands.
    fn extent(&self, claim: &Claim) -> Extent {
        let host = match &claim.what {
            What::Host(_) => None,
            What::Service(service) => self.claims.host_of(service),
        };
        match host {
            _ if claim.stage() != Stage::Held => Extent::Nothing,
            Some(host) if host.sure => Extent::Everything,
            None => Extent::Everything,
            // Its host gets another name: what does not tell the old one stays.
            Some(host) if !claim.ids.is_empty() && is_coming(host) => Extent::Hostless,
            Some(_) => Extent::Nothing,
        }
    }

    fn drafts(&self, claim: &Claim, extent: Extent) -> Vec<Draft> {
        match (&claim.what, extent) {
            (_, Extent::Nothing) => Vec::new(),
            (What::Service(service), Extent::Hostless) => {
                records::of_service(service, claim.used(), None)
            }
            _ => self.claims.drafts(claim),
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
        let is_told = match record.kind {
            kind::NSEC => self.zone.absent(&record.owner).is_some(),
            kind => !self.zone.set(&record.owner, kind).is_empty(),
        };
        is_open || is_told
    }
}

/// How much of what a name is wanted for is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Everything,
    /// All that does not name the host.
    Hostless,
    Nothing,
}

/// Whether a name is about to be ours.
const fn is_coming(claim: &Claim) -> bool {
    matches!(claim.stage(), Stage::Waiting { .. } | Stage::Probing { .. })
}
