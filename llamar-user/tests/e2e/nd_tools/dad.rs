//! `llamar nd dad` beside the kernel's duplicate address detection, another of its kind, and links that loop.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use llamar_common::testing::Mac;
use llamar_user::ether::MacAddr;
use llamar_user::ndp::{Advertisement, Message, Solicitation};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::nd::{self, ALL_NODES, NS, Nd, OVERRIDE, group_mac, solicited_node};
use crate::support::net::Namespace;
use crate::support::peers::Peer;
use crate::support::process::Process;
use crate::support::scene::{HOST_MAC, PEER_MAC, PEER_V6, Path, Scene};
use crate::support::tshark::dissect;
use crate::support::wait_until;
use crate::support::wire::Wire;

use super::{nd, start_nd};

/// The address that is claimed.
const WANTED: Ipv6Addr = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0x12, 0x3456);

fn start_dad(from: &Namespace, arguments: &[&str]) -> Process {
    start_nd(
        from,
        &[&["dad", "-I", "eth0", &WANTED.to_string()], arguments].concat(),
    )
}

#[track_caller]
fn next_solicitation(wire: &Wire) -> Nd {
    wire.next(|frame| Nd::solicitation(frame, WANTED))
        .expect("a solicitation")
}

/// A solicitation of duplicate address detection.
fn check_from(mac: Mac, nonce: Option<&[u8]>) -> Vec<u8> {
    let message = Message::Solicitation(Solicitation {
        target: WANTED,
        source_mac: None,
        nonce: nonce.map(<[u8]>::to_vec),
    });
    let (source, destination) = (Ipv6Addr::UNSPECIFIED, solicited_node(WANTED));
    nd::frame(mac, None, source, destination, message, None)
}

/// Whether an interface is a member of the address's group.
fn is_member(namespace: &Namespace) -> bool {
    let groups = namespace.ip("-6 maddress show dev eth0");
    groups.contains(&solicited_node(WANTED).to_string())
}

// RFC 4862 5.4.2, RFC 7527 4.1: D7, D8
#[test]
fn an_address_that_nobody_has_is_free_after_one_solicitation_with_a_nonce() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let mut dad = start_dad(&scene.host, &["-w", "0.3"]);
    let mut reported = false;
    let asked = wire.next(|frame| {
        reported |= reports_group(frame);
        Nd::solicitation(frame, WANTED)
    });
    let asked = asked.expect("a solicitation");
    let group = solicited_node(WANTED);
    let expected = Nd {
        source_mac: HOST_MAC,
        destination_mac: group_mac(group),
        vlan: None,
        source: Ipv6Addr::UNSPECIFIED,
        destination: group,
        hop_limit: 255,
        kind: NS,
        flags: 0,
        target: WANTED,
        options: vec![(14, asked.nonce().expect("a nonce").to_vec())],
        frame: asked.frame.clone(),
    };
    assert_eq!(asked, expected);
    assert_eq!(asked.nonce().map(<[u8]>::len), Some(6));
    let found = wire.next(|frame| (reported || reports_group(frame)).then_some(()));
    assert!(found.is_some(), "the group is reported to switches");
    assert_eq!(dad.wait().code(), Some(0));
    assert!(
        dad.said().contains(&format!("{WANTED} is free\n")),
        "{}",
        dad.said()
    );
    let solicitations = wire.drain();
    let more = |frame: &Vec<u8>| Nd::solicitation(frame, WANTED).is_some();
    assert!(
        !solicitations.iter().any(more),
        "one solicitation is enough"
    );
}

/// Whether a frame is a report (MLDv2, RFC 3810 5.2) that tells of the address's group.
fn reports_group(frame: &[u8]) -> bool {
    let group = solicited_node(WANTED).octets();
    let is_to_routers = frame.starts_with(&[0x33, 0x33, 0, 0, 0, 0x16]);
    is_to_routers && frame.windows(16).any(|bytes| bytes == group)
}

// RFC 4862 5.4.4: D7
#[test]
fn an_address_that_the_kernel_of_another_has_is_a_duplicate_with_its_hardware_address() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let target = PEER_V6.to_string();
    let (code, output, errors) = nd(&scene.host, &["dad", &target]);
    assert_eq!(code, 1, "{errors}");
    assert_eq!(
        output,
        format!("{target} is a duplicate: 02:00:00:00:00:02 has it\n")
    );
    let (code, output, errors) = nd(&scene.host, &["dad", "--json", "-Ieth0", &target]);
    assert_eq!((code, errors.as_str()), (1, ""));
    let last = output.lines().last().expect("a line");
    let found: Value = serde_json::from_str(last).expect("an object");
    assert_eq!(found["event"], "duplicate");
    assert_eq!(found["by"], "02:00:00:00:00:02");
    assert_eq!(found["probe"], false);
}

/// Has a kernel detect duplicates, without the delay that chance gives its first message.
fn with_detection(namespace: &Namespace) {
    namespace.set("net/ipv6/conf/eth0/accept_dad", "1");
    namespace.set("net/ipv6/conf/eth0/router_solicitation_delay", "0");
}

// RFC 4862 5.4.3: D7
#[test]
fn a_kernel_that_checks_the_address_while_we_do_takes_it_from_us() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    with_detection(&scene.peer);
    let wire = scene.wire();
    let mut dad = start_dad(&scene.host, &["-w", "10"]);
    next_solicitation(&wire);
    scene.peer.ip(&format!("address add {WANTED}/64 dev eth0"));
    assert_eq!(dad.wait().code(), Some(1));
    let said = dad.said();
    let expected = format!("{WANTED} is a duplicate: 02:00:00:00:00:02 wants it too");
    assert!(said.contains(&expected), "{said}");
}

// RFC 4862 5.4.3, 7527 4.2: D2, D7
#[test]
fn our_solicitation_takes_the_address_from_a_kernel_that_is_checking_it() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    with_detection(&scene.peer);
    // It goes on for long enough to be met.
    scene.peer.set("net/ipv6/conf/eth0/dad_transmits", "9");
    scene.peer.ip(&format!("address add {WANTED}/64 dev eth0"));
    let state = || scene.peer.ip("-6 address show dev eth0");
    assert!(state().contains("tentative"), "{}", state());
    let mut dad = start_dad(&scene.host, &["-w", "0.1"]);
    wait_until("dadfailed", || state().contains("dadfailed"));
    dad.wait();
}

// RFC 4861 7.2.4, RFC 4862 5.4.4: D2, D3, D4
#[test]
fn what_is_kept_is_announced_answered_for_and_defended() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let ndisc6 = or_skip!(Peer::find("ndisc6"));
    with_detection(&scene.peer);
    // It goes on for long enough to be told.
    scene.peer.set("net/ipv6/conf/eth0/dad_transmits", "9");
    let wire = scene.wire();
    let mut dad = start_dad(&scene.host, &["-w", "0.05", "--keep"]);
    let announced = wire.next(|frame| Nd::advertisement(frame, WANTED));
    let announced = announced.expect("an announcement");
    assert_eq!(announced.destination, ALL_NODES);
    assert_eq!((announced.source, announced.flags), (WANTED, OVERRIDE));
    dad.wait_for_words(&[&WANTED.to_string(), "is ours on eth0, at 02:00:00:00:00:01"]);
    assert!(is_member(&scene.host));
    let target = WANTED.to_string();
    let theirs = ndisc6.output_in(&scene.peer, &["-q", "-1", &target, "eth0"]);
    assert_eq!(theirs.trim(), "02:00:00:00:00:01");
    let (code, ours, _) = nd(&scene.peer, &["detect", "-1", "-q", "-Ieth0", &target]);
    assert_eq!(code, 0);
    assert!(
        ours.starts_with(&format!("{target} is at 02:00:00:00:00:01 ")),
        "{ours}"
    );
    // The kernel of another asks whether it can have it.
    scene.peer.ip(&format!("address add {target}/64 dev eth0"));
    wait_until("dadfailed", || {
        scene
            .peer
            .ip("-6 address show dev eth0")
            .contains("dadfailed")
    });
    dad.wait_for_words(&[&target, ": 02:00:00:00:00:02 wants it too; kept it"]);
    // And so does another of our kind.
    let (code, output, _) = nd(
        &scene.peer,
        &["dad", "--force", "-w", "10", "-Ieth0", &target],
    );
    assert_eq!(code, 1);
    assert_eq!(
        output,
        format!("{target} is a duplicate: 02:00:00:00:00:01 has it\n")
    );
    dad.signal(Signal::SIGINT);
    assert_eq!(dad.wait().code(), Some(0));
    assert!(dad.said().contains("is given back"), "{}", dad.said());
    wait_until("the group to be left", || !is_member(&scene.host));
}

// RFC 4862 5.4.3: D7, D8
#[test]
fn of_two_that_claim_one_address_not_both_get_it() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let mut both = [&scene.host, &scene.peer].map(|from| start_dad(from, &["-w", "1", "--keep"]));
    let codes = both.each_mut().map(|dad| {
        let verdicts = ["is ours", "is a duplicate"];
        let is_ours = dad.wait_for_line("a verdict", |line| {
            let verdict = verdicts.iter().position(|verdict| line.contains(verdict));
            verdict.map(|verdict| verdict == 0)
        });
        if is_ours {
            return None;
        }
        dad.wait().code()
    });
    // Both lose it if they ask at the same time.
    let lost = codes.iter().flatten().collect::<Vec<_>>();
    assert!(
        !lost.is_empty() && lost.iter().all(|code| **code == 1),
        "{codes:?}"
    );
}

// RFC 7527 4.1, 4.2: D8, D10
#[test]
fn our_own_solicitations_that_come_back_are_no_duplicate_and_three_others_follow() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let mut dad = start_dad(&scene.host, &["-w", "2", "--json"]);
    let mut nonces = BTreeSet::new();
    for _ in 0..4 {
        let asked = next_solicitation(&wire);
        wire.send(&asked.frame);
        let nonce = asked.nonce().expect("a nonce").to_vec();
        assert!(nonces.insert(nonce), "a fresh nonce");
    }
    // It loops for ever, which does not hold us for ever.
    assert_eq!(dad.wait().code(), Some(0));
    let said = dad.said();
    for words in [
        "\"event\":\"looped_back\",\"total\":1",
        "\"event\":\"probed\",\"number\":4",
        "\"event\":\"free\"",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
}

// RFC 7527 4.2, RFC 4862 5.4.3, 5.4.4: D7, D8, D19
#[test]
fn anothers_check_and_anothers_advertisement_are_duplicates() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let advertisement = Message::Advertisement(Advertisement {
        target: WANTED,
        router: false,
        solicited: false,
        overriding: true,
        target_mac: Some(MacAddr(PEER_MAC)),
    });
    let answer = nd::frame(PEER_MAC, None, WANTED, ALL_NODES, advertisement, None);
    for (frame, expected) in [
        (
            check_from(PEER_MAC, Some(&[9; 6])),
            "02:00:00:00:00:02 wants it too",
        ),
        (check_from(PEER_MAC, None), "02:00:00:00:00:02 wants it too"),
        // A twin with our hardware address, which another nonce gives away.
        (
            check_from(HOST_MAC, Some(&[9; 6])),
            "02:00:00:00:00:01 wants it too",
        ),
        (answer, "02:00:00:00:00:02 has it"),
    ] {
        let mut dad = start_dad(&scene.host, &["-w", "10"]);
        next_solicitation(&wire);
        wire.send(&frame);
        assert_eq!(dad.wait().code(), Some(1), "{expected}");
        assert!(
            dad.said().contains(expected),
            "{expected} in {}",
            dad.said()
        );
    }
}

#[test]
fn an_interface_whose_ipv6_is_switched_off_can_be_asked_through() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    scene.host.set("net/ipv6/conf/eth0/disable_ipv6", "1");
    let target = PEER_V6.to_string();
    let (code, output, errors) = nd(&scene.host, &["dad", "-Ieth0", &target]);
    assert_eq!(code, 1, "{errors}");
    assert!(output.contains("02:00:00:00:00:02 has it"), "{output}");
    let (code, output, errors) = nd(&scene.host, &["detect", "-1", "--probe", "-Ieth0", &target]);
    assert_eq!(code, 0, "{errors}");
    assert!(output.contains("is at 02:00:00:00:00:02"), "{output}");
}

// RFC 4862 5.4, 5.4.5: D7, D17
#[test]
fn an_interface_that_was_down_is_checked_anew_and_what_is_lost_meanwhile_is_lost() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let mut dad = start_dad(&scene.host, &["-w", "1", "--keep"]);
    let target = WANTED.to_string();
    dad.wait_for_words(&[&target, "is ours"]);
    scene.host.ip("link set eth0 down");
    dad.wait_for_words(&["eth0 is down"]);
    scene.peer.ip(&format!("address add {target}/64 dev eth0"));
    scene.host.ip("link set eth0 up");
    dad.wait_for_words(&["is a duplicate: 02:00:00:00:00:02 has it"]);
    assert_eq!(dad.wait().code(), Some(1), "{}", dad.said());
}

// RFC 4862 5.4.4: D7
#[test]
fn our_announcement_takes_the_address_from_a_kernel_that_is_checking_it() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    with_detection(&scene.peer);
    scene.peer.set("net/ipv6/conf/eth0/dad_transmits", "9");
    let target = WANTED.to_string();
    scene.peer.ip(&format!("address add {target}/64 dev eth0"));
    let (code, ..) = nd(&scene.host, &["announce", "-q", "-c1", &target]);
    assert_eq!(code, 0);
    wait_until("dadfailed", || {
        scene
            .peer
            .ip("-6 address show dev eth0")
            .contains("dadfailed")
    });
}

#[test]
fn a_claim_that_is_interrupted_before_it_is_decided_is_a_failure() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let mut dad = start_dad(&scene.host, &["-w", "10"]);
    next_solicitation(&wire);
    dad.signal(Signal::SIGINT);
    assert_eq!(dad.wait().code(), Some(2));
    assert!(
        dad.said().contains("ended before it was found out"),
        "{}",
        dad.said()
    );
}

#[test]
fn everything_that_a_claim_sends_is_sound_to_tshark() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let tshark = or_skip!(Peer::find("tshark"));
    let wire = scene.wire();
    let mut dad = start_dad(&scene.host, &["-w", "0.05", "--keep", "-R"]);
    let asked = next_solicitation(&wire);
    let next = || wire.next(|frame| Nd::advertisement(frame, WANTED));
    let announced = next().expect("an announcement");
    wire.send(&check_from(PEER_MAC, Some(&[9; 6])));
    let defended = next().expect("a defence");
    dad.signal(Signal::SIGTERM);
    assert_eq!(dad.wait().code(), Some(0));
    let frames = [asked.frame, announced.frame, defended.frame];
    let summaries = dissect(&tshark, &frames).into_iter();
    let summaries: Vec<String> = summaries.map(|dissection| dissection.summary).collect();
    let advertised = format!("Neighbor Advertisement {WANTED} (rtr, ovr) is at 02:00:00:00:00:01");
    assert_eq!(
        summaries,
        [
            format!("Neighbor Solicitation for {WANTED}"),
            advertised.clone(),
            advertised
        ]
    );
}

// RFC 4862 5.4.2, RFC 3810 5.2: D7
#[test]
fn in_a_vlan_without_an_interface_the_group_is_reported_with_the_tag() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let tshark = or_skip!(Peer::find("tshark"));
    let wire = scene.wire();
    let mut dad = start_dad(&scene.host, &["-w", "0.05", "-V", "7"]);
    let tagged = |frame: &[u8]| frame.get(12..16) == Some(&[0x81, 0, 0, 7]);
    let report = wire.next(|frame| (tagged(frame) && reports_group(frame)).then(|| frame.to_vec()));
    let asked = next_solicitation(&wire);
    assert_eq!(asked.vlan, Some(7));
    assert_eq!(dad.wait().code(), Some(0));
    let report = report.expect("a report before the solicitation");
    let dissection = &dissect(&tshark, &[report])[0];
    assert_eq!(dissection.summary, "Multicast Listener Report Message v2");
}
