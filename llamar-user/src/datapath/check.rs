//! Whether a table still holds what it was made to hold, whatever somebody else has done to it: a walk over it step by
//! step, so that nobody waits for a million entries. Pure, as the diff is.
//!
//! What is met and not as it is wanted is put right at once. That something is missing shows at the end, by the
//! number of entries: then the next pass reads the table as one of which nothing is known.

use std::mem;

use super::diff::Known;
use super::entries::Table;
use super::wanted::Wanted;

/// Entries that one step compares: a few milliseconds' work.
pub const STEP: usize = 1024;

/// A walk over one table.
#[derive(Debug)]
pub struct Walk<C> {
    place: Place<C>,
    /// Wanted entries that were met.
    met: usize,
    /// Whether others were written meanwhile, so that their number tells nothing.
    disturbed: bool,
}

#[derive(Debug)]
enum Place<C> {
    Begin,
    At(C),
    End,
}

impl<C> Walk<C> {
    /// A walk from the beginning.
    pub fn new() -> Self {
        Self {
            place: Place::Begin,
            met: 0,
            disturbed: false,
        }
    }

    /// Tells that entries came or went between two steps.
    pub fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// Whether the whole table was seen.
    pub fn is_over(&self) -> bool {
        matches!(self.place, Place::End)
    }

    /// Compares some more of a table that is to hold exactly what is wanted, and says how many entries it put right.
    /// `known` tells afterwards whether the table is to be trusted.
    pub fn step<K, V, W, T>(&mut self, wanted: &W, known: &mut Known, table: &mut T) -> usize
    where
        V: PartialEq,
        W: Wanted<K, V>,
        T: Table<K, V, Cursor = C>,
    {
        let cursor = match mem::replace(&mut self.place, Place::End) {
            Place::Begin => None,
            Place::At(cursor) => Some(cursor),
            Place::End => return 0,
        };
        let mut entries = Vec::new();
        let Ok(next) = table.look(cursor, STEP, &mut entries) else {
            known.exact = false;
            return 0;
        };
        let (mended, refused) = self.mend(wanted, entries, table);
        known.exact &= !refused;
        match next {
            Some(cursor) => self.place = Place::At(cursor),
            None => known.exact &= self.disturbed || self.met == known.held,
        }
        mended
    }

    /// Removes what nobody wants, then replaces what is wanted otherwise. Tells how many entries that were, and whether
    /// any was refused.
    fn mend<K, V, W, T>(&mut self, wanted: &W, entries: Vec<(K, V)>, table: &mut T) -> (usize, bool)
    where
        V: PartialEq,
        W: Wanted<K, V>,
        T: Table<K, V>,
    {
        let (mut foreign, mut changed) = (Vec::new(), Vec::new());
        for (key, value) in entries {
            let Some(goal) = wanted.value(&key) else {
                foreign.push(key);
                continue;
            };
            self.met += 1;
            if goal != value {
                changed.push((key, goal));
            }
        }
        let mut refused = 0;
        if !foreign.is_empty() {
            refused += table.remove(&foreign).len();
        }
        if !changed.is_empty() {
            refused += table.write(&changed).len();
        }
        (foreign.len() + changed.len() - refused, refused > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use llamar_common::abi::ArpKey;
    use proptest::prelude::*;

    use super::super::diff::Pass;
    use super::super::fake::{Fake, Op, entries, key, wanted};
    use super::super::wanted::Entries;
    use super::*;

    type Names = Entries<ArpKey, u32>;

    fn exact(held: usize) -> Known {
        Known { held, exact: true }
    }

    /// Walks over the whole table; gives back how many entries were put right.
    fn walk(wanted: &Names, known: &mut Known, table: &mut Fake) -> usize {
        let mut walk = Walk::new();
        let mut mended = 0;
        while !walk.is_over() {
            mended += walk.step(wanted, known, table);
        }
        mended
    }

    fn pass(wanted: &Names, before: Option<&Names>, known: Known, table: &mut Fake) -> Known {
        let mut pass = Pass::new(wanted, before, known, table);
        pass.lose(None);
        pass.add();
        pass.sweep();
        pass.finish().0
    }

    #[test]
    fn foreign_and_changed_entries_are_put_right_and_others_are_not_touched() {
        let wanted = wanted(&[1], &[(1, 1, 7), (1, 2, 8), (1, 5, 9)]);
        let found = [
            (key(1, 1), 7),
            (key(1, 2), 0),
            (key(1, 5), 9),
            (key(1, 9), 1),
            (key(2, 1), 1),
        ];
        let mut table = Fake::new(10, &found);
        let mut known = exact(3);
        assert_eq!(walk(&wanted, &mut known, &mut table), 3);
        assert_eq!((table.all(), known), (wanted.entries, exact(3)));
        let order = [Op::Remove(1, 9), Op::Remove(2, 1), Op::Write(1, 2, 8)];
        assert_eq!(table.ops, order);
    }

    #[test]
    fn a_table_that_lacks_something_is_not_trusted_at_the_end() {
        let wanted = wanted(&[1], &[(1, 1, 7), (1, 2, 8), (1, 3, 9)]);
        // As many entries as there are to be, of which one is another.
        let mut table = Fake::new(10, &[(key(1, 1), 7), (key(1, 2), 8), (key(1, 4), 9)]);
        let mut known = exact(3);
        let mut steps = Walk::new();
        steps.step(&wanted, &mut known, &mut table);
        assert!(known.exact, "more may come");
        walk(&wanted, &mut known, &mut table);
        assert!(!known.exact);
        pass(&wanted, Some(&wanted), known, &mut table);
        assert_eq!(table.all(), wanted.entries);
    }

    #[test]
    fn numbers_tell_nothing_where_entries_came_meanwhile() {
        let wanted = wanted(&[1], &[(1, 4, 7), (1, 8, 8)]);
        let mut table = Fake::new(10, &[(key(1, 4), 7)]);
        let mut known = exact(1);
        let mut steps = Walk::new();
        steps.step(&wanted, &mut known, &mut table);
        // Where the walk was already.
        table.bucket(&key(1, 8)).insert(key(1, 8), 8);
        known.held += 1;
        steps.disturb();
        while !steps.is_over() {
            steps.step(&wanted, &mut known, &mut table);
        }
        assert!(known.exact);
        walk(&wanted, &mut known, &mut table);
        assert!(known.exact);
    }

    #[test]
    fn what_the_kernel_refuses_to_put_right_is_left_to_the_next_pass() {
        let wanted = wanted(&[1], &[(1, 1, 7)]);
        let mut table = Fake::new(10, &[(key(1, 1), 0)]);
        table.broken = Some(key(1, 1));
        let mut known = exact(1);
        assert_eq!(walk(&wanted, &mut known, &mut table), 0);
        assert!(!known.exact);
    }

    /// What somebody does to a table: removes an entry, or writes one.
    fn meddling() -> impl Strategy<Value = Vec<(u8, u8, Option<u32>)>> {
        let one = (1u8..4, 0u8..12, prop::option::of(0u32..3));
        prop::collection::vec(one, 0..12)
    }

    proptest! {
        #[test]
        fn whatever_somebody_did_a_walk_and_the_pass_that_it_asks_for_make_the_table_as_wanted(
            first in entries(),
            second in entries(),
            before in meddling(),
            meanwhile in meddling(),
            after_steps in 0usize..5,
        ) {
            let mut table = Fake::new(100, &[]);
            let mut known = pass(&first, None, Known::default(), &mut table);
            let meddle = |table: &mut Fake, what: Vec<(u8, u8, Option<u32>)>| {
                for (link, number, value) in what {
                    let key = key(link, number);
                    match value {
                        Some(value) => table.bucket(&key).insert(key, value),
                        None => table.bucket(&key).remove(&key),
                    };
                }
            };
            meddle(&mut table, before);
            let mut steps = Walk::new();
            for _ in 0..after_steps {
                steps.step(&first, &mut known, &mut table);
            }
            // What is wanted changes while the walk is under way, and somebody goes on.
            known = pass(&second, Some(&first), known, &mut table);
            steps.disturb();
            meddle(&mut table, meanwhile);
            while !steps.is_over() && known.exact {
                steps.step(&second, &mut known, &mut table);
            }
            for _ in 0..2 {
                if !known.exact {
                    known = pass(&second, Some(&second), known, &mut table);
                }
                walk(&second, &mut known, &mut table);
            }
            let served: BTreeMap<_, _> = second.entries.iter()
                .filter(|(key, _)| second.links.contains(&key.link()))
                .map(|(&key, &value)| (key, value)).collect();
            prop_assert_eq!(table.all(), served.clone());
            prop_assert_eq!(known, exact(served.len()));
        }
    }
}
