//! What is found for people at a terminal: line by line as it comes, or as a table of what is there in the end.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use super::Heard;
use super::text::{address, parts, place, readable, sign};
use crate::dns::Txt;
use crate::dnssd::Instance;
use crate::dnssd::browse::{Found, Service, What};
use crate::mdns::Change;
use crate::report::layout::table;

/// Widths of the columns to begin with. Nobody knows what comes: they get wider when they must.
const WIDTHS: [usize; 5] = [9, 9, 16, 24, 20];
/// Widest that a column gets: a name of 63 bytes in most alphabets.
const WIDTH_MAX: usize = 40;
/// Rows of a table, which is held in memory cell by cell.
const ROWS_MAX: usize = 10_000;

/// Lines as things are found.
#[derive(Debug)]
pub struct Screen {
    widths: [usize; 5],
    headed: bool,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            widths: WIDTHS,
            headed: false,
        }
    }
}

impl Screen {
    /// Writes a line of what was found, and the attributes below it.
    pub fn write(&mut self, found: &Found, heard: &Heard, out: &mut impl Write) -> io::Result<()> {
        if !std::mem::replace(&mut self.headed, true) {
            let titles = ["interface", "from", "type", "name", "host and port"];
            self.line(' ', titles.map(String::from), "addresses", out)?;
        }
        let sign = sign(&found.what);
        // The interface is told in a column of its own.
        let head = [place(heard).into_owned(), found.from.to_string()];
        let cells = |kind: String, name: String, at: String| {
            let [interface, from] = head.clone();
            [interface, from, kind, name, at]
        };
        let none = String::new;
        match &found.what {
            What::Type { kind, .. } => {
                self.line(sign, cells(kind.to_string(), none(), none()), "", out)
            }
            What::Added { instance, .. } | What::Removed { instance } => {
                let cells = cells(parts(instance).0, instance.shown(), none());
                self.line(sign, cells, "", out)
            }
            What::Pointer { name, target, .. } => {
                let cells = cells("PTR".into(), name.to_string(), target.to_string());
                self.line(sign, cells, "", out)
            }
            What::Resolved(service) | What::Updated(service) => {
                for target in &service.targets {
                    let at = format!("{}:{}", target.host, target.port);
                    let cells = cells(parts(&service.instance).0, service.instance.shown(), at);
                    self.line(sign, cells, &joined(&target.addresses, " ", heard), out)?;
                }
                strings(service).try_for_each(|string| writeln!(out, "    {}", readable(string)))
            }
        }
    }

    fn line(
        &mut self,
        sign: char,
        cells: [String; 5],
        last: &str,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut line = format!("{sign} ");
        for (cell, width) in cells.iter().zip(&mut self.widths) {
            *width = cell.chars().count().min(WIDTH_MAX).max(*width);
            line += &format!("{cell:width$} ", width = *width);
        }
        line += last;
        writeln!(out, "{}", line.trim_end())
    }
}

fn joined(addresses: &[IpAddr], between: &str, heard: &Heard) -> String {
    let shown: Vec<String> = addresses.iter().map(|&ip| address(ip, heard)).collect();
    shown.join(between)
}

/// What is there.
#[derive(Debug, Default)]
pub struct Summary {
    rows: BTreeMap<Key, [String; 7]>,
}

/// Interface, then what puts a row in its place: type and name in lower case.
type Key = (u32, String, String);

impl Summary {
    /// Takes in what was found.
    pub fn take(&mut self, found: &Found, heard: &Heard) {
        let interface = place(heard).into_owned();
        match &found.what {
            What::Type {
                kind,
                domain: _,
                change,
            } => {
                let key = key(found.device, &kind.to_string(), "");
                let row = [&interface, &kind.to_string()[..], "", "", "", "", ""];
                self.set(
                    key,
                    (*change == Change::Added).then_some(row.map(String::from)),
                );
            }
            What::Added { instance, .. } => {
                let (kind, _) = parts(instance);
                let row = [&interface, &kind[..], &instance.shown(), "", "", "", ""];
                self.set(of(found.device, instance), Some(row.map(String::from)));
            }
            What::Resolved(service) | What::Updated(service) => {
                let key = of(found.device, &service.instance);
                self.set(key, Some(row(interface, service, heard)));
            }
            What::Removed { instance } => self.set(of(found.device, instance), None),
            What::Pointer {
                name,
                target,
                change,
            } => {
                let (name, target) = (name.to_string(), target.to_string());
                let key = key(found.device, &name, &target);
                let row = [&interface, "PTR", &name, &target, "", "", ""];
                self.set(
                    key,
                    (*change == Change::Added).then_some(row.map(String::from)),
                );
            }
        }
    }

    fn set(&mut self, key: Key, row: Option<[String; 7]>) {
        match row {
            Some(row) if self.rows.len() < ROWS_MAX || self.rows.contains_key(&key) => {
                self.rows.insert(key, row);
            }
            Some(_) => {}
            None => drop(self.rows.remove(&key)),
        }
    }

    /// Writes the table.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let header = [
            "interface",
            "type",
            "name",
            "host",
            "port",
            "addresses",
            "txt",
        ];
        // A type that has instances is told by these.
        let has_instances = |(device, kind, name): &Key| {
            let next = (*device, kind.clone(), name.clone());
            let mut behind = self.rows.range(next..).skip(1);
            let is_same = |key: &Key| key.0 == *device && key.1 == *kind;
            behind.next().is_some_and(|(key, _)| is_same(key))
        };
        let shown = self.rows.iter().filter(|(key, _)| {
            let is_type = key.2.is_empty();
            !(is_type && has_instances(key))
        });
        match self.rows.is_empty() {
            true => Ok(()),
            false => table(
                &header,
                shown.map(|(_, row)| row.clone().map(Cow::from)),
                out,
            ),
        }
    }
}

fn row(interface: String, service: &Service, heard: &Heard) -> [String; 7] {
    let targets = service.targets.iter();
    let each = |shown: &dyn Fn(&crate::dnssd::browse::Target) -> String| {
        targets.clone().map(shown).collect::<Vec<_>>().join("\n")
    };
    let strings = strings(service);
    [
        interface,
        parts(&service.instance).0,
        service.instance.shown(),
        each(&|target| target.host.to_string()),
        each(&|target| target.port.to_string()),
        each(&|target| joined(&target.addresses, "\n", heard)),
        strings.map(readable).collect::<Vec<_>>().join("\n"),
    ]
}

/// What a service says of itself, without strings that say nothing.
fn strings(service: &Service) -> impl Iterator<Item = &[u8]> {
    let strings = service.txt.iter().flat_map(Txt::strings);
    strings.filter(|string| !string.is_empty())
}

/// Where the row of an instance is.
fn of(device: u32, instance: &Instance) -> Key {
    key(device, &parts(instance).0, &instance.to_string())
}

fn key(device: u32, kind: &str, name: &str) -> Key {
    (device, kind.to_ascii_lowercase(), name.to_ascii_lowercase())
}
