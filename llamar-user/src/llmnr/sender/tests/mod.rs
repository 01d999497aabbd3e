//! The asker on made-up links, with a fake clock and seeded chance.

use std::net::SocketAddrV6;
use std::time::Duration;

use llamar_common::wire::dns::{CONFLICT, OPT, RESPONSE, TENTATIVE, TRUNCATED};
use llamar_common::wire::udp::LLMNR;
use rand::SeedableRng as _;

use super::*;
use crate::dns::{Compression, Message, Name, Question, Rdata, Record, Soa};

mod link;
mod properties;
mod rules;
mod tcp;

const ETH0: u32 = 2;
const WLAN0: u32 = 3;
/// QR.
const PLAIN: u16 = RESPONSE;
/// QR and C.
const SHARED: u16 = RESPONSE | CONFLICT;

/// A question on its way, and the time.
struct Scene {
    sender: Sender,
    start: Instant,
    now: Instant,
}

impl Scene {
    fn new(ask: Ask, paths: &[Path]) -> Self {
        Self::seeded(1, ask, paths)
    }

    fn seeded(seed: u64, ask: Ask, paths: &[Path]) -> Self {
        let start = Instant::now();
        let rng = StdRng::seed_from_u64(seed);
        Self {
            sender: Sender::new(rng, start, ask, paths.to_vec()),
            start,
            now: start,
        }
    }

    /// Milliseconds since the question was asked.
    fn elapsed(&self) -> u128 {
        (self.now - self.start).as_millis()
    }

    /// Lets time pass up to the next time-out that does something; what is sent then.
    fn step(&mut self) -> Option<Vec<Transmit>> {
        loop {
            let sent: Vec<_> = std::iter::from_fn(|| self.sender.poll_transmit()).collect();
            if !sent.is_empty() {
                return Some(sent);
            }
            self.now = self.now.max(self.sender.poll_timeout()?);
            self.sender.handle_timeout(self.now);
        }
    }

    /// The next thing that is sent.
    fn sent(&mut self) -> Transmit {
        let mut sent = self.step().expect("something is sent");
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    /// The next query to a group: its path and message.
    fn query(&mut self) -> (usize, Vec<u8>) {
        match self.sent() {
            Transmit::Datagram { path, message } => (path, message),
            other => panic!("{other:?}"),
        }
    }

    /// The next connection: its number, path, host and message.
    fn connection(&mut self) -> (usize, usize, IpAddr, Vec<u8>) {
        match self.sent() {
            Transmit::Connect {
                stream,
                path,
                to,
                message,
            } => (stream, path, to, message),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until every path's query was sent once; the messages.
    fn queries<const N: usize>(&mut self) -> [Vec<u8>; N] {
        let mut messages = [const { Vec::new() }; N];
        while messages.iter().any(Vec::is_empty) {
            let (path, message) = self.query();
            messages[path] = message;
        }
        messages
    }

    /// Hears a response by UDP.
    fn hears(&mut self, path: usize, from: &str, message: &[u8]) -> Result<(), Discarded> {
        self.sender
            .handle_datagram(self.now, path, host(from), message)
    }

    /// Lets milliseconds pass.
    fn wait(&mut self, milliseconds: u64) -> Vec<Transmit> {
        let end = self.now + Duration::from_millis(milliseconds);
        let mut sent: Vec<_> = std::iter::from_fn(|| self.sender.poll_transmit()).collect();
        while let Some(next) = self.sender.poll_timeout().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.sender.handle_timeout(self.now);
            sent.extend(std::iter::from_fn(|| self.sender.poll_transmit()));
        }
        self.now = end;
        self.sender.handle_timeout(end);
        sent
    }

    /// Lets time pass until nothing more is to come.
    fn finish(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.step()).flatten().collect()
    }

    fn is_answered(&self) -> bool {
        self.sender.answer().is_some()
    }

    /// The records of the answer, as text with their interfaces.
    fn records(&self) -> Vec<String> {
        let answer = self.sender.answer().expect("an answer");
        let shown = |(device, record): (u32, &Record)| match &record.data {
            Rdata::A(address) => format!("{address} on {device}"),
            Rdata::Aaaa(address) => format!("{address} on {device}"),
            Rdata::Ptr(name) | Rdata::Cname(name) => format!("{name} on {device}"),
            other => format!("{other:?} on {device}"),
        };
        answer.records().into_iter().map(shown).collect()
    }

    fn outcome(&self) -> Outcome {
        self.sender.answer().expect("an answer").outcome()
    }
}

fn question(name: &str, kind: u16) -> Question {
    Question {
        name: Name::parse(name).unwrap(),
        kind,
        class: kind::IN,
    }
}

fn casa() -> Ask {
    Ask::new(question("casa", kind::A))
}

fn all(ask: Ask) -> Ask {
    Ask {
        collect: Collect::All,
        ..ask
    }
}

/// One path, over IPv4.
fn eth0() -> [Path; 1] {
    [path(ETH0, "10.0.0.1", &[("10.0.0.1", 24)])]
}

/// Paths over both families of one link.
fn both() -> [Path; 2] {
    let [ipv4] = eth0();
    [ipv4, path(ETH0, "fe80::1", &[("fe80::", 10)])]
}

fn path(device: u32, source: &str, networks: &[(&str, u8)]) -> Path {
    let network = |&(address, prefix): &(&str, u8)| Network {
        address: address.parse().unwrap(),
        prefix,
    };
    Path {
        device,
        source: source.parse().unwrap(),
        networks: networks.iter().map(network).collect(),
    }
}

/// LLMNR's port of a host.
fn host(address: &str) -> SocketAddr {
    match address.parse().unwrap() {
        IpAddr::V6(ip) => SocketAddrV6::new(ip, LLMNR, 0, 7).into(),
        ip => (ip, LLMNR).into(),
    }
}

fn record(owner: &str, data: Rdata) -> Record {
    Record::new(Name::parse(owner).unwrap(), 30, data).unwrap()
}

fn a(address: &str) -> Record {
    record("casa", Rdata::A(address.parse().unwrap()))
}

fn soa(owner: &str, ttl: u32, minimum: u32) -> Record {
    let name = Name::parse(owner).unwrap();
    let soa = Soa {
        mname: name.clone(),
        rname: name,
        serial: 99,
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum,
    };
    Record {
        ttl,
        ..record(owner, Rdata::Soa(soa))
    }
}

/// A response to a query, with these flags.
fn response(query: &[u8], flags: u16, answers: &[Record]) -> Message {
    let mut message = Message::read(query).unwrap();
    message.flags = flags;
    message.answers = answers.to_vec();
    message.additionals.clear();
    message
}

fn bytes(message: &Message) -> Vec<u8> {
    message.write(Compression::Unicast).unwrap()
}

/// The bytes of a response to a query, with these flags.
fn answers(query: &[u8], flags: u16, answers: &[Record]) -> Vec<u8> {
    bytes(&response(query, flags, answers))
}
