//! RFC 6762 6.6, 7.1, 7.2, 7.4, 10.1: what is not told, and what is told again.

use super::bench::*;
use crate::dns::kind::{A, PTR};
use crate::dns::{Message, Record};
use crate::mdns::Rule;

const HTTP: &str = "_http._tcp.local";
const META: &str = "_services._dns-sd._udp.local";
const WEB: &str = "Web._http._tcp.local";
const TC: u16 = 0x0200;

fn knowing(known: &[Record]) -> Message {
    Message {
        answers: known.to_vec(),
        ..query(&[question(HTTP, PTR)])
    }
}

/// More known answers of an asker.
fn more(known: &[Record], flags: u16) -> Message {
    Message {
        flags,
        questions: Vec::new(),
        ..knowing(known)
    }
}

fn pointer(ttl: u32) -> Record {
    ptr(HTTP, ttl, WEB)
}

// RFC 6762 7.1: A21
#[test]
fn known_answer_with_half_of_its_ttl_is_not_told() {
    let mut bench = Bench::web();
    for (ttl, told) in [(4500, false), (2250, false), (2249, true), (0, true)] {
        let known = [ptr("_HTTP._tcp.local", ttl, "web._http._tcp.local")];
        assert_eq!(bench.ask(&knowing(&known), from(PEER)), told, "{ttl}");
        bench.run(secs(2));
    }
    // Another record, or another class, is not ours.
    let mut chaos = pointer(4500);
    chaos.class = 3;
    let known = [
        ptr(HTTP, 4500, "Other._http._tcp.local"),
        ptr(META, 4500, HTTP),
        chaos,
    ];
    assert!(bench.ask(&knowing(&known), from(PEER)));
}

// RFC 6762 7.1, 10.2: A21, A31. Of a unique set that is known in part, all is told.
#[test]
fn known_part_of_a_set_does_not_tear_it_apart() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1", "10.0.0.9"])];
    let mut bench = bench.settled();
    let mut asked = query(&[question("casa.local", A)]);
    asked.answers = vec![address("casa.local", "10.0.0.1")];
    assert!(bench.ask(&asked, from(PEER)));
    assert_eq!(bench.v4()[0].message.answers.len(), 2);
    // By unicast neither.
    asked.questions = vec![qu("casa.local", A)];
    bench.ask(&asked, from(PEER));
    assert_eq!(bench.to(from(PEER).from)[0].message.answers.len(), 2);
    asked.answers.push(address("casa.local", "10.0.0.9"));
    bench.run(secs(2));
    assert!(!bench.ask(&asked, from(PEER)));
}

#[test]
fn without_the_rule_known_answers_are_told() {
    let mut bench = Bench::web().without(Rule::KnownAnswers);
    assert!(bench.ask(&knowing(&[pointer(4500)]), from(PEER)));
}

// RFC 6762 7.2: A22
#[test]
fn answers_known_by_later_messages_are_not_told() {
    let mut bench = Bench::new();
    bench.wanted.services = ["A", "B", "C"]
        .map(|n| service(&format!("{n}._http._tcp.local"), 80, ""))
        .into();
    let mut bench = bench.settled();
    let known = ["A", "B", "C"].map(|n| ptr(HTTP, 4500, &format!("{n}._http._tcp.local")));
    let mut first = knowing(&known[..1]);
    first.flags = TC;
    assert!(bench.ask(&first, from(PEER)));
    bench.run(ms(100));
    bench.ask(&more(&known[1..2], 0), from(PEER));
    bench.run(secs(2));
    assert_eq!(bench.v4().len(), 1);
    assert_eq!(bench.v4()[0].message.answers, known[2..]);
    // All of them: nothing is left to be told.
    bench.forget();
    bench.ask(&first, from(PEER));
    bench.ask(&more(&known[1..], 0), from(PEER));
    bench.run(secs(2));
    assert!(bench.v4().is_empty());
}

// RFC 6762 7.2, 15.2: A22
#[test]
fn only_the_askers_own_messages_count_whatever_their_port_and_others_still_get_their_answer() {
    let mut bench = Bench::web();
    let first = Message {
        flags: TC,
        ..knowing(&[])
    };
    bench.ask(&first, from(PEER));
    bench.ask(&more(&[pointer(4500)], 0), from(OTHER));
    bench.run(secs(2));
    assert_eq!(bench.v4().len(), 1);
    // Two ask, one turns out to know.
    bench.forget();
    bench.ask(&first, from(PEER));
    bench.ask(&first, from(OTHER));
    bench.ask(&more(&[pointer(4500)], 0), from(PEER));
    bench.run(secs(2));
    assert_eq!(bench.v4().len(), 1);
    bench.forget();
    bench.ask(&first, from(PEER));
    bench.ask(&knowing(&[]), from(OTHER));
    bench.ask(&more(&[pointer(4500)], 0), from(PEER));
    bench.run(secs(2));
    assert_eq!(bench.v4().len(), 1);
}

// RFC 6762 7.2: A22
#[test]
fn each_message_that_is_not_the_last_makes_the_answer_wait_again() {
    let mut bench = Bench::web();
    let first = Message {
        flags: TC,
        ..knowing(&[])
    };
    bench.ask(&first, from(PEER));
    for _ in 0..5 {
        bench.run(ms(390));
        bench.ask(
            &more(&[ptr(HTTP, 4500, "X._http._tcp.local")], TC),
            from(PEER),
        );
    }
    let last = bench.at();
    bench.ask(&more(&[], 0), from(PEER));
    bench.run(secs(1));
    let wait = bench.v4()[0].at - last;
    assert!(wait >= ms(400) && wait <= ms(500), "{wait:?}");
}

// RFC 6762 5.4, 7.2: A6, A22
#[test]
fn qu_answers_wait_for_more_known_answers_too() {
    let mut bench = Bench::web();
    let mut first = query(&[qu(HTTP, PTR)]);
    first.flags = TC;
    bench.ask(&first, from(PEER));
    bench.run(secs(1));
    assert_eq!(bench.to(from(PEER).from).len(), 1);
    bench.forget();
    bench.ask(&first, from(PEER));
    bench.ask(&more(&[pointer(4500)], 0), from(PEER));
    bench.run(secs(1));
    assert!(bench.sent.is_empty());
}

// RFC 6762 7.2, 5.4: A22. What one asker wants by several messages is one response.
#[test]
fn questions_of_one_asker_are_answered_together_in_the_end() {
    let mut bench = Bench::web();
    for text in [HTTP, META] {
        let mut asked = query(&[qu(text, PTR)]);
        asked.flags = TC;
        bench.ask(&asked, from(PEER));
        bench.run(ms(50));
    }
    bench.run(secs(1));
    assert_eq!(bench.sent.len(), 1);
    let message = &bench.to(from(PEER).from)[0].message;
    let expected = [pointer(4500), ptr(META, 4500, HTTP)];
    assert_eq!(sorted(&message.answers), sorted(&expected));
}

// RFC 6762 6, 6.7: A11, A20. Who takes no part in mDNS sends no more known answers, but TC is TC.
#[test]
fn truncated_legacy_query_is_answered_after_400_to_500_ms() {
    let mut bench = Bench::web();
    let asked = bench.at();
    let mut truncated = query(&[question("casa.local", A)]);
    truncated.flags = TC;
    bench.ask(&truncated, from_legacy(PEER));
    bench.run(secs(1));
    assert_eq!(bench.to(from_legacy(PEER).from).len(), 1);
    let wait = bench.sent[0].at - asked;
    assert!(wait >= ms(400) && wait <= ms(500), "{wait:?}");
}

// RFC 6762 7.4: A23
#[test]
fn answer_that_another_host_gives_first_is_not_given_again() {
    let told = |record: Record, arrival, rule: Option<Rule>| {
        let mut bench = Bench::web();
        if let Some(rule) = rule {
            bench = bench.without(rule);
        }
        bench.ask(&knowing(&[]), from(PEER));
        bench.hear(&response(&[record]), arrival);
        bench.run(secs(2));
        bench.v4().len()
    };
    assert_eq!(told(pointer(4500), from(OTHER), None), 0);
    assert_eq!(told(pointer(9000), from(OTHER), None), 0);
    assert_eq!(told(pointer(4499), from(OTHER), None), 1);
    assert_eq!(
        told(ptr(HTTP, 4500, "Other._http._tcp.local"), from(OTHER), None),
        1
    );
    // Said to us alone, or over the other family, it was not heard by the asker.
    assert_eq!(told(pointer(4500), from_to_us(OTHER), None), 1);
    assert_eq!(told(pointer(4500), from(PEER6), None), 1);
    assert_eq!(
        told(pointer(4500), from(OTHER), Some(Rule::DuplicateAnswers)),
        1
    );
}

// RFC 6762 7.2, 7.4: A22, A23
#[test]
fn answer_that_waits_for_known_answers_is_not_given_again_either() {
    let mut bench = Bench::web();
    let mut first = knowing(&[]);
    first.flags = TC;
    bench.ask(&first, from(PEER));
    bench.hear(&response(&[pointer(4500)]), from(OTHER));
    bench.run(secs(2));
    assert!(bench.v4().is_empty());
}

// RFC 6762 7.4, 10.2: A23, A31
#[test]
fn part_of_a_unique_set_told_by_another_does_not_stand_for_all() {
    let heard = |texts: &[&str]| {
        let mut bench = Bench::new();
        bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1", "10.0.0.9"])];
        let mut bench = bench.settled();
        bench.ask(
            &query(&[question("casa.local", A), question("x.local", A)]),
            from(PEER),
        );
        let records: Vec<_> = texts
            .iter()
            .map(|text| flush(address("casa.local", text)))
            .collect();
        bench.hear(&response(&records), from(OTHER));
        bench.run(secs(2));
        bench
            .v4()
            .iter()
            .map(|sent| sent.message.answers.len())
            .sum::<usize>()
    };
    assert_eq!(heard(&["10.0.0.1"]), 2);
    assert_eq!(heard(&["10.0.0.1", "10.0.0.9"]), 0);
}

// RFC 6762 8.3, 7.4: A27. Announcements are ours to make.
#[test]
fn announcement_is_made_whatever_others_tell() {
    let mut bench = Bench::web();
    bench.wanted.services[0].txt = vec![crate::dns::Txt::new([&b"new"[..]]).unwrap()];
    bench.follow();
    bench.run(ms(500));
    bench.hear(&response(&[flush(txt(WEB, "new"))]), from(OTHER));
    bench.run(secs(5));
    assert_eq!(bench.v4().len(), 2);
}

// RFC 6762 8.3, 6: A13, A27. One that waits for the second to be over as well.
#[test]
fn announcement_that_waits_is_put_off_and_not_dropped() {
    let mut bench = Bench::casa();
    bench.wanted.hosts[0].addresses.insert(ip("10.0.0.8"));
    bench.follow();
    bench.run(ms(400));
    bench.wanted.hosts[0].addresses.remove(&ip("10.0.0.8"));
    bench.follow();
    bench.forget();
    for _ in 0..2 {
        bench.run(ms(500));
        let told = response(&[flush(address("casa.local", "10.0.0.1"))]);
        bench.hear(&told, from(OTHER));
    }
    assert!(bench.v4().is_empty());
    bench.run(secs(5));
    assert!(!bench.v4().is_empty());
}

// RFC 6762 6.6, 10.1: A19, A54
#[test]
fn record_that_another_tells_with_a_short_ttl_is_told_again() {
    let corrected = |ttl: u32, arrival| {
        let mut bench = Bench::web();
        let heard = bench.at();
        bench.hear(&response(&[pointer(ttl)]), arrival);
        bench.run(secs(3));
        let sent = bench.v4();
        for sent in &sent {
            assert_eq!(sent.message.answers, [pointer(4500)]);
            assert!(sent.at - heard < secs(1));
        }
        sent.len()
    };
    // RFC 6762 10.1: a goodbye within the second that is left.
    assert_eq!(corrected(0, from(OTHER)), 1);
    assert_eq!(corrected(2249, from(OTHER)), 1);
    assert_eq!(corrected(2250, from(OTHER)), 0);
    assert_eq!(corrected(4500, from(OTHER)), 0);
    assert_eq!(corrected(0, from_to_us(OTHER)), 0);
    // A unique one as well, and whole.
    let mut bench = Bench::casa();
    let mut short = flush(address("casa.local", "10.0.0.1"));
    short.ttl = 10;
    bench.hear(&response(&[short]), from(OTHER));
    bench.run(secs(3));
    assert_eq!(
        bench.v4()[0].message.answers,
        [flush(address("casa.local", "10.0.0.1"))]
    );
}

// RFC 6762 6, 6.6: A13, A19. Somebody who says so all the time makes us say it once a second; the bench sees to that.
#[test]
fn short_ttls_without_end_are_answered_once_a_second() {
    let mut bench = Bench::web();
    for _ in 0..1000 {
        bench.hear(&response(&[pointer(0)]), from(OTHER));
        bench.run(ms(10));
    }
    assert!((9..=11).contains(&bench.v4().len()));
}
