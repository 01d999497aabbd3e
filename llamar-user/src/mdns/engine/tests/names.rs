//! Hosts that want one name: whoever gets it, it is one of them.

use rand::RngExt as _;

use super::scene::*;
use super::view::*;
use crate::dns::{Message, Rdata, kind};
use crate::mdns::{Event, Rule};

/// How long hosts that start at about the same time take to come to names of their own: each of their tries takes up to
/// a second, and the loser of a tie-break waits for one more (RFC 6762 8.1, 8.2).
const TRIES: u64 = 4;

/// Hosts on one link that want one name and are switched on within a second.
fn at_once(seed: u64, without: Option<Rule>, hosts: u8) -> Scene {
    let mut scene = Scene::new(seed, without);
    for number in 1..=hosts {
        scene.host(number, "casa.local");
    }
    scene.start(secs(1));
    scene.run(secs(TRIES * u64::from(hosts)));
    scene
}

// RFC 6762 8.1, 9: A24, A25, A28, A48
#[test]
fn no_two_hosts_keep_one_name() {
    let property = |seed, without| {
        let scene = at_once(seed, without, 2 + (seed % 3) as u8);
        scene.is_settled().map(|()| scene)
    };
    holds(20, property);
    breaks(Rule::GiveWay, 3, property);
}

// RFC 6762 8.1, 9: A24, A25, A28
#[test]
fn no_two_hosts_keep_one_name_where_messages_are_lost_late_and_doubled() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without).lossy(0.2);
        for number in 1..=4 {
            scene.host(number, "casa.local");
        }
        scene.start(secs(1));
        // Whoever lost all of another's probes and announcements hears of it when somebody asks (RFC 6762 9).
        for _ in 0..20 {
            scene.run(secs(3));
            scene.say(0, socket("10.0.0.250:5353"), &query("casa.local", kind::A));
            scene.say(
                0,
                socket("10.0.0.250:5353"),
                &query("casa-2.local", kind::A),
            );
            scene.say(
                0,
                socket("10.0.0.250:5353"),
                &query("casa-3.local", kind::A),
            );
        }
        scene.run(secs(10));
        scene.is_settled().map(|()| scene)
    };
    holds(10, property);
    breaks(Rule::GiveWay, 3, property);
}

// RFC 6762 8.2, 8.2.1: A26
#[test]
fn of_hosts_that_probe_at_once_the_later_in_order_gets_the_name() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        // Who comes first is chance. Of their records those of type A come first in order, and 10.0.0.3 is the last.
        for number in [2, 1, 3] {
            scene.host(number, "casa.local");
        }
        scene.start(ms(50));
        scene.run(secs(10));
        scene.is_settled()?;
        match scene.used(2, "casa.local") {
            used if used == name("casa.local") => Ok(scene),
            used => Err(format!("it is called {used}")),
        }
    };
    holds(20, property);
    breaks(Rule::TieBreak, 20, property);
}

// RFC 6762 8, 8.1: A24, A25, A40, A43
#[test]
fn host_that_has_a_name_never_hears_another_use_it() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        let holder = scene.host(1, "casa.local");
        scene.follow(holder);
        scene.run(secs(5));
        let since = scene.now;
        let late = scene.host(2, "Casa.local");
        scene.start(secs(1));
        scene.run(secs(10));
        scene.is_settled()?;
        undisturbed(&scene, holder, since)?;
        let used = scene.used(late, "casa.local");
        if used != name("casa-2.local") {
            return Err(format!("the late one is called {used}"));
        }
        Ok(scene)
    };
    holds(20, property);
    breaks(Rule::Probe, 3, property);
}

// RFC 6762 8, 10.2: A40
#[test]
fn host_that_slept_gives_up_a_name_that_was_taken_meanwhile() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        let sleeper = scene.host(2, "casa.local");
        let heir = scene.host(1, "casa.local");
        scene.follow(sleeper);
        scene.run(secs(5));
        scene.crash(sleeper);
        scene.run(secs(60));
        scene.follow(heir);
        scene.run(secs(60));
        let since = scene.now;
        scene.wake(sleeper);
        scene.run(secs(10));
        scene.is_settled()?;
        undisturbed(&scene, heir, since)?;
        Ok(scene)
    };
    holds(10, property);
    breaks(Rule::Probe, 3, property);
}

/// Whether nobody used a host's name since a time.
fn undisturbed(scene: &Scene, holder: usize, since: std::time::Instant) -> Result<(), String> {
    let disturbs = |event: &&Event| matches!(event, Event::Conflict(_));
    if let Some(event) = scene.events_since(holder, since).find(disturbs) {
        return Err(format!("{event:?}"));
    }
    let used = scene.used(holder, "casa.local");
    let uses = |(sent, message): &(&Sent, Message)| {
        let mut answers = message.answers.iter();
        sent.host != holder && is_response(message) && answers.any(|answer| answer.owner == used)
    };
    match scene.sent_since(since).find(uses) {
        Some((sent, _)) => Err(format!("host {} used the name", sent.host)),
        None => Ok(()),
    }
}

// RFC 6762 9: A28
#[test]
fn hosts_whose_links_are_joined_notice_when_somebody_asks() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        for number in 1..=4 {
            let host = scene.host(number, "casa.local");
            scene.plug(host, host % 2);
        }
        scene.start(secs(2));
        scene.run(secs(15));
        (0..4).for_each(|host| scene.plug(host, 0));
        for text in ["casa.local", "casa-2.local", "casa-3.local"] {
            scene.run(ms(10_000));
            scene.say(0, socket("10.0.0.250:5353"), &query(text, kind::A));
        }
        scene.run(secs(20));
        scene.is_settled().map(|()| scene)
    };
    holds(10, property);
    breaks(Rule::GiveWay, 3, property);
}

// RFC 6762 8, 9: A40, A48
#[test]
fn hosts_that_crash_and_start_again_keep_the_names_that_they_came_to() {
    let property = |seed, without| {
        let mut scene = at_once(seed, without, 3);
        let before: Vec<_> = (0..3).map(|host| scene.used(host, "casa.local")).collect();
        for _ in 0..6 {
            let host = scene.rng.random_range(0..3);
            let pause = ms(scene.rng.random_range(0..5000));
            scene.crash(host);
            scene.run(pause);
            scene.restart(host);
            scene.run(secs(5));
        }
        let after: Vec<_> = (0..3).map(|host| scene.used(host, "casa.local")).collect();
        if before != after {
            return Err(format!("{before:?} became {after:?}"));
        }
        scene.is_settled().map(|()| scene)
    };
    holds(10, property);
}

/// Most hosts that want one name in a test.
const CROWD: u8 = 12;

// RFC 6762 8.1, 9: A25, A48
#[test]
fn chain_of_new_names_ends() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        for number in 1..=CROWD {
            scene.host(number, "casa.local");
        }
        scene.start(secs(1));
        // RFC 6762 8.1: from the fifteenth conflict on a try takes five seconds more.
        scene.run(secs(2 * u64::from(CROWD) + 30));
        scene.is_settled()?;
        let since = scene.now;
        scene.run(secs(60));
        match scene.sent_since(since).count() {
            0 => Ok(scene),
            sent => Err(format!("{sent} messages after the end")),
        }
    };
    holds(3, property);
}

/// RFC 6762 8.1: fifteen conflicts in ten seconds, and one try in five seconds from then on. A try has three probes over
/// each of two families.
const TRIES_A_MINUTE: usize = 15 + 60 / 5;

// RFC 6762 8.1: A25
#[test]
fn whoever_is_denied_every_name_tries_ever_more_slowly() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        scene.host(1, "casa.local");
        scene.start(ms(0));
        let mut tries = 0;
        let mut seen = 0;
        for _ in 0..6000 {
            scene.run(ms(10));
            let fresh: Vec<_> = scene.sent[seen..]
                .iter()
                .map(|sent| sent.transmit.clone())
                .collect();
            seen = scene.sent.len();
            for transmit in fresh {
                let probe = Message::read(&transmit.message).unwrap();
                if is_response(&probe) || transmit.to.is_ipv6() {
                    continue;
                }
                tries += 1;
                let text = probe.questions[0].name.to_string();
                let theirs = unique(&text, 120, Rdata::A([10, 0, 0, 250].into()));
                scene.say(0, socket("10.0.0.250:5353"), &response(vec![theirs]));
            }
        }
        if tries > 3 * TRIES_A_MINUTE {
            return Err(format!("{tries} probes in a minute"));
        }
        Ok(scene)
    };
    holds(3, property);
    breaks(Rule::Pace, 1, property);
}

// RFC 6762 6.2, 20: A16, A50
#[test]
fn name_that_is_lost_on_one_family_is_lost_on_both() {
    for seed in 0..10 {
        let mut scene = Scene::new(seed, None);
        // Two that cannot hear each other, and one that hears both.
        for number in [1, 2, 3] {
            scene.host(number, "casa.local");
        }
        scene.wanted(0).v6 = None;
        scene.wanted(1).v4 = None;
        for host in [0, 1] {
            scene.follow(host);
        }
        scene.run(secs(5));
        scene.follow(2);
        scene.run(secs(15));
        let used = [0, 1, 2].map(|host| scene.used(host, "casa.local"));
        assert_eq!(used, ["casa.local", "casa.local", "casa-2.local"].map(name));
        assert!(scene.wire.breaches.is_empty(), "{:?}", scene.wire.breaches);
    }
}

#[test]
fn one_seed_is_one_story() {
    let story = || {
        let mut scene = at_once(7, None, 4).lossy(0.1);
        for host in 0..4 {
            let service = service("Web", "casa.local");
            scene.wanted(host).services.push(service);
            scene.ask(host, "_http._tcp.local", kind::PTR);
            scene.follow(host);
        }
        scene.run(secs(60));
        let begin = scene.sent[0].at;
        let sent = scene.sent.into_iter();
        sent.map(|sent| (sent.at - begin, sent.host, sent.transmit))
            .collect::<Vec<_>>()
    };
    let first = story();
    assert!(first.len() > 100);
    assert_eq!(first, story());
}
