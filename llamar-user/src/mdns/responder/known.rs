//! What an asker says that he knows (RFC 6762 7.1).

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use super::zone::{Entry, is_same_data};
use crate::dns::{Rdata, Record};

/// The answers that are known, and the TTL that each has left.
#[derive(Debug, Default)]
pub(super) struct Known<'a>(HashMap<Same<'a>, u32>);

impl<'a> Known<'a> {
    /// Those of a query's answer section.
    pub(super) fn new(answers: &'a [Record]) -> Self {
        let mut known = HashMap::with_capacity(answers.len());
        for record in answers {
            let ttl = known.entry(Same(record)).or_insert(0);
            *ttl = record.ttl.max(*ttl);
        }
        Self(known)
    }

    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record of ours need not be told.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        if self.is_empty() {
            return false;
        }
        let ttl = self.0.get(&Same(&entry.record));
        // RFC 6762 7.1: with less than half of its TTL left, it is.
        ttl.is_some_and(|ttl| u64::from(*ttl) * 2 >= u64::from(entry.record.ttl))
    }
}

/// A record, compared without TTL and the top bit of its class.
#[derive(Debug)]
struct Same<'a>(&'a Record);

impl PartialEq for Same<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.owner == other.0.owner && is_same_data(self.0, other.0)
    }
}

impl Eq for Same<'_> {}

impl Hash for Same<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.owner.hash(state);
        self.0.kind.hash(state);
        // Of one owner, only these are many.
        match &self.0.data {
            Rdata::Ptr(target) => target.hash(state),
            Rdata::A(address) => address.hash(state),
            Rdata::Aaaa(address) => address.hash(state),
            _ => {}
        }
    }
}
