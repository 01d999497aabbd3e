//! Checksums: which incoming ones are good, and that every outgoing one is right.

use llamar_common::abi::{LINK_GENERIC, Outcome};
use llamar_common::testing::{
    A, AAAA, Checksum, FrameBuilder, Query, Station, Tables, checksum, complete_checksum,
};

use crate::world::*;

#[test]
fn query_that_carries_the_sum_of_its_pseudo_header_is_answered_with_a_whole_one() {
    // RFC 4795 2.3: section 1.6, 5, as behind veth and virtio.
    for (asker, _) in pairs() {
        for kind in [A, AAAA] {
            let partial = query(asker, kind).checksum(Checksum::Partial).build();
            let (verdict, answer) = world().respond(ETH, &partial, HEADROOM);
            assert!(verdict.reply);
            let (_, expected) = world().respond(ETH, &query(asker, kind).build(), HEADROOM);
            assert_eq!(hex(&answer), hex(&expected));
            assert_sums(&answer);
        }
    }
}

/// The links of the world, run in this mode.
fn world_in(mode: u16) -> Tables {
    let mut world = world();
    for (_, link) in &mut world.links {
        link.mode = mode;
        *link = link.with_near();
    }
    world
}

#[test]
fn partial_sum_in_generic_mode_is_answered_with_a_partial_one_behind_the_same_head() {
    // RFC 4795 2.3: section 1.6, 5. Whoever completes the sum counts from the frame's head.
    for (asker, _) in pairs() {
        for kind in [A, AAAA] {
            let partial = query(asker, kind).checksum(Checksum::Partial).build();
            // Without room in front, so that the frame can only have grown behind.
            let (verdict, mut answer) = world_in(LINK_GENERIC).respond(ETH, &partial, 0);
            assert!(verdict.reply);
            complete_checksum(&mut answer);
            let (_, expected) = world().respond(ETH, &query(asker, kind).build(), HEADROOM);
            assert_eq!(hex(&answer), hex(&expected));
        }
    }
}

#[test]
fn complete_sum_in_generic_mode_is_answered_with_a_complete_one() {
    for (asker, _) in pairs() {
        let frame = query(asker, A).build();
        let (verdict, answer) = world_in(LINK_GENERIC).respond(ETH, &frame, HEADROOM);
        let (_, expected) = world().respond(ETH, &frame, HEADROOM);
        assert!(verdict.reply);
        assert_eq!(hex(&answer), hex(&expected));
    }
}

#[test]
fn partial_sum_in_an_unknown_mode_is_passed() {
    for (asker, _) in pairs() {
        let frame = query(asker, A).checksum(Checksum::Partial).build();
        assert_passed(&world_in(0), &frame, Outcome::LlmnrChecksum);
    }
}

#[test]
fn wrong_udp_checksum_is_passed() {
    // RFC 4795 2.3: section 1.6, 5.
    for (asker, _) in pairs() {
        for bit in 0..16 {
            let frame = query(asker, A).checksum(Checksum::Wrong(1 << bit)).build();
            assert_passed(&world(), &frame, Outcome::LlmnrChecksum);
        }
    }
}

#[test]
fn udp_checksum_may_be_left_out_over_ipv4_only() {
    // RFC 768; RFC 8200 8.1.
    for (asker, _) in pairs() {
        assert_answered_without_a_sum_over_ipv4_only(query(asker, A));
    }
}

#[track_caller]
fn assert_answered_without_a_sum_over_ipv4_only(query: Query) {
    let query = query.checksum(Checksum::Absent);
    if query.sender().ip.is_ipv6() {
        assert_passed(&world(), &query.build(), Outcome::LlmnrChecksum);
    } else {
        let (verdict, answer) = world().respond(ETH, &query.build(), HEADROOM);
        assert!(verdict.reply, "{query:?}");
        assert_sums(&answer);
    }
}

#[test]
fn wrong_ipv4_header_checksum_is_passed() {
    // RFC 791 3.1.
    let frame = query(peer(PEER_V4), A).build();
    for byte in [24, 25] {
        for bit in 0..8 {
            let mut damaged = frame.clone();
            damaged[byte] ^= 1 << bit;
            assert_passed(&world(), &damaged, Outcome::LlmnrChecksum);
        }
    }
}

#[test]
fn damage_to_any_bit_that_a_checksum_covers_is_never_answered() {
    for (asker, _) in pairs() {
        let frame = query(asker, A).build();
        let covered = if asker.ip.is_ipv4() { 14 } else { 18 };
        for byte in covered..frame.len() {
            for bit in 0..8 {
                // Next header and hop limit of IPv6: no sum covers the hop limit.
                if asker.ip.is_ipv6() && byte == 21 {
                    continue;
                }
                let mut damaged = frame.clone();
                damaged[byte] ^= 1 << bit;
                let (verdict, after) = world().respond(ETH, &damaged, HEADROOM);
                assert!(!verdict.reply, "bit {bit} of byte {byte}");
                assert_eq!(hex(&after), hex(&damaged));
            }
        }
    }
}

#[test]
fn checksums_of_answers_are_right_for_every_sum_of_the_query() {
    // RFC 768: a sum of 0 is sent as 0xffff, which one of these ids brings about.
    let (asker, source) = pairs()[0];
    let mut all_ones = 0;
    for id in 0..=u16::MAX {
        let query = FrameBuilder::llmnr(asker).question(NAME, A).id(id);
        let (verdict, answer) = world_of_sums(&query.build());
        assert!(verdict, "{source:?}");
        assert_sums(&answer);
        all_ones += usize::from(answer[40..42] == [0xff, 0xff]);
    }
    assert_eq!(all_ones, 1);
}

#[test]
fn query_whose_checksum_is_sent_as_all_ones_is_answered() {
    // RFC 768.
    for (asker, _) in pairs() {
        let (query, at) = query_of_all_ones(asker);
        let frame = query.build();
        assert_eq!(frame[at..at + 2], [0xff, 0xff]);
        assert!(world().respond(ETH, &frame, HEADROOM).0.reply);
    }
}

/// A query whose id makes its checksum 0, which is sent as 0xffff, and where that stands in the frame.
fn query_of_all_ones(asker: Station) -> (Query, usize) {
    let plain = query(asker, A).id(0).build();
    let at = if asker.ip.is_ipv4() { 40 } else { 60 };
    let sum = u16::from_be_bytes([plain[at], plain[at + 1]]);
    (query(asker, A).id(sum), at)
}

#[test]
fn query_whose_sum_is_right_without_a_checksum_has_none() {
    // RFC 8200 8.1: over IPv6 zero is no checksum, even where adding it up would do.
    for (asker, _) in pairs() {
        assert_answered_without_a_sum_over_ipv4_only(query_of_all_ones(asker).0);
    }
}

#[test]
fn ipv4_header_checksums_of_answers_are_right() {
    // RFC 1071.
    for (asker, _) in &pairs()[..2] {
        let (verdict, answer) = world().respond(ETH, &query(*asker, A).build(), HEADROOM);
        assert!(verdict.reply);
        assert_eq!(checksum(&answer[14..34], 0), 0);
    }
}

/// Whether a frame is answered, and the answer; the world is made once.
fn world_of_sums(frame: &[u8]) -> (bool, Vec<u8>) {
    thread_local!(static WORLD: llamar_common::testing::Tables = world());
    WORLD.with(|world| {
        let (verdict, answer) = world.respond(ETH, frame, HEADROOM);
        (verdict.reply, answer)
    })
}

#[test]
fn partial_sum_made_whole_is_the_complete_one_and_a_wrong_one_stays_wrong() {
    // The builder's own sums: every test stands on them.
    for (asker, _) in pairs() {
        for query in [query(asker, A), query(asker, A).vlan(100)] {
            let mut frame = query.clone().checksum(Checksum::Partial).build();
            assert_ne!(frame, query.build());
            let mut wrong = frame.clone();
            let at = frame.len() - query.message().len() - 1;
            wrong[at] ^= 1;
            complete_checksum(&mut frame);
            assert_eq!(hex(&frame), hex(&query.build()));
            complete_checksum(&mut wrong);
            assert_ne!(wrong, frame, "a wrong sum stays wrong");
        }
    }
}
