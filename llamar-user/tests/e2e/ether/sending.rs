//! `llamar ether send`, as it arrives.

use std::io::Write as _;
use std::process::Stdio;

use super::{command, ether};
use crate::support::scene::Scene;
use crate::support::wire::Wire;

/// The next frame.
#[track_caller]
fn arrives(wire: &Wire) -> Vec<u8> {
    wire.next(|frame| Some(frame.to_vec())).expect("a frame")
}

#[test]
fn a_frame_arrives_as_it_was_asked_for() {
    let scene = or_skip!(Scene::quiet());
    let wire = scene.wire();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\0bytes\xff").unwrap();
    let path = file.path().display();
    for (line, expected) in [
        (
            "02:00:00:00:00:02 --text Hi".to_owned(),
            &b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb5Hi"[..],
        ),
        (
            "broadcast -s 02-00-00-00-00-09 -t arp -x 00:ff -V 100 --priority 7".into(),
            b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x09\x81\0\xe0\x64\x08\x06\0\xff",
        ),
        (
            format!("0200.0000.0002 -t 34998 --file {path}"),
            b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb6\0bytes\xff",
        ),
        (
            "--whole --hex ffffffffffff02000000000700024869".into(),
            b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x07\0\x02Hi",
        ),
    ] {
        let (code, out, err) = ether(&scene.host, &format!("send -I eth0 {line}"));
        assert_eq!((code, &err[..]), (0, ""), "{line}");
        assert_eq!(out.lines().count(), 1, "{out}");
        assert_eq!(arrives(&wire), expected, "{line}");
    }
}

#[test]
fn whoever_wants_to_know_is_told_of_each_frame_on_standard_error() {
    let scene = or_skip!(Scene::quiet());
    let (code, out, err) = ether(&scene.host, "send -v -I eth0 02:00:00:00:00:02 --text Hi");
    assert_eq!((code, out.lines().count()), (0, 1));
    assert_eq!(
        err,
        "llamar: debug: sent 02:00:00:00:00:01 -> 02:00:00:00:00:02: of type 0x88b5\n"
    );
}

#[test]
fn several_frames_are_told_of_one_by_one_padded_and_as_objects() {
    let scene = or_skip!(Scene::quiet());
    let wire = scene.wire();
    let send = "send -I eth0 02:00:00:00:00:02 -p Hi --pad -c 3 -w 0.01";
    let (code, out, err) = ether(&scene.host, send);
    assert_eq!((code, &err[..]), (0, ""));
    assert_eq!(
        out,
        "60 bytes to 02:00:00:00:00:02, type 0x88b5\n".repeat(3)
    );
    for _ in 0..3 {
        let frame = arrives(&wire);
        assert_eq!((frame.len(), &frame[14..18]), (60, &b"Hi\0\0"[..]));
    }
    let (_, out, _) = ether(&scene.host, &format!("{send} --json"));
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["sequence"], &last["length"]),
        (&3.into(), &60.into())
    );
    assert_eq!(
        ether(&scene.host, &format!("{send} -q")),
        (0, String::new(), String::new())
    );
}

#[test]
fn what_standard_input_holds_is_sent() {
    let scene = or_skip!(Scene::quiet());
    let wire = scene.wire();
    for (option, input, payload) in [
        ("--file", &b"\0Hi\n"[..], &b"\0Hi\n"[..]),
        ("--hex-file", b"48 69\n00\n", b"Hi\0"),
    ] {
        let mut command = command(&scene.host, &format!("send -I eth0 broadcast {option} -"));
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(&arrives(&wire)[14..], payload);
    }
}

#[test]
fn a_jumbo_frame_goes_where_the_mtu_allows_it() {
    let scene = or_skip!(Scene::quiet());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![7; 9000]).unwrap();
    let line = format!("send -I eth0 broadcast -f {}", file.path().display());
    let (code, _, err) = ether(&scene.host, &line);
    assert_eq!(code, 2);
    assert_eq!(
        err,
        "llamar: error: a frame of 9014 bytes does not fit on eth0: its MTU is 1500, so that a frame has 1514 bytes \
         at most, or 1518 with a VLAN tag\n"
    );
    for namespace in [&scene.host, &scene.peer] {
        namespace.ip("link set eth0 mtu 9000");
    }
    let wire = scene.wire();
    for vlan in ["", " -V 100"] {
        let (code, _, err) = ether(&scene.host, &format!("{line}{vlan}"));
        assert_eq!(code, 0, "{err}");
        assert!(arrives(&wire).ends_with(&[7; 9000]));
    }
}

#[test]
fn ctrl_c_ends_a_long_row_and_tells_how_many_were_sent() {
    let scene = or_skip!(Scene::quiet());
    let wire = scene.wire();
    let command = command(&scene.host, "send -I eth0 broadcast -c 1000 -w 60");
    let mut send = crate::support::process::Process::start("llamar ether send", command);
    arrives(&wire);
    send.wait_for_words(&["14 bytes to ff:ff:ff:ff:ff:ff"]);
    send.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(send.wait().code(), Some(0));
    assert!(send.said().contains("1 of 1000 sent"), "{}", send.said());
}
