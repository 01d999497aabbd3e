//! The engine of mDNS: whatever comes by two interfaces, and whenever.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use llamar_common::testing::pass;
use llamar_user::config::OnConflict;
use llamar_user::dns::{Compression, Message, Name, Question, Rdata, Record, Srv, Txt, kind};
use llamar_user::mdns::cache::RECORDS_MAX;
use llamar_user::mdns::{
    Arrival, Engine, Event, Family, Host, Lost, Outcome, PACKET_MAX, PORT, Service, Transmit,
    Wanted,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::message::{captured, made_up};
use super::script::{self, Step};
use crate::dice::Dice;
use crate::run::{Target, outcome};
use crate::{messages, others};

/// The engine of a host that has names and services, and asks.
pub struct Mdns {
    start: Instant,
    /// Messages that were checked already, by their hash: most are the same in every run.
    checked: HashSet<u64>,
}

const DEVICES: [u32; 2] = [7, 8];
/// Names that the host claims, and names around them.
const NAMES: [&str; 10] = [
    "casa.local",
    "media.local",
    "Web._http._tcp.local",
    "_http._tcp.local",
    "_printer._sub._http._tcp.local",
    "_services._dns-sd._udp.local",
    "10.1.168.192.in-addr.arpa",
    "Other._http._tcp.local",
    "other.local",
    "casa-2.local",
];
/// Types that matter.
const KINDS: [u16; 9] = [
    kind::ANY,
    kind::A,
    kind::AAAA,
    kind::PTR,
    kind::SRV,
    kind::TXT,
    kind::NSEC,
    kind::CNAME,
    99,
];
/// Who sends: others, ourselves by either interface, strangers, one who has no address yet, one who asks as DNS does.
const FROM: [&str; 8] = [
    "192.168.1.5:5353",
    "[fe80::77]:5353",
    "192.168.1.200:5353",
    "192.168.1.10:5353",
    "[fe80::77]:50000",
    "192.168.1.11:50000",
    "8.8.8.8:5353",
    "0.0.0.0:5353",
];
/// What time passes before a message comes, in milliseconds.
const PAUSES: [u64; 8] = [0, 0, 1, 30, 120, 250, 1000, 100_000];
/// Datagrams that one message may cause, with the time that passes before it: over two interfaces and families, probes,
/// announcements and goodbyes of all names, refreshes of a hundred seconds.
const CAUSED_MAX: usize = 600;
/// Messages that are remembered as checked.
const CHECKED_MAX: usize = 100_000;
/// Deadlines within one pause: a few for each transmission.
const DEADLINES_MAX: usize = 3000;

impl Target for Mdns {
    const NAME: &'static str = "mdns";

    fn new() -> Self {
        Self {
            start: Instant::now(),
            checked: HashSet::new(),
        }
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let captured = captured();
        let step = |(index, message): (usize, &Vec<u8>)| Step {
            how: [(index % 7) as u8, 0],
            message: message.clone(),
        };
        let scripts = captured.chunks(4);
        scripts
            .map(|messages| {
                let steps: Vec<_> = messages.iter().enumerate().map(step).collect();
                script::write(&steps)
            })
            .collect()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        script::make(dice, |dice| match dice.below(10) {
            0 => made_up(dice),
            1..5 => query(dice),
            _ => response(dice),
        })
    }

    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        script::damage(dice, input);
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let steps = script::read(input);
        let policy = steps.first().map_or(0, |step| step.message.len() % 3);
        let mut scene = Scene::new(self, policy, input.len() as u64);
        let outcomes: Vec<_> = steps.iter().map(|step| scene.step(step)).collect();
        // In the end there is quiet: what is claimed is had or lost.
        scene.pass(Duration::from_secs(10));
        let standings: Vec<_> = DEVICES
            .iter()
            .flat_map(|device| scene.engine.standings(*device))
            .map(|standing| (standing.wanted == standing.used, standing.culprit.is_some()))
            .collect();
        scene.engine.shutdown(scene.now);
        scene.drain();
        assert_eq!(scene.engine.poll_timeout(), None);
        outcome((standings, outcomes, scene.events))
    }
}

/// A question, or several, with known answers, or a probe.
fn query(dice: &mut Dice) -> Vec<u8> {
    let mut message = Message {
        id: if dice.percent(20) { 7 } else { 0 },
        flags: if dice.percent(20) { 0x0200 } else { 0 },
        ..Message::default()
    };
    for _ in 0..1 + dice.below(3) {
        message.questions.push(Question {
            name: name(dice),
            kind: *dice.pick(&KINDS),
            class: *dice.pick(&[1, 1, 0x8001, 255]),
        });
    }
    if dice.percent(40) {
        message.answers.push(record(dice));
    }
    if dice.percent(40) {
        let mut proposed = record(dice);
        proposed.owner = message.questions[0].name.clone();
        message.authorities.push(proposed);
    }
    if dice.percent(10) {
        message.questions.clear();
    }
    write(&message)
}

fn response(dice: &mut Dice) -> Vec<u8> {
    let mut message = Message {
        flags: 0x8400,
        ..Message::default()
    };
    let most = if dice.percent(5) { 60 } else { 4 };
    message.answers = (0..1 + dice.below(most)).map(|_| record(dice)).collect();
    message.additionals = (0..dice.below(3)).map(|_| record(dice)).collect();
    write(&message)
}

fn write(message: &Message) -> Vec<u8> {
    let written = message.write(Compression::Multicast);
    written.expect("a short message")
}

fn name(dice: &mut Dice) -> Name {
    if dice.percent(10) {
        return messages::name(dice);
    }
    Name::parse(dice.pick::<&str>(&NAMES)).expect("a name")
}

/// A record that may have to do with ours.
fn record(dice: &mut Dice) -> Record {
    if dice.percent(10) {
        return messages::record(dice);
    }
    let data = match dice.below(6) {
        0 => Rdata::A(Ipv4Addr::new(192, 168, 1, *dice.pick(&[5, 10, 11, 200]))),
        1 => Rdata::Aaaa(Ipv6Addr::new(
            0xfe80,
            0,
            0,
            0,
            0,
            0,
            0,
            dice.below(3) as u16,
        )),
        2 | 3 => Rdata::Ptr(name(dice)),
        4 => Rdata::Srv(Srv {
            priority: 0,
            weight: 0,
            port: *dice.pick(&[0, 80, 81]),
            target: name(dice),
        }),
        _ => Rdata::Txt(Txt::new([&dice.bytes(3)[..]]).expect("a short string")),
    };
    let ttl = *dice.pick(&[0, 1, 10, 59, 120, 4500, u32::MAX]);
    let mut record = Record::new(name(dice), ttl, data).expect("a type");
    if dice.percent(40) {
        record.class |= kind::CLASS_TOP;
    }
    record
}

struct Scene<'a> {
    checked: &'a mut HashSet<u64>,
    engine: Engine,
    now: Instant,
    wanted: BTreeMap<u32, Wanted>,
    /// What the engine sent last.
    last: Option<Transmit>,
    caused: usize,
    /// What was told of, once each.
    events: BTreeSet<&'static str>,
}

impl<'a> Scene<'a> {
    fn new(engines: &'a mut Mdns, policy: usize, seed: u64) -> Self {
        let policies = [OnConflict::Withdraw, OnConflict::Keep, OnConflict::Rename];
        let wanted = DEVICES.map(|device| (device, wanted(device, policies[policy])));
        let mut scene = Self {
            checked: &mut engines.checked,
            engine: Engine::new(StdRng::seed_from_u64(seed)),
            now: engines.start,
            wanted: wanted.into(),
            last: None,
            caused: 0,
            events: BTreeSet::new(),
        };
        scene.follow();
        for (text, kind) in [
            ("_http._tcp.local", kind::PTR),
            ("Other._http._tcp.local", kind::SRV),
            ("other.local", kind::ANY),
        ] {
            let question = Question {
                name: Name::parse(text).expect("a name"),
                kind,
                class: kind::IN,
            };
            scene.engine.ask(scene.now, DEVICES[0], question);
        }
        scene.drain();
        scene
    }

    fn follow(&mut self) {
        let own = self.wanted.values().flat_map(|wanted| &wanted.addresses);
        let own = own.map(|(address, _)| *address).collect();
        self.engine.follow(self.now, self.wanted.clone(), own);
        self.drain();
    }

    /// Lets time pass and a message come. What came of it, as far as it is of interest.
    fn step(&mut self, step: &Step) -> &'static str {
        let [first, second] = step.how;
        self.caused = 0;
        self.pass(step.pause(&PAUSES));
        self.change(second);
        let from = step.from(&FROM);
        let family = Family::of(from.ip());
        let device = DEVICES[usize::from(first / 64 % 2)];
        let mut to = family.group();
        if second & 3 == 3 {
            let own = self.wanted[&device].addresses.iter();
            let mut own = own.filter(|(own, _)| Family::of(*own) == family);
            to = own.next().expect("an address of each family").0;
        }
        let mut message = step.message.clone();
        if let (Some(last), 2) = (&self.last, second & 3) {
            // What we said comes back, as it is or as a response, as far as the message allows.
            let flags = message.get(2..4).map(<[u8]>::to_vec);
            message.clone_from(&last.message);
            if let (Some(flags), Some(place)) = (flags, message.get_mut(2..4)) {
                place[0] = place[0] & !2 | flags[0] & 2;
            }
        }
        let arrival = Arrival { from, to };
        let handled = self
            .engine
            .handle_datagram(self.now, device, &arrival, &message);
        self.drain();
        for device in DEVICES {
            let cached = self.engine.cache(device).map_or(0, |cache| cache.len());
            assert!(cached <= RECORDS_MAX, "{cached} records");
        }
        match handled {
            Ok(handled) => handled.as_str(),
            Err(ignored) => ignored.as_str(),
        }
    }

    /// Now and then something changes here too.
    fn change(&mut self, second: u8) {
        let wanted = self.wanted.get_mut(&DEVICES[1]).expect("it is wanted");
        match second >> 2 {
            1 => wanted.up = !wanted.up,
            2 => wanted.services.clear(),
            3 => wanted.v6 = None,
            4 => {
                wanted.hosts[0]
                    .addresses
                    .insert(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 99)));
            }
            5 => return self.engine.wake(self.now),
            _ => return,
        }
        self.follow();
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, time: Duration) {
        let span = (self.now, self.now + time);
        let due = |scene: &Self| scene.engine.poll_timeout();
        pass(self, span, DEADLINES_MAX, due, |scene, now| {
            scene.now = now;
            scene.engine.handle_timeout(now);
            scene.drain();
        });
        self.now = span.1;
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.engine.poll_transmit() {
            self.caused += 1;
            assert!(self.caused <= CAUSED_MAX, "{} datagrams", self.caused);
            if self.checked.len() > CHECKED_MAX {
                self.checked.clear();
            }
            if self
                .checked
                .insert(outcome((transmit.to, &transmit.message)))
            {
                check(&transmit);
            }
            self.last = Some(transmit);
        }
        while let Some(event) = self.engine.poll_event() {
            self.events.insert(match event {
                Event::Verified { .. } => "verified",
                Event::Conflict(Lost { outcome, .. }) => match outcome {
                    Outcome::Kept => "kept",
                    Outcome::Withdrawn { .. } => "withdrawn",
                    Outcome::Renamed { .. } => "renamed",
                },
                Event::Defended { .. } => "defended",
                Event::Record(_) => "record",
                _ => "other",
            });
        }
    }
}

/// What is wanted of an interface.
fn wanted(device: u32, on_conflict: OnConflict) -> Wanted {
    let last = device as u8 + 3;
    let v4 = Ipv4Addr::new(192, 168, 1, last);
    let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last.into());
    let name = |text: &str| Name::parse(text).expect("a name");
    let host = |text: &str, reverse| Host {
        name: name(text),
        kept: None,
        addresses: [v4.into(), v6.into()].into(),
        reverse,
    };
    let service = Service {
        name: name(NAMES[2]),
        kept: None,
        subtypes: vec![name(NAMES[4])],
        host: name(NAMES[0]),
        priority: 0,
        weight: 0,
        port: 80,
        txt: vec![Txt::new([&b"path=/"[..]]).expect("a short string")],
    };
    Wanted {
        up: true,
        mtu: 1500,
        v4: Some(v4),
        v6: Some(v6),
        addresses: [(v4.into(), 24), (v6.into(), 64)].into(),
        unicast: true,
        hosts: vec![host(NAMES[0], true), host(NAMES[1], false)],
        services: vec![service],
        on_conflict,
    }
}

/// What every datagram keeps to.
fn check(transmit: &Transmit) {
    let bytes = &transmit.message;
    let message = Message::read(bytes).expect("a message");
    assert!(message.flaws.is_empty(), "{:?}", message.flaws);
    let read = others::compare(bytes).unwrap_or_else(|what| panic!("{what}"));
    let is_response = message.flags & 0x8000 != 0;
    // Known answers and repeated questions have in them what others made up, which not everybody takes.
    let is_ours = if is_response {
        message.questions.is_empty()
    } else {
        message.answers.is_empty()
    };
    assert!(read.hickory && read.simple || !is_ours);
    // RFC 6762 17: A36
    let length = bytes.len() + Family::of(transmit.to.ip()).headers();
    assert!(length <= PACKET_MAX, "{length} bytes");
    // RFC 6762 18: A10, A38
    assert_eq!(message.flags & 0x78ff & !0x0100, 0);
    let flush = |record: &Record| record.class & kind::CLASS_TOP != 0;
    if !is_response || transmit.to.port() != PORT {
        // RFC 6762 10.2: A20, A31
        assert!(!message.records().any(flush));
    }
    if transmit.to.ip().is_multicast() {
        assert_eq!((message.id, transmit.to.port()), (0, PORT));
        let flags = if is_response {
            0x8400
        } else {
            message.flags & 0x0200
        };
        assert_eq!(message.flags, flags);
        assert!(!is_response || message.questions.is_empty());
    } else {
        assert!(is_response, "all questions are for everybody");
    }
}
