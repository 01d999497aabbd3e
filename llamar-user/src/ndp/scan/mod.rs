//! Looks for who is there: all nodes are asked for an echo, those that are heard for their hardware address, and
//! addresses that are given one by one.

mod hosts;
mod plan;
mod survey;

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use llamar_common::wire::ndp::{ALL_NODES, solicited_node};
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::datagram::group_mac;
use super::outbox::Outbox;
use super::port::Heard;
use super::source::source_for;
use super::timing::interval;
use super::{Echo, Message, Packet, Solicitation, refusal};
use crate::ether::{Engine, MacAddr};
use hosts::{Hosts, Known};
use plan::{Item, Plan};

pub use survey::{ADDRESSES_MAX, Event, Found, RATE_MAX, Range, Survey, SurveyError};

/// How far frames may fall behind their times and be sent in a burst: timers are no finer.
const SLACK: Duration = Duration::from_millis(4);
/// Between two reports of progress.
const PROGRESS: Duration = Duration::from_millis(100);

/// Looks for who is there.
#[derive(Debug)]
pub struct Scan {
    survey: Survey,
    identifier: u16,
    /// What echo requests carry, and replies have to.
    cookie: [u8; 8],
    /// When each echo request went out, by its sequence number: as many as rounds and sources.
    echoes: Vec<Instant>,
    hosts: Hosts,
    plan: Plan,
    /// Rounds that are left besides this one.
    rounds: u32,
    phase: Phase,
    /// Before this nothing is sent.
    free: Instant,
    asked: u64,
    total: u64,
    told: Instant,
    outbox: Outbox<Event>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The round's questions go out.
    Asking,
    /// Answers to the round are waited for.
    Waiting(Instant),
    /// The last round is over; the last hosts are asked for their hardware addresses.
    Ending,
    /// All is over.
    Over,
}

impl Scan {
    /// Begins.
    pub fn new(mut rng: StdRng, now: Instant, survey: Survey) -> Result<Self, SurveyError> {
        if survey.sources.is_empty() {
            return Err(SurveyError::NoSource);
        }
        let counts = survey.ranges.iter().map(|range| range.count());
        let addresses = counts.fold(0, u64::saturating_add);
        if addresses > ADDRESSES_MAX {
            return Err(SurveyError::Addresses(addresses));
        }
        let survey = Survey {
            rounds: survey.rounds.max(1),
            rate: survey.rate.clamp(1, RATE_MAX),
            // RFC 4861 7.2.2: D15. RetransTimer lies between two rounds, as it asks each neighbour again.
            wait: interval(survey.wait, survey.hasty),
            ..survey
        };
        let plan = survey.plan();
        let each = addresses + plan.sources() as u64;
        Ok(Self {
            identifier: rng.random(),
            cookie: rng.random(),
            echoes: Vec::new(),
            hosts: Hosts::new(survey.wait),
            plan,
            rounds: survey.rounds - 1,
            phase: Phase::Asking,
            free: now,
            asked: 0,
            total: each.saturating_mul(u64::from(survey.rounds)),
            told: now,
            survey,
            outbox: Outbox::default(),
        })
    }

    /// Sends the next question that is due; whether there was one.
    fn ask_next(&mut self, now: Instant) -> bool {
        // Those that were heard come first: they know our address now and answer at once.
        if let Some(address) = self.hosts.due(now) {
            match self.hosts.ask(now, address) {
                true => {
                    self.solicit(address);
                    self.count(now, 1, 1);
                }
                false => self.settle(address),
            }
            return true;
        }
        if self.phase != Phase::Asking {
            return false;
        }
        let mut skipped = 0;
        for item in self.plan.by_ref() {
            match item {
                Item::Holder(address)
                    if self.hosts.is_settled(now, address) || !self.survey.asks(address) =>
                {
                    skipped += 1;
                }
                _ => {
                    self.count(now, skipped + 1, 0);
                    self.ask(now, item);
                    return true;
                }
            }
        }
        self.count(now, skipped, 0);
        self.phase = Phase::Waiting(now + self.survey.wait);
        false
    }

    fn ask(&mut self, now: Instant, item: Item) {
        match item {
            Item::Holder(address) => {
                self.hosts.expect(now, address);
                self.solicit(address);
            }
            Item::AllNodes(number) => {
                let source = self.survey.sources.get(number).copied();
                let destination = Ipv6Addr::from(ALL_NODES);
                let echo = Echo {
                    source: source.unwrap_or(Ipv6Addr::UNSPECIFIED),
                    destination,
                    reply: false,
                    identifier: self.identifier,
                    // More rounds than that make the numbers ambiguous, nothing worse.
                    sequence: self.echoes.len() as u16,
                    data: self.cookie.to_vec(),
                };
                self.echoes.push(now);
                let port = self.survey.port;
                let frame = echo.to_frame(port.mac, group_mac(destination), port.tag);
                self.outbox.send(frame);
            }
        }
    }

    // RFC 4861 7.2.2: D15.
    fn solicit(&mut self, target: Ipv6Addr) {
        let port = self.survey.port;
        let Some(source) = source_for(target, &self.survey.sources) else {
            return;
        };
        let packet = Packet {
            source,
            destination: solicited_node(target.octets()).into(),
            message: Message::Solicitation(Solicitation {
                target,
                source_mac: Some(port.mac),
                nonce: None,
            }),
        };
        let to = packet.group().unwrap_or(MacAddr::BROADCAST);
        self.outbox.send(packet.to_frame(port.mac, to, port.tag));
    }

    fn count(&mut self, now: Instant, asked: u64, more: u64) {
        self.asked += asked;
        self.total += more;
        if now.saturating_duration_since(self.told) >= PROGRESS {
            self.told = now;
            self.tell_progress();
        }
    }

    fn tell_progress(&mut self) {
        let (asked, total) = (self.asked, self.total);
        self.outbox.tell(Event::Progress { asked, total });
    }

    /// An address whose holder answers echo requests and no solicitations.
    fn settle(&mut self, address: Ipv6Addr) {
        if let Some(found) = self.hosts.settle(address) {
            self.outbox.tell(Event::Found(found));
        }
    }

    /// Begins the next round where the wait is over, or ends.
    fn turn(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Waiting(until) if until <= now) {
            self.phase = match self.rounds {
                0 => Phase::Ending,
                _ => Phase::Asking,
            };
            self.rounds = self.rounds.saturating_sub(1);
            self.plan = self.survey.plan();
        }
        if self.phase == Phase::Ending && self.hosts.next_due().is_none() {
            self.phase = Phase::Over;
            self.tell_progress();
            let (found, dropped) = self.hosts.counts();
            self.outbox.tell(Event::Done { found, dropped });
        }
    }

    fn hear_echo(&mut self, now: Instant, from: MacAddr, echo: &Echo) {
        let is_ours = echo.reply
            && echo.identifier == self.identifier
            && echo.data == self.cookie
            && self.survey.sources.contains(&echo.destination);
        let asked = self.echoes.get(usize::from(echo.sequence)).copied();
        if let Some(asked) = asked.filter(|_| is_ours && self.survey.asks(echo.source)) {
            let rtt = now.saturating_duration_since(asked);
            self.hosts.hear(now, echo.source, Known { mac: from, rtt });
        }
    }

    fn hear(&mut self, now: Instant, heard: &Heard) {
        if let Message::Advertisement(advertisement) = &heard.packet.message {
            let mac = advertisement.target_mac.unwrap_or(heard.source);
            let router = advertisement.router;
            let found = self.hosts.answer(now, advertisement.target, mac, router);
            if let Some(found) = found {
                self.outbox.tell(Event::Found(found));
            }
        }
    }
}

impl Survey {
    /// The questions of one round.
    fn plan(&self) -> Plan {
        let sources = if self.all_nodes {
            self.sources.len()
        } else {
            0
        };
        Plan::new(sources, &self.ranges)
    }

    /// Whether an address may be another host's on the link.
    fn asks(&self, address: Ipv6Addr) -> bool {
        refusal::target(address, &self.sources).is_ok()
    }
}

impl Engine for Scan {
    type Event = Event;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        let Some((source, payload)) = self.survey.port.payload(frame) else {
            return;
        };
        if self.phase == Phase::Over || source == self.survey.port.mac || !source.is_station() {
            return;
        }
        if let Ok(echo) = Echo::read(payload) {
            self.hear_echo(now, source, &echo);
        } else if let Some(heard) = self.survey.port.hear(frame) {
            self.hear(now, &heard);
        }
        self.turn(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.turn(now);
        let gap = Duration::from_secs(1) / self.survey.rate;
        while self.free <= now {
            if !self.ask_next(now) {
                break;
            }
            let earliest = now.checked_sub(SLACK).unwrap_or(now);
            self.free = self.free.max(earliest) + gap;
        }
        self.turn(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let round = match self.phase {
            Phase::Asking => Some(self.free),
            Phase::Waiting(until) => Some(until),
            Phase::Ending => None,
            Phase::Over => return None,
        };
        let host = self.hosts.next_due().map(|due| due.max(self.free));
        round.into_iter().chain(host).min()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.outbox.event()
    }
}
