//! Records that were reported as wrong (RFC 6762 10.4).

use super::*;
use crate::mdns::querier::failures::CHECKS_MAX;

fn reconfirm(scene: &mut Scene, record: &Record) -> bool {
    scene.turn(|querier, turn| querier.reconfirm(turn, record))
}

// RFC 6762 10.4: A32
#[test]
fn reported_record_is_asked_for_twice_and_gone_after_ten_seconds() {
    let mut scene = Scene::new();
    scene.hears(vec![web(1), web(2)]);
    scene.run(100.0);
    assert!(reconfirm(&mut scene, &web(1)));
    assert!(reconfirm(&mut scene, &web(1)));
    let sent = scene.run(109.99);
    let times: Vec<_> = sent.iter().map(|sent| sent.at).collect();
    assert_within(&times, &[(100.02, 100.12), (101.02, 101.12)]);
    for sent in &sent {
        assert_eq!(sent.asks(), ["_http._tcp.local PTR"]);
        // What we doubt is no known answer: its owner is to answer.
        let knows = sent.knows();
        assert!(
            knows.len() == 1 && knows[0].contains("Web\\0322"),
            "{knows:?}"
        );
    }
    assert_eq!(scene.querier.cache().len(), 2);
    scene.run(110.0);
    assert_eq!(scene.querier.cache().len(), 1);
    assert!(scene.run(200.0).is_empty());
}

// RFC 6762 10.4: A32
#[test]
fn reported_record_that_is_confirmed_stays() {
    let mut scene = Scene::new();
    scene.hears(vec![web(1)]);
    scene.run(100.0);
    reconfirm(&mut scene, &web(1));
    scene.next();
    scene.hears(vec![web(1)]);
    assert!(scene.run(200.0).is_empty());
    assert_eq!(scene.querier.cache().len(), 1);
}

// RFC 6762 10.4: A32
#[test]
fn reported_record_that_is_asked_for_anyway_goes_in_the_same_message() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    scene.hears(vec![web(1)]);
    scene.run(3600.0 - 100.0);
    scene.events();
    reconfirm(&mut scene, &web(1));
    let times = scene.times(3520.0);
    assert_eq!(times.len(), 2);
    assert_eq!(scene.events().len(), 1);
    // At one time with the question itself, as when a timeout comes late.
    let mut scene = Scene::new();
    scene.hears(vec![web(1)]);
    scene.run(10.0);
    reconfirm(&mut scene, &web(1));
    scene.ask(1, &http());
    scene.now += milliseconds(500);
    assert_eq!(scene.next().asks(), ["_http._tcp.local PTR"]);
}

#[test]
fn what_is_not_there_and_what_is_too_much_is_not_asked_for() {
    let mut scene = Scene::new();
    assert!(!reconfirm(&mut scene, &web(1)));
    scene.hears((0..CHECKS_MAX + 1).map(web).collect());
    scene.run(10.0);
    for number in 0..CHECKS_MAX {
        assert!(reconfirm(&mut scene, &web(number)));
    }
    assert!(!reconfirm(&mut scene, &web(CHECKS_MAX)));
    scene.run(30.0);
    assert_eq!(scene.querier.cache().len(), 1);
    assert!(scene.querier.checks.poll_timeout().is_none());
}
