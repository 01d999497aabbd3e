//! The quick way over IPv6.

use core::mem::offset_of;

use super::super::V6;
use super::super::ip::halves;
use super::wire::{
    Answer, FIXED, IP, LEAST, SUM, grown, is_plain, put_datagram, put_ethernet, station, sum,
};
use super::{END, Ours, Query, Quick};
use crate::abi::{Link, Near6};
use crate::frame::Frame;
use crate::wire::checksum::Sum;
use crate::wire::ip::{LIFETIME, UDP, v6};
use crate::wire::{dns, le16, le32, le64, put, udp};

/// Offset of the datagram.
const AT: usize = IP + v6::HEADER;
/// Length of the shortest frame that is looked at, and what is left of it when it has grown.
const LEAST_FRAME: usize = AT + LEAST;
const WITH_A: usize = dns::A_RECORD + LEAST_FRAME;
const WITH_AAAA: usize = dns::AAAA_RECORD + LEAST_FRAME;

/// LLMNR's group.
const GROUP: (u64, u64) = halves(v6::LLMNR);
/// What is the same in the sums of all queries.
const SUM_OF_ALL: i32 = SUM.le64(GROUP.0).le64(GROUP.1).constant();

impl Quick for V6 {
    const LABEL: usize = AT + FIXED;

    #[inline(always)]
    fn length<F: Frame>(frame: &F) -> Option<usize> {
        let head = frame.window::<LEAST_FRAME>(0)?;
        Some(head[AT + FIXED - 1] as usize)
    }

    #[inline(always)]
    fn plain<F: Frame>(frame: &F, length: usize) -> Option<Query<(u64, u64)>> {
        let head = frame.window::<LEAST_FRAME>(0)?;
        let at = IP + v6::SOURCE;
        let sum = sum(head, AT, length)
            .le32(le32(head, at))
            .le32(le32(head, at + 4))
            .le32(le32(head, at + 8))
            .le32(le32(head, at + 12))
            .here::<F, SUM_OF_ALL>();
        // Version, payload length and next header; traffic class, flow label and hop limit may be any.
        const MASK: u64 = 0x00ff_ffff_0000_00f0;
        const START: u64 = 0x60 + ((FIXED + END) << 40) as u64 + ((UDP as u64) << 48);
        let start = ((length as u64) << 40) + START;
        if le64(head, IP) & MASK != start
            || le64(head, IP + v6::DESTINATION) != GROUP.0
            || le64(head, IP + v6::DESTINATION + 8) != GROUP.1
            || !is_plain(head, AT, length)
            // RFC 8200 8.1: a checksum may not be left out.
            || le16(head, AT + udp::CHECKSUM) == 0
        {
            return None;
        }
        Some(Query {
            asker: (le64(head, at), le64(head, at + 8)),
            hardware: station::<F>(head)?,
            sum,
        })
    }

    #[inline(always)]
    fn from(link: &Link) -> u64 {
        u64::from_le_bytes(link.from6)
    }

    #[inline(always)]
    fn near<F: Frame>(link: &Link, asker: (u64, u64)) -> Option<Ours<(u64, u64)>> {
        const FIRST: usize = offset_of!(Link, near6);
        const SECOND: usize = FIRST + size_of::<Near6>();
        const HOST: usize = offset_of!(Near6, host);
        const SUM: usize = offset_of!(Near6, sum);
        let (host, sum) = if F::field64::<_, FIRST>(link) == asker.0 {
            let sum = F::field64::<_, { FIRST + SUM }>(link);
            (F::field64::<_, { FIRST + HOST }>(link), sum)
        } else if F::field64::<_, SECOND>(link) == asker.0 {
            let sum = F::field64::<_, { SECOND + SUM }>(link);
            (F::field64::<_, { SECOND + HOST }>(link), sum)
        } else {
            return None;
        };
        let ours = Ours {
            address: (asker.0, host),
            sum: Sum::folded(sum),
        };
        (host != asker.1 && sum != 0).then_some(ours)
    }

    #[inline(always)]
    fn write<F: Frame, const GROWTH: usize, const LONG: bool>(
        frame: &mut F,
        answer: &Answer<(u64, u64)>,
    ) -> Option<()> {
        let head = grown::<F, GROWTH, WITH_A, WITH_AAAA>(frame)?;
        put_ethernet::<GROWTH>(head, answer.from);
        let at = GROWTH + IP + v6::SOURCE;
        let (ours, asker) = (answer.ours, (le64(head, at), le64(head, at + 8)));
        let length = head[GROWTH + Self::LABEL - 1] as usize;
        let payload = ((FIXED + END + GROWTH + length) as u64) << 40;
        let start = payload + (0x60 | (UDP as u64) << 48 | (LIFETIME as u64) << 56);
        put(head, IP, start.to_le_bytes());
        // Ours and the asker's have their network in common.
        put(head, IP + v6::SOURCE, asker.0.to_le_bytes());
        put(head, IP + v6::SOURCE + 8, ours.address.1.to_le_bytes());
        put(head, IP + v6::DESTINATION, asker.0.to_le_bytes());
        put(head, IP + v6::DESTINATION + 8, asker.1.to_le_bytes());
        let instead = ours.sum.le128([!GROUP.0, !GROUP.1]);
        put_datagram::<F, _, GROWTH, LONG, AT, WITH_A, WITH_AAAA>(frame, length, instead, answer)
    }
}
