//! Hosts on fake links: engines, a clock that stands still until it is moved, and seeded chance for all of it.
//!
//! Everything that leaves a host is checked by [`Wire`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use llamar_common::testing::Flying;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::super::*;
use super::wire::Wire;
use crate::config::OnConflict;
use crate::dns::Record;
use crate::mdns::{Arrival, Change, Family, PORT, Rule};

/// The interface of a host that has one.
pub const ETH: u32 = 2;
/// Another.
pub const WLAN: u32 = 3;

/// A host: an engine, and what its agent would know.
pub struct Host {
    pub engine: Engine,
    pub wanted: BTreeMap<u32, Wanted>,
    pub events: Vec<(Instant, Event)>,
    /// What its events say it holds: by whom it was asked for is for the engine to know.
    pub held: BTreeMap<(u32, Name, u16), Vec<Record>>,
    /// What it asks.
    pub questions: Vec<(u32, Question)>,
    /// Whether it hears and does anything.
    pub on: bool,
    due: Option<Instant>,
}

/// A datagram on its way.
#[derive(Clone, Debug)]
pub struct Packet {
    pub segment: usize,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub message: Vec<u8>,
    /// The interface that sent it; none for one that is made up.
    pub sender: Option<(usize, u32)>,
}

/// A datagram that an engine sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Instant,
    pub host: usize,
    pub transmit: Transmit,
}

/// Hosts and the segments that their interfaces are on.
pub struct Scene {
    pub now: Instant,
    pub hosts: Vec<Host>,
    pub segments: BTreeMap<(usize, u32), usize>,
    /// Probabilities that a receiver does not get a datagram, and that it gets it twice.
    pub loss: f64,
    pub duplication: f64,
    /// Longest time that a datagram takes; each receiver gets it at a time of its own, and not in order.
    pub delay: Duration,
    /// Everything that engines sent.
    pub sent: Vec<Sent>,
    /// What came to other ports than 5353, and when.
    pub told: Vec<(Instant, Packet)>,
    pub wire: Wire,
    pub rng: StdRng,
    pub rules: Rules,
    packets: Flying<(usize, u32, Rc<Packet>)>,
}

impl Scene {
    /// An empty scene whose hosts keep all rules, or all but one.
    pub fn new(seed: u64, without: Option<Rule>) -> Self {
        Self {
            now: super::epoch(),
            hosts: Vec::new(),
            segments: BTreeMap::new(),
            loss: 0.0,
            duplication: 0.0,
            delay: ms(1),
            sent: Vec::new(),
            told: Vec::new(),
            wire: Wire::default(),
            rng: StdRng::seed_from_u64(seed),
            rules: without.map_or_else(Rules::default, Rules::without),
            packets: Flying::default(),
        }
    }

    /// A link on which a part of the datagrams is lost, some come twice, and all come late and in any order.
    pub fn lossy(self, loss: f64) -> Self {
        Self {
            loss,
            duplication: 0.1,
            delay: ms(40),
            ..self
        }
    }

    /// A host that is switched off, with an interface on segment 0, `10.0.0.n` and `fe80::n`, that claims a name.
    pub fn host(&mut self, number: u8, name: &str) -> usize {
        let mut engine = Engine::new(StdRng::seed_from_u64(self.rng.random()));
        engine.rules = self.rules;
        self.hosts.push(Host {
            engine,
            wanted: BTreeMap::new(),
            events: Vec::new(),
            held: BTreeMap::new(),
            questions: Vec::new(),
            on: false,
            due: None,
        });
        let host = self.hosts.len() - 1;
        self.interface(host, (ETH, 0), number, name);
        host
    }

    /// A host that offers a web service of its number.
    pub fn office(&mut self, number: u8) -> usize {
        let name = format!("casa{number}.local");
        let host = self.host(number, &name);
        let web = service(&format!("Web {number}"), &name);
        self.wanted(host).services.push(web);
        host
    }

    /// One more interface of a host, on a segment.
    pub fn interface(&mut self, host: usize, place: (u32, usize), number: u8, name: &str) {
        let (device, segment) = place;
        self.hosts[host].wanted.insert(device, wanted(number, name));
        self.segments.insert((host, device), segment);
    }

    /// What a host's agent wants of its first interface.
    pub fn wanted(&mut self, host: usize) -> &mut Wanted {
        self.hosts[host].wanted.get_mut(&ETH).unwrap()
    }

    /// Switches a host on, or has its engine follow what its agent wants now.
    pub fn follow(&mut self, host: usize) {
        let now = self.now;
        let one = &mut self.hosts[host];
        one.on = true;
        let addresses = one.wanted.values().flat_map(|wanted| &wanted.addresses);
        let own: BTreeSet<IpAddr> = addresses.map(|(address, _)| *address).collect();
        one.engine.follow(now, one.wanted.clone(), own);
        self.drain(host);
    }

    /// Has a host ask by its first interface, from now on and after each restart.
    pub fn ask(&mut self, host: usize, text: &str, kind: u16) {
        let question = question(text, kind);
        let one = &mut self.hosts[host];
        one.questions.push((ETH, question.clone()));
        if one.on {
            one.engine.ask(self.now, ETH, question);
        }
        self.drain(host);
    }

    /// Switches a host off as it should be.
    pub fn stop(&mut self, host: usize) {
        self.hosts[host].engine.shutdown(self.now);
        self.drain(host);
        self.crash(host);
    }

    /// Switches a host off, without a word.
    pub fn crash(&mut self, host: usize) {
        self.hosts[host].on = false;
    }

    /// Switches a host on that was switched off; what it did before it does not know.
    pub fn restart(&mut self, host: usize) {
        let mut engine = Engine::new(StdRng::seed_from_u64(self.rng.random()));
        engine.rules = self.rules;
        let one = &mut self.hosts[host];
        one.engine = engine;
        one.held.clear();
        for (device, question) in &one.questions {
            one.engine.ask(self.now, *device, question.clone());
        }
        self.wire.restarted(host);
        self.follow(host);
    }

    /// Ends the sleep of a host that was switched off: it knows what it knew.
    pub fn wake(&mut self, host: usize) {
        self.hosts[host].on = true;
        self.hosts[host].engine.wake(self.now);
        self.drain(host);
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut steps = 0;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            steps = if next > self.now { 0 } else { steps + 1 };
            assert!(steps < 10_000, "busy loop");
            self.now = self.now.max(next);
            self.deliver();
            for host in 0..self.hosts.len() {
                let one = &mut self.hosts[host];
                if one.on && one.due.is_some_and(|due| due <= self.now) {
                    one.engine.handle_timeout(self.now);
                    self.drain(host);
                }
            }
        }
        self.now = end;
    }

    /// When something happens next by itself.
    fn next(&self) -> Option<Instant> {
        let hosts = self.hosts.iter().filter(|host| host.on);
        let due = hosts.filter_map(|host| host.due);
        let packet = self.packets.next().map(|(arrives, _)| arrives);
        due.chain(packet).min()
    }

    fn deliver(&mut self) {
        while let Some((host, device, packet)) = self.packets.arrived(self.now) {
            let _ = self.hand(host, device, &packet);
        }
    }

    /// Gives a host a datagram.
    pub fn hand(&mut self, host: usize, device: u32, packet: &Packet) -> Result<Handled, Ignored> {
        let one = &mut self.hosts[host];
        if !one.on {
            return Err(Ignored::Interface);
        }
        let arrival = Arrival {
            from: packet.from,
            to: packet.to.ip(),
        };
        self.wire
            .heard(self.now, (host, device), &arrival, &packet.message);
        let handled = one
            .engine
            .handle_datagram(self.now, device, &arrival, &packet.message);
        self.drain(host);
        handled
    }

    /// Takes everything that an engine has.
    pub fn drain(&mut self, host: usize) {
        while let Some(transmit) = self.hosts[host].engine.poll_transmit() {
            let one = &self.hosts[host];
            let wanted = &one.wanted[&transmit.device];
            self.wire
                .sent(self.now, host, &one.engine, wanted, &transmit);
            self.sent.push(Sent {
                at: self.now,
                host,
                transmit: transmit.clone(),
            });
            let source: Option<IpAddr> = match Family::of(transmit.to.ip()) {
                Family::V4 => wanted.v4.map(IpAddr::V4),
                Family::V6 => wanted.v6.map(IpAddr::V6),
            };
            let packet = Packet {
                segment: self.segments[&(host, transmit.device)],
                from: SocketAddr::new(source.expect("a family that is spoken"), PORT),
                to: transmit.to,
                message: transmit.message,
                sender: Some((host, transmit.device)),
            };
            self.put(packet);
        }
        while let Some(event) = self.hosts[host].engine.poll_event() {
            self.hosts[host].take(self.now, event);
        }
        self.hosts[host].due = self.hosts[host].engine.poll_timeout();
    }

    /// Puts a datagram on its segment.
    pub fn put(&mut self, packet: Packet) {
        let to = packet.to.ip();
        if packet.to.port() != PORT {
            self.told.push((self.now, packet));
            return;
        }
        let gets = |(place, segment): &(&(usize, u32), &usize)| {
            let wanted = self.hosts[place.0].wanted.get(&place.1);
            let hears = wanted.is_some_and(|wanted| match Family::of(to) {
                Family::V4 if to.is_multicast() => wanted.v4.is_some(),
                Family::V6 if to.is_multicast() => wanted.v6.is_some(),
                _ => wanted.addresses.iter().any(|(own, _)| *own == to),
            });
            **segment == packet.segment && hears && self.hosts[place.0].on
        };
        let receivers = self.segments.iter().filter(gets);
        let receivers: Vec<_> = receivers.map(|(place, _)| *place).collect();
        let packet = Rc::new(packet);
        for (host, device) in receivers {
            // What one sends comes back at once: the sockets loop it.
            let loops = packet.sender == Some((host, device));
            let times = match self.loss {
                _ if loops => 1,
                loss if loss > 0.0 && self.rng.random_bool(loss) => 0,
                _ => 1 + u32::from(self.rng.random_bool(self.duplication)),
            };
            for _ in 0..times {
                let delay = self.rng.random_range(Duration::ZERO..=self.delay);
                let due = self.now + if loops { Duration::ZERO } else { delay };
                self.packets.send(due, (host, device, packet.clone()));
            }
        }
    }
}

impl Host {
    fn take(&mut self, now: Instant, event: Event) {
        match &event {
            Event::Record(held) => {
                let record = held.record.clone();
                let key = (held.device, record.owner.clone(), record.kind);
                let records = self.held.entry(key).or_default();
                records.retain(|old| old.data != record.data);
                if held.change == Change::Added {
                    records.push(record);
                }
            }
            // An agent keeps the new name for all its interfaces and its next life.
            Event::Conflict(lost) => {
                if let Outcome::Renamed { to } = &lost.outcome {
                    self.keep(&lost.name, to);
                }
            }
            _ => {}
        }
        self.events.push((now, event));
    }

    fn keep(&mut self, used: &Name, to: &Name) {
        for wanted in self.wanted.values_mut() {
            for host in &mut wanted.hosts {
                if host.kept.as_ref().unwrap_or(&host.name) == used {
                    host.kept = Some(to.clone());
                }
            }
            for service in &mut wanted.services {
                if service.kept.as_ref().unwrap_or(&service.name) == used {
                    service.kept = Some(to.clone());
                }
            }
        }
    }
}

/// What is wanted of an interface with `10.0.0.n` and `fe80::n`: that it claims a name for them.
pub fn wanted(number: u8, text: &str) -> Wanted {
    let v4 = Ipv4Addr::new(10, 0, 0, number);
    let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number.into());
    Wanted {
        up: true,
        mtu: 1500,
        v4: Some(v4),
        v6: Some(v6),
        addresses: [(v4.into(), 24), (v6.into(), 64)].into(),
        unicast: true,
        hosts: vec![crate::mdns::Host {
            name: name(text),
            kept: None,
            addresses: [v4.into(), v6.into()].into(),
            reverse: true,
        }],
        services: Vec::new(),
        on_conflict: OnConflict::Rename,
    }
}

/// A service `text` of type `_http._tcp`, offered by a host.
pub fn service(text: &str, host: &str) -> crate::mdns::Service {
    crate::mdns::Service {
        name: name(&format!("{text}._http._tcp.local")),
        kept: None,
        subtypes: Vec::new(),
        host: name(host),
        priority: 0,
        weight: 0,
        port: 80,
        txt: vec![crate::dns::Txt::new([&b"path=/"[..]]).unwrap()],
    }
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn question(text: &str, kind: u16) -> Question {
    Question {
        name: name(text),
        kind,
        class: crate::dns::kind::IN,
    }
}

pub const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

pub const fn secs(time: u64) -> Duration {
    Duration::from_secs(time)
}
