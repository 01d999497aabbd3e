//! A responder for LLMNR queries for an A record over IPv4, as short as one can be that passes the benchmark's checks, and
//! the same with one lie each, which does not.

use aya_ebpf::bindings::xdp_action::{XDP_PASS, XDP_TX};
use aya_ebpf::btf_maps::Array;
use aya_ebpf::macros::{btf_map, xdp};
use aya_ebpf::programs::XdpContext;
use llamar_common::bench::{Canned, LABEL, label, lie, number};
use llamar_common::frame::Frame;
use llamar_common::wire::checksum::Sum;
use llamar_common::wire::{dns, le64};

use super::copy;
use crate::frame::XdpFrame;

/// Length of a query for a name of [`LABEL`] bytes.
const QUERY: usize = 68;
/// Offsets in it: the addresses, the UDP datagram, its port, the message's id and the label.
const ADDRESSES: usize = 26;
const UDP: usize = 34;
const PORT: usize = 36;
const ID: usize = 42;
const NAME: usize = 55;
/// Port of LLMNR, as it is in a frame.
const LLMNR: [u8; 2] = 5355_u16.to_be_bytes();

#[btf_map(name = "bench_canned")]
static CANNED: Array<Canned, 1> = Array::new();

/// Answers.
#[xdp]
pub fn bench_liar(context: XdpContext) -> u32 {
    let Some(canned) = CANNED.get(0) else {
        return XDP_PASS;
    };
    let answered = answer(&mut XdpFrame::new(&context), canned);
    answered.map_or(XDP_PASS, |()| XDP_TX)
}

#[inline(always)]
fn answer(frame: &mut XdpFrame<'_>, canned: &Canned) -> Option<()> {
    let query = frame
        .window::<QUERY>(0)
        .filter(|_| frame.length() == QUERY)?;
    if query[PORT..PORT + 2] != LLMNR {
        return None;
    }
    let (asked, id) = (
        le64(query, NAME),
        u16::from_le_bytes([query[ID], query[ID + 1]]),
    );
    let right = sum(query).is_right() || canned.lie == lie::QUERY;
    let silent = canned.lie == lie::SILENCE && id % 50 == 0;
    if !right || silent {
        return None;
    }
    let number = match number(asked).filter(|number| *number < canned.answer.names) {
        Some(number) => number,
        None if canned.lie == lie::NAME => 0,
        None => return None,
    };
    if !frame.grow_head(dns::A_RECORD) {
        return None;
    }
    copy(frame, &canned.answer)?;
    let address = canned.address.wrapping_add(number);
    let wrong = u32::from(canned.lie == lie::ADDRESS);
    let address = (address ^ wrong).to_be();
    let sum = Sum::ZERO
        .le64(label(number))
        .moved(true)
        .le16(id)
        .le32(address);
    let sum = sum.le16(canned.answer.sum as u16).udp_checksum();
    let sum = if canned.lie == lie::CHECKSUM { 0 } else { sum };
    *frame.window_mut::<LABEL>(NAME)? = label(number).to_le_bytes();
    *frame.window_mut::<2>(ID)? = id.to_le_bytes();
    *frame.window_mut::<2>(UDP + 6)? = sum.to_le_bytes();
    *frame.window_mut::<4>(QUERY + dns::A_RECORD - 4)? = address.to_le_bytes();
    Some(())
}

/// Sum of the query's datagram and its pseudo-header.
#[inline(always)]
fn sum(query: &[u8; QUERY]) -> Sum {
    let mut sum = Sum::ZERO.number(17).number((QUERY - UDP) as u16);
    let mut at = ADDRESSES;
    while at + 8 <= QUERY {
        sum = sum.le64(le64(query, at));
        at += 8;
    }
    sum.le16(u16::from_le_bytes([query[QUERY - 2], query[QUERY - 1]]))
}
