//! A claim: makes an address ours and keeps it (RFC 5227 2; RFC 3927 2 for link-local ones). It probes, announces, defends
//! and gives up; while it holds the address it answers for it.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use llamar_common::wire::arp::{REPLY, REQUEST};
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::conflict::{disputes, probes_too};
use super::rules::{Rule, Rules};
use super::timing::{ANNOUNCE_WAIT, ANNOUNCEMENTS, PROBE_MAX, PROBE_MIN, PROBE_NUM, PROBE_WAIT};
use super::{Arrival, Defence, Packet, Policy, Station, Then};
use crate::ether::{Engine, MacAddr, Outbox, Series};

mod attempts;
mod event;
mod link_local;
#[cfg(test)]
mod tests;

pub use event::{Candidate, Claiming, Conflict, Event, State};
pub use link_local::Candidates;

use attempts::Attempts;

/// One address on its way to be ours.
#[derive(Debug)]
pub struct Claim {
    rng: StdRng,
    claiming: Claiming,
    rules: Rules,
    /// Hardware addresses of this host.
    own: Vec<MacAddr>,
    candidates: Candidates,
    address: Ipv4Addr,
    stage: Stage,
    attempts: Attempts,
    outbox: Outbox<Event>,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Paused {
        until: Instant,
    },
    /// So many probes are sent, and the next one or the first announcement is due.
    Probing {
        sent: u32,
        due: Instant,
    },
    Held(Held),
    Lost,
    Released,
}

/// An address in use.
#[derive(Clone, Copy, Debug)]
struct Held {
    announced: Series,
    due: Option<Instant>,
    defence: Defence,
    /// Conflicts met by silence since the last report.
    unreported: u64,
}

impl Claim {
    /// Begins to claim an address.
    pub fn new(rng: StdRng, now: Instant, claiming: Claiming) -> Self {
        Self::with(rng, now, claiming, Rules::default())
    }

    fn with(rng: StdRng, now: Instant, mut claiming: Claiming, rules: Rules) -> Self {
        let mut candidates = Candidates::of(claiming.mac);
        let address = match claiming.candidate {
            Candidate::Fixed(address) => Some(address),
            Candidate::LinkLocal { before } => before,
        };
        let address = address.unwrap_or_else(|| candidates.draw());
        // RFC 3927 2.5: only (a) or (b); a host MUST NOT ignore conflicting packets.
        if address.is_link_local() && claiming.policy == Policy::Keep {
            claiming.policy = Policy::DefendOnce;
        }
        let mut own = claiming.others.clone();
        own.push(claiming.mac);
        let mut claim = Self {
            rng,
            own,
            rules,
            candidates,
            address,
            stage: Stage::Released,
            attempts: Attempts::default(),
            outbox: Outbox::padding(claiming.padding),
            claiming,
        };
        claim.begin(now);
        claim
    }

    /// The address, whether it is ours or not.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// How it stands.
    pub fn state(&self) -> State {
        match self.stage {
            Stage::Paused { until } => State::Paused(until),
            Stage::Probing { .. } => State::Probing,
            Stage::Held(_) => State::Held,
            Stage::Lost => State::Lost,
            Stage::Released => State::Released,
        }
    }

    /// What is done in a conflict.
    pub fn policy(&self) -> Policy {
        self.claiming.policy
    }

    /// Begins anew with the same address: the link is up again, the host awoke, or a lost address is tried once more
    /// (RFC 5227 2.1). It must not be used until it is held again.
    pub fn restart(&mut self, now: Instant) {
        self.begin(now);
    }

    /// Claims another address: the one before was lost, and whoever configures us has a new one.
    pub fn retarget(&mut self, now: Instant, address: Ipv4Addr) {
        self.claiming.candidate = Candidate::Fixed(address);
        self.address = address;
        if address.is_link_local() && self.claiming.policy == Policy::Keep {
            self.claiming.policy = Policy::DefendOnce;
        }
        self.begin(now);
    }

    /// Gives the address back, without a word to the link: ARP has none for it.
    pub fn release(&mut self) {
        self.outbox.unsend();
        let address = self.address;
        if self.state() != State::Released {
            self.outbox.tell(Event::Released { address });
        }
        self.stage = Stage::Released;
    }

    fn begin(&mut self, now: Instant) {
        self.outbox.unsend();
        let paused_until = self.attempts.pause(now, self.rules);
        let address = self.address;
        self.outbox.tell(Event::Begun {
            address,
            paused_until,
        });
        match paused_until {
            Some(until) => self.stage = Stage::Paused { until },
            None => self.probe_soon(now),
        }
    }

    fn probe_soon(&mut self, now: Instant) {
        self.attempts.attempt(now);
        // RFC 5227 2.1.1: a random time of up to PROBE_WAIT, so that hosts which are switched on together do not all probe
        // at once.
        let wait = self.random(Duration::ZERO, PROBE_WAIT);
        let sent = match self.rules.hold(Rule::Probe) {
            true => 0,
            false => PROBE_NUM,
        };
        let due = now + wait;
        self.stage = Stage::Probing { sent, due };
    }

    fn random(&mut self, least: Duration, most: Duration) -> Duration {
        match self.rules.hold(Rule::RandomWait) {
            true => self.rng.random_range(least..=most),
            false => least,
        }
    }

    /// Sends the next probe, or the first announcement where they are through.
    fn probe(&mut self, now: Instant, sent: u32) {
        if sent >= PROBE_NUM {
            let mut defence = Defence::new(self.claiming.policy);
            defence.rules = self.rules;
            let mut announced = Series::default();
            let held = Held {
                due: announced.begin(now, ANNOUNCEMENTS),
                announced,
                defence,
                unreported: 0,
            };
            return self.announce_next(now, held);
        }
        let packet = Packet::probe(self.claiming.mac, self.address);
        self.broadcast(&packet);
        let (address, number) = (self.address, sent + 1);
        self.outbox.tell(Event::Probed { address, number });
        // RFC 5227 2.1.1: PROBE_MIN to PROBE_MAX apart, and ANNOUNCE_WAIT of silence after the last.
        let pause = match number < PROBE_NUM {
            true => self.random(PROBE_MIN, PROBE_MAX),
            false => ANNOUNCE_WAIT,
        };
        let due = now + pause;
        self.stage = Stage::Probing { sent: number, due };
    }

    fn announce_next(&mut self, now: Instant, mut held: Held) {
        let next = held.announced.tell(now, ANNOUNCEMENTS);
        held.due = next.filter(|_| self.rules.hold(Rule::AnnounceAgain));
        self.announce();
        let (address, number) = (self.address, held.announced.number());
        // RFC 5227 2.3: the address may be used right after the first announcement.
        self.outbox.tell(match number {
            1 => Event::Held { address },
            _ => Event::Announced { address, number },
        });
        self.stage = Stage::Held(held);
    }

    fn announce(&mut self) {
        let packet = Packet::announcement(self.station());
        self.broadcast(&packet);
    }

    fn station(&self) -> Station {
        Station {
            mac: self.claiming.mac,
            ip: self.address,
        }
    }

    fn broadcast(&mut self, packet: &Packet) {
        let (mac, tag) = (self.claiming.mac, self.claiming.tag);
        self.outbox
            .send(packet.to_frame(mac, MacAddr::BROADCAST, tag));
    }

    /// Whether a packet is a conflict; `held`: whether the address is in use.
    // RFC 3927 2.2.1, 2.5: over a link-local address another interface of ours on the same link is a conflict too;
    // RFC 5227 2.1.1, 2.4: over any other it is not.
    fn is_conflict(&self, packet: &Packet, held: bool) -> bool {
        let own = match self.rules.hold(Rule::IgnoreOwn) {
            true if self.address.is_link_local() => std::slice::from_ref(&self.claiming.mac),
            true => &self.own,
            false => &[],
        };
        let used = disputes(packet, self.address, own) && self.rules.hold(Rule::HeedUsers);
        let wanted = probes_too(packet, self.address, own) && self.rules.hold(Rule::HeedProbes);
        // RFC 5227 2.5: whoever probes for an address that is held is answered, and that is all.
        used || (wanted && !held)
    }

    fn lose_candidate(&mut self, now: Instant, arrival: Arrival) {
        self.attempts.conflict();
        let conflict = self.conflict(arrival, false, Then::GiveUp, 0);
        self.outbox.tell(Event::Conflict(conflict));
        self.lose(now, conflict);
    }

    /// RFC 5227 2.4: meets a conflict over an address in use.
    fn defend(&mut self, now: Instant, arrival: Arrival, mut held: Held) {
        self.attempts.conflict();
        let then = held.defence.conflict(now);
        let conflict = self.conflict(arrival, true, then, held.unreported);
        if then == Then::StaySilent {
            held.unreported = held.unreported.saturating_add(1);
        } else {
            held.unreported = 0;
            self.outbox.tell(Event::Conflict(conflict));
        }
        self.stage = Stage::Held(held);
        match then {
            Then::Announce => self.announce(),
            Then::StaySilent => {}
            Then::GiveUp => self.lose(now, conflict),
        }
    }

    fn conflict(&self, arrival: Arrival, held: bool, then: Then, unreported: u64) -> Conflict {
        Conflict {
            address: self.address,
            by: arrival.packet.sender,
            arrival,
            was_held: held,
            then,
            unreported,
        }
    }

    fn lose(&mut self, now: Instant, conflict: Conflict) {
        self.outbox.unsend();
        self.stage = Stage::Lost;
        let (address, by) = (self.address, conflict.by);
        self.outbox.tell(Event::Lost {
            address,
            was_held: conflict.was_held,
            by,
        });
        if let Candidate::LinkLocal { .. } = self.claiming.candidate {
            // RFC 3927 2.2.1, 2.5: a new address is selected, and all begins anew.
            self.address = self.candidates.draw();
            self.begin(now);
        }
    }

    /// RFC 5227 2.5: answers a request for the address, a probe too.
    fn answer(&mut self, packet: &Packet) {
        let asker = packet.sender;
        let asks = packet.operation == REQUEST && packet.target.ip == self.address;
        let is_other = asker.mac.is_station() && !self.own.contains(&asker.mac);
        if !(asks && is_other && self.claiming.answer && self.rules.hold(Rule::Answer)) {
            return;
        }
        let reply = Packet {
            operation: REPLY,
            sender: self.station(),
            target: asker,
        };
        // RFC 3927 2.5: what tells a link-local address is broadcast, replies too.
        let to = match self.address.is_link_local() && self.rules.hold(Rule::Broadcast) {
            true => MacAddr::BROADCAST,
            false => asker.mac,
        };
        let (mac, tag) = (self.claiming.mac, self.claiming.tag);
        self.outbox.send(reply.to_frame(mac, to, tag));
        self.outbox.tell(Event::Answered { asker });
    }
}

impl Engine for Claim {
    type Event = Event;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        let Some(arrival) = Arrival::read(frame, self.claiming.tag) else {
            return;
        };
        match self.stage {
            Stage::Probing { .. } if self.is_conflict(&arrival.packet, false) => {
                self.lose_candidate(now, arrival);
            }
            Stage::Held(held) if self.is_conflict(&arrival.packet, true) => {
                self.defend(now, arrival, held);
            }
            Stage::Held(_) => self.answer(&arrival.packet),
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self.stage {
            Stage::Paused { until } if until <= now => self.probe_soon(now),
            Stage::Probing { sent, due } if due <= now => self.probe(now, sent),
            Stage::Held(held) if held.due.is_some_and(|due| due <= now) => {
                self.announce_next(now, held);
            }
            _ => {}
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Paused { until } => Some(until),
            Stage::Probing { due, .. } => Some(due),
            Stage::Held(held) => held.due,
            Stage::Lost | Stage::Released => None,
        }
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.outbox.event()
    }
}
