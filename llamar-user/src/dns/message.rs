//! Whole messages (RFC 1035 4.1): all four sections from bytes and back, byte for byte where nothing is broken.
//!
//! A message that another host sent may be broken in part. What is good in it is read, and [`Flaw`]s tell of the rest.
//!
//! The work is bounded by the length: a name costs at most 127 labels and 127 pointers and takes at most 256 bytes,
//! however the others are woven into it, and nothing is set aside for records that are announced and not there.

use llamar_common::wire::dns;

use super::reader::Reader;
use super::record::Found;
use super::writer::{Compression, Writer};
use super::{Flaw, Header, Question, Record, Section, TooLong};

/// Longest message: its length has 16 bits over TCP (RFC 1035 4.2.2), and in a UDP header.
pub const MESSAGE_MAX: usize = u16::MAX as usize;

/// A message. `Eq` compares names without the case of ASCII letters, and everything else exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// What a response has in common with its query.
    pub id: u16,
    /// The second 16 bits of the header as they stand there; the bits are in [`llamar_common::wire::dns`].
    pub flags: u16,
    /// The question section.
    pub questions: Vec<Question>,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authorities: Vec<Record>,
    /// The additional section.
    pub additionals: Vec<Record>,
    /// What was broken in the bytes it was read from, and so is not in the sections.
    pub flaws: Vec<Flaw>,
}

impl Message {
    /// The message that bytes are, without what is broken in them. An error if there is no header, or questions are
    /// announced and none can be read.
    pub fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        let header = Header::read(bytes).ok_or(Flaw::Header)?;
        let mut message = Self {
            id: header.id,
            flags: header.flags,
            ..Self::default()
        };
        let mut reader = Reader::new(bytes, dns::HEADER);
        let mut lost = !message.read_questions(&mut reader, header.questions)?;
        for (section, count) in [
            (Section::Answer, header.answers),
            (Section::Authority, header.authorities),
            (Section::Additional, header.additionals),
        ] {
            let mut records = Vec::new();
            if lost {
                message.missing(section, count);
            } else {
                lost = !message.read_records(&mut reader, section, count, &mut records);
            }
            match section {
                Section::Answer => message.answers = records,
                Section::Authority => message.authorities = records,
                _ => message.additionals = records,
            }
        }
        if !lost && !reader.rest().is_empty() {
            message.flaws.push(Flaw::Behind {
                length: reader.rest().len(),
            });
        }
        Ok(message)
    }

    /// Reads the question section. Says whether the reader stands behind it then.
    fn read_questions(&mut self, reader: &mut Reader<'_>, count: u16) -> Result<bool, Flaw> {
        for number in 1..=count {
            let offset = reader.at();
            let flaw = Flaw::Question { number, offset };
            if reader.rest().is_empty() && !self.questions.is_empty() {
                self.missing(Section::Question, count - number + 1);
                return Ok(false);
            }
            match Question::read_from(reader) {
                Some(question) => self.questions.push(question),
                None if Question::skip(reader, offset).is_some() => self.flaws.push(flaw),
                None if self.questions.is_empty() => return Err(flaw),
                None => {
                    self.flaws.push(flaw);
                    self.missing(Section::Question, count - number);
                    return Ok(false);
                }
            }
        }
        match self.flaws.first() {
            Some(flaw) if self.questions.is_empty() => Err(flaw.clone()),
            _ => Ok(true),
        }
    }

    /// Reads a section of records. Says whether the reader stands behind it then.
    fn read_records(
        &mut self,
        reader: &mut Reader<'_>,
        section: Section,
        count: u16,
        records: &mut Vec<Record>,
    ) -> bool {
        for number in 1..=count {
            let offset = reader.at();
            if reader.rest().is_empty() {
                self.missing(section, count - number + 1);
                return false;
            }
            let (kind, fault, lost) = match Record::read(reader) {
                Found::Good(record) => {
                    records.push(record);
                    continue;
                }
                Found::Bad(kind, fault) => (kind, fault, false),
                Found::Lost(kind, fault) => (kind, fault, true),
            };
            self.flaws.push(Flaw::Record {
                section,
                number,
                offset,
                kind,
                fault,
            });
            if lost {
                self.missing(section, count - number);
                return false;
            }
        }
        true
    }

    fn missing(&mut self, section: Section, count: u16) {
        if count > 0 {
            self.flaws.push(Flaw::Missing { section, count });
        }
    }

    /// The message's bytes. Its flaws are not among them.
    pub fn write(&self, compression: Compression) -> Result<Vec<u8>, TooLong> {
        let mut writer = Writer::new(compression);
        let header = Header {
            id: self.id,
            flags: self.flags,
            questions: count(Section::Question, self.questions.len())?,
            answers: count(Section::Answer, self.answers.len())?,
            authorities: count(Section::Authority, self.authorities.len())?,
            additionals: count(Section::Additional, self.additionals.len())?,
        };
        writer.bytes(&header.bytes());
        for question in &self.questions {
            writer.name(&question.name, Compression::Unicast);
            writer.u16(question.kind);
            writer.u16(question.class);
        }
        for record in self.records() {
            record.write(&mut writer)?;
        }
        match writer.len() {
            0..=MESSAGE_MAX => Ok(writer.finish()),
            length => Err(TooLong::Message { length }),
        }
    }

    /// The records of the answer, authority and additional section, in this order.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        let sections = [&self.answers, &self.authorities, &self.additionals];
        sections.into_iter().flatten()
    }
}

fn count(section: Section, length: usize) -> Result<u16, TooLong> {
    u16::try_from(length).map_err(|_| TooLong::Section { section, length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Fault, Hinfo, Mx, Name, Nsec, Rdata, Srv, Txt, kind};

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn record(owner: &str, data: Rdata) -> Record {
        Record::new(name(owner), 30, data).unwrap()
    }

    fn srv(target: &str) -> Rdata {
        Rdata::Srv(Srv {
            priority: 0,
            weight: 0,
            port: 0,
            target: name(target),
        })
    }

    fn answers(answers: Vec<Record>) -> Message {
        Message {
            answers,
            ..Message::default()
        }
    }

    /// A response's bytes: these counts, then this.
    fn bytes(counts: [u8; 4], rest: &[&[u8]]) -> Vec<u8> {
        let [questions, answers, authorities, additionals] = counts;
        let mut message = b"\x12\x34\x85\x70".to_vec();
        message.extend([0, questions, 0, answers, 0, authorities, 0, additionals]);
        message.extend(rest.concat());
        message
    }

    const QUESTION: &[u8] = b"\x04casa\0\0\x01\0\x01";
    const A: &[u8] = b"\xc0\x0c\0\x01\x80\x01\0\0\0\x1e\0\x04\xc0\0\x02\x01";
    const A_BROKEN: &[u8] = b"\xc0\x0c\0\x01\x80\x01\0\0\0\x1e\0\x03\xc0\0\x02";

    // RFC 1035 4.1, RFC 6762 10.2, 18: A10, A47. All bits of the header and of classes are kept.
    #[test]
    fn message_is_its_four_sections_and_the_same_bytes_again() {
        let response = bytes([1, 1, 0, 0], &[QUESTION, A]);
        let message = Message::read(&response).unwrap();
        let expected = Message {
            id: 0x1234,
            flags: 0x8570,
            questions: vec![Question {
                name: name("casa"),
                kind: kind::A,
                class: kind::IN,
            }],
            answers: vec![Record {
                class: 0x8001,
                ..record("casa", Rdata::A([192, 0, 2, 1].into()))
            }],
            ..Message::default()
        };
        assert_eq!(message, expected);
        assert_eq!(message.write(Compression::Multicast).unwrap(), response);
        let sections = bytes([1, 1, 1, 1], &[QUESTION, A, A, A]);
        let message = Message::read(&sections).unwrap();
        let counts = [&message.answers, &message.authorities, &message.additionals];
        assert_eq!(counts.map(Vec::len), [1, 1, 1]);
        assert_eq!(message.write(Compression::Multicast).unwrap(), sections);
    }

    // RFC 1035 4.1.4, RFC 6762 18.14: A37
    #[test]
    fn names_in_data_are_compressed_as_far_as_the_receiver_understands_it() {
        let exchange = Rdata::Mx(Mx {
            preference: 1,
            exchange: name("b.casa"),
        });
        let message = answers(vec![
            record("casa", Rdata::Ptr(name("b.casa"))),
            record("b.casa", exchange),
            record("casa", srv("b.casa")),
            record("casa", Rdata::Nsec(Nsec::new(name("casa"), [1]))),
            record("casa", Rdata::Dname(name("casa"))),
        ]);
        let data = |compression| {
            let bytes = message.write(compression).unwrap();
            assert_eq!(Message::read(&bytes).unwrap(), message);
            let mut reader = Reader::new(&bytes, dns::HEADER);
            let mut data = || {
                reader.skip_name().unwrap();
                reader.bytes(8).unwrap();
                let length = reader.u16().unwrap();
                reader.bytes(length.into()).unwrap().to_vec()
            };
            [(); 5].map(|()| data())
        };
        let whole = b"\x01b\x04casa\0";
        let [ptr, mx, srv, nsec, dname] = data(Compression::Off);
        assert_eq!(
            (&ptr[..], &mx[2..], &srv[6..]),
            (&whole[..], &whole[..], &whole[..])
        );
        assert_eq!((&nsec[..6], &dname[..]), (&whole[2..], &whole[2..]));
        let [ptr, mx, srv, nsec, dname] = data(Compression::Unicast);
        assert_eq!(
            (&ptr[..], &mx[2..], &srv[6..]),
            (&b"\x01b\xc0\x0c"[..], &b"\xc0\x1c"[..], &whole[..])
        );
        assert_eq!((&nsec[..6], &dname[..]), (&whole[2..], &whole[2..]));
        let [ptr, mx, srv, nsec, dname] = data(Compression::Multicast);
        assert_eq!(
            (&ptr[..], &mx[2..], &srv[6..]),
            (&b"\x01b\xc0\x0c"[..], &b"\xc0\x1c"[..], &b"\xc0\x1c"[..])
        );
        assert_eq!(
            (&nsec[..2], &dname[..]),
            (&b"\xc0\x0c"[..], &b"\xc0\x0c"[..])
        );
    }

    // RFC 6762 18.14: names in the data of types that are not listed there must not be compressed, but are decoded.
    #[test]
    fn names_in_data_of_other_types_are_decoded_and_written_whole() {
        let https = b"\xc0\x0c\0\x41\0\x01\0\0\0\x1e\0\x07\0\x01\xc0\x0c\0\x01x";
        let message = Message::read(&bytes([1, 1, 0, 0], &[QUESTION, https])).unwrap();
        assert_eq!(message.answers[0].data.to_string(), "0x0001 casa. 0x000178");
        let written = message.write(Compression::Multicast).unwrap();
        assert_eq!(
            written[22..],
            *b"\xc0\x0c\0\x41\0\x01\0\0\0\x1e\0\x0b\0\x01\x04casa\0\0\x01x"
        );
        assert_eq!(Message::read(&written).unwrap(), message);
        let rp = b"\xc0\x0c\0\x11\0\x01\0\0\0\x1e\0\x05\x01b\xc0\x0c\0";
        let afsdb = b"\xc0\x0c\0\x12\0\x01\0\0\0\x1e\0\x04\0\x01\xc0\x0c";
        let both = bytes([1, 2, 0, 0], &[QUESTION, rp, afsdb]);
        let message = Message::read(&both).unwrap();
        assert_eq!(
            (
                message.flaws.len(),
                message.write(Compression::Multicast).unwrap()
            ),
            (0, both)
        );
        assert_eq!(
            message.write(Compression::Unicast).unwrap()[34..],
            *b"\x01b\x04casa\0\0\xc0\x0c\0\x12\0\x01\0\0\0\x1e\0\x08\0\x01\x04casa\0"
        );
    }

    // RFC 1035 2.3.3, 4.1.4: case is preserved whenever possible, and a pointer would lose it.
    #[test]
    fn names_that_differ_in_case_are_not_compressed_to_one() {
        let message = answers(vec![
            record("Casa.Local", Rdata::Ptr(name("casa.Local"))),
            record("CASA.local", Rdata::Ptr(name("CASA.local"))),
        ]);
        let written = message.write(Compression::Multicast).unwrap();
        let read = Message::read(&written).unwrap();
        let names = read.records().flat_map(|record| match &record.data {
            Rdata::Ptr(name) => [record.owner.to_string(), name.to_string()],
            data => panic!("{data}"),
        });
        assert!(names.eq(["Casa.Local", "casa.Local", "CASA.local", "CASA.local"]));
        // "Local" once, "local" once, "casa" thrice.
        assert_eq!(written.len(), 12 + 2 * 10 + 12 + 7 + 12 + 2);
    }

    // RFC 1035 4.1.4: a pointer has 14 bits.
    #[test]
    fn names_behind_the_reach_of_pointers_are_written_again() {
        let filler = |length: usize| Record {
            owner: Name::root(),
            kind: 65280,
            class: 1,
            ttl: 0,
            data: Rdata::Unknown(vec![0; length].into()),
        };
        // The first label of the PTR's owner stands at 0x3ffe, where a pointer can still point, the second behind it.
        let message = answers(vec![
            filler(0x3ffe - 12 - 11),
            record("x.y.z", Rdata::Ptr(name("x.y.z"))),
            record("y.z", Rdata::Ptr(name("w.x.y.z"))),
        ]);
        let written = message.write(Compression::Multicast).unwrap();
        assert_eq!(
            written[0x3ffe..],
            *b"\x01x\x01y\x01z\0\0\x0c\0\x01\0\0\0\x1e\0\x02\xff\xfe\
               \x01y\x01z\0\0\x0c\0\x01\0\0\0\x1e\0\x04\x01w\xff\xfe"
        );
        assert_eq!(Message::read(&written).unwrap(), message);
    }

    fn flaws(message: &[u8]) -> Vec<String> {
        let flaws = Message::read(message).unwrap().flaws;
        flaws.iter().map(Flaw::to_string).collect()
    }

    // RFC 6762 6.1: A45. What is broken says nothing of the rest.
    #[test]
    fn good_records_of_a_half_bad_message_are_read() {
        let forward = b"\xc0\xff\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\0\x02\x01";
        let bad = bytes(
            [1, 3, 2, 1],
            &[QUESTION, A_BROKEN, A, forward, A, A_BROKEN, A],
        );
        let message = Message::read(&bad).unwrap();
        let good = [&message.answers, &message.authorities, &message.additionals].map(Vec::len);
        assert_eq!(good, [1, 1, 1]);
        assert_eq!(
            flaws(&bad),
            [
                "record 1 of the answer section, A at offset 22: its data has not the form of its type",
                "record 3 of the answer section, A at offset 53: its owner is no name",
                "record 2 of the authority section, A at offset 85: its data has not the form of its type",
            ]
        );
        let again = message.write(Compression::Multicast).unwrap();
        assert_eq!(again, bytes([1, 1, 1, 1], &[QUESTION, A, A, A]));
    }

    #[test]
    fn what_stands_behind_something_without_an_end_is_missing() {
        // RFC 1035 4.1.4: whatever 01 in front of 000000 may mean one day, it need not be a label of 64 bytes.
        let reserved = [&[0x40], &[0; 90][..]].concat();
        assert_eq!(
            flaws(&bytes([1, 3, 2, 1], &[QUESTION, A, &reserved, A])),
            [
                "record 2 of the answer section, of no type at offset 38: its owner is no name",
                "1 more announced in the answer section",
                "2 more announced in the authority section",
                "1 more announced in the additional section",
            ]
        );
        let cut = &A[..A.len() - 1];
        assert_eq!(
            flaws(&bytes([1, 2, 0, 0], &[QUESTION, cut])),
            [
                "record 1 of the answer section, A at offset 22: it is cut off",
                "1 more announced in the answer section",
            ]
        );
        assert_eq!(
            flaws(&bytes([1, 0, 0, 1], &[QUESTION, b"\0\0\x29"])),
            ["record 1 of the additional section, OPT at offset 22: it is cut off"]
        );
        assert_eq!(
            flaws(&bytes([1, 2, 0, 0], &[QUESTION, A])),
            ["1 more announced in the answer section"]
        );
        assert_eq!(
            flaws(&bytes([1, 1, 0, 0], &[QUESTION, A, b"xy"])),
            ["2 bytes behind the last record"]
        );
    }

    #[test]
    fn good_questions_are_read_and_without_any_there_is_no_message() {
        let forward = b"\xc0\xff\0\x01\0\x01";
        let message = Message::read(&bytes([2, 1, 0, 0], &[forward, QUESTION, A])).unwrap();
        assert_eq!((message.questions.len(), message.answers.len()), (1, 0));
        let message = Message::read(&bytes(
            [3, 0, 0, 0],
            &[QUESTION, forward, b"\x01a\xc0\x0c\0\x01\0\x01"],
        ))
        .unwrap();
        assert_eq!(message.questions.len(), 2);
        assert_eq!(
            flaws(&bytes(
                [3, 0, 0, 0],
                &[QUESTION, forward, b"\x01a\xc0\x0c\0\x01\0\x01"]
            )),
            ["question 2 at offset 22 is broken or cut off"]
        );
        assert_eq!(
            flaws(&bytes([3, 1, 0, 0], &[QUESTION])),
            [
                "2 more announced in the question section",
                "1 more announced in the answer section"
            ]
        );
        assert_eq!(
            flaws(&bytes([3, 1, 0, 0], &[QUESTION, b"\x40"])),
            [
                "question 2 at offset 22 is broken or cut off",
                "1 more announced in the question section",
                "1 more announced in the answer section"
            ]
        );
        let broken = |number, offset| Err(Flaw::Question { number, offset });
        assert_eq!(Message::read(&bytes([1, 0, 0, 0], &[])), broken(1, 12));
        assert_eq!(
            Message::read(&bytes([2, 1, 0, 0], &[forward, b"\x01a"])),
            broken(2, 18)
        );
        assert_eq!(
            Message::read(&bytes([1, 1, 0, 0], &[forward, A])),
            broken(1, 12)
        );
        assert_eq!(
            Message::read(&bytes([0, 0, 0, 0], &[])[..11]),
            Err(Flaw::Header)
        );
        assert_eq!(flaws(&bytes([0, 0, 0, 0], &[])), [""; 0]);
    }

    // RFC 1035 3.4, RFC 6763 6.1, RFC 6891 6.1.2
    #[test]
    fn data_has_the_form_of_its_type() {
        let read = |kind: u16, class: u16, data: &[u8]| {
            let mut record = b"\xc0\x0c".to_vec();
            record.extend(kind.to_be_bytes());
            record.extend(class.to_be_bytes());
            record.extend(b"\0\0\0\x1e\0");
            record.push(data.len() as u8);
            record.extend_from_slice(data);
            let message = bytes([1, 1, 0, 0], &[QUESTION, &record]);
            let message = Message::read(&message).unwrap();
            match &message.flaws[..] {
                [] => Ok(message.answers[0].data.clone()),
                [Flaw::Record { fault, .. }] => Err(*fault),
                flaws => panic!("{flaws:?}"),
            }
        };
        let broken = Err(Fault::Data);
        let unknown = |data: &[u8]| Ok(Rdata::Unknown(data.into()));
        assert_eq!(read(kind::A, 1, b"\x01\x02\x03\x04\x05"), broken);
        assert_eq!(read(kind::A, 1, b""), broken);
        assert_eq!(read(kind::A, 3, b"\x01"), unknown(b"\x01"));
        assert_eq!(
            read(kind::AAAA, 0x8001, &[7; 16]),
            Ok(Rdata::Aaaa([7; 16].into()))
        );
        assert_eq!(read(kind::AAAA, 1, &[7; 15]), broken);
        assert_eq!(read(kind::AAAA, 4, &[7; 15]), unknown(&[7; 15]));
        assert_eq!(
            read(kind::PTR, 1, b"\xc0\x0c"),
            Ok(Rdata::Ptr(name("casa")))
        );
        assert_eq!(read(kind::PTR, 1, b"\xc0\x0cx"), broken);
        assert_eq!(read(kind::PTR, 1, b"\x01a"), broken);
        assert_eq!(read(kind::SRV, 1, b"\0\0\0\0\0\0\xc0\x0c"), Ok(srv("casa")));
        assert_eq!(read(kind::SRV, 1, b"\0\0\0\0\0"), broken);
        assert_eq!(read(kind::TXT, 1, b"\x01a\x02b"), broken);
        let empty = Txt::from_wire(b"").unwrap();
        assert_eq!(read(kind::TXT, 1, b""), Ok(Rdata::Txt(empty)));
        assert_eq!(
            read(kind::NSEC, 1, b"\xc0\x0c\0\x04\x40\0\0\x08"),
            Ok(Rdata::Nsec(Nsec::new(name("casa"), [1, 28])))
        );
        assert_eq!(read(kind::NSEC, 1, b"\xc0\x0c\0\0"), broken);
        assert_eq!(read(kind::HINFO, 1, b"\x01a\x01b\0"), broken);
        assert_eq!(
            read(kind::OPT, 1, b"\0\x01\0\x01x"),
            Ok(Rdata::Opt(b"\0\x01\0\x01x".as_slice().into()))
        );
        assert_eq!(read(kind::OPT, 1, b"\0\x01\0\x02x"), broken);
        let naptr = read(35, 1, b"\0\x01\0\x02\x01a\x01b\0\xc0\x0c").unwrap();
        assert_eq!(naptr.to_string(), "0x00010002 0x0161016200 casa.");
        assert_eq!(read(35, 1, b"\0\x01\0\x02\x01a\x01b\xc0\x0c"), broken);
        assert_eq!(read(65280, 1, b""), unknown(b""));
    }

    // RFC 1035 3.3: a character-string has at most 255 bytes.
    #[test]
    fn strings_of_hinfo_are_cut_where_a_string_ends() {
        let hinfo = |length: usize| {
            let (cpu, os) = (vec![b'x'; length].into(), [].into());
            answers(vec![record("casa", Rdata::Hinfo(Hinfo { cpu, os }))])
        };
        let whole = hinfo(255).write(Compression::Off).unwrap();
        assert_eq!(Message::read(&whole).unwrap(), hinfo(255));
        assert_eq!(hinfo(256).write(Compression::Off).unwrap(), whole);
    }

    #[test]
    fn what_fits_in_no_message_is_refused() {
        let unknown = |length: usize| Record {
            owner: name("casa"),
            kind: 65280,
            class: 1,
            ttl: 0,
            data: Rdata::Unknown(vec![0; length].into()),
        };
        let write = |message: &Message| message.write(Compression::Multicast);
        let room = MESSAGE_MAX - 12 - 6 - 10;
        assert_eq!(
            write(&answers(vec![unknown(room)])).unwrap().len(),
            MESSAGE_MAX
        );
        assert_eq!(
            write(&answers(vec![unknown(room + 1)]))
                .unwrap_err()
                .to_string(),
            "a message of 65536 bytes is too long"
        );
        assert_eq!(
            write(&answers(vec![unknown(65536)]))
                .unwrap_err()
                .to_string(),
            "the data of a record of casa has 65536 bytes, more than a record takes"
        );
        assert_eq!(
            write(&answers(vec![record("casa", srv("b")); 65536]))
                .unwrap_err()
                .to_string(),
            "65536 entries are too many for the answer section"
        );
    }
}
