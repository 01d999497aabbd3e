//! `llamar arp scan` and `llamar nd scan` beside other people's tools and the kernel's own view of the link.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::process::Output;

use serde_json::Value;

use crate::support::agent::llamar;
use crate::support::lan::{Lan, local_v6, v4, v6};
use crate::support::net::{Namespace, Net};
use crate::support::peers::Peer;
use crate::support::wait_until;

/// An address and who has it.
type Pair = (String, String);

fn mac(number: u8) -> String {
    format!("02:00:00:00:00:{number:02x}")
}

fn pair(ip: impl Into<IpAddr>, number: u8) -> Pair {
    (ip.into().to_string(), mac(number))
}

fn scan(namespace: &Namespace, kind: &str, arguments: &[&str]) -> Output {
    let words = [&[kind, "scan", "-I", "eth0", "-w", "0.3"], arguments].concat();
    llamar(namespace, &words, None)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The stations of a scan that ended well, and its last object.
#[track_caller]
fn stations(output: &Output) -> (Vec<Value>, Value) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let text = stdout(output);
    let mut objects: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    let end = objects.pop().expect("an end");
    assert_eq!(end["event"], "end");
    assert!(objects.iter().all(|object| object["event"] == "station"));
    (objects, end)
}

fn pairs(stations: &[Value]) -> BTreeSet<Pair> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pair = |station: &Value| (text(&station["ip"]), text(&station["mac"]));
    stations.iter().map(pair).collect()
}

/// Has the kernel find out who has an address.
fn look_up(namespace: &Namespace, ip: IpAddr) {
    namespace.inside(|| {
        let any: IpAddr = match ip {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).unwrap();
        // An error here is that of a datagram before.
        let _ = socket.send_to(b"?", (ip, 9));
    });
}

/// What the kernel knows of its neighbours.
fn neighbours(namespace: &Namespace) -> BTreeSet<Pair> {
    let text = namespace.ip("neighbour show dev eth0");
    let words = text.lines().map(|line| line.split_whitespace().collect());
    words
        .filter_map(|words: Vec<&str>| match words[..] {
            [ip, "lladdr", mac, ..] => Some((ip.to_owned(), mac.to_owned())),
            _ => None,
        })
        .collect()
}

#[test]
fn arp_scan_finds_whom_arp_scan_finds_and_whom_the_kernel_knows() {
    let lan = or_skip!(Lan::new(5));
    let theirs = or_skip!(Peer::find("arp-scan"));
    let host = lan.host(1);
    let output = scan(host, "arp", &["--json", "--local"]);
    let (found, end) = stations(&output);
    let expected: BTreeSet<Pair> = (2..=5).map(|number| pair(v4(number), number)).collect();
    assert_eq!(pairs(&found), expected);
    for station in &found {
        assert_eq!(station["vendor"], "random/local", "{station}");
        assert!(station["rtt_ms"].as_f64().unwrap() > 0.0, "{station}");
        assert_eq!(station["interface"], "eth0");
    }
    // Those that say nothing are asked twice; our own address is not asked for.
    assert_eq!(
        (&end["found"], &end["asked"]),
        (&4.into(), &(253 + 249).into())
    );
    assert_eq!(end["interrupted"], false);
    let arguments = [
        "-I",
        "eth0",
        "-x",
        "-q",
        "-r",
        "2",
        "-t",
        "100",
        "10.7.0.0/24",
    ];
    let said = theirs.output_in(host, &arguments);
    let theirs: BTreeSet<Pair> = said
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(ip, mac)| (ip.trim().to_owned(), mac.trim().to_owned()))
        .collect();
    assert_eq!(theirs, expected, "{said}");
    (2..=5).for_each(|number| look_up(host, v4(number).into()));
    wait_until("the kernel to know them", || neighbours(host) == expected);
}

#[test]
fn arp_scan_prints_a_line_for_each_station_and_tells_by_its_exit_code_whether_there_was_any() {
    let lan = or_skip!(Lan::new(3));
    let host = lan.host(1);
    let list = "/run/vendors";
    std::fs::write(list, "020000\tMade up Inc.\n").unwrap();
    let found = scan(host, "arp", &["10.7.0.2-10", "-r", "0", "--oui", list]);
    assert_eq!(found.status.code(), Some(0));
    let text = stdout(&found);
    let mut lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    lines.sort();
    let [second, third] = &lines[..] else {
        panic!("{text}");
    };
    for (line, number) in [(second, 2), (third, 3)] {
        let (ip, mac) = pair(v4(number), number);
        assert_eq!(line[..2], [ip, mac], "{text}");
        assert_eq!(line[3..], ["ms", "Made", "up", "Inc."], "{text}");
    }
    let said = stderr(&found);
    assert!(
        said.contains("asking on eth0 for 9 addresses: 10.7.0.2-10.7.0.10"),
        "{said}"
    );
    assert!(
        said.contains("2 addresses found on eth0, 9 requests in "),
        "{said}"
    );
    let none = scan(host, "arp", &["10.7.0.77", "-r", "0", "-q"]);
    let expected = (Some(1), String::new(), String::new());
    assert_eq!((none.status.code(), stdout(&none), stderr(&none)), expected);
}

// RFC 5227 2.4: C6
#[test]
fn two_stations_with_one_address_are_told_both_by_either_scan() {
    let lan = or_skip!(Lan::new(3));
    for number in [2, 3] {
        lan.host(number).ip("address add 10.7.0.50/24 dev eth0");
        lan.host(number).ip("address add fd07::50/64 dev eth0");
    }
    for (kind, address) in [("arp", "10.7.0.50"), ("nd", "fd07::50")] {
        let output = scan(lan.host(1), kind, &["--json", "-r", "0", address]);
        let (found, end) = stations(&output);
        let both = BTreeSet::from([2, 3].map(|number| (address.to_owned(), mac(number))));
        assert_eq!(pairs(&found), both);
        let [first, second] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(first["duplicate_of"].is_null());
        assert_eq!(second["duplicate_of"], first["mac"]);
        assert_eq!((&end["found"], &end["duplicates"]), (&1.into(), &1.into()));
    }
}

// RFC 5227 2.5: C5
#[test]
fn arp_scan_is_allowed_off_the_prefix_and_without_an_address_of_ours() {
    let lan = or_skip!(Lan::new(2));
    lan.host(2).ip("address add 192.168.9.1/24 dev eth0");
    let off = scan(lan.host(1), "arp", &["192.168.9.0/30", "-r", "0"]);
    assert_eq!(off.status.code(), Some(0), "{}", stderr(&off));
    assert!(stdout(&off).starts_with("192.168.9.1 "));
    let said = stderr(&off);
    assert!(
        said.contains("192.168.9.1-192.168.9.2 is on none of the networks of eth0 (10.7.0.0/24)"),
        "{said}"
    );
    lan.host(1).ip("address flush dev eth0");
    // A probe is answered by whoever has the address.
    let probed = scan(lan.host(1), "arp", &["10.7.0.2", "-r", "0"]);
    assert!(
        stdout(&probed).starts_with("10.7.0.2 "),
        "{}",
        stderr(&probed)
    );
    assert!(stderr(&probed).contains("no address of ours is told"));
    let local = scan(lan.host(1), "arp", &["--local"]);
    let said = stderr(&local);
    assert_eq!(local.status.code(), Some(2));
    assert!(
        said.contains("eth0 has no IPv4 network: name the addresses"),
        "{said}"
    );
}

// RFC 4861 7.2.2, RFC 4443 4.2: D15
#[test]
fn nd_scan_finds_every_host_by_both_addresses_and_tells_routers() {
    let lan = or_skip!(Lan::new(4));
    lan.host(4).set("net/ipv6/conf/eth0/forwarding", "1");
    let output = scan(lan.host(1), "nd", &["--json", "-r", "1"]);
    let (mut found, _) = stations(&output);
    // The switch is a station too, with addresses of the kernel's choice.
    found.retain(|station| (2..=4).any(|number| station["mac"] == mac(number)));
    let hosts = 2..=4;
    let expected: BTreeSet<Pair> = hosts
        .flat_map(|number| [pair(v6(number), number), pair(local_v6(number), number)])
        .collect();
    assert_eq!(pairs(&found), expected);
    for station in &found {
        if let Some(router) = station["router"].as_bool() {
            assert_eq!(router, station["mac"] == mac(4), "{station}");
        }
    }
    (2..=4).for_each(|number| look_up(lan.host(1), v6(number).into()));
    wait_until("the kernel to know them", || {
        let known = neighbours(lan.host(1));
        (2..=4).all(|number| known.contains(&pair(v6(number), number)))
    });
}

// RFC 4861 7.2.2: D15
#[test]
fn nd_scan_asks_for_addresses_one_by_one_where_hosts_answer_no_echo() {
    let lan = or_skip!(Lan::new(3));
    for number in [2, 3] {
        lan.host(number).set("net/ipv6/icmp/echo_ignore_all", "1");
    }
    let output = scan(lan.host(1), "nd", &["--json", "-r", "0", "fd07::/125"]);
    let (found, _) = stations(&output);
    let expected = BTreeSet::from([pair(v6(2), 2), pair(v6(3), 3)]);
    assert_eq!(pairs(&found), expected);
    let nobody = scan(lan.host(1), "nd", &["-r", "0", "fd07::77", "-q"]);
    assert_eq!(
        (nobody.status.code(), stdout(&nobody)),
        (Some(1), String::new())
    );
}

#[test]
fn scans_that_would_hurt_or_never_end_are_refused_with_what_to_do() {
    let net = or_skip!(Net::new());
    let (host, peer) = (net.namespace("host"), net.namespace("peer"));
    host.veth(("eth0", 1), &peer, ("eth0", 2));
    host.ip("address add 10.7.0.1/24 dev eth0");
    host.ip("address add fd07::1/64 dev eth0");
    host.ip("link add eth1 type veth peer name eth2");
    for (line, said) in [
        (
            "arp scan 10.0.0.0/8",
            "16777214 addresses take 1118 minutes at 250 a second; --force",
        ),
        (
            "arp scan 0.0.0.0/0 --force",
            "4294967294 addresses are more than the 16777216 of a /8",
        ),
        ("arp scan 224.0.0.0/24", "multicast"),
        ("arp scan 127.0.0.1", "loopback"),
        ("arp scan 10.7.0.255", "10.7.0.255 is the broadcast address"),
        ("arp scan fd07::/64", "of IPv6: llamar nd scan"),
        ("arp scan 10.7.0.0/33", "no range of IPv4 addresses"),
        ("arp scan 10.7.0.9-2", "ends before it begins"),
        ("arp scan casa", "no range of IPv4 addresses"),
        ("arp scan --rate 0", "0 is not in 1..=10000"),
        ("arp scan -w 0", "not from 0.001 to 86400 seconds"),
        ("arp scan -r 11", "11 is not in 0..=10"),
        ("arp scan -i fe80::1", "IPv6"),
        (
            "arp scan --oui /nowhere 10.7.0.2",
            "read vendors from /nowhere",
        ),
        ("arp scan -I lo", "lo: not an Ethernet interface"),
        ("arp scan -I eth1", "eth1: down"),
        ("arp scan -I eth7", "eth7: no such interface; there are"),
        (
            "nd scan fd07::/64",
            "without an argument all nodes are asked",
        ),
        ("nd scan fd07::/104", "16777216 addresses take 1118 minutes"),
        ("nd scan ff02::1", "multicast"),
        ("nd scan ::1", "loopback"),
        ("nd scan 10.7.0.0/24", "of IPv4: llamar arp scan"),
        ("nd scan fd07::/129", "the length of a prefix"),
        ("nd scan fe80::1%eth7", "eth7: no such interface"),
        ("nd scan -I eth1", "eth1: down"),
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = llamar(&host, &words, None);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{line}: {text}");
        assert!(text.contains(said), "{line}: {text}");
        assert_eq!(stdout(&output), "", "{line}");
    }
}
