//! No packet and no TCP client stops the agent, slows it for others, or makes it grow: floods of everything that can be
//! wrong, and then, or meanwhile, a question like any other.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path as FilePath;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use etherparse::{SlicedPacket, TransportSlice};
use llamar_common::testing::{
    A, AAAA, BROADCAST, Checksum, FrameBuilder, LLMNR_PORT, Query, Station, mend,
};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::support::agent::{Agent, config_file};
use crate::support::chance::Draw as _;
use crate::support::message::Message;
use crate::support::net::Namespace;
use crate::support::reply::Reply;
use crate::support::scene::{HOST_MAC, HOST_V4, HOST_V6, PEER_V4, Path, Scene, asker};
use crate::support::tcp::{connected, receive, try_send};
use crate::support::wait_until;
use crate::support::wire::Wire;

const ANY: u16 = 255;
const CONFLICT: u16 = 0x0400;
const RESPONSE: u16 = 0x8000;
/// Longest that one question may wait for its answer while others flood, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the agent may grow by: its buffers, the connections it holds, and what the allocator keeps of them.
const GROWTH_KIB: u64 = 12 * 1024;

/// What a process uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Memory in KiB.
    resident: u64,
    /// Open files.
    files: usize,
    /// CPU time in ticks of 10 ms.
    ticks: u64,
}

impl Usage {
    pub(crate) fn of(agent: &Agent<'_>) -> Self {
        Self::of_process(agent.pid())
    }

    /// What a process uses.
    pub(crate) fn of_process(pid: i32) -> Self {
        let process = format!("/proc/{pid}");
        let read =
            |file: &str| fs::read_to_string(format!("{process}/{file}")).expect("of the process");
        let status = read("status");
        let resident = status.split_once("VmRSS:").expect("VmRSS").1;
        let stat = read("stat");
        // Behind the name, in which anything may be: utime and stime are the 12th and 13th.
        let fields = stat.rsplit_once(") ").expect("a name").1.split(' ');
        let times = fields
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().expect("ticks"));
        Self {
            resident: resident
                .split_whitespace()
                .next()
                .expect("a number")
                .parse()
                .expect("KiB"),
            files: fs::read_dir(format!("{process}/fd"))
                .expect("its files")
                .count(),
            ticks: times.sum(),
        }
    }

    /// Memory in KiB.
    pub(crate) fn resident(self) -> u64 {
        self.resident
    }
}

/// Waits until the agent does next to nothing: at most 2 ticks in half a second.
#[track_caller]
pub(crate) fn wait_until_idle(agent: &Agent<'_>) {
    wait_until("the agent to be idle", || {
        let before = Usage::of(agent).ticks;
        std::thread::sleep(Duration::from_millis(500));
        Usage::of(agent).ticks - before <= 2
    });
}

/// Asserts that the agent uses what it used before, and says what it uses.
#[track_caller]
pub(crate) fn assert_no_larger(agent: &Agent<'_>, before: Usage, files: usize) {
    let after = Usage::of(agent);
    println!("before {before:?}, after {after:?}");
    assert!(
        after.resident <= before.resident + GROWTH_KIB,
        "{before:?} -> {after:?}"
    );
    assert!(
        after.files <= before.files + files,
        "{before:?} -> {after:?}"
    );
}

/// Someone on the link who asks, and counts the queries that the host sends.
struct Onlooker {
    wire: Wire,
    next_id: u16,
    queries: usize,
    slowest: Duration,
}

impl Onlooker {
    fn new(scene: &Scene) -> Self {
        Self {
            wire: scene.wire(),
            next_id: 0xf000,
            queries: 0,
            slowest: Duration::ZERO,
        }
    }

    /// Asks for a name like anybody, again if there is no answer for some time, and takes note of how long that took.
    #[track_caller]
    fn ask(&mut self, from: IpAddr) {
        let begin = Instant::now();
        loop {
            self.next_id += 1;
            let query = FrameBuilder::llmnr(asker(from))
                .question("casa", A)
                .id(self.next_id);
            self.wire.send(&query.build());
            let again = Instant::now() + Duration::from_millis(300);
            while Instant::now() < again {
                if self.look(self.next_id) {
                    self.slowest = self.slowest.max(begin.elapsed());
                    return;
                }
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "no answer over UDP within {PATIENCE:?}"
            );
        }
    }

    /// Takes in what has come; whether an answer with that id is among it.
    fn look(&mut self, id: u16) -> bool {
        let mut answered = false;
        for frame in self.wire.drain() {
            if is_query(&frame) {
                self.queries += 1;
            } else if Reply::decode(&frame).is_some_and(|reply| reply.message.id == id) {
                answered = true;
            }
        }
        answered
    }
}

/// Whether a frame is an LLMNR query of the host's.
fn is_query(frame: &[u8]) -> bool {
    let Ok(packet) = SlicedPacket::from_ethernet(frame) else {
        return false;
    };
    let Some(TransportSlice::Udp(udp)) = packet.transport else {
        return false;
    };
    let flags = udp.payload().get(2).copied().unwrap_or_default();
    frame[6..12] == HOST_MAC && udp.destination_port() == LLMNR_PORT && flags & 0x80 == 0
}

/// Asks over TCP on a new connection, on another one if that is closed; how long that took.
#[track_caller]
fn ask_over_tcp(scene: &Scene, to: IpAddr) -> Duration {
    let begin = Instant::now();
    let query = FrameBuilder::llmnr(asker(PEER_V4))
        .question("casa", A)
        .id(77)
        .message();
    let answer = loop {
        if let Some(answer) = try_over_tcp(&scene.peer, to, &query) {
            break answer;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "no answer over TCP within {PATIENCE:?}"
        );
    };
    assert_eq!(
        (answer.id, answer.flags, answer.answers.len()),
        (77, RESPONSE, 2)
    );
    begin.elapsed()
}

/// The answer on a new connection. `None` if that is closed because this asker was kept waiting before it asked: it was
/// as silent as those who flood then, and may lose its place to them.
#[track_caller]
fn try_over_tcp(from: &Namespace, to: IpAddr, message: &[u8]) -> Option<Message> {
    const PROMPT: Duration = Duration::from_millis(20);
    let begin = Instant::now();
    let mut stream = connected(from, to);
    let sent = try_send(&mut stream, message);
    let was_prompt = begin.elapsed() < PROMPT;
    let answer = sent.ok().and_then(|()| receive(&mut stream));
    assert!(
        answer.is_some() || !was_prompt,
        "closed on who asks at once"
    );
    answer
}

/// Frames that mean no good, as many as one likes, always the same ones.
struct BadFrames {
    rng: StdRng,
    count: usize,
}

impl BadFrames {
    fn new() -> Self {
        Self {
            rng: StdRng::seed_from_u64(4795),
            count: 0,
        }
    }

    /// A host that may or may not exist, and sometimes our own. All addresses are larger than ours but for that: no
    /// forged response of theirs takes a name that is verified (RFC 4795 4.2).
    fn station(&mut self) -> Station {
        let last: u8 = self.rng.random_range(3..250);
        let mac = [2, 0, 0, 1, 0, last];
        let ip = match self.rng.random_range(0..40) {
            0 => IpAddr::from(HOST_V4),
            1 => HOST_V6.into(),
            n if n % 2 == 0 => [10, 7, 0, last].into(),
            _ => Ipv6Addr::new(0xfe80, 0, 0, 0, 0x8000, 0, 0, last.into()).into(),
        };
        Station::new(mac, ip)
    }

    fn name(&mut self) -> String {
        match self.rng.random_range(0..4) {
            0 => "casa".to_owned(),
            1 => format!("held{}", self.rng.random_range(0..40)),
            2 => format!("file{}", self.rng.random_range(0..3000)),
            _ => format!("other{}", self.rng.random_range(0..3000)),
        }
    }

    fn query(&mut self) -> Query {
        let (station, name, kind) = (
            self.station(),
            self.name(),
            self.rng.pick(&[A, AAAA, 12, 16, ANY]),
        );
        let id = self.rng.random_range(0..0xf000);
        FrameBuilder::llmnr(station).question(&name, kind).id(id)
    }

    /// A query whose question, or what follows it, is these bytes.
    fn raw(&mut self, counts: [u16; 4], bytes: &[u8]) -> Query {
        let station = self.station();
        FrameBuilder::llmnr(station).records(bytes).counts(counts)
    }

    /// The next frame, each sort in its turn.
    fn frame(&mut self) -> Vec<u8> {
        self.count += 1;
        match self.count % 12 {
            0 => {
                let counts = [self.rng.random(), self.rng.random(), 0, self.rng.random()];
                let bytes = self.rng.bytes(900);
                self.raw(counts, &bytes).build()
            }
            1 => self.cut(),
            2 => self.pointers().build(),
            3 => self.edns().build(),
            4 => self.misdirected().build(),
            5 => {
                let (port, to) = (
                    self.rng.pick(&[0, 53, 5355, 65535]),
                    self.rng.pick(&[5355, 5355, 5353, 0]),
                );
                self.query().port(port).to_port(to).build()
            }
            // Notes of conflicts, true ones by their looks.
            6 | 7 => self.query().flags(CONFLICT).build(),
            8 => self.forged().build(),
            9 => {
                let flags = self.rng.random();
                self.query()
                    .flags(flags)
                    .counts([1, 0xffff, 0xffff, 0xffff])
                    .build()
            }
            10 => self.names().build(),
            _ => {
                let sum = Checksum::Wrong(self.rng.random());
                let off = self.rng.pick(&[-9, -1, 1, 400]);
                let query = self.query();
                if off == 1 {
                    query.checksum(sum).build()
                } else {
                    query.udp_length_off_by(off).build()
                }
            }
        }
    }

    /// A query that is cut off anywhere in its message.
    fn cut(&mut self) -> Vec<u8> {
        let query = self.query().with_opt();
        let length = self.rng.random_range(0..query.message().len());
        let mut frame = query.build();
        let headers = frame.len() - query.message().len();
        frame.truncate(headers + length);
        mend(&mut frame, true);
        frame
    }

    /// Compression that leads to itself, ahead, or nowhere, in a question or in a record.
    fn pointers(&mut self) -> Query {
        let to = self.rng.pick(&[0x0c, 0x0d, 0x0e, 0xff, 0x00]);
        let pointer = [0xc0, to, 0, 1, 0, 1];
        if self.rng.random() {
            return self.raw([1, 0, 0, 0], &pointer);
        }
        let record = [&pointer[..], &[0, 0, 0, 1, 0, 4, 10, 7, 0, 9]].concat();
        let flags = self.rng.pick(&[CONFLICT, RESPONSE, 0]);
        self.query()
            .records(&record.repeat(60))
            .counts([1, 20, 0, 60])
            .flags(flags)
            .port(LLMNR_PORT)
    }

    fn edns(&mut self) -> Query {
        const OPT: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
        let query = self.query();
        match self.rng.random_range(0..5) {
            0 => query.with_opt().with_opt(),
            1 => query
                .records(b"\0\0\x29\x04\xd0\0\x09\0\0\0\0")
                .counts([1, 0, 0, 1]),
            2 => query
                .records(b"\0\0\x29\x04\xd0\0\0\0\0\xff\xff")
                .counts([1, 0, 0, 1]),
            3 => query
                .records(b"\0\0\x29\xff\xff\xff\xff\xff\xff\0\x04\0\x03\0\x09")
                .counts([1, 0, 0, 1]),
            _ => query.records(&OPT.repeat(80)).counts([1, 0, 0, 80]),
        }
    }

    /// To the host alone, to other groups, to everybody.
    fn misdirected(&mut self) -> Query {
        let query = self.query();
        match (query.sender().ip.is_ipv4(), self.rng.random::<bool>()) {
            (true, true) => query.to(HOST_V4).to_mac(HOST_MAC),
            (true, false) => query
                .to(self.rng.pick(&[
                    Ipv4Addr::BROADCAST,
                    [224, 0, 0, 251].into(),
                    [10, 7, 0, 255].into(),
                ]))
                .to_mac(BROADCAST),
            (false, true) => query.to(HOST_V6).to_mac(HOST_MAC),
            (false, false) => query.to(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)),
        }
    }

    /// A response that nobody asked for, or that guesses the id of a verification.
    fn forged(&mut self) -> Query {
        let (flags, to_host) = (
            RESPONSE | self.rng.pick(&[0, 0x0100, CONFLICT, 0x0200, 3]),
            self.rng.random(),
        );
        let query = self.query().flags(flags).port(LLMNR_PORT);
        match (to_host, query.sender().ip) {
            (true, IpAddr::V4(_)) => query.to(HOST_V4).to_mac(HOST_MAC),
            (true, IpAddr::V6(_)) => query.to(HOST_V6).to_mac(HOST_MAC),
            _ => query,
        }
    }

    /// Names as long as can be, longer, and with octets of length that are none.
    fn names(&mut self) -> Query {
        let labels = self.rng.pick(&[1, 60, 127, 128, 600]);
        let mut name: Vec<u8> = b"\x01a".repeat(labels);
        match self.rng.random_range(0..4) {
            0 => name.insert(0, 0x40),
            1 => name.insert(0, 0x80),
            2 => name
                .splice(0..0, [&[63][..], &[0xff; 63]].concat())
                .for_each(drop),
            _ => {}
        }
        name.push(0);
        let station = self.station();
        FrameBuilder::llmnr(station).question_wire(&name, A, 1)
    }
}

/// How many names an agent answers for, and how many of them it has verified.
fn names(agent: &Agent<'_>) -> (usize, usize) {
    let report: Value = serde_json::from_str(&agent.printed(&["names", "--json"])).expect("JSON");
    let rows = report["names"].as_array().expect("names");
    let unique = rows.iter().filter(|row| row["state"] == "unique").count();
    (rows.len(), unique)
}

/// What userspace has counted on the link.
pub(crate) fn counted(agent: &Agent<'_>, what: &str) -> u64 {
    let report: Value = serde_json::from_str(&agent.printed(&["status", "--json"])).expect("JSON");
    report["links"][0]["userspace"][what].as_u64().unwrap_or(0)
}

/// Sends rubbish while others ask.
fn rubbish_is_withstood_on(path: Path) {
    /// Frames between two questions: what the agent's sockets hold, so that it has to read all of it.
    const BATCH: usize = 60;
    const BATCHES: usize = 100;
    /// Frames as fast as they go.
    const BLAST: usize = 30_000;
    const HELD: usize = 41;
    let scene = or_skip!(Scene::new(path));
    let mut text = String::from("names = [\"casa\"]\nhosts-file = \"hosts\"\n[hosts]\n");
    for number in 0..HELD - 1 {
        writeln!(text, "held{number} = \"10.7.0.9\"").expect("write to a string");
    }
    let config = config_file(&text);
    let hosts = (0..3000)
        .map(|number| format!("10.7.0.8 file{number}\n"))
        .collect::<String>();
    fs::write(FilePath::new(&config.path).with_file_name("hosts"), hosts).expect("write a file");
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    agent.wait_until_verified();
    let mut onlooker = Onlooker::new(&scene);
    let tcp = || {
        let v4 = ask_over_tcp(&scene, HOST_V4.into());
        v4.max(ask_over_tcp(&scene, HOST_V6.into()))
    };
    tcp();
    let before = Usage::of(&agent);
    let mut bad = BadFrames::new();
    let begin = Instant::now();
    onlooker.look(0);
    onlooker.queries = 0;
    let sent = counted(&agent, "llmnr-verification");
    let flood = scene.wire();
    for _ in 0..BATCHES {
        for _ in 0..BATCH {
            flood.send(&bad.frame());
        }
        onlooker.ask(PEER_V4.into());
    }
    let (paced, slowest) = (begin.elapsed(), onlooker.slowest);
    let ended = AtomicBool::new(false);
    let mut over_tcp = Duration::ZERO;
    std::thread::scope(|scope| {
        let flooding = || {
            let frames = (0..BLAST).map(|_| bad.frame());
            frames.for_each(|frame| flood.send(&frame));
            ended.store(true, Ordering::Relaxed);
        };
        scope.spawn(flooding);
        while !ended.load(Ordering::Relaxed) {
            over_tcp = over_tcp.max(tcp());
            onlooker.look(0);
        }
    });
    onlooker.ask(PEER_V4.into());
    onlooker.ask(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 2).into());
    let sent = counted(&agent, "llmnr-verification") - sent;
    let flooded = begin.elapsed();
    println!(
        "{} frames in {paced:?}, an answer within {slowest:?}; {BLAST} more until {flooded:?}, answers within {:?}, over TCP \
         {over_tcp:?}; {sent} queries sent, {} seen",
        BATCH * BATCHES,
        onlooker.slowest,
        onlooker.queries,
    );
    // RFC 4795 4.2: conflicts that are told are looked into, four names at a time, each with up to three queries over
    // each of two families in 0.4 s or more.
    let most = 60.0 * flooded.as_secs_f64() + 48.0;
    for queries in [sent as f64, onlooker.queries as f64] {
        assert!(
            0.0 < queries && queries < most,
            "{queries} queries, expected up to {most}"
        );
    }
    assert!(tcp().max(over_tcp) < PATIENCE);
    wait_until_idle(&agent);
    assert_no_larger(&agent, before, 2);
    // Nothing of ours was lost by what was made up.
    assert_eq!(names(&agent), (HELD + 3000, HELD + 3000));
    agent.assert_alive();
    assert!(!agent.said().contains("panicked"), "{}", agent.said());
}

// RFC 4795 2.1.1, 2.4, 2.5, 4.2, 5.1; RFC 1035 3.1, 4.1.4; RFC 6891 6.1.1: R3, R4, R14, R22, R23, R48, R50, R51, R58, R65
#[test]
fn malformed_and_forged_messages_by_the_thousand_change_nothing_for_others() {
    rubbish_is_withstood_on(Path::Userspace);
}

// RFC 4795 2.1.1, 2.4, 2.5, 4.2, 5.1; RFC 1035 3.1, 4.1.4; RFC 6891 6.1.1: R3, R4, R14, R22, R23, R48, R50, R51, R58, R65
#[test]
fn malformed_and_forged_messages_by_the_thousand_change_nothing_beside_the_kernel_path() {
    rubbish_is_withstood_on(Path::GenericVeth);
}

// RFC 4795 5.1
#[test]
fn responses_that_wait_for_hosts_that_do_not_exist_keep_nobody_waiting() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    let mut onlooker = Onlooker::new(&scene);
    let wire = scene.wire();
    for number in 0..1200_u16 {
        let last = 10 + (number % 200) as u8;
        let forged = Station::new([2, 0, 0, 1, 0, last], [10, 7, 0, last]);
        wire.send(
            &FrameBuilder::llmnr(forged)
                .question("casa", A)
                .id(number)
                .build(),
        );
        if number % 50 == 49 {
            onlooker.ask(PEER_V4.into());
        }
    }
    assert_eq!(counted(&agent, "llmnr-send-failed"), 0);
    assert!(counted(&agent, "llmnr-answered") >= 1224);
}

/// The first segment of a connection from a host that does not exist.
fn syn(number: usize) -> Vec<u8> {
    let sender = Station::new([2, 0, 0, 1, 0, 9], [10, 7, 0, 100 + (number % 100) as u8]);
    // The headers of a query to the host, and TCP in the place of UDP.
    let query = FrameBuilder::llmnr(sender)
        .to(HOST_V4)
        .to_mac(HOST_MAC)
        .ttl(64);
    let mut frame = query.build();
    frame.truncate(34);
    frame[16..18].copy_from_slice(&40_u16.to_be_bytes());
    frame[23] = 6;
    frame[24..26].fill(0);
    let sum = !sum(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame.extend((1024 + number as u16).to_be_bytes());
    frame.extend(LLMNR_PORT.to_be_bytes());
    // Sequence 1, 20 bytes of header, SYN.
    frame.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x10, 0, 0, 0, 0, 0]);
    // RFC 9293 3.1: over a pseudo-header too.
    let covered = [&frame[26..], &[0, 6, 0, 20]].concat();
    let sum = !self::sum(&covered);
    frame[50..52].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// The sum of RFC 1071 over an even number of bytes.
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// How many connections of the host's port 5355 are half open.
fn half_open(scene: &Scene) -> usize {
    const SYN_RECEIVED: &str = "03";
    let table = scene
        .host
        .inside(|| fs::read_to_string("/proc/thread-self/net/tcp"));
    let table = table.expect("the TCP connections");
    let states = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(3));
    states.filter(|state| *state == SYN_RECEIVED).count()
}

// RFC 1035 4.2.2: R55
#[test]
fn half_open_connections_by_the_thousand_keep_nobody_out() {
    const SYNS: usize = 5000;
    let scene = or_skip!(Scene::new(Path::Userspace));
    scene.host.set("net/ipv4/tcp_syncookies", "1");
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    ask_over_tcp(&scene, HOST_V4.into());
    let before = Usage::of(&agent);
    let (wire, mut onlooker) = (scene.wire(), Onlooker::new(&scene));
    let mut slowest = Duration::ZERO;
    for number in 0..SYNS {
        wire.send(&syn(number));
        if number % 1000 == 999 {
            slowest = slowest.max(ask_over_tcp(&scene, HOST_V4.into()));
        }
    }
    onlooker.ask(PEER_V4.into());
    let half_open = half_open(&scene);
    println!(
        "{half_open} half open, over TCP {slowest:?}, over UDP {:?}",
        onlooker.slowest
    );
    assert!((100..SYNS).contains(&half_open), "{half_open}");
    assert!(slowest < PATIENCE, "{slowest:?}");
    ask_over_tcp(&scene, HOST_V6.into());
    wait_until_idle(&agent);
    assert_no_larger(&agent, before, 2);
    agent.assert_alive();
}

// RFC 1035 4.2.2: R55
#[test]
fn ten_thousand_silent_connections_keep_nobody_out() {
    const SILENT: u16 = 10_000;
    /// What the agent keeps of them; as many and some more stay open on the clients' side.
    const PLACES: usize = 512;
    let scene = or_skip!(Scene::new(Path::Userspace));
    // Each from a host of its own, so that no limit by client helps.
    scene.peer.ip("route add local 10.1.0.0/16 dev lo");
    scene
        .host
        .ip(&format!("route add 10.1.0.0/16 via {PEER_V4}"));
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    ask_over_tcp(&scene, HOST_V4.into());
    let before = Usage::of(&agent);
    let mut onlooker = Onlooker::new(&scene);
    let server: SocketAddr = (HOST_V4, LLMNR_PORT).into();
    let connect = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a socket");
        let from = SocketAddr::from(([10, 1, high, low], 0));
        socket.bind(&from.into()).expect("bind");
        socket
            .connect_timeout(&server.into(), PATIENCE)
            .expect("connect");
        socket
    };
    let ended = AtomicBool::new(false);
    let (mut slowest, begin) = (Duration::ZERO, Instant::now());
    let open = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let open = scene.peer.inside(|| {
                let mut open = VecDeque::new();
                for number in 0..SILENT {
                    open.push_back(connect(number));
                    if open.len() > PLACES + 100 {
                        open.pop_front();
                    }
                }
                open
            });
            ended.store(true, Ordering::Relaxed);
            open
        });
        while !ended.load(Ordering::Relaxed) {
            slowest = slowest.max(ask_over_tcp(&scene, HOST_V4.into()));
            onlooker.ask(PEER_V4.into());
        }
        flood.join().expect("all of them connect")
    });
    let made = begin.elapsed();
    // All who still wait are there when others ask.
    slowest = slowest.max(ask_over_tcp(&scene, HOST_V4.into()));
    slowest = slowest.max(ask_over_tcp(&scene, HOST_V6.into()));
    onlooker.ask(PEER_V4.into());
    println!(
        "{SILENT} made in {made:?}, over TCP {slowest:?}, over UDP {:?}",
        onlooker.slowest
    );
    assert!(
        slowest < PATIENCE && onlooker.slowest < PATIENCE,
        "{slowest:?}"
    );
    wait_until_idle(&agent);
    assert!(
        Usage::of(&agent).files > before.files + PLACES / 2,
        "it holds many of them"
    );
    assert_no_larger(&agent, before, PLACES);
    drop(open);
    wait_until("the connections to be given up", || {
        Usage::of(&agent).files <= before.files + 2
    });
    agent.assert_alive();
}
