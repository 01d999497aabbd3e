//! `llamar nd announce`, heard by the kernel and on the wire.

use std::net::Ipv6Addr;

use crate::support::nd::{ALL_NODES, NA, Nd, OVERRIDE, ROUTER, group_mac};
use crate::support::peers::Peer;
use crate::support::scene::{
    HOST_LOCAL_V6, HOST_MAC, HOST_V6, PEER_LOCAL_V6, PEER_MAC, PEER_V6, Path, Scene,
};
use crate::support::{wait_for, wait_until};

use super::{as_tshark_reads, nd, start_nd};

/// An address that is announced.
const MOVED: &str = "fd07::9";

/// What is announced to everybody by default.
fn announced(nd: &Nd, source: Ipv6Addr, target: Ipv6Addr) -> Nd {
    Nd {
        source_mac: HOST_MAC,
        destination_mac: group_mac(ALL_NODES),
        vlan: None,
        source,
        destination: ALL_NODES,
        hop_limit: 255,
        kind: NA,
        flags: OVERRIDE,
        target,
        options: vec![(2, HOST_MAC.to_vec())],
        frame: nd.frame.clone(),
    }
}

// RFC 4861 4.4, 7.2.6: D6
#[test]
fn all_addresses_of_an_interface_are_announced_each_from_itself() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let (code, output, errors) = nd(&scene.host, &["announce", "-c2", "-w0.01", "-I", "eth0"]);
    assert_eq!(code, 0, "{errors}");
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    let expected = [HOST_V6, HOST_LOCAL_V6, HOST_V6, HOST_LOCAL_V6];
    let mut expected = expected.map(|ip| format!("announced {ip} at 02:00:00:00:00:01 on eth0"));
    expected.sort_unstable();
    assert_eq!(
        (lines, errors.as_str()),
        (expected.each_ref().map(String::as_str).to_vec(), "")
    );
    let frames = wire.drain();
    for own in [HOST_V6, HOST_LOCAL_V6] {
        let found: Vec<Nd> = frames
            .iter()
            .filter_map(|frame| Nd::advertisement(frame, own))
            .collect();
        assert_eq!(found.len(), 2, "{own}");
        for found in found {
            assert_eq!(found, announced(&found, own, own));
        }
    }
}

/// The hardware address by which the peer knows an address.
fn known(scene: &Scene, address: &str) -> Option<String> {
    let entry = scene.peer.ip(&format!("neighbour show {address} dev eth0"));
    let mut words = entry
        .split_whitespace()
        .skip_while(|word| *word != "lladdr");
    words.nth(1).map(String::from)
}

// RFC 4861 7.2.5, 7.2.6: D6
#[test]
fn with_override_neighbours_take_the_new_hardware_address_and_without_it_they_do_not() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let old = "02:00:00:00:00:99";
    let set = || {
        scene.peer.ip(&format!(
            "neighbour replace {MOVED} lladdr {old} dev eth0 nud reachable"
        ))
    };
    set();
    let all = ["announce", MOVED, "-q", "-c1"];
    let (code, ..) = nd(&scene.host, &[&all[..], &["--no-override"]].concat());
    assert_eq!(code, 0);
    // RFC 4861 7.2.5: an entry that is reachable becomes stale, and keeps its address.
    wait_until("the doubt of the peer", || {
        let entry = scene.peer.ip(&format!("neighbour show {MOVED} dev eth0"));
        assert!(entry.contains(old), "{entry}");
        entry.contains("STALE")
    });
    let (code, ..) = nd(&scene.host, &all);
    assert_eq!(code, 0);
    wait_for("the new hardware address", || {
        known(&scene, MOVED).filter(|mac| mac == "02:00:00:00:00:01")
    });
}

#[test]
fn a_router_says_so_and_the_peer_knows_it() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    scene.peer.ip(&format!(
        "neighbour replace {MOVED} lladdr 02:00:00:00:00:99 dev eth0 nud stale"
    ));
    let (code, ..) = nd(&scene.host, &["announce", MOVED, "-R", "-q", "-c1"]);
    assert_eq!(code, 0);
    wait_until("a router among the neighbours", || {
        let entry = scene.peer.ip(&format!("neighbour show {MOVED} dev eth0"));
        entry.contains("02:00:00:00:00:01 router")
    });
}

#[test]
fn one_neighbour_is_told_alone_at_the_address_that_the_kernel_finds() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let to = PEER_V6.to_string();
    let (code, output, errors) = nd(&scene.host, &["announce", MOVED, "--to", &to, "-c1"]);
    assert_eq!(code, 0, "{errors}");
    let told = "told fd07::2 that fd07::9 is at 02:00:00:00:00:01, to 02:00:00:00:00:02 on eth0\n";
    assert_eq!(output, told);
    let target = MOVED.parse().unwrap();
    let sent = wire
        .next(|frame| Nd::advertisement(frame, target))
        .expect("an advertisement");
    let expected = Nd {
        destination: PEER_V6,
        destination_mac: PEER_MAC,
        ..announced(&sent, HOST_V6, target)
    };
    assert_eq!(sent, expected);
}

// RFC 4861 7.2.6, RFC 9131: D6
#[test]
fn announcements_are_as_tshark_reads_them() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let tshark = or_skip!(Peer::find("tshark"));
    let target = MOVED.parse().unwrap();
    let sent = |arguments: &[&str]| {
        let wire = scene.wire();
        let all = [&["announce", MOVED, "-q", "-c1"], arguments].concat();
        let (code, _, errors) = nd(&scene.host, &all);
        assert_eq!(code, 0, "{errors}");
        let sent = wire.next(|frame| Nd::advertisement(frame, target));
        sent.expect("an advertisement").frame
    };
    let peer = PEER_LOCAL_V6.to_string();
    let frames = [
        sent(&[]),
        sent(&["--router", "--no-override", "-V", "7"]),
        sent(&["--mac", "02:00:00:00:00:55"]),
        sent(&["--to", &peer, "--unicast", "02:00:00:00:00:02"]),
    ];
    let besides = [
        "icmpv6.nd.na.flag",
        "icmpv6.nd.na.target_address",
        "icmpv6.opt.target_linkaddr",
    ];
    let own = "02:00:00:00:00:01";
    let local = HOST_LOCAL_V6.to_string();
    let row = |to: [&str; 2], vlan: &str, flags: u8, told: &str| {
        let flags = format!("0x{flags:02x}000000");
        [vlan, own, to[0], &local, to[1], &flags, MOVED, told]
            .map(String::from)
            .to_vec()
    };
    let all = ["33:33:00:00:00:01", "ff02::1"];
    assert_eq!(
        as_tshark_reads(&tshark, &frames, 136, &besides),
        [
            row(all, "", OVERRIDE, own),
            row(all, "7", ROUTER, own),
            row(all, "", OVERRIDE, "02:00:00:00:00:55"),
            row(["02:00:00:00:00:02", &peer], "", OVERRIDE, own),
        ]
    );
}

#[test]
fn announcements_are_repeated_until_a_signal_ends_them() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let arguments = ["announce", MOVED, "-c1", "--every", "0.02", "--json"];
    let mut announce = start_nd(&scene.host, &arguments);
    let target = MOVED.parse().unwrap();
    for _ in 0..4 {
        wire.next(|frame| Nd::advertisement(frame, target))
            .expect("an advertisement");
    }
    announce.wait_for_words(&["\"event\":\"sent\"", "\"number\":3"]);
    announce.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(announce.wait().code(), Some(0));
}
