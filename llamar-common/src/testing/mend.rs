//! Frames made whole again after a change: lengths and checksums of whatever IP and UDP there is in them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::query::sent;
use super::{checksum, pseudo_header};

/// Makes the checksums right; does what a device would do with the sum of a pseudo-header alone.
pub fn complete_checksum(frame: &mut [u8]) {
    mend(frame, false);
}

/// Makes the checksums right, and the lengths before them if asked to. What is no IP with UDP stays as it is.
pub fn mend(frame: &mut [u8], lengths: bool) {
    let mut at = 14;
    while frame.get(at - 2..at) == Some(&[0x81, 0x00]) {
        at += 4;
    }
    let kind = frame.get(at - 2..at).map(|kind| [kind[0], kind[1]]);
    let Some(packet) = frame.get_mut(at..) else {
        return;
    };
    match kind {
        Some([0x08, 0x00]) if packet.len() >= 28 => mend_ipv4(packet, lengths),
        Some([0x86, 0xdd]) if packet.len() >= 48 => mend_ipv6(packet, lengths),
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
        let length = (packet.len() - 40) as u16;
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
    let sum = sent(checksum(udp, pseudo_header(from, to, length)));
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
}
