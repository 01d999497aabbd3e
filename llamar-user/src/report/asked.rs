//! What `llamar query` shows: what others answered, and who did.

use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use super::json;
use crate::ask::Asker;
use crate::dns::{Question, Record, kind_name};
use crate::llmnr::sender::{Answer, Conflict, Outcome, Path, Response, is_scoped};

/// What came of some questions about one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AskedReport {
    /// The name.
    pub name: String,
    /// The types that were asked for.
    pub types: Vec<String>,
    /// Whether there are records.
    pub found: bool,
    /// The records to use, those of the first type first.
    pub records: Vec<RecordRow>,
    /// Everything that was answered, for each type in the order in which it came.
    pub responses: Vec<ResponseRow>,
    /// Several holders of the name, of whom one takes itself for the only one.
    pub conflicts: Vec<ConflictRow>,
    /// Where was asked.
    pub asked: Vec<PathRow>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordRow {
    /// Its owner.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its TTL in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: String,
    /// The interface on whose link it is valid.
    pub interface: String,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResponseRow {
    /// The type that was asked for.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who answered.
    pub from: IpAddr,
    /// The interface on whose link that is.
    pub interface: String,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// Whether the responder shares the name with others (C).
    pub shared: bool,
    /// Whether it was cut (TC), and there was none over TCP.
    pub truncated: bool,
    /// The response code: zero unless there was an error.
    pub rcode: u16,
    /// For how many seconds an empty response may be kept; none says that it may not.
    pub negative_ttl: Option<u32>,
    /// Whether its records are among those to use.
    pub chosen: bool,
    /// Its records.
    pub records: Vec<RecordRow>,
}

/// Several holders of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ConflictRow {
    /// The interface on whose link they are.
    pub interface: String,
    /// Their addresses.
    pub responders: Vec<IpAddr>,
}

/// A link on which was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathRow {
    /// The interface.
    pub interface: String,
    /// Our address.
    pub source: IpAddr,
}

impl AskedReport {
    /// A report without an answer.
    pub fn new(asker: &Asker, questions: &[Question]) -> Self {
        let path = |path: &Path| PathRow {
            interface: asker.interface(path.device),
            source: path.source,
        };
        Self {
            name: questions
                .first()
                .map(|question| question.name.to_string())
                .unwrap_or_default(),
            types: questions
                .iter()
                .map(|question| kind_name(question.kind).into_owned())
                .collect(),
            found: false,
            records: Vec::new(),
            responses: Vec::new(),
            conflicts: Vec::new(),
            asked: asker.paths().iter().map(path).collect(),
        }
    }

    /// Adds the answer to one of the questions.
    pub fn add(&mut self, asker: &Asker, question: &Question, answer: &Answer) {
        self.found |= answer.outcome() == Outcome::Found;
        for (device, record) in answer.records() {
            let row = record_row(record, asker.interface(device));
            // With several interfaces on one link the same is heard on each.
            if !self.records.contains(&row) {
                self.records.push(row);
            }
        }
        let responses = answer.responses.iter();
        self.responses
            .extend(responses.map(|response| response_row(asker, question, response)));
    }

    /// Adds conflicts, which those who answered several questions are told of once.
    pub fn add_conflicts(&mut self, asker: &Asker, conflicts: &[Conflict]) {
        for conflict in conflicts {
            let mut responders = conflict.responders.clone();
            responders.sort();
            let row = ConflictRow {
                interface: asker.interface(conflict.device),
                responders,
            };
            if !self.conflicts.contains(&row) {
                self.conflicts.push(row);
            }
        }
    }

    /// Writes one object.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line for each record to use: `A: 192.168.0.121`, `AAAA: fe80::1%eth0`.
    pub fn write_records(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_lines(out, |row| &row.data)
    }

    /// The same without the interfaces of link-local addresses, as LLamar's busco printed them.
    pub fn write_unscoped(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_lines(out, |row| match row.data.rsplit_once('%') {
            Some((address, scope)) if row.kind == "AAAA" && scope == row.interface => address,
            _ => &row.data,
        })
    }

    fn write_lines(
        &self,
        out: &mut impl Write,
        data: impl Fn(&RecordRow) -> &str,
    ) -> io::Result<()> {
        let mut said = Vec::new();
        for row in &self.records {
            let line = format!("{}: {}", row.kind, data(row));
            // Two interfaces on one link hear the same.
            if !said.contains(&line) {
                writeln!(out, "{line}")?;
                said.push(line);
            }
        }
        Ok(())
    }

    /// Writes a line for each record of each responder: `A: 192.168.0.121 from 192.168.0.121 on eth0`.
    pub fn write_responders(&self, out: &mut impl Write) -> io::Result<()> {
        for response in &self.responses {
            let (from, on) = (response.from, &response.interface);
            let shared = if response.shared { ", shared" } else { "" };
            for row in &response.records {
                writeln!(
                    out,
                    "{}: {} from {from} on {on}{shared}",
                    row.kind, row.data
                )?;
            }
        }
        Ok(())
    }
}

fn response_row(asker: &Asker, question: &Question, response: &Response) -> ResponseRow {
    let interface = asker.interface(response.device);
    let records = response.records.iter();
    ResponseRow {
        kind: kind_name(question.kind).into_owned(),
        from: response.from,
        transport: if response.tcp { "tcp" } else { "udp" },
        shared: response.conflict,
        truncated: response.truncated,
        rcode: response.rcode,
        negative_ttl: response.negative_ttl,
        chosen: response.chosen,
        records: records
            .map(|record| record_row(record, interface.clone()))
            .collect(),
        interface,
    }
}

fn record_row(record: &Record, interface: String) -> RecordRow {
    RecordRow {
        name: record.owner.to_string(),
        kind: kind_name(record.kind).into_owned(),
        ttl: record.ttl,
        data: data(record, &interface),
        interface,
    }
}

/// What a record says. To a link-local address belongs the interface on whose link it was heard (RFC 4795 4.4).
pub(super) fn data(record: &Record, interface: &str) -> String {
    match &record.data {
        scoped if is_scoped(scoped) => format!("{scoped}%{interface}"),
        other => format!("{other:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Mx, Name, Rdata, Srv};

    #[test]
    fn data_is_shown_as_people_write_it() {
        let name = || Name::parse("casa.home").unwrap();
        let shown = |data_of: Rdata| {
            let record = Record::new(name(), 30, data_of).unwrap();
            data(&record, "eth0")
        };
        assert_eq!(shown(Rdata::A([192, 168, 0, 121].into())), "192.168.0.121");
        assert_eq!(
            shown(Rdata::Aaaa("fe80::1".parse().unwrap())),
            "fe80::1%eth0"
        );
        assert_eq!(
            shown(Rdata::Aaaa("2001:db8::1".parse().unwrap())),
            "2001:db8::1"
        );
        assert_eq!(shown(Rdata::Ptr(name())), "casa.home");
        let (preference, exchange) = (10, name());
        assert_eq!(
            shown(Rdata::Mx(Mx {
                preference,
                exchange
            })),
            "10 casa.home"
        );
        let srv = Srv {
            priority: 0,
            weight: 0,
            port: 80,
            target: name(),
        };
        assert_eq!(shown(Rdata::Srv(srv)), "0 0 80 casa.home");
        assert_eq!(shown(Rdata::Ptr(Name::root())), ".");
    }

    fn report(records: &[(&str, &str, &str)]) -> AskedReport {
        let row = |&(kind, data, interface): &(&str, &str, &str)| RecordRow {
            name: "casa".into(),
            kind: kind.into(),
            ttl: 30,
            data: data.into(),
            interface: interface.into(),
        };
        AskedReport {
            name: "casa".into(),
            types: vec!["A".into()],
            found: true,
            records: records.iter().map(row).collect(),
            responses: Vec::new(),
            conflicts: Vec::new(),
            asked: Vec::new(),
        }
    }

    #[test]
    fn what_two_interfaces_hear_alike_is_one_line() {
        let report = report(&[
            ("A", "10.0.0.1", "eth0"),
            ("A", "10.0.0.1", "wlan0"),
            ("AAAA", "fe80::1%eth0", "eth0"),
            ("AAAA", "fe80::1%wlan0", "wlan0"),
        ]);
        let mut out = Vec::new();
        report.write_records(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "A: 10.0.0.1\nAAAA: fe80::1%eth0\nAAAA: fe80::1%wlan0\n"
        );
        let mut out = Vec::new();
        report.write_unscoped(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "A: 10.0.0.1\nAAAA: fe80::1\n"
        );
    }
}
