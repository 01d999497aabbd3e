//! Our own messages that come back, and hosts with several interfaces.

use super::super::*;
use super::scene::*;
use super::view::*;
use crate::dns::{Compression, Message, Rdata, kind};
use crate::mdns::{Event, Family};

/// A host with two interfaces on two segments, `10.0.0.1` and `10.0.0.2`, with one name.
fn two(segments: [usize; 2]) -> Scene {
    let mut scene = Scene::new(1, None);
    scene.host(1, "casa.local");
    scene.plug(0, segments[0]);
    scene.interface(0, (WLAN, segments[1]), 2, "casa.local");
    scene
}

fn conflicts(scene: &Scene, host: usize) -> Vec<&Event> {
    let events = scene.hosts[host].events.iter().map(|(_, event)| event);
    let is_conflict = |event: &&Event| matches!(event, Event::Conflict(_) | Event::Defended { .. });
    events.filter(is_conflict).collect()
}

fn used(scene: &Scene, host: usize, device: u32) -> Vec<Name> {
    let standings = scene.hosts[host].engine.standings(device);
    standings.map(|standing| standing.used).collect()
}

#[test]
fn what_we_say_comes_back_and_is_known() {
    let mut scene = two([0, 1]);
    scene.follow(0);
    scene.run(secs(5));
    let sent = scene.sent.last().unwrap().transmit.clone();
    let packet = Packet {
        segment: 0,
        from: socket("10.0.0.1:5353"),
        to: sent.to,
        message: sent.message,
        sender: None,
    };
    let now = scene.now;
    scene.now = scene.sent.last().unwrap().at + ms(100);
    let from_v6 = Packet {
        from: socket("[fe80::1]:5353"),
        ..packet.clone()
    };
    let packet = if sent.to.is_ipv4() { packet } else { from_v6 };
    let echo = Ok(Handled::Echo {
        sent_by: sent.device,
    });
    assert_eq!(scene.hand(0, sent.device, &packet), echo);
    scene.now = now;
}

// RFC 6762 14: A34
#[test]
fn host_with_two_interfaces_on_one_link_has_no_conflict_with_itself() {
    for seed in 0..10 {
        let mut scene = two([0, 0]);
        scene.rng = rand::SeedableRng::seed_from_u64(seed);
        scene.delay = ms(20);
        scene.follow(0);
        scene.run(secs(30));
        assert_eq!(conflicts(&scene, 0), Vec::<&Event>::new());
        for device in [ETH, WLAN] {
            assert_eq!(used(&scene, 0, device), [name("casa.local")]);
        }
        let since = scene.now;
        scene.run(secs(600));
        assert_eq!(scene.sent_since(since).count(), 0, "it is at rest");
    }
}

// RFC 6762 14: A34
#[test]
fn addresses_of_both_interfaces_on_one_link_stay_in_caches() {
    let mut scene = two([0, 0]);
    let asker = scene.host(9, "asker.local");
    scene.ask(asker, "casa.local", kind::A);
    scene.start(ms(0));
    scene.run(secs(10));
    // One of them is announced anew, and flushes the other's addresses from caches unless those are told again.
    scene.wanted(0).up = false;
    scene.follow(0);
    scene.run(secs(10));
    scene.wanted(0).up = true;
    scene.follow(0);
    scene.run(secs(10));
    let cache = scene.hosts[asker].engine.cache(ETH).unwrap();
    let mut addresses: Vec<_> = cache
        .find(&name("casa.local"), kind::A)
        .map(|entry| entry.record.data.clone())
        .collect();
    addresses.sort_by_key(|data| format!("{data:?}"));
    let expected = [1, 2].map(|last| Rdata::A([10, 0, 0, last].into()));
    assert_eq!(addresses, expected);
    assert_eq!(conflicts(&scene, 0), Vec::<&Event>::new());
}

// RFC 6762 14: A34, A39
#[test]
fn what_a_relay_carries_from_our_other_link_is_no_conflict() {
    let mut scene = two([0, 1]);
    scene.follow(0);
    scene.run(secs(5));
    let relayed = response(vec![unique(
        "casa.local",
        120,
        Rdata::A([10, 0, 0, 2].into()),
    )]);
    let since = scene.now;
    scene.say(0, socket("10.0.0.254:5353"), &relayed);
    scene.run(secs(5));
    assert_eq!(conflicts(&scene, 0), Vec::<&Event>::new());
    let probes = |(_, message): (&Sent, Message)| !message.authorities.is_empty();
    assert!(!scene.sent_since(since).any(probes));
    let foreign = response(vec![unique(
        "casa.local",
        120,
        Rdata::A([10, 0, 0, 3].into()),
    )]);
    let since = scene.now;
    scene.say(0, socket("10.0.0.254:5353"), &foreign);
    scene.run(secs(5));
    let probes = |(_, message): (&Sent, Message)| !message.authorities.is_empty();
    assert!(scene.sent_since(since).any(probes), "that one is");
}

// RFC 6762 9, 14: A39
#[test]
fn name_that_is_lost_on_one_interface_is_given_up_on_all() {
    let mut scene = two([0, 1]);
    let holder = scene.host(9, "casa.local");
    scene.plug(holder, 1);
    scene.follow(holder);
    scene.run(secs(5));
    scene.follow(0);
    scene.run(secs(20));
    for device in [ETH, WLAN] {
        assert_eq!(used(&scene, 0, device), [name("casa-2.local")]);
    }
    let lost = |event: &&Event| matches!(event, Event::Conflict(_));
    assert_eq!(conflicts(&scene, 0).into_iter().filter(lost).count(), 1);
    scene.is_settled().unwrap();
    assert!(scene.wire.breaches.is_empty(), "{:?}", scene.wire.breaches);
}

// RFC 6762 9, 14: A39
#[test]
fn name_that_is_lost_later_is_given_up_on_all_interfaces() {
    let mut scene = two([0, 1]);
    scene.follow(0);
    scene.run(secs(5));
    let theirs = unique("casa.local", 120, Rdata::A([10, 0, 0, 9].into()));
    // Whoever has it goes on saying so.
    for _ in 0..10 {
        scene.say(0, socket("10.0.0.9:5353"), &response(vec![theirs.clone()]));
        scene.run(ms(200));
    }
    scene.run(secs(10));
    for device in [ETH, WLAN] {
        assert_eq!(used(&scene, 0, device), [name("casa-2.local")]);
    }
}

// RFC 6762 15.1: A34
#[test]
fn another_program_of_this_host_is_answered_by_multicast() {
    let mut scene = two([0, 1]);
    scene.follow(0);
    scene.run(secs(5));
    let since = scene.now;
    let mut asked = query("casa.local", kind::A);
    asked.questions[0].class |= kind::CLASS_TOP;
    let packet = Packet {
        segment: 0,
        from: socket("10.0.0.1:5353"),
        to: Family::V4.everybody(),
        message: asked.write(Compression::Multicast).unwrap(),
        sender: None,
    };
    let handled = scene.hand(0, ETH, &packet);
    assert_eq!(handled, Ok(Handled::Query { answered: true }));
    scene.run(secs(1));
    let sent: Vec<(&Sent, Message)> = scene.sent_since(since).collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0.transmit.to, Family::V4.everybody());
}

// RFC 6762 10.5, 15.1: A32, A34
#[test]
fn unicast_question_of_another_program_of_this_host_does_not_count_as_unanswered() {
    let mut scene = two([0, 1]);
    scene.follow(0);
    scene.run(secs(5));
    let theirs = unique("nas.local", 120, Rdata::A([10, 0, 0, 9].into()));
    scene.ask(0, "nas.local", kind::A);
    scene.say(0, socket("10.0.0.9:5353"), &response(vec![theirs]));
    scene.run(secs(1));
    let mut asked = query("nas.local", kind::A);
    asked.questions[0].class |= kind::CLASS_TOP;
    for _ in 0..3 {
        let packet = Packet {
            segment: 0,
            from: socket("10.0.0.1:5353"),
            to: Family::V4.everybody(),
            message: asked.write(Compression::Multicast).unwrap(),
            sender: None,
        };
        let handled = scene.hand(0, ETH, &packet);
        assert_eq!(handled, Ok(Handled::Query { answered: false }));
        scene.run(ms(1500));
    }
    scene.run(secs(15));
    let cache = scene.hosts[0].engine.cache(ETH).unwrap();
    assert_eq!(cache.find(&name("nas.local"), kind::A).count(), 1);
}
