//! `llamar dnssd` over captures, and how both it and `llamar mdns query` refuse what they cannot do.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use etherparse::{PacketBuilder, VlanId};
use llamar_user::dns::{Compression, Message, Name, Question, Rdata, Record, Srv, Txt, kind};

const LLAMAR: &str = env!("CARGO_BIN_EXE_llamar");
/// When the first frame was captured: 2023-11-14.
const BEGIN: u32 = 1_700_000_000;
const WEB: &str = r"Web\032on\032casa._http._tcp.local";
const HTTP: &str = "_http._tcp.local";

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn record(owner: &str, ttl: u32, data: Rdata) -> Record {
    Record::new(name(owner), ttl, data).unwrap()
}

/// The same with the cache-flush bit.
fn unique(owner: &str, ttl: u32, data: Rdata) -> Record {
    let record = record(owner, ttl, data);
    Record {
        class: record.class | kind::CLASS_TOP,
        ..record
    }
}

fn ptr(owner: &str, ttl: u32, target: &str) -> Record {
    record(owner, ttl, Rdata::Ptr(name(target)))
}

fn txt(strings: &[&str]) -> Rdata {
    Rdata::Txt(Txt::new(strings.iter().map(|string| string.as_bytes())).unwrap())
}

fn srv(port: u16) -> Rdata {
    Rdata::Srv(Srv {
        priority: 0,
        weight: 0,
        port,
        target: name("casa.local"),
    })
}

fn a(address: [u8; 4]) -> Rdata {
    Rdata::A(address.into())
}

/// Everything about a service.
fn web() -> Vec<Record> {
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
    vec![
        ptr(HTTP, 4500, WEB),
        unique(WEB, 120, srv(80)),
        unique(WEB, 4500, txt(&["path=/", "flag"])),
        unique("casa.local", 120, a([192, 0, 2, 7])),
        unique("casa.local", 120, Rdata::Aaaa(link_local)),
    ]
}

/// A pcap file of Ethernet frames in the making.
struct Pcap(Vec<u8>);

impl Pcap {
    fn new() -> Self {
        let header = [0xa1b2_c3d4_u32, 2 | 4 << 16, 0, 0, 65_535, 1];
        Self(header.into_iter().flat_map(u32::to_le_bytes).collect())
    }

    /// Adds a response that was multicast so many seconds after the beginning, in a VLAN or none.
    fn response(&mut self, seconds: u32, vlan: Option<u16>, answers: Vec<Record>) -> &mut Self {
        let message = Message {
            flags: 0x8400,
            answers,
            ..Message::default()
        };
        self.message(seconds, vlan, &message)
    }

    fn message(&mut self, seconds: u32, vlan: Option<u16>, message: &Message) -> &mut Self {
        let payload = message.write(Compression::Multicast).unwrap();
        let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 7], [1, 0, 0x5e, 0, 0, 0xfb]);
        let (from, to) = ([192, 0, 2, 7], [224, 0, 0, 251]);
        let ip = match vlan {
            Some(id) => link
                .single_vlan(VlanId::try_new(id).unwrap())
                .ipv4(from, to, 255),
            None => link.ipv4(from, to, 255),
        };
        let mut frame = Vec::new();
        ip.udp(5353, 5353).write(&mut frame, &payload).unwrap();
        let length = u32::try_from(frame.len()).unwrap();
        let header = [BEGIN + seconds, 250_000, length, length];
        self.0.extend(header.into_iter().flat_map(u32::to_le_bytes));
        self.0.extend(frame);
        self
    }

    fn file(&self) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&self.0).unwrap();
        file
    }
}

/// The life of a service: it comes, says something else of itself, and goes; another is in a VLAN.
fn life() -> Pcap {
    let mut pcap = Pcap::new();
    let other = "Other._ipp._tcp.local";
    pcap.response(0, None, web())
        .response(1, Some(5), vec![ptr("_ipp._tcp.local", 4500, other)])
        .response(10, None, vec![unique(WEB, 4500, txt(&["path=/new"]))])
        .response(20, None, vec![ptr(HTTP, 0, WEB)])
        .response(
            30,
            None,
            vec![ptr("7.2.0.192.in-addr.arpa", 120, "casa.local")],
        );
    pcap
}

fn llamar(args: &[&str]) -> Output {
    let mut command = Command::new(LLAMAR);
    command.args(args).stdin(Stdio::null());
    command.output().unwrap()
}

fn dnssd(path: &Path, args: &[&str]) -> Output {
    let path = path.to_str().unwrap();
    llamar(&[&["dnssd", "-p", path], args].concat())
}

/// What is printed, by a command that ends well.
fn shown(pcap: &Pcap, args: &[&str]) -> String {
    let output = dnssd(pcap.file().path(), args);
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    assert!(said.is_empty() && output.status.success(), "{said}");
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn capture_is_told_line_by_line_as_it_was_heard() {
    insta::assert_snapshot!(shown(&life(), &[]), @r#"
    + -      IPv4 192.0.2.7       _http._tcp             local Web\032on\032casa
    = -      IPv4 192.0.2.7       _http._tcp             local Web\032on\032casa casa.local 80 192.0.2.7,fe80::7 "path=/" "flag"
    + vlan5  IPv4 192.0.2.7       _ipp._tcp              local Other
    ~ -      IPv4 192.0.2.7       _http._tcp             local Web\032on\032casa casa.local 80 192.0.2.7,fe80::7 "path=/new"
    - -      IPv4 192.0.2.7       _http._tcp             local Web\032on\032casa
    "#);
}

// RFC 6762 10.1, 10.2: A29, A31. A goodbye and a flush take a second; the change is told when both records are not there.
#[test]
fn events_of_a_capture_have_the_capture_s_time() {
    let lines = shown(&life(), &["--json"]);
    let events = lines.lines().map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let time = event["time"].as_f64().unwrap() - f64::from(BEGIN);
        let at = event["vlan"].as_u64().unwrap_or_default();
        format!("{time:.2} {at} {} {}", event["event"], event["name"])
    });
    let events: Vec<String> = events.collect();
    let expected = [
        r#"0.25 0 "add" "Web on casa""#,
        r#"0.25 0 "resolve" "Web on casa""#,
        r#"1.25 5 "add" "Other""#,
        r#"11.45 0 "update" "Web on casa""#,
        r#"21.25 0 "remove" "Web on casa""#,
    ];
    assert_eq!(events, expected);
}

// RFC 6762 5.2: A55
#[test]
fn record_whose_time_is_over_is_gone_when_it_is_over() {
    let mut pcap = Pcap::new();
    pcap.response(0, None, vec![ptr(HTTP, 10, WEB)]).response(
        100,
        None,
        vec![ptr("7.2.0.192.in-addr.arpa", 120, "casa.local")],
    );
    let lines = shown(&pcap, &["--json"]);
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last["event"].as_str(), last["time"].as_f64()),
        (Some("remove"), Some(f64::from(BEGIN) + 10.25))
    );
}

#[test]
fn capture_is_shown_in_all_formats() {
    let shown = |format| shown(&life(), &["--format", format]);
    insta::assert_snapshot!(shown("parsable"), @r#"
    +;n/a;IPv4;Web\032on\032casa;_http._tcp;local
    +;n/a;IPv6;Web\032on\032casa;_http._tcp;local
    =;n/a;IPv6;Web\032on\032casa;_http._tcp;local;casa.local;fe80::7;80;"flag" "path=/"
    =;n/a;IPv4;Web\032on\032casa;_http._tcp;local;casa.local;192.0.2.7;80;"flag" "path=/"
    +;vlan5;IPv4;Other;_ipp._tcp;local
    =;n/a;IPv6;Web\032on\032casa;_http._tcp;local;casa.local;fe80::7;80;"path=/new"
    =;n/a;IPv4;Web\032on\032casa;_http._tcp;local;casa.local;192.0.2.7;80;"path=/new"
    -;n/a;IPv6;Web\032on\032casa;_http._tcp;local
    -;n/a;IPv4;Web\032on\032casa;_http._tcp;local
    "#);
    insta::assert_snapshot!(shown("table"), @r"
    interface  type       name   host  port  addresses  txt
    vlan5      _ipp._tcp  Other
    ");
    let lines = shown("snabb");
    let (first, rest) = lines.split_once('\n').unwrap();
    assert!(first.starts_with("Reading from file: /"), "{first}");
    insta::assert_snapshot!(rest, @r"
    PTR: (name: _http._tcp.local; domain-name: Web on casa._http._tcp.local)
    SRV: (target: casa.local)
    TXT: (path=/;flag;)
    Address: 192.0.2.7
    Address: fe80::7
    PTR: (name: _ipp._tcp.local; domain-name: Other._ipp._tcp.local)
    TXT: (path=/new;)
    PTR: (name: _http._tcp.local; domain-name: Web on casa._http._tcp.local)
    PTR: (name: 7.2.0.192.in-addr.arpa; domain-name: casa.local)
    ");
}

#[test]
fn scope_narrows_what_is_shown() {
    let all = [
        (&["_ipp._tcp"][..], "Other"),
        (&["--type", "_http._tcp"], r"Web\032on\032casa"),
        (&["Other._ipp._tcp.local"], ""),
        (&["7.2.0.192.in-addr.arpa"], "casa.local"),
        (
            &["--no-resolve", "-t", "_http._tcp.local"],
            r"Web\032on\032casa",
        ),
    ];
    for (args, found) in all {
        let output = dnssd(life().file().path(), args);
        let out = text(&output.stdout);
        let heads = out.lines().filter(|line| line.starts_with('+'));
        let found_names: Vec<&str> = heads
            .filter_map(|line| line.split_whitespace().nth(6))
            .collect();
        let expected: Vec<&str> = [found]
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect();
        assert_eq!(found_names, expected, "{args:?}");
        assert_eq!(output.status.code(), Some(i32::from(found.is_empty())));
        assert!(!args.contains(&"--no-resolve") || !out.contains('='));
    }
}

#[test]
fn positional_file_and_standard_input_are_captures_too() {
    let file = life().file();
    let path = file.path().to_str().unwrap();
    let expected = shown(&life(), &[]);
    assert_eq!(text(&llamar(&["dnssd", path]).stdout), expected);
    let mut command = Command::new(LLAMAR);
    let input = fs::File::open(file.path()).unwrap();
    let output = command.args(["dnssd", "-"]).stdin(input).output().unwrap();
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn breaches_are_named_by_sender() {
    let mut pcap = Pcap::new();
    // The flush bit on a shared record, and an SRV record without a TXT record.
    pcap.response(
        0,
        None,
        vec![
            unique(HTTP, 4500, Rdata::Ptr(name(WEB))),
            ptr(HTTP, 4500, WEB),
        ],
    );
    let lines = shown(&pcap, &["--lint"]);
    assert!(
        lines.lines().all(|line| line.starts_with("- 192.0.2.7 ")) && lines.contains(" B11 "),
        "{lines}"
    );
    let table = shown(&pcap, &["--lint", "--format", "table"]);
    assert!(
        table.starts_with("192.0.2.7 (02:00:00:00:00:07) on -\n"),
        "{table}"
    );
    for line in shown(&pcap, &["--lint", "--json"]).lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["mac"], "02:00:00:00:00:07");
        assert!(row["count"].as_u64() > Some(0) && row["rule"].is_string());
    }
    let clean = dnssd(
        Pcap::new().response(0, None, web()).file().path(),
        &["--lint"],
    );
    assert_eq!(
        (text(&clean.stdout), clean.status.code()),
        (String::new(), Some(1))
    );
    assert_eq!(
        text(&clean.stderr),
        "llamar: no breach found; messages of mDNS: 1\n"
    );
}

#[test]
fn capture_without_a_service_says_what_is_in_it_and_ends_with_1() {
    let query = Message {
        questions: vec![Question {
            name: name(HTTP),
            kind: kind::PTR,
            class: kind::IN,
        }],
        ..Message::default()
    };
    let output = dnssd(Pcap::new().message(0, None, &query).file().path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "llamar: nothing found; messages of mDNS: 1, responses among them: 0\n"
    );
}

// RFC 6762 6, 18.3, 18.11: A10, A14
#[test]
fn what_is_no_response_of_mdns_is_not_believed() {
    let mut pcap = Pcap::new();
    for flags in [0x0000, 0x8403, 0xa400] {
        let message = Message {
            flags,
            answers: web(),
            ..Message::default()
        };
        pcap.message(0, None, &message);
    }
    let output = dnssd(pcap.file().path(), &[]);
    assert_eq!(
        (text(&output.stdout), output.status.code()),
        (String::new(), Some(1))
    );
}

#[test]
fn damaged_capture_shows_what_comes_before_the_damage_and_fails() {
    let mut pcap = life();
    pcap.0.extend([1, 2, 3]);
    let output = dnssd(pcap.file().path(), &[]);
    assert_eq!(text(&output.stdout), shown(&life(), &[]));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("llamar: error: "));
}

#[test]
fn nobody_reading_any_more_is_no_failure() {
    let file = life().file();
    let mut command = Command::new(LLAMAR);
    command.args(["dnssd", "-p"]).arg(file.path());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (text(&output.stderr), output.status.code()),
        (String::new(), Some(0))
    );
}

#[test]
fn what_cannot_be_done_is_refused_with_2() {
    let no_capture = tempfile::NamedTempFile::new().unwrap();
    fs::write(no_capture.path(), "this is no capture").unwrap();
    let no_capture = no_capture.path().to_str().unwrap();
    for (args, said) in [
        (&["dnssd", "-p", "/nowhere/at.all"][..], "/nowhere/at.all"),
        (&["dnssd", "-p", no_capture], "neither pcap nor pcapng"),
        (&["dnssd", "-i", "nowhere0"], "nowhere0: no such interface"),
        (&["dnssd", "-i", "lo"], "lo: "),
        (
            &["dnssd", "nowhere0", HTTP],
            "nowhere0: no such file or interface",
        ),
        (&["dnssd", "a..b"], "empty label"),
        (
            &["dnssd", "_http._tcp.example.com"],
            "not a name of the link",
        ),
        (&["dnssd", "--type", "http"], "_http._tcp"),
        (&["dnssd", "--all", "casa"], "--all"),
        (&["dnssd", "--json", "--parsable"], "--parsable"),
        (&["dnssd", "--lint", "--parsable"], "--lint"),
        (&["dnssd", "-p", "-", "--once"], "--once"),
        (&["dnssd", "--timeout", "0"], "0"),
        (&["mdns", "query", "a..b"], "empty label"),
        (
            &["mdns", "query", "casa", "-t", "NOTHING"],
            "no type of record",
        ),
        (
            &["mdns", "query", "casa", "-i", "nowhere0"],
            "nowhere0: no such interface",
        ),
        (
            &["mdns", "query", "--legacy", "casa", "-i", "nowhere0"],
            "nowhere0: no such interface",
        ),
        (&["mdns", "query", "casa", "-i", "lo"], "lo: "),
        (&["mdns", "query", "example.com"], "--global"),
        (&["mdns", "query", "10.0.0.1%eth0"], "IPv4"),
        (&["mdns"], "Usage"),
    ] {
        let output = llamar(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(
            stderr.contains(said) && output.stdout.is_empty(),
            "{args:?}: {stderr}"
        );
    }
}

// The first wish of the tutorial (seed 001): to find the Chromecast.
#[test]
fn chromecast_of_the_tutorial_is_found_with_its_name_model_and_address() {
    let captures = std::env::var_os("LLAMAR_CAPTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps"),
        Into::into,
    );
    let file = captures.join("snabb__chromecast-response.pcap");
    if !file.exists() {
        let required = std::env::var_os("LLAMAR_TESTS").is_some_and(|value| value == "require");
        assert!(!required, "{} is not there", file.display());
        println!("skipped: no captures");
        return;
    }
    let output = dnssd(&file, &["--json", "_googlecast._tcp"]);
    let lines = text(&output.stdout);
    let found: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let address: IpAddr = found["addresses"][0].as_str().unwrap().parse().unwrap();
    assert_eq!(address, Ipv4Addr::new(192, 168, 86, 64));
    assert_eq!(
        (
            &found["txt"][0]["fn"],
            &found["txt"][0]["md"],
            &found["port"]
        ),
        (&"Kibble".into(), &"Chromecast".into(), &8009.into())
    );
}
