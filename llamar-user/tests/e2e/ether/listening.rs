//! `llamar ether listen`: what it shows.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{ether, objects, start};
use crate::support::scene::Scene;
use crate::support::wait_until;
use crate::support::wire::Wire;

fn field(object: &Value, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| object[*name].clone()).collect()
}

/// A frame (destination, source, type, payload) with a tag or none.
fn frame(destination: u8, vlan: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, destination, 2, 0, 0, 0, 0, 2];
    if let Some(vlan) = vlan {
        frame.extend([0x81, 0]);
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend([0x88, 0xb5]);
    frame.extend(payload);
    frame
}

#[test]
fn frames_of_both_directions_are_objects_with_the_tag_that_the_kernel_took_off() {
    let scene = or_skip!(Scene::quiet());
    let mut listen = start(&scene.host, "listen -I eth0 --type 0x88b5 -c 3 --json");
    let wire = scene.wire();
    wire.send(&frame(1, Some(0xa064), b"Hi"));
    wire.send(&frame(9, None, b""));
    // Of another type.
    wire.send(&[&[0xff; 12][..], &[0x88, 0xb6]].concat());
    ether(&scene.host, "send -I eth0 broadcast --text out -V 7");
    assert!(listen.wait().success());
    let names = [
        "direction",
        "destination",
        "vlan",
        "priority",
        "ether_type",
        "length",
        "payload",
    ];
    let found: Vec<_> = objects(&listen)
        .iter()
        .map(|row| field(row, &names))
        .collect();
    let expected = [
        serde_json::json!(["to-us", "02:00:00:00:00:01", 100, 5, "0x88b5", 20, "4869"]),
        serde_json::json!([
            "to-others",
            "02:00:00:00:00:09",
            null,
            null,
            "0x88b5",
            14,
            ""
        ]),
        serde_json::json!([
            "outgoing",
            "ff:ff:ff:ff:ff:ff",
            7,
            0,
            "0x88b5",
            21,
            "6f7574"
        ]),
    ];
    let expected = expected.map(|row| row.as_array().unwrap().clone());
    assert_eq!(found, expected);
    assert!(
        listen
            .said()
            .contains("llamar: listening on eth0 (02:00:00:00:00:01)")
    );
    assert!(
        listen.said().contains("\nllamar: 3 frames\n"),
        "{}",
        listen.said()
    );
}

#[test]
fn frames_are_lines_with_the_payload_as_it_is_wanted() {
    let scene = or_skip!(Scene::quiet());
    let wire = scene.wire();
    let payload = b"Hi,\0 who is there?";
    for (form, lines) in [
        ("brief", vec![r": Hi,\x00 who is ther..."]),
        ("text", vec![r": Hi,\x00 who is there?"]),
        ("hex", vec![": 48692c002077686f2069732074686572653f"]),
        (
            "dump",
            vec![
                "",
                "  0000  48 69 2c 00 20 77 68 6f  20 69 73 20 74 68 65 72  |Hi,. who is ther|",
                "  0010  65 3f                                             |e?|",
            ],
        ),
        ("none", vec![""]),
    ] {
        let mut listen = start(
            &scene.host,
            &format!("listen -I eth0 -c 1 --payload {form} -t 88b5"),
        );
        wire.send(&frame(1, Some(100), payload));
        assert!(listen.wait().success());
        let said = listen.said();
        let notes = [
            "llamar: listening on eth0 (02:00:00:00:00:01)",
            "llamar: 1 frame",
        ];
        let mut shown = said.lines().filter(|line| !notes.contains(line));
        let first = shown.next().unwrap();
        let rest = "Z in 02:00:00:00:00:02 > 02:00:00:00:00:01 0x88b5 vlan 100, 36 bytes";
        let (_, rest) = first.split_once(rest).unwrap_or_else(|| panic!("{first}"));
        let shown: Vec<_> = std::iter::once(rest).chain(shown).collect();
        assert_eq!(shown[..lines.len()], lines);
    }
}

#[test]
fn only_what_is_wanted_is_shown() {
    let scene = or_skip!(Scene::quiet());
    let wire = scene.wire();
    for (wanted, expected) in [
        ("-d 02:00:00:00:00:09", vec!["one"]),
        ("-s 02:00:00:00:00:02 -V 100", vec!["two"]),
        ("-m 02:00:00:00:00:01", vec!["two", "out"]),
        ("--direction out", vec!["out"]),
        ("--direction in", vec!["one", "two"]),
        ("-t arp -t experimental -s 02:00:00:00:00:01", vec!["out"]),
    ] {
        let mut listen = start(
            &scene.host,
            &format!("listen -I eth0 {wanted} --payload text"),
        );
        wire.send(&frame(9, None, b"one"));
        wire.send(&frame(1, Some(100), b"two"));
        ether(&scene.host, "send -I eth0 broadcast --text out");
        for payload in &expected {
            listen.wait_for_words(&[&format!("bytes: {payload}")]);
        }
        listen.signal(Signal::SIGTERM);
        assert!(listen.wait().success());
        let said = listen.said();
        let shown = said
            .lines()
            .filter_map(|line| Some(line.split_once("bytes: ")?.1));
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{wanted}");
    }
}

#[test]
fn the_interface_is_promiscuous_while_that_is_wanted_and_no_longer() {
    let scene = or_skip!(Scene::quiet());
    let is = |number: u32| {
        let shown = scene.host.ip("-d link show eth0");
        shown.contains(&format!("promiscuity {number} "))
    };
    assert!(is(0));
    let mut listen = start(&scene.host, "listen -I eth0 --promiscuous");
    wait_until("the interface to be promiscuous", || is(1));
    listen.signal(Signal::SIGKILL);
    listen.wait();
    wait_until("the interface to be promiscuous no longer", || is(0));
}

#[test]
fn it_goes_on_when_the_interface_comes_back_and_ends_when_it_is_gone() {
    let scene = or_skip!(Scene::quiet());
    let mut listen = start(&scene.host, "listen -I eth0 -t experimental");
    scene.host.ip("link set eth0 down");
    listen.wait_for_words(&["warning: eth0 is down: nothing comes until it is up"]);
    scene.host.ip("link set eth0 up");
    listen.wait_for_words(&["eth0 is up again"]);
    scene.host.wait_for_carrier("eth0");
    scene.peer.wait_for_carrier("eth0");
    scene.wire().send(&frame(1, None, b"again"));
    listen.wait_for_words(&["bytes: again"]);
    scene.host.ip("link del eth0");
    assert_eq!(listen.wait().code(), Some(2));
    let said = listen.said();
    assert!(said.contains("llamar: 1 frame\n"), "{said}");
    assert!(
        said.contains("eth0 is gone: it was deleted, or moved to another namespace"),
        "{said}"
    );
}

#[test]
fn it_ends_after_a_time_or_when_nobody_reads() {
    let scene = or_skip!(Scene::quiet());
    let (code, out, err) = ether(&scene.host, "listen -I eth0 --timeout 0.1");
    assert_eq!((code, &out[..]), (0, ""));
    assert!(err.ends_with("\nllamar: 0 frames\n"), "{err}");
    let mut command = super::command(&scene.host, "listen -I eth0");
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let wire = scene.wire();
    wait_until("the end of a listener that nobody reads", || {
        wire.send(&frame(1, None, b"Hi"));
        child
            .try_wait()
            .unwrap()
            .is_some_and(|status| status.success())
    });
}

#[test]
fn a_jumbo_frame_is_shown_whole() {
    let scene = or_skip!(Scene::quiet());
    for namespace in [&scene.host, &scene.peer] {
        namespace.ip("link set eth0 mtu 65535");
    }
    let mut listen = start(&scene.host, "listen -I eth0 -c 1 --json -V 5");
    let payload = vec![7; 65_535];
    Wire::open(&scene.peer, "eth0").send(&frame(1, Some(5), &payload));
    assert!(listen.wait().success());
    let [row] = &objects(&listen)[..] else {
        panic!("one frame");
    };
    assert_eq!(
        field(row, &["length", "missing"]),
        [65_553.into(), Value::from(0)]
    );
    assert_eq!(row["payload"].as_str().unwrap(), "07".repeat(65_535));
}
