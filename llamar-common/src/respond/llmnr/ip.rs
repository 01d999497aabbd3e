//! IPv4 and IPv6 around an LLMNR datagram.

use super::{Ip, Packet};
use crate::abi::{Link, Outcome, PREFIXES_MAX};
use crate::frame::Frame;
use crate::wire::checksum::Sum;
use crate::wire::ip::{LIFETIME, UDP, v4, v6};
use crate::wire::{be16, chunk, ethernet, le32, le64, put, udp};

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
    type Address = [u8; 4];

    #[inline(always)]
    fn parse<F: Frame>(frame: &F, at: usize) -> Result<Packet<[u8; 4]>, Option<Outcome>> {
        let header = frame.window::<{ v4::HEADER }>(at).ok_or(None)?;
        let destination: [u8; 4] = chunk(header, v4::DESTINATION);
        if destination != v4::LLMNR || header[v4::PROTOCOL] != UDP {
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
        Ok(Packet { source: chunk(header, v4::SOURCE), length, sum, checksum_optional: true })
    }

    #[inline(always)]
    fn source(link: &Link, asker: [u8; 4]) -> Option<[u8; 4]> {
        let asker = u32::from_ne_bytes(asker);
        for (index, prefix) in link.prefix4.iter().enumerate() {
            if index as u32 >= link.prefix4_count {
                break;
            }
            let mask = u32::from_ne_bytes(prefix.mask);
            if asker & mask == u32::from_ne_bytes(prefix.network) {
                // The all-zeros and all-ones hosts are no hosts, but in a prefix of 31 bits (RFC 3021) or more.
                let (host, narrow) = (asker & !mask, mask.count_zeros() > 1);
                let own = asker == u32::from_ne_bytes(prefix.source);
                return (!(own || narrow && (host == 0 || host == !mask))).then_some(prefix.source);
            }
        }
        None
    }

    #[inline(always)]
    fn is_link_local(address: [u8; 4]) -> bool {
        v4::is_link_local(address)
    }

    #[inline(always)]
    fn put<F: Frame>(frame: &mut F, at: usize, source: [u8; 4], asker: [u8; 4], length: u16) -> Option<Sum> {
        let header = frame.window_mut::<{ v4::HEADER }>(at)?;
        let mut new = [0; v4::HEADER];
        new[0] = v4::VERSION_IHL;
        put(&mut new, v4::TOTAL_LENGTH, (length + v4::HEADER as u16).to_be_bytes());
        put(&mut new, v4::FRAGMENT, v4::DONT_FRAGMENT.to_be_bytes());
        new[v4::TTL] = LIFETIME;
        new[v4::PROTOCOL] = UDP;
        put(&mut new, v4::SOURCE, source);
        put(&mut new, v4::DESTINATION, asker);
        let addresses = Sum::ZERO.le64(le64(&new, v4::SOURCE));
        let checksum = addresses.le64(le64(&new, 0)).le32(le32(&new, v4::TTL)).checksum();
        put(&mut new, v4::CHECKSUM, checksum.to_le_bytes());
        *header = new;
        Some(addresses.number(UDP as u16).number(length))
    }
}

impl Ip for V6 {
    const HEADER: usize = v6::HEADER;
    const ETHER_TYPE: u16 = ethernet::IPV6;
    type Address = [u8; 16];

    #[inline(always)]
    fn parse<F: Frame>(frame: &F, at: usize) -> Result<Packet<[u8; 16]>, Option<Outcome>> {
        let header = frame.window::<{ v6::HEADER }>(at).ok_or(None)?;
        let destination: [u8; 16] = chunk(header, v6::DESTINATION);
        if destination != v6::LLMNR || header[0] >> 4 != 6 {
            return Err(None);
        }
        // Behind an extension header there may be anything, an LLMNR query too: the stack finds out.
        if header[v6::NEXT_HEADER] != UDP || !to_llmnr(frame, at + v6::HEADER).ok_or(None)? {
            return Err(None);
        }
        let length = be16(header, v6::PAYLOAD_LENGTH);
        let source = Sum::ZERO.le64(le64(header, v6::SOURCE)).le64(le64(header, v6::SOURCE + 8));
        let sum = source.le64(le64(header, v6::DESTINATION)).le64(le64(header, v6::DESTINATION + 8));
        let sum = sum.number(UDP as u16).number(length);
        Ok(Packet { source: chunk(header, v6::SOURCE), length, sum, checksum_optional: false })
    }

    #[inline(always)]
    fn source(link: &Link, asker: [u8; 16]) -> Option<[u8; 16]> {
        let (high, low) = halves(asker);
        for (index, prefix) in link.prefix6.iter().enumerate().take(PREFIXES_MAX) {
            if index as u32 >= link.prefix6_count {
                break;
            }
            let ((mask_high, mask_low), network) = (halves(prefix.mask), halves(prefix.network));
            if (high & mask_high, low & mask_low) == network {
                return (halves(prefix.source) != (high, low)).then_some(prefix.source);
            }
        }
        None
    }

    #[inline(always)]
    fn is_link_local(address: [u8; 16]) -> bool {
        v6::is_link_local(address)
    }

    #[inline(always)]
    fn put<F: Frame>(frame: &mut F, at: usize, source: [u8; 16], asker: [u8; 16], length: u16) -> Option<Sum> {
        let header = frame.window_mut::<{ v6::HEADER }>(at)?;
        put(header, 0, [0x60, 0, 0, 0]);
        put(header, v6::PAYLOAD_LENGTH, length.to_be_bytes());
        header[v6::NEXT_HEADER] = UDP;
        header[v6::HOP_LIMIT] = LIFETIME;
        put(header, v6::SOURCE, source);
        put(header, v6::DESTINATION, asker);
        let sum = Sum::ZERO.le64(le64(&source, 0)).le64(le64(&source, 8)).le64(le64(&asker, 0)).le64(le64(&asker, 8));
        Some(sum.number(UDP as u16).number(length))
    }
}

/// An address as two words in any one byte order.
#[inline(always)]
fn halves(address: [u8; 16]) -> (u64, u64) {
    (le64(&address, 0), le64(&address, 8))
}
