//! What a test does to a scene, and what it sees there.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use llamar_common::abi::NameState;

use super::super::*;
use super::scene::{Host, Packet, Scene};
use super::zone::*;

impl Scene {
    /// Switches hosts on one after another, this long apart.
    pub fn start(&mut self, hosts: &[usize], apart: Duration) {
        for (index, host) in hosts.iter().enumerate() {
            if index > 0 {
                self.run(apart);
            }
            self.follow(*host);
        }
    }

    /// What a host's agent wants of its first interface.
    pub fn wanted(&mut self, host: usize) -> &mut Wanted {
        self.hosts[host].wanted.get_mut(&ETH).unwrap()
    }

    /// Puts the first interface of a host on another segment. The host notices nothing.
    pub fn plug(&mut self, host: usize, segment: usize) {
        self.segments.insert((host, ETH), segment);
    }

    /// Somebody on a segment asks the group for addresses; with C set he only tells of a conflict.
    pub fn ask(&mut self, segment: usize, from: IpAddr, text: &str, flags: u16) {
        let packet = Packet {
            segment,
            from: SocketAddr::new(from, 50_000),
            to: group(from),
            message: message(7, flags, &name(text), A),
            sender: None,
        };
        self.put(&packet);
    }

    /// Somebody asks, and tells of a conflict if two hosts answer with C clear (RFC 4795 4.2: S10). How many answered.
    pub fn look_up(&mut self, segment: usize, text: &str) -> usize {
        self.told.clear();
        self.ask(segment, v4(250), text, 0);
        self.run(ms(300));
        let told = self.told.iter();
        let told = told.filter(|(_, message)| flags(message) & (C | T) == 0);
        let told: BTreeSet<_> = told.map(|(from, _)| *from).collect();
        if told.len() > 1 {
            self.ask(segment, v4(250), text, C);
        }
        told.len()
    }

    /// How a name stands on a host's first interface.
    pub fn standing(&self, host: usize, text: &str) -> Standing {
        let engine = &self.hosts[host].engine;
        engine.standing(ETH, &name(text)).unwrap()
    }

    /// The state of a name on a host's first interface.
    pub fn state(&self, host: usize, text: &str) -> Option<NameState> {
        self.standing(host, text).state
    }

    /// The hosts that are on and have a name as unique, on the first interface.
    pub fn holders(&self, text: &str) -> Vec<usize> {
        let holds = |(index, host): (usize, &Host)| {
            let mut standings = host.engine.standings(ETH);
            let unique = Some(NameState::Unique);
            let used = |standing: &Standing| standing.used == name(text);
            let held = standings.any(|(_, standing)| used(&standing) && standing.state == unique);
            (host.on && held).then_some(index)
        };
        self.hosts.iter().enumerate().filter_map(holds).collect()
    }

    /// The events of a host.
    pub fn events(&self, host: usize) -> Vec<&Event> {
        let events = self.hosts[host].events.iter();
        events.map(|(_, event)| event).collect()
    }

    /// The culprits of a host's conflicts, what became of the name, and whether that was news.
    pub fn conflicts(&self, host: usize) -> Vec<(IpAddr, &Outcome, bool)> {
        let events = self.events(host).into_iter();
        let conflict = |event| match event {
            &Event::Conflict {
                culprit,
                ref outcome,
                news,
                ..
            } => Some((culprit, outcome, news)),
            _ => None,
        };
        events.filter_map(conflict).collect()
    }

    /// The queries that a host has sent since a time.
    pub fn queries(&self, host: usize, since: Instant) -> Vec<&(Instant, usize, Transmit)> {
        let ours = |(at, sender, transmit): &&(Instant, usize, Transmit)| {
            *at >= since && *sender == host && transmit.why == Why::Verification
        };
        self.sent.iter().filter(ours).collect()
    }

    /// The last query of a host, over IPv4 or IPv6.
    pub fn last_query(&self, host: usize, is_v4: bool) -> Transmit {
        let mut sent = self.sent.iter().rev();
        let query = sent.find(|(_, sender, transmit)| {
            let verifies = transmit.why == Why::Verification;
            *sender == host && verifies && transmit.source.is_ipv4() == is_v4
        });
        query.unwrap().2.clone()
    }

    /// Gives a host a response to a query of its own, from an address and with flags.
    pub fn respond(
        &mut self,
        host: usize,
        query: &Transmit,
        from: IpAddr,
        flags: u16,
    ) -> Result<Handled, Ignored> {
        self.hand(host, ETH, &response(query, from, flags))
    }
}

/// A response to a query, as another host would send it: empty.
pub fn response(query: &Transmit, from: IpAddr, flags: u16) -> Packet {
    let mut message = query.message.clone();
    message[2..4].copy_from_slice(&(0x8000 | flags).to_be_bytes());
    Packet {
        segment: 0,
        from: SocketAddr::new(from, 5355),
        to: SocketAddr::new(query.source, 5355),
        message,
        sender: None,
    }
}
