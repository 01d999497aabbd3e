//! How much the cache takes in, and who has to go when it is full.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::entry::{Entry, Id};

/// Most records of one interface: those of a thousand hosts with a service each.
pub const RECORDS_MAX: usize = 8192;
/// Most bytes that they take, with everything around them: enough for that many of usual size.
pub const BYTES_MAX: usize = 12 << 20;
/// Records beyond which a sender loses its own before anybody else does: so one that invents records drives out
/// nobody, while of many that do the oldest go, whoever sent them.
const SHARE: usize = RECORDS_MAX / 4;

/// What there is, and in which order it would have to go.
#[derive(Debug, Default)]
pub(super) struct Room {
    bytes: usize,
    strangers: Pool,
    wanted: Pool,
}

impl Room {
    /// Bytes that all records take at most.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts a record in.
    pub(super) fn enter(&mut self, id: Id, entry: &Entry) {
        self.bytes += entry.cost();
        self.pool(entry).enter(id, entry);
    }

    /// Counts a record out; it must be as it was when it entered.
    pub(super) fn leave(&mut self, entry: &Entry) {
        self.bytes -= entry.cost();
        self.pool(entry).leave(entry);
    }

    /// Whether a record of this cost finds room.
    pub(super) fn has(&self, cost: usize) -> bool {
        let records = self.strangers.ages.len() + self.wanted.ages.len();
        records < RECORDS_MAX && self.bytes + cost <= BYTES_MAX
    }

    /// The record that goes to make room for another: of those that nobody asked for first, and others only for what
    /// somebody asked for.
    pub(super) fn victim(&self, wanted: bool) -> Option<Id> {
        let strangers = self.strangers.victim();
        strangers.or_else(|| self.wanted.victim().filter(|_| wanted))
    }

    fn pool(&mut self, entry: &Entry) -> &mut Pool {
        match entry.wanted {
            true => &mut self.wanted,
            false => &mut self.strangers,
        }
    }
}

/// Records of one worth.
#[derive(Debug, Default)]
struct Pool {
    /// In the order in which they were heard last.
    ages: BTreeMap<u64, Id>,
    /// The same for each sender.
    senders: BTreeSet<(IpAddr, u64)>,
    counts: BTreeMap<IpAddr, usize>,
    /// How many each sender has.
    loads: BTreeSet<(usize, IpAddr)>,
}

impl Pool {
    fn enter(&mut self, id: Id, entry: &Entry) {
        self.ages.insert(entry.heard, id);
        self.senders.insert((entry.from, entry.heard));
        let before = self.counts.get(&entry.from).copied().unwrap_or(0);
        self.load(entry.from, before, before + 1);
    }

    fn leave(&mut self, entry: &Entry) {
        self.ages.remove(&entry.heard);
        self.senders.remove(&(entry.from, entry.heard));
        let before = self.counts.get(&entry.from).copied().unwrap_or(0);
        self.load(entry.from, before, before.saturating_sub(1));
    }

    fn load(&mut self, sender: IpAddr, before: usize, after: usize) {
        self.loads.remove(&(before, sender));
        if after == 0 {
            self.counts.remove(&sender);
        } else {
            self.loads.insert((after, sender));
            self.counts.insert(sender, after);
        }
    }

    fn victim(&self) -> Option<Id> {
        let greedy = self.loads.last().filter(|(load, _)| *load > SHARE);
        let theirs = greedy.and_then(|(_, sender)| {
            let mut theirs = self.senders.range((*sender, 0)..=(*sender, u64::MAX));
            theirs.next().map(|(_, heard)| heard)
        });
        match theirs {
            Some(heard) => self.ages.get(heard).copied(),
            None => self.ages.first_key_value().map(|(_, id)| *id),
        }
    }
}
