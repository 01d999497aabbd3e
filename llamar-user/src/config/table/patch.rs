//! The part of a table that has changed since its base was built: so small that it is copied at every change.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::Addresses;
use super::base::Base;
use super::join::join;
use super::mentions::Mentions;
use super::owners::Owners;
use crate::dns::Name;

/// What has become of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its addresses; `None` if it is gone.
    pub addresses: Option<Addresses>,
    /// How the file mentions it now.
    pub mentions: Mentions,
}

impl Change {
    fn with_ttl(&self, ttl: u32) -> Self {
        let addresses = self.addresses.as_ref();
        Self {
            addresses: addresses.map(|addresses| addresses.with_ttl(ttl)),
            mentions: self.mentions,
        }
    }
}

/// Changes to names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<Name, Change>);

impl Changes {
    /// Adds what has become of a name, which is spelt so now.
    pub fn insert(&mut self, name: Name, change: Change) {
        self.0.insert(name, change);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same changes to a table with another TTL.
    pub fn with_ttl(&self, ttl: u32) -> Self {
        let changes = self.0.iter();
        Self(
            changes
                .map(|(name, change)| (name.clone(), change.with_ttl(ttl)))
                .collect(),
        )
    }
}

/// Names that are not what they are in the base, in their order.
#[derive(Debug, Default)]
pub(super) struct Patch {
    list: Box<[Changed]>,
    owners: Owners,
    /// Names that the base does not have, and those of it that are gone.
    more: usize,
    less: usize,
}

/// A name that has changed.
#[derive(Clone, Debug)]
struct Changed {
    name: Name,
    change: Change,
    /// Where the base has it, if it does.
    place: Option<usize>,
}

impl Patch {
    /// This patch of a base with further changes.
    pub(super) fn with(&self, base: &Base, changes: &Changes) -> Self {
        let before = self.list.iter().map(|changed| (&changed.name, changed));
        let Changes(after) = changes;
        let after = after.iter().map(|(name, change)| (name, (name, change)));
        let list = join(before, after).filter_map(|(_, before, after)| match after {
            None => before.cloned(),
            Some((name, change)) => {
                let changed = Changed {
                    name: name.clone(),
                    change: change.clone(),
                    place: base.place(name),
                };
                // What is again as it was is no change.
                (!changed.is_in(base)).then_some(changed)
            }
        });
        Self::of(list.collect())
    }

    fn of(list: Box<[Changed]>) -> Self {
        let none = Addresses::new([], 0);
        let addresses = list
            .iter()
            .map(|changed| changed.change.addresses.as_ref().unwrap_or(&none));
        let owners = Owners::of(addresses);
        let count = |known: bool, there: bool| {
            let is_so = |changed: &&Changed| {
                (changed.place.is_some(), changed.change.addresses.is_some()) == (known, there)
            };
            list.iter().filter(is_so).count()
        };
        Self {
            more: count(false, true),
            less: count(true, false),
            owners,
            list,
        }
    }

    /// The same with another TTL.
    pub(super) fn with_ttl(&self, ttl: u32) -> Self {
        let change = |changed: &Changed| Changed {
            change: changed.change.with_ttl(ttl),
            ..changed.clone()
        };
        Self::of(self.list.iter().map(change).collect())
    }

    /// What has become of a name, if it has changed.
    pub(super) fn get(&self, name: &Name) -> Option<(&Name, &Change)> {
        let found = self.list.binary_search_by(|changed| changed.name.cmp(name));
        let changed = self.list.get(found.ok()?)?;
        Some((&changed.name, &changed.change))
    }

    /// The changed names that an address has now, in their order.
    pub(super) fn owners(&self, address: IpAddr) -> impl Iterator<Item = (&Name, &Addresses)> {
        self.owners.places(address).filter_map(|place| {
            let changed = self.list.get(place)?;
            Some((&changed.name, changed.change.addresses.as_ref()?))
        })
    }

    /// All that has changed.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Change)> {
        self.list
            .iter()
            .map(|changed| (&changed.name, &changed.change))
    }

    /// How many names a base of so many has with these changes.
    pub(super) fn size(&self, base: usize) -> usize {
        base + self.more - self.less
    }

    /// How many names have changed.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

impl Changed {
    /// Whether a base has the name just so.
    fn is_in(&self, base: &Base) -> bool {
        let Some(place) = self.place else {
            return self.change.addresses.is_none();
        };
        base.mentions(place) == self.change.mentions
            && base.at(place).is_some_and(|(known, addresses)| {
                known.wire() == self.name.wire()
                    && self.change.addresses.as_ref() == Some(addresses)
            })
    }
}
