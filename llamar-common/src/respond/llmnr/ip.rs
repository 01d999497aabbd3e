//! IPv4 and IPv6 around an LLMNR datagram.

use super::{Ip, Packet};
use crate::abi::{Link, Outcome, PREFIXES_MAX};
use crate::frame::Frame;
use crate::limit::Source;
use crate::wire::checksum::Sum;
use crate::wire::ip::{LIFETIME, UDP, v4, v6};
use crate::wire::{be16, ethernet, le32, le64, put, udp};

/// IPv4.
pub(in crate::respond) struct V4;
/// IPv6.
pub(in crate::respond) struct V6;

/// Whether the datagram at `at` goes to LLMNR's port; other ports of the group's address are none of ours.
#[inline(always)]
fn to_llmnr<F: Frame>(frame: &F, at: usize) -> Option<bool> {
    Some(be16(frame.window::<{ udp::HEADER }>(at)?, udp::DESTINATION) == udp::LLMNR)
}

impl Ip for V4 {
    const HEADER: usize = v4::HEADER;
    const ETHER_TYPE: u16 = ethernet::IPV4;
    type Address = u32;

    #[inline(always)]
    fn parse<F: Frame>(frame: &F, at: usize) -> Result<Packet<u32>, Option<Outcome>> {
        let header = frame.window::<{ v4::HEADER }>(at).ok_or(None)?;
        let group = u32::from_le_bytes(v4::LLMNR);
        if le32(header, v4::DESTINATION) != group || header[v4::PROTOCOL] != UDP {
            return Err(None);
        }
        let malformed = Err(Some(Outcome::LlmnrMalformed));
        let total = be16(header, v4::TOTAL_LENGTH);
        let fragment = be16(header, v4::FRAGMENT) & !v4::DONT_FRAGMENT != 0;
        if header[0] != v4::VERSION_IHL || fragment || (total as usize) < v4::HEADER + udp::HEADER {
            return malformed;
        }
        if !to_llmnr(frame, at + v4::HEADER).ok_or(None)? {
            return Err(None);
        }
        let addresses = Sum::ZERO.le64(le64(header, v4::SOURCE));
        let sum = addresses.le64(le64(header, 0)).le32(le32(header, v4::TTL));
        if sum.fold() != 0xffff {
            return Err(Some(Outcome::LlmnrChecksum));
        }
        let length = total - v4::HEADER as u16;
        let sum = addresses.number(UDP as u16).number(length);
        Ok(Packet {
            source: le32(header, v4::SOURCE),
            length,
            sum,
            checksum_optional: true,
        })
    }

    #[inline(always)]
    fn source(link: &Link, asker: u32) -> Option<u32> {
        for (index, prefix) in link.prefix4.iter().enumerate() {
            if index as u32 >= link.prefix4_count {
                break;
            }
            let mask = u32::from_le_bytes(prefix.mask);
            if asker & mask == u32::from_le_bytes(prefix.network) {
                // The all-zeros and all-ones hosts are no hosts, but in a prefix of 31 bits (RFC 3021) or more.
                let (host, narrow) = (asker & !mask, mask.count_zeros() > 1);
                let source = u32::from_le_bytes(prefix.source);
                return (!(asker == source || narrow && (host == 0 || host == !mask)))
                    .then_some(source);
            }
        }
        None
    }

    #[inline(always)]
    fn limited(asker: u32) -> Source {
        Source::v4(asker)
    }

    #[inline(always)]
    fn is_link_local(address: u32) -> bool {
        v4::is_link_local(address.to_le_bytes())
    }

    #[inline(always)]
    fn put<F: Frame>(
        frame: &mut F,
        at: usize,
        source: u32,
        asker: u32,
        length: u16,
    ) -> Option<Sum> {
        let header = frame.window_mut::<{ v4::HEADER }>(at)?;
        let total = (length + v4::HEADER as u16).swap_bytes() as u64;
        let start =
            v4::VERSION_IHL as u64 | total << 16 | (v4::DONT_FRAGMENT.swap_bytes() as u64) << 48;
        let lifetime = LIFETIME as u32 | (UDP as u32) << 8;
        let addresses = source as u64 | (asker as u64) << 32;
        let sum = Sum::ZERO.le64(addresses);
        let checksum = sum.le64(start).le32(lifetime).checksum();
        put(header, 0, start.to_le_bytes());
        put(
            header,
            v4::TTL,
            (lifetime | (checksum as u32) << 16).to_le_bytes(),
        );
        put(header, v4::SOURCE, addresses.to_le_bytes());
        Some(sum.number(UDP as u16).number(length))
    }
}

impl Ip for V6 {
    const HEADER: usize = v6::HEADER;
    const ETHER_TYPE: u16 = ethernet::IPV6;
    type Address = (u64, u64);

    #[inline(always)]
    fn parse<F: Frame>(frame: &F, at: usize) -> Result<Packet<(u64, u64)>, Option<Outcome>> {
        let header = frame.window::<{ v6::HEADER }>(at).ok_or(None)?;
        if halves_at(header, v6::DESTINATION) != halves(v6::LLMNR) || header[0] >> 4 != 6 {
            return Err(None);
        }
        // Behind an extension header there may be anything, an LLMNR query too: the stack finds out.
        if header[v6::NEXT_HEADER] != UDP || !to_llmnr(frame, at + v6::HEADER).ok_or(None)? {
            return Err(None);
        }
        let length = be16(header, v6::PAYLOAD_LENGTH);
        let source = halves_at(header, v6::SOURCE);
        let sum = sum_of(source, halves(v6::LLMNR))
            .number(UDP as u16)
            .number(length);
        Ok(Packet {
            source,
            length,
            sum,
            checksum_optional: false,
        })
    }

    #[inline(always)]
    fn source(link: &Link, asker: (u64, u64)) -> Option<(u64, u64)> {
        for (index, prefix) in link.prefix6.iter().enumerate().take(PREFIXES_MAX) {
            if index as u32 >= link.prefix6_count {
                break;
            }
            let (mask, source) = (halves(prefix.mask), halves(prefix.source));
            if (asker.0 & mask.0, asker.1 & mask.1) == halves(prefix.network) {
                return (source != asker).then_some(source);
            }
        }
        None
    }

    #[inline(always)]
    fn limited(asker: (u64, u64)) -> Source {
        Source::v6(asker.0, asker.1)
    }

    #[inline(always)]
    fn is_link_local(address: (u64, u64)) -> bool {
        let [b0, b1, ..] = address.0.to_le_bytes();
        v6::is_link_local([b0, b1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    #[inline(always)]
    fn put<F: Frame>(
        frame: &mut F,
        at: usize,
        source: (u64, u64),
        asker: (u64, u64),
        length: u16,
    ) -> Option<Sum> {
        let header = frame.window_mut::<{ v6::HEADER }>(at)?;
        put(header, 0, [0x60, 0, 0, 0]);
        put(header, v6::PAYLOAD_LENGTH, length.to_be_bytes());
        header[v6::NEXT_HEADER] = UDP;
        header[v6::HOP_LIMIT] = LIFETIME;
        put_halves(header, v6::SOURCE, source);
        put_halves(header, v6::DESTINATION, asker);
        Some(sum_of(source, asker).number(UDP as u16).number(length))
    }
}

/// The sum of two addresses.
#[inline(always)]
fn sum_of(a: (u64, u64), b: (u64, u64)) -> Sum {
    Sum::ZERO.le64(a.0).le64(a.1).le64(b.0).le64(b.1)
}

/// The address at `at` as two little-endian words.
#[inline(always)]
fn halves_at(bytes: &[u8], at: usize) -> (u64, u64) {
    (le64(bytes, at), le64(bytes, at + 8))
}

#[inline(always)]
fn put_halves(to: &mut [u8], at: usize, address: (u64, u64)) {
    put(to, at, address.0.to_le_bytes());
    put(to, at + 8, address.1.to_le_bytes());
}

/// An address as two little-endian words.
#[inline(always)]
pub(super) const fn halves(address: [u8; 16]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, rest @ ..] = address;
    let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    (first, u64::from_le_bytes(rest))
}
