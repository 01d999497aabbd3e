//! RFC 6762 6, 6.3, 6.4: when answers go out.

use std::time::Duration;

use super::bench::*;
use crate::dns::kind::{A, AAAA, ANY, PTR, SRV, TXT};
use crate::dns::{Message, Question};
use crate::mdns::Rule;

const HTTP: &str = "_http._tcp.local";
const META: &str = "_services._dns-sd._udp.local";
const WEB: &str = "Web._http._tcp.local";
const TC: u16 = 0x0200;

/// How long the answers to a query wait, for several chances.
fn waits(questions: &[Question], flags: u16) -> (Duration, Duration) {
    let mut waits = Vec::new();
    let mut bench = Bench::web();
    for _ in 0..150 {
        bench.forget();
        let asked = bench.at();
        let message = Message {
            flags,
            ..query(questions)
        };
        assert!(bench.ask(&message, from(PEER)));
        bench.run(secs(3));
        assert_eq!(bench.responses().len(), 1);
        waits.push(bench.sent[0].at - asked);
    }
    (*waits.iter().min().unwrap(), *waits.iter().max().unwrap())
}

fn between((least, most): (Duration, Duration), from: u64, to: u64) {
    assert!(least >= ms(from) && least <= ms(from + 10), "{least:?}");
    assert!(most <= ms(to) && most >= ms(to - 10), "{most:?}");
}

// RFC 6762 6: A11
#[test]
fn one_question_for_what_is_ours_alone_is_answered_at_once() {
    for asked in [
        question("casa.local", A),
        question(WEB, SRV),
        question("casa.local", TXT),
    ] {
        assert_eq!(waits(&[asked], 0), (Duration::ZERO, Duration::ZERO));
    }
}

// RFC 6762 6: A11, B11
#[test]
fn shared_answers_wait_20_to_120_ms() {
    between(waits(&[question(HTTP, PTR)], 0), 20, 120);
    between(waits(&[question(META, ANY)], 0), 20, 120);
}

// RFC 6762 6.3: A11
#[test]
fn answers_to_several_questions_wait_20_to_120_ms() {
    between(
        waits(&[question("casa.local", A), question("other.local", A)], 0),
        20,
        120,
    );
}

// RFC 6762 6, 7.2, 18.5: A11, A22, A53
#[test]
fn answers_to_a_query_with_more_to_come_wait_400_to_500_ms() {
    between(waits(&[question(HTTP, PTR)], TC), 400, 500);
    between(waits(&[question("casa.local", A)], TC), 400, 500);
}

#[test]
fn without_the_delay_answers_go_out_at_once() {
    let mut bench = Bench::web().without(Rule::Delay);
    bench.ask(&query(&[question(HTTP, PTR)]), from(PEER));
    assert_eq!(bench.responses().len(), 1);
}

// RFC 6762 6: A13. The bench sees that a second lies between the same records.
#[test]
fn record_is_multicast_once_a_second_however_often_it_is_asked_for() {
    let mut bench = Bench::web();
    for _ in 0..1000 {
        bench.ask(&query(&[question("casa.local", A)]), from(PEER));
        bench.ask(&query(&[question("casa.local", ANY)]), from(OTHER));
        bench.ask(
            &query(&[question(HTTP, PTR), question(WEB, SRV)]),
            from(PEER),
        );
        bench.run(ms(10));
    }
    bench.run(secs(3));
    // Ten seconds: every record at most eleven times.
    assert!(bench.v4().len() < 40, "{}", bench.v4().len());
    assert!(bench.v4().len() > 10);
    assert_eq!(bench.v6().len(), 0);
}

// RFC 6762 6: A13. Each family by itself.
#[test]
fn second_counts_for_each_family() {
    let mut bench = Bench::casa();
    bench.ask(&query(&[question("casa.local", A)]), from(PEER));
    bench.ask(&query(&[question("casa.local", A)]), from(PEER6));
    assert_eq!((bench.v4().len(), bench.v6().len()), (1, 1));
}

// RFC 6762 6: A13
#[test]
fn answer_too_soon_after_another_comes_when_the_second_is_over() {
    let mut bench = Bench::casa();
    let first = bench.at();
    bench.ask(&query(&[question("casa.local", A)]), from(PEER));
    bench.run(ms(300));
    assert!(bench.ask(&query(&[question("casa.local", A)]), from(PEER)));
    bench.run(secs(3));
    let at: Vec<_> = bench.v4().iter().map(|sent| sent.at - first).collect();
    assert_eq!(at, [ms(0), ms(1000)]);
    // Additional records are multicast as well.
    bench.forget();
    bench.ask(&query(&[question("casa.local", A)]), from(PEER));
    bench.run(ms(300));
    bench.ask(&query(&[question("casa.local", AAAA)]), from(PEER));
    bench.run(ms(600));
    assert_eq!(bench.v4().len(), 1);
    bench.run(ms(100));
    assert_eq!(bench.v4().len(), 2);
}

#[test]
fn without_the_rule_a_record_is_multicast_at_every_question() {
    let mut bench = Bench::casa().without(Rule::OncePerSecond);
    bench.again = Duration::ZERO;
    for _ in 0..5 {
        bench.ask(&query(&[question("casa.local", A)]), from(PEER));
    }
    assert_eq!(bench.v4().len(), 5);
}

// RFC 6762 6, 8.1: A11, A13, A43
#[test]
fn probe_is_answered_at_once_and_250_ms_after_a_multicast() {
    let mut bench = Bench::casa();
    bench.again = ms(250);
    let rival = probe(
        question("casa.local", ANY),
        &[address("casa.local", "10.0.0.2")],
    );
    let first = bench.at();
    bench.ask(&rival, from(PEER));
    assert_eq!(bench.v4().len(), 1);
    bench.run(ms(100));
    bench.ask(&rival, from(PEER));
    bench.run(secs(3));
    let at: Vec<_> = bench.v4().iter().map(|sent| sent.at - first).collect();
    assert_eq!(at, [ms(0), ms(250)]);
    let expected = ["10.0.0.1", "fe80::1"].map(|text| flush(address("casa.local", text)));
    assert_eq!(sorted(&bench.v4()[0].message.answers), sorted(&expected));
}

// RFC 6762 6.3: A11. Answers that defend a name are not held up by other questions.
#[test]
fn defence_does_not_wait_for_other_answers() {
    let mut bench = Bench::web();
    let mut message = probe(
        question("casa.local", ANY),
        &[address("casa.local", "10.0.0.2")],
    );
    message.questions.push(question(HTTP, PTR));
    bench.ask(&message, from(PEER));
    assert_eq!(bench.v4().len(), 1);
    assert_eq!(bench.v4()[0].message.answers.len(), 2);
    bench.run(secs(1));
    assert_eq!(bench.v4().len(), 2);
    assert_eq!(bench.v4()[1].message.answers[0].owner, name(HTTP));
    // Not for more known answers either.
    message.flags = TC;
    bench.run(secs(5));
    bench.forget();
    bench.ask(&message, from(PEER));
    assert_eq!(bench.v4().len(), 1);
}

// RFC 6762 6.4: A12
#[test]
fn answers_that_wait_go_out_together() {
    for seed in 0..30 {
        let mut bench = Bench::web().seeded(seed);
        let first = bench.at();
        bench.ask(&query(&[question(HTTP, PTR)]), from(PEER));
        bench.run(ms(15));
        bench.ask(&query(&[question(META, PTR)]), from(OTHER));
        bench.run(secs(2));
        assert_eq!(bench.v4().len(), 1);
        assert_eq!(bench.v4()[0].message.answers.len(), 2);
        assert!(bench.v4()[0].at <= first + ms(135));
    }
}

// RFC 6762 6.4: A12. An answer waits for others, but no more than 500 ms.
#[test]
fn answer_waits_for_others_for_half_a_second_at_most() {
    let mut bench = Bench::new();
    bench.wanted.services = (0..100)
        .map(|n| service(&format!("A._s{n}._tcp.local"), 80, ""))
        .collect();
    let mut bench = bench.settled();
    let mut asked = Vec::new();
    for n in 0..100 {
        asked.push(bench.at());
        bench.ask(
            &query(&[question(&format!("_s{n}._tcp.local"), PTR)]),
            from(PEER),
        );
        bench.run(ms(15));
    }
    bench.run(secs(1));
    assert!(bench.v4().len() <= 5, "{}", bench.v4().len());
    for (n, asked) in asked.into_iter().enumerate() {
        let owner = name(&format!("_s{n}._tcp.local"));
        let sent = bench.v4();
        let sent = sent.iter().find(|sent| {
            sent.message
                .answers
                .iter()
                .any(|record| record.owner == owner)
        });
        let wait = sent.unwrap().at - asked;
        assert!(wait >= ms(20) && wait <= ms(620), "{wait:?}");
    }
}
