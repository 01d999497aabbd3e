//! What a response means, one by one.

use std::net::IpAddr;

use super::super::*;
use super::scene::{Packet, Scene};
use super::view::response;
use super::zone::*;

/// A host with the middle addresses that verifies `casa`, or has verified it and checks it now.
fn asking(verified: bool) -> (Scene, usize) {
    let mut scene = Scene::new(11, None);
    let host = scene.host(Some(5), Some(5), &["casa"]);
    scene.follow(host);
    if verified {
        scene.run(secs(3));
        scene.ask(0, v4(9), "casa", C);
    }
    scene.run(ms(110));
    (scene, host)
}

// RFC 4795 4.1, 4.2: R49, R50, R60
#[test]
fn loss_depends_on_t_while_verifying_and_on_the_address_ever() {
    for (verified, from, flags, lost) in [
        (false, v4(1), 0, true),
        (false, v4(9), 0, true),
        (false, v6(1), 0, true),
        (false, v6(9), 0, true),
        (false, v4(1), T, true),
        (false, v4(9), T, false),
        (false, v6(1), T, true),
        (false, v6(9), T, false),
        (true, v4(1), 0, true),
        (true, v4(9), 0, false),
        (true, v6(1), 0, true),
        (true, v6(9), 0, false),
        (true, v4(1), T, true),
        (true, v4(9), T, false),
        // Its other flags mean nothing: C, TC, Z.
        (false, v4(9), C, true),
        (false, v4(9), 0x02f0, true),
        (true, v4(1), C | T, true),
    ] {
        let (mut scene, host) = asking(verified);
        let query = scene.last_query(host, from.is_ipv4());
        assert_eq!(scene.respond(host, &query, from, flags), Ok(Handled::Heard));
        let state = scene.state(host, "casa");
        assert_eq!(state.is_none(), lost, "{verified} {from} {flags:x}");
        let conflicts = scene.conflicts(host);
        assert_eq!(conflicts.len(), usize::from(lost));
        if lost {
            assert_eq!((conflicts[0].0, conflicts[0].2), (from, true));
            assert_eq!(scene.standing(host, "casa").culprit, Some(from));
            // Nothing is sent any more, and nothing said over any protocol.
            let start = scene.now;
            scene.run(ms(200));
            scene.ask(0, v4(9), "casa", 0);
            scene.ask(0, v6(9), "casa", 0);
            scene.told.clear();
            scene.run(secs(5));
            assert!(scene.queries(host, start).is_empty() && scene.told.is_empty());
        } else {
            scene.run(secs(5));
            assert_eq!(scene.state(host, "casa"), Some(NameState::Unique));
        }
    }
}

// RFC 4795 2.1.1, 2.3, 2.5, 4.1: R6, R8, R21, R29, R60, S4
#[test]
fn only_a_response_to_our_query_counts() {
    let (mut scene, host) = asking(false);
    let query = scene.last_query(host, true);
    let with = |at: usize, byte: u8| {
        let mut packet = response(&query, v4(1), 0);
        packet.message[at] ^= byte;
        packet
    };
    let good = response(&query, v4(1), 0);
    let last = good.message.len() - 1;
    let from = |from: &str| Packet {
        from: from.parse().unwrap(),
        ..good.clone()
    };
    for (packet, reason) in [
        (with(0, 1), Ignored::Response),
        (with(1, 0x80), Ignored::Response),
        (with(2, 0x08), Ignored::Opcode),
        (with(3, 5), Ignored::Response),
        (with(5, 1), Ignored::Counts),
        (with(5, 3), Ignored::Counts),
        (with(13, 1), Ignored::Response),
        (with(last, 2), Ignored::Response),
        (with(last - 2, 1), Ignored::Response),
        (from("10.0.0.1:5353"), Ignored::Response),
        (from("[fe80::1]:5355"), Ignored::Response),
        (from("0.0.0.0:5355"), Ignored::Source),
        (from("224.0.0.252:5355"), Ignored::Source),
    ] {
        assert_eq!(scene.hand(host, ETH, &packet), Err(reason), "{packet:?}");
    }
    // Case does not matter.
    assert_eq!(scene.hand(host, ETH, &with(13, 0x20)), Ok(Handled::Heard));
    assert_eq!(scene.state(host, "casa"), None);
    // Nor does it count twice, or for a name that is lost.
    assert_eq!(scene.hand(host, ETH, &good), Err(Ignored::Response));
    assert_eq!(scene.conflicts(host).len(), 1);
}

// RFC 4795 4.3: R53
#[test]
fn response_on_another_link_counts_for_none() {
    let mut scene = Scene::new(11, None);
    let host = scene.host(Some(5), None, &["casa"]);
    scene.interface(host, (WLAN, 1), Some(6), None, &["casa"]);
    scene.follow(host);
    scene.run(ms(110));
    let queries = scene.queries(host, scene.now - ms(110));
    let query = queries
        .iter()
        .find(|sent| sent.2.key == ETH)
        .unwrap()
        .2
        .clone();
    let packet = response(&query, v4(1), 0);
    // It is not sent to an address of ours there.
    assert_eq!(scene.hand(host, WLAN, &packet), Err(Ignored::Destination));
    assert_eq!(scene.hand(host, ETH, &packet), Ok(Handled::Heard));
    scene.run(secs(2));
    let engine = &scene.hosts[host].engine;
    let state = |key| engine.standing(key, &name("casa")).unwrap().state;
    assert_eq!((state(ETH), state(WLAN)), (None, Some(NameState::Unique)));
}

// RFC 4795 4.1: R60. The sections behind the question may hold anything, also what cannot be read.
#[test]
fn content_of_a_response_is_irrelevant_but_for_the_ttl() {
    let a = |ttl: u8| {
        [
            &b"\xc0\x0c\0\x01\0\x01\0\0\0"[..],
            &[ttl],
            b"\0\x04\x0a\0\0\x01",
        ]
        .concat()
    };
    let soa = dns::soa_record(77).to_vec();
    let cases: [(u8, u8, Vec<u8>, u64); 8] = [
        (0, 0, vec![], 30),
        (1, 0, a(100), 100),
        (2, 1, [a(50), a(50), soa.clone()].concat(), 50),
        (1, 0, b"\xc0".to_vec(), 30),
        (1, 0, a(0), 2),
        (0, 1, soa.clone(), 77),
        (0, 2, [a(9), soa].concat(), 77),
        (0, 1, a(9), 30),
    ];
    for (answers, authorities, records, ttl) in cases {
        let (mut scene, host) = asking(false);
        let query = scene.last_query(host, true);
        let mut packet = response(&query, v4(1), 0);
        (packet.message[7], packet.message[9]) = (answers, authorities);
        packet.message.extend_from_slice(&records);
        assert_eq!(scene.hand(host, ETH, &packet), Ok(Handled::Heard));
        // RFC 4795 4.2: R52. Not before the TTL has expired.
        let retry = scene.standing(host, "casa").retry.unwrap() - scene.now;
        assert!(
            (secs(ttl)..=secs(2 * ttl)).contains(&retry),
            "{records:x?}: {retry:?}"
        );
        assert_eq!(scene.next(), Some(scene.now + retry));
    }
}

// RFC 4795 2.7, 4.2: S14. What comes late is heeded as for a name in use.
#[test]
fn late_response_counts_by_its_address() {
    for (late, from, flags, lost) in [
        (800, v4(1), T, true),
        (800, v4(1), 0, true),
        (800, v4(9), 0, false),
        (2500, v4(1), 0, false),
    ] {
        let (mut scene, host) = asking(false);
        let query = scene.last_query(host, true);
        scene.run(ms(late));
        assert_eq!(scene.state(host, "casa"), Some(NameState::Unique));
        let heard = scene.respond(host, &query, from, flags);
        assert_eq!(heard.is_ok(), late < 1000);
        assert_eq!(scene.state(host, "casa").is_none(), lost, "{late} {from}");
        // What is lost is not lost twice.
        let _ = scene.respond(host, &query, from, flags);
        assert_eq!(scene.conflicts(host).len(), usize::from(lost));
    }
}

// RFC 4795 4.2: R50. What waits to be said of a lost name is not said any more.
#[test]
fn delayed_responses_of_a_lost_name_are_dropped() {
    let (mut scene, host) = asking(false);
    let reverse = name("5.0.0.10.in-addr.arpa");
    for (question, kind) in [(name("casa"), A), (name("casa"), ANY), (reverse, PTR)] {
        let packet = Packet {
            segment: 0,
            from: "10.0.0.9:5000".parse().unwrap(),
            to: group(v4(9)),
            message: message(1, 0, &question, kind),
            sender: None,
        };
        let handled = scene.hand(host, ETH, &packet);
        assert!(
            matches!(handled, Ok(Handled::Responded { .. })),
            "{handled:?}"
        );
    }
    assert!(scene.told.is_empty());
    let query = scene.last_query(host, true);
    let _ = scene.respond(host, &query, v4(1), 0);
    scene.run(secs(1));
    assert!(scene.told.is_empty());
}

// RFC 4795 2.7: R44
#[test]
fn tentative_responses_wait_and_unique_ones_do_not() {
    let (mut scene, _) = asking(false);
    let start = scene.now;
    let mut delays = Vec::new();
    for _ in 0..8 {
        scene.told.clear();
        scene.ask(0, v4(9), "casa", 0);
        scene.run(ms(1));
        while scene.told.is_empty() {
            scene.run(ms(1));
        }
        assert_eq!(flags(&scene.told[0].1), 0x8000 | T);
        delays.push(scene.now - start);
    }
    assert!(delays.windows(2).any(|pair| pair[1] - pair[0] > ms(10)));
    assert!(delays.windows(2).all(|pair| pair[1] - pair[0] <= ms(102)));
    scene.run(secs(2));
    scene.told.clear();
    scene.ask(0, v4(9), "casa", 0);
    scene.run(ms(1));
    assert_eq!(flags(&scene.told[0].1), 0x8000);
}

// RFC 4795 4.1, 4.2: R48
#[test]
fn response_of_our_own_is_no_conflict() {
    for from in [v4(1), v4(2), v6(1)] {
        let mut scene = Scene::new(11, None);
        let host = scene.host(Some(5), Some(5), &["casa"]);
        scene.hosts[host].elsewhere = [v4(1), v6(1)].into();
        scene.interface(host, (WLAN, 1), Some(2), None, &[]);
        scene.follow(host);
        scene.run(ms(110));
        let query = scene.last_query(host, IpAddr::is_ipv4(&from));
        assert_eq!(scene.respond(host, &query, from, 0), Ok(Handled::Heard));
        scene.run(secs(2));
        assert_eq!(scene.state(host, "casa"), Some(NameState::Unique));
        assert!(scene.conflicts(host).is_empty());
    }
}

// RFC 4795 4.1, 5.1: R60. Nobody beyond a router has the name here, and a response is sent to who asked.
#[test]
fn responses_from_beyond_the_link_or_to_others_count_for_none() {
    let (mut scene, host) = asking(false);
    let query = scene.last_query(host, true);
    for from in ["192.0.2.1", "1.1.1.1"] {
        let packet = response(&query, from.parse().unwrap(), 0);
        assert_eq!(scene.hand(host, ETH, &packet), Err(Ignored::OffLink));
    }
    for to in ["10.0.0.77", "224.0.0.252", "255.255.255.255"] {
        let packet = Packet {
            to: SocketAddr::new(to.parse().unwrap(), 5355),
            ..response(&query, v4(1), 0)
        };
        assert_eq!(scene.hand(host, ETH, &packet), Err(Ignored::Destination));
    }
    assert_eq!(scene.state(host, "casa"), Some(NameState::Tentative));
    // Who has no address but a link-local one is on the link all the same.
    assert_eq!(
        scene.respond(host, &query, "169.254.1.1".parse().unwrap(), 0),
        Ok(Handled::Heard)
    );
    assert_eq!(scene.state(host, "casa"), None);
}

// RFC 4795 4.2: R52. Conflicts are logged, by who keeps the name too, and each once.
#[test]
fn host_that_has_to_give_in_is_told_of_once() {
    let (mut scene, host) = asking(false);
    let query = scene.last_query(host, true);
    for _ in 0..3 {
        assert_eq!(scene.respond(host, &query, v4(99), T), Ok(Handled::Heard));
    }
    let expected = Event::Defended {
        key: ETH,
        name: name("casa"),
        ours: query.source,
        culprit: v4(99),
    };
    assert_eq!(scene.events(host), [&expected]);
}
