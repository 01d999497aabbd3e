//! What `llamar why` shows: for each link, whether a name is answered for there, and the rule that keeps it silent if
//! it is not.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::layout::{aligned, json, print, table};
use super::{Form, vlan};

/// How a name stands on every link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyReport {
    /// The name or address as it was asked for.
    pub name: String,
    /// Whether an agent runs; without one there are no links.
    pub agent: bool,
    /// The links, those that are served first.
    pub links: Vec<WhyRow>,
    /// What may keep queries or answers from coming through, one sentence each.
    pub notes: Vec<String>,
}

/// How a name stands on one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyRow {
    /// The interface's name.
    pub interface: String,
    /// VLAN id, 0 for untagged frames.
    pub vlan: u16,
    /// What becomes of a query.
    pub reason: Reason,
    /// The same in a sentence, with what to do.
    pub text: String,
}

/// What becomes of a query for a name on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The kernel path answers.
    Kernel,
    /// The agent answers.
    Userspace,
    /// Uniqueness is not verified yet: answers have T set, and askers discard them (RFC 4795 2.1.1, 4.1).
    Tentative,
    /// Another host has the name (RFC 4795 4.1, 4.2).
    Conflict,
    /// The name is not ours there (RFC 4795 2.3 d).
    NotConfigured,
    /// The interface is not served.
    NotServed,
    /// The interface does not exist.
    Missing,
    /// The interface is not an Ethernet one.
    NotEthernet,
    /// The interface is down or has no carrier.
    Down,
    /// There is no address from which to answer (RFC 4795 2.5).
    NoAddress,
    /// The groups could not be joined (RFC 4795 2).
    NotJoined,
}

impl Reason {
    /// Whether a query gets an answer that counts.
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Kernel | Self::Userspace)
    }

    /// The reason as a word, for output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Userspace => "userspace",
            Self::Tentative => "tentative",
            Self::Conflict => "conflict",
            Self::NotConfigured => "not-configured",
            Self::NotServed => "not-served",
            Self::Missing => "missing",
            Self::NotEthernet => "not-ethernet",
            Self::Down => "down",
            Self::NoAddress => "no-address",
            Self::NotJoined => "not-joined",
        }
    }
}

impl WhyReport {
    /// Whether the name is answered for on any link.
    pub fn is_answered(&self) -> bool {
        self.links.iter().any(|row| row.reason.is_answered())
    }

    /// Prints the report on standard output.
    pub fn print(&self, as_json: bool) -> io::Result<()> {
        print(|out| self.write(Form::of_stdout(as_json), out))
    }

    /// Writes the report.
    pub fn write(&self, form: Form, out: &mut impl Write) -> io::Result<()> {
        let rows = self.links.iter().map(WhyRow::cells);
        match form {
            Form::Json => return json(self, out),
            _ if !self.agent => writeln!(out, "no agent")?,
            Form::Table => table(&["interface", "vlan", "verdict", "why"], rows, out)?,
            Form::Plain => aligned(rows, out)?,
        }
        let mut notes = self.notes.iter();
        notes.try_for_each(|note| writeln!(out, "note: {note}"))
    }
}

impl WhyRow {
    fn cells(&self) -> [Cow<'_, str>; 4] {
        [
            Cow::from(&self.interface),
            vlan(self.vlan),
            self.reason.as_str().into(),
            Cow::from(&self.text),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> WhyReport {
        let row = |interface: &str, vlan, reason, text: &str| WhyRow {
            interface: interface.to_owned(),
            vlan,
            reason,
            text: text.to_owned(),
        };
        WhyReport {
            name: "casa".to_owned(),
            agent: true,
            links: vec![
                row("eth0", 0, Reason::Kernel, "answered in the kernel"),
                row("eth0", 100, Reason::Conflict, "10.0.0.9 has the name"),
            ],
            notes: vec!["a packet filter is active".to_owned()],
        }
    }

    fn written(report: &WhyReport, form: Form) -> String {
        let mut out = Vec::new();
        report.write(form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_link_has_a_line_and_notes_come_behind() {
        let plain = "eth0 -   kernel   answered in the kernel\n\
                     eth0 100 conflict 10.0.0.9 has the name\n\
                     note: a packet filter is active\n";
        assert_eq!(written(&report(), Form::Plain), plain);
        let table = written(&report(), Form::Table);
        assert!(table.contains("verdict") && table.contains("10.0.0.9 has the name"));
        let nobody = WhyReport {
            agent: false,
            links: Vec::new(),
            ..report()
        };
        let expected = "no agent\nnote: a packet filter is active\n";
        assert_eq!(written(&nobody, Form::Plain), expected);
    }

    #[test]
    fn json_reads_back_and_spells_reasons_as_the_lines_do() {
        let json = written(&report(), Form::Json);
        assert_eq!(serde_json::from_str::<WhyReport>(&json).unwrap(), report());
        assert!(json.contains(r#""reason":"conflict""#));
        let all = [
            Reason::Kernel,
            Reason::Userspace,
            Reason::Tentative,
            Reason::Conflict,
            Reason::NotConfigured,
            Reason::NotServed,
            Reason::Missing,
            Reason::NotEthernet,
            Reason::Down,
            Reason::NoAddress,
            Reason::NotJoined,
        ];
        for reason in all {
            let word = serde_json::to_string(&reason).unwrap();
            assert_eq!(word, format!("{:?}", reason.as_str()));
        }
    }

    #[test]
    fn a_name_is_answered_for_if_it_is_on_any_link() {
        assert!(report().is_answered());
        let silent = WhyReport {
            links: report().links.split_off(1),
            ..report()
        };
        assert!(!silent.is_answered());
    }
}
