//! RFC 6762 8.1, 8.2: probing, and two that probe at once.

use std::time::Duration;

use super::super::*;
use super::bench::*;
use crate::dns::kind::{A, AAAA, ANY};
use crate::dns::{Message, Rdata, Txt, kind};
use crate::mdns::{Event, Rule};

/// `casa.local`, of which the first probe was just sent.
fn probing(addresses: &[&str]) -> Bench {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", addresses)];
    bench.follow();
    bench.run_to_query();
    bench
}

fn times(sent: &[&Sent]) -> Vec<Duration> {
    sent.iter().map(|sent| sent.at).collect()
}

// RFC 6762 8.1: A24
#[test]
fn name_is_probed_three_times_after_a_random_wait() {
    let mut waits = Vec::new();
    for seed in 0..60 {
        let mut bench = Bench::new().seeded(seed);
        bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1", "fe80::1"])];
        bench.follow();
        bench.run(secs(5));
        let first = bench.sent[0].at;
        waits.push(first);
        let expected = [0, 250, 500].map(|gap| first + ms(gap));
        assert_eq!(times(&bench.queries()), expected);
        // Won 250 ms after the third, and announced at once.
        assert_eq!(bench.responses()[0].at, first + ms(750));
        let v6: Vec<_> = bench.v6().iter().map(|sent| sent.bytes.clone()).collect();
        let v4: Vec<_> = bench.v4().iter().map(|sent| sent.bytes.clone()).collect();
        assert_eq!(v4, v6);
        let event = Event::Verified {
            device: 2,
            name: name("casa.local"),
        };
        assert_eq!(bench.events, [event]);
    }
    let (least, most) = (waits.iter().min(), waits.iter().max());
    assert!(
        least < Some(&ms(30)) && most > Some(&ms(220)),
        "{least:?} {most:?}"
    );
    assert!(most <= Some(&ms(250)));
}

// RFC 6762 8.1, 8.2, 5.4, 10.2: A24
#[test]
fn probe_asks_for_any_type_and_proposes_all_records() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1", "10.0.0.9", "fe80::1"])];
    bench.follow();
    bench.run(secs(1));
    let probe = &bench.queries()[0].message;
    assert_eq!(probe.questions, [qu("casa.local", ANY)]);
    let expected = ["10.0.0.1", "10.0.0.9", "fe80::1"].map(|text| address("casa.local", text));
    assert_eq!(probe.authorities, expected);
}

// RFC 6762 15.1: A34
#[test]
fn probe_asks_for_multicast_where_another_program_gets_the_unicasts() {
    let mut bench = Bench::new();
    bench.unicast = false;
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    bench.run(secs(1));
    assert_eq!(
        bench.queries()[0].message.questions,
        [question("casa.local", ANY)]
    );
}

// RFC 6762 8.2, 8.2.1: B11
#[test]
fn service_is_one_question_with_both_records() {
    let mut bench = Bench::new();
    bench.wanted.services = vec![service("Web._http._tcp.local", 80, "path=/")];
    bench.follow();
    bench.run(secs(1));
    let probe = &bench.queries()[0].message;
    assert_eq!(probe.questions, [qu("Web._http._tcp.local", ANY)]);
    let expected = [
        txt("Web._http._tcp.local", "path=/"),
        srv("Web._http._tcp.local", 80, "casa.local"),
    ];
    assert_eq!(sorted(&probe.authorities), sorted(&expected));
}

// RFC 6762 8.1: A44
#[test]
fn reverse_names_are_announced_without_probing() {
    let mut bench = Bench::new();
    let mut casa = host("casa.local", &["10.0.0.1"]);
    casa.reverse = true;
    bench.wanted.hosts = vec![casa];
    bench.follow();
    bench.run(secs(1));
    for query in bench.queries() {
        assert_eq!(query.message.questions, [qu("casa.local", ANY)]);
        assert_eq!(
            query.message.authorities,
            [address("casa.local", "10.0.0.1")]
        );
    }
    let pointer = flush(ptr("1.0.0.10.in-addr.arpa", 120, "casa.local"));
    assert!(bench.responses()[0].message.answers.contains(&pointer));
}

// RFC 6762 8.1, 17: A24, A36. The bench sees that no message is too long.
#[test]
fn many_names_share_messages_and_come_in_waves() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    let services = (0..300).map(|n| service(&format!("Web {n}._http._tcp.local"), 80, "a=1"));
    bench.wanted.services = services.collect();
    bench.follow();
    bench.run(secs(10));
    assert!(
        bench
            .responder
            .standings()
            .all(|standing| standing.state == State::Verified)
    );
    let queries = bench.queries();
    let questions: usize = queries
        .iter()
        .map(|sent| sent.message.questions.len())
        .sum();
    assert_eq!(questions, 3 * 301);
    assert!(queries.len() < 120, "{}", queries.len());
    let mut moments = times(&queries);
    moments.dedup();
    for moment in moments {
        let at_once = queries.iter().filter(|sent| sent.at == moment);
        let names = at_once.map(|sent| sent.message.questions.len());
        assert!(names.sum::<usize>() <= 3 * 40);
    }
    let counts = queries.iter().map(|sent| sent.message.questions.len());
    assert!(counts.max() > Some(9));
}

// RFC 6762 8.2, 17: A24, A36
#[test]
fn probe_that_fits_in_no_message_goes_alone() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    let mut long = service("Web._http._tcp.local", 80, "");
    let string = [b'x'; 255];
    long.txt = vec![Txt::new([&string[..]; 8]).unwrap()];
    bench.wanted.services = vec![long];
    bench.follow();
    bench.run(secs(1));
    let queries = bench.queries();
    let first: Vec<_> = queries
        .iter()
        .filter(|sent| sent.at == queries[0].at)
        .collect();
    assert_eq!(first.len(), 2);
    assert_eq!(first[1].message.questions.len(), 1);
    assert_eq!(first[1].message.authorities.len(), 2);
}

// RFC 6762 17: A36
#[test]
fn probe_never_is_longer_than_9000_bytes() {
    let mut bench = Bench::new();
    let mut long = service("Web._http._tcp.local", 80, "");
    let string = [b'x'; 255];
    long.txt = (0..3)
        .map(|n| Txt::new([&[n][..]].into_iter().chain([&string[..]; 16])).unwrap())
        .collect();
    bench.wanted.services = vec![long];
    bench.follow();
    bench.run(secs(1));
    let sent = bench.queries()[0];
    assert_eq!(sent.message.questions.len(), 1);
    assert!(sent.bytes.len() > 4000 && sent.bytes.len() <= 9000 - 28);
}

// RFC 6762 8.1, 6: A9
#[test]
fn name_is_not_answered_for_before_it_is_ours() {
    let mut bench = probing(&["10.0.0.1"]);
    bench.forget();
    assert!(!bench.ask(&query(&[question("casa.local", A)]), from(PEER)));
    assert!(!bench.ask(
        &query(&[question("1.0.0.10.in-addr.arpa", kind::PTR)]),
        from(PEER)
    ));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.state("casa.local"), State::Probing);
    bench.run(secs(3));
    assert_eq!(bench.state("casa.local"), State::Verified);
    assert!(bench.ask(&query(&[question("casa.local", A)]), from(PEER)));
}

/// What comes of another's probe with these records while we probe with one address: whether we defer.
fn defers(ours: &[&str], theirs: &[Record]) -> bool {
    let mut bench = probing(ours);
    let sent = bench.queries().len();
    let asked = bench.at();
    bench.ask(&probe(qu("CASA.local", ANY), theirs), from(PEER));
    bench.run_to(asked + ms(999));
    let deferred = bench.queries().len() == sent;
    bench.run(secs(3));
    // RFC 6762 8.2: in either case under the same name.
    let queries = bench.queries();
    let all: Vec<_> = queries
        .iter()
        .flat_map(|sent| &sent.message.questions)
        .collect();
    assert!(all.iter().all(|asked| asked.name == name("casa.local")));
    assert_eq!(bench.state("casa.local"), State::Verified);
    if deferred {
        assert_eq!(queries[sent].at, asked + secs(1));
        assert_eq!(queries.len(), sent + 3);
    } else {
        assert_eq!(queries.len(), 3);
    }
    deferred
}

// RFC 6762 8.2: A26. The example of the RFC, from both sides.
#[test]
fn of_two_that_probe_the_later_in_order_wins() {
    let theirs = |text| [address("casa.local", text)];
    assert!(defers(&["169.254.99.200"], &theirs("169.254.200.50")));
    assert!(!defers(&["169.254.200.50"], &theirs("169.254.99.200")));
}

// RFC 6762 8.2, 8.2.1: A26
#[test]
fn records_are_compared_by_class_then_type_then_bytes() {
    let v4 = |text| address("casa.local", text);
    // A higher type is later than any data of a lower one.
    assert!(defers(&["200.0.0.1"], &[address("casa.local", "fe80::1")]));
    assert!(!defers(&["fe80::1"], &[v4("200.0.0.1")]));
    // The first records decide, sorted on both sides.
    assert!(!defers(
        &["10.0.0.5", "10.0.0.6"],
        &[v4("10.0.0.9"), v4("10.0.0.4")]
    ));
    assert!(defers(
        &["10.0.0.4", "10.0.0.9"],
        &[v4("10.0.0.6"), v4("10.0.0.5")]
    ));
    // Of those that begin alike, the longer one.
    assert!(defers(&["10.0.0.5"], &[v4("10.0.0.5"), v4("10.0.0.6")]));
    assert!(!defers(&["10.0.0.5", "10.0.0.6"], &[v4("10.0.0.5")]));
    // A higher class; the bit that flushes caches is none of it.
    let mut chaos = v4("1.0.0.1");
    chaos.class = 3;
    chaos.data = Rdata::Unknown([1, 0, 0, 1].into());
    assert!(defers(&["10.0.0.5"], &[chaos]));
    assert!(!defers(&["10.0.0.5"], &[flush(v4("10.0.0.4"))]));
}

// RFC 6762 8.2.1: A26
#[test]
fn who_probes_with_the_same_records_is_no_rival() {
    let both = [
        address("casa.local", "fe80::1"),
        address("casa.local", "10.0.0.1"),
    ];
    assert!(!defers(&["10.0.0.1", "fe80::1"], &both));
}

// RFC 6762 8.2: A26. Records of other names in the authority section, and questions for other types, do not count.
#[test]
fn only_records_that_answer_the_question_are_compared() {
    assert!(!defers(
        &["10.0.0.1"],
        &[address("other.local", "200.0.0.1")]
    ));
    let mut bench = probing(&["10.0.0.1"]);
    let theirs = [address("casa.local", "200.0.0.1")];
    bench.ask(&probe(qu("casa.local", AAAA), &theirs), from(PEER));
    bench.run(secs(2));
    assert_eq!(bench.queries().len(), 3);
}

// RFC 6762 8.2: A26. Names in data are compared without compression, byte by byte.
#[test]
fn data_with_names_is_compared_uncompressed() {
    let owner = "Web._http._tcp.local";
    for (target, later) in [
        ("casb.local", true),
        ("cas.local", false),
        ("casa.local", false),
        // Our own ends like its owner, and would be compressed.
        ("casa.localx", true),
    ] {
        let mut bench = Bench::new();
        bench.wanted.services = vec![service(owner, 80, "path=/")];
        bench.follow();
        bench.run(ms(251));
        let theirs = [srv(owner, 80, target), txt(owner, "path=/")];
        bench.ask(&probe(qu(owner, ANY), &theirs), from(PEER));
        let sent = bench.queries().len();
        bench.run(ms(900));
        assert_eq!(bench.queries().len() == sent, later, "{target}");
    }
}

#[test]
fn without_the_tie_break_nobody_defers() {
    let mut bench = Bench::new().without(Rule::TieBreak);
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    bench.run(ms(300));
    bench.ask(
        &probe(qu("casa.local", ANY), &[address("casa.local", "200.0.0.1")]),
        from(PEER),
    );
    bench.run(secs(1));
    assert_eq!(bench.state("casa.local"), State::Verified);
}

/// How `casa.local` stands after a response that comes so long after the first probe.
fn after_response(after: Duration, records: &[Record]) -> Bench {
    let mut bench = probing(&["10.0.0.1"]);
    let first = bench.sent[0].at;
    bench.run_to(first + after);
    bench.hear(&response(records), from(PEER));
    bench
}

// RFC 6762 8.1: A25
#[test]
fn response_with_another_record_of_any_type_is_a_conflict() {
    let foreign = [
        address("casa.local", "10.0.0.2"),
        address("CASA.LOCAL", "fe80::2"),
        flush(txt("casa.local", "")),
        nsec("casa.local", &[A, AAAA]),
    ];
    for record in foreign {
        for after in [ms(1), ms(300), ms(749)] {
            let bench = after_response(after, std::slice::from_ref(&record));
            let standing = bench.standing("casa.local");
            assert_eq!(standing.used, name("casa-2.local"), "{record} {after:?}");
            assert_eq!(standing.culprit, Some(ip(PEER)));
        }
        let mut sections = response(&[]);
        sections.additionals = vec![record.clone()];
        let mut bench = probing(&["10.0.0.1"]);
        bench.hear(&sections, from(PEER));
        assert_eq!(bench.standing("casa.local").used, name("casa-2.local"));
    }
}

// RFC 6762 8.1, 9: A25
#[test]
fn response_with_our_own_data_is_no_conflict() {
    let mut goodbye = address("casa.local", "10.0.0.2");
    goodbye.ttl = 0;
    let mut chaos = txt("casa.local", "");
    chaos.class = 3;
    for record in [
        flush(address("Casa.local", "10.0.0.1")),
        address("casa.local", "10.0.0.1"),
        nsec("casa.local", &[A]),
        address("casa2.local", "10.0.0.2"),
        goodbye,
        chaos,
    ] {
        let mut bench = after_response(ms(100), std::slice::from_ref(&record));
        bench.run(secs(1));
        assert_eq!(bench.state("casa.local"), State::Verified, "{record}");
        assert_eq!(bench.standing("casa.local").used, name("casa.local"));
        assert_eq!(bench.queries().len(), 3);
    }
}

// RFC 6762 8.1: A25
#[test]
fn response_before_the_first_probe_is_ignored() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    bench.hear(&response(&[address("casa.local", "10.0.0.2")]), from(PEER));
    bench.run(secs(2));
    assert_eq!(bench.standing("casa.local").used, name("casa.local"));
    assert_eq!(bench.state("casa.local"), State::Verified);
}

// RFC 6762 8.1: A24, A25. A probe's answer comes by unicast, and a family's loss is the name's.
#[test]
fn unicast_response_over_either_family_is_a_conflict() {
    for arrival in [from_to_us(PEER), from_to_us(PEER6), from(PEER6)] {
        let mut bench = probing(&["10.0.0.1"]);
        bench.hear(&response(&[address("casa.local", "10.0.0.2")]), arrival);
        assert_eq!(bench.standing("casa.local").used, name("casa-2.local"));
    }
}

// RFC 6762 8.1: A24
#[test]
fn nothing_is_said_while_there_is_no_family() {
    let mut bench = Bench::new();
    bench.families.clear();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    bench.run(secs(10));
    assert_eq!(bench.responder.poll_timeout(), None);
    bench.families = vec![Family::V6];
    bench.follow();
    bench.run(secs(10));
    assert_eq!(bench.v4().len(), 0);
    assert_eq!(bench.v6().len(), 5);
}

#[test]
fn without_probing_names_are_ours_at_once() {
    let mut bench = Bench::new().without(Rule::Probe);
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    assert_eq!(bench.state("casa.local"), State::Verified);
    assert_eq!((bench.queries().len(), bench.responses().len()), (0, 1));
}

// RFC 6762 8.1, 8.2: A43. A probe that is no query of ours: our own question comes back with our own records.
#[test]
fn own_probe_that_comes_back_changes_nothing() {
    let mut bench = probing(&["10.0.0.1"]);
    let own: Message = bench.sent[0].message.clone();
    bench.ask(&own, from("10.0.0.1"));
    bench.run(secs(1));
    assert_eq!(bench.queries().len(), 3);
    assert_eq!(bench.state("casa.local"), State::Verified);
}
