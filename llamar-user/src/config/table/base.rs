//! The part of a table that is built once: one sorted array, and its index by address.

use std::net::IpAddr;
use std::sync::{Arc, Weak};

use super::super::Addresses;
use super::mentions::Mentions;
use super::owners::Owners;
use super::patch::Patch;
use crate::dns::Name;

/// Names and their addresses, in the order of the names.
#[derive(Debug, Default)]
pub(super) struct Base {
    entries: Box<[(Name, Addresses)]>,
    /// How the file mentions each of them; nothing for a table that is of no file.
    mentions: Arc<[Mentions]>,
    /// One for all copies that differ in nothing but the TTL.
    owners: Arc<Owners>,
    /// What was folded to make this, so that nobody takes it for something new.
    origin: Option<(Weak<Base>, Weak<Patch>)>,
}

impl Base {
    /// That of entries which are in order, each name once.
    pub(super) fn new(entries: Vec<(Name, Addresses)>, mentions: Vec<Mentions>) -> Self {
        debug_assert!(entries.is_sorted_by(|(left, _), (right, _)| left < right));
        Self {
            owners: Arc::new(Owners::of(entries.iter().map(|(_, addresses)| addresses))),
            entries: entries.into(),
            mentions: mentions.into(),
            origin: None,
        }
    }

    /// The same as made of these.
    pub(super) fn folded_from(self, base: &Arc<Self>, patch: &Arc<Patch>) -> Self {
        Self {
            origin: Some((Arc::downgrade(base), Arc::downgrade(patch))),
            ..self
        }
    }

    /// Whether it was made of these, and so is the same table.
    pub(super) fn is_folded_from(&self, base: &Arc<Self>, patch: &Arc<Patch>) -> bool {
        // A table that is gone leaves its place in memory to nobody while this points there.
        self.origin.as_ref().is_some_and(|(from, changed)| {
            from.as_ptr() == Arc::as_ptr(base) && changed.as_ptr() == Arc::as_ptr(patch)
        })
    }

    /// The same names with another TTL.
    pub(super) fn with_ttl(&self, ttl: u32) -> Self {
        let entry = |(name, addresses): &(Name, Addresses)| (name.clone(), addresses.with_ttl(ttl));
        Self {
            entries: self.entries.iter().map(entry).collect(),
            mentions: self.mentions.clone(),
            owners: self.owners.clone(),
            origin: None,
        }
    }

    /// The place of a name.
    pub(super) fn place(&self, name: &Name) -> Option<usize> {
        let found = self.entries.binary_search_by(|(known, _)| known.cmp(name));
        found.ok()
    }

    /// A name and its addresses.
    pub(super) fn at(&self, place: usize) -> Option<(&Name, &Addresses)> {
        let (name, addresses) = self.entries.get(place)?;
        Some((name, addresses))
    }

    /// How the file mentions the name at a place.
    pub(super) fn mentions(&self, place: usize) -> Mentions {
        self.mentions
            .get(place)
            .copied()
            .unwrap_or(Mentions::UNSURE)
    }

    /// The names that an address has, in their order.
    pub(super) fn owners(&self, address: IpAddr) -> impl Iterator<Item = (&Name, &Addresses)> {
        let places = self.owners.places(address);
        places.filter_map(|place| self.at(place))
    }

    /// All names and addresses.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Addresses)> {
        self.entries
            .iter()
            .map(|(name, addresses)| (name, addresses))
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
