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
    use crate::dns::{Name, Rdata, kind};

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn record(owner: &str, data: Rdata) -> Record {
        Record::new(name(owner), 30, data).unwrap()
    }

    /// A response with one A record.
    const RESPONSE: &[u8] = b"\x12\x34\x85\x70\0\x01\0\x01\0\0\0\0\x04casa\0\0\x01\0\x01\
        \xc0\x0c\0\x01\x80\x01\0\0\0\x1e\0\x04\xc0\0\x02\x01";

    // RFC 1035 4.1, RFC 6762 10.2, 18: all bits of the header and of classes are kept.
    #[test]
    fn message_is_its_four_sections_and_the_same_bytes_again() {
        let message = Message::read(RESPONSE).unwrap();
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
        assert_eq!(message.write(Compression::Multicast).unwrap(), RESPONSE);
    }
}
