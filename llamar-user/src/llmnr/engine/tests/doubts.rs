//! Conflicts that are found later: links that join, queries with C set, and who may cause a check.

use super::super::*;
use super::races::{breaks, held_by, holds};
use super::scene::{Packet, Scene};
use super::zone::*;
use crate::llmnr::rules::Rule;

/// Two hosts on links of their own that both hold `casa`; then the links are joined, and nobody notices.
fn joined(seed: u64, without: Option<Rule>) -> (Scene, usize, usize) {
    let mut scene = Scene::new(seed, without);
    let larger = scene.host(Some(2), Some(2), &["casa"]);
    let smaller = scene.host(Some(1), Some(1), &["casa"]);
    scene.plug(smaller, 1);
    scene.start(&[larger, smaller], ms(0));
    scene.run(secs(2));
    assert_eq!(scene.holders("casa"), [larger, smaller]);
    scene.plug(smaller, 0);
    (scene, larger, smaller)
}

// RFC 4795 4.2: R50, R51, S10
#[test]
fn conflict_of_joined_links_is_settled_by_a_query_with_c_set() {
    let property = |seed, without| {
        let (mut scene, larger, smaller) = joined(seed, without);
        scene.run(secs(100));
        if scene.holders("casa").len() != 2 || !scene.conflicts(larger).is_empty() {
            return Err("nobody has looked yet (RFC 4795 4.1)".to_owned());
        }
        assert_eq!(scene.look_up(0, "casa"), 2);
        scene.run(secs(1));
        held_by(&scene, &[smaller])?;
        if scene.look_up(0, "casa") != 1 {
            return Err("a lost name is answered for".to_owned());
        }
        let conflicts = scene.conflicts(larger);
        match conflicts.as_slice() {
            [(culprit, Outcome::Withdrawn { .. }, true)] if [v4(1), v6(1)].contains(culprit) => {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    };
    holds(property);
    breaks(Rule::HeedDoubts, property);
    breaks(Rule::CompareAddresses, property);
}

// RFC 4795 4.1, 4.2: R52. A lost name is free when its holder is gone, not before.
#[test]
fn lost_name_comes_back_when_links_split_again() {
    let (mut scene, larger, smaller) = joined(3, None);
    scene.look_up(0, "casa");
    scene.run(secs(1));
    let retry = scene.standing(larger, "casa").retry.unwrap();
    // The TTL of the holder's answers is 30 s.
    assert!(retry >= scene.now + secs(28) && retry <= scene.now + secs(60));
    scene.plug(smaller, 1);
    scene.run(retry - scene.now - ms(1));
    assert_eq!(scene.state(larger, "casa"), None);
    scene.run(ms(2));
    assert_eq!(scene.state(larger, "casa"), Some(NameState::Tentative));
    scene.run(secs(1));
    assert_eq!(scene.holders("casa"), [larger, smaller]);
    let events = scene.events(larger);
    let retried = events.iter().any(|event| {
        matches!(event, Event::Retried { key, name } if *key == ETH && *name == self::name("casa"))
    });
    assert!(retried);
    assert_eq!(scene.early, 0);
}

// RFC 4795 4.2, 2.7: R17, R51
#[test]
fn query_with_c_set_is_not_answered_but_asked_again_with_c_clear() {
    let mut scene = Scene::new(5, None);
    let host = scene.host(Some(1), Some(1), &["casa"]);
    scene.follow(host);
    scene.run(secs(2));
    let start = scene.now;
    scene.told.clear();
    scene.ask(0, v6(9), "CASA", C);
    scene.run(ms(150));
    // Meanwhile answers go on with T clear.
    scene.ask(0, v4(9), "casa", 0);
    scene.run(secs(10));
    assert_eq!(scene.told.len(), 1);
    assert_eq!(flags(&scene.told[0].1), 0x8000);
    let queries = scene.queries(host, start);
    assert_eq!(queries.len(), 6);
    for (at, _, query) in &queries {
        let id = u16::from_be_bytes([query.message[0], query.message[1]]);
        assert_eq!(query.message, message(id, 0, &name("CASA"), A));
        assert_eq!(query.to, group(query.source));
        assert!(*at <= start + ms(501));
    }
    // 2.7: the first within 100 ms, the next a timeout and up to 100 ms later.
    for is_v4 in [true, false] {
        let family = queries
            .iter()
            .filter(|sent| sent.2.source.is_ipv4() == is_v4);
        let times: Vec<_> = family.map(|(at, _, _)| *at - start).collect();
        assert!(times[0] <= ms(101), "{times:?}");
        assert!(
            times
                .windows(2)
                .all(|pair| { (ms(100)..=ms(200)).contains(&(pair[1] - pair[0])) })
        );
    }
    assert_eq!(scene.next(), None);
}

// RFC 4795 4.2, 2.9: R17. What the log should have comes with the event.
#[test]
fn doubt_is_told_with_its_whole_message() {
    let mut scene = Scene::new(5, None);
    let host = scene.host(Some(1), None, &["casa"]);
    scene.follow(host);
    scene.run(secs(2));
    let mut message = message(9, C, &name("casa"), A);
    message[11] = 1;
    message.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x09");
    let packet = Packet {
        segment: 0,
        from: "10.0.0.9:5355".parse().unwrap(),
        to: group(v4(9)),
        message: message.clone(),
        sender: None,
    };
    let (question, _) = Question::read(&message, 12).unwrap();
    let handled = scene.hand(host, ETH, &packet);
    assert_eq!(
        handled,
        Ok(Handled::Doubted {
            question: question.clone()
        })
    );
    let by = v4(9);
    let expected = Event::Doubted {
        key: ETH,
        question,
        by,
        message,
    };
    assert_eq!(scene.events(host).pop(), Some(&expected));
}

// RFC 4795 2.1.1, 2.4, 2.5, 4.2: R3, R4, R15, R17, R23
#[test]
fn doubts_that_are_no_queries_to_us_cause_nothing() {
    let mut scene = Scene::new(5, None);
    let host = scene.host(Some(1), None, &["casa"]);
    scene.follow(host);
    scene.run(secs(2));
    let good = Packet {
        segment: 0,
        from: "10.0.0.9:5355".parse().unwrap(),
        to: group(v4(9)),
        message: message(9, C, &name("casa"), A),
        sender: None,
    };
    let with = |at: usize, byte: u8| {
        let mut packet = good.clone();
        packet.message[at] = byte;
        packet
    };
    let from = |from: &str| Packet {
        from: from.parse().unwrap(),
        ..good.clone()
    };
    let to = |to: &str| Packet {
        to: to.parse().unwrap(),
        ..good.clone()
    };
    let last = good.message.len() - 1;
    let cut = Packet {
        message: good.message[..last].to_vec(),
        ..good.clone()
    };
    for (packet, reason) in [
        (with(2, 0x0c), Ignored::Opcode),
        (with(5, 2), Ignored::Counts),
        (with(7, 1), Ignored::Counts),
        (with(9, 1), Ignored::Counts),
        (with(13, b'k'), Ignored::Name),
        (with(last, 3), Ignored::Class),
        (cut, Ignored::Question),
        (from("224.0.0.1:5355"), Ignored::Source),
        (from("10.0.0.9:0"), Ignored::Source),
        (from("192.0.2.1:5355"), Ignored::OffLink),
        (to("10.0.0.1:5355"), Ignored::Destination),
        (to("224.0.0.251:5355"), Ignored::Destination),
        (from("[fe80::9]:5355"), Ignored::Destination),
    ] {
        assert_eq!(scene.hand(host, ETH, &packet), Err(reason), "{packet:?}");
    }
    assert_eq!(scene.next(), None);
    assert!(scene.hand(host, ETH, &good).is_ok());
    assert!(scene.next().is_some());
}

// RFC 4795 4.2: R51. Our own tools find conflicts too, and their datagrams come back to us.
#[test]
fn doubt_from_an_address_of_our_own_is_heeded() {
    let mut scene = Scene::new(5, None);
    let host = scene.host(Some(1), None, &["casa"]);
    scene.follow(host);
    scene.run(secs(2));
    scene.ask(0, v4(1), "casa", C);
    scene.run(ms(10));
    assert!(scene.next().is_some());
}

// RFC 4795 4: R28. A name that is shared on purpose is not verified.
#[test]
fn doubt_of_a_shared_name_causes_nothing() {
    let mut scene = Scene::new(5, None);
    let host = scene.host(Some(1), None, &[]);
    scene.follow(host);
    let zone = scene.hosts[host].zones.get_mut(&ETH).unwrap();
    zone.names.insert(name("cluster"), NameState::Shared);
    scene.run(secs(2));
    scene.ask(0, v4(9), "cluster", C);
    scene.run(ms(10));
    assert_eq!(scene.next(), None);
}

// RFC 4795 4, 4.2: R45, R51, R52. Names of a hosts file are vouched for, until somebody doubts them.
#[test]
fn name_that_nobody_claimed_is_verified_when_it_is_doubted() {
    let mut scene = Scene::new(5, None);
    let host = scene.host(Some(2), None, &[]);
    let other = scene.host(Some(1), None, &["held"]);
    scene.plug(other, 1);
    scene.start(&[host, other], ms(0));
    let zone = scene.hosts[host].zones.get_mut(&ETH).unwrap();
    zone.names.insert(name("held"), NameState::Unique);
    scene.run(secs(2));
    assert_eq!(scene.hosts[host].engine.standing(ETH, &name("held")), None);
    assert_eq!(scene.look_up(0, "held"), 1);
    assert_eq!(scene.queries(host, scene.now - secs(2)).len(), 0);
    // Nobody objects: it is answered for as before, and soon forgotten.
    scene.ask(0, v4(9), "held", C);
    scene.run(ms(50));
    assert_eq!(scene.state(host, "held"), Some(NameState::Unique));
    assert_eq!(scene.hosts[host].engine.withdrawn(ETH).count(), 0);
    scene.settle(secs(5));
    assert_eq!(scene.hosts[host].engine.standing(ETH, &name("held")), None);
    // The other link has a host of that name.
    scene.plug(other, 0);
    assert_eq!(scene.look_up(0, "held"), 2);
    scene.run(secs(1));
    assert_eq!(scene.state(host, "held"), None);
    let withdrawn = scene.hosts[host].engine.withdrawn(ETH);
    assert!(withdrawn.eq([&name("held")]));
    assert_eq!(scene.look_up(0, "held"), 1);
    // It is gone; after the pause the name is ours again.
    scene.hosts[other].on = false;
    scene.settle(secs(100));
    assert_eq!(scene.hosts[host].engine.standing(ETH, &name("held")), None);
    assert_eq!(scene.hosts[host].engine.withdrawn(ETH).count(), 0);
    assert_eq!(scene.look_up(0, "held"), 1);
}
