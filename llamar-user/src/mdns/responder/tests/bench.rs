//! The bench.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::super::*;
use crate::dns::{Message, Nsec, Question, Rdata, Srv, Txt, kind};
use crate::mdns::{Arrival, Event, Host, Rule, Rules, Service, Transmit};

/// A message that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// How long after the clock's start.
    pub at: Duration,
    pub to: SocketAddr,
    pub from: Option<IpAddr>,
    pub message: Message,
    pub bytes: Vec<u8>,
}

/// A responder and its surroundings.
pub struct Bench {
    pub responder: Responder,
    pub wanted: Wanted,
    pub rules: Rules,
    pub families: Vec<Family>,
    pub mtu: usize,
    pub unicast: bool,
    pub sent: Vec<Sent>,
    pub events: Vec<Event>,
    /// How far apart the same record is multicast at least.
    pub again: Duration,
    start: Instant,
    now: Instant,
    rng: StdRng,
    last: BTreeMap<(Family, String), Instant>,
}

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A host with these addresses.
pub fn host(text: &str, addresses: &[&str]) -> Host {
    Host {
        name: name(text),
        kept: None,
        addresses: addresses.iter().map(|text| ip(text)).collect(),
        reverse: false,
    }
}

/// A service on `casa.local` with a TXT record of one string.
pub fn service(text: &str, port: u16, txt: &str) -> Service {
    Service {
        name: name(text),
        kept: None,
        subtypes: Vec::new(),
        host: name("casa.local"),
        priority: 0,
        weight: 0,
        port,
        txt: vec![Txt::new([txt.as_bytes()]).unwrap()],
    }
}

pub fn record(owner: &str, ttl: u32, data: Rdata) -> Record {
    Record::new(name(owner), ttl, data).unwrap()
}

/// The record with the bit that flushes caches.
pub fn flush(mut record: Record) -> Record {
    record.class |= kind::CLASS_TOP;
    record
}

/// An A or AAAA record with a TTL of 120 s.
pub fn address(owner: &str, address: &str) -> Record {
    let data = match ip(address) {
        IpAddr::V4(address) => Rdata::A(address),
        IpAddr::V6(address) => Rdata::Aaaa(address),
    };
    record(owner, 120, data)
}

pub fn ptr(owner: &str, ttl: u32, target: &str) -> Record {
    record(owner, ttl, Rdata::Ptr(name(target)))
}

pub fn srv(owner: &str, port: u16, target: &str) -> Record {
    let target = name(target);
    let (priority, weight) = (0, 0);
    let srv = Srv {
        priority,
        weight,
        port,
        target,
    };
    record(owner, 120, Rdata::Srv(srv))
}

pub fn txt(owner: &str, text: &str) -> Record {
    let txt = Txt::new([text.as_bytes()]).unwrap();
    record(owner, 4500, Rdata::Txt(txt))
}

pub fn nsec(owner: &str, kinds: &[u16]) -> Record {
    let nsec = Nsec::new(name(owner), kinds.iter().copied());
    record(owner, 120, Rdata::Nsec(nsec))
}

pub fn question(text: &str, kind: u16) -> Question {
    Question {
        name: name(text),
        kind,
        class: kind::IN,
    }
}

/// A question that wants a unicast response.
pub fn qu(text: &str, kind: u16) -> Question {
    Question {
        class: kind::IN | kind::CLASS_TOP,
        ..question(text, kind)
    }
}

pub fn query(questions: &[Question]) -> Message {
    Message {
        questions: questions.to_vec(),
        ..Message::default()
    }
}

/// A probe for a name with these records.
pub fn probe(question: Question, proposed: &[Record]) -> Message {
    Message {
        questions: vec![question],
        authorities: proposed.to_vec(),
        ..Message::default()
    }
}

pub fn response(answers: &[Record]) -> Message {
    Message {
        flags: 0x8400,
        answers: answers.to_vec(),
        ..Message::default()
    }
}

/// From a neighbour to everybody.
pub fn from(address: &str) -> Arrival {
    let from = SocketAddr::new(ip(address), 5353);
    let to = Family::of(from.ip()).group();
    Arrival { from, to }
}

/// From a neighbour to us alone.
pub fn from_to_us(address: &str) -> Arrival {
    let to = match Family::of(ip(address)) {
        Family::V4 => ip("10.0.0.1"),
        Family::V6 => ip("fe80::1"),
    };
    Arrival {
        to,
        ..from(address)
    }
}

/// From another port, as dig asks.
pub fn from_legacy(address: &str) -> Arrival {
    let mut arrival = from(address);
    arrival.from.set_port(40000);
    arrival
}

pub const PEER: &str = "10.0.0.2";
pub const OTHER: &str = "10.0.0.3";
pub const PEER6: &str = "fe80::2";

impl Bench {
    /// An interface with 10.0.0.1 and fe80::1 on which nothing is wanted yet.
    pub fn new() -> Self {
        let wanted = Wanted {
            up: true,
            mtu: 1500,
            v4: Some([10, 0, 0, 1].into()),
            v6: Some(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
            addresses: [(ip("10.0.0.1"), 24), (ip("fe80::1"), 64)].into(),
            unicast: true,
            hosts: Vec::new(),
            services: Vec::new(),
            on_conflict: OnConflict::Rename,
        };
        let now = Instant::now();
        Self {
            responder: Responder::new(),
            wanted,
            rules: Rules::default(),
            families: Family::ALL.to_vec(),
            mtu: 1500,
            unicast: true,
            sent: Vec::new(),
            events: Vec::new(),
            again: secs(1),
            start: now,
            now,
            rng: StdRng::seed_from_u64(7),
            last: BTreeMap::new(),
        }
    }

    /// The same with `casa.local`, which has 10.0.0.1 and fe80::1, probed and announced ten seconds ago.
    pub fn casa() -> Self {
        let mut bench = Self::new();
        bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1", "fe80::1"])];
        bench.settled()
    }

    /// The same with `Web._http._tcp.local` on port 80 besides.
    pub fn web() -> Self {
        let mut bench = Self::new();
        bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1", "fe80::1"])];
        bench.wanted.services = vec![service("Web._http._tcp.local", 80, "path=/")];
        bench.settled()
    }

    pub fn seeded(mut self, seed: u64) -> Self {
        self.rng = StdRng::seed_from_u64(seed);
        self
    }

    pub fn without(mut self, rule: Rule) -> Self {
        self.rules = Rules::without(rule);
        self
    }

    /// Ten seconds after what is wanted was said.
    pub fn settled(mut self) -> Self {
        self.follow();
        self.run(secs(10));
        self.forget();
        self
    }

    pub fn forget(&mut self) {
        self.sent.clear();
        self.events.clear();
    }

    pub fn at(&self) -> Duration {
        self.now - self.start
    }

    pub fn follow(&mut self) {
        let wanted = self.wanted.clone();
        self.with(|responder, turn| responder.follow(turn, &wanted));
    }

    pub fn ask(&mut self, message: &Message, arrival: Arrival) -> bool {
        self.with(|responder, turn| responder.handle_query(turn, message, &arrival, true))
    }

    pub fn hear(&mut self, message: &Message, arrival: Arrival) {
        self.with(|responder, turn| responder.handle_response(turn, message, &arrival));
    }

    /// Has the responder do something, and takes what it sends.
    pub fn with<T>(&mut self, act: impl FnOnce(&mut Responder, &mut Turn<'_>) -> T) -> T {
        let (mut transmits, mut events) = (VecDeque::new(), VecDeque::new());
        let mut turn = Turn {
            now: self.now,
            rng: &mut self.rng,
            rules: self.rules,
            device: 2,
            families: &self.families,
            mtu: self.mtu,
            unicast: self.unicast,
            transmits: &mut transmits,
            events: &mut events,
        };
        let result = act(&mut self.responder, &mut turn);
        self.events.extend(events);
        transmits
            .into_iter()
            .for_each(|transmit| self.take(transmit));
        result
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        while let Some(due) = self.responder.poll_timeout()
            && due <= end
        {
            self.now = self.now.max(due);
            self.with(Responder::handle_timeout);
            steps += 1;
            assert!(steps < 100_000, "something is always due");
        }
        self.now = end;
    }

    /// Lets time pass until the next query is sent.
    pub fn run_to_query(&mut self) {
        let sent = self.queries().len();
        while self.queries().len() == sent {
            let due = self.responder.poll_timeout();
            let due = due.expect("another query");
            self.run(due.saturating_duration_since(self.now));
        }
    }

    /// Lets time pass up to a moment since the clock's start.
    pub fn run_to(&mut self, at: Duration) {
        self.run(at - self.at());
    }

    /// What was sent to a place.
    pub fn to(&self, to: SocketAddr) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.to == to).collect()
    }

    /// What was multicast over IPv4.
    pub fn v4(&self) -> Vec<&Sent> {
        self.to(Family::V4.everybody())
    }

    /// What was multicast over IPv6.
    pub fn v6(&self) -> Vec<&Sent> {
        self.to(Family::V6.everybody())
    }

    /// Responses multicast over IPv4.
    pub fn responses(&self) -> Vec<&Sent> {
        let mut sent = self.v4();
        sent.retain(|sent| sent.message.flags & 0x8000 != 0);
        sent
    }

    /// Queries multicast over IPv4.
    pub fn queries(&self) -> Vec<&Sent> {
        let mut sent = self.v4();
        sent.retain(|sent| sent.message.flags & 0x8000 == 0);
        sent
    }

    pub fn state(&self, wanted: &str) -> State {
        self.standing(wanted).state
    }

    pub fn standing(&self, wanted: &str) -> Standing {
        let wanted = name(wanted);
        let mut all = self.responder.standings();
        all.find(|standing| standing.wanted == wanted).unwrap()
    }

    fn take(&mut self, transmit: Transmit) {
        let Transmit {
            device,
            to,
            from,
            message: bytes,
        } = transmit;
        assert_eq!(device, 2);
        assert!(self.families.contains(&Family::of(to.ip())));
        let message = Message::read(&bytes).unwrap();
        assert_eq!(message.flaws, []);
        same_as_simple_dns(&message, &bytes);
        let sent = Sent {
            at: self.now - self.start,
            to,
            from,
            message,
            bytes,
        };
        self.check(&sent);
        self.sent.push(sent);
    }

    /// What holds for every message.
    fn check(&mut self, sent: &Sent) {
        let Sent {
            to, message, bytes, ..
        } = sent;
        let multicast = to.ip().is_multicast();
        // RFC 6762 17: A36. More than the room only if it is a single record, or a single probe.
        let family = Family::of(to.ip());
        let room = self.mtu.min(1500) - family.headers();
        let single = message.records().count() == 1 || message.questions.len() == 1;
        assert!(bytes.len() <= room || single, "{}", bytes.len());
        assert!(bytes.len() <= 9000 - family.headers());
        // RFC 6762 18: A10
        if message.flags & 0x8000 == 0 {
            assert_eq!((message.flags, message.id, multicast), (0, 0, true));
            assert_eq!((message.answers.len(), message.additionals.len()), (0, 0));
            // RFC 6762 10.2: A24, A31
            assert!(
                message
                    .authorities
                    .iter()
                    .all(|record| record.class == kind::IN)
            );
            return;
        }
        let legacy = to.port() != 5353;
        assert_eq!(message.flags & !0x0200, 0x8400);
        assert!(legacy || message.flags & 0x0200 == 0);
        assert!(legacy || message.questions.is_empty() && message.authorities.is_empty());
        assert!(!multicast || message.id == 0);
        assert!(message.records().count() > 0);
        for record in message.records() {
            // RFC 6762 10.2: A31, B11
            let is_shared =
                record.kind == kind::PTR && !record.owner.to_string().ends_with(".arpa");
            let flushes = record.class & kind::CLASS_TOP != 0;
            assert_eq!(flushes, !is_shared && !legacy, "{record}");
        }
        if multicast {
            self.check_again(family, message);
        }
    }

    // RFC 6762 6: A13
    fn check_again(&mut self, family: Family, message: &Message) {
        let mut seen = BTreeSet::new();
        for record in message.records().filter(|record| record.ttl > 0) {
            let key = (family, record.to_string());
            assert!(seen.insert(key.clone()), "twice in one message: {record}");
            let last = self.last.insert(key, self.now);
            let gap = last.map(|last| self.now - last);
            assert!(
                gap.is_none_or(|gap| gap >= self.again),
                "{record} after {gap:?}"
            );
        }
    }
}

/// Another decoder finds the same in it.
fn same_as_simple_dns(message: &Message, bytes: &[u8]) {
    let theirs = simple_dns::Packet::parse(bytes).unwrap();
    assert_eq!(theirs.questions.len(), message.questions.len());
    for (theirs, ours) in theirs.questions.iter().zip(&message.questions) {
        assert_eq!(theirs.unicast_response, ours.class & kind::CLASS_TOP != 0);
        assert_eq!(u16::from(theirs.qtype), ours.kind);
    }
    let sections = [
        (&theirs.answers, &message.answers),
        (&theirs.name_servers, &message.authorities),
        (&theirs.additional_records, &message.additionals),
    ];
    for (theirs, ours) in sections {
        assert_eq!(theirs.len(), ours.len());
        for (theirs, ours) in theirs.iter().zip(ours) {
            assert_eq!(theirs.ttl, ours.ttl);
            assert_eq!(theirs.cache_flush, ours.class & kind::CLASS_TOP != 0);
            assert_eq!(u16::from(theirs.rdata.type_code()), ours.kind);
            let labels = theirs.name.get_labels().len();
            assert_eq!(labels, ours.owner.labels().count());
        }
    }
}

/// The records as text, in any order.
pub fn sorted<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<String> {
    let mut texts: Vec<_> = records.into_iter().map(Record::to_string).collect();
    texts.sort();
    texts
}

/// Lines of a text, in any order.
pub fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}
