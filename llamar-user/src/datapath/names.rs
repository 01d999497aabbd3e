//! The map of names with the index in front of it, as one table: what is written to the one is written to the other,
//! in the order that the index asks for.

use std::collections::HashSet;
use std::io;

use llamar_common::abi::{BUCKET, Control, Entry, Host, INDEX_SEEDS, NameKey, Plain, map};

use super::bpf::{Access, Cursor, Map, Words};
use super::check::STEP;
use super::entries::{Each, Refusal, Table};
use super::error::DatapathError;
use super::fill::fill;
use super::index::{self, Index, Shelves};
use super::pins::Pins;
use super::table::{Hash, read_element};

/// The names.
#[derive(Debug)]
pub struct Names {
    map: Hash<NameKey, Host>,
    index: Option<Front>,
}

/// A walk over the index, as [`Walk`](super::check::Walk) is one over the map.
#[derive(Debug, Default)]
pub struct IndexWalk {
    /// The bucket to go on with.
    next: u32,
    /// Names that were met.
    met: usize,
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
}

/// The index and what it takes to write it.
#[derive(Debug)]
struct Front {
    buckets: Map,
    addresses: Map,
    control: Map,
    seeds: [u64; INDEX_SEEDS],
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

    /// The host of a name, if it is there.
    pub fn host(&self, key: &NameKey) -> io::Result<Option<Host>> {
        self.map.value(key)
    }

    /// Compares some more of the index with the hosts that are wanted and puts right what is not so; tells how many
    /// entries that were, or nothing where the index has to be made anew.
    pub fn check_index(
        &mut self,
        walk: &mut IndexWalk,
        host: &dyn Fn(&NameKey) -> Option<Host>,
    ) -> Option<usize> {
        walk.over = true;
        let Some(front) = &mut self.index else {
            return Some(0);
        };
        let mut mended = 0;
        front.change(|index, shelves| {
            let compared = index.compare(shelves, walk.next, STEP, host);
            walk.met += compared.met;
            walk.over = compared.next.is_none();
            walk.next = compared.next.unwrap_or_default();
            mended = compared.mended;
        });
        let held = front.known.as_ref()?.held();
        if walk.over {
            let whole = walk.disturbed || walk.met == held;
            // Somebody may have closed it, too.
            return (whole && front.open().is_ok()).then_some(mended);
        }
        Some(mended)
    }

    /// In how many steps the index is checked, at most.
    pub fn index_steps(&self) -> usize {
        let front = self.index.as_ref();
        let known = front.and_then(|front| Some((front, front.known.as_ref()?)));
        known.map_or(1, |(front, index)| {
            index.held() / STEP + index::stretches(front.buckets.shape().entries)
        })
    }

    /// Gives back the memory that writing took.
    pub fn rest(&mut self) {
        if let Some(front) = &mut self.index {
            front.mapped = None;
        }
    }

    /// Changes the index, if it is known. One that cannot be changed is closed: then the map is asked.
    fn change(&mut self, change: impl FnOnce(&mut Index, &Shelves<'_>)) {
        if let Some(front) = &mut self.index {
            front.change(change);
        }
    }
}

impl Front {
    fn change(&mut self, change: impl FnOnce(&mut Index, &Shelves<'_>)) {
        let Some(mut index) = self.known.take() else {
            return;
        };
        self.known = match self.shelves() {
            Ok(shelves) => {
                change(&mut index, &shelves);
                Some(index)
            }
            Err(_) => None,
        };
        if self.known.is_none() {
            // Where even that fails, so does every other write of the pass.
            let _ = self.close();
        }
    }

    /// Puts names into the index that the map holds now, except those that it refused.
    fn insert(&mut self, entries: &[(NameKey, Host)], refused: &[(NameKey, Refusal)]) {
        self.change(|index, shelves| {
            let refused: HashSet<&NameKey> = refused.iter().map(|(key, _)| key).collect();
            for (key, host) in entries.iter().filter(|(key, _)| !refused.contains(key)) {
                index.insert(shelves, key, host);
            }
        });
    }

    fn shelves(&mut self) -> io::Result<Shelves<'_>> {
        if self.mapped.is_none() {
            self.mapped = Some((self.buckets.words()?, self.addresses.words()?));
        }
        let (buckets, addresses) = self.mapped.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(Shelves { buckets, addresses })
    }

    /// Has the kernel path ask the map.
    fn close(&self) -> io::Result<()> {
        self.set(|control| Control {
            index_shift: 0,
            ..control
        })
    }

    /// Closes the index and empties it.
    fn begin(&mut self) -> io::Result<()> {
        self.known = None;
        self.close()?;
        self.shelves()?.clear();
        self.known = Some(Index::new(self.buckets.shape().entries, self.seeds));
        Ok(())
    }

    /// Opens the index, if it holds what the map holds.
    fn open(&self) -> io::Result<()> {
        let Some(index) = &self.known else {
            return Ok(());
        };
        self.set(|control| index.opened(control))
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

// A bucket of either array is as many words as `index.rs` counts.
const _: () = assert!(size_of::<Entry>() == 4 * size_of::<u64>() && BUCKET == 2);

impl Table<NameKey, Host> for Names {
    type Cursor = Cursor;

    fn capacity(&self) -> usize {
        self.map.capacity()
    }

    /// Makes the index anew from what is read: nothing else is known to be true.
    fn read(
        &mut self,
        cursor: Option<Cursor>,
        at_most: usize,
        entries: &mut Vec<(NameKey, Host)>,
    ) -> Result<Option<Cursor>, String> {
        let start = entries.len();
        if let (None, Some(front)) = (&cursor, &mut self.index) {
            front.begin().map_err(|error| error.to_string())?;
        }
        let next = self.map.batch(cursor, at_most, entries)?;
        self.change(|index, shelves| {
            for (key, host) in entries.get(start..).unwrap_or_default() {
                index.insert(shelves, key, host);
            }
        });
        if let (None, Some(front)) = (&next, &self.index) {
            front.open().map_err(|error| error.to_string())?;
        }
        Ok(next)
    }

    /// Leaves the index as it is.
    fn look(
        &mut self,
        cursor: Option<Cursor>,
        at_most: usize,
        entries: &mut Vec<(NameKey, Host)>,
    ) -> Result<Option<Cursor>, String> {
        self.map.batch(cursor, at_most, entries)
    }

    fn write(&mut self, entries: &[(NameKey, Host)]) -> Vec<(NameKey, Refusal)> {
        self.change(|index, shelves| {
            for (key, _) in entries {
                index.mute(shelves, key);
            }
        });
        let refused = self.map.put(entries);
        if let Some(front) = &mut self.index {
            front.insert(entries, &refused);
        }
        refused
    }

    /// Spares the look for what is to be changed.
    fn insert(&mut self, each: &mut Each<'_, NameKey, Host>) -> Vec<(NameKey, Refusal)> {
        let Self { map, index } = self;
        let mut all = Vec::new();
        fill(
            each,
            |entries| map.put(entries),
            |entries, refused| {
                if let Some(front) = index {
                    front.insert(entries, &refused);
                }
                all.extend(refused);
            },
        );
        all
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
