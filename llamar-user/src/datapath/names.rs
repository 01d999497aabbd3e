//! The map of names with the index in front of it, as one table: what is written to the one is written to the other,
//! in the order that the index asks for.

use std::collections::HashSet;
use std::io;

use llamar_common::abi::{Bucket, Bucket6, Control, Host, INDEX_SEEDS, NameKey, Plain, SLOTS, map};

use super::bpf::{Access, Cursor, Map, Words};
use super::diff::{Refusal, Table};
use super::error::DatapathError;
use super::index::{Index, Shelves, buckets_of};
use super::pins::Pins;
use super::table::{Hash, read_element};

/// The names.
#[derive(Debug)]
pub struct Names {
    map: Hash<NameKey, Host>,
    index: Option<Front>,
}

/// The index and what it takes to write it.
#[derive(Debug)]
struct Front {
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

impl Names {
    /// The names of an instance. The index is there for who writes, with these seeds.
    pub fn open(
        pins: &Pins,
        map: Hash<NameKey, Host>,
        seeds: Option<[u64; INDEX_SEEDS]>,
    ) -> Result<Self, DatapathError> {
        let open = |name| {
            let pin = pins.map(name);
            Map::open(&pin, Access::Write).map_err(DatapathError::io("open the pinned map", &pin))
        };
        let front = |seeds| {
            Ok::<_, DatapathError>(Front {
                buckets: open(map::INDEX)?,
                addresses: open(map::INDEX6)?,
                control: open(map::CONTROL)?,
                seeds,
                open: false,
                known: None,
                mapped: None,
            })
        };
        Ok(Self {
            map,
            index: seeds.map(front).transpose()?,
        })
    }

    /// Every entry, in no order.
    pub fn all(&self) -> Result<Vec<(NameKey, Host)>, String> {
        self.map.all()
    }

    /// Gives back the memory that writing took.
    pub fn rest(&mut self) {
        if let Some(front) = &mut self.index {
            front.mapped = None;
        }
    }

    /// Changes the index, if it is known. One that cannot be changed is closed: then the map is asked.
    fn change(&mut self, change: impl FnOnce(&mut Index, &Shelves<'_>)) {
        let Some(front) = &mut self.index else { return };
        let Some(mut index) = front.known.take() else {
            return;
        };
        front.known = match front.shelves() {
            Ok(shelves) => {
                change(&mut index, &shelves);
                Some(index)
            }
            Err(_) => None,
        };
        if front.known.is_none() {
            // Where even that fails, so does every other write of the pass.
            let _ = front.close();
        }
    }

    /// Puts what the map holds into the index.
    fn shelve(&mut self, entries: &[(NameKey, Host)]) {
        let Some(front) = &mut self.index else { return };
        if front.learn(entries).is_err() {
            front.known = None;
            let _ = front.close();
        }
        self.change(|index, shelves| {
            for (key, host) in entries {
                index.insert(shelves, key, host);
            }
        });
    }

    /// Makes the index anew, larger, where so many slots are crowded in it.
    fn widen(&mut self, slots: usize) {
        let Some(front) = &mut self.index else { return };
        let Some((known, buckets)) = front.wider(slots) else {
            return;
        };
        let begun = front.begin(buckets);
        let filled = match begun {
            Ok(()) if known > 0 => self.fill(),
            begun => begun.map_err(|error| error.to_string()),
        };
        let Some(front) = &mut self.index else { return };
        if filled.is_err() || front.open().is_err() {
            front.known = None;
            let _ = front.close();
        }
    }

    /// Reads the map into the index.
    fn fill(&mut self) -> Result<(), String> {
        let (mut cursor, mut entries) = (None, Vec::new());
        loop {
            entries.clear();
            cursor = self.map.batch(cursor, &mut entries)?;
            self.shelve(&entries);
            if cursor.is_none() {
                return Ok(());
            }
        }
    }
}

impl Front {
    fn shelves(&mut self) -> io::Result<Shelves<'_>> {
        if self.mapped.is_none() {
            self.mapped = Some((self.buckets.words()?, self.addresses.words()?));
        }
        let (buckets, addresses) = self.mapped.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(Shelves { buckets, addresses })
    }

    /// Slots that are taken in the index, and buckets of a wider one, where so many slots ask for it.
    fn wider(&self, slots: usize) -> Option<(usize, u32)> {
        let index = self.known.as_ref()?;
        let most = self.buckets.shape().entries;
        let buckets = buckets_of(slots).min(most);
        (buckets > index.buckets()).then_some((index.wanted(), buckets))
    }

    /// Has the kernel path ask the map.
    fn close(&mut self) -> io::Result<()> {
        self.open = false;
        self.set(|control| Control {
            index_slots: 0,
            ..control
        })
    }

    /// Closes the index and empties it. It is to use so many buckets.
    fn begin(&mut self, buckets: u32) -> io::Result<()> {
        self.known = None;
        self.close()?;
        self.shelves()?.clear();
        self.known = Some(Index::new(buckets, self.seeds));
        Ok(())
    }

    /// Opens the index, if it holds what the map holds.
    fn open(&mut self) -> io::Result<()> {
        let Some(index) = &self.known else {
            return Ok(());
        };
        self.set(|control| index.opened(control))?;
        self.open = true;
        Ok(())
    }

    /// Makes the index know the TTLs of hosts that it will be given.
    fn learn(&mut self, entries: &[(NameKey, Host)]) -> io::Result<()> {
        let Some(index) = &mut self.known else {
            return Ok(());
        };
        let learnt = entries
            .iter()
            .fold(false, |learnt, (_, host)| index.learn(host) || learnt);
        if learnt && self.open {
            self.open()?;
        }
        Ok(())
    }

    /// Buckets that a former agent's index used, if it was open.
    fn former(&self) -> io::Result<u32> {
        let control: Control = read_element(&self.control, 0)?;
        let buckets = (control.index_slots / SLOTS as u64) as u32;
        Ok(buckets.clamp(buckets_of(0), self.buckets.shape().entries))
    }

    fn set(&self, change: impl FnOnce(Control) -> Control) -> io::Result<()> {
        let control = change(read_element(&self.control, 0)?);
        self.control.update(&0u32.to_ne_bytes(), control.bytes())
    }
}

// A slot of either array is as many words as `index.rs` counts.
const _: () = assert!(size_of::<Bucket>() == 2 * SLOTS * size_of::<u64>());
const _: () = assert!(size_of::<Bucket6>() == 2 * SLOTS * size_of::<u64>());

impl Table<NameKey, Host> for Names {
    type Cursor = Cursor;

    fn capacity(&self) -> usize {
        self.map.capacity()
    }

    /// Makes the index anew from what is read: nothing else is known to be true.
    fn read(
        &mut self,
        cursor: Option<Cursor>,
        entries: &mut Vec<(NameKey, Host)>,
    ) -> Result<Option<Cursor>, String> {
        let start = entries.len();
        if let (None, Some(front)) = (&cursor, &mut self.index) {
            let begun = front.former().and_then(|buckets| front.begin(buckets));
            begun.map_err(|error| error.to_string())?;
        }
        let next = self.map.batch(cursor, entries)?;
        self.shelve(entries.get(start..).unwrap_or_default());
        if let (None, Some(front)) = (&next, &mut self.index) {
            front.open().map_err(|error| error.to_string())?;
        }
        Ok(next)
    }

    /// Makes room in the index at once, and not again and again.
    fn expect(&mut self, entries: usize) {
        let front = self.index.as_ref();
        let taken = front.and_then(|front| Some(front.known.as_ref()?.wanted()));
        self.widen(entries.saturating_add(taken.unwrap_or(0)));
    }

    fn write(&mut self, entries: &[(NameKey, Host)]) -> Vec<(NameKey, Refusal)> {
        self.change(|index, shelves| {
            for (key, _) in entries {
                index.mute(shelves, key);
            }
        });
        self.insert(entries)
    }

    /// Spares the look for what is to be changed.
    fn insert(&mut self, entries: &[(NameKey, Host)]) -> Vec<(NameKey, Refusal)> {
        let refused = self.map.write(entries);
        if refused.is_empty() {
            self.shelve(entries);
        } else {
            let refused: HashSet<&NameKey> = refused.iter().map(|(key, _)| key).collect();
            let written = entries.iter().filter(|(key, _)| !refused.contains(key));
            self.shelve(&written.copied().collect::<Vec<_>>());
        }
        let known = self.index.as_ref().and_then(|front| front.known.as_ref());
        if let Some(index) = known.filter(|index| index.is_crowded()) {
            self.widen(2 * index.wanted());
        }
        refused
    }

    fn remove(&mut self, keys: &[NameKey]) -> Vec<(NameKey, Refusal)> {
        self.change(|index, shelves| {
            for key in keys {
                index.remove(shelves, key);
            }
        });
        self.map.remove(keys)
    }
}
