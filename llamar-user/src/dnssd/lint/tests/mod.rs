//! For each rule a message that breaks it, and one that is nearly the same and does not.

mod bounds;
mod headers;
mod names;
mod queries;
mod records;
mod times;
mod txt;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::dns::{Compression, Message, Name, Nsec, Question, Rdata, Record, Srv, Txt, kind};

const RESPONSE: u16 = 0x8400;
const HOST: &str = "192.0.2.1:5353";
const OTHER: &str = "192.0.2.2:5353";
const GROUP: &str = "224.0.0.251:5353";
const TYPE: &str = "_http._tcp.local";
const INSTANCE: &str = "Web._http._tcp.local";

/// A message on its way.
#[derive(Clone)]
struct Sent {
    at: Duration,
    from: SocketAddr,
    to: SocketAddr,
    hop_limit: u8,
    bytes: Vec<u8>,
}

impl Sent {
    fn at(mut self, milliseconds: u64) -> Self {
        self.at = Duration::from_millis(milliseconds);
        self
    }

    fn from(mut self, from: &str) -> Self {
        self.from = from.parse().unwrap();
        self
    }

    fn to(mut self, to: &str) -> Self {
        self.to = to.parse().unwrap();
        self
    }

    fn hop_limit(mut self, hop_limit: u8) -> Self {
        self.hop_limit = hop_limit;
        self
    }

    fn heard(&self) -> Heard<'_> {
        Heard {
            at: self.at,
            from: self.from,
            mac: Some([2, 0, 0, 0, 0, 1]),
            to: self.to,
            hop_limit: Some(self.hop_limit),
            message: &self.bytes,
        }
    }
}

/// Bytes from a host to everybody.
fn bytes(bytes: &[u8]) -> Sent {
    Sent {
        at: Duration::ZERO,
        from: HOST.parse().unwrap(),
        to: GROUP.parse().unwrap(),
        hop_limit: 255,
        bytes: bytes.to_vec(),
    }
}

fn sent(message: &Message) -> Sent {
    bytes(&message.write(Compression::Multicast).unwrap())
}

fn response(answers: &[Record]) -> Sent {
    sent(&Message {
        flags: RESPONSE,
        answers: answers.to_vec(),
        ..Message::default()
    })
}

fn query(questions: &[Question]) -> Sent {
    sent(&Message {
        questions: questions.to_vec(),
        ..Message::default()
    })
}

/// A probe for the name of its records.
fn probe(kind: u16, records: &[Record]) -> Sent {
    sent(&Message {
        questions: vec![unicast(question(&records[0].owner.to_string(), kind))],
        authorities: records.to_vec(),
        ..Message::default()
    })
}

fn known(questions: &[Question], answers: &[Record]) -> Sent {
    sent(&Message {
        questions: questions.to_vec(),
        answers: answers.to_vec(),
        ..Message::default()
    })
}

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

fn unicast(mut question: Question) -> Question {
    question.class |= kind::CLASS_TOP;
    question
}

fn shared(owner: &str, ttl: u32, data: Rdata) -> Record {
    Record::new(name(owner), ttl, data).unwrap()
}

fn unique(owner: &str, ttl: u32, data: Rdata) -> Record {
    let mut record = shared(owner, ttl, data);
    record.class |= kind::CLASS_TOP;
    record
}

fn plain(mut record: Record) -> Record {
    record.class &= !kind::CLASS_TOP;
    record
}

fn ttl(ttl: u32, mut record: Record) -> Record {
    record.ttl = ttl;
    record
}

fn a(last: u8) -> Record {
    unique("casa.local", 120, Rdata::A([192, 0, 2, last].into()))
}

fn aaaa(address: &str) -> Record {
    unique("casa.local", 120, Rdata::Aaaa(address.parse().unwrap()))
}

fn ptr(owner: &str, target: &str) -> Record {
    shared(owner, 4500, Rdata::Ptr(name(target)))
}

fn srv(port: u16, target: &str) -> Record {
    srv_of(INSTANCE, [0, 0, port], target)
}

fn srv_of(owner: &str, [priority, weight, port]: [u16; 3], target: &str) -> Record {
    let target = match target {
        "." => Name::root(),
        target => name(target),
    };
    unique(
        owner,
        120,
        Rdata::Srv(Srv {
            priority,
            weight,
            port,
            target,
        }),
    )
}

fn txt_of(owner: &str, strings: &[&[u8]]) -> Record {
    let txt = Txt::new(strings.iter().copied()).unwrap();
    unique(owner, 4500, Rdata::Txt(txt))
}

fn txt(strings: &[&str]) -> Record {
    let strings: Vec<_> = strings.iter().map(|string| string.as_bytes()).collect();
    txt_of(INSTANCE, &strings)
}

fn nsec(owner: &str, kinds: &[u16]) -> Record {
    let nsec = Nsec::new(name(owner), kinds.iter().copied());
    unique(owner, 120, Rdata::Nsec(nsec))
}

/// Everything that a host says of itself and a service.
fn service() -> Vec<Record> {
    vec![
        ptr(TYPE, INSTANCE),
        ptr("_services._dns-sd._udp.local", TYPE),
        ptr("_printer._sub._http._tcp.local", INSTANCE),
        srv(80, "casa.local"),
        txt(&["txtvers=1", "path=/"]),
        a(1),
        aaaa("fe80::1"),
        unique(
            "1.2.0.192.in-addr.arpa",
            120,
            Rdata::Ptr(name("casa.local")),
        ),
        nsec("casa.local", &[kind::A, kind::AAAA]),
        nsec(INSTANCE, &[kind::SRV, kind::TXT]),
    ]
}

fn hear(all: &[Sent]) -> Linter {
    let mut linter = Linter::new(Link::default());
    all.iter().for_each(|sent| linter.hear(&sent.heard()));
    linter
}

/// What is told of messages: rules, with the names that they are about.
fn told(all: &[Sent]) -> Vec<(&'static str, String)> {
    let linter = hear(all);
    let breaches = linter.breaches().map(|(breach, _)| {
        let about = breach.name.clone().unwrap_or_default();
        (breach.rule, about)
    });
    breaches.collect()
}

/// The one thing that is told of messages: rule, section, level, text.
#[track_caller]
fn only(all: &[Sent]) -> (&'static str, &'static str, Level, String) {
    let linter = hear(all);
    let breaches: Vec<_> = linter.breaches().collect();
    let [(breach, _)] = breaches[..] else {
        panic!("{breaches:#?}");
    };
    (
        breach.rule,
        breach.section,
        breach.level,
        breach.text.clone(),
    )
}

#[track_caller]
fn fine(all: &[Sent]) {
    let linter = hear(all);
    let breaches: Vec<_> = linter
        .breaches()
        .map(|(breach, _)| breach.to_string())
        .collect();
    assert!(breaches.is_empty(), "{breaches:#?}");
}

// RFC 6762, RFC 6763: all that a host does in a lifetime that keeps the rules.
#[test]
fn host_that_keeps_the_rules_is_not_accused() {
    let proposed = [
        plain(txt(&["txtvers=1", "path=/"])),
        plain(srv(80, "casa.local")),
    ];
    let mut all: Vec<_> = (0..3)
        .map(|number| probe(kind::ANY, &proposed).at(number * 250))
        .collect();
    for at in [1000, 2000, 4000, 8000] {
        all.push(response(&service()).at(at));
    }
    let asked = question(TYPE, kind::PTR);
    all.push(query(&[unicast(asked.clone())]).from(OTHER).at(10_000));
    all.push(response(&[ptr(TYPE, INSTANCE)]).to(OTHER).at(10_050));
    let answer = [ptr(TYPE, INSTANCE)];
    for at in [11_000, 13_000, 17_000, 25_000] {
        all.push(
            known(std::slice::from_ref(&asked), &answer)
                .from(OTHER)
                .at(at),
        );
    }
    let goodbyes: Vec<_> = service().into_iter().map(|record| ttl(0, record)).collect();
    all.push(response(&goodbyes).at(26_000));
    fine(&all);
}

#[test]
fn breach_is_told_once_for_a_sender_a_rule_and_a_name_and_counted() {
    let bad = |from: &str, at| response(&[ttl(7, a(1))]).from(from).at(at);
    let mut linter = Linter::default();
    let hear = |linter: &mut Linter, sent: Sent| linter.hear(&sent.heard());
    hear(&mut linter, bad(HOST, 0));
    let breach = linter.poll_breach().unwrap();
    assert_eq!(
        breach.to_string(),
        "192.0.2.1 (02:00:00:00:00:01): A29 (should, RFC 6762 10): the TTL is 7 s, where 120 is recommended \
         [casa.local. 7 IN+flush A 192.0.2.1]"
    );
    assert_eq!(breach.name.as_deref(), Some("casa.local"));
    hear(&mut linter, bad(HOST, 2000));
    assert_eq!(linter.poll_breach(), None);
    hear(&mut linter, bad(OTHER, 3000));
    assert_eq!(
        linter.poll_breach().unwrap().sender.address,
        IpAddr::from([192, 0, 2, 2])
    );
    assert_eq!(linter.poll_breach(), None);
    let counts: Vec<_> = linter.breaches().map(|(_, count)| count).collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn message_that_comes_twice_in_a_moment_is_one() {
    let sent = response(&[a(1)]);
    fine(&[sent.clone(), sent.clone().at(3)]);
    assert_eq!(only(&[sent.clone(), sent.at(300)]).0, "A13");
}

#[test]
fn other_ports_are_none_of_mdns() {
    let sent = bytes(b"nonsense");
    assert_eq!(told(std::slice::from_ref(&sent)).len(), 1);
    fine(&[sent.from("192.0.2.1:53").to("192.0.2.2:53")]);
}
