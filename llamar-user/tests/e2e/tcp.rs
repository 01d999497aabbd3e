//! LLMNR over TCP (RFC 4795 2.4, 2.5): asked by dig and systemd-resolved, and by connections made by hand.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::Duration;

use llamar_common::testing::{A, FrameBuilder};

use crate::support::agent::{Agent, config_file};
use crate::support::message::Message;
use crate::support::net::{Namespace, Net};
use crate::support::peers::Peer;
use crate::support::resolved::{FROM_NETWORK, LLMNR_IPV4, LLMNR_IPV6, Resolved};
use crate::support::scene::{
    HOST_LOCAL_V4, HOST_LOCAL_V6, HOST_V4, HOST_V6, PEER_V4, Path, Scene, asker,
};
use crate::support::tcp::{Segment, connect, connected, receive, send};
use crate::support::wait_until;
use crate::support::wire::Wire;

const PORT: u16 = 5355;
const CONFLICT: u16 = 0x0400;

/// What dig made of one question: its status word, the flags it saw, and the answers, without their owners.
#[derive(Debug, PartialEq, Eq)]
struct Dug {
    status: String,
    flags: String,
    answers: Vec<String>,
    text: String,
}

/// Asks with dig over TCP, once. It sets RD, which is T here, and AD, which is one of the Z bits: both are ignored.
#[track_caller]
fn dig(peer: &Peer, from: &Namespace, arguments: &[&str]) -> Dug {
    let fixed = ["+tcp", "-p", "5355", "+tries=1", "+time=3", "+nocookie"];
    let text = peer.output_in(from, &[&fixed, arguments].concat());
    let behind = |label: &str, end: char| {
        let rest = text.split_once(label).map_or("", |(_, rest)| rest);
        rest.split(end).next().unwrap_or_default().trim().to_owned()
    };
    let answers = text
        .split_once("ANSWER SECTION:\n")
        .map_or("", |(_, rest)| rest);
    let answers = answers.lines().take_while(|line| !line.is_empty());
    // casa.  30  IN  A  10.7.0.1
    let data = |line: &str| {
        line.split_whitespace()
            .skip(2)
            .collect::<Vec<_>>()
            .join(" ")
    };
    Dug {
        status: behind("status: ", ','),
        flags: behind(";; flags: ", ';'),
        answers: answers.map(data).collect(),
        text: text.clone(),
    }
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// The name's addresses as dig prints them, sorted.
fn addresses() -> Vec<String> {
    sorted(vec![
        format!("IN A {HOST_V4}"),
        format!("IN A {HOST_LOCAL_V4}"),
        format!("IN AAAA {HOST_V6}"),
        format!("IN AAAA {HOST_LOCAL_V6}"),
    ])
}

fn dig_is_answered_on(path: Path) {
    let dig_peer = or_skip!(Peer::find("dig"));
    let scene = or_skip!(Scene::new(path));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    for server in [
        HOST_V4.to_string(),
        HOST_V6.to_string(),
        format!("{HOST_LOCAL_V6}%eth0"),
    ] {
        let server = format!("@{server}");
        let ask =
            |arguments: &[&str]| dig(&dig_peer, &scene.peer, &[&[&*server], arguments].concat());
        let told = |dug: Dug| {
            assert_eq!(
                (&*dug.status, &*dug.flags),
                ("NOERROR", "qr"),
                "{}",
                dug.text
            );
            sorted(dug.answers)
        };
        let all = addresses();
        assert_eq!(told(ask(&["casa", "A", "+noedns"])), all[..2]);
        assert_eq!(told(ask(&["CASA.", "AAAA"])), all[2..]);
        assert_eq!(told(ask(&["casa", "ANY"])), all);
        for address in [
            HOST_V4.to_string(),
            HOST_LOCAL_V4.to_string(),
            HOST_V6.to_string(),
        ] {
            assert_eq!(told(ask(&["-x", &address])), ["IN PTR casa."], "{address}");
        }
        // RFC 4795 2.3 f, 2.9: the name is there, such a record is not.
        for kind in ["TXT", "SVCB", "HTTPS", "SRV", "NS", "TYPE65400"] {
            let dug = ask(&["casa", kind]);
            assert!(dug.text.contains("SOA\tcasa."), "{}", dug.text);
            assert_eq!(told(dug), [""; 0], "{kind}");
        }
        // RFC 6891 6.1.1: an OPT record for those who sent one.
        for (edns, there) in [("+noedns", false), ("+edns=0", true)] {
            let dug = ask(&["casa", "A", edns]);
            assert_eq!(
                dug.text.contains("OPT PSEUDOSECTION"),
                there,
                "{}",
                dug.text
            );
        }
    }
}

// RFC 4795 2.1.1, 2.3 a, c, f, 2.4, 2.9; RFC 6891 6.1.1: R2, R19, R20, R25, R30, R33, R34, R40, R55
#[test]
fn dig_is_answered_over_tcp_whatever_it_asks_for() {
    dig_is_answered_on(Path::Userspace);
}

// RFC 4795 2.3 a, 2.4: R2, R55
#[test]
fn dig_is_answered_over_tcp_beside_the_kernel_path() {
    dig_is_answered_on(Path::GenericVeth);
}

// RFC 4795 2.1.1; RFC 6891 6.1.1, 6.1.3: R21, R22, R25, R26, R58
#[test]
fn errors_of_edns_are_told_over_tcp_and_only_for_names_that_are_ours() {
    let dig_peer = or_skip!(Peer::find("dig"));
    let scene = or_skip!(Scene::new(Path::Userspace));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    let server = format!("@{HOST_V4}");
    let version = ["+edns=1", "+noednsnegotiation"];
    let dug = dig(
        &dig_peer,
        &scene.peer,
        &[&[&*server, "casa", "A"], &version[..]].concat(),
    );
    assert_eq!(
        (&*dug.status, dug.answers.len()),
        ("BADVERS", 0),
        "{}",
        dug.text
    );
    assert!(dug.text.contains("EDNS: version: 0"), "{}", dug.text);
    // Two OPT records are a FORMERR, which dig cannot send.
    let mut stream = connected(&scene.peer, HOST_V4.into());
    let ask = |name: &str, id| FrameBuilder::llmnr(asker(PEER_V4)).question(name, A).id(id);
    send(&mut stream, &ask("casa", 1).with_opt().with_opt().message());
    let answer = receive(&mut stream).expect("an answer");
    assert_eq!((answer.id, answer.flags), (1, 0x8001), "{answer:?}");
    assert_eq!((answer.answers.len(), answer.questions.len()), (0, 1));
    // Nobody is told of errors in questions about what is not ours.
    send(
        &mut stream,
        &ask("nobody", 2).with_opt().with_opt().message(),
    );
    send(&mut stream, &ask("casa", 3).message());
    assert_eq!(receive(&mut stream).expect("an answer").id, 3);
}

// RFC 4795 2.3 d, 2.4; RFC 1035 4.2.2: R22, R31, R55
#[test]
fn a_name_that_is_not_ours_gets_silence_and_its_connection_stays() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    for server in [IpAddr::from(HOST_V4), HOST_V6.into()] {
        let mut stream = connected(&scene.peer, server);
        let ask = |name: &str, id| FrameBuilder::llmnr(asker(PEER_V4)).question(name, A).id(id);
        let casa = |id| ask("casa", id).message();
        // Another's name, one below ours, a wrong class, a conflict, another OPCODE, two questions, half a header.
        for silent in [
            ask("nobody", 1),
            ask("a.casa", 1),
            FrameBuilder::llmnr(asker(PEER_V4)).question_of_class("casa", A, 3),
            ask("casa", 1).flags(CONFLICT),
            ask("casa", 1).flags(0x0800),
            ask("casa", 1).question("casa", A),
        ] {
            send(&mut stream, &silent.message());
        }
        send(&mut stream, &casa(1)[..7]);
        send(&mut stream, b"");
        send(&mut stream, &casa(2));
        assert_eq!(receive(&mut stream).expect("an answer").id, 2);
        // Several at once, in pieces, are answered in their order.
        let three: Vec<u8> = [3, 4, 5]
            .into_iter()
            .flat_map(|id| [&(casa(id).len() as u16).to_be_bytes()[..], &casa(id)].concat())
            .collect();
        for piece in three.chunks(11) {
            std::io::Write::write_all(&mut stream, piece).expect("send a piece");
        }
        for id in [3, 4, 5] {
            assert_eq!(receive(&mut stream).expect("an answer").id, id);
        }
    }
}

// RFC 4795 2.1.1; RFC 1035 4.2.1: R12, R26, R56, S6
#[test]
fn an_answer_too_long_for_udp_is_whole_over_tcp() {
    const COUNT: usize = 2000;
    let dig_peer = or_skip!(Peer::find("dig"));
    let scene = or_skip!(Scene::new(Path::Userspace));
    let all: Vec<IpAddr> = (0..COUNT)
        .map(|number| [10, 9, (number >> 8) as u8, number as u8].into())
        .collect();
    let mut text = String::from("names = [\"casa\"]\n[hosts]\nmany = [");
    for address in &all {
        write!(text, "\"{address}\", ").expect("write to a string");
    }
    let config = config_file(&(text + "]\n"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    agent.wait_until_verified();
    let cut = scene
        .wire()
        .ask(&FrameBuilder::llmnr(asker(PEER_V4)).question("many", A));
    assert_eq!(cut.message.flags, 0x8200, "QR and TC");
    assert!(cut.bytes.len() <= 512, "{}", cut.bytes.len());
    let expected: Vec<_> = all
        .iter()
        .map(|address| format!("IN A {address}"))
        .collect();
    let dug = dig(
        &dig_peer,
        &scene.peer,
        &[&format!("@{HOST_V4}"), "many", "A"],
    );
    assert_eq!((&*dug.status, &*dug.flags), ("NOERROR", "qr"));
    assert_eq!(sorted(dug.answers), sorted(expected));
}

// RFC 4795 2.3 a, c, 2.4, 2.5: R2, R10, R30
#[test]
fn systemd_resolved_finds_our_names_by_our_addresses_over_tcp() {
    let peer = or_skip!(Peer::find("systemd-resolved"));
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    let (from_peer, from_host) = (Wire::open(&scene.host, "eth0"), scene.wire());
    let resolved = Resolved::start(&peer, &scene.peer);
    for (address, over) in [
        (IpAddr::from(HOST_V4), LLMNR_IPV4),
        (HOST_LOCAL_V4.into(), LLMNR_IPV4),
        (HOST_V6.into(), LLMNR_IPV6),
    ] {
        let named = resolved.names_of(address);
        assert_eq!(named.names, ["casa"], "{address}");
        let how = named.flags & (LLMNR_IPV4 | LLMNR_IPV6 | FROM_NETWORK);
        assert_eq!(how, over | FROM_NETWORK, "{address}: {:#x}", named.flags);
    }
    let asked = from_peer.next(|frame| Segment::decode(frame).filter(|segment| segment.to == PORT));
    let asked = asked.expect("a connection of systemd-resolved's");
    assert!(asked.syn && !asked.ack, "{asked:?}");
    // RFC 4795 2.5: all that is sent on such a connection has TTL 1, the SYN-ACK too.
    let sent: Vec<_> = from_host
        .drain()
        .iter()
        .filter_map(|frame| Segment::decode(frame))
        .collect();
    let sent: Vec<_> = sent.iter().filter(|segment| segment.from == PORT).collect();
    assert!(
        sent.iter().any(|segment| segment.syn && segment.ack),
        "{sent:?}"
    );
    assert!(sent.iter().all(|segment| segment.ttl == 1), "{sent:?}");
}

// RFC 4795 2.5: R10
#[test]
fn a_client_behind_a_router_gets_no_connection() {
    let net = or_skip!(Net::new());
    let scene = or_skip!(Scene::bare_in(&net, Path::Userspace)).with_addresses();
    let far = scene.far(&net);
    far.ip("route add default via 10.8.0.2");
    scene.host.ip(&format!("route add default via {PEER_V4}"));
    scene.peer.set("net/ipv4/ip_forward", "1");
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    // The router forwards what has a common TTL.
    let other = scene
        .host
        .inside(|| TcpListener::bind((HOST_V4, 9)).expect("listen"));
    let there = other.local_addr().expect("an address");
    far.inside(|| TcpStream::connect(there))
        .expect("the router forwards");
    let wire = scene.wire();
    let refused = connect(&far, HOST_V4.into(), Duration::from_millis(1500));
    assert!(refused.is_err(), "{refused:?}");
    let answer = wire.next(|frame| Segment::decode(frame).filter(|segment| segment.from == PORT));
    let answer = answer.expect("a SYN-ACK as far as the router");
    assert_eq!((answer.syn, answer.ack, answer.ttl), (true, true, 1));
    connected(&scene.peer, HOST_V4.into());
}

// RFC 4795 2.3 a, 2.5, 3.1, 5.1: R2, R13
#[test]
fn only_served_interfaces_are_listened_on_and_only_their_links_answered() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    scene.host.veth(("eth1", 3), &scene.peer, ("eth1", 4));
    scene.host.ip("address add 10.8.0.1/24 dev eth1");
    scene.peer.ip("address add 10.8.0.2/24 dev eth1");
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_until_verified();
    let patience = Duration::from_secs(5);
    let kind = |to: IpAddr| {
        connect(&scene.peer, to, patience)
            .map_err(|error| error.kind())
            .err()
    };
    assert_eq!(
        kind([10, 8, 0, 1].into()),
        Some(ErrorKind::ConnectionRefused)
    );
    assert_eq!(kind(HOST_V4.into()), None);
    // By the link that is served, to the address of the other one: silence. And the same for who is not on the link.
    scene.peer.ip("address del 10.8.0.2/24 dev eth1");
    scene.peer.ip(&format!("route add 10.8.0.1 via {HOST_V4}"));
    scene.peer.ip("address add 192.168.99.2/32 dev lo");
    scene
        .host
        .ip(&format!("route add 192.168.99.2 via {PEER_V4}"));
    let casa = |id| {
        FrameBuilder::llmnr(asker(PEER_V4))
            .question("casa", A)
            .id(id)
            .message()
    };
    let mut elsewhere = connected(&scene.peer, [10, 8, 0, 1].into());
    scene.peer.ip(&format!(
        "route replace {HOST_V4} dev eth0 src 192.168.99.2"
    ));
    let mut off_link = connected(&scene.peer, HOST_V4.into());
    assert_eq!(
        off_link.local_addr().expect("an address").ip(),
        IpAddr::from([192, 168, 99, 2])
    );
    scene
        .peer
        .ip(&format!("route replace {HOST_V4} dev eth0 src {PEER_V4}"));
    let mut near = connected(&scene.peer, HOST_V4.into());
    for stream in [&mut elsewhere, &mut off_link, &mut near] {
        send(stream, &casa(1));
    }
    assert_eq!(receive(&mut near).expect("an answer").id, 1);
    // What is asked later is answered later, so the others got nothing.
    send(&mut near, &casa(2));
    assert_eq!(receive(&mut near).expect("an answer").id, 2);
    for stream in [&mut elsewhere, &mut off_link] {
        stream.set_nonblocking(true).expect("no waiting");
        let read = stream.peek(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(read, Err(ErrorKind::WouldBlock));
    }
    let status = agent.printed(&["status", "--json"]);
    assert!(status.contains("llmnr-off-link"), "{status}");
    // RFC 4795 3.1: an interface that is served no more listens no more.
    let (status, said) = agent.terminate();
    assert!(status.success(), "{said}");
    assert_eq!(kind(HOST_V4.into()), Some(ErrorKind::ConnectionRefused));
}

// RFC 4795 4.1, 4.2: R28
#[test]
fn two_interfaces_on_one_link_are_told_by_the_c_bit_over_tcp_too() {
    let net = or_skip!(Net::new());
    let (host, switch) = (net.namespace("host"), net.namespace("switch"));
    host.veth(("eth0", 1), &switch, ("port0", 0x11));
    host.veth(("eth1", 2), &switch, ("port1", 0x12));
    switch.bridge(("br0", 0x13), &["port0", "port1"]);
    // Each address is that of its interface alone for ARP too, or connections would come in by the other one.
    host.set("net/ipv4/conf/all/arp_ignore", "1");
    host.ip("address add 10.7.0.1/24 dev eth0");
    host.ip("address add 10.7.0.2/24 dev eth1");
    switch.ip("address add 10.7.0.3/24 dev br0");
    let config =
        config_file("names = [\"casa\"]\nxdp = \"off\"\n[interface.eth0]\n[interface.eth1]\n");
    let mut agent = Agent::spawn(&host, &["--config", &config.path]);
    agent.wait_for_words(&["eth0", "eth1", "are on the same link"]);
    let casa = FrameBuilder::llmnr(asker([10, 7, 0, 3])).question("casa", A);
    let ask = || -> Option<Message> {
        let mut stream = connected(&switch, [10, 7, 0, 1].into());
        send(&mut stream, &casa.message());
        receive(&mut stream)
    };
    wait_until("an answer with C alone set", || {
        ask().is_some_and(|answer| answer.flags == 0x8000 | CONFLICT)
    });
}
