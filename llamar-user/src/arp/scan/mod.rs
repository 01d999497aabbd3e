//! A scan: who is there? Asks for all addresses of some ranges, paced, and again for those that say nothing.
//!
//! What it remembers is bounded: one bit for each address, which is 2 MiB for the [`ADDRESSES_MAX`] that a scan may
//! have, the hardware addresses of 65,536 hosts (2 MiB), and 4096 requests with their times (64 KiB).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::arrival::Arrival;
use super::outbox::Outbox;
use super::pace::Pace;
use super::rules::{Rule, Rules};
use super::{Packet, Station};
use crate::ether::{Engine, MacAddr};

mod event;
mod recent;
mod seen;
mod span;
#[cfg(test)]
mod tests;

pub use event::{Event, Found, Progress, Scanning};
pub use span::{Span, SpanError, Spans};

use recent::Recent;
use seen::Seen;

/// Addresses of one scan at most: those of a /8, which takes 19 hours at the usual pace.
pub const ADDRESSES_MAX: u64 = 1 << 24;
/// Hosts whose hardware addresses are remembered, to notice when two have one address: more than any link carries.
const HOSTS_MAX: usize = 1 << 16;
/// Shortest time between two reports of progress.
const PROGRESS: Duration = Duration::from_millis(100);

/// Why there is no scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} addresses are more than the {ADDRESSES_MAX} of a /8: scan parts of it")]
pub struct TooMany(pub u64);

/// Asks for many addresses.
#[derive(Debug)]
pub struct Scan {
    scanning: Scanning,
    pub(super) rules: Rules,
    /// Which addresses nobody is to be asked for any more.
    seen: Seen,
    hosts: BTreeMap<Ipv4Addr, MacAddr>,
    recent: Recent,
    pace: Pace,
    stage: Stage,
    begins: Instant,
    progress: Progress,
    /// Addresses that are asked for in the first pass.
    wanted: u64,
    reported: Option<Instant>,
    outbox: Outbox<Event>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The address of this number is next; so many are left in this pass.
    Asking {
        next: u64,
        left: u64,
    },
    /// A pass is over.
    Waiting {
        until: Instant,
    },
    Done,
}

impl Scan {
    /// Begins at once.
    pub fn new(now: Instant, mut scanning: Scanning) -> Result<Self, TooMany> {
        let count = scanning.spans.count();
        if count > ADDRESSES_MAX {
            return Err(TooMany(count));
        }
        scanning.passes = scanning.passes.max(1);
        let mut seen = Seen::new(count);
        let own = scanning.sender_ip.and_then(|ip| scanning.spans.number(ip));
        if let Some(own) = own {
            seen.set(own);
        }
        // Whoever else has our own address is told as its second holder.
        let hosts = scanning.sender_ip.map(|ip| (ip, scanning.mac));
        Ok(Self {
            rules: Rules::default(),
            hosts: hosts.into_iter().collect(),
            recent: Recent::default(),
            pace: Pace::per_second(scanning.pace),
            stage: Stage::Asking {
                next: 0,
                left: seen.unset(),
            },
            begins: now,
            progress: Progress {
                pass: 1,
                ..Progress::default()
            },
            wanted: seen.unset(),
            seen,
            reported: None,
            outbox: Outbox::new(scanning.padding),
            scanning,
        })
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let silent = self.wanted - self.progress.found;
        let passes = u64::from(self.scanning.passes - self.progress.pass);
        let left = match self.stage {
            Stage::Asking { left, .. } => left,
            Stage::Waiting { .. } | Stage::Done => 0,
        };
        let later = if self.stage == Stage::Done {
            0
        } else {
            passes * silent
        };
        Progress {
            total: self.progress.asked + left + later,
            ..self.progress
        }
    }

    fn advance(&mut self, now: Instant, mut next: u64, mut left: u64) {
        while let Some(number) = self.seen.next_unset(next) {
            next = number;
            if self.outbox.is_full() || !self.pace.take(now) {
                self.stage = Stage::Asking { next, left };
                return;
            }
            self.ask(now, number);
            next += 1;
            left = left.saturating_sub(1);
        }
        let until = now + self.scanning.wait;
        self.stage = Stage::Waiting { until };
    }

    fn ask(&mut self, now: Instant, number: u64) {
        let Some(target) = self.scanning.spans.nth(number) else {
            return;
        };
        let sender = Station {
            mac: self.scanning.mac,
            ip: self.scanning.sender_ip.unwrap_or(Ipv4Addr::UNSPECIFIED),
        };
        let packet = Packet::request(sender, target);
        self.outbox
            .send(&packet, sender.mac, MacAddr::BROADCAST, self.scanning.tag);
        self.recent.asked(now, number);
        self.progress.asked += 1;
    }

    /// A pass is over and waited for.
    fn next_pass(&mut self, now: Instant) {
        let silent = self.progress.found < self.wanted;
        if self.progress.pass < self.scanning.passes && silent {
            self.progress.pass += 1;
            self.recent.clear();
            return self.advance(now, 0, self.seen.unset());
        }
        self.stage = Stage::Done;
        self.outbox.tell(Event::Done(self.progress()));
    }

    fn hear(&mut self, now: Instant, number: u64, arrival: Arrival) {
        let station = arrival.packet.sender;
        let is_new = self.seen.set(number);
        let first = self.hosts.get(&station.ip).copied();
        if !is_new && first.is_none_or(|first| first == station.mac) {
            return;
        }
        if is_new {
            self.progress.found += 1;
            self.skip(number);
            if self.hosts.len() < HOSTS_MAX {
                self.hosts.insert(station.ip, station.mac);
            }
        } else {
            self.progress.duplicates += 1;
        }
        let rtt = self.recent.since(now, number);
        let late = self.was_asked(number) && rtt.is_none_or(|rtt| rtt > self.scanning.wait);
        self.progress.late += u64::from(late);
        self.outbox.tell(Event::Found(Found {
            station,
            rtt,
            late,
            duplicate_of: first.filter(|_| !is_new),
            arrival,
        }));
    }

    /// One address less is left in this pass, unless it was asked for already.
    fn skip(&mut self, number: u64) {
        if let Stage::Asking { next, left } = &mut self.stage
            && number >= *next
        {
            *left = left.saturating_sub(1);
        }
    }

    /// Whether an address was asked for, in this pass or in one before.
    fn was_asked(&self, number: u64) -> bool {
        let in_this_pass = match self.stage {
            Stage::Asking { next, .. } => number < next,
            Stage::Waiting { .. } | Stage::Done => true,
        };
        in_this_pass || self.progress.pass > 1
    }

    fn report(&mut self, now: Instant) {
        let due = self
            .reported
            .is_none_or(|reported| now.saturating_duration_since(reported) >= PROGRESS);
        if due && self.stage != Stage::Done {
            self.reported = Some(now);
            self.outbox.tell(Event::Progress(self.progress()));
        }
    }
}

impl Engine for Scan {
    type Event = Event;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        if self.stage == Stage::Done {
            return;
        }
        let Some(arrival) = Arrival::read(frame, self.scanning.tag) else {
            return;
        };
        let is_own = [arrival.source, arrival.packet.sender.mac].contains(&self.scanning.mac);
        if is_own && self.rules.hold(Rule::IgnoreOwn) {
            return;
        }
        // RFC 5227 1.1: whoever probes tells no address.
        let told = Some(arrival.packet.sender.ip).filter(|ip| !ip.is_unspecified());
        if let Some(number) = told.and_then(|ip| self.scanning.spans.number(ip)) {
            self.hear(now, number, arrival);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self.stage {
            Stage::Asking { next, left } => self.advance(now, next, left),
            Stage::Waiting { until } if until <= now => self.next_pass(now),
            _ => {}
        }
        self.report(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Asking { .. } => Some(self.pace.not_before(self.begins)),
            Stage::Waiting { until } => Some(until),
            Stage::Done => None,
        }
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.outbox.event()
    }
}
