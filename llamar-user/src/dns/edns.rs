//! The OPT pseudo-record (RFC 6891 6.1).

use llamar_common::wire::dns;

use super::{Name, RawRecord, Rdata, Record};

/// Length of an OPT record without options.
pub const OPT_RECORD: usize = 11;

/// An OPT record, without the options, none of which is known here (RFC 6891 6.1.2: unknown ones are ignored).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt {
    /// Length in bytes of the largest UDP payload that its sender takes.
    pub payload: u16,
    /// The upper eight bits of RCODE.
    pub extended_rcode: u8,
    /// The version of EDNS.
    pub version: u8,
}

impl Opt {
    /// What a record of type OPT says; `None` if its owner is not the root or an option does not end inside of it.
    pub fn read(record: &RawRecord<'_>) -> Option<Self> {
        if record.kind != dns::OPT || record.owner.labels().next().is_some() {
            return None;
        }
        let mut options = record.data;
        while !options.is_empty() {
            let &[_, _, l0, l1] = options.first_chunk()?;
            options = options.get(4 + usize::from(u16::from_be_bytes([l0, l1]))..)?;
        }
        // RFC 6891 6.1.4: DO and the Z bits, the lower half of the TTL, are ignored.
        let [extended_rcode, version, ..] = record.ttl.to_be_bytes();
        Some(Self {
            payload: record.class,
            extended_rcode,
            version,
        })
    }

    /// What a record of type OPT says that was read with its message; `None` if its owner is not the root.
    pub fn of(record: &Record) -> Option<Self> {
        let root = record.owner.labels().next().is_none();
        // RFC 6891 6.1.4: DO and the Z bits, the lower half of the TTL, are ignored.
        let [extended_rcode, version, ..] = record.ttl.to_be_bytes();
        (root && matches!(record.data, Rdata::Opt(_))).then_some(Self {
            payload: record.class,
            extended_rcode,
            version,
        })
    }

    /// The record, all flags zero.
    pub fn record(&self) -> Record {
        Record {
            owner: Name::root(),
            kind: dns::OPT,
            class: self.payload,
            ttl: u32::from_be_bytes([self.extended_rcode, self.version, 0, 0]),
            data: Rdata::Opt(Box::default()),
        }
    }

    /// The record's bytes, all flags zero.
    pub fn bytes(&self) -> [u8; OPT_RECORD] {
        let ([k0, k1], [p0, p1]) = (dns::OPT.to_be_bytes(), self.payload.to_be_bytes());
        [
            0,
            k0,
            k1,
            p0,
            p1,
            self.extended_rcode,
            self.version,
            0,
            0,
            0,
            0,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Compression, Message};

    fn read(message: &[u8]) -> Option<Opt> {
        Opt::read(&RawRecord::read(message, 0).unwrap().0)
    }

    // RFC 6891 6.1.2, 6.1.4: R58
    #[test]
    fn options_and_flags_are_ignored() {
        let expected = Opt {
            payload: 1400,
            extended_rcode: 1,
            version: 2,
        };
        assert_eq!(
            read(b"\0\0\x29\x05\x78\x01\x02\xff\xff\0\0"),
            Some(expected)
        );
        assert_eq!(
            read(b"\0\0\x29\x05\x78\x01\x02\x80\0\0\x0c\0\x0a\0\x02xy\xff\xff\0\0zz"),
            None
        );
        assert_eq!(
            read(b"\0\0\x29\x05\x78\x01\x02\x80\0\0\x0a\0\x0a\0\x02xy\xff\xff\0\0"),
            Some(expected)
        );
        assert_eq!(expected.bytes(), *b"\0\0\x29\x05\x78\x01\x02\0\0\0\0");
    }

    #[test]
    fn record_of_a_message_says_the_same_as_the_bytes() {
        let opt = Opt {
            payload: 0x8578,
            extended_rcode: 1,
            version: 2,
        };
        let mut record = opt.record();
        assert_eq!(Opt::of(&record), Some(opt));
        let message = Message {
            additionals: vec![record.clone()],
            ..Message::default()
        };
        assert_eq!(message.write(Compression::Off).unwrap()[12..], opt.bytes());
        record.ttl |= 0xffff;
        assert_eq!(Opt::of(&record), Some(opt));
        record.owner = Name::parse("a").unwrap();
        assert_eq!(Opt::of(&record), None);
        let address = Rdata::A([192, 0, 2, 1].into());
        assert_eq!(
            Opt::of(&Record::new(Name::root(), 1, address).unwrap()),
            None
        );
    }

    // RFC 6891 6.1.2, 7: R58
    #[test]
    fn broken_records_are_refused() {
        assert_eq!(read(b"\x01a\0\0\x29\x05\x78\0\0\0\0\0\0"), None);
        assert_eq!(read(b"\0\0\x29\x05\x78\0\0\0\0\0\x03\0\x0a\0"), None);
        assert_eq!(read(b"\0\0\x29\x05\x78\0\0\0\0\0\x05\0\x0a\0\x02x"), None);
        assert_eq!(read(b"\0\0\x01\x05\x78\0\0\0\0\0\0"), None);
    }
}
