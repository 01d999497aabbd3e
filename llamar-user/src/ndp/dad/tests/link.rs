//! A link with several hosts that claim the same address: it loses, delays, doubles and gives back frames.

use llamar_common::testing::Flying;

use super::*;

/// What a link does to frames.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// How long a frame takes at most, in milliseconds; by chance, so frames overtake each other.
    pub delay: u64,
    /// Frames of a hundred that reach a host twice.
    pub doubled: u32,
    /// Until when what a host sends comes back to it, in milliseconds after the start.
    pub loops: u64,
    /// Frames that are lost before they reach anybody, the first ones that go to a host.
    pub lost: u32,
}

/// A quiet link.
pub const FAIR: Weather = Weather {
    delay: 2,
    doubled: 0,
    loops: 0,
    lost: 0,
};

/// Hosts, and frames on their way.
pub struct Link {
    pub now: Instant,
    pub hosts: Vec<Option<Dad>>,
    pub events: Vec<(usize, Event)>,
    start: Instant,
    weather: Weather,
    rng: StdRng,
    flying: Flying<(usize, Vec<u8>)>,
}

impl Link {
    pub fn new(seed: u64, weather: Weather, hosts: usize) -> Self {
        let start = Instant::now();
        Self {
            now: start,
            hosts: (0..hosts).map(|_| None).collect(),
            events: Vec::new(),
            start,
            weather,
            rng: chance(seed),
            flying: Flying::default(),
        }
    }

    /// A number below `below`.
    pub fn dice(&mut self, below: u64) -> u64 {
        self.rng.random_range(0..below)
    }

    /// A host begins its claim.
    pub fn switch_on(&mut self, host: usize, check: Check, rules: Rules) {
        let rng = chance(self.rng.random());
        self.hosts[host] = Some(Dad::with(rng, self.now, check, rules));
        self.drain(host);
    }

    /// Lets time pass until so long after the start.
    pub fn until(&mut self, end: u64) {
        let end = self.start + ms(end);
        loop {
            let timers = self.hosts.iter().flatten().filter_map(Dad::poll_timeout);
            let arrival = self.flying.next().map(|(arrives, _)| arrives);
            let next = timers.chain(arrival).min().filter(|next| *next <= end);
            let Some(next) = next else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.turn();
        }
    }

    fn turn(&mut self) {
        if let Some((host, frame)) = self.flying.arrived(self.now) {
            if let Some(dad) = &mut self.hosts[host] {
                dad.handle_frame(self.now, &frame);
                self.drain(host);
            }
            return;
        }
        for host in 0..self.hosts.len() {
            let now = self.now;
            if let Some(dad) = &mut self.hosts[host]
                && dad.poll_timeout().is_some_and(|due| due <= now)
            {
                dad.handle_timeout(now);
                self.drain(host);
            }
        }
    }

    fn drain(&mut self, host: usize) {
        let Some(dad) = &mut self.hosts[host] else {
            return;
        };
        let frames: Vec<Vec<u8>> = std::iter::from_fn(|| dad.poll_transmit()).collect();
        let events: Vec<Event> = std::iter::from_fn(|| dad.poll_event()).collect();
        self.events
            .extend(events.into_iter().map(|event| (host, event)));
        for frame in frames {
            seen(&frame);
            self.carry(host, &frame);
        }
    }

    fn carry(&mut self, from: usize, frame: &[u8]) {
        for to in 0..self.hosts.len() {
            if to == from && self.now >= self.start + ms(self.weather.loops) {
                continue;
            }
            if to != from && self.weather.lost > 0 {
                self.weather.lost -= 1;
                continue;
            }
            let copies = 1 + u32::from(self.rng.random_range(0..100) < self.weather.doubled);
            for _ in 0..copies {
                let delay = self.rng.random_range(0..=self.weather.delay);
                self.flying.send(self.now + ms(delay), (to, frame.to_vec()));
            }
        }
    }

    /// The hosts that have the address.
    pub fn holders(&self) -> Vec<usize> {
        let holds = |host: &usize| {
            self.hosts[*host]
                .as_ref()
                .is_some_and(|dad| dad.state() == State::Ours)
        };
        (0..self.hosts.len()).filter(holds).collect()
    }

    /// What hosts were told, but for questions and joins.
    pub fn told(&self, host: usize) -> Vec<&Event> {
        let mine = self.events.iter().filter(|(by, _)| *by == host);
        let told = mine.map(|(_, event)| event);
        told.filter(|event| !matches!(event, Event::Join { .. } | Event::Asked { .. }))
            .collect()
    }
}
