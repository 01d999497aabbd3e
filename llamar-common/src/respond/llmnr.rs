//! LLMNR queries for A and AAAA over UDP (RFC 4795), over IPv4 and IPv6, for names of one label.
//!
//! The frame grows at its head: headers and question are written anew in front, the records take the place
//! where the question stood.

use self::reply::{Reply, write};
use super::{Arrival, Tag, Verdict};
use crate::abi::{ADDRESSES_MAX, LABEL_MAX, NameKey, NameState, Outcome};
use crate::frame::Frame;
use crate::records::Records;
use crate::wire::checksum::Sum;
use crate::wire::{be16, dns, ethernet, le16, le48, le64, name, udp};

pub(super) use self::ip::{V4, V6};

mod ip;
mod reply;

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
