//! What is kept between runs, as text: a line of JSON that says what it is, and one for each address.

use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Holder, Known, Place};
use crate::ether::MacAddr;

/// What the first line says.
const TITLE: Title<'static> = Title {
    llamar: "stations",
    version: 1,
};
/// Holders of an address that are read; the rest is nothing that was written here.
const HOLDERS_MAX: usize = 16;

/// Why a text is not what was kept.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It does not begin as one that was written here.
    #[error("it is no list of stations: its first line is not {}", title())]
    Title,
    /// A line of it is damaged.
    #[error("line {line}: {why}")]
    Line {
        /// Its number, from 1 on.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Title<'a> {
    llamar: &'a str,
    version: u32,
}

/// Times are in seconds since the epoch.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    interface: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    vlan: Option<u16>,
    ip: IpAddr,
    first: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    router: bool,
    holders: Vec<HolderRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HolderRow {
    mac: MacAddr,
    since: u64,
    last: u64,
    #[serde(skip_serializing_if = "is_zero", default)]
    held: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn title() -> String {
    serde_json::to_string(&TITLE).unwrap_or_default()
}

/// Writes what is known; the caller names the links.
pub fn write<'n>(
    known: impl Iterator<Item = Known>,
    name: impl Fn(u32) -> &'n str,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "{}", title())?;
    for known in known {
        let row = Row {
            interface: name(known.place.link).to_owned(),
            vlan: known.place.vlan,
            ip: known.ip,
            first: known.first.as_secs(),
            router: known.router,
            holders: known.holders.iter().map(holder_row).collect(),
        };
        serde_json::to_writer(&mut *out, &row)?;
        writeln!(out)?;
    }
    Ok(())
}

fn holder_row(holder: &Holder) -> HolderRow {
    HolderRow {
        mac: holder.mac,
        since: holder.since.as_secs(),
        last: holder.last.as_secs(),
        held: holder.held.as_secs(),
    }
}

/// Reads what was kept; the caller numbers the links. An empty text is a list of none.
pub fn read(text: &str, mut number: impl FnMut(&str) -> u32) -> Result<Vec<Known>, KeptError> {
    let mut lines = text.lines().enumerate();
    let Some((_, first)) = lines.next() else {
        return Ok(Vec::new());
    };
    if serde_json::from_str(first).ok() != Some(TITLE) {
        return Err(KeptError::Title);
    }
    lines
        .map(|(index, line)| {
            let damaged = |why: String| KeptError::Line {
                line: index + 1,
                why,
            };
            let row: Row =
                serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
            known(row, &mut number).map_err(|why| damaged(why.to_owned()))
        })
        .collect()
}

fn known(row: Row, number: &mut impl FnMut(&str) -> u32) -> Result<Known, &'static str> {
    if row.holders.is_empty() {
        return Err("an address without a holder");
    }
    if row.holders.len() > HOLDERS_MAX {
        return Err("more holders of an address than are ever kept");
    }
    let seconds = Duration::from_secs;
    Ok(Known {
        place: Place {
            link: number(&row.interface),
            vlan: row.vlan,
        },
        ip: row.ip,
        first: seconds(row.first),
        router: row.router,
        holders: row
            .holders
            .iter()
            .map(|holder| Holder {
                mac: holder.mac,
                since: seconds(holder.since),
                last: seconds(holder.last),
                held: seconds(holder.held),
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn all() -> Vec<Known> {
        let holder = |last, since, held| Holder {
            mac: MacAddr([2, 0, 0, 0, 0, last]),
            since: seconds(since),
            last: seconds(since + 60),
            held: seconds(held),
        };
        let place = |link, vlan| Place { link, vlan };
        vec![
            Known {
                place: place(7, None),
                ip: "10.0.0.1".parse().unwrap(),
                first: seconds(1_700_000_000),
                router: true,
                holders: vec![holder(1, 1_700_000_500, 0), holder(2, 1_700_000_000, 9)],
            },
            Known {
                place: place(8, Some(100)),
                ip: "fe80::1".parse().unwrap(),
                first: seconds(5),
                router: false,
                holders: vec![holder(3, 5, 0)],
            },
        ]
    }

    fn text() -> String {
        let mut out = Vec::new();
        let name = |link| if link == 7 { "eth0" } else { "wlan0" };
        write(all().into_iter(), name, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn number(name: &str) -> u32 {
        if name == "eth0" { 7 } else { 8 }
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        insta::assert_snapshot!(text(), @r#"
        {"llamar":"stations","version":1}
        {"interface":"eth0","ip":"10.0.0.1","first":1700000000,"router":true,"holders":[{"mac":"02:00:00:00:00:01","since":1700000500,"last":1700000560},{"mac":"02:00:00:00:00:02","since":1700000000,"last":1700000060,"held":9}]}
        {"interface":"wlan0","vlan":100,"ip":"fe80::1","first":5,"holders":[{"mac":"02:00:00:00:00:03","since":5,"last":65}]}
        "#);
        assert_eq!(read(&text(), number).unwrap(), all());
        assert_eq!(read("", number).unwrap(), []);
    }

    #[test]
    fn a_text_that_was_not_kept_is_refused_with_the_line() {
        let good = text();
        let mut lines: Vec<&str> = good.lines().collect();
        let error = |text: &str| read(text, number).unwrap_err().to_string();
        let none =
            r#"it is no list of stations: its first line is not {"llamar":"stations","version":1}"#;
        assert_eq!(error("\n"), none);
        assert_eq!(error("{}"), none);
        assert_eq!(error(r#"{"llamar":"stations","version":2}"#), none);
        assert_eq!(error(&lines[1..].join("\n")), none);
        let cut = &good[..good.len() - 10];
        assert!(error(cut).starts_with("line 3: "), "{}", error(cut));
        let without = r#"{"interface":"eth0","ip":"10.0.0.1","first":1,"holders":[]}"#;
        lines.insert(1, without);
        assert_eq!(
            error(&lines.join("\n")),
            "line 2: an address without a holder"
        );
    }
}
