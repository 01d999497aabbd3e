//! The index as it lies in memory, which the kernel may read at any time: the order of writes by which a reader there never
//! takes half an entry for a whole one.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use llamar_common::abi::{
    ELSEWHERE, GENERATIONS, KINDS, ONE_AAAA, SLOTS, Short, Slot, TAG, is_long,
};

use super::place::{ADDRESS, Place, SLOT};

/// The index as it lies in memory.
pub struct Shelves<'a> {
    /// The buckets.
    pub buckets: &'a [AtomicU64],
    /// Their IPv6 addresses.
    pub addresses: &'a [AtomicU64],
}

impl Shelves<'_> {
    /// Empties the index, which is closed. Generations go on, for readers that have begun before.
    pub fn clear(&self) {
        let buckets = self.buckets.len() / (SLOTS * SLOT);
        for bucket in 0..buckets as u32 {
            for slot in 0..SLOTS {
                let place = Place { bucket, slot };
                if self.load(place.word()) & TAG != 0 {
                    self.write(place, 0, [0; ADDRESS]);
                }
            }
            if self.elsewhere(bucket) {
                self.set_elsewhere(bucket, false);
            }
        }
    }

    /// The name that a place has, if it has one.
    pub fn name(&self, place: Place) -> Short {
        let tag = self.load(place.word()) & TAG;
        let second = if is_long(tag) {
            self.load(place.label() + SLOT)
        } else {
            0
        };
        Short {
            tag,
            label: [self.load(place.label()), second],
        }
    }

    /// Whether a place has this name.
    pub fn holds(&self, place: Place, name: &Short) -> bool {
        let [first, second] = name.label;
        self.load(place.word()) & TAG == name.tag
            && self.load(place.label()) == first
            && (!name.is_long() || self.load(place.label() + SLOT) == second)
    }

    /// What a slot's word tells beside its generation.
    pub fn held(&self, place: Place) -> u64 {
        self.load(place.word()) & !GENERATIONS & !ELSEWHERE
    }

    /// A free place for a name, one behind which another one is free if it is `long`.
    pub fn free(&self, home: Place, long: bool) -> Option<Place> {
        home.neighbours(long).find(|place| {
            let behind = Place {
                slot: place.slot | 1,
                ..*place
            };
            self.is_free(*place) && (!long || self.is_free(behind))
        })
    }

    fn is_free(&self, place: Place) -> bool {
        let before = Place {
            slot: place.slot & !1,
            ..place
        };
        self.load(place.word()) & TAG == 0
            && (before == place || !is_long(self.load(before.word())))
    }

    /// Writes the label of a name into a free place.
    pub fn spell(&self, place: Place, name: &Short) {
        // Nobody takes it for a name's before the word says so; who took it for another's finds that word changed.
        self.store(place.label(), name.label[0]);
        if name.is_long() {
            self.store(place.label() + SLOT, name.label[1]);
        }
    }

    /// Replaces all but the label of a slot: its word says that the map has to be asked before anything changes, and
    /// has another generation when all has changed. A slot that is so already is left alone; tells whether it was not.
    pub fn write(&self, place: Place, word: u64, aaaa: [u64; ADDRESS]) -> bool {
        let (at, address) = (place.word(), place.address());
        let found = self.load(at);
        let told = |half: &usize| self.addresses.get(address + half);
        let same = |half| told(&half).map(|word| word.load(Ordering::Relaxed)) == Some(aaaa[half]);
        // Nobody reads an address that the word does not tell of, and of a million there are few.
        let halves = if word & ONE_AAAA == 0 { 0 } else { ADDRESS };
        if self.held(place) == word && (0..halves).all(same) {
            return false;
        }
        let next = Slot::next_generation(found) | found & ELSEWHERE;
        self.store(at, next | word & !KINDS);
        // What follows is written after this.
        fence(Ordering::Release);
        for (half, half_address) in aaaa.into_iter().enumerate().take(halves) {
            if let Some(to) = told(&half) {
                to.store(half_address, Ordering::Relaxed);
            }
        }
        // What precedes is written before this.
        fence(Ordering::Release);
        self.store(at, next | word);
        true
    }

    /// Whether a bucket says that it has sent names elsewhere.
    pub fn elsewhere(&self, bucket: u32) -> bool {
        self.load(Place { bucket, slot: 0 }.word()) & ELSEWHERE != 0
    }

    /// Says whether a bucket has sent names elsewhere.
    pub fn set_elsewhere(&self, bucket: u32, elsewhere: bool) {
        let at = Place { bucket, slot: 0 }.word();
        let others = self.load(at) & !ELSEWHERE;
        self.store(at, others | if elsewhere { ELSEWHERE } else { 0 });
    }

    /// A word of the buckets; 0 where there is none.
    pub fn load(&self, at: usize) -> u64 {
        self.buckets
            .get(at)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    fn store(&self, at: usize, word: u64) {
        if let Some(to) = self.buckets.get(at) {
            to.store(word, Ordering::Relaxed);
        }
    }
}
