//! How often is asked (RFC 6762 5.2 to 5.4).

use hickory_proto::op::Message as Hickory;

use super::*;

// RFC 6762 5.2: A3
#[test]
fn first_query_waits_by_chance_from_20_to_120_milliseconds() {
    let first = |seed| {
        let mut scene = Scene::seeded(seed);
        scene.ask(1, &http());
        scene.next().at
    };
    let times: Vec<_> = (0..200).map(first).collect();
    assert!(times.iter().all(|time| (0.02..=0.12).contains(time)));
    assert!(times.iter().any(|time| *time < 0.03) && times.iter().any(|time| *time > 0.11));
}

// RFC 6762 5.2: A3
#[test]
fn gaps_are_a_second_and_then_double_up_to_an_hour() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    let times = scene.times(40_000.0);
    let gaps: Vec<_> = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).round())
        .collect();
    let expected = [
        1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 3600.0, 3600.0,
    ];
    assert_eq!(gaps[..14], expected);
    assert!(gaps[14..].iter().all(|gap| *gap == 3600.0));
}

#[test]
fn without_the_rule_gaps_do_not_grow() {
    let mut scene = Scene::new();
    scene.rules = Rules::without(Rule::BackOff);
    scene.ask(1, &http());
    assert_eq!(scene.times(60.5).len(), 61);
}

// RFC 6762 5.2: A3
// Whoever drives the querier may be late, and still each gap is twice the one before.
#[test]
fn gaps_double_also_if_timeouts_come_late() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    let mut times = Vec::new();
    for late in [5, 700, 0, 90, 1800, 3, 2, 1] {
        scene.now = scene.querier.poll_timeout().unwrap() + milliseconds(late);
        scene.turn(|querier, turn| querier.handle_timeout(turn));
        times.extend(scene.sent().iter().map(|sent| sent.at));
    }
    assert_eq!(times.len(), 8);
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[0] >= 1.0);
    for pair in gaps.windows(2) {
        assert!(pair[1] >= 2.0 * pair[0] - 1e-6, "{gaps:?}");
    }
}

// RFC 6762 5.2: A3
#[test]
fn unique_answer_ends_the_series_until_80_percent_of_its_life() {
    for seed in 0..50 {
        let mut scene = Scene::seeded(seed);
        scene.ask(1, &casa());
        scene.next();
        let at = scene.elapsed();
        scene.hears(vec![unique("casa.local", 120, a(1))]);
        assert_eq!(scene.events(), ["+ casa.local. 120 IN A 192.0.2.1"]);
        let next = scene.next().at - at;
        assert!((0.80 * 120.0..=0.82 * 120.0).contains(&next), "{next}");
    }
}

// RFC 6762 5.2: A3
// Others may have more of it.
#[test]
fn shared_answer_does_not_end_the_series() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    scene.next();
    scene.hears(vec![web(1)]);
    assert_eq!(scene.run(1000.0).len(), 9);
}

// RFC 6762 5.2, 6.1: A3, A16
#[test]
fn denial_ends_the_series_as_an_answer_does() {
    let mut scene = Scene::new();
    let aaaa = question("casa.local", kind::AAAA);
    scene.ask(1, &aaaa);
    scene.next();
    let nsec = Rdata::Nsec(Nsec::new(name("casa.local"), [kind::A]));
    scene.hears(vec![unique("casa.local", 120, nsec)]);
    assert!(scene.querier.cache().denies(&aaaa.name, kind::AAAA));
    assert_eq!(scene.times(90.0), [0.0; 0]);
    let times = scene.times(119.0);
    assert_within(&times[..1], &[(96.0, 98.6)]);
    assert_eq!((times.len(), scene.events().len()), (4, 0));
}

// RFC 6762 5.2: A3
#[test]
fn question_that_is_answered_before_it_is_asked_is_not_asked() {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    assert_eq!(scene.times(90.0), [0.0; 0]);
}

// RFC 6762 5.2: A3, A8
// What is in the cache answers at once.
#[test]
fn what_is_known_comes_at_once_and_is_asked_for_only_if_there_may_be_more() {
    let mut scene = Scene::new();
    scene.hears(vec![unique("Casa.local", 120, a(1)), web(1)]);
    assert_eq!(scene.events(), [""; 0]);
    scene.run(10.0);
    scene.ask(1, &casa());
    assert_eq!(scene.events(), ["+ Casa.local. 120 IN A 192.0.2.1"]);
    scene.ask(2, &http());
    assert_eq!(scene.events().len(), 1);
    let sent = scene.run(90.0);
    assert!(
        sent.iter()
            .all(|sent| sent.asks() == ["_http._tcp.local PTR"])
    );
    assert_within(&[sent[0].at], &[(10.02, 10.12)]);
    let sent = scene.run(99.0);
    let asked = sent.iter().filter(|sent| sent.asks() == ["casa.local A"]);
    assert_eq!(asked.count(), 1);
}

// RFC 6762 5.2: A3
// The series goes on as if it had not been ended.
#[test]
fn question_whose_answer_is_lost_is_asked_again() {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    scene.next();
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    scene.run(50.0);
    scene.hears(vec![unique("casa.local", 0, a(1))]);
    assert_eq!(scene.times(50.99), [0.0; 0]);
    let times = scene.times(60.0);
    assert_within(&times, &[(52.02, 52.12), (54.02, 54.12), (58.02, 58.12)]);
    assert_eq!(
        scene.events(),
        [
            "+ casa.local. 120 IN A 192.0.2.1",
            "- casa.local. 120 IN A 192.0.2.1"
        ]
    );
    // It is answered again.
    scene.hears(vec![unique("casa.local", 120, a(2))]);
    assert_eq!(scene.times(150.0), [0.0; 0]);
}

// RFC 6762 5.2, 10.1: A3, A29
#[test]
fn answer_that_is_about_to_go_does_not_settle_a_question() {
    let mut scene = Scene::new();
    scene.hears(vec![unique("casa.local", 1000, a(1))]);
    scene.run(3.0);
    scene.hears(vec![unique("casa.local", 0, a(1))]);
    scene.ask(1, &casa());
    assert_within(&scene.times(5.0), &[(3.02, 3.12), (4.02, 4.12)]);
    assert_eq!(scene.events().len(), 2);
}

// RFC 6762 10.2: A31
// The new address is the answer now.
#[test]
fn answer_that_is_replaced_is_not_lost() {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    scene.next();
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    scene.run(50.0);
    scene.hears(vec![unique("casa.local", 120, a(2))]);
    assert_eq!(scene.times(140.0), [0.0; 0]);
    assert_eq!(
        scene.events(),
        [
            "+ casa.local. 120 IN A 192.0.2.1",
            "+ casa.local. 120 IN A 192.0.2.2",
            "- casa.local. 120 IN A 192.0.2.1",
        ]
    );
}

// RFC 6762 5.3: A5
#[test]
fn questions_of_one_moment_go_in_one_message() {
    for seed in 0..20 {
        let mut scene = Scene::seeded(seed);
        scene.ask(1, &http());
        scene.ask(2, &casa());
        scene.ask(3, &question("casa.local", kind::AAAA));
        let asks = ["_http._tcp.local PTR", "casa.local A", "casa.local AAAA"];
        let sent = scene.run(100.0);
        assert_eq!(sent.len(), 7);
        for sent in sent {
            assert_eq!(sent.asks(), asks);
            let theirs = Hickory::from_vec(&sent.bytes).unwrap();
            let theirs = theirs.queries.iter().map(ToString::to_string);
            assert_eq!(theirs.count(), 3);
        }
    }
}

// RFC 6762 5.2, 5.3: A3, A5
// Nobody is asked sooner because of that.
#[test]
fn question_joins_another_only_when_it_has_waited_itself() {
    for seed in 0..100 {
        let mut scene = Scene::seeded(seed);
        scene.ask(1, &http());
        scene.run(0.015);
        scene.ask(2, &casa());
        let sent = scene.run(0.5);
        let of = |ask: &str| {
            let mut with = sent
                .iter()
                .filter(|sent| sent.asks().iter().any(|asked| asked == ask));
            with.next().unwrap().at
        };
        assert_within(
            &[of("_http._tcp.local PTR"), of("casa.local A")],
            &[(0.02, 0.12), (0.035, 0.135)],
        );
    }
}

// RFC 6762 5.4, 18.12: A6
#[test]
fn only_the_first_query_after_activation_asks_for_unicast_responses() {
    let mut scene = Scene::fresh(1);
    scene.ask(1, &http());
    assert_eq!(scene.next().asks(), ["_http._tcp.local PTR?"]);
    for _ in 0..5 {
        assert_eq!(scene.next().asks(), ["_http._tcp.local PTR"]);
    }
    scene.ask(2, &casa());
    assert!(
        scene
            .run(100.0)
            .iter()
            .all(|sent| !sent.asks().concat().contains('?'))
    );
}

// RFC 6762 5.4: A6
#[test]
fn first_query_long_after_activation_is_an_ordinary_one() {
    let mut scene = Scene::fresh(1);
    scene.ask(1, &casa());
    scene.hears(vec![unique("casa.local", 1000, a(1))]);
    scene.run(100.0);
    scene.hears(vec![unique("casa.local", 0, a(1))]);
    let sent = scene.next();
    assert_eq!(sent.asks(), ["casa.local A"]);
    assert_within(&[sent.at], &[(101.02, 101.12)]);
}

// RFC 6762 5.4, 15.1: A6, A34
// Another program would get the responses.
#[test]
fn unicast_responses_are_not_asked_for_if_they_would_not_come() {
    let mut scene = Scene::fresh(1);
    scene.unicast = false;
    scene.ask(1, &http());
    assert_eq!(scene.next().asks(), ["_http._tcp.local PTR"]);
}

// RFC 6762 20: A50
#[test]
fn both_families_are_asked_each_by_itself() {
    let mut scene = Scene::fresh(1);
    scene.families = Family::ALL.to_vec();
    scene.ask(1, &http());
    let sent = scene.run(100.0);
    for family in Family::ALL {
        let times = sent.iter().filter(|sent| sent.family == family);
        assert_eq!(times.count(), 7, "{family:?}");
    }
}

#[test]
fn question_that_is_asked_twice_is_one_on_the_wire_until_nobody_asks_it() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    let upper = question("_HTTP._tcp.LOCAL", kind::PTR);
    scene.ask(2, &upper);
    assert_eq!(scene.next().asks().len(), 1);
    scene.hears(vec![web(1)]);
    assert_eq!(scene.events().len(), 1);
    scene.ask(3, &upper);
    assert_eq!(
        scene.events(),
        ["+ _http._tcp.local. 4500 IN PTR Web\\0321._http._tcp.local."]
    );
    scene.querier.cease(AskId(1));
    scene.querier.cease(AskId(3));
    assert!(!scene.run(100.0).is_empty());
    scene.querier.cease(AskId(2));
    assert!(scene.run(9000.0).is_empty());
    assert_eq!(scene.events(), [""; 0]);
}

#[test]
fn ask_that_is_given_another_question_ceases_the_first() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    scene.ask(1, &casa());
    assert!(
        scene
            .run(100.0)
            .iter()
            .all(|sent| sent.asks() == ["casa.local A"])
    );
    scene.querier.cease(AskId(7));
    scene.querier.cease(AskId(1));
    assert!(scene.querier.poll_timeout().is_none());
}

// RFC 6762 6: A8
#[test]
fn only_what_somebody_asked_for_is_told() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    scene.ask(2, &question("any.local", kind::ANY));
    scene.ask(3, &question("alias.local", kind::A));
    scene.hears(vec![
        web(1),
        unique("Web 1._http._tcp.local", 120, a(1)),
        unique("any.local", 120, a(2)),
        unique("alias.local", 120, Rdata::Cname(name("any.local"))),
        shared("_http._tcp.local", 120, Rdata::Ns(name("any.local"))),
    ]);
    let told = scene.events();
    assert_eq!(told.len(), 3);
    assert!(told[0].contains("PTR") && told[1].contains("192.0.2.2") && told[2].contains("CNAME"));
    scene.run(120.0);
    assert_eq!(scene.events().len(), 2);
}
