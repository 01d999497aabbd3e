//! What the maps are to hold, as the diff sees it: the names of a [`Desired`] where they lie, and small tables of
//! their own. Pure.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use llamar_common::abi::{ArpHost, ArpKey, Host, LABEL_MAX, LinkKey, NameKey};

use crate::dns::Name;
use crate::state::{Desired, Names, Served};

/// How one entry differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<K, V> {
    /// No longer wanted.
    Lost(K),
    /// No longer wanted, and neither is anything else on its link.
    Stale(K),
    /// Wanted with another value.
    Changed(K, V),
    /// Not wanted before.
    New(K, V),
}

/// What a table is to hold.
pub trait Wanted<K, V> {
    /// The value that is wanted for a key.
    fn value(&self, key: &K) -> Option<V>;

    /// Whether the key's link is served.
    fn serves(&self, key: &K) -> bool;

    /// Every entry.
    fn each(&self, visit: &mut dyn FnMut(K, V));

    /// How many entries there are, or somewhat more: nobody has to go through them for it.
    fn count(&self) -> usize;

    /// How this differs from what was wanted before.
    fn changes(&self, before: &Self, visit: &mut dyn FnMut(Change<K, V>));
}

/// Entries of some links, held as the map has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries<K, V> {
    /// The links that are served.
    pub links: BTreeSet<LinkKey>,
    /// The entries; those of other links do not count.
    pub entries: BTreeMap<K, V>,
}

/// A key that is valid on one link.
pub trait OnLink {
    /// That link.
    fn on(&self) -> LinkKey;
}

impl OnLink for ArpKey {
    fn on(&self) -> LinkKey {
        self.link()
    }
}

impl OnLink for NameKey {
    fn on(&self) -> LinkKey {
        self.link()
    }
}

impl Entries<ArpKey, ArpHost> {
    /// The addresses of the links that have a place.
    pub fn arp(desired: &Desired, links: BTreeSet<LinkKey>) -> Self {
        Self {
            links,
            entries: desired.kernel_arp().collect(),
        }
    }
}

impl<K: OnLink + Copy + Ord, V: Copy + PartialEq> Entries<K, V> {
    fn iter(&self) -> impl Iterator<Item = (K, V)> {
        let served = |key: &K| self.links.contains(&key.on());
        self.entries
            .iter()
            .map(|(&key, &value)| (key, value))
            .filter(move |(key, _)| served(key))
    }
}

impl<K: OnLink + Copy + Ord, V: Copy + PartialEq> Wanted<K, V> for Entries<K, V> {
    fn value(&self, key: &K) -> Option<V> {
        self.entries.get(key).copied().filter(|_| self.serves(key))
    }

    fn serves(&self, key: &K) -> bool {
        self.links.contains(&key.on())
    }

    fn each(&self, visit: &mut dyn FnMut(K, V)) {
        self.iter().for_each(|(key, value)| visit(key, value));
    }

    fn count(&self) -> usize {
        self.entries.len()
    }

    fn changes(&self, before: &Self, visit: &mut dyn FnMut(Change<K, V>)) {
        merge(before.iter(), self.iter(), |key, old, new| {
            visit(match (old, new) {
                (Some(_), Some(value)) => Change::Changed(key, value),
                (None, Some(value)) => Change::New(key, value),
                _ if self.serves(&key) => Change::Lost(key),
                _ => Change::Stale(key),
            });
        });
    }
}

/// The changes between two ascending sequences.
fn merge<K: Ord, V: PartialEq>(
    before: impl IntoIterator<Item = (K, V)>,
    after: impl IntoIterator<Item = (K, V)>,
    mut visit: impl FnMut(K, Option<V>, Option<V>),
) {
    let mut before = before.into_iter().peekable();
    let mut after = after.into_iter().peekable();
    loop {
        let order = match (before.peek(), after.peek()) {
            (Some((old, _)), Some((new, _))) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let old = if order.is_le() { before.next() } else { None };
        let new = if order.is_ge() { after.next() } else { None };
        match (old, new) {
            (Some((key, old)), Some((_, new))) if old != new => visit(key, Some(old), Some(new)),
            (Some((key, old)), None) => visit(key, Some(old), None),
            (None, Some((key, new))) => visit(key, None, Some(new)),
            _ => {}
        }
    }
}

/// The names that the kernel path is to know: those of one label, on the links that have a place in the links' map.
/// They may be a million, so they stay where they lie.
#[derive(Clone, Debug)]
pub struct KernelNames {
    /// Where they lie.
    pub desired: Arc<Desired>,
    /// The links that have a place.
    pub links: BTreeSet<LinkKey>,
}

impl KernelNames {
    fn served(&self, link: &LinkKey) -> Option<&Served> {
        self.desired
            .links
            .get(link)
            .filter(|_| self.links.contains(link))
    }

    /// Calls `visit` for each name of a link that is not what it was there before.
    fn changes_on(
        &self,
        link: LinkKey,
        before: Option<&Served>,
        visit: &mut dyn FnMut(Change<NameKey, Host>),
    ) {
        let Some(served) = self.served(&link) else {
            let names = before.into_iter().flat_map(|before| before.names.iter());
            names
                .filter_map(|(name, _)| key(link, name))
                .for_each(|key| visit(Change::Stale(key)));
            return;
        };
        let none = Names::default();
        let before = before.map_or(&none, |before| &before.names);
        for (name, addresses) in served.names.changes(before) {
            let Some(key) = key(link, name) else { continue };
            visit(match (before.get(name), addresses) {
                (_, None) => Change::Lost(key),
                (Some(_), Some(addresses)) => Change::Changed(key, addresses.host()),
                (None, Some(addresses)) => Change::New(key, addresses.host()),
            });
        }
    }
}

/// The name of a key; `None` if no name has that key.
fn name(of: &NameKey) -> Option<Name> {
    // RFC 1035 3.1: its length, the label and the root's empty one.
    let mut wire = [0; LABEL_MAX + 2];
    *wire.first_mut()? = u8::try_from(of.length).ok()?;
    for (to, from) in wire.iter_mut().skip(1).zip(of.label()) {
        *to = from;
    }
    let (name, _) = Name::from_wire(&wire)?;
    (key(of.on(), &name) == Some(*of)).then_some(name)
}

/// The key of a name of one label.
fn key(link: LinkKey, name: &Name) -> Option<NameKey> {
    NameKey::new(link, name.single_label()?)
}

impl Wanted<NameKey, Host> for KernelNames {
    fn value(&self, key: &NameKey) -> Option<Host> {
        let name = name(key)?;
        let addresses = self.served(&key.on())?.names.get(&name)?;
        Some(addresses.host())
    }

    fn serves(&self, key: &NameKey) -> bool {
        self.served(&key.on()).is_some()
    }

    fn each(&self, visit: &mut dyn FnMut(NameKey, Host)) {
        self.desired
            .kernel_names()
            .filter(|(key, _)| self.links.contains(&key.on()))
            .for_each(|(key, host)| visit(key, host));
    }

    fn count(&self) -> usize {
        let served = self.links.iter().filter_map(|link| self.served(link));
        served.map(|served| served.names.len()).sum()
    }

    fn changes(&self, before: &Self, visit: &mut dyn FnMut(Change<NameKey, Host>)) {
        let links: BTreeSet<LinkKey> = self.links.union(&before.links).copied().collect();
        for link in links {
            self.changes_on(link, before.served(&link), visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_name_and_one_that_is_no_names_has_none() {
        let link = LinkKey::new(7, 0);
        for label in [&b"casa"[..], b"a", &[b'x'; LABEL_MAX]] {
            let known = NameKey::new(link, label).unwrap();
            assert_eq!(name(&known).unwrap().single_label(), Some(label));
            assert_eq!(key(link, &name(&known).unwrap()), Some(known));
        }
        for length in [0, 64, 256, u16::MAX] {
            let odd = NameKey {
                length,
                ..NameKey::new(link, b"casa").unwrap()
            };
            assert_eq!(name(&odd), None);
        }
        for (place, byte) in [(0, b'C'), (9, b'x')] {
            let mut odd = NameKey::new(link, b"casa").unwrap();
            odd.label[place] = byte as i8;
            assert_eq!(name(&odd), None, "no name is written so");
        }
    }

    #[test]
    fn merge_tells_every_difference_once() {
        let mut seen = Vec::new();
        merge(
            [(1, 'a'), (2, 'b'), (4, 'd')],
            [(2, 'b'), (3, 'c'), (4, 'e')],
            |key, old, new| seen.push((key, old, new)),
        );
        assert_eq!(
            seen,
            vec![
                (1, Some('a'), None),
                (3, None, Some('c')),
                (4, Some('d'), Some('e'))
            ]
        );
    }
}
