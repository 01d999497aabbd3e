//! Records that seem to be wrong (RFC 6762 10.4, 10.5): nobody answers when others ask for them, or what they say did not
//! work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::series::GAP_MIN;
use crate::dns::Question;
use crate::mdns::cache::Id;

/// RFC 6762 10.4, 10.5: how long an answer is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// RFC 6762 10.5: how many queries of others have to go unanswered.
const QUERIES: u8 = 2;
/// Queries closer to each other than this are one: a host asks on both families at once, and a responder may be silent
/// for a second after it answered (RFC 6762 6).
const APART: Duration = Duration::from_secs(1);
/// Most records at a time whose answers are waited for. Queries for more go unobserved.
pub(super) const DOUBTS_MAX: usize = 1024;
/// RFC 6762 10.4: how often a reported record is asked for, two times or more.
const CHECK_QUERIES: u32 = 2;
/// Most reports of failure at a time.
pub(super) const CHECKS_MAX: usize = 64;

/// Records that others ask for, and whose answers are not seen yet (RFC 6762 10.5).
#[derive(Debug, Default)]
pub(super) struct Doubts {
    of: BTreeMap<Id, Doubt>,
    due: BTreeSet<(Instant, Id)>,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    queries: u8,
    first: Instant,
    last: Instant,
}

impl Doubts {
    /// Somebody else asked for a record that was heard then.
    pub(super) fn asked(&mut self, now: Instant, id: Id, heard: Instant) {
        let known = self.of.get(&id).filter(|doubt| heard < doubt.first);
        let doubt = match known {
            Some(doubt) if doubt.queries >= QUERIES || now < doubt.last + APART => return,
            Some(doubt) => Doubt {
                queries: doubt.queries + 1,
                last: now,
                ..*doubt
            },
            // RFC 6762 6: who has just answered may be silent.
            None if now.saturating_duration_since(heard) < APART => return,
            None => Doubt {
                queries: 1,
                first: now,
                last: now,
            },
        };
        self.cancel(id);
        if self.of.len() < DOUBTS_MAX {
            self.of.insert(id, doubt);
            self.due.insert((now + PATIENCE, id));
        }
    }

    /// The record is gone.
    pub(super) fn cancel(&mut self, id: Id) {
        if let Some(doubt) = self.of.remove(&id) {
            self.due.remove(&(doubt.last + PATIENCE, id));
        }
    }

    /// When the next one was waited for long enough.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// A record that was waited for long enough, and since when, if it was asked for often enough.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Id, Option<Instant>)> {
        let &(due, id) = self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, id));
        let doubt = self.of.remove(&id)?;
        Some((id, (doubt.queries >= QUERIES).then_some(doubt.first)))
    }
}

/// Records that somebody reported as wrong, and that are asked for because of that (RFC 6762 10.4).
#[derive(Debug, Default)]
pub(super) struct Checks {
    of: BTreeMap<Id, Check>,
}

#[derive(Debug)]
struct Check {
    question: Question,
    since: Instant,
    /// How many queries were sent.
    sent: u32,
    /// When the next one, or the end, is due.
    due: Instant,
}

/// What is to be done for a record that was reported.
#[derive(Debug)]
pub(super) enum Step {
    /// Ask for it.
    Ask(Question),
    /// Nobody answered: it goes.
    End(Id),
}

impl Checks {
    /// Begins to check a record, with the first query then; whether there is room for that.
    pub(super) fn begin(&mut self, now: Instant, due: Instant, id: Id, question: Question) -> bool {
        let known = self.of.contains_key(&id);
        if !known && self.of.len() < CHECKS_MAX {
            let check = Check {
                question,
                since: now,
                sent: 0,
                due,
            };
            self.of.insert(id, check);
            return true;
        }
        known
    }

    /// Whether a record is being checked: we do not claim to know it then.
    pub(super) fn has(&self, id: Id) -> bool {
        self.of.contains_key(&id)
    }

    /// The record is gone.
    pub(super) fn cancel(&mut self, id: Id) {
        self.of.remove(&id);
    }

    /// When the next step is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.of.values().map(|check| check.due).min()
    }

    /// A step that is due; `heard` says when a record was heard last.
    pub(super) fn pop(
        &mut self,
        now: Instant,
        heard: impl Fn(Id) -> Option<Instant>,
    ) -> Option<Step> {
        self.of
            .retain(|id, check| heard(*id).is_some_and(|heard| heard < check.since));
        let (&id, check) = self.of.iter_mut().find(|(_, check)| check.due <= now)?;
        if check.sent == CHECK_QUERIES {
            self.of.remove(&id);
            return Some(Step::End(id));
        }
        check.sent += 1;
        check.due = match check.sent {
            CHECK_QUERIES => check.since + PATIENCE,
            sent => now + GAP_MIN * sent,
        };
        Some(Step::Ask(check.question.clone()))
    }
}
