//! Every frame of real captures through kernel and host: as it is, behind a made-up Ethernet header where it has
//! none, in a VLAN, and damaged. Names and prefixes of captured LLMNR queries are served, so that some are answered.

use std::net::IpAddr;

use llamar_common::abi::{ARP_DECLARED, LinkKey, Outcome, program};
use llamar_common::testing::{FrameBuilder, Tables};
use pcap_parser::Linktype;

use crate::dice::Dice;
use crate::kernel::{INDEX_BUCKETS, Kernel};
use crate::mutate::mutate;
use crate::pair::{Arrival, Pair, Tally, runs};
use crate::pcap::{files, frames};
use crate::place::{Interfaces, inside, object};

/// Damaged copies of every captured frame.
const COPIES: usize = 20;
const VLAN: u16 = 33;

#[test]
fn kernel_and_host_make_the_same_of_every_captured_frame() {
    let Some(files) = files() else { return };
    inside(move |[left, _]: Interfaces| {
        let kernel = Kernel::load(object().expect("the eBPF object"), program::XDP);
        let mut pair = Pair::new(kernel, tables(left));
        let mut dice = Dice::new(0xcab1e);
        let (mut total, mut alone) = (Tally::default(), 0);
        for file in &files {
            let frames: Vec<Arrival> = frames(file)
                .iter()
                .flat_map(|(link, frame)| variants(&mut dice, *link, frame))
                .map(|frame| (left, frame))
                .collect();
            assert!(!frames.is_empty(), "{} holds no frame", file.display());
            let (both, host): (Vec<_>, Vec<_>) =
                frames.into_iter().partition(|(_, frame)| runs(frame));
            let tally = pair.frames(&both, 0);
            total.add(
                &tally.unwrap_or_else(|difference| panic!("{}: {difference}", file.display())),
            );
            for (ifindex, frame) in &host {
                alone += 1;
                let (verdict, after) = pair.tables.respond(*ifindex, frame, 256);
                assert!(!verdict.reply && after == *frame, "{}", file.display());
            }
        }
        pair.senders().expect("the same senders");
        println!("{total}; {alone} on the host alone");
        // The queries of Windows hosts in them, once with and once without a tag.
        assert!(total.of(Outcome::LlmnrAnswered) >= 2 * 16, "{total}");
    });
}

/// What the captured LLMNR queries and ARP requests ask for, served on an interface and on a VLAN of it.
fn tables(ifindex: u32) -> Tables {
    let mut tables = Tables::default();
    let ours = [
        "10.0.0.200/24",
        "141.142.220.1/24",
        "192.168.1.200/24",
        "fe80::200/64",
    ]
    .map(|prefix| {
        let (address, length) = prefix.split_once('/').expect("a prefix");
        let address: IpAddr = address.parse().expect("an address");
        (address, length.parse().expect("a length"))
    });
    for key in [LinkKey::new(ifindex, 0), LinkKey::new(ifindex, VLAN)] {
        tables.link(key, [0x02, 0, 0, 0, 0, 1], &ours);
        tables.name(key, "wpad", 30, &ours.map(|(address, _)| address));
        tables.name(key, "brwc0cb383d1f42", 30, &[ours[1].0]);
        for last in 0..=255 {
            for network in [[10, 0, 0], [192, 168, 0], [192, 168, 1]] {
                let [a, b, c] = network;
                let address = [a, b, c, last].into();
                tables.address(key, address, [0x02, 0, 0, 0, 0, 1], ARP_DECLARED);
            }
        }
    }
    tables.index(INDEX_BUCKETS as usize);
    tables
}

/// A frame as it was captured, in a VLAN, and damaged.
fn variants(dice: &mut Dice, link: Linktype, captured: &[u8]) -> Vec<Vec<u8>> {
    let mut plain = vec![captured.to_vec()];
    if link != Linktype::ETHERNET {
        // The payload of a cooked frame begins behind 16 bytes that end in its EtherType.
        plain.extend(disguises(captured.get(16..).unwrap_or(&[])));
        plain.extend(disguises(captured));
    }
    let mut frames = Vec::new();
    for frame in plain {
        if frame.len() >= 14 {
            frames.push(FrameBuilder::tagged(frame.clone(), VLAN));
            for _ in 0..COPIES {
                let mut damaged = frame.clone();
                mutate(dice, &mut damaged);
                frames.push(damaged);
            }
        }
        frames.push(frame);
    }
    frames
}

/// A payload behind Ethernet headers that send it down each path.
fn disguises(payload: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let headers: [&[u8; 14]; 3] = [
        b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\xaa\x08\x06",
        b"\x01\0\x5e\0\0\xfc\x02\0\0\0\0\xaa\x08\0",
        b"\x33\x33\0\x01\0\x03\x02\0\0\0\0\xaa\x86\xdd",
    ];
    headers
        .into_iter()
        .map(|header| [&header[..], payload].concat())
}
