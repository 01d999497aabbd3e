//! The asker: who has an address, and how long does it take to say so? One engine for what arpsend and both arpings do:
//! probes (RFC 5227 1.1), requests, replies and updates to some targets, again and again, with any field as one likes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::arrival::Arrival;
use super::conflict::probes_too;
use super::outbox::Outbox;
use super::pace::Pace;
use super::rules::{Rule, Rules};
use crate::ether::Engine;

mod answer;
mod ask;
mod target;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Asked, Event, How};
pub use ask::Ask;

use target::Target;

/// Frames a second at most, however many targets there are and however short the interval.
const PACE: u32 = 1000;
/// Shortest interval between two frames to one target.
pub const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Asks for some addresses.
#[derive(Debug)]
pub struct Asker {
    ask: Ask,
    rules: Rules,
    /// In the order in which they are asked.
    order: Vec<Ipv4Addr>,
    targets: BTreeMap<Ipv4Addr, Target>,
    pace: Pace,
    stage: Stage,
    deadline: Option<Instant>,
    outbox: Outbox<Event>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Within a round that began at a time: the target of this index is next.
    Asking {
        began: Instant,
        next: usize,
    },
    /// Between two rounds.
    Between {
        until: Instant,
    },
    /// All are asked.
    Waiting {
        until: Instant,
    },
    Done,
}

impl Asker {
    /// Asks at once.
    pub fn new(now: Instant, ask: Ask) -> Self {
        Self::with(now, ask, Rules::default())
    }

    pub(super) fn with(now: Instant, mut ask: Ask, rules: Rules) -> Self {
        ask.interval = ask.interval.max(INTERVAL_MIN);
        let mut targets = BTreeMap::new();
        let fresh = |ip: &Ipv4Addr| targets.insert(*ip, Target::default()).is_none();
        let order: Vec<Ipv4Addr> = ask.targets.iter().copied().filter(fresh).collect();
        let mut asker = Self {
            rules,
            targets,
            order,
            pace: Pace::per_second(PACE),
            stage: Stage::Asking {
                began: now,
                next: 0,
            },
            deadline: ask.deadline.map(|deadline| now + deadline),
            outbox: Outbox::new(ask.padding),
            ask,
        };
        asker.handle_timeout(now);
        asker
    }

    /// What is asked.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Whether it has ended.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Goes on with the targets as far as the pace allows.
    fn advance(&mut self, now: Instant, began: Instant, mut next: usize) {
        while let Some(&ip) = self.order.get(next) {
            if self.wants(ip) {
                if !self.pace.take(now) {
                    self.stage = Stage::Asking { began, next };
                    return;
                }
                self.send(now, ip);
            }
            next += 1;
        }
        self.finish_round(now, began);
    }

    fn finish_round(&mut self, now: Instant, began: Instant) {
        let goes_on = self.order.iter().any(|ip| self.wants(*ip));
        self.stage = if goes_on {
            // Each target is asked at the same place of its round; a round that took longer than the interval puts the
            // next one off.
            let until = (began + self.ask.interval).max(now);
            Stage::Between { until }
        } else {
            let until = now + self.ask.wait;
            Stage::Waiting { until }
        };
        self.settle();
    }

    /// Whether a target is to be asked once more.
    fn wants(&self, ip: Ipv4Addr) -> bool {
        self.targets.get(&ip).is_some_and(|target| {
            let answered = self.ask.at_once && target.is_answered();
            !answered && self.ask.count.is_none_or(|count| target.asked < count)
        })
    }

    fn send(&mut self, now: Instant, ip: Ipv4Addr) {
        let Some(target) = self.targets.get_mut(&ip) else {
            return;
        };
        let packet = self.ask.packet(ip);
        let asked = Asked {
            target: ip,
            number: target.ask(now),
            source: self.ask.ether_source(),
            destination: self.ask.ether_destination(target.first()),
            packet,
        };
        self.outbox
            .send(&packet, asked.source, asked.destination, self.ask.tag);
        self.outbox.tell(Event::Asked(asked));
    }

    /// Ends where nothing is left to wait for.
    fn settle(&mut self) {
        let all = self.ask.at_once
            && !self.targets.is_empty()
            && self.targets.values().all(Target::is_answered);
        let asked = self.ask.count == Some(0) || self.order.is_empty();
        if self.stage != Stage::Done && (all || asked) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.stage = Stage::Done;
        self.outbox.tell(Event::Done);
    }

    /// The target that a packet is about, and how.
    fn judge(&self, arrival: &Arrival) -> Option<(Ipv4Addr, How)> {
        let packet = &arrival.packet;
        let own = self.ask.own();
        let is_own = own.contains(&packet.sender.mac) || arrival.source == self.ask.mac;
        if is_own && self.rules.hold(Rule::IgnoreOwn) {
            return None;
        }
        if self.targets.contains_key(&packet.sender.ip) && !packet.sender.ip.is_unspecified() {
            let how = How::of(arrival, &self.ask.packet(packet.sender.ip), &own);
            return Some((packet.sender.ip, how));
        }
        let wanted = packet.target.ip;
        // RFC 5227 2.1.1: only for those who probe; whoever asks otherwise does not want the address.
        let probes = self.ask.sender_ip.is_none()
            && self.targets.contains_key(&wanted)
            && probes_too(packet, wanted, &[])
            && self.rules.hold(Rule::HeedProbes);
        probes.then_some((wanted, How::Probe))
    }
}

impl Engine for Asker {
    type Event = Event;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        if self.is_done() {
            return;
        }
        let Some(arrival) = Arrival::read(frame, self.ask.tag) else {
            return;
        };
        let judged = self
            .judge(&arrival)
            .filter(|(_, how)| how.is_solicited() || !self.ask.solicited_only);
        let Some((ip, how)) = judged else {
            if self.ask.verbose {
                self.outbox.tell(Event::Heard(arrival));
            }
            return;
        };
        if let Some(target) = self.targets.get_mut(&ip) {
            let answer = target.answer(now, ip, how, arrival);
            self.outbox.tell(Event::Answer(answer));
        }
        self.settle();
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.is_done() {
            return;
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return self.end();
        }
        match self.stage {
            Stage::Asking { began, next } => self.advance(now, began, next),
            Stage::Between { until } if until <= now => self.advance(now, now, 0),
            Stage::Waiting { until } if until <= now => self.end(),
            _ => {}
        }
        if let Stage::Waiting { until } = self.stage
            && until <= now
        {
            self.end();
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let due = match self.stage {
            Stage::Asking { began, .. } => self.pace.not_before(began),
            Stage::Between { until } => self.pace.not_before(until),
            Stage::Waiting { until } => until,
            Stage::Done => return None,
        };
        Some(self.deadline.map_or(due, |deadline| deadline.min(due)))
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.outbox.event()
    }
}
