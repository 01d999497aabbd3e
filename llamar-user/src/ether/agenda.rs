//! What is due when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Things for which something is due, each once.
#[derive(Clone, Debug)]
pub struct Agenda<K> {
    times: BTreeMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self {
            times: BTreeMap::new(),
            order: BTreeSet::new(),
        }
    }
}

impl<K: Copy + Ord> Agenda<K> {
    /// Puts one at another time than before; `None`: nothing is due for it any more.
    pub fn put(&mut self, key: K, due: Option<Instant>) {
        let before = match due {
            Some(due) => self.times.insert(key, due),
            None => self.times.remove(&key),
        };
        if let Some(before) = before {
            self.order.remove(&(before, key));
        }
        if let Some(due) = due {
            self.order.insert((due, key));
        }
    }

    /// The one whose time has come, the longest ago of several.
    pub fn due(&self, now: Instant) -> Option<K> {
        let first = self.order.first().filter(|(due, _)| *due <= now);
        first.map(|(_, key)| *key)
    }

    /// When something is due.
    pub fn earliest(&self) -> Option<Instant> {
        self.order.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_comes_once_at_its_last_time_and_in_order(
            puts in prop::collection::vec((0u8..20, prop::option::of(0u64..50)), 0..100)
        ) {
            let start = Instant::now();
            let at = |millis: u64| start + Duration::from_millis(millis);
            let (mut agenda, mut last) = (Agenda::default(), BTreeMap::new());
            for (key, due) in puts {
                agenda.put(key, due.map(at));
                match due {
                    Some(due) => last.insert(key, due),
                    None => last.remove(&key),
                };
            }
            let mut expected: Vec<(u64, u8)> = last.iter().map(|(key, due)| (*due, *key)).collect();
            expected.sort_unstable();
            for (due, key) in expected {
                prop_assert_eq!(agenda.earliest(), Some(at(due)));
                prop_assert_eq!(agenda.due(at(due) - Duration::from_nanos(1)), None);
                prop_assert_eq!(agenda.due(at(due)), Some(key));
                agenda.put(key, None);
            }
            prop_assert_eq!((agenda.earliest(), agenda.due(at(50))), (None, None));
        }
    }
}
