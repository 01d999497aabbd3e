//! What has to hold before anything is answered: a link that is served, a heartbeat, room in front of the frame.

use llamar_common::abi::{LinkKey, NO_LINK, Outcome};
use llamar_common::testing::{A, AAAA, Arp, Tables};

use crate::world::*;

/// One of each kind that would be answered.
fn frames() -> Vec<Vec<u8>> {
    let mut frames = vec![
        Arp::probe(PEER_MAC, OUR_V4_LOCAL).build(),
        Arp::request(peer(PEER_V4), PROXIED).build(),
    ];
    for (asker, _) in pairs() {
        frames.extend([query(asker, A).build(), query(asker, AAAA).build()]);
    }
    frames
}

/// A world to which the sender of the ARP request is known.
fn ready() -> Tables {
    let world = world();
    for frame in frames() {
        world.respond(ETH, &frame, HEADROOM);
    }
    world
}

#[test]
fn every_frame_of_these_tests_is_answered_when_all_gates_are_open() {
    for frame in frames() {
        assert!(
            ready().respond(ETH, &frame, HEADROOM).0.reply,
            "{}",
            hex(&frame)
        );
    }
}

#[test]
fn interface_without_a_link_passes_everything() {
    // RFC 4795 3.1: R13, only where it is switched on.
    for frame in frames() {
        let came_out = ready().respond(ETH + 1, &frame, HEADROOM);
        assert_untouched(&frame, came_out, Some(Outcome::NoLink), NO_LINK);
    }
}

#[test]
fn malformed_frame_on_an_interface_without_a_link_is_counted_there() {
    let frame = query(peer(PEER_V4), A).options(&[1, 1, 1, 0]).build();
    let came_out = ready().respond(ETH + 1, &frame, HEADROOM);
    assert_untouched(&frame, came_out, Some(Outcome::NoLink), NO_LINK);
}

#[test]
fn link_that_is_being_written_passes_everything() {
    let mut world = ready();
    world.links[0].1.generation = 3;
    assert_nothing_is_answered_on_the_link(&world);
}

#[test]
fn link_that_was_written_meanwhile_passes_everything() {
    let mut world = ready();
    world.settled = false;
    assert_nothing_is_answered_on_the_link(&world);
}

fn assert_nothing_is_answered_on_the_link(world: &Tables) {
    for frame in frames() {
        let came_out = world.respond(ETH, &frame, HEADROOM);
        let place = slot(world, UNTAGGED);
        assert_untouched(&frame, came_out, Some(Outcome::NoLink), place);
    }
}

#[test]
fn heartbeat_is_good_until_its_lease_is_over() {
    let mut world = ready();
    world.control.until = 5_750;
    for frame in frames() {
        for jiffies in [5_000, 5_749] {
            world.jiffies = jiffies;
            assert!(
                world.respond(ETH, &frame, HEADROOM).0.reply,
                "{}",
                hex(&frame)
            );
        }
        for jiffies in [5_750, 5_751, 1_000_000] {
            world.jiffies = jiffies;
            assert_passed(&world, &frame, Outcome::NoHeartbeat);
        }
    }
}

#[test]
fn nothing_is_answered_before_the_first_heartbeat() {
    let mut world = ready();
    let forever = world.control.sender_lease;
    world.control = Default::default();
    world.control.sender_lease = forever;
    for frame in frames() {
        assert_passed(&world, &frame, Outcome::NoHeartbeat);
    }
}

#[test]
fn what_would_not_be_answered_is_counted_as_such_without_a_heartbeat_too() {
    let mut world = ready();
    world.control.until = 0;
    assert_passed(
        &world,
        &Arp::request(peer(PEER_V4), PEER_V4_LOCAL).build(),
        Outcome::ArpForeign,
    );
    assert_passed(
        &world,
        &query(peer(PEER_V4), 255).build(),
        Outcome::LlmnrOther,
    );
}

#[test]
fn answer_that_has_no_room_in_front_of_it_is_left_to_userspace() {
    let world = ready();
    for (asker, source) in pairs() {
        for (kind, growth) in [(A, 2 * 16), (AAAA, 2 * 28)] {
            let frame = query(asker, kind).build();
            for headroom in [0, 1, growth - 1] {
                let came_out = world.respond(ETH, &frame, headroom);
                let place = slot(&world, UNTAGGED);
                assert_untouched(&frame, came_out, Some(Outcome::NoRoom), place);
            }
            let (verdict, answer) = world.respond(ETH, &frame, growth);
            assert!(verdict.reply, "{source:?}");
            assert_eq!(answer.len(), frame.len() + growth);
        }
    }
}

#[test]
fn empty_answer_needs_room_for_its_soa_record() {
    let mut world = world();
    world.name(UNTAGGED, "v4only", TTL, &[OUR_V4.into()]);
    let query = llamar_common::testing::FrameBuilder::llmnr(peer(PEER_V6)).question("v4only", AAAA);
    let (verdict, _) = world.respond(ETH, &query.build(), 40);
    assert_eq!(
        (verdict.reply, verdict.outcome),
        (false, Some(Outcome::NoRoom))
    );
    let (verdict, answer) = world.respond(ETH, &query.build(), 41);
    assert_eq!(
        (verdict.reply, verdict.outcome),
        (true, Some(Outcome::LlmnrEmpty))
    );
    assert_eq!(hex(&answer), hex(&query.reply(us(OUR_V6)).soa(TTL).build()));
}

#[test]
fn links_of_two_interfaces_are_kept_apart() {
    // RFC 4795 2.6, 4.3: R36, R53, a record is valid on one link.
    let mut world = world();
    let other = LinkKey::new(ETH + 1, 0);
    world.link(other, OUR_MAC_100, &[(OUR_V4.into(), 24)]);
    world.name(other, NAME, 60, &[OUR_V4_100.into()]);
    let query = query(peer(PEER_V4), A);
    let ours = llamar_common::testing::Station::new(OUR_MAC_100, OUR_V4);
    let expected = query.reply(ours).address(60, OUR_V4_100).build();
    assert_answered_on(
        &world,
        other,
        &query.build(),
        Outcome::LlmnrAnswered,
        &expected,
    );
    let expected = query
        .reply(us(OUR_V4))
        .address(TTL, OUR_V4)
        .address(TTL, OUR_V4_LOCAL)
        .build();
    assert_llmnr(&world, &query, &expected);
}
