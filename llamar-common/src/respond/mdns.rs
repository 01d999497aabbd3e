//! mDNS messages to everybody (RFC 6762): counted and passed.
//!
//! They are not answered here: what is answered, and when, depends on what others said within the last second
//! (RFC 6762 6, 7).

use super::arrival::Arrival;
use super::{Ending, Tag};
use crate::abi::Outcome;
use crate::frame::Frame;
use crate::records::Records;
use crate::wire::ip::{UDP, v4, v6};
use crate::wire::{be16, le32, le64, udp};

#[inline(always)]
pub(super) fn count_v4<F: Frame, R: Records>(frame: &F, records: &R, tag: Tag) -> Ending {
    let Some(header) = frame.window::<{ v4::HEADER }>(tag.payload()) else {
        return Ending::UNCOUNTED;
    };
    let fragment = be16(header, v4::FRAGMENT) & !v4::DONT_FRAGMENT != 0;
    let plain = header[0] == v4::VERSION_IHL && header[v4::PROTOCOL] == UDP && !fragment;
    if !plain || le32(header, v4::DESTINATION) != u32::from_le_bytes(v4::MDNS) {
        return Ending::UNCOUNTED;
    }
    count(frame, records, tag, tag.payload() + v4::HEADER)
}

#[inline(always)]
pub(super) fn count_v6<F: Frame, R: Records>(frame: &F, records: &R, tag: Tag) -> Ending {
    let Some(header) = frame.window::<{ v6::HEADER }>(tag.payload()) else {
        return Ending::UNCOUNTED;
    };
    let plain = header[0] >> 4 == 6 && header[v6::NEXT_HEADER] == UDP;
    let group = le64(header, v6::DESTINATION) == le64(&v6::MDNS, 0)
        && le64(header, v6::DESTINATION + 8) == le64(&v6::MDNS, 8);
    if !plain || !group {
        return Ending::UNCOUNTED;
    }
    count(frame, records, tag, tag.payload() + v6::HEADER)
}

/// Counts a frame whose UDP header lies at `at` if it goes to mDNS's port.
#[inline(always)]
fn count<F: Frame, R: Records>(frame: &F, records: &R, tag: Tag, at: usize) -> Ending {
    match frame.window::<{ udp::HEADER }>(at) {
        Some(header) if be16(header, udp::DESTINATION) == udp::MDNS => {}
        _ => return Ending::UNCOUNTED,
    }
    match Arrival::find(records, tag.vlan()) {
        Ok(arrival) => arrival.pass(Outcome::Mdns),
        Err(ending) => ending,
    }
}
