//! Interfaces and families that come and go, asks, sleep and the end.

use super::super::*;
use super::scene::*;
use super::view::*;
use crate::dns::{Message, kind};
use crate::mdns::{Change, Event, Family};

/// A host with a service and one that asks for it.
fn pair() -> Scene {
    let mut scene = Scene::new(1, None);
    let host = scene.host(1, "casa.local");
    scene
        .wanted(host)
        .services
        .push(service("Web", "casa.local"));
    let asker = scene.host(2, "asker.local");
    scene.ask(asker, "_http._tcp.local", kind::PTR);
    scene.start(ms(100));
    scene.run(secs(10));
    scene.agree().unwrap();
    scene
}

fn goodbyes(scene: &Scene, host: usize, since: Instant) -> Vec<(Family, u16)> {
    let sent = scene.sent_since(since);
    let sent = sent.filter(|(sent, message)| sent.host == host && is_response(message));
    sent.flat_map(|(sent, message)| {
        let family = Family::of(sent.transmit.to.ip());
        let gone = message.answers.into_iter().filter(|record| record.ttl == 0);
        gone.map(move |record| (family, record.kind))
            .collect::<Vec<_>>()
    })
    .collect()
}

// RFC 6762 10.1: A30. RFC 6763: B17
#[test]
fn engine_that_ends_says_goodbye_over_both_families_and_is_silent_then() {
    let mut scene = pair();
    let since = scene.now;
    scene.hosts[0].engine.shutdown(since);
    assert_eq!(scene.hosts[0].engine.poll_timeout(), None);
    scene.drain(0);
    let goodbyes = goodbyes(&scene, 0, since);
    for family in Family::ALL {
        for kind in [kind::A, kind::AAAA, kind::SRV, kind::TXT, kind::PTR] {
            assert!(
                goodbyes.contains(&(family, kind)),
                "{family:?} {kind}: {goodbyes:?}"
            );
        }
    }
    let packet = Packet {
        segment: 0,
        from: socket("10.0.0.9:5353"),
        to: Family::V4.everybody(),
        message: query("casa.local", kind::A)
            .write(crate::dns::Compression::Off)
            .unwrap(),
        sender: None,
    };
    assert_eq!(scene.hand(0, ETH, &packet), Err(Ignored::Interface));
    assert_eq!(scene.hosts[0].engine.standings(ETH).count(), 0);
}

// RFC 6762 10.1, 10.3: A30, A32. RFC 6763 F: B16
#[test]
fn interface_that_is_served_no_more_says_goodbye_and_takes_what_it_heard_with_it() {
    let mut scene = pair();
    let since = scene.now;
    let now = scene.now;
    scene.hosts[1]
        .engine
        .follow(now, BTreeMap::new(), BTreeSet::new());
    scene.drain(1);
    assert!(goodbyes(&scene, 1, since).contains(&(Family::V4, kind::A)));
    let removed =
        |event: &&Event| matches!(event, Event::Record(held) if held.change == Change::Removed);
    assert_eq!(scene.events_since(1, since).filter(removed).count(), 1);
    assert!(scene.hosts[1].engine.cache(ETH).is_none());
    // What was asked there is asked again when it comes back.
    scene.run(secs(1));
    scene.follow(1);
    scene.run(secs(5));
    scene.agree().unwrap();
}

// RFC 6762 10.3: A32
#[test]
fn link_that_goes_down_takes_what_was_heard_with_it() {
    let mut scene = pair();
    scene.wanted(1).up = false;
    scene.follow(1);
    assert!(scene.hosts[1].held.values().all(Vec::is_empty));
    let since = scene.now;
    scene.run(secs(30));
    assert!(
        !scene.sent_since(since).any(|(sent, _)| sent.host == 1),
        "it is down"
    );
    scene.wanted(1).up = true;
    scene.follow(1);
    scene.run(secs(5));
    scene.agree().unwrap();
}

// RFC 6762 8, 20: A40, A50
#[test]
fn family_that_comes_is_spoken_and_one_that_goes_is_not() {
    let mut scene = pair();
    let spoken = |scene: &Scene, since| {
        let sent = scene.sent_since(since).filter(|(sent, _)| sent.host == 0);
        let families = sent.map(|(sent, _)| Family::of(sent.transmit.to.ip()));
        families.collect::<BTreeSet<_>>()
    };
    let v6 = scene.wanted(0).v6.take();
    scene.follow(0);
    let since = scene.now;
    scene.run(secs(1));
    scene.say(
        0,
        socket("[fe80::9]:5353"),
        &query("casa.local", kind::AAAA),
    );
    scene.say(0, socket("10.0.0.9:5353"), &query("casa.local", kind::AAAA));
    scene.run(secs(2));
    assert_eq!(spoken(&scene, since), BTreeSet::from([Family::V4]));
    scene.wanted(0).v6 = v6;
    scene.follow(0);
    let since = scene.now;
    scene.run(secs(5));
    // The names are announced where nobody has heard of them.
    let announces = |(sent, message): &(&Sent, Message)| {
        sent.host == 0 && sent.transmit.to.is_ipv6() && is_response(message)
    };
    assert!(scene.sent_since(since).any(|sent| announces(&sent)));
    scene.is_settled().unwrap();
    assert!(scene.wire.breaches.is_empty(), "{:?}", scene.wire.breaches);
}

#[test]
fn question_that_is_ceased_is_asked_no_more() {
    let mut scene = Scene::new(1, None);
    scene.host(1, "casa.local");
    scene.follow(0);
    let now = scene.now;
    let engine = &mut scene.hosts[0].engine;
    let ids = [0; 3].map(|_| engine.ask(now, ETH, question("_none._tcp.local", kind::PTR)));
    let elsewhere = engine.ask(now, WLAN, question("_none._tcp.local", kind::PTR));
    assert!(!ids.contains(&elsewhere));
    scene.drain(0);
    scene.run(secs(10));
    let asked = |scene: &Scene, since| {
        let sent = scene.sent_since(since);
        sent.filter(|(_, message)| asks(message, "_none._tcp.local"))
            .count()
    };
    let start = scene.sent[0].at;
    assert!(asked(&scene, start) >= 4);
    for id in ids {
        scene.hosts[0].engine.cease(id);
    }
    scene.hosts[0].engine.cease(elsewhere);
    scene.hosts[0].engine.cease(elsewhere);
    let since = scene.now;
    scene.drain(0);
    scene.run(secs(600));
    assert_eq!(asked(&scene, since), 0);
}

// RFC 6762 8, 8.3: A40
#[test]
fn host_that_wakes_probes_and_announces_anew() {
    let mut scene = pair();
    scene.crash(0);
    scene.run(secs(3600));
    let since = scene.now;
    scene.wake(0);
    scene.run(secs(5));
    let mut probes = 0;
    let mut answers = 0;
    for (sent, message) in scene.sent_since(since).filter(|(sent, _)| sent.host == 0) {
        assert!(probes >= 6 || !is_response(&message), "{sent:?}");
        probes += usize::from(!message.authorities.is_empty());
        answers += usize::from(is_response(&message));
    }
    assert!(answers >= 2, "{answers}");
    scene.is_settled().unwrap();
}

#[test]
fn engine_without_anything_to_do_has_no_deadline() {
    let mut scene = Scene::new(1, None);
    assert_eq!(
        Engine::new(rand::SeedableRng::seed_from_u64(1)).poll_timeout(),
        None
    );
    scene.host(1, "casa.local");
    scene.follow(0);
    scene.run(secs(20));
    assert_eq!(scene.hosts[0].engine.poll_timeout(), None);
}
