//! The index in front of the names' map, as `llamar_common::abi` lays it out: which name goes where, and the order of
//! writes by which a reader in the kernel never takes half an entry for a whole one. Pure: the index is words in
//! memory, which the kernel may read at any time.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering, fence};

use llamar_common::abi::{
    BUCKET, Control, ELSEWHERE, Entry, GENERATION, Host, INDEX_SEEDS, NameKey, Short, WRITING,
};

/// Words of an entry, and of its IPv6 address.
const ENTRY: usize = 4;
const ADDRESS: usize = 2;
/// Most buckets that are compared at once, as they may all be empty.
const STRETCH: u32 = 1 << 16;
/// Fewest buckets.
const BUCKETS_MIN: u32 = 64;

/// The index as it lies in memory.
pub struct Shelves<'a> {
    /// The buckets.
    pub buckets: &'a [AtomicU64],
    /// Their IPv6 addresses.
    pub addresses: &'a [AtomicU64],
}

/// What is known of the index beside itself.
#[derive(Debug)]
pub struct Index {
    /// How it hashes.
    control: Control,
    /// How many names each bucket has sent elsewhere, if any.
    elsewhere: HashMap<u32, u32>,
    /// Names for which there was no room at all.
    homeless: HashSet<Short>,
    /// How many names it holds.
    held: usize,
}

/// What came of comparing some buckets with what they are to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The bucket to go on with; `None` behind the last.
    pub next: Option<u32>,
    /// Names that were met where they are to be.
    pub met: usize,
    /// Entries that were put right.
    pub mended: usize,
}

/// Buckets for so many names: between 0.6 and 1.2 of them for each bucket of two when all of them are there.
pub fn buckets_for(names: u32) -> u32 {
    let least = (u64::from(names) * 6).div_ceil(10).next_power_of_two();
    u32::try_from(least).unwrap_or(1 << 31).max(BUCKETS_MIN)
}

/// In how many steps so many buckets are compared when all of them are empty.
pub fn stretches(buckets: u32) -> usize {
    buckets.div_ceil(STRETCH) as usize
}

impl Index {
    /// An empty index of so many buckets, a power of two.
    pub fn new(buckets: u32, seeds: [u64; INDEX_SEEDS]) -> Self {
        Self {
            control: Control {
                index_shift: u64::from(u64::BITS - buckets.ilog2()),
                // An even factor would lose the upper bit of what it is multiplied with.
                index_seeds: seeds.map(|seed| seed | 1),
                ..Control::default()
            },
            elsewhere: HashMap::new(),
            homeless: HashSet::new(),
            held: 0,
        }
    }

    /// How many names it holds.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The same control with this index opened.
    pub fn opened(&self, control: Control) -> Control {
        Control {
            index_shift: self.control.index_shift,
            index_seeds: self.control.index_seeds,
            ..control
        }
    }

    /// Puts a name into its place, or changes it there. The map holds it already.
    pub fn insert(&mut self, shelves: &Shelves<'_>, key: &NameKey, host: &Host) {
        let Some(name) = Short::of(key) else { return };
        if self.homeless.contains(&name) {
            return;
        }
        let (entry, aaaa) = Entry::new(&name, host);
        if let Some(place) = self.find(shelves, &name) {
            shelves.write(place, &entry, aaaa);
            return;
        }
        for bucket in self.buckets(&name) {
            if let Some(free) = shelves.free(bucket) {
                shelves.write(free, &entry, aaaa);
                self.held += 1;
                return;
            }
            *self.elsewhere.entry(bucket).or_default() += 1;
            shelves.set_elsewhere(bucket, true);
        }
        self.homeless.insert(name);
    }

    /// Makes a name's entry say that the map has to be asked, before that is changed.
    pub fn mute(&self, shelves: &Shelves<'_>, key: &NameKey) {
        let Some(name) = Short::of(key) else { return };
        if let Some(place) = self.find(shelves, &name) {
            let mute = Entry {
                ifindex: name.ifindex,
                label: name.label,
                ..Entry::default()
            };
            shelves.write(place, &mute, [0; ADDRESS]);
        }
    }

    /// Removes a name, if it is there. The map may hold it still.
    pub fn remove(&mut self, shelves: &Shelves<'_>, key: &NameKey) {
        let Some(name) = Short::of(key) else { return };
        let [first, second] = self.buckets(&name);
        match self.find(shelves, &name) {
            Some(place) => {
                shelves.write(place, &Entry::default(), [0; ADDRESS]);
                self.held = self.held.saturating_sub(1);
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

    /// Compares the entries of some buckets with the hosts that are wanted, and puts right those that are not so: of
    /// about `names` names, beginning with a bucket.
    pub fn compare(
        &self,
        shelves: &Shelves<'_>,
        from: u32,
        names: usize,
        host: &dyn Fn(&NameKey) -> Option<Host>,
    ) -> Compared {
        let mut compared = Compared {
            next: None,
            met: 0,
            mended: 0,
        };
        let until = from.saturating_add(STRETCH).min(shelves.count());
        for bucket in from..until {
            if compared.met + compared.mended >= names {
                compared.next = Some(bucket);
                return compared;
            }
            let elsewhere = self.elsewhere.contains_key(&bucket);
            if shelves.elsewhere(bucket) != elsewhere {
                shelves.set_elsewhere(bucket, elsewhere);
                compared.mended += 1;
            }
            for place in places_of(bucket).filter(|place| shelves.ifindex(*place) != 0) {
                let (wanted, mended) = self.compare_entry(shelves, place, host);
                compared.met += usize::from(wanted);
                compared.mended += usize::from(mended);
            }
        }
        compared.next = Some(until).filter(|&until| until < shelves.count());
        compared
    }

    /// Whether an entry is of a name that is to be there, and whether it had to be put right.
    fn compare_entry(
        &self,
        shelves: &Shelves<'_>,
        place: Place,
        host: &dyn Fn(&NameKey) -> Option<Host>,
    ) -> (bool, bool) {
        let name = shelves.name(place);
        // Somebody else may have written what is no name, or a name where it is not looked for.
        let known = Some(name).filter(|name| {
            Short::of(&name.key()) == Some(*name) && self.find(shelves, name) == Some(place)
        });
        match known.and_then(|name| host(&name.key())) {
            Some(host) => {
                let (entry, aaaa) = Entry::new(&name, &host);
                (true, shelves.write(place, &entry, aaaa))
            }
            None => {
                shelves.write(place, &Entry::default(), [0; ADDRESS]);
                (false, true)
            }
        }
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

    fn buckets(&self, name: &Short) -> [u32; 2] {
        let hash = name.hash(&self.control);
        [
            Short::first(hash, &self.control),
            Short::second(hash, &self.control),
        ]
    }

    /// The place of a name. One that is in its second bucket was sent there by the first, which says so.
    fn find(&self, shelves: &Shelves<'_>, name: &Short) -> Option<Place> {
        let [first, second] = self.buckets(name);
        let holds = |place: &Place| shelves.holds(*place, name);
        places_of(first).find(holds).or_else(|| {
            let sent = self.elsewhere.contains_key(&first);
            sent.then(|| places_of(second).find(holds)).flatten()
        })
    }
}

/// The place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    bucket: u32,
    entry: usize,
}

fn places_of(bucket: u32) -> impl Iterator<Item = Place> {
    (0..BUCKET).map(move |entry| Place { bucket, entry })
}

impl Place {
    /// Number of its first word among those of the buckets.
    fn word(self) -> usize {
        (self.bucket as usize * BUCKET + self.entry) * ENTRY
    }

    /// The same among those of the addresses.
    fn address(self) -> usize {
        (self.bucket as usize * BUCKET + self.entry) * ADDRESS
    }
}

impl Shelves<'_> {
    /// Empties the index, which is closed. Generations go on, for readers that have begun before.
    pub fn clear(&self) {
        for bucket in 0..self.count() {
            for place in places_of(bucket) {
                if self.load(place.word()) != 0 {
                    self.write(place, &Entry::default(), [0; ADDRESS]);
                }
            }
            if self.load(places_of(bucket).next().map_or(0, Place::word)) != 0 {
                self.set_elsewhere(bucket, false);
            }
        }
    }

    /// How many buckets there are.
    fn count(&self) -> u32 {
        u32::try_from(self.buckets.len() / (BUCKET * ENTRY)).unwrap_or(u32::MAX)
    }

    fn holds(&self, place: Place, name: &Short) -> bool {
        self.name(place) == *name
    }

    /// The name of an entry.
    fn name(&self, place: Place) -> Short {
        let at = place.word();
        Short {
            ifindex: self.ifindex(place),
            label: [self.load(at + 1), self.load(at + 2)],
        }
    }

    /// The interface of an entry; 0 where there is none.
    fn ifindex(&self, place: Place) -> u32 {
        (self.load(place.word()) >> 32) as u32
    }

    fn free(&self, bucket: u32) -> Option<Place> {
        places_of(bucket).find(|place| self.ifindex(*place) == 0)
    }

    /// Replaces an entry: its generation says so before anything changes, and is another one when all has changed. An
    /// entry that is so already is left alone; tells whether it was not.
    fn write(&self, place: Place, entry: &Entry, aaaa: [u64; ADDRESS]) -> bool {
        let (at, address) = (place.word(), place.address());
        let rest =
            u64::from(u32::from_le_bytes(entry.ttl)) | u64::from(u32::from_le_bytes(entry.a)) << 32;
        let contents = [
            (at + 1, entry.label[0]),
            (at + 2, entry.label[1]),
            (at + 3, rest),
        ];
        let found = self.load(at);
        let kinds = entry.generation & (GENERATION - 1) & !(WRITING | ELSEWHERE);
        let state = (kinds | found as u32 & ELSEWHERE, entry.ifindex);
        let same = (found as u32 & (GENERATION - 1), (found >> 32) as u32) == state
            && contents.iter().all(|(at, word)| self.load(*at) == *word)
            && (0..ADDRESS).all(|half| {
                self.addresses
                    .get(address + half)
                    .map(|word| word.load(Ordering::Relaxed))
                    == Some(aaaa[half])
            });
        if same {
            return false;
        }
        self.store(at, found | u64::from(WRITING));
        // What follows is written after this.
        fence(Ordering::Release);
        for (at, word) in contents {
            self.store(at, word);
        }
        for (half, word) in aaaa.into_iter().enumerate() {
            if let Some(to) = self.addresses.get(address + half) {
                to.store(word, Ordering::Relaxed);
            }
        }
        let generation = (found as u32 & !(GENERATION - 1)).wrapping_add(GENERATION) | state.0;
        let word = u64::from(generation) | u64::from(entry.ifindex) << 32;
        // What precedes is written before this.
        fence(Ordering::Release);
        self.store(at, word);
        true
    }

    /// Whether a bucket says that it has sent names elsewhere.
    fn elsewhere(&self, bucket: u32) -> bool {
        let at = Place { bucket, entry: 0 }.word();
        self.load(at) & u64::from(ELSEWHERE) != 0
    }

    /// Says whether a bucket has sent names elsewhere.
    fn set_elsewhere(&self, bucket: u32, elsewhere: bool) {
        let at = Place { bucket, entry: 0 }.word();
        let others = self.load(at) & !u64::from(ELSEWHERE);
        let flag = if elsewhere { u64::from(ELSEWHERE) } else { 0 };
        self.store(at, others | flag);
    }

    fn load(&self, at: usize) -> u64 {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{IpAddr, Ipv4Addr};

    use llamar_common::abi::LinkKey;
    use llamar_common::testing::host;
    use proptest::prelude::*;

    use super::*;

    const BUCKETS: u32 = 8;

    /// An index in memory.
    struct Shelf {
        index: Index,
        buckets: Vec<AtomicU64>,
        addresses: Vec<AtomicU64>,
    }

    /// What a reader in the kernel finds.
    #[derive(Debug, PartialEq, Eq)]
    enum Seen {
        Address(u32),
        AskTheMap,
        Foreign,
    }

    impl Shelf {
        fn new() -> Self {
            let words = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
            let entries = BUCKETS as usize * BUCKET;
            Self {
                index: Index::new(
                    BUCKETS,
                    [3, 5, 0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93],
                ),
                buckets: words(entries * ENTRY),
                addresses: words(entries * ADDRESS),
            }
        }

        fn words(&self) -> impl Iterator<Item = u64> {
            let words = self.buckets.iter().chain(&self.addresses);
            words.map(|word| word.load(Ordering::Relaxed))
        }

        fn change(&mut self, change: impl FnOnce(&mut Index, &Shelves<'_>)) {
            let shelves = Shelves {
                buckets: &self.buckets,
                addresses: &self.addresses,
            };
            change(&mut self.index, &shelves);
        }

        fn insert(&mut self, number: u8, last: u8) {
            self.change(|index, shelves| index.insert(shelves, &key(number), &of(last)));
        }

        fn remove(&mut self, number: u8) {
            self.change(|index, shelves| index.remove(shelves, &key(number)));
        }

        /// Compares everything with these names, and says how many were met and put right.
        fn compare(&self, wanted: &BTreeMap<u8, u8>) -> (usize, usize) {
            let shelves = Shelves {
                buckets: &self.buckets,
                addresses: &self.addresses,
            };
            let host = |asked: &NameKey| {
                let known = wanted.iter().find(|(number, _)| key(**number) == *asked);
                known.map(|(_, last)| of(*last))
            };
            let (mut met, mut mended, mut next) = (0, 0, Some(0));
            while let Some(bucket) = next {
                let compared = self.index.compare(&shelves, bucket, 3, &host);
                assert!(compared.next.is_none_or(|next| next > bucket));
                met += compared.met;
                mended += compared.mended;
                next = compared.next;
            }
            (met, mended)
        }

        fn seen(&self, number: u8) -> Seen {
            let name = Short::of(&key(number)).unwrap();
            let word = |at: usize| self.buckets[at].load(Ordering::Relaxed);
            for bucket in self.index.buckets(&name) {
                for place in places_of(bucket) {
                    let at = place.word();
                    let here = (word(at) >> 32) as u32 == name.ifindex;
                    if here && [word(at + 1), word(at + 2)] == name.label {
                        assert_eq!(word(at) as u32 & WRITING, 0);
                        return match word(at) as u32 & llamar_common::abi::ONE_A {
                            0 => Seen::AskTheMap,
                            _ => Seen::Address((word(at + 3) >> 32) as u32),
                        };
                    }
                }
                let first = Place { bucket, entry: 0 };
                if word(first.word()) as u32 & ELSEWHERE == 0 {
                    return Seen::Foreign;
                }
            }
            Seen::AskTheMap
        }
    }

    fn key(number: u8) -> NameKey {
        NameKey::new(LinkKey::new(7, 0), format!("name{number}").as_bytes()).unwrap()
    }

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    fn of(last: u8) -> Host {
        host(30, &[address(last)])
    }

    #[test]
    fn long_names_and_those_of_tagged_links_are_not_in_the_index() {
        let mut shelf = Shelf::new();
        let link = LinkKey::new(7, 0);
        for key in [
            NameKey::new(link, &[b'a'; 16]).unwrap(),
            NameKey::new(LinkKey::new(7, 1), b"name").unwrap(),
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
            let entry = shelf.buckets.iter().step_by(ENTRY);
            generations.extend(entry.map(|word| word.load(Ordering::Relaxed) as u32).max());
            shelf.change(|_, shelves| shelves.clear());
            shelf.index = Shelf::new().index;
        }
        // Written once, cleared, written again; what is the same already is not written.
        let step = |times: u32| (GENERATION * times) | llamar_common::abi::ONE_A;
        assert_eq!(generations, [step(1), step(3), step(5)]);
    }

    #[test]
    fn there_are_more_places_than_names() {
        for names in [0, 1, 100, 10_000, 65_536, 1_001_000, u32::MAX] {
            let buckets = buckets_for(names);
            assert!(buckets.is_power_of_two());
            assert!(
                u64::from(buckets) * 2 > u64::from(names),
                "{names}: {buckets}"
            );
        }
        assert_eq!(buckets_for(1_001_000), 1 << 20);
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
            let before: Vec<_> = shelf.words().collect();
            prop_assert_eq!(shelf.compare(&model), (shelf.index.held(), 0));
            prop_assert!(shelf.words().eq(before), "nothing is written without need");
            for number in 0..60 {
                shelf.remove(number);
            }
            prop_assert_eq!(shelf.index.held(), 0);
            let flags = |word: &AtomicU64| word.load(Ordering::Relaxed) as u32 & (GENERATION - 1);
            prop_assert!(shelf.buckets.iter().step_by(ENTRY).all(|word| flags(word) == 0));
            prop_assert!(shelf.index.elsewhere.is_empty() && shelf.index.homeless.is_empty());
        }

        #[test]
        fn whatever_somebody_wrote_no_other_name_is_found_when_all_was_compared_and_what_lacks_is_told(
            names in prop::collection::btree_map(0..60u8, 1..=255u8, 0..20),
            written in prop::collection::vec((0..BUCKETS as usize * BUCKET, 0..4usize, any::<u64>()), 0..8),
            moved in prop::collection::vec((0..BUCKETS as usize * BUCKET, 0..BUCKETS as usize * BUCKET), 0..8),
        ) {
            let mut shelf = Shelf::new();
            for (&number, &last) in &names {
                shelf.insert(number, last);
            }
            for (place, word, value) in written {
                shelf.buckets[place * ENTRY + word].store(value, Ordering::Relaxed);
            }
            for (from, to) in moved {
                for word in 0..ENTRY {
                    let value = shelf.buckets[from * ENTRY + word].load(Ordering::Relaxed);
                    shelf.buckets[to * ENTRY + word].store(value, Ordering::Relaxed);
                }
            }
            let (met, _) = shelf.compare(&names);
            prop_assert!(met <= shelf.index.held());
            let again = shelf.compare(&names);
            prop_assert_eq!(again, (met, 0));
            for number in 0..60 {
                let seen = shelf.seen(number);
                match names.get(&number) {
                    Some(last) => {
                        let address = u32::from_le_bytes([10, 0, 0, *last]);
                        let whole = [Seen::Address(address), Seen::AskTheMap].contains(&seen);
                        prop_assert!(whole || met < shelf.index.held());
                    }
                    None => prop_assert!(!matches!(seen, Seen::Address(_))),
                }
            }
        }
    }
}
