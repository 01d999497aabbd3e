//! Names in questions: every length of a label, every byte in it, and the forms that are left to the agent.

use llamar_common::abi::{NameState, Outcome};
use llamar_common::testing::{A, AAAA, FrameBuilder};
use proptest::prelude::*;

use crate::world::*;

/// Letters, digits and other bytes, different at each place.
fn label(length: usize) -> Vec<u8> {
    (0..length)
        .map(|place| b"aBc0-Z_yX9\xc3\x89"[(place * 7 + length) % 12])
        .collect()
}

#[test]
fn labels_of_1_to_63_bytes_are_answered() {
    // RFC 1035 2.3.4, RFC 4795 2.1.1: R29, R54; every alignment of what stands behind the label.
    for length in 1..=63 {
        let label = label(length);
        let mut world = world();
        world.name(UNTAGGED, &label, TTL, &[OUR_V4.into(), OUR_V6.into()]);
        for (asker, source) in pairs() {
            let query = FrameBuilder::llmnr(asker).question_label(&label, A);
            assert_llmnr(
                &world,
                &query,
                &query.reply(source).address(TTL, OUR_V4).build(),
            );
            let query = FrameBuilder::llmnr(asker).question_label(&label, AAAA);
            assert_llmnr(
                &world,
                &query,
                &query.reply(source).address(TTL, OUR_V6).build(),
            );
        }
    }
}

#[test]
fn labels_that_share_a_beginning_or_an_end_are_different_names() {
    // RFC 4795 2.3: R31.
    for length in 1..63 {
        let label = label(length);
        let mut world = world();
        world.name(UNTAGGED, &label, TTL, &[OUR_V4.into()]);
        let longer = [&label[..], b"a"].concat();
        let before = [b"a", &label[..]].concat();
        for other in [&longer[..], &before, &label[1..], &label[..length - 1]] {
            if !other.is_empty() && !other.eq_ignore_ascii_case(&label) {
                let query = FrameBuilder::llmnr(peer(PEER_V4)).question_label(other, A);
                assert_passed(&world, &query.build(), Outcome::LlmnrForeign);
            }
        }
    }
}

#[test]
fn case_does_not_matter_and_is_sent_back_as_it_came() {
    // RFC 1035 2.3.3: R29.
    for name in ["casa", "CASA", "CaSa", "cASA"] {
        for (asker, source) in pairs() {
            let query = FrameBuilder::llmnr(asker).question(name, A);
            let (verdict, answer) = world().respond(ETH, &query.build(), HEADROOM);
            assert!(verdict.reply);
            let found = answer
                .windows(name.len())
                .any(|window| window == name.as_bytes());
            assert!(
                found,
                "{name} in the answer from {source:?}:\n{}",
                hex(&answer)
            );
        }
    }
}

#[test]
fn every_byte_but_ascii_letters_is_compared_exactly() {
    // RFC 1035 2.3.3: R29.
    for byte in 0..=255_u8 {
        for place in [0, 3, 7, 8, 9] {
            let mut label = *b"0123456789";
            label[place] = byte;
            let mut other = label;
            other[place] = byte ^ 0x20;
            let mut world = world();
            world.name(UNTAGGED, label, TTL, &[OUR_V4.into()]);
            let query = FrameBuilder::llmnr(peer(PEER_V6)).question_label(&label, A);
            assert_llmnr(
                &world,
                &query,
                &query.reply(us(OUR_V6)).address(TTL, OUR_V4).build(),
            );
            let query = FrameBuilder::llmnr(peer(PEER_V6)).question_label(&other, A);
            if byte.is_ascii_alphabetic() {
                assert_llmnr(
                    &world,
                    &query,
                    &query.reply(us(OUR_V6)).address(TTL, OUR_V4).build(),
                );
            } else {
                assert_passed(&world, &query.build(), Outcome::LlmnrForeign);
            }
        }
    }
}

#[test]
fn name_that_is_not_in_the_map_is_passed() {
    // RFC 4795 2.1.1, 2.3: R22, R31, R32; the agent may know it.
    for name in ["cas", "casa1", "xcasa", "c", "asac"] {
        for (asker, _) in pairs() {
            assert_passed(
                &world(),
                &FrameBuilder::llmnr(asker).question(name, A).build(),
                Outcome::LlmnrForeign,
            );
        }
    }
}

#[test]
fn asterisk_is_a_label_like_any_other() {
    // RFC 4795 5.1: R62, there are no wildcards.
    let query = FrameBuilder::llmnr(peer(PEER_V4)).question("*", A);
    assert_passed(&world(), &query.build(), Outcome::LlmnrForeign);
    let mut world = world();
    world.name(UNTAGGED, "*", TTL, &[OUR_V4.into()]);
    assert_llmnr(
        &world,
        &query,
        &query.reply(us(OUR_V4)).address(TTL, OUR_V4).build(),
    );
    assert_passed(
        &world,
        &FrameBuilder::llmnr(peer(PEER_V4)).question("x", A).build(),
        Outcome::LlmnrForeign,
    );
}

#[test]
fn names_of_several_labels_are_left_to_the_agent() {
    // RFC 4795 2.3: R31, `child.host` is not `host`.
    for name in [
        "child.casa",
        "casa.local",
        "a.b",
        "1.1.168.192.in-addr.arpa",
    ] {
        for (asker, _) in pairs() {
            assert_passed(
                &world(),
                &FrameBuilder::llmnr(asker).question(name, A).build(),
                Outcome::LlmnrOther,
            );
        }
    }
}

#[test]
fn root_pointers_and_reserved_lengths_are_left_to_the_agent() {
    // RFC 1035 4.1.4: R65.
    let names: [&[u8]; 8] = [
        b"\0",
        b"\0\0",
        b"\xc0\x0c",
        b"\x04casa\xc0\x0c",
        b"\x40casa\0",
        b"\x84casa\0",
        b"\xffcasa\0",
        b"\x04casa\x01",
    ];
    for (asker, _) in pairs() {
        for name in names {
            let query = FrameBuilder::llmnr(asker).question_wire(name, A, 1);
            assert_passed(&world(), &query.build(), Outcome::LlmnrOther);
        }
        let too_long = FrameBuilder::llmnr(asker).question_label(&[b'x'; 64], A);
        assert_passed(&world(), &too_long.build(), Outcome::LlmnrOther);
    }
}

#[test]
fn label_that_says_another_length_than_it_has_is_passed() {
    for length in [1, 3, 5, 63] {
        let name = [&[length], &b"casa\0"[..]].concat();
        for (asker, _) in pairs() {
            let query = FrameBuilder::llmnr(asker).question_wire(&name, A, 1);
            assert_passed(&world(), &query.build(), Outcome::LlmnrOther);
        }
    }
}

#[test]
fn tentative_and_shared_names_are_left_to_the_agent() {
    // RFC 4795 2.1.1: R27 (T), R28 (C); 2.7: R44, their answers wait.
    for state in [NameState::Tentative as u8, NameState::Shared as u8, 3, 255] {
        let mut world = world();
        world.name(UNTAGGED, "other", TTL, &[OUR_V4.into()]).state = state;
        for (asker, _) in pairs() {
            for kind in [A, AAAA] {
                let frame = FrameBuilder::llmnr(asker).question("other", kind).build();
                assert_passed(&world, &frame, Outcome::LlmnrNotUnique);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_label_is_answered_by_the_expected_bytes(
        label in proptest::collection::vec(any::<u8>(), 1..=63),
        id: u16,
        port in 1..=u16::MAX,
        pair in 0..4_usize,
    ) {
        let mut world = world();
        world.name(UNTAGGED, &label, TTL, &[OUR_V4.into(), OUR_V6_LOCAL.into()]);
        let (asker, source) = pairs()[pair];
        let asked: Vec<u8> = label.iter().map(|byte| if id & 1 == 0 { byte.to_ascii_uppercase() } else { *byte }).collect();
        let query = FrameBuilder::llmnr(asker).question_label(&asked, A).id(id).port(port);
        // The label may happen to be the name of this world.
        if !label.eq_ignore_ascii_case(NAME.as_bytes()) {
            assert_llmnr(&world, &query, &query.reply(source).address(TTL, OUR_V4).build());
        }
    }
}
