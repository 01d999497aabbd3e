//! What is going to be multicast over one family, and when (RFC 6762 6, 6.4).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::zone::Id;

/// RFC 6762 6.4: how much longer a record waits to go out together with others.
const AGGREGATION: Duration = Duration::from_millis(500);

/// When a record goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wait {
    /// Not before.
    due: Instant,
    /// Not after.
    latest: Instant,
    /// Whether it is to be told by ourselves, whatever others say: an announcement.
    firm: bool,
}

/// The records that wait. There are no more of them than records in the zone.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waits: BTreeMap<Id, Wait>,
    /// When the next go out; known unless `stale`.
    next: Option<Instant>,
    /// The earliest `latest` of all.
    end: Option<Instant>,
    stale: bool,
}

impl Queue {
    /// A record is to go out, not before a time; `patient` if it may wait for company. One that waits already goes out when the
    /// more urgent of both has to.
    pub(super) fn push(&mut self, id: Id, due: Instant, patient: bool, firm: bool) {
        let latest = if patient { due + AGGREGATION } else { due };
        let mut wait = Wait { due, latest, firm };
        if let Some(old) = self.waits.get(&id) {
            wait.due = wait.due.min(old.due);
            wait.latest = wait.latest.min(old.latest);
            wait.firm |= old.firm;
            if wait == *old {
                return;
            }
            self.stale = true;
        }
        self.waits.insert(id, wait);
        self.count_in(wait);
    }

    /// Whether a record goes out anyway, as soon as one that is pushed with this.
    pub(super) fn has(&self, id: Id, due: Instant, patient: bool, firm: bool) -> bool {
        let latest = if patient { due + AGGREGATION } else { due };
        let wait = self.waits.get(&id);
        wait.is_some_and(|wait| wait.due <= due && wait.latest <= latest && wait.firm >= firm)
    }

    /// A record was multicast, or another host did that in our place: it does not go out again for that.
    pub(super) fn told(&mut self, id: Id, again: Instant) {
        match self.waits.get_mut(&id) {
            // RFC 6762 8.3: an announcement is one of at least two, so it is only put off.
            Some(wait) if wait.firm => {
                wait.due = wait.due.max(again);
                wait.latest = wait.latest.max(again);
                self.stale = true;
            }
            Some(_) => self.remove(id),
            None => {}
        }
    }

    /// A record does not go out.
    fn remove(&mut self, id: Id) {
        self.waits.remove(&id);
        self.stale = true;
    }

    /// Nothing goes out.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// When the next records go out: as late as the first of them may, and not later than what goes with it can.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.stale { self.look().0 } else { self.next }
    }

    /// The records that go out now.
    pub(super) fn take(&mut self, now: Instant) -> BTreeSet<Id> {
        let due = self.poll_timeout().is_some_and(|next| next <= now);
        let mut taken = BTreeSet::new();
        if due {
            self.waits.retain(|id, wait| {
                let goes = wait.due <= now;
                if goes {
                    taken.insert(*id);
                }
                !goes
            });
            self.stale = true;
        }
        self.settle();
        taken
    }

    /// Finds out again what is next, if that is not known.
    pub(super) fn settle(&mut self) {
        if self.stale {
            (self.next, self.end) = self.look();
            self.stale = false;
        }
    }

    /// The times of one more record, without a look at all others.
    fn count_in(&mut self, wait: Wait) {
        if self.stale {
            return;
        }
        let end = self.end.map_or(wait.latest, |end| end.min(wait.latest));
        self.end = Some(end);
        match self.next {
            Some(next) if next > end => self.stale = true,
            next if wait.due <= end => self.next = next.max(Some(wait.due)),
            _ => {}
        }
    }

    fn look(&self) -> (Option<Instant>, Option<Instant>) {
        let end = self.waits.values().map(|wait| wait.latest).min();
        let dues = self.waits.values().map(|wait| wait.due);
        let next = dues.filter(|due| end.is_some_and(|end| *due <= end)).max();
        (next, end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::zone::Zone;
    use super::super::zone::{Draft, Role};
    use super::*;
    use crate::dns::{Name, Rdata, Record};

    /// Records to wait.
    fn ids() -> Vec<Id> {
        let mut zone = Zone::default();
        let addresses = (0..8).map(|n| Rdata::A([10, 0, 0, n].into()));
        let ids = addresses.map(|data| {
            let record = Record::new(Name::root(), 120, data).unwrap();
            let role = Role::Unique;
            zone.hold(Draft { record, role }).0
        });
        ids.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // RFC 6762 6.4: A12
        #[test]
        fn what_is_next_is_known_without_a_look_at_all(
            steps in prop::collection::vec((0..8usize, 0..900u64, any::<(bool, bool)>(), 0..6u8), 0..60),
        ) {
            let (ids, start) = (ids(), Instant::now());
            let mut queue = Queue::default();
            let mut now = start;
            for (index, time, (patient, firm), step) in steps {
                let at = now + Duration::from_millis(time);
                match step {
                    0 => queue.told(ids[index], at),
                    1 => {
                        now = at;
                        let due: Vec<_> = queue.waits.iter().map(|(id, wait)| (*id, *wait)).collect();
                        let goes = queue.poll_timeout().is_some_and(|next| next <= now);
                        let taken = queue.take(now);
                        for (id, wait) in due {
                            prop_assert_eq!(taken.contains(&id), goes && wait.due <= now);
                            // None waits for longer than it may.
                            prop_assert!(wait.latest > now || taken.contains(&id));
                        }
                    }
                    _ => {
                        let had = queue.has(ids[index], at, patient, firm);
                        let before = queue.waits.clone();
                        queue.push(ids[index], at, patient, firm);
                        let waits = queue.waits.get(&ids[index]);
                        prop_assert!(!had || waits == before.get(&ids[index]));
                    }
                }
                prop_assert_eq!(queue.poll_timeout(), queue.look().0);
                prop_assert_eq!(queue.poll_timeout().is_none(), queue.waits.is_empty());
            }
        }
    }
}
