//! Whether the index is as it was left: its entries against the hosts that are wanted, some buckets at a time, while
//! the kernel path looks into it.

use llamar_common::abi::{Host, KINDS, NameKey, SLOTS, Short, Slot};

use super::place::{ADDRESS, Place};
use super::{Index, Shelves, Tally, slots_of, ttl_of};

/// Most buckets that are compared at once, as they may all be empty.
const STRETCH: u32 = 1 << 16;

/// What came of comparing some buckets with what they are to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The bucket to go on with; `None` behind the last.
    pub next: Option<u32>,
    /// Entries that were put right.
    pub mended: usize,
}

impl Index {
    /// In about how many steps it is compared, of so many names each.
    pub fn steps(&self, names: usize) -> usize {
        self.tally.taken / names + self.buckets().div_ceil(STRETCH) as usize
    }

    /// Compares the entries of some buckets, beginning with one, with the hosts that are wanted, and puts right those
    /// that are not so; `seen` counts what is right then. Stops behind about so many names.
    pub fn compare(
        &mut self,
        shelves: &Shelves<'_>,
        from: u32,
        names: usize,
        host: &dyn Fn(&NameKey) -> Option<Host>,
        seen: &mut Tally,
    ) -> Compared {
        let mut compared = Compared::default();
        let (end, enough) = (self.buckets(), seen.taken + names);
        let until = from.saturating_add(STRETCH).min(end);
        for bucket in from..until {
            if seen.taken + compared.mended >= enough {
                compared.next = Some(bucket);
                return compared;
            }
            let elsewhere = self.elsewhere.contains_key(&bucket);
            if shelves.elsewhere(bucket) != elsewhere {
                shelves.set_elsewhere(bucket, elsewhere);
                compared.mended += 1;
            }
            for slot in 0..SLOTS {
                let place = Place { bucket, slot };
                let mended = shelves.held(place) != 0 && self.mend(shelves, place, host, seen);
                compared.mended += usize::from(mended);
            }
        }
        compared.next = Some(until).filter(|&until| until < end);
        compared
    }

    /// Puts an entry right; tells whether it had to be.
    fn mend(
        &mut self,
        shelves: &Shelves<'_>,
        place: Place,
        host: &dyn Fn(&NameKey) -> Option<Host>,
        seen: &mut Tally,
    ) -> bool {
        let name = shelves.name(place);
        // Somebody else may have written what is no name, or a name where it is not looked for.
        let is_its_place =
            Short::of(&name.key()) == Some(name) && self.find(shelves, &name) == Some(place);
        let Some(host) = is_its_place.then(|| host(&name.key())).flatten() else {
            shelves.write(place, 0, [0; ADDRESS]);
            return true;
        };
        let (slot, aaaa) = Slot::new(&name, &host, self.ttl(host.ttl.to_be_bytes()));
        let mended = match shelves.held(place) & KINDS {
            // There may have been no room for its TTL.
            0 => {
                self.write(shelves, place, slot.word, aaaa);
                false
            }
            _ => shelves.write(place, slot.word, aaaa),
        };
        seen.taken += slots_of(&name);
        if slot.word & KINDS != 0 {
            seen.ttls[ttl_of(slot.word)] += 1;
        }
        mended
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::Ordering;

    use proptest::prelude::*;

    use super::super::place::SLOT;
    use super::super::tests::{BUCKETS, Seen, Shelf, key, of};
    use super::*;

    /// Compares everything with these names; how much is right then, and how many entries were put right.
    fn compare(shelf: &mut Shelf, wanted: &BTreeMap<u8, u8>) -> (Tally, usize) {
        let host = |asked: &NameKey| {
            let known = wanted.iter().find(|(number, _)| key(**number) == *asked);
            known.map(|(_, last)| of(*last))
        };
        let (mut seen, mut mended, mut next) = (Tally::default(), 0, Some(0));
        while let Some(bucket) = next {
            shelf.change(|index, shelves| {
                let compared = index.compare(shelves, bucket, 3, &host, &mut seen);
                assert!(compared.next.is_none_or(|next| next > bucket));
                mended += compared.mended;
                next = compared.next;
            });
        }
        (seen, mended)
    }

    fn words(shelf: &Shelf) -> Vec<u64> {
        let words = shelf.buckets.iter().chain(&shelf.addresses);
        words.map(|word| word.load(Ordering::Relaxed)).collect()
    }

    proptest! {
        #[test]
        fn nothing_is_written_to_an_index_that_is_as_it_was_left(
            steps in prop::collection::vec((any::<bool>(), 0..60u8, 1..=255u8), 0..100),
        ) {
            let (mut shelf, mut names) = (Shelf::new(), BTreeMap::new());
            for (insert, number, last) in steps {
                if insert {
                    shelf.insert(number, last);
                    names.insert(number, last);
                } else {
                    shelf.remove(number);
                    names.remove(&number);
                }
            }
            let before = words(&shelf);
            prop_assert_eq!(compare(&mut shelf, &names), (shelf.index.tally(), 0));
            prop_assert_eq!(words(&shelf), before);
        }

        #[test]
        fn whatever_somebody_wrote_no_other_name_is_found_afterwards_and_what_lacks_is_told(
            names in prop::collection::btree_map(0..60u8, 1..=255u8, 0..20),
            written in prop::collection::vec((0..BUCKETS as usize * SLOTS * SLOT, any::<u64>()), 0..8),
            moved in prop::collection::vec((0..BUCKETS as usize * SLOTS, 0..BUCKETS as usize * SLOTS), 0..8),
        ) {
            let mut shelf = Shelf::new();
            for (&number, &last) in &names {
                shelf.insert(number, last);
            }
            for (at, value) in written {
                shelf.buckets[at].store(value, Ordering::Relaxed);
            }
            for (from, to) in moved {
                for word in 0..SLOT {
                    let value = shelf.buckets[from * SLOT + word].load(Ordering::Relaxed);
                    shelf.buckets[to * SLOT + word].store(value, Ordering::Relaxed);
                }
            }
            compare(&mut shelf, &names);
            let (seen, mended) = compare(&mut shelf, &names);
            prop_assert_eq!(mended, 0);
            for number in 0..60 {
                let found = shelf.seen(number);
                match names.get(&number) {
                    Some(last) => {
                        let address = u32::from_le_bytes([10, 0, 0, *last]);
                        let right = [Seen::Address(address), Seen::AskTheMap].contains(&found);
                        prop_assert!(right || seen != shelf.index.tally());
                    }
                    None => prop_assert!(!matches!(found, Seen::Address(_))),
                }
            }
        }
    }
}
