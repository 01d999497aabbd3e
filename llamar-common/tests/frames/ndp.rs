//! Neighbor Discovery is the stack's: whatever its frames hold, they are passed on byte for byte, uncounted.

use std::net::Ipv6Addr;

use etherparse::checksum::Sum16BitWords;
use llamar_common::testing::{FrameBuilder, Mac};
use llamar_common::wire::ethernet::{ETHER_TYPE, HEADER, group6};
use llamar_common::wire::ip::v6;
use llamar_common::wire::ndp::{
    ADVERTISEMENT, ALL_NODES, CHECKSUM, CODE, ECHO_REPLY, ECHO_REQUEST, FLAGS, HOP_LIMIT, ICMPV6,
    NONCE, OVERRIDE, SOLICITATION, SOLICITED, SOURCE_LINK_LAYER, TARGET, TARGET_LINK_LAYER,
    solicited_node,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::*;

/// Where the message begins.
const MESSAGE: usize = HEADER + v6::HEADER;

/// A frame of the asker with a message of this type about a target.
fn frame(kind: u8, from: Ipv6Addr, to: Ipv6Addr, target: Ipv6Addr, options: &[u8]) -> Vec<u8> {
    let mac: Mac = match to.is_multicast() {
        true => group6(to.octets()),
        false => OUR_MAC,
    };
    let mut frame = [&mac[..], &PEER_MAC, &[0x86, 0xdd]].concat();
    frame.extend([
        0x60,
        0,
        0,
        0,
        0,
        24 + options.len() as u8,
        ICMPV6,
        HOP_LIMIT,
    ]);
    frame.extend(from.octets().iter().chain(&to.octets()));
    frame.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
    frame.extend(target.octets());
    frame.extend(options);
    mend(&mut frame);
    frame
}

/// Sets the checksum right.
fn mend(frame: &mut [u8]) {
    let at = MESSAGE + CHECKSUM;
    frame[at..at + 2].fill(0);
    let length = (frame.len() - MESSAGE) as u16;
    let sum = Sum16BitWords::new()
        .add_slice(&frame[HEADER + v6::SOURCE..])
        .add_2bytes(length.to_be_bytes())
        .add_2bytes([0, ICMPV6]);
    frame[at..at + 2].copy_from_slice(&sum.ones_complement().to_ne_bytes());
}

fn mac_option(kind: u8, mac: Mac) -> Vec<u8> {
    [&[kind, 1][..], &mac].concat()
}

/// Every form of a valid solicitation for an address of ours, and a valid advertisement.
fn valid() -> Vec<Vec<u8>> {
    let told = mac_option(SOURCE_LINK_LAYER, PEER_MAC);
    let nonce = [NONCE, 1, 1, 2, 3, 4, 5, 6];
    let mut frames = Vec::new();
    for (peer, own) in [(PEER_V6, OUR_V6), (PEER_V6_LOCAL, OUR_V6_LOCAL)] {
        let group = Ipv6Addr::from(solicited_node(own.octets()));
        let nobody = Ipv6Addr::UNSPECIFIED;
        frames.extend([
            // Address resolution, reachability with and without a hardware address.
            frame(SOLICITATION, peer, group, own, &told),
            frame(SOLICITATION, peer, own, own, &told),
            frame(SOLICITATION, peer, own, own, &[]),
            // Detection of duplicates, plain and with a nonce.
            frame(SOLICITATION, nobody, group, own, &[]),
            frame(SOLICITATION, nobody, group, own, &nonce),
            // An address that is nobody's.
            frame(SOLICITATION, peer, group, PROXIED.to_ipv6_mapped(), &told),
        ]);
        // Answers, and what another says of an address of ours.
        for (to, about, flags) in [
            (own, peer, SOLICITED | OVERRIDE),
            (ALL_NODES.into(), peer, OVERRIDE),
            (ALL_NODES.into(), own, OVERRIDE),
        ] {
            let told = mac_option(TARGET_LINK_LAYER, PEER_MAC);
            let mut frame = frame(ADVERTISEMENT, peer, to, about, &told);
            frame[MESSAGE + FLAGS] = flags;
            mend(&mut frame);
            frames.push(frame);
        }
    }
    frames
}

// RFC 4861 7.2.3, 7.2.4: D2, D3, D4, D5, D12
#[test]
fn valid_solicitations_and_advertisements_go_to_the_stack_byte_for_byte() {
    let world = world();
    for frame in valid() {
        assert_ignored(&world, &frame);
        let tagged = FrameBuilder::tagged(frame, 100);
        let came_out = world.respond(ETH, &tagged, HEADROOM);
        assert_eq!((came_out.0.reply, came_out.0.drop), (false, false));
        assert_eq!(hex(&came_out.1), hex(&tagged));
    }
}

// RFC 4861 7.1.1, 7.1.2: D1, D13
#[test]
fn damaged_ones_go_to_the_stack_too_which_discards_them() {
    let world = world();
    for frame in valid() {
        let mut damaged = Vec::new();
        let mut change = |at: usize, to: u8, mended: bool| {
            let mut frame = frame.clone();
            frame[at] = to;
            if mended {
                mend(&mut frame);
            }
            damaged.push(frame);
        };
        change(HEADER + v6::HOP_LIMIT, 254, false);
        change(MESSAGE + CODE, 1, true);
        change(MESSAGE + CHECKSUM, frame[MESSAGE + CHECKSUM] ^ 1, false);
        change(MESSAGE + TARGET, 0xff, true);
        change(MESSAGE, ECHO_REQUEST, true);
        change(MESSAGE, ECHO_REPLY, true);
        change(ETHER_TYPE, 0x08, false);
        if frame.len() > MESSAGE + 24 {
            // Options of length 0 and beyond the end; a hardware address from `::`.
            change(MESSAGE + 25, 0, true);
            change(MESSAGE + 25, 2, true);
            change(MESSAGE + 24, SOURCE_LINK_LAYER, true);
        }
        for length in 0..frame.len() {
            damaged.push(frame[..length].to_vec());
        }
        for frame in damaged {
            let (verdict, after) = world.respond(ETH, &frame, HEADROOM);
            assert_eq!((verdict.reply, verdict.drop), (false, false));
            assert_eq!(hex(&after), hex(&frame));
        }
    }
}

proptest! {
    #[test]
    fn no_change_of_a_few_bytes_makes_the_program_answer_or_drop(
        number in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        mended in any::<bool>(),
    ) {
        let frames = valid();
        let mut frame = number.get(&frames).clone();
        for (at, to) in changes {
            // Behind the type: another one is another protocol.
            let at = HEADER + at.index(frame.len() - HEADER);
            frame[at] = to;
        }
        if mended {
            mend(&mut frame);
        }
        let (verdict, after) = world().respond(ETH, &frame, HEADROOM);
        prop_assert!(!verdict.reply && !verdict.drop && verdict.outcome.is_none());
        prop_assert_eq!(after, frame);
    }
}
