//! `llamar arp claim`: probes, announces, answers, defends and gives up. RFC 5227's times are what they are: each claim
//! needs 4 to 7 seconds, so that there are few of them here, and they run side by side.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::agent::TRIES;
use crate::support::peers::Peer;
use crate::support::process::Process;
use crate::support::reply::Arp;
use crate::support::scene::{HOST_MAC, HOST_V4, PEER_V4, Scene};
use crate::support::wait_for;

use super::{ALL, Arpsend, NOBODY, ZERO, arp, arp_frames, assert_dissected, packets, start};

/// The exit code of a claim that has nothing more to wait for.
#[track_caller]
fn code_of(claim: &mut Process) -> i32 {
    claim.wait().code().expect("an exit code")
}

/// A scene with an address on each side.
fn scene() -> Option<Scene> {
    let scene = Scene::quiet()?;
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    scene.peer.ip(&format!("address add {PEER_V4}/24 dev eth0"));
    Some(scene)
}

// RFC 5227 2.1.1: C7
#[test]
fn an_address_that_another_host_has_is_lost_at_once() {
    let scene = or_skip!(scene());
    let (code, out, errors) = arp(&scene.host, "claim 10.7.0.2");
    assert_eq!((code, &*errors), (1, ""));
    assert_eq!(
        out,
        "10.7.0.2: asking on eth0 whether it is taken\n\
         10.7.0.2: probe 1\n\
         10.7.0.2: 02:00:00:00:00:02 uses it too\n\
         10.7.0.2 is taken: 02:00:00:00:00:02 has it\n"
    );
    let (code, out, _) = arp(&scene.host, "claim 10.7.0.2 --json");
    let rows: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    let events: Vec<_> = rows
        .iter()
        .map(|row| row["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        (code, &*events),
        (1, &["claiming", "probed", "conflict", "lost"][..])
    );
    assert_eq!(
        (&rows[3]["by"], &rows[3]["was_held"]),
        (&"02:00:00:00:00:02".into(), &false.into())
    );
}

// RFC 5227 2.1.1: C7
#[test]
fn of_two_claims_of_one_address_one_wins() {
    let scene = or_skip!(Scene::quiet());
    // Both lose if they probe before they hear each other, as two do that are kept waiting until then.
    let wins = (0..TRIES).any(|_| one_of_two_wins(&scene));
    assert!(wins, "both lose again and again");
}

/// Whether one of two that claim an address at once wins, or both lose.
#[track_caller]
fn one_of_two_wins(scene: &Scene) -> bool {
    let line = "claim 10.7.0.9 --once -I eth0";
    let mut claims = [start(&scene.host, line), start(&scene.peer, line)];
    for claim in &mut claims {
        claim.wait_for_words(&["10.7.0.9 is "]);
    }
    let codes = claims.each_mut().map(code_of);
    let said = claims.each_ref().map(Process::said);
    assert!(
        [[0, 1], [1, 0], [1, 1]].contains(&codes),
        "{codes:?}: {said:#?}"
    );
    for (code, said) in codes.iter().zip(&said) {
        let ours = said.contains("10.7.0.9 is ours on eth0");
        let taken = said.contains("10.7.0.9 is taken: 02:00:00:00:00:0");
        assert_eq!((ours, taken), (*code == 0, *code == 1), "{said}");
        // It is not given back: it is for whoever assigns it now.
        let announced = said.ends_with("10.7.0.9: announcement 2\n");
        assert_eq!(announced, ours, "{said}");
    }
    codes != [1, 1]
}

// RFC 5227 2.1.1, 2.3, 2.4, 2.5: C2, C7, C9, C10, C16
#[test]
fn a_free_address_is_probed_for_announced_answered_for_defended_once_and_then_lost() {
    let scene = or_skip!(scene());
    let wire = scene.wire();
    let begin = Instant::now();
    let mut claim = start(&scene.host, "claim 10.7.0.9");
    claim.wait_for_words(&["10.7.0.9 is ours on eth0, at 02:00:00:00:00:01"]);
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(4), "{took:?}");
    claim.wait_for_words(&["10.7.0.9: announcement 2"]);
    assert_probed_and_announced(&arp_frames(&wire));
    let said = claim.said();
    let steps: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("10.7.0.9"))
        .collect();
    assert_eq!(
        steps,
        [
            "10.7.0.9: asking on eth0 whether it is taken",
            "10.7.0.9: probe 1",
            "10.7.0.9: probe 2",
            "10.7.0.9: probe 3",
            "10.7.0.9 is ours on eth0, at 02:00:00:00:00:01",
            "10.7.0.9: announcement 2",
        ]
    );
    let hint = "llamar: 10.7.0.9 is not assigned to eth0: ip address add 10.7.0.9/24 dev eth0";
    assert!(said.contains(hint), "{said}");
    // Others find it.
    let (code, out, _) = arp(&scene.peer, "detect 10.7.0.9");
    assert!(
        code == 0 && out.starts_with("10.7.0.9 is at 02:00:00:00:00:01  "),
        "{out}"
    );
    let iputils = or_skip!(Peer::find("iputils-arping"));
    let found = iputils.output_in(
        &scene.peer,
        &["-D", "-c", "5", "-w", "5", "-I", "eth0", "10.7.0.9"],
    );
    assert!(
        found.contains("reply from 10.7.0.9 [02:00:00:00:00:01]"),
        "{found}"
    );
    let arping = or_skip!(Peer::find("arping"));
    let found = arping.output_in(
        &scene.peer,
        &["-c", "1", "-w", "5", "-r", "-i", "eth0", "10.7.0.9"],
    );
    assert_eq!(found.trim(), "02:00:00:00:00:01");
    let arp_scan = or_skip!(Peer::find("arp-scan"));
    let found = arp_scan.output_in(
        &scene.peer,
        &["-I", "eth0", "-t", "5000", "-q", "-x", "10.7.0.9"],
    );
    assert_eq!(found.trim(), "10.7.0.9\t02:00:00:00:00:01");
    let arpsend = Arpsend::new();
    let (code, _, errors) = arpsend.run(&scene.peer, "-D -e 10.7.0.9 eth0");
    let detected = "arpsend: 10.7.0.9 is detected on another computer : 02:00:00:00:00:01\n";
    assert_eq!((code, &*errors), (3, detected));
    // And one takes it.
    scene.peer.ip("address add 10.7.0.9/24 dev eth0");
    iputils.output_in(&scene.peer, &["-U", "-c", "1", "-I", "eth0", "10.7.0.9"]);
    let uses = "10.7.0.9: 02:00:00:00:00:02 uses it too";
    claim.wait_for_words(&[&format!("{uses}; announced it once more")]);
    assert_eq!(arpsend.run(&scene.peer, "-U -i 10.7.0.9 -c 1 eth0").0, 0);
    assert_eq!(code_of(&mut claim), 1);
    let said = claim.said();
    assert!(
        said.ends_with("10.7.0.9 is lost: 02:00:00:00:00:02 has it\n"),
        "{said}"
    );
}

#[track_caller]
fn assert_probed_and_announced(frames: &[Vec<u8>]) {
    let address = [10, 7, 0, 9].into();
    let probe = Arp {
        source_mac: HOST_MAC,
        destination_mac: ALL,
        vlan: None,
        operation: 1,
        sender: (HOST_MAC, NOBODY),
        target: (ZERO, address),
    };
    let announcement = Arp {
        sender: (HOST_MAC, address),
        ..probe.clone()
    };
    let expected = [vec![probe; 3], vec![announcement; 2]].concat();
    assert_eq!(packets(frames), expected);
    let probed = "Who has 10.7.0.9? (ARP Probe)";
    let announced = "ARP Announcement for 10.7.0.9";
    assert_dissected(frames, &[probed, probed, probed, announced, announced]);
}

// RFC 5227 2.1, 2.4: C10, C17
#[test]
fn an_address_is_kept_if_told_so_and_probed_for_anew_when_the_link_is_up_again() {
    let scene = or_skip!(scene());
    let mut claim = start(&scene.host, "claim 10.7.0.9 --on-conflict keep --json");
    claim.wait_for_words(&["\"event\":\"announced\""]);
    let wire = scene.wire();
    for _ in 0..2 {
        assert_eq!(arp(&scene.peer, "announce 10.7.0.9 -c 1 -I eth0").0, 0);
    }
    // The answer to a question shows that both were heard.
    assert_eq!(arp(&scene.peer, "detect 10.7.0.9 -q").0, 0);
    let heard = packets(&arp_frames(&wire));
    let told = heard.iter().filter(|arp| arp.sender.1 == arp.target.1);
    assert_eq!(
        told.count(),
        1,
        "one announcement in ten seconds: {heard:?}"
    );
    claim.wait_for_words(&["\"then\":\"defended\""]);
    let said = claim.said();
    assert_eq!(said.matches("\"then\":\"defended\"").count(), 1, "{said}");
    assert!(!said.contains("lost"), "{said}");
    scene.peer.ip("link set eth0 down");
    claim.wait_for_words(&["\"event\":\"link_down\""]);
    scene.peer.ip("link set eth0 up");
    claim.wait_for_words(&["\"event\":\"link_up\""]);
    let probes = wait_for("a probe after the link came up", || {
        let said = claim.said();
        let (_, after) = said.split_once("link_up")?;
        after
            .contains("\"event\":\"probed\"")
            .then(|| after.to_owned())
    });
    assert!(probes.contains("\"event\":\"claiming\""), "{probes}");
    // It is not ours while others are asked.
    claim.signal(Signal::SIGTERM);
    assert_eq!(code_of(&mut claim), 2);
    let said = claim.said();
    assert!(said.contains("ended while 10.7.0.9 was not ours"), "{said}");
}

// RFC 3927 2.1, 2.2.1: C7, C21
#[test]
fn a_link_local_address_that_is_taken_is_followed_by_another() {
    let scene = or_skip!(Scene::quiet());
    scene.peer.ip("address add 169.254.7.9/16 dev eth0");
    let mut claim = start(
        &scene.host,
        "claim --link-local 169.254.7.9 --for 0.1 -I eth0",
    );
    claim.wait_for_words(&["169.254.7.9 is taken: 02:00:00:00:00:02 has it"]);
    assert_eq!(code_of(&mut claim), 0);
    let said = claim.said();
    let ours = said
        .lines()
        .find(|line| line.contains(" is ours"))
        .expect("another one");
    assert!(
        ours.starts_with("169.254.") && !ours.starts_with("169.254.7.9 "),
        "{ours}"
    );
}
