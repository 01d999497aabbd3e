//! `llamar query` and busco, end to end: against our agent, llmnrd, systemd-resolved, and made-up responders that do
//! what those do not.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use etherparse::{SlicedPacket, TransportSlice};
use llamar_common::wire::dns::{CONFLICT, RESPONSE, TRUNCATED};
use llamar_user::dns::{Compression, Message, Name, Question, Rdata, Record, kind};
use serde_json::Value;

use crate::support::agent::{Agent, config_file, finish, llamar, said};
use crate::support::links::Links;
use crate::support::net::{Namespace, Net};
use crate::support::packet::addresses;
use crate::support::peers::Peer;
use crate::support::resolved::Resolved;
use crate::support::scene::{
    HOST_LOCAL_V4, HOST_LOCAL_V6, HOST_V4, HOST_V6, PEER_LOCAL_V6, PEER_V4, Path, Scene,
};
use crate::support::wait_for;
use crate::support::wire::Wire;

const PORT: u16 = 5355;
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 252);

/// Runs `llamar query` in a namespace.
#[track_caller]
fn query(from: &Namespace, arguments: &[&str]) -> (i32, String, String) {
    said(&llamar(from, &[&["query"], arguments].concat(), None))
}

/// The same where somebody answers, however long that takes.
#[track_caller]
fn answered_query(from: &Namespace, arguments: &[&str]) -> (i32, String, String) {
    query(from, &[arguments, &["--timeout", "10"]].concat())
}

/// Runs the binary under the name `busco` in a namespace.
#[track_caller]
fn busco(from: &Namespace, arguments: &[&str]) -> (i32, String, String) {
    let links = Links::new(&["busco"]);
    said(&finish(links.command(from, "busco", arguments)))
}

/// What busco prints as soon as somebody answers: it waits for less than a second.
#[track_caller]
fn busco_until_found(from: &Namespace, arguments: &[&str]) -> String {
    wait_for(&format!("an answer to busco {arguments:?}"), || {
        let (code, out, errors) = busco(from, arguments);
        assert_eq!(code, 0, "{arguments:?}: {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
        Some(out).filter(|out| out != "No response.\n")
    })
}

/// The lines of a text, sorted.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// A process that is killed on drop.
struct Daemon(Child);

impl Daemon {
    fn llmnrd(peer: &Peer, namespace: &Namespace, name: &str) -> Self {
        let mut command = namespace.service(&peer.text());
        command.args(["-H", name, "-i", "eth0", "-6"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().expect("start llmnrd"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks until there is an answer: another's responder needs a moment to begin.
#[track_caller]
fn query_until_found(from: &Namespace, arguments: &[&str]) -> String {
    wait_for(&format!("an answer to {arguments:?}"), || {
        let (code, out, _) = query(from, arguments);
        (code == 0).then_some(out)
    })
}

#[test]
fn our_agent_is_found_by_name_with_all_its_addresses() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let (code, out, errors) = answered_query(&scene.peer, &["casa"]);
    assert_eq!((code, &*errors), (0, ""));
    let expected = [
        format!("A: {HOST_V4}"),
        format!("A: {HOST_LOCAL_V4}"),
        format!("AAAA: {HOST_V6}"),
        format!("AAAA: {HOST_LOCAL_V6}%eth0"),
    ];
    assert_eq!(sorted(&out), sorted(&expected.join("\n")));
    assert!(out.lines().next().unwrap().starts_with("A: "), "{out}");

    // The order is the responder's: that of the asker's own scope first.
    let arguments = ["CASA", "-4", "-t", "a", "-i", "eth0"];
    let (_, out, _) = answered_query(&scene.peer, &arguments);
    assert_eq!(out, format!("A: {HOST_V4}\nA: {HOST_LOCAL_V4}\n"));
    let (_, out, _) = answered_query(&scene.peer, &["casa.", "-6", "-t", "AAAA"]);
    assert_eq!(
        out,
        format!("AAAA: {HOST_LOCAL_V6}%eth0\nAAAA: {HOST_V6}\n")
    );
    let (_, out, _) = answered_query(&scene.peer, &["casa", "-t", "ANY"]);
    assert_eq!(sorted(&out), sorted(&expected.join("\n")));
    drop(agent);
}

#[test]
fn our_agent_in_the_kernel_is_found_too() {
    let scene = or_skip!(Scene::new(Path::NativeVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let ((code, out, _), counted) =
        agent.asked_while_stopped(|| query(&scene.peer, &["casa", "-4", "-t", "A"]));
    assert_eq!(
        (code, &*out),
        (0, &*format!("A: {HOST_V4}\nA: {HOST_LOCAL_V4}\n"))
    );
    // An asker that is kept waiting asks up to three times.
    let answered = counted.of("llmnr-answered");
    assert!((1..=3).contains(&answered), "{counted:?}");
}

#[test]
fn our_agent_is_found_by_its_addresses() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let local = format!("{HOST_LOCAL_V6}%eth0");
    for address in [
        HOST_V4.to_string(),
        HOST_LOCAL_V4.to_string(),
        HOST_V6.to_string(),
        local,
    ] {
        let (code, out, errors) = answered_query(&scene.peer, &[&address]);
        assert_eq!((code, &*out), (0, "PTR: casa\n"), "{address}: {errors}");
    }
    let arguments = ["1.0.7.10.in-addr.arpa", "-t", "PTR"];
    let (code, out, errors) = answered_query(&scene.peer, &arguments);
    assert_eq!((code, &*out), (0, "PTR: casa\n"), "{errors}");
}

#[test]
fn nobody_and_nothing_are_told_apart() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let config = config_file("names = [\"casa\"]\n[hosts]\nfour = \"192.168.1.4\"\n");
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let begin = Instant::now();
    let (code, out, errors) = query(&scene.peer, &["nobody"]);
    assert!(begin.elapsed() >= Duration::from_millis(400));
    assert_eq!((code, &*out), (1, ""));
    assert_eq!(
        errors,
        format!(
            "llamar: no response for nobody (A, AAAA); asked on eth0 ({PEER_V4}, {PEER_LOCAL_V6})\n"
        )
    );
    let (code, out, errors) = answered_query(&scene.peer, &["four", "-t", "AAAA", "-4"]);
    assert_eq!((code, &*out), (1, ""));
    assert_eq!(
        errors,
        format!("llamar: four exists but has no AAAA record: so says {HOST_V4} on eth0\n")
    );
    // With one of both there is nothing to complain of.
    let (code, out, errors) = answered_query(&scene.peer, &["four"]);
    assert_eq!((code, &*out, &*errors), (0, "A: 192.168.1.4\n", ""));
    // Nobody is there at all.
    let (code, ..) = query(
        &scene.peer,
        &["casa", "--server", "10.7.0.77", "--timeout", "0.3"],
    );
    assert_eq!(code, 1);
}

#[test]
fn wrong_usage_and_unfit_interfaces_are_told() {
    let net = or_skip!(Net::new());
    let scene = or_skip!(Scene::bare_in(&net, Path::Userspace)).with_addresses();
    scene.peer.ip("link add off type veth peer name other");
    for (arguments, words) in [
        (&["casa", "-i", "eth9"][..], "eth9: no such interface"),
        (&["casa", "-i", "off"], "off: down"),
        (&["casa", "-i", "lo"], "lo: cannot carry multicast"),
        (&["casa", "-t", "B"], "no type of record"),
        (&["casa", "-t", "OPT"], "no type of record"),
        (&["casa..home"], "empty label"),
        (&["casa", "-4", "-6"], "cannot be used with"),
        (&["casa", "--timeout", "0"], "not above 0"),
        (&["casa", "--timeout", "nan"], "not above 0"),
        (&["casa", "--server", "box"], "no address"),
        (&["casa", "--server", "123.123.123.123"], "is on no link"),
        (&["fe80::1%eth0", "-i", "off"], "is on eth0, not on off"),
        (&[], "NAME|ADDRESS"),
    ] {
        let (code, out, errors) = query(&scene.peer, arguments);
        assert_eq!((code, &*out), (2, ""), "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    }
    let alone = net.namespace("alone");
    let (code, _, errors) = query(&alone, &["casa"]);
    assert_eq!(code, 2);
    assert!(errors.contains("no interface is up"), "{errors}");
}

#[test]
fn llmnrd_is_found() {
    let llmnrd = or_skip!(Peer::find("llmnrd"));
    let scene = or_skip!(Scene::new(Path::Userspace));
    let _daemon = Daemon::llmnrd(&llmnrd, &scene.host, "casa");
    let found = query_until_found(&scene.peer, &["casa", "-t", "A"]);
    assert!(found.contains(&format!("A: {HOST_V4}")), "{found}");
    let (code, out, errors) = answered_query(&scene.peer, &["casa"]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        out.contains(&format!("AAAA: {HOST_LOCAL_V6}%eth0")),
        "{out}"
    );
    let (code, out, errors) = answered_query(&scene.peer, &["casa", "-t", "ANY"]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains("AAAA: ") && out.contains("A: 10."), "{out}");
    let (code, out, _) = query(&scene.peer, &["nobody"]);
    assert_eq!((code, &*out), (1, ""));
    let lines = busco_until_found(&scene.peer, &["casa"]);
    assert!(lines.contains(&format!("A: {HOST_V4}")), "{lines:?}");
}

#[test]
fn systemd_resolved_is_found_by_name_by_address_and_over_tcp() {
    let peer = or_skip!(Peer::find("systemd-resolved"));
    let scene = or_skip!(Scene::new(Path::Userspace));
    let _resolved = Resolved::start(&peer, &scene.host);
    // It calls its host `asker`, and verifies that for some seconds.
    let found = query_until_found(&scene.peer, &["asker", "-t", "A"]);
    assert_eq!(
        sorted(&found),
        sorted(&format!("A: {HOST_V4}\nA: {HOST_LOCAL_V4}")),
    );
    let found = query_until_found(&scene.peer, &["asker", "-t", "AAAA"]);
    assert!(
        found.contains(&format!("AAAA: {HOST_LOCAL_V6}%eth0")),
        "{found}"
    );
    // By address, it is asked over TCP.
    let wire = Wire::open(&scene.host, "eth0");
    let found = query_until_found(&scene.peer, &[&HOST_V4.to_string()]);
    assert_eq!(found, "PTR: asker\n");
    let ttl = wire
        .next(|frame| tcp_syn(frame, PORT))
        .expect("a connection");
    assert_eq!(ttl, 1);
    let local = format!("{HOST_LOCAL_V6}%eth0");
    assert_eq!(query_until_found(&scene.peer, &[&local]), "PTR: asker\n");
    let server = HOST_V4.to_string();
    let (code, out, errors) = answered_query(
        &scene.peer,
        &["asker", "-t", "A", "--server", &server, "--json"],
    );
    assert_eq!(code, 0, "{errors}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["responses"][0]["transport"], "tcp");
    assert_eq!(report["responses"][0]["from"], server);
    let out = busco_until_found(&scene.peer, &["-a", &server, "asker"]);
    assert_eq!(
        sorted(&out),
        sorted(&format!("A: {HOST_V4}\nA: {HOST_LOCAL_V4}"))
    );
}

/// The TTL or hop limit of a TCP SYN to a port.
fn tcp_syn(frame: &[u8], port: u16) -> Option<u8> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else {
        return None;
    };
    let is_syn = tcp.syn() && !tcp.ack() && tcp.destination_port() == port;
    let (_, _, ttl) = addresses(&packet)?;
    is_syn.then_some(ttl)
}

// RFC 4795 2.5, 2.7: S1, S8, S20
#[test]
fn queries_go_to_both_groups_with_ttl_255_from_addresses_of_the_link() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = Wire::open(&scene.host, "eth0");
    let (code, ..) = query(&scene.peer, &["nobody", "-t", "A"]);
    assert_eq!(code, 1);
    let seen: Vec<_> = wire
        .drain()
        .iter()
        .filter_map(|frame| sent_query(frame))
        .collect();
    let [ipv4, ipv6]: [Vec<_>; 2] = ["224.0.0.252:5355", "[ff02::1:3]:5355"].map(|group| {
        let group: SocketAddr = group.parse().unwrap();
        seen.iter().filter(|query| query.to == group).collect()
    });
    assert_eq!((ipv4.len(), ipv6.len(), seen.len()), (3, 3, 6));
    for (queries, source) in [(ipv4, IpAddr::from(PEER_V4)), (ipv6, PEER_LOCAL_V6.into())] {
        for query in &queries {
            assert_eq!((query.from.ip(), query.ttl), (source, 255));
            assert_eq!(
                (query.from.port(), &query.message),
                (queries[0].from.port(), &queries[0].message)
            );
        }
        assert!(queries[0].from.port() >= 1024 && queries[0].from.port() != PORT);
    }
}

/// A query as it was seen on the wire.
struct Sent {
    from: SocketAddr,
    to: SocketAddr,
    ttl: u8,
    message: Vec<u8>,
}

fn sent_query(frame: &[u8]) -> Option<Sent> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(TransportSlice::Udp(udp)) = &packet.transport else {
        return None;
    };
    let (from, to, ttl) = addresses(&packet)?;
    (udp.destination_port() == PORT).then(|| Sent {
        from: (from, udp.source_port()).into(),
        to: (to, udp.destination_port()).into(),
        ttl,
        message: udp.payload().to_vec(),
    })
}

// RFC 4795 2.4: S7
#[test]
fn address_off_the_link_is_asked_for_by_multicast_only() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    // There is a way off the link.
    scene.peer.ip(&format!("route add default via {HOST_V4}"));
    let wire = Wire::open(&scene.host, "eth0");
    let (code, out, errors) = query(&scene.peer, &["123.123.123.123"]);
    assert_eq!((code, &*out), (1, ""), "{errors}");
    let seen = wire.drain();
    assert!(seen.iter().all(|frame| tcp_syn(frame, PORT).is_none()));
    assert_eq!(seen.iter().filter_map(|frame| sent_query(frame)).count(), 6);
}

/// A made-up responder: what it answers to what it is asked over UDP (false) or TCP (true).
type Manner = fn(bool, &Message) -> Option<Message>;

/// Its sockets, served by threads as long as it lives; every query that it has heard comes out of `heard`.
struct Responder {
    udp: UdpSocket,
    tcp: SocketAddr,
    heard: Receiver<(bool, Message)>,
    threads: Vec<JoinHandle<()>>,
}

impl Responder {
    fn start(namespace: &Namespace, address: Ipv4Addr, manner: Manner) -> Self {
        let (udp, tcp) = namespace.inside(|| {
            let udp = UdpSocket::bind((address, PORT)).expect("bind the group's port");
            let tcp = TcpListener::bind((address, PORT)).expect("listen");
            // A socket for the group, as one that is bound to an address hears nothing else.
            let group = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None);
            let group = group.expect("a socket");
            group.set_reuse_address(true).expect("share the group");
            group
                .bind(&SocketAddr::from((GROUP, PORT)).into())
                .expect("bind the group");
            group
                .join_multicast_v4(&GROUP, &address)
                .expect("join the group");
            ((udp, UdpSocket::from(group)), tcp)
        });
        let (udp, group) = udp;
        let (tell, heard) = channel();
        let address = tcp.local_addr().expect("an address");
        group
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a timeout");
        tcp.set_nonblocking(true).expect("no waiting");
        let answers = udp.try_clone().expect("a second handle");
        let by_udp = {
            let tell = tell.clone();
            move || {
                let mut buffer = [0; 2048];
                loop {
                    let Ok((length, from)) = group.recv_from(&mut buffer) else {
                        if is_over(&answers) {
                            return;
                        }
                        continue;
                    };
                    let query = Message::read(&buffer[..length]).expect("a query");
                    let response = manner(false, &query);
                    // Before it is answered: then the asker may have ended.
                    let _ = tell.send((false, query));
                    if let Some(response) = response {
                        let bytes = response.write(Compression::Unicast).expect("a message");
                        answers.send_to(&bytes, from).expect("answer");
                    }
                }
            }
        };
        let over = udp.try_clone().expect("a third handle");
        let by_tcp = move || {
            while !is_over(&over) {
                let Ok((mut stream, _)) = tcp.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                stream.set_nonblocking(false).expect("waiting");
                let mut length = [0; 2];
                stream.read_exact(&mut length).expect("a length");
                let mut query = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut query).expect("a query");
                let query = Message::read(&query).expect("a query");
                let response = manner(true, &query);
                let _ = tell.send((true, query));
                if let Some(response) = response {
                    let bytes = response.write(Compression::Unicast).expect("a message");
                    // In pieces, as TCP may.
                    for piece in llamar_user::net::tcp::frame(&bytes)
                        .expect("a short message")
                        .chunks(7)
                    {
                        stream.write_all(piece).expect("answer");
                        stream.flush().expect("answer");
                    }
                }
            }
        };
        Self {
            udp,
            tcp: address,
            heard,
            threads: vec![std::thread::spawn(by_udp), std::thread::spawn(by_tcp)],
        }
    }

    /// What it was asked so far: how often over UDP, over TCP, and with C set.
    fn asked(&self) -> (usize, usize, usize) {
        let mut asked = (0, 0, 0);
        for (tcp, query) in self.heard.try_iter() {
            match (tcp, query.flags & CONFLICT != 0) {
                (_, true) => asked.2 += 1,
                (false, _) => asked.0 += 1,
                (true, _) => asked.1 += 1,
            }
        }
        asked
    }

    /// The same, once it was told of a conflict.
    #[track_caller]
    fn asked_until_noticed(&self) -> (usize, usize, usize) {
        let mut all = (0, 0, 0);
        wait_for("the notice of a conflict", || {
            let (by_udp, by_tcp, notices) = self.asked();
            all = (all.0 + by_udp, all.1 + by_tcp, all.2 + notices);
            (all.2 > 0).then_some(all)
        })
    }
}

/// Asks until a conflict is found: a holder that is kept waiting for too long is not heard.
#[track_caller]
fn query_until_warned(from: &Namespace, arguments: &[&str]) -> (i32, String, String) {
    wait_for(&format!("a conflict by {arguments:?}"), || {
        let told = query(from, arguments);
        told.2.contains("not all of them share it").then_some(told)
    })
}

/// Whether the responder was dropped, which its socket's time-out tells.
fn is_over(socket: &UdpSocket) -> bool {
    socket.read_timeout().expect("a timeout").is_some()
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.udp.set_read_timeout(Some(Duration::from_secs(1)));
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "{} failed",
                self.tcp
            );
        }
    }
}

fn response(query: &Message, flags: u16, records: Vec<Record>) -> Message {
    Message {
        id: query.id,
        flags: RESPONSE | flags,
        questions: query.questions.clone(),
        answers: records,
        ..Message::default()
    }
}

fn is_for(query: &Message, name: &str) -> bool {
    let wanted = Name::parse(name).unwrap();
    let c_is_clear = query.flags & CONFLICT == 0;
    c_is_clear
        && query
            .questions
            .iter()
            .any(|Question { name, .. }| *name == wanted)
}

fn a(query: &Message, addresses: &[[u8; 4]]) -> Vec<Record> {
    let owner = || query.questions[0].name.clone();
    let record = |&address: &[u8; 4]| Record::new(owner(), 30, Rdata::A(address.into())).unwrap();
    addresses.iter().map(record).collect()
}

// RFC 4795 2.1.1, 2.4: S6, S20, S21
#[test]
fn cut_response_is_asked_for_again_over_tcp() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let responder = Responder::start(&scene.host, HOST_V4, |tcp, query| {
        if !is_for(query, "casa") || query.questions[0].kind != kind::A {
            return None;
        }
        Some(if tcp {
            let all: Vec<_> = (0..200).map(|last| [10, 9, 0, last]).collect();
            response(query, 0, a(query, &all))
        } else {
            response(query, TRUNCATED, a(query, &[[10, 9, 9, 9]]))
        })
    });
    let wire = Wire::open(&scene.host, "eth0");
    let (code, out, errors) = answered_query(&scene.peer, &["casa", "-t", "A"]);
    assert_eq!((code, &*errors), (0, ""));
    let expected: String = (0..200).map(|last| format!("A: 10.9.0.{last}\n")).collect();
    assert_eq!(out, expected);
    assert_eq!(wire.next(|frame| tcp_syn(frame, PORT)), Some(1));
    let (_, over_tcp, _) = responder.asked();
    assert_eq!(over_tcp, 1);
}

// RFC 4795 2.4: S7
#[test]
fn host_that_refuses_tcp_is_asked_for_its_name_by_multicast() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    // Another host on the link answers for the address, which nobody serves over TCP.
    let _responder = Responder::start(&scene.host, HOST_LOCAL_V4, |tcp, query| {
        let owner =
            is_for(query, "1.0.7.10.in-addr.arpa").then(|| query.questions[0].name.clone())?;
        let record = Record::new(owner, 30, Rdata::Ptr(Name::parse("casa").unwrap()))?;
        (!tcp).then(|| response(query, 0, vec![record]))
    });
    let (code, out, errors) = answered_query(&scene.peer, &[&HOST_V4.to_string()]);
    assert_eq!((code, &*out), (0, "PTR: casa\n"), "{errors}");
}

// RFC 4795 4.2, 2.7: S10, S14, S5
#[test]
fn two_holders_of_a_name_are_shown_and_told_of_their_conflict() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let one = Responder::start(&scene.host, HOST_V4, |_, query| {
        is_for(query, "casa").then(|| response(query, 0, a(query, &[[10, 9, 0, 1]])))
    });
    let _other = Responder::start(&scene.host, HOST_LOCAL_V4, |_, query| {
        is_for(query, "casa").then(|| response(query, 0, a(query, &[[10, 9, 0, 2]])))
    });
    let (code, out, errors) = query_until_warned(&scene.peer, &["casa", "-t", "A", "--all"]);
    assert_eq!(code, 0, "{errors}");
    let expected = [
        format!("A: 10.9.0.1 from {HOST_V4} on eth0"),
        format!("A: 10.9.0.2 from {HOST_LOCAL_V4} on eth0"),
    ];
    assert_eq!(sorted(&out), expected);
    let warning = format!(
        "llamar: warning: {HOST_V4} and {HOST_LOCAL_V4} answer for casa on eth0, and not all of them share it\n"
    );
    assert_eq!(errors, warning);
    let (by_udp, by_tcp, notices) = one.asked_until_noticed();
    assert_eq!((by_tcp, notices), (0, 1));
    assert!(by_udp >= 3, "{by_udp}");

    // Without --all the first answer is given at once; the conflict is found all the same.
    let (code, out, errors) = query_until_warned(&scene.peer, &["casa", "-t", "A"]);
    assert_eq!((code, out.lines().count(), &*errors), (0, 1, &*warning));
    assert_eq!(one.asked_until_noticed().2, 1);

    let report = wait_for("a report of the conflict", || {
        let (_, out, _) = query(&scene.peer, &["casa", "-t", "A", "--all", "--json"]);
        let report: Value = serde_json::from_str(&out).unwrap();
        (report["conflicts"] != Value::Array(Vec::new())).then_some(report)
    });
    assert_eq!(report["conflicts"][0]["interface"], "eth0");
    assert_eq!(
        report["conflicts"][0]["responders"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(report["responses"].as_array().unwrap().len(), 2);
}

#[test]
fn json_is_one_object_with_everything_in_it() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let (code, out, errors) = answered_query(&scene.peer, &["casa", "-4", "-t", "A", "--json"]);
    assert_eq!((code, &*errors), (0, ""));
    assert_eq!(out.lines().count(), 1);
    let row = |address: Ipv4Addr| {
        serde_json::json!({
            "name": "casa", "type": "A", "ttl": 30, "data": address, "interface": "eth0",
        })
    };
    let records = [row(HOST_V4), row(HOST_LOCAL_V4)];
    let expected = serde_json::json!({
        "name": "casa",
        "types": ["A"],
        "found": true,
        "records": records,
        "responses": [{
            "type": "A", "from": HOST_V4, "interface": "eth0", "transport": "udp", "shared": false,
            "truncated": false, "rcode": 0, "negative_ttl": null, "chosen": true, "records": records,
        }],
        "conflicts": [],
        "asked": [{"interface": "eth0", "source": PEER_V4}],
    });
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected);
    let (code, out, _) = query(&scene.peer, &["nobody", "--json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["found"]), (1, &Value::Bool(false)));
    assert_eq!(report["types"], serde_json::json!(["A", "AAAA"]));
}

#[test]
fn busco_prints_what_it_always_did_and_no_longer_crashes() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let run = |arguments: &[&str]| {
        let (code, out, errors) = busco(&scene.peer, arguments);
        assert_eq!(code, 0, "{arguments:?}: {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
        out
    };
    let found = |arguments: &[&str]| busco_until_found(&scene.peer, arguments);
    let (v4, v6) = (HOST_V4.to_string(), HOST_V6.to_string());
    let both = format!("A: {HOST_V4}\nA: {HOST_LOCAL_V4}\n");
    for arguments in [
        &["casa"][..],
        &["CASA", "-i", "eth0"],
        &["-q", "A", "casa"],
        &["-6", "casa"],
    ] {
        assert_eq!(sorted(&found(arguments)), sorted(&both), "{arguments:?}");
    }
    let aaaa = format!("AAAA: {HOST_LOCAL_V6}\nAAAA: {HOST_V6}\n");
    assert_eq!(found(&["-6", "--qtype", "AAAA", "casa"]), aaaa);
    assert_eq!(
        sorted(&found(&["-q", "ANY", "casa", "--useIPv6"])),
        sorted(&(both + &aaaa))
    );
    assert_eq!(found(&["-q", "PTR", &v4]), "PTR: casa\n");
    assert_eq!(found(&["-6", "-q", "PTR", &v6]), "PTR: casa\n");
    assert_eq!(found(&[&v4]), "PTR: casa\n");
    assert_eq!(run(&["nobody"]), "No response.\n");
    assert_eq!(run(&["-q", "PTR", "casa"]), "No response.\n");
    assert_eq!(run(&["-a", "123.123.123.123", "casa"]), "No response.\n");
    assert_eq!(
        run(&["--address", "10.7.0.77", "--interface", "eth0", "casa"]),
        "No response.\n"
    );
    for wrong in [&[][..], &["-q", "MX", "casa"], &["-i", "eth9", "casa"]] {
        let (code, out, errors) = busco(&scene.peer, wrong);
        assert_eq!((code, &*out), (2, ""), "{wrong:?}");
        assert!(!errors.is_empty());
    }
}

// RFC 4795 4.3, 4.4: S19
#[test]
fn all_links_are_asked_at_once_and_link_local_addresses_tell_theirs() {
    let net = or_skip!(Net::new());
    let scene = or_skip!(Scene::bare_in(&net, Path::Userspace)).with_addresses();
    let far = scene.far(&net);
    let _near = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let _far = Agent::start(&far, &["--iface", "eth0", "--xdp", "off", "--name", "hut"]);
    let (_, out, errors) = answered_query(&scene.peer, &["hut"]);
    let expected = ["A: 10.8.0.1", "AAAA: fe80::ff:fe00:21%eth1"];
    assert_eq!(sorted(&out), expected, "{errors}");
    let (code, ..) = query(&scene.peer, &["hut", "-i", "eth0"]);
    assert_eq!(code, 1);
    let (_, out, _) = answered_query(
        &scene.peer,
        &["casa", "-i", "eth0", "-i", "eth1", "-t", "A", "-4"],
    );
    assert_eq!(out, format!("A: {HOST_V4}\nA: {HOST_LOCAL_V4}\n"));
    let out = query_until_found(&scene.peer, &["hut", "--all", "-t", "AAAA", "-6"]);
    assert_eq!(
        out,
        "AAAA: fe80::ff:fe00:21%eth1 from fe80::ff:fe00:21 on eth1\n"
    );
}
