//! Links that come back to us: two interfaces on one link, bridges, and devices that send everything back.

use std::net::Ipv4Addr;

use super::super::*;
use super::races::{SEEDS, breaks, holds};
use super::scene::Scene;
use super::zone::*;
use crate::llmnr::rules::Rule;

/// A host that has two interfaces on segment 0.
fn twice(seed: u64, without: Option<Rule>) -> (Scene, usize) {
    let mut scene = Scene::new(seed, without);
    let host = scene.host(Some(5), Some(5), &["casa", "one"]);
    scene.interface(host, (WLAN, 0), Some(3), Some(9), &["casa", "two"]);
    scene.follow(host);
    scene.run(secs(3));
    (scene, host)
}

fn state(scene: &Scene, host: usize, key: LinkKey, text: &str) -> Option<NameState> {
    scene.hosts[host].engine.standing(key, &name(text))?.state
}

// RFC 4795 4.1, 4.2: R28, R48
#[test]
fn host_that_reaches_a_link_twice_does_not_give_in_to_itself() {
    let property = |seed, without| {
        let (scene, host) = twice(seed, without);
        let states = [ETH, WLAN].map(|key| state(&scene, host, key, "casa"));
        if states.contains(&None) || !scene.conflicts(host).is_empty() {
            return Err(format!("{states:?}"));
        }
        Ok(())
    };
    holds(property);
    breaks(Rule::OwnAddresses, property);
}

// RFC 4795 4.1, 4.2: R28
#[test]
fn name_on_a_link_that_is_reached_twice_is_answered_for_with_c_set() {
    let property = |seed, without| {
        let (mut scene, host) = twice(seed, without);
        let states = [ETH, WLAN].map(|key| state(&scene, host, key, "casa"));
        if states != [Some(NameState::Shared); 2] {
            return Err(format!("{states:?}"));
        }
        // Only what both have is contested.
        let unique = Some(NameState::Unique);
        assert_eq!(state(&scene, host, ETH, "one"), unique);
        assert_eq!(state(&scene, host, WLAN, "two"), unique);
        // An asker gets two answers with C set, and tells nobody of a conflict.
        assert_eq!(scene.look_up(0, "casa"), 0);
        let told = scene.told.iter().map(|(_, message)| flags(message));
        assert_eq!(told.collect::<Vec<_>>(), [0x8400, 0x8400]);
        Ok(())
    };
    holds(property);
    breaks(Rule::SameLink, property);
}

// RFC 4795 4.1, 4.2: R28
#[test]
fn links_that_part_have_their_names_unique_again() {
    for change in [0, 1, 2] {
        let (mut scene, host) = twice(1, None);
        let same = |scene: &Scene| {
            let events = scene.events(host).into_iter();
            let same = events.filter_map(|event| match event {
                Event::SameLink { key, other, same } => {
                    Some((*key.min(other), *key.max(other), *same))
                }
                _ => None,
            });
            same.collect::<Vec<_>>()
        };
        assert_eq!(same(&scene), [(ETH, WLAN, true)]);
        // The interface is plugged in somewhere else.
        scene.segments.insert((host, WLAN), 1);
        let wlan = scene.hosts[host].wanted.get_mut(&WLAN).unwrap();
        match change {
            0 => wlan.up = false,
            1 => {
                wlan.addresses.remove(&v4(3));
                wlan.addresses.insert(v4(33));
                wlan.v4 = Some(Ipv4Addr::new(10, 0, 0, 33));
            }
            _ => drop(scene.hosts[host].wanted.remove(&WLAN)),
        }
        scene.follow(host);
        assert_eq!(same(&scene), [(ETH, WLAN, true), (ETH, WLAN, false)]);
        assert_eq!(state(&scene, host, ETH, "casa"), Some(NameState::Unique));
        scene.run(secs(3));
        assert_eq!(same(&scene).len(), 2);
        assert_eq!(state(&scene, host, ETH, "casa"), Some(NameState::Unique));
    }
}

// RFC 4795 4.2: R50, R51. A real conflict is found nevertheless, and settled for each interface.
#[test]
fn name_that_is_shared_with_ourselves_is_still_lost_to_others() {
    let (mut scene, host) = twice(1, None);
    let other = scene.host(Some(1), Some(1), &["casa"]);
    scene.plug(other, 1);
    scene.follow(other);
    scene.run(secs(3));
    scene.plug(other, 0);
    assert_eq!(scene.look_up(0, "casa"), 1);
    scene.ask(0, v4(250), "casa", C);
    scene.run(secs(2));
    assert_eq!(
        [ETH, WLAN].map(|key| state(&scene, host, key, "casa")),
        [None; 2]
    );
    assert_eq!(scene.holders("casa"), [other]);
}

// RFC 4795 4.1: R48
#[test]
fn device_that_sends_everything_back_is_no_conflict() {
    for seed in 0..SEEDS / 4 {
        let mut scene = Scene::new(seed, None);
        scene.echo = true;
        scene.duplication = 0.5;
        let host = scene.host(Some(5), Some(5), &["casa"]);
        scene.follow(host);
        scene.run(secs(3));
        scene.ask(0, v4(9), "casa", C);
        scene.run(secs(3));
        assert_eq!(scene.holders("casa"), [host]);
        assert!(scene.conflicts(host).is_empty());
        assert_eq!(scene.sent.len(), 12, "an echo is not answered");
        let same = |event: &&Event| matches!(event, Event::SameLink { .. });
        assert!(!scene.events(host).iter().any(same));
    }
}

// RFC 4795 4.1, 4.2: R28, R48. A bridge makes two links of two hosts one, for a while.
#[test]
fn bridged_loop_is_no_conflict_and_is_noticed_at_the_next_verification() {
    let mut scene = Scene::new(4, None);
    scene.echo = true;
    let host = scene.host(Some(5), Some(5), &["casa"]);
    scene.interface(host, (WLAN, 1), Some(3), Some(9), &["casa"]);
    scene.follow(host);
    scene.run(secs(3));
    let unique = Some(NameState::Unique);
    assert_eq!(
        [ETH, WLAN].map(|key| state(&scene, host, key, "casa")),
        [unique; 2]
    );
    scene.segments.insert((host, WLAN), 0);
    // An asker gets two answers with C clear and says so.
    assert_eq!(scene.look_up(0, "casa"), 2);
    scene.run(secs(3));
    let shared = Some(NameState::Shared);
    assert_eq!(
        [ETH, WLAN].map(|key| state(&scene, host, key, "casa")),
        [shared; 2]
    );
    assert!(scene.conflicts(host).is_empty());
    assert_eq!(scene.look_up(0, "casa"), 0);
}

// Who did not hear our query cannot make two links one.
#[test]
fn only_our_own_query_tells_that_two_links_are_one() {
    let mut scene = Scene::new(4, None);
    let host = scene.host(Some(5), None, &["casa"]);
    scene.interface(host, (WLAN, 1), Some(3), None, &["casa"]);
    scene.follow(host);
    scene.run(ms(120));
    let queries = scene.queries(host, scene.now - ms(120));
    let query = queries
        .iter()
        .find(|sent| sent.2.key == ETH)
        .unwrap()
        .2
        .clone();
    let packet = |change: &dyn Fn(&mut super::scene::Packet)| {
        let mut packet = super::view::response(&query, v4(5), 0);
        packet.message[2] = 0;
        packet.to = group(v4(5));
        change(&mut packet);
        packet
    };
    for forged in [
        packet(&|packet| packet.message[0] ^= 1),
        packet(&|packet| packet.message[13] ^= 1),
        packet(&|packet| packet.from.set_port(5000)),
        packet(&|packet| packet.from.set_ip(v4(3))),
        packet(&|packet| packet.from.set_ip(v4(8))),
    ] {
        let handled = scene.hand(host, WLAN, &forged);
        assert_ne!(handled, Ok(Handled::Echo), "{forged:?}");
    }
    assert_eq!(scene.hand(host, ETH, &packet(&|_| {})), Ok(Handled::Echo));
    assert!(scene.events(host).is_empty());
    assert_eq!(scene.hand(host, WLAN, &packet(&|_| {})), Ok(Handled::Echo));
    assert_eq!(scene.events(host).len(), 1);
}
