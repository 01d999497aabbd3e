//! What the network can fill has an end, and costs little.

use std::time::Instant;

use super::bench::*;
use crate::dns::Message;
use crate::dns::kind::{A, ANY, PTR};

const HTTP: &str = "_http._tcp.local";

/// A host with hundreds of services.
fn crowded() -> Bench {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    let names = (0..500).map(|n| format!("Web {n}._http._tcp.local"));
    bench.wanted.services = names.map(|text| service(&text, 80, "path=/")).collect();
    bench.follow();
    bench.run(secs(60));
    bench.forget();
    bench
}

fn neighbour(n: u32) -> String {
    std::net::Ipv4Addr::from(0x0a00_0100 + n).to_string()
}

// RFC 6762 7.2: A22
#[test]
fn askers_that_are_waited_for_are_few() {
    let mut bench = Bench::web();
    let asked = Message {
        flags: 0x0200,
        ..query(&[question(HTTP, PTR)])
    };
    for n in 0..1000 {
        assert!(bench.ask(&asked, from(&neighbour(n))));
    }
    let waiting = format!("{:?}", bench.responder.askers);
    assert_eq!(waiting.matches("Asker {").count(), 32);
    // The others get their answer as well, but what they know is not waited for.
    bench.run(secs(2));
    assert!((1..=2).contains(&bench.v4().len()));
    assert!(!format!("{:?}", bench.responder.askers).contains("Asker {"));
}

// RFC 6762 6.7: A20
#[test]
fn legacy_responses_that_wait_are_few() {
    let mut bench = Bench::web();
    for n in 0..1000 {
        bench.ask(&query(&[question(HTTP, PTR)]), from_legacy(&neighbour(n)));
    }
    bench.run(secs(2));
    assert_eq!(bench.sent.len(), 64);
}

#[test]
fn flood_of_questions_leaves_nothing_behind() {
    let mut bench = crowded();
    let empty = format!("{:?}", bench.responder.queues).len();
    for n in 0..500 {
        let questions = [
            question(HTTP, PTR),
            question(HTTP, ANY),
            question(&format!("x{n}.local"), A),
        ];
        bench.ask(&query(&questions), from(&neighbour(n)));
    }
    assert!(bench.sent.is_empty());
    bench.run(secs(5));
    assert_eq!(bench.responder.poll_timeout(), None);
    assert_eq!(format!("{:?}", bench.responder.queues).len(), empty);
    let answers: usize = bench
        .v4()
        .iter()
        .map(|sent| sent.message.answers.len())
        .sum();
    assert_eq!(answers, 500);
}

/// Not a bound on time, but on what grows with the number of our records: a thousandfold would be seen.
#[test]
fn question_for_one_name_does_not_look_at_all_others() {
    let cost = |bench: &mut Bench, text: &str| {
        let asked = query(&[qu(text, A)]);
        let start = Instant::now();
        for _ in 0..2000 {
            bench.ask(&asked, from(PEER));
            bench.sent.clear();
        }
        start.elapsed()
    };
    let (mut few, mut many) = (Bench::web(), crowded());
    let (few, many) = (
        cost(&mut few, "other.local"),
        cost(&mut many, "other.local"),
    );
    assert!(many < few * 20 + ms(50), "{few:?} {many:?}");
}

// RFC 6762 9: A28
#[test]
fn conflicts_without_end_do_not_pile_up() {
    let mut bench = Bench::web();
    for n in 0..20_000 {
        let text = bench.standing("casa.local").used.to_string();
        bench.hear(
            &response(&[flush(address(&text, "10.0.0.2"))]),
            from(&neighbour(n)),
        );
        bench.run(ms(3));
    }
    // RFC 6762 8.1: A25. A minute, in which every attempt waits five seconds but the first 15.
    assert!(
        bench.queries().len() < 15 * 3 + 15 * 3,
        "{}",
        bench.queries().len()
    );
    assert!(
        format!("{:?}", bench.responder.pace)
            .matches("Instant")
            .count()
            <= 16
    );
    bench.run(secs(60));
    assert_eq!(
        bench.standing("casa.local").state,
        super::super::State::Verified
    );
}
