//! LLMNR over real links: each kind of answer on each path, field by field, and other people's askers.

use std::net::IpAddr;

use llamar_common::testing::{A, AAAA, FrameBuilder, Query};

use crate::support::agent::{Agent, config_file};
use crate::support::ask::{Over, llmnr_query};
use crate::support::net::{Namespace, Net};
use crate::support::peers::Peer;
use crate::support::reply::Reply;
use crate::support::resolved::Resolved;
use crate::support::scene::{
    ASKERS, HOST_LOCAL_V6, HOST_MAC, HOST_V4, HOST_V6, PEER_LOCAL_V6, PEER_MAC, PEER_V4, PEER_V6,
    Path, Scene, asker, own_address_for, own_addresses,
};
use crate::support::tshark::{Dissection, dissect};
use crate::support::wire::Wire;

/// Names with addresses of their own, so that every kind of answer has a name.
const CONFIG: &str = r#"
names = ["casa"]

[hosts]
four = "192.168.1.4"
six = "2001:db8::6"
many = ["192.168.1.1", "192.168.1.2", "192.168.1.3", "192.168.1.4",
        "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"]
label-of-sixty-three-bytes-which-is-the-longest-one-of-them-all = "192.168.1.63"
"#;

/// The longest name of [`CONFIG`].
const LONG: &str = "label-of-sixty-three-bytes-which-is-the-longest-one-of-them-all";

/// A question, and the addresses that answer it in their order.
struct Case {
    query: Query,
    name: &'static str,
    kind: u16,
    addresses: Vec<IpAddr>,
}

/// Every name of [`CONFIG`], for both types, from every asker.
fn cases() -> Vec<Case> {
    let addresses = |name, kind, from| -> Vec<IpAddr> {
        match (name, kind) {
            ("casa" | "CaSa", _) => own_addresses(kind, from).into(),
            ("four", A) => vec![[192, 168, 1, 4].into()],
            ("six", AAAA) => vec![[0x2001, 0xdb8, 0, 0, 0, 0, 0, 6].into()],
            (LONG, A) => vec![[192, 168, 1, 63].into()],
            ("many", A) => (1..=4).map(|last| [192, 168, 1, last].into()).collect(),
            ("many", AAAA) => (1..=4)
                .map(|last| [0x2001, 0xdb8, 0, 0, 0, 0, 0, last].into())
                .collect(),
            _ => vec![],
        }
    };
    let mut cases = Vec::new();
    for from in ASKERS {
        for name in ["casa", "CaSa", "four", "six", "many", LONG] {
            for kind in [A, AAAA] {
                let number = cases.len() as u16;
                let query = FrameBuilder::llmnr(asker(from))
                    .question(name, kind)
                    .id(0x100 + number)
                    .port(40_000 + number);
                cases.push(Case {
                    query,
                    name,
                    kind,
                    addresses: addresses(name, kind, from),
                });
            }
        }
    }
    cases
}

/// Asks everything over a raw wire and judges every field of every answer, first itself, then by tshark.
fn every_kind_of_answer_is_right_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let tshark = or_skip!(Peer::find("tshark"));
    let config = config_file(CONFIG);
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let (wire, cases) = (scene.wire(), cases());
    let ask = || -> Vec<Reply> { cases.iter().map(|case| wire.ask(&case.query)).collect() };
    let replies = if path == Path::Userspace {
        ask()
    } else {
        let (replies, counted) = agent.asked_while_stopped(ask);
        let empty = cases
            .iter()
            .filter(|case| case.addresses.is_empty())
            .count();
        assert_eq!(counted.of("llmnr-answered"), (cases.len() - empty) as u64);
        assert_eq!(counted.of("llmnr-empty"), empty as u64);
        replies
    };
    for (case, reply) in cases.iter().zip(&replies) {
        reply.assert_headers(
            &case.query,
            HOST_MAC,
            own_address_for(case.query.sender().ip),
        );
        reply
            .message
            .assert_answers(case.name, case.kind, 30, &case.addresses);
    }
    let frames: Vec<_> = replies.into_iter().map(|reply| reply.frame).collect();
    for (case, seen) in cases.iter().zip(dissect(&tshark, &frames)) {
        assert_eq!(seen, summary(case));
    }
}

/// How tshark sums up the answer.
fn summary(case: &Case) -> Dissection {
    let kind = if case.kind == A { "A" } else { "AAAA" };
    let mut summary = format!(
        "Standard query response 0x{:04x} {kind} {}",
        case.query.sent_id(),
        case.name
    );
    for address in &case.addresses {
        summary += &format!(" {kind} {address}");
    }
    if case.addresses.is_empty() {
        summary += &format!(" SOA {}", case.name);
    }
    Dissection {
        protocol: "LLMNR".into(),
        summary,
    }
}

#[test]
fn every_kind_of_answer_is_right_on_a_native_veth() {
    every_kind_of_answer_is_right_on(Path::NativeVeth);
}

#[test]
fn every_kind_of_answer_is_right_on_a_generic_veth() {
    every_kind_of_answer_is_right_on(Path::GenericVeth);
}

#[test]
fn every_kind_of_answer_is_right_on_a_generic_bridge() {
    every_kind_of_answer_is_right_on(Path::GenericBridge);
}

#[test]
fn every_kind_of_answer_is_right_from_userspace() {
    every_kind_of_answer_is_right_on(Path::Userspace);
}

/// Every combination of type and IP version by llmnr-query, answered while the agent stands still.
fn llmnr_query_is_answered_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let peer = or_skip!(Peer::find("llmnr-query"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let ask = || {
        let ask = |over, kind| llmnr_query(&peer, &scene.peer, over, "casa", kind, 3000);
        [
            ask(Over::Ipv4, "A"),
            ask(Over::Ipv6, "A"),
            ask(Over::Ipv4, "AAAA"),
            ask(Over::Ipv6, "AAAA"),
        ]
    };
    let (answers, counted) = agent.asked_while_stopped(ask);
    // The peer's kernel asks ff02::1:3 from its link-local address.
    let [routable, local] = [PEER_V4.into(), PEER_LOCAL_V6.into()];
    assert_eq!(answers[0], own_addresses(A, routable));
    assert_eq!(answers[1], own_addresses(A, local));
    assert_eq!(answers[2], own_addresses(AAAA, routable));
    assert_eq!(answers[3], own_addresses(AAAA, local));
    assert_eq!(counted.of("llmnr-answered"), 4);
}

#[test]
fn llmnr_query_is_answered_in_the_kernel_on_a_native_veth() {
    llmnr_query_is_answered_on(Path::NativeVeth);
}

#[test]
fn llmnr_query_is_answered_in_the_kernel_on_a_generic_veth() {
    llmnr_query_is_answered_on(Path::GenericVeth);
}

#[test]
fn llmnr_query_is_answered_in_the_kernel_on_a_generic_bridge() {
    llmnr_query_is_answered_on(Path::GenericBridge);
}

#[test]
fn native_mode_is_warned_of_on_a_veth_and_other_modes_are_not() {
    for path in [Path::NativeVeth, Path::GenericVeth] {
        let scene = or_skip!(Scene::new(path));
        let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
        let warned = agent.said().contains("eth0 is a veth");
        assert_eq!(warned, path == Path::NativeVeth, "{}", agent.said());
    }
}

#[test]
fn llmnr_query_for_a_type_that_a_name_has_not_gets_an_answer_without_addresses() {
    let scene = or_skip!(Scene::bare(Path::GenericVeth));
    let peer = or_skip!(Peer::find("llmnr-query"));
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    scene.host.ip("address flush dev eth0 scope link");
    scene.peer.ip(&format!("address add {PEER_V4}/24 dev eth0"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let ask = || llmnr_query(&peer, &scene.peer, Over::Ipv4, "casa", "AAAA", 3000);
    let (answer, counted) = agent.asked_while_stopped(ask);
    assert_eq!((answer, counted.of("llmnr-empty")), (vec![], 1));
}

/// systemd-resolved finds the host, each family over its own IP version.
fn resolved_finds_the_host_on(path: Path) {
    const BY_LLMNR_V4: u64 = 1 << 1;
    const BY_LLMNR_V6: u64 = 1 << 2;
    const FROM_THE_CACHE: u64 = 1 << 20;
    let scene = or_skip!(Scene::new(path));
    let peer = or_skip!(Peer::find("systemd-resolved"));
    let agent = Agent::start(
        &scene.host,
        &scene.arguments(&["--name", "casa", "--name", "warm-up"]),
    );
    let resolved = Resolved::start(&peer, &scene.peer);
    resolved.resolve("warm-up", 2);
    resolved.resolve("warm-up", 10);
    let ((v4, v6), counted) =
        agent.asked_while_stopped(|| (resolved.resolve("casa", 2), resolved.resolve("casa", 10)));
    let sorted = |mut addresses: Vec<IpAddr>| {
        addresses.sort();
        addresses
    };
    assert_eq!(sorted(v4.addresses), own_addresses(A, PEER_V4.into()));
    assert_eq!(sorted(v6.addresses), own_addresses(AAAA, PEER_V6.into()));
    assert_ne!(v4.flags & BY_LLMNR_V4, 0, "{:#x}", v4.flags);
    assert_ne!(v6.flags & BY_LLMNR_V6, 0, "{:#x}", v6.flags);
    if (v4.flags | v6.flags) & FROM_THE_CACHE == 0 {
        assert!(counted.of("llmnr-answered") >= 2, "{counted:?}");
    }
}

#[test]
fn systemd_resolved_finds_the_host_through_native_xdp() {
    resolved_finds_the_host_on(Path::NativeVeth);
}

#[test]
fn systemd_resolved_finds_the_host_through_generic_xdp() {
    resolved_finds_the_host_on(Path::GenericVeth);
}

#[test]
fn systemd_resolved_finds_the_host_through_userspace_alone() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let peer = or_skip!(Peer::find("systemd-resolved"));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let resolved = Resolved::start(&peer, &scene.peer);
    assert!(
        resolved
            .resolve("casa", 2)
            .addresses
            .contains(&HOST_V4.into())
    );
    assert!(
        resolved
            .resolve("casa", 10)
            .addresses
            .contains(&HOST_LOCAL_V6.into())
    );
}

/// Queries that nobody may answer, and one that is answered.
fn nobody_answers_what_must_not_be_answered_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let ask = |id: u16| FrameBuilder::llmnr(asker(PEER_V4)).id(id);
    let silent = [
        ("another name", ask(1).question("casas", A)),
        ("a child of the name", ask(2).question("child.casa", A)),
        ("an empty question section", ask(3)),
        (
            "two questions",
            ask(4).question("casa", A).question("casa", AAAA),
        ),
        ("a response", ask(5).question("casa", A).flags(0x8000)),
        ("the conflict bit", ask(6).question("casa", A).flags(0x0400)),
        ("an opcode", ask(7).question("casa", A).flags(0x0800)),
        ("class CH", ask(8).question_of_class("casa", A, 3)),
        (
            "a unicast destination",
            ask(9).question("casa", A).to(HOST_V4),
        ),
        (
            "the all-hosts group",
            ask(10).question("casa", A).to([224, 0, 0, 1]),
        ),
        (
            "a broadcast",
            ask(11).question("casa", A).to([10, 7, 0, 255]),
        ),
        (
            "a wrong checksum",
            ask(12).question("casa", A).with_wrong_checksum(),
        ),
        (
            "an asker off the link",
            FrameBuilder::llmnr(asker([192, 0, 2, 1]))
                .id(13)
                .question("casa", A),
        ),
        (
            "an asker with our address",
            FrameBuilder::llmnr(asker(HOST_V4))
                .id(14)
                .question("casa", A),
        ),
        (
            "a VLAN that is not ours",
            ask(15).question("casa", A).vlan(77),
        ),
    ];
    for (number, (what, query)) in silent.iter().enumerate() {
        println!("{what}");
        wire.assert_unanswered(query, &ask(0x200 + number as u16).question("casa", A));
    }
}

#[test]
fn nobody_answers_what_must_not_be_answered_on_a_native_veth() {
    nobody_answers_what_must_not_be_answered_on(Path::NativeVeth);
}

#[test]
fn nobody_answers_what_must_not_be_answered_on_a_generic_veth() {
    nobody_answers_what_must_not_be_answered_on(Path::GenericVeth);
}

#[test]
fn nobody_answers_what_must_not_be_answered_from_userspace() {
    nobody_answers_what_must_not_be_answered_on(Path::Userspace);
}

#[test]
fn ignored_header_bits_and_any_received_ttl_change_nothing() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let query = FrameBuilder::llmnr(asker(PEER_V4)).question("casa", A);
    // RFC 4795 2.1.1: T, Z and RCODE of a query are ignored, and TC too; 2.5: so is the TTL.
    let queries = [
        query.clone().id(1).flags(0x0100),
        query.clone().id(2).flags(0x00f0),
        query.clone().id(3).flags(0x0005),
        query.clone().id(4).ttl(255),
        query.clone().id(5).port(5355),
        query.clone().id(6).flags(0x0200),
    ];
    let ((), counted) = agent.counted(|| {
        for query in &queries {
            wire.ask(query).message.assert_answers(
                "casa",
                A,
                30,
                &own_addresses(A, PEER_V4.into()),
            );
        }
    });
    // Only the query with TC went up to the agent.
    assert!(counted.of("llmnr-answered") >= 5, "{counted:?}");
}

#[test]
fn query_in_a_padded_frame_is_answered_without_the_padding() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    for from in ASKERS {
        let query = FrameBuilder::llmnr(asker(from))
            .question("casa", A)
            .trailer(&[0; 4]);
        let reply = wire.ask(&query);
        reply.assert_headers(&query, HOST_MAC, own_address_for(from));
        reply
            .message
            .assert_answers("casa", A, 30, &own_addresses(A, from));
    }
}

#[test]
fn query_with_an_opt_record_is_answered_with_one() {
    const OPT: u16 = 41;
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let tshark = or_skip!(Peer::find("tshark"));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let query = FrameBuilder::llmnr(asker(PEER_V4))
        .question("casa", A)
        .with_opt();
    let reply = scene.wire().ask(&query);
    assert_eq!(reply.message.flags, 0x8000);
    assert_eq!(reply.message.addresses(), own_addresses(A, PEER_V4.into()));
    // RFC 6891 7: an OPT record in the query, one in the response.
    let [opt] = &reply.message.additional[..] else {
        panic!("one OPT record: {:?}", reply.message)
    };
    assert_eq!((&opt.owner[..], opt.kind, opt.ttl), (&[0][..], OPT, 0));
    dissect(&tshark, &[query.build(), reply.frame]);
}

/// Other traffic goes through the program unharmed.
fn tcp_passes_on(path: Path) {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    let scene = or_skip!(Scene::new(path));
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let sent: Vec<u8> = (0..1_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    for address in [IpAddr::from(HOST_V4), HOST_V6.into()] {
        let listener = scene
            .host
            .inside(|| TcpListener::bind((address, 7)))
            .expect("listen");
        let mut received = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = scene
                    .peer
                    .inside(|| TcpStream::connect((address, 7)))
                    .expect("connect");
                stream.write_all(&sent).expect("send");
            });
            let (mut stream, _) = listener.accept().expect("accept");
            stream.read_to_end(&mut received).expect("receive");
        });
        assert!(received == sent, "what came by {address} is what was sent");
    }
}

#[test]
fn tcp_passes_a_native_veth_unharmed() {
    tcp_passes_on(Path::NativeVeth);
}

#[test]
fn tcp_passes_a_generic_veth_unharmed() {
    tcp_passes_on(Path::GenericVeth);
}

#[test]
fn native_xdp_answers_where_frames_may_span_buffers() {
    let scene = or_skip!(Scene::new(Path::NativeVeth));
    scene.peer.ip("link set eth0 mtu 9000");
    scene.host.ip("link set eth0 mtu 9000");
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_for_words(&["eth0: ready", "native"]);
    let wire = scene.wire();
    let query = FrameBuilder::llmnr(asker(PEER_V4)).question("casa", A);
    let reply = agent.asked_in_kernel(&wire, &query);
    reply
        .message
        .assert_answers("casa", A, 30, &own_addresses(A, PEER_V4.into()));
}

/// The host's side of a VLAN that has no interface of its own.
fn vlan_is_answered_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let tshark = or_skip!(Peer::find("tshark"));
    let config = config_file(
        r#"
        [interface.eth0]
        names = ["casa"]
        [interface.eth0.vlan.100]
        names = ["casa100"]
        addresses = ["10.0.100.1/24", "fd64::1/64"]
        "#,
    );
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let wire = scene.wire();
    let [v4, v6]: [IpAddr; 2] = [[10, 0, 100, 2].into(), [0xfd64, 0, 0, 0, 0, 0, 0, 2].into()];
    let ours: [IpAddr; 2] = [[10, 0, 100, 1].into(), [0xfd64, 0, 0, 0, 0, 0, 0, 1].into()];
    let mut queries = Vec::new();
    for from in [v4, v6] {
        for kind in [A, AAAA] {
            let id = queries.len() as u16;
            queries.push((
                FrameBuilder::llmnr(asker(from))
                    .question("casa100", kind)
                    .id(id)
                    .vlan(100),
                kind,
            ));
        }
    }
    let ask = || -> Vec<Reply> { queries.iter().map(|(query, _)| wire.ask(query)).collect() };
    let (replies, counted) = agent.asked_while_stopped(ask);
    assert_eq!(counted.of("llmnr-answered"), 4);
    for ((query, kind), reply) in queries.iter().zip(&replies) {
        let source = if query.sender().ip.is_ipv4() {
            ours[0]
        } else {
            ours[1]
        };
        reply.assert_headers(query, HOST_MAC, source);
        let address = if *kind == A { ours[0] } else { ours[1] };
        reply
            .message
            .assert_answers("casa100", *kind, 30, &[address]);
    }
    dissect(
        &tshark,
        &replies
            .into_iter()
            .map(|reply| reply.frame)
            .collect::<Vec<_>>(),
    );
    let told = agent.printed(&["names"]);
    assert!(
        told.contains("casa100") && told.contains("10.0.100.1"),
        "{told}"
    );
    // Each link has its own names.
    let tagged = FrameBuilder::llmnr(asker(v4))
        .question("casa", A)
        .id(0x51)
        .vlan(100);
    let untagged = FrameBuilder::llmnr(asker(PEER_V4))
        .question("casa100", A)
        .id(0x52);
    let answered = FrameBuilder::llmnr(asker(PEER_V4)).question("casa", A);
    wire.assert_unanswered(&tagged, &answered.clone().id(0x53));
    wire.assert_unanswered(&untagged, &answered.id(0x54));
}

/// What the kernel path passes up on a VLAN without an interface is answered all the same.
fn vlan_is_answered_from_userspace_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config = config_file(
        r#"
        [interface.eth0]
        names = ["casa"]
        [interface.eth0.vlan.100]
        names = ["casa100"]
        addresses = ["10.0.100.1/24", "fd64::1/64"]
        [interface.eth0.vlan.100.hosts]
        many = ["10.0.100.11", "10.0.100.12", "10.0.100.13", "10.0.100.14", "10.0.100.15"]
        "two.labels" = "10.0.100.20"
        "#,
    );
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let wire = scene.wire();
    let own: IpAddr = [10, 0, 100, 1].into();
    for from in [[10, 0, 100, 2].into(), "fd64::2".parse::<IpAddr>().unwrap()] {
        let ask = |name: &str| FrameBuilder::llmnr(asker(from)).question(name, A).vlan(100);
        let reply = wire.ask(&ask("casa100").flags(0x0200).id(1));
        reply.message.assert_answers("casa100", A, 30, &[own]);
        let many: Vec<IpAddr> = (11..16).map(|last| [10, 0, 100, last].into()).collect();
        let query = ask("many").id(2);
        let reply = wire.ask(&query);
        reply.message.assert_answers("many", A, 30, &many);
        let source = if from.is_ipv4() {
            own
        } else {
            "fd64::1".parse().unwrap()
        };
        reply.assert_headers(&query, HOST_MAC, source);
        let nobody = ask("nobody.labels").id(3);
        wire.assert_unanswered(&nobody, &ask("two.labels").id(4));
    }
}

#[test]
fn tagged_query_that_only_userspace_answers_is_answered_beside_the_kernel_path() {
    vlan_is_answered_from_userspace_on(Path::GenericVeth);
}

#[test]
fn tagged_query_that_only_userspace_answers_is_answered_without_xdp() {
    vlan_is_answered_from_userspace_on(Path::Userspace);
}

#[test]
fn tagged_query_is_answered_for_a_configured_vlan_on_a_native_veth() {
    vlan_is_answered_on(Path::NativeVeth);
}

#[test]
fn tagged_query_is_answered_for_a_configured_vlan_on_a_generic_veth() {
    vlan_is_answered_on(Path::GenericVeth);
}

#[test]
fn tagged_queries_that_cross_a_bridge_are_warned_of_and_not_answered_without_xdp() {
    let scene = or_skip!(Scene::new(Path::GenericBridge));
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    // The bridge hides the tag from the program.
    agent.wait_for_words(&["br0 is a bridge", "tag", "--xdp off"]);
    drop(agent);
    let off = ["--iface", "br0", "--name", "casa", "--xdp", "off"];
    let _agent = Agent::start(&scene.host, &off);
    let query = FrameBuilder::llmnr(asker(PEER_V4)).question("casa", A);
    scene
        .wire()
        .assert_unanswered(&query.clone().id(1).vlan(100), &query.id(2));
}

#[test]
fn answer_whose_checksum_a_port_completes_in_software_arrives_whole() {
    let scene = or_skip!(Scene::new(Path::GenericBridge));
    let asker = or_skip!(Peer::find("llmnr-query"));
    let ethtool = or_skip!(Peer::find("ethtool"));
    // The asker's stack leaves its checksums to a device; the port that the answer leaves by does not have one.
    ethtool.output_in(&scene.host, &["-K", "port0", "tx", "off"]);
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    for (over, kind) in [
        (Over::Ipv4, "A"),
        (Over::Ipv4, "AAAA"),
        (Over::Ipv6, "A"),
        (Over::Ipv6, "AAAA"),
    ] {
        let ask = || llmnr_query(&asker, &scene.peer, over, "casa", kind, 3000);
        let (addresses, counted) = agent.asked_while_stopped(ask);
        assert_eq!(addresses.len(), 2, "{kind} {over:?}");
        assert_eq!(counted.of("llmnr-answered"), 1);
    }
}

#[test]
fn answer_through_a_bridge_leaves_by_the_port_of_the_asker_alone() {
    let net = or_skip!(Net::new());
    let scene = or_skip!(Scene::bare_in(&net, Path::GenericBridge)).with_addresses();
    let third: Namespace = net.namespace("third");
    scene.host.veth(("port1", 0x12), &third, ("eth0", 3));
    scene.host.ip("link set port1 master br0");
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let (wire, bystander) = (scene.wire(), Wire::open(&third, "eth0"));
    let query = FrameBuilder::llmnr(asker(PEER_V4))
        .question("casa", A)
        .id(7);
    // The bridge has to have seen the asker before.
    let ask = || wire.ask(&query);
    let (reply, counted) = agent.asked_while_stopped(ask);
    assert_eq!(
        (reply.destination_mac, counted.of("llmnr-answered")),
        (PEER_MAC, 1)
    );
    let overheard: Vec<_> = bystander
        .drain()
        .iter()
        .filter_map(|frame| Reply::decode(frame))
        .collect();
    assert_eq!(overheard, []);
}

#[test]
fn host_with_more_addresses_than_an_entry_holds_is_answered_from_userspace() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let config = config_file(
        r#"
        [hosts]
        five = ["192.168.1.1", "192.168.1.2", "192.168.1.3", "192.168.1.4", "192.168.1.5"]
        "#,
    );
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let (wire, query) = (scene.wire(), FrameBuilder::llmnr(asker(PEER_V4)));
    let query = query.question("five", A);
    let (reply, counted) = agent.counted(|| wire.ask(&query));
    let addresses: Vec<IpAddr> = (1..=5).map(|last| [192, 168, 1, last].into()).collect();
    reply.message.assert_answers("five", A, 30, &addresses);
    assert_eq!(counted.of("llmnr-too-many"), 1);
}

#[test]
fn dotted_name_is_answered_from_userspace() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let config = config_file("[hosts]\n\"printer.lan\" = \"192.168.1.9\"\n");
    let _agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let reply = scene
        .wire()
        .ask(&FrameBuilder::llmnr(asker(PEER_V4)).question("Printer.LAN", A));
    reply
        .message
        .assert_answers("Printer.LAN", A, 30, &[[192, 168, 1, 9].into()]);
}

#[test]
fn names_and_ttl_of_the_command_line_are_served() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let _agent = Agent::start(
        &scene.host,
        &scene.arguments(&["--name", "casa", "--name", "media", "--ttl", "77"]),
    );
    let wire = scene.wire();
    for name in ["casa", "media"] {
        let reply = wire.ask(&FrameBuilder::llmnr(asker(PEER_V4)).question(name, A));
        reply
            .message
            .assert_answers(name, A, 77, &own_addresses(A, PEER_V4.into()));
    }
}
