//! The limiter on real links: who floods is limited, another one is answered meanwhile, and after a pause the flooder is
//! answered again.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::testing::{A, FrameBuilder, LLMNR_PORT, Query, Station};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::agent::{Agent, config_file};
use crate::support::reply::Reply;
use crate::support::scene::{PEER_LOCAL_V4, PEER_LOCAL_V6, PEER_V4, PEER_V6, Path, Scene, asker};
use crate::support::wire::Wire;
use crate::support::{DEADLINE, wait_until};

/// Queries of one flood; no more than what the agent's sockets hold.
const FLOOD: u16 = 200;
const BURST: u64 = 40;
const RATE: u64 = 20;
/// After so long a flooder has all of his burst again.
const REFILLED: Duration = Duration::from_secs(BURST / RATE + 1);

/// Frames that were dropped by the limiter: in the kernel and in the agent.
fn limited(agent: &Agent<'_>) -> [u64; 2] {
    counted(agent, "llmnr-limited")
}

/// What was counted so: in the kernel and in the agent.
fn counted(agent: &Agent<'_>, what: &str) -> [u64; 2] {
    let report: Value = serde_json::from_str(&agent.printed(&["status", "--json"])).expect("JSON");
    let link = &report["links"][0];
    ["counters", "userspace"].map(|side| link[side][what].as_u64().unwrap_or(0))
}

/// Queries that were answered or dropped.
fn dealt_with(agent: &Agent<'_>) -> u64 {
    let both = ["llmnr-answered", "llmnr-limited"].map(|what| counted(agent, what));
    both.iter().flatten().sum()
}

fn query(from: Station, id: u16) -> Query {
    FrameBuilder::llmnr(from).question("casa", A).id(id)
}

/// Sends a flood from some ports and counts the answers; how long that took.
fn flood(agent: &Agent<'_>, wire: &Wire, from: Station, ports: &[u16]) -> (u64, Duration) {
    let (before, limited_before) = (dealt_with(agent), limited(agent));
    let begin = Instant::now();
    for (id, port) in (1..=FLOOD).zip(ports.iter().cycle()) {
        wire.send(&query(from, id).port(*port).build());
    }
    wait_until("each query to be dealt with", || {
        dealt_with(agent) - before >= u64::from(FLOOD)
    });
    let took = begin.elapsed();
    let dropped: u64 = limited(agent).iter().sum();
    let dropped = dropped - limited_before.iter().sum::<u64>();
    let mut answers = BTreeSet::new();
    let mut quiet = 0;
    let end = Instant::now() + DEADLINE;
    // An answer is counted before it is sent.
    let is_due = |told: usize| told as u64 + dropped < u64::from(FLOOD) && Instant::now() < end;
    while quiet < 3 || is_due(answers.len()) {
        let frames = wire.drain();
        quiet = if frames.is_empty() { quiet + 1 } else { 0 };
        let replies = frames.iter().filter_map(|frame| Reply::decode(frame));
        answers.extend(replies.map(|reply| reply.message.id));
    }
    (answers.len() as u64, took)
}

fn flooder_is_limited_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config = config_file(&format!(
        "names = [\"casa\"]\nlimit = \"off\"\n[interface.{}]\nlimit = {{ rate = \"{RATE}/s\", burst = {BURST} }}\n",
        path.interface()
    ));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    agent.wait_until_verified();
    let side = usize::from(path == Path::Userspace);
    // In userspace threads answer on the spot, but for what comes from LLMNR's own port: both take from one bucket.
    let ports = [50_000, LLMNR_PORT];
    let ports = if side == 1 { &ports[..] } else { &ports[..1] };
    let wire = scene.wire();
    let pairs: [(IpAddr, IpAddr); 2] = [
        (PEER_V4.into(), PEER_LOCAL_V4.into()),
        (PEER_V6.into(), PEER_LOCAL_V6.into()),
    ];
    for (flooder, other) in pairs {
        let mut again = false;
        let ((before, (answered, took), dropped), _) = agent.counted(|| {
            if std::mem::replace(&mut again, true) {
                std::thread::sleep(REFILLED);
                wire.drain();
            }
            let before = limited(&agent);
            let flood = flood(&agent, &wire, asker(flooder), ports);
            (before, flood, limited(&agent))
        });
        println!(
            "{flooder}: {answered} of {FLOOD} answered in {took:?}, {before:?} -> {dropped:?}"
        );
        // A tick of the clock more or less.
        let most = BURST + (RATE as f64 * took.as_secs_f64()) as u64 + 2;
        assert!((BURST..=most).contains(&answered), "{answered} answers");
        assert_eq!(dropped[1 - side], before[1 - side]);
        let dropped = dropped[side] - before[side];
        assert_eq!(dropped + answered, u64::from(FLOOD));
        wire.ask(&query(asker(other), 1_000));
        std::thread::sleep(Duration::from_millis(1_200));
        for id in 2_000..2_020 {
            wire.ask(&query(asker(flooder), id));
        }
    }
    let report = agent.printed(&["why", "casa", "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let told = report["notes"].as_array().expect("notes").iter();
    let limit = format!("limit allows ({RATE}/s, burst {BURST})");
    let mut told = told.filter_map(Value::as_str);
    assert!(told.any(|note| note.contains(&limit)), "{report}");
    reload(agent, &config.path, path, &wire);
}

/// The limit of the configuration that is in force is the one that holds.
fn reload(mut agent: Agent<'_>, config: &str, path: Path, wire: &Wire) {
    let said = agent.said().len();
    let text = format!(
        "names = [\"casa\"]\nlimit = 0\n[interface.{}]\n",
        path.interface()
    );
    std::fs::write(config, text).expect("write the config file");
    agent.signal(Signal::SIGHUP);
    agent.wait_for_words_after(said, &["configuration read again"]);
    wait_until("the limit to be off", || {
        let before = limited(&agent);
        let (answered, _) = flood(&agent, wire, asker(PEER_V4), &[50_000]);
        answered == u64::from(FLOOD) && limited(&agent) == before
    });
}

#[test]
fn flooder_is_limited_in_the_kernel_and_keeps_nobody_else_from_an_answer() {
    flooder_is_limited_on(Path::GenericVeth);
}

#[test]
fn flooder_is_limited_in_the_drivers_mode() {
    flooder_is_limited_on(Path::NativeVeth);
}

#[test]
fn flooder_is_limited_in_userspace_and_keeps_nobody_else_from_an_answer() {
    flooder_is_limited_on(Path::Userspace);
}
