//! What the queries of others tell (RFC 6762 7.3, 10.5).

use super::*;

/// A query for what we are about to ask.
fn same(answers: Vec<Record>) -> Message {
    query(vec![http()], answers)
}

/// When our queries go out after a query of another host 10 ms after we were asked.
fn after(known: Vec<Record>, message: &Message, arrival: &Arrival) -> Vec<f64> {
    let mut scene = Scene::new();
    if !known.is_empty() {
        scene.hears(known);
    }
    scene.ask(1, &http());
    scene.run(0.01);
    scene.overhears(message, arrival);
    scene.times(2.5)
}

const SUPPRESSED: [(f64, f64); 1] = [(1.01, 1.01)];
const SENT: [(f64, f64); 2] = [(0.02, 0.12), (1.02, 1.12)];

// RFC 6762 7.3: A23
#[test]
fn question_that_another_asks_counts_as_ours() {
    assert_within(&after(vec![], &same(vec![]), &multicast(PEER)), &SUPPRESSED);
    let upper = query(
        vec![question("_HTTP._TCP.local", kind::PTR), casa()],
        vec![],
    );
    assert_within(&after(vec![], &upper, &multicast(PEER)), &SUPPRESSED);
}

// RFC 6762 7.3: A23
#[test]
fn list_of_known_answers_may_be_shorter_than_ours_and_not_longer() {
    let listed = |numbers: &[usize]| same(numbers.iter().map(|number| web(*number)).collect());
    let ours = || vec![web(1), web(2)];
    let peer = multicast(PEER);
    for shorter in [&[][..], &[1], &[1, 2]] {
        assert_within(&after(ours(), &listed(shorter), &peer), &SUPPRESSED);
    }
    assert_within(&after(ours(), &listed(&[3]), &peer), &SENT);
    assert_within(&after(ours(), &listed(&[1, 2, 3]), &peer), &SENT);
    assert_within(&after(vec![], &listed(&[1]), &peer), &SENT);
    // What answers another of its questions does not matter.
    let mut message = listed(&[1]);
    message.questions.push(casa());
    message.answers.push(shared("casa.local", 120, a(1)));
    assert_within(&after(ours(), &message, &peer), &SUPPRESSED);
}

// RFC 6762 7.1, 7.3: A21, A23
// We would not list it any more.
#[test]
fn answer_that_is_half_over_is_not_one_that_we_would_list() {
    let mut scene = Scene::new();
    scene.hears(vec![web(1)]);
    scene.run(2300.0);
    scene.ask(1, &http());
    scene.overhears(&same(vec![web(1)]), &multicast(PEER));
    assert_within(&scene.times(2300.5), &[(2300.02, 2300.12)]);
}

// RFC 6762 5.4, 6.7, 7.2, 7.3: A22, A23
#[test]
fn question_whose_answers_we_may_not_see_does_not_count_as_ours() {
    let peer = multicast(PEER);
    let mut unicast = http();
    unicast.class |= kind::CLASS_TOP;
    assert_within(&after(vec![], &query(vec![unicast], vec![]), &peer), &SENT);
    // More known answers follow.
    let cut = Message {
        flags: TRUNCATED,
        ..same(vec![])
    };
    assert_within(&after(vec![], &cut, &peer), &SENT);
    let to_us = Arrival { to: US, ..peer };
    assert_within(&after(vec![], &same(vec![]), &to_us), &SENT);
    let legacy = Arrival {
        from: SocketAddr::new(PEER, 40_000),
        ..peer
    };
    assert_within(&after(vec![], &same(vec![]), &legacy), &SENT);
    for other in [
        question("_http._tcp.local", kind::ANY),
        question("_ipp._tcp.local", kind::PTR),
    ] {
        assert_within(&after(vec![], &query(vec![other], vec![]), &peer), &SENT);
    }
}

// RFC 6762 7.3: A23
// Not everybody hears both families.
#[test]
fn question_on_one_family_does_not_count_on_the_other() {
    let mut scene = Scene::new();
    scene.families = Family::ALL.to_vec();
    scene.run(100.0);
    scene.ask(1, &http());
    scene.overhears(&same(vec![]), &multicast(PEER_V6));
    let sent = scene.run(100.5);
    assert_eq!(
        sent.iter().map(|sent| sent.family).collect::<Vec<_>>(),
        [Family::V4]
    );
}

#[test]
fn without_the_rule_the_question_is_asked_again() {
    let mut scene = Scene::new();
    scene.rules = Rules::without(Rule::DuplicateQuestions);
    scene.ask(1, &http());
    scene.run(0.01);
    scene.overhears(&same(vec![]), &multicast(PEER));
    assert_within(&scene.times(2.0), &SENT);
}

// RFC 6762 7.3: A23
// What is planned is what is near.
#[test]
fn repetition_counts_as_sent_when_half_of_its_gap_is_over() {
    for (at, expected) in [(8.2, 15.1), (12.0, 28.0)] {
        let mut scene = Scene::new();
        scene.ask(1, &http());
        scene.run(8.0);
        assert_eq!(scene.times(at), [0.0; 0]);
        scene.overhears(&same(vec![]), &multicast(PEER));
        let next = scene.next().at;
        assert_within(&[next], &[(expected - 0.1, expected + 0.1)]);
    }
}

// RFC 6762 5.2, 7.3: A4, A23
#[test]
fn refresh_waits_for_the_answers_to_the_same_question_of_another() {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    scene.next();
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    let due = scene.querier.poll_timeout().unwrap();
    let before = (due - scene.start).as_secs_f64() - 0.1;
    assert_eq!(scene.times(before), [0.0; 0]);
    scene.overhears(&query(vec![casa()], vec![]), &multicast(PEER));
    assert_eq!(scene.times(before + 0.9), [0.0; 0]);
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    assert_eq!(scene.times(before + 90.0), [0.0; 0]);
}

/// A cache with a record that is a minute old, and its answers to others' queries observed.
fn observed() -> Scene {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    scene.hears(vec![
        unique("casa.local", 1000, a(1)),
        unique("dos.local", 1000, a(2)),
    ]);
    scene.run(60.0);
    scene.events();
    scene
}

fn both() -> Message {
    query(vec![casa(), question("dos.local", kind::A)], vec![])
}

// RFC 6762 10.5: A32
#[test]
fn record_that_nobody_gives_to_two_queries_of_others_is_gone_after_ten_seconds() {
    let mut scene = observed();
    scene.overhears(&both(), &multicast(PEER));
    scene.run(61.0);
    scene.overhears(&both(), &multicast(PEER));
    assert!(scene.run(70.99).is_empty() && scene.querier.cache().len() == 2);
    // We do not ask ourselves before.
    assert!(scene.run(71.0).is_empty());
    assert!(scene.querier.cache().is_empty());
    assert_eq!(scene.events(), ["- casa.local. 1000 IN A 192.0.2.1"]);
}

// RFC 6762 10.5: A32
#[test]
fn record_that_is_given_once_more_stays() {
    let mut scene = observed();
    scene.overhears(&both(), &multicast(PEER));
    scene.run(61.0);
    scene.overhears(&both(), &multicast(PEER));
    scene.run(65.0);
    scene.hears(vec![unique("casa.local", 1000, a(1))]);
    scene.run(90.0);
    let there: Vec<_> = scene
        .querier
        .cache()
        .entries()
        .map(|entry| entry.record.owner.to_string())
        .collect();
    assert_eq!(there, ["casa.local"]);
    // The count begins anew.
    scene.overhears(&both(), &multicast(PEER));
    scene.run(200.0);
    assert_eq!(scene.querier.cache().len(), 1);
}

// RFC 6762 10.5: A32
#[test]
fn queries_after_an_answer_count_anew() {
    let mut scene = observed();
    scene.overhears(&both(), &multicast(PEER));
    scene.run(61.0);
    scene.hears(vec![unique("casa.local", 1000, a(1))]);
    for at in [63.0, 65.0] {
        scene.run(at);
        scene.overhears(&both(), &multicast(PEER));
    }
    scene.run(74.99);
    assert_eq!(scene.events(), [""; 0]);
    scene.run(75.0);
    assert_eq!(scene.events(), ["- casa.local. 1000 IN A 192.0.2.1"]);
}

// RFC 6762 6.1, 10.5: A32
// A responder that has records of the name gives those, and no NSEC, to a question for all.
#[test]
fn denial_is_not_expected_as_an_answer() {
    let mut scene = Scene::new();
    let nsec = Rdata::Nsec(Nsec::new(name("casa.local"), [kind::A]));
    scene.hears(vec![unique("casa.local", 1000, nsec)]);
    for at in [10.0, 12.0] {
        scene.run(at);
        let any = query(vec![question("casa.local", kind::ANY)], vec![]);
        scene.overhears(&any, &multicast(PEER));
    }
    scene.run(60.0);
    assert_eq!(scene.querier.cache().len(), 1);
}

// RFC 6762 10.5: A32
#[test]
fn one_query_or_two_at_once_or_far_apart_say_nothing() {
    for times in [&[60.0][..], &[60.0, 60.0, 60.5], &[60.0, 70.1, 81.0]] {
        let mut scene = observed();
        for at in times {
            scene.run(*at);
            scene.overhears(&both(), &multicast(PEER));
        }
        scene.run(120.0);
        assert_eq!(scene.querier.cache().len(), 2, "{times:?}");
    }
}

// RFC 6762 5.4, 6, 7.1, 7.2, 10.5: A32
// Silence is no sign where nobody has to speak to everybody.
#[test]
fn queries_that_need_not_be_answered_before_us_say_nothing() {
    let unicast = |mut question: Question| {
        question.class |= kind::CLASS_TOP;
        question
    };
    let peer = multicast(PEER);
    let known = |ttl| {
        vec![
            shared("casa.local", ttl, a(1)),
            shared("dos.local", ttl, a(2)),
        ]
    };
    let cases = [
        (
            query(both().questions.into_iter().map(unicast).collect(), vec![]),
            peer,
        ),
        (both(), Arrival { to: US, ..peer }),
        (
            both(),
            Arrival {
                from: SocketAddr::new(PEER, 40_000),
                ..peer
            },
        ),
        (both(), multicast(PEER_V6)),
        (
            Message {
                flags: TRUNCATED,
                ..both()
            },
            peer,
        ),
        (query(both().questions, known(500)), peer),
        (
            query(
                vec![
                    question("casa.local", kind::AAAA),
                    question("tres.local", kind::A),
                ],
                vec![],
            ),
            peer,
        ),
    ];
    let observe = |message: &Message, arrival: &Arrival| {
        let mut scene = observed();
        for at in [60.0, 62.0, 66.0] {
            scene.run(at);
            scene.overhears(message, arrival);
        }
        scene.run(120.0);
        scene.querier.cache().len()
    };
    for (message, arrival) in &cases {
        assert_eq!(observe(message, arrival), 2, "{message:?} {arrival:?}");
    }
    // RFC 6762 7.1: known answers with less than half of their TTL are to be answered.
    assert_eq!(observe(&query(both().questions, known(499)), &peer), 0);
}

// RFC 6762 10.5: A32
// A host that has a record and looks for others like it does not answer itself.
#[test]
fn record_whose_teller_asks_for_it_himself_is_not_waited_for() {
    let mut scene = observed();
    for at in [60.0, 62.0, 66.0] {
        scene.run(at);
        scene.overhears(&both(), &multicast(TELLER));
    }
    scene.run(120.0);
    assert_eq!(scene.querier.cache().len(), 2);
}

// RFC 6762 6, 10.5: A32
// Who has just answered must not answer again within a second.
#[test]
fn record_that_was_heard_within_the_second_is_not_waited_for() {
    let mut scene = observed();
    scene.overhears(&both(), &multicast(PEER));
    scene.run(61.0);
    scene.hears(vec![
        unique("casa.local", 1000, a(1)),
        unique("dos.local", 1000, a(2)),
    ]);
    scene.run(61.9);
    scene.overhears(&both(), &multicast(PEER));
    scene.run(63.5);
    scene.overhears(&both(), &multicast(PEER));
    scene.run(120.0);
    assert_eq!(scene.querier.cache().len(), 2);
}
