//! An engine on a test bench: a clock that stands still until it is moved, and all that was sent and told.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use llamar_common::testing::pass;

use super::{Arrival, Packet, Station};
use crate::ether::{Engine, MacAddr, Tag};

/// Deadlines within one pause: more are an engine that turns in a circle.
const DEADLINES_MAX: usize = 100_000;

/// We.
pub const OWN: Station = Station {
    mac: MacAddr([2, 0, 0, 0, 0, 1]),
    ip: Ipv4Addr::new(10, 0, 0, 1),
};
/// A neighbour.
pub const PEER: Station = Station {
    mac: MacAddr([2, 0, 0, 0, 0, 2]),
    ip: Ipv4Addr::new(10, 0, 0, 2),
};

/// An engine, and what came of it, with the times since the start.
pub struct Bench<E: Engine> {
    pub engine: E,
    pub start: Instant,
    pub now: Instant,
    pub sent: Vec<(Duration, Vec<u8>)>,
    pub told: Vec<(Duration, E::Event)>,
}

impl<E: Engine> Bench<E> {
    /// An engine that was made at a time.
    pub fn new(make: impl FnOnce(Instant) -> E) -> Self {
        let start = Instant::now();
        let mut bench = Self {
            engine: make(start),
            start,
            now: start,
            sent: Vec::new(),
            told: Vec::new(),
        };
        bench.drain();
        bench
    }

    /// Lets time pass, deadline by deadline.
    pub fn pass(&mut self, time: Duration) {
        let span = (self.now, self.now + time);
        let due = |bench: &Self| bench.engine.poll_timeout();
        pass(self, span, DEADLINES_MAX, due, |bench, now| {
            bench.now = now;
            bench.engine.handle_timeout(now);
            bench.drain();
        });
        self.now = span.1;
    }

    /// Lets a frame come.
    pub fn hear(&mut self, frame: &[u8]) {
        self.engine.handle_frame(self.now, frame);
        self.drain();
    }

    /// Lets a packet come from its sender.
    pub fn hear_packet(&mut self, packet: Packet, to: MacAddr) {
        self.hear(&packet.to_frame(packet.sender.mac, to, None));
    }

    /// Does something else with the engine.
    pub fn act<T>(&mut self, act: impl FnOnce(&mut E, Instant) -> T) -> T {
        let done = act(&mut self.engine, self.now);
        self.drain();
        done
    }

    /// The packets that were sent.
    pub fn packets(&self) -> Vec<Packet> {
        self.sent_on(None)
            .into_iter()
            .map(|(_, arrival)| arrival.packet)
            .collect()
    }

    /// What was sent on a VLAN, with its times.
    pub fn sent_on(&self, tag: Option<Tag>) -> Vec<(Duration, Arrival)> {
        let read = |(at, frame): &(Duration, Vec<u8>)| Some((*at, Arrival::read(frame, tag)?));
        self.sent.iter().filter_map(read).collect()
    }

    /// When something was sent, in milliseconds.
    pub fn times(&self) -> Vec<u64> {
        let millis = |(at, _): &(Duration, Vec<u8>)| at.as_millis() as u64;
        self.sent.iter().map(millis).collect()
    }

    /// What was told.
    pub fn events(&self) -> Vec<&E::Event> {
        self.told.iter().map(|(_, event)| event).collect()
    }

    fn drain(&mut self) {
        let at = self.now - self.start;
        while let Some(frame) = self.engine.poll_transmit() {
            self.sent.push((at, frame));
        }
        while let Some(event) = self.engine.poll_event() {
            self.told.push((at, event));
        }
    }
}

/// So many milliseconds.
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// So many seconds.
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
