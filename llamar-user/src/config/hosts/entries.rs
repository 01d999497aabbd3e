//! Names and addresses as lines mention them, and how they become a table.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::super::table::Mentions;
use super::super::{Addresses, Hosts};
use crate::dns::Name;

/// What lines mention, in their order.
#[derive(Debug, Default)]
pub struct Entries {
    list: Vec<Entry>,
}

/// A name and the address that a line gives it.
#[derive(Debug)]
pub struct Entry {
    /// The name as it is spelt there.
    pub name: Name,
    /// The address.
    pub address: IpAddr,
}

/// An entry in the order of names: a million of them are sorted in a fraction of a second because most comparisons
/// need the first bytes of a name only, and those are here.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The first [`START`] bytes of the name, folded.
    start: [u64; 2],
    /// Where the entry is in the list.
    at: u32,
}

const START: usize = 16;

impl Entries {
    /// Adds one.
    pub fn push(&mut self, name: Name, address: IpAddr) {
        self.list.push(Entry { name, address });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.list.iter()
    }

    /// Where the entries are in the order of their names; those of one name are in the order of the lines.
    pub fn keys(&self) -> Vec<Key> {
        // As many lines fit into no memory.
        let keys = (0..=u32::MAX).zip(&self.list);
        let mut keys: Vec<Key> = keys.map(|(at, entry)| Key::of(&entry.name, at)).collect();
        keys.sort_by(|left, right| self.order(left, right));
        keys
    }

    /// The entries of several pieces of a text, one behind the other, and their order, from that of each.
    pub fn joined(parts: Vec<(Self, Vec<Key>)>) -> (Self, Vec<Key>) {
        let total: usize = parts.iter().map(|(part, _)| part.len()).sum();
        let mut parts = parts.into_iter();
        let Some((mut all, mut keys)) = parts.next() else {
            return Default::default();
        };
        all.list.reserve_exact(total - all.len());
        keys.reserve_exact(total - keys.len());
        for (part, of_part) in parts {
            let behind = all.len() as u32;
            all.list.extend(part.list);
            let moved = |key: Key| Key {
                at: behind + key.at,
                ..key
            };
            keys.extend(of_part.into_iter().map(moved));
        }
        // What is sorted in pieces is merged.
        keys.sort_by(|left, right| all.order(left, right));
        (all, keys)
    }

    /// The table of all entries in this order, several of one name added up.
    pub fn table(&self, keys: &[Key], ttl: u32) -> Hosts {
        let mut hosts = Vec::with_capacity(keys.len());
        let mut mentions = Vec::with_capacity(keys.len());
        for group in keys.chunk_by(|left, right| self.order(left, right).is_eq()) {
            let entries = || {
                group
                    .iter()
                    .filter_map(|key| self.list.get(key.at as usize))
            };
            let Some(first) = entries().next() else {
                continue;
            };
            let addresses = match group {
                [_] => Addresses::one(first.address, ttl),
                _ => Addresses::new(entries().map(|entry| entry.address), ttl),
            };
            hosts.push((first.name.clone(), addresses));
            mentions.push(mentioned(entries()));
        }
        Hosts::from_sorted(hosts, mentions)
    }

    /// The order of two entries' names, which is that of [`Name`].
    fn order(&self, left: &Key, right: &Key) -> Ordering {
        left.start.cmp(&right.start).then_with(|| {
            let names = [left, right].map(|key| self.list.get(key.at as usize));
            let [Some(left), Some(right)] = names else {
                return Ordering::Equal;
            };
            // A name's last byte is its only length octet of zero: with equal starts, none ends in it or both do.
            match left.name.wire().len() {
                0..=START => Ordering::Equal,
                _ => left.name.cmp(&right.name),
            }
        })
    }
}

impl Key {
    fn of(name: &Name, at: u32) -> Self {
        let mut start = [0; START];
        for (to, from) in start.iter_mut().zip(name.wire()) {
            *to = *from;
        }
        start.make_ascii_lowercase();
        let start = u128::from_be_bytes(start);
        Self {
            start: [(start >> 64) as u64, start as u64],
            at,
        }
    }
}

/// How often entries of one name are there.
fn mentioned<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> Mentions {
    let mut spellings = entries.clone().map(|entry| entry.name.wire());
    let first = spellings.next();
    if spellings.any(|spelling| Some(spelling) != first) {
        return Mentions::UNSURE;
    }
    let (v4, v6): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.address.is_ipv4());
    Mentions::of(v4.len(), v6.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str]) -> Hosts {
        let mut entries = Entries::default();
        for (number, name) in names.iter().enumerate() {
            let address = IpAddr::from([10, 0, 0, number as u8]);
            entries.push(Name::parse(name).unwrap(), address);
        }
        entries.table(&entries.keys(), 30)
    }

    #[test]
    fn names_are_sorted_as_names_are() {
        let names = [
            "a",
            "b",
            "aa",
            "a.a",
            "aaaaaaaaaaaaa",
            "aaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaa",
            "AAAAAAAAAAAAAAAA",
            "aaaaaaaaaaaaaaaa.b",
            "aaaaaaaaaaaaaaaa.B",
            "aaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaa.aaaaaaa",
            "\\000",
            "a\\000",
        ];
        let hosts = table(&names);
        let counts: Vec<_> = hosts.values().map(|addresses| addresses.a.len()).collect();
        assert_eq!(hosts.len(), 12);
        assert_eq!(counts.iter().sum::<usize>(), names.len());
        for name in names {
            assert!(hosts.contains_key(&Name::parse(name).unwrap()), "{name}");
        }
    }

    #[test]
    fn mentions_are_counted_unless_the_spelling_differs() {
        let hosts = table(&["a", "b", "A", "b", "c"]);
        let mentions = |name: &str| hosts.mentions(&Name::parse(name).unwrap());
        assert_eq!(mentions("a"), Mentions::UNSURE);
        assert_eq!(mentions("B"), Mentions::of(2, 0));
        assert_eq!(mentions("c"), Mentions::of(1, 0));
        assert_eq!(mentions("d"), Mentions::NONE);
    }
}
