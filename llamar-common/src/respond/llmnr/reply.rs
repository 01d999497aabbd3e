//! The answer to a query, written into the frame that has grown for it.

use super::super::{Tag, put_ethernet};
use super::{Ip, LENGTH_BYTE, QUESTION_END, Query, Side};
use crate::abi::{ADDRESSES_MAX, Host, LABEL_MAX};
use crate::frame::{Frame, OFFSET_MAX};
use crate::wire::checksum::Sum;
use crate::wire::dns::Record;
use crate::wire::{dns, ethernet, ip, put, udp};

/// What an answer takes besides the query and the host.
#[derive(Clone, Copy)]
pub(super) struct Reply<A> {
    /// Our address.
    pub(super) source: A,
    /// Our hardware address.
    pub(super) mac: u64,
    /// Records in the answer section.
    pub(super) count: usize,
    /// By how much the frame has grown.
    pub(super) growth: usize,
    /// Where it has grown.
    pub(super) side: Side,
    /// Whether the asker has a link-local address.
    pub(super) link_scope: bool,
}

// The furthest record of the longest name lies within what a variable offset may be.
const _: () = assert!(
    ethernet::HEADER
        + ethernet::TAG
        + ip::v6::HEADER
        + LENGTH_BYTE
        + 1
        + LABEL_MAX
        + QUESTION_END
        + (ADDRESSES_MAX - 1) * dns::AAAA_RECORD
        <= OFFSET_MAX
);

/// Writes the whole answer into the grown frame.
#[inline(always)]
pub(super) fn write<I: Ip, F: Frame>(
    frame: &mut F,
    tag: Tag,
    query: &Query<I::Address>,
    host: &Host,
    reply: Reply<I::Address>,
) -> Option<()> {
    put_ethernet(frame, tag, query.hardware, reply.mac, I::ETHER_TYPE)?;
    let at = tag.payload();
    let length = (LENGTH_BYTE + 1 + query.length + QUESTION_END + reply.growth) as u16;
    let pseudo = I::put(frame, at, reply.source, query.asker, length)?;
    let at = at + I::HEADER;
    put_question(frame, at + LENGTH_BYTE, query)?;
    // The verifier comes here once for each number of words in the label. Of a length that it sees read from
    // the frame it knows nothing, so from here on there is one path to walk.
    frame.renew();
    let label = frame.window_at::<1>(at + LENGTH_BYTE)?[0] as usize;
    let records = put_records(
        frame,
        at + LENGTH_BYTE + 1 + label + QUESTION_END,
        query.kind,
        host,
        &reply,
    )?;
    let sum = pseudo.plus(query.sum).plus(records.moved(label % 2 == 1));

    let head = frame.window_mut::<LENGTH_BYTE>(at)?;
    let ports = udp::LLMNR.swap_bytes() as u64
        | (query.port as u64) << 16
        | (length.swap_bytes() as u64) << 32;
    let message = query.id as u64 | (dns::RESPONSE.swap_bytes() as u64) << 16;
    let counts = counts(reply.count);
    let checksum = match reply.side {
        Side::Head => sum.le64(ports).le64(message).le64(counts).udp_checksum(),
        Side::Tail => pseudo.fold(),
    };
    put(head, 0, (ports | (checksum as u64) << 48).to_le_bytes());
    put(head, udp::HEADER, (message as u32).to_le_bytes());
    put(head, udp::HEADER + dns::COUNTS, counts.to_le_bytes());
    Some(())
}

/// The four counts as a little-endian word: one question, the answers, and an SOA record where there are none (RFC 4795 2.9).
#[inline(always)]
const fn counts(answers: usize) -> u64 {
    1 << 8 | (answers as u64) << 24 | ((answers == 0) as u64) << 40
}

/// Writes the question. Whole words may write over what follows, which is written later.
#[inline(always)]
fn put_question<F: Frame, A>(frame: &mut F, at: usize, query: &Query<A>) -> Option<()> {
    frame.window_mut::<1>(at)?[0] = query.length as u8;
    let at = at + 1;
    for (index, word) in query.label.iter().enumerate() {
        if index * 8 >= query.length {
            break;
        }
        *frame.window_mut::<8>(at + 8 * index)? = word.to_le_bytes();
    }
    *frame.window_at_mut::<QUESTION_END>(at + query.length)? = question_end(query.kind);
    Some(())
}

/// The root's length byte, type and class IN.
#[inline(always)]
const fn question_end(kind: u16) -> [u8; QUESTION_END] {
    [0, 0, kind as u8, 0, dns::IN as u8]
}

/// Writes the records and returns their sum, as if they began at an even offset.
#[inline(always)]
fn put_records<F: Frame, A>(
    frame: &mut F,
    at: usize,
    kind: u16,
    host: &Host,
    reply: &Reply<A>,
) -> Option<Sum> {
    if reply.count == 0 {
        return put_record::<F, { dns::SOA_RECORD }, 5>(frame, at, dns::soa(host.ttl));
    }
    let mut sum = Sum::ZERO;
    if kind == dns::A {
        let first = first(host.a_count, host.a_routable, reply.link_scope);
        for index in 0..ADDRESSES_MAX.min(reply.count) {
            let address = host.a[rotated::<F>(first + index, reply.count)];
            sum = sum.plus(put_record::<F, { dns::A_RECORD }, 2>(
                frame,
                at + index * dns::A_RECORD,
                dns::a(host.ttl, address),
            )?);
        }
    } else {
        let first = first(host.aaaa_count, host.aaaa_routable, reply.link_scope);
        for index in 0..ADDRESSES_MAX.min(reply.count) {
            let address = &host.aaaa[rotated::<F>(first + index, reply.count)];
            sum = sum.plus(put_record::<F, { dns::AAAA_RECORD }, 3>(
                frame,
                at + index * dns::AAAA_RECORD,
                dns::aaaa(host.ttl, address),
            )?);
        }
    }
    Some(sum)
}

/// Which address comes first: a routable one, or a link-local one for a link-local asker (RFC 4795 2.6).
#[inline(always)]
const fn first(count: u8, routable: u8, link_scope: bool) -> usize {
    if link_scope && routable < count {
        routable as usize
    } else {
        0
    }
}

/// The place of an address when the list of `count` begins at another one.
///
/// Without a branch: the verifier would follow both ways at every record.
#[inline(always)]
fn rotated<F: Frame>(index: usize, count: usize) -> usize {
    let beyond = F::opaque((count as u64).wrapping_sub(1 + index as u64) >> 63) as usize;
    let place = index.wrapping_sub(count & beyond.wrapping_neg());
    // For the verifier: a bound that the compiler cannot argue away.
    F::opaque(place as u64) as usize % ADDRESSES_MAX
}

#[inline(always)]
fn put_record<F: Frame, const N: usize, const W: usize>(
    frame: &mut F,
    at: usize,
    record: Record<W>,
) -> Option<Sum> {
    Some(record.put(frame.window_at_mut::<N>(at)?))
}
