//! Hosts that offer something and ask for what others offer: after quiet, everybody knows what there is.

use rand::RngExt as _;

use super::scene::*;
use super::view::*;
use crate::dns::{Txt, kind};
use crate::mdns::Rule;

/// How long after a change everybody knows of it: announced twice within a second (RFC 6762 8.3), and what is gone stays
/// for a second (10.1, 10.2).
const QUIET: u64 = 4;
/// How long somebody asks before he asks seldom: after 1, 3, 7, 15, 31, 63 and 127 seconds (RFC 6762 5.2).
const SELDOM: u64 = 70;
/// The TTL of what lives longest (RFC 6762 10).
const TTL_OTHER: u64 = 4500;

/// Hosts that each offer a service, ask for all services of its type, and for what host 0 says.
fn offices(scene: &mut Scene, hosts: u8) {
    for number in 1..=hosts {
        let host = scene.office(number);
        scene.ask(host, "_http._tcp.local", kind::PTR);
        if number > 1 {
            scene.ask(host, "casa1.local", kind::A);
            scene.ask(host, "casa1.local", kind::AAAA);
            scene.ask(host, "Web 1._http._tcp.local", kind::SRV);
            scene.ask(host, "Web 1._http._tcp.local", kind::TXT);
        }
    }
}

/// Such hosts, up for as long as it takes until they ask seldom.
fn quiet(seed: u64, without: Option<Rule>, hosts: u8) -> Scene {
    let mut scene = Scene::new(seed, without);
    offices(&mut scene, hosts);
    scene.start(secs(1));
    scene.run(secs(SELDOM));
    scene
}

// RFC 6762 5.2, 8.3, 10: A27, A29. RFC 6763 4.1, 5: B3
#[test]
fn caches_agree_after_quiet() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        offices(&mut scene, 2 + (seed % 4) as u8);
        scene.start(secs(3));
        scene.run(secs(QUIET));
        scene.agree().map(|()| scene)
    };
    holds(8, property);
}

// RFC 6762 8.3: A27
#[test]
fn what_is_new_is_announced_to_those_who_ask_seldom() {
    let property = |seed, without| {
        let mut scene = quiet(seed, without, 2);
        scene.host(3, "casa3.local");
        scene
            .wanted(2)
            .services
            .push(service("Web 3", "casa3.local"));
        scene.start(secs(1));
        scene.run(secs(QUIET));
        scene.agree().map(|()| scene)
    };
    holds(3, property);
    breaks(Rule::Announce, 1, property);
}

// RFC 6762 8.3: A27
#[test]
fn announcement_that_nobody_heard_is_made_again() {
    let property = |seed, without| {
        let mut scene = quiet(seed, without, 2);
        let host = scene.host(3, "casa3.local");
        scene
            .wanted(host)
            .services
            .push(service("Web 3", "casa3.local"));
        scene.follow(host);
        // Its probes are heard; what it says from then on, until its first announcement is over, is not.
        let since = scene.now;
        while !scene
            .sent_since(since)
            .any(|(sent, message)| sent.host == host && is_response(&message))
        {
            scene.loss = 1.0;
            scene.run(ms(1));
        }
        scene.run(ms(500));
        scene.loss = 0.0;
        scene.run(secs(QUIET));
        scene.agree().map(|()| scene)
    };
    holds(3, property);
    breaks(Rule::Repeat, 1, property);
}

// RFC 6762 10.1: A29, A30. RFC 6763: B16, B17
#[test]
fn goodbye_is_seen() {
    let property = |seed, without| {
        let mut scene = quiet(seed, without, 3);
        scene.stop(0);
        scene.run(secs(QUIET));
        scene.agree().map(|()| scene)
    };
    holds(3, property);
    breaks(Rule::Goodbye, 1, property);
}

// RFC 6762 10.1: A30. RFC 6763: B17
#[test]
fn service_that_is_withdrawn_is_gone_from_all_caches() {
    let property = |seed, without| {
        let mut scene = quiet(seed, without, 3);
        scene.wanted(0).services.clear();
        scene.follow(0);
        scene.run(secs(QUIET));
        scene.agree().map(|()| scene)
    };
    holds(3, property);
    breaks(Rule::Goodbye, 1, property);
}

// RFC 6762 8.4, 10.2: A27, A30, A31
#[test]
fn new_address_and_new_text_replace_the_old_ones() {
    let property = |seed, without| {
        let mut scene = quiet(seed, without, 3);
        let wanted = scene.wanted(0);
        let address = "10.0.0.101".parse().unwrap();
        wanted.v4 = Some(address);
        wanted.hosts[0].addresses.retain(|own| own.is_ipv6());
        wanted.hosts[0].addresses.insert(address.into());
        wanted.addresses.retain(|(own, _)| own.is_ipv6());
        wanted.addresses.insert((address.into(), 24));
        wanted.services[0].txt = vec![Txt::new([&b"path=/new"[..]]).unwrap()];
        scene.follow(0);
        scene.run(secs(QUIET));
        scene.agree().map(|()| scene)
    };
    holds(3, property);
    breaks(Rule::Flush, 1, property);
}

// RFC 6762 5.2, 10: A4, A55
#[test]
fn what_a_host_said_that_is_gone_without_a_word_ends_with_its_ttl() {
    let property = |seed, without| {
        let mut scene = quiet(seed, without, 3);
        scene.crash(0);
        scene.run(secs(TTL_OTHER + 60));
        scene.agree().map(|()| scene)
    };
    holds(2, property);
}

// RFC 6762 5.2: A4
#[test]
fn what_lives_is_refreshed_before_it_ends() {
    let property = |seed, without| {
        let mut scene = quiet(seed, without, 2);
        for _ in 0..30 {
            scene.run(secs(300));
            scene.agree()?;
        }
        Ok(scene)
    };
    holds(1, property);
}

// RFC 6762 5.2, 8.3, 10.1: A4, A27, A30
#[test]
fn caches_agree_after_turmoil_on_a_lossy_link() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without).lossy(0.15);
        offices(&mut scene, 4);
        scene.start(secs(2));
        for _ in 0..10 {
            let host = scene.rng.random_range(0..4);
            let slept = scene.hosts[host].engine.cache(ETH).is_some();
            match (scene.hosts[host].on, scene.rng.random_range(0..3)) {
                (true, 0) => scene.stop(host),
                (true, 1) => scene.crash(host),
                (true, _) => scene.wake(host),
                (false, 0) if slept => scene.wake(host),
                (false, _) => scene.restart(host),
            }
            let pause = ms(scene.rng.random_range(0..4000));
            scene.run(pause);
        }
        scene.start(secs(1));
        // What was lost is told again when it is asked for: at the latest when its TTL ends.
        scene.run(secs(130));
        scene.loss = 0.0;
        scene.run(secs(TTL_OTHER));
        scene.is_settled()?;
        scene.agree().map(|()| scene)
    };
    holds(3, property);
}

// RFC 6762 8, 10.3: A32, A40
#[test]
fn caches_agree_after_partitions_are_joined() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        offices(&mut scene, 4);
        scene.plug(2, 1);
        scene.plug(3, 1);
        scene.start(secs(2));
        scene.run(secs(20));
        scene.agree()?;
        for host in [2, 3] {
            // Its cable is pulled out here and put in there.
            scene.wanted(host).up = false;
            scene.follow(host);
        }
        scene.run(secs(1));
        for host in [2, 3] {
            scene.plug(host, 0);
            scene.wanted(host).up = true;
            scene.follow(host);
        }
        scene.run(secs(10));
        scene.is_settled()?;
        scene.agree().map(|()| scene)
    };
    holds(3, property);
}
