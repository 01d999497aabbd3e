//! DNS messages as LLMNR uses them (RFC 1035 4, RFC 4795 2.1.1): the header, and the records of an answer.
//!
//! Every record's owner is the question's name, written as a pointer to it.

use super::checksum::Sum;
use super::{le32, le64, put};

/// Length of a header.
pub const HEADER: usize = 12;
/// Offset of the id.
pub const ID: usize = 0;
/// Offset of the flags.
pub const FLAGS: usize = 2;
/// Offset of the four counts: questions, answers, authority and additional records.
pub const COUNTS: usize = 4;

/// Flag QR: the message is a response.
pub const RESPONSE: u16 = 0x8000;
/// The four bits of OPCODE.
pub const OPCODE: u16 = 0x7800;
/// Flag C: the name is not unique.
pub const CONFLICT: u16 = 0x0400;
/// Flag TC: the message was cut.
pub const TRUNCATED: u16 = 0x0200;
/// Flag T: the name is not verified yet.
pub const TENTATIVE: u16 = 0x0100;
/// The four bits of RCODE.
pub const RCODE: u16 = 0x000f;

/// Type A (RFC 1035 3.4.1).
pub const A: u16 = 1;
/// Type SOA (RFC 1035 3.3.13).
pub const SOA: u16 = 6;
/// Type AAAA (RFC 3596 2.1).
pub const AAAA: u16 = 28;
/// Type OPT (RFC 6891 6.1.2).
pub const OPT: u16 = 41;
/// Class IN.
pub const IN: u16 = 1;
/// Class ANY.
pub const CLASS_ANY: u16 = 255;

/// A pointer to the question's name, which stands right behind the header (RFC 1035 4.1.4).
pub const QUESTION_NAME: [u8; 2] = [0xc0, HEADER as u8];

/// Length of an A record.
pub const A_RECORD: usize = 16;
/// Length of an AAAA record.
pub const AAAA_RECORD: usize = 28;
/// Length of the SOA record of a negative answer.
pub const SOA_RECORD: usize = 41;

/// A record as it lies in a message: little-endian words, and what is left behind them.
///
/// Words, because in the kernel a record goes from registers to the packet: an array of bytes would take the way
/// over the stack, where the verifier wants aligned accesses.
#[derive(Clone, Copy)]
pub struct Record<const WORDS: usize> {
    words: [u64; WORDS],
    rest: u32,
}

impl<const WORDS: usize> Record<WORDS> {
    /// Writes the record over `to`, which has its length, and returns its sum.
    ///
    /// # Panics
    /// If `to` is more than four bytes longer than the words, or shorter.
    #[inline(always)]
    pub fn put(&self, to: &mut [u8]) -> Sum {
        let mut sum = Sum::ZERO;
        for (index, word) in self.words.iter().enumerate() {
            put(to, index * 8, word.to_le_bytes());
            sum = sum.le64(*word);
        }
        let [b0, b1, b2, b3] = self.rest.to_le_bytes();
        match to.len() - WORDS * 8 {
            0 => {}
            1 => put(to, WORDS * 8, [b0]),
            _ => put(to, WORDS * 8, [b0, b1, b2, b3]),
        }
        sum.le32(self.rest)
    }
}

/// Owner, type, class, TTL and length of a record: its first 12 bytes.
#[inline(always)]
const fn head(kind: u16, ttl: u32, length: u16) -> (u64, u32) {
    let ttl = ttl.swap_bytes();
    let owner = u16::from_le_bytes(QUESTION_NAME) as u64;
    let start = owner
        | (kind.swap_bytes() as u64) << 16
        | (IN.swap_bytes() as u64) << 32
        | (ttl as u64) << 48;
    (start, ttl >> 16 | (length.swap_bytes() as u32) << 16)
}

/// The A record of an address.
#[inline(always)]
pub const fn a(ttl: u32, address: [u8; 4]) -> Record<2> {
    let (start, end) = head(A, ttl, 4);
    Record {
        words: [
            start,
            end as u64 | (u32::from_le_bytes(address) as u64) << 32,
        ],
        rest: 0,
    }
}

/// The AAAA record of an address.
#[inline(always)]
pub fn aaaa(ttl: u32, address: &[u8; 16]) -> Record<3> {
    let (start, end) = head(AAAA, ttl, 16);
    let words = [
        start,
        end as u64 | (le32(address, 0) as u64) << 32,
        le64(address, 4),
    ];
    Record {
        words,
        rest: le32(address, 12),
    }
}

/// The SOA record of a negative answer: MNAME is the name itself, RNAME `root` below it, MINIMUM the TTL.
///
/// RFC 4795 2.9: owner and MNAME are the query's name; the answer may be kept for min(MINIMUM, TTL) seconds.
/// SERIAL, REFRESH, RETRY and EXPIRE mean nothing and are ignored by senders.
#[inline(always)]
pub const fn soa(ttl: u32) -> Record<5> {
    let (start, end) = head(SOA, ttl, 29);
    let [e0, e1, e2, e3] = end.to_le_bytes();
    let [n0, n1] = QUESTION_NAME;
    let [t0, t1, t2, t3] = ttl.to_be_bytes();
    let words = [
        start,
        u64::from_le_bytes([e0, e1, e2, e3, n0, n1, 4, b'r']),
        u64::from_le_bytes([b'o', b'o', b't', n0, n1, 0, 0, 0]),
        u64::from_le_bytes([1, 0, 0, 0, 1, 0, 0, 0]),
        u64::from_le_bytes([1, 0, 0, 0, 1, t0, t1, t2]),
    ];
    Record {
        words,
        rest: t3 as u32,
    }
}

/// The bytes of an A record.
pub fn a_record(ttl: u32, address: [u8; 4]) -> [u8; A_RECORD] {
    let mut record = [0; A_RECORD];
    a(ttl, address).put(&mut record);
    record
}

/// The bytes of an AAAA record.
pub fn aaaa_record(ttl: u32, address: [u8; 16]) -> [u8; AAAA_RECORD] {
    let mut record = [0; AAAA_RECORD];
    aaaa(ttl, &address).put(&mut record);
    record
}

/// The bytes of the SOA record of a negative answer.
pub fn soa_record(ttl: u32) -> [u8; SOA_RECORD] {
    let mut record = [0; SOA_RECORD];
    soa(ttl).put(&mut record);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_form_of_rfc_1035() {
        assert_eq!(
            a_record(30, [192, 0, 2, 1]),
            *b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\x00\x02\x01"
        );
        let aaaa = aaaa_record(0x0102_0304, [7; 16]);
        assert_eq!(aaaa[..12], *b"\xc0\x0c\0\x1c\0\x01\x01\x02\x03\x04\0\x10");
        assert_eq!(aaaa[12..], [7; 16]);
    }

    #[test]
    fn soa_is_the_one_that_systemd_resolved_sends() {
        // RFC 4795 2.9: R34.
        let expected = b"\xc0\x0c\0\x06\0\x01\0\0\0\x1e\0\x1d\xc0\x0c\x04root\xc0\x0c\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x1e";
        assert_eq!(soa_record(30), *expected);
    }
}
