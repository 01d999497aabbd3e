//! The index in front of the names' map, opened: its maps, what is known of it, and when it is closed.

use std::collections::HashSet;
use std::io;

use llamar_common::abi::{Bucket, Bucket6, Control, Host, INDEX_SEEDS, NameKey, Plain, SLOTS, map};

use super::bpf::{Access, Map, Words};
use super::check::STEP;
use super::entries::{BATCH, Refusal};
use super::error::DatapathError;
use super::index::{Index, Shelves, Tally, buckets_of};
use super::marked::room;
use super::pins::Pins;
use super::table::{Hash, read_element};

/// A walk over the index, as [`Walk`](super::check::Walk) is one over the map.
#[derive(Debug, Default)]
pub struct IndexWalk {
    /// The bucket to go on with.
    next: u32,
    /// What was seen to be right.
    seen: Tally,
    disturbed: bool,
    over: bool,
}

impl IndexWalk {
    /// Tells that names came or went between two steps.
    pub fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// Whether the whole index was seen.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Ends the walk where there is no index.
    pub fn end(&mut self) -> (usize, bool) {
        self.over = true;
        (0, true)
    }
}

/// The index and what it takes to write it.
#[derive(Debug)]
pub struct Front {
    buckets: Map,
    addresses: Map,
    control: Map,
    seeds: [u64; INDEX_SEEDS],
    /// Whether the kernel path looks into the index.
    open: bool,
    /// What is known of the index; nothing before the map was read, while a former agent's index may be open.
    known: Option<Index>,
    /// The index as memory, from the first write of a pass to its end.
    mapped: Option<(Words, Words)>,
}

impl Front {
    /// The index of an instance, with these seeds for when it is made anew.
    pub fn of(pins: &Pins, seeds: [u64; INDEX_SEEDS]) -> Result<Self, DatapathError> {
        let open = |name| {
            let pin = pins.map(name);
            Map::open(&pin, Access::Write).map_err(DatapathError::io("open the pinned map", &pin))
        };
        Ok(Self {
            buckets: open(map::INDEX)?,
            addresses: open(map::INDEX6)?,
            control: open(map::CONTROL)?,
            seeds,
            open: false,
            known: None,
            mapped: None,
        })
    }

    /// Gives back the memory that writing took.
    pub fn rest(&mut self) {
        self.mapped = None;
    }

    /// Closes the index and empties it: nothing of it is known to be true.
    pub fn begin(&mut self) -> io::Result<()> {
        let buckets = self.former()?;
        self.begin_with(buckets)
    }

    /// Opens the index, if it holds what the map holds.
    pub fn open(&mut self) -> io::Result<()> {
        let Some(index) = &self.known else {
            return Ok(());
        };
        self.set(|control| index.opened(control))?;
        self.open = true;
        Ok(())
    }

    /// Changes the index, if it is known. One that cannot be changed is closed: then the map is asked.
    pub fn change(&mut self, change: impl FnOnce(&mut Index, &Shelves<'_>)) {
        let Some(mut index) = self.known.take() else {
            return;
        };
        match self.shelves() {
            Ok(shelves) => {
                change(&mut index, &shelves);
                self.known = Some(index);
            }
            Err(_) => self.give_up(),
        }
    }

    /// Puts names into the index that the map holds now, except those that it refused.
    pub fn insert(&mut self, entries: &[(NameKey, Host)], refused: &[(NameKey, Refusal)]) {
        if self.learn(entries).is_err() {
            self.give_up();
        }
        self.change(|index, shelves| {
            index.fetch(shelves, entries.iter().map(|(key, _)| key));
            let refused: HashSet<&NameKey> = refused.iter().map(|(key, _)| key).collect();
            for (key, host) in entries.iter().filter(|(key, _)| !refused.contains(key)) {
                index.insert(shelves, key, host);
            }
        });
    }

    /// Compares some more of the index with the hosts that are wanted and puts right what is not so. Tells how many
    /// entries that were, and whether the index is as it is to be as far as was seen, or has to be made anew.
    pub fn check(
        &mut self,
        walk: &mut IndexWalk,
        host: &dyn Fn(&NameKey) -> Option<Host>,
    ) -> (usize, bool) {
        walk.over = true;
        let mut mended = 0;
        self.change(|index, shelves| {
            let compared = index.compare(shelves, walk.next, STEP, host, &mut walk.seen);
            walk.over = compared.next.is_none();
            walk.next = compared.next.unwrap_or_default();
            mended = compared.mended;
        });
        let Some(index) = &self.known else {
            return (mended, false);
        };
        let whole = !walk.over || walk.disturbed || index.tally() == walk.seen;
        // Somebody may have closed it, too.
        let open = !walk.over || self.open && self.open().is_ok();
        (mended, whole && open)
    }

    /// In about how many steps that is done.
    pub fn steps(&self) -> usize {
        self.known.as_ref().map_or(1, |index| index.steps(STEP))
    }

    /// Makes room for so many names more at once, and not again and again.
    pub fn expect(&mut self, names: usize, map: &Hash<NameKey, Host>) {
        let index = self.known.as_ref();
        if let Some(buckets) = index.and_then(|index| index.buckets_for_more(names)) {
            self.widen(buckets, map);
        }
    }

    /// Makes more room if there is too little.
    pub fn widen_if_crowded(&mut self, map: &Hash<NameKey, Host>) {
        let crowded = self.known.as_ref().filter(|index| index.is_crowded());
        if let Some(index) = crowded {
            self.widen(buckets_of(2 * index.wanted()), map);
        }
    }

    /// Makes the index anew from the map, with so many buckets, if that is more.
    fn widen(&mut self, buckets: u32, map: &Hash<NameKey, Host>) {
        let Some(index) = &self.known else { return };
        let buckets = buckets.min(self.room());
        if buckets <= index.buckets() {
            return;
        }
        let is_empty = index.wanted() == 0;
        let widened = self
            .begin_with(buckets)
            .and_then(|()| if is_empty { Ok(()) } else { self.fill(map) })
            .and_then(|()| self.open());
        if widened.is_err() {
            self.give_up();
        }
    }

    fn fill(&mut self, map: &Hash<NameKey, Host>) -> io::Result<()> {
        let (mut cursor, mut entries) = (None, Vec::new());
        loop {
            entries.clear();
            let next = map.batch(cursor, BATCH, &mut entries);
            cursor = next.map_err(io::Error::other)?;
            self.insert(&entries, &[]);
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    fn begin_with(&mut self, buckets: u32) -> io::Result<()> {
        self.known = None;
        self.close()?;
        self.shelves()?.clear();
        self.known = Some(Index::new(buckets, self.seeds));
        Ok(())
    }

    /// Has the kernel path ask the map.
    fn close(&mut self) -> io::Result<()> {
        self.open = false;
        self.set(|control| Control {
            index_slots: 0,
            ..control
        })
    }

    fn give_up(&mut self) {
        self.known = None;
        // Where even that fails, so does every other write of the pass.
        let _ = self.close();
    }

    /// Makes the index know the TTLs of hosts that it will be given.
    fn learn(&mut self, entries: &[(NameKey, Host)]) -> io::Result<()> {
        let Some(index) = &mut self.known else {
            return Ok(());
        };
        let learn = |learnt, (_, host): &(NameKey, Host)| index.learn(host) || learnt;
        let learnt = entries.iter().fold(false, learn);
        if learnt && self.open {
            self.open()?;
        }
        Ok(())
    }

    /// Buckets for which there is room.
    fn room(&self) -> u32 {
        room(&self.buckets, &self.addresses)
    }

    /// Buckets that the index uses as the kernel path sees it, or the fewest if it is closed.
    fn former(&self) -> io::Result<u32> {
        let control: Control = read_element(&self.control, 0)?;
        let buckets = control.index_slots / SLOTS as u64;
        let most = self.room();
        Ok(u32::try_from(buckets)
            .unwrap_or(most)
            .max(buckets_of(0))
            .min(most))
    }

    fn shelves(&mut self) -> io::Result<Shelves<'_>> {
        if self.mapped.is_none() {
            self.mapped = Some((self.buckets.words()?, self.addresses.words()?));
        }
        let (buckets, addresses) = self.mapped.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(Shelves { buckets, addresses })
    }

    fn set(&self, change: impl FnOnce(Control) -> Control) -> io::Result<()> {
        let found = read_element(&self.control, 0)?;
        let control = change(found);
        if control == found {
            return Ok(());
        }
        self.control.update(&0u32.to_ne_bytes(), control.bytes())
    }
}

// A slot of either array is as many words as `index.rs` counts.
const _: () = assert!(size_of::<Bucket>() == 2 * SLOTS * size_of::<u64>());
const _: () = assert!(size_of::<Bucket6>() == 2 * SLOTS * size_of::<u64>());
