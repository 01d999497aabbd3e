//! What the network can fill has an end, and costs little.

use super::super::Responder;
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

// RFC 6762 8.2, 17: A26, A43. A message full of questions and of records that answer all of them.
#[test]
fn probe_with_hundreds_of_records_is_one_probe() {
    let mut bench = Bench::casa();
    let mut rival = Message::default();
    for n in 0..500u16 {
        rival.questions.push(question("casa.local", 1000 + n));
        rival.questions.push(question("casa.local", ANY));
        let record = address("casa.local", &format!("10.1.{}.{}", n / 250, n % 250));
        rival.authorities.push(record);
    }
    bench.ask(&rival, from(PEER));
    assert_eq!((bench.v4().len(), bench.events.len()), (1, 1));
    bench.with(Responder::wake);
    bench.run(ms(300));
    bench.ask(&rival, from(PEER));
    let sent = bench.queries().len();
    bench.run(ms(990));
    assert_eq!(bench.queries().len(), sent);
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
