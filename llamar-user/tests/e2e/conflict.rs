//! Another host uses an address of ours: it is found out and named, and what is done is what the configuration says.

use std::net::{IpAddr, Ipv4Addr};

use llamar_common::testing::{FrameBuilder, Mac, Station};
use llamar_common::wire::ndp::ALL_NODES;
use llamar_user::ether::MacAddr;
use llamar_user::ndp::{self, Advertisement, Message};
use serde_json::Value;

use crate::support::agent::{Agent, config_file, llamar};
use crate::support::net::Net;
use crate::support::peers::Peer;
use crate::support::reply::Arp;
use crate::support::scene::{
    HOST_LOCAL_V4, HOST_MAC, HOST_V4, HOST_V6, PEER_MAC, PEER_V4, Path, Scene, asker,
};
use crate::support::wire::Wire;
use crate::support::{prometheus, wait_for, wait_until};

const PEER: &str = "02:00:00:00:00:02";
/// On the `proxy-arp` list.
const PROXIED: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 9);

/// The announcement of an address by a host.
fn announcement(mac: Mac, address: Ipv4Addr) -> Vec<u8> {
    FrameBuilder::arp_announcement(Station::new(mac, address))
}

/// The status as JSON.
#[track_caller]
fn status(agent: &Agent<'_>) -> Value {
    let json = agent.printed(&["status", "--json"]);
    serde_json::from_str(&json).expect("status as JSON")
}

/// How often userspace has counted something, on all links.
#[track_caller]
fn counted(agent: &Agent<'_>, what: &str) -> u64 {
    let status = status(agent);
    let links = status["links"].as_array().expect("links");
    links
        .iter()
        .filter_map(|link| link["userspace"][what].as_u64())
        .sum()
}

/// The conflict about an address, once it was seen so often.
#[track_caller]
fn conflict(agent: &Agent<'_>, address: impl Into<IpAddr>, count: u64) -> Value {
    let address = address.into().to_string();
    wait_for(&format!("{count} conflicts about {address}"), || {
        let status = status(agent);
        let mut rows = status["links"]
            .as_array()?
            .iter()
            .flat_map(|link| link["conflicts"].as_array().into_iter().flatten());
        let row = rows.find(|row| row["address"] == address.as_str())?;
        (row["count"].as_u64()? >= count).then(|| row.clone())
    })
}

/// ARP announcements of an address by our host that have arrived by now.
fn announcements(wire: &Wire, address: Ipv4Addr) -> usize {
    let ours = |frame: &Vec<u8>| {
        Arp::decode(frame).is_some_and(|arp| {
            arp.source_mac == HOST_MAC && arp.sender.1 == address && arp.target.1 == address
        })
    };
    wire.drain().iter().filter(|frame| ours(frame)).count()
}

/// An agent whose announcements at start are through, and a wire on which nothing waits.
fn settled<'s>(scene: &'s Scene, config: &str) -> (Agent<'s>, Wire) {
    let file = config_file(&format!("names = [\"casa\"]\n{config}"));
    let wire = scene.wire();
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &file.path]));
    let own = status(&agent)["links"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!(own, 1);
    if !config.contains("announce = false") {
        // Two addresses of each family.
        wait_until("the announcements", || {
            (
                counted(&agent, "arp-announcement"),
                counted(&agent, "nd-announcement"),
            ) >= (4, 6)
        });
    }
    wire.drain();
    (agent, wire)
}

// RFC 5227 2.4: C6, C10, C19
#[test]
fn peer_that_takes_our_address_is_named_and_met_by_one_announcement_in_ten_seconds() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let arping = or_skip!(Peer::find("iputils-arping"));
    let (mut agent, wire) = settled(&scene, "[interface.eth0]\n");
    let ours = HOST_V4.to_string();
    scene.peer.ip(&format!("address add {ours}/32 dev eth0"));
    let take = ["-U", "-c", "1", "-w", "1", "-I", "eth0", "-s", &ours, &ours];
    arping.output_in(&scene.peer, &take);
    agent.wait_for_words(&[
        "warning: eth0: 10.7.0.1 is used by another host too",
        PEER,
        "announced",
    ]);
    let row = conflict(&agent, HOST_V4, 1);
    assert_eq!(
        (&row["mac"], &row["outcome"]),
        (&Value::from(PEER), &Value::from("defended"))
    );
    for _ in 0..5 {
        wire.send(&announcement(PEER_MAC, HOST_V4));
    }
    let row = conflict(&agent, HOST_V4, 6);
    assert_eq!(row["outcome"], "defended");
    assert!(row["first"].as_u64() >= row["last"].as_u64(), "{row}");
    assert_eq!(announcements(&wire, HOST_V4), 1);
    assert_eq!(
        agent.said().matches("is used by another host").count(),
        1,
        "{}",
        agent.said()
    );
    let text = agent.printed(&["status"]);
    let line = text.lines().find(|line| line.starts_with("conflict "));
    let words: Vec<_> = line.unwrap_or_default().split_whitespace().collect();
    assert_eq!(
        words[..5],
        ["conflict", "eth0", "-", "10.7.0.1", PEER],
        "{text}"
    );
    assert_eq!(words.last(), Some(&"defended"));
    assert!(counted(&agent, "arp-conflict") >= 6);
}

#[test]
fn status_is_to_be_had_as_metrics_that_a_scraper_takes() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let (agent, wire) = settled(&scene, "[interface.eth0]\n");
    wire.send(&announcement(PEER_MAC, HOST_V4));
    conflict(&agent, HOST_V4, 1);
    let samples = prometheus::parse(&agent.printed(&["status", "--prometheus"]));
    let link = [("interface", "eth0"), ("vlan", "0")];
    let value =
        |name, more: &[(&str, &str)]| prometheus::value(&samples, name, &[&link, more].concat());
    assert_eq!(value("llamar_link_up", &[]), 1.0);
    assert_eq!(value("llamar_link_xdp_info", &[("mode", "generic")]), 1.0);
    let culprit = [("address", "10.7.0.1"), ("mac", PEER)];
    assert_eq!(value("llamar_address_conflicts_total", &culprit), 1.0);
    let seen = value(
        "llamar_address_conflict_last_seen_timestamp_seconds",
        &culprit,
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs_f64();
    assert!(seen <= now && seen > now - 60.0, "{seen}");
    assert_eq!(
        value(
            "llamar_address_conflict_outcome_info",
            &[("outcome", "defended")]
        ),
        1.0
    );
    let frames = |path, outcome| {
        value(
            "llamar_frames_total",
            &[("path", path), ("outcome", outcome)],
        )
    };
    assert_eq!(frames("userspace", "arp-conflict"), 1.0);
    assert_eq!(frames("userspace", "arp-announcement"), 5.0);
    assert!(frames("kernel", "arp-other") >= 1.0);
    let of_agent = |name| prometheus::value(&samples, name, &[("instance", agent.instance())]);
    assert_eq!(of_agent("llamar_up"), 1.0);
    assert_eq!(of_agent("llamar_names"), 1.0);
    assert_eq!(of_agent("llamar_names_capacity"), 65_536.0);
    assert_eq!(of_agent("llamar_agent_info"), 1.0);
    assert!(of_agent("llamar_agent_start_time_seconds") <= now);
    // Where no agent is, that is what is told.
    let instance = agent.instance().to_owned();
    drop(agent);
    let output = llamar(&scene.host, &["status", "--prometheus"], Some(&instance));
    let samples = prometheus::parse(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(
        prometheus::value(&samples, "llamar_up", &[("instance", &instance)]),
        0.0
    );
    let both = llamar(
        &scene.host,
        &["status", "--prometheus", "--json"],
        Some(&instance),
    );
    assert_eq!(both.status.code(), Some(2));
}

/// Whether a request is answered by our host, told by one for another address that is.
#[track_caller]
fn is_answered(wire: &Wire, address: Ipv4Addr, sure: Ipv4Addr) -> bool {
    let request = |target| FrameBuilder::arp_request(asker(PEER_V4), target);
    wire.send(&request(address));
    wire.send(&request(sure));
    let mut answered = false;
    let last = wire.next(|frame| {
        let reply = Arp::decode(frame).filter(|arp| arp.operation == 2)?;
        answered |= reply.sender.1 == address;
        (reply.sender.1 == sure).then_some(())
    });
    assert!(last.is_some(), "{sure} is answered for");
    answered
}

/// Takes the host's link down and up again; an agent that learns of both at once sees no change.
#[track_caller]
fn down_and_up(scene: &Scene, agent: &mut Agent<'_>) {
    let said = agent.said().len();
    scene.host.ip("link set eth0 down");
    agent.wait_for_words_after(said, &["eth0", "is down"]);
    scene.host.ip("link set eth0 up");
}

fn withdrawn_address_is_not_answered_for_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config = "on-address-conflict = \"withdraw\"\n[interface.eth0]\nproxy-arp = [\"10.7.0.9\", \"10.7.0.77\"]\n";
    let (mut agent, wire) = settled(&scene, config);
    let sure = Ipv4Addr::new(10, 7, 0, 77);
    // The first request of an asker goes up to the agent, which may be slower than the kernel is with the second.
    wait_until("the proxied address to be answered for", || {
        is_answered(&wire, PROXIED, sure)
    });
    // Its host has come: that alone is enough, as it is not ours to defend.
    wire.send(&announcement(PEER_MAC, PROXIED));
    agent.wait_for_words(&[
        "eth0: 10.7.0.9 ",
        "proxy-arp",
        PEER,
        "not answered for any more",
    ]);
    assert_eq!(conflict(&agent, PROXIED, 1)["outcome"], "withdrawn");
    // What the agent answered before.
    wire.drain();
    assert!(!is_answered(&wire, PROXIED, sure));
    // RFC 5227 2.1: when the link comes up it is probed for, and nobody has it.
    down_and_up(&scene, &mut agent);
    agent.wait_for_words(&["eth0: no other host uses 10.7.0.9 any more"]);
    wait_until("the address to be answered for again", || {
        is_answered(&wire, PROXIED, sure)
    });
}

// RFC 5227 2.1, 2.1.1, 2.4: C10, C15, C17
#[test]
fn withdrawn_address_is_no_longer_answered_for_in_the_kernel_and_comes_back() {
    withdrawn_address_is_not_answered_for_on(Path::GenericVeth);
}

// RFC 5227 2.1, 2.1.1, 2.4: C10, C15, C17
#[test]
fn withdrawn_address_is_no_longer_answered_for_from_userspace_and_comes_back() {
    withdrawn_address_is_not_answered_for_on(Path::Userspace);
}

// RFC 5227 2.5: C2, C15
#[test]
fn only_address_that_the_agent_answers_for_is_answered_for_as_soon_as_it_is_free_again() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let config = "on-address-conflict = \"withdraw\"\n[interface.eth0]\nproxy-arp = \"10.7.0.9\"\n";
    let (mut agent, wire) = settled(&scene, config);
    // The agent answers for link-local addresses too.
    let local = format!("address del {HOST_LOCAL_V4}/16 dev eth0");
    scene.host.ip(&local);
    // The stack answers for the other one.
    let is_answered = || is_answered(&wire, PROXIED, HOST_V4);
    wait_until("the proxied address to be answered for", is_answered);
    wire.send(&announcement(PEER_MAC, PROXIED));
    agent.wait_for_words(&["10.7.0.9", "not answered for any more"]);
    down_and_up(&scene, &mut agent);
    agent.wait_for_words(&["eth0: no other host uses 10.7.0.9 any more"]);
    // What it answered before.
    wire.drain();
    wait_until("the address to be answered for again", is_answered);
}

// RFC 5227 2.4: C10
#[test]
fn own_address_is_defended_once_and_withdrawn_from_the_kernel_path_at_the_second_conflict() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let (mut agent, wire) = settled(
        &scene,
        "on-address-conflict = \"withdraw\"\n[interface.eth0]\n",
    );
    let request = FrameBuilder::arp_request(asker(PEER_V4), HOST_V4);
    let listener = scene.wire();
    wire.ask_arp(&request);
    wire.send(&announcement(PEER_MAC, HOST_V4));
    assert_eq!(conflict(&agent, HOST_V4, 1)["outcome"], "defended");
    let (_, before) = agent.asked_while_stopped(|| wire.ask_arp(&request));
    assert_eq!(before.of("arp-answered"), 1);
    wire.send(&announcement(PEER_MAC, HOST_V4));
    assert_eq!(conflict(&agent, HOST_V4, 2)["outcome"], "withdrawn");
    agent.wait_for_words(&[
        "10.7.0.1 is used by another host too",
        PEER,
        "no longer answers for it",
    ]);
    // The stack has it still.
    let (_, after) = agent.asked_while_stopped(|| wire.ask_arp(&request));
    assert_eq!((after.of("arp-answered"), after.of("arp-foreign")), (0, 1));
    assert_eq!(announcements(&listener, HOST_V4), 1);
}

#[test]
fn conflict_that_is_only_to_be_reported_is_met_by_silence() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let (mut agent, wire) = settled(
        &scene,
        "[interface.eth0]\non-address-conflict = \"report\"\n",
    );
    for _ in 0..3 {
        wire.send(&announcement(PEER_MAC, HOST_V4));
    }
    assert_eq!(conflict(&agent, HOST_V4, 3)["outcome"], "noted");
    agent.wait_for_words(&["10.7.0.1 is used by another host too", PEER, "\"report\""]);
    assert_eq!(announcements(&wire, HOST_V4), 0);
}

// RFC 4862 5.4.4; RFC 4861 7.2.6: D6, D14
#[test]
fn late_duplicate_of_an_ipv6_address_is_named_and_met() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let (mut agent, wire) = settled(&scene, "[interface.eth0]\n");
    let before = counted(&agent, "nd-announcement");
    let mac = MacAddr(PEER_MAC);
    let packet = ndp::Packet {
        source: HOST_V6,
        destination: ALL_NODES.into(),
        message: Message::Advertisement(Advertisement {
            target: HOST_V6,
            router: false,
            solicited: false,
            overriding: true,
            target_mac: Some(mac),
        }),
    };
    let group = packet.group().expect("a group");
    for _ in 0..3 {
        wire.send(&packet.to_frame(mac, group, None));
    }
    assert_eq!(conflict(&agent, HOST_V6, 3)["mac"], PEER);
    agent.wait_for_words(&["eth0: fd07::1 is used by another host too", PEER]);
    wait_until("the advertisement", || {
        counted(&agent, "nd-announcement") == before + 1
    });
    assert_eq!(counted(&agent, "nd-conflict"), 3);
}

// RFC 5227 2.1.1; RFC 4862 5.4.3: C5, D2
#[test]
fn who_probes_for_our_address_is_noted_and_answered() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let arping = or_skip!(Peer::find("iputils-arping"));
    let (mut agent, _) = settled(&scene, "[interface.eth0]\n");
    let ours = HOST_V4.to_string();
    let said = arping.output_in(
        &scene.peer,
        &["-D", "-c", "1", "-w", "5", "-I", "eth0", &ours],
    );
    assert!(said.contains("02:00:00:00:00:01"), "{said}");
    agent.wait_for_words(&["eth0: 02:00:00:00:00:02 asks whether anybody has 10.7.0.1"]);
    // The peer's stack does the same for an address that it gets.
    for scope in ["all", "eth0"] {
        scene
            .peer
            .set(&format!("net/ipv6/conf/{scope}/accept_dad"), "1");
    }
    scene.peer.ip(&format!("address add {HOST_V6}/64 dev eth0"));
    agent.wait_for_words(&["eth0: 02:00:00:00:00:02 asks whether anybody has fd07::1"]);
    wait_until("the peer to find the duplicate", || {
        scene
            .peer
            .ip("-6 address show dev eth0")
            .contains("dadfailed")
    });
    assert_eq!(
        status(&agent)["links"][0]["conflicts"],
        Value::Array(Vec::new())
    );
}

// RFC 5227 2.1.1, 2.4: C6, C7
#[test]
fn second_interface_of_this_host_on_the_same_link_is_no_culprit() {
    let net = or_skip!(Net::new());
    let (host, switch) = (net.namespace("host"), net.namespace("switch"));
    switch.ip("link add br0 type bridge mcast_snooping 0");
    switch.ip("link set br0 up");
    for (interface, last, port) in [("eth0", 1, "port0"), ("eth1", 3, "port1")] {
        host.veth((interface, last), &switch, (port, 0x10 + last));
        switch.ip(&format!("link set {port} master br0"));
    }
    host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    let mut agent = Agent::start(
        &host,
        &["--iface", "eth0", "--name", "casa", "--xdp", "off"],
    );
    let second = Wire::open(&host, "eth1");
    second.send(&announcement([2, 0, 0, 0, 0, 3], HOST_V4));
    wait_until("the frame to be heard", || {
        counted(&agent, "watch-own") == 1
    });
    // A bridge port of somebody else is.
    second.send(&announcement([2, 0, 0, 0, 0, 4], HOST_V4));
    assert_eq!(conflict(&agent, HOST_V4, 1)["mac"], "02:00:00:00:00:04");
    agent.wait_for_words(&["10.7.0.1 is used by another host too", "02:00:00:00:00:04"]);
    assert!(
        !agent.said().contains("02:00:00:00:00:03"),
        "{}",
        agent.said()
    );
    assert_eq!(counted(&agent, "arp-conflict"), 1);
}

#[test]
fn arp_traffic_of_others_does_not_wake_the_agent() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let (agent, wire) = settled(&scene, "[interface.eth0]\n");
    let request = |number: u32| {
        let mac = [
            2,
            1,
            0,
            (number >> 16) as u8,
            (number >> 8) as u8,
            number as u8,
        ];
        let from = Station::new(mac, Ipv4Addr::from_bits(0x0a07_0100 + number % 200));
        FrameBuilder::arp_request(from, Ipv4Addr::new(10, 7, 0, (100 + number % 100) as u8))
    };
    for number in 0..5_000 {
        wire.send(&request(number));
    }
    // What comes behind them is heard.
    wire.send(&announcement(PEER_MAC, HOST_V4));
    conflict(&agent, HOST_V4, 1);
    assert_eq!(
        (
            counted(&agent, "watch-other"),
            counted(&agent, "arp-conflict")
        ),
        (0, 1)
    );
    // And what is ours now is listened for as well.
    scene.host.ip("address add 10.7.0.50/24 dev eth0");
    let later = Ipv4Addr::new(10, 7, 0, 50);
    wait_until("the new address", || {
        counted(&agent, "arp-announcement") >= 6
    });
    wire.send(&announcement(PEER_MAC, later));
    conflict(&agent, later, 1);
    // But not for what is no longer.
    scene.host.ip("address del 10.7.0.50/24 dev eth0");
    wait_until("the address to go", || {
        !agent.printed(&["names"]).contains("10.7.0.50")
    });
    wire.send(&announcement(PEER_MAC, later));
    wire.send(&announcement(PEER_MAC, HOST_V4));
    conflict(&agent, HOST_V4, 2);
    assert_eq!(
        (
            counted(&agent, "watch-other"),
            counted(&agent, "arp-conflict")
        ),
        (0, 3)
    );
}
