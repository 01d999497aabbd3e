//! Stations that a scan finds.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::arp;
use crate::ether::{MacAddr, Milliseconds};
use crate::ndp::scan;
use crate::report::layout::{json, table};

use super::label;

/// Rows of a table, which is held in memory cell by cell; what comes behind them is told in lines.
const ROWS_MAX: usize = 10_000;
/// Widths of the columns of lines, which are written as stations are found: those of the longest address of either
/// version that is usual, and of a hardware address.
const WIDTH_4: usize = 15;
const WIDTH_6: usize = 25;
const WIDTH_MAC: usize = 17;
/// That of a time below ten seconds, in milliseconds.
const WIDTH_TIME: usize = 8;

/// A station.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename = "station")]
pub struct FoundRow {
    /// Its address.
    pub ip: IpAddr,
    /// Its hardware address.
    pub mac: MacAddr,
    /// The vendor, the group of routers, or `random/local`.
    pub vendor: Option<String>,
    /// How long the answer took; none of one that spoke unasked.
    pub rtt_ms: Option<Milliseconds>,
    /// Whether it answered only after the time that answers are waited for.
    pub late: bool,
    /// Whether it calls itself a router, where that is known.
    pub router: Option<bool>,
    /// Who else has the address.
    pub duplicate_of: Option<MacAddr>,
    /// Whom the frame was from, where that is another.
    pub ether_source: Option<MacAddr>,
    /// The interface.
    pub interface: String,
    /// The VLAN.
    pub vlan: Option<u16>,
}

impl FoundRow {
    /// What a scan by ARP found.
    pub fn arp(
        found: &arp::Found,
        vendor: Option<String>,
        interface: &str,
        vlan: Option<u16>,
    ) -> Self {
        let (mac, source) = (found.station.mac, found.arrival.source);
        Self {
            ip: found.station.ip.into(),
            mac,
            vendor: label(mac, vendor),
            rtt_ms: found.rtt.map(Milliseconds),
            late: found.late,
            router: None,
            duplicate_of: found.duplicate_of,
            ether_source: (source != mac).then_some(source),
            interface: interface.to_owned(),
            vlan,
        }
    }

    /// What a scan by Neighbor Discovery found.
    pub fn ndp(
        found: &scan::Found,
        vendor: Option<String>,
        interface: &str,
        vlan: Option<u16>,
    ) -> Self {
        Self {
            ip: found.address.into(),
            mac: found.mac,
            vendor: label(found.mac, vendor),
            rtt_ms: Some(Milliseconds(found.rtt)),
            late: false,
            router: found.router,
            duplicate_of: found.rival,
            ether_source: None,
            interface: interface.to_owned(),
            vlan,
        }
    }

    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line in columns.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let width = if self.ip.is_ipv4() { WIDTH_4 } else { WIDTH_6 };
        let [ip, mac, time, vendor, notes] = self.cells();
        let line = format!(
            "{ip:width$}  {mac:WIDTH_MAC$}  {time:>WIDTH_TIME$}  {vendor}{}{notes}",
            if vendor.is_empty() || notes.is_empty() {
                ""
            } else {
                "  "
            }
        );
        writeln!(out, "{}", line.trim_end())
    }

    fn cells(&self) -> [Cow<'static, str>; 5] {
        let time = self
            .rtt_ms
            .map_or_else(String::new, |time| format!("{time} ms"));
        [
            self.ip.to_string().into(),
            self.mac.to_string().into(),
            time.into(),
            self.vendor.clone().unwrap_or_default().into(),
            self.notes().into(),
        ]
    }

    /// What is unusual.
    fn notes(&self) -> String {
        let mut notes = Vec::new();
        if self.router == Some(true) {
            notes.push(String::from("router"));
        }
        if let Some(other) = self.duplicate_of {
            notes.push(format!("DUPLICATE: also at {other}"));
        }
        if let Some(source) = self.ether_source {
            notes.push(format!("in a frame of {source}"));
        }
        if self.late {
            notes.push(String::from("late"));
        }
        notes.join(", ")
    }
}

/// How stations are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundForm {
    /// Objects, as they are found.
    Json,
    /// Lines, as they are found.
    Lines,
    /// A table in the end, sorted by address.
    Table,
}

/// The stations of a scan.
#[derive(Clone, Debug)]
pub struct FoundReport {
    form: FoundForm,
    rows: Vec<FoundRow>,
}

impl FoundReport {
    /// A report without stations.
    pub const fn new(form: FoundForm) -> Self {
        Self {
            form,
            rows: Vec::new(),
        }
    }

    /// Adds a station, and writes it if it is to be told at once.
    pub fn add(&mut self, row: FoundRow, out: &mut impl Write) -> io::Result<()> {
        match self.form {
            FoundForm::Json => row.write_json(out),
            FoundForm::Lines => row.write_line(out),
            FoundForm::Table if self.rows.len() >= ROWS_MAX => row.write_line(out),
            FoundForm::Table => {
                self.rows.push(row);
                Ok(())
            }
        }
    }

    /// Writes what is told in the end.
    pub fn finish(&mut self, end: &ScanEnd, out: &mut impl Write) -> io::Result<()> {
        match self.form {
            FoundForm::Json => json(end, out),
            FoundForm::Lines => Ok(()),
            FoundForm::Table if self.rows.is_empty() => Ok(()),
            FoundForm::Table => {
                self.rows.sort_by_key(|row| (row.ip, row.mac));
                let header = ["address", "hardware address", "time", "vendor", ""];
                table(&header, self.rows.iter().map(FoundRow::cells), out)
            }
        }
    }
}

/// The end of a scan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename = "end")]
pub struct ScanEnd {
    /// Requests that were sent.
    pub asked: u64,
    /// Addresses that somebody has.
    pub found: u64,
    /// Further stations that have one of them.
    pub duplicates: u64,
    /// Whether it was ended before all was asked.
    pub interrupted: bool,
    /// How long it took, in seconds.
    #[serde(serialize_with = "super::seconds", rename = "seconds")]
    pub took: Duration,
    /// The interface.
    pub interface: String,
    /// The VLAN.
    pub vlan: Option<u16>,
}

impl std::fmt::Display for ScanEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            asked,
            found,
            duplicates,
            interface,
            ..
        } = self;
        let addresses = if *found == 1 { "address" } else { "addresses" };
        write!(f, "{found} {addresses} found on {interface}")?;
        match duplicates {
            0 => {}
            1 => write!(f, ", 1 duplicate")?,
            several => write!(f, ", {several} duplicates")?,
        }
        let requests = if *asked == 1 { "request" } else { "requests" };
        write!(
            f,
            ", {asked} {requests} in {:.1} s",
            self.took.as_secs_f64()
        )?;
        if self.interrupted {
            write!(f, ", interrupted")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: MacAddr = MacAddr([0x00, 0x1b, 0x21, 0, 0, 1]);
    const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn row(ip: &str) -> FoundRow {
        FoundRow {
            ip: ip.parse().unwrap(),
            mac: ONE,
            vendor: Some("Intel Corporate".into()),
            rtt_ms: Some(Milliseconds(Duration::from_micros(123))),
            late: false,
            router: None,
            duplicate_of: None,
            ether_source: None,
            interface: "eth0".into(),
            vlan: None,
        }
    }

    fn rows() -> Vec<FoundRow> {
        vec![
            FoundRow {
                duplicate_of: Some(OTHER),
                ..row("10.0.0.20")
            },
            FoundRow {
                vendor: None,
                rtt_ms: None,
                ether_source: Some(OTHER),
                late: true,
                ..row("10.0.0.3")
            },
            FoundRow {
                router: Some(true),
                vlan: Some(7),
                ..row("fe80::21b:21ff:fe00:1")
            },
        ]
    }

    fn written(form: FoundForm) -> String {
        let mut report = FoundReport::new(form);
        let mut out = Vec::new();
        for row in rows() {
            report.add(row, &mut out).unwrap();
        }
        report.finish(&end(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn end() -> ScanEnd {
        ScanEnd {
            asked: 508,
            found: 2,
            duplicates: 1,
            interrupted: true,
            took: Duration::from_millis(3250),
            interface: "eth0".into(),
            vlan: None,
        }
    }

    #[test]
    fn stations_are_lines_as_they_come_a_sorted_table_or_objects() {
        insta::assert_snapshot!(written(FoundForm::Lines), @r#"
        10.0.0.20        00:1b:21:00:00:01  0.123 ms  Intel Corporate  DUPLICATE: also at 02:00:00:00:00:02
        10.0.0.3         00:1b:21:00:00:01            in a frame of 02:00:00:00:00:02, late
        fe80::21b:21ff:fe00:1      00:1b:21:00:00:01  0.123 ms  Intel Corporate  router
        "#);
        insta::assert_snapshot!(written(FoundForm::Table), @r#"
        address                hardware address   time      vendor
        10.0.0.3               00:1b:21:00:00:01                             in a frame of 02:00:00:00:00:02, late
        10.0.0.20              00:1b:21:00:00:01  0.123 ms  Intel Corporate  DUPLICATE: also at 02:00:00:00:00:02
        fe80::21b:21ff:fe00:1  00:1b:21:00:00:01  0.123 ms  Intel Corporate  router
        "#);
        insta::assert_snapshot!(written(FoundForm::Json), @r#"
        {"event":"station","ip":"10.0.0.20","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","rtt_ms":0.123,"late":false,"router":null,"duplicate_of":"02:00:00:00:00:02","ether_source":null,"interface":"eth0","vlan":null}
        {"event":"station","ip":"10.0.0.3","mac":"00:1b:21:00:00:01","vendor":null,"rtt_ms":null,"late":true,"router":null,"duplicate_of":null,"ether_source":"02:00:00:00:00:02","interface":"eth0","vlan":null}
        {"event":"station","ip":"fe80::21b:21ff:fe00:1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","rtt_ms":0.123,"late":false,"router":true,"duplicate_of":null,"ether_source":null,"interface":"eth0","vlan":7}
        {"event":"end","asked":508,"found":2,"duplicates":1,"interrupted":true,"seconds":3.25,"interface":"eth0","vlan":null}
        "#);
    }

    #[test]
    fn the_end_tells_what_came_of_it() {
        let text = "2 addresses found on eth0, 1 duplicate, 508 requests in 3.2 s, interrupted";
        assert_eq!(end().to_string(), text);
        let plain = ScanEnd {
            asked: 1,
            found: 1,
            duplicates: 0,
            interrupted: false,
            ..end()
        };
        assert_eq!(
            plain.to_string(),
            "1 address found on eth0, 1 request in 3.2 s"
        );
    }
}
