//! The quick way over IPv4.

use core::mem::offset_of;

use super::super::V4;
use super::wire::{
    Answer, FIXED, IP, LEAST, SUM, grown, is_plain, put_datagram, put_ethernet, station, sum,
};
use super::{END, Ours, Query, Quick};
use crate::abi::{Link, Near4};
use crate::frame::Frame;
use crate::wire::checksum::Sum;
use crate::wire::ip::{LIFETIME, UDP, v4};
use crate::wire::{dns, le32, le64, put};

/// Offset of the datagram.
const AT: usize = IP + v4::HEADER;
/// Length of the shortest frame that is looked at, and what is left of it when it has grown.
const LEAST_FRAME: usize = AT + LEAST;
const WITH_A: usize = dns::A_RECORD + LEAST_FRAME;
const WITH_AAAA: usize = dns::AAAA_RECORD + LEAST_FRAME;

/// LLMNR's group.
const GROUP: u32 = u32::from_le_bytes(v4::LLMNR);
/// What the header's sum has of it.
const HEADER: i32 = Sum::ZERO.le32(GROUP).constant();
/// What is the same in the sums of all queries.
const SUM_OF_ALL: i32 = SUM.le32(GROUP).constant();

/// The sum of an answer's header that has grown so much, without addresses and the label's length.
const fn header_of(growth: usize) -> i32 {
    let fixed = v4::HEADER + FIXED + END + growth;
    Sum::ZERO
        .le16(LIFETIME as u16 | (UDP as u16) << 8)
        .le16(v4::VERSION_IHL as u16)
        .le16((fixed << 8) as u16)
        .number(v4::DONT_FRAGMENT)
        .constant()
}

impl Quick for V4 {
    const LABEL: usize = AT + FIXED;

    #[inline(always)]
    fn length<F: Frame>(frame: &F) -> Option<usize> {
        let head = frame.window::<LEAST_FRAME>(0)?;
        Some(head[AT + FIXED - 1] as usize)
    }

    #[inline(always)]
    fn plain<F: Frame>(frame: &F, length: usize) -> Option<Query<u32>> {
        let head = frame.window::<LEAST_FRAME>(0)?;
        let asker = le32(head, IP + v4::SOURCE);
        let header = Sum::ZERO
            .le32(le32(head, IP))
            .le32(le32(head, IP + 4))
            .le32(le32(head, IP + 8))
            .le32(asker)
            .here::<F, HEADER>();
        let sum = sum(head, AT, length).le32(asker).here::<F, SUM_OF_ALL>();
        // Version, length and fragments; type of service, id and "do not fragment" may be any.
        const MASK: u64 = 0xffff_0000_ffff_00ff & !((v4::DONT_FRAGMENT.swap_bytes() as u64) << 48);
        let start = v4::VERSION_IHL as u64 | ((v4::HEADER + FIXED + END + length) as u64) << 24;
        if le64(head, IP) & MASK != start
            || head[IP + v4::PROTOCOL] != UDP
            || le32(head, IP + v4::DESTINATION) != GROUP
            || !is_plain(head, AT, length)
            || !header.is_right()
        {
            return None;
        }
        Some(Query {
            asker,
            hardware: station::<F>(head)?,
            sum,
        })
    }

    #[inline(always)]
    fn from(link: &Link) -> u64 {
        u64::from_le_bytes(link.from4)
    }

    #[inline(always)]
    fn near<F: Frame>(link: &Link, asker: u32) -> Option<Ours<u32>> {
        const FIRST: usize = offset_of!(Link, near4);
        const SECOND: usize = FIRST + size_of::<Near4>();
        const STATIONS: usize = offset_of!(Near4, stations);
        const SOURCE: usize = offset_of!(Near4, source);
        // A station's number in its network, from 1 on, is what the two differ in.
        let number = |network: u32| (asker ^ network).swap_bytes();
        let is_in = |network: u32, stations: u32| number(network).wrapping_sub(1) < stations;
        let (first, second) = (F::field32::<_, FIRST>, F::field32::<_, SECOND>);
        let source = if is_in(first(link), F::field32::<_, { FIRST + STATIONS }>(link)) {
            F::field32::<_, { FIRST + SOURCE }>(link)
        } else if is_in(second(link), F::field32::<_, { SECOND + STATIONS }>(link)) {
            F::field32::<_, { SECOND + SOURCE }>(link)
        } else {
            return None;
        };
        let ours = Ours {
            address: source,
            sum: Sum::ZERO.le32(source),
        };
        (source != asker).then_some(ours)
    }

    #[inline(always)]
    fn write<F: Frame, const GROWTH: usize, const LONG: bool>(
        frame: &mut F,
        answer: &Answer<u32>,
    ) -> Option<()> {
        let head = grown::<F, GROWTH, WITH_A, WITH_AAAA>(frame)?;
        put_ethernet::<GROWTH>(head, answer.from);
        let (ours, asker) = (answer.ours, le32(head, GROWTH + IP + v4::SOURCE));
        let length = head[GROWTH + Self::LABEL - 1] as usize;
        let total = ((v4::HEADER + FIXED + END + GROWTH + length) << 24) as u32;
        let start = total + v4::VERSION_IHL as u32;
        const REST: u32 =
            v4::DONT_FRAGMENT.swap_bytes() as u32 | (LIFETIME as u32) << 16 | (UDP as u32) << 24;
        let sum = ours.sum.le32(asker).le16((length << 8) as u16);
        let sum = if GROWTH == dns::A_RECORD {
            sum.here::<F, { header_of(dns::A_RECORD) }>()
        } else {
            sum.here::<F, { header_of(dns::AAAA_RECORD) }>()
        };
        let checksum = sum.checksum_few();
        put(head, IP, start.to_le_bytes());
        F::put16::<IP, { v4::FRAGMENT - 2 }, 0>(head);
        F::put32::<IP, { v4::FRAGMENT }, REST>(head);
        put(head, IP + v4::CHECKSUM, checksum.to_le_bytes());
        put(head, IP + v4::SOURCE, ours.address.to_le_bytes());
        put(head, IP + v4::DESTINATION, asker.to_le_bytes());
        let instead = ours.sum.le32(!GROUP);
        put_datagram::<F, _, GROWTH, LONG, AT, WITH_A, WITH_AAAA>(frame, length, instead, answer)
    }
}
