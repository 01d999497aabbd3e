//! Changes of unique records: how many in a minute (RFC 6762 8.4).

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::super::breach::Findings;
use super::super::message::{Judged, flushes};
use super::super::rules;
use super::print::Print;
use crate::dns::{Name, Record, kind};

/// Most records that are remembered.
const KEPT_MAX: usize = 8192;
/// RFC 6762 8.4: most changes in a minute.
const CHANGES_MAX: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// What records say, of those that are alone in their RRset.
#[derive(Debug, Default)]
pub(super) struct Updates {
    last: HashMap<(IpAddr, Name, u16), Last>,
}

#[derive(Debug)]
struct Last {
    data: Print,
    /// When it changed, the oldest first.
    changes: VecDeque<Duration>,
}

impl Updates {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    /// Judges the records of a response.
    pub(super) fn check(&mut self, judged: &Judged<'_>, findings: &mut Findings) {
        let (by, now) = (judged.heard.from.ip(), judged.heard.at);
        let records = || judged.message.records();
        let is_unique = |record: &&Record| {
            flushes(record) && record.ttl > 0 && matches!(record.kind, kind::TXT | kind::SRV)
        };
        for record in records().filter(is_unique) {
            let same = |other: &&Record| other.kind == record.kind && other.owner == record.owner;
            if records().filter(same).count() > 1 {
                continue;
            }
            let data = Print::of(&record.data);
            let key = (by, record.owner.clone(), record.kind);
            if self.last.len() == KEPT_MAX && !self.last.contains_key(&key) {
                self.last.clear();
            }
            let last = self.last.entry(key).or_insert_with(|| Last {
                data,
                changes: VecDeque::new(),
            });
            if last.change(data, now) > CHANGES_MAX {
                findings.record(
                    rules::UPDATES,
                    record,
                    format!("a record has changed more than {CHANGES_MAX} times in a minute"),
                );
            }
        }
    }
}

impl Last {
    /// Takes what the record says now. If that is new, says how often it was in the last minute.
    fn change(&mut self, data: Print, now: Duration) -> usize {
        if self.data == data {
            return 0;
        }
        self.data = data;
        let is_old = |at: &Duration| now.saturating_sub(*at) > MINUTE;
        while self.changes.front().is_some_and(is_old) || self.changes.len() > CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back(now);
        self.changes.len()
    }
}
