//! The index in front of the names' map: what is answered from it, and when the map is asked.
//!
//! Every other test here that has no index of its own is done once more with one, by `Tables::respond`.

use std::net::{IpAddr, Ipv4Addr};

use llamar_common::abi::{
    ADDRESS, ADDRESS_SHIFT, ELSEWHERE, KINDS, NameKey, NameState, ONE_A, Outcome, Short, Slot, TAG,
};
use llamar_common::testing::{A, AAAA, FrameBuilder, Station, Tables};

use crate::world::*;

const BUCKETS: usize = 16;
const STALE: Ipv4Addr = Ipv4Addr::new(10, 66, 66, 66);

/// A world with an index and one more name, which has one address of each family.
fn indexed(name: &str) -> Tables {
    let mut world = world();
    world.name(UNTAGGED, name, TTL, &[OUR_V4.into(), OUR_V6.into()]);
    world.index(BUCKETS);
    world
}

/// The first slot of a name.
fn slot_of<'w>(world: &'w mut Tables, name: &str) -> &'w mut Slot {
    let short = Short::of(&NameKey::new(UNTAGGED, name.as_bytes()).unwrap()).unwrap();
    let slots = world.index.iter_mut().flat_map(|bucket| &mut bucket.slots);
    let is = |slot: &&mut Slot| (slot.label, slot.word & TAG) == (short.label[0], short.tag);
    slots.into_iter().find(is).expect("a slot of that name")
}

/// Gives a slot another address than the map has.
fn spoil(slot: &mut Slot) {
    let stale = u64::from(u32::from_le_bytes(STALE.octets()));
    slot.word = slot.word & !ADDRESS | stale << ADDRESS_SHIFT;
}

#[track_caller]
fn assert_answers(world: &Tables, name: &str) {
    for (asker, source) in pairs() {
        for (kind, address) in [(A, IpAddr::from(OUR_V4)), (AAAA, OUR_V6.into())] {
            let query = FrameBuilder::llmnr(asker).question(name, kind);
            let reply = query.reply(source).address(TTL, address);
            assert_llmnr(world, &query, &reply.build());
        }
    }
}

#[track_caller]
fn assert_foreign(world: &Tables, name: &str) {
    for (asker, _) in pairs() {
        let query = FrameBuilder::llmnr(asker).question(name, A);
        assert_passed(world, &query.build(), Outcome::LlmnrForeign);
    }
}

#[test]
fn names_of_up_to_15_bytes_are_answered_from_the_index_alone() {
    for length in 1..=15 {
        let name = "abcdefghijklmno"[..length].to_uppercase();
        let mut world = indexed(&name);
        world.names.clear();
        assert_answers(&world, &name);
        assert_answers(&world, &name.to_lowercase());
    }
}

#[test]
fn longer_names_are_answered_from_the_map() {
    for length in [16, 17, 24, 63] {
        let name = "x".repeat(length);
        let mut world = indexed(&name);
        assert_answers(&world, &name);
        world.names.clear();
        assert_foreign(&world, &name);
    }
}

#[test]
fn names_on_tagged_links_are_answered_from_the_map() {
    let mut world = world();
    let [a, b, c, _] = OUR_V4_100.octets();
    let query = FrameBuilder::llmnr(peer(Ipv4Addr::new(a, b, c, 77)));
    let query = query.question("casa100", A).vlan(100);
    world.index(BUCKETS);
    let reply = query.reply(Station::new(OUR_MAC_100, OUR_V4_100));
    let reply = reply.address(TTL, OUR_V4_100).build();
    let outcome = Outcome::LlmnrAnswered;
    assert_answered_on(&world, VLAN_100, &query.build(), outcome, &reply);
    world.names.clear();
    let (verdict, _) = world.respond(ETH, &query.build(), HEADROOM);
    assert_eq!(verdict.outcome, Some(Outcome::LlmnrForeign));
}

#[test]
fn name_that_the_index_does_not_hold_is_foreign_without_a_look_at_the_map() {
    let mut world = indexed("other");
    world.name(UNTAGGED, "unlisted", TTL, &[OUR_V4.into()]);
    assert_foreign(&world, "unlisted");
}

#[test]
fn entry_that_was_written_while_it_was_read_is_not_used() {
    for name in ["other", "of-two-slots"] {
        let mut world = indexed(name);
        spoil(slot_of(&mut world, name));
        world.index_settled = false;
        assert_answers(&world, name);
    }
}

#[test]
fn entry_that_tells_no_address_leaves_it_to_the_map() {
    for name in ["other", "of-two-slots"] {
        let mut world = indexed(name);
        let mute = slot_of(&mut world, name);
        spoil(mute);
        mute.word &= !KINDS;
        assert_answers(&world, name);
    }
}

#[test]
fn second_half_of_a_name_is_part_of_it_and_no_name() {
    let world = indexed("abcdefghijkl");
    for other in [
        "abcdefgh",
        "ijkl",
        "abcdefghijkm",
        "abcdefghijklm",
        "abcdefghijk",
    ] {
        assert_foreign(&world, other);
    }
}

#[test]
fn names_on_an_interface_of_a_high_index_are_answered_from_the_map() {
    for ifindex in [1 << 15, (1 << 15) + UNTAGGED.ifindex, 1 << 16, u32::MAX] {
        let mut world = indexed("other");
        for (_, link) in &mut world.links {
            if link.key() == UNTAGGED {
                link.ifindex = ifindex;
            }
        }
        let query = FrameBuilder::llmnr(peer(PEER_V4))
            .question("other", A)
            .build();
        let (verdict, _) = world.respond(ifindex, &query, HEADROOM);
        assert!(!verdict.reply, "{ifindex}: {verdict:?}");
    }
}

#[test]
fn names_with_no_or_many_addresses_or_that_are_not_unique_are_the_maps() {
    let mut world = world();
    let two = [OUR_V4.into(), Ipv4Addr::new(192, 168, 1, 11).into()];
    world.name(UNTAGGED, "two", TTL, &two);
    world.name(UNTAGGED, "none", TTL, &[OUR_V6.into()]);
    world.name(UNTAGGED, "shared", TTL, &[OUR_V4.into()]).state = NameState::Shared as u8;
    world.index(BUCKETS);
    for name in ["two", "none", "shared"] {
        assert_eq!(slot_of(&mut world, name).word & ONE_A, 0, "{name}");
    }
    for (name, outcome) in [
        ("two", Outcome::LlmnrAnswered),
        ("none", Outcome::LlmnrEmpty),
        ("shared", Outcome::LlmnrNotUnique),
    ] {
        let query = FrameBuilder::llmnr(peer(PEER_V4)).question(name, A);
        let (verdict, _) = world.respond(ETH, &query.build(), HEADROOM);
        assert_eq!(verdict.outcome, Some(outcome), "{name}");
    }
}

#[test]
fn names_that_meet_in_one_bucket_are_all_answered_and_others_are_not() {
    let mut world = world();
    let names: Vec<String> = (0..40)
        .map(|number| match number % 3 {
            0 => format!("longer-name{number}"),
            _ => format!("name{number}"),
        })
        .collect();
    for name in &names {
        world.name(UNTAGGED, name, TTL, &[OUR_V4.into(), OUR_V6.into()]);
    }
    // Two buckets of four for more than forty names: most have no place in the index.
    world.index(2);
    let full = |tables: &Tables| {
        let mut buckets = tables.index.iter();
        buckets.all(|bucket| bucket.slots[0].word & ELSEWHERE != 0)
    };
    assert!(full(&world));
    for name in &names {
        assert_answers(&world, name);
    }
    assert_foreign(&world, "name40");
}

#[test]
fn frame_without_room_in_front_of_it_is_passed_untouched() {
    let world = indexed("other");
    for (asker, source) in pairs() {
        for (kind, growth) in [(A, 16), (AAAA, 28)] {
            let query = FrameBuilder::llmnr(asker).question("other", kind).build();
            for headroom in 0..growth {
                let came_out = world.respond(ETH, &query, headroom);
                let place = slot(&world, UNTAGGED);
                assert_untouched(&query, came_out, Some(Outcome::NoRoom), place);
            }
            let (verdict, _) = world.respond(ETH, &query, growth);
            assert!(verdict.reply, "to {source:?}");
        }
    }
}
