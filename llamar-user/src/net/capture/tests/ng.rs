//! pcapng files.

use std::time::Duration;

use super::*;
use crate::net::capture::pcapng::INTERFACES_MAX;

/// Writes blocks in one byte order.
#[derive(Clone, Copy)]
enum Ng {
    Little,
    Big,
}

impl Ng {
    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut padded = body.to_vec();
        padded.resize(body.len().next_multiple_of(4), 0);
        let length = self.u32(12 + padded.len() as u32);
        [&self.u32(kind)[..], &length, &padded, &length].concat()
    }

    fn section(self) -> Vec<u8> {
        let body = [
            &self.u32(0x1a2b_3c4d)[..],
            &self.u16(1),
            &self.u16(0),
            &[0xff; 8],
        ];
        self.block(0x0a0d_0d0a, &body.concat())
    }

    fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [&self.u16(link)[..], &[0; 2], &self.u32(snaplen)].concat();
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(value.len() as u16));
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }

    fn enhanced(self, interface: u32, time: u64, frame: &[u8], original: usize) -> Vec<u8> {
        let fields = [
            interface,
            (time >> 32) as u32,
            time as u32,
            frame.len() as u32,
            original as u32,
        ];
        let mut body: Vec<u8> = fields.iter().flat_map(|field| self.u32(*field)).collect();
        body.extend_from_slice(frame);
        self.block(6, &body)
    }

    fn simple(self, frame: &[u8], original: usize) -> Vec<u8> {
        self.block(3, &[&self.u32(original as u32)[..], frame].concat())
    }
}

const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;

#[test]
fn packets_name_the_interface_that_they_came_by() {
    let (four, six) = (v4(b"four"), ethernet(0x86dd, &v6(b"six")));
    for ng in [Ng::Little, Ng::Big] {
        let offset = match ng {
            Ng::Little => 3_i64.to_le_bytes(),
            Ng::Big => 3_i64.to_be_bytes(),
        };
        let file = [
            ng.section(),
            ng.interface(101, 0, &[(NAME, b"tun0"), (OFFSET, &offset)]),
            // Statistics, and a block that nobody knows.
            ng.block(5, &[0; 12]),
            ng.block(0xdead_beef, &[1; 9]),
            ng.interface(1, 0, &[(RESOLUTION, &[9]), (NAME, b"eth0")]),
            ng.enhanced(1, 2_500_000_000, &six, six.len()),
            ng.enhanced(0, 7_250_000, &four, four.len()),
        ];
        let read = read(file.concat());
        assert!(read.error.is_none(), "{:?}", read.error);
        let [first, second] = &read.datagrams[..] else {
            panic!("{:?}", read.datagrams);
        };
        assert_eq!(first.packet, expected_v6(Some(MAC), b"six"));
        assert_eq!(first.interface.as_deref(), Some("eth0"));
        assert_eq!(first.at, Duration::from_millis(2500));
        assert_eq!(second.packet, expected_v4(None, b"four"));
        assert_eq!(second.interface.as_deref(), Some("tun0"));
        assert_eq!(second.at, Duration::from_millis(10_250));
    }
}

#[test]
fn each_section_has_its_own_order_and_interfaces() {
    let frame = v4(b"hello");
    let (little, big) = (Ng::Little, Ng::Big);
    let file = [
        little.section(),
        little.interface(101, 0, &[(NAME, b"one")]),
        little.enhanced(0, 0, &frame, frame.len()),
        big.section(),
        // No interface yet: the former section's are forgotten.
        big.enhanced(0, 0, &frame, frame.len()),
        big.interface(101, 0, &[(NAME, b"two")]),
        big.enhanced(0, 0, &frame, frame.len()),
    ];
    let read = read(file.concat());
    let names: Vec<_> = read
        .datagrams
        .iter()
        .map(|datagram| datagram.interface.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(read.skipped.count(Skip::Malformed), 1);
}

#[test]
fn simple_packets_came_by_the_first_interface_when_the_one_before_came() {
    let frame = v4(b"hello");
    let ng = Ng::Little;
    let file = [
        ng.section(),
        ng.interface(101, 65_535, &[(NAME, b"one")]),
        ng.interface(1, 0, &[]),
        ng.enhanced(0, 5_000_000, &frame, frame.len()),
        ng.simple(&frame, frame.len()),
    ];
    let read = read(file.concat());
    assert_eq!(read.datagrams[0], read.datagrams[1]);
    assert_eq!(read.datagrams[1].at, Duration::from_secs(5));
}

#[test]
fn packets_that_were_captured_in_part_are_counted() {
    let frame = v4(b"hello");
    let ng = Ng::Little;
    let part = &frame[..frame.len() - 1];
    let file = [
        ng.section(),
        ng.interface(101, part.len() as u32, &[]),
        ng.enhanced(0, 0, part, frame.len()),
        ng.simple(part, frame.len()),
    ];
    let read = read(file.concat());
    assert_eq!(
        (read.datagrams.len(), read.skipped.count(Skip::Truncated)),
        (0, 2)
    );
    assert_eq!(read.skipped.to_string(), "2 truncated");
}

#[test]
fn older_packets_have_half_the_bits_for_their_interface() {
    let frame = v4(b"hello");
    for ng in [Ng::Little, Ng::Big] {
        let length = ng.u32(frame.len() as u32);
        // Interface 0, and packets that were dropped before.
        let body = [
            &ng.u16(0)[..],
            &ng.u16(0xffff),
            &ng.u32(0),
            &ng.u32(1_000_000),
            &length,
            &length,
            &frame,
        ];
        let file = [
            ng.section(),
            ng.interface(101, 0, &[]),
            ng.block(2, &body.concat()),
        ];
        let read = read(file.concat());
        assert_eq!(read.only(), &expected_v4(None, b"hello"));
        assert_eq!(read.datagrams[0].at, Duration::from_secs(1));
    }
}

#[test]
fn damage_in_a_packet_is_counted() {
    let frame = v4(b"hello");
    let ng = Ng::Little;
    let mut too_long = packet();
    too_long[20] = 0xff;
    for malformed in [
        ng.enhanced(7, 0, &frame, frame.len()),
        too_long,
        ng.block(6, &[]),
        ng.block(3, &[]),
    ] {
        let read = with(malformed);
        assert_eq!(
            (read.datagrams.len(), read.skipped.count(Skip::Malformed)),
            (1, 1)
        );
        assert!(read.error.is_none());
    }
}

fn start() -> Vec<u8> {
    [Ng::Little.section(), Ng::Little.interface(101, 0, &[])].concat()
}

fn packet() -> Vec<u8> {
    let frame = v4(b"hello");
    Ng::Little.enhanced(0, 0, &frame, frame.len())
}

/// What comes of a block between the beginning of a file and a packet.
fn with(block: Vec<u8>) -> Read {
    read([start(), block, packet()].concat())
}

#[test]
fn damage_to_blocks_ends_the_file() {
    let at = start().len();
    let said = |block| with(block).error.unwrap().why.to_string();
    for length in [13_u32, 8, 0x4000_0000] {
        let mut block = packet();
        block[4..8].copy_from_slice(&length.to_le_bytes());
        let expected =
            format!("packet 1 at byte {at} claims to have {length} bytes, which cannot be");
        assert_eq!(said(block), expected);
    }
    let broken = format!("the block at byte {at} is broken");
    let mut lengths = packet();
    lengths[4] = 16;
    let mut order = Ng::Little.section();
    order[8] = 0;
    for block in [lengths, order, Ng::Little.block(1, &[0; 4])] {
        assert_eq!(said(block), broken);
    }
    let mut version = Ng::Little.section();
    version[12] = 2;
    assert_eq!(said(version), "is pcapng of version 2, and only 1 is known");
}

#[test]
fn what_nobody_needs_may_be_as_long_as_it_likes() {
    let frame = v4(b"hello");
    let ng = Ng::Little;
    let file = [
        ng.section(),
        ng.interface(101, 0, &[]),
        ng.block(10, &vec![0; 3 << 20]),
        ng.enhanced(0, 0, &frame, frame.len()),
    ];
    assert_eq!(read(file.concat()).datagrams.len(), 1);
}

#[test]
fn file_that_ends_in_a_block_gives_all_before() {
    let frame = v4(b"hello");
    let ng = Ng::Big;
    let blocks = [
        ng.section(),
        ng.interface(101, 0, &[]),
        ng.enhanced(0, 0, &frame, frame.len()),
        ng.enhanced(0, 0, &frame, frame.len()),
    ];
    let ends: Vec<usize> = (1..=4)
        .map(|count| blocks[..count].concat().len())
        .collect();
    let file = blocks.concat();
    for end in 12..file.len() {
        let read = read(file[..end].to_vec());
        let whole = ends[2..].iter().filter(|last| **last <= end).count();
        assert_eq!(read.datagrams.len(), whole);
        let cut = read.error.map(|error| error.is_cut());
        assert_eq!(cut, (!ends.contains(&end)).then_some(true), "{end}");
    }
}

#[test]
fn interfaces_are_bounded() {
    let ng = Ng::Little;
    let mut file = ng.section();
    for _ in 0..INTERFACES_MAX {
        file.extend(ng.interface(101, 0, &[(NAME, &[b'x'; 300])]));
    }
    assert!(read(file.clone()).error.is_none());
    file.extend(ng.interface(101, 0, &[]));
    assert_eq!(
        read(file).error.unwrap().to_string(),
        "test.pcap: has more than 4096 interfaces"
    );
}
