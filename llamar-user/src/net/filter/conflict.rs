//! The filter for frames by which another host lays claim to an address.

use std::net::{Ipv4Addr, Ipv6Addr};

use libc::sock_filter;
use llamar_common::wire::{arp, ethernet, ip, ndp};

use super::statement::{drop_it, equal, keep, kept, load, load_indexed, skip, take};
use super::{ICMPV6, IP, ether_type};
use crate::ether::MacAddr;

/// Most addresses of a family that a program compares one by one. The kernel limits a program's memory to 20 KiB
/// (net.core.optmem_max on Linux 6.1), and a hundred comparisons for every packet are enough.
const COMPARED_MAX: usize = 100;

/// A classic BPF program for the frames by which another host claims one of these addresses: ARP whose sender has it or
/// that probes for it (RFC 5227 2.1.1), Neighbor Advertisements for it, and Neighbor Solicitations for it from the
/// unspecified address (RFC 4862 5.4.3); with or without a VLAN tag. What came from this station is left out: ARP by its
/// sender's hardware address, Neighbor Discovery by that of the frame.
///
/// Of a family with more than a hundred addresses every claim comes in, whatever the address.
pub fn address_conflict_filter(
    own_mac: MacAddr,
    v4: &[Ipv4Addr],
    v6: &[Ipv6Addr],
) -> Vec<sock_filter> {
    let arp = arp(own_mac, v4);
    let mut program = ether_type().to_vec();
    program.push(equal(libc::ETH_P_ARP as u32, 1, 0));
    program.push(skip(arp.len()));
    program.extend(arp);
    program.extend([equal(libc::ETH_P_IPV6 as u32, 1, 0), drop_it()]);
    program.extend(neighbour(own_mac, v6));
    program
}

/// The part for ARP, which ends with a decision.
fn arp(own_mac: MacAddr, addresses: &[Ipv4Addr]) -> Vec<sock_filter> {
    if addresses.is_empty() {
        return vec![drop_it()];
    }
    let sender = IP + arp::SENDER_HARDWARE as u32;
    let mut program = unless_from(own_mac, |size, part| load_indexed(size, sender + part)).to_vec();
    if addresses.len() > COMPARED_MAX {
        program.push(take());
        return program;
    }
    program.extend([
        load_indexed(libc::BPF_W, IP + arp::SENDER_PROTOCOL as u32),
        // RFC 5227 2.1.1: a probe has no sender address, and asks for the one it wants.
        equal(0, 0, 1),
        load_indexed(libc::BPF_W, IP + arp::TARGET_PROTOCOL as u32),
    ]);
    for address in addresses {
        program.extend([equal(address.to_bits(), 0, 1), take()]);
    }
    program.push(drop_it());
    program
}

/// The part for IPv6, which ends with a decision.
fn neighbour(own_mac: MacAddr, addresses: &[Ipv6Addr]) -> Vec<sock_filter> {
    if addresses.is_empty() {
        return vec![drop_it()];
    }
    let source = ethernet::SOURCE as u32;
    let mut program = unless_from(own_mac, |size, part| load(size, source + part)).to_vec();
    program.extend([
        load_indexed(libc::BPF_B, IP + ip::v6::NEXT_HEADER as u32),
        equal(u32::from(ndp::ICMPV6), 1, 0),
        drop_it(),
        load_indexed(libc::BPF_B, ICMPV6),
    ]);
    let unspecified = if_unspecified();
    program.push(equal(u32::from(ndp::ADVERTISEMENT), 0, 1));
    program.push(skip(2 + unspecified.len()));
    program.push(equal(u32::from(ndp::SOLICITATION), 1, 0));
    program.push(drop_it());
    program.extend(unspecified);
    if addresses.len() > COMPARED_MAX {
        program.push(take());
        return program;
    }
    program.extend(if_target(addresses));
    program.push(drop_it());
    program
}

/// Decides against what has our address in two parts that are loaded by their size and offset in it.
fn unless_from(own_mac: MacAddr, part: impl Fn(u32, u32) -> sock_filter) -> [sock_filter; 5] {
    let [a, b, c, d, e, f] = own_mac.0;
    [
        part(libc::BPF_W, 0),
        equal(u32::from_be_bytes([a, b, c, d]), 0, 3),
        part(libc::BPF_H, 4),
        equal(u16::from_be_bytes([e, f]).into(), 0, 1),
        drop_it(),
    ]
}

/// Decides against a packet that has a source address (RFC 4862 5.4.3).
fn if_unspecified() -> Vec<sock_filter> {
    let source = IP + ip::v6::SOURCE as u32;
    let word = |word: u32| {
        [
            load_indexed(libc::BPF_W, source + 4 * word),
            equal(0, 1, 0),
            drop_it(),
        ]
    };
    (0..4).flat_map(word).collect()
}

/// Decides for a packet whose target is one of these.
fn if_target(addresses: &[Ipv6Addr]) -> Vec<sock_filter> {
    let target = ICMPV6 + ndp::TARGET as u32;
    let load = |word| [load_indexed(libc::BPF_W, target + 4 * word), keep(word)];
    let mut program: Vec<sock_filter> = (0..4).flat_map(load).collect();
    for address in addresses {
        let bits = address.to_bits();
        let words = [bits >> 96, bits >> 64, bits >> 32, bits].map(|word| word as u32);
        for (cell, (word, past)) in words.into_iter().zip([7, 5, 3, 1]).enumerate() {
            program.extend([kept(cell as u32), equal(word, 0, past)]);
        }
        program.push(take());
    }
    program
}
