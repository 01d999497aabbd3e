//! Messages to be sent.

use std::net::IpAddr;

use llamar_common::testing::{A, AAAA};

use super::{PTR, RESPONSE, SRV, TOP, TXT};

/// A message on its way to being bytes. Nothing in it is compressed.
#[derive(Clone, Debug)]
pub struct Speech {
    id: u16,
    flags: u16,
    counts: [u16; 4],
    sections: [Vec<u8>; 4],
}

impl Speech {
    /// A query without questions.
    pub fn query() -> Self {
        Self {
            id: 0,
            flags: 0,
            counts: [0; 4],
            sections: Default::default(),
        }
    }

    /// A response without answers.
    pub fn response() -> Self {
        Self::query().flags(RESPONSE)
    }

    /// The query for the addresses, of a host that has only this name and asks as a browser does.
    pub fn asking(name: &str, kind: u16) -> Self {
        Self::query().question(name, kind)
    }

    /// The response of one record.
    pub fn telling(record: &Record) -> Self {
        Self::response().answer(record)
    }

    /// RFC 6762 8.1: the probe for a name, with what its host proposes.
    pub fn probing(name: &str, proposed: &[Record]) -> Self {
        let probe = Self::query().question_of_class(name, super::ANY, TOP | 1);
        proposed
            .iter()
            .fold(probe, |probe, record| probe.authority(record))
    }

    /// Puts another id in.
    #[must_use]
    pub fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    /// Puts other flags in.
    #[must_use]
    pub fn flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    /// Adds a question.
    #[must_use]
    pub fn question(self, name: &str, kind: u16) -> Self {
        self.question_of_class(name, kind, 1)
    }

    /// Adds a question whose answer is wanted by unicast (RFC 6762 5.4).
    #[must_use]
    pub fn unicast_question(self, name: &str, kind: u16) -> Self {
        self.question_of_class(name, kind, TOP | 1)
    }

    /// Adds a question of any class.
    #[must_use]
    pub fn question_of_class(self, name: &str, kind: u16, class: u16) -> Self {
        let mut bytes = wire_name(name);
        bytes.extend(kind.to_be_bytes());
        bytes.extend(class.to_be_bytes());
        self.add(0, &bytes)
    }

    /// Adds an answer; in a query, one that is known.
    #[must_use]
    pub fn answer(self, record: &Record) -> Self {
        self.add(1, &record.bytes())
    }

    /// Adds a record to the authority section.
    #[must_use]
    pub fn authority(self, record: &Record) -> Self {
        self.add(2, &record.bytes())
    }

    /// Adds a record to the additional section.
    #[must_use]
    pub fn additional(self, record: &Record) -> Self {
        self.add(3, &record.bytes())
    }

    fn add(mut self, section: usize, bytes: &[u8]) -> Self {
        self.counts[section] += 1;
        self.sections[section].extend(bytes);
        self
    }

    /// The header's words.
    pub(super) fn header(&self) -> (u16, u16, [u16; 4]) {
        (self.id, self.flags, self.counts)
    }

    /// What follows the header.
    pub(super) fn body(&self) -> Vec<u8> {
        self.sections.concat()
    }
}

/// A record to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    name: Vec<u8>,
    kind: u16,
    class: u16,
    ttl: u32,
    data: Vec<u8>,
}

impl Record {
    /// A record of class IN.
    pub fn new(name: &str, kind: u16, ttl: u32, data: Vec<u8>) -> Self {
        Self {
            name: wire_name(name),
            kind,
            class: 1,
            ttl,
            data,
        }
    }

    /// A or AAAA.
    pub fn address(name: &str, address: impl Into<IpAddr>) -> Self {
        match address.into() {
            IpAddr::V4(address) => Self::new(name, A, 120, address.octets().to_vec()),
            IpAddr::V6(address) => Self::new(name, AAAA, 120, address.octets().to_vec()),
        }
    }

    /// PTR.
    pub fn pointer(name: &str, to: &str) -> Self {
        Self::new(name, PTR, 4500, wire_name(to))
    }

    /// SRV with priority and weight 0.
    pub fn server(name: &str, port: u16, host: &str) -> Self {
        let mut data = vec![0; 4];
        data.extend(port.to_be_bytes());
        data.extend(wire_name(host));
        Self::new(name, SRV, 120, data)
    }

    /// TXT.
    pub fn text(name: &str, strings: &[&str]) -> Self {
        let mut data = Vec::new();
        for string in strings {
            data.push(string.len() as u8);
            data.extend(string.as_bytes());
        }
        if data.is_empty() {
            data.push(0);
        }
        Self::new(name, TXT, 4500, data)
    }

    /// Sets the cache-flush bit (RFC 6762 10.2).
    #[must_use]
    pub fn flush(self) -> Self {
        Self {
            class: self.class | TOP,
            ..self
        }
    }

    /// Puts another TTL in.
    #[must_use]
    pub fn ttl(self, ttl: u32) -> Self {
        Self { ttl, ..self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.name.clone();
        bytes.extend(self.kind.to_be_bytes());
        bytes.extend(self.class.to_be_bytes());
        bytes.extend(self.ttl.to_be_bytes());
        bytes.extend((self.data.len() as u16).to_be_bytes());
        bytes.extend(&self.data);
        bytes
    }
}

/// A name in wire form; dots part its labels, `\.` is a dot inside one.
pub fn wire_name(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.replace(r"\.", "\0").split('.') {
        wire.push(label.len() as u8);
        wire.extend(label.replace('\0', ".").as_bytes());
    }
    wire.push(0);
    wire
}
