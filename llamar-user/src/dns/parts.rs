//! The parts of a message (RFC 1035 4.1) as they are read from bytes that nobody vouches for: header, question, and
//! record with its data unread.

use std::borrow::Cow;

use llamar_common::wire::dns;

use super::reader::Reader;
use super::{Name, kind_name};

/// The header of a message; the bits of `flags` are in [`llamar_common::wire::dns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What a response has in common with its query.
    pub id: u16,
    /// QR, OPCODE, C, TC, T, Z and RCODE.
    pub flags: u16,
    /// QDCOUNT.
    pub questions: u16,
    /// ANCOUNT.
    pub answers: u16,
    /// NSCOUNT.
    pub authorities: u16,
    /// ARCOUNT.
    pub additionals: u16,
}

impl Header {
    /// The header at the start of a message; `None` if it is cut off.
    pub fn read(message: &[u8]) -> Option<Self> {
        let bytes = message.first_chunk::<{ dns::HEADER }>()?;
        let field = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Some(Self {
            id: field(dns::ID),
            flags: field(dns::FLAGS),
            questions: field(dns::COUNTS),
            answers: field(dns::COUNTS + 2),
            authorities: field(dns::COUNTS + 4),
            additionals: field(dns::COUNTS + 6),
        })
    }

    /// The header's bytes.
    pub fn bytes(&self) -> [u8; dns::HEADER] {
        let fields = [
            self.id,
            self.flags,
            self.questions,
            self.answers,
            self.authorities,
            self.additionals,
        ];
        let mut bytes = [0; dns::HEADER];
        for (place, field) in bytes.chunks_exact_mut(2).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }
}

/// A question (RFC 1035 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// QNAME.
    pub name: Name,
    /// QTYPE.
    pub kind: u16,
    /// QCLASS.
    pub class: u16,
}

impl Question {
    /// The question at `offset` of a message, and the offset behind it; `None` if it is cut off or its name is broken.
    /// The name of a first question is never compressed, for nothing stands before it that a pointer could mean.
    pub fn read(message: &[u8], offset: usize) -> Option<(Self, usize)> {
        let mut reader = Reader::new(message, offset);
        let question = Self::read_from(&mut reader)?;
        Some((question, reader.at()))
    }

    pub(super) fn read_from(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            name: reader.name()?,
            kind: reader.u16()?,
            class: reader.u16()?,
        })
    }

    /// The query that asks it, with nothing else in it but the count of the additional records that are to follow. All
    /// flags are clear.
    pub fn query(&self, id: u16, additionals: u16) -> Vec<u8> {
        let header = Header {
            id,
            flags: 0,
            questions: 1,
            answers: 0,
            authorities: 0,
            additionals,
        };
        let mut message = Vec::from(header.bytes());
        message.extend_from_slice(self.name.wire());
        message.extend_from_slice(&self.kind.to_be_bytes());
        message.extend_from_slice(&self.class.to_be_bytes());
        message
    }

    /// Steps over the question at an offset, whatever its name is; `None` if one cannot tell where it ends.
    pub(super) fn skip(reader: &mut Reader<'_>, offset: usize) -> Option<()> {
        reader.go_to(offset);
        reader.skip_name()?;
        reader.bytes(4).map(drop)
    }

    /// The type's name, for people: `A`, `AAAA`, `TYPE65`.
    pub fn kind_name(&self) -> Cow<'static, str> {
        kind_name(self.kind)
    }
}

/// A resource record (RFC 1035 4.1.3), its data as it stands in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// NAME.
    pub owner: Name,
    /// TYPE.
    pub kind: u16,
    /// CLASS.
    pub class: u16,
    /// TTL in seconds.
    pub ttl: u32,
    /// RDATA.
    pub data: &'a [u8],
}

/// A record that does not end inside of its message, or whose owner is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The record's type, if that was to be seen.
    pub kind: Option<u16>,
}

impl<'a> RawRecord<'a> {
    /// The record at `offset` of a message, and the offset behind it.
    pub fn read(message: &'a [u8], offset: usize) -> Result<(Self, usize), Cut> {
        let (owner, at) = Name::from_message(message, offset).ok_or(Cut { kind: None })?;
        let rest = message.get(at..).unwrap_or_default();
        let kind = rest.first_chunk().map(|&kind| u16::from_be_bytes(kind));
        let cut = Cut { kind };
        let &[k0, k1, c0, c1, t0, t1, t2, t3, l0, l1] = rest.first_chunk().ok_or(cut)?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let data = rest.get(10..10 + length).ok_or(cut)?;
        let record = Self {
            owner,
            kind: u16::from_be_bytes([k0, k1]),
            class: u16::from_be_bytes([c0, c1]),
            ttl: u32::from_be_bytes([t0, t1, t2, t3]),
            data,
        };
        Ok((record, at + 10 + length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn header_has_six_big_endian_fields() {
        let bytes = [0x12, 0x34, 0x85, 0x03, 0, 1, 0, 2, 0, 3, 0, 4];
        let header = Header::read(&bytes).unwrap();
        let expected = Header {
            id: 0x1234,
            flags: 0x8503,
            questions: 1,
            answers: 2,
            authorities: 3,
            additionals: 4,
        };
        assert_eq!(header, expected);
        assert_eq!(header.bytes(), bytes);
        assert_eq!(Header::read(&bytes[..11]), None);
    }

    #[test]
    fn question_ends_behind_its_class() {
        let message = b"xx\x04casa\0\0\x1c\x80\x01more";
        let (question, end) = Question::read(message, 2).unwrap();
        assert_eq!((question.kind, question.class, end), (28, 0x8001, 12));
        assert_eq!(
            (question.name.to_string(), question.kind_name()),
            ("casa".into(), "AAAA".into())
        );
        for length in 0..12 {
            assert_eq!(Question::read(&message[..length], 2), None);
        }
    }

    // RFC 1035 4.1.4, RFC 6762 18.14: R65, A37
    #[test]
    fn questions_may_be_compressed_but_the_first_of_a_message() {
        let message =
            b"\0\x07\0\0\0\x02\0\0\0\0\0\0\x04casa\0\0\x01\0\x01\x01a\xc0\x0c\0\x01\0\x01";
        let (second, end) = Question::read(message, 22).unwrap();
        assert_eq!(
            (second.name.to_string(), end),
            ("a.casa".into(), message.len())
        );
        for first in [
            &b"\xc0\x0c"[..],
            b"\xc0\x04",
            b"\x01a\xc0\x0c",
            b"\x01a\xc0\x00",
        ] {
            let mut message = message.to_vec();
            message.splice(12..18, first.iter().copied());
            assert_eq!(Question::read(&message, 12), None, "{first:x?}");
        }
    }

    #[test]
    fn record_tells_its_type_where_the_rest_is_cut_off() {
        let message = b"............\x01a\0\xc0\x0c\0\x29\x01\x02\x03\x04\x05\x06\0\x02xy";
        let owner = Name::parse("a").unwrap();
        let record = RawRecord {
            owner,
            kind: 41,
            class: 0x0102,
            ttl: 0x0304_0506,
            data: b"xy",
        };
        assert_eq!(RawRecord::read(message, 15), Ok((record, 29)));
        for length in 0..message.len() {
            let kind = (length >= 19).then_some(41);
            assert_eq!(RawRecord::read(&message[..length], 15), Err(Cut { kind }));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_parts_or_none(bytes in prop::collection::vec(any::<u8>(), 0..120), offset in 0..130usize) {
            if let Some(header) = Header::read(&bytes) {
                prop_assert_eq!(&header.bytes(), &bytes[..dns::HEADER]);
            }
            if let Some((_, end)) = Question::read(&bytes, offset) {
                prop_assert!(end <= bytes.len());
            }
            if let Ok((_, end)) = RawRecord::read(&bytes, offset) {
                prop_assert!(end <= bytes.len() && end > offset);
            }
        }
    }
}
