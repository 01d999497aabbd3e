//! No mDNS message stops the agent, slows it for others, or makes it grow; nor our tools.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use llamar_common::testing::{A, AAAA, Checksum, Query, mend};
use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{CONFIG, announced, start};
use crate::floods::{Usage, assert_no_larger, wait_until_idle};
use crate::support::DEADLINE;
use crate::support::agent::{LLAMAR, config_file};
use crate::support::chance::Draw as _;
use crate::support::lan::{Lan, v4, v6};
use crate::support::mdns::{
    ANY, PORT, PTR, RESPONSE, Record, SRV, Somebody, Speech, TRUNCATED, TXT,
};
use crate::support::process::Process;

/// Longest that one question may wait for its answer while others flood, on a machine that has much else to do.
const PATIENCE: Duration = DEADLINE;

/// Messages that mean no good, as many as one likes, always the same ones.
struct BadMessages {
    rng: StdRng,
    count: usize,
}

impl BadMessages {
    fn new() -> Self {
        Self {
            rng: StdRng::seed_from_u64(6762),
            count: 0,
        }
    }

    /// A host that may or may not exist, and sometimes the host itself.
    fn sender(&mut self) -> IpAddr {
        let last = self.rng.random_range(1..250);
        match self.rng.random_range(0..8) {
            0 => Ipv4Addr::new(192, 0, 2, last).into(),
            1..=4 => v4(last.max(3)).into(),
            5 => v4(1).into(),
            _ => Ipv6Addr::new(0xfe80, 0, 0, 0, 0x8000, 0, 0, last.into()).into(),
        }
    }

    /// Names of nobody, and those that are asked about; of ours none that is contested.
    fn name(&mut self) -> String {
        match self.rng.random_range(0..5) {
            0 => "_http._tcp.local".to_owned(),
            1 => "_services._dns-sd._udp.local".to_owned(),
            2 => format!("Some {}._http._tcp.local", self.rng.random_range(0..9999)),
            _ => format!("other{}.local", self.rng.random_range(0..9999)),
        }
    }

    fn kind(&mut self) -> u16 {
        self.rng
            .pick(&[A, AAAA, PTR, TXT, SRV, ANY, 47, 0, 5, 41, 0xffff])
    }

    /// A record whose data may be anything, seldom what its type asks for.
    fn record(&mut self) -> Record {
        let (name, kind) = (self.name(), self.kind());
        let (data, ttl) = (
            self.rng.bytes(60),
            self.rng.pick(&[0, 1, 120, 4500, u32::MAX]),
        );
        let record = match self.rng.random_range(0..5) {
            0 => Record::pointer(&name, &self.name()),
            1 => Record::server(&name, 80, &self.name()),
            2 => Record::text(&name, &["a=b", "", "=", "c"]),
            3 => Record::address(&name, [10, 7, 0, self.rng.random()]),
            _ => Record::new(&name, kind, ttl, data),
        };
        let record = if self.rng.random() {
            record.flush()
        } else {
            record
        };
        record.ttl(ttl)
    }

    fn speech(&mut self) -> Speech {
        let flags = self.rng.pick(&[0, RESPONSE, TRUNCATED, RESPONSE]);
        let mut speech = Speech::query().flags(flags);
        for _ in 0..self.rng.random_range(0..4) {
            let (name, kind) = (self.name(), self.kind());
            speech = speech.question_of_class(&name, kind, self.rng.pick(&[1, 0x8001, 255, 0]));
        }
        for _ in 0..self.rng.random_range(0..6) {
            let record = self.record();
            speech = match self.rng.random_range(0..3) {
                0 => speech.authority(&record),
                1 => speech.additional(&record),
                _ => speech.answer(&record),
            };
        }
        speech
    }

    fn query(&mut self) -> Query {
        let (sender, speech) = (self.sender(), self.speech());
        Somebody::frame(sender, &speech)
    }

    /// The next frame, each sort in its turn.
    fn frame(&mut self) -> Vec<u8> {
        self.count += 1;
        match self.count % 10 {
            0 => {
                let counts = [self.rng.random(), self.rng.random(), self.rng.random(), 9];
                let (sender, bytes) = (self.sender(), self.rng.bytes(900));
                Somebody::frame(sender, &Speech::query())
                    .counts(counts)
                    .records(&bytes)
                    .build()
            }
            1 => self.cut(),
            2 => self.pointers().build(),
            3 => {
                let port = self.rng.pick(&[0, 53, 5353, 5354, 65535]);
                self.query().port(port).build()
            }
            4 => {
                let flags = self.rng.random();
                self.query().flags(flags).build()
            }
            5 => {
                let counts = [self.rng.random(), 0xffff, 0xffff, 0xffff];
                self.query().counts(counts).build()
            }
            6 => {
                let bits = self.rng.random_range(1..0xffff);
                self.query().checksum(Checksum::Wrong(bits)).build()
            }
            7 => self.long().build(),
            _ => self.query().build(),
        }
    }

    /// A message that is cut off anywhere.
    fn cut(&mut self) -> Vec<u8> {
        let query = self.query();
        let length = self.rng.random_range(0..query.message().len());
        let mut frame = query.build();
        let headers = frame.len() - query.message().len();
        frame.truncate(headers + length);
        mend(&mut frame, true);
        frame
    }

    /// Compression that leads to itself, ahead, or nowhere, in many records.
    fn pointers(&mut self) -> Query {
        let to = self.rng.pick(&[0x0c, 0x0d, 0x0e, 0xff, 0x00]);
        let record = [&[0xc0, to, 0, 12, 0, 1][..], &[0, 0, 0, 1, 0, 2, 0xc0, to]].concat();
        let (flags, sender) = (self.rng.pick(&[RESPONSE, 0, TRUNCATED]), self.sender());
        Somebody::frame(sender, &Speech::query())
            .records(&record.repeat(80))
            .counts([0, 80, 0, 0])
            .flags(flags)
    }

    /// Questions and known answers as many as go into a frame, that are to be kept in mind for half a second.
    fn long(&mut self) -> Query {
        let mut speech = Speech::asking("_http._tcp.local", PTR).flags(TRUNCATED);
        for _ in 0..16 {
            let pointer = Record::pointer("_http._tcp.local", &self.name());
            speech = speech.answer(&pointer);
        }
        let sender = self.sender();
        Somebody::frame(sender, &speech)
    }
}

/// Asks by unicast until there is an answer; how long that took.
#[track_caller]
fn ask(somebody: &Somebody, name: &str, from: IpAddr) -> Duration {
    let begin = Instant::now();
    let question = Speech::query().unicast_question(name, A);
    let record = format!("{name} A 120 flush 10.7.0.1");
    loop {
        somebody.say(from, &question);
        let again = Instant::now() + Duration::from_millis(300);
        while Instant::now() < again {
            let frames = somebody.wire().drain();
            let told = frames
                .iter()
                .filter_map(|frame| crate::support::mdns::Heard::decode(frame));
            if told.into_iter().any(|heard| heard.tells(&record)) {
                return begin.elapsed();
            }
        }
        let waited = begin.elapsed();
        assert!(waited < PATIENCE, "no answer within {PATIENCE:?}");
    }
}

// RFC 6762 6, 18: A9, A10, A14, A38
#[test]
fn malformed_and_forged_messages_by_the_thousand_change_nothing_for_others() {
    /// Frames between two questions.
    const BATCH: usize = 50;
    const BATCHES: usize = 60;
    /// Frames as fast as they go.
    const BLAST: usize = 20_000;
    let lan = or_skip!(Lan::new(2));
    let (mut agent, somebody) = announced(&lan);
    let before = Usage::of(&agent);
    let mut bad = BadMessages::new();
    let mut slowest = Duration::ZERO;
    for batch in 0..BATCHES {
        for _ in 0..BATCH {
            somebody.wire().send(&bad.frame());
        }
        let from = if batch % 2 == 0 {
            v4(2).into()
        } else {
            v6(2).into()
        };
        slowest = slowest.max(ask(&somebody, "casa.local", from));
    }
    println!("slowest answer {slowest:?}");
    for _ in 0..BLAST {
        somebody.wire().send(&bad.frame());
    }
    ask(&somebody, "casa.local", v4(2).into());
    wait_until_idle(&agent);
    assert_no_larger(&agent, before, 0);
    agent.assert_alive();
    // All names are still as they were.
    let said = agent.said();
    assert!(!said.contains("casa-2"), "{said}");
    let (status, said) = agent.terminate();
    assert!(status.success(), "{status:?}: {said}");
}

// RFC 6762 8.1, 9: A25, A28
#[test]
fn claims_to_our_names_by_the_hundred_leave_us_one_and_a_log_that_can_be_read() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let mut agent = start(lan.host(1), &config_file(CONFIG), &[]);
    // Whatever name is tried, somebody has it.
    let end = Instant::now() + Duration::from_secs(6);
    let mut tried = Vec::new();
    while Instant::now() < end {
        for heard in somebody.heard() {
            for asked in heard.questions.iter().filter(|_| !heard.is_response()) {
                if asked.name.starts_with("casa") {
                    let record = Record::address(&asked.name, [10, 7, 0, 66]).flush();
                    somebody.say(v4(2), &Speech::telling(&record));
                    tried.push(asked.name.clone());
                }
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    tried.dedup();
    // RFC 6762 8.1: after fifteen conflicts within ten seconds, a try in five seconds.
    assert!((2..=20).contains(&tried.len()), "{tried:?}");
    let lines = agent.said().lines().count();
    assert!(lines < 100, "{}", agent.said());
    ask(&somebody, "ñandú.local", v4(2).into());
    agent.assert_alive();
}

// RFC 6762 5.2, 10.2: A4, A31
#[test]
fn records_that_are_made_up_neither_grow_the_agent_nor_a_tool_that_looks() {
    const RECORDS: usize = 30_000;
    let lan = or_skip!(Lan::new(2));
    let (mut agent, somebody) = announced(&lan);
    let mut command = lan.host(1).service(LLAMAR);
    command.args(["dnssd", "-i", "eth0", "--json", "--type", "_http._tcp"]);
    let mut live = Process::start("llamar dnssd", command);
    live.wait_for_words(&["resolve", "Web on casa"]);
    let before = Usage::of(&agent);
    for number in 0..RECORDS {
        let name = format!("Made up {number}._http._tcp.local");
        let host = format!("made-up-{number}.local");
        let speech = Speech::telling(&Record::pointer("_http._tcp.local", &name))
            .answer(&Record::server(&name, 80, &host).flush())
            .answer(&Record::text(&name, &["a=b"]).flush())
            .additional(&Record::address(&host, [10, 7, 0, 9]).flush());
        let port = if number % 100 == 0 { 4000 } else { PORT };
        somebody
            .wire()
            .send(&Somebody::frame(v4(2), &speech).port(port).build());
        if number % 500 == 0 {
            ask(&somebody, "casa.local", v4(2).into());
        }
    }
    ask(&somebody, "casa.local", v4(2).into());
    assert_no_larger(&agent, before, 0);
    let resident = Usage::of_process(live.pid()).resident();
    assert!(resident < 64 * 1024, "llamar dnssd uses {resident} KiB");
    agent.assert_alive();
    live.signal(Signal::SIGINT);
    assert_eq!(live.wait().code(), Some(0));
}
