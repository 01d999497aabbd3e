//! The asker (RFC 4795 2.2, 2.4, 2.7): one question over several paths, each a link and an address family. It says
//! what to send and when, judges what comes back, asks again over TCP what was cut, and tells the link about
//! conflicts; sockets and clocks are the caller's ([`crate::ask`]).
//!
//! After each `handle_*` call poll for transmissions until there are none, then wait until
//! [`Sender::poll_timeout`]. The answer is there as soon as the question counts as answered; the caller goes on as long
//! as there is a time-out, for late responses may tell of a conflict (RFC 4795 2.7).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use llamar_common::wire::udp;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::reverse;
use super::timing::jitter;
use crate::dns::kind;

mod answer;
mod ask;
mod check;
mod exchange;
mod message;
mod path;
mod stream;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Conflict, Outcome, Response, is_scoped};
pub use ask::{Ask, Collect, End, Transmit};
pub use check::Discarded;
pub use path::{Network, Path};

use check::Content;
use exchange::{Action, Exchange};
use stream::{Purpose, Step, Stream};

/// Connections for one question: those who answer with TC set decide whether one is opened.
const STREAMS_MAX: usize = 16;

/// One question on its way.
#[derive(Debug)]
pub struct Sender {
    rng: StdRng,
    ask: Ask,
    paths: Vec<Path>,
    /// One for each path.
    exchanges: Vec<Exchange>,
    streams: Vec<Stream>,
    /// Responses of hosts that were asked over TCP in the first place.
    direct: Vec<Response>,
    /// When the asker gives up, if it said so.
    patience: Option<Instant>,
    answer: Option<Answer>,
    /// Until when late responses are heard, once there is an answer.
    listens_until: Option<Instant>,
    /// What waits to be polled: no more than a few for each path and stream.
    outbox: VecDeque<Transmit>,
}

impl Sender {
    /// Asks.
    pub fn new(mut rng: StdRng, now: Instant, ask: Ask, paths: Vec<Path>) -> Self {
        let exchanges = paths.iter().map(|_| Exchange::new(&mut rng)).collect();
        let mut sender = Self {
            rng,
            patience: ask.patience.map(|patience| now + patience),
            ask,
            paths,
            exchanges,
            streams: Vec::new(),
            direct: Vec::new(),
            answer: None,
            listens_until: None,
            outbox: VecDeque::new(),
        };
        sender.begin(now);
        sender.handle_timeout(now);
        sender
    }

    fn begin(&mut self, now: Instant) {
        let (host, purpose) = match self.ask.server {
            Some(server) => (Some(server), Purpose::Server),
            None => (self.own_host(), Purpose::Direct),
        };
        if let Some(host) = host {
            for path in 0..self.paths.len() {
                // Only hosts on the link: to ask others would tell strangers what is asked for, and TTL 1 lets nothing
                // come of it.
                if self.paths[path].reaches(host) {
                    self.connect(now, path, host, purpose);
                }
            }
        }
        if self.streams.is_empty() && self.ask.server.is_none() {
            for exchange in &mut self.exchanges {
                exchange.begin(now, &mut self.rng);
            }
        }
    }

    /// RFC 4795 2.4: a PTR record of an address is asked of the host that has it.
    fn own_host(&self) -> Option<IpAddr> {
        let question = &self.ask.question;
        (question.kind == kind::PTR)
            .then(|| reverse::address_of(&question.name))
            .flatten()
    }

    fn connect(&mut self, now: Instant, path: usize, to: IpAddr, purpose: Purpose) {
        if self.streams.len() < STREAMS_MAX {
            let begin = now + jitter(&mut self.rng);
            let id = self.fresh_id();
            self.streams.push(Stream::new(path, to, id, purpose, begin));
        }
    }

    /// An id that no query to a group has: RFC 4795 2.4 lets no response by UDP answer a query by TCP.
    fn fresh_id(&mut self) -> u16 {
        let mut id: u16 = self.rng.random();
        for _ in 0..self.exchanges.len() {
            if self.exchanges.iter().all(|exchange| exchange.id != id) {
                break;
            }
            id = id.wrapping_add(1);
        }
        id
    }

    /// Takes a datagram that came to a path's socket.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        path: usize,
        from: SocketAddr,
        message: &[u8],
    ) -> Result<(), Discarded> {
        let exchange = self.exchanges.get(path).ok_or(Discarded::Unsolicited)?;
        check::origin(from)?;
        if message.len() > udp::LLMNR_MAX {
            return Err(Discarded::TooLong);
        }
        exchange.admits(from.ip())?;
        let content = check::content(exchange.id, &self.ask.question, false, message)?;
        let is_cut = content.truncated;
        let response = self.response(path, from.ip(), false, content);
        self.exchanges[path].hear(now, response, self.ask.collect, &mut self.rng);
        if is_cut && self.answer.is_none() {
            // RFC 4795 2.1.1: what was cut is asked for over TCP, at the responder's unicast address.
            self.connect(now, path, from.ip(), Purpose::Retry);
        }
        self.review(now);
        Ok(())
    }

    /// Takes a message that came over a connection. If it is discarded, another one may follow.
    pub fn handle_message(
        &mut self,
        now: Instant,
        stream: usize,
        message: &[u8],
    ) -> Result<(), Discarded> {
        let asked = self
            .streams
            .get(stream)
            .filter(|stream| stream.is_open())
            .ok_or(Discarded::Unsolicited)?;
        let content = check::content(asked.id, &self.ask.question, true, message)?;
        let (path, from, purpose) = (asked.path, asked.to, asked.purpose);
        let response = self.response(path, from, true, content);
        if purpose == Purpose::Retry {
            let heard = &mut self.exchanges[path].heard;
            // RFC 4795 2.1.1: the response over UDP is discarded for the one over TCP.
            if let Some(cut) = heard.iter_mut().find(|cut| cut.from == from) {
                *cut = Response {
                    order: cut.order,
                    ..response
                };
            }
        } else {
            self.direct.push(response);
        }
        // RFC 4795 2.7: the first response answers a unicast query.
        self.close(stream);
        self.review(now);
        Ok(())
    }

    /// Takes note that a connection could not be made or has ended.
    pub fn handle_end(&mut self, now: Instant, stream: usize, end: End) {
        let Some(ended) = self.streams.get_mut(stream) else {
            return;
        };
        if !ended.is_open() {
            return;
        }
        ended.stop();
        let (path, purpose) = (ended.path, ended.purpose);
        // RFC 4795 2.4: an ICMP message in response to a connection attempt says at once that no such name exists. A
        // host that is there but does not speak LLMNR over TCP may do so over UDP.
        if purpose == Purpose::Direct && end == End::Closed {
            self.ask_group(now, path);
        }
        self.review(now);
    }

    /// Takes note that a path cannot be used.
    pub fn handle_unsent(&mut self, now: Instant, path: usize) {
        if let Some(exchange) = self.exchanges.get_mut(path) {
            exchange.stop();
            self.review(now);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        for path in 0..self.exchanges.len() {
            let patience = self.patience;
            while let Some(action) =
                self.exchanges[path].handle_timeout(now, patience, &mut self.rng)
            {
                let message = match action {
                    Action::Query => message::query(self.exchanges[path].id, &self.ask),
                    Action::Notice => {
                        let id = self.fresh_id();
                        message::notice(id, &self.ask.question, &self.exchanges[path].heard)
                    }
                };
                self.outbox.push_back(Transmit::Datagram { path, message });
            }
        }
        for stream in 0..self.streams.len() {
            while let Some(step) = self.streams[stream].handle_timeout(now, self.patience) {
                self.step(now, stream, step);
            }
        }
        self.review(now);
    }

    fn step(&mut self, now: Instant, stream: usize, step: Step) {
        let Stream { path, to, id, .. } = self.streams[stream];
        match step {
            Step::Connect => self.outbox.push_back(Transmit::Connect {
                stream,
                path,
                to,
                message: message::query(id, &self.ask),
            }),
            Step::AskGroup => self.ask_group(now, path),
            Step::Close => self.outbox.push_back(Transmit::Close { stream }),
        }
    }

    /// Asks the groups on a path's link, unless that was done or there is an answer.
    fn ask_group(&mut self, now: Instant, path: usize) {
        let device = self.paths[path].device;
        for (path, exchange) in self.paths.iter().zip(&mut self.exchanges) {
            if path.device == device {
                exchange.begin(now, &mut self.rng);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do. `None`: nothing more is to come.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let exchanges = self.exchanges.iter().filter_map(Exchange::poll_timeout);
        let streams = self.streams.iter().filter_map(Stream::poll_timeout);
        let end = match self.answer {
            Some(_) => self.listens_until,
            None => self.patience,
        };
        exchanges.chain(streams).chain(end).min()
    }

    /// The next thing to do.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    /// The answer, once the question counts as answered or is given up.
    pub fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// The paths.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The conflicts that were noticed so far, late responses included.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let conflicts = self.paths.iter().zip(&self.exchanges);
        conflicts
            .filter(|(_, exchange)| exchange.is_in_conflict())
            .map(|(path, exchange)| Conflict {
                device: path.device,
                responders: exchange.heard.iter().map(|heard| heard.from).collect(),
            })
            .collect()
    }

    fn response(&self, path: usize, from: IpAddr, tcp: bool, content: Content) -> Response {
        let heard = self.exchanges.iter().map(|exchange| exchange.heard.len());
        Response {
            path,
            device: self.paths[path].device,
            from,
            tcp,
            conflict: content.conflict,
            truncated: content.truncated,
            rcode: content.rcode,
            records: content.records,
            negative_ttl: content.negative_ttl,
            chosen: false,
            order: heard.sum::<usize>() + self.direct.len(),
        }
    }

    fn close(&mut self, stream: usize) {
        if self.streams[stream].stop() {
            self.outbox.push_back(Transmit::Close { stream });
        }
    }

    /// Settles what is to be settled.
    fn review(&mut self, now: Instant) {
        let is_late = self.patience.is_some_and(|patience| patience <= now);
        if self.answer.is_none() && (is_late || self.is_complete()) {
            self.settle();
        }
        if self.listens_until.is_some_and(|until| until <= now) {
            self.listens_until = None;
        }
    }

    fn is_complete(&self) -> bool {
        let exchanges = self.exchanges.iter().all(Exchange::is_over);
        let over = exchanges && self.streams.iter().all(Stream::is_over);
        over || self.ask.collect == Collect::First && self.is_answered()
    }

    /// Whether somebody gave records, and nothing better is to be expected.
    fn is_answered(&self) -> bool {
        let has_records = |response: &Response| {
            !response.records.is_empty() && !self.is_retried(response.path, response.from)
        };
        let by_group = self
            .exchanges
            .iter()
            .any(|exchange| exchange.is_over() && exchange.heard.iter().any(has_records));
        by_group || self.direct.iter().any(has_records)
    }

    fn is_retried(&self, path: usize, from: IpAddr) -> bool {
        self.streams.iter().any(|stream| {
            let same = stream.path == path && stream.to == from;
            same && stream.purpose == Purpose::Retry && !stream.is_over()
        })
    }

    /// The question counts as answered: nothing more is asked, but late responses are heard for the conflicts that they
    /// may tell of (RFC 4795 2.7).
    fn settle(&mut self) {
        let heard = self.exchanges.iter().flat_map(|exchange| &exchange.heard);
        self.answer = Some(Answer::of(heard.chain(&self.direct).cloned().collect()));
        for exchange in &mut self.exchanges {
            exchange.stop();
        }
        for stream in 0..self.streams.len() {
            self.close(stream);
        }
        let until = self.exchanges.iter().filter_map(Exchange::heard_until);
        let until = until.max();
        self.listens_until = match self.patience {
            Some(patience) => until.map(|until| until.min(patience)),
            None => until,
        };
    }
}
