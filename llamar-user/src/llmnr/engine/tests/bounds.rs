//! What others cannot do to us: floods, forgeries, and any bytes at all.

use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;

use super::super::link::{CHECK_DISTANCE, VOUCHED_MAX};
use super::super::verify::CHECKED_AT_ONCE;
use super::super::*;
use super::races::breaks;
use super::scene::{Packet, Scene};
use super::zone::*;
use crate::config::OnConflict;
use crate::llmnr::delayed::DELAYED_MAX;
use crate::llmnr::rules::Rule;

fn verified(seed: u64, without: Option<Rule>) -> (Scene, usize) {
    let mut scene = Scene::new(seed, without);
    let host = scene.host(Some(5), Some(5), &["casa"]);
    scene.follow(host);
    scene.run(secs(3));
    (scene, host)
}

/// The most queries that a host sent within any time of this length.
fn most_within(scene: &Scene, host: usize, since: Instant, length: Duration) -> usize {
    let sent: Vec<_> = scene
        .queries(host, since)
        .iter()
        .map(|sent| sent.0)
        .collect();
    let within =
        |(first, from): (usize, &Instant)| sent[first..].partition_point(|at| *at < *from + length);
    sent.iter().enumerate().map(within).max().unwrap_or(0)
}

// RFC 4795 4.2, 5.1: R51
#[test]
fn flood_of_doubts_about_one_name_makes_a_few_queries() {
    let property = |seed, without| {
        let (mut scene, host) = verified(seed, without);
        let start = scene.now;
        for _ in 0..2000 {
            scene.ask(0, v4(9), "casa", C);
            scene.run(ms(10));
        }
        // Two times three transmissions, and again two seconds after they are over.
        let most = most_within(&scene, host, start, CHECK_DISTANCE);
        if most > 6 {
            return Err(format!("{most} queries within two seconds"));
        }
        // None is forgotten either: there is a check every three seconds.
        let queries = scene.queries(host, start).len();
        if queries < 6 * 6 {
            return Err(format!("{queries} queries in all"));
        }
        scene.settle(secs(3));
        if scene.next().is_some() {
            return Err("there is no end".to_owned());
        }
        let told = scene.events(host).into_iter();
        let told = told
            .filter(|event| matches!(event, Event::Doubted { .. }))
            .count();
        if told > 12 {
            return Err(format!("{told} lines in the log"));
        }
        Ok(())
    };
    for seed in 0..5 {
        assert_eq!(property(seed, None), Ok(()));
    }
    breaks(Rule::Pace, property);
}

// RFC 4795 4.2, 5.1: R51. Also where each check finds the conflict that the administrator wants to live with.
#[test]
fn flood_of_doubts_about_a_kept_name_makes_a_few_queries() {
    let mut scene = Scene::new(1, None);
    let holder = scene.host(Some(1), Some(1), &["casa"]);
    let host = scene.host(Some(5), Some(5), &["casa"]);
    scene.wanted(host).on_conflict = OnConflict::Keep;
    scene.start(&[holder, host], secs(2));
    scene.run(secs(3));
    let start = scene.now;
    for _ in 0..2000 {
        scene.ask(0, v4(9), "casa", C);
        scene.run(ms(10));
    }
    assert!(scene.queries(host, start).len() >= 8);
    assert!(most_within(&scene, host, start, CHECK_DISTANCE) <= 6);
}

// RFC 4795 4.2, 5.1: R51
#[test]
fn flood_of_doubts_about_many_names_makes_bounded_work() {
    let property = |seed, without| {
        let (mut scene, host) = verified(seed, without);
        let many = VOUCHED_MAX + 500;
        let zone = scene.hosts[host].zones.get_mut(&ETH).unwrap();
        for number in 0..many {
            zone.names
                .insert(name(&format!("held{number}")), NameState::Unique);
        }
        let start = scene.now;
        for number in 0..many {
            scene.ask(0, v4(9), &format!("held{number}"), C);
        }
        scene.run(ms(1));
        let known = scene.hosts[host].engine.standings(ETH).count();
        if known != VOUCHED_MAX + 1 {
            return Err(format!("{known} names are remembered"));
        }
        // Each verification takes 400 ms at least.
        scene.run(secs(20));
        let most = most_within(&scene, host, start, ms(400));
        if most > 2 * 6 * CHECKED_AT_ONCE {
            return Err(format!("{most} queries within 400 ms"));
        }
        scene.settle(secs(10));
        let known = scene.hosts[host].engine.standings(ETH).count();
        if known != 1 || scene.next().is_some() {
            return Err(format!("{known} names stay"));
        }
        // There is room for others then.
        scene.ask(0, v4(9), "held1", C);
        scene.run(ms(1));
        assert_eq!(scene.hosts[host].engine.standings(ETH).count(), 2);
        Ok(())
    };
    assert_eq!(property(1, None), Ok(()));
    breaks(Rule::Pace, property);
}

// RFC 4795 5.1, 5.2: who has not seen our query guesses one of 65,536 IDs, and causes nothing otherwise.
#[test]
fn forged_responses_without_our_id_do_nothing() {
    let (mut scene, host) = verified(1, None);
    scene.ask(0, v4(9), "casa", C);
    scene.run(ms(110));
    let query = scene.last_query(host, true);
    let sent = scene.sent.len();
    let ours = u16::from_be_bytes([query.message[0], query.message[1]]);
    for id in (0..=u16::MAX).filter(|id| *id != ours) {
        let mut forged = query.clone();
        forged.message[..2].copy_from_slice(&id.to_be_bytes());
        let heard = scene.respond(host, &forged, v4(1), 0);
        assert_eq!(heard, Err(Ignored::Response));
    }
    assert_eq!(scene.sent.len(), sent);
    assert_eq!(scene.state(host, "casa"), Some(NameState::Unique));
    scene.settle(secs(3));
    assert_eq!(scene.next(), None);
}

// RFC 4795 5.1: an attacker on the link can take a name, but not make us shout.
#[test]
fn forged_losses_again_and_again_make_few_queries_and_few_lines() {
    let (mut scene, host) = verified(1, None);
    let start = scene.now;
    while scene.now < start + secs(600) {
        scene.ask(0, v4(9), "casa", C);
        scene.run(ms(50));
        if let [.., (at, _, query)] = scene.queries(host, start).as_slice()
            && *at + ms(60) > scene.now
        {
            let (query, from) = (
                query.clone(),
                Ipv4Addr::from(scene.rng.random_range(0x0900_0000..0x0a00_0000)).into(),
            );
            let _ = scene.respond(host, &query, from, 0);
        }
    }
    // A pause is two seconds at least, and grows.
    assert!(most_within(&scene, host, start, secs(2)) <= 6);
    assert!(most_within(&scene, host, start, secs(60)) <= 24);
    let conflicts = scene.conflicts(host);
    assert!(
        !conflicts.is_empty() && conflicts.len() <= 60,
        "{}",
        conflicts.len()
    );
    let news = conflicts.iter().filter(|conflict| conflict.2);
    assert!(news.count() <= 8);
}

// RFC 4795 4.2, 5.1: R52. A forger has as many addresses as he likes, the log has not as many lines.
#[test]
fn culprits_without_number_are_not_all_news() {
    let (mut scene, host) = verified(1, None);
    scene.wanted(host).on_conflict = OnConflict::Keep;
    scene.follow(host);
    for number in 0..40 {
        scene.run(CHECK_DISTANCE);
        scene.ask(0, v4(9), "casa", C);
        scene.run(ms(110));
        let query = scene.last_query(host, true);
        let culprit = Ipv4Addr::new(9, 0, 0, number).into();
        assert!(scene.respond(host, &query, culprit, 0).is_ok());
    }
    let conflicts = scene.conflicts(host);
    let news = conflicts.iter().filter(|conflict| conflict.2);
    assert_eq!((conflicts.len(), news.count()), (40, 8));
}

// RFC 4795 2.7: R44
#[test]
fn flood_of_queries_for_a_tentative_name_fills_a_bounded_queue() {
    let mut scene = Scene::new(1, None);
    let host = scene.host(Some(5), None, &["casa"]);
    scene.follow(host);
    let packet = Packet {
        segment: 0,
        from: "10.0.0.9:5000".parse().unwrap(),
        to: group(v4(9)),
        message: message(1, 0, &name("casa"), A),
        sender: None,
    };
    let mut dropped = 0;
    for _ in 0..DELAYED_MAX + 100 {
        let handled = scene.hand(host, ETH, &packet);
        dropped += usize::from(matches!(handled, Ok(Handled::Dropped { .. })));
    }
    assert_eq!(dropped, 100);
    scene.run(ms(101));
    assert_eq!(scene.told.len(), DELAYED_MAX);
    let handled = scene.hand(host, ETH, &packet);
    assert!(matches!(handled, Ok(Handled::Responded { .. })));
}

// RFC 4795 4.1: a query of our own is answered by nobody here, whatever the agent's table says of its state.
#[test]
fn table_that_calls_a_name_unique_too_early_is_not_believed() {
    let mut scene = Scene::new(1, None);
    let host = scene.host(Some(5), None, &["casa"]);
    scene.follow(host);
    let engine = &scene.hosts[host].engine;
    let table = &scene.hosts[host].zones[&ETH];
    assert_eq!(table.find(&name("casa")).unwrap().state, NameState::Unique);
    let zone = engine.zone(ETH, table);
    assert_eq!(
        zone.find(&name("casa")).unwrap().state,
        NameState::Tentative
    );
    assert_eq!(zone.names_of(v4(5)).unwrap()[0].state, NameState::Tentative);
    assert!(zone.is_own(v4(5)) && !zone.is_own(v4(6)));
    assert_eq!(zone.source_for(v4(9)), Some(v4(5)));
    assert_eq!(zone.source_for(v6(9)), None);
    let unknown = engine.zone(WLAN, table);
    assert!(unknown.find(&name("casa")).is_none() && unknown.names_of(v4(5)).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes from anybody at any time: no panic, no endless work, and nothing is lost without our ID.
    #[test]
    fn any_datagrams_are_taken(
        datagrams in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..80), 0..4_usize, any::<u16>(), 0..300_u64),
            0..40,
        ),
    ) {
        let (mut scene, host) = verified(1, None);
        for (bytes, form, port, wait) in datagrams {
            let mut message = message(port, [0, C, 0x8000, 0][form], &name("casa"), A);
            match form {
                3 => message = bytes,
                _ => message.extend_from_slice(&bytes),
            }
            if let [_, _, .., additionals, _, _] = message.as_mut_slice() {
                *additionals = form as u8;
            }
            let packet = Packet {
                segment: 0,
                from: SocketAddr::new(v4(9), port),
                to: group(v4(9)),
                message,
                sender: None,
            };
            let _ = scene.hand(host, ETH, &packet);
            scene.run(ms(wait));
        }
        scene.settle(secs(3));
        prop_assert_eq!(scene.next(), None);
        prop_assert_eq!(scene.state(host, "casa"), Some(NameState::Unique));
    }
}
