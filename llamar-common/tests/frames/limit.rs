//! The limiter: how often one source is answered, by a clock that the test holds.

use std::net::Ipv6Addr;

use llamar_common::abi::Outcome;
use llamar_common::limit::Rate;
use llamar_common::testing::{A, AAAA, Arp, Tables};

use crate::world::*;

/// Ticks per second of the clock.
const HZ: u64 = 250;

/// A world whose links answer a source 20 times at once and 5 times a second.
fn limited() -> Tables {
    let mut world = world();
    let rate = Rate {
        per_second: 5,
        burst: 20,
    };
    for (_, link) in &mut world.links {
        link.limit = rate.limit(HZ);
    }
    world
}

/// How many of so many queries of a source are answered; the others are dropped as they came.
#[track_caller]
fn answered(world: &Tables, from: llamar_common::testing::Station, queries: u16) -> usize {
    let ask = |id: u16| {
        let frame = query(from, if id.is_multiple_of(2) { A } else { AAAA })
            .id(id)
            .build();
        let (verdict, after) = world.respond(ETH, &frame, HEADROOM);
        assert_eq!(verdict.slot, slot(world, UNTAGGED));
        assert_ne!(verdict.reply, verdict.drop);
        let (outcome, touched) = if verdict.reply {
            (Outcome::LlmnrAnswered, true)
        } else {
            (Outcome::LlmnrLimited, false)
        };
        assert_eq!(verdict.outcome, Some(outcome));
        assert_eq!(after != frame, touched);
        verdict.reply
    };
    (0..queries).filter(|id| ask(*id)).count()
}

#[test]
fn source_that_floods_gets_its_burst_and_then_its_rate() {
    for (asker, _) in pairs() {
        let mut world = limited();
        assert_eq!(answered(&world, asker, 100), 20);
        for _ in 0..10 {
            world.jiffies += HZ;
            assert_eq!(answered(&world, asker, 100), 5);
        }
        // After a pause the bucket is full again, and no fuller.
        for pause in [4, 5, 1_000_000] {
            world.jiffies += pause * HZ;
            assert_eq!(answered(&world, asker, 100), 20);
        }
    }
}

#[test]
fn source_that_floods_keeps_no_other_from_its_answer() {
    let world = limited();
    for (asker, _) in pairs() {
        assert_eq!(answered(&world, asker, 100), 20);
    }
    let neighbours: [std::net::IpAddr; 3] = [
        "192.168.1.78".parse().unwrap(),
        "169.254.9.10".parse().unwrap(),
        "fe80::ab".parse().unwrap(),
    ];
    for neighbour in neighbours {
        assert_eq!(answered(&world, peer(neighbour), 1), 1, "{neighbour}");
    }
}

#[test]
fn source_over_ipv6_is_a_network_unless_it_is_link_local() {
    let world = limited();
    let of = |last: u16| Ipv6Addr::new(0x2001, 0xdb8, 1, 0, last, 0, 0, 0xaa);
    let one_each = (0..100).map(|last| answered(&world, peer(of(last)), 1));
    assert_eq!(one_each.sum::<usize>(), 20);
    let local = |last: u16| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100 + last);
    let one_each = (0..100).map(|last| answered(&world, peer(local(last)), 1));
    assert_eq!(one_each.sum::<usize>(), 100);
}

#[test]
fn links_count_their_sources_apart_and_each_by_its_own_limit() {
    let mut world = limited();
    world.links[1].1.limit = Rate::OFF.limit(HZ);
    let tagged = llamar_common::testing::FrameBuilder::llmnr(peer(PEER_V6_LOCAL))
        .vlan(100)
        .question("casa100", A)
        .build();
    let all = (0..100).filter(|_| world.respond(ETH, &tagged, HEADROOM).0.reply);
    assert_eq!(all.count(), 100);
    world.links[1].1.limit = world.links[0].1.limit;
    assert_eq!(answered(&world, peer(PEER_V6_LOCAL), 100), 20);
    let burst = (0..100).filter(|_| world.respond(ETH, &tagged, HEADROOM).0.reply);
    assert_eq!(burst.count(), 20);
    let (verdict, _) = world.respond(ETH, &tagged, HEADROOM);
    let limited = (Some(Outcome::LlmnrLimited), slot(&world, VLAN_100));
    assert_eq!((verdict.outcome, verdict.slot), limited);
}

#[test]
fn only_what_would_be_answered_is_counted_and_dropped() {
    let mut world = limited();
    let foreign = llamar_common::testing::FrameBuilder::llmnr(peer(PEER_V4)).question("nobody", A);
    for _ in 0..100 {
        assert_passed(&world, &foreign.build(), Outcome::LlmnrForeign);
        assert_passed(
            &world,
            &query(peer(PEER_V4), 255).build(),
            Outcome::LlmnrOther,
        );
    }
    assert_eq!(answered(&world, peer(PEER_V4), 100), 20);
    // What the stack or the agent has to see is passed, whoever asks.
    assert_passed(&world, &foreign.build(), Outcome::LlmnrForeign);
    // Without an agent nobody is dropped either.
    world.control.until = 0;
    assert_passed(
        &world,
        &query(peer(PEER_V4), A).build(),
        Outcome::NoHeartbeat,
    );
}

#[test]
fn arp_is_not_limited() {
    let world = limited();
    let request = Arp::request(peer(PEER_V4), OUR_V4);
    world.respond(ETH, &request.build(), HEADROOM);
    for _ in 0..100 {
        let (verdict, _) = world.respond(ETH, &request.build(), HEADROOM);
        assert_eq!(verdict.outcome, Some(Outcome::ArpAnswered));
    }
}

#[test]
fn array_without_the_place_of_a_source_limits_nobody() {
    let mut world = limited();
    world.buckets.clear();
    assert_eq!(answered(&world, peer(PEER_V4), 100), 100);
}

#[test]
fn a_query_without_room_for_its_answer_takes_one_of_its_source_and_is_passed() {
    // Of a host with one address of each family, so that the index answers too.
    for (asker, _) in pairs() {
        for indexed in [false, true] {
            let mut world = limited();
            world.name(UNTAGGED, "single", TTL, &[OUR_V4.into(), OUR_V6.into()]);
            if indexed {
                world.index(16);
            }
            let frame = llamar_common::testing::FrameBuilder::llmnr(asker).question("single", A);
            for _ in 0..19 {
                assert!(world.respond(ETH, &frame.build(), HEADROOM).0.reply);
            }
            let place = slot(&world, UNTAGGED);
            let came_out = world.respond(ETH, &frame.build(), 0);
            assert_untouched(&frame.build(), came_out, Some(Outcome::NoRoom), place);
            let (verdict, _) = world.respond(ETH, &frame.build(), 0);
            assert_eq!(
                (verdict.drop, verdict.outcome),
                (true, Some(Outcome::LlmnrLimited))
            );
        }
    }
}
