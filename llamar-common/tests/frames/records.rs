//! The records of an answer: which addresses, in which order, and the SOA record where there are none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::abi::Outcome;
use llamar_common::testing::{A, AAAA, FrameBuilder, Query, Station, Tables};

use crate::world::*;

fn routable_v4(n: u8) -> IpAddr {
    Ipv4Addr::new(192, 168, 1, n).into()
}

fn local_v4(n: u8) -> IpAddr {
    Ipv4Addr::new(169, 254, 1, n).into()
}

fn routable_v6(n: u16) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into()
}

fn local_v6(n: u16) -> IpAddr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n).into()
}

fn ask(asker: Station, kind: u16) -> Query {
    FrameBuilder::llmnr(asker).question("host", kind)
}

fn world_with(ttl: u32, addresses: &[IpAddr]) -> Tables {
    let mut world = world();
    world.name(UNTAGGED, "host", ttl, addresses);
    world
}

/// Asks from every pair of stations and expects these addresses for routable and for link-local askers.
#[track_caller]
fn assert_order(world: &Tables, kind: u16, routable: &[IpAddr], link_local: &[IpAddr]) {
    for ((asker, source), expected) in pairs()
        .into_iter()
        .zip([routable, link_local, routable, link_local])
    {
        let query = ask(asker, kind);
        let reply = expected.iter().fold(query.reply(source), |reply, address| {
            reply.address(TTL, *address)
        });
        assert_llmnr(world, &query, &reply.build());
    }
}

#[test]
fn one_to_four_addresses_of_each_family_are_answered() {
    // RFC 4795 2.3: R30.
    for count in 1..=4 {
        let a: Vec<_> = (1..=count).map(routable_v4).collect();
        let aaaa: Vec<_> = (1..=count).map(|n| routable_v6(n.into())).collect();
        let world = world_with(TTL, &[&a[..], &aaaa[..]].concat());
        assert_order(&world, A, &a, &a);
        assert_order(&world, AAAA, &aaaa, &aaaa);
    }
}

#[test]
fn more_than_four_addresses_are_left_to_the_agent() {
    // RFC 4795 2.1: R12; the other family is still answered here.
    for count in [5, 6, 250] {
        let a: Vec<_> = (1..=count).map(routable_v4).collect();
        let mut addresses = a.clone();
        addresses.push(routable_v6(1));
        let world = world_with(TTL, &addresses);
        assert_order(&world, AAAA, &[routable_v6(1)], &[routable_v6(1)]);
        for (asker, _) in pairs() {
            assert_passed(&world, &ask(asker, A).build(), Outcome::LlmnrTooMany);
        }
        let aaaa: Vec<_> = (1..=count).map(|n| routable_v6(n.into())).collect();
        let world = world_with(TTL, &aaaa);
        for (asker, _) in pairs() {
            assert_passed(&world, &ask(asker, AAAA).build(), Outcome::LlmnrTooMany);
        }
    }
}

#[test]
fn asker_gets_addresses_of_its_own_scope_first() {
    // RFC 4795 2.6: R37, R38.
    for routable in 0..=4_u8 {
        for local in 0..=4 - routable {
            if routable + local == 0 {
                continue;
            }
            let (far, near): (Vec<_>, Vec<_>) = (
                (1..=routable).map(routable_v4).collect(),
                (1..=local).map(local_v4).collect(),
            );
            let world = world_with(TTL, &[&near[..], &far[..]].concat());
            assert_order(
                &world,
                A,
                &[&far[..], &near[..]].concat(),
                &[&near[..], &far[..]].concat(),
            );
            let (far, near): (Vec<_>, Vec<_>) = (
                (1..=routable.into()).map(routable_v6).collect(),
                (1..=local.into()).map(local_v6).collect(),
            );
            let world = world_with(TTL, &[&near[..], &far[..]].concat());
            assert_order(
                &world,
                AAAA,
                &[&far[..], &near[..]].concat(),
                &[&near[..], &far[..]].concat(),
            );
        }
    }
}

#[test]
fn known_name_without_that_type_gets_an_empty_answer_with_an_soa() {
    // RFC 4795 2.3: R33; 2.9: R34; 2.1.1: R54.
    let v4 = world_with(TTL, &[routable_v4(1)]);
    let v6 = world_with(TTL, &[routable_v6(1)]);
    let none = world_with(TTL, &[]);
    for (world, kind) in [(&v4, AAAA), (&v6, A), (&none, A), (&none, AAAA)] {
        for (asker, source) in pairs() {
            let query = ask(asker, kind);
            let expected = query.reply(source).soa(TTL).build();
            assert_answered(world, &query.build(), Outcome::LlmnrEmpty, &expected);
        }
    }
}

#[test]
fn empty_answers_are_right_for_labels_of_every_length() {
    // RFC 4795 2.9: R34; the record has an odd number of bytes.
    for length in 1..=63 {
        let label = vec![b'k'; length];
        let mut world = world();
        world.name(UNTAGGED, &label, TTL, &[]);
        for (asker, source) in pairs() {
            let query = FrameBuilder::llmnr(asker).question_label(&label, AAAA);
            let expected = query.reply(source).soa(TTL).build();
            assert_answered(&world, &query.build(), Outcome::LlmnrEmpty, &expected);
        }
    }
}

#[test]
fn every_record_has_the_ttl_of_the_entry() {
    // RFC 4795 2.8: R41.
    for ttl in [0, 1, 30, 255, 256, 0x0102_0304, u32::MAX] {
        let world = world_with(ttl, &[routable_v4(1), local_v4(2)]);
        let query = ask(peer(PEER_V4), A);
        let reply = query
            .reply(us(OUR_V4))
            .address(ttl, routable_v4(1))
            .address(ttl, local_v4(2));
        assert_llmnr(&world, &query, &reply.build());
        let query = ask(peer(PEER_V6), AAAA);
        let expected = query.reply(us(OUR_V6)).soa(ttl).build();
        assert_answered(&world, &query.build(), Outcome::LlmnrEmpty, &expected);
    }
}

#[test]
fn answers_hold_no_authority_or_additional_records() {
    // RFC 4795 2.9: R24, R42; 2.1.1: R25, no OPT without an OPT.
    for (asker, _) in pairs() {
        for kind in [A, AAAA] {
            let frame = query(asker, kind).build();
            let (verdict, answer) = world().respond(ETH, &frame, HEADROOM);
            assert!(verdict.reply);
            let message = &answer[answer.len()
                - (frame.len() - if asker.ip.is_ipv4() { 42 } else { 62 })
                - growth(kind)..];
            assert_eq!(message[4..12], [0, 1, 0, 2, 0, 0, 0, 0], "the counts");
        }
    }
}

fn growth(kind: u16) -> usize {
    if kind == A { 2 * 16 } else { 2 * 28 }
}
