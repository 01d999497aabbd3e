//! The querier with a fake clock and seeded chance.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use llamar_common::wire::dns::{RESPONSE, TRUNCATED};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::dns::{Name, Nsec, Rdata};
use crate::mdns::{PORT, Rule, Rules, Transmit};

mod bounds;
mod failures;
mod known;
mod links;
mod overheard;
mod properties;
mod refresh;
mod series;

const ETH0: u32 = 2;
/// Who tells what is heard.
const TELLER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8));
/// Who asks.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const PEER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7));
const US: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn question(text: &str, kind: u16) -> Question {
    Question {
        name: name(text),
        kind,
        class: kind::IN,
    }
}

fn http() -> Question {
    question("_http._tcp.local", kind::PTR)
}

fn casa() -> Question {
    question("casa.local", kind::A)
}

/// A record of several hosts.
fn shared(owner: &str, ttl: u32, data: Rdata) -> Record {
    Record::new(name(owner), ttl, data).unwrap()
}

/// A record of one host.
fn unique(owner: &str, ttl: u32, data: Rdata) -> Record {
    let record = shared(owner, ttl, data);
    Record {
        class: record.class | kind::CLASS_TOP,
        ..record
    }
}

fn a(last: u8) -> Rdata {
    Rdata::A([192, 0, 2, last].into())
}

/// The pointer to a web service.
fn web(number: usize) -> Record {
    let instance = format!("Web {number}._http._tcp.local");
    shared("_http._tcp.local", 4500, Rdata::Ptr(name(&instance)))
}

fn response(answers: Vec<Record>) -> Message {
    Message {
        flags: RESPONSE | 0x0400,
        answers,
        ..Message::default()
    }
}

fn query(questions: Vec<Question>, answers: Vec<Record>) -> Message {
    Message {
        questions,
        answers,
        ..Message::default()
    }
}

fn multicast(from: IpAddr) -> Arrival {
    Arrival {
        from: SocketAddr::new(from, PORT),
        to: Family::of(from).group(),
    }
}

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A message that was sent.
#[derive(Clone, Debug)]
struct Sent {
    /// Seconds since the start.
    at: f64,
    family: Family,
    bytes: Vec<u8>,
    message: Message,
}

impl Sent {
    /// The questions, with `?` for unicast responses.
    fn asks(&self) -> Vec<String> {
        let questions = self.message.questions.iter();
        questions
            .map(|question| {
                let mark = if question.class & kind::CLASS_TOP != 0 {
                    "?"
                } else {
                    ""
                };
                assert_eq!(question.class & !kind::CLASS_TOP, kind::IN);
                format!("{} {}{mark}", question.name, question.kind_name())
            })
            .collect()
    }

    fn knows(&self) -> Vec<String> {
        let known = self.message.answers.iter();
        known.map(Record::to_string).collect()
    }
}

/// A querier, its interface, and the time.
struct Scene {
    querier: Querier,
    rng: StdRng,
    start: Instant,
    now: Instant,
    families: Vec<Family>,
    unicast: bool,
    mtu: usize,
    rules: Rules,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Scene {
    /// On an IPv4 interface that has been up for a while.
    fn new() -> Self {
        Self::seeded(1)
    }

    fn seeded(seed: u64) -> Self {
        let mut scene = Self::fresh(seed);
        scene.turn(|querier, turn| querier.follow(turn));
        scene.now += milliseconds(60_000);
        scene.start = scene.now;
        scene
    }

    /// On one that comes up with the first call.
    fn fresh(seed: u64) -> Self {
        let start = Instant::now();
        Self {
            querier: Querier::new(),
            rng: StdRng::seed_from_u64(seed),
            start,
            now: start,
            families: vec![Family::V4],
            unicast: true,
            mtu: 1500,
            rules: Rules::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    fn turn<T>(&mut self, act: impl FnOnce(&mut Querier, &mut Turn<'_>) -> T) -> T {
        let mut turn = Turn {
            now: self.now,
            rng: &mut self.rng,
            rules: self.rules,
            device: ETH0,
            families: &self.families,
            mtu: self.mtu,
            unicast: self.unicast,
            transmits: &mut self.transmits,
            events: &mut self.events,
        };
        act(&mut self.querier, &mut turn)
    }

    fn ask(&mut self, id: u64, question: &Question) -> bool {
        self.turn(|querier, turn| querier.ask(turn, AskId(id), question))
    }

    /// Hears a response that goes to everybody.
    fn hears(&mut self, answers: Vec<Record>) {
        let message = response(answers);
        assert!(self.hears_message(&message, &multicast(TELLER)));
    }

    fn hears_message(&mut self, message: &Message, arrival: &Arrival) -> bool {
        self.turn(|querier, turn| querier.handle_response(turn, message, arrival))
    }

    /// Hears a query of another host.
    fn overhears(&mut self, message: &Message, arrival: &Arrival) {
        self.turn(|querier, turn| querier.handle_query(turn, message, arrival));
    }

    fn wake(&mut self) {
        self.turn(|querier, turn| querier.wake(turn));
    }

    /// Seconds since the start.
    fn elapsed(&self) -> f64 {
        (self.now - self.start).as_secs_f64()
    }

    /// What was sent since this was called last; each message is one that others can read too.
    fn sent(&mut self) -> Vec<Sent> {
        let at = self.elapsed();
        let mut sent = Vec::new();
        while let Some(transmit) = self.transmits.pop_front() {
            let family = Family::of(transmit.to.ip());
            assert_eq!((transmit.device, transmit.to), (ETH0, family.everybody()));
            let bytes = transmit.message;
            // RFC 6762 18.1 to 18.11: A10, A38
            assert_eq!(bytes[..2], [0, 0]);
            assert_eq!(u16::from_be_bytes([bytes[2], bytes[3]]) & !TRUNCATED, 0);
            let message = Message::read(&bytes).unwrap();
            assert!(message.flaws.is_empty() && message.authorities.is_empty());
            let packet = simple_dns::Packet::parse(&bytes).unwrap();
            assert_eq!(packet.questions.len(), message.questions.len());
            assert_eq!(packet.answers.len(), message.answers.len());
            sent.push(Sent {
                at,
                family,
                bytes,
                message,
            });
        }
        sent
    }

    /// Lets time pass until so many seconds since the start; what was sent until then.
    fn run(&mut self, until: f64) -> Vec<Sent> {
        let end = self.start + Duration::from_secs_f64(until);
        let mut sent = self.sent();
        while let Some(due) = self.querier.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.turn(|querier, turn| querier.handle_timeout(turn));
            sent.extend(self.sent());
            let next = self.querier.poll_timeout();
            assert!(
                next.is_none_or(|next| next > self.now),
                "a timeout does not end"
            );
        }
        self.now = end;
        sent
    }

    /// Runs until something is sent.
    fn next(&mut self) -> Sent {
        loop {
            let mut sent = self.sent();
            if !sent.is_empty() {
                assert_eq!(sent.len(), 1, "{sent:?}");
                return sent.remove(0);
            }
            let due = self.querier.poll_timeout().expect("something is due");
            self.now = self.now.max(due);
            self.turn(|querier, turn| querier.handle_timeout(turn));
        }
    }

    /// When queries were sent until then.
    fn times(&mut self, until: f64) -> Vec<f64> {
        self.run(until).iter().map(|sent| sent.at).collect()
    }

    /// What was told since this was called last.
    fn events(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.events);
        events
            .into_iter()
            .map(|event| match event {
                Event::Record(held) => {
                    assert_eq!(held.device, ETH0);
                    let sign = if held.change == Change::Added {
                        '+'
                    } else {
                        '-'
                    };
                    format!("{sign} {}", held.record)
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

/// Whether times lie in these ranges, one each.
fn assert_within(times: &[f64], ranges: &[(f64, f64)]) {
    let within = |(time, (from, to)): (&f64, &(f64, f64))| (*from..=*to).contains(time);
    let fit = times.len() == ranges.len() && times.iter().zip(ranges).all(within);
    assert!(fit, "{times:?} are not in {ranges:?}");
}
