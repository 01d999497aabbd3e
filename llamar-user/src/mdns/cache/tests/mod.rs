//! The cache with a fake clock.

use std::net::Ipv4Addr;

use super::*;
use crate::dns::{Compression, Nsec, Rdata, Srv, Txt};

mod bounds;
mod captures;
mod properties;
mod rules;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A record as it stands in a response: with the flush bit where it is unique.
fn shared(owner: &str, ttl: u32, data: Rdata) -> Record {
    Record::new(name(owner), ttl, data).unwrap()
}

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

fn ptr(target: &str) -> Rdata {
    Rdata::Ptr(name(target))
}

fn nsec(owner: &str, kinds: &[u16]) -> Rdata {
    Rdata::Nsec(Nsec::new(name(owner), kinds.iter().copied()))
}

fn response(answers: Vec<Record>) -> Message {
    Message {
        flags: 0x8400,
        answers,
        ..Message::default()
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A cache, and the time.
struct Scene {
    cache: Cache,
    start: Instant,
    now: Instant,
    rules: Rules,
}

impl Scene {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            cache: Cache::new(),
            start,
            now: start,
            rules: Rules::default(),
        }
    }

    /// Hears a response in the form in which it would come.
    fn hears(&mut self, answers: Vec<Record>) {
        self.hears_message(&response(answers), PEER, &|_| false);
    }

    fn hears_message(&mut self, message: &Message, from: IpAddr, wanted: &dyn Fn(&Record) -> bool) {
        let bytes = message.write(Compression::Multicast).unwrap();
        let message = Message::read(&bytes).unwrap();
        self.cache
            .hear(self.now, self.rules, &message, from, wanted);
    }

    /// Lets time pass until so many seconds since the start, as whoever drives the cache would.
    fn at(&mut self, since: f64) {
        let end = self.start + seconds(since);
        while let Some(due) = self.cache.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.cache.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// What has come and gone.
    fn changes(&mut self) -> Vec<String> {
        let changes = std::iter::from_fn(|| self.cache.poll_change());
        changes
            .map(|(record, _, change)| match change {
                Change::Added => format!("+ {record}"),
                Change::Removed => format!("- {record}"),
            })
            .collect()
    }

    /// What there is of a name and type.
    fn found(&self, owner: &str, kind: u16) -> Vec<String> {
        let found = self.cache.find(&name(owner), kind);
        found.map(|entry| entry.record.data.to_string()).collect()
    }

    /// All that there is, and that all of its indices agree.
    fn all(&self) -> Vec<String> {
        let cache = &self.cache;
        let all: Vec<_> = cache
            .entries()
            .map(|entry| entry.record.to_string())
            .collect();
        assert_eq!(
            [
                cache.entries.len(),
                cache.identities.len(),
                cache.expiries.len()
            ],
            [all.len(); 3]
        );
        let cost: usize = cache.entries().map(Entry::cost).sum();
        assert_eq!(cache.bytes(), cost);
        all
    }
}
