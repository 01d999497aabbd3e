//! What may happen to a frame: single fields, its length, its tags; and sums that are made right again, so that a
//! change is seen by more than the first check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::testing::{FrameBuilder, checksum, pseudo_header};

use crate::dice::Dice;

/// Values that stand at the border of something.
const BORDERS: [u8; 12] = [
    0, 1, 2, 0x11, 0x1c, 0x3f, 0x40, 0x45, 0x7f, 0x80, 0xc0, 0xff,
];

/// Changes a frame in one to three ways.
pub fn mutate(dice: &mut Dice, frame: &mut Vec<u8>) {
    for _ in 0..=dice.below(3) {
        one(dice, frame);
    }
    match dice.below(10) {
        0..=3 => mend(frame, false),
        4..=6 => mend(frame, true),
        _ => {}
    }
}

fn one(dice: &mut Dice, frame: &mut Vec<u8>) {
    if frame.is_empty() {
        frame.extend(dice.bytes(20));
        return;
    }
    let place = dice.below(frame.len());
    match dice.below(12) {
        0..=2 => frame[place] ^= 1 << dice.below(8),
        3 => frame[place] = *dice.pick(&BORDERS),
        4 => frame[place] = dice.any() as u8,
        5 => frame[place] = frame[place].wrapping_add(if dice.percent(50) { 1 } else { 255 }),
        6 => frame.truncate(place),
        7 => {
            let extra = 1 + dice.below(24);
            frame.extend(dice.bytes(extra));
        }
        8 => {
            let control = dice.any() as u16;
            let tagged = FrameBuilder::tagged(std::mem::take(frame), control);
            *frame = tagged;
        }
        9 => {
            frame.drain(12.min(frame.len())..16.min(frame.len()));
        }
        10 => {
            let extra = 1 + dice.below(8);
            frame.splice(place..place, dice.bytes(extra));
        }
        _ => {
            let end = frame.len().min(place + 1 + dice.below(8));
            frame.drain(place..end);
        }
    }
    // Enough to stay a frame with an Ethernet header, as a test-run wants it.
    while frame.len() < 14 {
        frame.push(dice.any() as u8);
    }
}

/// Makes the checksums right, and the lengths too if asked to.
pub fn mend(frame: &mut [u8], lengths: bool) {
    let mut at = 14;
    while frame.get(at - 2..at) == Some(&[0x81, 0x00]) {
        at += 4;
    }
    let (Some(&[high, low]), Some(packet)) = (
        frame
            .get(at - 2..at)
            .and_then(|kind| kind.first_chunk())
            .copied()
            .as_ref(),
        frame.get(at..).map(<[u8]>::len),
    ) else {
        return;
    };
    let packet_end = at + packet;
    match u16::from_be_bytes([high, low]) {
        0x0800 if packet >= 28 => mend_ipv4(&mut frame[at..packet_end], lengths),
        0x86dd if packet >= 48 => mend_ipv6(&mut frame[at..packet_end], lengths),
        _ => {}
    }
}

fn mend_ipv4(packet: &mut [u8], lengths: bool) {
    let header = usize::from(packet[0] & 0x0f) * 4;
    if header < 20 || header + 8 > packet.len() {
        return;
    }
    if lengths {
        let total = packet.len() as u16;
        packet[2..4].copy_from_slice(&total.to_be_bytes());
    }
    packet[10..12].fill(0);
    let sum = checksum(&packet[..header], 0);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let address = |at: usize| {
        let bytes: [u8; 4] = packet[at..at + 4].try_into().expect("four bytes");
        IpAddr::from(Ipv4Addr::from(bytes))
    };
    let (from, to) = (address(12), address(16));
    mend_udp(&mut packet[header..], from, to, lengths);
}

fn mend_ipv6(packet: &mut [u8], lengths: bool) {
    if lengths {
        let length = packet.len() as u16 - 40;
        packet[4..6].copy_from_slice(&length.to_be_bytes());
    }
    let address = |at: usize| {
        let bytes: [u8; 16] = packet[at..at + 16].try_into().expect("sixteen bytes");
        IpAddr::from(Ipv6Addr::from(bytes))
    };
    let (from, to) = (address(8), address(24));
    mend_udp(&mut packet[40..], from, to, lengths);
}

fn mend_udp(udp: &mut [u8], from: IpAddr, to: IpAddr, lengths: bool) {
    if lengths {
        let length = udp.len() as u16;
        udp[4..6].copy_from_slice(&length.to_be_bytes());
    }
    udp[6..8].fill(0);
    let length = u16::from_be_bytes([udp[4], udp[5]]);
    let sum = match checksum(udp, pseudo_header(from, to, length)) {
        0 => 0xffff,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
}
