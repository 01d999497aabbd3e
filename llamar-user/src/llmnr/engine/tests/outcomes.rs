//! What becomes of a lost name: withdrawn and tried again, kept, or renamed.

use super::super::*;
use super::scene::{Packet, Scene};
use super::zone::*;
use crate::config::OnConflict;

/// A host that somebody else's `casa` was there before.
fn second(on_conflict: OnConflict, names: &[&str]) -> (Scene, usize, usize) {
    let mut scene = Scene::new(21, None);
    let holder = scene.host(Some(1), None, &["casa"]);
    let host = scene.host(Some(2), None, names);
    scene.wanted(host).on_conflict = on_conflict;
    scene.start(&[holder, host], secs(1));
    scene.run(secs(3));
    (scene, holder, host)
}

/// Who answers a query with T and C clear.
fn answered(scene: &mut Scene, text: &str) -> Vec<IpAddr> {
    scene.told.clear();
    scene.ask(0, v4(250), text, 0);
    scene.run(ms(150));
    let told = scene.told.iter();
    let told = told.filter(|(_, message)| flags(message) == 0x8000);
    told.map(|(from, _)| *from).collect()
}

// RFC 4795 4.2: R52
#[test]
fn withdrawn_name_is_tried_again_ever_more_seldom() {
    let (mut scene, _, host) = second(OnConflict::Withdraw, &["casa"]);
    assert_eq!(answered(&mut scene, "casa"), [v4(1)]);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let retry = scene.standing(host, "casa").retry.unwrap();
        pauses.push(retry - scene.now);
        scene.run(retry - scene.now + ms(900));
    }
    assert!(pauses[0] <= secs(60));
    let later = pauses.iter().filter(|pause| **pause >= secs(3500));
    assert!(later.count() >= 3, "{pauses:?}");
    assert!(
        pauses.iter().all(|pause| *pause <= secs(7200)),
        "{pauses:?}"
    );
    let conflicts = scene.conflicts(host);
    assert_eq!(conflicts.len(), 13);
    // Only the first is worth a line.
    let news: Vec<_> = conflicts.iter().map(|conflict| conflict.2).collect();
    assert!(news[0] && !news[1..].contains(&true));
}

// RFC 4795 4.2: R52. After it was ours, another conflict counts as the first.
#[test]
fn pauses_begin_anew_when_the_name_was_free() {
    let (mut scene, holder, host) = second(OnConflict::Withdraw, &["casa"]);
    scene.run(secs(1000));
    scene.hosts[holder].on = false;
    scene.settle(secs(8000));
    assert_eq!(scene.holders("casa"), [host]);
    assert_eq!(scene.standing(host, "casa").culprit, None);
    scene.ask(0, v4(250), "casa", C);
    scene.run(ms(110));
    let query = scene.last_query(host, true);
    let _ = scene.respond(host, &query, v4(1), 0);
    let retry = scene.standing(host, "casa").retry.unwrap();
    assert!(retry <= scene.now + secs(60));
    assert_eq!(
        scene.conflicts(host).last().map(|conflict| conflict.2),
        Some(true)
    );
}

// The administrator's order against RFC 4795 4.1.
#[test]
fn kept_name_stays_in_use_and_its_conflict_is_news_once() {
    let (mut scene, _, host) = second(OnConflict::Keep, &["casa"]);
    assert_eq!(scene.state(host, "casa"), Some(NameState::Unique));
    assert_eq!(scene.standing(host, "casa").culprit, Some(v4(1)));
    assert_eq!(scene.standing(host, "casa").retry, None);
    for _ in 0..5 {
        let mut answered = answered(&mut scene, "casa");
        answered.sort();
        assert_eq!(answered, [v4(1), v4(2)]);
        scene.ask(0, v4(250), "casa", C);
        scene.run(secs(5));
    }
    let conflicts = scene.conflicts(host);
    assert_eq!(conflicts.len(), 6);
    assert_eq!(conflicts[0], (v4(1), &Outcome::Kept, true));
    assert!(conflicts[1..].iter().all(|conflict| !conflict.2));
    assert_eq!(scene.next(), None);
}

// RFC 4795 4.2: R52
#[test]
fn renamed_host_is_found_by_its_new_name_only() {
    let (mut scene, _, host) = second(OnConflict::Rename, &["casa", "CASA-2", "other"]);
    let standing = scene.standing(host, "casa");
    assert_eq!(
        (standing.used, standing.state),
        (name("casa-3"), Some(NameState::Unique))
    );
    assert_eq!(standing.culprit, Some(v4(1)));
    assert_eq!(answered(&mut scene, "casa"), [v4(1)]);
    for text in ["casa-3", "casa-2", "other"] {
        assert_eq!(answered(&mut scene, text), [v4(2)], "{text}");
    }
    let to = name("casa-3");
    let conflicts = scene.conflicts(host);
    assert_eq!(conflicts, [(v4(1), &Outcome::Renamed { to }, true)]);
    // It was verified like any other: three queries, all before the event that says so.
    let asked = scene.queries(host, scene.hosts[host].events[0].0);
    let asked = asked.iter().filter(|sent| {
        let (question, _) = Question::read(&sent.2.message, 12).unwrap();
        question.name == name("casa-3") && question.kind == ANY
    });
    assert_eq!(asked.count(), 3);
    // The name of its address is the new one.
    scene.told.clear();
    let packet = Packet {
        segment: 0,
        from: "10.0.0.9:5000".parse().unwrap(),
        to: group(v4(9)),
        message: message(1, 0, &name("2.0.0.10.in-addr.arpa"), PTR),
        sender: None,
    };
    assert!(scene.hand(host, ETH, &packet).is_ok());
    let message = &scene.told[0].1;
    let has = |text: &[u8]| message.windows(text.len()).any(|window| window == text);
    assert!(has(b"\x06casa-3\0") && !has(b"\x04casa\0"));
}

// RFC 4795 4.1: R47
#[test]
fn renamed_host_takes_its_own_name_when_its_link_comes_up() {
    let (mut scene, holder, host) = second(OnConflict::Rename, &["casa"]);
    assert_eq!(scene.standing(host, "casa").used, name("casa-2"));
    // A new address has the name in use verified, no other.
    scene.wanted(host).addresses.insert(v4(7));
    scene.follow(host);
    assert_eq!(scene.standing(host, "casa").used, name("casa-2"));
    assert_eq!(scene.state(host, "casa"), Some(NameState::Tentative));
    scene.run(secs(3));
    scene.hosts[holder].on = false;
    scene.wanted(host).up = false;
    scene.follow(host);
    scene.wanted(host).up = true;
    scene.follow(host);
    assert_eq!(scene.standing(host, "casa").used, name("casa"));
    scene.run(secs(3));
    assert_eq!(scene.holders("casa"), [host]);
    assert!(answered(&mut scene, "casa-2").is_empty());
}

#[test]
fn renamed_host_makes_room_for_one_that_is_claimed() {
    let (mut scene, _, host) = second(OnConflict::Rename, &["casa"]);
    scene.wanted(host).names.push(Claimed {
        name: name("casa-2"),
        inherited: false,
    });
    scene.follow(host);
    scene.run(secs(3));
    assert_eq!(scene.standing(host, "casa").used, name("casa-3"));
    assert_eq!(scene.standing(host, "casa-2").used, name("casa-2"));
    assert_eq!(scene.holders("casa-2"), [host]);
}

// Who takes every name does so on purpose: there is an end to renaming.
#[test]
fn host_whose_every_name_is_taken_gives_up_for_a_while() {
    let mut scene = Scene::new(21, None);
    let host = scene.host(Some(2), None, &["casa"]);
    scene.wanted(host).on_conflict = OnConflict::Rename;
    scene.follow(host);
    let start = scene.now;
    while scene.state(host, "casa").is_some() {
        scene.run(ms(101));
        let query = scene.last_query(host, true);
        let _ = scene.respond(host, &query, v4(1), 0);
        assert!(scene.now < start + secs(10));
    }
    let standing = scene.standing(host, "casa");
    assert_eq!(standing.used, name("casa"));
    assert!(standing.retry.unwrap() > scene.now + secs(10));
    let outcomes = scene.conflicts(host);
    let renamed = outcomes.iter();
    let renamed = renamed.filter(|conflict| matches!(conflict.1, Outcome::Renamed { .. }));
    assert_eq!(renamed.count(), 10);
}

// Another way out of conflicts is taken for those that there are.
#[test]
fn another_policy_has_lost_names_verified_again() {
    let (mut scene, _, host) = second(OnConflict::Withdraw, &["casa", "other"]);
    scene.wanted(host).on_conflict = OnConflict::Rename;
    scene.follow(host);
    assert_eq!(scene.state(host, "other"), Some(NameState::Unique));
    scene.run(secs(3));
    assert_eq!(scene.standing(host, "casa").used, name("casa-2"));
    scene.wanted(host).on_conflict = OnConflict::Keep;
    scene.follow(host);
    scene.run(secs(3));
    let standing = scene.standing(host, "casa");
    assert_eq!(
        (standing.used, standing.state),
        (name("casa"), Some(NameState::Unique))
    );
    scene.wanted(host).on_conflict = OnConflict::Withdraw;
    scene.follow(host);
    scene.run(secs(3));
    assert_eq!(scene.state(host, "casa"), None);
}
