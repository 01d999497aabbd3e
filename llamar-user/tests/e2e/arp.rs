//! ARP: own addresses and those on the `proxy-arp` list, answered so that the stack still learns its neighbours.

use std::net::Ipv4Addr;

use llamar_common::testing::{BROADCAST, FrameBuilder, Mac, Station};

use crate::support::agent::{Agent, config_file};
use crate::support::peers::Peer;
use crate::support::reply::Arp;
use crate::support::scene::{
    HOST_LOCAL_V4, HOST_MAC, HOST_V4, PEER_LOCAL_V4, PEER_MAC, PEER_V4, Path, Scene, asker,
};
use crate::support::wait_until;
use crate::support::wire::Wire;

/// An address on the `proxy-arp` list.
const PROXIED: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 9);
const CONFIG: &str = r#"
names = ["casa"]
[hosts]
printer = "10.7.0.88"
[interface.eth0]
proxy-arp = ["10.7.0.9", "10.7.0.64/28", "10.7.0.100-10.7.0.103"]
"#;

/// The answer of our host to the peer.
fn answer(address: Ipv4Addr, to: Ipv4Addr) -> Arp {
    Arp {
        source_mac: HOST_MAC,
        destination_mac: PEER_MAC,
        vlan: None,
        operation: 2,
        sender: (HOST_MAC, address),
        target: (PEER_MAC, to),
    }
}

/// Waits until the host's stack knows the peer by a hardware address.
#[track_caller]
fn wait_for_neighbour(scene: &Scene, address: Ipv4Addr, mac: &str) {
    wait_until(&format!("{address} at {mac} among the neighbours"), || {
        scene
            .host
            .ip(&format!(
                "neighbour show {address} dev {}",
                scene.interface()
            ))
            .contains(mac)
    });
}

/// Has a peer ask that nobody knows yet, so that the kernel path leaves the answer to others: the peer's address.
#[track_caller]
fn first_asked(agent: &Agent<'_>, wire: &Wire, address: Ipv4Addr) -> Ipv4Addr {
    let mut peers = (2..).map(|last| Ipv4Addr::new(10, 7, 0, last));
    let (peer, counted) = agent.counted(|| {
        let peer = peers.next().expect("another peer");
        let request = FrameBuilder::arp_request(asker(peer), address);
        assert_eq!(wire.ask_arp(&request), answer(address, peer));
        peer
    });
    assert_eq!(counted.of("arp-learn"), 1);
    peer
}

/// Asserts that a request has no answer, by one that has and comes after it.
#[track_caller]
fn assert_unanswered(wire: &Wire, request: &[u8], answered: &[u8]) {
    let sender = Arp::decode(answered).expect("a request").target.1;
    wire.send(request);
    wire.send(answered);
    let reply = wire.next(|frame| Arp::decode(frame).filter(|arp| arp.operation == 2));
    assert_eq!(reply.expect("an answer to the second").sender.1, sender);
}

fn stack_learns_then_the_kernel_path_answers_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let peer = first_asked(&agent, &wire, HOST_V4);
    wait_for_neighbour(&scene, peer, "02:00:00:00:00:02");
    let request = FrameBuilder::arp_request(asker(peer), HOST_V4);
    let (replies, counted) = agent.asked_while_stopped(|| [(); 3].map(|()| wire.ask_arp(&request)));
    assert!(
        replies.iter().all(|reply| *reply == answer(HOST_V4, peer)),
        "{replies:?}"
    );
    assert_eq!(
        (counted.of("arp-answered"), counted.of("arp-learn")),
        (3, 0)
    );
}

#[test]
fn first_request_reaches_the_stack_and_the_next_are_answered_by_native_xdp() {
    stack_learns_then_the_kernel_path_answers_on(Path::NativeVeth);
}

#[test]
fn first_request_reaches_the_stack_and_the_next_are_answered_by_generic_xdp() {
    stack_learns_then_the_kernel_path_answers_on(Path::GenericVeth);
}

#[test]
fn first_request_reaches_the_stack_and_the_next_are_answered_on_a_bridge() {
    stack_learns_then_the_kernel_path_answers_on(Path::GenericBridge);
}

#[test]
fn padded_and_unicast_requests_are_answered_in_the_kernel() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let request = FrameBuilder::arp_request(asker(PEER_V4), HOST_V4);
    wire.ask_arp(&request);
    let mut padded = request.clone();
    padded.resize(60, 0);
    let unicast = [&HOST_MAC[..], &request[6..]].concat();
    let (replies, counted) =
        agent.asked_while_stopped(|| [&padded, &unicast].map(|request| wire.ask_arp(request)));
    assert_eq!(
        replies,
        [answer(HOST_V4, PEER_V4), answer(HOST_V4, PEER_V4)]
    );
    assert_eq!(counted.of("arp-answered"), 2);
}

#[test]
fn changed_hardware_address_of_a_neighbour_is_learnt_at_its_next_request() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    // The stack itself holds a fresh entry for a second before it believes another address.
    scene.host.set("net/ipv4/neigh/eth0/locktime", "0");
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let moved: Mac = [2, 0, 0, 0, 0, 0x22];
    wire.ask_arp(&FrameBuilder::arp_request(asker(PEER_V4), HOST_V4));
    wait_for_neighbour(&scene, PEER_V4, "02:00:00:00:00:02");
    wire.ask_arp(&FrameBuilder::arp_request(asker(PEER_V4), HOST_V4));
    let request = FrameBuilder::arp_request(Station::new(moved, PEER_V4), HOST_V4);
    assert_eq!(wire.ask_arp(&request).destination_mac, moved);
    wait_for_neighbour(&scene, PEER_V4, "02:00:00:00:00:22");
    let (reply, counted) = agent.asked_while_stopped(|| wire.ask_arp(&request));
    assert_eq!(
        (reply.target, counted.of("arp-answered")),
        ((moved, PEER_V4), 1)
    );
}

#[test]
fn probe_is_passed_to_the_stack_which_answers_it() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    // RFC 5227 2.5: to a probe for our address we answer, or its sender would take it.
    let probe = FrameBuilder::arp_probe(PEER_MAC, HOST_V4);
    let (reply, counted) = agent.counted(|| wire.ask_arp(&probe));
    assert_eq!(reply, answer(HOST_V4, Ipv4Addr::UNSPECIFIED));
    assert_eq!(
        (counted.of("arp-other"), counted.of("arp-answered")),
        (1, 0)
    );
}

#[test]
fn station_that_uses_our_address_gets_no_answer_from_the_kernel_path() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let impostor = asker(HOST_V4);
    let request = FrameBuilder::arp_request(asker(PEER_V4), HOST_V4);
    wire.ask_arp(&request);
    // RFC 5227 2.4: each of them is a conflict, whatever it asks for.
    let conflicts = [
        FrameBuilder::arp_announcement(impostor),
        FrameBuilder::arp_request(impostor, PEER_V4),
        FrameBuilder::arp_request(asker(HOST_LOCAL_V4), HOST_V4),
    ];
    let ((), counted) = agent.counted(|| {
        for conflict in &conflicts {
            assert_unanswered(&wire, conflict, &request);
        }
    });
    assert!(counted.of("arp-conflict") >= 1, "{counted:?}");
    assert_eq!(counted.of("arp-answered"), 3, "only the requests between");
}

#[test]
fn announcement_of_another_station_is_passed_up() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let request = FrameBuilder::arp_request(asker(PEER_V4), HOST_V4);
    wire.ask_arp(&request);
    let announcement = FrameBuilder::arp_announcement(asker([10, 7, 0, 55]));
    let ((), counted) = agent.counted(|| assert_unanswered(&wire, &announcement, &request));
    assert_eq!(
        (counted.of("arp-answered"), counted.of("arp-conflict")),
        (1, 0)
    );
}

#[test]
fn proxied_address_is_answered_by_the_agent_first_and_then_by_the_kernel_path() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let config = config_file(CONFIG);
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let wire = scene.wire();
    let peer = first_asked(&agent, &wire, PROXIED);
    let request = FrameBuilder::arp_request(asker(peer), PROXIED);
    let (reply, counted) = agent.asked_while_stopped(|| wire.ask_arp(&request));
    assert_eq!(
        (reply, counted.of("arp-answered")),
        (answer(PROXIED, peer), 1)
    );
}

#[test]
fn every_form_of_the_proxy_list_is_answered_without_xdp() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let config = config_file(CONFIG);
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let wire = scene.wire();
    let last = |last| Ipv4Addr::new(10, 7, 0, last);
    for address in [9, 64, 79, 100, 103].map(last) {
        assert_eq!(
            wire.ask_arp(&FrameBuilder::arp_request(asker(PEER_V4), address)),
            answer(address, PEER_V4)
        );
    }
    let answered = FrameBuilder::arp_request(asker(PEER_V4), PROXIED);
    for address in [8, 10, 63, 80, 99, 104].map(last) {
        assert_unanswered(
            &wire,
            &FrameBuilder::arp_request(asker(PEER_V4), address),
            &answered,
        );
    }
}

/// A name held for a host is no claim to its address.
fn named_host_is_not_answered_for_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config = config_file(CONFIG);
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let printer = FrameBuilder::arp_request(asker(PEER_V4), Ipv4Addr::new(10, 7, 0, 88));
    assert_unanswered(
        &scene.wire(),
        &printer,
        &FrameBuilder::arp_request(asker(PEER_V4), PROXIED),
    );
}

#[test]
fn address_of_a_named_host_is_not_claimed_by_the_kernel_path() {
    named_host_is_not_answered_for_on(Path::GenericVeth);
}

#[test]
fn address_of_a_named_host_is_not_claimed_by_the_agent() {
    named_host_is_not_answered_for_on(Path::Userspace);
}

#[test]
fn own_address_is_answered_once_without_xdp() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let config = config_file(CONFIG);
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let wire = scene.wire();
    wire.send(&FrameBuilder::arp_request(asker(PEER_V4), HOST_V4));
    wire.send(&FrameBuilder::arp_request(asker(PEER_V4), PROXIED));
    let mut seen = Vec::new();
    wire.next(|frame| {
        let reply = Arp::decode(frame).filter(|arp| arp.operation == 2)?;
        seen.push(reply.sender.1);
        (reply.sender.1 == PROXIED).then_some(())
    });
    assert_eq!(seen, [HOST_V4, PROXIED]);
}

#[test]
fn link_local_address_is_answered_to_everybody_by_the_kernel_path() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let request = FrameBuilder::arp_request(asker(PEER_LOCAL_V4), HOST_LOCAL_V4);
    wire.ask_arp(&request);
    wire.drain();
    let (reply, counted) = agent.asked_while_stopped(|| wire.ask_arp(&request));
    // RFC 3927 2.5: every ARP packet with a link-local sender address is sent to the broadcast address.
    let wanted = Arp {
        destination_mac: BROADCAST,
        ..answer(HOST_LOCAL_V4, PEER_LOCAL_V4)
    };
    assert_eq!((reply, counted.of("arp-answered")), (wanted, 1));
}

/// The agent adds the broadcast that the stack does not send.
fn link_local_address_is_answered_to_everybody_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    wire.send(&FrameBuilder::arp_probe(PEER_MAC, HOST_LOCAL_V4));
    let wanted = Arp {
        destination_mac: BROADCAST,
        ..answer(HOST_LOCAL_V4, Ipv4Addr::UNSPECIFIED)
    };
    let found = wire.next(|frame| Arp::decode(frame).filter(|arp| *arp == wanted));
    assert_eq!(found, Some(wanted));
}

#[test]
fn probe_for_a_link_local_address_is_answered_to_everybody_without_xdp() {
    link_local_address_is_answered_to_everybody_on(Path::Userspace);
}

#[test]
fn probe_for_a_link_local_address_is_answered_to_everybody_beside_the_kernel_path() {
    link_local_address_is_answered_to_everybody_on(Path::GenericVeth);
}

#[test]
fn tagged_request_is_answered_on_its_vlan_alone() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let config = config_file(
        "[interface.eth0.vlan.100]\nnames = [\"casa100\"]\naddresses = [\"10.0.100.1/24\"]\n",
    );
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let wire = scene.wire();
    let ours = Ipv4Addr::new(10, 0, 100, 1);
    let theirs = Ipv4Addr::new(10, 0, 100, 2);
    let untagged = FrameBuilder::arp_request(asker(theirs), ours);
    let request = FrameBuilder::tagged(untagged.clone(), 100);
    let wanted = Arp {
        vlan: Some(100),
        ..answer(ours, theirs)
    };
    assert_eq!(wire.ask_arp(&request), wanted);
    let (reply, counted) = agent.asked_while_stopped(|| wire.ask_arp(&request));
    assert_eq!((reply, counted.of("arp-answered")), (wanted, 1));
    assert_unanswered(
        &wire,
        &FrameBuilder::tagged(untagged, 101),
        &FrameBuilder::arp_request(asker(PEER_V4), HOST_V4),
    );
}

/// Both arpings see what they expect; the second time from the kernel path alone.
fn arpings_are_answered_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let habets = or_skip!(Peer::find("arping"));
    let iputils = or_skip!(Peer::find("iputils-arping"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let target = HOST_V4.to_string();
    let ask = || {
        let habets = habets.output_in(&scene.peer, &["-c", "1", "-I", "eth0", &target]);
        let iputils =
            iputils.output_in(&scene.peer, &["-c", "1", "-w", "5", "-I", "eth0", &target]);
        (habets, iputils)
    };
    ask();
    let ((habets, iputils), counted) = agent.asked_while_stopped(ask);
    assert!(habets.contains("1 packets received"), "{habets}");
    assert!(habets.contains("from 02:00:00:00:00:01"), "{habets}");
    assert!(
        iputils.contains("Unicast reply from 10.7.0.1 [02:00:00:00:00:01]"),
        "{iputils}"
    );
    assert!(iputils.contains("Received 1 response"), "{iputils}");
    assert_eq!(counted.of("arp-answered"), 2);
}

#[test]
fn both_arpings_are_answered_by_native_xdp() {
    arpings_are_answered_on(Path::NativeVeth);
}

#[test]
fn both_arpings_are_answered_by_generic_xdp() {
    arpings_are_answered_on(Path::GenericVeth);
}

#[test]
fn both_arpings_are_answered_on_a_bridge() {
    arpings_are_answered_on(Path::GenericBridge);
}

/// iputils-arping in its duplicate detection mode exits with 1 where somebody has the address.
fn duplicate_detection_finds_proxied_and_own_addresses_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let iputils = or_skip!(Peer::find("iputils-arping"));
    let config = config_file(CONFIG);
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    for address in [HOST_V4, PROXIED] {
        let mut command = iputils.command_in(&scene.peer);
        let output = command
            .args([
                "-D",
                "-f",
                "-c",
                "5",
                "-w",
                "5",
                "-I",
                "eth0",
                &address.to_string(),
            ])
            .output();
        let output = output.expect("run iputils-arping");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{address}: {said}");
        assert!(said.contains("02:00:00:00:00:01"), "{address}: {said}");
    }
}

#[test]
fn duplicate_detection_finds_our_addresses_beside_the_kernel_path() {
    duplicate_detection_finds_proxied_and_own_addresses_on(Path::GenericVeth);
}

#[test]
fn duplicate_detection_finds_our_addresses_without_xdp() {
    duplicate_detection_finds_proxied_and_own_addresses_on(Path::Userspace);
}
