//! The frames of the quick way: what is compared, word by word, and what is written.

use super::super::ip::halves;
use super::super::{Ip, V4, V6};
use super::{END, NEAR, Plain, Quick, WORDS, end};
use crate::abi::{Link, SHORT};
use crate::frame::Frame;
use crate::wire::checksum::Sum;
use crate::wire::ip::{LIFETIME, UDP, v4, v6};
use crate::wire::{dns, ethernet, le16, le32, le64, put, udp};

/// What an answer takes besides the query.
#[derive(Clone, Copy)]
pub(in crate::respond) struct Answer<A> {
    /// Our address.
    pub(super) source: A,
    /// Our hardware address.
    pub(super) mac: u64,
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
            let [first, second] = self.aaaa;
            head.number(dns::AAAA).number(16).le64(first).le64(second)
        }
    }
}

/// Length of a datagram's header, a message's, and of the label's length byte behind them.
const FIXED: usize = udp::HEADER + dns::HEADER + 1;
/// Offset of the IP header.
const IP: usize = ethernet::HEADER;
/// Offsets of the datagram.
const UDP4: usize = IP + v4::HEADER;
const UDP6: usize = IP + v6::HEADER;
/// Lengths of the shortest frames that are looked at: those that ask for a label of one byte.
const LEAST4: usize = UDP4 + FIXED + 1 + END;
const LEAST6: usize = UDP6 + FIXED + 1 + END;

/// LLMNR's port, as it lies in memory.
const PORT: u16 = udp::LLMNR.swap_bytes();
/// A response without other flags, as it lies in memory.
const RESPONSE: u16 = dns::RESPONSE.swap_bytes();
/// RFC 4795 2.1.1: one question and nothing else; additional records are the agent's.
const ONE_QUESTION: u64 = 1 << 8;
/// One question and one answer.
const ONE_ANSWER: u64 = ONE_QUESTION | 1 << 24;
const HARDWARE: u64 = 0xffff_ffff_ffff;

/// The sum of a datagram's fields up to the label, its counts being [`ONE_QUESTION`], and of what pseudo-headers have
/// besides addresses.
#[inline(always)]
fn sum(head: &[u8], at: usize, length: usize) -> Sum {
    Sum::ZERO
        .le32(le32(head, at))
        .le32(le32(head, at + 4))
        .le32(le32(head, at + 8))
        .le16(ONE_QUESTION as u16)
        .le16(length as u16)
        .number(UDP as u16)
        .number((FIXED + END + length) as u16)
}

/// Whether a datagram's fields up to the label are those of a plain query.
#[inline(always)]
fn is_plain(head: &[u8], at: usize, length: usize) -> bool {
    let ports = le32(head, at);
    let fields = le64(head, at + udp::LENGTH);
    // RFC 4795 2.1.1: OPCODE, C and TC send a query to the agent; T, Z and RCODE are ignored.
    const FLAGS: u16 = dns::RESPONSE | dns::OPCODE | dns::CONFLICT | dns::TRUNCATED;
    const MASK: u64 = (FLAGS.swap_bytes() as u64) << 48 | 0xffff;
    ports >> 16 == PORT as u32
        && ports & 0xffff != 0
        && fields & MASK == ((FIXED + END + length) as u64) << 8
        && fields & 0xffff_0000 != 0
        && le64(head, at + udp::HEADER + dns::COUNTS) == ONE_QUESTION
}

// The length of a datagram of the longest label fits into a byte.
const _: () = assert!(v4::HEADER + FIXED + END + SHORT < 256);

/// The source of a frame, if it is a station.
#[inline(always)]
fn station(head: &[u8]) -> Option<u64> {
    let hardware = le64(head, ethernet::SOURCE) & HARDWARE;
    (!ethernet::is_group(hardware) && hardware != 0).then_some(hardware)
}

/// Copies the label to where the answer has it, and writes what follows it: the question's end and the record.
#[inline(always)]
fn put_end<F: Frame, A, const GROWTH: usize>(
    frame: &mut F,
    label: usize,
    length: usize,
    answer: &Answer<A>,
) -> Option<()> {
    let at = label + length - WORDS;
    let record = &answer.record;
    let (owner, ttl) = (
        u16::from_le_bytes(dns::QUESTION_NAME) as u64,
        record.ttl as u64,
    );
    let start = |kind: u16| end(kind) | owner << 40;
    let middle = |kind: u16| kind as u64 | (dns::IN as u64) << 16 | ttl << 24;
    if GROWTH == dns::A_RECORD {
        let to = frame.window_at_mut::<{ WORDS + END + dns::A_RECORD }>(at)?;
        copy_label::<GROWTH>(to);
        put(to, WORDS, start(dns::A).to_le_bytes());
        put(to, WORDS + 8, middle(dns::A).to_le_bytes());
        let rest = ttl >> 16 | 4 << 24 | (record.a as u64) << 32;
        put(to, WORDS + 13, rest.to_le_bytes());
    } else {
        let to = frame.window_at_mut::<{ WORDS + END + dns::AAAA_RECORD }>(at)?;
        copy_label::<GROWTH>(to);
        put(to, WORDS, start(dns::AAAA).to_le_bytes());
        put(to, WORDS + 8, middle(dns::AAAA).to_le_bytes());
        to[WORDS + 16] = 16;
        put(to, WORDS + 17, record.aaaa[0].to_le_bytes());
        put(to, WORDS + 25, record.aaaa[1].to_le_bytes());
    }
    Some(())
}

/// Copies a label, and what stands before it, by so many bytes to the front.
#[inline(always)]
fn copy_label<const GROWTH: usize>(to: &mut [u8]) {
    let (low, high) = (le64(to, GROWTH), le64(to, GROWTH + 8));
    put(to, 0, low.to_le_bytes());
    put(to, 8, high.to_le_bytes());
}

/// The addresses of a frame and its EtherType. The two bytes behind them are written later.
#[inline(always)]
fn put_ethernet(head: &mut [u8], hardware: u64, mac: u64, ether_type: u16) {
    put(head, 0, (hardware & HARDWARE | mac << 48).to_le_bytes());
    let rest = mac >> 16 | (ether_type.swap_bytes() as u64) << 32;
    put(head, 8, rest.to_le_bytes());
}

/// Writes a datagram's header and the message's, up to the label: to `port`, with the `fields` of the query from its
/// length to its flags.
///
/// The sum of the query is nothing, as it was found to be right: so the answer's is what that has more, less what the
/// query had more; `instead` is our address in place of the group's.
#[inline(always)]
fn put_datagram<A, const GROWTH: usize>(
    head: &mut [u8],
    at: usize,
    length: usize,
    port: u16,
    fields: u64,
    instead: Sum,
    answer: &Answer<A>,
) {
    let (checksum, flags) = ((fields >> 16) as u16, (fields >> 48) as u16);
    let record = answer.record.sum::<GROWTH>();
    let checksum = instead
        .le16(!checksum)
        .le16(!flags)
        .le16(RESPONSE)
        .le16((ONE_ANSWER >> 16) as u16)
        // The length counts twice.
        .number(2 * GROWTH as u16)
        .plus(record.moved(length % 2 == 1))
        .udp_checksum_few();
    put(head, at, (PORT as u32 | (port as u32) << 16).to_le_bytes());
    let fields = ((FIXED + END + GROWTH + length) as u64) << 8
        | (checksum as u64) << 16
        | fields & 0xffff_0000_0000
        | (RESPONSE as u64) << 48;
    put(head, at + udp::LENGTH, fields.to_le_bytes());
    put(
        head,
        at + udp::HEADER + dns::COUNTS,
        ONE_ANSWER.to_le_bytes(),
    );
    head[at + FIXED - 1] = length as u8;
}

/// The part of a grown frame that is the old one's least.
#[inline(always)]
fn grown4<F: Frame, const GROWTH: usize>(frame: &mut F) -> Option<&mut [u8]> {
    if GROWTH == dns::A_RECORD {
        Some(frame.window_mut::<{ dns::A_RECORD + LEAST4 }>(0)?)
    } else {
        Some(frame.window_mut::<{ dns::AAAA_RECORD + LEAST4 }>(0)?)
    }
}

#[inline(always)]
fn grown6<F: Frame, const GROWTH: usize>(frame: &mut F) -> Option<&mut [u8]> {
    if GROWTH == dns::A_RECORD {
        Some(frame.window_mut::<{ dns::A_RECORD + LEAST6 }>(0)?)
    } else {
        Some(frame.window_mut::<{ dns::AAAA_RECORD + LEAST6 }>(0)?)
    }
}

impl Quick for V4 {
    const LABEL: usize = UDP4 + FIXED;

    #[inline(always)]
    fn plain<F: Frame>(frame: &F) -> Option<Plain<u32>> {
        let head = frame.window::<LEAST4>(0)?;
        let length = head[UDP4 + FIXED - 1] as usize;
        let asker = le32(head, IP + v4::SOURCE);
        let group = u32::from_le_bytes(v4::LLMNR);
        let header = Sum::ZERO
            .le32(le32(head, IP))
            .le32(le32(head, IP + 4))
            .le32(le32(head, IP + 8))
            .le32(asker)
            .le32(group);
        let sum = sum(head, UDP4, length).le32(asker).le32(group);
        // Version, length and fragments; type of service, id and "do not fragment" may be any.
        const MASK: u64 = 0xffff_0000_ffff_00ff & !((v4::DONT_FRAGMENT.swap_bytes() as u64) << 48);
        let start = v4::VERSION_IHL as u64 | ((v4::HEADER + FIXED + END + length) as u64) << 24;
        let plain = length.wrapping_sub(1) < SHORT
            && frame.length() == UDP4 + FIXED + length + END
            && le64(head, IP) & MASK == start
            && head[IP + v4::PROTOCOL] == UDP
            && le32(head, IP + v4::DESTINATION) == group
            && is_plain(head, UDP4, length)
            && header.is_right_few();
        let hardware = station(head)?;
        plain.then_some(Plain {
            asker,
            hardware,
            length,
            sum,
        })
    }

    #[inline(always)]
    fn near(link: &Link, asker: u32) -> Option<u32> {
        for (index, prefix) in link.prefix4.iter().take(NEAR).enumerate() {
            if index as u32 >= link.prefix4_count {
                break;
            }
            let mask = u32::from_le_bytes(prefix.mask);
            if asker & mask == u32::from_le_bytes(prefix.network) {
                // The two ends of a prefix are no stations, but in narrow ones, which are not for this way.
                let (host, source) = (asker & !mask, u32::from_le_bytes(prefix.source));
                return (host != 0 && host != !mask && asker != source).then_some(source);
            }
        }
        None
    }

    #[inline(always)]
    fn write<F: Frame, const GROWTH: usize>(
        frame: &mut F,
        length: usize,
        answer: &Answer<u32>,
    ) -> Option<()> {
        let old = grown4::<F, GROWTH>(frame)?;
        let hardware = le64(old, GROWTH + ethernet::SOURCE);
        let asker = le32(old, GROWTH + IP + v4::SOURCE);
        let port = le16(old, GROWTH + UDP4);
        let fields = le64(old, GROWTH + UDP4 + udp::LENGTH);
        put_end::<F, _, GROWTH>(frame, Self::LABEL, length, answer)?;

        let start = v4::VERSION_IHL as u64
            | ((v4::HEADER + FIXED + END + GROWTH + length) as u64) << 24
            | (v4::DONT_FRAGMENT.swap_bytes() as u64) << 48;
        let lifetime = LIFETIME as u32 | (UDP as u32) << 8;
        let header = Sum::ZERO
            .le32(answer.source)
            .le32(asker)
            .le32(lifetime)
            .le16(v4::VERSION_IHL as u16)
            .number((v4::HEADER + FIXED + END + GROWTH + length) as u16)
            .number(v4::DONT_FRAGMENT)
            .checksum_few();
        let group = u32::from_le_bytes(v4::LLMNR);
        let instead = Sum::ZERO.le32(answer.source).le32(!group);
        let head = grown4::<F, GROWTH>(frame)?;
        put_ethernet(head, hardware, answer.mac, Self::ETHER_TYPE);
        put(head, IP, start.to_le_bytes());
        let middle = lifetime as u64 | (header as u64) << 16 | (answer.source as u64) << 32;
        put(head, IP + v4::TTL, middle.to_le_bytes());
        put(head, IP + v4::DESTINATION, asker.to_le_bytes());
        put_datagram::<_, GROWTH>(head, UDP4, length, port, fields, instead, answer);
        Some(())
    }
}

impl Quick for V6 {
    const LABEL: usize = UDP6 + FIXED;

    #[inline(always)]
    fn plain<F: Frame>(frame: &F) -> Option<Plain<(u64, u64)>> {
        let head = frame.window::<LEAST6>(0)?;
        let length = head[UDP6 + FIXED - 1] as usize;
        let group = halves(v6::LLMNR);
        let at = IP + v6::SOURCE;
        let sum = sum(head, UDP6, length)
            .le32(le32(head, at))
            .le32(le32(head, at + 4))
            .le32(le32(head, at + 8))
            .le32(le32(head, at + 12))
            .le64(group.0)
            .le64(group.1);
        // Version, payload length and next header; traffic class, flow label and hop limit may be any.
        const MASK: u64 = 0x00ff_ffff_0000_00f0;
        let start = 0x60 | ((FIXED + END + length) as u64) << 40 | (UDP as u64) << 48;
        let plain = length.wrapping_sub(1) < SHORT
            && frame.length() == UDP6 + FIXED + length + END
            && le64(head, IP) & MASK == start
            && le64(head, IP + v6::DESTINATION) == group.0
            && le64(head, IP + v6::DESTINATION + 8) == group.1
            && is_plain(head, UDP6, length);
        let hardware = station(head)?;
        plain.then_some(Plain {
            asker: (le64(head, at), le64(head, at + 8)),
            hardware,
            length,
            sum,
        })
    }

    #[inline(always)]
    fn near(link: &Link, asker: (u64, u64)) -> Option<(u64, u64)> {
        for (index, prefix) in link.prefix6.iter().take(NEAR).enumerate() {
            if index as u32 >= link.prefix6_count {
                break;
            }
            let mask = halves(prefix.mask);
            if (asker.0 & mask.0, asker.1 & mask.1) == halves(prefix.network) {
                let source = halves(prefix.source);
                return (source != asker).then_some(source);
            }
        }
        None
    }

    #[inline(always)]
    fn write<F: Frame, const GROWTH: usize>(
        frame: &mut F,
        length: usize,
        answer: &Answer<(u64, u64)>,
    ) -> Option<()> {
        let old = grown6::<F, GROWTH>(frame)?;
        let hardware = le64(old, GROWTH + ethernet::SOURCE);
        let at = GROWTH + IP + v6::SOURCE;
        let asker = (le64(old, at), le64(old, at + 8));
        let port = le16(old, GROWTH + UDP6);
        let fields = le64(old, GROWTH + UDP6 + udp::LENGTH);
        put_end::<F, _, GROWTH>(frame, Self::LABEL, length, answer)?;

        let start = 0x60
            | ((FIXED + END + GROWTH + length) as u64) << 40
            | (UDP as u64) << 48
            | (LIFETIME as u64) << 56;
        let (source, group) = (answer.source, halves(v6::LLMNR));
        let instead = Sum::ZERO.le64(source.0).le64(source.1);
        let instead = instead.le64(!group.0).le64(!group.1);
        let head = grown6::<F, GROWTH>(frame)?;
        put_ethernet(head, hardware, answer.mac, Self::ETHER_TYPE);
        put(head, IP, start.to_le_bytes());
        put(head, IP + v6::SOURCE, source.0.to_le_bytes());
        put(head, IP + v6::SOURCE + 8, source.1.to_le_bytes());
        put(head, IP + v6::DESTINATION, asker.0.to_le_bytes());
        put(head, IP + v6::DESTINATION + 8, asker.1.to_le_bytes());
        put_datagram::<_, GROWTH>(head, UDP6, length, port, fields, instead, answer);
        Some(())
    }
}
