//! Room for so many entries and no more, which strangers cannot use to have those forgotten that have been known long.
//!
//! An entry is a newcomer until it has been heard of over [`KNOWN_AFTER`]; from then on it is known. Where there is no
//! room, the newcomer goes that was silent longest: a flood of made-up entries pushes out nothing but newcomers, and as
//! each of its entries is heard once, nothing of it stays. At most three quarters of the room are for known ones. One who
//! repeats made-up entries for long enough may fill what is left of that, and even then none is pushed out before it has
//! been silent for [`FORGET`].

use std::collections::BTreeMap;
use std::time::Duration;

/// Heard of over this time, an entry is known: longer than a burst of forged packets, and shorter than the time for which
/// most hosts stay.
pub(super) const KNOWN_AFTER: Duration = Duration::from_secs(600);
/// Silent for as long, a known entry makes place for another if it must: hosts that are switched off for holidays come
/// back within a month.
pub(super) const FORGET: Duration = Duration::from_secs(30 * 86_400);

/// Entries by their keys.
#[derive(Clone, Debug)]
pub(super) struct Room<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    /// Who was heard of when, those who are silent longest first.
    newcomers: BTreeMap<u64, K>,
    known: BTreeMap<u64, K>,
    capacity: usize,
    turn: u64,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    value: V,
    first: Duration,
    last: Duration,
    turn: u64,
    known: bool,
}

impl<K: Copy + Ord, V> Room<K, V> {
    pub(super) const fn new(capacity: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            newcomers: BTreeMap::new(),
            known: BTreeMap::new(),
            capacity,
            turn: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    pub(super) fn find(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// An entry that is heard of now.
    pub(super) fn hear(&mut self, at: Duration, key: K) -> Option<&mut V> {
        let lasts = self.may_become_known(at);
        let entry = self.entries.get_mut(&key)?;
        let queue = if entry.known {
            &mut self.known
        } else {
            &mut self.newcomers
        };
        queue.remove(&entry.turn);
        self.turn += 1;
        entry.turn = self.turn;
        entry.last = at;
        entry.known = entry.known || lasts && at.saturating_sub(entry.first) >= KNOWN_AFTER;
        let queue = if entry.known {
            &mut self.known
        } else {
            &mut self.newcomers
        };
        queue.insert(entry.turn, key);
        Some(&mut entry.value)
    }

    /// Adds an entry that was first heard of at some time. Gives what had to go for it.
    pub(super) fn add(&mut self, first: Duration, key: K, value: V) -> Option<(K, V)> {
        let gone = match self.entries.contains_key(&key) {
            true => self.remove(key),
            false if self.entries.len() >= self.capacity => self.make_place(),
            false => None,
        };
        self.turn += 1;
        let turn = self.turn;
        let entry = Entry {
            value,
            first,
            last: first,
            turn,
            known: false,
        };
        self.entries.insert(key, entry);
        self.newcomers.insert(turn, key);
        gone
    }

    /// Whether there is place among the known ones, which is made if one of them is silent for long.
    fn may_become_known(&mut self, at: Duration) -> bool {
        if self.known.len() < self.capacity / 4 * 3 {
            return true;
        }
        let Some((&turn, &key)) = self.known.first_key_value() else {
            return false;
        };
        let Some(entry) = self.entries.get_mut(&key) else {
            return false;
        };
        if at.saturating_sub(entry.last) < FORGET {
            return false;
        }
        // Its turn is before those of all newcomers of the last days: it is the next to go, or one of the next.
        self.known.remove(&turn);
        self.newcomers.insert(turn, key);
        entry.known = false;
        true
    }

    fn make_place(&mut self) -> Option<(K, V)> {
        let oldest = self
            .newcomers
            .first_key_value()
            .or_else(|| self.known.first_key_value());
        let key = *oldest?.1;
        self.remove(key)
    }

    fn remove(&mut self, key: K) -> Option<(K, V)> {
        let entry = self.entries.remove(&key)?;
        self.newcomers.remove(&entry.turn);
        self.known.remove(&entry.turn);
        Some((key, entry.value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn keys(room: &Room<u32, ()>) -> Vec<u32> {
        room.iter().map(|(key, ())| *key).collect()
    }

    #[test]
    fn the_newcomer_that_is_silent_longest_makes_place() {
        let mut room = Room::new(4);
        for key in 0..4 {
            assert!(room.add(at(key.into()), key, ()).is_none());
        }
        assert!(room.hear(at(5), 0).is_some() && room.hear(at(5), 9).is_none());
        assert_eq!(room.add(at(6), 7, ()), Some((1, ())));
        assert_eq!(keys(&room), [0, 2, 3, 7]);
    }

    #[test]
    fn a_flood_pushes_out_nothing_that_is_known() {
        let mut room = Room::new(8);
        for key in 0..6 {
            room.add(at(0), key, ());
            room.hear(at(600), key);
        }
        for forged in 100..10_000 {
            room.add(at(601), forged, ());
        }
        assert_eq!(keys(&room), [0, 1, 2, 3, 4, 5, 9998, 9999]);
    }

    #[test]
    fn not_even_repeated_forgeries_push_out_what_was_heard_of_within_a_month() {
        let mut room = Room::new(8);
        for key in 0..6 {
            room.add(at(0), key, ());
            room.hear(at(600), key);
        }
        for time in [700, 2000, 90_000] {
            for forged in 100..102 {
                match room.hear(at(time), forged) {
                    Some(()) => {}
                    None => drop(room.add(at(time), forged, ())),
                }
            }
        }
        for forged in 200..300 {
            room.add(at(90_001), forged, ());
        }
        assert_eq!(keys(&room), [0, 1, 2, 3, 4, 5, 298, 299]);
        // One is silent for a month: it gives way to what is there now.
        for key in 1..6 {
            room.hear(at(90_002), key);
        }
        let later = at(90_002) + FORGET;
        for key in 1..6 {
            room.hear(later, key);
        }
        room.hear(later, 299);
        for forged in 300..400 {
            room.add(later, forged, ());
        }
        assert_eq!(keys(&room), [1, 2, 3, 4, 5, 299, 398, 399]);
    }

    proptest! {
        #[test]
        fn there_are_never_more_entries_than_there_is_room_for(
            steps in prop::collection::vec((0_u32..40, 0_u64..2_000_000, any::<bool>()), 0..400),
            capacity in 1_usize..20,
        ) {
            let mut room = Room::new(capacity);
            for (key, time, adds) in steps {
                if room.hear(at(time), key).is_none() && adds {
                    let before = room.len();
                    let gone = room.add(at(time), key, ());
                    prop_assert_eq!(gone.is_some(), before == capacity);
                    prop_assert!(room.hear(at(time), key).is_some());
                }
                prop_assert!(room.len() <= capacity);
                prop_assert_eq!(room.len(), room.newcomers.len() + room.known.len());
                prop_assert!(room.known.len() <= capacity / 4 * 3);
            }
        }
    }
}
