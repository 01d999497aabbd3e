//! Capture files, and what is heard in them.

use std::fs;
use std::io::{Cursor, Read};

use llamar_user::dnssd::lint::{Heard, Link, Linter};
use llamar_user::net::capture::{Capture, CaptureError, Captured, Skip};

use crate::dice::Dice;
use crate::messages;
use crate::pcap;
use crate::run::{Target, outcome};

/// The reader of capture files, and the linter for what comes out.
pub struct Captures;

/// Captures that are short enough to be damaged where it matters.
const SHORT: usize = 20_000;
/// Link types: those that are known, and one that is not.
const LINKS: [u32; 12] = [0, 1, 12, 101, 105, 108, 113, 127, 228, 229, 276, 7];

impl Target for Captures {
    const NAME: &'static str = "capture";

    fn new() -> Self {
        Self
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let files = pcap::files().unwrap_or_default();
        let files = files
            .iter()
            .map(|file| fs::read(file).expect("read a capture"));
        files.filter(|file| file.len() < SHORT).collect()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        let link = *dice.pick(&LINKS);
        let count = dice.below(6);
        let frames: Vec<_> = (0..count).map(|_| frame(dice, link)).collect();
        match dice.percent(50) {
            true => as_pcap(dice, link, &frames),
            false => as_pcapng(dice, link, &frames),
        }
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let (mut whole, mut pieces) = (
            Capture::new("input", Cursor::new(input.to_vec())),
            Capture::new("input", Pieces(Cursor::new(input.to_vec()))),
        );
        let datagrams = all(&mut whole);
        let again = all(&mut pieces);
        assert_eq!(datagrams.0, again.0);
        assert_eq!(whole.skipped(), pieces.skipped());
        let (datagrams, error) = datagrams;
        // The shortest record has 12 bytes in front of a packet, the shortest datagram 28 bytes.
        let counts = Skip::ALL.map(|skip| whole.skipped().count(skip));
        assert!(counts.iter().sum::<u64>() <= input.len() as u64 / 12);
        assert!(datagrams.len() <= input.len() / 40);
        let mut linter = Linter::new(Link::default());
        for datagram in &datagrams {
            linter.hear(&heard(datagram));
        }
        let mut rules: Vec<_> = std::iter::from_fn(|| linter.poll_breach())
            .inspect(|breach| {
                let line = breach.to_string();
                assert!(!line.contains(char::is_control), "{line:?}");
            })
            .map(|breach| (breach.rule, breach.section))
            .collect();
        rules.dedup();
        let error = error.map(|error| std::mem::discriminant(&error.why));
        outcome((
            counts.map(|count| count.min(2)),
            error,
            rules,
            datagrams.len().min(3),
        ))
    }
}

/// Gives a few bytes at a time.
struct Pieces(Cursor<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, place: &mut [u8]) -> std::io::Result<usize> {
        let length = place.len().min(1 + self.0.position() as usize % 1000);
        self.0.read(&mut place[..length])
    }
}

fn all(capture: &mut Capture) -> (Vec<Captured>, Option<CaptureError>) {
    let mut datagrams = Vec::new();
    for item in capture.by_ref() {
        match item {
            Ok(captured) => datagrams.push(captured),
            Err(error) => return (datagrams, Some(error)),
        }
    }
    (datagrams, None)
}

fn heard(datagram: &Captured) -> Heard<'_> {
    let udp = &datagram.packet;
    Heard {
        at: datagram.at,
        from: udp.from,
        mac: udp.source_mac,
        to: udp.to,
        hop_limit: Some(udp.hop_limit),
        message: &udp.payload,
    }
}

/// A frame with a message of mDNS, behind what such frames begin with.
fn frame(dice: &mut Dice, link: u32) -> Vec<u8> {
    let message = messages::message(dice)
        .write(Default::default())
        .expect("a short message");
    let packet = packet(dice, &message);
    let kind: [u8; 2] = if packet[0] >> 4 == 4 {
        [8, 0]
    } else {
        [0x86, 0xdd]
    };
    let snap = [&b"\xaa\xaa\x03\0\0\0"[..], &kind].concat();
    let mac = [2, 0, 0, 0, 0, dice.below(3) as u8];
    let front = match link {
        0 | 108 => vec![0, 0, 0, if packet[0] >> 4 == 4 { 2 } else { 30 }],
        1 => [&[1, 0, 0x5e, 0, 0, 0xfb][..], &mac, &kind].concat(),
        105 => [&[8, 0, 0, 0][..], &mac, &mac, &mac, &[0, 0], &snap].concat(),
        113 => [&[0, 2, 0, 1, 0, 6][..], &mac, &[0, 0], &kind].concat(),
        127 => [
            &b"\0\0\x08\0\0\0\0\0\x08\0\0\0"[..],
            &mac,
            &mac,
            &mac,
            &[0, 0],
            &snap,
        ]
        .concat(),
        276 => [&kind[..], &[0, 0, 0, 0, 0, 3, 0, 1, 2, 6], &mac, &[0, 0]].concat(),
        _ => Vec::new(),
    };
    [front, packet].concat()
}

fn packet(dice: &mut Dice, message: &[u8]) -> Vec<u8> {
    let ports = [5353_u16, if dice.percent(80) { 5353 } else { 1024 }];
    let length = (8 + message.len()) as u16;
    let mut udp: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
    udp.extend(length.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend_from_slice(message);
    if dice.percent(50) {
        let length = (20 + udp.len()) as u16;
        let fragment = if dice.percent(10) {
            dice.any() as u8 & 0x3f
        } else {
            0
        };
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([
            0, 1, fragment, 0, 255, 17, 0, 0, 192, 0, 2, 1, 224, 0, 0, 251,
        ]);
        [packet, udp].concat()
    } else {
        let length = udp.len() as u16;
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([17, 255, 0xfe, 0x80]);
        packet.extend([0; 13]);
        packet.extend([1, 0xff, 2]);
        packet.extend([0; 13]);
        packet.push(0xfb);
        [packet, udp].concat()
    }
}

fn as_pcap(dice: &mut Dice, link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    let big = dice.percent(30);
    let word = |file: &mut Vec<u8>, value: u32| match big {
        true => file.extend(value.to_be_bytes()),
        false => file.extend(value.to_le_bytes()),
    };
    let magic = *dice.pick(&[0xa1b2_c3d4, 0xa1b2_3c4d]);
    for value in [magic, 0x0004_0002, 0, 0, 65_535, link] {
        word(&mut file, value);
    }
    for frame in frames {
        let length = frame.len() as u32;
        for value in [
            dice.below(4) as u32,
            dice.any() as u32 % 1_000_000,
            length,
            length,
        ] {
            word(&mut file, value);
        }
        file.extend(frame);
    }
    file
}

fn as_pcapng(dice: &mut Dice, link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0".to_vec();
    let mut options = b"\x09\0\x01\0\x06\0\0\0".to_vec();
    options[4] = *dice.pick(&[0, 6, 9, 0x80, 0x94, 0xff]);
    let interface = [
        &link.to_le_bytes()[..],
        &[0; 4],
        b"\x02\0\x04\0eth0",
        &options,
        &[0; 4],
    ]
    .concat();
    file.extend(block(1, &interface));
    for frame in frames {
        let length = (frame.len() as u32).to_le_bytes();
        let time = dice.any().to_le_bytes();
        let packet = match dice.percent(80) {
            true => block(6, &[&[0; 4][..], &time, &length, &length, frame].concat()),
            false => block(3, &[&length[..], frame].concat()),
        };
        file.extend(packet);
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}
