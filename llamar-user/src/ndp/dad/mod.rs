//! Claims an address: duplicate address detection (RFC 4862 5.4) that knows its own solicitations by their nonces
//! (RFC 7527).

mod check;
mod hear;
mod hold;

use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use llamar_common::wire::ndp::solicited_node;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::announcer::{self, Announce, Announcer};
use super::conflict::Reports;
use super::rules::{Rule, Rules};
use super::timing::{INTERVAL_MIN, MAX_MULTICAST_SOLICIT};
use super::{Message, Packet, Solicitation};
use crate::ether::{Engine, MacAddr, Outbox};
use hold::Hold;

pub use check::{After, Check, Event, State};

/// From joining the group to the first solicitation: the report has to be through switches that snoop.
const JOIN_LEAD: Duration = Duration::from_millis(10);
/// Nonces that are remembered: those of the last minute of a link that loops.
const NONCES_MAX: usize = 64;
/// Between two reports that the link loops.
const LOOP_REPORTS: Duration = Duration::from_secs(1);

/// A nonce of ours: the length that fills one unit of options (RFC 3971 5.3.2: 6 bytes at least).
type Nonce = [u8; 6];

/// Claims an address.
#[derive(Debug)]
pub struct Dad {
    rng: StdRng,
    rules: Rules,
    check: Check,
    state: State,
    step: Step,
    round: Round,
    sent: Sent,
    loops: Loops,
    announcer: Option<Announcer>,
    hold: Hold,
    reports: Reports,
    outbox: Outbox<Event>,
}

/// What is due next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// To join the group.
    Join(Instant),
    /// To solicit, or to end the round.
    Ask(Instant),
    /// Nothing.
    Over,
}

/// A number of solicitations after which it is decided.
#[derive(Clone, Copy, Debug)]
struct Round {
    asked: u32,
    of: u32,
    /// Whether one of ours came back.
    looped: bool,
}

/// What went out.
#[derive(Debug, Default)]
struct Sent {
    nonces: VecDeque<Nonce>,
    /// Solicitations since the claim began.
    number: u32,
    /// Solicitations without a nonce, ever, and how many of them came back.
    plain: u64,
    plain_back: u64,
    /// Whether an advertisement of the address ever went out.
    advertised: bool,
}

/// Loops that were noticed.
#[derive(Debug, Default)]
struct Loops {
    total: u64,
    /// Rounds that were followed by another.
    rounds: u32,
    reported: Option<Instant>,
}

impl Dad {
    /// Begins. Frames have to be heard from now on, those to [`group`](Self::group) too; that group is joined when
    /// [`Event::Join`] says so.
    pub fn new(rng: StdRng, now: Instant, check: Check) -> Self {
        Self::with(rng, now, check, Rules::default())
    }

    fn with(rng: StdRng, now: Instant, check: Check, rules: Rules) -> Self {
        let retrans = check.retrans.max(INTERVAL_MIN);
        let announcer = check.announce;
        let mut dad = Self {
            rng,
            rules,
            announcer: announcer.map(|schedule| Announcer::new(check.port, schedule)),
            hold: Hold::new(now, rules),
            reports: Reports::new(now, rules),
            check: Check { retrans, ..check },
            state: State::Tentative,
            step: Step::Over,
            round: Round::of(0),
            sent: Sent::default(),
            loops: Loops::default(),
            outbox: Outbox::default(),
        };
        dad.begin(now);
        dad
    }

    /// Where the claim stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// The address.
    pub fn address(&self) -> Ipv6Addr {
        self.check.address
    }

    /// The solicited-node group of the address.
    pub fn group(&self) -> Ipv6Addr {
        solicited_node(self.check.address.octets()).into()
    }

    /// Begins anew, as when the link was down; also where the address was lost.
    pub fn restart(&mut self, now: Instant) {
        if let Some(announcer) = &mut self.announcer {
            announcer.remove(now, self.check.address);
        }
        self.begin(now);
    }

    /// Takes the address for ours although the link still loops: the administrator's order (RFC 7527 4.1).
    pub fn settle(&mut self, now: Instant) {
        if self.state == State::Tentative && self.loops.total > 0 {
            self.assign(now);
        }
    }

    fn begin(&mut self, now: Instant) {
        self.state = State::Tentative;
        self.round = Round::of(self.check.transmits);
        self.sent.number = 0;
        self.loops.rounds = 0;
        // RFC 4862 5.4: an interface whose DupAddrDetectTransmits is zero performs no detection.
        if self.check.transmits == 0 {
            return self.assign(now);
        }
        // RFC 4862 5.4.2: joining the group is delayed, not only what is sent to it.
        let delay = self.rng.random_range(Duration::ZERO..=self.check.delay);
        self.step = Step::Join(now + delay);
        if delay.is_zero() {
            self.go_on(now);
        }
    }

    fn go_on(&mut self, now: Instant) {
        match self.step {
            Step::Join(due) if due <= now => {
                let group = self.group();
                self.outbox.tell(Event::Join { group });
                self.step = Step::Ask(now + JOIN_LEAD);
            }
            Step::Ask(due) if due <= now => match self.round.asked < self.round.of {
                true => self.solicit(now),
                false => self.end_round(now),
            },
            _ => {}
        }
    }

    // RFC 4862 5.4.2, RFC 7527 4.1: D7, D8. From `::` to the group, without a hardware address, with a nonce that none
    // before had; RetransTimer apart.
    fn solicit(&mut self, now: Instant) {
        let nonce = self.check.nonces.then(|| self.nonce());
        self.sent.plain += u64::from(nonce.is_none());
        self.sent.number = self.sent.number.saturating_add(1);
        let packet = Packet {
            source: Ipv6Addr::UNSPECIFIED,
            destination: self.group(),
            message: Message::Solicitation(Solicitation {
                target: self.check.address,
                source_mac: None,
                nonce: nonce.map(|nonce| nonce.to_vec()),
            }),
        };
        let port = self.check.port;
        let to = packet.group().unwrap_or(MacAddr::BROADCAST);
        self.outbox.send(packet.to_frame(port.mac, to, port.tag));
        let left = self.round.of.saturating_sub(self.round.asked + 1);
        self.round.asked += 1;
        self.step = Step::Ask(now + self.check.retrans);
        let number = self.sent.number;
        self.outbox.tell(Event::Asked {
            number,
            of: number.saturating_add(left),
        });
    }

    fn nonce(&mut self) -> Nonce {
        let last = self.sent.nonces.back().copied();
        let nonce = match last.filter(|_| !self.rules.hold(Rule::FreshNonces)) {
            Some(last) => last,
            None => self.rng.random(),
        };
        if self.sent.nonces.len() >= NONCES_MAX {
            self.sent.nonces.pop_front();
        }
        self.sent.nonces.push_back(nonce);
        nonce
    }

    /// RetransTimer has passed since the last solicitation, and nothing says that the address is another's.
    fn end_round(&mut self, now: Instant) {
        let patient = self
            .check
            .loops
            .is_none_or(|loops| self.loops.rounds < loops);
        // RFC 7527 4.1: if one came back, MAX_MULTICAST_SOLICIT more follow, until none comes back.
        if self.round.looped && patient && self.rules.hold(Rule::AskOnAfterLoop) {
            self.loops.rounds = self.loops.rounds.saturating_add(1);
            self.round = Round::of(MAX_MULTICAST_SOLICIT);
            self.solicit(now);
        } else {
            self.assign(now);
        }
    }

    fn assign(&mut self, now: Instant) {
        self.state = State::Ours;
        self.step = Step::Over;
        self.outbox.tell(Event::Unique);
        if let Some(announcer) = &mut self.announcer {
            let announce = Announce {
                router: self.check.router,
                ..Announce::own(self.check.address, self.check.port.mac)
            };
            announcer.add(now, announce);
            self.announce(now);
        }
    }

    fn announce(&mut self, now: Instant) {
        let Some(announcer) = &mut self.announcer else {
            return;
        };
        announcer.handle_timeout(now);
        while let Some(frame) = announcer.poll_transmit() {
            self.sent.advertised = true;
            self.outbox.send(frame);
        }
        while let Some(event) = announcer.poll_event() {
            if let announcer::Event::Announced { number, .. } = event {
                self.outbox.tell(Event::Announced { number });
            }
        }
    }
}

impl Round {
    const fn of(of: u32) -> Self {
        Self {
            asked: 0,
            of,
            looped: false,
        }
    }
}

impl Engine for Dad {
    type Event = Event;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        if let Some(heard) = self.check.port.hear(frame) {
            self.hear(now, &heard);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.go_on(now);
        self.announce(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let own = match self.step {
            Step::Join(due) | Step::Ask(due) => Some(due),
            Step::Over => None,
        };
        let announcer = self.announcer.as_ref().and_then(Announcer::poll_timeout);
        own.into_iter().chain(announcer).min()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.outbox.event()
    }
}

#[cfg(test)]
mod tests;
