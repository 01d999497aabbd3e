//! Frames made whole again after a change: lengths and checksums of whatever IP and UDP there is in them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::query::sent;
use super::{checksum, pseudo_header};

/// Adds the rest to the sum of the pseudo-header that a UDP packet carries, as a device does: a wrong sum stays wrong.
///
/// # Panics
/// If the UDP length is more than there is.
pub fn complete_checksum(frame: &mut [u8]) {
    let Some((_, packet, header)) = packet(frame) else {
        return;
    };
    let udp = &mut packet[header..];
    let length = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
    let sum = sent(checksum(&udp[..length], 0));
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
}

/// Makes the checksums right, and the lengths before them if asked to. What is no IP with UDP stays as it is.
pub fn mend(frame: &mut [u8], lengths: bool) {
    match packet(frame) {
        Some((IPV4, packet, header)) => mend_ipv4(packet, header, lengths),
        Some((_, packet, _)) => mend_ipv6(packet, lengths),
        None => {}
    }
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// The EtherType behind the tags of a frame, the IP packet and the length of its header, if a UDP header can follow.
fn packet(frame: &mut [u8]) -> Option<(u16, &mut [u8], usize)> {
    let mut at = 14;
    while frame.get(at - 2..at) == Some(&[0x81, 0x00]) {
        at += 4;
    }
    let kind = u16::from_be_bytes(frame.get(at - 2..at)?.try_into().ok()?);
    let packet = frame.get_mut(at..)?;
    let header = match kind {
        IPV4 => usize::from(packet.first()? & 0x0f) * 4,
        IPV6 => 40,
        _ => return None,
    };
    (header >= 20 && header + 8 <= packet.len()).then_some((kind, packet, header))
}

fn mend_ipv4(packet: &mut [u8], header: usize, lengths: bool) {
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
