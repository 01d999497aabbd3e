//! `llamar arp detect` and `llamar arp request`: against the kernel and beside both arpings.

use std::net::Ipv4Addr;

use llamar_common::testing::Mac;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::peers::Peer;
use crate::support::reply::Arp;
use crate::support::scene::{
    HOST_LOCAL_V4, HOST_MAC, HOST_V4, PEER_LOCAL_V4, PEER_MAC, PEER_V4, Path, Scene,
};
use crate::support::wait_until;

use super::{
    ALL, NOBODY, ZERO, addressed_scene, arp, arp_frames, assert_dissected, packets, start,
};

/// The round-trip time at the end of a line like `10.7.0.2 is at 02:00:00:00:00:02  0.123 ms`.
#[track_caller]
fn milliseconds(line: &str, holder: &str) -> f64 {
    let time = line
        .strip_prefix(holder)
        .and_then(|rest| rest.strip_prefix("  "))
        .and_then(|rest| rest.strip_suffix(" ms"));
    let time = time.unwrap_or_else(|| panic!("{line:?} begins with {holder:?}"));
    time.parse().expect("a number")
}

fn request(sender: Ipv4Addr, target: Ipv4Addr) -> Arp {
    Arp {
        source_mac: HOST_MAC,
        destination_mac: ALL,
        vlan: None,
        operation: 1,
        sender: (HOST_MAC, sender),
        target: (ZERO, target),
    }
}

#[test]
fn holder_is_detected_without_telling_an_address() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let (code, out, errors) = arp(&scene.host, "detect 10.7.0.2 -w 5");
    let line = out.strip_suffix('\n').expect("a line");
    let time = milliseconds(line, "10.7.0.2 is at 02:00:00:00:00:02");
    assert!(time >= 0.0, "{time}");
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "llamar: asking for 10.7.0.2 on eth0 without telling an address",
            "llamar: 1 sent, 1 received, 0% loss",
        ]
    );
    assert!(
        lines[2].starts_with("llamar: rtt min/avg/max/mdev = "),
        "{errors}"
    );
    assert_eq!(code, 0);
    // Whoever answers is enough; the others are told of.
    let (code, out, errors) = arp(
        &scene.host,
        "detect -e 10.7.0.2 10.7.0.9 10.7.0.8 -c 2 -w 1",
    );
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
    assert!(
        errors.contains("llamar: no answer for 10.7.0.9, 10.7.0.8\n"),
        "{errors}"
    );
    assert!(
        errors.contains("llamar: 5 sent, 1 received, 80% loss\n"),
        "{errors}"
    );
    let (code, out, errors) = arp(&scene.host, "detect 10.7.0.9 -c 1 -w 0.1 -q");
    assert_eq!((code, &*out, &*errors), (1, "", ""));
    // Off the link there is nobody to ask, and that is said.
    let (code, _, errors) = arp(&scene.host, "detect 10.8.0.9 -c 1 -w 0.1");
    assert!(
        errors.contains("10.8.0.9 is on none of the networks of eth0 (10.7.0.0/24"),
        "{errors}"
    );
    assert_eq!(code, 1);
}

// RFC 5227 2.1.1: C16
#[test]
fn frames_of_asking_are_what_they_should_be() {
    let scene = or_skip!(addressed_scene());
    let wire = scene.wire();
    for line in [
        "detect 10.7.0.9 -c 2 -w 0.01",
        "detect 10.7.0.9 --ask -c 1 -w 0.01",
        "detect 10.7.0.9 -i 10.7.0.77 -c 1 -w 0.01",
        "request 169.254.7.9 -c 1 -w 0.01",
        "request 10.7.0.9 -c 1 -w 0.01 --force --pad -t 02:00:00:00:00:12 -s 020000000011 -S 020000000013 -T 020000000014",
    ] {
        assert_eq!(arp(&scene.host, line).0, 1, "{line}");
    }
    let frames = arp_frames(&wire);
    let expected = [
        request(NOBODY, [10, 7, 0, 9].into()),
        request(NOBODY, [10, 7, 0, 9].into()),
        request(HOST_V4, [10, 7, 0, 9].into()),
        request([10, 7, 0, 77].into(), [10, 7, 0, 9].into()),
        request(HOST_LOCAL_V4, [169, 254, 7, 9].into()),
        Arp {
            source_mac: [2, 0, 0, 0, 0, 0x11],
            destination_mac: [2, 0, 0, 0, 0, 0x12],
            vlan: None,
            operation: 1,
            sender: ([2, 0, 0, 0, 0, 0x13], HOST_V4),
            target: ([2, 0, 0, 0, 0, 0x14], [10, 7, 0, 9].into()),
        },
    ];
    assert_eq!(packets(&frames), expected);
    let lengths: Vec<_> = frames.iter().map(Vec::len).collect();
    assert_eq!(lengths, [42, 42, 42, 42, 42, 60]);
    assert_dissected(
        &frames[..5],
        &[
            "Who has 10.7.0.9? (ARP Probe)",
            "Who has 10.7.0.9? (ARP Probe)",
            "Who has 10.7.0.9? Tell 10.7.0.1",
            "Who has 10.7.0.9? Tell 10.7.0.77",
            "Who has 169.254.7.9? Tell 169.254.7.1",
        ],
    );
}

#[test]
fn requests_are_answered_and_timed_as_by_arping() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let (code, out, errors) = arp(&scene.host, "request 10.7.0.2 -c 3 -w 1");
    assert_eq!((code, out.lines().count()), (0, 3), "{out}{errors}");
    for line in out.lines() {
        milliseconds(line, "10.7.0.2 is at 02:00:00:00:00:02");
    }
    assert!(
        errors.starts_with("llamar: asking for 10.7.0.2 on eth0 from 10.7.0.1\n"),
        "{errors}"
    );
    assert!(
        errors.contains("llamar: 3 sent, 3 received, 0% loss\n"),
        "{errors}"
    );
    let (_, out, _) = arp(&scene.host, "request 169.254.7.2 -o -w 0.05");
    assert!(
        out.starts_with(&format!("{PEER_LOCAL_V4} is at 02:00:00:00:00:02  ")),
        "{out}"
    );
    // The same host at the same hardware address, as others see it.
    let arping = or_skip!(Peer::find("arping"));
    let found = arping.output_in(&scene.host, &["-c", "1", "-i", "eth0", "-r", "10.7.0.2"]);
    assert_eq!(found.trim(), "02:00:00:00:00:02");
    let arping = or_skip!(Peer::find("iputils-arping"));
    let found = arping.output_in(&scene.host, &["-c", "1", "-f", "-I", "eth0", "10.7.0.2"]);
    assert!(
        found.contains("Unicast reply from 10.7.0.2 [02:00:00:00:00:02]"),
        "{found}"
    );
    // It asks nobody for ever.
    let (code, out, _) = arp(&scene.host, "request 10.7.0.9 --deadline 0.2 -w 0.05 -q");
    assert_eq!((code, &*out), (1, ""));
}

#[test]
fn endless_asking_ends_with_ctrl_c_and_its_statistics() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut request = start(&scene.host, "request 10.7.0.2 -w 0.05");
        request.wait_for_words(&["10.7.0.2 is at 02:00:00:00:00:02"]);
        request.signal(signal);
        assert_eq!(request.wait().code(), Some(0));
        assert!(
            request.said().contains("rtt min/avg/max/mdev = "),
            "{}",
            request.said()
        );
    }
}

#[test]
fn two_hosts_with_one_address_are_told_apart() {
    let scene = or_skip!(Scene::quiet());
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    scene.peer.ip(&format!("address add {PEER_V4}/24 dev eth0"));
    let wire = scene.wire();
    let mut detect = start(&scene.host, "detect 10.7.0.2 --ask --all -c 1 -w 60 -v");
    let asked = wire.next(|frame| Arp::decode(frame).filter(|arp| arp.operation == 1));
    assert_eq!(asked, Some(request(HOST_V4, PEER_V4)));
    // An other host answers too, behind a proxy.
    let (other, proxy) = ([2, 0, 0, 0, 0, 9], [2, 0, 0, 0, 0, 8]);
    for _ in 0..2 {
        wire.send(&reply(&[], proxy, other, PEER_V4, HOST_V4));
    }
    wait_until("three answers", || {
        let said = detect.said();
        let answers = said.lines().filter(|line| line.starts_with("10.7.0.2 is"));
        answers.count() == 3
    });
    detect.signal(Signal::SIGINT);
    assert_eq!(detect.wait().code(), Some(0));
    let said = detect.said();
    let at = |mac: &str| {
        said.lines()
            .filter(|line| line.starts_with(&format!("10.7.0.2 is at {mac}")))
            .count()
    };
    assert_eq!(
        (at("02:00:00:00:00:02"), at("02:00:00:00:00:09")),
        (1, 2),
        "{said}"
    );
    assert_eq!(
        said.matches("  (also at 02:00:00:00:00:0").count(),
        2,
        "{said}"
    );
    assert_eq!(said.matches("  (again)").count(), 1, "{said}");
    assert_eq!(
        said.matches("  (in a frame of 02:00:00:00:00:08)").count(),
        2,
        "{said}"
    );
    // -v tells each frame.
    let sent = "llamar: debug: sent 02:00:00:00:00:01 -> ff:ff:ff:ff:ff:ff: who has 10.7.0.2? tell 10.7.0.1";
    assert!(said.contains(sent), "{said}");
    let received = "received 02:00:00:00:00:08 -> 02:00:00:00:00:01: 10.7.0.2 is at 02:00:00:00:00:09 (reply to 10.7.0.1)";
    assert_eq!(said.matches(received).count(), 2, "{said}");
}

#[test]
fn a_host_that_probes_for_the_same_address_is_heard() {
    let scene = or_skip!(Scene::quiet());
    let wire = scene.wire();
    let mut detect = start(&scene.host, "detect 10.7.0.9 -w 2");
    wire.next(Arp::decode).expect("a probe");
    let mut probe = [
        &ALL[..],
        &PEER_MAC,
        &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
        &PEER_MAC,
    ]
    .concat();
    probe.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 7, 0, 9]);
    wire.send(&probe);
    assert_eq!(detect.wait().code(), Some(0));
    let line = "10.7.0.9 is wanted by 02:00:00:00:00:02  (probe)\n";
    assert!(detect.said().contains(line), "{}", detect.said());
}

#[test]
fn a_vlan_is_asked_in_and_machines_read_objects() {
    let scene = or_skip!(Scene::quiet());
    let wire = scene.wire();
    let line = "detect 10.7.0.2 10.7.0.9 -I eth0 -V 7 --priority 5 -c 1 -w 60 --json";
    let mut detect = start(&scene.host, line);
    let frames = [(); 2].map(|()| {
        let frame = wire.next(|frame| Arp::decode(frame).map(|_| frame.to_vec()));
        frame.expect("a probe")
    });
    // Priority 5, VLAN 7.
    let has_tag = |frame: &Vec<u8>| frame[12..16] == [0x81, 0, 0xa0, 7];
    assert!(frames.iter().all(has_tag), "{frames:?}");
    // Only who is in this VLAN is heard; with what priority is no matter.
    let silent = [10, 7, 0, 9].into();
    for (tag, has) in [
        (&[0x81, 0, 0, 8][..], silent),
        (&[], silent),
        (&[0x81, 0, 0x60, 7], PEER_V4),
    ] {
        wire.send(&reply(tag, PEER_MAC, PEER_MAC, has, NOBODY));
    }
    // The last of the three: what the others did was seen before.
    detect.wait_for_words(&["\"event\":\"answer\""]);
    detect.signal(Signal::SIGINT);
    assert_eq!(detect.wait().code(), Some(0));
    let out = detect.said();
    assert_dissected(
        &frames,
        &[
            "Who has 10.7.0.2? (ARP Probe)",
            "Who has 10.7.0.9? (ARP Probe)",
        ],
    );
    let rows: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    let [answer, end] = rows.as_slice() else {
        panic!("two objects: {out}");
    };
    for (name, value) in [
        ("event", "answer"),
        ("target", "10.7.0.2"),
        ("mac", "02:00:00:00:00:02"),
        ("ether_source", "02:00:00:00:00:02"),
        ("how", "reply"),
        ("interface", "eth0"),
    ] {
        assert_eq!(answer[name], value, "{out}");
    }
    assert_eq!(
        (&answer["vlan"], &answer["repeated"]),
        (&7.into(), &false.into())
    );
    assert!(
        answer["rtt_ms"].as_f64().is_some_and(|time| time > 0.0),
        "{out}"
    );
    assert_eq!(
        (&end["event"], &end["silent"][0]),
        (&"end".into(), &"10.7.0.9".into())
    );
    assert_eq!(
        (&end["statistics"]["sent"], &end["statistics"]["received"]),
        (&2.into(), &1.into())
    );
}

/// A reply to the host, which has asked in the name of an address, in a frame of somebody.
fn reply(tag: &[u8], source: Mac, sender: Mac, has: Ipv4Addr, asked: Ipv4Addr) -> Vec<u8> {
    let types = [8, 6, 0, 1, 8, 0, 6, 4, 0, 2];
    let header = [&HOST_MAC[..], &source, tag, &types].concat();
    let from = [&sender[..], &has.octets()].concat();
    [&header[..], &from, &HOST_MAC, &asked.octets()].concat()
}
