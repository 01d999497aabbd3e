//! What comes while the agent does something else waits for it together: each of it is dealt with as if it had come
//! alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use llamar_common::testing::{A, AAAA, FrameBuilder, LLMNR_PORT, Query};
use serde_json::Value;

use crate::support::agent::Agent;
use crate::support::reply::Reply;
use crate::support::scene::{
    PEER_LOCAL_V6, PEER_V4, PEER_V6, Path, Scene, asker, own_address_for, own_addresses,
};
use crate::support::wait_until;

const CONFLICT: u16 = 0x0400;
/// Messages of each kind; all together they are several times what the agent takes at once.
const EACH: u16 = 20;

/// One message of each kind, and what it is counted as; those that are answered first.
fn messages(round: u16) -> [(Query, &'static str); 7] {
    let from = |ip: IpAddr| FrameBuilder::llmnr(asker(ip));
    let messages = [
        (from(PEER_V4.into()).question("casa", A), "llmnr-answered"),
        (
            from(PEER_V6.into()).question("casa", AAAA),
            "llmnr-answered",
        ),
        (
            from(PEER_LOCAL_V6.into()).question("casa", A),
            "llmnr-answered",
        ),
        (from(PEER_V4.into()).question("nobody", A), "llmnr-foreign"),
        (from(PEER_V6.into()).question("nobody", A), "llmnr-foreign"),
        (from(PEER_V4.into()).records(b"\x3fcut"), "llmnr-malformed"),
        (
            from(PEER_V4.into()).question("casa", A).flags(CONFLICT),
            "llmnr-conflict-query",
        ),
    ];
    let mut kind = 0;
    messages.map(|(query, counted)| {
        kind += 1;
        // Each from a port of its own.
        let id = kind * 1000 + round;
        (query.id(id).port(30_000 + id), counted)
    })
}

/// What userspace counted.
fn counts(agent: &Agent<'_>) -> BTreeMap<String, u64> {
    let report: Value = serde_json::from_str(&agent.printed(&["status", "--json"])).expect("JSON");
    let counts = report["links"][0]["userspace"].as_object().expect("counts");
    let counts = counts.iter();
    counts
        .map(|(kind, count)| (kind.clone(), count.as_u64().expect("a number")))
        .collect()
}

// RFC 4795 2.3, 2.5, 4.2: R7, R9
#[test]
fn what_comes_in_a_burst_is_answered_and_counted_one_by_one() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    let (wire, before) = (scene.wire(), counts(&agent));
    wire.hold(4 << 20);
    let rounds = || (0..EACH).map(messages);
    {
        let _stopped = agent.stopped();
        for (query, _) in rounds().flatten() {
            wire.send(&query.build());
        }
    }
    let mut answers = BTreeMap::new();
    wait_until("all answers", || {
        let frames = wire.drain().into_iter();
        let replies = frames.filter_map(|frame| Reply::decode(&frame));
        answers.extend(replies.map(|reply| (reply.message.id, reply)));
        answers.len() >= 3 * usize::from(EACH)
    });
    let expected = rounds().flat_map(|messages| messages.into_iter().take(3));
    for (query, _) in expected {
        let reply = answers.remove(&query.sent_id()).expect("an answer to each");
        let from = query.sender().ip;
        let kind = if from == IpAddr::from(PEER_V6) {
            AAAA
        } else {
            A
        };
        let to = SocketAddr::new(from, query.sent_port());
        assert_eq!((reply.destination, reply.ttl), (to, 255));
        assert_eq!(reply.source.ip(), own_address_for(from));
        reply
            .message
            .assert_answers("casa", kind, 30, &own_addresses(kind, from));
    }
    assert!(answers.is_empty(), "{answers:?}");
    let mut sent = BTreeMap::<&str, u64>::new();
    for (_, counted) in rounds().flatten() {
        *sent.entry(counted).or_default() += 1;
    }
    let of = |counts: &BTreeMap<String, u64>, kind| counts.get(kind).copied().unwrap_or(0);
    let counted = |kind| of(&counts(&agent), kind) - of(&before, kind);
    // Who is answered is counted before; of the others nobody sees when they are dealt with.
    assert_eq!(counted("llmnr-answered"), sent["llmnr-answered"]);
    wait_until("everything to be counted", || {
        sent.iter().all(|(kind, count)| counted(kind) >= *count)
    });
    for (kind, count) in sent {
        assert_eq!(counted(kind), count, "{kind}");
    }
}

#[test]
fn of_more_than_waits_for_the_engine_at_a_time_none_is_lost() {
    const COUNT: u16 = 150;
    let scene = or_skip!(Scene::new(Path::Userspace));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    let wire = scene.wire();
    wire.hold(4 << 20);
    // What comes from LLMNR's own port is the engine's.
    let query = |from: IpAddr, id| {
        let query = FrameBuilder::llmnr(asker(from)).question("casa", A);
        query.id(id).port(LLMNR_PORT).build()
    };
    for (round, from) in [PEER_V4.into(), PEER_V6.into()]
        .into_iter()
        .cycle()
        .take(6)
        .enumerate()
    {
        let first = COUNT * round as u16;
        {
            let _stopped = agent.stopped();
            (first..first + COUNT).for_each(|id| wire.send(&query(from, id)));
        }
        let mut answered = BTreeSet::new();
        wait_until("all answers", || {
            let replies = wire.drain().into_iter();
            let replies = replies.filter_map(|frame| Reply::decode(&frame));
            answered.extend(replies.map(|reply| reply.message.id));
            answered.len() >= usize::from(COUNT)
        });
        assert_eq!(answered, (first..first + COUNT).collect());
    }
}
