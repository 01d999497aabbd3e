//! The frames of the quick way: what is compared, word by word, and what is written.

use super::super::ip::halves;
use super::super::{Ip, V4, V6};
use super::{A_IN, AAAA_IN, END, NEAR, Ours, Plain, Quick, WORDS};
use crate::abi::{Link, SHORT};
use crate::frame::Frame;
use crate::wire::checksum::Sum;
use crate::wire::ip::{LIFETIME, UDP, v4, v6};
use crate::wire::{dns, ethernet, le16, le32, le64, put, udp};

/// What an answer takes besides the query.
#[derive(Clone, Copy)]
pub(in crate::respond) struct Answer<A> {
    /// Our address.
    pub(super) ours: Ours<A>,
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
            head.number(dns::AAAA).number(16).le128(self.aaaa)
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
        .le16(((FIXED + END + length) << 8) as u16)
}

/// Whether a datagram's fields up to the label are those of a plain query.
#[inline(always)]
fn is_plain(head: &[u8], at: usize, length: usize) -> bool {
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
    if GROWTH == dns::A_RECORD {
        let to = frame.window_at_mut::<{ WORDS + END + dns::A_RECORD }>(at)?;
        put_record::<GROWTH>(to, A_IN, 4, record.ttl);
        put(to, WORDS + END + 12, record.a.to_le_bytes());
    } else {
        let to = frame.window_at_mut::<{ WORDS + END + dns::AAAA_RECORD }>(at)?;
        put_record::<GROWTH>(to, AAAA_IN, 16, record.ttl);
        put(to, WORDS + END + 12, record.aaaa[0].to_le_bytes());
        put(to, WORDS + END + 20, record.aaaa[1].to_le_bytes());
    }
    Some(())
}

/// Moves a label, and what stands before it, by so many bytes to the front, and writes what comes before the address.
///
/// Fields that overlap what is written after them cost less than fields that are put together.
#[inline(always)]
fn put_record<const GROWTH: usize>(to: &mut [u8], kind: u32, length: u8, ttl: u32) {
    let (low, high) = (le64(to, GROWTH), le64(to, GROWTH + 8));
    let owner = u16::from_le_bytes(dns::QUESTION_NAME) as u64;
    put(to, 0, low.to_le_bytes());
    put(to, 8, high.to_le_bytes());
    let question = (kind as u64) << 8 | owner << 40;
    put(to, WORDS, question.to_le_bytes());
    put(to, WORDS + END + 2, kind.to_le_bytes());
    put(to, WORDS + END + 6, ttl.to_le_bytes());
    put(to, WORDS + END + 10, [0, length]);
}

// An answer is written from front to back: fields of the query are read when they are about to be written over, so that
// few of them have to be kept. Before the datagram's header comes what follows it: the label is moved with what stands
// before it.

/// The addresses of a frame, its EtherType, and the first byte behind that with five zeros.
#[inline(always)]
fn put_ethernet<const GROWTH: usize>(head: &mut [u8], mac: u64, ether_type: u16, version: u8) {
    let hardware = le64(head, GROWTH + ethernet::SOURCE);
    put(head, ethernet::DESTINATION, hardware.to_le_bytes());
    put(head, ethernet::SOURCE, mac.to_le_bytes());
    let rest = ether_type.swap_bytes() as u64 | (version as u64) << 16;
    put(head, ethernet::ETHER_TYPE, rest.to_le_bytes());
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
    fn put<A, const GROWTH: usize>(
        &self,
        head: &mut [u8],
        at: usize,
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
        let start = self.id as u32 | (RESPONSE as u32) << 16;
        let message = at + udp::HEADER;
        put(head, at + udp::SOURCE, PORT.to_le_bytes());
        put(head, at + udp::DESTINATION, self.port.to_le_bytes());
        put(head, at + udp::LENGTH, datagram.to_le_bytes());
        let checksum = more.udp_checksum_after(self.checksum);
        put(head, at + udp::CHECKSUM, checksum.to_le_bytes());
        put(head, message + dns::ID, start.to_le_bytes());
        put(head, message + dns::COUNTS, ONE_ANSWER.to_le_bytes());
        head[at + FIXED - 1] = length as u8;
    }
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
        if length.wrapping_sub(1) >= SHORT
            || le64(head, IP) & MASK != start
            || head[IP + v4::PROTOCOL] != UDP
            || le32(head, IP + v4::DESTINATION) != group
            || !is_plain(head, UDP4, length)
            || !header.is_right()
        {
            return None;
        }
        Some(Plain {
            asker,
            hardware: station(head)?,
            length,
            sum,
        })
    }

    #[inline(always)]
    fn near(link: &Link, asker: u32) -> Option<Ours<u32>> {
        for (index, prefix) in link.prefix4.iter().take(NEAR).enumerate() {
            if index as u32 >= link.prefix4_count {
                break;
            }
            let mask = u32::from_le_bytes(prefix.mask);
            if asker & mask == u32::from_le_bytes(prefix.network) {
                // The two ends of a prefix are no stations, but in narrow ones, which are not for this way.
                let (host, source) = (asker & !mask, u32::from_le_bytes(prefix.source));
                let ours = Ours {
                    address: source,
                    sum: Sum::ZERO.le32(source),
                };
                return (host != 0 && host != !mask && asker != source).then_some(ours);
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
        let head = grown4::<F, GROWTH>(frame)?;
        put_ethernet::<GROWTH>(head, answer.mac, Self::ETHER_TYPE, v4::VERSION_IHL);
        let (ours, asker) = (answer.ours, le32(head, GROWTH + IP + v4::SOURCE));
        let total = ((v4::HEADER + FIXED + END + GROWTH + length) << 8) as u16;
        let lifetime = LIFETIME as u16 | (UDP as u16) << 8;
        let rest = v4::DONT_FRAGMENT.swap_bytes() as u32 | (lifetime as u32) << 16;
        let checksum = Sum::ZERO
            .plus(ours.sum)
            .le32(asker)
            .le16(lifetime)
            .le16(v4::VERSION_IHL as u16)
            .le16(total)
            .number(v4::DONT_FRAGMENT)
            .checksum_few();
        put(head, IP + v4::TOTAL_LENGTH, total.to_le_bytes());
        put(head, IP + v4::FRAGMENT, rest.to_le_bytes());
        put(head, IP + v4::CHECKSUM, checksum.to_le_bytes());
        put(head, IP + v4::SOURCE, ours.address.to_le_bytes());
        put(head, IP + v4::DESTINATION, asker.to_le_bytes());
        let group = u32::from_le_bytes(v4::LLMNR);
        let instead = ours.sum.le32(!group);
        let asked = Asked::read(head, GROWTH + UDP4);
        put_end::<F, _, GROWTH>(frame, Self::LABEL, length, answer)?;
        let head = grown4::<F, GROWTH>(frame)?;
        asked.put::<_, GROWTH>(head, UDP4, length, instead, answer);
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
        if length.wrapping_sub(1) >= SHORT
            || le64(head, IP) & MASK != start
            || le64(head, IP + v6::DESTINATION) != group.0
            || le64(head, IP + v6::DESTINATION + 8) != group.1
            || !is_plain(head, UDP6, length)
            // RFC 8200 8.1: a checksum may not be left out.
            || le16(head, UDP6 + udp::CHECKSUM) == 0
        {
            return None;
        }
        Some(Plain {
            asker: (le64(head, at), le64(head, at + 8)),
            hardware: station(head)?,
            length,
            sum,
        })
    }

    #[inline(always)]
    fn near(link: &Link, asker: (u64, u64)) -> Option<Ours<(u64, u64)>> {
        for (index, prefix) in link.prefix6.iter().take(NEAR).enumerate() {
            if index as u32 >= link.prefix6_count {
                break;
            }
            let mask = halves(prefix.mask);
            if (asker.0 & mask.0, asker.1 & mask.1) == halves(prefix.network) {
                let ours = Ours {
                    address: halves(prefix.source),
                    sum: Sum::folded(prefix.sum),
                };
                return (ours.address != asker).then_some(ours);
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
        let head = grown6::<F, GROWTH>(frame)?;
        put_ethernet::<GROWTH>(head, answer.mac, Self::ETHER_TYPE, 0x60);
        let at = GROWTH + IP + v6::SOURCE;
        let (ours, asker) = (answer.ours, (le64(head, at), le64(head, at + 8)));
        let source = ours.address;
        let payload = ((FIXED + END + GROWTH + length) << 8) as u32;
        let start = payload | (UDP as u32) << 16 | (LIFETIME as u32) << 24;
        put(head, IP + v6::PAYLOAD_LENGTH, start.to_le_bytes());
        put(head, IP + v6::SOURCE, source.0.to_le_bytes());
        put(head, IP + v6::SOURCE + 8, source.1.to_le_bytes());
        put(head, IP + v6::DESTINATION, asker.0.to_le_bytes());
        put(head, IP + v6::DESTINATION + 8, asker.1.to_le_bytes());
        let group = halves(v6::LLMNR);
        let instead = ours.sum.le128([!group.0, !group.1]);
        let asked = Asked::read(head, GROWTH + UDP6);
        put_end::<F, _, GROWTH>(frame, Self::LABEL, length, answer)?;
        let head = grown6::<F, GROWTH>(frame)?;
        asked.put::<_, GROWTH>(head, UDP6, length, instead, answer);
        Some(())
    }
}
