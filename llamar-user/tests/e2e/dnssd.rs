//! `llamar dnssd` and `llamar mdns query` on links where somebody says whatever it takes.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use llamar_common::testing::{A, AAAA};
use nix::sys::signal::Signal;
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::support::agent::{LLAMAR, finish, llamar};
use crate::support::lan::{Lan, v4};
use crate::support::mdns::{Heard, NSEC, PORT, Record, Somebody, Speech};
use crate::support::net::{Namespace, Net};
use crate::support::process::Process;
use crate::support::wait_for;

const META: &str = "_services._dns-sd._udp.local";
const HTTP: &str = "_http._tcp.local";
const WEB: &str = "Web._http._tcp.local";

/// A running `llamar dnssd --json`.
fn browse(namespace: &Namespace, arguments: &[&str]) -> Process {
    let mut command = namespace.service(LLAMAR);
    command.args(["dnssd", "--json"]).args(arguments);
    Process::start("llamar dnssd", command)
}

/// Waits for an event of something by its name, or of a type, on an interface.
#[track_caller]
fn wait(live: &mut Process, event: &str, what: &str, interface: &str) -> Value {
    live.wait_for_line(&format!("{event} of {what} on {interface}"), |line| {
        let object: Value = serde_json::from_str(line).ok()?;
        let is_it = object["name"] == what || object["name"].is_null() && object["type"] == what;
        (object["event"] == event && is_it && object["interface"] == interface).then_some(object)
    })
}

/// Waits until all questions were asked, in whatever messages; these.
#[track_caller]
fn asked(somebody: &Somebody, questions: &[&str]) -> Vec<Heard> {
    let mut left: Vec<&str> = questions.to_vec();
    let mut all = Vec::new();
    somebody.hear(&format!("questions {questions:?}"), |heard| {
        let asks: Vec<String> = heard.questions.iter().map(ToString::to_string).collect();
        left.retain(|question| !asks.iter().any(|asked| asked == question));
        all.push(heard);
        left.is_empty().then_some(())
    });
    all
}

fn everything(address: Ipv4Addr) -> Speech {
    Speech::response()
        .answer(&Record::pointer(HTTP, WEB))
        .additional(&Record::server(WEB, 80, "casa.local").flush())
        .additional(&Record::text(WEB, &["path=/"]).flush())
        .additional(&Record::address("casa.local", address).flush())
}

// RFC 6763 4, 5, 9, 12, RFC 6762 5.2, 18: B3, B6, B7, A2, A10, A38. Nothing is told that was not asked for.
#[test]
fn types_instances_and_hosts_are_asked_for_one_after_the_other() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let mut live = browse(lan.host(1), &["-4"]);
    let say = |record: &Record| somebody.say(v4(2), &Speech::telling(record));
    asked(&somebody, &["_services._dns-sd._udp.local PTR"]);
    say(&Record::pointer(META, HTTP));
    asked(&somebody, &["_http._tcp.local PTR"]);
    wait(&mut live, "add", "_http._tcp", "eth0");
    say(&Record::pointer(HTTP, WEB));
    asked(
        &somebody,
        &["Web._http._tcp.local SRV", "Web._http._tcp.local TXT"],
    );
    wait(&mut live, "add", "Web", "eth0");
    say(&Record::server(WEB, 80, "casa.local").flush());
    say(&Record::text(WEB, &["path=/"]).flush());
    let heard = asked(&somebody, &["casa.local A", "casa.local AAAA"]);
    for message in &heard {
        let is_query = message.flags == 0 && message.id == 0 && message.ttl == 255;
        // RFC 6762 15.1: what is sent to the host is its responder's, and so nothing is wanted by unicast.
        let is_multicast = message.questions.iter().all(|asked| !asked.unicast);
        assert!(
            is_query && is_multicast && message.source.port() == PORT,
            "{message}"
        );
    }
    say(&Record::address("casa.local", v4(2)).flush());
    let found = wait(&mut live, "resolve", "Web", "eth0");
    assert_eq!(
        (&found["host"], &found["port"], &found["addresses"][0]),
        (&"casa.local".into(), &80.into(), &"10.7.0.2".into()),
        "{found}"
    );
    say(&Record::pointer(HTTP, WEB).ttl(0));
    wait(&mut live, "remove", "Web", "eth0");
    live.signal(Signal::SIGINT);
    assert_eq!(live.wait().code(), Some(0));
}

// RFC 6763 F, RFC 6762 10.3: B16, A39
#[test]
fn services_of_several_interfaces_are_kept_apart_and_go_with_them() {
    let net = or_skip!(Net::new());
    let lan = Lan::new_in(&net, 2);
    let far = net.namespace("far");
    let host = lan.host(1);
    host.veth(("eth1", 0x21), &far, ("eth0", 0x22));
    host.ip("address add 10.8.0.1/24 dev eth1");
    host.wait_for_carrier("eth1");
    let (near, far) = (
        Somebody::new(lan.host(2), "eth0"),
        Somebody::new(&far, "eth0"),
    );
    let mut live = browse(host, &["_http._tcp"]);
    asked(&near, &["_http._tcp.local PTR"]);
    asked(&far, &["_http._tcp.local PTR"]);
    let there = Ipv4Addr::new(10, 8, 0, 2);
    near.say(v4(2), &everything(v4(2)));
    far.say(there, &everything(there));
    for (interface, address) in [("eth0", "10.7.0.2"), ("eth1", "10.8.0.2")] {
        let found = wait(&mut live, "resolve", "Web", interface);
        assert_eq!(found["addresses"], serde_json::json!([address]), "{found}");
    }
    host.ip("link del eth1");
    wait(&mut live, "remove", "Web", "eth1");
    live.signal(Signal::SIGINT);
    assert_eq!(live.wait().code(), Some(0));
    let said = live.said();
    let removed = said
        .lines()
        .filter(|line| line.contains(r#""event":"remove""#));
    assert_eq!(removed.count(), 1, "{said}");
}

// RFC 6762 6.1: A45, A16
#[test]
fn name_that_has_no_such_record_is_told_from_one_that_nobody_has() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let mut command = lan.host(1).service(LLAMAR);
    command.args(["mdns", "query", "casa", "-t", "AAAA"]);
    let mut query = Process::start("llamar mdns query", command);
    asked(&somebody, &["casa.local AAAA"]);
    // The next name, and a bitmap of A only.
    let bitmap = [b"\x04casa\x05local\0".as_slice(), &[0, 1, 0x40]].concat();
    let denial = Record::new("casa.local", NSEC, 120, bitmap).flush();
    somebody.say(v4(2), &Speech::telling(&denial));
    assert_eq!(query.wait().code(), Some(1));
    assert_eq!(
        query.said(),
        "llamar: casa exists but has no AAAA record: so says 10.7.0.2 on eth0\n"
    );
    let nobody = llamar(
        lan.host(1),
        &["mdns", "query", "nobody", "--timeout", "0.3"],
        None,
    );
    assert_eq!(
        (
            nobody.status.code(),
            String::from_utf8(nobody.stderr).unwrap()
        ),
        (
            Some(1),
            "llamar: no response for nobody (A, AAAA); asked on eth0\n".into()
        )
    );
}

// RFC 6762 5.1, 6.7: A2, A20
#[test]
fn one_may_ask_as_one_asks_a_dns_server() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let mut command = lan.host(1).service(LLAMAR);
    command.args(["mdns", "query", "-4", "--legacy", "casa", "-t", "A"]);
    let mut query = Process::start("llamar mdns query --legacy", command);
    let heard = asked(&somebody, &["casa.local A"]).pop().unwrap();
    assert!(
        heard.source.port() != PORT && heard.is_multicast(),
        "{heard}"
    );
    let answer = |id: u16, name: &str| {
        let record = Record::address("casa.local", v4(2)).ttl(10);
        Speech::response().id(id).question(name, A).answer(&record)
    };
    // Neither another's answer nor one to another question, nor from another port.
    let tell = |port: u16, speech: &Speech| {
        let frame = Somebody::frame(v4(2), speech)
            .port(port)
            .to(heard.source.ip())
            .to_mac(heard.source_mac)
            .to_port(heard.source.port());
        somebody.wire().send(&frame.build());
    };
    let wrong = Record::address("casa.local", Ipv4Addr::new(10, 7, 0, 66));
    tell(
        PORT,
        &answer(heard.id.wrapping_add(1), "casa.local").answer(&wrong),
    );
    tell(PORT, &answer(heard.id, "nas.local").answer(&wrong));
    tell(4000, &answer(heard.id, "casa.local").answer(&wrong));
    tell(PORT, &answer(heard.id, "casa.local"));
    assert_eq!(query.wait().code(), Some(0));
    assert_eq!(query.said(), "A: 10.7.0.2\n");
}

/// A socket at mDNS's port, with everybody else's leave or without.
fn port(namespace: &Namespace, shared: bool) -> UdpSocket {
    namespace.inside(|| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        socket.set_reuse_address(shared).unwrap();
        let address = std::net::SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
        socket.bind(&address.into()).unwrap();
        UdpSocket::from(socket)
    })
}

// RFC 6762 15.1: A34
#[test]
fn what_is_sent_to_the_host_stays_with_its_responder() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let responder = port(lan.host(1), true);
    responder
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut live = browse(lan.host(1), &["_http._tcp"]);
    asked(&somebody, &["_http._tcp.local PTR"]);
    somebody.tell(v4(2), v4(1), &Speech::asking("casa.local", AAAA));
    let mut buffer = [0; 512];
    // What we multicast comes there too, for our host hears what the others do.
    while responder.recv_from(&mut buffer).unwrap().1 != (v4(2), PORT).into() {}
    live.signal(Signal::SIGINT);
    assert_eq!(live.wait().code(), Some(1));
}

// RFC 6762 15.1: A34
#[test]
fn port_that_another_program_does_not_share_is_told_with_its_holder() {
    let lan = or_skip!(Lan::new(2));
    let _held = port(lan.host(1), false);
    let output = llamar(lan.host(1), &["dnssd", "--once"], None);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let me = std::process::id().to_string();
    assert!(
        said.contains("eth0") && said.contains("5353") && said.contains(&me),
        "{said}"
    );
}

#[test]
fn that_nothing_was_found_is_said() {
    let lan = or_skip!(Lan::new(1));
    let output = llamar(lan.host(1), &["dnssd", "--once"], None);
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(1), &b""[..])
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "llamar: no services found\n");
}

#[test]
fn anybody_may_ask() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let mut command = lan.host(1).command("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.args([LLAMAR, "mdns", "query", "casa", "-t", "A"]);
    let mut query = Process::start("llamar mdns query", command);
    asked(&somebody, &["casa.local A"]);
    let answer = Record::address("casa.local", v4(2)).flush();
    somebody.say(v4(2), &Speech::telling(&answer));
    assert_eq!(query.wait().code(), Some(0));
    assert_eq!(query.said(), "A: 10.7.0.2\n");
}

#[test]
fn it_ends_when_nobody_reads_although_nothing_comes() {
    let lan = or_skip!(Lan::new(1));
    let mut command = lan.host(1).service(LLAMAR);
    command.arg("dnssd").stdin(Stdio::null());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let status = wait_for("the end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
}

#[test]
fn interface_that_cannot_be_asked_on_is_named() {
    let lan = or_skip!(Lan::new(1));
    let host = lan.host(1);
    host.ip("link add bare type veth peer name end");
    host.ip("link set bare up");
    host.ip("link set end up");
    host.wait_for_carrier("bare");
    host.ip("address flush dev bare");
    host.ip("link add idle type veth peer name other");
    for (interface, said) in [
        ("idle", "idle: down, or without a carrier"),
        ("lo", "lo: "),
        ("bare", "bare: no usable IPv4 or IPv6 address"),
    ] {
        for command in [
            &["dnssd", "-i", interface][..],
            &["mdns", "query", "x", "-i", interface],
        ] {
            let mut process = host.service(LLAMAR);
            process.args(command);
            let output = finish(process);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            assert!(stderr.contains(said), "{stderr}");
        }
    }
}
