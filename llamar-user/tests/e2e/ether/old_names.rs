//! pyng, pyngd and eterm by the names of links: the lines and exit codes that are recorded of them.

use nix::sys::signal::Signal;

use super::links;
use crate::support::scene::Scene;
use crate::support::wait_until;
use crate::support::wire::Wire;

const PEER: &str = "02:00:00:00:00:02";

/// The next frame.
#[track_caller]
fn arrives(wire: &Wire) -> Vec<u8> {
    wire.next(|frame| Some(frame.to_vec())).expect("a frame")
}

#[test]
fn pyng_sends_a_frame_that_says_hi_and_prints_sent() {
    let scene = or_skip!(Scene::quiet());
    let (links, wire) = (links(), scene.wire());
    for address in [PEER, "02-00-00-00-00-02"] {
        let (code, out, err) = links.run(&scene.host, &format!("pyng {address} eth0"));
        assert_eq!((code, &out[..], &err[..]), (0, "Sent!\n", ""));
        assert_eq!(
            arrives(&wire),
            b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb5Hi"
        );
    }
    let (code, out, _) = links.run(&scene.host, "pyng FF:FF:FF:FF:FF:FF eth0");
    assert_eq!((code, &out[..]), (0, "Sent!\n"));
}

#[test]
fn pyng_and_pyngd_fail_with_the_codes_that_they_had() {
    let scene = or_skip!(Scene::quiet());
    let links = links();
    scene.host.ip("link add eth1 type veth peer name eth2");
    for (line, code, words) in [
        ("pyng", 2, "Usage: pyng <TARGET_MAC> <IFACE>"),
        (
            "pyng 02:00:00:00:00:02",
            2,
            "Usage: pyng <TARGET_MAC> <IFACE>",
        ),
        (
            "pyng 02:00:00:00:00:02 eth0 more",
            2,
            "Usage: pyng <TARGET_MAC> <IFACE>",
        ),
        ("pyngd", 2, "Usage: pyngd <IFACE>"),
        (
            "pyng 02:00-00:00:00:02 eth0",
            1,
            "\"02:00-00:00:00:02\" is no hardware address",
        ),
        ("pyng nobody eth0", 1, "\"nobody\" is no hardware address"),
        ("pyng 02:00:00:00:00:02 eth9", 1, "eth9: no such interface"),
        ("pyng 02:00:00:00:00:02 eth1", 1, "eth1: down"),
        ("pyngd eth9", 1, "eth9: no such interface"),
        ("pyngd eth1", 1, "eth1: down"),
        (
            "eterm --lm 0012345678 --interface eth0",
            1,
            "\"0012345678\" is no hardware address",
        ),
        (
            "eterm --rm 0012345678zz --interface eth0",
            1,
            "is no hardware address",
        ),
        ("eterm --interface eth9", 1, "eth9: no such interface"),
        ("eterm", 1, "eth1: down"),
        ("eterm --port x", 2, "invalid integer value: 'x'"),
        ("eterm --mac 1", 2, "unexpected argument '--mac'"),
        ("eterm extra", 2, "unexpected argument 'extra'"),
    ] {
        let (found, out, err) = links.run(&scene.host, line);
        assert_eq!((found, &out[..]), (code, ""), "{line}: {err}");
        assert!(err.contains(words), "{line}: {err}");
    }
    for name in ["pyng", "pyngd", "eterm"] {
        for help in ["-h", "--help"] {
            let (code, out, _) = links.run(&scene.host, &format!("{name} {help}"));
            assert_eq!(code, 0);
            assert!(out.contains(&format!("Usage: {name}")), "{out}");
        }
    }
}

#[test]
fn pyngd_prints_every_frame_of_both_directions() {
    let scene = or_skip!(Scene::quiet());
    let (links, wire) = (links(), scene.wire());
    let mut pyngd = links.start(&scene.host, "pyngd eth0");
    let expected =
        "dst: 02:00:00:00:00:02, src: 02:00:00:00:00:01, type: 0x88b5, payload: b'Hi'...";
    wait_until("a line of the frame that pyng sends", || {
        links.run(&scene.host, &format!("pyng {PEER} eth0"));
        pyngd.said().lines().any(|line| line == expected)
    });
    let head = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x02";
    for (rest, line) in [
        (
            &b"\x08\x00E\x00\x00T\x12"[..],
            r"type: 0x800, payload: b'E\x00\x00T'...",
        ),
        (b"\x00\x26it's", r#"type: 0x26, payload: b"it's"..."#),
        (
            b"\x88\xb5'\"\\\n",
            r#"type: 0x88b5, payload: b'\'"\\\n'..."#,
        ),
        // Shorter than a payload that is shown, tagged, and longer than the old one's buffer.
        (b"\x88\xb6", "type: 0x88b6, payload: b''..."),
        (
            b"\x81\x00\x00\x64\x88\xb7Hi",
            "type: 0x88b7, payload: b'Hi'...",
        ),
        (
            &[&b"\x88\xb8"[..], &[b'a'; 1500]].concat(),
            "type: 0x88b8, payload: b'aaaa'...",
        ),
    ] {
        wire.send(&[&head[..], rest].concat());
        let line = format!("dst: ff:ff:ff:ff:ff:ff, src: 02:00:00:00:00:02, {line}");
        pyngd.wait_for_line(&line, |said| (said == line).then_some(()));
    }
    pyngd.signal(Signal::SIGINT);
    assert_eq!(pyngd.wait().code(), Some(0));
}

/// The blocks of three lines that eterm has printed, without the time, which has to look like one.
#[track_caller]
pub(super) fn blocks(said: &str) -> Vec<String> {
    let lines: Vec<_> = said
        .lines()
        .filter(|line| !line.starts_with("llamar: "))
        .collect();
    let block = |lines: &[&str]| {
        let (begin, time) = lines[0].split_once(" bytes time: ").expect("a first line");
        let time = time.strip_suffix(' ').expect("a space at the line's end");
        let seconds: f64 = time.parse().expect("a time");
        assert!(
            seconds > 1e9 && !time.contains('e') && time.contains('.'),
            "{time}"
        );
        assert!(time.split_once('.').unwrap().1.len() <= 7, "{time}");
        format!("{begin}\n{}", lines[1..].join("\n"))
    };
    lines.chunks_exact(3).map(block).collect()
}

#[test]
fn eterm_sends_on_a_silent_link_and_prints_what_goes_and_comes() {
    let scene = or_skip!(Scene::quiet());
    let (links, wire) = (links(), scene.wire());
    let eterm = "eterm --p 7 --lm 00123456789a --rm 00a987654321 --interface eth0";
    let mut eterm = links.start(&scene.host, eterm);
    let sent = arrives(&wire);
    assert_eq!(
        sent,
        b"\x00\xa9\x87\x65\x43\x21\x00\x12\x34\x56\x78\x9a\x88\xb5\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
    );
    wire.send(b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x02\x88\xb6Hi");
    eterm.wait_for_words(&["Payload: 4869"]);
    eterm.signal(Signal::SIGINT);
    assert_eq!(eterm.wait().code(), Some(0));
    let blocks = blocks(&eterm.said());
    assert_eq!(
        blocks[0],
        "Sent:    30\n  SMAC: 00123456789a  DMAC: 00a987654321  Type: 88b5 \n  Payload: \
         000102030405060708090a0b0c0d0e0f"
    );
    let received =
        "Received: 16\n  SMAC: 020000000002  DMAC: ffffffffffff  Type: 88b6 \n  Payload: 4869";
    assert!(blocks.iter().any(|block| block == received), "{blocks:?}");
}

#[test]
fn eterm_sends_to_all_from_its_own_address_by_default_and_nothing_if_it_only_receives() {
    let scene = or_skip!(Scene::quiet());
    let (links, wire) = (links(), scene.wire());
    let mut quiet = links.start(&scene.host, "eterm --receiveOnly --interface eth0");
    let _loud = links.start(&scene.host, "eterm --interface eth0");
    let sent = arrives(&wire);
    assert_eq!(
        sent[..14],
        *b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x88\xb5"
    );
    // Each hears what the other sends, and the quiet one has nothing to be heard.
    quiet.wait_for_words(&["SMAC: 020000000001"]);
    arrives(&wire);
    let said = quiet.said();
    assert!(!said.contains("Sent:"), "{said}");
    assert!(blocks(&said)[0].starts_with("Received: 30\n"), "{said}");
}
