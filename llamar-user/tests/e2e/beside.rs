//! On one link with systemd-resolved and llmnrd: we find them, they find us, and a name that two claim ends as RFC 4795 4
//! says, whoever was first; also on a VLAN that has no interface.

use std::net::IpAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use etherparse::{SlicedPacket, TransportSlice};
use llamar_common::testing::{
    A, FrameBuilder, LLMNR_PORT, LLMNR_V4, LLMNR_V6, Mac, Query, Station, wire_name,
};
use serde_json::Value;

use crate::support::agent::{Agent, TRIES, config_file, llamar};
use crate::support::ask::{Over, llmnr_query};
use crate::support::message::Message;
use crate::support::net::{Namespace, Net};
use crate::support::packet::addresses;
use crate::support::peers::Peer;
use crate::support::reply::Reply;
use crate::support::resolved::{FROM_CACHE, FROM_NETWORK, LLMNR_IPV4, LLMNR_IPV6, Resolved};
use crate::support::scene::{
    HOST_LOCAL_V6, HOST_MAC, HOST_V4, HOST_V6, PEER_V4, Path, Scene, asker,
};
use crate::support::wire::Wire;
use crate::support::{wait_for, wait_until};

const TENTATIVE: u16 = 0x0100;
const ANY: u16 = 255;

/// A process that is killed on drop.
struct Llmnrd(Child);

impl Llmnrd {
    fn start(peer: &Peer, namespace: &Namespace, name: &str) -> Self {
        let mut command = namespace.service(&peer.text());
        command.args(["-H", name, "-i", "eth0", "-6"]);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.stderr(Stdio::null()).spawn().expect("start llmnrd"))
    }
}

impl Drop for Llmnrd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `llamar query` prints; empty if it found nothing.
fn found(from: &Namespace, arguments: &[&str]) -> String {
    let output = llamar(from, &[&["query"], arguments].concat(), None);
    String::from_utf8(output.stdout).expect("text")
}

/// What `llamar query` prints as soon as somebody answers: others need a moment to begin.
#[track_caller]
fn found_at_last(from: &Namespace, arguments: &[&str]) -> String {
    wait_for(&format!("an answer to {arguments:?}"), || {
        Some(found(from, arguments)).filter(|out| !out.is_empty())
    })
}

fn unique(name: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), "unique".to_owned())]
}

/// Whether somebody who has verified a name answers for it, without T.
fn is_owned(wire: &Wire, sender: Station, name: &str) -> bool {
    let query = FrameBuilder::llmnr(sender).question(name, A);
    wire.send(&query.build());
    let owner = wire_name(name);
    let replies = wire.drain();
    let mut replies = replies.iter().filter_map(|frame| Reply::decode(frame));
    replies.any(|reply| {
        let message = reply.message;
        message.questions[0].0 == owner && message.flags & TENTATIVE == 0
    })
}

/// Waits until whoever has a name has verified that.
#[track_caller]
fn wait_for_owner(from: &Namespace, sender: Station, name: &str) {
    let wire = Wire::open(from, "eth0");
    wait_until(&format!("the owner of {name}"), || {
        is_owned(&wire, sender, name)
    });
}

/// Three hosts on one link: ours, one with systemd-resolved and one with llmnrd.
struct Link {
    ours: Namespace,
    resolved: Namespace,
    llmnrd: Namespace,
    _switch: Namespace,
}

const RESOLVED_V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 7, 0, 2));
const LLMNRD_V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 7, 0, 3));

fn link() -> Option<Link> {
    let net = Net::new()?;
    let [ours, resolved, llmnrd, switch] =
        ["ours", "resolved", "llmnrd", "switch"].map(|label| net.namespace(label));
    for (host, last) in [(&ours, 1), (&resolved, 2), (&llmnrd, 3)] {
        host.veth(
            ("eth0", last),
            &switch,
            (&format!("port{last}"), 0x10 + last),
        );
        host.ip(&format!("address add 10.7.0.{last}/24 dev eth0"));
        host.ip(&format!("address add fd07::{last}/64 dev eth0"));
    }
    switch.bridge(("br0", 0x20), &["port1", "port2", "port3"]);
    Some(Link {
        ours,
        resolved,
        llmnrd,
        _switch: switch,
    })
}

// RFC 4795 2.3, 2.4, 2.6: R30, R38, R39, S5, S7
#[test]
fn systemd_resolved_llmnrd_and_we_find_each_other_on_one_link() {
    let resolved = or_skip!(Peer::find("systemd-resolved"));
    let llmnrd = or_skip!(Peer::find("llmnrd"));
    let llmnr_peer = or_skip!(Peer::find("llmnr-query"));
    let link = or_skip!(link());
    let resolved = Resolved::start_as(&resolved, &link.resolved, "lynx");
    let _llmnrd = Llmnrd::start(&llmnrd, &link.llmnrd, "hare");
    let config = config_file(
        "names = [\"casa\", \"ñandú\", \"media.patio\"]\nxdp = \"generic\"\n[interface.eth0]\n",
    );
    let mut agent = Agent::spawn(&link.ours, &["--config", &config.path]);
    agent.wait_for_words(&["eth0: ready"]);
    agent.wait_until_verified();

    // We find them, by name and by address.
    let on_link = |arguments: &[&str]| found_at_last(&link.ours, arguments);
    let (lynx, hare) = (RESOLVED_V4.to_string(), LLMNRD_V4.to_string());
    assert_eq!(on_link(&["lynx", "-4", "-t", "A"]), format!("A: {lynx}\n"));
    let v6 = on_link(&["lynx", "-6", "-t", "AAAA"]);
    assert!(
        v6.contains("AAAA: fd07::2\n") && v6.contains("fe80::ff:fe00:2%eth0"),
        "{v6}"
    );
    assert_eq!(on_link(&[&lynx]), "PTR: lynx\n");
    assert_eq!(on_link(&["hare", "-t", "A"]), format!("A: {hare}\n"));
    let v6 = on_link(&["hare", "-t", "AAAA"]);
    assert!(v6.contains("AAAA: fd07::3\n"), "{v6}");

    // systemd-resolved finds us: by LLMNR, from the network, and not from its cache or another source.
    for name in ["casa", "ñandú"] {
        for (family, over, address) in [
            (2, LLMNR_IPV4, IpAddr::from(HOST_V4)),
            (10, LLMNR_IPV6, HOST_V6.into()),
        ] {
            let found = resolved.resolve(name, family);
            assert!(found.addresses.contains(&address), "{name}: {found:?}");
            let how = found.flags & (LLMNR_IPV4 | LLMNR_IPV6 | FROM_NETWORK | FROM_CACHE);
            assert_eq!(how, over | FROM_NETWORK, "{name}: {:#x}", found.flags);
        }
    }
    // The first of the names that are one host's is its main one.
    let named = resolved.names_of(HOST_V4.into());
    assert!(named.names.contains(&"casa".to_owned()), "{named:?}");

    // llmnr-query of llmnrd's people asks for every kind of name, over both families.
    for name in ["casa", "CASA", "ñandú"] {
        for over in [Over::Ipv4, Over::Ipv6] {
            let a = llmnr_query(&llmnr_peer, &link.llmnrd, over, name, "A", 3000);
            assert_eq!(a, [IpAddr::from(HOST_V4)], "{name} over {over:?}");
            let mut aaaa = llmnr_query(&llmnr_peer, &link.llmnrd, over, name, "AAAA", 3000);
            aaaa.sort();
            assert_eq!(
                aaaa,
                [IpAddr::from(HOST_V6), HOST_LOCAL_V6.into()],
                "{name} over {over:?}"
            );
        }
    }
    // It makes one label of whatever it is given, so names of several are for us to ask for.
    let all = found_at_last(&link.llmnrd, &["Media.Patio", "-6"]);
    assert!(all.contains(&format!("A: {HOST_V4}\n")), "{all}");
    assert_eq!(agent.names().len(), 3, "{:?}", agent.names());
    assert!(
        !agent.said().contains("has"),
        "no conflict: {}",
        agent.said()
    );
}

// RFC 4795 4.1: R46, R49, R52
#[test]
fn a_name_that_systemd_resolved_and_llmnrd_have_already_is_not_taken() {
    let resolved = or_skip!(Peer::find("systemd-resolved"));
    let llmnrd = or_skip!(Peer::find("llmnrd"));
    // They are kept waiting at times for longer than a verification lasts; then they have had no say.
    for _ in 0..TRIES {
        let link = or_skip!(link());
        if others_keep_their_names(&resolved, &llmnrd, &link) {
            return;
        }
    }
    panic!("systemd-resolved and llmnrd were never heard in time");
}

/// Whether systemd-resolved and llmnrd kept the names that they had; if so, they are found by them.
fn others_keep_their_names(resolved: &Peer, llmnrd: &Peer, link: &Link) -> bool {
    let _resolved = Resolved::start_as(resolved, &link.resolved, "lynx");
    let _llmnrd = Llmnrd::start(llmnrd, &link.llmnrd, "hare");
    let us = Station::new(HOST_MAC, HOST_V4);
    wait_for_owner(&link.ours, us, "lynx");
    wait_for_owner(&link.ours, us, "hare");
    let config =
        config_file("names = [\"lynx\", \"hare\", \"casa\"]\nxdp = \"off\"\n[interface.eth0]\n");
    let mut agent = Agent::spawn(&link.ours, &["--config", &config.path]);
    agent.wait_for_words(&["eth0: ready", "casa"]);
    if agent.names() != unique("casa") {
        return false;
    }
    let lynx = agent.wait_for_words(&["lynx", "02:00:00:00:00:02"]);
    assert!(
        lynx.contains("10.7.0.2") || lynx.contains("fe80::ff:fe00:2"),
        "{lynx}"
    );
    // llmnrd verifies nothing; it has the name all the same.
    let hare = agent.wait_for_words(&["hare", "02:00:00:00:00:03"]);
    assert!(
        hare.contains("10.7.0.3") || hare.contains("fe80::ff:fe00:3") || hare.contains("fd07::3"),
        "{hare}"
    );
    assert_eq!(agent.names(), unique("casa"));
    // One owner answers for each.
    assert_eq!(
        found_at_last(&link.ours, &["lynx", "-4", "-t", "A"]),
        "A: 10.7.0.2\n"
    );
    let all = found_at_last(&link.resolved, &["hare", "-t", "A", "--all"]);
    assert!(
        all.lines().all(|line| line.contains("A: 10.7.0.3 ")),
        "{all}"
    );
    true
}

// RFC 4795 4.1: R27, R46
#[test]
fn systemd_resolved_gives_in_and_takes_another_name_where_we_were_first() {
    let peer = or_skip!(Peer::find("systemd-resolved"));
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "lynx"]));
    agent.wait_until_verified();
    let _resolved = Resolved::start_as(&peer, &scene.peer, "lynx");
    let (from_host, us) = (
        Wire::open(&scene.host, "eth0"),
        Station::new(HOST_MAC, HOST_V4),
    );
    // It adds a number, another one if it hears us a second time, and answers with T clear when that is verified.
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let printed = found(&scene.host, &[&PEER_V4.to_string()]);
        let taken = printed.strip_prefix("PTR: ").map_or("", str::trim_end);
        if taken.starts_with("lynx") && taken != "lynx" && is_owned(&from_host, us, taken) {
            break;
        }
        assert!(
            Instant::now() < end,
            "systemd-resolved is still {printed:?}: {}",
            agent.said()
        );
    }
    assert_eq!(agent.names(), unique("lynx"));
    let wire = scene.wire();
    let reply = wire.ask(&FrameBuilder::llmnr(asker(PEER_V4)).question("lynx", A));
    assert_eq!(reply.message.flags, 0x8000);
    let all = found(&scene.host, &["lynx", "--all", "-4", "-t", "A"]);
    assert!(!all.contains(&PEER_V4.to_string()), "{all}");
}

// RFC 4795 4.2: R17, R50, R51, R52
#[test]
fn llmnrd_that_takes_our_name_is_found_when_somebody_doubts_it() {
    let peer = or_skip!(Peer::find("llmnrd"));
    let scene = or_skip!(Scene::bare(Path::Userspace));
    // llmnrd has the smaller address of the only family, so that we are to give in.
    scene.host.ip("address add 10.7.0.2/24 dev eth0");
    scene.peer.ip("address add 10.7.0.1/24 dev eth0");
    for namespace in [&scene.host, &scene.peer] {
        namespace.set("net/ipv6/conf/eth0/disable_ipv6", "1");
    }
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "hare"]));
    agent.wait_until_verified();
    let _llmnrd = Llmnrd::start(&peer, &scene.peer, "hare");
    let us = Station::new(HOST_MAC, [10, 7, 0, 2]);
    wait_for_owner(&scene.host, us, "hare");
    assert_eq!(agent.names(), unique("hare"));
    // llmnrd asked nobody. A sender that heard both tells of it.
    let third = Station::new([2, 0, 0, 0, 0, 9], [10, 7, 0, 9]);
    let doubt = FrameBuilder::llmnr(third).question("hare", A).flags(0x0400);
    scene.wire().send(&doubt.build());
    agent.wait_for_words(&["hare", "10.7.0.1", "02:00:00:00:00:02"]);
    wait_until("the name to be withdrawn", || agent.names().is_empty());
}

/// An LLMNR query on a VLAN, as it was on the wire.
#[derive(Debug)]
struct Tagged {
    source_mac: Mac,
    destination_mac: Mac,
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    message: Message,
}

impl Tagged {
    /// Decodes a frame; `None` if it is no LLMNR query from port 5355 on that VLAN.
    fn decode(frame: &[u8], vlan: u16) -> Option<Self> {
        let tag = frame.get(12..16)?;
        if tag != [&0x8100_u16.to_be_bytes()[..], &vlan.to_be_bytes()].concat() {
            return None;
        }
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let Some(TransportSlice::Udp(udp)) = &packet.transport else {
            return None;
        };
        let (source, destination, ttl) = addresses(&packet)?;
        let ports = (udp.source_port(), udp.destination_port());
        let message = Message::parse(udp.payload())?;
        (ports == (LLMNR_PORT, LLMNR_PORT) && message.flags & 0x8000 == 0).then(|| Self {
            source_mac: frame[6..12].try_into().expect("six bytes"),
            destination_mac: frame[..6].try_into().expect("six bytes"),
            source,
            destination,
            ttl,
            message,
        })
    }
}

/// The next verification of a name on VLAN 100, over IPv4 and over IPv6.
#[track_caller]
fn verification(wire: &Wire, name: &str) -> [Tagged; 2] {
    let question = [(wire_name(name), ANY, 1)];
    let (mut v4, mut v6) = (None, None);
    while v4.is_none() || v6.is_none() {
        let query = wire.next(|frame| Tagged::decode(frame, 100));
        let query = query.unwrap_or_else(|| panic!("no verification of {name}"));
        if query.message.questions == question {
            let place = if query.source.is_ipv4() {
                &mut v4
            } else {
                &mut v6
            };
            *place = Some(query);
        }
    }
    [v4, v6].map(|query| query.expect("it was found"))
}

/// A response to a query on VLAN 100, with an A record to be kept for a second.
fn response(from: Station, to: &Tagged, name: &str) -> Query {
    FrameBuilder::llmnr(from)
        .port(LLMNR_PORT)
        .to(to.source)
        .to_mac(to.source_mac)
        .vlan(100)
        .id(to.message.id)
        .flags(0x8000)
        .question(name, ANY)
        .counts([1, 1, 0, 0])
        .records(b"\xc0\x0c\0\x01\0\x01\0\0\0\x01\0\x04\x0a\0\x64\x63")
}

/// A station of the VLAN with that last byte of its hardware address.
fn station(last: u8, ip: &str) -> Station {
    Station::new(
        [2, 0, 0, 0, 0, last],
        ip.parse::<IpAddr>().expect("an address"),
    )
}

fn tagged(name: &str, id: u16) -> Query {
    FrameBuilder::llmnr(station(2, "10.0.100.2"))
        .question(name, A)
        .vlan(100)
        .id(id)
}

const VLAN: &str = r#"
names = ["casa"]
ttl = 1
[interface.eth0]
[interface.eth0.vlan.100]
names = ["cabin", "hut"]
addresses = ["10.0.100.1/24", "fd64::1/64"]
"#;
const ON_VLAN: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 100, 1))];

/// A name that another host of the VLAN has already is not taken; that host is told, and once it is gone, it is.
fn vlan_is_verified_on(path: Path) {
    // A test that is kept waiting for longer than a verification lasts has had no say.
    for _ in 0..TRIES {
        let scene = or_skip!(Scene::new(path));
        if name_on_vlan_is_verified(&scene) {
            return;
        }
    }
    panic!("our response was never heard in time");
}

/// Answers a verification, and judges what becomes of it; whether it was answered in time.
fn name_on_vlan_is_verified(scene: &Scene) -> bool {
    let config = config_file(VLAN);
    let wire = scene.wire();
    let agent = Agent::spawn(&scene.host, &scene.arguments(&["--config", &config.path]));
    let queries = verification(&wire, "hut");
    // RFC 4795 2.5, 4.1: over both families, from our address there, to the group, with TTL 255.
    let v6 = "fd64::1".parse().expect("an address");
    for (query, source, group, mac) in [
        (
            &queries[0],
            ON_VLAN[0],
            IpAddr::from(LLMNR_V4),
            [1, 0, 0x5e, 0, 0, 0xfc],
        ),
        (&queries[1], v6, LLMNR_V6.into(), [0x33, 0x33, 0, 1, 0, 3]),
    ] {
        assert_eq!(
            (query.source, query.destination, query.ttl),
            (source, group, 255)
        );
        assert_eq!((query.source_mac, query.destination_mac), (HOST_MAC, mac));
        assert_eq!((query.message.flags, query.message.answers.len()), (0, 0));
    }
    // RFC 4795 4.1: a larger address does not matter where the other host has verified the name.
    wire.send(&response(station(0x77, "10.0.100.200"), &queries[0], "hut").build());
    let hut = ("hut".to_owned(), "unique".to_owned());
    let Some(said) = wait_for("the end of the verification", || {
        let said = agent.said();
        let words = ["hut", "VLAN 100", "10.0.100.200", "02:00:00:00:00:77"];
        let mut lines = said.lines();
        let told = lines.find(|line| words.iter().all(|word| line.contains(word)));
        let kept = || agent.names().contains(&hut).then_some(None);
        told.map(|line| Some(line.to_owned())).or_else(kept)
    }) else {
        return false;
    };
    if said.contains("has to give it up") {
        return false;
    }
    assert!(said.contains("eth0"), "{said}");
    let report = agent.cli(&["why", "hut", "--json"]);
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    let mut rows = report["links"].as_array().expect("links").iter();
    let row = rows.find(|row| row["vlan"] == 100).expect("the VLAN");
    assert!(
        row["reason"] == "conflict" || row["reason"] == "tentative",
        "{row}"
    );
    // The other name of the VLAN is ours.
    let owned = |name: &str| {
        let state = (name.to_owned(), "unique".to_owned());
        wait_until(&format!("{name} to be ours"), || {
            agent.names().contains(&state)
        });
    };
    owned("cabin");
    let cabin = wire.ask(&tagged("cabin", 1)).message;
    cabin.assert_answers("cabin", A, 1, &ON_VLAN);
    // Nobody contests the first one any more.
    owned("hut");
    let hut = wire.ask(&tagged("hut", 2)).message;
    hut.assert_answers("hut", A, 1, &ON_VLAN);
    true
}

/// A name in use that is doubted is checked, and lost to a smaller address alone.
fn vlan_is_checked_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config = config_file(VLAN);
    let wire = scene.wire();
    let mut agent = Agent::spawn(&scene.host, &scene.arguments(&["--config", &config.path]));
    let both = ["cabin", "hut"].map(|name| (name.to_owned(), "unique".to_owned()));
    wait_until("the names to be ours", || {
        let names = agent.names();
        both.iter().all(|name| names.contains(name))
    });
    let doubt = FrameBuilder::llmnr(station(9, "10.0.100.9"))
        .question("hut", ANY)
        .flags(0x0400)
        .vlan(100)
        .build();
    let begin = agent.said().len();
    drop(wire.drain());
    wire.send(&doubt);
    let [query, _] = verification(&wire, "hut");
    wire.send(&response(station(0x78, "10.0.100.200"), &query, "hut").build());
    let hut = wire.ask(&tagged("hut", 3)).message;
    hut.assert_answers("hut", A, 1, &ON_VLAN);
    wire.send(&doubt);
    // Of the first check or of the second, which comes two seconds later: both count.
    let [_, later] = verification(&wire, "hut");
    wire.send(&response(station(0x79, "fd64::"), &later, "hut").build());
    let given_up = ["hut", "VLAN 100", "02:00:00:00:00:79", "not answered for"];
    agent.wait_for_words_after(begin, &given_up);
    let kept = ["hut", "02:00:00:00:00:78", "has to give it up"];
    agent.wait_for_words_after(begin, &kept);
}

// RFC 4795 2.5, 4.1, 4.2: R9, R46, R49, R52, R53
#[test]
fn a_conflict_on_a_vlan_without_an_interface_is_found_and_told_with_its_mac() {
    vlan_is_verified_on(Path::Userspace);
}

// RFC 4795 2.5, 4.1, 4.2: R9, R46, R49, R52, R53
#[test]
fn a_conflict_on_a_vlan_without_an_interface_is_found_beside_the_kernel_path() {
    vlan_is_verified_on(Path::GenericVeth);
}

// RFC 4795 4.2: R50, R51, R53
#[test]
fn a_name_that_is_doubted_on_a_vlan_without_an_interface_is_lost_to_a_smaller_address_alone() {
    vlan_is_checked_on(Path::Userspace);
}

// RFC 4795 4.2: R50, R51, R53
#[test]
fn a_name_that_is_doubted_on_a_vlan_is_checked_beside_the_kernel_path() {
    vlan_is_checked_on(Path::NativeVeth);
}
