//! What is answered follows the interfaces: addresses that come and go, links that go down, get another hardware
//! address or name, or are made anew.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use llamar_common::testing::{A, AAAA, FrameBuilder, Query};

use crate::support::agent::Agent;
use crate::support::ask::{Over, llmnr_query};
use crate::support::peers::Peer;
use crate::support::scene::{
    HOST_LOCAL_V4, HOST_MAC, HOST_V4, HOST_V6, PEER_V4, PEER_V6, Path, Scene, asker, own_addresses,
};
use crate::support::wire::Wire;
use crate::support::{wait_for, wait_until};

const SECOND: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 5);
const SECOND_V6: Ipv6Addr = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, 5);

/// A query of the peer for `casa`.
fn query(kind: u16) -> Query {
    FrameBuilder::llmnr(asker(PEER_V4)).question("casa", kind)
}

/// Asks until the answer is the wanted one. Every answer until then is the one from before.
#[track_caller]
fn ask_until_it_becomes(wire: &Wire, kind: u16, before: &[IpAddr], after: &[IpAddr]) {
    let mut id = 0;
    wait_until(&format!("{before:?} to become {after:?}"), || {
        id += 1;
        let addresses = wire.ask(&query(kind).id(id)).message.addresses();
        assert!(
            addresses == before || addresses == after,
            "{addresses:?} is neither {before:?} nor {after:?}"
        );
        addresses == after
    });
    for id in 1000..1010 {
        assert_eq!(wire.ask(&query(kind).id(id)).message.addresses(), after);
    }
}

/// Asks over and over, as nobody may answer at times, until somebody does with these addresses.
#[track_caller]
fn ask_until_answered(peer: &Peer, scene: &Scene, name: &str, wanted: IpAddr) {
    let over = if wanted.is_ipv4() {
        Over::Ipv4
    } else {
        Over::Ipv6
    };
    let kind = if wanted.is_ipv4() { "A" } else { "AAAA" };
    wait_until(&format!("{name} to be {wanted}"), || {
        llmnr_query(peer, &scene.peer, over, name, kind, 200).contains(&wanted)
    });
}

fn addresses_follow_the_interface_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let interface = scene.interface();
    for (kind, second, length) in [(A, IpAddr::from(SECOND), 24), (AAAA, SECOND_V6.into(), 64)] {
        let [routable, local] = own_addresses(kind, PEER_V4.into());
        let before = wire.ask(&query(kind)).message.addresses();
        assert_eq!(before, [routable, local]);
        scene
            .host
            .ip(&format!("address add {second}/{length} dev {interface}"));
        // The kernel lists a new IPv6 address in front of older ones.
        let both = wait_for("the new address", || {
            let addresses = wire.ask(&query(kind)).message.addresses();
            (addresses.len() == 3).then_some(addresses)
        });
        assert_eq!(both[2], local, "link-local addresses come last: {both:?}");
        assert!(
            both.contains(&routable) && both.contains(&second),
            "{both:?}"
        );
        scene
            .host
            .ip(&format!("address del {second}/{length} dev {interface}"));
        ask_until_it_becomes(&wire, kind, &both, &before);
    }
}

#[test]
fn address_added_and_removed_while_asking_is_followed_on_a_native_veth() {
    addresses_follow_the_interface_on(Path::NativeVeth);
}

#[test]
fn address_added_and_removed_while_asking_is_followed_on_a_generic_veth() {
    addresses_follow_the_interface_on(Path::GenericVeth);
}

#[test]
fn address_added_and_removed_while_asking_is_followed_on_a_generic_bridge() {
    addresses_follow_the_interface_on(Path::GenericBridge);
}

#[test]
fn address_added_and_removed_while_asking_is_followed_from_userspace() {
    addresses_follow_the_interface_on(Path::Userspace);
}

/// Most of some tries, since a machine may be busy: what it takes until an answer is the right one.
fn change_is_followed_within_a_tenth_of_a_second_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let mut id = 0;
    let mut took = |change: &str, there: bool| {
        scene
            .host
            .ip(&format!("address {change} {SECOND}/24 dev eth0"));
        let changed = Instant::now();
        wait_until("the answer to follow", || {
            id += 1;
            wire.ask(&query(A).id(id))
                .message
                .addresses()
                .contains(&SECOND.into())
                == there
        });
        changed.elapsed()
    };
    let most = Duration::from_millis(100);
    let mut tries = Vec::new();
    // By how many those that were fast outnumber the others.
    let mut lead = [0; 2];
    while lead.iter().any(|lead| *lead < 3) {
        assert!(tries.len() < 50, "{tries:?}");
        let both = [took("add", true), took("del", false)];
        for (lead, took) in lead.iter_mut().zip(both) {
            *lead += if took < most { 1 } else { -1 };
        }
        tries.push(both);
    }
}

#[test]
fn change_is_followed_within_a_tenth_of_a_second_by_the_kernel_path() {
    change_is_followed_within_a_tenth_of_a_second_on(Path::GenericVeth);
}

#[test]
fn change_is_followed_within_a_tenth_of_a_second_from_userspace() {
    change_is_followed_within_a_tenth_of_a_second_on(Path::Userspace);
}

#[test]
fn host_answers_with_an_empty_answer_once_its_last_ipv6_address_is_gone() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    assert_eq!(
        wire.ask(&query(AAAA)).message.addresses(),
        own_addresses(AAAA, PEER_V4.into())
    );
    scene.host.ip("-6 address flush dev eth0");
    wait_until("the answer to be empty", || {
        let message = wire.ask(&query(AAAA)).message;
        message.answers.is_empty() && message.authority.len() == 1
    });
}

#[test]
fn secondary_address_goes_with_its_primary() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    scene
        .host
        .set("net/ipv4/conf/eth0/promote_secondaries", "0");
    scene.host.ip(&format!("address add {SECOND}/24 dev eth0"));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let reply = wire.ask(&query(A));
    let all = [HOST_V4, SECOND, HOST_LOCAL_V4].map(IpAddr::from);
    assert_eq!(reply.message.addresses(), all);
    assert_eq!(
        reply.source.ip(),
        IpAddr::from(HOST_V4),
        "the primary address is the source"
    );
    scene.host.ip(&format!("address del {HOST_V4}/24 dev eth0"));
    // With the prefix the routable asker left the link; one with a link-local address is still on it.
    let local = || FrameBuilder::llmnr(asker([169, 254, 7, 2])).question("casa", A);
    wait_until("both to be gone", || {
        wire.ask(&local()).message.addresses() == [IpAddr::from(HOST_LOCAL_V4)]
    });
    wire.assert_unanswered(&query(A).id(1), &local().id(2));
}

#[test]
fn secondary_address_becomes_the_source_when_it_is_promoted() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    scene
        .host
        .set("net/ipv4/conf/eth0/promote_secondaries", "1");
    scene.host.ip(&format!("address add {SECOND}/24 dev eth0"));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    wire.ask(&query(A));
    scene.host.ip(&format!("address del {HOST_V4}/24 dev eth0"));
    let local = || FrameBuilder::llmnr(asker([169, 254, 7, 2])).question("casa", A);
    wait_until("the first to be gone", || {
        !wire
            .ask(&local())
            .message
            .addresses()
            .contains(&HOST_V4.into())
    });
    let reply = wire.ask(&query(A).id(9));
    assert_eq!(reply.source.ip(), IpAddr::from(SECOND));
    assert_eq!(
        reply.message.addresses(),
        [SECOND, HOST_LOCAL_V4].map(IpAddr::from)
    );
}

#[test]
fn peer_of_a_point_to_point_address_is_on_the_link() {
    let scene = or_skip!(Scene::bare(Path::GenericVeth));
    let [ours, theirs] = [Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2)];
    scene
        .host
        .ip(&format!("address add {ours} peer {theirs}/32 dev eth0"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let from = |last| FrameBuilder::llmnr(asker([10, 9, 0, last])).question("casa", A);
    let (reply, counted) = agent.asked_while_stopped(|| wire.ask(&from(2)));
    assert_eq!(
        (reply.source.ip(), counted.of("llmnr-answered")),
        (ours.into(), 1)
    );
    assert_eq!(reply.message.addresses(), [IpAddr::from(ours)]);
    wire.assert_unanswered(&from(3).id(1), &from(2).id(2));
}

#[test]
fn address_without_a_prefix_is_told_but_puts_nobody_on_the_link() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    scene.host.ip("address add 10.8.0.1/32 dev eth0");
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let addresses = wire.ask(&query(A)).message.addresses();
    assert_eq!(
        addresses,
        [HOST_V4, Ipv4Addr::new(10, 8, 0, 1), HOST_LOCAL_V4].map(IpAddr::from)
    );
    let stranger = FrameBuilder::llmnr(asker([10, 8, 0, 2])).question("casa", A);
    wire.assert_unanswered(&stranger.id(1), &query(A).id(2));
}

#[test]
fn tentative_address_is_not_told() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    // So many probes that the address stays tentative as long as the test.
    scene.host.set("net/ipv6/conf/eth0/accept_dad", "1");
    scene.host.set("net/ipv6/conf/eth0/dad_transmits", "1000");
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    scene.host.ip("address add fd07::bad/64 dev eth0");
    assert!(
        scene
            .host
            .ip("address show dev eth0 tentative")
            .contains("fd07::bad")
    );
    // An address that came later and needs no probes is told: so the tentative one was seen.
    scene
        .host
        .ip(&format!("address add {SECOND_V6}/64 dev eth0 nodad"));
    let tentative: Ipv6Addr = "fd07::bad".parse().unwrap();
    let addresses = wait_for("the later address", || {
        let addresses = wire.ask(&query(AAAA)).message.addresses();
        addresses.contains(&SECOND_V6.into()).then_some(addresses)
    });
    assert!(!addresses.contains(&tentative.into()), "{addresses:?}");
    assert!(
        scene
            .host
            .ip("address show dev eth0 tentative")
            .contains("fd07::bad")
    );
}

#[test]
fn deprecated_address_is_not_told() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    assert!(
        wire.ask(&query(AAAA))
            .message
            .addresses()
            .contains(&HOST_V6.into())
    );
    scene.host.ip(&format!(
        "address change {HOST_V6}/64 dev eth0 preferred_lft 0"
    ));
    wait_until("the address to be gone", || {
        !wire
            .ask(&query(AAAA))
            .message
            .addresses()
            .contains(&HOST_V6.into())
    });
}

fn link_down_and_up_is_followed_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let peer = or_skip!(Peer::find("llmnr-query"));
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    ask_until_answered(&peer, &scene, "casa", HOST_V4.into());
    scene.host.ip("link set eth0 down");
    wait_until("the name to be gone", || {
        !agent.printed(&["names"]).contains(&HOST_V4.to_string())
    });
    scene.host.ip("link set eth0 up");
    ask_until_answered(&peer, &scene, "casa", HOST_V4.into());
    // The groups are joined for both families again; down took the routable IPv6 address with it.
    scene.host.ip(&format!("address add {HOST_V6}/64 dev eth0"));
    ask_until_answered(&peer, &scene, "casa", HOST_V6.into());
    agent.assert_alive();
}

#[test]
fn link_that_goes_down_and_up_is_answered_again_by_the_kernel() {
    link_down_and_up_is_followed_on(Path::GenericVeth);
}

#[test]
fn link_that_goes_down_and_up_is_answered_again_from_userspace() {
    link_down_and_up_is_followed_on(Path::Userspace);
}

#[test]
fn new_hardware_address_is_the_source_of_answers() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    assert_eq!(wire.ask(&query(A)).source_mac, HOST_MAC);
    scene.host.ip("link set eth0 address 02:00:00:00:00:99");
    wait_until("the new hardware address", || {
        wire.ask(&query(A)).source_mac == [2, 0, 0, 0, 0, 0x99]
    });
    let (reply, counted) = agent.asked_while_stopped(|| wire.ask(&query(A)));
    assert_eq!(
        (reply.source_mac, counted.of("llmnr-answered")),
        ([2, 0, 0, 0, 0, 0x99], 1)
    );
}

#[test]
fn another_mtu_stops_no_answer() {
    let scene = or_skip!(Scene::new(Path::NativeVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    scene.host.ip("link set eth0 mtu 1280");
    agent.asked_in_kernel(&wire, &query(A));
}

fn rename_is_followed_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let peer = or_skip!(Peer::find("llmnr-query"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    ask_until_answered(&peer, &scene, "casa", HOST_V4.into());
    for (from, to) in [("eth0", "other0"), ("other0", "eth0")] {
        scene.host.ip(&format!("link set {from} down"));
        scene.host.ip(&format!("link set {from} name {to}"));
        scene.host.ip(&format!("link set {to} up"));
        scene.host.wait_for_carrier(to);
        if to == "eth0" {
            ask_until_answered(&peer, &scene, "casa", HOST_V4.into());
        } else {
            wait_until("the name to be gone", || {
                !agent.printed(&["names"]).contains(&HOST_V4.to_string())
            });
            wait_until("nobody to answer", || {
                llmnr_query(&peer, &scene.peer, Over::Ipv4, "casa", "A", 200).is_empty()
            });
        }
    }
}

#[test]
fn interface_renamed_away_is_left_alone_and_served_when_it_is_renamed_back() {
    rename_is_followed_on(Path::GenericVeth);
}

#[test]
fn interface_renamed_away_is_left_alone_from_userspace_too() {
    rename_is_followed_on(Path::Userspace);
}

fn new_interface_of_the_same_name_is_served_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let peer = or_skip!(Peer::find("llmnr-query"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    ask_until_answered(&peer, &scene, "casa", HOST_V4.into());
    let old = scene.host.index("eth0");
    scene.host.ip("link delete eth0");
    wait_until("the name to be gone", || {
        !agent.printed(&["names"]).contains(&HOST_V4.to_string())
    });
    // A name on the way, so that the new interface has another index.
    scene.host.veth(("eth9", 9), &scene.peer, ("eth9", 0x19));
    scene.host.veth(("eth0", 1), &scene.peer, ("eth0", 2));
    assert_ne!(scene.host.index("eth0"), old);
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    scene.peer.ip(&format!("address add {PEER_V4}/24 dev eth0"));
    scene.peer.ip(&format!("address add {PEER_V6}/64 dev eth0"));
    ask_until_answered(&peer, &scene, "casa", HOST_V4.into());
    if path != Path::Userspace {
        let wire = scene.wire();
        agent.asked_in_kernel(&wire, &query(A));
    }
}

#[test]
fn interface_deleted_and_made_anew_is_served_by_the_kernel() {
    new_interface_of_the_same_name_is_served_on(Path::GenericVeth);
}

#[test]
fn interface_deleted_and_made_anew_is_served_from_userspace() {
    new_interface_of_the_same_name_is_served_on(Path::Userspace);
}
