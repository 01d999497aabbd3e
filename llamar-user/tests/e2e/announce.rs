//! Addresses are announced when they appear, so that others find them at once; those of others only if nobody has them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use llamar_common::abi::LEASE_SECONDS;
use llamar_common::testing::{BROADCAST, FrameBuilder, Mac, Station};
use llamar_user::ether::Frame;
use llamar_user::ndp::{self, Message};
use nix::sys::signal::Signal;

use crate::support::agent::{Agent, TRIES, config_file, instance};
use crate::support::peers::Peer;
use crate::support::reply::Arp;
use crate::support::scene::{
    HOST_LOCAL_V4, HOST_MAC, HOST_V4, HOST_V6, PEER_V4, Path, Scene, asker,
};
use crate::support::tshark;
use crate::support::wait_until;
use crate::support::wire::Wire;

/// An address that comes later.
const LATER: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 50);
const LATER_V6: Ipv6Addr = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, 0x50);
const OLD_MAC: &str = "02:00:00:00:00:55";

/// The announcement of an address by our host.
fn announcement(mac: Mac, address: Ipv4Addr) -> Arp {
    Arp {
        source_mac: mac,
        destination_mac: BROADCAST,
        vlan: None,
        operation: 1,
        sender: (mac, address),
        target: ([0; 6], address),
    }
}

/// Whether a packet is the announcement of an address, by whomever.
fn announces(arp: &Arp, address: Ipv4Addr) -> bool {
    arp.sender.1 == address && arp.target.1 == address
}

/// ARP frames of our host until one is as wanted, that one included.
#[track_caller]
fn arp_until(wire: &Wire, what: &str, mut last: impl FnMut(&Arp) -> bool) -> Vec<(Vec<u8>, Arp)> {
    let mut seen = Vec::new();
    let mut take = |frame: &[u8]| {
        let arp = Arp::decode(frame)?;
        seen.push((frame.to_vec(), arp.clone()));
        last(&arp).then_some(())
    };
    // Longer than it takes to probe for an address and to announce it.
    let found = (0..2).find_map(|_| wire.next(&mut take));
    assert!(found.is_some(), "{what} among {seen:#?}");
    seen
}

/// The next announcement of an address.
#[track_caller]
fn next_announcement(wire: &Wire, address: Ipv4Addr) -> Arp {
    let mut seen = arp_until(wire, &format!("announcement of {address}"), |arp| {
        announces(arp, address)
    });
    seen.pop().expect("the last one is it").1
}

/// The next unsolicited advertisement of an address: its frame.
#[track_caller]
fn next_advertisement(wire: &Wire, address: Ipv6Addr) -> Vec<u8> {
    let wanted = |bytes: &[u8]| {
        let frame = Frame::read(bytes)?;
        let packet = ndp::Packet::read(frame.payload).ok()?;
        match packet.message {
            Message::Advertisement(told) if told.target == address && !told.solicited => {
                Some(bytes.to_vec())
            }
            _ => None,
        }
    };
    let found = wire.next(wanted);
    found.unwrap_or_else(|| panic!("no advertisement of {address}"))
}

/// Has the peer know an address by a hardware address that is no longer its.
fn mislead(scene: &Scene, address: IpAddr) {
    // The stack itself holds a fresh entry for a second before it believes another address.
    scene.peer.set("net/ipv4/neigh/eth0/locktime", "0");
    scene.peer.set("net/ipv6/neigh/eth0/locktime", "0");
    scene.peer.ip(&format!(
        "neighbour replace {address} lladdr {OLD_MAC} dev eth0 nud stale"
    ));
}

#[track_caller]
fn wait_until_known(scene: &Scene, address: IpAddr, mac: &str) {
    wait_until(&format!("{address} at {mac}"), || {
        scene
            .peer
            .ip(&format!("neighbour show {address} dev eth0"))
            .contains(mac)
    });
}

fn added_address_is_announced_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let tshark = or_skip!(Peer::find("tshark"));
    let wire = scene.wire();
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    mislead(&scene, LATER.into());
    scene
        .host
        .ip(&format!("address add {LATER}/24 dev {}", scene.interface()));
    wait_until_known(&scene, LATER.into(), "02:00:00:00:00:01");
    let mut seen = arp_until(&wire, "the first", |arp| announces(arp, LATER));
    seen.extend(arp_until(&wire, "the second", |arp| announces(arp, LATER)));
    let frames: Vec<_> = seen
        .into_iter()
        .filter(|(_, arp)| announces(arp, LATER))
        .map(|(frame, _)| frame)
        .collect();
    let expected = FrameBuilder::arp_announcement(Station::new(HOST_MAC, LATER));
    assert_eq!(frames, [expected.clone(), expected]);
    let dissected = tshark::dissect(&tshark, &frames);
    assert!(
        dissected[0]
            .summary
            .contains("ARP Announcement for 10.7.0.50"),
        "{dissected:?}"
    );
    let fields = [
        "eth.dst",
        "arp.opcode",
        "arp.src.hw_mac",
        "arp.src.proto_ipv4",
        "arp.dst.hw_mac",
        "arp.dst.proto_ipv4",
    ];
    let found = tshark::fields(&tshark, &frames[..1], &fields);
    let zero = "00:00:00:00:00:00";
    let expected = [
        "ff:ff:ff:ff:ff:ff",
        "1",
        "02:00:00:00:00:01",
        "10.7.0.50",
        zero,
        "10.7.0.50",
    ];
    assert_eq!(found, [expected]);
}

// RFC 5227 2.3: C9
#[test]
fn address_that_is_added_is_announced_twice_and_replaces_what_others_knew() {
    added_address_is_announced_on(Path::GenericVeth);
}

// RFC 5227 2.3: C9
#[test]
fn address_that_is_added_is_announced_without_xdp_too() {
    added_address_is_announced_on(Path::Userspace);
}

// RFC 5227 2.3: C9
#[test]
fn address_that_is_added_to_a_bridge_is_announced() {
    added_address_is_announced_on(Path::GenericBridge);
}

// RFC 4861 7.2.6, 4.4: D6
#[test]
fn ipv6_address_that_is_added_is_advertised_to_all_nodes_and_replaces_what_others_knew() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let tshark = or_skip!(Peer::find("tshark"));
    let wire = scene.wire();
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    mislead(&scene, LATER_V6.into());
    scene
        .host
        .ip(&format!("address add {LATER_V6}/64 dev eth0"));
    wait_until_known(&scene, LATER_V6.into(), "02:00:00:00:00:01");
    let frames = [(); 3].map(|()| next_advertisement(&wire, LATER_V6));
    tshark::dissect(&tshark, &frames);
    let fields = [
        "eth.dst",
        "ipv6.src",
        "ipv6.dst",
        "ipv6.hlim",
        "icmpv6.type",
        "icmpv6.code",
        "icmpv6.nd.na.flag.r",
        "icmpv6.nd.na.flag.s",
        "icmpv6.nd.na.flag.o",
        "icmpv6.nd.na.target_address",
        "icmpv6.opt.linkaddr",
    ];
    for found in tshark::fields(&tshark, &frames, &fields) {
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        let (flags, found) = (&found[6..9], [&found[..6], &found[9..]].concat());
        assert!(
            flags == ["0", "0", "1"] || flags == ["False", "False", "True"],
            "{flags:?}"
        );
        assert_eq!(
            found,
            [
                "33:33:00:00:00:01",
                "fd07::50",
                "ff02::1",
                "255",
                "136",
                "0",
                "fd07::50",
                "02:00:00:00:00:01"
            ]
        );
    }
}

// RFC 4862 5.4; RFC 4861 7.2.6: D2, D6
#[test]
fn ipv6_address_is_advertised_when_the_stack_has_found_it_unique_and_not_before() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    for scope in ["all", "eth0"] {
        scene
            .host
            .set(&format!("net/ipv6/conf/{scope}/accept_dad"), "1");
    }
    scene.host.set("net/ipv6/conf/eth0/forwarding", "1");
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    scene
        .host
        .ip(&format!("address add {LATER_V6}/64 dev eth0"));
    let mut solicited = false;
    let found = wire.next(|bytes| {
        let packet = ndp::Packet::read(Frame::read(bytes)?.payload).ok()?;
        match packet.message {
            Message::Solicitation(asked) if packet.source.is_unspecified() => {
                solicited |= asked.target == LATER_V6;
                None
            }
            Message::Advertisement(told) if told.target == LATER_V6 => Some(told.router),
            _ => None,
        }
    });
    // A router says that it is one.
    assert_eq!((found, solicited), (Some(true), true));
}

// RFC 5227 2.1, 2.3; RFC 3927 2.5; RFC 4861 7.2.6: C9, C17, C20, D6
#[test]
fn everything_is_announced_at_start_and_when_the_link_comes_up_or_has_another_hardware_address() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let wire = scene.wire();
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let all = |mac: Mac| {
        for _ in 0..2 {
            let mut missing = vec![HOST_V4, HOST_LOCAL_V4];
            arp_until(&wire, "both", |arp| {
                missing.retain(|address| *arp != announcement(mac, *address));
                missing.is_empty()
            });
        }
    };
    all(HOST_MAC);
    next_advertisement(&wire, HOST_V6);
    scene.host.ip("link set eth0 down");
    // An agent that learns of both at once sees no change.
    agent.wait_for_words(&["eth0", "is down"]);
    scene.host.ip("link set eth0 up");
    all(HOST_MAC);
    let moved: Mac = [2, 0, 0, 0, 0, 0x21];
    mislead(&scene, HOST_V4.into());
    scene.host.ip("link set eth0 address 02:00:00:00:00:21");
    all(moved);
    wait_until_known(&scene, HOST_V4.into(), "02:00:00:00:00:21");
}

const PROXY: &str = r#"
names = ["casa"]
[hosts]
printer = "10.7.0.88"
[interface.eth0]
proxy-arp = ["10.7.0.9", "10.7.0.77"]
"#;
const PROXIED: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 7, 0, 9), Ipv4Addr::new(10, 7, 0, 77)];

// RFC 5227 2.1.1, 2.3: C7, C14, C16
#[test]
fn proxied_address_is_announced_after_three_probes_and_a_named_one_never() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let tshark = or_skip!(Peer::find("tshark"));
    let config = config_file(PROXY);
    let wire = scene.wire();
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    // It is answered at once, whatever the probes will find.
    let request = FrameBuilder::arp_request(asker(PEER_V4), PROXIED[0]);
    let other = scene.wire();
    assert_eq!(other.ask_arp(&request).sender, (HOST_MAC, PROXIED[0]));
    let mut missing = PROXIED.to_vec();
    let seen = arp_until(&wire, "both proxied", |arp| {
        missing.retain(|address| *arp != announcement(HOST_MAC, *address));
        missing.is_empty()
    });
    for address in PROXIED {
        let about = |(_, arp): &&(Vec<u8>, Arp)| {
            arp.source_mac == HOST_MAC && arp.operation == 1 && arp.target.1 == address
        };
        let about: Vec<_> = seen.iter().filter(about).collect();
        let probe = FrameBuilder::arp_probe(HOST_MAC, address);
        let frames: Vec<_> = about.iter().map(|(frame, _)| frame.clone()).collect();
        assert_eq!(frames[..3], [probe.clone(), probe.clone(), probe]);
        assert_eq!(about[3].1, announcement(HOST_MAC, address));
        let summaries = tshark::dissect(&tshark, &frames[..1]);
        assert!(summaries[0].summary.contains("ARP Probe"), "{summaries:?}");
    }
    let printer = Ipv4Addr::new(10, 7, 0, 88);
    let named = seen
        .iter()
        .filter(|(_, arp)| arp.sender.1 == printer || arp.target.1 == printer);
    assert_eq!(named.count(), 0, "naming a host is not being it");
    assert!(!agent.said().contains("is used"), "{}", agent.said());
}

// RFC 5227 2.1.1: C7, C14
#[test]
fn proxied_address_that_a_peer_has_is_not_announced_and_the_log_names_the_peer() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let [taken, free] = PROXIED;
    scene.peer.ip(&format!("address add {taken}/24 dev eth0"));
    let config = config_file(PROXY);
    let wire = scene.wire();
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let words = [
        "eth0: 10.7.0.9 ",
        "proxy-arp",
        "02:00:00:00:00:02",
        "not announced",
    ];
    agent.wait_for_words(&words);
    let seen = arp_until(&wire, "the free one", |arp| announces(arp, free));
    assert!(
        !seen.iter().any(|(_, arp)| announces(arp, taken)),
        "{seen:#?}"
    );
    // It is answered for as the configuration wants.
    let request = FrameBuilder::arp_request(asker(PEER_V4), taken);
    assert_eq!(wire.ask_arp(&request).sender, (HOST_MAC, taken));
    let status = agent.printed(&["status"]);
    let line = status
        .lines()
        .find(|line| line.starts_with("conflict eth0 - 10.7.0.9 02:00:00:00:00:02 "));
    assert!(
        line.is_some_and(|line| line.ends_with(" unannounced")),
        "{status}"
    );
}

#[test]
fn without_announcements_the_agent_is_silent_until_the_configuration_is_read_again() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let silent = "names = [\"casa\"]\nannounce = false\nannounce-every = 10\n[interface.eth0]\nproxy-arp = \"10.7.0.9\"\n";
    let config = config_file(silent);
    let wire = scene.wire();
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    agent.wait_for_words(&["eth0: announce-every is not used"]);
    scene.host.ip(&format!("address add {LATER}/24 dev eth0"));
    wait_until("the address to be served", || {
        agent.printed(&["names"]).contains("10.7.0.50")
    });
    let request = FrameBuilder::arp_request(asker(PEER_V4), LATER);
    wire.ask_arp(&request);
    let status = agent.printed(&["status"]);
    assert!(
        !status.contains("announcement") && !status.contains("arp-probe"),
        "{status}"
    );
    let spoken = |frame: &Vec<u8>| {
        Arp::decode(frame).is_some_and(|arp| arp.operation == 1 && arp.source_mac == HOST_MAC)
    };
    let spoken = wire
        .drain()
        .iter()
        .filter(|frame| spoken(frame))
        .filter_map(|frame| Arp::decode(frame))
        .find(|arp| arp.sender.1 == arp.target.1);
    assert_eq!(spoken, None);
    config.rewrite(&silent.replace("announce = false\nannounce-every = 10\n", ""));
    agent.signal(Signal::SIGHUP);
    assert_eq!(
        next_announcement(&wire, LATER),
        announcement(HOST_MAC, LATER)
    );
    // The flag is for all interfaces.
    drop(agent);
    let mut agent = Agent::spawn(
        &scene.host,
        &scene.arguments(&["--name", "casa", "--no-announce"]),
    );
    agent.wait_for_words(&["eth0: ready"]);
    assert!(!agent.printed(&["status"]).contains("announcement"));
}

// RFC 826 Related issue: C11
#[test]
fn addresses_are_announced_periodically_where_that_is_wanted() {
    let scene = or_skip!(Scene::bare(Path::Userspace));
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    let config = config_file("names = [\"casa\"]\nannounce-every = 10\n[interface.eth0]\n");
    let wire = scene.wire();
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    for _ in 0..3 {
        assert_eq!(
            next_announcement(&wire, HOST_V4),
            announcement(HOST_MAC, HOST_V4)
        );
    }
}

/// How often a restarted agent announces what was there before, until it has announced what is new; `None` if the
/// restart took so long that the lease of the former agent may have been over.
fn announced_again(scene: &Scene) -> Option<usize> {
    let wire = scene.wire();
    let instance = instance();
    let arguments = scene.arguments(&["--name", "casa"]);
    let agent = Agent::start_as(&scene.host, &instance, &arguments);
    for _ in 0..2 {
        next_announcement(&wire, HOST_V4);
    }
    let killed = Instant::now();
    agent.kill();
    let _agent = Agent::start_as(&scene.host, &instance, &arguments);
    // The last heartbeat of the former agent is a second old at most.
    let in_time = killed.elapsed().as_secs() + 1 < LEASE_SECONDS.into();
    scene.host.ip(&format!("address add {LATER}/24 dev eth0"));
    let mut seen = arp_until(&wire, "the first", |arp| announces(arp, LATER));
    seen.extend(arp_until(&wire, "the second", |arp| announces(arp, LATER)));
    scene.host.ip(&format!("address del {LATER}/24 dev eth0"));
    let of_old = seen.iter().filter(|(_, arp)| announces(arp, HOST_V4));
    in_time.then(|| of_old.count())
}

#[test]
fn restarted_agent_announces_what_is_new_in_full_and_what_was_there_once() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let tries = (0..TRIES).map(|_| announced_again(&scene));
    let in_vain: Vec<_> = tries
        .take_while(|announced| *announced != Some(1))
        .collect();
    assert!(in_vain.len() < TRIES, "{in_vain:?}");
}

// RFC 5227 2.3: C9
#[test]
fn addresses_of_a_vlan_without_an_interface_are_announced_with_its_tag() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let config = config_file(
        "names = [\"casa\"]\n[interface.eth0.vlan.100]\naddresses = [\"10.0.100.1/24\"]\n",
    );
    let wire = scene.wire();
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let ours = Ipv4Addr::new(10, 0, 100, 1);
    let expected = Arp {
        vlan: Some(100),
        ..announcement(HOST_MAC, ours)
    };
    assert_eq!(next_announcement(&wire, ours), expected);
}
