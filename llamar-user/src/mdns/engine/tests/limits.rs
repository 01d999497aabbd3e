//! How much others can make us send, and keep.

use llamar_common::limit::Rate;

use super::super::*;
use super::scene::*;
use super::view::*;
use crate::dns::{Compression, Rdata, Record, kind};
use crate::mdns::Family;
use crate::mdns::cache::RECORDS_MAX;

const RATE: Rate = Rate {
    per_second: 10,
    burst: 20,
};

/// A host that answers each source by unicast at that rate.
fn host() -> Scene {
    let mut scene = Scene::new(1, None);
    scene.host(1, "casa.local");
    scene.follow(0);
    scene.run(secs(60));
    scene.hosts[0].engine.limit(RATE);
    scene.sent.clear();
    scene
}

fn packet(from: &str, class: u16) -> Packet {
    let mut asked = query("casa.local", kind::A);
    asked.questions[0].class = class;
    let from = socket(from);
    Packet {
        segment: 0,
        from,
        to: Family::of(from.ip()).everybody(),
        message: asked.write(Compression::Multicast).unwrap(),
        sender: None,
    }
}

#[test]
fn unicast_answers_to_one_source_are_limited_and_to_others_not() {
    let mut scene = host();
    let from = |last: u16| format!("10.0.0.{}:{}", last, 40_000 + last);
    let ask = |scene: &mut Scene, last, times| {
        let packet = packet(&from(last), kind::IN);
        let handled: Vec<_> = (0..times).map(|_| scene.hand(0, ETH, &packet)).collect();
        scene.run(ms(20));
        let limited = |handled: &&Result<_, _>| **handled == Err(Ignored::Limited);
        (scene.sent.len(), handled.iter().filter(limited).count())
    };
    assert_eq!(ask(&mut scene, 200, 100), (20, 80));
    assert_eq!(ask(&mut scene, 201, 1), (21, 0));
    scene.run(secs(1));
    assert_eq!(ask(&mut scene, 200, 100), (31, 90));
    assert!(scene.wire.breaches.is_empty(), "{:?}", scene.wire.breaches);
}

// RFC 6762 5.4, 6: A6, A13
#[test]
fn whoever_asks_for_unicast_too_often_is_answered_by_multicast() {
    let mut scene = host();
    // A multicast first: what has not been multicast for a quarter of its TTL is not unicast.
    scene.put(packet("10.0.0.9:5353", kind::IN));
    scene.run(secs(2));
    scene.sent.clear();
    let packet = packet("10.0.0.200:5353", kind::IN | kind::CLASS_TOP);
    for _ in 0..100 {
        let handled = scene.hand(0, ETH, &packet);
        assert_eq!(handled, Ok(Handled::Query { answered: true }));
    }
    scene.run(ms(100));
    let unicasts = scene
        .sent
        .iter()
        .filter(|sent| sent.transmit.to.ip().is_ipv4());
    let (multicasts, unicasts): (Vec<_>, Vec<_>) =
        unicasts.partition(|sent| sent.transmit.to.ip().is_multicast());
    assert_eq!((multicasts.len(), unicasts.len()), (1, 20));
    assert!(scene.wire.breaches.is_empty(), "{:?}", scene.wire.breaches);
}

// RFC 6762 6: A13
#[test]
fn flood_of_every_kind_of_question_causes_few_multicasts() {
    let mut scene = host();
    scene.wanted(0).services.push(service("Web", "casa.local"));
    scene.follow(0);
    scene.run(secs(5));
    let since = scene.now;
    let names = [
        "casa.local",
        "Web._http._tcp.local",
        "_http._tcp.local",
        "_services._dns-sd._udp.local",
        "1.0.0.10.in-addr.arpa",
    ];
    let kinds = [
        kind::A,
        kind::AAAA,
        kind::SRV,
        kind::TXT,
        kind::PTR,
        kind::ANY,
        99,
    ];
    for second in 0..10_u64 {
        for source in 1..=200 {
            let text = names[source % names.len()];
            let message = query(text, kinds[source % kinds.len()]);
            scene.say(0, socket(&format!("10.0.0.{source}:5353")), &message);
            scene.run(ms(4));
        }
        scene.run(ms(200) + ms(second % 2));
    }
    let most = scene.most_within(secs(1), since);
    // A dozen records and half as many that say there are none: each has a message of its own at worst.
    assert!(most <= 24, "{most} messages in a second");
    assert!(
        scene.wire.breaches.is_empty(),
        "{:?}",
        scene.wire.breaches.first()
    );
}

#[test]
fn flood_of_made_up_records_fills_the_cache_and_no_more() {
    let mut scene = host();
    scene.ask(0, "_http._tcp.local", kind::PTR);
    let wanted = Record::new(
        name("_http._tcp.local"),
        4500,
        Rdata::Ptr(name("Web._http._tcp.local")),
    );
    let answer = response(wanted.into_iter().collect());
    scene.say(0, socket("10.0.0.9:5353"), &answer);
    scene.run(ms(10));
    let count = |scene: &Scene| scene.hosts[0].engine.cache(ETH).unwrap().len();
    let mut largest = 0;
    for message in 0..400_u32 {
        let record = |number: u32| {
            unique(
                &format!("host-{message}-{number}.local"),
                120,
                Rdata::A(number.into()),
            )
        };
        scene.say(
            0,
            socket("10.0.0.66:5353"),
            &response((0..40).map(record).collect()),
        );
        scene.run(ms(5));
        largest = largest.max(count(&scene));
    }
    assert_eq!(largest, RECORDS_MAX);
    let cache = scene.hosts[0].engine.cache(ETH).unwrap();
    let kept = cache.find(&name("_http._tcp.local"), kind::PTR).count();
    assert_eq!(kept, 1, "what somebody asks for is kept");
    let since = scene.now;
    scene.say(0, socket("10.0.0.9:5353"), &query("casa.local", kind::A));
    scene.run(secs(1));
    assert_eq!(
        scene
            .sent_since(since)
            .filter(|(_, message)| is_response(message))
            .count(),
        1
    );
}
