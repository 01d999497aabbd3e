//! What is remembered and told of conflicts.

use super::scene::*;
use crate::config::{OnAddressConflict, Presence};
use crate::ether::MacAddr;
use crate::presence::{Event, Outcome};

fn stranger(number: u16) -> MacAddr {
    let [high, low] = number.to_be_bytes();
    MacAddr([6, 0, 0, 0, high, low])
}

fn news(scene: &mut Scene) -> usize {
    let is_news = |event: &Event| {
        matches!(
            event,
            Event::Conflict { news: true, .. } | Event::Probed { news: true, .. }
        )
    };
    scene.events().iter().filter(|event| is_news(event)).count()
}

#[test]
fn a_conflict_is_remembered_with_who_when_how_often_and_what_was_done() {
    let mut scene = Scene::settled(policy(OnAddressConflict::Withdraw), &[A, SIX]);
    let first = scene.now;
    scene.contest(A);
    scene.run(3_000);
    scene.contest(A);
    scene.run(3_000);
    scene.contest(A);
    scene.hear(&announcement(stranger(1), SIX));
    let records: Vec<_> = scene.engine.records(KEY).copied().collect();
    assert_eq!(records.len(), 2);
    let of_a = records[0];
    assert_eq!((of_a.address, of_a.culprit, of_a.count), (A, OTHER, 3));
    assert_eq!((of_a.first, of_a.last), (first, scene.now));
    assert_eq!(of_a.outcome, Outcome::Withdrawn);
    assert_eq!(
        (records[1].culprit, records[1].outcome),
        (stranger(1), Outcome::Defended)
    );
    scene.change(|wanted| {
        wanted.addresses.remove(&A);
    });
    assert_eq!(
        scene.engine.records(KEY).count(),
        1,
        "the address is ours no more"
    );
}

// RFC 5227 2.4: C19
#[test]
fn a_conflict_that_goes_on_is_told_of_every_ten_minutes() {
    let mut scene = Scene::settled(Presence::default(), &[A]);
    for _ in 0..7200 {
        scene.contest(A);
        scene.run(500);
    }
    assert_eq!(news(&mut scene), 6);
}

// RFC 5227 2.4: C19
#[test]
fn whoever_makes_up_hardware_addresses_fills_neither_the_log_nor_the_memory() {
    let mut scene = Scene::settled(Presence::default(), &[A, SIX]);
    for number in 0..1000 {
        scene.hear(&announcement(stranger(number), A));
        scene.hear(&probe(stranger(number), SIX));
        scene.run(50);
    }
    assert_eq!(news(&mut scene), 10);
    assert_eq!(scene.engine.records(KEY).count(), 64);
    // Those seen last are known.
    assert!(
        scene
            .engine
            .records(KEY)
            .all(|record| record.culprit >= stranger(936))
    );
    scene.run(60_000);
    scene.contest(A);
    assert_eq!(news(&mut scene), 1);
}

#[test]
fn what_is_done_is_told_though_the_conflict_was() {
    let mut scene = Scene::settled(policy(OnAddressConflict::Withdraw), &[A]);
    scene.contest(A);
    assert_eq!(news(&mut scene), 1);
    scene.contest(A);
    assert_eq!(news(&mut scene), 1);
    scene.contest(A);
    assert_eq!(news(&mut scene), 0);
}
