//! Whole frames in the kernel itself: the widest answers, byte for byte, and the verifier's budget.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::abi::{Control, LinkKey, Outcome, program};
use llamar_common::testing::{A, AAAA, FrameBuilder, Mac, Station, Tables};

use crate::kernel::{HEADROOM, INDEX_BUCKETS, Kernel};
use crate::pair::{Pair, Seen};
use crate::place::{inside, object, root};

/// Instructions that the verifier may process for one program.
const BUDGET: u32 = 100_000;
const OUR_MAC: Mac = [0x02, 0, 0, 0, 0, 0x01];
const PEER_MAC: Mac = [0x02, 0, 0, 0, 0, 0xaa];
const TTL: u32 = 30;

fn addresses() -> Vec<IpAddr> {
    let v4 = (1..=4).map(|n| Ipv4Addr::new(192, 168, 1, n).into());
    let v6 = (1..=4).map(|n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into());
    v4.chain(v6).collect()
}

/// The asker over IPv4 and over IPv6, and we as it is answered.
fn pairs() -> [(Station, Station); 2] {
    let station =
        |mac, address: &str| Station::new(mac, address.parse::<IpAddr>().expect("an address"));
    [
        (
            station(PEER_MAC, "192.168.1.77"),
            station(OUR_MAC, "192.168.1.10"),
        ),
        (station(PEER_MAC, "fe80::77"), station(OUR_MAC, "fe80::1")),
    ]
}

fn tables(key: LinkKey, label: &[u8]) -> Tables {
    let mut tables = Tables::default();
    let [(_, v4), (_, v6)] = pairs();
    tables.link(key, OUR_MAC, &[(v4.ip, 24), (v6.ip, 64)]);
    tables.name(key, label, TTL, &addresses());
    tables.index(INDEX_BUCKETS as usize);
    tables
}

#[test]
fn labels_of_every_length_with_4_and_4_addresses_are_answered_in_kernel_tagged_or_not() {
    inside(|[left, _]| {
        for program in [program::XDP, program::XDP_FRAGS] {
            for key in [LinkKey::new(left, 0), LinkKey::new(left, 4094)] {
                for length in (1..=63)
                    .rev()
                    .step_by(if program == program::XDP { 1 } else { 31 })
                {
                    let label: Vec<u8> = (0..length).map(|place| b'a' + place % 26).collect();
                    let kernel = Kernel::load(object().expect("the object"), program);
                    widest(&mut Pair::new(kernel, tables(key, &label)), key, &label);
                }
            }
        }
    });
}

/// Asks for both types over both versions of IP.
fn widest(pair: &mut Pair, key: LinkKey, label: &[u8]) {
    for (asker, us) in pairs() {
        for kind in [A, AAAA] {
            let asked = label.to_ascii_uppercase();
            let mut query = FrameBuilder::llmnr(asker).question_label(&asked, kind);
            if key.vlan != 0 {
                query = query.vlan(0xe000 | key.vlan);
            }
            let wanted = |address: &IpAddr| address.is_ipv4() == (kind == A);
            let reply = addresses()
                .into_iter()
                .filter(wanted)
                .fold(query.reply(us), |reply, address| {
                    reply.address(TTL, address)
                });
            let expected = Seen {
                action: 3,
                bytes: reply.build(),
            };
            assert_eq!(pair.kernel(key.ifindex, &query.build(), 0), expected);
        }
    }
}

#[test]
fn kernel_without_room_in_front_of_the_frame_passes_it_untouched() {
    inside(|[left, _]| {
        let key = LinkKey::new(left, 0);
        let kernel = Kernel::load(object().expect("the object"), program::XDP);
        let mut pair = Pair::new(kernel, tables(key, b"casa"));
        if !pair.kernel.takes_metadata() {
            println!("a test-run of this kernel always leaves room in front of a frame");
            return;
        }
        let (asker, _) = pairs()[1];
        let query = (
            left,
            FrameBuilder::llmnr(asker).question("casa", AAAA).build(),
        );
        // Four AAAA records take 112 bytes; metadata is a multiple of four bytes.
        let last = HEADROOM - 4 * 28;
        for (metadata, answered) in [
            (0, true),
            (last, true),
            (last + 4, false),
            (HEADROOM, false),
        ] {
            let verdict = pair.frame(&query, metadata).expect("no difference");
            assert_eq!(
                verdict.reply, answered,
                "behind {metadata} bytes of metadata"
            );
            assert_eq!(verdict.outcome == Some(Outcome::NoRoom), !answered);
        }
        pair.counters().expect("the same counters");
    });
}

#[test]
fn heartbeat_program_stamps_the_control_map() {
    inside(|[left, _]| {
        let mut kernel = Kernel::load(object().expect("the object"), program::BEAT);
        let before = kernel.beat();
        assert_eq!((before.until, before.beat_ns), (0, 0));
        let (action, _) = kernel.run(left, &[0; 64], 0);
        let first = kernel.beat();
        assert_eq!(action, 2);
        assert!(first.until > 0 && first.beat_ns > 0, "{first:?}");
        // Longer than the machine can have run.
        let lease = 1 << 50;
        kernel.control(Control { lease, ..first });
        kernel.run(left, &[0; 64], 0);
        let second = kernel.beat();
        assert!(first.until < lease, "without a lease it is over: {first:?}");
        assert!((first.until + lease..2 * lease).contains(&second.until));
        assert!(second.beat_ns > first.beat_ns);
    });
}

#[test]
fn programs_keep_within_the_verifiers_budget() {
    let (Some(object), true) = (object(), root()) else {
        return;
    };
    for program in [program::XDP, program::XDP_FRAGS, program::BEAT] {
        let info = Kernel::load(object, program).info();
        let verified = info.verified_instruction_count().unwrap_or(0);
        println!("{program}: {verified} instructions verified");
        assert!(verified <= BUDGET, "{program}: {verified} instructions");
    }
}
