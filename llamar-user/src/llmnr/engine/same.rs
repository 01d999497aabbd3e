//! Links that are the same one, reached by several interfaces (RFC 4795 4.1, 4.2).

use std::collections::BTreeSet;

use llamar_common::abi::LinkKey;

use super::Event;

/// Pairs of links that are the same.
#[derive(Debug, Default)]
pub struct Same {
    pairs: BTreeSet<(LinkKey, LinkKey)>,
}

impl Same {
    /// Takes note that two links are the same; whether that is new.
    pub fn join(&mut self, key: LinkKey, other: LinkKey) -> bool {
        self.pairs.insert((key.min(other), key.max(other)))
    }

    /// The links that are the same as this one.
    pub fn with(&self, key: LinkKey) -> impl Iterator<Item = LinkKey> {
        self.pairs
            .iter()
            .filter_map(move |&(one, other)| match key {
                key if key == one => Some(other),
                key if key == other => Some(one),
                _ => None,
            })
    }

    /// Forgets what was known of links that may be others now, and tells so.
    pub fn part(&mut self, is_other: impl Fn(LinkKey) -> bool) -> Vec<Event> {
        let pairs = std::mem::take(&mut self.pairs);
        let is_gone = |&(key, other): &(LinkKey, LinkKey)| is_other(key) || is_other(other);
        let (gone, pairs) = pairs.into_iter().partition::<Vec<_>, _>(is_gone);
        self.pairs = pairs.into_iter().collect();
        gone.into_iter()
            .map(|(key, other)| Event::SameLink {
                key,
                other,
                same: false,
            })
            .collect()
    }
}
