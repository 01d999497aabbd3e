//! What does not fit in one message.

use std::collections::BTreeSet;

use super::scene::*;
use super::view::*;
use crate::dns::{Message, Txt, kind};

/// Hosts of which the first offers many services, and the second asks for all of them and for one's text.
fn many(services: usize, mtu: u32) -> Scene {
    let mut scene = Scene::new(1, None);
    // RFC 6762 7.2: what is sent at once comes in order.
    scene.delay = ms(0);
    let host = scene.host(1, "casa.local");
    scene.wanted(host).mtu = mtu;
    for number in 0..services {
        let service = service(&format!("Service number {number} of many"), "casa.local");
        scene.wanted(host).services.push(service);
    }
    let asker = scene.host(2, "asker.local");
    scene.wanted(asker).mtu = mtu;
    scene.ask(asker, "_http._tcp.local", kind::PTR);
    scene.ask(
        asker,
        "Service number 0 of many._http._tcp.local",
        kind::TXT,
    );
    scene
}

fn intact(scene: &Scene) {
    scene.is_settled().unwrap();
    scene.agree().unwrap();
    let breaches = &scene.wire.breaches;
    assert!(breaches.is_empty(), "{} {:?}", breaches.len(), breaches[0]);
}

// RFC 6762 7.2, 17: A22, A36
#[test]
fn many_services_are_announced_asked_for_and_known_in_messages_that_fit() {
    for mtu in [1500, 1280, 576, 9000] {
        let mut scene = many(150, mtu);
        scene.start(ms(0));
        scene.run(secs(20));
        intact(&scene);
        // Later everything is known, and told so over several messages: nobody answers.
        let since = scene.now;
        scene.run(secs(60));
        intact(&scene);
        let (mut answers, mut truncated) = (0, 0);
        for (_, message) in scene.sent_since(since) {
            answers += usize::from(is_response(&message));
            truncated += usize::from(message.flags & 0x0200 != 0);
        }
        assert_eq!((answers, truncated > 0), (0, true), "MTU {mtu}");
    }
}

// RFC 6762 17: A36
#[test]
fn record_that_is_larger_than_a_packet_goes_alone() {
    let mut scene = many(3, 1500);
    let strings = vec![[b'x'; 250]; 20];
    let txt = Txt::new(strings.iter().map(|string| &string[..])).unwrap();
    scene.wanted(0).services[0].txt = vec![txt];
    scene.start(ms(0));
    scene.run(secs(10));
    intact(&scene);
    let is_large = |(_, message): &(&Sent, Message)| {
        is_response(message)
            && message
                .write(crate::dns::Compression::Multicast)
                .unwrap()
                .len()
                > 1472
    };
    let large: Vec<_> = scene
        .sent_since(scene.sent[0].at)
        .filter(is_large)
        .collect();
    assert!(!large.is_empty());
    assert!(
        large
            .iter()
            .all(|(_, message)| message.records().count() == 1)
    );
}

// RFC 6762 6.2: A17
#[test]
fn all_addresses_of_a_host_are_told_together() {
    let mut scene = many(1, 1500);
    let wanted = scene.wanted(0);
    for last in 100..110 {
        let address = [10, 0, 0, last].into();
        wanted.addresses.insert((address, 24));
        wanted.hosts[0].addresses.insert(address);
    }
    scene.ask(1, "casa.local", kind::A);
    scene.start(ms(0));
    scene.run(secs(10));
    intact(&scene);
    let told: BTreeSet<_> = scene
        .sent_since(scene.sent[0].at)
        .filter(|(sent, message)| sent.host == 0 && is_response(message))
        .map(|(_, message)| {
            let records = message.records();
            records
                .filter(|record| record.kind == kind::A && record.owner == name("casa.local"))
                .count()
        })
        .collect();
    assert!(
        told.contains(&11) && told.is_subset(&[0, 11].into()),
        "{told:?}"
    );
}
