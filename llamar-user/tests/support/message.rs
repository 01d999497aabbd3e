//! A reader of DNS messages, written for the tests alone so that llamar is not judged by its own code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::testing::{A, AAAA, SOA, wire_name};

use super::reader::Reader;

/// A message, taken apart. Names are uncompressed wire bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: u16,
    /// The second 16 bits of the header.
    pub flags: u16,
    /// Name, type and class of each question.
    pub questions: Vec<(Vec<u8>, u16, u16)>,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authority: Vec<Record>,
    /// The additional section.
    pub additional: Vec<Record>,
}

/// A resource record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The owner's name.
    pub owner: Vec<u8>,
    /// Its type.
    pub kind: u16,
    /// Its class.
    pub class: u16,
    /// Seconds to live.
    pub ttl: u32,
    /// What it says.
    pub value: Value,
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of an A or AAAA record.
    Address(IpAddr),
    /// Of an SOA record: MNAME, RNAME and the five numbers.
    Soa(Vec<u8>, Vec<u8>, [u32; 5]),
    /// Of any other.
    Other(Vec<u8>),
}

impl Message {
    /// Reads a whole message; `None` if it is not one, or something is left over.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let [id, flags, questions, answers, authority, additional] = reader.header()?;
        let message = Self {
            id,
            flags,
            questions: (0..questions)
                .map(|_| Some((name(&mut reader)?, reader.u16()?, reader.u16()?)))
                .collect::<Option<_>>()?,
            answers: records(&mut reader, answers)?,
            authority: records(&mut reader, authority)?,
            additional: records(&mut reader, additional)?,
        };
        reader.is_at_end().then_some(message)
    }

    /// The addresses in the answer section, in their order.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let address = |record: &Record| match record.value {
            Value::Address(address) => Some(address),
            _ => None,
        };
        self.answers.iter().filter_map(address).collect()
    }

    /// Asserts that this is the plain answer to a question (RFC 4795 2.1.1): the question as it was asked, no
    /// flag but QR, these addresses in this order; without any, an SOA (RFC 4795 2.9) in the authority section.
    #[track_caller]
    pub fn assert_answers(&self, name: &str, kind: u16, ttl: u32, addresses: &[IpAddr]) {
        let owner = wire_name(name);
        assert_eq!(self.flags, 0x8000, "QR and no other flag: {self:?}");
        assert_eq!(
            self.questions,
            [(owner.clone(), kind, 1)],
            "the question as asked: {self:?}"
        );
        let record = |value: &Value, kind| Record {
            owner: owner.clone(),
            kind,
            class: 1,
            ttl,
            value: value.clone(),
        };
        let wanted: Vec<_> = addresses
            .iter()
            .map(|&address| record(&Value::Address(address), kind))
            .collect();
        assert_eq!(self.answers, wanted, "the addresses of {name}");
        assert_eq!(self.additional, [], "{self:?}");
        if !addresses.is_empty() {
            assert_eq!(self.authority, [], "{self:?}");
            return;
        }
        let [soa] = &self.authority[..] else {
            panic!("one SOA in the authority section: {self:?}")
        };
        assert_eq!(
            (&soa.owner, soa.kind, soa.class, soa.ttl),
            (&owner, SOA, 1, ttl),
            "{soa:?}"
        );
        let Value::Soa(mname, _, [.., minimum]) = &soa.value else {
            panic!("an SOA's data: {soa:?}")
        };
        // RFC 4795 2.9: MNAME is the name of the query; the smaller of TTL and MINIMUM counts.
        assert_eq!((mname, *minimum), (&owner, ttl), "{soa:?}");
    }
}

/// A name as uncompressed wire bytes.
fn name(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    for label in reader.labels()? {
        name.push(label.len() as u8);
        name.extend(label);
    }
    name.push(0);
    Some(name)
}

fn records(reader: &mut Reader<'_>, count: u16) -> Option<Vec<Record>> {
    (0..count).map(|_| record(reader)).collect()
}

fn record(reader: &mut Reader<'_>) -> Option<Record> {
    let owner = name(reader)?;
    let (kind, class, ttl) = (reader.u16()?, reader.u16()?, reader.u32()?);
    let length = usize::from(reader.u16()?);
    let end = reader.at() + length;
    let value = match kind {
        A => Value::Address(Ipv4Addr::from(<[u8; 4]>::try_from(reader.take(length)?).ok()?).into()),
        AAAA => {
            Value::Address(Ipv6Addr::from(<[u8; 16]>::try_from(reader.take(length)?).ok()?).into())
        }
        SOA => Value::Soa(
            name(reader)?,
            name(reader)?,
            [
                reader.u32()?,
                reader.u32()?,
                reader.u32()?,
                reader.u32()?,
                reader.u32()?,
            ],
        ),
        _ => Value::Other(reader.take(length)?.to_vec()),
    };
    (reader.at() == end).then_some(Record {
        owner,
        kind,
        class,
        ttl,
        value,
    })
}
