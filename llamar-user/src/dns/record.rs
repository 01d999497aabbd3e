//! Resource records that own what they say (RFC 1035 4.1.3).

use super::reader::Reader;
use super::writer::{Compression, Writer};
use super::{Fault, Name, Rdata, TooLong};

/// A resource record. `Eq` compares names without the case of ASCII letters, and everything else exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// NAME.
    pub owner: Name,
    /// TYPE; the form of `data` follows from it.
    pub kind: u16,
    /// CLASS, with its top bit.
    pub class: u16,
    /// TTL in seconds.
    pub ttl: u32,
    /// RDATA.
    pub data: Rdata,
}

/// What a reader comes upon where a record should be.
pub(super) enum Found {
    /// A record.
    Good(Record),
    /// A record of this type that is none, and behind which the next one begins.
    Bad(Option<u16>, Fault),
    /// Something that has no end.
    Lost(Option<u16>, Fault),
}

impl Record {
    /// A record of class IN; `None` if the data does not say which type it is of.
    pub fn new(owner: Name, ttl: u32, data: Rdata) -> Option<Self> {
        Some(Self {
            owner,
            kind: data.kind()?,
            class: super::kind::IN,
            ttl,
            data,
        })
    }

    /// The record where a reader is; if there is one to step over, the reader does.
    pub(super) fn read(reader: &mut Reader<'_>) -> Found {
        let start = reader.at();
        let owner = reader.name();
        if owner.is_none() {
            // A pointer that leads nowhere still has two bytes: the record ends where it says.
            reader.go_to(start);
            if reader.skip_name().is_none() {
                return Found::Lost(None, Fault::Owner);
            }
        }
        let mut ahead = *reader;
        let kind = ahead.u16();
        let Some((kind, class, ttl, mut data)) = Self::fields(reader) else {
            return Found::Lost(kind, Fault::Cut);
        };
        let Some(owner) = owner else {
            return Found::Bad(Some(kind), Fault::Owner);
        };
        match Rdata::read(kind, class, &mut data) {
            Some(data) => Found::Good(Self {
                owner,
                kind,
                class,
                ttl,
                data,
            }),
            None => Found::Bad(Some(kind), Fault::Data),
        }
    }

    /// Everything behind the owner; the data is not read yet.
    fn fields<'a>(reader: &mut Reader<'a>) -> Option<(u16, u16, u32, Reader<'a>)> {
        let (kind, class, ttl) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let length = reader.u16()?;
        Some((kind, class, ttl, reader.within(length.into())?))
    }

    pub(super) fn write<'a>(&'a self, writer: &mut Writer<'a>) -> Result<(), TooLong> {
        writer.name(&self.owner, Compression::Unicast);
        writer.u16(self.kind);
        writer.u16(self.class);
        writer.u32(self.ttl);
        let place = writer.len();
        writer.u16(0);
        self.data.write(self.kind, writer);
        let length = writer.len() - place - 2;
        let length = u16::try_from(length).map_err(|_| TooLong::Data {
            owner: self.owner.clone(),
            length,
        })?;
        writer.u16_at(place, length);
        Ok(())
    }
}
