//! Which queries are answered: transport, lengths, flags, counts, classes and types (RFC 4795 2.1 to 2.5).

use std::net::{Ipv4Addr, Ipv6Addr};

use llamar_common::abi::Outcome;
use llamar_common::testing::{
    A, AAAA, BROADCAST, FrameBuilder, LLMNR_V4, LLMNR_V6, Query, Station,
};

use crate::world::*;

/// The same change made to a plain query over IPv4 and IPv6.
fn each(change: impl Fn(Query) -> Query) -> [Query; 4] {
    pairs().map(|(asker, _)| change(query(asker, A)))
}

#[track_caller]
fn assert_each_answered(change: impl Fn(Query) -> Query) {
    for (asker, source) in pairs() {
        let query = change(query(asker, A));
        assert_llmnr(&world(), &query, &expected(&query, source));
    }
}

#[track_caller]
fn assert_each_passed(change: impl Fn(Query) -> Query, outcome: Outcome) {
    for query in each(change) {
        assert_passed(&world(), &query.build(), outcome);
    }
}

/// The answer to a query of type A for the name: routable address first for a routable asker.
fn expected(query: &Query, source: Station) -> Vec<u8> {
    let local = source.ip == OUR_V4_LOCAL || source.ip == OUR_V6_LOCAL;
    let (first, second) = if local {
        (OUR_V4_LOCAL, OUR_V4)
    } else {
        (OUR_V4, OUR_V4_LOCAL)
    };
    query
        .reply(source)
        .address(TTL, first)
        .address(TTL, second)
        .build()
}

#[test]
fn query_over_ipv4_is_answered_byte_for_byte() {
    // RFC 4795 2.3: R5, R6, R7, R8; 2.5: R9; 2.1.1: R16, R54; 2.9: R24.
    let asked = b"\x01\0\x5e\0\0\xfc\x02\0\0\0\0\xaa\x08\0\
        \x45\0\0\x32\0\x01\x40\0\x01\x11\xd6\xc8\xc0\xa8\x01\x4d\xe0\0\0\xfc\
        \x9c\x40\x14\xeb\0\x1e\xf2\xc6\
        \x12\x34\0\0\0\x01\0\0\0\0\0\0\x04CASa\0\0\x01\0\x01";
    let answer = b"\x02\0\0\0\0\xaa\x02\0\0\0\0\x01\x08\0\
        \x45\0\0\x52\0\0\x40\0\xff\x11\xf7\xf2\xc0\xa8\x01\x0a\xc0\xa8\x01\x4d\
        \x14\xeb\x9c\x40\0\x3e\x9e\xba\
        \x12\x34\x80\0\0\x01\0\x02\0\0\0\0\x04CASa\0\0\x01\0\x01\
        \xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\xa8\x01\x0a\
        \xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\xa9\xfe\x07\x01";
    assert_answered(&world(), asked, Outcome::LlmnrAnswered, answer);
}

#[test]
fn query_over_ipv6_is_answered_byte_for_byte() {
    // RFC 4795 2.3: R5, R6, R7, R8; 2.5: R9; 2.1.1: R16, R54.
    let asked = b"\x33\x33\0\x01\0\x03\x02\0\0\0\0\xaa\x86\xdd\
        \x60\0\0\0\0\x1e\x11\x01\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\xaa\xff\x02\0\0\0\0\0\0\0\0\0\0\0\x01\0\x03\
        \x14\xeb\x14\xeb\0\x1e\x10\xb6\
        \xff\xff\0\0\0\x01\0\0\0\0\0\0\x04casa\0\0\x1c\0\x01";
    let answer = b"\x02\0\0\0\0\xaa\x02\0\0\0\0\x01\x86\xdd\
        \x60\0\0\0\0\x56\x11\xff\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\xaa\
        \x14\xeb\x14\xeb\0\x56\xe3\xdb\
        \xff\xff\x80\0\0\x01\0\x02\0\0\0\0\x04casa\0\0\x1c\0\x01\
        \xc0\x0c\0\x1c\0\x01\0\0\0\x1e\0\x10\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\
        \xc0\x0c\0\x1c\0\x01\0\0\0\x1e\0\x10\x20\x01\x0d\xb8\0\x01\0\0\0\0\0\0\0\0\0\x01";
    assert_answered(&world(), asked, Outcome::LlmnrAnswered, answer);
}

#[test]
fn both_types_are_answered_over_both_versions_of_ip() {
    // RFC 4795 2.2: R39, R30.
    for (asker, source) in pairs() {
        let a = query(asker, A);
        assert_llmnr(&world(), &a, &expected(&a, source));
        let aaaa = query(asker, AAAA);
        let local = source.ip == OUR_V4_LOCAL || source.ip == OUR_V6_LOCAL;
        let (first, second) = if local {
            (OUR_V6_LOCAL, OUR_V6)
        } else {
            (OUR_V6, OUR_V6_LOCAL)
        };
        let expected = aaaa
            .reply(source)
            .address(TTL, first)
            .address(TTL, second)
            .build();
        assert_llmnr(&world(), &aaaa, &expected);
    }
}

#[test]
fn any_source_port_is_answered_port_5355_too() {
    // RFC 4795 2.3: R6.
    for port in [1, 53, 5355, 0x5555, 65_535] {
        assert_each_answered(|query| query.port(port));
    }
    assert_each_passed(|query| query.port(0), Outcome::LlmnrMalformed);
}

#[test]
fn id_is_copied() {
    // RFC 4795 2.1.1: R16.
    for id in [0, 1, 0x00ff, 0xff00, 0xffff] {
        assert_each_answered(|query| query.id(id));
    }
}

#[test]
fn received_ttl_has_no_meaning() {
    // RFC 4795 2.5: R9, Windows sends 1, others 255.
    for ttl in [0, 1, 64, 254, 255] {
        assert_each_answered(|query| query.ttl(ttl));
    }
}

#[test]
fn traffic_class_flow_label_and_ip_id_have_no_meaning() {
    let mut frame = query(peer(PEER_V6), A).build();
    frame[14..18].copy_from_slice(&[0x6b, 0xa1, 0x23, 0x45]);
    let expected = expected(&query(peer(PEER_V6), A), us(OUR_V6));
    assert_answered(&world(), &frame, Outcome::LlmnrAnswered, &expected);
}

#[test]
fn dont_fragment_may_be_set_or_not() {
    for fragment in [0, 0x4000] {
        let query = query(peer(PEER_V4), A).fragment(fragment);
        assert_llmnr(&world(), &query, &expected(&query, us(OUR_V4)));
    }
}

#[test]
fn unicast_queries_are_left_to_the_stack() {
    // RFC 4795 2.4: R3; answers to senders that use port 5355 arrive there.
    assert_ignored(
        &world(),
        &query(peer(PEER_V4), A).to(OUR_V4).to_mac(OUR_MAC).build(),
    );
    assert_ignored(
        &world(),
        &query(peer(PEER_V6), A).to(OUR_V6).to_mac(OUR_MAC).build(),
    );
    assert_ignored(
        &world(),
        &query(peer(PEER_V4), A)
            .to(OUR_V4)
            .to_mac([1, 0, 0x5e, 0, 0, 0xfc])
            .build(),
    );
    assert_ignored(&world(), &query(peer(PEER_V4), A).to_mac(OUR_MAC).build());
    assert_ignored(&world(), &query(peer(PEER_V6), A).to_mac(OUR_MAC).build());
}

#[test]
fn only_the_two_groups_are_answered() {
    // RFC 4795 2, 2.5: R1, R4; mDNS's group, all-nodes and broadcast are others.
    for group in [
        Ipv4Addr::new(224, 0, 0, 251),
        Ipv4Addr::new(224, 0, 1, 252),
        Ipv4Addr::BROADCAST,
    ] {
        assert_ignored(&world(), &query(peer(PEER_V4), A).to(group).build());
        assert_ignored(
            &world(),
            &query(peer(PEER_V4), A)
                .to(group)
                .to_mac([1, 0, 0x5e, 0, 0, 0xfc])
                .build(),
        );
    }
    assert_ignored(
        &world(),
        &query(peer(PEER_V4), A)
            .to(LLMNR_V4)
            .to_mac(BROADCAST)
            .build(),
    );
    for group in ["ff02::1", "ff02::fb", "ff02::1:4", "ff05::1:3", "ff12::1:3"] {
        let group: Ipv6Addr = group.parse().expect("an address");
        assert_ignored(&world(), &query(peer(PEER_V6), A).to(group).build());
        assert_ignored(
            &world(),
            &query(peer(PEER_V6), A)
                .to(group)
                .to_mac([0x33, 0x33, 0, 1, 0, 3])
                .build(),
        );
    }
    assert_ignored(
        &world(),
        &query(peer(PEER_V6), A)
            .to(LLMNR_V6)
            .to_mac(BROADCAST)
            .build(),
    );
}

#[test]
fn other_ports_protocols_and_frames_are_left_to_the_stack() {
    // RFC 4795 2: R1.
    for port in [0, 53, 5353, 5354, 5356, 0xeb14] {
        for query in each(|query| query.to_port(port)) {
            assert_ignored(&world(), &query.build());
        }
    }
    let mut tcp = query(peer(PEER_V4), A).build();
    tcp[23] = 6;
    assert_ignored(&world(), &tcp);
    let mut tcp = query(peer(PEER_V6), A).build();
    tcp[20] = 6;
    assert_ignored(&world(), &tcp);
    let mut mixed = query(peer(PEER_V6), A).build();
    mixed[12..14].copy_from_slice(&[0x08, 0x00]);
    assert_ignored(&world(), &mixed);
}

#[test]
fn source_mac_that_is_a_group_or_nobodys_or_ours_is_passed() {
    // RFC 4795 2.5: R8, the answer goes to one other station.
    for mac in [
        BROADCAST,
        [1, 0, 0x5e, 0, 0, 1],
        [0x33, 0x33, 0, 0, 0, 1],
        OUR_MAC,
        [0; 6],
    ] {
        for (asker, _) in pairs() {
            let frame = query(Station::new(mac, asker.ip), A).build();
            assert_passed(&world(), &frame, Outcome::LlmnrMalformed);
        }
    }
}

#[test]
fn responses_are_passed() {
    // RFC 4795 2.1.1: R14.
    assert_each_passed(|query| query.flags(0x8000), Outcome::LlmnrOther);
}

#[test]
fn every_opcode_but_0_is_passed() {
    // RFC 4795 2.1.1: R15.
    for opcode in 1..16 {
        assert_each_passed(|query| query.flags(opcode << 11), Outcome::LlmnrOther);
    }
}

#[test]
fn query_with_conflict_bit_is_never_answered_in_kernel() {
    // RFC 4795 2.1.1: R17.
    assert_each_passed(|query| query.flags(0x0400), Outcome::LlmnrOther);
}

#[test]
fn query_with_tc_bit_is_left_to_the_agent() {
    // RFC 4795 2.1.1: R18.
    assert_each_passed(|query| query.flags(0x0200), Outcome::LlmnrOther);
}

#[test]
fn t_z_and_rcode_of_a_query_are_ignored_and_not_sent_back() {
    // RFC 4795 2.1.1: R19 (T), R20 (Z), R21 (RCODE).
    for flags in [
        0x0100, 0x0080, 0x0040, 0x0020, 0x0010, 0x0001, 0x0005, 0x000f, 0x01ff,
    ] {
        assert_each_answered(|query| query.flags(flags));
    }
}

#[test]
fn any_other_number_of_questions_is_passed() {
    // RFC 4795 2.1.1: R23.
    for count in [0, 2, 0x0100, 0x0101, 0xffff] {
        assert_each_passed(|query| query.counts([count, 0, 0, 0]), Outcome::LlmnrOther);
    }
    assert_each_passed(|query| query.question(NAME, AAAA), Outcome::LlmnrOther);
}

#[test]
fn answer_and_authority_records_in_a_query_are_passed() {
    // RFC 4795 2.1.1: R23.
    for counts in [
        [1, 1, 0, 0],
        [1, 0, 1, 0],
        [1, 0x0100, 0, 0],
        [1, 0, 0x0100, 0],
    ] {
        assert_each_passed(|query| query.counts(counts), Outcome::LlmnrOther);
    }
}

#[test]
fn additional_records_in_a_query_are_left_to_the_agent() {
    // RFC 4795 2.9: R24; 2.1.1: R25.
    assert_each_passed(Query::with_opt, Outcome::LlmnrOther);
    assert_each_passed(|query| query.counts([1, 0, 0, 0x0100]), Outcome::LlmnrOther);
}

#[test]
fn bytes_behind_the_question_are_passed_and_never_sent_back() {
    // RFC 4795 2.9: R24.
    for length in 1..9 {
        assert_each_passed(|query| query.records(&vec![0; length]), Outcome::LlmnrOther);
    }
}

#[test]
fn other_types_are_left_to_the_agent() {
    // RFC 4795 2.3, 4.1: R33, R40.
    for kind in [
        0, 2, 5, 6, 12, 15, 16, 27, 29, 33, 41, 255, 0x0100, 0x011c, 0x1c00,
    ] {
        for (asker, _) in pairs() {
            assert_passed(&world(), &query(asker, kind).build(), Outcome::LlmnrOther);
        }
    }
}

#[test]
fn other_classes_are_left_to_the_agent() {
    // RFC 1035 3.2.5: R43; there is no unicast bit as in mDNS.
    for class in [0, 2, 3, 254, 255, 0x0100, 0x8001] {
        for (asker, _) in pairs() {
            let query = FrameBuilder::llmnr(asker).question_of_class(NAME, A, class);
            assert_passed(&world(), &query.build(), Outcome::LlmnrOther);
        }
    }
}

#[test]
fn ip_options_and_fragments_are_passed() {
    // RFC 4795 5: section 1.6, 6.
    let query = query(peer(PEER_V4), A);
    for options in [4, 8, 40] {
        assert_passed(
            &world(),
            &query.clone().options(&vec![1; options]).build(),
            Outcome::LlmnrMalformed,
        );
    }
    for fragment in [0x2000, 0x0001, 0x1fff, 0x8000, 0x6000, 0x4001] {
        assert_passed(
            &world(),
            &query.clone().fragment(fragment).build(),
            Outcome::LlmnrMalformed,
        );
    }
}

#[test]
fn wrong_ip_versions_are_passed() {
    let mut frame = query(peer(PEER_V4), A).build();
    for first in [0x44, 0x46, 0x35, 0x65, 0x00] {
        frame[14] = first;
        let (verdict, after) = world().respond(ETH, &frame, HEADROOM);
        assert_eq!((verdict.reply, after), (false, frame.clone()));
    }
    let mut frame = query(peer(PEER_V6), A).build();
    for first in [0x40, 0x50, 0x70, 0x06] {
        frame[14] = first;
        assert_ignored(&world(), &frame);
    }
}

#[test]
fn ipv6_extension_headers_are_passed() {
    // RFC 4795 5: section 1.6, 6.
    for number in [0, 43, 44, 60, 135, 51] {
        let frame = query(peer(PEER_V6), A)
            .extension(number, &[17, 0, 1, 4, 0, 0, 0, 0])
            .build();
        assert_ignored(&world(), &frame);
    }
}

#[test]
fn lengths_that_disagree_are_passed() {
    // RFC 4795 5: section 1.6, 6.
    for off in [-31, -30, -8, -1, 1, 8, 256] {
        assert_each_passed(
            |query| query.udp_length_off_by(off),
            Outcome::LlmnrMalformed,
        );
        assert_each_passed(|query| query.ip_length_off_by(off), Outcome::LlmnrMalformed);
        assert_each_passed(
            |query| query.udp_length_off_by(off).ip_length_off_by(off),
            Outcome::LlmnrMalformed,
        );
    }
}

#[test]
fn bytes_behind_the_packet_are_passed() {
    // RFC 4795 5: section 1.6, 6; a frame that was padded is longer than its packet.
    for length in [1, 2, 18] {
        assert_each_passed(
            |query| query.trailer(&vec![0; length]),
            Outcome::LlmnrMalformed,
        );
    }
}

#[test]
fn frames_that_end_before_the_packet_does_are_passed_untouched() {
    // RFC 4795 5: section 1.6, 6.
    for query in each(|query| query) {
        let whole = query.build();
        for length in 0..whole.len() {
            let (verdict, after) = world().respond(ETH, &whole[..length], HEADROOM);
            assert!(!verdict.reply, "{length} of {} bytes", whole.len());
            assert_eq!(hex(&after), hex(&whole[..length]));
        }
    }
}

#[test]
fn messages_longer_than_any_question_are_left_to_the_agent() {
    // RFC 4795 2.1: R11.
    assert_each_passed(|query| query.records(&[0; 400]), Outcome::LlmnrOther);
    assert_each_passed(|query| query.records(&[0; 9000]), Outcome::LlmnrOther);
}
