//! What the tests of all engines share: addresses, frames of others, a clock, and a second opinion on what is sent.

mod announcer;
mod asker;
mod echo;
mod oracle;
mod properties;
mod scan;
mod stack;
mod validation;

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use llamar_common::testing::pass;
use llamar_common::wire::ndp::{ALL_NODES, solicited_node};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::datagram::group_mac;
use super::{Advertisement, Message, Packet, Port, Solicitation};
use crate::ether::{Engine, Frame, MacAddr};

pub use oracle::{Seen, seen};
pub use stack::Stack;

/// An address.
pub fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// The hardware address of a station.
pub const fn mac(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, number])
}

/// The port of a station.
pub const fn port(number: u8) -> Port {
    Port {
        mac: mac(number),
        tag: None,
    }
}

/// A duration in milliseconds.
pub const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Chance that can be repeated.
pub fn chance(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// The frame of a packet from a station, to the group's hardware address or to `to`.
pub fn frame(from: u8, to: u8, packet: &Packet) -> Vec<u8> {
    let to = packet.group().unwrap_or(mac(to));
    packet.to_frame(mac(from), to, None)
}

/// A station tells everybody that it has an address.
pub fn unsolicited(from: u8, target: Ipv6Addr) -> Packet {
    Packet {
        source: target,
        destination: ALL_NODES.into(),
        message: Message::Advertisement(Advertisement {
            target,
            router: false,
            solicited: false,
            overriding: true,
            target_mac: Some(mac(from)),
        }),
    }
}

/// A station answers who asked for an address of its.
pub fn solicited(from: u8, target: Ipv6Addr, to: Ipv6Addr) -> Packet {
    Packet {
        source: target,
        destination: to,
        message: Message::Advertisement(Advertisement {
            target,
            router: false,
            solicited: true,
            overriding: true,
            target_mac: Some(mac(from)),
        }),
    }
}

/// Somebody checks whether an address can be had.
pub fn detection(target: Ipv6Addr, nonce: Option<[u8; 6]>) -> Packet {
    Packet {
        source: Ipv6Addr::UNSPECIFIED,
        destination: solicited_node(target.octets()).into(),
        message: Message::Solicitation(Solicitation {
            target,
            source_mac: None,
            nonce: nonce.map(|nonce| nonce.to_vec()),
        }),
    }
}

/// A station asks everybody for the holder of an address.
pub fn resolution(from: u8, source: Ipv6Addr, target: Ipv6Addr) -> Packet {
    Packet {
        source,
        destination: solicited_node(target.octets()).into(),
        message: Message::Solicitation(Solicitation {
            target,
            source_mac: Some(mac(from)),
            nonce: None,
        }),
    }
}

/// Deadlines within one pause: more are an engine that turns in a circle.
const DEADLINES_MAX: usize = 100_000;

/// An engine with a clock, and what it did when.
pub struct Clock<E: Engine> {
    pub engine: E,
    pub start: Instant,
    pub now: Instant,
    /// Frames with the time since the start.
    pub frames: Vec<(Duration, Vec<u8>)>,
    /// Events with the time since the start.
    pub events: Vec<(Duration, E::Event)>,
}

impl<E: Engine> Clock<E> {
    pub fn new(make: impl FnOnce(Instant) -> E) -> Self {
        // Some time after the clock's zero: what lies before the start has to be representable.
        let start = Instant::now() + Duration::from_secs(3600);
        let mut clock = Self {
            engine: make(start),
            start,
            now: start,
            frames: Vec::new(),
            events: Vec::new(),
        };
        clock.drain();
        clock
    }

    /// Lets time pass until so long after the start.
    pub fn until(&mut self, end: Duration) {
        let span = (self.now, self.start + end);
        let due = |clock: &Self| clock.engine.poll_timeout();
        pass(self, span, DEADLINES_MAX, due, |clock, now| {
            clock.too_early(now);
            clock.now = now;
            clock.engine.handle_timeout(now);
            clock.drain();
        });
        self.now = span.1;
    }

    /// Calls the engine before anything is due, which must change nothing.
    fn too_early(&mut self, due: Instant) {
        let between = self.now + due.saturating_duration_since(self.now) / 2;
        if between == self.now || between == due {
            return;
        }
        self.engine.handle_timeout(between);
        assert_eq!(self.engine.poll_timeout(), Some(due));
        let silent = self.engine.poll_transmit().is_none() && self.engine.poll_event().is_none();
        assert!(silent, "done before its time");
    }

    /// Lets all time pass that the engine wants.
    pub fn run(&mut self) {
        for _ in 0..DEADLINES_MAX {
            let Some(due) = self.engine.poll_timeout() else {
                return;
            };
            self.until(due.max(self.now) - self.start);
        }
        panic!("it never ends");
    }

    /// Has a frame come in.
    pub fn hear(&mut self, frame: &[u8]) {
        self.engine.handle_frame(self.now, frame);
        self.drain();
    }

    /// The engine's turn after something was done to it.
    pub fn drain(&mut self) {
        let at = self.now - self.start;
        while let Some(frame) = self.engine.poll_transmit() {
            seen(&frame);
            self.frames.push((at, frame));
        }
        while let Some(event) = self.engine.poll_event() {
            self.events.push((at, event));
        }
    }

    /// What was sent, as it is read, since the last time this was called.
    pub fn packets(&mut self) -> Vec<(Duration, MacAddr, Packet)> {
        let frames = std::mem::take(&mut self.frames);
        let read = |(at, bytes): (Duration, Vec<u8>)| {
            let frame = Frame::read(&bytes).unwrap();
            (at, frame.destination, Packet::read(frame.payload).unwrap())
        };
        frames.into_iter().map(read).collect()
    }

    /// What was found since the last time this was called.
    pub fn found(&mut self) -> Vec<E::Event> {
        let events = std::mem::take(&mut self.events);
        events.into_iter().map(|(_, event)| event).collect()
    }
}

/// The hardware address of all nodes.
pub fn all_nodes() -> MacAddr {
    group_mac(ALL_NODES.into())
}
