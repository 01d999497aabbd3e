//! The map of names with the index in front of it, as one table: what is written to the one is written to the other,
//! in the order that the index asks for.

use std::io;

use llamar_common::abi::{Host, INDEX_SEEDS, NameKey};

use super::bpf::Cursor;
use super::entries::{Each, Refusal, Table};
use super::error::DatapathError;
use super::fill::fill;
use super::front::{Front, IndexWalk};
use super::pins::Pins;
use super::table::Hash;

/// The names.
#[derive(Debug)]
pub struct Names {
    map: Hash<NameKey, Host>,
    index: Option<Front>,
}

impl Names {
    /// The names of an instance. The index is there for who writes, with these seeds.
    pub fn open(
        pins: &Pins,
        map: Hash<NameKey, Host>,
        seeds: Option<[u64; INDEX_SEEDS]>,
    ) -> Result<Self, DatapathError> {
        let index = seeds.map(|seeds| Front::of(pins, seeds)).transpose()?;
        Ok(Self { map, index })
    }

    /// Every entry, in no order.
    pub fn all(&self) -> Result<Vec<(NameKey, Host)>, String> {
        self.map.all()
    }

    /// The host of a name, if it is there.
    pub fn host(&self, key: &NameKey) -> io::Result<Option<Host>> {
        self.map.value(key)
    }

    /// Goes on with a check of the index; see [`Front::check`].
    pub fn check_index(
        &mut self,
        walk: &mut IndexWalk,
        host: &dyn Fn(&NameKey) -> Option<Host>,
    ) -> (usize, bool) {
        match &mut self.index {
            Some(index) => index.check(walk, host),
            None => walk.end(),
        }
    }

    /// In about how many steps the index is checked.
    pub fn index_steps(&self) -> usize {
        self.index.as_ref().map_or(0, Front::steps)
    }

    /// Gives back the memory that writing took.
    pub fn rest(&mut self) {
        if let Some(index) = &mut self.index {
            index.rest();
        }
    }
}

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
        if let (None, Some(index)) = (&cursor, &mut self.index) {
            index.begin().map_err(|error| error.to_string())?;
        }
        let next = self.map.batch(cursor, at_most, entries)?;
        let Some(index) = &mut self.index else {
            return Ok(next);
        };
        index.insert(entries.get(start..).unwrap_or_default(), &[]);
        if next.is_none() {
            index.open().map_err(|error| error.to_string())?;
            index.widen_if_crowded(&self.map);
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

    fn expect(&mut self, entries: usize) {
        if let Some(index) = &mut self.index {
            index.expect(entries, &self.map);
        }
    }

    fn write(&mut self, entries: &[(NameKey, Host)]) -> Vec<(NameKey, Refusal)> {
        if let Some(index) = &mut self.index {
            index.change(|index, shelves| {
                for (key, _) in entries {
                    index.mute(shelves, key);
                }
            });
        }
        let refused = self.map.put(entries);
        if let Some(index) = &mut self.index {
            index.insert(entries, &refused);
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
                if let Some(index) = index {
                    index.insert(entries, &refused);
                }
                all.extend(refused);
            },
        );
        if let Some(index) = index {
            index.widen_if_crowded(map);
        }
        all
    }

    fn remove(&mut self, keys: &[NameKey]) -> Vec<(NameKey, Refusal)> {
        if let Some(index) = &mut self.index {
            index.change(|index, shelves| {
                for key in keys {
                    index.remove(shelves, key);
                }
            });
        }
        self.map.remove(keys)
    }
}
