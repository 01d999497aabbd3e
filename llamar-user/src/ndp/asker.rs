//! Asks who has an address: solicitations (RFC 4861 7.2.2) and what answers them.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use llamar_common::wire::ndp::solicited_node;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::outbox::Outbox;
use super::port::Heard;
use super::source::source_for;
use super::timing::{INTERVAL_MIN, MAX_MULTICAST_SOLICIT, RETRANS_TIMER, interval};
use super::{Advertisement, Message, Packet, Port, Solicitation};
use crate::ether::{Engine, MacAddr};

/// Between the first solicitations of two targets: 1,000 a second.
const GAP: Duration = Duration::from_millis(1);
/// Hardware addresses that are told apart for a target: a few are a duplicate, more are somebody's invention.
const ANSWERERS_MAX: usize = 16;

/// What is asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub port: Port,
    /// The hardware address that answers are to go to; `None` tells it in no unicast solicitation.
    pub source_mac: Option<MacAddr>,
    /// Addresses of ours, of which the best asks. Without any, `::` asks, as in duplicate address detection.
    pub sources: Vec<Ipv6Addr>,
    /// Who is asked for.
    pub targets: Vec<Target>,
    /// How many times each is asked for; `None`: for ever.
    pub count: Option<u32>,
    /// Between two solicitations of a target.
    pub interval: Duration,
    /// Whether the interval may be below [`RETRANS_TIMER`].
    pub hasty: bool,
    /// How long answers are waited for after the last solicitation.
    pub wait: Duration,
    /// Whether a target is asked for no more once it has answered. Others who have it are still heard, as long as the
    /// last solicitation waits.
    pub at_once: bool,
}

impl Ask {
    /// Asks as address resolution does (RFC 4861 7.2.2).
    pub fn new(port: Port, sources: Vec<Ipv6Addr>, targets: Vec<Target>) -> Self {
        Self {
            port,
            source_mac: Some(port.mac),
            sources,
            targets,
            count: Some(MAX_MULTICAST_SOLICIT),
            interval: RETRANS_TIMER,
            hasty: false,
            wait: RETRANS_TIMER,
            at_once: true,
        }
    }
}

/// An address that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub address: Ipv6Addr,
    /// Its holder, if only that is asked whether it is still there (RFC 4861 7.3.3); everybody otherwise.
    pub mac: Option<MacAddr>,
}

/// What is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A solicitation goes out.
    Asked {
        /// Who is asked for.
        target: Ipv6Addr,
        /// Which one it is, from 1.
        number: u32,
    },
    /// Somebody has the address.
    Answer(Answer),
    /// Somebody else checks whether the address can be had, which is as good as having it while we ask from `::`
    /// (RFC 4862 5.4.3).
    Claim {
        /// The address.
        target: Ipv6Addr,
        /// Who checks.
        by: MacAddr,
    },
    /// Nobody has answered for the address in time.
    Silent {
        /// The address.
        target: Ipv6Addr,
    },
    /// Nothing more is asked or waited for.
    Done,
}

/// An advertisement for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The address.
    pub target: Ipv6Addr,
    /// Who has it: the hardware address that is told, otherwise the one that the frame came from.
    pub mac: MacAddr,
    /// The hardware address that the frame came from.
    pub ether_source: MacAddr,
    /// Its source: another address than the target if a proxy answers.
    pub source: Ipv6Addr,
    /// R, S, O and the hardware address.
    pub advertisement: Advertisement,
    /// Time since the last solicitation; none for what answers no solicitation.
    pub rtt: Option<Duration>,
    /// Another station that answered before. With O set on both sides that is a duplicate; anycast addresses and proxies
    /// answer with O clear (RFC 4861 7.2.7, 7.2.8).
    pub rival: Option<MacAddr>,
}

/// Asks for addresses.
#[derive(Debug)]
pub struct Asker {
    rng: StdRng,
    ask: Ask,
    targets: BTreeMap<Ipv6Addr, Asked>,
    is_over: bool,
    outbox: Outbox<Event>,
}

/// How far a target is.
#[derive(Debug)]
struct Asked {
    mac: Option<MacAddr>,
    times: u32,
    /// When the last solicitation went out.
    last: Option<Instant>,
    /// When the next one does, or when waiting ends; `None`: it is over.
    due: Option<Instant>,
    answerers: Vec<MacAddr>,
}

impl Asker {
    /// Asks. A target that is given twice is asked for once.
    pub fn new(rng: StdRng, now: Instant, ask: Ask) -> Self {
        let mut targets = BTreeMap::new();
        let mut due = now;
        for target in &ask.targets {
            let asked = Asked {
                mac: target.mac,
                times: 0,
                last: None,
                due: Some(due),
                answerers: Vec::new(),
            };
            targets.entry(target.address).or_insert(asked);
            due += GAP;
        }
        let interval = interval(ask.interval, ask.hasty);
        let mut asker = Self {
            rng,
            ask: Ask {
                interval,
                wait: ask.wait.max(INTERVAL_MIN),
                ..ask
            },
            targets,
            is_over: false,
            outbox: Outbox::default(),
        };
        asker.handle_timeout(now);
        asker
    }

    /// Asks for a target once more, or gives it up.
    fn go_on(&mut self, now: Instant, target: Ipv6Addr) {
        let Some(asked) = self.targets.get_mut(&target) else {
            return;
        };
        let is_enough = self.ask.at_once && !asked.answerers.is_empty();
        if is_enough || self.ask.count.is_some_and(|count| asked.times >= count) {
            asked.due = None;
            if asked.answerers.is_empty() {
                self.outbox.tell(Event::Silent { target });
            }
            return;
        }
        asked.times = asked.times.saturating_add(1);
        asked.last = Some(now);
        let is_last = self.ask.count.is_some_and(|count| asked.times >= count);
        asked.due = Some(
            now + if is_last {
                self.ask.wait
            } else {
                self.ask.interval
            },
        );
        let (number, mac) = (asked.times, asked.mac);
        let frame = self.solicitation(target, mac);
        self.outbox.send(frame);
        self.outbox.tell(Event::Asked { target, number });
    }

    // RFC 4861 4.3, 7.2.2: D15. To the group of the target, or to the target itself to see whether it is reachable; from
    // an address of ours; to a group always with our hardware address, from `::` never.
    fn solicitation(&mut self, target: Ipv6Addr, mac: Option<MacAddr>) -> Vec<u8> {
        let source = source_for(target, &self.ask.sources);
        let own = self.ask.source_mac;
        let packet = Packet {
            source: source.unwrap_or(Ipv6Addr::UNSPECIFIED),
            destination: match (mac, source) {
                (Some(_), Some(_)) => target,
                // RFC 4861 7.1.1: what is from `::` goes to a group; its frame may still go to one station.
                _ => solicited_node(target.octets()).into(),
            },
            message: Message::Solicitation(Solicitation {
                target,
                source_mac: match (source, mac) {
                    (None, _) => None,
                    (Some(_), Some(_)) => own,
                    (Some(_), None) => own.or(Some(self.ask.port.mac)),
                },
                // RFC 7527 4.3: what is from `::` has a nonce.
                nonce: source
                    .is_none()
                    .then(|| self.rng.random::<[u8; 6]>().to_vec()),
            }),
        };
        let to = mac.or(packet.group()).unwrap_or(MacAddr::BROADCAST);
        packet.to_frame(self.ask.port.mac, to, self.ask.port.tag)
    }

    fn hear(&mut self, now: Instant, heard: &Heard) {
        let target = heard.target();
        match &heard.packet.message {
            Message::Advertisement(advertisement) => self.take(now, heard, advertisement),
            Message::Solicitation(_) if heard.resolves() => {}
            Message::Solicitation(_) if self.targets.contains_key(&target) => {
                let by = heard.source;
                self.outbox.tell(Event::Claim { target, by });
            }
            Message::Solicitation(_) => {}
        }
    }

    // RFC 4861 7.2.5: solicited or not, it says who has the address.
    fn take(&mut self, now: Instant, heard: &Heard, advertisement: &Advertisement) {
        let target = advertisement.target;
        let Some(asked) = self.targets.get_mut(&target) else {
            return;
        };
        let Some(last) = asked.last else {
            return;
        };
        let mac = advertisement.target_mac.unwrap_or(heard.source);
        let rival = asked.answerers.iter().copied().find(|known| *known != mac);
        if !asked.answerers.contains(&mac) && asked.answerers.len() < ANSWERERS_MAX {
            asked.answerers.push(mac);
        }
        let to = heard.packet.destination;
        let is_answer = match advertisement.solicited {
            true => self.ask.sources.contains(&to),
            // RFC 4861 7.2.4: who is asked from `::` answers to all nodes, as if it had not been asked.
            false => self.ask.sources.is_empty(),
        };
        self.outbox.tell(Event::Answer(Answer {
            target,
            mac,
            ether_source: heard.source,
            source: heard.packet.source,
            advertisement: advertisement.clone(),
            rtt: is_answer.then(|| now.saturating_duration_since(last)),
            rival,
        }));
    }

    fn review(&mut self) {
        let is_over = self.targets.values().all(|asked| asked.due.is_none());
        if is_over && !self.is_over {
            self.is_over = true;
            self.outbox.tell(Event::Done);
        }
    }
}

impl Engine for Asker {
    type Event = Event;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        let heard = self.ask.port.hear(frame);
        // What comes back of our own is no answer.
        if let Some(heard) = heard.filter(|heard| heard.source != self.ask.port.mac)
            && !self.is_over
        {
            self.hear(now, &heard);
            self.review();
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let due = |asked: &Asked| asked.due.is_some_and(|due| due <= now);
        let targets = self.targets.iter().filter(|(_, asked)| due(asked));
        let targets: Vec<Ipv6Addr> = targets.map(|(target, _)| *target).collect();
        for target in targets {
            self.go_on(now, target);
        }
        self.review();
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.targets.values().filter_map(|asked| asked.due).min()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.outbox.event()
    }
}
