//! The index in front of the names' map, as `llamar_common::abi` lays it out: which name goes where, and what is known
//! of the index beside itself. Pure: the index is words in memory.

mod compare;
mod place;
mod shelves;

use std::collections::{HashMap, HashSet};
use std::hint::black_box;

use llamar_common::abi::{
    Control, Host, INDEX_SEEDS, INDEX_TTLS, KINDS, NameKey, SLOTS, Short, Slot, TTL_SHIFT,
};

use self::place::{ADDRESS, Place};
pub use self::shelves::Shelves;

/// Fewest buckets.
const BUCKETS_MIN: u32 = 64;
/// Of so many slots this many are taken at most: with more of them ever more names have to be looked for twice.
const FULL: (usize, usize) = (4, 3);
/// Of so many names one may be without room before there is to be more of it.
const HOMELESS: usize = 64;
/// What is taken of so many slots where it can be chosen: fewer lines of cache on the one hand, fewer second looks on the other.
const GOOD: (usize, usize) = (5, 3);
/// The same where there are at most [`NEAR`] slots, which are at hand anyway.
const SPARSE: (usize, usize) = (5, 2);
/// Slots of half a megabyte, a part of what a processor has for itself.
const NEAR: u32 = 1 << 15;

/// What is known of the index beside itself.
#[derive(Debug)]
pub struct Index {
    /// How it hashes, and which TTLs it knows.
    control: Control,
    tally: Tally,
    /// How many names each bucket has sent elsewhere, if any.
    elsewhere: HashMap<u32, u32>,
    /// Names for which there was no room at all.
    homeless: HashSet<Short>,
}

/// How much there is in an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many slots are taken.
    taken: usize,
    /// How many entries tell of each TTL.
    ttls: [usize; INDEX_TTLS],
}

/// Buckets that have room for so many names, even if all of them are long.
pub fn buckets_for(names: u32) -> u32 {
    buckets(2 * names as usize, FULL)
}

/// Buckets that are to be used where so many slots will be taken.
pub fn buckets_of(slots: usize) -> u32 {
    let near = buckets(slots, SPARSE).min(NEAR / SLOTS as u32);
    buckets(slots, GOOD).max(near)
}

fn buckets(slots: usize, (of, taken): (usize, usize)) -> u32 {
    let buckets = slots.saturating_mul(of).div_ceil(taken * SLOTS);
    u32::try_from(buckets).unwrap_or(u32::MAX).max(BUCKETS_MIN)
}

impl Index {
    /// An empty index that uses so many buckets.
    pub fn new(buckets: u32, seeds: [u64; INDEX_SEEDS]) -> Self {
        Self {
            control: Control {
                index_slots: u64::from(buckets) * SLOTS as u64,
                // An even factor would lose the upper bit of what it is multiplied with.
                index_seeds: seeds.map(|seed| seed | 1),
                ..Control::default()
            },
            tally: Tally::default(),
            elsewhere: HashMap::new(),
            homeless: HashSet::new(),
        }
    }

    /// The same control with this index opened.
    pub fn opened(&self, control: Control) -> Control {
        Control {
            index_slots: self.control.index_slots,
            index_seeds: self.control.index_seeds,
            index_ttls: self.control.index_ttls,
            ..control
        }
    }

    /// How many buckets it uses.
    pub fn buckets(&self) -> u32 {
        (self.control.index_slots / SLOTS as u64) as u32
    }

    /// How many slots its names take, or would take if there was room.
    pub fn wanted(&self) -> usize {
        self.tally.taken + self.homeless.iter().map(slots_of).sum::<usize>()
    }

    /// Whether more slots are taken than is good for who looks for a name, or names of two slots find too few pairs.
    pub fn is_crowded(&self) -> bool {
        self.is_full_with(self.wanted()) || self.homeless.len() * HOMELESS > self.tally.taken
    }

    /// With how many buckets it is to be made anew before so many names come; `None` if it has room for them.
    ///
    /// Those are enough for twice what it has: if names come one by one, it is not made anew again and again.
    pub fn buckets_for_more(&self, names: usize) -> Option<u32> {
        let wanted = self.wanted() + names;
        let is_full = self.is_full_with(wanted);
        is_full.then(|| buckets_of(wanted.max(2 * self.wanted())))
    }

    fn is_full_with(&self, slots: usize) -> bool {
        let (of, taken) = FULL;
        slots * of > self.control.index_slots as usize * taken
    }

    /// Makes room for a host's TTL, if there is any; whether [`opened`](Self::opened) has to be told to the kernel path
    /// before such a host is inserted.
    pub fn learn(&mut self, host: &Host) -> bool {
        let ttl = host.ttl.to_be_bytes();
        if self.ttl(ttl).is_some() {
            return false;
        }
        // Whoever has read an entry of the former TTL finds it changed.
        let free = (0..INDEX_TTLS).find(|&place| self.tally.ttls[place] == 0);
        if let Some(place) = free {
            self.control.index_ttls[place] = ttl;
        }
        free.is_some()
    }

    /// Reads where names are looked for first, so that they are at hand: many come sooner at once than one by one.
    pub fn fetch<'k>(&self, shelves: &Shelves<'_>, keys: impl Iterator<Item = &'k NameKey>) {
        let words = keys.filter_map(Short::of).map(|name| {
            let [first, _] = self.homes(&name);
            shelves.load(first.word())
        });
        black_box(words.fold(0, |all, word| all ^ word));
    }

    /// Puts a name into its place, or changes it there. The map holds it already.
    pub fn insert(&mut self, shelves: &Shelves<'_>, key: &NameKey, host: &Host) {
        let Some(name) = Short::of(key) else { return };
        if self.homeless.contains(&name) {
            return;
        }
        let (slot, aaaa) = Slot::new(&name, host, self.ttl(host.ttl.to_be_bytes()));
        if let Some(place) = self.find(shelves, &name) {
            self.write(shelves, place, slot.word, aaaa);
            return;
        }
        for home in self.homes(&name) {
            if let Some(free) = shelves.free(home, name.is_long()) {
                self.tally.taken += slots_of(&name);
                shelves.spell(free, &name);
                self.write(shelves, free, slot.word, aaaa);
                return;
            }
            *self.elsewhere.entry(home.bucket).or_default() += 1;
            shelves.set_elsewhere(home.bucket, true);
        }
        self.homeless.insert(name);
    }

    /// Makes a name's entry say that the map has to be asked, before that is changed.
    pub fn mute(&mut self, shelves: &Shelves<'_>, key: &NameKey) {
        let Some(name) = Short::of(key) else { return };
        if let Some(place) = self.find(shelves, &name) {
            self.write(shelves, place, name.tag, [0; ADDRESS]);
        }
    }

    /// Removes a name, if it is there. The map may hold it still.
    pub fn remove(&mut self, shelves: &Shelves<'_>, key: &NameKey) {
        let Some(name) = Short::of(key) else { return };
        let [first, second] = self.homes(&name).map(|home| home.bucket);
        match self.find(shelves, &name) {
            Some(place) => {
                // Somebody else may have put it there.
                self.tally.taken = self.tally.taken.saturating_sub(slots_of(&name));
                self.write(shelves, place, 0, [0; ADDRESS]);
                if place.bucket != first {
                    self.returned(shelves, first);
                }
            }
            None if self.homeless.remove(&name) => {
                self.returned(shelves, first);
                self.returned(shelves, second);
            }
            None => {}
        }
    }

    /// How much there is to be in it.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Writes a slot, and counts who tells of which TTL.
    fn write(&mut self, shelves: &Shelves<'_>, place: Place, word: u64, aaaa: [u64; ADDRESS]) {
        let before = shelves.load(place.word());
        let ttls = &mut self.tally.ttls;
        if before & KINDS != 0 {
            // Somebody else may have written it.
            ttls[ttl_of(before)] = ttls[ttl_of(before)].saturating_sub(1);
        }
        if word & KINDS != 0 {
            ttls[ttl_of(word)] += 1;
        }
        shelves.write(place, word, aaaa);
    }

    /// The place of a TTL.
    fn ttl(&self, ttl: [u8; 4]) -> Option<usize> {
        let known = self.control.index_ttls.iter();
        known.clone().position(|known| *known == ttl)
    }

    /// One name less that a bucket has sent elsewhere.
    fn returned(&mut self, shelves: &Shelves<'_>, bucket: u32) {
        if let Some(names) = self.elsewhere.get_mut(&bucket) {
            *names -= 1;
            if *names == 0 {
                self.elsewhere.remove(&bucket);
                shelves.set_elsewhere(bucket, false);
            }
        }
    }

    /// Where a name is looked for, first and then.
    fn homes(&self, name: &Short) -> [Place; 2] {
        let hash = name.hash(&self.control);
        [
            Short::first(hash, &self.control),
            Short::second(hash, &self.control),
        ]
        .map(Place::of)
    }

    /// The place of a name. One that is in its second bucket was sent there by the first, which says so.
    fn find(&self, shelves: &Shelves<'_>, name: &Short) -> Option<Place> {
        let [first, second] = self.homes(name);
        let held = |home: Place| {
            let mut places = home.neighbours(name.is_long());
            places.find(|place| shelves.holds(*place, name))
        };
        held(first).or_else(|| {
            let sent = self.elsewhere.contains_key(&first.bucket);
            sent.then(|| held(second)).flatten()
        })
    }
}

fn slots_of(name: &Short) -> usize {
    1 + usize::from(name.is_long())
}

fn ttl_of(word: u64) -> usize {
    (word >> TTL_SHIFT) as usize % INDEX_TTLS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::atomic::{AtomicU64, Ordering};

    use llamar_common::abi::{
        ADDRESS_SHIFT, ELSEWHERE, GENERATION, GENERATIONS, LinkKey, ONE_A, TAG,
    };
    use llamar_common::testing::host;
    use proptest::prelude::*;

    use super::place::SLOT;
    use super::*;

    pub const BUCKETS: u32 = 8;

    /// An index in memory.
    pub struct Shelf {
        pub index: Index,
        pub buckets: Vec<AtomicU64>,
        pub addresses: Vec<AtomicU64>,
    }

    /// What a reader in the kernel finds.
    #[derive(Debug, PartialEq, Eq)]
    pub enum Seen {
        Address(u32),
        AskTheMap,
        Foreign,
    }

    impl Shelf {
        pub fn new() -> Self {
            Self::with(BUCKETS, [0x9e37_79b9_7f4a_7c15, 5, 0xd6e8_feb8_6659_fd93])
        }

        fn with(buckets: u32, seeds: [u64; INDEX_SEEDS]) -> Self {
            let words = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
            let slots = buckets as usize * SLOTS;
            Self {
                index: Index::new(buckets, seeds),
                buckets: words(slots * SLOT),
                addresses: words(slots * ADDRESS),
            }
        }

        pub fn change(&mut self, change: impl FnOnce(&mut Index, &Shelves<'_>)) {
            let shelves = Shelves {
                buckets: &self.buckets,
                addresses: &self.addresses,
            };
            change(&mut self.index, &shelves);
        }

        pub fn insert(&mut self, number: u8, last: u8) {
            self.change(|index, shelves| {
                index.learn(&of(last));
                index.insert(shelves, &key(number), &of(last));
            });
        }

        pub fn remove(&mut self, number: u8) {
            self.change(|index, shelves| index.remove(shelves, &key(number)));
        }

        pub fn seen(&self, number: u8) -> Seen {
            let name = Short::of(&key(number)).unwrap();
            let word = |at: usize| self.buckets[at].load(Ordering::Relaxed);
            for home in self.index.homes(&name) {
                for place in home.neighbours(name.is_long()) {
                    let [first, second] = [0, SLOT].map(|half| place.label() + half);
                    let long = |at: usize| name.is_long() && word(at) != name.label[1];
                    let held = word(place.word());
                    if held & TAG != name.tag || word(first) != name.label[0] || long(second) {
                        continue;
                    }
                    return match held & ONE_A {
                        0 => Seen::AskTheMap,
                        _ => Seen::Address((held >> ADDRESS_SHIFT) as u32),
                    };
                }
                if word(Place { slot: 0, ..home }.word()) & ELSEWHERE == 0 {
                    return Seen::Foreign;
                }
            }
            Seen::AskTheMap
        }
    }

    /// Names of one slot, and of two.
    pub fn key(number: u8) -> NameKey {
        let name = match number % 3 {
            0 => format!("longer-{number}"),
            _ => format!("n{number}"),
        };
        NameKey::new(LinkKey::new(7, 0), name.as_bytes()).unwrap()
    }

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    pub fn of(last: u8) -> Host {
        host(30, &[address(last)])
    }

    #[test]
    fn long_names_and_those_of_tagged_or_far_links_are_not_in_the_index() {
        let mut shelf = Shelf::new();
        let link = LinkKey::new(7, 0);
        for key in [
            NameKey::new(link, &[b'a'; 16]).unwrap(),
            NameKey::new(LinkKey::new(7, 1), b"name").unwrap(),
            NameKey::new(LinkKey::new(1 << 15, 0), b"name").unwrap(),
        ] {
            shelf.change(|index, shelves| index.insert(shelves, &key, &of(1)));
        }
        assert!(
            shelf
                .buckets
                .iter()
                .all(|word| word.load(Ordering::Relaxed) == 0)
        );
        let key = NameKey::new(link, &[b'a'; 15]).unwrap();
        shelf.change(|index, shelves| index.insert(shelves, &key, &of(1)));
        assert!(
            shelf
                .buckets
                .iter()
                .any(|word| word.load(Ordering::Relaxed) != 0)
        );
    }

    /// Digits of pi, as good as any.
    const SEEDS: [[u64; INDEX_SEEDS]; 4] = [
        [
            0x243f_6a88_85a3_08d3,
            0x1319_8a2e_0370_7344,
            0xa409_3822_299f_31d0,
        ],
        [
            0x082e_fa98_ec4e_6c89,
            0x4528_21e6_38d0_1377,
            0xbe54_66cf_34e9_0c6c,
        ],
        [
            0xc0ac_29b7_c97c_50dd,
            0x3f84_d5b5_b547_0917,
            0x9216_d5d9_8979_fb1b,
        ],
        [
            0xd131_0ba6_98df_b5ac,
            0x2ffd_72db_d01a_dfb7,
            0xb8e1_afed_6a26_7e96,
        ],
    ];

    /// An index that was made for these names; how many of them are where they are looked for first, and without room.
    fn settled(keys: &[NameKey], seeds: [u64; INDEX_SEEDS]) -> (usize, usize) {
        let names: Vec<Short> = keys.iter().filter_map(Short::of).collect();
        let slots = names.iter().map(slots_of).sum();
        let mut shelf = Shelf::with(buckets_of(slots), seeds);
        let mut at_home = 0;
        shelf.change(|index, shelves| {
            for key in keys {
                index.insert(shelves, key, &of(1));
            }
            let is_at_home = |name: &&Short| {
                let [home, _] = index.homes(name);
                let home = home.neighbours(name.is_long()).next();
                home.is_some_and(|home| shelves.holds(home, name))
            };
            at_home = names.iter().filter(is_at_home).count();
        });
        (at_home, shelf.index.homeless.len())
    }

    #[test]
    fn names_that_are_numbered_find_their_homes_as_others_do() {
        const NAMES: u32 = 20_000;
        let letters = |number: u32| {
            let digits = (0..4).map(|place| number / 26u32.pow(place) % 26);
            digits.map(|digit| char::from(b'a' + digit as u8)).collect()
        };
        let families: [&dyn Fn(u32) -> String; 4] = [
            &|number| format!("h{number:07}"),
            &|number| format!("pc{number}"),
            &|number| format!("station-{number:05}"),
            &letters,
        ];
        for family in families {
            let key = |number| NameKey::new(LinkKey::new(7, 0), family(number).as_bytes());
            let keys: Vec<NameKey> = (0..NAMES).filter_map(key).collect();
            for seeds in SEEDS {
                let (at_home, homeless) = settled(&keys, seeds);
                assert!(at_home > NAMES as usize * 3 / 5, "{at_home} at home");
                assert!(homeless < NAMES as usize / 20, "{homeless} homeless");
            }
        }
    }

    #[test]
    fn names_that_come_one_by_one_make_it_anew_a_few_times_only() {
        const NAMES: u32 = 3_000;
        let key = |number: u32| {
            let name = format!("n{number}");
            NameKey::new(LinkKey::new(7, 0), name.as_bytes()).unwrap()
        };
        let mut shelf = Shelf::with(buckets_of(0), SEEDS[0]);
        let mut made = 0;
        for number in 0..NAMES {
            let mut from = number;
            if let Some(buckets) = shelf.index.buckets_for_more(1) {
                (shelf, from, made) = (Shelf::with(buckets, SEEDS[0]), 0, made + 1);
            }
            shelf.change(|index, shelves| {
                (from..=number).for_each(|number| index.insert(shelves, &key(number), &of(1)));
            });
            assert!(!shelf.index.is_full_with(shelf.index.wanted()));
        }
        assert!((2..=4).contains(&made), "{made} times");
        assert_eq!(shelf.index.wanted(), NAMES as usize);
    }

    #[test]
    fn a_name_that_is_muted_is_there_without_an_address_until_it_is_written() {
        let mut shelf = Shelf::new();
        shelf.insert(1, 9);
        shelf.change(|index, shelves| index.mute(shelves, &key(1)));
        assert_eq!(shelf.seen(1), Seen::AskTheMap);
        shelf.insert(1, 8);
        assert_eq!(
            shelf.seen(1),
            Seen::Address(u32::from_le_bytes([10, 0, 0, 8]))
        );
        shelf.change(|index, shelves| index.mute(shelves, &key(2)));
        assert_eq!(shelf.seen(2), Seen::Foreign);
    }

    #[test]
    fn generations_go_on_when_an_entry_is_changed_or_the_index_is_cleared() {
        let mut shelf = Shelf::new();
        let mut generations = Vec::new();
        for last in 1..=3 {
            shelf.insert(1, last);
            shelf.insert(1, last);
            let words = shelf.buckets.iter().skip(1).step_by(SLOT);
            generations.extend(
                words
                    .map(|word| (word.load(Ordering::Relaxed) & GENERATIONS) / GENERATION)
                    .max(),
            );
            shelf.change(|_, shelves| shelves.clear());
            shelf.index = Shelf::new().index;
        }
        // Written once, cleared, written again; what is the same already is not written.
        assert_eq!(generations, [1, 3, 5]);
    }

    #[test]
    fn there_is_room_for_names_that_are_all_long() {
        for names in [0, 1, 100, 10_000, 65_536, 1_001_000] {
            let slots = buckets_for(names) as usize * SLOTS;
            assert!(slots > 2 * names as usize, "{names}: {slots}");
            assert!(buckets_of(names as usize) <= buckets_for(names));
        }
        assert_eq!(buckets_for(1_001_000), 667_334);
    }

    #[test]
    fn hosts_of_more_ttls_than_the_index_knows_are_left_to_the_map_until_one_is_free() {
        let mut shelf = Shelf::new();
        let insert = |shelf: &mut Shelf, number, ttl| {
            shelf.change(|index, shelves| {
                index.learn(&host(ttl, &[address(1)]));
                index.insert(shelves, &key(number), &host(ttl, &[address(1)]));
            });
            shelf.seen(number)
        };
        let told = Seen::Address(u32::from_le_bytes([10, 0, 0, 1]));
        for number in 0..4 {
            assert_eq!(insert(&mut shelf, number, number.into()), told);
        }
        assert_eq!(insert(&mut shelf, 4, 4), Seen::AskTheMap);
        shelf.remove(2);
        assert_eq!(insert(&mut shelf, 4, 4), told);
        assert_eq!(insert(&mut shelf, 3, 4), told);
        assert_eq!(insert(&mut shelf, 5, 5), told, "nobody has the TTL of 3");
        let control = shelf.index.opened(Control::default());
        let ttls = control.index_ttls.map(u32::from_be_bytes);
        assert_eq!(ttls, [0, 1, 4, 5]);
    }

    proptest! {
        #[test]
        fn a_name_is_found_or_the_map_is_asked_and_no_other_name_is_found(
            steps in prop::collection::vec((any::<bool>(), 0..60u8, 1..=255u8), 0..200),
        ) {
            let mut shelf = Shelf::new();
            let mut model = BTreeMap::new();
            for (insert, number, last) in steps {
                if insert {
                    shelf.insert(number, last);
                    model.insert(number, last);
                } else {
                    shelf.remove(number);
                    model.remove(&number);
                }
                for number in 0..60 {
                    let seen = shelf.seen(number);
                    match model.get(&number) {
                        Some(last) => {
                            let address = u32::from_le_bytes([10, 0, 0, *last]);
                            prop_assert!([Seen::Address(address), Seen::AskTheMap].contains(&seen));
                        }
                        None => prop_assert!(!matches!(seen, Seen::Address(_))),
                    }
                }
            }
            for number in 0..60 {
                shelf.remove(number);
            }
            let flags = |word: &AtomicU64| word.load(Ordering::Relaxed) & !GENERATIONS;
            prop_assert!(shelf.buckets.iter().skip(1).step_by(SLOT).all(|word| flags(word) == 0));
            prop_assert_eq!(shelf.index.tally(), Tally::default());
            prop_assert!(shelf.index.elsewhere.is_empty() && shelf.index.homeless.is_empty());
        }
    }
}
