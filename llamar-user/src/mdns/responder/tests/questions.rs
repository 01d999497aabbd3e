//! RFC 6762 6, 6.2, 6.5, 12; RFC 6763 12: what answers which question, and what is told besides.

use super::super::*;
use super::bench::*;
use crate::dns::kind::{A, AAAA, ANY, CLASS_ANY, PTR, SRV, TXT};
use crate::dns::{Name, Question, kind};

const WEB: &str = "Web._http._tcp.local";
const HTTP: &str = "_http._tcp.local";
const META: &str = "_services._dns-sd._udp.local";

/// The answers, and the additional records, that a question gets by multicast.
fn told(bench: &mut Bench, question: Question) -> (Vec<String>, Vec<String>) {
    bench.forget();
    let answered = bench.ask(&query(&[question]), from(PEER));
    bench.run(secs(2));
    let responses = bench.responses();
    assert_eq!(answered, !responses.is_empty());
    assert_eq!(bench.v6().len(), 0);
    assert_eq!(bench.to(from(PEER).from).len(), 0);
    let Some(sent) = responses.first() else {
        return Default::default();
    };
    assert_eq!(responses.len(), 1);
    (
        sorted(&sent.message.answers),
        sorted(&sent.message.additionals),
    )
}

fn casa() -> [Record; 2] {
    ["10.0.0.1", "fe80::1"].map(|text| flush(address("casa.local", text)))
}

// RFC 6762 6.2: A17
#[test]
fn address_question_gets_all_addresses_and_the_other_family_besides() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host(
        "casa.local",
        &["10.0.0.1", "192.0.2.1", "fe80::1", "2001:db8::1"],
    )];
    let mut bench = bench.settled();
    let v4 = ["10.0.0.1", "192.0.2.1"].map(|text| flush(address("casa.local", text)));
    let v6 = ["fe80::1", "2001:db8::1"].map(|text| flush(address("casa.local", text)));
    assert_eq!(
        told(&mut bench, question("casa.local", A)),
        (sorted(&v4), sorted(&v6))
    );
    assert_eq!(
        told(&mut bench, question("CASA.Local", AAAA)),
        (sorted(&v6), sorted(&v4))
    );
}

// RFC 6762 6.5: A18
#[test]
fn any_means_all() {
    let mut bench = Bench::web();
    let all = sorted(&casa());
    assert_eq!(told(&mut bench, question("casa.local", ANY)).0, all);
    let any_class = Question {
        class: CLASS_ANY,
        ..question("casa.local", A)
    };
    assert_eq!(told(&mut bench, any_class).0, sorted(&casa()[..1]));
    let any_any = Question {
        class: CLASS_ANY,
        ..question("casa.local", ANY)
    };
    assert_eq!(told(&mut bench, any_any).0, all);
    let service = [flush(srv(WEB, 80, "casa.local")), flush(txt(WEB, "path=/"))];
    assert_eq!(told(&mut bench, question(WEB, ANY)).0, sorted(&service));
    assert_eq!(
        told(&mut bench, question(HTTP, ANY)).0,
        sorted(&[ptr(HTTP, 4500, WEB)])
    );
}

// RFC 6762 6, 12: A8, A9, A51. Whatever is not ours is not answered, and never with an error.
#[test]
fn what_is_not_ours_is_not_answered() {
    let mut bench = Bench::web();
    let chaos = Question {
        class: 3,
        ..question("casa.local", A)
    };
    for asked in [
        question("other.local", A),
        question("x.casa.local", A),
        question("local", A),
        question("local", kind::NS),
        question("casa", A),
        question("_tcp.local", PTR),
        question("_ipp._tcp.local", PTR),
        question("Other._http._tcp.local", SRV),
        question("_printer._sub._http._tcp.local", PTR),
        question("1.0.0.10.in-addr.arpa", PTR),
        // Of names that others have too, nobody can say what there is not.
        question(HTTP, SRV),
        question(META, TXT),
        chaos,
    ] {
        assert_eq!(told(&mut bench, asked), Default::default());
    }
    assert!(!bench.ask(&query(&[]), from(PEER)));
}

// RFC 6763 12.1, 12.2, 12.3, 7.1: B5, B7
#[test]
fn service_questions_get_what_is_asked_next() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1", "fe80::1"])];
    let mut web = service(WEB, 80, "path=/");
    web.subtypes = vec![name("_printer._sub._http._tcp.local")];
    bench.wanted.services = vec![web];
    let mut bench = bench.settled();
    let srv = flush(srv(WEB, 80, "casa.local"));
    let txt = flush(txt(WEB, "path=/"));
    let [v4, v6] = casa();
    let all = sorted([&srv, &txt, &v4, &v6]);
    let pointer = ptr(HTTP, 4500, WEB);
    assert_eq!(
        told(&mut bench, question(HTTP, PTR)),
        (sorted([&pointer]), all.clone())
    );
    let sub = "_printer._sub._http._tcp.local";
    let pointer = ptr(sub, 4500, WEB);
    assert_eq!(
        told(&mut bench, question(sub, PTR)),
        (sorted([&pointer]), all)
    );
    assert_eq!(
        told(&mut bench, question(WEB, SRV)),
        (sorted([&srv]), sorted([&v4, &v6]))
    );
    assert_eq!(
        told(&mut bench, question(WEB, TXT)),
        (sorted([&txt]), vec![])
    );
}

// RFC 6763 9: B6
#[test]
fn meta_query_gets_each_type_once_and_no_subtypes() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    let mut web = service(WEB, 80, "");
    web.subtypes = vec![name("_printer._sub._http._tcp.local")];
    bench.wanted.services = vec![
        web,
        service("B._http._tcp.local", 81, ""),
        service("C._ssh._tcp.local", 22, ""),
    ];
    let mut bench = bench.settled();
    let types = [HTTP, "_ssh._tcp.local"].map(|typ| ptr(META, 4500, typ));
    assert_eq!(
        told(&mut bench, question(META, PTR)),
        (sorted(&types), vec![])
    );
}

// RFC 6763 8: B9
#[test]
fn service_without_a_port_is_held_and_not_offered() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.wanted.services = vec![service(WEB, 0, "")];
    let mut bench = bench.settled();
    assert_eq!(told(&mut bench, question(HTTP, PTR)), Default::default());
    assert_eq!(told(&mut bench, question(META, PTR)), Default::default());
    let held = sorted(&[flush(srv(WEB, 0, "casa.local"))]);
    assert_eq!(told(&mut bench, question(WEB, SRV)).0, held);
}

// RFC 6763 6.8; RFC 6762 10.2: B15, A31
#[test]
fn all_txt_records_of_an_instance_are_one_set() {
    let mut bench = Bench::new();
    let mut web = service(WEB, 80, "a=1");
    web.txt.push(crate::dns::Txt::new([&b"b=2"[..]]).unwrap());
    bench.wanted.services = vec![web];
    let mut bench = bench.settled();
    let set = sorted(&[flush(txt(WEB, "a=1")), flush(txt(WEB, "b=2"))]);
    assert_eq!(told(&mut bench, question(WEB, TXT)).0, set);
}

// RFC 6762 10.1: A30. What is wanted twice is there once, and ends once.
#[test]
fn records_that_are_wanted_twice_are_one() {
    let mut bench = Bench::new();
    let mut web = service(WEB, 80, "a=1");
    web.txt.push(web.txt[0].clone());
    web.subtypes = ["_a._sub._http._tcp.local"; 2].map(name).into();
    bench.wanted.services = vec![web];
    let mut bench = bench.settled();
    assert_eq!(
        told(&mut bench, question(WEB, TXT)).0,
        sorted(&[flush(txt(WEB, "a=1"))])
    );
    bench.follow();
    bench.forget();
    bench.wanted.services.clear();
    bench.follow();
    assert_eq!(bench.responses()[0].message.answers.len(), 5);
    assert!(!bench.ask(
        &query(&[
            question(WEB, TXT),
            question("_a._sub._http._tcp.local", PTR)
        ]),
        from(PEER)
    ));
}

// RFC 6763 6.1: B3
#[test]
fn txt_record_never_has_empty_data() {
    let mut bench = Bench::new();
    let mut web = service(WEB, 80, "");
    web.txt = vec![crate::dns::Txt::from_wire(b"").unwrap()];
    bench.wanted.services = vec![web];
    let mut bench = bench.settled();
    assert_eq!(
        told(&mut bench, question(WEB, TXT)).0,
        sorted(&[flush(txt(WEB, ""))])
    );
}

// RFC 6763 4.1; RFC 6762 16: A35, B1. Names of other domains, and instances with dots and letters of any kind.
#[test]
fn instance_is_one_label_whatever_is_in_it() {
    let text = r"Größe\. 1\\2._http._tcp.example.org";
    let mut bench = Bench::new();
    bench.wanted.services = vec![service(text, 80, "")];
    let mut bench = bench.settled();
    let pointer = ptr("_http._tcp.example.org", 4500, text);
    assert_eq!(
        told(&mut bench, question("_http._tcp.example.org", PTR)).0,
        sorted(&[pointer])
    );
    let meta = "_services._dns-sd._udp.example.org";
    let pointer = ptr(meta, 4500, "_http._tcp.example.org");
    assert_eq!(told(&mut bench, question(meta, PTR)).0, sorted(&[pointer]));
}

// RFC 6763 8: B18
#[test]
fn same_instance_of_two_types_is_two_names() {
    let mut bench = Bench::new();
    bench.wanted.services = vec![service(WEB, 80, ""), service("Web._ssh._tcp.local", 22, "")];
    let mut bench = bench.settled();
    for text in [WEB, "Web._ssh._tcp.local"] {
        let standing = bench.standing(text);
        assert_eq!(
            (standing.used, standing.state),
            (name(text), State::Verified)
        );
    }
    let ours = flush(srv("Web._ssh._tcp.local", 22, "casa.local"));
    bench.hear(&response(&[ours]), from(PEER));
    assert_eq!(bench.state(WEB), State::Verified);
    bench.hear(
        &response(&[srv("Web._ipp._tcp.local", 1, "b.local")]),
        from(PEER),
    );
    assert_eq!(bench.state(WEB), State::Verified);
}

// RFC 6762 8.1, 10: A29, A44
#[test]
fn reverse_questions_get_the_first_name() {
    let mut bench = Bench::new();
    let mut casa = host("casa.local", &["10.0.0.1", "fe80::1"]);
    casa.reverse = true;
    bench.wanted.hosts = vec![casa, host("alias.local", &["10.0.0.1"])];
    let mut bench = bench.settled();
    let reverse = "1.0.0.10.in-addr.arpa";
    let pointer = flush(ptr(reverse, 120, "casa.local"));
    assert_eq!(
        told(&mut bench, question(reverse, PTR)),
        (sorted([&pointer]), vec![])
    );
    let v6 = crate::llmnr::reverse::name_of(ip("fe80::1"));
    assert!(bench.ask(&query(&[question(&v6.to_string(), PTR)]), from(PEER)));
}

// RFC 6762 5.3, 6.3: A5
#[test]
fn known_and_unknown_questions_of_one_message_are_answered_together() {
    let mut bench = Bench::web();
    let questions = [
        question("other.local", A),
        question("casa.local", AAAA),
        question(HTTP, PTR),
        question("casa.local", AAAA),
    ];
    assert!(bench.ask(&query(&questions), from(PEER)));
    bench.run(secs(1));
    let responses = bench.responses();
    assert_eq!(responses.len(), 1);
    let expected = [casa()[1].clone(), ptr(HTTP, 4500, WEB)];
    assert_eq!(sorted(&responses[0].message.answers), sorted(&expected));
}

// RFC 6762 6: the answer goes to whom the question went: over its family.
#[test]
fn answer_goes_out_over_the_family_of_the_question() {
    let mut bench = Bench::casa();
    bench.ask(&query(&[question("casa.local", A)]), from(PEER6));
    assert_eq!((bench.v4().len(), bench.v6().len()), (0, 1));
    bench.families = vec![Family::V6];
    bench.follow();
    bench.run(secs(5));
    bench.forget();
    assert!(!bench.ask(&query(&[question("casa.local", A)]), from(PEER)));
    assert!(bench.sent.is_empty());
}

// RFC 6762 17, 10.2: A31, A36. The bench sees that messages are not too long.
#[test]
fn sets_are_not_torn_apart_by_the_length_of_messages() {
    let mut bench = Bench::new();
    bench.mtu = 500;
    bench.wanted.hosts = (0..20)
        .map(|n| {
            let addresses: Vec<_> = (1..8).map(|m| format!("10.{n}.0.{m}")).collect();
            let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
            host(&format!("host{n}.local"), &addresses)
        })
        .collect();
    let mut bench = bench.settled();
    let questions: Vec<_> = (0..20)
        .map(|n| question(&format!("host{n}.local"), A))
        .collect();
    bench.ask(&query(&questions), from(PEER));
    bench.run(secs(1));
    let responses = bench.responses();
    let count: usize = responses
        .iter()
        .map(|sent| sent.message.answers.len())
        .sum();
    assert_eq!(count, 140);
    for sent in responses {
        for owner in sent.message.answers.iter().map(|record| &record.owner) {
            let set = sent
                .message
                .answers
                .iter()
                .filter(|record| record.owner == *owner);
            assert_eq!(set.count(), 7);
        }
    }
}

// RFC 6762 10.2, 17: A31, A36. What no message holds goes in a burst, and a record that no message holds goes alone.
#[test]
fn sets_that_fit_in_no_message_go_in_a_burst() {
    let mut bench = Bench::new();
    let addresses: Vec<_> = (1..=200).map(|n| format!("10.0.0.{n}")).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    let mut web = service(WEB, 80, "");
    let string = [b'x'; 255];
    web.txt = vec![crate::dns::Txt::new([&string[..]; 20]).unwrap()];
    bench.wanted.hosts = vec![host("casa.local", &addresses)];
    bench.wanted.services = vec![web];
    let mut bench = bench.settled();
    bench.ask(&query(&[question("casa.local", A)]), from(PEER));
    let responses = bench.responses();
    assert_eq!(responses.len(), 3);
    let count: usize = responses
        .iter()
        .map(|sent| sent.message.answers.len())
        .sum();
    assert_eq!(count, 200);
    bench.forget();
    bench.ask(&query(&[question(WEB, ANY)]), from(PEER));
    let responses = bench.responses();
    assert_eq!(responses.len(), 2);
    let txt = responses
        .iter()
        .find(|sent| sent.message.answers[0].kind == TXT)
        .unwrap();
    assert_eq!(txt.message.records().count(), 1);
    assert!(txt.bytes.len() > 5000);
}

// RFC 6762 6.2, 17: A17. Additional records only as far as there is room; none is cut from a set.
#[test]
fn additional_records_never_make_a_message_too_long() {
    let mut bench = Bench::new();
    let addresses: Vec<_> = (1..=60).map(|n| format!("10.0.0.{n}")).collect();
    let more: Vec<_> = (1..=30).map(|n| format!("fe80::{n}")).collect();
    let all: Vec<_> = addresses.iter().chain(&more).map(String::as_str).collect();
    bench.wanted.hosts = vec![host("casa.local", &all)];
    let mut bench = bench.settled();
    let (answers, additionals) = told(&mut bench, question("casa.local", A));
    assert_eq!((answers.len(), additionals.len()), (60, 0));
    let (answers, additionals) = told(&mut bench, question("casa.local", AAAA));
    assert_eq!((answers.len(), additionals.len()), (30, 0));
}

#[test]
fn own_records_are_known_as_such() {
    let mut bench = Bench::new();
    let mut casa = host("casa.local", &["10.0.0.1"]);
    casa.reverse = true;
    bench.wanted.hosts = vec![casa];
    let probing = |bench: &Bench, record: Record| bench.responder.has(&record);
    bench.follow();
    bench.run(ms(300));
    assert!(probing(&bench, address("Casa.local", "10.0.0.1")));
    assert!(!probing(&bench, address("casa.local", "10.0.0.2")));
    let mut bench = bench.settled();
    bench.run(secs(1));
    let mut short = flush(address("casa.local", "10.0.0.1"));
    short.ttl = 1;
    assert!(bench.responder.has(&short));
    assert!(
        bench
            .responder
            .has(&ptr("1.0.0.10.in-addr.arpa", 120, "CASA.local"))
    );
    assert!(
        !bench
            .responder
            .has(&ptr("1.0.0.10.in-addr.arpa", 120, "other.local"))
    );
    short.class = 3;
    assert!(!bench.responder.has(&short));
    let _: Name = short.owner;
}
