//! Who does not keep which rule.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use super::Heard;
use super::text::place;
use crate::dnssd::lint::Breach;
use crate::report::Form;
use crate::report::layout::{aligned, json, table};

/// All breaches of rules, by interface and sender.
#[derive(Clone, Debug, PartialEq)]
pub struct LintReport {
    rows: Vec<LintRow>,
}

/// A rule that somebody does not keep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LintRow {
    /// The interface, `null` where a capture does not tell.
    interface: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    /// The sender's address.
    from: IpAddr,
    /// The sender's MAC address, if it is known.
    mac: Option<String>,
    /// The rule's number in this project's list, or `wire`.
    rule: &'static str,
    /// Where it stands.
    section: &'static str,
    /// `must` or `should`.
    level: String,
    /// How often it was broken.
    count: u64,
    /// When it was first, in seconds since the beginning of 1970.
    time: f64,
    /// What is wrong.
    text: String,
    /// The name that it is about.
    name: Option<String>,
    /// The record that it is about.
    record: Option<String>,
    #[serde(skip)]
    place: String,
}

impl LintRow {
    /// The row of a breach that was heard so often on a link.
    pub fn new(breach: &Breach, count: u64, heard: &Heard) -> Self {
        let mac = breach.sender.mac.map(|mac| {
            let bytes = mac.map(|byte| format!("{byte:02x}"));
            bytes.join(":")
        });
        Self {
            interface: heard.interface.clone(),
            vlan: heard.vlan,
            from: breach.sender.address,
            mac,
            rule: breach.rule,
            section: breach.section,
            level: breach.level.to_string(),
            count,
            time: breach.at.as_secs_f64(),
            text: breach.text.clone(),
            name: breach.name.clone(),
            record: breach.record.clone(),
            place: place(heard).into_owned(),
        }
    }

    fn sender(&self) -> String {
        match &self.mac {
            Some(mac) => format!("{} ({mac})", self.from),
            None => self.from.to_string(),
        }
    }

    fn what(&self) -> String {
        match &self.record {
            Some(record) => format!("{} [{record}]", self.text),
            None => self.text.clone(),
        }
    }
}

impl LintReport {
    /// The report of these breaches.
    pub fn new(mut rows: Vec<LintRow>) -> Self {
        // Those of one sender as they came.
        rows.sort_by(|a, b| (&a.place, a.from).cmp(&(&b.place, b.from)));
        Self { rows }
    }

    /// Writes the report: as JSON an object a line.
    pub fn write(&self, form: Form, out: &mut impl Write) -> io::Result<()> {
        match form {
            Form::Json => self.rows.iter().try_for_each(|row| json(row, out)),
            Form::Plain => aligned(self.rows.iter().map(cells), out),
            Form::Table if self.rows.is_empty() => writeln!(out, "no breach of a rule"),
            Form::Table => self.write_table(out),
        }
    }

    /// Writes a table for each sender.
    fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        let of_one = |a: &LintRow, b: &LintRow| (&a.place, a.from) == (&b.place, b.from);
        for (index, rows) in self.rows.chunk_by(of_one).enumerate() {
            let Some(first) = rows.first() else { continue };
            let gap = if index > 0 { "\n" } else { "" };
            writeln!(out, "{gap}{} on {}", first.sender(), first.place)?;
            let header = ["rule", "level", "section", "count", "what"];
            let rows = rows.iter().map(|row| {
                let [_, _, rule, level, count, section, what] = cells(row);
                [rule, level, section, count, what]
            });
            table(&header, rows, out)?;
        }
        Ok(())
    }
}

/// Interface, sender, rule, level, count, section, text.
fn cells(row: &LintRow) -> [Cow<'_, str>; 7] {
    [
        Cow::from(&row.place),
        row.from.to_string().into(),
        row.rule.into(),
        Cow::from(&row.level),
        row.count.to_string().into(),
        row.section.into(),
        row.what().into(),
    ]
}
