//! A table of names that is searched by name and by address. It may hold a million, of which few change at a time: it
//! is an array that is built once, and beside it what has changed since.

mod base;
mod join;
mod mentions;
mod owners;
mod patch;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::Addresses;
use crate::dns::Name;
use base::Base;
use patch::Patch;

pub use join::join;
pub use mentions::Mentions;
pub use patch::{Change, Changes};

/// Changed names above which it is cheaper to build the array anew than to look through them at every change; tests
/// have it built often.
const CHANGES_MAX: usize = if cfg!(test) { 3 } else { 4096 };

/// Names and the addresses that are told for them, in the order of the names. A copy costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    base: Arc<Base>,
    patch: Arc<Patch>,
}

impl Hosts {
    /// The table of entries that are in order, each name once, and how the file mentions each.
    pub(super) fn from_sorted(entries: Vec<(Name, Addresses)>, mentions: Vec<Mentions>) -> Self {
        Self {
            base: Arc::new(Base::new(entries, mentions)),
            patch: Arc::default(),
        }
    }

    /// The same table with some changes; the cost is that of all changes since the last folding.
    pub(super) fn with(&self, changes: &Changes) -> Self {
        if changes.is_empty() {
            return self.clone();
        }
        Self {
            base: self.base.clone(),
            patch: Arc::new(self.patch.with(&self.base, changes)),
        }
    }

    /// The same table, with its changes in the array if there are many.
    pub(super) fn folded(&self) -> Self {
        self.folded_above(CHANGES_MAX)
    }

    fn folded_above(&self, changes: usize) -> Self {
        if self.patch.len() <= changes {
            return self.clone();
        }
        let mut entries = Vec::with_capacity(self.len());
        let mut mentions = Vec::with_capacity(self.len());
        let base = self.base.iter().enumerate();
        let base = base.map(|(place, (name, addresses))| (name, (place, addresses)));
        for (name, base, changed) in join(base, self.changes()) {
            let (name, addresses, mentioned) = match (changed, base) {
                (Some((spelt, change)), _) => (spelt, change.addresses.as_ref(), change.mentions),
                (None, Some((place, addresses))) => {
                    (name, Some(addresses), self.base.mentions(place))
                }
                (None, None) => continue,
            };
            if let Some(addresses) = addresses {
                entries.push((name.clone(), addresses.clone()));
                mentions.push(mentioned);
            }
        }
        let base = Base::new(entries, mentions).folded_from(&self.base, &self.patch);
        Self {
            base: Arc::new(base),
            patch: Arc::default(),
        }
    }

    /// The same table with another TTL.
    pub(super) fn with_ttl(&self, ttl: u32) -> Self {
        let base = Arc::new(self.base.with_ttl(ttl));
        let patch = Arc::new(self.patch.with_ttl(ttl));
        Self { base, patch }
    }

    /// The addresses of a name.
    pub fn get(&self, name: &Name) -> Option<&Addresses> {
        self.entry(name).map(|(_, addresses)| addresses)
    }

    /// A name as it is written here, and its addresses.
    pub fn entry(&self, name: &Name) -> Option<(&Name, &Addresses)> {
        match self.patch.get(name) {
            Some((known, change)) => Some((known, change.addresses.as_ref()?)),
            None => self.base.at(self.base.place(name)?),
        }
    }

    /// How the file mentions a name.
    pub(super) fn mentions(&self, name: &Name) -> Mentions {
        if let Some((_, change)) = self.patch.get(name) {
            return change.mentions;
        }
        let place = self.base.place(name);
        place.map_or(Mentions::NONE, |place| self.base.mentions(place))
    }

    /// Whether a name is in the table.
    pub fn contains_key(&self, name: &Name) -> bool {
        self.entry(name).is_some()
    }

    /// The names that an address has, in their order. There may be very many: a million hosts behind one address.
    pub fn owners(&self, address: IpAddr) -> impl Iterator<Item = (&Name, &Addresses)> {
        let base = self.base.owners(address);
        let base = base.filter(|(name, _)| self.patch.get(name).is_none());
        join(base, self.patch.owners(address))
            .filter_map(|(name, base, changed)| Some((name, changed.or(base)?)))
    }

    /// All names and addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Addresses)> {
        let names = join(self.base.iter(), self.changes());
        names.filter_map(|(name, base, changed)| match changed {
            Some((spelt, change)) => Some((spelt, change.addresses.as_ref()?)),
            None => Some((name, base?)),
        })
    }

    /// What has changed since the array was built, with the spelling that counts.
    fn changes(&self) -> impl Iterator<Item = (&Name, (&Name, &Change))> {
        self.patch
            .iter()
            .map(|(name, change)| (name, (name, change)))
    }

    /// All names.
    pub fn keys(&self) -> impl Iterator<Item = &Name> {
        self.iter().map(|(name, _)| name)
    }

    /// The addresses of all names.
    pub fn values(&self) -> impl Iterator<Item = &Addresses> {
        self.iter().map(|(_, addresses)| addresses)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.patch.size(self.base.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are the very same table.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.base, &other.base) && Arc::ptr_eq(&self.patch, &other.patch)
    }

    /// The names in which this may differ from what the table was before, in their order; `None` where they have so
    /// little in common that all have to be compared. Where both share an array, its size costs nothing.
    pub fn changed<'a>(&'a self, before: &'a Self) -> Option<Vec<&'a Name>> {
        let since = match () {
            () if Arc::ptr_eq(&self.base, &before.base) => Some(&*before.patch),
            () if self.base.is_folded_from(&before.base, &before.patch) => None,
            () => return None,
        };
        if since.is_some_and(|since| std::ptr::eq(since, &*self.patch)) {
            return Some(Vec::new());
        }
        let since = since.into_iter().flat_map(Patch::iter);
        let names = join(self.patch.iter(), since);
        let differ = names.filter(|(_, now, then)| now != then);
        Some(differ.map(|(name, _, _)| name).collect())
    }
}

impl PartialEq for Hosts {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Hosts {}

impl IntoIterator for Hosts {
    type Item = (Name, Addresses);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        let entries = self.iter();
        let entries = entries.map(|(name, addresses)| (name.clone(), addresses.clone()));
        entries.collect::<Vec<_>>().into_iter()
    }
}

/// In any order; of two entries for a name the last counts.
impl FromIterator<(Name, Addresses)> for Hosts {
    fn from_iter<I: IntoIterator<Item = (Name, Addresses)>>(entries: I) -> Self {
        let sorted: BTreeMap<Name, Addresses> = entries.into_iter().collect();
        Self::from_sorted(sorted.into_iter().collect(), Vec::new())
    }
}
