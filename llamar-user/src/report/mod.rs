//! What `llamar names` and `llamar status` show. The agent answers with these over its control socket, and the tools
//! build them from the pinned maps where no agent runs; either way they come out as JSON, as a table for people at a
//! terminal, or as aligned lines, each whole by itself, in a pipe.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;

use llamar_common::abi::{Counters, NameState, Outcome};
use serde::{Deserialize, Serialize};

pub use self::addresses::ConflictRow as AddressConflictRow;
pub use self::asked::{AskedReport, ConflictRow, PathRow, RecordRow, ResponseRow};
pub use self::claimed::{ClaimedReport, ClaimedRow, ClaimedState};
pub use self::dnssd::{
    Answered, BrowseForm, BrowseReport, Denied, Heard, LintReport, LintRow, MdnsReport,
};
pub use self::layout::print;
use self::layout::{aligned, json, span, table};
pub use self::why::{Reason, WhyReport, WhyRow};

mod addresses;
pub mod arp;
mod asked;
mod claimed;
mod dnssd;
pub mod ether;
mod layout;
pub mod nd;
mod prometheus;
pub mod stations;
mod why;

/// Rows up to which a table is drawn; it is held in memory cell by cell, and there may be a million names.
const TABLE_ROWS: usize = 10_000;

/// Every name that is answered for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamesReport {
    /// Whether an agent runs.
    pub agent: bool,
    /// The names, link by link.
    pub names: Vec<NameRow>,
}

/// A name on one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameRow {
    /// The name as text.
    pub name: String,
    /// The link's interface.
    pub interface: String,
    /// Index of the interface.
    pub ifindex: u32,
    /// VLAN id, 0 for untagged frames.
    pub vlan: u16,
    /// Addresses in order of preference for a routable asker.
    pub addresses: Vec<IpAddr>,
    /// TTL in seconds.
    pub ttl: u32,
    /// How far the name's uniqueness is known.
    #[serde(with = "state")]
    pub state: NameState,
    /// Whether the kernel path answers for it.
    pub kernel: bool,
}

/// The standing of an instance and of its links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The instance's name.
    pub instance: String,
    /// The agent, if one runs.
    pub agent: Option<AgentRow>,
    /// The links, in the order of their keys.
    pub links: Vec<LinkRow>,
    /// Frames of no link, by outcome.
    pub no_link: BTreeMap<String, u64>,
    /// Entries of the names map.
    pub names_used: u64,
    /// Entries for which it has room.
    pub names_capacity: u64,
}

/// A running agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Seconds since it started.
    pub started: u64,
}

/// A link and what became of the frames on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRow {
    /// The interface's name.
    pub interface: String,
    /// Its index.
    pub ifindex: u32,
    /// VLAN id, 0 for untagged frames.
    pub vlan: u16,
    /// Whether it is up.
    pub up: bool,
    /// How the kernel path runs: `native`, `generic`, or `off`.
    pub mode: String,
    /// Id of its XDP program.
    pub program_id: Option<u32>,
    /// Frames in the kernel path, by outcome; empty without one.
    pub counters: BTreeMap<String, u64>,
    /// Messages and frames in the agent, by outcome; empty without one.
    pub userspace: BTreeMap<String, u64>,
    /// Addresses of ours that other hosts were found to use, by address.
    #[serde(default)]
    pub conflicts: Vec<AddressConflictRow>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One line of JSON.
    Json,
    /// For people at a terminal.
    Table,
    /// Aligned lines, one result each.
    Plain,
}

impl Form {
    /// JSON if that is asked for, else what suits standard output.
    pub fn of_stdout(json: bool) -> Self {
        match (json, io::stdout().is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => Self::Table,
            (false, false) => Self::Plain,
        }
    }
}

impl NamesReport {
    /// Prints the report on standard output.
    pub fn print(&self, json: bool) -> io::Result<()> {
        print(|out| self.write(Form::of_stdout(json), out))
    }

    /// Writes the report.
    pub fn write(&self, form: Form, out: &mut impl Write) -> io::Result<()> {
        if form == Form::Json {
            return json(self, out);
        }
        if !self.agent {
            writeln!(out, "no agent")?;
        }
        match form {
            Form::Table if self.names.is_empty() => writeln!(out, "no names"),
            Form::Table if self.names.len() <= TABLE_ROWS => {
                let header = [
                    "name",
                    "interface",
                    "vlan",
                    "addresses",
                    "ttl",
                    "state",
                    "answered by",
                ];
                table(&header, self.rows("\n"), out)
            }
            _ => aligned(self.rows(","), out),
        }
    }
}

impl NamesReport {
    fn rows(&self, between: &'static str) -> impl Iterator<Item = [Cow<'_, str>; 7]> + Clone {
        self.names
            .iter()
            .map(move |row| row.cells(between, self.agent))
    }
}

impl NameRow {
    fn cells(&self, between: &str, agent: bool) -> [Cow<'_, str>; 7] {
        let addresses: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        [
            Cow::from(&self.name),
            Cow::from(&self.interface),
            vlan(self.vlan),
            if addresses.is_empty() {
                "-".into()
            } else {
                addresses.join(between).into()
            },
            self.ttl.to_string().into(),
            self.state.as_str().into(),
            match (self.kernel, agent) {
                (true, _) => "kernel",
                (false, true) => "userspace",
                (false, false) => "nobody",
            }
            .into(),
        ]
    }
}

impl StatusReport {
    /// Prints the report on standard output.
    pub fn print(&self, json: bool) -> io::Result<()> {
        print(|out| self.write(Form::of_stdout(json), out))
    }

    /// Writes the report.
    pub fn write(&self, form: Form, out: &mut impl Write) -> io::Result<()> {
        match form {
            Form::Json => json(self, out),
            Form::Table => self.table(out),
            Form::Plain => self.plain(out),
        }
    }

    fn table(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "instance {}: {}", self.instance, self.agent())?;
        writeln!(
            out,
            "{} of {} names in the kernel",
            self.names_used, self.names_capacity
        )?;
        for link in &self.links {
            let [interface, vlan, up, mode, program] = link.cells();
            let vlan = if link.vlan == 0 {
                String::new()
            } else {
                format!(" vlan {vlan}")
            };
            let program = if link.program_id.is_some() {
                format!(", program {program}")
            } else {
                String::new()
            };
            writeln!(out, "\n{interface}{vlan}: {up}, xdp {mode}{program}")?;
            if !(link.counters.is_empty() && link.userspace.is_empty()) {
                let header = ["outcome", "kernel", "userspace"];
                table(&header, counters(&link.counters, &link.userspace), out)?;
            }
            addresses::table_of(&link.conflicts, out)?;
        }
        if !self.no_link.is_empty() {
            writeln!(out, "\nframes of no link")?;
            let rows = self
                .no_link
                .iter()
                .map(|(outcome, count)| [outcome.into(), count.to_string().into()]);
            table(&["outcome", "kernel"], rows, out)?;
        }
        Ok(())
    }

    fn plain(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "instance {}", self.instance)?;
        writeln!(out, "{}", self.agent())?;
        writeln!(out, "names {} of {}", self.names_used, self.names_capacity)?;
        let link = |link: &'_ LinkRow| {
            let [interface, vlan, up, mode, program] = link.cells().map(|cell| cell.into_owned());
            [
                Cow::from("link"),
                interface.into(),
                vlan.into(),
                up.into(),
                mode.into(),
                program.into(),
            ]
        };
        aligned(self.links.iter().map(link), out)?;
        addresses::lines_of(&self.links, out)?;
        let none = BTreeMap::new();
        let own = self.links.iter().map(|link| {
            (
                link.interface.as_str(),
                link.vlan,
                &link.counters,
                &link.userspace,
            )
        });
        let all = own.chain([("-", 0, &self.no_link, &none)]);
        let rows = all.flat_map(|(interface, id, kernel, userspace)| {
            counters(kernel, userspace).map(move |[outcome, kernel, userspace]| {
                [
                    Cow::from("counter"),
                    interface.into(),
                    vlan(id),
                    outcome,
                    kernel,
                    userspace,
                ]
            })
        });
        aligned(rows, out)
    }

    fn agent(&self) -> String {
        self.agent.as_ref().map_or_else(
            || "no agent".into(),
            |agent| {
                format!(
                    "agent {}, version {}, running for {}",
                    agent.pid,
                    agent.version,
                    span(agent.started)
                )
            },
        )
    }
}

impl LinkRow {
    fn cells(&self) -> [Cow<'_, str>; 5] {
        [
            Cow::from(&self.interface),
            vlan(self.vlan),
            if self.up { "up" } else { "down" }.into(),
            Cow::from(&self.mode),
            self.program_id
                .map_or("-".into(), |id| id.to_string().into()),
        ]
    }
}

/// Outcome, count in the kernel and count in userspace, for every outcome that either counts.
fn counters<'a>(
    kernel: &'a BTreeMap<String, u64>,
    userspace: &'a BTreeMap<String, u64>,
) -> impl Iterator<Item = [Cow<'a, str>; 3]> + Clone {
    let outcomes: BTreeSet<&String> = kernel.keys().chain(userspace.keys()).collect();
    let count = |counts: &BTreeMap<String, u64>, outcome| {
        counts.get(outcome).map_or("-".into(), u64::to_string)
    };
    let outcomes = Vec::from_iter(outcomes);
    outcomes.into_iter().map(move |outcome| {
        [
            outcome.into(),
            count(kernel, outcome).into(),
            count(userspace, outcome).into(),
        ]
    })
}

fn vlan(id: u16) -> Cow<'static, str> {
    if id == 0 {
        "-".into()
    } else {
        id.to_string().into()
    }
}

/// A state as its word.
mod state {
    use llamar_common::abi::NameState;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(state: &NameState, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(state.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NameState, D::Error> {
        const STATES: [NameState; 3] = [NameState::Tentative, NameState::Unique, NameState::Shared];
        let word = String::deserialize(deserializer)?;
        let state = STATES.into_iter().find(|state| state.as_str() == word);
        state.ok_or_else(|| de::Error::unknown_variant(&word, &["tentative", "unique", "shared"]))
    }
}

/// Counters by the names of their outcomes.
pub fn outcomes(counters: &Counters) -> BTreeMap<String, u64> {
    let named = Outcome::ALL.iter().map(|outcome| {
        let frames = counters.frames[*outcome as usize];
        (outcome.as_str().to_owned(), frames)
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn row(name: &str, vlan: u16, addresses: &[&str], state: NameState, kernel: bool) -> NameRow {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        NameRow {
            name: name.into(),
            interface: "eth0".into(),
            ifindex: 2,
            vlan,
            addresses,
            ttl: 30,
            state,
            kernel,
        }
    }

    fn names(agent: bool) -> NamesReport {
        let names = vec![
            row(
                "casa",
                0,
                &["192.0.2.1", "2001:db8::1", "fe80::1"],
                NameState::Unique,
                true,
            ),
            row(
                "größe.example",
                100,
                &["192.0.2.7"],
                NameState::Tentative,
                false,
            ),
            row("leer", 0, &[], NameState::Shared, false),
        ];
        NamesReport { agent, names }
    }

    fn conflict(
        address: &str,
        mac: u8,
        count: u64,
        first: u64,
        last: u64,
        outcome: &str,
    ) -> AddressConflictRow {
        AddressConflictRow {
            address: address.parse().unwrap(),
            mac: [2, 0, 0, 0, 0, mac].into(),
            count,
            first,
            last,
            outcome: outcome.into(),
        }
    }

    fn status(agent: bool) -> StatusReport {
        let counts = |counts: &[(&str, u64)]| {
            counts
                .iter()
                .map(|&(name, count)| (name.into(), count))
                .collect()
        };
        let eth0 = LinkRow {
            interface: "eth0".into(),
            ifindex: 2,
            vlan: 0,
            up: true,
            mode: "generic".into(),
            program_id: Some(57),
            counters: counts(&[
                ("arp-answered", 12),
                ("llmnr-answered", 1_000_000),
                ("llmnr-empty", 0),
            ]),
            userspace: counts(&[("llmnr-answered", 3), ("llmnr-ignored", 4)]),
            conflicts: vec![
                conflict("192.0.2.1", 9, 3, 3725, 4, "defended"),
                conflict("2001:db8::1", 10, 1, 59, 59, "noted"),
            ],
        };
        let vlan = LinkRow {
            interface: "eth0".into(),
            ifindex: 2,
            vlan: 100,
            mode: "off".into(),
            ..LinkRow::default()
        };
        StatusReport {
            instance: "default".into(),
            agent: agent.then(|| AgentRow {
                pid: 4242,
                version: "0.1.0".into(),
                started: 3725,
            }),
            links: vec![eth0, vlan],
            no_link: counts(&[("no-link", 5)]),
            names_used: 2,
            names_capacity: 65_536,
        }
    }

    fn names_as(report: &NamesReport, form: Form) -> String {
        let mut out = Vec::new();
        report.write(form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn status_as(report: &StatusReport, form: Form) -> String {
        let mut out = Vec::new();
        report.write(form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_at_a_terminal_are_a_table_with_an_address_a_line() {
        insta::assert_snapshot!(names_as(&names(true), Form::Table), @r"
        name           interface  vlan  addresses    ttl  state      answered by
        casa           eth0       -     192.0.2.1    30   unique     kernel
                                        2001:db8::1
                                        fe80::1
        größe.example  eth0       100   192.0.2.7    30   tentative  userspace
        leer           eth0       -     -            30   shared     userspace
        ");
        assert_eq!(
            names_as(&NamesReport::default(), Form::Table),
            "no agent\nno names\n"
        );
    }

    #[test]
    fn names_in_a_pipe_are_a_line_each() {
        insta::assert_snapshot!(names_as(&names(false), Form::Plain), @r"
        no agent
        casa          eth0 -   192.0.2.1,2001:db8::1,fe80::1 30 unique    kernel
        größe.example eth0 100 192.0.2.7                     30 tentative nobody
        leer          eth0 -   -                             30 shared    nobody
        ");
        assert_eq!(
            names_as(
                &NamesReport {
                    agent: true,
                    names: vec![]
                },
                Form::Plain
            ),
            ""
        );
    }

    #[test]
    fn so_many_names_that_a_table_would_be_too_large_are_lines() {
        let one = row("casa", 0, &["192.0.2.1"], NameState::Unique, true);
        let report = NamesReport {
            agent: true,
            names: vec![one; TABLE_ROWS + 1],
        };
        assert_eq!(
            names_as(&report, Form::Table),
            names_as(&report, Form::Plain)
        );
    }

    #[test]
    fn status_at_a_terminal_is_a_table_for_each_link() {
        insta::assert_snapshot!(status_as(&status(true), Form::Table), @r"
        instance default: agent 4242, version 0.1.0, running for 1 h 2 min
        2 of 65536 names in the kernel

        eth0: up, xdp generic, program 57
         outcome         kernel   userspace
         arp-answered    12       -
         llmnr-answered  1000000  3
         llmnr-empty     0        -
         llmnr-ignored   -        4
         address      also used by       times  since          last seen  then
         192.0.2.1    02:00:00:00:00:09  3      1 h 2 min ago  4 s ago    defended
         2001:db8::1  02:00:00:00:00:0a  1      59 s ago       59 s ago   noted

        eth0 vlan 100: down, xdp off

        frames of no link
         outcome  kernel
         no-link  5
        ");
    }

    #[test]
    fn status_in_a_pipe_is_a_line_for_each_count() {
        insta::assert_snapshot!(status_as(&status(false), Form::Plain), @r"
        instance default
        no agent
        names 2 of 65536
        link eth0 -   up   generic 57
        link eth0 100 down off     -
        conflict eth0 - 192.0.2.1   02:00:00:00:00:09 3 3725 4  defended
        conflict eth0 - 2001:db8::1 02:00:00:00:00:0a 1 59   59 noted
        counter eth0 - arp-answered   12      -
        counter eth0 - llmnr-answered 1000000 3
        counter eth0 - llmnr-empty    0       -
        counter eth0 - llmnr-ignored  -       4
        counter -    - no-link        5       -
        ");
    }

    #[test]
    fn status_as_metrics_has_every_count_under_its_labels() {
        let mut report = status(true);
        report.instance = "a\"b\\c\nd".into();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut out = Vec::new();
        report.write_prometheus(now, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("a\"b") && text.matches(r#"{instance="a\"b\\c\nd""#).count() > 10);
        let mut plain = Vec::new();
        status(true).write_prometheus(now, &mut plain).unwrap();
        insta::assert_snapshot!(String::from_utf8(plain).unwrap(), @r#"
        # HELP llamar_up Whether an agent serves the instance.
        # TYPE llamar_up gauge
        llamar_up{instance="default"} 1
        # HELP llamar_agent_info The agent's version.
        # TYPE llamar_agent_info gauge
        llamar_agent_info{instance="default",version="0.1.0"} 1
        # HELP llamar_agent_start_time_seconds When the agent started, in seconds since 1970.
        # TYPE llamar_agent_start_time_seconds gauge
        llamar_agent_start_time_seconds{instance="default"} 1699996275
        # HELP llamar_names Names in the kernel path's map.
        # TYPE llamar_names gauge
        llamar_names{instance="default"} 2
        # HELP llamar_names_capacity Names for which the kernel path's map has room.
        # TYPE llamar_names_capacity gauge
        llamar_names_capacity{instance="default"} 65536
        # HELP llamar_link_up Whether a link is up.
        # TYPE llamar_link_up gauge
        llamar_link_up{instance="default",interface="eth0",vlan="0"} 1
        llamar_link_up{instance="default",interface="eth0",vlan="100"} 0
        # HELP llamar_link_xdp_info How the kernel path runs on a link: native, generic or off.
        # TYPE llamar_link_xdp_info gauge
        llamar_link_xdp_info{instance="default",interface="eth0",vlan="0",mode="generic"} 1
        llamar_link_xdp_info{instance="default",interface="eth0",vlan="100",mode="off"} 1
        # HELP llamar_frames_total Frames and messages of a link by what became of them, in the kernel and in userspace.
        # TYPE llamar_frames_total counter
        llamar_frames_total{instance="default",interface="eth0",vlan="0",path="kernel",outcome="arp-answered"} 12
        llamar_frames_total{instance="default",interface="eth0",vlan="0",path="kernel",outcome="llmnr-answered"} 1000000
        llamar_frames_total{instance="default",interface="eth0",vlan="0",path="kernel",outcome="llmnr-empty"} 0
        llamar_frames_total{instance="default",interface="eth0",vlan="0",path="userspace",outcome="llmnr-answered"} 3
        llamar_frames_total{instance="default",interface="eth0",vlan="0",path="userspace",outcome="llmnr-ignored"} 4
        # HELP llamar_frames_of_no_link_total Frames in the kernel path that are of no link, by what became of them.
        # TYPE llamar_frames_of_no_link_total counter
        llamar_frames_of_no_link_total{instance="default",outcome="no-link"} 5
        # HELP llamar_address_conflicts_total Packets by which another host, named by its hardware address, used an address of this one.
        # TYPE llamar_address_conflicts_total counter
        llamar_address_conflicts_total{instance="default",interface="eth0",vlan="0",address="192.0.2.1",mac="02:00:00:00:00:09"} 3
        llamar_address_conflicts_total{instance="default",interface="eth0",vlan="0",address="2001:db8::1",mac="02:00:00:00:00:0a"} 1
        # HELP llamar_address_conflict_first_seen_timestamp_seconds When another host was first seen to use an address of this one, in seconds since 1970.
        # TYPE llamar_address_conflict_first_seen_timestamp_seconds gauge
        llamar_address_conflict_first_seen_timestamp_seconds{instance="default",interface="eth0",vlan="0",address="192.0.2.1",mac="02:00:00:00:00:09"} 1699996275
        llamar_address_conflict_first_seen_timestamp_seconds{instance="default",interface="eth0",vlan="0",address="2001:db8::1",mac="02:00:00:00:00:0a"} 1699999941
        # HELP llamar_address_conflict_last_seen_timestamp_seconds When another host was last seen to use an address of this one, in seconds since 1970.
        # TYPE llamar_address_conflict_last_seen_timestamp_seconds gauge
        llamar_address_conflict_last_seen_timestamp_seconds{instance="default",interface="eth0",vlan="0",address="192.0.2.1",mac="02:00:00:00:00:09"} 1699999996
        llamar_address_conflict_last_seen_timestamp_seconds{instance="default",interface="eth0",vlan="0",address="2001:db8::1",mac="02:00:00:00:00:0a"} 1699999941
        # HELP llamar_address_conflict_outcome_info What was done about another host's use of an address: noted, defended, withdrawn or unannounced.
        # TYPE llamar_address_conflict_outcome_info gauge
        llamar_address_conflict_outcome_info{instance="default",interface="eth0",vlan="0",address="192.0.2.1",mac="02:00:00:00:00:09",outcome="defended"} 1
        llamar_address_conflict_outcome_info{instance="default",interface="eth0",vlan="0",address="2001:db8::1",mac="02:00:00:00:00:0a",outcome="noted"} 1
        "#);
        let mut without = Vec::new();
        status(false).write_prometheus(now, &mut without).unwrap();
        let without = String::from_utf8(without).unwrap();
        assert!(
            without.contains("\nllamar_up{instance=\"default\"} 0\n"),
            "{without}"
        );
        assert!(!without.contains("llamar_agent"), "{without}");
    }

    #[test]
    fn json_says_everything_and_comes_back_as_it_was() {
        let text = names_as(&names(false), Form::Json);
        insta::assert_snapshot!(text, @r#"{"agent":false,"names":[{"name":"casa","interface":"eth0","ifindex":2,"vlan":0,"addresses":["192.0.2.1","2001:db8::1","fe80::1"],"ttl":30,"state":"unique","kernel":true},{"name":"größe.example","interface":"eth0","ifindex":2,"vlan":100,"addresses":["192.0.2.7"],"ttl":30,"state":"tentative","kernel":false},{"name":"leer","interface":"eth0","ifindex":2,"vlan":0,"addresses":[],"ttl":30,"state":"shared","kernel":false}]}"#);
        assert_eq!(
            serde_json::from_str::<NamesReport>(&text).unwrap(),
            names(false)
        );
        let text = status_as(&status(true), Form::Json);
        insta::assert_snapshot!(text, @r#"{"instance":"default","agent":{"pid":4242,"version":"0.1.0","started":3725},"links":[{"interface":"eth0","ifindex":2,"vlan":0,"up":true,"mode":"generic","program_id":57,"counters":{"arp-answered":12,"llmnr-answered":1000000,"llmnr-empty":0},"userspace":{"llmnr-answered":3,"llmnr-ignored":4},"conflicts":[{"address":"192.0.2.1","mac":"02:00:00:00:00:09","count":3,"first":3725,"last":4,"outcome":"defended"},{"address":"2001:db8::1","mac":"02:00:00:00:00:0a","count":1,"first":59,"last":59,"outcome":"noted"}]},{"interface":"eth0","ifindex":2,"vlan":100,"up":false,"mode":"off","program_id":null,"counters":{},"userspace":{},"conflicts":[]}],"no_link":{"no-link":5},"names_used":2,"names_capacity":65536}"#);
        assert_eq!(
            serde_json::from_str::<StatusReport>(&text).unwrap(),
            status(true)
        );
        let without = status_as(&status(false), Form::Json);
        assert_eq!(
            serde_json::from_str::<StatusReport>(&without).unwrap(),
            status(false)
        );
        assert!(text.ends_with("}\n") && text.lines().count() == 1);
        assert!(
            serde_json::from_str::<NamesReport>(
                &names_as(&names(true), Form::Json).replace("shared", "lost")
            )
            .is_err()
        );
    }
}
