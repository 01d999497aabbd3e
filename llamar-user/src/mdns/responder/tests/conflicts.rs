//! RFC 6762 8.1, 9: conflicts, at the start and later, and what becomes of the names.

use std::time::Duration;

use super::super::*;
use super::bench::*;
use crate::config::OnConflict;
use crate::dns::kind::{A, ANY};
use crate::mdns::{Event, Lost, Outcome, Rule};

fn theirs() -> Message {
    response(&[flush(address("casa.local", "10.0.0.2"))])
}

use crate::dns::Message;

/// `casa.local` with one address, held, by a policy.
fn held(on_conflict: OnConflict) -> Bench {
    let mut bench = Bench::new();
    bench.wanted.on_conflict = on_conflict;
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.settled()
}

/// Runs until the next probe, and gives an answer to that.
fn contest(bench: &mut Bench) {
    bench.run_to_query();
    let owner = bench.queries().last().unwrap().message.questions[0]
        .name
        .to_string();
    bench.hear(&response(&[flush(address(&owner, "10.0.0.2"))]), from(PEER));
}

fn lost(bench: &Bench) -> Vec<Lost> {
    let lost = bench.events.iter().filter_map(|event| match event {
        Event::Conflict(lost) => Some(lost.clone()),
        _ => None,
    });
    lost.collect()
}

// RFC 6762 9: A28
#[test]
fn conflict_at_any_time_resets_a_name_to_probing() {
    for on_conflict in [OnConflict::Rename, OnConflict::Withdraw] {
        let mut bench = held(on_conflict);
        let start = bench.at();
        bench.hear(&theirs(), from(PEER));
        assert_eq!(bench.state("casa.local"), State::Probing);
        assert!(!bench.ask(&query(&[question("casa.local", A)]), from(PEER)));
        bench.run(secs(5));
        // Nobody defended it: it is ours still, under the same name, and announced again.
        let first = bench.queries()[0].at;
        assert!(first <= start + ms(250));
        assert_eq!((bench.queries().len(), bench.responses().len()), (3, 2));
        assert_eq!(bench.state("casa.local"), State::Verified);
        assert_eq!(bench.standing("casa.local").used, name("casa.local"));
        assert_eq!(lost(&bench), []);
    }
}

// RFC 6762 9: A28. Any section, over any family, solicited or not.
#[test]
fn conflict_counts_in_any_section() {
    let record = address("casa.local", "10.0.0.2");
    let mut additional = response(&[]);
    additional.additionals = vec![record.clone()];
    let mut authority = response(&[]);
    authority.authorities = vec![record];
    for message in [additional, authority] {
        for arrival in [from(PEER), from(PEER6), from_to_us(PEER)] {
            let mut bench = held(OnConflict::Rename);
            bench.hear(&message, arrival);
            assert_eq!(bench.state("casa.local"), State::Probing);
        }
    }
}

// RFC 6762 9, 2: A28, A52
#[test]
fn same_data_other_types_and_shared_records_are_no_conflict() {
    let mut bench = Bench::web();
    let mut goodbye = address("casa.local", "10.0.0.2");
    goodbye.ttl = 0;
    let mut chaos = address("casa.local", "10.0.0.2");
    chaos.class = 3;
    for record in [
        flush(address("CASA.local", "10.0.0.1")),
        txt("casa.local", "what is this"),
        nsec("casa.local", &[A, 16]),
        ptr("_http._tcp.local", 4500, "Other._http._tcp.local"),
        ptr("1.0.0.10.in-addr.arpa", 120, "other.local"),
        srv("web._http._tcp.local", 80, "CASA.local"),
        goodbye,
        chaos,
    ] {
        bench.hear(&response(std::slice::from_ref(&record)), from(PEER));
        for name in ["casa.local", "Web._http._tcp.local"] {
            assert_eq!(bench.state(name), State::Verified, "{record}");
        }
    }
    bench.run(secs(1));
    assert!(bench.events.is_empty());
    bench.hear(
        &response(&[srv("Web._http._tcp.local", 81, "casa.local")]),
        from(PEER),
    );
    assert_eq!(bench.state("Web._http._tcp.local"), State::Probing);
    assert_eq!(bench.state("casa.local"), State::Verified);
}

// RFC 6762 9; RFC 6763 D: A48, B10
#[test]
fn lost_names_get_a_number_and_the_culprit_is_told() {
    let mut bench = held(OnConflict::Rename);
    bench.hear(&theirs(), from(PEER));
    contest(&mut bench);
    let expected = Lost {
        device: 2,
        name: name("casa.local"),
        culprit: ip(PEER),
        outcome: Outcome::Renamed {
            to: name("casa-2.local"),
        },
        news: true,
    };
    assert_eq!(lost(&bench), [expected]);
    contest(&mut bench);
    bench.run(secs(5));
    let standing = bench.standing("casa.local");
    assert_eq!(standing.used, name("casa-3.local"));
    assert_eq!(
        (standing.state, standing.culprit),
        (State::Verified, Some(ip(PEER)))
    );
    let verified = Event::Verified {
        device: 2,
        name: name("casa-3.local"),
    };
    assert_eq!(bench.events.last(), Some(&verified));
    // RFC 6762 9: the lost name is not used.
    bench.forget();
    assert!(!bench.ask(
        &query(&[question("casa.local", A), question("casa-2.local", A)]),
        from(PEER)
    ));
    assert!(bench.ask(&query(&[question("casa-3.local", A)]), from(PEER)));
}

// RFC 6762 8.4, 9; RFC 6763 D: B10
#[test]
fn services_follow_their_host_to_its_new_name() {
    let mut bench = Bench::web();
    bench.hear(&theirs(), from(PEER));
    // While it is open whose the name is, nothing changes.
    assert!(bench.ask(&query(&[question("Web._http._tcp.local", 33)]), from(PEER)));
    bench.forget();
    contest(&mut bench);
    assert_eq!(bench.responses().len(), 0);
    assert_eq!(bench.standing("casa.local").used, name("casa-2.local"));
    // The old name is another's, the new one not ours yet.
    assert!(!bench.ask(&query(&[question("Web._http._tcp.local", 33)]), from(PEER)));
    assert!(bench.ask(&query(&[question("Web._http._tcp.local", 16)]), from(PEER)));
    bench.forget();
    bench.run(secs(5));
    assert!(
        bench
            .queries()
            .iter()
            .all(|sent| sent.message.questions == [qu("casa-2.local", ANY)])
    );
    let expected = [
        flush(address("casa-2.local", "10.0.0.1")),
        flush(address("casa-2.local", "fe80::1")),
        flush(srv("Web._http._tcp.local", 80, "casa-2.local")),
    ];
    // RFC 6762 8.4: A30. The new target flushes the old one; it needs no goodbye.
    let responses = bench.responses();
    assert_eq!(responses.len(), 2);
    for sent in responses {
        assert_eq!(sorted(&sent.message.answers), sorted(&expected));
    }
    assert_eq!(bench.state("Web._http._tcp.local"), State::Verified);
}

// RFC 6763 D: B10
#[test]
fn lost_service_gets_a_number_in_parentheses() {
    let mut bench = Bench::web();
    let web = "Web._http._tcp.local";
    bench.hear(&response(&[flush(srv(web, 1, "other.local"))]), from(PEER));
    bench.run_to_query();
    bench.hear(&response(&[flush(srv(web, 1, "other.local"))]), from(PEER));
    bench.forget();
    bench.run(secs(5));
    assert_eq!(
        bench.standing(web).used,
        name(r"Web\032(2)._http._tcp.local")
    );
    // Its old pointer is now the winner's: no goodbye. The type stays announced.
    let expected = lines(
        r#"
        Web\032(2)._http._tcp.local. 120 IN+flush SRV 0 0 80 casa.local.
        Web\032(2)._http._tcp.local. 4500 IN+flush TXT "path=/"
        _http._tcp.local. 4500 IN PTR Web\032(2)._http._tcp.local.
        _services._dns-sd._udp.local. 4500 IN PTR _http._tcp.local.
    "#,
    );
    assert_eq!(sorted(&bench.responses()[0].message.answers), expected);
    assert!(
        bench
            .sent
            .iter()
            .all(|sent| sent.message.records().all(|record| record.ttl > 0))
    );
}

// RFC 6762 9: A48. One host has one name: that of another interface is taken over.
#[test]
fn name_found_elsewhere_is_taken_over() {
    let mut bench = Bench::web();
    bench
        .with(|responder, turn| responder.rename(turn, &name("casa.local"), &name("casa-7.local")));
    let ended = sorted(&bench.responses()[0].message.answers);
    assert_eq!(
        ended,
        lines(
            "
        casa.local. 0 IN+flush A 10.0.0.1
        casa.local. 0 IN+flush AAAA fe80::1
    "
        )
    );
    bench.run(secs(5));
    assert_eq!(bench.standing("casa.local").used, name("casa-7.local"));
    assert_eq!(bench.state("casa.local"), State::Verified);
    assert_eq!(lost(&bench), []);
    let last = bench.responses().last().unwrap().message.answers.clone();
    assert!(last.contains(&flush(srv("Web._http._tcp.local", 80, "casa-7.local"))));
    // Its own name, or one of ours, is nothing to be taken over.
    bench.forget();
    for to in ["casa-7.local", "Web._http._tcp.local"] {
        bench.with(|responder, turn| responder.rename(turn, &name("casa.local"), &name(to)));
    }
    bench.run(secs(5));
    assert!(bench.sent.is_empty());
    // It counts on from there.
    bench.hear(
        &response(&[flush(address("casa-7.local", "10.0.0.2"))]),
        from(PEER),
    );
    contest(&mut bench);
    assert_eq!(bench.standing("casa.local").used, name("casa-8.local"));
}

// RFC 6762 9: A28. A service whose host is getting another name has its own name still.
#[test]
fn service_in_wait_for_its_host_is_still_defended() {
    let mut bench = Bench::web();
    bench.hear(&theirs(), from(PEER));
    contest(&mut bench);
    let web = "Web._http._tcp.local";
    bench.hear(
        &response(&[flush(srv(web, 80, "casa-2.local"))]),
        from(PEER),
    );
    assert_eq!(bench.state(web), State::Verified);
    bench.hear(&response(&[flush(srv(web, 80, "other.local"))]), from(PEER));
    assert_eq!(bench.state(web), State::Probing);
}

#[test]
fn another_policy_is_applied_to_withdrawn_names_at_once() {
    let mut bench = held(OnConflict::Withdraw);
    bench.hear(&theirs(), from(PEER));
    contest(&mut bench);
    bench.wanted.on_conflict = OnConflict::Rename;
    bench.follow();
    assert_eq!(bench.state("casa.local"), State::Probing);
    contest(&mut bench);
    assert_eq!(bench.standing("casa.local").used, name("casa-2.local"));
}

// RFC 6762 9: the loser ceases to use the name.
#[test]
fn withdrawn_name_is_tried_again_after_growing_pauses() {
    let mut bench = held(OnConflict::Withdraw);
    bench.hear(&theirs(), from(PEER));
    let mut pauses = Vec::new();
    for round in 0..12 {
        contest(&mut bench);
        let State::Withdrawn { retry } = bench.state("casa.local") else {
            panic!("{:?}", bench.state("casa.local"));
        };
        let lost = lost(&bench);
        assert_eq!(lost[round].outcome, Outcome::Withdrawn { retry });
        // Of one culprit it is news once.
        assert_eq!(
            (lost[round].culprit, lost[round].news),
            (ip(PEER), round == 0)
        );
        let sent = bench.queries().len();
        assert!(!bench.ask(&query(&[question("casa.local", A)]), from(PEER)));
        let pause = bench
            .responder
            .poll_timeout()
            .map(|due| bench.with(|_, turn| due - turn.now));
        pauses.push(pause.unwrap());
        assert_eq!(bench.queries().len(), sent);
    }
    assert!(pauses[0] >= secs(10) && pauses[0] <= ms(12_500));
    assert!(pauses[3] >= secs(80) && pauses[3] <= secs(100));
    assert!(pauses[11] >= secs(3600) && pauses[11] <= secs(4500));
    bench.run(secs(5000));
    assert_eq!(bench.state("casa.local"), State::Verified);
    assert_eq!(bench.standing("casa.local").culprit, None);
    // After that, the same is news, and the pause is short.
    bench.forget();
    bench.hear(&theirs(), from(PEER));
    contest(&mut bench);
    assert!(lost(&bench)[0].news);
    bench.run(secs(14));
    assert_eq!(bench.state("casa.local"), State::Verified);
}

// RFC 6762 9: a name whose domain leaves no room for a number cannot be changed.
#[test]
fn name_without_room_for_another_is_withdrawn() {
    let others = ["a", "b", "c"].map(|letter| letter.repeat(63)).join(".");
    let long = format!("x.{others}.{}", "d".repeat(59));
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host(&long, &["10.0.0.1"])];
    bench.follow();
    contest(&mut bench);
    assert!(matches!(bench.state(&long), State::Withdrawn { .. }));
    assert!(matches!(lost(&bench)[0].outcome, Outcome::Withdrawn { .. }));
}

// RFC 6763 12.2: a service is not offered under a name that is another's.
#[test]
fn services_end_with_their_withdrawn_host_and_come_back_with_it() {
    let mut bench = Bench::new();
    bench.wanted.on_conflict = OnConflict::Withdraw;
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.wanted.services = vec![service("Web._http._tcp.local", 80, "a")];
    let mut bench = bench.settled();
    bench.hear(&theirs(), from(PEER));
    contest(&mut bench);
    let ended = &bench.responses()[0].message.answers;
    assert_eq!(ended.len(), 4);
    assert!(
        ended
            .iter()
            .all(|record| record.ttl == 0 && record.owner != name("casa.local"))
    );
    assert!(!bench.ask(&query(&[question("_http._tcp.local", 12)]), from(PEER)));
    bench.forget();
    bench.run(secs(20));
    assert!(bench.ask(&query(&[question("_http._tcp.local", 12)]), from(PEER)));
    // Its address, and the four records that ended.
    let back = &bench.responses().last().unwrap().message.answers;
    assert_eq!(back.len(), 5);
    assert!(back.iter().all(|record| record.ttl > 0));
}

// The administrator's order, against RFC 6762 9.
#[test]
fn kept_name_stays_in_use_and_is_defended_now_and_then() {
    let mut bench = held(OnConflict::Keep);
    for _ in 0..100 {
        bench.hear(&theirs(), from(PEER));
        bench.run(ms(100));
    }
    bench.hear(&theirs(), from(OTHER));
    assert_eq!(bench.state("casa.local"), State::Verified);
    assert_eq!(bench.queries().len(), 0);
    assert_eq!(bench.responses().len(), 2);
    let lost = lost(&bench);
    assert_eq!(lost.len(), 101);
    assert!(lost.iter().all(|lost| lost.outcome == Outcome::Kept));
    let news: Vec<_> = lost
        .iter()
        .filter(|lost| lost.news)
        .map(|lost| lost.culprit)
        .collect();
    assert_eq!(news, [ip(PEER), ip(OTHER)]);
    assert_eq!(bench.standing("casa.local").culprit, Some(ip(OTHER)));
    // At the start too.
    let mut bench = Bench::new();
    bench.wanted.on_conflict = OnConflict::Keep;
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    contest(&mut bench);
    bench.run(secs(5));
    assert_eq!((bench.queries().len(), bench.responses().len()), (3, 2));
    assert_eq!(bench.standing("casa.local").used, name("casa.local"));
}

/// How far apart the probes of successive attempts are, all of which are contested at once.
fn attempts(bench: &mut Bench, count: usize) -> Vec<Duration> {
    let mut moments = Vec::new();
    for _ in 0..count {
        contest(bench);
        moments.push(bench.queries().last().unwrap().at);
    }
    moments.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

// RFC 6762 8.1: A25
#[test]
fn fifteen_conflicts_in_ten_seconds_slow_each_further_attempt() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    let gaps = attempts(&mut bench, 40);
    assert!(gaps[..14].iter().all(|gap| *gap <= ms(260)), "{gaps:?}");
    assert!(gaps[14..].iter().all(|gap| *gap >= secs(5)), "{gaps:?}");
    assert!(gaps[14..].iter().all(|gap| *gap <= ms(5260)), "{gaps:?}");
    // Quiet ends it.
    bench.run(secs(30));
    assert_eq!(bench.state("casa.local"), State::Verified);
    let used = bench.standing("casa.local").used.to_string();
    bench.hear(&response(&[flush(address(&used, "10.0.0.2"))]), from(PEER));
    let gaps = attempts(&mut bench, 5);
    assert!(gaps.iter().all(|gap| *gap <= ms(260)), "{gaps:?}");
}

#[test]
fn without_the_pace_attempts_go_on_and_on() {
    let mut bench = Bench::new().without(Rule::Pace);
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    let gaps = attempts(&mut bench, 40);
    assert!(gaps.iter().all(|gap| *gap <= ms(260)), "{gaps:?}");
}

#[test]
fn without_giving_way_nothing_is_lost() {
    let mut bench = Bench::new().without(Rule::GiveWay);
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    contest(&mut bench);
    bench.run(secs(2));
    bench.hear(&theirs(), from(PEER));
    assert_eq!(bench.state("casa.local"), State::Verified);
    assert_eq!(bench.standing("casa.local").used, name("casa.local"));
}

// RFC 6762 9: A48
#[test]
fn after_a_minute_without_a_free_name_that_is_told_once() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1"])];
    bench.follow();
    let nameless = |bench: &Bench| {
        let events = bench.events.iter();
        events.filter(|event| matches!(event, Event::Nameless { device: 2, wanted } if *wanted == name("casa.local"))).count()
    };
    contest(&mut bench);
    let first = bench.at();
    while bench.at() < first + secs(60) {
        assert_eq!(nameless(&bench), 0);
        contest(&mut bench);
    }
    for _ in 0..20 {
        contest(&mut bench);
        assert_eq!(nameless(&bench), 1);
    }
    bench.run(secs(30));
    assert_eq!(bench.state("casa.local"), State::Verified);
}

// RFC 6762 9: A28. What is told of conflicts is as bounded as what is remembered of them.
#[test]
fn a_forger_with_many_addresses_is_news_a_few_times() {
    let mut bench = held(OnConflict::Keep);
    for n in 0..10_000u32 {
        let culprit = IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0100 + n));
        bench.hear(&theirs(), from(&culprit.to_string()));
    }
    let lost = lost(&bench);
    assert!(lost.iter().filter(|lost| lost.news).count() <= 8);
    let mut bench = held(OnConflict::Rename);
    for n in 0..10_000u32 {
        let culprit = IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0100 + n));
        bench.ask(
            &probe(
                question("casa.local", ANY),
                &[address("casa.local", "10.0.0.2")],
            ),
            from(&culprit.to_string()),
        );
    }
    let defended = bench
        .events
        .iter()
        .filter(|event| matches!(event, Event::Defended { .. }));
    assert_eq!(defended.count(), 8);
}
