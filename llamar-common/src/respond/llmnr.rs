//! LLMNR queries for A and AAAA over UDP (RFC 4795), over IPv4 and IPv6, for names of one label.
//!
//! The frame grows at its head: headers and question are written anew in front, the records take the place
//! where the question stood.

use super::{Arrival, Tag, Verdict, put_ethernet};
use crate::abi::{ADDRESSES_MAX, Host, LABEL_MAX, NameKey, NameState, Outcome};
use crate::frame::Frame;
use crate::records::Records;
use crate::wire::checksum::Sum;
use crate::wire::dns::Record;
use crate::wire::{be16, dns, ethernet, le16, le48, le64, name, put, udp};

pub(super) use self::ip::{V4, V6};

mod ip;

/// What differs between IPv4 and IPv6.
pub(super) trait Ip {
    /// Length of the header.
    const HEADER: usize;
    /// EtherType.
    const ETHER_TYPE: u16;
    /// An address.
    type Address: Copy;

    /// The packet's source, payload length and the sum of its pseudo-header; why not, if it is not plain.
    fn parse<F: Frame>(frame: &F, at: usize) -> Result<Packet<Self::Address>, Option<Outcome>>;
    /// Our address in the asker's prefix; `None` if the asker is not on the link.
    fn source(link: &crate::abi::Link, asker: Self::Address) -> Option<Self::Address>;
    /// Whether an address is link-local.
    fn is_link_local(address: Self::Address) -> bool;
    /// Writes the header of an answer and returns the sum of its pseudo-header.
    fn put<F: Frame>(
        frame: &mut F,
        at: usize,
        source: Self::Address,
        asker: Self::Address,
        length: u16,
    ) -> Option<Sum>;
}

/// A plain IP packet that carries UDP to the group.
#[derive(Clone, Copy)]
pub(super) struct Packet<A> {
    source: A,
    /// Length of the UDP datagram.
    length: u16,
    /// Sum of the pseudo-header.
    sum: Sum,
    /// Whether the UDP checksum may be left out (IPv4 only, RFC 8200 8.1).
    checksum_optional: bool,
}

/// A query, as far as it goes back out.
#[derive(Clone, Copy)]
struct Query<A> {
    hardware: u64,
    asker: A,
    port: u16,
    id: u16,
    kind: u16,
    /// Length of the label.
    length: usize,
    /// The label in little-endian words, zeros behind it.
    label: [u64; 8],
    /// Sum of the question from the label's length byte on.
    sum: Sum,
}

/// Offset of the label's length byte in the UDP datagram; even, which the sums count on.
const LENGTH_BYTE: usize = udp::HEADER + dns::HEADER;
/// What follows the label: the root's length byte, type and class.
const QUESTION_END: usize = 5;

#[inline(always)]
pub(super) fn respond<I: Ip, F: Frame, R: Records>(
    frame: &mut F,
    records: &R,
    tag: Tag,
) -> Verdict {
    match answer::<I, F, R>(frame, records, tag) {
        Ok(verdict) | Err(verdict) => verdict,
    }
}

#[inline(always)]
fn answer<I: Ip, F: Frame, R: Records>(
    frame: &mut F,
    records: &R,
    tag: Tag,
) -> Result<Verdict, Verdict> {
    let packet = match I::parse(frame, tag.payload()) {
        Ok(packet) => packet,
        Err(None) => return Err(Verdict::UNCOUNTED),
        Err(Some(outcome)) => {
            return Err(Verdict::pass(
                outcome,
                Arrival::find(records, tag.vlan())?.slot,
            ));
        }
    };
    let arrival = Arrival::find(records, tag.vlan())?;
    // RFC 4795 2.5, 5.1: only an asker on the link is answered, from an address of that link. Looked up before the
    // label is read, because the verifier follows every length of a label through all that comes behind it.
    let source =
        I::source(arrival.link, packet.source).ok_or(arrival.pass(Outcome::LlmnrOffLink))?;
    let query = parse::<I, F>(frame, tag, packet, &arrival)?;

    let mut folded = query.label;
    for word in &mut folded {
        *word = name::fold(*word);
    }
    let key = NameKey::from_words(arrival.key, query.length, folded);
    let host = records
        .host(&key)
        .ok_or(arrival.pass(Outcome::LlmnrForeign))?;
    if host.state != NameState::Unique as u8 {
        return Err(arrival.pass(Outcome::LlmnrNotUnique));
    }
    let (count, record_length) = match query.kind {
        dns::A => (host.a_count, dns::A_RECORD),
        _ => (host.aaaa_count, dns::AAAA_RECORD),
    };
    let count = count as usize;
    if count > ADDRESSES_MAX {
        return Err(arrival.pass(Outcome::LlmnrTooMany));
    }
    arrival.vouch(records)?;

    let growth = if count == 0 {
        dns::SOA_RECORD
    } else {
        count * record_length
    };
    if !frame.grow_head(growth) {
        return Err(arrival.pass(Outcome::NoRoom));
    }
    let link_scope = I::is_link_local(query.asker);
    let reply = Reply {
        source,
        mac: arrival.mac,
        count,
        growth,
        link_scope,
    };
    // From here on the old frame is gone; it was long enough for every window, so all of them are there.
    let _ = write::<I, F>(frame, tag, &query, host, reply);
    Ok(Verdict::reply(
        if count == 0 {
            Outcome::LlmnrEmpty
        } else {
            Outcome::LlmnrAnswered
        },
        arrival.slot,
    ))
}

/// Reads a query of the one form that is answered here; for any other, why it is passed.
#[inline(always)]
fn parse<I: Ip, F: Frame>(
    frame: &F,
    tag: Tag,
    packet: Packet<I::Address>,
    arrival: &Arrival<'_>,
) -> Result<Query<I::Address>, Verdict> {
    let malformed = arrival.pass(Outcome::LlmnrMalformed);
    let other = arrival.pass(Outcome::LlmnrOther);
    let header = frame.window::<{ ethernet::HEADER }>(0).ok_or(malformed)?;
    let hardware = le48(header, ethernet::SOURCE);
    if ethernet::is_group(hardware) || hardware == 0 || hardware == arrival.mac {
        return Err(malformed);
    }
    let at = tag.payload() + I::HEADER;
    let head = frame.window::<{ LENGTH_BYTE + 1 }>(at).ok_or(malformed)?;
    let port = le16(head, udp::SOURCE);
    if port == 0
        || be16(head, udp::LENGTH) != packet.length
        || frame.length() != at + packet.length as usize
    {
        return Err(malformed);
    }
    // RFC 4795 2.1.1: OPCODE, C and TC send a query to the agent; T, Z and RCODE are ignored.
    let flags = be16(head, udp::HEADER + dns::FLAGS);
    if flags & (dns::RESPONSE | dns::OPCODE | dns::CONFLICT | dns::TRUNCATED) != 0 {
        return Err(other);
    }
    // RFC 4795 2.1.1: one question and nothing else; additional records are the agent's.
    if le64(head, udp::HEADER + dns::COUNTS) != u64::from_le_bytes([0, 1, 0, 0, 0, 0, 0, 0]) {
        return Err(other);
    }
    let length = head[LENGTH_BYTE] as usize;
    if length == 0
        || length > LABEL_MAX
        || packet.length as usize != LENGTH_BYTE + 1 + length + QUESTION_END
    {
        return Err(other);
    }
    let sum = packet.sum.le64(le64(head, 0)).le64(le64(head, 8));
    let (label, kind, question) = question(frame, at + LENGTH_BYTE + 1, length).ok_or(other)?;

    // An incoming checksum is complete, or left to a device that does not exist behind veth and virtio: then
    // it is the pseudo-header's sum alone.
    let checksum = le16(head, udp::CHECKSUM);
    let good = sum.plus(question).fold() == 0xffff
        || checksum == packet.sum.fold()
        || (checksum == 0 && packet.checksum_optional);
    if !good || (checksum == 0 && !packet.checksum_optional) {
        return Err(arrival.pass(Outcome::LlmnrChecksum));
    }
    Ok(Query {
        hardware,
        asker: packet.source,
        port,
        id: le16(head, udp::HEADER + dns::ID),
        kind,
        length,
        label,
        sum: question,
    })
}

/// The label at `at`, the question's type and its sum, for a single label in class IN and type A or AAAA.
#[inline(always)]
fn question<F: Frame>(frame: &F, at: usize, length: usize) -> Option<([u64; 8], u16, Sum)> {
    let end = frame.window_at::<{ 8 + QUESTION_END }>(at + length - 8)?;
    let kind = be16(end, 9);
    if end[8] != 0 || (kind != dns::A && kind != dns::AAAA) || be16(end, 11) != dns::IN {
        return None;
    }
    // The last word overlaps what stands before it; those bytes are shifted out.
    let full = (length - 1) / 8;
    let last = le64(end, 0) >> ((8 * full + 8 - length) * 8);
    let mut label = [F::opaque(0); 8];
    let mut sum = Sum::ZERO.le64(last);
    for (index, word) in label.iter_mut().enumerate() {
        if index == full {
            *word = last;
            break;
        }
        *word = le64(frame.window::<8>(at + 8 * index)?, 0);
        sum = sum.le64(*word);
    }
    let tail = Sum::ZERO.le64(u64::from_le_bytes([
        0,
        0,
        kind as u8,
        0,
        dns::IN as u8,
        0,
        0,
        0,
    ]));
    // The label begins at an odd offset of the datagram.
    let sum = sum
        .plus(tail.moved(length % 2 == 1))
        .moved(true)
        .le16(length as u16);
    Some((label, kind, sum))
}

/// What an answer takes besides the query and the host.
#[derive(Clone, Copy)]
struct Reply<A> {
    source: A,
    mac: u64,
    /// Records in the answer section.
    count: usize,
    /// By how much the frame has grown.
    growth: usize,
    /// Whether the asker has a link-local address.
    link_scope: bool,
}

/// Writes the whole answer into the grown frame.
#[inline(always)]
fn write<I: Ip, F: Frame>(
    frame: &mut F,
    tag: Tag,
    query: &Query<I::Address>,
    host: &Host,
    reply: Reply<I::Address>,
) -> Option<()> {
    put_ethernet(frame, tag, query.hardware, reply.mac, I::ETHER_TYPE)?;
    let at = tag.payload();
    let length = (LENGTH_BYTE + 1 + query.length + QUESTION_END + reply.growth) as u16;
    let sum = I::put(frame, at, reply.source, query.asker, length)?;
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
    let sum = sum.plus(query.sum).plus(records.moved(label % 2 == 1));

    let head = frame.window_mut::<LENGTH_BYTE>(at)?;
    let ports = udp::LLMNR.swap_bytes() as u64
        | (query.port as u64) << 16
        | (length.swap_bytes() as u64) << 32;
    let message = query.id as u64 | (dns::RESPONSE.swap_bytes() as u64) << 16;
    let counts = counts(reply.count);
    let sum = sum.le64(ports).le64(message).le64(counts).udp_checksum();
    put(head, 0, (ports | (sum as u64) << 48).to_le_bytes());
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
