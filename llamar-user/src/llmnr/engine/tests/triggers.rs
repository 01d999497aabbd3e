//! When names are verified, and when not.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::verify::VERIFIED_AT_ONCE;
use super::super::*;
use super::scene::Scene;
use super::zone::*;

const UNIQUE: Option<NameState> = Some(NameState::Unique);
const TENTATIVE: Option<NameState> = Some(NameState::Tentative);

/// A host whose names are verified.
fn verified(names: &[&str]) -> (Scene, usize) {
    let mut scene = Scene::new(31, None);
    let host = scene.host(Some(5), Some(5), names);
    scene.follow(host);
    scene.run(secs(3));
    (scene, host)
}

fn claimed(text: &str, inherited: bool) -> Claimed {
    Claimed {
        name: name(text),
        inherited,
    }
}

/// The names that a host asked for since.
fn asked(scene: &Scene, host: usize, since: Instant) -> BTreeSet<String> {
    let queries = scene.queries(host, since).into_iter();
    queries
        .map(|sent| {
            Question::read(&sent.2.message, 12)
                .unwrap()
                .0
                .name
                .to_string()
        })
        .collect()
}

// RFC 4795 4.1, 2.1.1, 2.7: R27, R46, S2, S8
#[test]
fn name_is_verified_over_both_families_before_it_is_unique() {
    let mut scene = Scene::new(31, None);
    let host = scene.host(Some(5), Some(5), &["casa"]);
    let start = scene.now;
    scene.follow(host);
    assert_eq!(scene.state(host, "casa"), TENTATIVE);
    scene.settle(secs(1));
    assert_eq!(scene.state(host, "casa"), UNIQUE);
    let expected = Event::Verified {
        key: ETH,
        name: name("casa"),
    };
    assert_eq!(scene.events(host), [&expected]);
    let mut ids = BTreeSet::new();
    for is_v4 in [true, false] {
        let queries = scene.queries(host, start).into_iter();
        let queries: Vec<_> = queries
            .filter(|sent| sent.2.source.is_ipv4() == is_v4)
            .collect();
        assert_eq!(queries.len(), 3);
        for (_, _, query) in &queries {
            let id = u16::from_be_bytes([query.message[0], query.message[1]]);
            assert_eq!(query.message, message(id, 0, &name("casa"), ANY));
            assert_eq!((query.key, query.to), (ETH, group(query.source)));
            ids.insert(id);
        }
        let times: Vec<_> = queries.iter().map(|sent| sent.0).collect();
        assert!(times[0] - start <= ms(100));
        let apart = times.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            apart
                .into_iter()
                .all(|apart| (ms(100)..=ms(200)).contains(&apart))
        );
        // The last wait is that for a response which is itself delayed.
        assert!(scene.hosts[host].events[0].0 - times[2] >= ms(200));
    }
    assert_eq!(ids.len(), 2);
}

// RFC 4795 2.7: R44
#[test]
fn first_queries_are_spread_over_the_jitter_interval() {
    let first = |seed| {
        let mut scene = Scene::new(seed, None);
        let host = scene.host(Some(5), None, &["casa"]);
        let start = scene.now;
        scene.follow(host);
        scene.run(ms(101));
        scene.sent[0].0 - start
    };
    let delays: Vec<_> = (0..50).map(first).collect();
    assert!(delays.iter().all(|delay| *delay <= ms(100)));
    for part in [ms(0)..ms(34), ms(34)..ms(67), ms(67)..ms(101)] {
        let within = delays.iter().filter(|delay| part.contains(delay));
        assert!(within.count() > 5, "{delays:?}");
    }
}

// The contract of the engine: nothing before its time, and no burst after it.
#[test]
fn calls_that_come_early_or_late_are_no_harm() {
    let mut scene = Scene::new(31, None);
    let host = scene.host(Some(5), None, &["casa"]);
    scene.follow(host);
    let (mut now, mut calls, mut sent) = (scene.now, 0, Vec::new());
    let engine = &mut scene.hosts[host].engine;
    while let Some(due) = engine.poll_timeout() {
        engine.handle_timeout(due - Duration::from_nanos(1));
        assert_eq!(engine.poll_timeout(), Some(due));
        assert_eq!(engine.poll_transmit(), None);
        // A machine that is busy calls half a second late.
        now = now.max(due) + ms(500);
        engine.handle_timeout(now);
        assert!(engine.poll_timeout().is_none_or(|due| due > now));
        sent.extend(std::iter::from_fn(|| engine.poll_transmit()));
        calls += 1;
    }
    assert_eq!((calls, sent.len()), (4, 3));
    assert!(matches!(engine.poll_event(), Some(Event::Verified { .. })));
}

// RFC 4795 4.1: R47
#[test]
fn nothing_is_verified_again_by_itself() {
    let (mut scene, host) = verified(&["casa"]);
    assert_eq!(scene.next(), None);
    assert_eq!(scene.hosts[host].engine.poll_timeout(), None);
    let start = scene.now;
    // The same once more, a reload: nothing.
    scene.follow(host);
    scene.run(secs(86_400));
    assert!(scene.queries(host, start).is_empty());
    assert_eq!(scene.state(host, "casa"), UNIQUE);
}

// RFC 4795 4.1: R47
#[test]
fn added_name_is_verified_and_no_other() {
    let (mut scene, host) = verified(&["casa"]);
    let start = scene.now;
    scene.wanted(host).names.push(claimed("media", false));
    scene.follow(host);
    assert_eq!(scene.state(host, "casa"), UNIQUE);
    assert_eq!(scene.state(host, "media"), TENTATIVE);
    scene.run(secs(3));
    assert_eq!(scene.state(host, "media"), UNIQUE);
    assert_eq!(asked(&scene, host, start), ["media".to_owned()].into());
    // It is gone at once, and that is all.
    scene.wanted(host).names.pop();
    let start = scene.now;
    scene.follow(host);
    assert_eq!(scene.hosts[host].engine.standing(ETH, &name("media")), None);
    scene.run(secs(3));
    assert!(scene.queries(host, start).is_empty());
}

// RFC 4795 4.1: R47
#[test]
fn new_address_has_all_names_verified_and_a_lost_one_none() {
    let (mut scene, host) = verified(&["casa", "media"]);
    let start = scene.now;
    scene.wanted(host).addresses.insert(v4(6));
    scene.follow(host);
    assert_eq!(scene.state(host, "casa"), TENTATIVE);
    scene.run(secs(3));
    assert_eq!(asked(&scene, host, start).len(), 2);
    assert_eq!(scene.state(host, "media"), UNIQUE);
    let start = scene.now;
    scene.wanted(host).addresses.remove(&v4(6));
    scene.follow(host);
    assert_eq!(scene.state(host, "casa"), UNIQUE);
    scene.run(secs(3));
    assert!(scene.queries(host, start).is_empty());
}

// RFC 4795 4.1: R46, R47. A family that is responded over from now on was not verified over.
#[test]
fn new_family_has_all_names_verified_over_it() {
    let mut scene = Scene::new(31, None);
    let host = scene.host(Some(5), Some(5), &["casa"]);
    scene.wanted(host).v6 = None;
    scene.follow(host);
    scene.run(secs(3));
    assert!(
        scene
            .queries(host, scene.now - secs(3))
            .iter()
            .all(|sent| sent.2.source == v4(5))
    );
    let IpAddr::V6(source) = v6(5) else {
        unreachable!()
    };
    scene.wanted(host).v6 = Some(source);
    scene.follow(host);
    assert_eq!(scene.state(host, "casa"), TENTATIVE);
    let start = scene.now;
    scene.run(secs(3));
    assert_eq!(scene.queries(host, start).len(), 6);
}

// RFC 4795 4.1: R47
#[test]
fn link_that_comes_up_has_all_names_verified() {
    let (mut scene, host) = verified(&["casa"]);
    scene.wanted(host).up = false;
    scene.follow(host);
    assert_eq!(scene.next(), None);
    scene.told.clear();
    scene.ask(0, v4(9), "casa", 0);
    scene.run(secs(3));
    assert!(scene.told.is_empty());
    let start = scene.now;
    scene.wanted(host).up = true;
    scene.follow(host);
    assert_eq!(scene.state(host, "casa"), TENTATIVE);
    scene.run(secs(3));
    assert_eq!(
        (scene.queries(host, start).len(), scene.state(host, "casa")),
        (6, UNIQUE)
    );
}

// RFC 4795 4.1: R47
#[test]
fn machine_that_slept_verifies_its_names() {
    let (mut scene, host) = verified(&["casa"]);
    let (start, now) = (scene.now, scene.now);
    scene.hosts[host].engine.wake(now);
    assert_eq!(scene.state(host, "casa"), TENTATIVE);
    scene.run(secs(3));
    assert_eq!(
        (scene.queries(host, start).len(), scene.state(host, "casa")),
        (6, UNIQUE)
    );
}

// RFC 4795 4.1, 2.4: S1, R46
#[test]
fn link_without_a_source_waits_for_one() {
    let mut scene = Scene::new(31, None);
    let host = scene.host(None, None, &["casa"]);
    scene.follow(host);
    scene.run(secs(100));
    assert_eq!((scene.state(host, "casa"), scene.next()), (TENTATIVE, None));
    assert!(scene.sent.is_empty());
    scene.wanted(host).v4 = Some(Ipv4Addr::new(10, 0, 0, 5));
    scene.wanted(host).addresses.insert(v4(5));
    scene.follow(host);
    scene.run(secs(3));
    assert_eq!(scene.state(host, "casa"), UNIQUE);
    assert_eq!(scene.sent.len(), 3);
}

// RFC 4795 2.4: S1. A source that is gone in the middle of a verification is not used any more.
#[test]
fn verification_begins_anew_from_another_source() {
    for doubted in [false, true] {
        let (mut scene, host) = verified(&["casa"]);
        scene.wanted(host).addresses.insert(v4(6));
        scene.follow(host);
        if doubted {
            scene.run(secs(3));
            scene.ask(0, v4(9), "casa", C);
        }
        scene.run(ms(120));
        let start = scene.now;
        scene.wanted(host).v4 = Some(Ipv4Addr::new(10, 0, 0, 6));
        scene.wanted(host).addresses.remove(&v4(5));
        scene.follow(host);
        scene.run(secs(3));
        let queries = scene.queries(host, start);
        assert_eq!(queries.len(), 6);
        let kind = if doubted { A } else { ANY };
        for (_, _, query) in queries {
            assert_ne!(query.source, v4(5));
            assert_eq!(Question::read(&query.message, 12).unwrap().0.kind, kind);
        }
        assert_eq!(scene.state(host, "casa"), UNIQUE);
    }
}

// RFC 4795 4.1, 4.2: R47, R50. What a former agent verified a moment ago.
#[test]
fn inherited_name_is_in_use_at_once_and_checked() {
    for (from, lost) in [(v4(1), true), (v4(9), false)] {
        let mut scene = Scene::new(31, None);
        let host = scene.host(Some(5), None, &[]);
        scene.wanted(host).names = vec![claimed("casa", true), claimed("media", false)];
        scene.follow(host);
        assert_eq!(scene.state(host, "casa"), UNIQUE);
        assert_eq!(scene.state(host, "media"), TENTATIVE);
        scene.run(ms(120));
        // An address that comes while it is checked has it checked again.
        scene.wanted(host).addresses.insert(v4(6));
        scene.follow(host);
        assert_eq!(scene.state(host, "casa"), UNIQUE);
        scene.run(ms(150));
        let queries = scene.queries(host, scene.now - ms(150));
        let about = |sent: &&&(Instant, usize, Transmit)| {
            Question::read(&sent.2.message, 12).unwrap().0.name == name("casa")
        };
        let query = queries.iter().find(about).unwrap().2.clone();
        assert_eq!(scene.respond(host, &query, from, 0), Ok(Handled::Heard));
        assert_eq!(scene.state(host, "casa").is_none(), lost);
        scene.run(secs(3));
        // It is like any other from then on.
        scene.wanted(host).addresses.insert(v4(7));
        scene.follow(host);
        assert_eq!(scene.state(host, "casa"), TENTATIVE);
    }
}

// RFC 4795 4.3: R53
#[test]
fn links_that_are_wanted_no_more_are_forgotten() {
    let (mut scene, host) = verified(&["casa"]);
    scene.ask(0, v4(9), "casa", C);
    scene.run(ms(20));
    let wanted = std::mem::take(&mut scene.hosts[host].wanted);
    let now = scene.now;
    scene.hosts[host]
        .engine
        .follow(now, BTreeMap::new(), BTreeSet::new());
    assert_eq!(scene.hosts[host].engine.poll_timeout(), None);
    assert_eq!(scene.hosts[host].engine.standing(ETH, &name("casa")), None);
    scene.hosts[host].wanted = wanted;
    scene.follow(host);
    assert_eq!(scene.state(host, "casa"), TENTATIVE);
}

// RFC 4795 4.1: R46. Big tables are verified, and make no storm.
#[test]
fn many_names_are_verified_some_at_a_time() {
    let mut scene = Scene::new(31, None);
    let host = scene.host(Some(5), Some(5), &[]);
    let names = (0..300).map(|number| claimed(&format!("name{number}"), false));
    scene.wanted(host).names = names.collect();
    let start = scene.now;
    scene.follow(host);
    scene.settle(secs(1));
    let states = scene.hosts[host].engine.standings(ETH);
    assert!(
        states
            .into_iter()
            .all(|(_, standing)| standing.state == UNIQUE)
    );
    assert!(scene.now - start < secs(16));
    let sent: Vec<_> = scene
        .queries(host, start)
        .iter()
        .map(|sent| sent.0)
        .collect();
    assert_eq!(sent.len(), 300 * 6);
    // Each takes at least 400 ms: two timeouts and the last wait.
    for from in &sent {
        let second = sent
            .iter()
            .filter(|at| **at >= *from && **at < *from + ms(400));
        assert!(second.count() <= 2 * 6 * VERIFIED_AT_ONCE);
    }
    // The first ones first.
    let events = scene.events(host);
    let place = |text: &str| {
        let verified = |event: &&Event| matches!(event, Event::Verified { name, .. } if name.to_string() == text);
        events.iter().position(verified).unwrap()
    };
    assert!(place("name0") < 40 && place("name299") > 260);
}

#[test]
fn most_important_names_are_verified_first_whenever_all_are() {
    let many: Vec<String> = (0..3 * VERIFIED_AT_ONCE)
        .map(|number| format!("a{number:02}"))
        .collect();
    let names = ["zz"].into_iter().chain(many.iter().map(String::as_str));
    let names: Vec<&str> = names.collect();
    let mut scene = Scene::new(31, None);
    let host = scene.host(Some(5), Some(5), &names);
    scene.follow(host);
    for address in [6, 7] {
        scene.run(secs(1));
        assert_eq!(scene.state(host, "zz"), UNIQUE);
        assert_eq!(scene.state(host, "a47"), TENTATIVE);
        scene.run(secs(5));
        assert_eq!(scene.state(host, "a47"), UNIQUE);
        scene.wanted(host).addresses.insert(v4(address));
        scene.follow(host);
        assert_eq!(scene.state(host, "zz"), TENTATIVE);
    }
    let now = scene.now;
    scene.hosts[host].engine.wake(now);
    scene.run(secs(1));
    assert_eq!(scene.state(host, "zz"), UNIQUE);
    assert_eq!(scene.state(host, "a47"), TENTATIVE);
}

// RFC 4795 4.1: R46. Who could not ask knows nothing.
#[test]
fn name_of_which_nobody_could_be_asked_stays_tentative_until_somebody_can() {
    let mut scene = Scene::new(31, None);
    let host = scene.host(Some(5), Some(5), &["casa"]);
    scene.hosts[host].mute = (true, true);
    scene.follow(host);
    scene.run(secs(20));
    assert_eq!(scene.state(host, "casa"), TENTATIVE);
    assert!(scene.events(host).is_empty() && scene.sent.is_empty());
    scene.hosts[host].mute = (false, false);
    scene.run(secs(3));
    assert_eq!(scene.state(host, "casa"), UNIQUE);
    assert_eq!(scene.queries(host, scene.now - secs(3)).len(), 6);
    assert_eq!(scene.next(), None);
}

// RFC 4795 4.1: R46. Over a family that takes nothing, nobody is answered either.
#[test]
fn family_over_which_nothing_can_be_sent_does_not_keep_a_name_tentative() {
    for mute in [(true, false), (false, true)] {
        let mut scene = Scene::new(31, None);
        let host = scene.host(Some(5), Some(5), &["casa"]);
        scene.hosts[host].mute = mute;
        scene.follow(host);
        scene.run(secs(3));
        assert_eq!(scene.state(host, "casa"), UNIQUE);
        let queries = scene.queries(host, scene.now - secs(3));
        assert_eq!(queries.len(), 3);
        assert!(
            queries
                .iter()
                .all(|query| query.2.source.is_ipv4() != mute.0)
        );
        assert_eq!(scene.next(), None);
    }
}

// RFC 4795 2.7: S8. A query that was not sent is sent later, and three times are three times.
#[test]
fn query_that_could_not_be_sent_is_sent_again() {
    let mut scene = Scene::new(31, None);
    let host = scene.host(Some(5), None, &["casa"]);
    scene.hosts[host].mute = (true, true);
    scene.follow(host);
    scene.run(ms(110));
    scene.hosts[host].mute = (false, false);
    let start = scene.now;
    scene.run(secs(2));
    assert_eq!(scene.queries(host, start).len(), 3);
    assert_eq!(scene.state(host, "casa"), UNIQUE);
}
