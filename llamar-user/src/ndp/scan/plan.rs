//! What is asked in one round, in order, without a list of it.

use std::collections::VecDeque;
use std::net::Ipv6Addr;

use super::Range;

/// A question of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// All nodes, from the source of this number.
    AllNodes(usize),
    /// Whoever has an address.
    Holder(Ipv6Addr),
}

/// The questions of a round that are left.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Sources that ask all nodes.
    sources: std::ops::Range<usize>,
    ranges: VecDeque<Range>,
    current: Option<Range>,
}

impl Plan {
    pub fn new(sources: usize, ranges: &[Range]) -> Self {
        Self {
            sources: 0..sources,
            ranges: ranges.iter().copied().collect(),
            current: None,
        }
    }

    /// How many sources are left to ask all nodes.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }
}

impl Iterator for Plan {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some(source) = self.sources.next() {
            return Some(Item::AllNodes(source));
        }
        let range = loop {
            let range = self.current.take().or_else(|| self.ranges.pop_front())?;
            if range.first <= range.last {
                break range;
            }
        };
        let next = range.first.to_bits().checked_add(1);
        self.current = next.map(|next| Range {
            first: Ipv6Addr::from_bits(next),
            ..range
        });
        Some(Item::Holder(range.first))
    }
}
