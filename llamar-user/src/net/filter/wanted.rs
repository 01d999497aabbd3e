//! The filter for frames by what their headers say.

use libc::sock_filter;
use llamar_common::wire::ethernet;

use super::statement::{drop_it, equal, keep_bits, load, skip, take};
use super::{ETHERTYPE, HAD_TAG, ether_type};
use crate::ether::MacAddr;

/// Loads the tag that the kernel has taken off (`SKF_AD_OFF + SKF_AD_VLAN_TAG` of linux/filter.h).
const TAG_TAKEN: u32 = (-4096_i32 + 44).cast_unsigned();
/// Loads whose frame it is (`SKF_AD_OFF + SKF_AD_PKTTYPE` of linux/filter.h).
const DIRECTION: u32 = (-4096_i32 + 4).cast_unsigned();
/// Most EtherTypes that may be wanted: the kernel takes programs of 4096 statements.
pub const ETHER_TYPES_MAX: usize = 1000;

/// What a frame has to be. Nothing wanted is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of one of these types, [`ETHER_TYPES_MAX`] at most.
    pub ether_types: Vec<u16>,
    /// From this station.
    pub source: Option<MacAddr>,
    /// To this station or group.
    pub destination: Option<MacAddr>,
    /// From or to this station.
    pub station: Option<MacAddr>,
    /// Of this VLAN.
    pub vlan: Option<u16>,
    /// Sent by this host.
    pub outgoing: bool,
}

/// A classic BPF program for the frames that are wanted.
pub fn wanted_filter(wanted: &Wanted) -> Vec<sock_filter> {
    let mut program = Vec::new();
    if wanted.outgoing {
        let outgoing = u32::from(libc::PACKET_OUTGOING);
        program.extend([
            load(libc::BPF_B, DIRECTION),
            equal(outgoing, 1, 0),
            drop_it(),
        ]);
    }
    for (offset, mac) in [
        (ethernet::SOURCE, wanted.source),
        (ethernet::DESTINATION, wanted.destination),
    ] {
        if let Some(mac) = mac {
            program.extend(if_address(offset, mac, 1));
            program.push(drop_it());
        }
    }
    if let Some(mac) = wanted.station {
        program.extend(if_address(ethernet::DESTINATION, mac, 5));
        program.extend(if_address(ethernet::SOURCE, mac, 1));
        program.push(drop_it());
    }
    if let Some(id) = wanted.vlan {
        program.extend(if_vlan(id));
    }
    if !wanted.ether_types.is_empty() {
        program.extend(if_ether_type(&wanted.ether_types));
    }
    program.push(take());
    program
}

/// Skips so many statements behind its own if there is this address at an offset.
fn if_address(offset: usize, mac: MacAddr, then: u8) -> [sock_filter; 4] {
    let [a, b, c, d, e, f] = mac.0;
    let offset = offset as u32;
    [
        load(libc::BPF_W, offset),
        equal(u32::from_be_bytes([a, b, c, d]), 0, 2),
        load(libc::BPF_H, offset + 4),
        equal(u16::from_be_bytes([e, f]).into(), then, 0),
    ]
}

/// Decides against a frame of another VLAN. What this host sends may have its tag still.
fn if_vlan(id: u16) -> [sock_filter; 12] {
    let (id, bits) = (u32::from(id), u32::from(ethernet::VLAN_ID));
    [
        load(libc::BPF_B, HAD_TAG),
        equal(0, 3, 0),
        load(libc::BPF_H, TAG_TAKEN),
        keep_bits(bits),
        equal(id, 7, 6),
        load(libc::BPF_H, ETHERTYPE),
        equal(libc::ETH_P_8021Q as u32, 1, 0),
        equal(libc::ETH_P_8021AD as u32, 0, 3),
        load(libc::BPF_H, ETHERTYPE + 2),
        keep_bits(bits),
        equal(id, 1, 0),
        drop_it(),
    ]
}

/// Decides against a frame of another type.
fn if_ether_type(types: &[u16]) -> Vec<sock_filter> {
    let mut program = ether_type().to_vec();
    for (index, kind) in types.iter().enumerate() {
        // Over the other types and the decision against it.
        let rest = 2 * (types.len() - index - 1) + 1;
        program.extend([equal(u32::from(*kind), 0, 1), skip(rest)]);
    }
    program.push(drop_it());
    program
}
