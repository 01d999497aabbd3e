//! The interface that comes, goes and sleeps, and responses that come by unicast (RFC 6762 5.4, 6, 10.3).

use super::*;

fn to_us() -> Arrival {
    Arrival {
        to: US,
        ..multicast(PEER)
    }
}

// RFC 6762 6: A15
#[test]
fn unicast_responses_are_taken_for_two_seconds_after_they_were_asked_for() {
    let answer = response(vec![web(1)]);
    let mut scene = Scene::fresh(1);
    scene.ask(1, &http());
    assert!(!scene.hears_message(&answer, &to_us()));
    let at = scene.next().at;
    assert!(scene.hears_message(&answer, &to_us()));
    assert_eq!(scene.events().len(), 1);
    let other = response(vec![unique("casa.local", 120, a(1))]);
    assert!(!scene.hears_message(&other, &to_us()));
    // Additional records come along with an answer.
    let mut more = response(vec![web(2)]);
    more.additionals = other.answers.clone();
    scene.run(at + 1.99);
    assert!(scene.hears_message(&more, &to_us()));
    assert_eq!(scene.querier.cache().len(), 3);
    scene.run(at + 2.01);
    assert!(!scene.hears_message(&response(vec![web(3)]), &to_us()));
    assert!(scene.hears_message(&response(vec![web(3)]), &multicast(PEER)));
}

// RFC 6762 5.4, 6: A6, A15
#[test]
fn unicast_responses_to_what_was_asked_of_everybody_are_not_taken() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    assert_eq!(scene.next().asks(), ["_http._tcp.local PTR"]);
    assert!(!scene.hears_message(&response(vec![web(1)]), &to_us()));
    let mut scene = Scene::fresh(1);
    scene.unicast = false;
    scene.ask(1, &http());
    scene.next();
    assert!(!scene.hears_message(&response(vec![web(1)]), &to_us()));
    assert!(scene.querier.cache().is_empty());
}

// RFC 6762 6: A15
// The denial is a response too.
#[test]
fn unicast_denial_of_what_was_asked_for_is_taken() {
    let mut scene = Scene::fresh(1);
    scene.ask(1, &question("casa.local", kind::AAAA));
    scene.next();
    let nsec = Rdata::Nsec(Nsec::new(name("casa.local"), [kind::A]));
    assert!(scene.hears_message(&response(vec![unique("casa.local", 120, nsec)]), &to_us()));
}

// RFC 6762 10.3, RFC 6763 F: A32, B16
#[test]
fn interface_that_goes_takes_its_records_and_asks_anew_when_it_comes() {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    scene.hears(vec![unique("casa.local", 120, a(1)), web(1)]);
    scene.run(10.0);
    scene.overhears(&query(vec![http()], vec![]), &multicast(PEER));
    scene.turn(|querier, turn| querier.reconfirm(turn, &web(1)));
    scene.families.clear();
    scene.turn(|querier, turn| querier.follow(turn));
    assert!(scene.querier.cache().is_empty() && scene.querier.poll_timeout().is_none());
    assert_eq!(
        scene.events(),
        [
            "+ casa.local. 120 IN A 192.0.2.1",
            "- casa.local. 120 IN A 192.0.2.1"
        ]
    );
    assert!(scene.run(100.0).is_empty() && scene.querier.poll_timeout().is_none());
    scene.ask(2, &http());
    scene.families = vec![Family::V4];
    scene.turn(|querier, turn| querier.follow(turn));
    let sent = scene.next();
    assert_eq!(sent.asks(), ["casa.local A?", "_http._tcp.local PTR?"]);
    assert_within(&[sent.at], &[(100.02, 100.12)]);
    assert_within(&[scene.next().at], &[(101.02, 101.12)]);
}

// RFC 6762 10.3, 20: A32, A50
#[test]
fn family_that_comes_or_goes_alone_changes_nothing_for_the_other() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    scene.hears(vec![web(1)]);
    scene.run(100.0);
    scene.families = Family::ALL.to_vec();
    scene.turn(|querier, turn| querier.follow(turn));
    let sent = scene.run(130.0);
    let times = |family| {
        let sent = sent.iter().filter(move |sent| sent.family == family);
        sent.map(|sent| sent.at).collect::<Vec<_>>()
    };
    assert_within(&times(Family::V4), &[(127.0, 127.2)]);
    assert_within(
        &times(Family::V6)[..2],
        &[(100.02, 100.12), (101.02, 101.12)],
    );
    assert_eq!(sent[0].asks(), ["_http._tcp.local PTR?"]);
    scene.families = vec![Family::V6];
    assert!(
        scene
            .run(1000.0)
            .iter()
            .all(|sent| sent.family == Family::V6)
    );
    assert_eq!((scene.querier.cache().len(), scene.events().len()), (1, 1));
}

// RFC 6762 5.4, 10.3: A6, A32
#[test]
fn wake_asks_anew_and_keeps_only_what_is_confirmed() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    scene.ask(2, &casa());
    scene.hears(vec![web(1), web(2), unique("casa.local", 120, a(1))]);
    scene.run(50.0);
    // More than half of its TTL is what a wake leaves of it.
    scene.hears(vec![Record { ttl: 15, ..web(1) }]);
    scene.events();
    scene.wake();
    let sent = scene.next();
    assert_eq!(sent.asks(), ["_http._tcp.local PTR?", "casa.local A?"]);
    assert_eq!(sent.knows(), [""; 0]);
    scene.hears(vec![web(2)]);
    assert_eq!(scene.run(59.99).len(), 3);
    assert_eq!(scene.events(), [""; 0]);
    scene.run(60.0);
    assert_eq!(scene.events().len(), 2);
    assert_eq!(scene.querier.cache().len(), 1);
}

// RFC 6762 5.2: A3
// Many wakes do not ask more than once a second.
#[test]
fn wakes_one_behind_the_other_make_no_storm() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    let mut times = Vec::new();
    for wake in 1..100 {
        times.extend(scene.times(f64::from(wake) * 0.15));
        scene.wake();
    }
    assert!(times.len() <= 16, "{times:?}");
}
