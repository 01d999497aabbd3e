//! What was heard on an interface (RFC 6762 5.2, 6.1, 10): records by name, type, class and data, until their time is
//! over. Who asks for them is for [`super::Querier`]; a cache can do without one, as when captures are read.
//!
//! Drain rule: after each call that takes a time, and [`Cache::clear`], poll changes until there are none.
//!
//! What the RFC leaves open:
//! - A goodbye with the flush bit set ends its own record only: it does not say what is the truth (10.2).
//! - Negative answers (NSEC, 6.1) are kept as records like others and hold while no positive one contradicts them.
//! - Bounds: [`RECORDS_MAX`] and [`BYTES_MAX`]. What goes first is in `room`.

mod entry;
mod room;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Change, Rule, Rules};
use crate::dns::{Message, Name, Question, Record, kind};
use entry::{cost, is_cached, lifetime};
use room::Room;

pub use entry::{Entry, LIFETIME_MAX, answers};
pub(super) use entry::{Id, denies, identity, is_same};
pub use room::{BYTES_MAX, RECORDS_MAX};

/// RFC 6762 10.1, 10.2: how long a record lasts after its goodbye or flush, so that others can object; and how long one
/// of a burst is safe from the flush of the next.
const GRACE: Duration = Duration::from_secs(1);

/// Records that were heard on one interface.
#[derive(Debug, Default)]
pub struct Cache {
    entries: BTreeMap<Id, Entry>,
    identities: BTreeSet<(u64, Id)>,
    /// Type, class and number of the records of each name.
    names: BTreeMap<Name, BTreeSet<(u16, u16, Id)>>,
    expiries: BTreeSet<(Instant, Id)>,
    room: Room,
    count: u64,
    changes: VecDeque<Changed>,
    heard: Vec<Id>,
}

/// A change, with the number of the record.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) id: Id,
    pub(super) record: Record,
    pub(super) from: IpAddr,
    pub(super) change: Change,
}

impl Cache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the records of a response, of all its sections. `wanted` says which are kept in preference when it is full:
    /// what nobody asked for goes first (RFC 6762 5.2, 10, 18.1).
    pub fn hear(
        &mut self,
        now: Instant,
        rules: Rules,
        response: &Message,
        from: IpAddr,
        wanted: &dyn Fn(&Record) -> bool,
    ) {
        self.handle_timeout(now);
        self.heard.clear();
        let mut unique = BTreeSet::new();
        for record in response.records().filter(|record| is_cached(record)) {
            if record.ttl == 0 {
                // RFC 6762 10.1: not at once, another responder may have the record too.
                if let Some(id) = self.find_same(record) {
                    self.condemn(id, now + GRACE);
                }
                continue;
            }
            self.take(now, record, from, wanted);
            let class = record.class & !kind::CLASS_TOP;
            // RFC 6762 10.2: the top bit is no part of the class.
            if class != record.class {
                unique.insert((&record.owner, record.kind, class));
            }
        }
        if rules.hold(Rule::Flush) {
            for (owner, kind, class) in unique {
                self.flush(now, owner, kind, class);
            }
        }
    }

    /// Ends the records whose time is over (RFC 6762 5.2).
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(_, id)) = self.expiries.first().filter(|(due, _)| *due <= now) {
            self.remove(id);
        }
    }

    /// When [`Cache::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.expiries.first().map(|(due, _)| *due)
    }

    /// The next record that came or went, and who sent it last.
    pub fn poll_change(&mut self) -> Option<(Record, IpAddr, Change)> {
        let changed = self.next_change()?;
        Some((changed.record, changed.from, changed.change))
    }

    /// The records of a name and type, of all types if that is ANY, oldest first within a type. Aliases of the name
    /// (CNAME) are not among those of another type.
    pub fn find(&self, name: &Name, kind: u16) -> impl Iterator<Item = &Entry> + use<'_> {
        self.numbered(name, kind).map(|(_, entry)| entry)
    }

    /// The records that answer a question, aliases among them (RFC 6762 6).
    pub fn answers(&self, question: &Question) -> impl Iterator<Item = &Entry> {
        self.answering(question).map(|(_, entry)| entry)
    }

    /// Whether a name is known not to have records of a type (RFC 6762 6.1).
    pub fn denies(&self, name: &Name, kind: u16) -> bool {
        let live = |entry: &Entry| !entry.condemned;
        let denied = self
            .find(name, kind::NSEC)
            .any(|entry| live(entry) && denies(&entry.record, kind));
        denied && !self.find(name, kind).any(live)
    }

    /// All records, in the order of their names.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let ids = self.names.values().flatten();
        ids.filter_map(|(_, _, id)| self.entries.get(id))
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that all records take at most, with everything around them.
    pub const fn bytes(&self) -> usize {
        self.room.bytes()
    }

    /// Ends all records at once: the link is gone (RFC 6762 10.3).
    pub fn clear(&mut self) {
        while let Some((&id, _)) = self.entries.first_key_value() {
            self.remove(id);
        }
    }

    /// Ends all records soon that are not heard again: nobody knows for how long nothing was heard (RFC 6762 10.3).
    pub fn shorten(&mut self, end: Instant) {
        let ids: Vec<_> = self.entries.keys().copied().collect();
        for id in ids {
            self.condemn(id, end);
        }
    }
}

/// For the querier.
impl Cache {
    /// The next change.
    pub(super) fn next_change(&mut self) -> Option<Changed> {
        self.changes.pop_front()
    }

    /// The wanted records that were in the last response.
    pub(super) fn take_heard(&mut self) -> Vec<Id> {
        std::mem::take(&mut self.heard)
    }

    /// A record by its number.
    pub(super) fn entry(&self, id: Id) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// The number of a record, whatever its TTL and top bit.
    pub(super) fn find_same(&self, record: &Record) -> Option<Id> {
        let identity = identity(record);
        let mut same = self
            .identities
            .range((identity, Id(0))..=(identity, Id(u64::MAX)));
        let is_it = |id: &Id| {
            let entry = self.entries.get(id);
            entry.is_some_and(|entry| is_same(&entry.record, record))
        };
        same.find(|(_, id)| is_it(id)).map(|(_, id)| *id)
    }

    /// [`Cache::answers`] with the records' numbers.
    pub(super) fn answering(&self, question: &Question) -> impl Iterator<Item = (Id, &Entry)> {
        let (name, kind) = (&question.name, question.kind);
        let alias = !matches!(kind, kind::ANY | kind::CNAME);
        let aliases = alias.then(|| self.numbered(name, kind::CNAME));
        let all = self
            .numbered(name, kind)
            .chain(aliases.into_iter().flatten());
        all.filter(|(_, entry)| answers(question, &entry.record))
    }

    /// The records that concern a question: its answers, and what says that there are none.
    pub(super) fn concerning(&self, question: &Question) -> impl Iterator<Item = (Id, &Entry)> {
        let other = !matches!(question.kind, kind::ANY | kind::NSEC);
        let denials = other.then(|| self.numbered(&question.name, kind::NSEC));
        let denials = denials.into_iter().flatten();
        self.answering(question)
            .chain(denials.filter(|(_, entry)| denies(&entry.record, question.kind)))
    }

    /// Judges anew which records of a name are wanted.
    pub(super) fn weigh(&mut self, name: &Name, wanted: &dyn Fn(&Record) -> bool) {
        for (_, _, id) in self.names.get(name).into_iter().flatten() {
            let Some(entry) = self.entries.get_mut(id) else {
                continue;
            };
            let wanted = wanted(&entry.record);
            if wanted != entry.wanted {
                self.room.leave(entry);
                entry.wanted = wanted;
                self.room.enter(*id, entry);
            }
        }
    }

    /// Ends a record.
    pub(super) fn remove(&mut self, id: Id) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        self.room.leave(&entry);
        self.identities.remove(&(entry.identity, id));
        self.expiries.remove(&(entry.expires, id));
        let record = entry.record;
        if let Some(ids) = self.names.get_mut(&record.owner) {
            ids.remove(&(record.kind, record.class, id));
            if ids.is_empty() {
                self.names.remove(&record.owner);
            }
        }
        self.changes.push_back(Changed {
            id,
            record,
            from: entry.from,
            change: Change::Removed,
        });
    }
}

impl Cache {
    fn numbered(&self, name: &Name, kind: u16) -> impl Iterator<Item = (Id, &Entry)> + use<'_> {
        let kinds = match kind {
            kind::ANY => 0..=u16::MAX,
            kind => kind..=kind,
        };
        let (first, last) = kinds.into_inner();
        let ids = self.names.get(name).into_iter();
        let ids =
            ids.flat_map(move |ids| ids.range((first, 0, Id(0))..=(last, u16::MAX, Id(u64::MAX))));
        ids.filter_map(|(_, _, id)| Some((*id, self.entries.get(id)?)))
    }

    /// Takes a record that is valid now.
    fn take(
        &mut self,
        now: Instant,
        record: &Record,
        from: IpAddr,
        wanted: &dyn Fn(&Record) -> bool,
    ) {
        let id = match self.find_same(record) {
            Some(id) => {
                self.renew(now, id, record, from);
                id
            }
            None => match self.add(now, record, from, wanted) {
                Some(id) => id,
                None => return,
            },
        };
        if self.entries.get(&id).is_some_and(|entry| entry.wanted) {
            self.heard.push(id);
        }
    }

    /// A record that there is was heard again.
    fn renew(&mut self, now: Instant, id: Id, record: &Record, from: IpAddr) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        self.room.leave(entry);
        self.expiries.remove(&(entry.expires, id));
        entry.record.ttl = record.ttl;
        entry.from = from;
        self.count += 1;
        entry.heard = self.count;
        entry.received = now;
        entry.expires = now + lifetime(record.ttl);
        entry.unique = record.class & kind::CLASS_TOP != 0;
        entry.condemned = false;
        self.expiries.insert((entry.expires, id));
        self.room.enter(id, entry);
    }

    /// Takes a record that there is not; `None` if there is no room for it.
    fn add(
        &mut self,
        now: Instant,
        record: &Record,
        from: IpAddr,
        wanted: &dyn Fn(&Record) -> bool,
    ) -> Option<Id> {
        let unique = record.class & kind::CLASS_TOP != 0;
        let mut record = record.clone();
        record.class &= !kind::CLASS_TOP;
        let wanted = wanted(&record);
        let cost = cost(&record);
        while !self.room.has(cost) {
            let victim = self.room.victim(wanted)?;
            self.remove(victim);
        }
        self.count += 1;
        let entry = Entry {
            identity: identity(&record),
            from,
            received: now,
            expires: now + lifetime(record.ttl),
            heard: self.count,
            unique,
            condemned: false,
            wanted,
            record,
        };
        Some(self.insert(entry))
    }

    /// Takes a record for which there is room.
    fn insert(&mut self, entry: Entry) -> Id {
        let (id, record) = (Id(entry.heard), entry.record.clone());
        self.room.enter(id, &entry);
        self.identities.insert((entry.identity, id));
        self.expiries.insert((entry.expires, id));
        let ids = self.names.entry(record.owner.clone()).or_default();
        ids.insert((record.kind, record.class, id));
        self.changes.push_back(Changed {
            id,
            record,
            from: entry.from,
            change: Change::Added,
        });
        self.entries.insert(id, entry);
        id
    }

    /// RFC 6762 10.2: what was heard more than a second before this is not true any more, and ends in a second.
    fn flush(&mut self, now: Instant, owner: &Name, kind: u16, class: u16) {
        let stale = |(_, entry): &(Id, &Entry)| {
            let age = now.saturating_duration_since(entry.received);
            entry.record.class == class && age > GRACE && !entry.condemned
        };
        let stale = self.numbered(owner, kind).filter(stale);
        let stale: Vec<_> = stale.map(|(id, _)| id).collect();
        for id in stale {
            self.condemn(id, now + GRACE);
        }
    }

    /// Has a record end then, if it would not sooner.
    fn condemn(&mut self, id: Id, end: Instant) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.condemned = true;
        if end < entry.expires {
            self.expiries.remove(&(entry.expires, id));
            entry.expires = end;
            self.expiries.insert((end, id));
        }
    }
}
