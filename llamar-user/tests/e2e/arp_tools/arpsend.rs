//! arpsend: its lines and exit codes, as they are recorded in seed 004.

use crate::support::nd::{NA, Nd};
use crate::support::net::{Namespace, Net};
use crate::support::peers::Peer;
use crate::support::process::Process;
use crate::support::reply::Arp;
use crate::support::scene::{HOST_MAC, HOST_V4, PEER_V4, Path, Scene};
use crate::support::wait_until;
use crate::support::wire::Wire;

use super::{ALL, Arpsend, add_unfit, arp_frames, assert_dissected, packets};

/// What the document shows of `arpsend -D -e 172.28.128.2 enp0s8 -v`, less the prefix of each line.
const DOCUMENT: &str = include_str!("../../../src/cli/arpsend/seed.txt");

/// The document's host, whose interface is `enp0s8`, and the peer, whose is `eth0`.
struct Document {
    host: Namespace,
    peer: Namespace,
}

fn document_scene(net: &Net) -> Document {
    let (host, peer) = (net.namespace("host"), net.namespace("peer"));
    host.veth(("enp0s8", 1), &peer, ("eth0", 2));
    host.ip("link set enp0s8 address 08:00:27:84:bc:b0");
    host.ip("address add 172.28.128.3/24 dev enp0s8");
    peer.ip("link set eth0 address 08:00:27:bf:03:bd");
    host.wait_for_carrier("enp0s8");
    Document { host, peer }
}

fn document_lines() -> Vec<String> {
    DOCUMENT
        .lines()
        .map(|line| format!("arpsend: {line}"))
        .collect()
}

#[test]
fn exchange_of_the_document_is_told_line_by_line() {
    let net = or_skip!(Net::new());
    let scene = document_scene(&net);
    let (arpsend, wire) = (Arpsend::new(), Wire::open(&scene.peer, "eth0"));
    let command = arpsend.command(&scene.host, "-D -e 172.28.128.2 enp0s8 -v -w 60");
    let mut process = Process::start("arpsend", command);
    let request = wire
        .next(|frame| Arp::decode(frame).map(|_| frame.to_vec()))
        .expect("a request");
    // The document's virtual switch sent every frame back to where it came from.
    wire.send(&request);
    let peer = [8, 0, 0x27, 0xbf, 3, 0xbd];
    let host = [8, 0, 0x27, 0x84, 0xbc, 0xb0];
    let mut reply = [&host[..], &peer, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2], &peer].concat();
    reply.extend([172, 28, 128, 2]);
    reply.extend([&host[..], &[172, 28, 128, 3]].concat());
    reply.resize(60, 0);
    wire.send(&reply);
    assert_eq!(process.wait().code(), Some(3));
    let said = process.said();
    assert_eq!(said.lines().collect::<Vec<_>>(), document_lines());
}

#[test]
fn kernel_of_another_host_is_detected_and_asked() {
    let net = or_skip!(Net::new());
    let scene = document_scene(&net);
    scene.peer.ip("address add 172.28.128.2/24 dev eth0");
    let arpsend = Arpsend::new();
    // A veth sends nothing back.
    let lines: Vec<String> = document_lines()
        .into_iter()
        .filter(|line| !line.contains("unknown"))
        .collect();
    let (code, out, errors) = arpsend.run(&scene.host, "-D -e 172.28.128.2 enp0s8 -v");
    assert_eq!((code, &*out), (3, ""));
    assert_eq!(errors.lines().collect::<Vec<_>>(), lines);
    let detected = "arpsend: 172.28.128.2 is detected on another computer : 08:00:27:bf:03:bd\n";
    for (line, expected, errors) in [
        ("-D -e 172.28.128.2 enp0s8", 3, detected.to_owned()),
        ("enp0s8 -w 0.1 -De 172.28.128.9 -c1", 0, String::new()),
        ("-Q -o -e 172.28.128.2 enp0s8", 0, detected.to_owned()),
        ("-Q -e 172.28.128.9 -c 2 -w 0.1 enp0s8", 4, String::new()),
        // Each round tells it again.
        (
            "-D -e 172.28.128.2 -e 172.28.128.9 -c 2 -w 0.1 enp0s8",
            3,
            detected.repeat(2),
        ),
        // Nobody answers for the own address.
        ("-D -e 172.28.128.3 -c 1 -w 0.1 enp0s8", 0, String::new()),
        ("-U -i 172.28.128.3 -c 1 enp0s8", 0, String::new()),
        ("-P -c 1 enp0s8", 0, String::new()),
        (
            "--update --src-ip=172.28.128.3 --trg-ip 172.28.128.2 --co 2 --tim 0.1 enp0s8",
            3,
            detected.to_owned(),
        ),
    ] {
        let (code, out, said) = arpsend.run(&scene.host, line);
        assert_eq!((code, &*out, said), (expected, "", errors), "{line}");
    }
}

#[test]
fn frames_have_sixty_bytes_and_the_addresses_of_the_options() {
    let scene = or_skip!(Scene::quiet());
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    let (arpsend, wire) = (Arpsend::new(), scene.wire());
    let moved = [10, 7, 0, 9].into();
    let (s, t, a, b) = (
        [2, 0, 0, 0, 0, 0x11],
        [2, 0, 0, 0, 0, 0x12],
        [2, 0, 0, 0, 0, 0x13],
        [2, 0, 0, 0, 0, 0x14],
    );
    for line in [
        "-D -e 10.7.0.2 -c 1 -w 0.01 eth0",
        "-U -i 10.7.0.9 -c 2 -w 0.01 eth0",
        "-P -i 10.7.0.9 -e 10.7.0.2 -c 1 -s 020000000011 -t 02:00:00:00:00:12 -S 020000000013 -T 0200:00:0000:14 eth0",
        "-Q -c 1 -w 0.01 -t broadcast eth0",
    ] {
        arpsend.run(&scene.host, line);
    }
    let frames = arp_frames(&wire);
    assert!(frames.iter().all(|frame| frame.len() == 60), "{frames:?}");
    assert!(frames.iter().all(|frame| frame[42..] == [0; 18]));
    let request = |sender, target| Arp {
        source_mac: HOST_MAC,
        destination_mac: ALL,
        vlan: None,
        operation: 1,
        sender: (HOST_MAC, sender),
        target: (ALL, target),
    };
    let expected = [
        request(HOST_V4, PEER_V4),
        request(moved, HOST_V4),
        request(moved, HOST_V4),
        Arp {
            source_mac: s,
            destination_mac: t,
            vlan: None,
            operation: 2,
            sender: (a, moved),
            target: (b, PEER_V4),
        },
        request(HOST_V4, HOST_V4),
    ];
    assert_eq!(packets(&frames), expected);
    assert_dissected(
        &frames[..3],
        &[
            "Who has 10.7.0.2? Tell 10.7.0.1",
            "Who has 10.7.0.1? Tell 10.7.0.9",
            "Who has 10.7.0.1? Tell 10.7.0.9",
        ],
    );
}

#[test]
fn wrong_usage_shows_how_it_is_used() {
    let net = or_skip!(Net::new());
    let nowhere = net.namespace("nowhere");
    let arpsend = Arpsend::new();
    let program = arpsend.path();
    let usage = format!(
        "Usage: {program} <-U -i <src_ip_addr> | -D -e <trg_ip_addr> [-e <trg_ip_addr>] ...> [-c <count>] \
         [-w <timeout>] interface_name\n"
    );
    for (line, before) in [
        ("", ""),
        ("-D eth0", ""),
        ("-D -U -e 10.0.0.1 eth0", ""),
        ("-D -e 10.0.0.1", ""),
        ("-D -e 10.0.0.1 eth0 eth1", ""),
        ("-D -e 255.255.255.255 eth0", ""),
        ("-D -e casa eth0", ""),
        ("-U eth0", ""),
        ("-Q -c 0 eth0", ""),
        ("-Q -s 02-00-00-00-00-01 eth0", ""),
        ("-x", "PROGRAM: invalid option -- 'x'\n"),
        ("-D -e", "PROGRAM: option requires an argument -- 'e'\n"),
        ("--verbose", "PROGRAM: unrecognized option '--verbose'\n"),
        (
            "--trg 1",
            "PROGRAM: option '--trg' is ambiguous; possibilities: '--trg-hw' '--trg-arp' '--trg-ip'\n",
        ),
        (
            "-Q -w 0 eth0",
            "arpsend: a timeout of 0 seconds: it has to be above 0, as 0.1, and at most 86400\n",
        ),
    ] {
        let before = before.replace("PROGRAM", &program);
        let expected = (1, String::new(), format!("{before}{usage}"));
        assert_eq!(arpsend.run(&nowhere, line), expected, "{line}");
    }
}

#[test]
fn unfit_interfaces_and_addresses_are_told_as_they_were() {
    let net = or_skip!(Net::new());
    let scene = or_skip!(Scene::bare_in(&net, Path::Userspace));
    let host = &scene.host;
    add_unfit(host);
    let arpsend = Arpsend::new();
    for (interface, line) in [
        ("nosuch", "unknown iface nosuch : No such device"),
        ("off", "iface 'off' is down"),
        ("lo", "iface 'lo' is not ARPable"),
        ("mute", "iface 'mute' is not ARPable"),
        (
            "eth0",
            "can't get iface 'eth0' address : Cannot assign requested address",
        ),
    ] {
        let expected = (2, String::new(), format!("arpsend: {line}\n"));
        assert_eq!(
            arpsend.run(host, &format!("-D -e 10.7.0.2 {interface}")),
            expected
        );
    }
    // OpenVZ's option for an interface without an address.
    assert_eq!(arpsend.run(host, "-D -f -e 10.7.0.2 -c 1 -w 0.1 eth0").0, 0);
    // An IPv6 address is nothing to it, but for -U, even where nothing else is right.
    let silent = (0, String::new(), String::new());
    for command in ["-D -e", "-Q -e", "-P -i"] {
        assert_eq!(
            arpsend.run(host, &format!("{command} fe80::1 nosuch")),
            silent
        );
    }
    let (code, _, said) = arpsend.run(host, "-U -i fe80::1 nosuch");
    let expected = "Unknown network interface nosuch: No such device\n";
    assert_eq!((code, &*said), (2, expected));
    let (code, _, said) = arpsend.run(host, "-U -i 224.0.0.1 -c 1 -f off");
    assert_eq!((code, &*said), (2, "arpsend: iface 'off' is down\n"));
}

#[test]
fn an_ipv6_address_is_told_as_by_ndsend() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let (arpsend, wire) = (Arpsend::new(), scene.wire());
    let told = arpsend.run(&scene.host, "-U -i fd07::9 eth0");
    assert_eq!(told, (0, String::new(), String::new()));
    let told = wire.next(|frame| Nd::decode(frame).filter(|nd| nd.kind == NA));
    assert_eq!(
        told.expect("an advertisement").target.to_string(),
        "fd07::9"
    );
}

#[test]
fn arping_and_the_neighbour_table_see_what_is_told() {
    let scene = or_skip!(Scene::quiet());
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    scene.peer.ip(&format!("address add {PEER_V4}/24 dev eth0"));
    let arping = or_skip!(Peer::find("iputils-arping"));
    let arpsend = Arpsend::new();
    scene.peer.set("net/ipv4/neigh/eth0/locktime", "0");
    scene
        .peer
        .ip("neighbour replace 10.7.0.9 lladdr 02:00:00:00:00:99 nud stale dev eth0");
    // The target's own address is asked for in the name of another: as arpsend did for containers.
    let (code, ..) = arpsend.run(
        &scene.host,
        &format!("-U -i 10.7.0.9 -e {PEER_V4} -c 1 eth0"),
    );
    // The kernel may answer before it ends or not.
    assert!([0, 3].contains(&code), "{code}");
    wait_until("the entry of 10.7.0.9", || {
        scene
            .peer
            .ip("neighbour show 10.7.0.9")
            .contains("02:00:00:00:00:01")
    });
    let found = arping.output_in(
        &scene.host,
        &["-c", "1", "-f", "-I", "eth0", &PEER_V4.to_string()],
    );
    assert!(found.contains("[02:00:00:00:00:02]"), "{found}");
    let (_, _, errors) = arpsend.run(&scene.host, &format!("-Qo -e {PEER_V4} eth0"));
    let expected =
        format!("arpsend: {PEER_V4} is detected on another computer : 02:00:00:00:00:02\n");
    assert_eq!(errors, expected);
}
