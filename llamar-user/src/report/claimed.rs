//! What `llamar mdns names` shows: the hosts and services that are told of over mDNS, interface by interface.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Form;
use super::layout::{aligned, json, print, table};

/// Everything that is told of over mDNS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedReport {
    /// Whether an agent runs; without one nothing is told.
    pub agent: bool,
    /// The names, interface by interface.
    pub names: Vec<ClaimedRow>,
    /// What keeps mDNS from working, one sentence each.
    pub notes: Vec<String>,
}

/// A host or service on one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedRow {
    /// The name that is used.
    pub name: String,
    /// The name that was asked for, if another host has it.
    pub instead_of: Option<String>,
    /// The interface's name.
    pub interface: String,
    /// Its index.
    pub ifindex: u32,
    /// How the name stands.
    pub state: ClaimedState,
    /// A host's addresses; none for a service.
    pub addresses: Vec<IpAddr>,
    /// A service's host; none for a host.
    pub host: Option<String>,
    /// A service's port.
    pub port: Option<u16>,
    /// Who else has the name that was asked for, if that is known.
    pub culprit: Option<IpAddr>,
}

/// How a name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimedState {
    /// It is being verified that nobody else has it (RFC 6762 8.1).
    Probing,
    /// It is answered for.
    Unique,
    /// Another host has it; it is tried again (RFC 6762 9).
    Withdrawn,
    /// The interface is down, or has no address.
    Down,
}

impl ClaimedState {
    /// The state as a word, for output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probing => "probing",
            Self::Unique => "unique",
            Self::Withdrawn => "withdrawn",
            Self::Down => "down",
        }
    }
}

impl ClaimedReport {
    /// Prints the report on standard output.
    pub fn print(&self, as_json: bool) -> io::Result<()> {
        print(|out| self.write(Form::of_stdout(as_json), out))
    }

    /// Writes the report.
    pub fn write(&self, form: Form, out: &mut impl Write) -> io::Result<()> {
        let rows = self.names.iter().map(ClaimedRow::cells);
        match form {
            Form::Json => return json(self, out),
            _ if !self.agent => writeln!(out, "no agent")?,
            Form::Table => table(&["name", "interface", "state", "what"], rows, out)?,
            Form::Plain => aligned(rows, out)?,
        }
        let mut notes = self.notes.iter();
        notes.try_for_each(|note| writeln!(out, "note: {note}"))
    }
}

impl ClaimedRow {
    fn cells(&self) -> [Cow<'_, str>; 4] {
        [
            Cow::from(&self.name),
            Cow::from(&self.interface),
            self.state.as_str().into(),
            self.what().into(),
        ]
    }

    /// What the name stands for, and whom it makes way for.
    fn what(&self) -> String {
        let mut what = match (&self.host, self.port) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            _ => {
                let addresses: Vec<_> = self.addresses.iter().map(IpAddr::to_string).collect();
                addresses.join(",")
            }
        };
        if let Some(wanted) = &self.instead_of {
            what.push_str(&format!(" instead of {wanted}"));
        }
        if let Some(culprit) = self.culprit {
            what.push_str(&format!(", as {culprit} has the name"));
        }
        what
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> ClaimedReport {
        let host = ClaimedRow {
            name: "casa-2.local".to_owned(),
            instead_of: Some("casa.local".to_owned()),
            interface: "eth0".to_owned(),
            ifindex: 2,
            state: ClaimedState::Unique,
            addresses: vec![[10, 0, 0, 2].into(), "fe80::2".parse().unwrap()],
            host: None,
            port: None,
            culprit: Some([10, 0, 0, 9].into()),
        };
        let service = ClaimedRow {
            name: "Web._http._tcp.local".to_owned(),
            instead_of: None,
            state: ClaimedState::Probing,
            addresses: Vec::new(),
            host: Some("casa-2.local".to_owned()),
            port: Some(80),
            culprit: None,
            ..host.clone()
        };
        ClaimedReport {
            agent: true,
            names: vec![host, service],
            notes: vec!["udp port 5353 is shared".to_owned()],
        }
    }

    fn written(report: &ClaimedReport, form: Form) -> String {
        let mut out = Vec::new();
        report.write(form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hosts_and_services_have_a_line_each_and_notes_come_behind() {
        let plain = "casa-2.local         eth0 unique  10.0.0.2,fe80::2 instead of casa.local, as 10.0.0.9 has the name\n\
                     Web._http._tcp.local eth0 probing casa-2.local:80\n\
                     note: udp port 5353 is shared\n";
        assert_eq!(written(&report(), Form::Plain), plain);
        assert!(written(&report(), Form::Table).contains("casa-2.local:80"));
        assert_eq!(
            written(&ClaimedReport::default(), Form::Plain),
            "no agent\n"
        );
    }

    #[test]
    fn json_reads_back_and_spells_states_as_the_lines_do() {
        let json = written(&report(), Form::Json);
        assert_eq!(
            serde_json::from_str::<ClaimedReport>(&json).unwrap(),
            report()
        );
        use ClaimedState::{Down, Probing, Unique, Withdrawn};
        for state in [Probing, Unique, Withdrawn, Down] {
            let word = serde_json::to_string(&state).unwrap();
            assert_eq!(word, format!("{:?}", state.as_str()));
        }
    }
}
