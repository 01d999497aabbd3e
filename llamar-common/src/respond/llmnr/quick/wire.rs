//! The frames of the quick way around IP's header: what is compared, word by word, and what is written.

use super::{A_IN, AAAA_IN, END, Ours, WORDS};
use crate::abi::SHORT;
use crate::frame::Frame;
use crate::wire::checksum::Sum;
use crate::wire::ip::{UDP, v4};
use crate::wire::{dns, ethernet, le16, le32, le64, put, udp};

/// What an answer takes besides the query.
#[derive(Clone, Copy)]
pub(in crate::respond) struct Answer<A> {
    /// Our address.
    pub(super) ours: Ours<A>,
    /// Our hardware address, and the EtherType behind it.
    pub(super) from: u64,
    /// The record.
    pub(super) record: Record,
}

/// The address of a name.
#[derive(Clone, Copy)]
pub(in crate::respond) struct Record {
    /// TTL, as it lies in memory.
    pub(super) ttl: u32,
    /// The address, if it is one of IPv4.
    pub(super) a: u32,
    /// The address, if it is one of IPv6.
    pub(super) aaaa: [u64; 2],
}

impl Record {
    /// The record's sum; by how much the frame has grown says of which type it is.
    #[inline(always)]
    fn sum<const GROWTH: usize>(&self) -> Sum {
        let head = Sum::ZERO
            .le16(u16::from_le_bytes(dns::QUESTION_NAME))
            .number(dns::IN)
            .le32(self.ttl);
        if GROWTH == dns::A_RECORD {
            head.number(dns::A).number(4).le32(self.a)
        } else {
            head.number(dns::AAAA).number(16).le128(self.aaaa)
        }
    }
}

/// Length of a datagram's header, a message's, and of the label's length byte behind them.
pub(super) const FIXED: usize = udp::HEADER + dns::HEADER + 1;
/// Offsets of the message in a datagram, and of its counts.
const MESSAGE: usize = udp::HEADER;
const COUNTS: usize = MESSAGE + dns::COUNTS;
/// Offset of the IP header.
pub(super) const IP: usize = ethernet::HEADER;
/// What follows a datagram's header in the shortest frames that are looked at: those that ask for a label of one byte.
pub(super) const LEAST: usize = FIXED + 1 + END;

/// Offset of a record in the window that begins with a label's words.
const RECORD: usize = WORDS + END;

/// LLMNR's port, as it lies in memory.
const PORT: u16 = udp::LLMNR.swap_bytes();
/// The owner's name in a record: the question's.
const OWNER: u16 = u16::from_le_bytes(dns::QUESTION_NAME);
/// A response without other flags, as it lies in memory.
const RESPONSE: u16 = dns::RESPONSE.swap_bytes();
/// RFC 4795 2.1.1: one question and nothing else; additional records are the agent's.
const ONE_QUESTION: u64 = 1 << 8;
/// One question and one answer.
const ONE_ANSWER: u64 = ONE_QUESTION | 1 << 24;

/// The sum of a datagram's fields up to the label and of its length, without what [`SUM`] has.
#[inline(always)]
pub(super) fn sum(head: &[u8], at: usize, length: usize) -> Sum {
    Sum::ZERO
        .le32(le32(head, at))
        .le32(le32(head, at + 4))
        .le32(le32(head, at + 8))
        .le16(length as u16)
        .le16((length << 8) as u16)
}

/// What is the same of that in all queries, the counts being [`ONE_QUESTION`], with what pseudo-headers have besides
/// addresses.
pub(super) const SUM: Sum = Sum::ZERO
    .le16(ONE_QUESTION as u16)
    .number(UDP as u16)
    .le16(((FIXED + END) << 8) as u16);

/// Whether a datagram's fields up to the label are those of a plain query.
#[inline(always)]
pub(super) fn is_plain(head: &[u8], at: usize, length: usize) -> bool {
    // To LLMNR's port, from one that is not 0.
    let ports = le32(head, at).wrapping_sub((PORT as u32) << 16);
    ports.wrapping_sub(1) < 0xffff
        && le16(head, at + udp::LENGTH) as usize == (FIXED + END + length) << 8
        // RFC 4795 2.1.1: OPCODE, C and TC send a query to the agent; T, Z and RCODE are ignored, but elsewhere.
        && le16(head, at + udp::HEADER + dns::FLAGS) == 0
        && le64(head, at + udp::HEADER + dns::COUNTS) == ONE_QUESTION
}

// The length of a datagram of the longest label fits into a byte.
const _: () = assert!(v4::HEADER + FIXED + END + SHORT < 256);

/// The source of a frame and its EtherType, if that is a station with something in its first four bytes.
#[inline(always)]
pub(super) fn station<F: Frame>(head: &[u8]) -> Option<u64> {
    let hardware = le64(head, ethernet::SOURCE);
    (!F::any::<{ ethernet::GROUP }>(hardware) && F::lower(hardware) != 0).then_some(hardware)
}

/// Copies the label to where the answer has it, and writes what follows it: the question's end and the record.
#[inline(always)]
fn put_end<F: Frame, A, const GROWTH: usize, const LONG: bool>(
    frame: &mut F,
    label: usize,
    length: usize,
    answer: &Answer<A>,
) -> Option<()> {
    let (at, length) = (label - WORDS, length as u8);
    let record = &answer.record;
    if GROWTH == dns::A_RECORD {
        let to = frame.window_behind_mut::<{ WORDS + END + dns::A_RECORD }>(at, length)?;
        put_record::<F, GROWTH, LONG, { A_IN << 8 }, { end_of(A_IN) }, A_IN, { 4 << 8 }>(
            to, record.ttl,
        );
        put(to, RECORD + 12, record.a.to_le_bytes());
    } else {
        let to = frame.window_behind_mut::<{ WORDS + END + dns::AAAA_RECORD }>(at, length)?;
        put_record::<F, GROWTH, LONG, { AAAA_IN << 8 }, { end_of(AAAA_IN) }, AAAA_IN, { 16 << 8 }>(
            to, record.ttl,
        );
        put(to, RECORD + 12, record.aaaa[0].to_le_bytes());
        put(to, RECORD + 20, record.aaaa[1].to_le_bytes());
    }
    Some(())
}

/// Moves a label of one word, or of two if it is `LONG`, with what stands before it in those words, by so many bytes to the
/// front, and writes what comes before the address, in constants as they lie in memory: the root's length byte with the
/// `START` of type and class, their [end](end_of) with the record's owner, type and class of the record, and the length of
/// its data.
#[inline(always)]
fn put_record<
    F: Frame,
    const GROWTH: usize,
    const LONG: bool,
    const START: u32,
    const REST: u32,
    const KIND: u32,
    const LENGTH: u16,
>(
    to: &mut [u8],
    ttl: u32,
) {
    let high = le64(to, GROWTH + 8);
    if LONG {
        let low = le64(to, GROWTH);
        put(to, 0, low.to_le_bytes());
    }
    put(to, 8, high.to_le_bytes());
    F::put32::<WORDS, 0, START>(to);
    F::put32::<WORDS, 4, REST>(to);
    F::put32::<RECORD, 2, KIND>(to);
    put(to, RECORD + 6, ttl.to_le_bytes());
    F::put16::<RECORD, 10, LENGTH>(to);
}

/// The last byte of the class, the record's owner, and a byte that is written over.
const fn end_of(kind: u32) -> u32 {
    kind >> 24 | (OWNER as u32) << 8
}

// An answer is written from front to back: fields of the query are read when they are about to be written over, so that
// few of them have to be kept. Before the datagram's header comes what follows it: the label is moved with what stands
// before it.

/// The addresses of a frame and its EtherType.
#[inline(always)]
pub(super) fn put_ethernet<const GROWTH: usize>(head: &mut [u8], from: u64) {
    let hardware = le64(head, GROWTH + ethernet::SOURCE);
    put(head, ethernet::DESTINATION, hardware.to_le_bytes());
    put(head, ethernet::SOURCE, from.to_le_bytes());
}

/// What the answer has of the query's datagram.
struct Asked {
    port: u16,
    checksum: u16,
    id: u16,
}

impl Asked {
    #[inline(always)]
    fn read(head: &[u8], at: usize) -> Self {
        Self {
            port: le16(head, at + udp::SOURCE),
            checksum: le16(head, at + udp::CHECKSUM),
            id: le16(head, at + udp::HEADER + dns::ID),
        }
    }

    /// Writes the datagram's header and the message's, up to the label. `instead` is the sum of our address in place of
    /// the group's.
    ///
    /// The query's checksum was found to be right: so the answer's is that one, less what the answer has more.
    #[inline(always)]
    fn put<F: Frame, A, const GROWTH: usize, const AT: usize>(
        &self,
        head: &mut [u8],
        length: usize,
        instead: Sum,
        answer: &Answer<A>,
    ) {
        let record = answer.record.sum::<GROWTH>();
        let more = instead
            .le16(RESPONSE)
            .le16((ONE_ANSWER >> 16) as u16)
            // The length counts twice.
            .number(2 * GROWTH as u16)
            .plus(record.moved(length % 2 == 1));
        let datagram = ((FIXED + END + GROWTH + length) << 8) as u16;
        F::put16::<AT, { udp::SOURCE }, PORT>(head);
        put(head, AT + udp::DESTINATION, self.port.to_le_bytes());
        put(head, AT + udp::LENGTH, datagram.to_le_bytes());
        let checksum = more.udp_checksum_after(self.checksum);
        put(head, AT + udp::CHECKSUM, checksum.to_le_bytes());
        put(head, AT + MESSAGE + dns::ID, self.id.to_le_bytes());
        F::put16::<AT, { MESSAGE + dns::FLAGS }, RESPONSE>(head);
        F::put64::<AT, COUNTS, { ONE_ANSWER as i32 }>(head);
        head[AT + FIXED - 1] = length as u8;
    }
}

/// Writes the datagram at `AT` of a frame that has grown.
#[inline(always)]
pub(super) fn put_datagram<
    F: Frame,
    A,
    const GROWTH: usize,
    const LONG: bool,
    const AT: usize,
    const WITH_A: usize,
    const WITH_AAAA: usize,
>(
    frame: &mut F,
    length: usize,
    instead: Sum,
    answer: &Answer<A>,
) -> Option<()> {
    let head = grown::<F, GROWTH, WITH_A, WITH_AAAA>(frame)?;
    let asked = Asked::read(head, GROWTH + AT);
    put_end::<F, _, GROWTH, LONG>(frame, AT + FIXED, length, answer)?;
    let head = grown::<F, GROWTH, WITH_A, WITH_AAAA>(frame)?;
    asked.put::<F, _, GROWTH, AT>(head, length, instead, answer);
    Some(())
}

/// The part of a grown frame that is the old one's least, with either record.
#[inline(always)]
pub(super) fn grown<F: Frame, const GROWTH: usize, const WITH_A: usize, const WITH_AAAA: usize>(
    frame: &mut F,
) -> Option<&mut [u8]> {
    if GROWTH == dns::A_RECORD {
        Some(frame.window_mut::<WITH_A>(0)?)
    } else {
        Some(frame.window_mut::<WITH_AAAA>(0)?)
    }
}
