//! The data of types that have names in it and that no engine here asks for: told apart as far as decompression needs
//! (RFC 3597 4, RFC 6762 18.14).

use super::Name;
use super::reader::Reader;
use super::writer::{Compression, Writer};

/// A piece of a record's data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// A name.
    Name(Name),
    /// Bytes between names.
    Bytes(Box<[u8]>),
}

/// What a piece of data is, in the form of a type.
#[derive(Clone, Copy)]
enum Field {
    Name,
    Bytes(usize),
    Strings(usize),
    Rest,
}

/// The form of a type's data and the least compression that touches its names.
fn form(kind: u16) -> Option<(&'static [Field], Compression)> {
    use Field::{Bytes, Name, Rest, Strings};
    Some(match kind {
        // MD, MF, MB, MG, MR (RFC 1035 3.3.3 to 3.3.8)
        3 | 4 | 7..=9 => (&[Name], Compression::Unicast),
        // MINFO (RFC 1035 3.3.7)
        14 => (&[Name, Name], Compression::Unicast),
        // RP (RFC 1183 2.2)
        17 => (&[Name, Name], Compression::Multicast),
        // AFSDB, RT (RFC 1183 1, 3.3), KX (RFC 2230 3.1)
        18 | 21 | 36 => (&[Bytes(2), Name], Compression::Multicast),
        // PX (RFC 2163 4)
        26 => (&[Bytes(2), Name, Name], Compression::Multicast),
        // RFC 6762 18.14: names in any type that it does not list must not be compressed; decoded they should be.
        // SIG (RFC 2535 4.1), RRSIG (RFC 4034 3.1)
        24 | 46 => (&[Bytes(18), Name, Rest], Compression::Off),
        // NXT (RFC 2535 5.2)
        30 => (&[Name, Rest], Compression::Off),
        // NAPTR (RFC 3403 4.1)
        35 => (&[Bytes(4), Strings(3), Name], Compression::Off),
        // SVCB, HTTPS (RFC 9460 2.2)
        64 | 65 => (&[Bytes(2), Name, Rest], Compression::Off),
        _ => return None,
    })
}

/// Whether data of this type has names in it that are known here.
pub(super) fn is_mixed(kind: u16) -> bool {
    form(kind).is_some()
}

/// The pieces of data of a type; `None` if it has not the type's form, or the type none.
pub(super) fn read(kind: u16, data: &mut Reader<'_>) -> Option<Box<[Part]>> {
    let (fields, _) = form(kind)?;
    let part = |field: &Field| {
        let mut ahead = *data;
        let bytes = match *field {
            Field::Name => return data.name().map(Part::Name),
            Field::Bytes(length) => data.bytes(length)?,
            Field::Rest => data.bytes(data.rest().len())?,
            Field::Strings(count) => {
                (0..count).try_for_each(|_| ahead.string().map(drop))?;
                data.bytes(ahead.at() - data.at())?
            }
        };
        Some(Part::Bytes(bytes.into()))
    };
    fields.iter().map(part).collect()
}

/// Writes the pieces of data of a type.
pub(super) fn write<'a>(kind: u16, parts: &'a [Part], writer: &mut Writer<'a>) {
    let least = form(kind).map_or(Compression::Off, |(_, least)| least);
    for part in parts {
        match part {
            Part::Name(name) => writer.name(name, least),
            Part::Bytes(bytes) => writer.bytes(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Message, Rdata, Record};

    // RFC 3597 4, RFC 6762 18.14: A37
    #[test]
    fn names_are_compressed_in_the_types_that_allow_it_and_only_for_those_who_understand_it() {
        let name = Name::parse("casa").unwrap();
        let least = |kind| {
            let message = Message {
                answers: vec![Record {
                    owner: name.clone(),
                    kind,
                    class: 1,
                    ttl: 0,
                    data: Rdata::Mixed([Part::Name(name.clone())].into()),
                }],
                ..Message::default()
            };
            let all = [Compression::Unicast, Compression::Multicast];
            let short = |how: &Compression| message.write(*how).unwrap().ends_with(b"\xc0\x0c");
            all.into_iter().find(short)
        };
        for kind in [3, 4, 7, 8, 9, 14] {
            assert_eq!(least(kind), Some(Compression::Unicast), "{kind}");
        }
        for kind in [17, 18, 21, 26, 36] {
            assert_eq!(least(kind), Some(Compression::Multicast), "{kind}");
        }
        for kind in [24, 30, 35, 46, 64, 65, 65280] {
            assert_eq!(least(kind), None, "{kind}");
        }
    }
}
