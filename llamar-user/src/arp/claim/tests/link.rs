//! Hosts on one made-up link that loses, delays, reorders and echoes frames, with a clock of its own.

use std::collections::BTreeMap;

use llamar_common::testing::Flying;
use rand::RngExt as _;

use super::*;

/// Somebody whom nobody claims to be.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);

/// A host that joins at some time.
pub struct Host {
    pub claiming: Claiming,
    pub joins: Duration,
    pub claim: Option<Claim>,
    pub events: Vec<(Duration, Event)>,
    pub sent: Vec<(Duration, Packet)>,
    /// When it asks for somebody, as any host does that is at work.
    talks: Instant,
}

impl Host {
    /// The address that it holds.
    pub fn held(&self) -> Option<Ipv4Addr> {
        let claim = self.claim.as_ref()?;
        (claim.state() == State::Held).then(|| claim.address())
    }
}

/// What a link does to frames.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Frames lost of a hundred.
    pub loss: u32,
    /// Longest delay; later frames may come before earlier ones.
    pub delay: Duration,
    /// Whether senders get their own broadcasts back.
    pub echo: bool,
    /// How often hosts at work ask for somebody.
    pub talk: Option<Duration>,
}

pub struct Link {
    pub weather: Weather,
    pub hosts: Vec<Host>,
    /// Most hosts that held one address at one time.
    pub most: usize,
    rules: Rules,
    rng: StdRng,
    start: Instant,
    now: Instant,
    flying: Flying<(usize, Vec<u8>)>,
}

impl Link {
    /// A link whose hosts join at these times.
    pub fn new(
        seed: u64,
        weather: Weather,
        rules: Rules,
        hosts: Vec<(Duration, Claiming)>,
    ) -> Self {
        let start = Instant::now();
        let host = |(joins, claiming)| Host {
            claiming,
            joins,
            claim: None,
            events: Vec::new(),
            sent: Vec::new(),
            talks: start,
        };
        Self {
            weather,
            hosts: hosts.into_iter().map(host).collect(),
            most: 0,
            rules,
            rng: StdRng::seed_from_u64(seed),
            start,
            now: start,
            flying: Flying::default(),
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, host)) = self.next().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.turn(host);
            self.count();
        }
        self.now = end;
    }

    /// How many hold each address.
    pub fn holders(&self) -> BTreeMap<Ipv4Addr, usize> {
        let mut holders = BTreeMap::new();
        for address in self.hosts.iter().filter_map(Host::held) {
            *holders.entry(address).or_default() += 1;
        }
        holders
    }

    /// The host that is next, and when.
    fn next(&self) -> Option<(Instant, usize)> {
        let flying = self.flying.next().map(|(at, (to, _))| (at, *to));
        let due = self.hosts.iter().enumerate().filter_map(|(index, host)| {
            let due = match &host.claim {
                None => Some(self.start + host.joins),
                Some(claim) => {
                    let talks = self.weather.talk.and(host.held()).map(|_| host.talks);
                    claim.poll_timeout().into_iter().chain(talks).min()
                }
            };
            Some((due?, index))
        });
        due.chain(flying).min()
    }

    /// Does what is due at a host.
    fn turn(&mut self, index: usize) {
        let now = self.now;
        let next = self.flying.next().filter(|(_, (to, _))| *to == index);
        let arrived = match next {
            Some(_) => self.flying.arrived(now).map(|(_, frame)| frame),
            None => None,
        };
        let seed = self.rng.random();
        let host = &mut self.hosts[index];
        let Some(claim) = &mut host.claim else {
            if self.start + host.joins <= now {
                let rng = StdRng::seed_from_u64(seed);
                host.claim = Some(Claim::with(rng, now, host.claiming.clone(), self.rules));
                self.drain(index);
            }
            return;
        };
        match arrived {
            Some(frame) => claim.handle_frame(now, &frame),
            None => claim.handle_timeout(now),
        }
        self.drain(index);
        self.talk(index);
    }

    fn talk(&mut self, index: usize) {
        let host = &self.hosts[index];
        if let (Some(ip), Some(pause)) = (host.held(), self.weather.talk)
            && host.talks <= self.now
        {
            let mac = host.claiming.mac;
            let packet = Packet::request(Station { mac, ip }, GATEWAY);
            self.send(index, packet.to_frame(mac, MacAddr::BROADCAST, None));
            let pause = self.rng.random_range(pause / 2..pause);
            self.hosts[index].talks = self.now + pause;
        }
    }

    fn drain(&mut self, index: usize) {
        let at = self.now - self.start;
        let mut frames = Vec::new();
        let host = &mut self.hosts[index];
        let Some(claim) = &mut host.claim else {
            return;
        };
        while let Some(frame) = claim.poll_transmit() {
            let packet = Arrival::read(&frame, None).unwrap().packet;
            host.sent.push((at, packet));
            frames.push(frame);
        }
        while let Some(event) = claim.poll_event() {
            host.events.push((at, event));
        }
        for frame in frames {
            self.send(index, frame);
        }
    }

    fn send(&mut self, from: usize, frame: Vec<u8>) {
        let to = MacAddr(*frame.first_chunk().unwrap());
        for (index, host) in self.hosts.iter().enumerate() {
            let is_echo = index == from;
            let is_for = to.is_group() || to == host.claiming.mac;
            let is_lost = self.rng.random_ratio(self.weather.loss, 100);
            if host.claim.is_none() || !is_for || is_lost || (is_echo && !self.weather.echo) {
                continue;
            }
            let delay = self.rng.random_range(Duration::ZERO..=self.weather.delay);
            let at = self.now + delay + Duration::from_micros(10);
            self.flying.send(at, (index, frame.clone()));
        }
    }

    fn count(&mut self) {
        let held: Vec<_> = self.hosts.iter().filter_map(Host::held).collect();
        let holders = |address| held.iter().filter(|held| *held == address).count();
        let most = held.iter().map(holders).max();
        self.most = self.most.max(most.unwrap_or_default());
    }
}
