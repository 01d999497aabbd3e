//! When the records that somebody asks for are asked for again (RFC 6762 5.2).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::mdns::cache::{Entry, Id};

/// At how many hundredths of its life a record is asked for again.
const STAGES: [u32; 4] = [80, 85, 90, 95];
/// How many hundredths chance adds, so that not all hosts ask at once.
const SPREAD: u32 = 2;

/// The plans for all records that somebody asks for.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    plans: BTreeMap<Id, Plan>,
    due: BTreeSet<(Instant, Id)>,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    due: Instant,
    /// How many of [`STAGES`] are over when it is done.
    stages: usize,
}

impl Refreshes {
    /// Plans for a record that was heard, or came to be asked for: the next of the stages.
    pub(super) fn plan(&mut self, now: Instant, rng: &mut StdRng, id: Id, entry: &Entry) {
        self.cancel(id);
        self.go_on(now, rng, id, entry, 0);
    }

    /// The record is gone, or nobody asks for it.
    pub(super) fn cancel(&mut self, id: Id) {
        if let Some(plan) = self.plans.remove(&id) {
            self.due.remove(&(plan.due, id));
        }
    }

    /// Whether a record has a plan.
    pub(super) fn has(&self, id: Id) -> bool {
        self.plans.contains_key(&id)
    }

    /// How many plans there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.plans.len(), self.due.len());
        self.plans.len()
    }

    /// When the next is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// A record that is due.
    pub(super) fn due(&self, now: Instant) -> Option<Id> {
        let &(due, id) = self.due.first()?;
        (due <= now).then_some(id)
    }

    /// Puts off what is due.
    pub(super) fn put_off(&mut self, id: Id, until: Instant) {
        if let Some(plan) = self.plans.get_mut(&id) {
            self.due.remove(&(plan.due, id));
            plan.due = until;
            self.due.insert((until, id));
        }
    }

    /// The question to a record was sent. That is its refresh if one is due, or if others whose time has come as far
    /// may be due: one query asks for them all.
    pub(super) fn asked(&mut self, now: Instant, rng: &mut StdRng, id: Id, entry: &Entry) {
        let Some(&plan) = self.plans.get(&id) else {
            return;
        };
        if plan.due <= now + share(entry, SPREAD) {
            self.cancel(id);
            self.go_on(now, rng, id, entry, plan.stages);
        }
    }

    /// Plans the first stage that lies in the future, of those that are left.
    fn go_on(&mut self, now: Instant, rng: &mut StdRng, id: Id, entry: &Entry, over: usize) {
        let spread = rng.random_range(Duration::ZERO..=share(entry, SPREAD));
        let stages = STAGES.into_iter().enumerate().skip(over);
        let times =
            stages.map(|(index, part)| (index, entry.received + share(entry, part) + spread));
        if let Some((index, due)) = times.into_iter().find(|(_, due)| *due > now) {
            let stages = index + 1;
            self.plans.insert(id, Plan { due, stages });
            self.due.insert((due, id));
        }
    }
}

/// Hundredths of a record's life.
fn share(entry: &Entry, hundredths: u32) -> Duration {
    entry.lifetime() / 100 * hundredths
}
