//! `llamar arp announce`, `reply` and `update`: what they send, and what the neighbours learn.

use std::net::Ipv4Addr;

use nix::sys::signal::Signal;

use crate::support::peers::Peer;
use crate::support::reply::Arp;
use crate::support::scene::{HOST_LOCAL_V4, HOST_MAC, HOST_V4, PEER_MAC, PEER_V4, Path, Scene};
use crate::support::wait_until;

use super::{
    ALL, NOBODY, ZERO, addressed_scene, arp, arp_frames, assert_dissected, packets, start,
};

/// An address that moved here.
const MOVED: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 9);

fn announcement(address: Ipv4Addr) -> Arp {
    Arp {
        source_mac: HOST_MAC,
        destination_mac: ALL,
        vlan: None,
        operation: 1,
        sender: (HOST_MAC, address),
        target: (ZERO, address),
    }
}

fn gratuitous_reply(address: Ipv4Addr) -> Arp {
    Arp {
        operation: 2,
        target: (HOST_MAC, address),
        ..announcement(address)
    }
}

// RFC 5227 2.3: C9
#[test]
fn frames_of_telling_are_what_they_should_be() {
    let scene = or_skip!(addressed_scene());
    let wire = scene.wire();
    for (line, expected, lengths) in [
        (
            "announce -w 0.01",
            vec![
                announcement(HOST_V4),
                announcement(HOST_LOCAL_V4),
                announcement(HOST_V4),
                announcement(HOST_LOCAL_V4),
            ],
            42,
        ),
        (
            "announce 10.7.0.9 -c 1 --pad",
            vec![announcement(MOVED)],
            60,
        ),
        (
            "announce -i 10.7.0.9 -c 1 --as both",
            vec![announcement(MOVED), gratuitous_reply(MOVED)],
            42,
        ),
        (
            "announce 10.7.0.9 -c 1 --as reply",
            vec![gratuitous_reply(MOVED)],
            42,
        ),
        (
            "announce 10.7.0.9 -c 1 -V 7 -I eth0",
            vec![Arp {
                vlan: Some(7),
                ..announcement(MOVED)
            }],
            46,
        ),
        (
            "announce 10.7.0.9 -c 1 -S 020000000013",
            vec![Arp {
                sender: ([2, 0, 0, 0, 0, 0x13], MOVED),
                ..announcement(MOVED)
            }],
            42,
        ),
        ("reply", vec![gratuitous_reply(HOST_V4)], 42),
        (
            "reply 169.254.7.1",
            vec![gratuitous_reply(HOST_LOCAL_V4)],
            42,
        ),
        (
            "reply -i 10.7.0.9 -e 10.7.0.2 -t 02:00:00:00:00:02 -c 2 -w 0.01",
            vec![
                Arp {
                    destination_mac: PEER_MAC,
                    operation: 2,
                    target: (PEER_MAC, PEER_V4),
                    ..announcement(MOVED)
                };
                2
            ],
            42,
        ),
        (
            "update 10.7.0.9 -w 0.01",
            vec![
                Arp {
                    sender: (HOST_MAC, NOBODY),
                    ..announcement(MOVED)
                },
                announcement(MOVED),
                gratuitous_reply(MOVED),
            ],
            42,
        ),
        (
            "update 10.7.0.9 -e 10.7.0.2 -w 0.01",
            vec![
                Arp {
                    sender: (HOST_MAC, NOBODY),
                    ..announcement(MOVED)
                },
                Arp {
                    target: (ZERO, PEER_V4),
                    ..announcement(MOVED)
                },
            ],
            42,
        ),
    ] {
        let (code, out, errors) = arp(&scene.host, line);
        assert_eq!((code, &*errors), (0, ""), "{line}");
        let frames = arp_frames(&wire);
        assert_eq!(packets(&frames), expected, "{line}");
        assert!(
            frames.iter().all(|frame| frame.len() == lengths),
            "{line}: {frames:?}"
        );
        // What asks first tells nothing.
        let told = expected.iter().filter(|arp| arp.sender.1 != NOBODY).count();
        assert_eq!(out.lines().count(), told, "{line}: {out}");
    }
    let (_, out, _) = arp(&scene.host, "announce 10.7.0.9 -c 1");
    assert_eq!(out, "announced 10.7.0.9 at 02:00:00:00:00:01 on eth0\n");
    let (_, out, _) = arp(
        &scene.host,
        "reply 10.7.0.9 -e 10.7.0.2 -t 020000000002 --json",
    );
    assert_eq!(
        out,
        r#"{"event":"sent","address":"10.7.0.9","mac":"02:00:00:00:00:01","operation":"reply","target":"10.7.0.2","destination":"02:00:00:00:00:02","number":1,"interface":"eth0","vlan":null}
"#
    );
    assert_dissected(
        &arp_frames(&wire),
        &[
            "ARP Announcement for 10.7.0.9",
            "10.7.0.9 is at 02:00:00:00:00:01",
        ],
    );
}

#[test]
fn neighbours_learn_where_an_address_is_now() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    // The stack holds a fresh entry for a second before it believes another address.
    scene.peer.set("net/ipv4/neigh/eth0/locktime", "0");
    for line in [
        "announce 10.7.0.9 -c 1",
        "announce 10.7.0.9 -c 1 --as reply",
        "reply 10.7.0.9",
        "reply 10.7.0.9 -e 10.7.0.2 -t 02:00:00:00:00:02",
        "update 10.7.0.9 -w 0.05",
        "update 10.7.0.9 -e 10.7.0.2 -w 0.05",
    ] {
        scene
            .peer
            .ip("neighbour replace 10.7.0.9 lladdr 02:00:00:00:00:99 nud stale dev eth0");
        assert_eq!(arp(&scene.host, line).0, 0, "{line}");
        wait_until(&format!("what {line} tells"), || {
            let entry = scene.peer.ip("neighbour show 10.7.0.9");
            entry.contains("lladdr 02:00:00:00:00:01")
        });
    }
}

#[test]
fn an_address_that_another_host_has_is_not_taken_from_it() {
    let scene = or_skip!(Scene::quiet());
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    scene.peer.ip(&format!("address add {PEER_V4}/24 dev eth0"));
    let wire = scene.wire();
    let (code, out, errors) = arp(&scene.host, "update 10.7.0.9 10.7.0.2 -w 0.3");
    assert_eq!((code, &*out), (1, ""));
    let expected = "llamar: error: 02:00:00:00:00:02 has 10.7.0.2: nobody is told; --force tells nevertheless\n";
    assert_eq!(errors, expected);
    let asked = packets(&arp_frames(&wire));
    assert!(asked.iter().all(|arp| arp.sender.1 == NOBODY), "{asked:?}");
    let (code, out, _) = arp(&scene.host, "update 10.7.0.2 --force --as request");
    assert_eq!(
        (code, &*out),
        (0, "announced 10.7.0.2 at 02:00:00:00:00:01 on eth0\n")
    );
    assert_eq!(packets(&arp_frames(&wire)), [announcement(PEER_V4)]);
}

// RFC 5227 2.1: C11, C17
#[test]
fn periodic_announcements_begin_anew_when_the_link_is_up_again() {
    let scene = or_skip!(Scene::quiet());
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    let wire = scene.wire();
    let mut announce = start(&scene.host, "announce -c 1 --every 0.3");
    let is_ours = |frame: &[u8]| Arp::decode(frame).filter(|arp| *arp == announcement(HOST_V4));
    for _ in 0..3 {
        wire.next(is_ours).expect("an announcement");
    }
    scene.peer.ip("link set eth0 down");
    wait_until("the loss of the carrier", || {
        scene.host.ip("link show dev eth0").contains("NO-CARRIER")
    });
    scene.peer.ip("link set eth0 up");
    wire.next(is_ours)
        .expect("an announcement after the link came up");
    announce.signal(Signal::SIGTERM);
    assert_eq!(announce.wait().code(), Some(0));
}

#[test]
fn others_ask_for_what_was_announced_and_do_not_find_us() {
    // What is announced is not answered for: that is for whoever has the address.
    let scene = or_skip!(Scene::new(Path::Userspace));
    let arping = or_skip!(Peer::find("arping"));
    arp(&scene.host, "announce 10.7.0.9 -c 1");
    let found = arping.output_in(
        &scene.peer,
        &["-c", "1", "-w", "0.2", "-r", "-i", "eth0", "10.7.0.9"],
    );
    assert_eq!(found.trim(), "");
    let found = arping.output_in(&scene.peer, &["-c", "1", "-r", "-i", "eth0", "10.7.0.1"]);
    assert_eq!(found.trim(), "02:00:00:00:00:01");
}
