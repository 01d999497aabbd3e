//! A table in memory, for tests of what is done to tables.

use std::collections::BTreeMap;

use llamar_common::abi::{ArpKey, LinkKey};
use proptest::prelude::*;

use super::entries::{Refusal, Table};
use super::wanted::Entries;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Write(u8, u8, u32),
    Remove(u8, u8),
}

/// A table in memory that remembers what was done to it and may refuse a key.
#[derive(Clone, Default)]
pub struct Fake {
    buckets: Vec<BTreeMap<ArpKey, u32>>,
    capacity: usize,
    pub broken: Option<ArpKey>,
    pub ops: Vec<Op>,
}

impl Fake {
    pub fn new(capacity: usize, entries: &[(ArpKey, u32)]) -> Self {
        let mut fake = Self {
            buckets: vec![BTreeMap::new(); 4],
            capacity,
            ..Self::default()
        };
        for &(key, value) in entries {
            fake.bucket(&key).insert(key, value);
        }
        fake
    }

    pub fn bucket(&mut self, key: &ArpKey) -> &mut BTreeMap<ArpKey, u32> {
        &mut self.buckets[usize::from(key.address[3]) % 4]
    }

    pub fn all(&self) -> BTreeMap<ArpKey, u32> {
        self.buckets
            .iter()
            .flatten()
            .map(|(&key, &value)| (key, value))
            .collect()
    }

    fn refuses(&self, key: &ArpKey) -> Option<(ArpKey, Refusal)> {
        let refused = (*key, Refusal::Failed("broken".to_owned()));
        (self.broken == Some(*key)).then_some(refused)
    }
}

impl Table<ArpKey, u32> for Fake {
    type Cursor = usize;

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn read(
        &mut self,
        cursor: Option<usize>,
        _at_most: usize,
        entries: &mut Vec<(ArpKey, u32)>,
    ) -> Result<Option<usize>, String> {
        let bucket = cursor.unwrap_or(0);
        entries.extend(
            self.buckets[bucket]
                .iter()
                .map(|(&key, &value)| (key, value)),
        );
        Ok(Some(bucket + 1).filter(|&next| next < self.buckets.len()))
    }

    fn write(&mut self, entries: &[(ArpKey, u32)]) -> Vec<(ArpKey, Refusal)> {
        let mut refused = Vec::new();
        for (key, value) in entries {
            let new = !self.all().contains_key(key);
            if let Some(broken) = self.refuses(key) {
                refused.push(broken);
            } else if new && self.all().len() >= self.capacity {
                refused.push((*key, Refusal::Full));
            } else {
                self.ops
                    .push(Op::Write(key.ifindex as u8, key.address[3], *value));
                self.bucket(key).insert(*key, *value);
            }
        }
        refused
    }

    fn remove(&mut self, keys: &[ArpKey]) -> Vec<(ArpKey, Refusal)> {
        let mut refused = Vec::new();
        for key in keys {
            match self.refuses(key) {
                Some(broken) => refused.push(broken),
                None => {
                    self.ops.push(Op::Remove(key.ifindex as u8, key.address[3]));
                    self.bucket(key).remove(key);
                }
            }
        }
        refused
    }
}

pub fn key(link: u8, number: u8) -> ArpKey {
    ArpKey::new(LinkKey::new(link.into(), 0), [10, 0, 0, number])
}

pub fn wanted(links: &[u8], entries: &[(u8, u8, u32)]) -> Entries<ArpKey, u32> {
    Entries {
        links: links
            .iter()
            .map(|&link| LinkKey::new(link.into(), 0))
            .collect(),
        entries: entries
            .iter()
            .map(|&(link, number, value)| (key(link, number), value))
            .collect(),
    }
}

pub fn entries() -> impl Strategy<Value = Entries<ArpKey, u32>> {
    let links = prop::collection::btree_set(1u8..4, 0..4);
    let entry = ((1u8..4, 0u8..12), 0u32..3);
    (links, prop::collection::btree_map(entry.0, entry.1, 0..20)).prop_map(|(links, entries)| {
        let links: Vec<u8> = links.into_iter().collect();
        let entries: Vec<_> = entries
            .into_iter()
            .map(|((link, number), value)| (link, number, value))
            .collect();
        wanted(&links, &entries)
    })
}
