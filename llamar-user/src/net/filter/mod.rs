//! Which frames a packet socket receives, as programs of classic BPF that the kernel runs.

use libc::sock_filter;
use llamar_common::wire::{ethernet, ip, ndp, udp};

mod conflict;
mod statement;
mod wanted;

pub use conflict::address_conflict_filter;
pub use wanted::{ETHER_TYPES_MAX, Wanted, wanted_filter};

use statement::{drop_it, equal, has_any, index, index_header_length, load, load_indexed, take};

/// Offset of the EtherType, or of the tag that takes its place.
pub const ETHERTYPE: u32 = 12;
const ETHERTYPE_BEHIND_TAG: u32 = 16;
/// Offset of the IP header; the kernel has taken a tag off before.
const IP: u32 = ethernet::HEADER as u32;
/// Bits of an IPv4 fragment's offset: there is a UDP header only where all are zero.
const FRAGMENT_OFFSET: u32 = 0x1fff;
/// Offset of ICMPv6 behind a header without extensions.
const ICMPV6: u32 = IP + ip::v6::HEADER as u32;
/// Loads whether the kernel has taken a tag off (`SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT` of linux/filter.h).
const HAD_TAG: u32 = (-4096_i32 + 48).cast_unsigned();

/// A classic BPF program for the frames that carry ARP, with or without a VLAN tag.
pub fn arp_filter() -> Vec<sock_filter> {
    vec![
        load(libc::BPF_H, ETHERTYPE),
        equal(libc::ETH_P_ARP as u32, 3, 0),
        equal(libc::ETH_P_8021Q as u32, 0, 3),
        load(libc::BPF_H, ETHERTYPE_BEHIND_TAG),
        equal(libc::ETH_P_ARP as u32, 0, 1),
        take(),
        drop_it(),
    ]
}

/// A classic BPF program for all frames.
pub fn all_filter() -> Vec<sock_filter> {
    vec![take()]
}

/// A classic BPF program for the frames of some EtherTypes, with or without a VLAN tag.
pub fn ether_type_filter(types: &[u16]) -> Vec<sock_filter> {
    let mut program = ether_type().to_vec();
    for kind in types {
        program.extend([equal(u32::from(*kind), 0, 1), take()]);
    }
    program.push(drop_it());
    program
}

/// A classic BPF program for Neighbor Solicitations and Advertisements, and for Echo Replies, by which those who answer
/// a group are found; with or without a VLAN tag.
pub fn neighbour_discovery_filter() -> Vec<sock_filter> {
    let [solicitation, advertisement, reply] =
        [ndp::SOLICITATION, ndp::ADVERTISEMENT, ndp::ECHO_REPLY].map(u32::from);
    let mut program = ether_type().to_vec();
    program.extend([
        equal(libc::ETH_P_IPV6 as u32, 0, 6),
        load_indexed(libc::BPF_B, IP + ip::v6::NEXT_HEADER as u32),
        equal(u32::from(ndp::ICMPV6), 0, 4),
        load_indexed(libc::BPF_B, ICMPV6),
        equal(solicitation, 3, 0),
        equal(advertisement, 2, 0),
        equal(reply, 1, 0),
        drop_it(),
        take(),
    ]);
    program
}

/// A classic BPF program for the frames that carry ARP, with or without a VLAN tag, those sent to the groups of
/// LLMNR, and tagged ones for LLMNR's port, by which others respond to us. Whether the second have a tag shows only in
/// what is received: the kernel has taken it off before.
pub fn arp_and_llmnr_filter() -> Vec<sock_filter> {
    let [v4, v6] = [ethernet::LLMNR_V4, ethernet::LLMNR_V6].map(|[a, b, c, d, e, f]| {
        let (start, end) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, f]));
        (start, u32::from(end))
    });
    let udp = u32::from(ip::UDP);
    let llmnr = u32::from(udp::LLMNR);
    vec![
        load(libc::BPF_H, ETHERTYPE),
        equal(libc::ETH_P_ARP as u32, 26, 0),
        equal(libc::ETH_P_8021Q as u32, 0, 2),
        load(libc::BPF_H, ETHERTYPE_BEHIND_TAG),
        equal(libc::ETH_P_ARP as u32, 23, 0),
        load(libc::BPF_W, 0),
        equal(v4.0, 0, 2),
        load(libc::BPF_H, 4),
        equal(v4.1, 19, 3),
        equal(v6.0, 0, 2),
        load(libc::BPF_H, 4),
        equal(v6.1, 16, 0),
        load(libc::BPF_B, HAD_TAG),
        equal(0, 15, 0),
        load(libc::BPF_H, ETHERTYPE),
        equal(libc::ETH_P_IP as u32, 0, 7),
        load(libc::BPF_B, IP + ip::v4::PROTOCOL as u32),
        equal(udp, 0, 11),
        load(libc::BPF_H, IP + ip::v4::FRAGMENT as u32),
        has_any(FRAGMENT_OFFSET, 9, 0),
        index_header_length(IP),
        load_indexed(libc::BPF_H, IP + 2),
        equal(llmnr, 5, 6),
        equal(libc::ETH_P_IPV6 as u32, 0, 5),
        load(libc::BPF_B, IP + ip::v6::NEXT_HEADER as u32),
        equal(udp, 0, 3),
        load(libc::BPF_H, IP + ip::v6::HEADER as u32 + 2),
        equal(llmnr, 0, 1),
        take(),
        drop_it(),
    ]
}

/// Loads the EtherType, behind a tag if there is one, and sets the index register to the tag's length. The kernel has
/// taken an outer tag off before.
fn ether_type() -> [sock_filter; 5] {
    [
        index(0),
        load(libc::BPF_H, ETHERTYPE),
        equal(libc::ETH_P_8021Q as u32, 0, 2),
        index(ethernet::TAG as u32),
        load(libc::BPF_H, ETHERTYPE_BEHIND_TAG),
    ]
}
