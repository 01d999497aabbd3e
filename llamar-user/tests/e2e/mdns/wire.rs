//! What goes over the wire: our messages from the first probe to the goodbye, and the answers to every kind of question.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::testing::{A, AAAA};

use super::{CONFIG, announced, start};
use crate::support::agent::{TRIES, config_file};
use crate::support::lan::{Lan, v4, v6};
use crate::support::mdns::{
    ANY, Asked, Heard, PORT, PTR, RESPONSE, Record, SRV, Somebody, Speech, TRUNCATED, TXT,
};
use crate::support::peers::Peer;
use crate::support::tshark::{dissect, fields};
use crate::support::{wait_for, wait_until};

/// What `Web on casa` is called.
const WEB: &str = "Web on casa._http._tcp.local";

/// Asserts what holds of all messages of ours that nobody asked for as a legacy asker does.
#[track_caller]
fn assert_in_order(heard: &Heard) {
    // RFC 6762 11: TTL 255. RFC 6762 6, 18.1: from port 5353, id 0.
    assert_eq!(
        (heard.ttl, heard.source.port(), heard.id),
        (255, PORT, 0),
        "{heard}"
    );
    assert_eq!(heard.destination.port(), PORT, "{heard}");
    // RFC 6762 18: QR, and AA of a response, and no other flag.
    let flags = if heard.is_response() { RESPONSE } else { 0 };
    assert_eq!(heard.flags, flags, "{heard}");
    // RFC 6762 6: no questions in responses.
    assert!(
        !heard.is_response() || heard.questions.is_empty(),
        "{heard}"
    );
    for told in heard.records() {
        // RFC 6762 10.2: the flush bit is for unique records, in responses.
        let shared = told.kind == PTR && !told.name.ends_with(".arpa");
        assert_eq!(
            told.flush,
            heard.is_response() && !shared,
            "{told} in {heard}"
        );
    }
}

/// Asserts that tshark reads the messages as they were read here, and finds nothing wrong with them.
#[track_caller]
fn assert_read_alike(tshark: &Peer, all: &[Heard]) {
    const FIELDS: &[&str] = &[
        "ip.ttl",
        "ipv6.hlim",
        "udp.srcport",
        "dns.id",
        "dns.flags",
        "dns.count.queries",
        "dns.count.answers",
        "dns.count.auth_rr",
        "dns.count.add_rr",
        "dns.resp.cache_flush",
        "dns.qry.qu",
    ];
    let frames: Vec<_> = all.iter().map(|heard| heard.frame.clone()).collect();
    for dissection in dissect(tshark, &frames) {
        assert!(
            ["MDNS", "DNS"].contains(&&dissection.protocol[..]),
            "{dissection:?}"
        );
    }
    for (heard, read) in all.iter().zip(fields(tshark, &frames, FIELDS)) {
        let [ttl, hops, port, id, flags, counts @ .., flush, unicast] = &read[..] else {
            panic!("{read:?}");
        };
        let ttl = if ttl.is_empty() { hops } else { ttl };
        assert_eq!(
            (ttl, port),
            (&heard.ttl.to_string(), &heard.source.port().to_string()),
            "{heard}"
        );
        let flags = (id.clone(), flags.clone());
        assert_eq!(
            flags,
            (
                format!("0x{:04x}", heard.id),
                format!("0x{:04x}", heard.flags)
            ),
            "{heard}"
        );
        let counted = [
            heard.questions.len(),
            heard.answers.len(),
            heard.authority.len(),
            heard.additional.len(),
        ];
        assert_eq!(counts, counted.map(|count| count.to_string()), "{heard}");
        let bits = |text: &str| {
            let words = text.split(',').filter(|word| !word.is_empty());
            words
                .map(|word| ["1", "True"].contains(&word))
                .collect::<Vec<_>>()
        };
        let flushed: Vec<_> = heard.records().map(|told| told.flush).collect();
        assert_eq!(bits(flush), flushed, "{heard}");
        let asked: Vec<_> = heard.questions.iter().map(|asked| asked.unicast).collect();
        assert_eq!(bits(unicast), asked, "{heard}");
    }
}

// RFC 6762 5.4, 8.1, 8.2, 8.3, 10, 10.1, 10.2, 11, 17, 18: A6, A10, A14, A24, A27, A29, A30, A31, A33, A36, A38; RFC 6763: B11, B17
#[test]
fn from_the_first_probe_to_the_goodbye_every_message_is_in_order() {
    let tshark = or_skip!(Peer::find("tshark"));
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let agent = start(lan.host(1), &config_file(CONFIG), &[]);
    let mut all = Vec::new();
    // Both announcements of what is announced last, on both families.
    let mut told = [0, 0];
    somebody.hear("two announcements by each family", |heard| {
        if heard.tells(&format!(r#"{WEB} TXT 4500 flush "path=/" "flag" "empty=""#)) {
            told[usize::from(heard.source.is_ipv6())] += 1;
        }
        all.push(heard);
        told.iter().all(|&count| count >= 2).then_some(())
    });
    let goodbyes = all.len();
    let (status, said) = agent.terminate();
    assert!(status.success(), "{status:?}: {said}");
    somebody.hear("the goodbyes", |heard| {
        let last =
            heard.tells(&format!("{WEB} SRV 0 flush 0 0 80 casa.local")) && heard.source.is_ipv6();
        all.push(heard);
        last.then_some(())
    });
    all.extend(somebody.heard());
    all.iter().for_each(assert_in_order);
    assert!(all.iter().all(Heard::is_multicast));
    assert!(all.iter().all(|heard| heard.frame.len() <= 1514));
    assert_read_alike(&tshark, &all);

    let (begun, ended) = all.split_at(goodbyes);
    for v6 in [false, true] {
        let by = |heard: &&Heard| heard.source.is_ipv6() == v6;
        let begun: Vec<_> = begun.iter().filter(by).collect();
        for (name, first) in [
            ("casa.local", "casa.local A 120 flush 10.7.0.1"),
            ("ñandú.local", "ñandú.local A 120 flush 10.7.0.1"),
            ("nas.local", "nas.local A 120 flush 10.7.0.50"),
            (
                WEB,
                r#"Web on casa._http._tcp.local SRV 120 flush 0 0 80 casa.local"#,
            ),
        ] {
            let announced = begun.iter().position(|heard| heard.tells(first));
            let announced = announced.unwrap_or_else(|| panic!("{first} by IPv6 {v6}"));
            let probes: Vec<_> = begun[..announced]
                .iter()
                .filter(|heard| heard.probes(name))
                .collect();
            assert_eq!(probes.len(), 3, "probes for {name} by IPv6 {v6}: {begun:?}");
            assert!(
                begun[announced..].iter().all(|heard| !heard.probes(name)),
                "{name}"
            );
            for probe in probes {
                let question = Asked {
                    name: name.to_owned(),
                    kind: ANY,
                    unicast: true,
                };
                assert!(probe.questions.contains(&question), "{probe}");
                let own = probe.authority.iter().filter(|told| told.name == name);
                let kinds: Vec<_> = own.map(|told| told.kind).collect();
                let wanted: &[u16] = match name {
                    WEB => &[TXT, SRV],
                    "nas.local" => &[A],
                    // IPv6 addresses: the routable and the link-local one.
                    _ => &[A, AAAA, AAAA],
                };
                let sorted = |mut kinds: Vec<u16>| {
                    kinds.sort_unstable();
                    kinds
                };
                assert_eq!(sorted(kinds), wanted, "all that is proposed: {probe}");
            }
            let count = begun.iter().filter(|heard| heard.tells(first)).count();
            assert!(count >= 2, "{count} announcements of {first} by IPv6 {v6}");
        }
        for shared in [
            "_http._tcp.local PTR 4500 Web on casa._http._tcp.local",
            "_printer._sub._http._tcp.local PTR 4500 Web on casa._http._tcp.local",
            "_services._dns-sd._udp.local PTR 4500 _http._tcp.local",
            r"_ssh._tcp.local PTR 4500 Dr\. Who's; Büro._ssh._tcp.local",
            "1.0.7.10.in-addr.arpa PTR 120 flush casa.local",
        ] {
            assert!(
                begun.iter().any(|heard| heard.tells(shared)),
                "{shared} by IPv6 {v6}"
            );
        }
        let ended: Vec<_> = ended.iter().filter(by).flat_map(Heard::records).collect();
        for (name, kind, data) in [
            ("casa.local", A, "10.7.0.1"),
            ("casa.local", AAAA, "fd07::1"),
            ("ñandú.local", A, "10.7.0.1"),
            (WEB, TXT, r#""path=/" "flag" "empty=""#),
            ("_http._tcp.local", PTR, WEB),
            ("_printer._sub._http._tcp.local", PTR, WEB),
            ("_services._dns-sd._udp.local", PTR, "_ssh._tcp.local"),
        ] {
            let gone = ended.iter().any(|told| {
                (&told.name[..], told.kind, told.ttl, &told.data[..]) == (name, kind, 0, data)
            });
            assert!(gone, "goodbye of {name} {kind} by IPv6 {v6}: {ended:?}");
        }
        assert!(ended.iter().all(|told| told.ttl == 0), "{ended:?}");
    }
}

/// Asks until a record is heard: a record is not told to everybody twice within a second, so it may take a while.
#[track_caller]
fn ask_until(somebody: &Somebody, from: IpAddr, question: &Speech, record: &str) -> Heard {
    wait_for(&format!("{record} for {question:?}"), || {
        somebody.say(from, question);
        let end = Instant::now() + Duration::from_secs(2);
        let waits =
            std::iter::repeat_with(|| somebody.heard()).take_while(|_| Instant::now() < end);
        waits.flatten().find(|heard| heard.tells(record))
    })
}

/// Lets more than a second go by in which a record is not told: after that it may be told again (RFC 6762 6).
fn rest(somebody: &Somebody, record: &str) {
    wait_until(&format!("a second without {record}"), || {
        std::thread::sleep(Duration::from_millis(1050));
        !somebody.heard().iter().any(|heard| heard.tells(record))
    });
}

/// Says things one right behind the other; whether it could: this test may be kept waiting in between.
fn said_at_once(somebody: &Somebody, speeches: &[Speech]) -> bool {
    let begun = Instant::now();
    for speech in speeches {
        somebody.say(v4(2), speech);
    }
    begun.elapsed() < Duration::from_millis(200)
}

// RFC 6762 5.3, 5.4, 6, 6.1, 6.2, 6.5, 18: A5, A6, A8, A10, A11, A16, A17, A18, A37, A38; RFC 6763 9, 12: B6, B7, B11
#[test]
fn every_kind_of_question_is_answered_over_both_families() {
    let tshark = or_skip!(Peer::find("tshark"));
    let lan = or_skip!(Lan::new(2));
    let (_agent, somebody) = announced(&lan);
    let casa = "casa.local A 120 flush 10.7.0.1";
    let (global, local) = (
        "casa.local AAAA 120 flush fd07::1",
        "casa.local AAAA 120 flush fe80::ff:fe00:1",
    );
    let srv = "Web on casa._http._tcp.local SRV 120 flush 0 0 80 casa.local";
    let txt = r#"Web on casa._http._tcp.local TXT 4500 flush "path=/" "flag" "empty=""#;
    let pointer = "_http._tcp.local PTR 4500 Web on casa._http._tcp.local";
    let mut all = Vec::new();
    for from in [IpAddr::from(v4(2)), v6(2).into()] {
        // By multicast, whatever is in the id and in flags that mean nothing in a query.
        let strange = Speech::asking("nas.local", A).id(0x4321).flags(0x05b0);
        for (question, record) in [
            (Speech::asking("CASA.Local", AAAA), global),
            (Speech::asking("_http._tcp.local", PTR), pointer),
            (strange, "nas.local A 120 flush 10.7.0.50"),
            (
                Speech::asking("casa.local", TXT),
                "casa.local NSEC 120 flush casa.local A AAAA",
            ),
        ] {
            let heard = ask_until(&somebody, from, &question, record);
            assert_in_order(&heard);
            assert!(heard.is_multicast(), "{heard}");
            all.push(heard);
        }
        // RFC 6762 5.4: what was told to everybody not long ago is told by unicast to who wants that.
        let meta = "_services._dns-sd._udp.local";
        let [http, ssh] =
            ["_http", "_ssh"].map(|kind| format!("{meta} PTR 4500 {kind}._tcp.local"));
        let printer = "_printer._sub._http._tcp.local";
        let printers = format!("{printer} PTR 4500 {WEB}");
        let reverse = "1.0.7.10.in-addr.arpa PTR 120 flush casa.local";
        let wanted: [(&str, u16, &[&str]); 9] = [
            ("casa.local", A, &[casa, global, local]),
            ("casa.local", AAAA, &[casa, global, local]),
            ("casa.local", ANY, &[casa, global, local]),
            (WEB, SRV, &[srv, casa, global]),
            (WEB, TXT, &[txt]),
            ("_http._tcp.local", PTR, &[pointer, srv, txt, casa, global]),
            (printer, PTR, &[&printers, srv, txt, casa, global]),
            (meta, PTR, &[&http, &ssh]),
            ("1.0.7.10.in-addr.arpa", PTR, &[reverse]),
        ];
        let mut ask = |question: &Speech, records: &[&str]| {
            somebody.say(from, question);
            // What others asked for may be told to everybody all the while.
            let heard = somebody.hear(&format!("{} for {from} alone", records[0]), |heard| {
                (heard.tells(records[0]) && !heard.is_multicast()).then_some(heard)
            });
            for record in records {
                assert!(heard.tells(record), "{record} in {heard}");
            }
            assert_eq!(heard.destination, (from, PORT).into(), "{heard}");
            assert_in_order(&heard);
            all.push(heard);
        };
        for (name, kind, records) in wanted {
            ask(&Speech::query().unicast_question(name, kind), records);
        }
        // RFC 6762 6.5: class ANY.
        let question = Speech::query().question_of_class("casa.local", A, 0x80ff);
        ask(&question, &[casa]);
        let both = Speech::query()
            .unicast_question("nobody.local", A)
            .unicast_question("nas.local", A)
            .unicast_question("ñandú.local", AAAA);
        let told = [
            "ñandú.local AAAA 120 flush fd07::1",
            "nas.local A 120 flush 10.7.0.50",
        ];
        ask(&both, &told);
    }
    assert_read_alike(&tshark, &all);

    // RFC 6762 5.5: so is who asks the host alone, from the link.
    somebody.heard();
    somebody.tell([10, 9, 0, 2], v4(1), &Speech::asking("ñandú.local", A));
    somebody.tell(v4(2), v4(1), &Speech::asking("casa.local", A));
    let heard = somebody.hear("an answer", |heard| {
        let answers = heard.tells("ñandú.local A 120 flush 10.7.0.1") || !heard.is_multicast();
        (answers && heard.is_response()).then_some(heard)
    });
    assert_eq!(heard.destination, (v4(2), PORT).into(), "{heard}");
    assert!(heard.tells(casa), "{heard}");
}

// RFC 6762 6, 7.1, 7.2, 18.3, 18.11: A9, A10, A21, A22
#[test]
fn what_the_asker_knows_is_not_told_and_what_is_no_query_is_not_answered() {
    let lan = or_skip!(Lan::new(2));
    let (_agent, somebody) = announced(&lan);
    let pointer = |ttl| Record::pointer("_http._tcp.local", WEB).ttl(ttl);
    let question = || Speech::asking("_http._tcp.local", PTR);
    let told = format!("_http._tcp.local PTR 4500 {WEB}");
    let silent = [
        vec![question().answer(&pointer(2250))],
        // RFC 6762 7.2: the rest of what is known follows.
        vec![
            question().flags(TRUNCATED),
            Speech::query().answer(&pointer(4500)),
        ],
        vec![question().flags(0x0800)],
        vec![question().flags(0x0003)],
        vec![question().flags(RESPONSE)],
    ];
    for speeches in &silent {
        let at_once = (0..TRIES).any(|_| {
            ask_until(&somebody, v4(2).into(), &question(), &told);
            rest(&somebody, &told);
            said_at_once(&somebody, speeches)
        });
        assert!(at_once, "this test was kept waiting {TRIES} times");
        // RFC 6762 7.2: what waits for more known answers waits for half a second.
        std::thread::sleep(Duration::from_millis(600));
        for heard in somebody.heard() {
            assert!(!heard.tells(&told), "{heard} for {speeches:?}");
        }
    }
    let forgotten = question().answer(&pointer(2249));
    ask_until(&somebody, v4(2).into(), &forgotten, &told);
}

// RFC 6762 6.7, 18.14: A20
#[test]
fn askers_of_another_port_are_answered_as_by_a_dns_server() {
    let (tshark, dig) = (or_skip!(Peer::find("tshark")), or_skip!(Peer::find("dig")));
    let lan = or_skip!(Lan::new(2));
    let (_agent, somebody) = announced(&lan);
    let mut all = Vec::new();
    for from in [IpAddr::from(v4(2)), v6(2).into()] {
        for (name, kind, data) in [
            ("casa.local", A, "10.7.0.1"),
            ("casa.local", AAAA, "fd07::1"),
            ("_http._tcp.local", PTR, WEB),
            (WEB, SRV, "0 0 80 casa.local"),
            ("1.0.7.10.in-addr.arpa", PTR, "casa.local"),
        ] {
            let question = Speech::asking(name, kind).id(0x1234).flags(0x0100);
            somebody.say_from_port(from, 40_000, &question);
            let heard = somebody.hear("a legacy answer", |heard| {
                (heard.id == 0x1234).then_some(heard)
            });
            assert_eq!(heard.destination, (from, 40_000).into(), "{heard}");
            assert_eq!((heard.source.port(), heard.ttl), (PORT, 255), "{heard}");
            let asked = Asked {
                name: name.to_owned(),
                kind,
                unicast: false,
            };
            assert_eq!(heard.questions, [asked], "{heard}");
            assert!(
                heard.records().all(|told| !told.flush && told.ttl <= 10),
                "{heard}"
            );
            let answered = heard
                .answers
                .iter()
                .any(|told| (&told.name[..], told.kind, &told.data[..]) == (name, kind, data));
            assert!(answered && heard.is_response(), "{heard}");
            if kind == SRV {
                // RFC 6762 18.14: the target of an SRV record is not compressed.
                let target = b"\x04casa\x05local\0";
                assert!(
                    heard.bytes.windows(target.len()).any(|part| part == target),
                    "{heard}"
                );
            }
            all.push(heard);
        }
    }
    assert_read_alike(&tshark, &all);

    lan.host(2).ip("route add 224.0.0.0/4 dev eth0");
    let ask_for = |patience: [&str; 2], server: &str, more: &[&str]| {
        let server = format!("@{server}");
        let options = [&["-p", "5353", &server], &patience[..], more];
        dig.output_in(lan.host(2), &options.concat())
    };
    let ask = |server: &str, more: &[&str]| ask_for(["+tries=3", "+timeout=5"], server, more);
    for server in ["10.7.0.1", "fd07::1"] {
        assert_eq!(ask(server, &["+short", "casa.local", "A"]), "10.7.0.1\n");
        assert_eq!(ask(server, &["+short", "-x", "10.7.0.1"]), "casa.local.\n");
        let text = ask(server, &["Web\\032on\\032casa._http._tcp.local", "TXT"]);
        assert!(
            text.contains("status: NOERROR") && text.contains(r#""path=/""#),
            "{text}"
        );
        assert!(
            !text.contains("WARNING") || !text.contains("malformed"),
            "{text}"
        );
    }
    // The answer comes from the host's own address and not from the group's: dig's socket does not take it.
    somebody.heard();
    let text = ask_for(
        ["+tries=1", "+timeout=1"],
        "224.0.0.251",
        &["casa.local", "A"],
    );
    assert!(text.contains("no servers could be reached"), "{text}");
    somebody.hear("the answer that dig does not take", |heard| {
        let answers = heard.source == (v4(1), PORT).into() && heard.destination.port() != PORT;
        (answers && heard.answers[0].data == "10.7.0.1").then_some(())
    });
}
