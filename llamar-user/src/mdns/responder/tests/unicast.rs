//! RFC 6762 5.4, 5.5, 6.7, 11: responses to one host.

use super::super::*;
use super::bench::*;
use crate::dns::kind::{A, AAAA, ANY, PTR, TXT};
use crate::dns::{Message, Opt, Rdata};

const HTTP: &str = "_http._tcp.local";
const WEB: &str = "Web._http._tcp.local";

fn casa() -> [Record; 2] {
    ["10.0.0.1", "fe80::1"].map(|text| flush(address("casa.local", text)))
}

/// How many messages went to a peer, and to everybody.
fn counts(bench: &Bench, arrival: Arrival) -> (usize, usize) {
    (
        bench.to(arrival.from).len(),
        bench.to(arrival.family().everybody()).len(),
    )
}

use crate::mdns::Arrival;

// RFC 6762 5.4, 10.2: A6
#[test]
fn qu_question_is_answered_by_unicast() {
    let mut bench = Bench::casa();
    let mut asked = query(&[qu("casa.local", A)]);
    asked.id = 77;
    for arrival in [from(PEER), from(PEER6)] {
        bench.forget();
        assert!(bench.ask(&asked, arrival));
        assert_eq!(counts(&bench, arrival), (1, 0));
        let message = &bench.sent[0].message;
        assert_eq!((message.id, message.flags), (77, 0x8400));
        assert_eq!(message.answers, [casa()[0].clone()]);
        assert_eq!(message.additionals, [casa()[1].clone()]);
    }
    // RFC 6762 6: A13 is for multicasts.
    bench.ask(&asked, from(PEER));
    assert_eq!(counts(&bench, from(PEER)), (1, 0));
}

// RFC 6762 5.4: A6
#[test]
fn qu_answer_that_was_not_multicast_within_a_quarter_of_its_ttl_is_multicast() {
    let mut bench = Bench::casa();
    // Announced last after 11 s at most; a quarter of 120 s later it is old.
    bench.run_to(secs(30));
    bench.ask(&query(&[qu("casa.local", A)]), from(PEER));
    assert_eq!(counts(&bench, from(PEER)), (1, 0));
    bench.run_to(secs(42));
    bench.forget();
    bench.ask(&query(&[qu("casa.local", A)]), from(PEER));
    assert_eq!(counts(&bench, from(PEER)), (0, 1));
    // Now it is fresh again, but over IPv6.
    bench.ask(&query(&[qu("casa.local", A)]), from(PEER));
    bench.ask(&query(&[qu("casa.local", A)]), from(PEER6));
    assert_eq!(counts(&bench, from(PEER)), (1, 1));
    assert_eq!(counts(&bench, from(PEER6)), (0, 1));
}

// RFC 6762 5.4, 6: A6, A11
#[test]
fn shared_answer_to_a_qu_question_waits_too() {
    let mut bench = Bench::web();
    let asked = bench.at();
    bench.ask(&query(&[qu(HTTP, PTR)]), from(PEER));
    assert_eq!(bench.sent.len(), 0);
    bench.run(secs(1));
    assert_eq!(counts(&bench, from(PEER)), (1, 0));
    let wait = bench.sent[0].at - asked;
    assert!(wait >= ms(20) && wait <= ms(120));
    assert_eq!(bench.sent[0].message.answers, [ptr(HTTP, 4500, WEB)]);
}

// RFC 6762 5.4, 6.3: A5, A6
#[test]
fn questions_of_both_kinds_are_answered_by_both_ways() {
    let mut bench = Bench::web();
    bench.ask(
        &query(&[qu("casa.local", A), question(WEB, TXT)]),
        from(PEER),
    );
    bench.run(secs(1));
    assert_eq!(counts(&bench, from(PEER)), (1, 1));
    assert_eq!(
        bench.to(from(PEER).from)[0].message.answers,
        [casa()[0].clone()]
    );
    assert_eq!(bench.v4()[0].message.answers, [flush(txt(WEB, "path=/"))]);
}

// RFC 6762 5.4, 6, 8.1: A6, A43
#[test]
fn qu_probe_gets_its_unicast_answer_at_once() {
    let mut bench = Bench::casa();
    let rival = probe(qu("casa.local", ANY), &[address("casa.local", "10.0.0.2")]);
    bench.ask(&rival, from(PEER));
    assert_eq!(counts(&bench, from(PEER)), (1, 0));
    assert_eq!(sorted(&bench.sent[0].message.answers), sorted(&casa()));
    let defended = Event::Defended {
        device: 2,
        name: name("casa.local"),
        culprit: ip(PEER),
    };
    assert_eq!(bench.events, std::slice::from_ref(&defended));
    // Of the same it is told once.
    bench.ask(&rival, from(PEER));
    assert_eq!(bench.events, [defended]);
    // With a multicast besides, if there was none for long.
    bench.run(secs(100));
    bench.forget();
    bench.ask(&rival, from(PEER));
    assert_eq!(counts(&bench, from(PEER)), (1, 1));
}

use crate::mdns::Event;

// RFC 6762 6, 6.6: A43
#[test]
fn probe_with_our_own_data_is_answered_and_takes_nothing_away() {
    let mut bench = Bench::casa();
    let same = probe(qu("casa.local", ANY), &[address("casa.local", "10.0.0.1")]);
    bench.ask(&same, from(PEER));
    assert_eq!(counts(&bench, from(PEER)), (1, 0));
    assert_eq!(bench.events, []);
}

// RFC 6762 5.5: A7
#[test]
fn direct_unicast_query_is_answered_as_qu() {
    let mut bench = Bench::web();
    bench.ask(&query(&[question("casa.local", A)]), from_to_us(PEER));
    assert_eq!(counts(&bench, from(PEER)), (1, 0));
    bench.run(secs(100));
    bench.forget();
    bench.ask(&query(&[question("casa.local", A)]), from_to_us(PEER));
    assert_eq!(counts(&bench, from(PEER)), (0, 1));
}

// RFC 6762 5.5, 6.7: A7, A20
#[test]
fn response_comes_from_the_address_that_was_asked() {
    let mut bench = Bench::web();
    let asked = query(&[question("casa.local", A)]);
    let second = ip("10.0.0.5");
    for arrival in [from(PEER), from_legacy(PEER)] {
        for (to, source) in [(second, Some(second)), (arrival.to, None)] {
            bench.forget();
            bench.ask(&asked, Arrival { to, ..arrival });
            assert_eq!(bench.sent[0].from, source);
        }
    }
}

// RFC 6762 5.5, 11: A7, A46
#[test]
fn who_is_not_of_the_link_gets_no_unicast_response() {
    let mut bench = Bench::casa();
    let far = |bench: &mut Bench, asked: &Message, arrival: Arrival| {
        bench.forget();
        let answered =
            bench.with(|responder, turn| responder.handle_query(turn, asked, &arrival, false));
        assert_eq!(answered, !bench.sent.is_empty());
        counts(bench, arrival)
    };
    let asked = query(&[qu("casa.local", A)]);
    assert_eq!(far(&mut bench, &asked, from("192.0.2.9")), (0, 1));
    assert_eq!(far(&mut bench, &asked, from_to_us("192.0.2.9")), (0, 0));
    let legacy = query(&[question("casa.local", A)]);
    assert_eq!(far(&mut bench, &legacy, from_legacy("192.0.2.9")), (1, 0));
}

// RFC 6762 6.7, 18.5, 18.14: A20
#[test]
fn legacy_query_gets_a_conventional_response() {
    let mut bench = Bench::web();
    let mut asked = query(&[question(WEB, ANY)]);
    (asked.id, asked.flags) = (4711, 0x0100);
    bench.ask(&asked, from_legacy(PEER));
    assert_eq!(counts(&bench, from_legacy(PEER)), (1, 0));
    let sent = &bench.sent[0];
    assert_eq!((sent.message.id, sent.message.flags), (4711, 0x8400));
    assert_eq!(sent.message.questions, asked.questions);
    let mut expected = [srv(WEB, 80, "casa.local"), txt(WEB, "path=/")];
    expected.iter_mut().for_each(|record| record.ttl = 10);
    assert_eq!(sorted(&sent.message.answers), sorted(&expected));
    let mut expected = ["10.0.0.1", "fe80::1"].map(|text| address("casa.local", text));
    expected.iter_mut().for_each(|record| record.ttl = 10);
    assert_eq!(sorted(&sent.message.additionals), sorted(&expected));
    // The target of the SRV record stands there in full.
    let full = name("casa.local");
    assert!(
        sent.bytes
            .windows(full.wire().len())
            .any(|bytes| bytes == full.wire())
    );
    let theirs = hickory_proto::op::Message::from_vec(&sent.bytes).unwrap();
    assert_eq!((theirs.answers.len(), theirs.additionals.len()), (2, 2));
    assert!(theirs.answers.iter().all(|record| record.ttl == 10));
}

// RFC 6762 6, 6.7: A11, A20
#[test]
fn legacy_answer_waits_only_if_it_is_shared() {
    let mut bench = Bench::web();
    bench.ask(&query(&[question("casa.local", A)]), from_legacy(PEER));
    assert_eq!(bench.sent.len(), 1);
    bench.forget();
    let asked = bench.at();
    bench.ask(&query(&[question(HTTP, PTR)]), from_legacy(PEER));
    assert_eq!(bench.sent.len(), 0);
    bench.run(secs(1));
    assert_eq!(counts(&bench, from_legacy(PEER)), (1, 0));
    assert!(bench.sent[0].at - asked >= ms(20));
    assert_eq!(bench.sent[0].message.questions, [question(HTTP, PTR)]);
}

// RFC 6762 6, 6.7: A9, A20
#[test]
fn legacy_query_for_what_is_not_ours_is_not_answered() {
    let mut bench = Bench::casa();
    assert!(!bench.ask(&query(&[question("other.local", A)]), from_legacy(PEER)));
    assert!(bench.sent.is_empty());
}

// RFC 6762 6.1, 6.7: A16, A20. As a DNS server says that there is none.
#[test]
fn legacy_query_for_a_missing_type_gets_nsec_in_the_authority_section() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    let mut bench = bench.settled();
    bench.ask(&query(&[question("casa.local", AAAA)]), from_legacy(PEER));
    let mut expected = nsec("casa.local", &[A]);
    expected.ttl = 10;
    let message = &bench.sent[0].message;
    assert_eq!(
        (&message.answers[..], &message.authorities[..]),
        (&[][..], &[expected][..])
    );
}

// RFC 6762 18.5, 6.7: A20
#[test]
fn legacy_response_that_is_too_long_is_cut_and_says_so() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.wanted.services = (0..40)
        .map(|n| service(&format!("Instance {n}._http._tcp.local"), 80, ""))
        .collect();
    let mut bench = bench.settled();
    let mut asked = query(&[question(HTTP, PTR)]);
    bench.ask(&asked, from_legacy(PEER));
    bench.run(secs(1));
    let sent = &bench.sent[0];
    assert_eq!((bench.sent.len(), sent.message.flags), (1, 0x8600));
    assert!(sent.bytes.len() <= 512 && sent.message.answers.len() > 10);
    // RFC 6891 6.2.3: an asker that takes more says so.
    bench.forget();
    let opt = Opt {
        payload: 4096,
        extended_rcode: 0,
        version: 0,
    };
    asked.additionals = vec![opt.record()];
    bench.ask(&asked, from_legacy(PEER));
    bench.run(secs(1));
    let sent = &bench.sent[0];
    assert_eq!(
        (sent.message.flags, sent.message.answers.len()),
        (0x8400, 40)
    );
    assert!(sent.bytes.len() > 512 && sent.bytes.len() <= 1472);
    assert!(
        sent.message
            .records()
            .all(|record| !matches!(record.data, Rdata::Opt(_)))
    );
}

// RFC 6762 6.7: a probe that comes from another port is none.
#[test]
fn legacy_queries_neither_probe_nor_break_ties() {
    let mut bench = Bench::casa();
    let rival = probe(
        question("casa.local", ANY),
        &[address("casa.local", "200.0.0.1")],
    );
    bench.ask(&rival, from_legacy(PEER));
    assert_eq!(counts(&bench, from_legacy(PEER)), (1, 0));
    assert_eq!(bench.events, []);
    bench.with(Responder::wake);
    bench.run(ms(400));
    let sent = bench.queries().len();
    bench.ask(&rival, from_legacy(PEER));
    bench.run(secs(1));
    assert_eq!(bench.queries().len(), 3.max(sent));
    assert_eq!(bench.state("casa.local"), State::Verified);
}
