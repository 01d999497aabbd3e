//! The asking side.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::{Rng, RngExt as _};

use super::EXPERIMENTAL;
use super::message::{Kind, Message, damage};
use crate::ether::{Engine, Frame, MacAddr, Statistics, Tag};

/// Most requests whose replies are told from each other: a minute of the fastest asking. What is older is given up.
const REMEMBERED_MAX: usize = 1 << 16;

/// What is asked, of whom and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Our hardware address.
    pub source: MacAddr,
    /// Whom to ask: a station, or a group of which everyone may reply.
    pub target: MacAddr,
    /// The tag of the requests. A reply has to be of the same VLAN.
    pub tag: Option<Tag>,
    /// How often; `None` is for ever.
    pub count: Option<u32>,
    /// Time from one request to the next.
    pub interval: Duration,
    /// How long a reply is waited for.
    pub patience: Duration,
    /// When to stop whatever is missing, counted from the beginning.
    pub limit: Option<Duration>,
    /// Bytes that a frame carries, [`SIZE_MIN`](super::SIZE_MIN) at least.
    pub size: u16,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pong {
    /// It was sent.
    Sent {
        /// Its number, from 1 on.
        sequence: u32,
    },
    /// It was replied to.
    Reply {
        /// The request's number.
        sequence: u32,
        /// Who replied.
        from: MacAddr,
        /// How many bytes came back, padding left out.
        length: u16,
        /// How long it took.
        round_trip: Duration,
        /// Whether it had been replied to before: for a group's members that is as it should be.
        duplicate: bool,
        /// Whether nobody waited for it any more.
        late: bool,
        /// Offset of the first byte that is not what was sent.
        damage: Option<usize>,
    },
    /// Somebody replied who was not asked.
    Foreign {
        /// The request's number.
        sequence: u32,
        /// Who replied.
        from: MacAddr,
    },
    /// Nobody replied in time.
    Lost {
        /// The request's number.
        sequence: u32,
    },
}

/// Asks a station whether it is there, again and again.
#[derive(Debug)]
pub struct Ping {
    ask: Ask,
    session: u64,
    end: Option<Instant>,
    /// When the next request is due; `None` after the last.
    next: Option<Instant>,
    /// Requests, the oldest first. Those before `settled` are no longer waited for.
    requests: VecDeque<Request>,
    settled: usize,
    /// Number of the oldest of them.
    oldest: u32,
    statistics: Statistics,
    transmit: VecDeque<Vec<u8>>,
    events: VecDeque<Pong>,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    at: Instant,
    answered: bool,
}

impl Ping {
    /// Asks from now on; the first request is due at once.
    pub fn new(now: Instant, ask: Ask, rng: &mut impl Rng) -> Self {
        Self {
            session: rng.random(),
            end: ask.limit.and_then(|limit| now.checked_add(limit)),
            next: (ask.count != Some(0)).then_some(now),
            requests: VecDeque::new(),
            settled: 0,
            oldest: 1,
            statistics: Statistics::default(),
            transmit: VecDeque::new(),
            events: VecDeque::new(),
            ask,
        }
    }

    /// What came of it so far.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    fn send(&mut self, now: Instant, due: Instant) {
        if self.requests.len() == REMEMBERED_MAX {
            self.forget_oldest();
        }
        let sequence = self.oldest.wrapping_add(self.requests.len() as u32);
        let message = Message {
            kind: Kind::Request,
            session: self.session,
            sequence,
            length: self.ask.size,
        };
        let frame = Frame {
            destination: self.ask.target,
            source: self.ask.source,
            tag: self.ask.tag,
            inner_tag: None,
            ether_type: EXPERIMENTAL,
            payload: &message.to_bytes(),
        };
        self.transmit.push_back(frame.to_bytes());
        self.requests.push_back(Request {
            at: now,
            answered: false,
        });
        self.statistics.sent();
        self.events.push_back(Pong::Sent { sequence });
        let more = self
            .ask
            .count
            .is_none_or(|count| self.statistics.sent < u64::from(count));
        // The pace is kept; what was slept through is not made up for.
        let next = due.checked_add(self.ask.interval);
        self.next = next.filter(|_| more).map(|next| next.max(now));
    }

    fn forget_oldest(&mut self) {
        if self.settled == 0 {
            self.settle();
        }
        self.requests.pop_front();
        self.settled = self.settled.saturating_sub(1);
        self.oldest = self.oldest.wrapping_add(1);
    }

    /// Waits no longer for the oldest request for which that is done.
    fn settle(&mut self) {
        let lost = self
            .requests
            .get(self.settled)
            .is_some_and(|request| !request.answered);
        if lost {
            let sequence = self.oldest.wrapping_add(self.settled as u32);
            self.events.push_back(Pong::Lost { sequence });
        }
        self.settled += 1;
    }

    /// When the oldest request that is waited for is given up.
    fn patience_ends(&self) -> Option<Instant> {
        let request = self.requests.get(self.settled)?;
        request.at.checked_add(self.ask.patience)
    }

    /// Waits no longer for what was answered or has taken too long. Of a group more may answer.
    fn settle_all(&mut self, now: Instant) {
        while let Some(request) = self.requests.get(self.settled) {
            let answered = request.answered && !self.ask.target.is_group();
            if !answered && self.patience_ends().is_none_or(|end| end > now) {
                return;
            }
            self.settle();
        }
    }

    /// The message of a frame, and its sender, if it is a reply to us.
    fn reply<'f>(&self, frame: &'f [u8]) -> Option<(Frame<'f>, Message)> {
        let frame = Frame::read(frame)?;
        let to_us = frame.destination == self.ask.source && frame.ether_type == EXPERIMENTAL;
        // VLAN 0 is none: such a tag tells only a priority (IEEE 802.1Q 9.6).
        let vlan = |id: Option<u16>| id.filter(|&id| id != 0);
        let same = vlan(frame.vlan()) == vlan(self.ask.tag.map(Tag::id));
        let message = Message::read(frame.payload)?;
        let ours = message.kind == Kind::Reply && message.session == self.session;
        (to_us && same && ours && frame.source.is_station()).then_some((frame, message))
    }
}

impl Engine for Ping {
    type Event = Pong;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        let Some((frame, message)) = self.reply(frame) else {
            return;
        };
        let (sequence, from) = (message.sequence, frame.source);
        let index = sequence.wrapping_sub(self.oldest) as usize;
        let settled = index < self.settled;
        let Some(request) = self.requests.get_mut(index) else {
            return;
        };
        if from != self.ask.target && !self.ask.target.is_group() {
            self.events.push_back(Pong::Foreign { sequence, from });
            return;
        }
        let duplicate = std::mem::replace(&mut request.answered, true);
        let round_trip = now.saturating_duration_since(request.at);
        match duplicate {
            true => self.statistics.duplicate(),
            false => self.statistics.received(round_trip),
        }
        self.events.push_back(Pong::Reply {
            sequence,
            from,
            length: message.length,
            round_trip,
            duplicate,
            late: settled && !duplicate,
            damage: damage(message, frame.payload),
        });
        self.settle_all(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.end.is_some_and(|end| end <= now) {
            self.next = None;
            self.settled = self.requests.len();
            return;
        }
        self.settle_all(now);
        if let Some(due) = self.next.filter(|next| *next <= now) {
            self.send(now, due);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let due = [self.next, self.patience_ends()];
        let due = due.into_iter().flatten().min()?;
        Some(self.end.map_or(due, |end| end.min(due)))
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmit.pop_front()
    }

    fn poll_event(&mut self) -> Option<Pong> {
        self.events.pop_front()
    }
}
