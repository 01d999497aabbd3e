//! `llamar nd detect`, asking the kernel and made-up neighbours.

use std::net::Ipv6Addr;

use llamar_common::testing::Mac;
use llamar_user::ether::{MacAddr, Tag};
use llamar_user::ndp::{Advertisement, Message, Solicitation};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::nd::{self, ALL_NODES, NS, Nd, group_mac, solicited_node};
use crate::support::peers::Peer;
use crate::support::scene::{
    HOST_LOCAL_V6, HOST_MAC, HOST_V6, PEER_LOCAL_V6, PEER_MAC, PEER_V6, Path, Scene,
};

use super::{as_tshark_reads, nd, start_nd};

/// An address that nobody has.
const NOBODY: Ipv6Addr = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0x12, 0x3456);

/// What a neighbour answers for that address.
fn advertisement(mac: Mac) -> Advertisement {
    Advertisement {
        target: NOBODY,
        router: false,
        solicited: true,
        overriding: true,
        target_mac: Some(MacAddr(mac)),
    }
}

/// The same as a message.
fn answer_from(mac: Mac) -> Message {
    Message::Advertisement(advertisement(mac))
}

/// The objects of a command's output.
fn objects(output: &str) -> Vec<Value> {
    let object = |line| serde_json::from_str(line).expect("an object a line");
    output.lines().map(object).collect()
}

// RFC 4861 7.2.2, 7.2.4: D15
#[test]
fn a_kernel_that_has_an_address_is_found_with_its_hardware_address() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let local = format!("{PEER_LOCAL_V6}%eth0");
    let numbered = format!("{PEER_LOCAL_V6}%{}", scene.host.index("eth0"));
    let global = PEER_V6.to_string();
    for target in [&local, &numbered, &global] {
        let (code, output, errors) = nd(&scene.host, &["detect", target]);
        assert_eq!(code, 0, "{errors}");
        let (address, _) = target.split_once('%').unwrap_or((target, ""));
        let start = format!("{address} is at 02:00:00:00:00:02  ");
        assert!(
            output.starts_with(&start) && output.ends_with(" ms\n"),
            "{output}"
        );
        assert_eq!(output.lines().count(), 1);
        for said in [
            "asking for",
            "1 sent, 1 received, 0% loss",
            "rtt min/avg/max/mdev",
        ] {
            assert!(errors.contains(said), "{errors}");
        }
    }
    let arguments = ["detect", "-q", "-1", "--json", "-I", "eth0", &global];
    let (code, output, errors) = nd(&scene.host, &arguments);
    assert_eq!((code, errors.as_str()), (0, ""));
    let [answer, end] = &objects(&output)[..] else {
        panic!("an answer and the end: {output}");
    };
    assert_eq!(answer["event"], "answer");
    assert_eq!(answer["target"], global);
    assert_eq!(answer["mac"], "02:00:00:00:00:02");
    assert_eq!(answer["how"], "solicited");
    assert_eq!([&answer["router"], &answer["override"]], [false, true]);
    assert!(answer["rtt_ms"].as_f64().is_some_and(|time| time > 0.0));
    assert_eq!(end["statistics"]["sent"], 1);
    assert_eq!(end["silent"], Value::Array(Vec::new()));
}

#[test]
fn an_address_that_nobody_has_is_asked_for_three_times_and_the_exit_code_is_1() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let (code, output, errors) = nd(&scene.host, &["detect", "-w", "0.05", &NOBODY.to_string()]);
    assert_eq!((code, output.as_str()), (1, ""));
    assert!(errors.contains("3 sent, 0 received, 100% loss"), "{errors}");
    let frames = wire.drain();
    let asked = frames
        .iter()
        .filter_map(|frame| Nd::solicitation(frame, NOBODY));
    let asked: Vec<Nd> = asked.collect();
    assert_eq!(asked.len(), 3);
    let first = asked.into_iter().next().unwrap();
    let group = solicited_node(NOBODY);
    let expected = Nd {
        source_mac: HOST_MAC,
        destination_mac: group_mac(group),
        vlan: None,
        source: HOST_V6,
        destination: group,
        hop_limit: 255,
        kind: NS,
        flags: 0,
        target: NOBODY,
        options: vec![(1, HOST_MAC.to_vec())],
        frame: first.frame.clone(),
    };
    assert_eq!(first, expected);
}

// RFC 4861 4.3, 7.2.2: D15
#[test]
fn solicitations_are_as_tshark_reads_them() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let tshark = or_skip!(Peer::find("tshark"));
    let target = NOBODY.to_string();
    let asked = |arguments: &[&str]| {
        let wire = scene.wire();
        let all = [&["detect", "-w", "0.05", "-c", "1", &target], arguments].concat();
        let (code, _, errors) = nd(&scene.host, &all);
        assert_eq!(code, 1, "{errors}");
        let sent = wire.next(|frame| Nd::solicitation(frame, NOBODY));
        sent.expect("a solicitation").frame
    };
    let local = HOST_LOCAL_V6.to_string();
    let frames = [
        asked(&[]),
        asked(&["--unicast", "02:00:00:00:00:77"]),
        asked(&["--probe"]),
        asked(&["-s", &local, "-V", "100"]),
    ];
    let besides = [
        "icmpv6.nd.ns.target_address",
        "icmpv6.opt.type",
        "icmpv6.opt.src_linkaddr",
    ];
    let group = solicited_node(NOBODY).to_string();
    let to_group = ["33:33:ff:12:34:56", &group];
    let (own, mac) = (HOST_V6.to_string(), "02:00:00:00:00:01");
    let row = |to: [&str; 2], vlan: &str, source: &str, option: &str, told: &str| {
        [vlan, mac, to[0], source, to[1], &target, option, told]
            .map(String::from)
            .to_vec()
    };
    assert_eq!(
        as_tshark_reads(&tshark, &frames, 135, &besides),
        [
            row(to_group, "", &own, "1", mac),
            row(["02:00:00:00:00:77", &target], "", &own, "1", mac),
            row(to_group, "", "::", "14", ""),
            row(to_group, "100", &local, "1", mac),
        ]
    );
}

// RFC 4861 7.2.4: D3. The kernel answers a probe to all nodes, without S.
#[test]
fn a_probe_finds_who_has_an_address_and_tells_nobody_of_us() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let target = PEER_V6.to_string();
    let (code, output, errors) = nd(&scene.host, &["detect", "--probe", "-1", "--json", &target]);
    assert_eq!(code, 0, "{errors}");
    let answer = &objects(&output)[0];
    assert_eq!(answer["how"], "unsolicited");
    assert_eq!(answer["override"], true);
    assert_eq!(answer["mac"], "02:00:00:00:00:02");
    assert!(answer["rtt_ms"].is_number());
    let known = scene.peer.ip(&format!("neighbour show {HOST_V6} dev eth0"));
    assert!(!known.contains("02:00:00:00:00:01"), "{known}");
}

#[test]
fn a_neighbour_that_is_asked_alone_answers_alone() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let target = PEER_V6.to_string();
    let mac = "02:00:00:00:00:02";
    let (code, output, _) = nd(&scene.host, &["detect", "-1", "--unicast", mac, &target]);
    assert_eq!(code, 0);
    assert!(output.contains(mac), "{output}");
    // Nobody else hears the question.
    let other = [
        "detect",
        "-w",
        "0.05",
        "--unicast",
        "02:00:00:00:00:77",
        &target,
    ];
    let (code, ..) = nd(&scene.host, &other);
    assert_eq!(code, 1);
}

#[test]
fn several_who_answer_for_an_address_are_told_of() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let target = NOBODY.to_string();
    let mut detect = start_nd(&scene.host, &["detect", "-v", "-w", "60", &target]);
    wire.next(|frame| Nd::solicitation(frame, NOBODY))
        .expect("a solicitation");
    let rival = [2, 0, 0, 0, 0, 3];
    for (mac, router) in [(PEER_MAC, false), (rival, true)] {
        let answer = Message::Advertisement(Advertisement {
            router,
            ..advertisement(mac)
        });
        wire.send(&nd::frame(
            mac,
            Some(HOST_MAC),
            NOBODY,
            HOST_V6,
            answer,
            None,
        ));
    }
    detect.wait_for_words(&["is at 02:00:00:00:00:03"]);
    detect.signal(Signal::SIGINT);
    assert!(detect.wait().success());
    let said = detect.said();
    for words in [
        format!("{NOBODY} is at 02:00:00:00:00:02  "),
        format!("{NOBODY} is at 02:00:00:00:00:03  "),
        "ms  (also at 02:00:00:00:00:02)\n".into(),
        "(S O to fd07::1)\n".into(),
        "(R S O to fd07::1)\n".into(),
        "1 sent, 2 received, 0% loss".into(),
    ] {
        assert!(said.contains(&words), "{words} in {said}");
    }
}

// RFC 4861 7.1.2: D13
#[test]
fn what_is_no_valid_answer_is_none() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let target = NOBODY.to_string();
    let mut detect = start_nd(&scene.host, &["detect", "-c", "1", "-w", "0.3", &target]);
    wire.next(|frame| Nd::solicitation(frame, NOBODY))
        .expect("a solicitation");
    let answer = answer_from(PEER_MAC);
    let good = nd::frame(
        PEER_MAC,
        Some(HOST_MAC),
        NOBODY,
        HOST_V6,
        answer.clone(),
        None,
    );
    let change = |at: usize, value: u8| {
        let mut frame = good.clone();
        frame[at] = value;
        wire.send(&frame);
    };
    // The hop limit, the code, the checksum, the length of the option.
    change(21, 254);
    change(55, 1);
    change(57, good[57] ^ 1);
    change(79, 0);
    wire.send(&good[..good.len() - 1]);
    // Solicited, but sent to a group; of another VLAN; of another address.
    wire.send(&nd::frame(
        PEER_MAC,
        None,
        NOBODY,
        ALL_NODES,
        answer.clone(),
        None,
    ));
    let tag = Some(Tag::vlan(7));
    wire.send(&nd::frame(
        PEER_MAC,
        Some(HOST_MAC),
        NOBODY,
        HOST_V6,
        answer,
        tag,
    ));
    assert_eq!(detect.wait().code(), Some(1), "{}", detect.said());
}

#[test]
fn a_vlan_is_asked_with_its_tag_and_only_its_answers_count() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let target = NOBODY.to_string();
    let mut detect = start_nd(
        &scene.host,
        &["detect", "-1", "-w", "10", "-V", "100", &target],
    );
    let asked = wire.next(|frame| Nd::solicitation(frame, NOBODY));
    assert_eq!(asked.expect("a solicitation").vlan, Some(100));
    let rival = [2, 0, 0, 0, 0, 3];
    for (mac, vlan) in [(rival, Some(101)), (rival, None), (PEER_MAC, Some(100))] {
        let answer = answer_from(mac);
        let tag = vlan.map(Tag::vlan);
        wire.send(&nd::frame(
            mac,
            Some(HOST_MAC),
            NOBODY,
            HOST_V6,
            answer,
            tag,
        ));
    }
    assert!(detect.wait().success());
    let said = detect.said();
    assert!(said.contains("on VLAN 100 of eth0 from fd07::1"), "{said}");
    let line = said.lines().find(|line| line.contains(" is at "));
    let line = line.expect("an answer");
    assert!(line.contains("02:00:00:00:00:02"), "{line}");
}

#[test]
fn ndisc6_finds_the_same() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let ndisc6 = or_skip!(Peer::find("ndisc6"));
    let target = PEER_V6.to_string();
    let theirs = ndisc6.output_in(&scene.host, &["-q", "-1", &target, "eth0"]);
    let (code, ours, _) = nd(
        &scene.host,
        &["detect", "-1", "-q", &format!("{target}%eth0")],
    );
    assert_eq!(code, 0);
    let mac = theirs.trim().to_lowercase();
    assert_eq!(mac, "02:00:00:00:00:02");
    assert!(ours.contains(&mac), "{ours}");
    // What it sends differs in nothing but the source, which it leaves to the kernel.
    let wire = scene.wire();
    ndisc6.output_in(
        &scene.host,
        &["-1", "-r", "1", "-w", "10", &NOBODY.to_string(), "eth0"],
    );
    let their = wire
        .next(|frame| Nd::solicitation(frame, NOBODY))
        .expect("theirs");
    nd(
        &scene.host,
        &[
            "detect",
            "-c1",
            "-w0.01",
            "-s",
            &their.source.to_string(),
            &NOBODY.to_string(),
        ],
    );
    let our = wire
        .next(|frame| Nd::solicitation(frame, NOBODY))
        .expect("ours");
    let without_label = |nd: &Nd| {
        let mut frame = nd.frame.clone();
        frame[14..18].copy_from_slice(&[0x60, 0, 0, 0]);
        frame
    };
    assert_eq!(without_label(&our), without_label(&their));
}

#[test]
fn a_signal_ends_asking_with_what_came_of_it() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let mut detect = start_nd(&scene.host, &["detect", "-w", "60", &NOBODY.to_string()]);
    wire.next(|frame| Nd::solicitation(frame, NOBODY))
        .expect("a solicitation");
    detect.signal(Signal::SIGINT);
    assert_eq!(detect.wait().code(), Some(1));
    let said = detect.said();
    assert!(said.contains("1 sent, 0 received, 100% loss"), "{said}");
}

// RFC 4862 5.4.3: D7
#[test]
fn a_probe_hears_another_who_checks_the_address() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let arguments = ["detect", "--probe", "-1", "-w", "10", &NOBODY.to_string()];
    let mut detect = start_nd(&scene.host, &arguments);
    wire.next(|frame| Nd::solicitation(frame, NOBODY))
        .expect("a solicitation");
    let check = Message::Solicitation(Solicitation {
        target: NOBODY,
        source_mac: None,
        nonce: None,
    });
    let (from, group) = (Ipv6Addr::UNSPECIFIED, solicited_node(NOBODY));
    wire.send(&nd::frame(PEER_MAC, None, from, group, check, None));
    assert_eq!(detect.wait().code(), Some(0));
    let expected = format!("{NOBODY} is wanted by 02:00:00:00:00:02  (probe)");
    assert!(detect.said().contains(&expected), "{}", detect.said());
}
