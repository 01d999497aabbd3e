//! Hosts on fake links: engines, a clock that stands still until it is moved, and seeded chance for all of it.
//!
//! Every response that leaves a host is checked here: T is never clear before that host has asked for the name three
//! times over each of its families and waited for responses (RFC 4795 4.1: R27, R46).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use llamar_common::abi::{LinkKey, NameState};
use llamar_common::testing::Flying;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::super::*;
use super::zone::*;
use crate::config::OnConflict;
use crate::dns::Name;

/// A host: an engine, and what its agent would know.
pub struct Host {
    pub engine: Engine,
    pub wanted: BTreeMap<LinkKey, Wanted>,
    pub zones: BTreeMap<LinkKey, TestZone>,
    /// Addresses of interfaces that are not served.
    pub elsewhere: BTreeSet<IpAddr>,
    pub events: Vec<(Instant, Event)>,
    /// When a name was last said to be verified from the beginning.
    began: BTreeMap<(LinkKey, Name), Instant>,
    pub on: bool,
    /// Whether its sockets refuse what goes out over IPv4, and over IPv6.
    pub mute: (bool, bool),
}

/// A datagram on its way.
#[derive(Clone, Debug)]
pub struct Packet {
    pub segment: usize,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub message: Vec<u8>,
    /// The interface that sent it; none for one that is made up.
    pub sender: Option<(usize, LinkKey)>,
}

/// Hosts and the segments that their interfaces are on.
pub struct Scene {
    pub now: Instant,
    pub hosts: Vec<Host>,
    pub segments: BTreeMap<(usize, LinkKey), usize>,
    /// Probabilities that a receiver does not get a datagram, and that it gets it twice.
    pub loss: f64,
    pub duplication: f64,
    /// Longest time that a datagram takes.
    pub delay: Duration,
    /// Whether segments send everything back to its sender too.
    pub echo: bool,
    /// Everything that engines sent, when and which.
    pub sent: Vec<(Instant, usize, Transmit)>,
    /// What askers were told: by whom, and the message.
    pub told: Vec<(IpAddr, Vec<u8>)>,
    /// Responses with T clear that came too early.
    pub early: usize,
    pub rng: StdRng,
    rules: Rules,
    packets: Flying<(usize, LinkKey, Packet)>,
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
            echo: false,
            sent: Vec::new(),
            told: Vec::new(),
            early: 0,
            rng: StdRng::seed_from_u64(seed),
            rules: without.map_or_else(Rules::default, Rules::without),
            packets: Flying::default(),
        }
    }

    /// A link on which a part of the datagrams is lost, some come twice, and all come late.
    pub fn lossy(self, loss: f64) -> Self {
        Self {
            loss,
            duplication: 0.1,
            delay: ms(40),
            ..self
        }
    }

    /// A host that is switched off, with an interface on segment 0, `10.0.0.n` and `fe80::n`.
    pub fn host(&mut self, v4: Option<u8>, v6: Option<u16>, names: &[&str]) -> usize {
        let mut engine = Engine::new(StdRng::seed_from_u64(self.rng.random()));
        engine.rules = self.rules;
        self.hosts.push(Host {
            engine,
            wanted: BTreeMap::new(),
            zones: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            events: Vec::new(),
            began: BTreeMap::new(),
            on: false,
            mute: (false, false),
        });
        let host = self.hosts.len() - 1;
        self.interface(host, (ETH, 0), v4, v6, names);
        host
    }

    /// One more interface of a host, on a segment.
    pub fn interface(
        &mut self,
        host: usize,
        (key, segment): (LinkKey, usize),
        last4: Option<u8>,
        last6: Option<u16>,
        names: &[&str],
    ) {
        let v4 = last4.map(|last| Ipv4Addr::new(10, 0, 0, last));
        let v6 = last6.map(|last| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last));
        let claimed = |text: &&str| Claimed {
            name: name(text),
            inherited: false,
        };
        let addresses = v4.map(IpAddr::V4).into_iter();
        let wanted = Wanted {
            up: true,
            names: names.iter().map(claimed).collect(),
            v4,
            v6,
            addresses: addresses.chain(v6.map(IpAddr::V6)).collect(),
            on_conflict: OnConflict::Withdraw,
        };
        self.hosts[host].wanted.insert(key, wanted);
        self.hosts[host].zones.insert(key, TestZone::default());
        self.segments.insert((host, key), segment);
    }

    /// Switches a host on, or has its engine follow what its agent wants now.
    pub fn follow(&mut self, host: usize) {
        let (now, rules) = (self.now, self.rules);
        let host_now = &mut self.hosts[host];
        host_now.on = true;
        let mut own = host_now.elsewhere.clone();
        for (key, wanted) in &host_now.wanted {
            let link = host_now.engine.links.get(key);
            let anew = link.is_none_or(|link| {
                link.up != wanted.up || !wanted.addresses.is_subset(&link.addresses)
            });
            let zone = host_now.zones.get_mut(key).unwrap();
            zone.a = wanted.v4.into_iter().collect();
            zone.aaaa = wanted.v6.into_iter().collect();
            for Claimed { name, inherited } in &wanted.names {
                let new = link.is_none_or(|link| !link.claims.contains_key(name));
                if (anew || new) && !inherited {
                    host_now.began.insert((*key, name.clone()), now);
                }
                zone.names.entry(name.clone()).or_insert(NameState::Unique);
            }
            own.extend(&wanted.addresses);
        }
        host_now.engine.rules = rules;
        host_now.engine.follow(now, host_now.wanted.clone(), own);
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
                let engine = &mut self.hosts[host].engine;
                if engine.poll_timeout().is_some_and(|due| due <= self.now) {
                    engine.handle_timeout(self.now);
                    self.drain(host);
                }
            }
        }
        self.now = end;
    }

    /// Lets time pass until nothing is on its way, and nothing due for this long.
    pub fn settle(&mut self, quiet: Duration) {
        let end = self.now + secs(86_400);
        while let Some(next) = self.next().filter(|next| *next <= self.now + quiet) {
            self.run(next.saturating_duration_since(self.now));
            assert!(self.now < end, "no rest in a day");
        }
    }

    /// When something happens next by itself.
    pub fn next(&self) -> Option<Instant> {
        let hosts = self.hosts.iter().filter(|host| host.on);
        let due = hosts.filter_map(|host| host.engine.poll_timeout());
        let packet = self.packets.next().map(|(arrives, _)| arrives);
        due.chain(packet).min()
    }

    fn deliver(&mut self) {
        while let Some((host, key, packet)) = self.packets.arrived(self.now) {
            let _ = self.hand(host, key, &packet);
        }
    }

    /// Gives a host a datagram.
    pub fn hand(&mut self, host: usize, key: LinkKey, packet: &Packet) -> Result<Handled, Ignored> {
        let Host {
            engine, zones, on, ..
        } = &mut self.hosts[host];
        if !*on {
            return Err(Ignored::Destination);
        }
        let asked = Asked {
            message: &packet.message,
            from: packet.from,
            transport: Transport::Udp { to: packet.to.ip() },
        };
        let handled = engine.handle_datagram(self.now, key, &zones[&key], &asked);
        self.drain(host);
        handled
    }

    /// Takes everything that an engine has.
    pub fn drain(&mut self, host: usize) {
        while let Some(transmit) = self.hosts[host].engine.poll_transmit() {
            let (v4, v6) = self.hosts[host].mute;
            if if transmit.source.is_ipv4() { v4 } else { v6 } {
                self.hosts[host].engine.handle_unsent(&transmit);
                continue;
            }
            self.check(host, &transmit);
            self.sent.push((self.now, host, transmit.clone()));
            let packet = Packet {
                segment: self.segments[&(host, transmit.key)],
                from: SocketAddr::new(transmit.source, 5355),
                to: transmit.to,
                message: transmit.message,
                sender: Some((host, transmit.key)),
            };
            self.put(&packet);
        }
        while let Some(event) = self.hosts[host].engine.poll_event() {
            if let Event::Conflict { key, name, .. } = &event {
                let began = &mut self.hosts[host].began;
                began.insert((*key, name.clone()), self.now);
            }
            self.hosts[host].events.push((self.now, event));
        }
    }

    /// RFC 4795 4.1: R27, R46. What was sent tells whether T may be clear.
    fn check(&mut self, host: usize, transmit: &Transmit) {
        let Why::Response(question) = &transmit.why else {
            return;
        };
        let wanted = &self.hosts[host].wanted[&transmit.key];
        let mut claimed = wanted.names.iter();
        let ours = claimed.find(|claimed| claimed.name == question.name);
        let inherited = ours.is_none_or(|claimed| claimed.inherited);
        let keeps = wanted.on_conflict == OnConflict::Keep;
        if flags(&transmit.message) & T != 0 || inherited || keeps {
            return;
        }
        let began = self.hosts[host].began[&(transmit.key, question.name.clone())];
        let verifies = |(at, sender, query): &&(Instant, usize, Transmit), is_v4: bool| {
            let (asked, _) = Question::read(&query.message, 12).unwrap();
            (*sender, query.key) == (host, transmit.key)
                && (*at >= began && *at + ms(200) <= self.now)
                && query.why == Why::Verification
                && query.source.is_ipv4() == is_v4
                && asked.name == question.name
        };
        for (family, is_v4) in [(wanted.v4.is_some(), true), (wanted.v6.is_some(), false)] {
            let queries = self.sent.iter().filter(|sent| verifies(sent, is_v4));
            if family && queries.count() < 3 {
                self.early += 1;
            }
        }
    }

    /// Puts a datagram on its segment.
    pub fn put(&mut self, packet: &Packet) {
        let to = packet.to.ip();
        if packet.to.port() != 5355 {
            self.told.push((packet.from.ip(), packet.message.clone()));
        }
        let gets = |(place, segment): &(&(usize, LinkKey), &usize)| {
            let wanted = self.hosts[place.0].wanted.get(&place.1);
            let ours = wanted.is_some_and(|wanted| wanted.addresses.contains(&to));
            **segment == packet.segment
                && (to.is_multicast() || ours && packet.to.port() == 5355)
                && (self.echo || packet.sender != Some(**place))
        };
        let receivers = self.segments.iter().filter(gets);
        let receivers: Vec<_> = receivers.map(|(place, _)| *place).collect();
        for (host, key) in receivers {
            if self.rng.random_bool(self.loss) {
                continue;
            }
            for _ in 0..1 + u32::from(self.rng.random_bool(self.duplication)) {
                let due = self.now + self.rng.random_range(Duration::ZERO..=self.delay);
                self.packets.send(due, (host, key, packet.clone()));
            }
        }
    }
}
