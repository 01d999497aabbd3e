//! What `llamar mdns query` shows: what others answered.

use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use super::text::family;
use crate::dns::{Question, Record, kind, kind_name};
use crate::report::asked::data;
use crate::report::layout::json;

/// Records that are shown; nobody has so many, but a flood makes them up.
const RECORDS_MAX: usize = 1024;

/// What came of some questions about one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MdnsReport {
    /// The name.
    pub name: String,
    /// The types that were asked for.
    pub types: Vec<String>,
    /// Whether there are records.
    pub found: bool,
    /// The records, those of the first type first.
    pub records: Vec<Answered>,
    /// Who said that the name has no record of a type (RFC 6762 6.1).
    pub denied: Vec<Denied>,
    /// The interfaces on which was asked.
    pub asked: Vec<String>,
}

/// A record and who said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// Its owner.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its TTL in seconds, as it was sent.
    pub ttl: u32,
    /// What it says.
    pub data: String,
    /// The interface on whose link it is valid.
    pub interface: String,
    /// Of the sender's address.
    pub family: &'static str,
    /// Who sent it.
    pub from: IpAddr,
    #[serde(skip)]
    number: u16,
}

/// That a name has no record of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Denied {
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The interface on whose link that is so.
    pub interface: String,
    /// Who says so.
    pub from: IpAddr,
}

impl MdnsReport {
    /// A report without an answer.
    pub fn new(questions: &[Question]) -> Self {
        let mut types = questions.iter().map(|question| kind_name(question.kind));
        Self {
            name: questions
                .first()
                .map(|question| question.name.to_string())
                .unwrap_or_default(),
            types: types.by_ref().map(String::from).collect(),
            found: false,
            records: Vec::new(),
            denied: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Adds a record that was answered.
    pub fn add(&mut self, record: &Record, interface: &str, from: IpAddr) {
        let row = Answered {
            name: record.owner.to_string(),
            kind: kind_name(record.kind).into_owned(),
            ttl: record.ttl,
            data: data(record, interface),
            interface: interface.to_owned(),
            family: family(from),
            from,
            number: record.kind,
        };
        // The same comes over both IP versions.
        let is_same = |known: &Answered| {
            (&known.name, &known.kind, &known.data, &known.interface)
                == (&row.name, &row.kind, &row.data, &row.interface)
        };
        self.found = true;
        if self.records.len() < RECORDS_MAX && !self.records.iter().any(is_same) {
            self.records.push(row);
            self.records.sort_by_key(order);
        }
    }

    /// Adds that the name has no record of a type.
    pub fn deny(&mut self, kind: &str, interface: &str, from: IpAddr) {
        self.denied.push(Denied {
            kind: kind.to_owned(),
            interface: interface.to_owned(),
            from,
        });
    }

    /// Writes one object.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line for each record: `A: 192.168.0.121`, `AAAA: fe80::1%eth0`.
    pub fn write_records(&self, out: &mut impl Write) -> io::Result<()> {
        let mut said = Vec::new();
        for row in &self.records {
            let line = format!("{}: {}", row.kind, row.data);
            // Two interfaces on one link hear the same.
            if !said.contains(&line) {
                writeln!(out, "{line}")?;
                said.push(line);
            }
        }
        Ok(())
    }
}

/// Addresses first, then by type, each as it came.
fn order(row: &Answered) -> (bool, u16, bool) {
    let is_link_local = row.kind == "AAAA" && row.data.contains('%');
    let is_address = [kind::A, kind::AAAA].contains(&row.number);
    (!is_address, row.number, is_link_local)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Name, Rdata};

    fn question(kind: u16) -> Question {
        Question {
            name: Name::parse("casa.local").unwrap(),
            kind,
            class: kind::IN,
        }
    }

    fn record(address: &str) -> Record {
        let data = match address.parse().unwrap() {
            IpAddr::V4(ip) => Rdata::A(ip),
            IpAddr::V6(ip) => Rdata::Aaaa(ip),
        };
        Record::new(Name::parse("casa.local").unwrap(), 120, data).unwrap()
    }

    #[test]
    fn records_are_told_once_and_in_order() {
        let mut report = MdnsReport::new(&[question(kind::A), question(kind::AAAA)]);
        let from = "192.0.2.1".parse().unwrap();
        for address in ["fe80::1", "2001:db8::1", "192.0.2.1"] {
            report.add(&record(address), "eth0", from);
            report.add(&record(address), "eth0", "fe80::1".parse().unwrap());
        }
        report.add(&record("192.0.2.1"), "wlan0", from);
        let mut out = Vec::new();
        report.write_records(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        A: 192.0.2.1
        AAAA: 2001:db8::1
        AAAA: fe80::1%eth0
        ");
    }

    #[test]
    fn json_says_everything() {
        let mut report = MdnsReport::new(&[question(kind::A), question(kind::AAAA)]);
        let from = "192.0.2.1".parse().unwrap();
        report.add(&record("192.0.2.1"), "eth0", from);
        report.deny("AAAA", "eth0", from);
        report.asked.push("eth0".into());
        let mut out = Vec::new();
        report.write_json(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"{"name":"casa.local","types":["A","AAAA"],"found":true,"records":[{"name":"casa.local","type":"A","ttl":120,"data":"192.0.2.1","interface":"eth0","family":"IPv4","from":"192.0.2.1"}],"denied":[{"type":"AAAA","interface":"eth0","from":"192.0.2.1"}],"asked":["eth0"]}"#);
    }
}
