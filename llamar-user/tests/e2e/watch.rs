//! `llamar arp watch` and `llamar nd watch`: what is told of stations that come, change and quarrel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Output};

use llamar_common::testing::{FrameBuilder, Station, skip};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::agent::{LLAMAR, finish, llamar};
use crate::support::lan::{Lan, local_v6, v4, v6};
use crate::support::net::{Namespace, Net, run};
use crate::support::peers::Peer;
use crate::support::process::Process;
use crate::support::wait_until;
use crate::support::wire::Wire;

/// Starts a watch with `--json`, and waits until it listens.
fn watch(namespace: &Namespace, kind: &str, arguments: &[&str]) -> Process {
    let mut command = namespace.service(LLAMAR);
    command.args([kind, "watch", "--json"]).args(arguments);
    let mut watch = Process::start(&format!("llamar {kind} watch"), command);
    watch.wait_for_words(&["listening on "]);
    watch
}

/// Waits for news of a kind about an address.
#[track_caller]
fn wait(watch: &mut Process, event: &str, ip: impl Into<IpAddr>) -> Value {
    let ip = ip.into().to_string();
    watch.wait_for_line(&format!("{event} of {ip}"), |line| {
        let object: Value = serde_json::from_str(line).ok()?;
        (object["event"] == event && object["ip"] == ip).then_some(object)
    })
}

/// The objects that were told, in their order.
fn told(said: &str) -> Vec<Value> {
    let objects = said.lines().filter(|line| line.starts_with('{'));
    objects
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect()
}

/// The events about an address.
fn events(watch: &Process, ip: impl Into<IpAddr>) -> Vec<String> {
    let ip = ip.into().to_string();
    let all = told(&watch.said()).into_iter();
    all.filter(|object| object["ip"] == ip)
        .map(|object| object["event"].as_str().unwrap().to_owned())
        .collect()
}

/// Has the kernel ask for an address that nobody has been asked for.
fn ask(namespace: &Namespace, from: impl Into<IpAddr>, to: impl Into<IpAddr>) {
    let (from, to) = (from.into(), to.into());
    namespace.inside(|| {
        let socket = UdpSocket::bind((from, 0)).expect("an address of the host");
        // An error here is that of a datagram before.
        let _ = socket.send_to(b"?", (to, 9));
    });
}

fn nobody4(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 7, 0, last)
}

fn nobody6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, last)
}

fn ends_well(mut watch: Process, signal: Signal) -> String {
    watch.signal(signal);
    assert_eq!(watch.wait().code(), Some(0), "{}", watch.said());
    watch.said()
}

#[test]
fn a_new_station_a_changed_address_and_a_flip_flop_are_told_of_ipv4() {
    let lan = or_skip!(Lan::new(2));
    let (first, second) = ("02:00:00:00:00:02", "02:00:00:00:00:22");
    let mut live = watch(lan.host(1), "arp", &["-I", "eth0"]);
    let host = lan.host(2);
    ask(host, v4(2), nobody4(201));
    let new = wait(&mut live, "new", v4(2));
    assert_eq!(
        (&new["mac"], &new["interface"], &new["how"], &new["vendor"]),
        (
            &first.into(),
            &"eth0".into(),
            &"request".into(),
            &"random/local".into()
        )
    );
    host.ip(&format!("link set eth0 address {second}"));
    ask(host, v4(2), nobody4(202));
    let changed = wait(&mut live, "changed", v4(2));
    assert_eq!(
        (&changed["mac"], &changed["from"]),
        (&second.into(), &first.into())
    );
    host.ip(&format!("link set eth0 address {first}"));
    ask(host, v4(2), nobody4(203));
    let flip = wait(&mut live, "flip-flop", v4(2));
    assert_eq!(
        (&flip["mac"], &flip["from"], &flip["times"]),
        (&first.into(), &second.into(), &1.into())
    );
    assert_eq!(events(&live, v4(2)), ["new", "changed", "flip-flop"]);
    let said = ends_well(live, Signal::SIGINT);
    assert!(said.contains("1 addresses known, 3 lines"), "{said}");
}

// RFC 4861 7.2.3: D11
#[test]
fn a_new_station_and_a_changed_address_are_told_of_ipv6() {
    let lan = or_skip!(Lan::new(2));
    let mut live = watch(lan.host(1), "nd", &["-I", "eth0"]);
    let host = lan.host(2);
    ask(host, v6(2), nobody6(0x201));
    let new = wait(&mut live, "new", v6(2));
    assert_eq!(
        (&new["mac"], &new["how"]),
        (&"02:00:00:00:00:02".into(), &"solicitation".into())
    );
    host.ip("link set eth0 address 02:00:00:00:00:22");
    ask(host, v6(2), nobody6(0x202));
    let changed = wait(&mut live, "changed", v6(2));
    assert_eq!(changed["from"], "02:00:00:00:00:02");
    ends_well(live, Signal::SIGTERM);
}

// RFC 5227 2.4, RFC 4862 5.4.4: C6, D14
#[test]
fn two_stations_that_answer_for_one_address_are_a_duplicate() {
    let lan = or_skip!(Lan::new(3));
    let addresses: [IpAddr; 2] = ["10.7.0.50".parse().unwrap(), "fd07::50".parse().unwrap()];
    for number in [2, 3] {
        lan.host(number).ip("address add 10.7.0.50/24 dev eth0");
        lan.host(number).ip("address add fd07::50/64 dev eth0");
    }
    let own: [IpAddr; 2] = [v4(1).into(), v6(1).into()];
    for ((kind, ip), own) in ["arp", "nd"].into_iter().zip(addresses).zip(own) {
        let mut live = watch(lan.host(1), kind, &["-I", "eth0"]);
        ask(lan.host(1), own, ip);
        let duplicate = wait(&mut live, "duplicate", ip);
        let mut both = [&duplicate["mac"], &duplicate["other"]].map(|mac| mac.as_str().unwrap());
        both.sort_unstable();
        assert_eq!(both, ["02:00:00:00:00:02", "02:00:00:00:00:03"]);
        ends_well(live, Signal::SIGINT);
    }
}

// RFC 5227 2.4: C6
#[test]
fn somebody_with_an_address_of_this_host_is_a_duplicate() {
    let lan = or_skip!(Lan::new(2));
    lan.host(2).ip("address add 10.7.0.1/24 dev eth0");
    let mut live = watch(lan.host(1), "arp", &["-I", "eth0"]);
    ask(lan.host(2), v4(1), nobody4(201));
    let duplicate = wait(&mut live, "duplicate", v4(1));
    assert_eq!(
        (&duplicate["mac"], &duplicate["other"]),
        (&"02:00:00:00:00:02".into(), &"02:00:00:00:00:01".into())
    );
    ends_well(live, Signal::SIGINT);
}

// RFC 5227 1.1: C16
#[test]
fn a_probe_is_shown_among_all_packets_and_makes_nobody_known() {
    let lan = or_skip!(Lan::new(2));
    let mut live = watch(lan.host(1), "arp", &["-I", "eth0", "--all"]);
    let wire = Wire::open(lan.host(2), "eth0");
    let mac = [2, 0, 0, 0, 0, 2];
    let tagged = FrameBuilder::arp_request(Station::new(mac, v4(2)), nobody4(9));
    wire.send(&FrameBuilder::arp_probe(mac, nobody4(77)));
    wire.send(&FrameBuilder::tagged(tagged, 100));
    let mut other = FrameBuilder::arp_probe(mac, nobody4(78));
    other[15] = 2;
    wire.send(&other);
    let on_vlan = wait(&mut live, "new", v4(2));
    assert_eq!(on_vlan["vlan"], 100);
    let damaged = live.wait_for_words(&[r#""event":"damaged""#]);
    assert!(damaged.contains("not of IPv4 over Ethernet"), "{damaged}");
    let packets = told(&live.said());
    let probe = packets
        .iter()
        .find(|packet| packet["target_ip"] == "10.7.0.77")
        .expect("the probe");
    assert_eq!(
        (&probe["event"], &probe["sender_ip"]),
        (&"packet".into(), &"0.0.0.0".into())
    );
    assert!(events(&live, nobody4(77)).is_empty());
    ends_well(live, Signal::SIGINT);
}

#[test]
fn interfaces_may_go_down_and_up_and_be_made_anew() {
    let net = or_skip!(Net::new());
    let (host, peer) = (net.namespace("host"), net.namespace("peer"));
    let add = || {
        host.veth(("eth0", 1), &peer, ("eth0", 2));
        peer.ip("address add 10.7.0.2/24 dev eth0");
    };
    add();
    let mut live = watch(&host, "arp", &["-I", "eth0"]);
    let wire = Wire::open(&peer, "eth0");
    let say = |wire: &Wire, last: u8| {
        let station = Station::new([2, 0, 0, 0, 0, last], nobody4(last));
        wire.send(&FrameBuilder::arp_announcement(station));
    };
    say(&wire, 10);
    wait(&mut live, "new", nobody4(10));
    host.ip("link set eth0 down");
    live.wait_for_words(&["eth0 is down"]);
    host.ip("link set eth0 up");
    live.wait_for_words(&["eth0 is up"]);
    host.wait_for_carrier("eth0");
    say(&wire, 11);
    wait(&mut live, "new", nobody4(11));
    host.ip("link del eth0");
    live.wait_for_words(&["eth0 is gone"]);
    add();
    wait_until("it to listen anew", || {
        let said = live.said();
        let after = said.rsplit("eth0 is gone").next();
        after.is_some_and(|after| after.contains("listening on eth0"))
    });
    say(&Wire::open(&peer, "eth0"), 12);
    wait(&mut live, "new", nobody4(12));
    ends_well(live, Signal::SIGINT);
}

#[test]
fn what_was_known_is_not_new_after_a_restart() {
    let lan = or_skip!(Lan::new(3));
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("stations");
    let state = state.to_str().unwrap();
    let arguments = ["-I", "eth0", "--state", state];
    let mut live = watch(lan.host(1), "arp", &arguments);
    ask(lan.host(2), v4(2), nobody4(201));
    wait(&mut live, "new", v4(2));
    let other = llamar(
        lan.host(1),
        &[&["arp", "watch"], &arguments[..]].concat(),
        None,
    );
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert_eq!(other.status.code(), Some(2), "{said}");
    assert!(
        said.contains("another llamar keeps its stations there"),
        "{said}"
    );
    ends_well(live, Signal::SIGTERM);
    let mut live = watch(lan.host(1), "arp", &arguments);
    ask(lan.host(2), v4(2), nobody4(202));
    ask(lan.host(3), v4(3), nobody4(203));
    wait(&mut live, "new", v4(3));
    lan.host(2).ip("link set eth0 address 02:00:00:00:00:22");
    ask(lan.host(2), v4(2), nobody4(204));
    let changed = wait(&mut live, "changed", v4(2));
    assert_eq!(changed["from"], "02:00:00:00:00:02");
    assert_eq!(events(&live, v4(2)), ["changed"]);
    ends_well(live, Signal::SIGINT);
    let kept = std::fs::read_to_string(state).unwrap();
    let lines: Vec<Value> = kept
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    assert_eq!(lines.len(), 3, "{kept}");
    assert_eq!(lines[1]["holders"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_known_is_kept_when_the_terminal_ends_and_nohup_outlives_that() {
    let lan = or_skip!(Lan::new(3));
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("stations");
    let state = state.to_str().unwrap();
    // The tests themselves may run under nohup.
    let mut command = lan.host(1).service("env");
    command.args(["--default-signal=HUP", LLAMAR, "arp", "watch", "--json"]);
    command.args(["-I", "eth0", "--state", state]);
    let mut live = Process::start("llamar arp watch", command);
    live.wait_for_words(&["listening on eth0"]);
    ask(lan.host(2), v4(2), nobody4(201));
    wait(&mut live, "new", v4(2));
    ends_well(live, Signal::SIGHUP);
    let kept = std::fs::read_to_string(state).unwrap();
    assert!(kept.contains("02:00:00:00:00:02"), "{kept}");
    let mut command = lan.host(1).service("sh");
    command.args([
        "-c",
        "trap '' HUP; exec \"$0\" arp watch --json -I eth0",
        LLAMAR,
    ]);
    let mut live = Process::start("llamar arp watch under nohup", command);
    live.wait_for_words(&["listening on eth0"]);
    live.signal(Signal::SIGHUP);
    ask(lan.host(3), v4(3), nobody4(202));
    wait(&mut live, "new", v4(3));
    ends_well(live, Signal::SIGTERM);
}

/// The memory that a process holds, in kB.
fn memory(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.unwrap().split_whitespace();
    words.skip(1).find_map(|word| word.parse().ok()).unwrap()
}

#[test]
fn a_flood_of_forged_stations_grows_neither_memory_nor_output_without_limit() {
    let lan = or_skip!(Lan::new(2));
    let live = watch(lan.host(1), "arp", &["-I", "eth0"]);
    let wire = Wire::open(lan.host(2), "eth0");
    let before = memory(&live);
    for number in 0..100_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let station = Station::new([2, 0xff, 0, a, b, c], Ipv4Addr::new(10, 7 + a, b, c));
        wire.send(&FrameBuilder::arp_announcement(station));
    }
    // It still hears, and tells what happens now, as soon as lines may be told again.
    let mut number = 0_u16;
    wait_until("news after the flood", || {
        number += 1;
        let [high, low] = number.to_be_bytes();
        let station = Station::new([2, 0xee, 0, 0, high, low], [10, 7, high, low]);
        wire.send(&FrameBuilder::arp_announcement(station));
        live.said().contains(r#""mac":"02:ee:"#)
    });
    let after = memory(&live);
    // The table is full at most: 32768 addresses with their holders, in less than 1 kB each.
    assert!(after < before + 40_000, "{before} kB, then {after} kB");
    let said = ends_well(live, Signal::SIGINT);
    let objects = told(&said);
    assert!(objects.len() < 2000, "{} lines", objects.len());
    let omitted = objects.iter().filter(|object| object["event"] == "omitted");
    let omitted: u64 = omitted
        .flat_map(|object| object["events"].as_object().unwrap().values())
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert!(omitted > 1000, "{omitted} left out");
}

#[test]
fn a_watch_ends_by_itself_and_prints_sentences_in_a_pipe() {
    let lan = or_skip!(Lan::new(2));
    let mut command = lan.host(1).service(LLAMAR);
    command.args(["arp", "watch", "-c", "1"]);
    let mut live = Process::start("llamar arp watch", command);
    live.wait_for_words(&["listening on eth0"]);
    ask(lan.host(2), v4(2), nobody4(201));
    assert_eq!(live.wait().code(), Some(0));
    let said = live.said();
    let line = said
        .lines()
        .find(|line| line.contains(" new: "))
        .expect("news");
    let expected = " eth0 new: 10.7.0.2 at 02:00:00:00:00:02 (random/local)";
    assert!(line.ends_with(expected), "{line}");
    let quiet = llamar(
        lan.host(1),
        &["nd", "watch", "-q", "--timeout", "0.1"],
        None,
    );
    let Output {
        status,
        stdout,
        stderr,
    } = quiet;
    assert_eq!((status.code(), stdout, stderr), (Some(0), vec![], vec![]));
}

#[test]
fn what_cannot_be_watched_is_refused_with_what_to_do() {
    let net = or_skip!(Net::new());
    let host = net.namespace("host");
    host.ip("link add eth0 type veth peer name eth1");
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes");
    std::fs::write(&notes, "my notes\n").unwrap();
    let notes = notes.to_str().unwrap();
    let state = format!("arp watch -I eth0 --state {notes}");
    for (line, said) in [
        (
            "arp watch",
            "no Ethernet interface is up: name one with --iface",
        ),
        (
            "arp watch -I eth7",
            "eth7: no such interface; there are lo, ",
        ),
        ("arp watch -I lo", "lo: not an Ethernet interface"),
        (&state, "it is no list of stations"),
        ("arp watch -p /nowhere.pcap", "cannot be opened"),
        ("nd watch -p /dev/null", "is empty"),
        ("arp watch -I eth0 -p x", "cannot be used with"),
        ("arp watch -I eth0 --oui /dev/null", "no list of vendors"),
        ("arp watch -c 0", "0 is not in 1.."),
        ("arp watch --rate 0", "0 is not in 1.."),
        ("arp watch --timeout 0", "--timeout"),
        ("arp watch eth0", "unexpected argument 'eth0'"),
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = llamar(&host, &words, None);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {text}");
        assert!(text.contains(said), "{line}: {text}");
    }
    assert_eq!(std::fs::read_to_string(notes).unwrap(), "my notes\n");
}

/// A capture of real networks.
fn capture(name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let named = std::env::var_os("LLAMAR_CAPTURES").unwrap_or_else(|| "../shared/pcaps".into());
    let file = root.join(named).join(name);
    if !file.is_file() {
        skip(&format!("no capture {}", file.display()));
        return None;
    }
    Some(file)
}

/// What tshark reads of the ARP packets of a capture: operation, source of the frame, the four addresses.
fn dissected(tshark: &Peer, file: &PathBuf, source: &str) -> Vec<Vec<String>> {
    let mut command = tshark.command();
    command.arg("-nr").arg(file);
    command.args(["-T", "fields", "-E", "occurrence=f"]);
    let fields = [
        "arp.opcode",
        source,
        "arp.src.hw_mac",
        "arp.src.proto_ipv4",
        "arp.dst.hw_mac",
        "arp.dst.proto_ipv4",
    ];
    for field in fields {
        command.args(["-e", field]);
    }
    let output = run(&mut command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let split = |line: &str| line.split('\t').map(String::from).collect();
    text.lines().map(split).collect()
}

/// Compares what `watch --all` reads of a capture with tshark's reading, frame by frame. How many are whole, and how many
/// not.
#[track_caller]
fn compare(name: &str, source: &str) -> Option<(usize, usize)> {
    let (file, tshark) = (capture(name)?, Peer::find("tshark")?);
    let mut command = Command::new(LLAMAR);
    command
        .args(["arp", "watch", "--all", "--json", "-p"])
        .arg(&file);
    let output = finish(command);
    assert_eq!(output.status.code(), Some(0));
    let told = told(&String::from_utf8(output.stdout).unwrap());
    let is_frame = |object: &&Value| object["event"] == "packet" || object["event"] == "damaged";
    let ours: Vec<&Value> = told.iter().filter(is_frame).collect();
    let theirs = dissected(&tshark, &file, source);
    assert_eq!(ours.len(), theirs.len());
    let (mut whole, mut damaged) = (0, 0);
    for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        if ours["event"] == "packet" {
            whole += 1;
            let keys = [
                "ether_source",
                "sender_mac",
                "sender_ip",
                "target_mac",
                "target_ip",
            ];
            let read: Vec<&str> = keys.iter().map(|key| ours[key].as_str().unwrap()).collect();
            assert_eq!(read, theirs[1..], "frame {}", number + 1);
            assert_eq!(ours["operation"].to_string(), theirs[0]);
        } else {
            damaged += 1;
            // It cannot read one of the sender's addresses either.
            assert!(theirs[2].is_empty() || theirs[3].is_empty(), "{theirs:?}");
        }
    }
    Some((whole, damaged))
}

#[test]
fn damaged_packets_of_a_real_network_are_read_as_tshark_reads_them() {
    let counts = or_skip!(compare("tcpdump__arp-oobr.pcap", "eth.src"));
    assert_eq!(counts, (2023, 259));
}

#[test]
fn packets_of_a_cooked_capture_are_read_as_tshark_reads_them() {
    let counts = or_skip!(compare("zeek__linuxsll-arp.pcap", "sll.src.eth"));
    assert_eq!(counts, (12, 0));
}

#[test]
fn a_capture_may_come_by_a_pipe_and_end_too_early() {
    let file = or_skip!(capture("zeek__linuxsll-arp.pcap"));
    let bytes = std::fs::read(file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.pcap");
    std::fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    // Not the list that may be installed.
    let list = folder.path().join("vendors");
    std::fs::write(&list, "010101\tNobody\n").unwrap();
    let (cut, list) = (cut.display(), list.display());
    let shell = format!("cat {cut} | {LLAMAR} arp watch --oui {list} -p -");
    let mut command = Command::new("sh");
    command.args(["-c", &shell]);
    let output = finish(command);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!(text, @r#"
    2020-07-01T17:55:38.922Z - new: 192.168.22.1 at cc:2d:e0:26:19:99
    2020-07-01T17:55:39.051Z - new: 10.1.10.100 at 00:50:56:8b:cf:fa
    2020-07-01T17:55:42.076Z - new: 192.168.22.81 at 00:50:56:8b:3f:0d
    "#);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("in the middle of packet 12"), "{said}");
}

#[test]
fn all_interfaces_are_listened_to_and_their_links_are_apart() {
    let net = or_skip!(Net::new());
    let (host, peer) = (net.namespace("host"), net.namespace("peer"));
    host.veth(("eth0", 1), &peer, ("eth0", 2));
    host.veth(("eth1", 3), &peer, ("eth1", 4));
    let mut live = watch(&host, "nd", &[]);
    live.wait_for_words(&["listening on eth0, eth1"]);
    for (interface, last) in [("eth0", 2_u8), ("eth1", 4)] {
        ask_link_local(&peer, interface, local_v6(last));
        let mac = format!("02:00:00:00:00:{last:02x}");
        let new = wait(&mut live, "new", local_v6(last));
        assert_eq!(
            (&new["interface"], &new["mac"]),
            (&interface.into(), &mac.into())
        );
    }
    ends_well(live, Signal::SIGINT);
}

fn ask_link_local(namespace: &Namespace, interface: &str, from: Ipv6Addr) {
    let index = namespace.index(interface);
    namespace.inside(|| {
        let own = std::net::SocketAddrV6::new(from, 0, 0, index);
        let socket = UdpSocket::bind(own).expect("an address of the host");
        let nobody = std::net::SocketAddrV6::new("fe80::77".parse().unwrap(), 9, 0, index);
        let _ = socket.send_to(b"?", nobody);
    });
}
