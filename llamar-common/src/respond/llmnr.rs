//! LLMNR queries for A and AAAA over UDP (RFC 4795), over IPv4 and IPv6, for names of one label.
//!
//! The frame grows, mostly at its head: headers and question are written anew in front, and the records behind them.

use self::reply::{Reply, write};
use super::arrival::Arrival;
use super::{Ending, Tag};
use crate::abi::{
    ADDRESSES_MAX, Host, LABEL_MAX, LINK_GENERIC, LINK_NATIVE, NameKey, NameState, Outcome,
};
use crate::frame::Frame;
use crate::limit::Source;
use crate::records::{Records, World};
use crate::wire::checksum::Sum;
use crate::wire::{be16, dns, ethernet, le16, le48, le64, name, udp};

pub(super) use self::ip::{V4, V6};
pub(super) use self::quick::{Quick, elsewhere, respond as quick};

mod ip;
mod quick;
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
    /// Who asks, as far as the limiter tells.
    fn limited(asker: Self::Address) -> Source;
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
    /// The datagram's checksum, as it lies in memory.
    checksum: u16,
    /// Sum of the whole datagram and its pseudo-header.
    whole: Sum,
}

/// Where the frame takes room for the records.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Side {
    /// In front: the cheaper way, and the only one where frames have no room behind them.
    Head,
    /// Behind; the checksum is left to whoever sends the frame on.
    Tail,
}

/// Offset of the label's length byte in the UDP datagram; even, which the sums count on.
const LENGTH_BYTE: usize = udp::HEADER + dns::HEADER;
/// What follows the label: the root's length byte, type and class.
const QUESTION_END: usize = 5;

#[inline(always)]
pub(super) fn respond<I: Ip, F: Frame, R: Records>(frame: &mut F, records: &R, tag: Tag) -> Ending {
    match answer::<I, F, R>(frame, records, tag) {
        Ok(verdict) | Err(verdict) => verdict,
    }
}

#[inline(always)]
fn answer<I: Ip, F: Frame, R: Records>(
    frame: &mut F,
    records: &R,
    tag: Tag,
) -> Result<Ending, Ending> {
    let packet = match I::parse(frame, tag.payload()) {
        Ok(packet) => packet,
        Err(None) => return Err(Ending::UNCOUNTED),
        Err(Some(outcome)) => return Err(Arrival::find(records, tag.vlan())?.pass(outcome)),
    };
    let arrival = Arrival::find(records, tag.vlan())?;
    // RFC 4795 2.5, 5.1: only an asker on the link is answered, from an address of that link. Looked up before the
    // label is read, because the verifier follows every length of a label through all that comes behind it.
    let source =
        I::source(arrival.link, packet.source).ok_or(arrival.pass(Outcome::LlmnrOffLink))?;
    let query = parse::<I, F>(frame, tag, packet, &arrival)?;
    let side =
        side::<R, _>(&query, &packet, &arrival).ok_or(arrival.pass(Outcome::LlmnrChecksum))?;
    let (host, count) = host::<I, R>(records, &arrival, &query)?;
    arrival.vouch(records)?;
    arrival.admit(records, I::limited(query.asker))?;

    let growth = match (count, query.kind) {
        (0, _) => dns::SOA_RECORD,
        (count, dns::A) => count * dns::A_RECORD,
        (count, _) => count * dns::AAAA_RECORD,
    };
    let grown = match side {
        Side::Head => frame.grow_head(growth),
        Side::Tail => frame.grow_tail(growth),
    };
    if !grown {
        return Err(arrival.pass(Outcome::NoRoom));
    }
    let reply = Reply {
        source,
        mac: arrival.mac,
        count,
        growth,
        side,
        link_scope: I::is_link_local(query.asker),
    };
    // From here on the old frame is gone; it was long enough for every window, so all of them are there.
    let _ = write::<I, F>(frame, tag, &query, host, reply);
    let outcome = if count == 0 {
        Outcome::LlmnrEmpty
    } else {
        Outcome::LlmnrAnswered
    };
    Ok(Ending::reply(outcome, arrival.slot))
}

/// The host that is asked for and how many addresses of the type it has, if it is answered for here.
#[inline(always)]
fn host<'r, I: Ip, R: Records>(
    records: &'r R,
    arrival: &Arrival<'_>,
    query: &Query<I::Address>,
) -> Result<(&'r Host, usize), Ending> {
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
    let count = match query.kind {
        dns::A => host.a_count,
        _ => host.aaaa_count,
    };
    if count as usize > ADDRESSES_MAX {
        return Err(arrival.pass(Outcome::LlmnrTooMany));
    }
    Ok((host, count as usize))
}

/// Reads a query of the one form that is answered here; for any other, why it is passed.
#[inline(always)]
fn parse<I: Ip, F: Frame>(
    frame: &F,
    tag: Tag,
    packet: Packet<I::Address>,
    arrival: &Arrival<'_>,
) -> Result<Query<I::Address>, Ending> {
    let other = arrival.pass(Outcome::LlmnrOther);
    let at = tag.payload() + I::HEADER;
    let (hardware, head) =
        head(frame, at, &packet, arrival.mac).ok_or(arrival.pass(Outcome::LlmnrMalformed))?;
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
    let (label, kind, question) = question(frame, at + LENGTH_BYTE + 1, length).ok_or(other)?;
    Ok(Query {
        hardware,
        asker: packet.source,
        port: le16(head, udp::SOURCE),
        id: le16(head, udp::HEADER + dns::ID),
        kind,
        length,
        label,
        sum: question,
        checksum: le16(head, udp::CHECKSUM),
        whole: packet
            .sum
            .le64(le64(head, 0))
            .le64(le64(head, 8))
            .plus(question),
    })
}

/// The asker's hardware address, and the datagram from its header to the label's length byte, if the frame ends
/// with the datagram and comes from another station.
#[inline(always)]
fn head<'f, F: Frame, A>(
    frame: &'f F,
    at: usize,
    packet: &Packet<A>,
    mac: u64,
) -> Option<(u64, &'f [u8; LENGTH_BYTE + 1])> {
    let header = frame.window::<{ ethernet::HEADER }>(0)?;
    let hardware = le48(header, ethernet::SOURCE);
    let head = frame.window::<{ LENGTH_BYTE + 1 }>(at)?;
    let station = !ethernet::is_group(hardware) && hardware != 0 && hardware != mac;
    let whole =
        be16(head, udp::LENGTH) == packet.length && frame.length() == at + packet.length as usize;
    (station && whole && le16(head, udp::SOURCE) != 0).then_some((hardware, head))
}

/// On which side the frame is to grow, by what its checksum is; `None` if that is wrong.
///
/// It is complete, or absent, or it is the pseudo-header's sum alone: a local sender's, for a device to complete.
/// In the driver's mode such a frame is bytes like any other. In generic mode it carries the mark that says so,
/// counted from its head, and whoever sends the answer on may complete that: then head and mark have to stay where
/// they are, and the answer's checksum as partial as the query's.
#[inline(always)]
fn side<R: Records, A>(
    query: &Query<A>,
    packet: &Packet<A>,
    arrival: &Arrival<'_>,
) -> Option<Side> {
    if query.checksum == 0 {
        return packet.checksum_optional.then_some(Side::Head);
    }
    let complete = query.whole.fold() == 0xffff;
    if query.checksum != packet.sum.fold() {
        return complete.then_some(Side::Head);
    }
    match arrival.link.mode {
        LINK_NATIVE => Some(Side::Head),
        // Of a sum that may be either nothing is known.
        LINK_GENERIC if !complete => Some(Side::Tail),
        _ => matches!(R::WORLD, World::Agent).then_some(Side::Head),
    }
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
