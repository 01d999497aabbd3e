//! What holds for every frame: no panic, a frame that is passed is untouched, a frame that is answered is a
//! well-formed answer to the station that asked.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use llamar_common::respond::Verdict;
use llamar_common::testing::{A, AAAA, Arp, Checksum, FrameBuilder, Tables};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::world::*;

/// A world to which the asker is known, so that its ARP requests are answered.
fn acquainted() -> Tables {
    let world = world();
    world.respond(ETH, &Arp::request(peer(PEER_V4), OUR_V4).build(), HEADROOM);
    world
}

/// Frames that are answered, or nearly.
fn deep() -> impl Strategy<Value = Vec<u8>> {
    let arp = (any::<bool>(), any::<bool>()).prop_map(|(local, tagged)| {
        let request = Arp::request(peer(PEER_V4), if local { OUR_V4_LOCAL } else { OUR_V4 });
        if tagged {
            request.vlan(100).build()
        } else {
            request.build()
        }
    });
    let sums = prop_oneof![
        Just(Checksum::Complete),
        Just(Checksum::Partial),
        Just(Checksum::Absent)
    ];
    let names = prop_oneof![
        Just("casa"),
        Just("CASA"),
        Just("casa100"),
        Just("a.b"),
        Just("nobody")
    ];
    let llmnr = (
        0..4_usize,
        names,
        prop_oneof![Just(A), Just(AAAA), Just(255)],
        sums,
        any::<u16>(),
        any::<bool>(),
    );
    let llmnr = llmnr.prop_map(|(pair, name, kind, sum, id, tagged)| {
        let query = FrameBuilder::llmnr(pairs()[pair].0)
            .question(name, kind)
            .checksum(sum)
            .id(id);
        if tagged {
            query.vlan(100).build()
        } else {
            query.build()
        }
    });
    prop_oneof![arp, llmnr]
}

/// What may happen to a frame on its way.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Cut(Index),
    Append(Vec<u8>),
    Insert(Index, Vec<u8>),
}

impl Damage {
    fn apply(&self, frame: &mut Vec<u8>) {
        match self {
            Self::Set(place, byte) if !frame.is_empty() => {
                let place = place.index(frame.len());
                frame[place] = *byte;
            }
            Self::Set(..) => {}
            Self::Cut(place) => frame.truncate(place.index(frame.len() + 1)),
            Self::Append(bytes) => frame.extend(bytes),
            Self::Insert(place, bytes) => {
                let place = place.index(frame.len() + 1);
                frame.splice(place..place, bytes.iter().copied());
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Damage::Set(place, byte)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => vec(any::<u8>(), 1..20).prop_map(Damage::Append),
        1 => (any::<Index>(), vec(any::<u8>(), 1..5)).prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
    ]
}

/// The promises of `respond()` about one frame.
#[track_caller]
fn check(frame: &[u8], headroom: usize, verdict: Verdict, after: &[u8]) {
    if !verdict.reply {
        assert_eq!(hex(after), hex(frame), "passed, but touched");
        return;
    }
    assert!(verdict.outcome.is_some(), "answered, but not counted");
    assert!(after.len() - frame.len() <= headroom);
    assert_eq!(after[..6].len(), 6);
    assert_eq!(after[6] & 1, 0, "the source is one station");
    assert_eq!(after[12] == 0x81, frame[12] == 0x81, "the tag stays");
    let packet = SlicedPacket::from_ethernet(after).expect("a well-formed answer");
    match packet.net.as_ref().expect("an answer has a packet") {
        NetSlice::Arp(arp) => {
            assert_eq!((arp.operation().0, after.len()), (2, frame.len()));
        }
        NetSlice::Ipv4(_) | NetSlice::Ipv6(_) => {
            assert_eq!(after[..6], frame[6..12], "to the station that asked");
            let Some(TransportSlice::Udp(udp)) = &packet.transport else {
                panic!("no UDP: {packet:?}")
            };
            assert_eq!(udp.source_port(), 5355);
            assert_eq!(udp.payload()[2..6], [0x80, 0, 0, 1]);
            assert_sums(after);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_passed_untouched(frame in vec(any::<u8>(), 0..200), headroom in 0..300_usize) {
        let (verdict, after) = acquainted().respond(ETH, &frame, headroom);
        check(&frame, headroom, verdict, &after);
    }

    #[test]
    fn any_bytes_behind_the_right_addresses_keep_the_promises(
        kind in 0..6_usize, rest in vec(any::<u8>(), 0..200), headroom in 0..300_usize,
    ) {
        let head = [
            &b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\xaa\x08\x06"[..],
            b"\x01\0\x5e\0\0\xfc\x02\0\0\0\0\xaa\x08\0\x45",
            b"\x33\x33\0\x01\0\x03\x02\0\0\0\0\xaa\x86\xdd\x60",
            b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\xaa\x81\0\0\x64\x08\x06",
            b"\x01\0\x5e\0\0\xfc\x02\0\0\0\0\xaa\x81\0\0\x64\x08\0\x45",
            b"\x33\x33\0\x01\0\x03\x02\0\0\0\0\xaa\x81\0\0\x64\x86\xdd\x60",
        ][kind];
        let frame = [head, &rest].concat();
        let (verdict, after) = acquainted().respond(ETH, &frame, headroom);
        check(&frame, headroom, verdict, &after);
    }

    #[test]
    fn damaged_queries_keep_the_promises(
        frame in deep(), damages in vec(damage(), 0..4), headroom in 0..300_usize, agent: bool,
    ) {
        let mut frame = frame;
        damages.iter().for_each(|damage| damage.apply(&mut frame));
        let world = acquainted();
        let (verdict, after) = if agent {
            world.respond_in_agent(ETH, &frame, headroom)
        } else {
            world.respond(ETH, &frame, headroom)
        };
        check(&frame, headroom, verdict, &after);
    }
}
