//! `llamar status` as metrics in Prometheus' text exposition format 0.0.4, which the textfile collector of node_exporter
//! reads. (The crate prometheus-client writes OpenMetrics, in which a counter's TYPE has another name than its samples:
//! that collector takes those for untyped.)

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use super::{LinkRow, StatusReport};

/// Labels and their values.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// A metric and what is said of it.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

const fn family(name: &'static str, kind: &'static str, help: &'static str) -> Family {
    Family { name, kind, help }
}

const UP: Family = family(
    "llamar_up",
    "gauge",
    "Whether an agent serves the instance.",
);
const INFO: Family = family("llamar_agent_info", "gauge", "The agent's version.");
const START: Family = family(
    "llamar_agent_start_time_seconds",
    "gauge",
    "When the agent started, in seconds since 1970.",
);
const NAMES: Family = family("llamar_names", "gauge", "Names in the kernel path's map.");
const CAPACITY: Family = family(
    "llamar_names_capacity",
    "gauge",
    "Names for which the kernel path's map has room.",
);
const LINK_UP: Family = family("llamar_link_up", "gauge", "Whether a link is up.");
const LINK_XDP: Family = family(
    "llamar_link_xdp_info",
    "gauge",
    "How the kernel path runs on a link: native, generic or off.",
);
const FRAMES: Family = family(
    "llamar_frames_total",
    "counter",
    "Frames and messages of a link by what became of them, in the kernel and in userspace.",
);
const NO_LINK: Family = family(
    "llamar_frames_of_no_link_total",
    "counter",
    "Frames in the kernel path that are of no link, by what became of them.",
);
const CONFLICTS: Family = family(
    "llamar_address_conflicts_total",
    "counter",
    "Packets by which another host, named by its hardware address, used an address of this one.",
);
const FIRST: Family = family(
    "llamar_address_conflict_first_seen_timestamp_seconds",
    "gauge",
    "When another host was first seen to use an address of this one, in seconds since 1970.",
);
const LAST: Family = family(
    "llamar_address_conflict_last_seen_timestamp_seconds",
    "gauge",
    "When another host was last seen to use an address of this one, in seconds since 1970.",
);
const OUTCOME: Family = family(
    "llamar_address_conflict_outcome_info",
    "gauge",
    "What was done about another host's use of an address: noted, defended, withdrawn or unannounced.",
);

impl StatusReport {
    /// Writes the report as metrics. `now` is when it was made.
    pub fn write_prometheus(&self, now: SystemTime, out: &mut impl Write) -> io::Result<()> {
        let instance = [("instance", self.instance.as_str())];
        self.write_agent(&instance, now, out)?;
        NAMES.write([(instance.to_vec(), self.names_used)], out)?;
        CAPACITY.write([(instance.to_vec(), self.names_capacity)], out)?;
        let links: Vec<Link<'_>> = self.links.iter().map(|row| Link::new(self, row)).collect();
        LINK_UP.write(
            links
                .iter()
                .map(|link| (link.labels(), u64::from(link.row.up))),
            out,
        )?;
        let mode = links
            .iter()
            .map(|link| (link.with([("mode", link.row.mode.as_str())]), 1));
        LINK_XDP.write(mode, out)?;
        FRAMES.write(links.iter().flat_map(Link::frames), out)?;
        let no_link = self.no_link.iter().map(|(outcome, count)| {
            let outcome = ("outcome", outcome.as_str());
            ([&instance[..], &[outcome]].concat(), *count)
        });
        NO_LINK.write(no_link, out)?;
        write_conflicts(&links, now, out)
    }

    fn write_agent(
        &self,
        instance: &[(&'static str, &str)],
        now: SystemTime,
        out: &mut impl Write,
    ) -> io::Result<()> {
        UP.write([(instance.to_vec(), u64::from(self.agent.is_some()))], out)?;
        let Some(agent) = &self.agent else {
            return Ok(());
        };
        let version = [instance, &[("version", agent.version.as_str())]].concat();
        INFO.write([(version, 1)], out)?;
        START.write([(instance.to_vec(), before(now, agent.started))], out)
    }
}

fn write_conflicts(links: &[Link<'_>], now: SystemTime, out: &mut impl Write) -> io::Result<()> {
    // Their texts live as long as what is written of them.
    let texts: Vec<_> = links
        .iter()
        .flat_map(|link| link.row.conflicts.iter().map(move |row| (link, row)))
        .map(|(link, row)| (link, row, row.address.to_string(), row.mac.to_string()))
        .collect();
    let labels = |outcome: Option<&'static str>, value: fn(&super::AddressConflictRow) -> u64| {
        let samples = texts.iter().map(move |(link, row, address, mac)| {
            let mut labels = link.with([("address", address.as_str()), ("mac", mac.as_str())]);
            labels.extend(outcome.map(|name| (name, row.outcome.as_str())));
            (labels, value(row))
        });
        samples.collect::<Vec<_>>()
    };
    let at = |samples: Vec<(_, u64)>| {
        samples
            .into_iter()
            .map(move |(labels, ago)| (labels, before(now, ago)))
    };
    CONFLICTS.write(labels(None, |row| row.count), out)?;
    FIRST.write(at(labels(None, |row| row.first)), out)?;
    LAST.write(at(labels(None, |row| row.last)), out)?;
    OUTCOME.write(labels(Some("outcome"), |_| 1), out)
}

/// A link with what names it.
struct Link<'a> {
    instance: &'a str,
    row: &'a LinkRow,
    vlan: String,
}

impl<'a> Link<'a> {
    fn new(report: &'a StatusReport, row: &'a LinkRow) -> Self {
        Self {
            instance: &report.instance,
            row,
            vlan: row.vlan.to_string(),
        }
    }

    fn labels(&self) -> Labels<'_> {
        vec![
            ("instance", self.instance),
            ("interface", self.row.interface.as_str()),
            ("vlan", self.vlan.as_str()),
        ]
    }

    fn with<'l, const N: usize>(&'l self, more: [(&'static str, &'l str); N]) -> Labels<'l> {
        let mut labels = self.labels();
        labels.extend(more);
        labels
    }

    fn frames(&self) -> impl Iterator<Item = (Labels<'_>, u64)> {
        let of = |path: &'static str, counters: &'a BTreeMap<String, u64>| {
            let counters = counters.iter();
            counters.map(move |(outcome, count)| {
                let labels = [("path", path), ("outcome", outcome.as_str())];
                (self.with(labels), *count)
            })
        };
        let kernel = of("kernel", &self.row.counters);
        kernel.chain(of("userspace", &self.row.userspace))
    }
}

impl Family {
    /// Writes what is said of the metric and its samples; nothing if there are none.
    fn write<'a>(
        &self,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let Self { name, kind, help } = self;
        for (index, (labels, value)) in samples.into_iter().enumerate() {
            if index == 0 {
                writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
            }
            let labels = labels.iter();
            let labels = labels.map(|(label, text)| format!("{label}=\"{}\"", escaped(text)));
            let labels: Vec<String> = labels.collect();
            writeln!(out, "{name}{{{}}} {value}", labels.join(","))?;
        }
        Ok(())
    }
}

/// A label's value as it stands between quotes.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace('"', r#"\""#);
    text.replace('\n', r"\n")
}

/// A time so many seconds ago, in seconds since 1970.
fn before(now: SystemTime, seconds: u64) -> u64 {
    let now = now.duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO)
        .as_secs()
        .saturating_sub(seconds)
}
