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
    changes: Box<[(Name, Change)]>,
    owners: Owners,
    /// Names that the base does not have, and those of it that are gone.
    more: usize,
    less: usize,
}

impl Patch {
    /// This patch of a base with further changes.
    pub(super) fn with(&self, base: &Base, changes: &Changes) -> Self {
        let Changes(changes) = changes;
        let before = self.changes.iter().map(|(name, change)| (name, change));
        let merged = join(before, changes.iter());
        let merged = merged.filter_map(|(name, before, after)| {
            // The spelling of the last change, which may be another.
            let name = changes.get_key_value(name).map_or(name, |(spelt, _)| spelt);
            after.or(before).map(|change| (name, change))
        });
        // What is again as it was is no change.
        let changed = merged.filter(|(name, change)| !is_so(base, name, change));
        Self::of(
            base,
            changed
                .map(|(name, change)| (name.clone(), change.clone()))
                .collect(),
        )
    }

    fn of(base: &Base, changes: Box<[(Name, Change)]>) -> Self {
        let none = Addresses::new([], 0);
        let addresses = changes
            .iter()
            .map(|(_, change)| change.addresses.as_ref().unwrap_or(&none));
        let owners = Owners::of(addresses);
        let (mut more, mut less) = (0, 0);
        for (name, change) in &changes {
            match (base.place(name), &change.addresses) {
                (None, Some(_)) => more += 1,
                (Some(_), None) => less += 1,
                _ => {}
            }
        }
        Self {
            changes,
            owners,
            more,
            less,
        }
    }

    /// The same with another TTL.
    pub(super) fn with_ttl(&self, base: &Base, ttl: u32) -> Self {
        let change = |(name, change): &(Name, Change)| (name.clone(), change.with_ttl(ttl));
        Self::of(base, self.changes.iter().map(change).collect())
    }

    /// What has become of a name, if it has changed.
    pub(super) fn get(&self, name: &Name) -> Option<(&Name, &Change)> {
        let found = self.changes.binary_search_by(|(known, _)| known.cmp(name));
        let (known, change) = self.changes.get(found.ok()?)?;
        Some((known, change))
    }

    /// The changed names that an address has now, in their order.
    pub(super) fn owners(&self, address: IpAddr) -> impl Iterator<Item = (&Name, &Addresses)> {
        self.owners.places(address).filter_map(|place| {
            let (name, change) = self.changes.get(place)?;
            Some((name, change.addresses.as_ref()?))
        })
    }

    /// All that has changed.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Change)> {
        self.changes.iter().map(|(name, change)| (name, change))
    }

    /// How many names a base of so many has with these changes.
    pub(super) fn size(&self, base: usize) -> usize {
        base + self.more - self.less
    }

    /// How many names have changed.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }
}

/// Whether a base has a name just so.
fn is_so(base: &Base, name: &Name, change: &Change) -> bool {
    let Some(place) = base.place(name) else {
        return change.addresses.is_none();
    };
    base.mentions(place) == change.mentions
        && base.at(place).is_some_and(|(known, addresses)| {
            known.wire() == name.wire() && change.addresses.as_ref() == Some(addresses)
        })
}
