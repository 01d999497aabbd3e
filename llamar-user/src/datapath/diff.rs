//! What has to be written to a map of names or addresses so that it holds what is wanted, and in which order.
//! Pure: the map is a [`Table`], what is wanted a [`Wanted`].
//!
//! Order: entries that are lost or changed first, so that nothing is answered for longer than it is true; then new
//! ones; then those whose whole link is no longer served, which nobody can reach. Only where the new ones would not
//! find room do these go before them.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use super::entries::{BATCH, Refusal, Table};
use super::wanted::{Change, Wanted};

/// What is known of a table between two passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Entries that it holds.
    pub held: usize,
    /// Whether it holds exactly what was wanted last. If not, the next pass reads it.
    pub exact: bool,
}

/// What a pass did to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<K> {
    /// Entries inserted or replaced.
    pub written: usize,
    /// Entries removed.
    pub removed: usize,
    /// Entries for which there was no room.
    pub left_out: usize,
    /// Entries that the kernel refused, and why; the next pass tries again.
    pub failed: Vec<(K, String)>,
    /// Why the table could not be read, if it could not.
    pub unread: Option<String>,
}

impl<K> Default for Done<K> {
    fn default() -> Self {
        Self {
            written: 0,
            removed: 0,
            left_out: 0,
            failed: Vec::new(),
            unread: None,
        }
    }
}

/// One pass over one table: [`lose`](Self::lose), [`add`](Self::add), [`sweep`](Self::sweep), in this order.
pub struct Pass<'a, K, V, W, T> {
    wanted: &'a W,
    /// What the table holds, if that is known.
    before: Option<&'a W>,
    /// What the table was last to hold.
    meant: Option<&'a W>,
    table: &'a mut T,
    known: Known,
    /// Hashes of the wanted entries that the table does not hold as they are wanted, if it had to be read: a
    /// twentieth of what the entries themselves would take.
    missing: HashSet<u64>,
    /// Whether the table was found to hold nothing, or nothing could be read, so that everything is missing.
    empty: bool,
    hasher: RandomState,
    /// Entries to come; somewhat more, maybe, where everything is missing.
    new: usize,
    /// Entries that nobody can reach.
    stale: usize,
    done: Done<K>,
    values: PhantomData<V>,
}

impl<'a, K, V, W, T> Pass<'a, K, V, W, T>
where
    K: Copy + Hash + Eq,
    V: Hash + PartialEq,
    W: Wanted<K, V>,
    T: Table<K, V>,
{
    /// A pass that makes `table` hold `wanted`. `before` is what was wanted last; it is used if `known` says that
    /// the table holds exactly that.
    pub fn new(wanted: &'a W, before: Option<&'a W>, known: Known, table: &'a mut T) -> Self {
        Self {
            wanted,
            before: before.filter(|_| known.exact),
            meant: before,
            table,
            known,
            missing: HashSet::new(),
            empty: false,
            hasher: RandomState::new(),
            new: 0,
            stale: 0,
            done: Done::default(),
            values: PhantomData,
        }
    }

    /// Removes what is lost and replaces what has changed. Calls `new`, if anybody wants to know, with the key of each
    /// entry to come.
    pub fn lose(&mut self, new: Option<&mut dyn FnMut(&K)>) {
        match self.before {
            Some(before) => self.lose_since(before, new),
            None => {
                self.hasten();
                self.lose_of_table(new);
            }
        }
    }

    /// Inserts what is new, as far as there is room.
    pub fn add(&mut self) {
        if self.new > self.room() {
            self.sweep();
        }
        if self.new == 0 {
            return;
        }
        let room = self.room();
        self.table.expect(self.new.min(room));
        let mut came = 0;
        let Self {
            wanted,
            before,
            table,
            ..
        } = self;
        let lacking = Lacking {
            empty: self.empty,
            missing: &self.missing,
            hasher: &self.hasher,
        };
        let refused = table.insert(&mut |insert| {
            let mut insert = |key, value| {
                came += 1;
                if came <= room {
                    insert(key, value);
                }
            };
            match before {
                Some(before) => wanted.changes(before, &mut |change| {
                    if let Change::New(key, value) = change {
                        insert(key, value);
                    }
                }),
                None => wanted.each(&mut |key, value| {
                    if lacking.has(key, &value) {
                        insert(key, value);
                    }
                }),
            }
        });
        self.new = 0;
        self.empty = false;
        self.done.left_out += came.saturating_sub(room);
        let written = came.min(room) - refused.len();
        self.done.written += written;
        self.known.held += written;
        self.fail(refused);
    }

    /// Removes what nobody can reach any more.
    pub fn sweep(&mut self) {
        if self.stale == 0 {
            return;
        }
        self.stale = 0;
        let (wanted, before) = (self.wanted, self.before);
        let mut batch = Vec::new();
        match before {
            Some(before) => {
                wanted.changes(before, &mut |change| {
                    if let Change::Stale(key) = change {
                        batch.push(key);
                        if batch.len() == BATCH {
                            self.remove(&mut batch);
                        }
                    }
                });
            }
            None => self.walk(None, |this, entries| {
                batch.extend(
                    entries
                        .drain(..)
                        .map(|(key, _)| key)
                        .filter(|key| !wanted.serves(key)),
                );
                this.remove(&mut batch);
            }),
        }
        self.remove(&mut batch);
    }

    /// What was done, and what is known of the table now.
    pub fn finish(self) -> (Known, Done<K>) {
        let exact =
            self.done.failed.is_empty() && self.done.left_out == 0 && self.done.unread.is_none();
        let known = Known {
            exact,
            ..self.known
        };
        (known, self.done)
    }

    /// Removes and replaces what is known to be lost or changed before a large table is read, which takes its time.
    /// What is refused here is found again there.
    fn hasten(&mut self) {
        let Some(meant) = self.meant else { return };
        let mut lost = Vec::new();
        let mut changed = Vec::new();
        self.wanted.changes(meant, &mut |change| match change {
            Change::Lost(key) => lost.push(key),
            Change::Changed(key, value) => changed.push((key, value)),
            Change::New(..) | Change::Stale(_) => {}
        });
        if !lost.is_empty() {
            self.done.removed += lost.len() - self.table.remove(&lost).len();
        }
        if !changed.is_empty() {
            self.done.written += changed.len() - self.table.write(&changed).len();
        }
    }

    fn lose_since(&mut self, before: &W, mut new: Option<&mut dyn FnMut(&K)>) {
        let mut lost = Vec::new();
        let mut changed = Vec::new();
        self.wanted.changes(before, &mut |change| match change {
            Change::Lost(key) => {
                lost.push(key);
                if lost.len() == BATCH {
                    self.remove(&mut lost);
                }
            }
            Change::Changed(key, value) => {
                changed.push((key, value));
                if changed.len() == BATCH {
                    self.replace(&mut changed);
                }
            }
            Change::New(key, _) => {
                self.new += 1;
                if let Some(new) = &mut new {
                    new(&key);
                }
            }
            Change::Stale(_) => self.stale += 1,
        });
        self.remove(&mut lost);
        self.replace(&mut changed);
    }

    fn lose_of_table(&mut self, mut new: Option<&mut dyn FnMut(&K)>) {
        let wanted = self.wanted;
        self.known.held = 0;
        let first = self.read(None);
        if first.as_ref().is_none_or(Read::is_all_of_nothing) {
            self.empty = true;
            self.new = wanted.count();
            if let Some(new) = &mut new {
                wanted.each(&mut |key, _| new(&key));
            }
            return;
        }
        wanted.each(&mut |key, value| {
            self.missing.insert(self.hasher.hash_one((key, value)));
        });
        self.walk(first, Self::compare);
        if self.missing.is_empty() {
            return;
        }
        wanted.each(&mut |key, value| {
            if self.missing.contains(&self.hasher.hash_one((key, value))) {
                self.new += 1;
                if let Some(new) = &mut new {
                    new(&key);
                }
            }
        });
    }

    /// Removes and replaces what is not as it is wanted of what was read.
    fn compare(&mut self, entries: &mut Vec<(K, V)>) {
        let (mut lost, mut changed) = (Vec::new(), Vec::new());
        self.known.held += entries.len();
        for (key, value) in entries.drain(..) {
            if self.missing.remove(&self.hasher.hash_one((key, &value))) {
                continue;
            }
            match self.wanted.value(&key) {
                Some(goal) => {
                    self.missing.remove(&self.hasher.hash_one((key, &goal)));
                    if goal != value {
                        changed.push((key, goal));
                    }
                }
                None if self.wanted.serves(&key) => lost.push(key),
                None => self.stale += 1,
            }
        }
        self.remove(&mut lost);
        self.replace(&mut changed);
    }

    /// How many entries more there is room for.
    fn room(&self) -> usize {
        self.table.capacity().saturating_sub(self.known.held)
    }

    /// Reads the whole table, of which some may be read already, and lets `visit` change it between two readings.
    fn walk(
        &mut self,
        first: Option<Read<K, V, T::Cursor>>,
        mut visit: impl FnMut(&mut Self, &mut Vec<(K, V)>),
    ) {
        let mut next = first.or_else(|| self.read(None));
        while let Some(mut read) = next {
            visit(self, &mut read.entries);
            next = match read.next {
                Some(cursor) => self.read(Some(cursor)),
                None => return,
            };
        }
    }

    /// Reads some of the table; `None` if that fails.
    fn read(&mut self, cursor: Option<T::Cursor>) -> Option<Read<K, V, T::Cursor>> {
        let mut entries = Vec::new();
        match self.table.read(cursor, BATCH, &mut entries) {
            Ok(next) => Some(Read { entries, next }),
            Err(error) => {
                self.done.unread = Some(error);
                None
            }
        }
    }

    fn remove(&mut self, keys: &mut Vec<K>) {
        if keys.is_empty() {
            return;
        }
        let failed = self.table.remove(keys);
        let removed = keys.len() - failed.len();
        self.done.removed += removed;
        self.known.held = self.known.held.saturating_sub(removed);
        self.fail(failed);
        keys.clear();
    }

    fn replace(&mut self, entries: &mut Vec<(K, V)>) {
        if entries.is_empty() {
            return;
        }
        let failed = self.table.write(entries);
        self.done.written += entries.len() - failed.len();
        self.fail(failed);
        entries.clear();
    }

    fn fail(&mut self, failed: Vec<(K, Refusal)>) {
        for (key, refusal) in failed {
            match refusal {
                Refusal::Full => self.done.left_out += 1,
                Refusal::Failed(why) => self.done.failed.push((key, why)),
            }
        }
    }
}

/// Some entries of a table.
struct Read<K, V, C> {
    entries: Vec<(K, V)>,
    /// Where reading goes on, if that was not all.
    next: Option<C>,
}

impl<K, V, C> Read<K, V, C> {
    fn is_all_of_nothing(&self) -> bool {
        self.entries.is_empty() && self.next.is_none()
    }
}

/// What a table, which had to be read, does not hold.
struct Lacking<'a> {
    empty: bool,
    missing: &'a HashSet<u64>,
    hasher: &'a RandomState,
}

impl Lacking<'_> {
    fn has<K: Hash, V: Hash>(&self, key: K, value: &V) -> bool {
        self.empty || self.missing.contains(&self.hasher.hash_one((key, value)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use llamar_common::abi::ArpKey;
    use proptest::prelude::*;

    use super::super::fake::{Fake, Op, entries, key, wanted};
    use super::super::wanted::Entries;
    use super::*;

    fn pass(
        wanted: &Entries<ArpKey, u32>,
        before: Option<&Entries<ArpKey, u32>>,
        known: Known,
        table: &mut Fake,
    ) -> (Known, Done<ArpKey>, BTreeSet<ArpKey>) {
        let mut new = BTreeSet::new();
        let mut pass = Pass::new(wanted, before, known, table);
        pass.lose(Some(&mut |key| {
            new.insert(*key);
        }));
        pass.add();
        pass.sweep();
        let (known, done) = pass.finish();
        (known, done, new)
    }

    const EXACT: fn(usize) -> Known = |held| Known { held, exact: true };

    #[test]
    fn lost_goes_before_changed_before_new_before_what_nobody_reaches() {
        let before = wanted(&[1, 2], &[(1, 1, 0), (1, 2, 0), (2, 3, 0)]);
        let after = wanted(&[1, 3], &[(1, 2, 9), (1, 4, 0), (3, 5, 0)]);
        let order = vec![
            Op::Remove(1, 1),
            Op::Write(1, 2, 9),
            Op::Write(1, 4, 0),
            Op::Write(3, 5, 0),
            Op::Remove(2, 3),
        ];
        let mut table = Fake::new(10, &[]);
        pass(&before, None, Known::default(), &mut table);
        let entries: Vec<_> = table.all().into_iter().collect();

        let mut known_table = Fake::new(10, &entries);
        let (known, _, new) = pass(&after, Some(&before), EXACT(3), &mut known_table);
        assert_eq!(known_table.ops, order);
        assert_eq!(known, EXACT(3));
        assert_eq!(new, [key(1, 4), key(3, 5)].into());

        let mut unknown_table = Fake::new(10, &entries);
        let (known, _, new) = pass(&after, None, Known::default(), &mut unknown_table);
        assert_eq!(unknown_table.ops, order);
        assert_eq!(known, EXACT(3));
        assert_eq!(new, [key(1, 4), key(3, 5)].into());
    }

    #[test]
    fn what_nobody_reaches_goes_first_where_room_is_short() {
        let before = wanted(&[2], &[(2, 1, 0), (2, 2, 0)]);
        let after = wanted(&[1], &[(1, 3, 0), (1, 4, 0)]);
        let mut table = Fake::new(2, &[(key(2, 1), 0), (key(2, 2), 0)]);
        let (known, done, _) = pass(&after, Some(&before), EXACT(2), &mut table);
        assert_eq!(table.all(), after.entries);
        assert_eq!((known, done.left_out), (EXACT(2), 0));
        assert_eq!(table.ops[0], Op::Remove(2, 1));
    }

    #[test]
    fn a_full_table_leaves_entries_out_counts_them_and_takes_them_when_there_is_room() {
        let many = wanted(
            &[1],
            &[(1, 1, 0), (1, 2, 0), (1, 3, 0), (1, 4, 0), (1, 5, 0)],
        );
        let mut table = Fake::new(3, &[]);
        let (known, done, _) = pass(&many, None, Known::default(), &mut table);
        assert_eq!((done.written, done.left_out), (3, 2));
        assert_eq!(
            known,
            Known {
                held: 3,
                exact: false
            }
        );

        let less = wanted(&[1], &[(1, 2, 0), (1, 3, 0), (1, 5, 0)]);
        let (known, done, _) = pass(&less, Some(&many), known, &mut table);
        assert_eq!(table.all(), less.entries);
        assert_eq!((known, done.left_out), (EXACT(3), 0));
    }

    #[test]
    fn what_is_known_to_be_lost_goes_before_a_table_is_read() {
        let before = wanted(&[1], &[(1, 1, 0), (1, 2, 0), (1, 3, 0)]);
        let after = wanted(&[1], &[(1, 2, 9), (1, 3, 0)]);
        let mut table = Fake::new(3, &[(key(1, 1), 0), (key(1, 2), 0), (key(1, 7), 0)]);
        let unsure = Known {
            held: 3,
            exact: false,
        };
        let (known, done, _) = pass(&after, Some(&before), unsure, &mut table);
        let order = [
            Op::Remove(1, 1),
            Op::Write(1, 2, 9),
            Op::Remove(1, 7),
            Op::Write(1, 3, 0),
        ];
        assert_eq!(table.ops, order);
        assert_eq!((known, done.written, done.removed), (EXACT(2), 2, 2));
    }

    #[test]
    fn an_entry_that_was_refused_is_reported_and_tried_again() {
        let first = wanted(&[1], &[(1, 1, 0), (1, 2, 0)]);
        let mut table = Fake::new(10, &[]);
        table.broken = Some(key(1, 2));
        let (known, done, _) = pass(&first, None, Known::default(), &mut table);
        assert_eq!(done.failed, vec![(key(1, 2), "broken".to_owned())]);
        assert!(!known.exact);
        table.broken = None;
        let (known, done, _) = pass(&first, Some(&first), known, &mut table);
        assert_eq!((done.written, known), (1, EXACT(2)));
    }

    #[test]
    fn nothing_is_written_where_nothing_has_changed() {
        let same = wanted(&[1], &[(1, 1, 7), (1, 2, 8)]);
        let mut table = Fake::new(10, &[(key(1, 1), 7), (key(1, 2), 8)]);
        pass(&same, None, Known::default(), &mut table);
        pass(&same, Some(&same), EXACT(2), &mut table);
        assert_eq!(table.ops, vec![]);
    }

    proptest! {
        #[test]
        fn whatever_was_there_the_table_holds_what_is_wanted_or_as_much_as_fits(
            steps in prop::collection::vec((entries(), any::<bool>()), 1..6),
            found in entries(),
            capacity in 1usize..40,
        ) {
            let found: Vec<_> = found.entries.into_iter().take(capacity).collect();
            let mut table = Fake::new(capacity, &found);
            let mut before: Option<Entries<ArpKey, u32>> = None;
            let mut known = Known::default();
            for (next, forget) in steps {
                known.exact &= !forget;
                let (now, done, _) = pass(&next, before.as_ref(), known, &mut table);
                let served: BTreeMap<_, _> = next.entries.iter()
                    .filter(|(key, _)| next.links.contains(&key.link()))
                    .map(|(&key, &value)| (key, value)).collect();
                prop_assert_eq!(table.all().len(), now.held);
                prop_assert_eq!(served.len().saturating_sub(capacity), done.left_out);
                prop_assert_eq!(now.exact, done.left_out == 0);
                prop_assert!(table.all().iter().all(|(key, value)| served.get(key) == Some(value)));
                prop_assert_eq!(table.all().len() + done.left_out, served.len());
                (known, before) = (now, Some(next));
            }
        }
    }
}
