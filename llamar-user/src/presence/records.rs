//! The conflicts of a link, for who asks for them, and how often they are told of unasked.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Outcome;
use crate::arp::timing::{MAX_CONFLICTS, RATE_LIMIT_INTERVAL};
use crate::ether::MacAddr;

/// Conflicts of a link that are remembered: whoever makes up hardware addresses is not to fill the memory.
const RECORDS_MAX: usize = 64;
/// How long a conflict that goes on is not told of again.
const TOLD_AGAIN: Duration = Duration::from_secs(600);

/// A conflict about an address with one other host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The address.
    pub address: IpAddr,
    /// The other host's hardware address.
    pub culprit: MacAddr,
    /// When it was seen first.
    pub first: Instant,
    /// When it was seen last.
    pub last: Instant,
    /// How often.
    pub count: u64,
    /// What was done the last time that anything was.
    pub outcome: Outcome,
}

/// The conflicts of a link.
#[derive(Debug, Default)]
pub(super) struct Records {
    conflicts: BTreeMap<(IpAddr, MacAddr), (Record, Option<Instant>)>,
    /// Who probed for an address last, and when that was told.
    probes: BTreeMap<(IpAddr, MacAddr), Instant>,
    /// How much was told since when.
    told: Option<(Instant, u32)>,
}

impl Records {
    /// Takes note of a conflict; whether it is news.
    pub fn conflict(
        &mut self,
        now: Instant,
        address: IpAddr,
        culprit: MacAddr,
        outcome: Outcome,
    ) -> bool {
        self.make_room(address, culprit);
        let new = Record {
            address,
            culprit,
            first: now,
            last: now,
            count: 0,
            outcome,
        };
        let (record, told) = self
            .conflicts
            .entry((address, culprit))
            .or_insert((new, None));
        // What was done about a conflict is not undone by the next one's being let pass.
        let changed = outcome != Outcome::Noted && record.outcome != outcome;
        if outcome != Outcome::Noted {
            record.outcome = outcome;
        }
        record.last = now;
        record.count += 1;
        let due = told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_AGAIN);
        let news = (due || changed) && tell(&mut self.told, now);
        if news {
            *told = Some(now);
        }
        news
    }

    /// Takes note of a probe; whether it is news.
    pub fn probe(&mut self, now: Instant, address: IpAddr, by: MacAddr) -> bool {
        let told = self.probes.get(&(address, by));
        let due = told.is_none_or(|told| now.saturating_duration_since(*told) >= TOLD_AGAIN);
        if !due || !tell(&mut self.told, now) {
            return false;
        }
        if self.probes.len() >= RECORDS_MAX {
            let oldest = self.probes.iter().min_by_key(|(_, told)| **told);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                self.probes.remove(&key);
            }
        }
        self.probes.insert((address, by), now);
        true
    }

    /// Forgets what concerns addresses that are ours no more.
    pub fn retain(&mut self, ours: impl Fn(&IpAddr) -> bool) {
        self.conflicts.retain(|(address, _), _| ours(address));
        self.probes.retain(|(address, _), _| ours(address));
    }

    /// The conflicts, by address.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.conflicts.values().map(|(record, _)| record)
    }

    /// Forgets the one that was seen longest ago, if another one needs its place.
    fn make_room(&mut self, address: IpAddr, culprit: MacAddr) {
        let known = self.conflicts.contains_key(&(address, culprit));
        if known || self.conflicts.len() < RECORDS_MAX {
            return;
        }
        let oldest = self
            .conflicts
            .iter()
            .min_by_key(|(_, (record, _))| record.last);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.conflicts.remove(&key);
        }
    }
}

/// Whether one more may be told of.
// RFC 5227 2.4: reports are rate-limited. On one link there are as many in a minute as there may be attempts after
// conflicts (RFC 5227 2.1.1).
fn tell(told: &mut Option<(Instant, u32)>, now: Instant) -> bool {
    let (since, count) = told.get_or_insert((now, 0));
    if now.saturating_duration_since(*since) >= RATE_LIMIT_INTERVAL {
        (*since, *count) = (now, 0);
    }
    *count = count.saturating_add(1);
    *count <= MAX_CONFLICTS
}
