//! 802.1Q tags: a tagged frame is answered on its own link, with its tag, and only where that link is served.

use llamar_common::abi::{LinkKey, NO_LINK, Outcome};
use llamar_common::testing::{A, AAAA, Arp, FrameBuilder, Query, Station};

use crate::world::*;

fn tagged_query() -> Query {
    FrameBuilder::llmnr(peer(PEER_V4_100)).question("casa100", A)
}

fn us_100() -> Station {
    Station::new(OUR_MAC_100, OUR_V4_100)
}

#[test]
fn tagged_query_is_answered_with_its_tag() {
    // RFC 4795 2.3: R5; priority and drop eligibility are sent back as they came.
    for control in [100, 0xe000 | 100, 0x1000 | 100, 0xf000 | 100] {
        let query = tagged_query().vlan(control);
        let expected = query.reply(us_100()).address(TTL, OUR_V4_100).build();
        assert_answered_on(
            &world(),
            VLAN_100,
            &query.build(),
            Outcome::LlmnrAnswered,
            &expected,
        );
    }
}

#[test]
fn tagged_query_over_ipv6_is_answered_empty_with_its_tag() {
    // RFC 4795 2.3: R33.
    let query = FrameBuilder::llmnr(peer(PEER_V6_LOCAL))
        .question("CASA100", AAAA)
        .vlan(100);
    let expected = query
        .reply(Station::new(OUR_MAC_100, OUR_V6_LOCAL))
        .soa(TTL)
        .build();
    assert_answered_on(
        &world(),
        VLAN_100,
        &query.build(),
        Outcome::LlmnrEmpty,
        &expected,
    );
}

#[test]
fn tagged_arp_request_is_answered_with_its_tag() {
    // RFC 826: C1, C3.
    let world = world();
    let request = Arp::request(peer(PEER_V4_100), OUR_V4_100).vlan(0xa000 | 100);
    let (verdict, _) = world.respond(ETH, &request.build(), HEADROOM);
    assert_eq!(
        (verdict.outcome, verdict.slot),
        (Some(Outcome::ArpLearn), slot(&world, VLAN_100))
    );
    let expected = request.reply(OUR_MAC_100).build();
    assert_answered_on(
        &world,
        VLAN_100,
        &request.build(),
        Outcome::ArpAnswered,
        &expected,
    );
}

#[test]
fn vlan_that_is_not_served_is_passed() {
    // RFC 826: C1, tags are accepted only if configured. RFC 4795 2.6: R36.
    for id in [1, 99, 101, 4094] {
        assert_passed(&world(), &tagged_query().vlan(id).build(), Outcome::NoLink);
        assert_passed(
            &world(),
            &Arp::request(peer(PEER_V4), OUR_V4).vlan(id).build(),
            Outcome::NoLink,
        );
    }
}

#[test]
fn names_and_addresses_of_one_vlan_are_unknown_in_another() {
    // RFC 4795 2.6, 4.3: R36, R53.
    let world = world();
    let foreign = FrameBuilder::llmnr(peer(PEER_V4_100))
        .question(NAME, A)
        .vlan(100)
        .build();
    let (verdict, _) = world.respond(ETH, &foreign, HEADROOM);
    assert_eq!(
        (verdict.outcome, verdict.slot),
        (Some(Outcome::LlmnrForeign), slot(&world, VLAN_100))
    );
    assert_passed(
        &world,
        &FrameBuilder::llmnr(peer(PEER_V4))
            .question("casa100", A)
            .build(),
        Outcome::LlmnrForeign,
    );
    let foreign = Arp::request(peer(PEER_V4_100), OUR_V4).vlan(100).build();
    assert_eq!(
        world.respond(ETH, &foreign, HEADROOM).0.outcome,
        Some(Outcome::ArpForeign)
    );
    assert_passed(
        &world,
        &Arp::request(peer(PEER_V4), OUR_V4_100).build(),
        Outcome::ArpForeign,
    );
}

#[test]
fn priority_tags_and_reserved_ids_go_to_the_stack() {
    // Ids 0 and 4095 name no VLAN (IEEE 802.1Q 9.6).
    for control in [0, 0xe000, 0x0fff, 0xffff] {
        assert_ignored(&world(), &query(peer(PEER_V4), A).vlan(control).build());
        assert_ignored(
            &world(),
            &Arp::request(peer(PEER_V4), OUR_V4).vlan(control).build(),
        );
    }
}

#[test]
fn frames_with_two_tags_or_a_service_tag_go_to_the_stack() {
    // RFC 4795 5: QinQ is passed.
    assert_ignored(&world(), &tagged_query().vlan(100).vlan(100).build());
    assert_ignored(&world(), &tagged_query().tag(0x88a8, 100).build());
    assert_ignored(&world(), &tagged_query().tag(0x88a8, 100).vlan(100).build());
    assert_ignored(
        &world(),
        &Arp::request(peer(PEER_V4_100), OUR_V4_100)
            .vlan(100)
            .vlan(100)
            .build(),
    );
}

#[test]
fn tagged_frames_that_end_early_are_passed() {
    let world = world();
    let whole = tagged_query().vlan(100).build();
    for length in 0..whole.len() {
        let (verdict, after) = world.respond(ETH, &whole[..length], HEADROOM);
        assert!(!verdict.reply);
        assert_eq!(hex(&after), hex(&whole[..length]));
    }
    let (verdict, _) = world.respond(ETH, &whole[..18], HEADROOM);
    assert_eq!((verdict.outcome, verdict.slot), (None, NO_LINK));
}

#[test]
fn tagged_answer_with_every_record_fits_the_longest_name() {
    // RFC 4795 2.3: R30 for 4 addresses of each family and a label of 63 bytes.
    let mut world = world();
    let label = [b'x'; 63];
    let addresses: Vec<_> = (1..=4)
        .map(|n| std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into())
        .collect();
    world.name(LinkKey::new(ETH, 100), label, TTL, &addresses);
    let query = FrameBuilder::llmnr(peer(PEER_V6_LOCAL))
        .question_label(&label, AAAA)
        .vlan(100);
    let reply = query.reply(Station::new(OUR_MAC_100, OUR_V6_LOCAL));
    let expected = addresses
        .iter()
        .fold(reply, |reply, address| reply.address(TTL, *address))
        .build();
    assert_answered_on(
        &world,
        VLAN_100,
        &query.build(),
        Outcome::LlmnrAnswered,
        &expected,
    );
}
