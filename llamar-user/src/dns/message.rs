//! The parts of a message (RFC 1035 4.1): reading them from bytes that nobody vouches for, and composing a response.

use std::borrow::Cow;

use llamar_common::wire::dns;

use super::Name;

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
    /// The question at `offset` of a message, and the offset behind it; `None` if it is cut off or its name is broken
    /// or compressed, for nothing stands before a first question that a pointer could mean.
    pub fn read(message: &[u8], offset: usize) -> Option<(Self, usize)> {
        let (name, length) = Name::from_wire(message.get(offset..)?)?;
        let at = offset + length;
        let &[k0, k1, c0, c1] = message.get(at..)?.first_chunk()?;
        let question = Self {
            name,
            kind: u16::from_be_bytes([k0, k1]),
            class: u16::from_be_bytes([c0, c1]),
        };
        Some((question, at + 4))
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

/// A response being put together: header, the question as it was asked, and as many records as fit.
#[derive(Debug)]
pub struct Composer {
    header: Header,
    message: Vec<u8>,
    limit: usize,
}

impl Composer {
    /// A response of at most `limit` bytes, `kept` of which are for the additional section. `question` goes out byte
    /// by byte as it is given.
    pub fn new(id: u16, flags: u16, question: &[u8], limit: usize, kept: usize) -> Self {
        let header = Header {
            id,
            flags,
            questions: 1,
            answers: 0,
            authorities: 0,
            additionals: 0,
        };
        let mut message = Vec::with_capacity(limit.min(512));
        message.extend_from_slice(&header.bytes());
        message.extend_from_slice(question);
        Self {
            header,
            message,
            limit: limit.saturating_sub(kept),
        }
    }

    /// Adds a record to the answer section. What does not fit is left out, as is everything after it, and TC is set.
    pub fn answer(&mut self, record: &[u8]) {
        if self.take(record) {
            self.header.answers += 1;
        }
    }

    /// Adds a record to the authority section; see [`Composer::answer`].
    pub fn authority(&mut self, record: &[u8]) {
        if self.take(record) {
            self.header.authorities += 1;
        }
    }

    /// The message, with this record at its end, if there is one.
    pub fn finish(mut self, additional: Option<&[u8]>) -> Vec<u8> {
        if let Some(record) = additional {
            self.message.extend_from_slice(record);
            self.header.additionals = 1;
        }
        self.message[..dns::HEADER].copy_from_slice(&self.header.bytes());
        self.message
    }

    fn take(&mut self, record: &[u8]) -> bool {
        if self.message.len() + record.len() > self.limit {
            // RFC 4795 2.1.1, RFC 1035 4.2.1: what is longer than a datagram may be is cut.
            self.header.flags |= dns::TRUNCATED;
        }
        let fits = self.header.flags & dns::TRUNCATED == 0;
        if fits {
            self.message.extend_from_slice(record);
        }
        fits
    }
}

/// A type's name, for people (RFC 3597 5 for types that have none here).
pub fn kind_name(kind: u16) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        dns::A => "A",
        2 => "NS",
        5 => "CNAME",
        dns::SOA => "SOA",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        dns::AAAA => "AAAA",
        33 => "SRV",
        dns::OPT => "OPT",
        47 => "NSEC",
        65 => "HTTPS",
        255 => "ANY",
        kind => return Cow::Owned(format!("TYPE{kind}")),
    })
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

    // RFC 1035 4.1.4: R65
    #[test]
    fn question_has_no_compressed_name() {
        assert_eq!(Question::read(b"\x01a\0\x01b\xc0\x00\0\x01\0\x01", 3), None);
    }

    #[test]
    fn record_tells_its_type_where_the_rest_is_cut_off() {
        let message = b"\x01a\0\xc0\x00\0\x29\x01\x02\x03\x04\x05\x06\0\x02xy";
        let owner = Name::parse("a").unwrap();
        let record = RawRecord {
            owner,
            kind: 41,
            class: 0x0102,
            ttl: 0x0304_0506,
            data: b"xy",
        };
        assert_eq!(RawRecord::read(message, 3), Ok((record, 17)));
        for length in 0..message.len() {
            let kind = (length >= 7).then_some(41);
            assert_eq!(RawRecord::read(&message[..length], 3), Err(Cut { kind }));
        }
    }

    #[test]
    fn types_have_names() {
        assert_eq!(
            [1, 28, 65, 65280].map(kind_name),
            ["A", "AAAA", "HTTPS", "TYPE65280"]
        );
    }

    // RFC 4795 2.1.1: R56
    #[test]
    fn composer_cuts_at_the_first_record_that_does_not_fit_and_keeps_room_for_the_last() {
        let composed = |limit, kept| {
            let mut composer = Composer::new(7, 0x8000, b"\0\0\x01\0\x01", limit, kept);
            [&b"first"[..], b"too long for it", b"x"]
                .iter()
                .for_each(|record| composer.answer(record));
            composer.authority(b"y");
            composer.finish((kept > 0).then_some(b"opt"))
        };
        assert_eq!(
            composed(39, 0),
            b"\0\x07\x80\0\0\x01\0\x03\0\x01\0\0\0\0\x01\0\x01firsttoo long for itxy"
        );
        assert_eq!(
            composed(38, 0),
            b"\0\x07\x82\0\0\x01\0\x03\0\0\0\0\0\0\x01\0\x01firsttoo long for itx"
        );
        assert_eq!(
            composed(36, 0),
            b"\0\x07\x82\0\0\x01\0\x01\0\0\0\0\0\0\x01\0\x01first"
        );
        assert_eq!(
            composed(39, 3),
            b"\0\x07\x82\0\0\x01\0\x01\0\0\0\x01\0\0\x01\0\x01firstopt"
        );
        assert_eq!(
            composed(0, 3),
            b"\0\x07\x82\0\0\x01\0\0\0\0\0\x01\0\0\x01\0\x01opt"
        );
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
