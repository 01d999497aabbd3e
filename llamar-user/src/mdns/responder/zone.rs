//! The records that are answered with, found by name, and when each was told to whom.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::dns::{Name, Question, Rdata, Record, kind};
use crate::mdns::Family;

/// RFC 6762 6: for how long a record is not multicast again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// A record of the zone. One that came back has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(u64);

/// Whose a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Others may have records of its name and type too (RFC 6762 2).
    Shared,
    /// A member of a set that is ours alone.
    Unique,
    /// What tells that a name of ours has no other types (RFC 6762 6.1). It is made up for those who ask for one of them, and
    /// is no part of what the name has.
    Absent,
}

/// A record to be held in the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub record: Record,
    pub role: Role,
}

/// A record of the zone.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub record: Record,
    pub role: Role,
    /// When it was last multicast over each family, by us or by another host in our place.
    pub told: Told,
    /// How many hosts and services have it: several instances of a type share that type's pointer.
    holders: u32,
    /// How many times it is still to be announced, and when next.
    pub rounds: Option<(u8, Instant)>,
}

/// When something was last told over IPv4, and over IPv6.
pub(super) type Told = [Option<Instant>; 2];

/// All records.
#[derive(Debug, Default)]
pub(super) struct Zone {
    entries: BTreeMap<Id, Entry>,
    names: HashMap<Name, Node>,
    /// When records that are gone were told, as long as they must not be told again if they come back.
    former: HashMap<Name, Vec<(Record, Told)>>,
    count: u64,
}

/// The records of a name.
#[derive(Debug, Default)]
struct Node {
    ids: BTreeSet<Id>,
    /// By what they say: a type of service may have hundreds, and a host many addresses.
    data: HashMap<Rdata, Id>,
}

impl Entry {
    /// When it was last multicast over a family.
    pub(super) fn told(&self, family: Family) -> Option<Instant> {
        self.told[family as usize]
    }

    /// Whether it was multicast over a family within a time.
    pub(super) fn told_within(&self, family: Family, now: Instant, time: Duration) -> bool {
        self.told(family).is_some_and(|told| now < told + time)
    }

    /// The record as it is told when it ends (RFC 6762 10.1).
    pub(super) fn goodbye(&self) -> Record {
        let mut record = self.outgoing();
        record.ttl = 0;
        record
    }

    /// The record as it is sent in a response to port 5353.
    pub(super) fn outgoing(&self) -> Record {
        let mut record = self.record.clone();
        if self.role != Role::Shared {
            // RFC 6762 10.2: every member of a unique set flushes, a shared record never does.
            record.class |= kind::CLASS_TOP;
        }
        record
    }
}

impl Zone {
    /// A record.
    pub(super) fn entry(&self, id: Id) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// A record, of which only the times may be changed.
    pub(super) fn entry_mut(&mut self, id: Id) -> Option<&mut Entry> {
        self.entries.get_mut(&id)
    }

    /// All records.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &Entry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// Takes in a record for one more holder; whether there was none.
    pub(super) fn hold(&mut self, draft: Draft) -> (Id, bool) {
        let Draft { record, role } = draft;
        let found = self.find(&record);
        if let Some(id) = found
            && let Some(entry) = self.entries.get_mut(&id)
        {
            entry.holders += 1;
            return (id, false);
        }
        self.count += 1;
        let id = Id(self.count);
        let node = self.names.entry(record.owner.clone()).or_default();
        node.ids.insert(id);
        node.data.insert(record.data.clone(), id);
        let told = self.recall(&record);
        self.entries.insert(
            id,
            Entry {
                record,
                role,
                told,
                holders: 1,
                rounds: None,
            },
        );
        (id, true)
    }

    /// One holder less; the record if that was the last one, and it is gone.
    pub(super) fn release(&mut self, id: Id) -> Option<Entry> {
        let entry = self.entries.get_mut(&id)?;
        entry.holders -= 1;
        if entry.holders > 0 {
            return None;
        }
        let entry = self.entries.remove(&id)?;
        let owner = &entry.record.owner;
        if let Some(node) = self.names.get_mut(owner) {
            node.ids.remove(&id);
            node.data.remove(&entry.record.data);
            if node.ids.is_empty() {
                self.names.remove(owner);
            }
        }
        if entry.told != [None; 2] {
            let former = self.former.entry(owner.clone()).or_default();
            former.push((entry.record.clone(), entry.told));
        }
        Some(entry)
    }

    /// Forgets when records were told that may be told again.
    pub(super) fn tidy(&mut self, now: Instant) {
        self.former.retain(|_, records| {
            records.retain(|(_, told)| told.iter().flatten().any(|told| now < *told + AGAIN));
            !records.is_empty()
        });
    }

    /// When a record was told that has gone and comes back.
    fn recall(&mut self, record: &Record) -> Told {
        let Some(records) = self.former.get_mut(&record.owner) else {
            return [None; 2];
        };
        let place = records.iter().position(|(former, _)| former == record);
        place.map_or([None; 2], |place| records.swap_remove(place).1)
    }

    /// The record that is the same as one that was heard, but for the TTL and the top bit of the class.
    pub(super) fn find(&self, record: &Record) -> Option<Id> {
        if record.class & !kind::CLASS_TOP != kind::IN {
            return None;
        }
        let node = self.names.get(&record.owner)?;
        let id = node.data.get(&record.data).copied()?;
        let entry = self.entries.get(&id)?;
        is_same_data(&entry.record, record).then_some(id)
    }

    /// What answers a question.
    pub(super) fn answers(&self, question: &Question) -> Vec<Id> {
        let class = question.class & !kind::CLASS_TOP;
        if class != kind::IN && class != kind::CLASS_ANY {
            return Vec::new();
        }
        // RFC 6762 6.5: ANY means all.
        let answers = |record: &Record| question.kind == kind::ANY || record.kind == question.kind;
        let found = self.having(&question.name, answers);
        if !found.is_empty() || is_meta(question.kind) {
            return found;
        }
        // RFC 6762 6.1: of a name that is ours alone, that a type is missing is told too.
        self.absent(&question.name).into_iter().collect()
    }

    /// The records of a name and type.
    pub(super) fn set(&self, owner: &Name, kind: u16) -> Vec<Id> {
        self.having(owner, |record| record.kind == kind)
    }

    /// What tells that a name has no other types.
    pub(super) fn absent(&self, owner: &Name) -> Option<Id> {
        let is_absent = |id: &&Id| {
            let entry = self.entries.get(id);
            entry.is_some_and(|entry| entry.role == Role::Absent)
        };
        self.names.get(owner)?.ids.iter().find(is_absent).copied()
    }

    /// What has to go out together with a record: RFC 6762 10.2: all members of a unique set.
    pub(super) fn whole(&self, id: Id) -> Vec<Id> {
        match self.entries.get(&id) {
            Some(entry) if entry.role == Role::Unique => {
                self.set(&entry.record.owner, entry.record.kind)
            }
            Some(_) => vec![id],
            None => Vec::new(),
        }
    }

    fn having(&self, owner: &Name, is: impl Fn(&Record) -> bool) -> Vec<Id> {
        let node = self.names.get(owner).into_iter();
        let ids = node.flat_map(|node| node.ids.iter().copied());
        let found = ids.filter(|id| {
            let entry = self.entries.get(id);
            entry.is_some_and(|entry| entry.role != Role::Absent && is(&entry.record))
        });
        found.collect()
    }
}

/// Whether records of one owner say the same, whatever their TTL and the top bit of their class.
pub(super) fn is_same_data(a: &Record, b: &Record) -> bool {
    let class = a.class & !kind::CLASS_TOP == b.class & !kind::CLASS_TOP;
    class && a.kind == b.kind && a.data == b.data
}

/// Types of which no name has records: OPT, and those of questions only (RFC 6895 3.1).
const fn is_meta(kind: u16) -> bool {
    matches!(kind, kind::OPT | 128..=255)
}
