//! What is bounded, and what it costs.

use super::*;
use crate::mdns::querier::failures::DOUBTS_MAX;
use crate::mdns::querier::overheard::WATCHED_MAX;

fn numbered(number: usize) -> Question {
    question(&format!("host-{number}.local"), kind::A)
}

#[test]
fn more_questions_than_the_bound_are_answered_from_the_cache_and_not_asked() {
    let mut scene = Scene::new();
    for number in 0..ASKS_MAX {
        assert!(scene.ask(number as u64, &numbered(number)));
    }
    scene.hears(vec![web(1)]);
    assert!(!scene.ask(u64::MAX, &http()));
    assert_eq!(scene.events().len(), 1);
    scene.querier.cease(AskId(u64::MAX));
    let sent = scene.run(0.5);
    assert_eq!(sent.iter().flat_map(Sent::asks).count(), ASKS_MAX);
    assert!(sent.iter().all(|sent| sent.bytes.len() <= 1472));
    scene.querier.cease(AskId(0));
    assert!(scene.ask(u64::MAX, &http()));
}

#[test]
fn queries_of_others_for_thousands_of_records_are_observed_up_to_a_bound() {
    let mut scene = Scene::new();
    scene.hears((0..4000).map(web).collect());
    scene.run(10.0);
    for at in [10.0, 12.0] {
        scene.run(at);
        let questions = (0..1000).map(|_| http()).collect();
        scene.overhears(&query(questions, vec![]), &multicast(PEER));
    }
    scene.run(30.0);
    let left = scene.querier.cache().len();
    assert_eq!(left, 4000 - WATCHED_MAX);
    for number in 0..4000 {
        scene.hears(vec![unique(&format!("host-{number}.local"), 120, a(1))]);
    }
    scene.run(40.0);
    for number in 0..4000 {
        scene.overhears(&query(vec![numbered(number)], vec![]), &multicast(PEER));
    }
    scene.run(42.0);
    for number in 0..4000 {
        scene.overhears(&query(vec![numbered(number)], vec![]), &multicast(PEER));
    }
    scene.run(60.0);
    let lost = left + 4000 - scene.querier.cache().len();
    assert_eq!(lost, DOUBTS_MAX);
}

// RFC 6762 7.1: known answers suppress traffic, and are not to be more of it than they spare.
#[test]
fn thousands_of_invented_answers_do_not_make_us_flood_the_link() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    for part in 0..20 {
        scene.hears((part * 500..part * 500 + 500).map(web).collect());
    }
    let sent = scene.run(0.5);
    assert_eq!(sent.len(), packing::MESSAGES_MAX);
    assert_eq!(sent.last().unwrap().message.flags, 0);
    assert!(sent.iter().all(|sent| sent.bytes.len() <= 1472));
}

#[test]
fn plans_end_with_their_records() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    for part in 0..20 {
        scene.hears((part * 500..part * 500 + 500).map(web).collect());
        scene.run(f64::from(part as u32));
    }
    let there = scene.querier.cache().len();
    assert!(there <= crate::mdns::cache::RECORDS_MAX);
    let planned = |scene: &Scene| {
        let cache = scene.querier.cache();
        let http = http();
        let ids = cache.answering(&http);
        let planned = ids.filter(|(id, _)| scene.querier.refreshes.has(*id));
        (planned.count(), scene.querier.refreshes.len())
    };
    assert_eq!(planned(&scene), (there, there));
    scene.querier.cease(AskId(1));
    assert_eq!(planned(&scene), (0, 0));
}

/// A scan of everything for each record would take minutes.
#[test]
fn hundreds_of_records_in_a_message_are_cheap_among_thousands_of_records_and_questions() {
    let mut scene = Scene::new();
    for number in 0..4000 {
        scene.ask(number as u64, &numbered(number));
    }
    for round in 0..3 {
        for part in 0..20 {
            let owners =
                (part * 400..part * 400 + 400).map(|number| format!("host-{number}.local"));
            scene.hears(owners.map(|owner| unique(&owner, 120, a(1))).collect());
            scene.overhears(
                &query((0..300).map(numbered).collect(), vec![]),
                &multicast(PEER),
            );
        }
        scene.run(f64::from(round));
    }
    assert_eq!(
        (scene.querier.cache().len(), scene.events().len()),
        (8000, 4000)
    );
}
