//! Which frames a packet socket receives, as programs of classic BPF that the kernel runs.

use libc::sock_filter;
use llamar_common::wire::{ethernet, ip, udp};

/// Offset of the EtherType, or of the tag that takes its place.
pub const ETHERTYPE: u32 = 12;
const ETHERTYPE_BEHIND_TAG: u32 = 16;
/// Offset of the IP header; the kernel has taken a tag off before.
const IP: u32 = ethernet::HEADER as u32;
/// Bits of an IPv4 fragment's offset: there is a UDP header only where all are zero.
const FRAGMENT_OFFSET: u32 = 0x1fff;
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
        statement(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, IP),
        statement(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, IP + 2),
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

fn load(size: u32, offset: u32) -> sock_filter {
    statement(libc::BPF_LD | size | libc::BPF_ABS, offset)
}

/// Skips `then` statements if what was loaded is `value`, else `otherwise`.
fn equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter {
        jt: then,
        jf: otherwise,
        ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value)
    }
}

/// Skips `then` statements if what was loaded has any of these bits, else `otherwise`.
fn has_any(bits: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter {
        jt: then,
        jf: otherwise,
        ..statement(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, bits)
    }
}

fn take() -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, u32::from(u16::MAX))
}

fn drop_it() -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, 0)
}

fn statement(code: u32, value: u32) -> sock_filter {
    // Codes are below 256.
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k: value,
    }
}
