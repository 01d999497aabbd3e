//! Messages as they came, written as text.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{LinkSlice, SlicedPacket, TransportSlice};
use llamar_common::testing::{A, AAAA, Mac};

use super::{ANY, NSEC, PORT, PTR, SRV, TOP, TXT};
use crate::support::packet::addresses;
use crate::support::reader::Reader;

/// A message that came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Ethernet source.
    pub source_mac: Mac,
    /// Ethernet destination.
    pub destination_mac: Mac,
    /// IP source and UDP source port.
    pub source: SocketAddr,
    /// IP destination and UDP destination port.
    pub destination: SocketAddr,
    /// IP TTL or hop limit.
    pub ttl: u8,
    /// Its id.
    pub id: u16,
    /// The second 16 bits of the header.
    pub flags: u16,
    /// The questions.
    pub questions: Vec<Asked>,
    /// The answer section.
    pub answers: Vec<Told>,
    /// The authority section.
    pub authority: Vec<Told>,
    /// The additional section.
    pub additional: Vec<Told>,
    /// The DNS message as bytes.
    pub bytes: Vec<u8>,
    /// The whole frame.
    pub frame: Vec<u8>,
}

/// A question, written `casa.local A`, with ` QU` if the answer is wanted by unicast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: u16,
    /// Whether the top bit of its class is set.
    pub unicast: bool,
}

/// A record, written `casa.local A 120 flush 10.7.0.1`; `flush` stands there if the top bit of its class is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its owner.
    pub name: String,
    /// Its type.
    pub kind: u16,
    /// Whether the top bit of its class is set.
    pub flush: bool,
    /// Seconds to live.
    pub ttl: u32,
    /// What it says.
    pub data: String,
}

impl Heard {
    /// Decodes a frame; `None` if it is no mDNS. Panics if it is, and not in order.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let (Some(LinkSlice::Ethernet2(ethernet)), Some(TransportSlice::Udp(udp))) =
            (&packet.link, &packet.transport)
        else {
            return None;
        };
        if ![udp.source_port(), udp.destination_port()].contains(&PORT) {
            return None;
        }
        let (source, destination, ttl) = addresses(&packet)?;
        let mut heard =
            read(udp.payload()).unwrap_or_else(|| panic!("not a DNS message in {frame:02x?}"));
        heard.source_mac = ethernet.source();
        heard.destination_mac = ethernet.destination();
        heard.source = (source, udp.source_port()).into();
        heard.destination = (destination, udp.destination_port()).into();
        heard.ttl = ttl;
        heard.frame = frame.to_vec();
        Some(heard)
    }

    /// Whether it is a response.
    pub fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Whether it is a probe for a name (RFC 6762 8.1).
    pub fn probes(&self, name: &str) -> bool {
        !self.is_response()
            && self.questions.iter().any(|asked| asked.name == name)
            && self.authority.iter().any(|told| told.name == name)
    }

    /// Whether it is a response with a record, in any section.
    pub fn tells(&self, record: &str) -> bool {
        self.is_response() && self.records().any(|told| told.to_string() == record)
    }

    /// The records of all sections.
    pub fn records(&self) -> impl Iterator<Item = &Told> {
        self.answers
            .iter()
            .chain(&self.authority)
            .chain(&self.additional)
    }

    /// Whether it was sent to everybody.
    pub fn is_multicast(&self) -> bool {
        self.destination.ip().is_multicast()
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} -> {} {:04x}",
            self.source, self.destination, self.flags
        )?;
        for asked in &self.questions {
            write!(f, " ? {asked}")?;
        }
        for (mark, section) in [
            ("=", &self.answers),
            ("!", &self.authority),
            ("+", &self.additional),
        ] {
            for told in section {
                write!(f, " {mark} {told}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wish = if self.unicast { " QU" } else { "" };
        write!(f, "{} {}{wish}", self.name, kind_name(self.kind))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flush = if self.flush { " flush" } else { "" };
        let kind = kind_name(self.kind);
        write!(f, "{} {kind} {}{flush} {}", self.name, self.ttl, self.data)
    }
}

/// The name of a type.
fn kind_name(kind: u16) -> String {
    let name = match kind {
        A => "A",
        AAAA => "AAAA",
        PTR => "PTR",
        SRV => "SRV",
        TXT => "TXT",
        NSEC => "NSEC",
        ANY => "ANY",
        other => return format!("TYPE{other}"),
    };
    name.to_owned()
}

/// Reads a whole message; `None` if it is not one, or something is left over.
fn read(bytes: &[u8]) -> Option<Heard> {
    let mut reader = Reader::new(bytes);
    let [id, flags, questions, answers, authority, additional] = reader.header()?;
    let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
    let heard = Heard {
        source_mac: [0; 6],
        destination_mac: [0; 6],
        source: nobody,
        destination: nobody,
        ttl: 0,
        id,
        flags,
        questions: (0..questions)
            .map(|_| question(&mut reader))
            .collect::<Option<_>>()?,
        answers: records(&mut reader, answers)?,
        authority: records(&mut reader, authority)?,
        additional: records(&mut reader, additional)?,
        bytes: bytes.to_vec(),
        frame: Vec::new(),
    };
    reader.is_at_end().then_some(heard)
}

fn name(reader: &mut Reader<'_>) -> Option<String> {
    let text = |label: &[u8]| Some(String::from_utf8(label.to_vec()).ok()?.replace('.', r"\."));
    let labels: Option<Vec<String>> = reader.labels()?.into_iter().map(text).collect();
    Some(labels?.join("."))
}

fn question(reader: &mut Reader<'_>) -> Option<Asked> {
    let (name, kind, class) = (name(reader)?, reader.u16()?, reader.u16()?);
    Some(Asked {
        name,
        kind,
        unicast: class & TOP != 0,
    })
}

fn records(reader: &mut Reader<'_>, count: u16) -> Option<Vec<Told>> {
    (0..count).map(|_| record(reader)).collect()
}

fn record(reader: &mut Reader<'_>) -> Option<Told> {
    let (owner, kind, class, ttl) = (name(reader)?, reader.u16()?, reader.u16()?, reader.u32()?);
    let length = usize::from(reader.u16()?);
    let end = reader.at() + length;
    let data = match kind {
        A => Ipv4Addr::from(<[u8; 4]>::try_from(reader.take(length)?).ok()?).to_string(),
        AAAA => Ipv6Addr::from(<[u8; 16]>::try_from(reader.take(length)?).ok()?).to_string(),
        PTR => name(reader)?,
        SRV => format!(
            "{} {} {} {}",
            reader.u16()?,
            reader.u16()?,
            reader.u16()?,
            name(reader)?
        ),
        TXT => strings(reader, end)?,
        NSEC => {
            let next = name(reader)?;
            format!("{next} {}", bitmap(reader, end)?)
        }
        _ => format!("{:02x?}", reader.take(length)?),
    };
    (reader.at() == end).then_some(Told {
        name: owner,
        kind,
        flush: class & TOP != 0,
        ttl,
        data,
    })
}

/// The strings of a TXT record, each in quotes.
fn strings(reader: &mut Reader<'_>, end: usize) -> Option<String> {
    let mut strings = Vec::new();
    while reader.at() < end {
        let length = reader.take(1)?[0];
        strings.push(format!(
            "\"{}\"",
            String::from_utf8_lossy(reader.take(length.into())?)
        ));
    }
    Some(strings.join(" "))
}

/// The types of an NSEC record in block 0 (RFC 6762 6.1).
fn bitmap(reader: &mut Reader<'_>, end: usize) -> Option<String> {
    let (block, length) = (reader.take(1)?[0], reader.take(1)?[0]);
    assert_eq!(
        (block, end - reader.at()),
        (0, usize::from(length)),
        "one block, number 0"
    );
    let bits = reader.take(length.into())?;
    let has = |kind: &u16| bits[usize::from(kind / 8)] & (0x80 >> (kind % 8)) != 0;
    let kinds = (0..8 * u16::from(length)).filter(has).map(kind_name);
    Some(kinds.collect::<Vec<_>>().join(" "))
}
