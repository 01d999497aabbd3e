//! The engine: all links, what they hear and what they say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use llamar_common::abi::LinkKey;
use rand::rngs::StdRng;

use super::hear::Sighting;
use super::link::{Link, Step};
use super::{Event, Heard, Record, Transmit, Wanted, Watched};
use crate::ether::MacAddr;

/// Announces our addresses on all links and finds out who else uses them.
#[derive(Debug)]
pub struct Engine {
    links: BTreeMap<LinkKey, Link>,
    /// The hardware addresses of all interfaces of this host: none of them is another host's.
    own: BTreeSet<MacAddr>,
    /// The pace of the links bounds these: what waits is polled after each turn.
    frames: VecDeque<Transmit>,
    /// One for a frame that came in, or for an address that became free.
    events: VecDeque<Event>,
    rng: StdRng,
}

impl Engine {
    /// No links yet.
    pub fn new(rng: StdRng) -> Self {
        Self {
            links: BTreeMap::new(),
            own: BTreeSet::new(),
            frames: VecDeque::new(),
            events: VecDeque::new(),
            rng,
        }
    }

    /// Makes everything follow what is wanted now. `own` are the hardware addresses of this host, `inherited` the links on
    /// which a former agent has announced the addresses a moment ago.
    pub fn follow(
        &mut self,
        now: Instant,
        wanted: BTreeMap<LinkKey, Wanted>,
        own: BTreeSet<MacAddr>,
        inherited: &BTreeSet<LinkKey>,
    ) {
        self.own = own;
        self.links.retain(|key, _| wanted.contains_key(key));
        for (key, wanted) in wanted {
            let link = self.links.entry(key).or_insert_with(|| Link::new(&wanted));
            link.follow(now, wanted, inherited.contains(&key), &mut self.rng);
        }
        self.handle_timeout(now);
    }

    /// The machine slept: everything is told anew (RFC 5227 2.1).
    pub fn wake(&mut self, now: Instant) {
        for link in self.links.values_mut() {
            link.restart(now, &mut self.rng);
        }
        self.handle_timeout(now);
    }

    /// Takes a frame from an interface; what became of it, and on which link.
    pub fn handle_frame(
        &mut self,
        now: Instant,
        device: u32,
        frame: &[u8],
    ) -> Option<(LinkKey, Heard)> {
        let sighting = Sighting::read(frame);
        let vlan = sighting.as_ref().map_or(0, |sighting| sighting.vlan);
        let is_here = |link: &Link| {
            link.wanted.device == device && link.wanted.tag.map_or(0, |tag| tag.id()) == vlan
        };
        let (key, link) = self.links.iter_mut().find(|(_, link)| is_here(link))?;
        let key = *key;
        let Some(sighting) = sighting.filter(|sighting| link.has(sighting.address)) else {
            return Some((key, Heard::Other));
        };
        // RFC 5227 2.1.1, 2.4; RFC 4862 5.4.3: what comes back of our own, or from another interface, is no conflict.
        if sighting.macs.iter().any(|mac| self.own.contains(mac)) {
            return Some((key, Heard::Own));
        }
        self.sighted(now, key, &sighting);
        self.handle_timeout(now);
        Some((key, sighting.heard()))
    }

    fn sighted(&mut self, now: Instant, key: LinkKey, sighting: &Sighting) {
        let Some(link) = self.links.get_mut(&key) else {
            return;
        };
        let (address, culprit) = (sighting.address, sighting.macs[0]);
        let conflict = match sighting.probes {
            true => link.probed(now, address, culprit),
            false => link.conflict(now, address, culprit),
        };
        let event = match conflict {
            Some((origin, outcome, news)) => Event::Conflict {
                key,
                address,
                origin,
                culprit,
                outcome,
                news,
            },
            None => Event::Probed {
                key,
                address,
                by: culprit,
                news: link.records.probe(now, address, culprit),
            },
        };
        self.events.push_back(event);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (key, link) in &mut self.links {
            while let Some(step) = link.turn(now, &mut self.rng) {
                match step {
                    Step::Send(address, frame, sent) => self.frames.push_back(Transmit {
                        key: *key,
                        device: link.wanted.device,
                        address,
                        frame,
                        sent,
                    }),
                    Step::Free(address) => {
                        self.events.push_back(Event::Free { key: *key, address })
                    }
                }
            }
        }
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.links.values().filter_map(Link::poll_timeout).min()
    }

    /// The next frame to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.frames.pop_front()
    }

    /// The next finding.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The addresses of a link that may not be answered for.
    pub fn withdrawn(&self, key: LinkKey) -> impl Iterator<Item = Ipv4Addr> {
        self.links.get(&key).into_iter().flat_map(Link::withdrawn)
    }

    /// The conflicts of a link, by address.
    pub fn records(&self, key: LinkKey) -> impl Iterator<Item = &Record> {
        self.links
            .get(&key)
            .into_iter()
            .flat_map(|link| link.records.iter())
    }

    /// What is to be heard on each interface.
    pub fn watched(&self) -> BTreeMap<u32, Watched> {
        let mut devices: BTreeMap<u32, Watched> = BTreeMap::new();
        for link in self.links.values().filter(|link| link.wanted.up) {
            let watched = devices.entry(link.wanted.device).or_default();
            watched.mac = link.wanted.mac;
            for address in link.wanted.addresses.keys() {
                match address {
                    IpAddr::V4(address) => watched.v4.push(*address),
                    IpAddr::V6(address) => watched.v6.push(*address),
                }
            }
        }
        for watched in devices.values_mut() {
            watched.v4.sort_unstable();
            watched.v4.dedup();
            watched.v6.sort_unstable();
            watched.v6.dedup();
        }
        devices
    }
}
