//! What a test does to a scene, and what it sees there.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use llamar_common::wire::dns::RESPONSE;
use rand::RngExt as _;

use super::super::*;
use super::scene::*;
use crate::dns::{Compression, Message, Rdata, Record, kind};
use crate::mdns::{Family, Rule, State};

/// Whether a property holds for so many seeds with all rules kept, and no datagram broke one.
pub fn holds(seeds: u64, property: impl Fn(u64, Option<Rule>) -> Result<Scene, String>) {
    for seed in 0..seeds {
        match property(seed, None) {
            Err(broken) => panic!("seed {seed}: {broken}"),
            Ok(scene) => {
                let breaches = &scene.wire.breaches;
                let first = breaches.first();
                assert!(first.is_none(), "seed {seed}: {} {first:?}", breaches.len());
            }
        }
    }
}

/// Whether some seed breaks a property without a rule: else it would not tell whether that is kept.
pub fn breaks(
    rule: Rule,
    seeds: u64,
    property: impl Fn(u64, Option<Rule>) -> Result<Scene, String>,
) {
    let broken = (0..seeds).any(|seed| property(seed, Some(rule)).is_err());
    assert!(broken, "nothing is broken without {rule:?}");
}

impl Scene {
    /// Switches all hosts on that are off, at times by chance within this long.
    pub fn start(&mut self, within: Duration) {
        let off = (0..self.hosts.len()).filter(|host| !self.hosts[*host].on);
        let mut times: Vec<(Duration, usize)> = Vec::new();
        for host in off.collect::<Vec<_>>() {
            times.push((self.rng.random_range(Duration::ZERO..=within), host));
        }
        times.sort_unstable();
        let begin = self.now;
        for (time, host) in times {
            self.run((begin + time).saturating_duration_since(self.now));
            self.restart(host);
        }
    }

    /// Puts an interface of a host on another segment. The host notices nothing.
    pub fn plug(&mut self, host: usize, segment: usize) {
        self.segments.insert((host, ETH), segment);
    }

    /// Somebody on a segment sends a message to the group of a family.
    pub fn say(&mut self, segment: usize, from: SocketAddr, message: &Message) {
        let message = message.write(Compression::Multicast).unwrap();
        self.put(Packet {
            segment,
            from,
            to: Family::of(from.ip()).everybody(),
            message,
            sender: None,
        });
    }

    /// The names that hosts use on their first interfaces, with how they stand, of those that are on.
    pub fn standings(&self) -> Vec<(usize, Standing)> {
        let hosts = self.hosts.iter().enumerate().filter(|(_, host)| host.on);
        hosts
            .flat_map(|(index, host)| {
                let standings = host.engine.standings(ETH);
                standings.map(move |standing| (index, standing))
            })
            .collect()
    }

    /// The name that a host uses in place of what it wants.
    pub fn used(&self, host: usize, wanted: &str) -> Name {
        let mut standings = self.hosts[host].engine.standings(ETH);
        let standing = standings.find(|standing| standing.wanted == name(wanted));
        standing.expect("it is claimed").used
    }

    /// Whether each name is verified, and by one host only.
    pub fn is_settled(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for (host, standing) in self.standings() {
            if !matches!(standing.state, State::Verified) {
                return Err(format!("host {host}: {standing:?}"));
            }
            if !seen.insert(standing.used.clone()) {
                return Err(format!("host {host}: {} is another's too", standing.used));
            }
        }
        Ok(())
    }

    /// Events of a host since a time.
    pub fn events_since(&self, host: usize, since: Instant) -> impl Iterator<Item = &Event> {
        let events = self.hosts[host].events.iter();
        events
            .filter(move |(at, _)| *at >= since)
            .map(|(_, event)| event)
    }

    /// What was sent since a time, read.
    pub fn sent_since(&self, since: Instant) -> impl Iterator<Item = (&Sent, Message)> {
        let sent = self.sent.iter().filter(move |sent| sent.at >= since);
        sent.map(|sent| (sent, Message::read(&sent.transmit.message).unwrap()))
    }

    /// Most messages that were sent within any span of time since a time.
    pub fn most_within(&self, span: Duration, since: Instant) -> usize {
        let times: Vec<_> = self.sent.iter().map(|sent| sent.at).collect();
        let first = times.partition_point(|at| *at < since);
        let times = &times[first..];
        let within = |(index, at): (usize, &Instant)| {
            let end = times.partition_point(|other| *other < *at + span);
            end - index
        };
        times.iter().enumerate().map(within).max().unwrap_or(0)
    }

    /// What the answers to a question would be on a host's first interface, if it had heard everything that others say.
    pub fn expected(&self, asker: usize, question: &Question) -> Vec<Record> {
        let segment = self.segments[&(asker, ETH)];
        let others = self.hosts.iter().enumerate().filter(|(index, host)| {
            *index != asker && host.on && self.segments[&(*index, ETH)] == segment
        });
        let records = others.flat_map(|(_, host)| records(host));
        let answers = |record: &Record| {
            record.owner == question.name
                && (record.kind == question.kind || question.kind == kind::ANY)
        };
        records.filter(answers).collect()
    }

    /// Whether every host that asks knows what all others would say now, and nothing else.
    pub fn agree(&self) -> Result<(), String> {
        for (index, host) in self.hosts.iter().enumerate().filter(|(_, host)| host.on) {
            for (device, question) in &host.questions {
                let expected = self.expected(index, question);
                let cache = host.engine.cache(*device).expect("an interface");
                let cached: Vec<_> = cache
                    .find(&question.name, question.kind)
                    .map(|entry| entry.record.clone())
                    .collect();
                same(&cached, &expected)
                    .map_err(|what| format!("host {index}'s cache, {question}: {what}"))?;
                let key = (*device, question.name.clone(), question.kind);
                let held = host.held.get(&key).map_or(&[][..], Vec::as_slice);
                same(held, &expected)
                    .map_err(|what| format!("host {index}'s events, {question}: {what}"))?;
            }
        }
        Ok(())
    }
}

/// What a host says on its first interface, by what it wants and how its names stand.
fn records(host: &Host) -> Vec<Record> {
    let wanted = &host.wanted[&ETH];
    let standings: Vec<_> = host.engine.standings(ETH).collect();
    let used = |wanted: &Name| {
        let mut standings = standings.iter();
        let standing = standings.find(|standing| standing.wanted == *wanted);
        standing
            .filter(|standing| matches!(standing.state, State::Verified))
            .map(|standing| standing.used.clone())
    };
    let mut records = Vec::new();
    for host in &wanted.hosts {
        let Some(owner) = used(&host.name) else {
            continue;
        };
        records.extend(
            host.addresses
                .iter()
                .filter_map(|address| Record::new(owner.clone(), 120, data(*address))),
        );
    }
    for service in &wanted.services {
        let Some(owner) = used(&service.name) else {
            continue;
        };
        let target = used(&service.host).unwrap_or_else(|| service.host.clone());
        let srv = Rdata::Srv(crate::dns::Srv {
            priority: service.priority,
            weight: service.weight,
            port: service.port,
            target,
        });
        records.extend(Record::new(owner.clone(), 120, srv));
        for txt in &service.txt {
            records.extend(Record::new(owner.clone(), 4500, Rdata::Txt(txt.clone())));
        }
        let kind = Name::from_labels(owner.labels().skip(1)).unwrap();
        records.extend(Record::new(kind, 4500, Rdata::Ptr(owner)));
    }
    records
}

fn data(address: IpAddr) -> Rdata {
    match address {
        IpAddr::V4(address) => Rdata::A(address),
        IpAddr::V6(address) => Rdata::Aaaa(address),
    }
}

/// Whether two sets of records say the same, whatever their TTLs.
fn same(left: &[Record], right: &[Record]) -> Result<(), String> {
    let missing = |left: &[Record], right: &[Record]| {
        let has = |record: &Record| {
            let same = |other: &Record| other.owner == record.owner && other.data == record.data;
            left.iter().any(same)
        };
        right.iter().find(|record| !has(record)).cloned()
    };
    if let Some(record) = missing(left, right) {
        return Err(format!("{record} is missing"));
    }
    match missing(right, left) {
        Some(record) => Err(format!("{record} is too much")),
        None => Ok(()),
    }
}

/// Whether a message is a response.
pub fn is_response(message: &Message) -> bool {
    message.flags & RESPONSE != 0
}

/// Whether a message asks for a name.
pub fn asks(message: &Message, text: &str) -> bool {
    let name = name(text);
    !is_response(message)
        && message
            .questions
            .iter()
            .any(|question| question.name == name)
}

/// A query for one question.
pub fn query(text: &str, kind: u16) -> Message {
    Message {
        questions: vec![question(text, kind)],
        ..Message::default()
    }
}

/// A response of these records, each with the top bit of its class as it is.
pub fn response(answers: Vec<Record>) -> Message {
    Message {
        flags: 0x8400,
        answers,
        ..Message::default()
    }
}

/// A unique record: one with the cache-flush bit.
pub fn unique(owner: &str, ttl: u32, data: Rdata) -> Record {
    let mut record = Record::new(name(owner), ttl, data).unwrap();
    record.class |= kind::CLASS_TOP;
    record
}

pub fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}
