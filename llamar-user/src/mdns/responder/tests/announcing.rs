//! RFC 6762 8.3, 8.4, 10.1: announcing, updating, saying goodbye.

use std::time::Duration;

use super::super::*;
use super::bench::*;
use crate::dns::Txt;
use crate::mdns::Rule;

const WEB: &str = "Web._http._tcp.local";
const HTTP: &str = "_http._tcp.local";
const META: &str = "_services._dns-sd._udp.local";

/// All that `Bench::web` announces.
fn everything() -> Vec<Record> {
    vec![
        flush(address("casa.local", "10.0.0.1")),
        flush(address("casa.local", "fe80::1")),
        flush(srv(WEB, 80, "casa.local")),
        flush(txt(WEB, "path=/")),
        ptr(HTTP, 4500, WEB),
        ptr(META, 4500, HTTP),
    ]
}

fn goodbyes(records: &[Record]) -> Vec<Record> {
    let ended = records.iter().cloned().map(|mut record| {
        record.ttl = 0;
        record
    });
    ended.collect()
}

fn at(sent: &[&Sent]) -> Vec<Duration> {
    sent.iter().map(|sent| sent.at).collect()
}

// RFC 6762 8.3, 10, 10.2: A27, A29, A31, B11
#[test]
fn everything_new_is_announced_twice_a_second_apart() {
    let mut bench = Bench::new();
    let settled = Bench::web();
    bench.wanted = settled.wanted;
    bench.follow();
    bench.run(secs(10));
    let won = bench.queries()[2].at + ms(250);
    for family in Family::ALL {
        let mut sent = bench.to(family.everybody());
        sent.retain(|sent| sent.message.flags != 0);
        assert_eq!(at(&sent), [won, won + secs(1)]);
        for sent in sent {
            assert_eq!(sorted(&sent.message.answers), sorted(&everything()));
            assert_eq!(sent.message.additionals, []);
        }
    }
}

// RFC 6762 8.3: A27
#[test]
fn nothing_is_announced_without_a_cause() {
    let mut bench = Bench::web();
    bench.run(secs(100_000));
    assert!(bench.sent.is_empty());
    bench.follow();
    bench.run(secs(100));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.responder.poll_timeout(), None);
}

// RFC 6762 8.3, 17: A27, A36. The bench sees that no message is too long.
#[test]
fn announcements_take_as_many_messages_as_they_need() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    let services = (0..100).map(|n| service(&format!("Web {n}._http._tcp.local"), 80, "a=1"));
    bench.wanted.services = services.collect();
    bench.follow();
    bench.run(secs(10));
    let mut count = 0;
    for sent in bench.responses() {
        count += sent.message.answers.len();
        // RFC 6762 10.2: A31. Unique sets go whole.
        for record in &sent.message.answers {
            assert!(sent.message.answers.len() > 3 || record.ttl > 0);
        }
    }
    assert_eq!(count, 2 * (1 + 100 * 3 + 1));
}

// RFC 6762 8.4: A27, A30
#[test]
fn changed_txt_is_announced_without_probing_or_goodbye() {
    let mut bench = Bench::web();
    bench.wanted.services[0].txt = vec![Txt::new([&b"path=/new"[..]]).unwrap()];
    bench.follow();
    bench.run(secs(10));
    assert_eq!(bench.queries().len(), 0);
    let responses = bench.responses();
    assert_eq!(at(&responses), [secs(10), secs(11)]);
    for sent in responses {
        assert_eq!(sent.message.answers, [flush(txt(WEB, "path=/new"))]);
    }
    bench.forget();
    assert!(bench.ask(&query(&[question(WEB, 16)]), from(PEER)));
    assert_eq!(
        bench.v4()[0].message.answers,
        [flush(txt(WEB, "path=/new"))]
    );
}

// RFC 6762 8.4, 10.2: A17, A27, A31. A further address in the same network.
#[test]
fn changed_addresses_are_announced_whole() {
    let mut bench = Bench::casa();
    bench.wanted.hosts[0].addresses = [ip("10.0.0.1"), ip("10.0.0.7"), ip("fe80::1")].into();
    bench.wanted.addresses.insert((ip("10.0.0.7"), 24));
    bench.follow();
    bench.run(secs(5));
    assert_eq!(bench.queries().len(), 0);
    let responses = bench.responses();
    assert_eq!(at(&responses), [secs(10), secs(11)]);
    let expected = ["10.0.0.1", "10.0.0.7"].map(|text| flush(address("casa.local", text)));
    assert_eq!(sorted(&responses[0].message.answers), sorted(&expected));
    bench.forget();
    // RFC 6762 8.4: A30. One that goes is flushed by the rest.
    bench.wanted.hosts[0].addresses.remove(&ip("10.0.0.1"));
    bench.follow();
    bench.run(secs(5));
    assert_eq!(bench.responses().len(), 2);
    for sent in bench.responses() {
        assert_eq!(
            sent.message.answers,
            [flush(address("casa.local", "10.0.0.7"))]
        );
    }
}

// RFC 6762 10.1: A30. Of the last one there is no rest that could flush it.
#[test]
fn last_address_of_a_family_gets_a_goodbye() {
    let mut bench = Bench::casa();
    bench.wanted.hosts[0].addresses.remove(&ip("fe80::1"));
    bench.follow();
    bench.run(secs(5));
    let gone = goodbyes(&[flush(address("casa.local", "fe80::1"))]);
    let responses = bench.responses();
    assert_eq!(at(&responses), [secs(10), secs(11)]);
    assert!(responses.iter().all(|sent| sent.message.answers == gone));
    assert_eq!(bench.v6().len(), 2);
}

// RFC 6762 10.1: A30; RFC 6763 9: B17
#[test]
fn service_that_ends_gets_goodbyes_and_its_type_with_the_last() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1", "fe80::1"])];
    let mut printer = service("Ink._http._tcp.local", 631, "a");
    printer.subtypes = vec![name("_printer._sub._http._tcp.local")];
    bench.wanted.services = vec![service(WEB, 80, "path=/"), printer];
    let mut bench = bench.settled();
    bench.wanted.services.pop();
    bench.follow();
    bench.run(secs(5));
    let ink = "Ink._http._tcp.local";
    let ended = [
        flush(srv(ink, 631, "casa.local")),
        flush(txt(ink, "a")),
        ptr(HTTP, 4500, ink),
        ptr("_printer._sub._http._tcp.local", 4500, ink),
    ];
    let responses = bench.responses();
    assert_eq!(at(&responses), [secs(10), secs(11)]);
    assert_eq!(
        sorted(&responses[0].message.answers),
        sorted(&goodbyes(&ended))
    );
    bench.forget();
    bench.wanted.services.clear();
    bench.follow();
    bench.run(secs(5));
    let sent = bench.responses();
    assert_eq!(
        sorted(&sent[0].message.answers),
        sorted(&goodbyes(&everything()[2..]))
    );
    assert!(!bench.ask(
        &query(&[question(HTTP, 12), question(META, 12), question(WEB, 33)]),
        from(PEER)
    ));
}

// RFC 6762 8.4: A30
#[test]
fn shared_record_with_new_data_begins_with_a_goodbye_to_the_old() {
    let mut bench = Bench::web();
    bench.wanted.services[0].subtypes = vec![name("_a._sub._http._tcp.local")];
    bench.follow();
    bench.run(secs(5));
    bench.forget();
    bench.wanted.services[0].subtypes = vec![name("_b._sub._http._tcp.local")];
    bench.follow();
    bench.run(secs(5));
    let answers: Vec<_> = bench
        .responses()
        .iter()
        .flat_map(|sent| &sent.message.answers)
        .cloned()
        .collect();
    let old = ptr("_a._sub._http._tcp.local", 4500, WEB);
    let new = ptr("_b._sub._http._tcp.local", 4500, WEB);
    let [old] = [goodbyes(&[old])].map(|mut old| old.remove(0));
    assert_eq!(answers[..2], [old.clone(), new.clone()]);
    assert_eq!(sorted(&answers), sorted([&old, &new, &old, &new]));
}

// RFC 6762 10.1: A30
#[test]
fn what_came_back_or_may_be_anothers_gets_no_second_goodbye() {
    let mut probed = 0;
    for seed in 0..60 {
        let mut bench = Bench::web().seeded(seed);
        let services = std::mem::take(&mut bench.wanted.services);
        bench.follow();
        bench.run(ms(100));
        bench.wanted.services = services;
        bench.follow();
        bench.run(ms(900));
        let state = bench.state(WEB);
        bench.run(secs(10));
        let sent = bench.responses();
        let goodbyes = |owner: &str| {
            let records = sent.iter().flat_map(|sent| &sent.message.answers);
            let ended = records.filter(|record| record.ttl == 0 && record.owner == name(owner));
            ended.count()
        };
        // A pointer that is not back yet is told of again, a name that is being probed for is not.
        assert_eq!(goodbyes(WEB), 2);
        assert_eq!(
            goodbyes(HTTP) + goodbyes(META),
            if state == State::Probing { 4 } else { 2 }
        );
        probed += usize::from(state == State::Probing);
        let last = &sent.last().unwrap().message.answers;
        assert_eq!(sorted(last), sorted(&everything()[2..]));
    }
    assert!((1..60).contains(&probed));
}

// RFC 6762 6.1, 10.1: A16, A30
#[test]
fn denial_that_came_back_gets_no_second_goodbye() {
    let mut verified = 0;
    for seed in 0..60 {
        let mut bench = Bench::web().seeded(seed);
        bench.ask(&query(&[question(WEB, 28)]), from(PEER));
        bench.run(secs(2));
        bench.forget();
        let services = std::mem::take(&mut bench.wanted.services);
        bench.follow();
        bench.wanted.services = services;
        bench.follow();
        bench.run(ms(990));
        let state = bench.state(WEB);
        bench.run(secs(10));
        let sent = bench.v4();
        let records = sent.iter().flat_map(|sent| &sent.message.answers);
        let denials = records.filter(|record| record.ttl == 0 && record.kind == 47);
        assert_eq!(denials.count(), 1);
        verified += usize::from(state == State::Verified);
    }
    assert!((1..60).contains(&verified));
}

// RFC 6762 10.1, 10.2: A30. A goodbye flushes, so it is not said again to what has come in the meantime.
#[test]
fn goodbye_is_not_repeated_into_a_new_set() {
    let mut bench = Bench::casa();
    bench.wanted.hosts[0].addresses.remove(&ip("fe80::1"));
    bench.follow();
    bench.run(ms(500));
    bench.wanted.hosts[0].addresses.insert(ip("fe80::7"));
    bench.follow();
    bench.run(secs(5));
    let responses = bench.responses();
    let ended = responses.iter().flat_map(|sent| &sent.message.answers);
    assert_eq!(ended.filter(|record| record.ttl == 0).count(), 1);
}

// RFC 6762 6: A13. The bench sees that a second lies between, also if the record was none of ours meanwhile.
#[test]
fn data_that_comes_back_is_announced_when_the_second_is_over() {
    let mut bench = Bench::web();
    for text in ["a", "b", "a", "b", "a"] {
        bench.wanted.services[0].txt = vec![Txt::new([text.as_bytes()]).unwrap()];
        bench.follow();
        bench.run(ms(200));
    }
    bench.run(secs(5));
    let last = &bench.responses().last().unwrap().message.answers;
    assert_eq!(*last, [flush(txt(WEB, "a"))]);
}

// RFC 6762 10.1: A30
#[test]
fn shutdown_says_goodbye_to_everything_and_then_nothing() {
    let mut bench = Bench::web();
    bench.with(Responder::shutdown);
    for family in Family::ALL {
        let sent = bench.to(family.everybody());
        assert_eq!(sent.len(), 1);
        assert_eq!(
            sorted(&sent[0].message.answers),
            sorted(&goodbyes(&everything()))
        );
    }
    bench.forget();
    bench.run(secs(100));
    assert!(!bench.ask(&query(&[question("casa.local", 1)]), from(PEER)));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.responder.poll_timeout(), None);
}

// RFC 6762 10.1: A30. What was never announced needs none.
#[test]
fn shutdown_while_probing_is_silent() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    bench.run(ms(400));
    bench.forget();
    bench.with(Responder::shutdown);
    assert!(bench.sent.is_empty());
}

// RFC 6762 8.4: A27
#[test]
fn more_than_ten_updates_a_minute_are_announced_later() {
    let mut bench = Bench::web();
    for n in 0..40 {
        let text = format!("n={n}");
        bench.wanted.services[0].txt = vec![Txt::new([text.as_bytes()]).unwrap()];
        bench.follow();
        bench.run(secs(3));
    }
    bench.run(secs(300));
    let responses = bench.responses();
    for first in &responses {
        let until = first.at + secs(60);
        let minute = responses
            .iter()
            .filter(|sent| sent.at >= first.at && sent.at < until);
        // Each twice, and one begun before.
        assert!(minute.count() <= 22);
    }
    let last = &responses.last().unwrap().message.answers;
    assert_eq!(*last, [flush(txt(WEB, "n=39"))]);
    // What is asked for is true all the time.
    bench.wanted.services[0].txt = vec![Txt::new([&b"n=40"[..]]).unwrap()];
    bench.follow();
    bench.forget();
    bench.run(secs(2));
    bench.forget();
    bench.ask(&query(&[question(WEB, 16)]), from(PEER));
    assert_eq!(bench.v4()[0].message.answers, [flush(txt(WEB, "n=40"))]);
}

// RFC 6762 8.4: A27
#[test]
fn last_of_hundreds_of_updates_is_announced_within_a_minute() {
    let mut bench = Bench::web();
    for n in 0..300 {
        let text = format!("n={n}");
        bench.wanted.services[0].txt = vec![Txt::new([text.as_bytes()]).unwrap()];
        bench.follow();
        bench.run(secs(1));
    }
    bench.run(secs(60));
    let last = &bench.responses().last().unwrap().message.answers;
    assert_eq!(*last, [flush(txt(WEB, "n=299"))]);
}

// RFC 6762 8.3: A27. What was probed anew is no update.
#[test]
fn names_won_again_are_announced_at_once_however_often() {
    let mut bench = Bench::casa();
    for _ in 0..20 {
        bench.forget();
        bench.with(Responder::wake);
        bench.run(ms(2500));
        assert_eq!((bench.queries().len(), bench.responses().len()), (3, 2));
    }
}

// RFC 6762 6: A13. The bench sees that a second lies between.
#[test]
fn announcement_waits_for_the_second_since_an_answer() {
    let mut bench = Bench::casa();
    bench.wanted.hosts[0].addresses.insert(ip("10.0.0.8"));
    bench.follow();
    bench.run(ms(400));
    bench.wanted.hosts[0].addresses.remove(&ip("10.0.0.8"));
    bench.follow();
    bench.run(secs(5));
    let expected = [secs(10), secs(11), secs(12)];
    assert_eq!(at(&bench.responses()), expected);
    let last = &bench.responses()[2].message.answers;
    assert_eq!(*last, [flush(address("casa.local", "10.0.0.1"))]);
}

#[test]
fn announcing_repeating_and_goodbyes_can_be_switched_off() {
    let announced = |rule| {
        let mut bench = Bench::new().without(rule);
        bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
        bench.follow();
        bench.run(secs(10));
        let announced = bench.responses().len();
        bench.with(Responder::shutdown);
        (announced, bench.responses().len() - announced)
    };
    assert_eq!(announced(Rule::Announce), (0, 0));
    assert_eq!(announced(Rule::Repeat), (1, 1));
    assert_eq!(announced(Rule::Goodbye), (2, 0));
}
