//! The answering side.

use std::collections::VecDeque;
use std::time::Instant;

use llamar_common::limit::{Rate, time};
use llamar_common::wire::ethernet;
use rand::{Rng, RngExt as _};

use super::EXPERIMENTAL;
use super::message::{Kind, Message, reply};
use crate::ether::{Engine, Frame, MacAddr};

/// Replies that one station gets: as many as the fastest asking of ours asks for.
pub const RATE: Rate = Rate {
    per_second: 1000,
    burst: 1000,
};
/// Replies to all of them: whoever makes up sources gets no more than this.
const RATE_OF_ALL: Rate = Rate {
    per_second: 20_000,
    burst: 20_000,
};
/// Ticks per second of the limiter's clock.
const TICKS: u64 = 1000;
/// Bits of a bucket's place: stations that meet in one share its replies.
const BUCKET_BITS: u32 = 10;

/// Replies to those who ask whether we are there.
#[derive(Debug)]
pub struct Respond {
    own: MacAddr,
    /// Longest payload that the interface can send.
    payload_max: usize,
    seed: u64,
    buckets: Vec<u64>,
    bucket_of_all: u64,
    start: Instant,
    transmit: VecDeque<Vec<u8>>,
    events: VecDeque<Responded>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Responded {
    /// It is replied to.
    Replied {
        /// Who asked.
        to: MacAddr,
        /// The request's VLAN.
        vlan: Option<u16>,
        /// Its number.
        sequence: u32,
        /// Its length in bytes, padding left out.
        length: u16,
    },
    /// It is not: there were too many from there.
    Limited {
        /// Who asked.
        from: MacAddr,
    },
    /// It is not: the reply would be longer than this interface can send.
    TooLong {
        /// Who asked.
        from: MacAddr,
        /// The request's length in bytes.
        length: u16,
    },
}

impl Respond {
    /// Replies as the station with this address, with frames that carry so many bytes at most.
    pub fn new(now: Instant, own: MacAddr, payload_max: usize, rng: &mut impl Rng) -> Self {
        Self {
            own,
            payload_max,
            // Odd, as the hash wants it.
            seed: rng.random::<u64>() | 1,
            buckets: vec![0; 1 << BUCKET_BITS],
            bucket_of_all: 0,
            start: now,
            transmit: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Whether a station gets a reply now; it is counted then.
    fn admits(&mut self, now: Instant, station: MacAddr) -> bool {
        let ticks = now.saturating_duration_since(self.start).as_millis() as u64;
        let now = time(ticks);
        // Multiply-shift: nobody who does not know the seed can choose addresses that meet.
        let hash = ethernet::word(station.0).wrapping_mul(self.seed);
        let place = (hash >> (u64::BITS - BUCKET_BITS)) as usize;
        let Some(bucket) = self.buckets.get_mut(place) else {
            return false;
        };
        let (after, admitted) = RATE.limit(TICKS).spend(*bucket, now);
        *bucket = after;
        if !admitted {
            return false;
        }
        let (after, admitted) = RATE_OF_ALL.limit(TICKS).spend(self.bucket_of_all, now);
        self.bucket_of_all = after;
        admitted
    }
}

impl Engine for Respond {
    type Event = Responded;

    fn handle_frame(&mut self, now: Instant, bytes: &[u8]) {
        let Some(frame) = Frame::read(bytes) else {
            return;
        };
        let to_us = frame.destination == self.own || frame.destination.is_group();
        let from = frame.source;
        if frame.ether_type != EXPERIMENTAL || !to_us || !from.is_station() || from == self.own {
            return;
        }
        let Some(message) = Message::read(frame.payload) else {
            return;
        };
        if message.kind != Kind::Request {
            return;
        }
        let length = message.length;
        if usize::from(length) > self.payload_max {
            self.events.push_back(Responded::TooLong { from, length });
            return;
        }
        if !self.admits(now, from) {
            self.events.push_back(Responded::Limited { from });
            return;
        }
        let answer = Frame {
            destination: from,
            source: self.own,
            payload: &reply(message, frame.payload),
            ..frame
        };
        self.transmit.push_back(answer.to_bytes());
        self.events.push_back(Responded::Replied {
            to: from,
            vlan: frame.vlan(),
            sequence: message.sequence,
            length,
        });
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmit.pop_front()
    }

    fn poll_event(&mut self) -> Option<Responded> {
        self.events.pop_front()
    }
}
