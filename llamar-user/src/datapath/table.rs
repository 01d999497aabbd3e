//! The pinned maps as the diff wants them: typed entries over the bytes that bpf(2) moves.

use std::collections::BTreeSet;
use std::io;
use std::marker::PhantomData;

use llamar_common::abi::{
    ArpHost, ArpKey, COUNTERS_MAX, Control, Counters, INDEX_SEEDS, Link, LinkKey, NO_LINK, Plain,
    Sender, map,
};

use super::bpf::{Access, Cursor, Grace, Map};
use super::cells::Cells;
use super::entries::{BATCH, Refusal, Table};
use super::error::DatapathError;
use super::names::Names;
use super::pins::Pins;
use super::places::LinkTable;

/// All maps of the kernel path.
#[derive(Debug)]
pub struct Maps {
    /// Names.
    pub names: Names,
    /// Addresses for which ARP requests are answered.
    pub arp: Hash<ArpKey, ArpHost>,
    /// Links and their counters.
    pub links: Links,
    /// ARP senders.
    pub senders: Cells<Sender>,
    /// The heartbeat.
    pub control: Map,
}

impl Maps {
    /// Opens the pinned maps; the index of the names only for who writes, with seeds for it.
    pub fn open(
        pins: &Pins,
        access: Access,
        seeds: Option<[u64; INDEX_SEEDS]>,
    ) -> Result<Self, DatapathError> {
        let open = |name| {
            let pin = pins.map(name);
            Map::open(&pin, access).map_err(DatapathError::io("open the pinned map", &pin))
        };
        Ok(Self {
            names: Names::open(pins, Hash::new(open(map::NAMES)?), seeds)?,
            arp: Hash::new(open(map::ARP)?),
            links: Links {
                links: cells(pins, map::LINKS, access)?,
                counters: open(map::COUNTERS)?,
                grace: match access {
                    Access::Read => None,
                    Access::Write => {
                        let grace = Grace::new();
                        Some(grace.map_err(DatapathError::io(
                            "make a map of maps beside",
                            &pins.directory(),
                        ))?)
                    }
                },
            },
            senders: cells(pins, map::SENDERS, access)?,
            control: open(map::CONTROL)?,
        })
    }

    /// The heartbeat.
    pub fn control(&self) -> io::Result<Control> {
        read_element(&self.control, 0)
    }

    /// Replaces the heartbeat.
    pub fn set_control(&self, control: &Control) -> io::Result<()> {
        self.control.update(&0u32.to_ne_bytes(), control.bytes())
    }

    /// Forgets the ARP senders in these places.
    pub fn forget_senders(&self, places: &BTreeSet<u32>) -> io::Result<()> {
        let nobody = Sender::default();
        let mut places = places.iter();
        places.try_for_each(|&place| self.senders.set(place, &nobody))
    }
}

fn cells<V: Plain>(pins: &Pins, name: &str, access: Access) -> Result<Cells<V>, DatapathError> {
    let pin = pins.map(name);
    let cells = Map::open(&pin, access).and_then(|map| Cells::new(map, access));
    cells.map_err(DatapathError::io("open the pinned map", &pin))
}

/// A hash map.
#[derive(Debug)]
pub struct Hash<K, V> {
    map: Map,
    entries: PhantomData<(K, V)>,
}

impl<K: Plain, V: Plain> Hash<K, V> {
    fn new(map: Map) -> Self {
        Self {
            map,
            entries: PhantomData,
        }
    }

    /// Every entry, in no order.
    pub fn all(&self) -> Result<Vec<(K, V)>, String> {
        let mut entries = Vec::new();
        let mut cursor = None;
        loop {
            cursor = self.batch(cursor, BATCH, &mut entries)?;
            if cursor.is_none() {
                return Ok(entries);
            }
        }
    }
}

impl<K: Plain, V: Plain> Hash<K, V> {
    /// How many entries it can hold.
    pub fn capacity(&self) -> usize {
        self.map.shape().entries as usize
    }

    /// Appends about `at_most` entries to `entries` and says where to go on.
    pub fn batch(
        &self,
        cursor: Option<Cursor>,
        at_most: usize,
        entries: &mut Vec<(K, V)>,
    ) -> Result<Option<Cursor>, String> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let next = self
            .map
            .lookup_batch(cursor, at_most, &mut keys, &mut values)
            .map_err(|error| error.to_string())?;
        let keys = keys.chunks_exact(size_of::<K>()).filter_map(K::from_bytes);
        let values = values
            .chunks_exact(size_of::<V>())
            .filter_map(V::from_bytes);
        entries.extend(keys.zip(values));
        Ok(next)
    }

    /// The value of a key, if it is there.
    pub fn value(&self, key: &K) -> io::Result<Option<V>> {
        let mut value = vec![0; size_of::<V>()];
        let found = self.map.lookup(key.bytes(), &mut value)?;
        Ok(found.then(|| V::from_bytes(&value)).flatten())
    }

    /// Inserts or replaces entries, which several threads may do; gives back which were not written, and why.
    pub fn put(&self, entries: &[(K, V)]) -> Vec<(K, Refusal)> {
        let keys = bytes(entries.iter().map(|(key, _)| key));
        let values = bytes(entries.iter().map(|(_, value)| value));
        in_batches(
            entries.len(),
            |at| entries[at].0,
            |from| {
                self.map.update_batch(
                    entries.len() - from,
                    &keys[from * size_of::<K>()..],
                    &values[from * size_of::<V>()..],
                )
            },
            |at| {
                let (key, value) = &entries[at];
                self.map.update(key.bytes(), value.bytes())
            },
        )
    }
}

impl<K: Plain, V: Plain> Table<K, V> for Hash<K, V> {
    type Cursor = Cursor;

    fn capacity(&self) -> usize {
        Self::capacity(self)
    }

    fn read(
        &mut self,
        cursor: Option<Cursor>,
        at_most: usize,
        entries: &mut Vec<(K, V)>,
    ) -> Result<Option<Cursor>, String> {
        self.batch(cursor, at_most, entries)
    }

    fn write(&mut self, entries: &[(K, V)]) -> Vec<(K, Refusal)> {
        self.put(entries)
    }

    fn remove(&mut self, keys: &[K]) -> Vec<(K, Refusal)> {
        let bytes = bytes(keys.iter());
        in_batches(
            keys.len(),
            |at| keys[at],
            |from| {
                self.map
                    .delete_batch(keys.len() - from, &bytes[from * size_of::<K>()..])
            },
            |at| self.map.delete(keys[at].bytes()).map(drop),
        )
    }
}

/// The bytes of values, one behind the other.
fn bytes<'a, P: Plain>(values: impl ExactSizeIterator<Item = &'a P>) -> Vec<u8> {
    let room = Vec::with_capacity(values.len() * size_of::<P>());
    values.fold(room, |mut bytes, value| {
        bytes.extend_from_slice(value.bytes());
        bytes
    })
}

/// Calls `batch` with the number of the first key to be done until all `count` are done or refused; a key that is
/// not there to be removed is done. An error of `batch` comes with the number of keys done before it; where that is
/// all of them, the kernel did not get as far as telling, and `one` is called for each.
fn in_batches<K>(
    count: usize,
    key: impl Fn(usize) -> K,
    mut batch: impl FnMut(usize) -> Result<(), (usize, io::Error)>,
    mut one: impl FnMut(usize) -> io::Result<()>,
) -> Vec<(K, Refusal)> {
    let mut refused = Vec::new();
    let mut from = 0;
    while from < count {
        let Err((done, error)) = batch(from) else {
            break;
        };
        let at = from + done;
        if at >= count {
            let refusals = (from..count).filter_map(|at| {
                let error = one(at).err()?;
                refusal(error, || one(at)).map(|why| (key(at), why))
            });
            refused.extend(refusals);
            break;
        }
        refused.extend(refusal(error, || one(at)).map(|why| (key(at), why)));
        from = at + 1;
    }
    refused
}

/// Why a key is refused, if it is: where memory was short it is tried once `again`.
fn refusal(error: io::Error, again: impl FnOnce() -> io::Result<()>) -> Option<Refusal> {
    // A map without preallocation takes memory of a pool that the kernel refills in the background.
    let error = match error.raw_os_error() {
        Some(libc::ENOMEM) => again().err()?,
        _ => error,
    };
    match error.raw_os_error() {
        Some(libc::ENOENT) => None,
        Some(libc::E2BIG) => Some(Refusal::Full),
        _ => Some(Refusal::Failed(error.to_string())),
    }
}

/// The links' map and the counters of its places.
#[derive(Debug)]
pub struct Links {
    links: Cells<Link>,
    counters: Map,
    /// For who writes.
    grace: Option<Grace>,
}

impl Links {
    /// The links in their places.
    pub fn all(&self) -> Result<Vec<(u32, Link)>, String> {
        let places = (0..).zip(self.links()?);
        Ok(places.filter(|(_, link)| link.ifindex != 0).collect())
    }

    /// The frames counted for each link, and under `None` those that belong to no link.
    pub fn counters(&self) -> Result<Vec<(Option<LinkKey>, Counters)>, String> {
        let links = self.all()?.into_iter();
        let places = links.map(|(place, link)| (place, Some(link.key())));
        places
            .chain([(NO_LINK, None)])
            .map(|(place, key)| Ok((key, self.counters_at(place)?)))
            .collect()
    }

    /// The frames counted by all processors.
    fn counters_at(&self, place: u32) -> Result<Counters, String> {
        let mut values = vec![0; self.counters.value_size()];
        self.counters
            .lookup(&place.to_ne_bytes(), &mut values)
            .map_err(|error| error.to_string())?;
        let mut sum = Counters::default();
        for counters in values
            .chunks_exact(size_of::<Counters>())
            .filter_map(Counters::from_bytes)
        {
            for (sum, frames) in sum.frames.iter_mut().zip(counters.frames) {
                *sum = sum.wrapping_add(frames);
            }
        }
        Ok(sum)
    }
}

// The kernel gives each processor's value room in multiples of eight bytes; then values lie without gaps.
const _: () = assert!(size_of::<Counters>().is_multiple_of(8));
const _: () = assert!(NO_LINK < COUNTERS_MAX);

impl LinkTable for Links {
    fn links(&self) -> Result<Vec<Link>, String> {
        self.links.all().map_err(|error| error.to_string())
    }

    fn set_link(&mut self, place: u32, link: &Link) -> Result<(), String> {
        let set = self.links.set(place, link);
        set.map_err(|error| error.to_string())
    }

    fn settle(&mut self) -> Result<(), String> {
        let grace = self.grace.as_ref().ok_or("opened for reading")?;
        grace.wait().map_err(|error| error.to_string())
    }

    fn clear_counters(&mut self, place: u32) -> Result<(), String> {
        self.counters
            .update(&place.to_ne_bytes(), &vec![0; self.counters.value_size()])
            .map_err(|error| error.to_string())
    }
}

/// The element of an array.
pub fn read_element<V: Plain>(array: &Map, place: u32) -> io::Result<V> {
    let mut value = vec![0; size_of::<V>()];
    if !array.lookup(&place.to_ne_bytes(), &mut value)? {
        return Err(io::Error::other(format!("no element {place}")));
    }
    V::from_bytes(&value).ok_or_else(|| io::Error::other("an element of another size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn keys_that_are_absent_or_refused_do_not_stop_a_batch() {
        let mut calls = Vec::new();
        let refused = in_batches(
            10,
            |at| at,
            |from| {
                calls.push(from);
                match from {
                    0 => Err((3, error(libc::ENOENT))),
                    4 => Err((0, error(libc::E2BIG))),
                    5 => Err((4, error(libc::EIO))),
                    _ => Ok(()),
                }
            },
            |_| panic!("nothing to be done singly"),
        );
        assert_eq!(calls, [0, 4, 5]);
        assert_eq!(refused[0], (4, Refusal::Full));
        assert!(matches!(&refused[1], (9, Refusal::Failed(_))));
        assert_eq!(refused.len(), 2);
    }
    #[test]
    fn an_error_that_tells_no_number_is_no_success_and_every_key_is_done_singly() {
        let mut singly = Vec::new();
        let refused = in_batches(
            6,
            |at| at,
            |from| match from {
                0 => Err((1, error(libc::ENOENT))),
                _ => Err((4, error(libc::EFAULT))),
            },
            |at| {
                singly.push(at);
                match at {
                    3 => Err(error(libc::E2BIG)),
                    4 => Err(error(libc::ENOENT)),
                    _ => Ok(()),
                }
            },
        );
        assert_eq!(singly, [2, 3, 4, 5]);
        assert_eq!(refused, [(3, Refusal::Full)]);
    }

    #[test]
    fn a_key_for_which_memory_was_short_is_tried_once_more() {
        let mut singly = Vec::new();
        let refused = in_batches(
            4,
            |at| at,
            |from| match from {
                0 | 2 => Err((1, error(libc::ENOMEM))),
                _ => Ok(()),
            },
            |at| {
                singly.push(at);
                match at {
                    3 => Err(error(libc::ENOMEM)),
                    _ => Ok(()),
                }
            },
        );
        assert_eq!(singly, [1, 3]);
        assert!(matches!(&refused[..], [(3, Refusal::Failed(_))]));
    }
}
