//! What `llamar nd dad` shows: what becomes of an address.

use std::io::{self, Write};
use std::net::Ipv6Addr;

use serde::Serialize;

use crate::ether::MacAddr;
use crate::ndp::dad::Event;
use crate::ndp::defence::{Conflict, How};
use crate::report::layout::json;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimRow {
    /// What happened.
    #[serde(flatten)]
    pub stage: Stage,
    /// The address.
    pub address: Ipv6Addr,
    /// The interface.
    pub interface: String,
    /// The VLAN.
    pub vlan: Option<u16>,
}

/// What happened to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Stage {
    /// A solicitation was sent.
    Probed {
        /// The how manieth.
        number: u32,
    },
    /// Solicitations of ours came back: the link loops.
    LoopedBack {
        /// How many so far.
        total: u64,
    },
    /// Nobody has the address.
    Free,
    /// The address is ours.
    Held {
        /// Our hardware address.
        mac: MacAddr,
    },
    /// It was announced.
    Announced {
        /// The how manieth time.
        number: u32,
    },
    /// Another host has it, or wants it as well: it is nobody's here.
    Duplicate {
        /// The other host.
        by: MacAddr,
        /// From whom the frame was.
        ether_source: MacAddr,
        /// Whether the other one only checks it.
        probe: bool,
    },
    /// Another host uses the address that is ours, or wants it.
    Conflict {
        /// The other host.
        by: MacAddr,
        /// From whom the frame was.
        ether_source: MacAddr,
        /// Whether the other one only checks it.
        probe: bool,
        /// Conflicts with it since the last that was told, this one included.
        times: u64,
    },
    /// The interface went down.
    LinkDown,
    /// The interface is up again.
    LinkUp,
    /// It was given back.
    Released,
}

impl Stage {
    /// What an event is to people; none is that a group is to be joined. `mac` is ours if the address is to be kept.
    pub fn of(event: &Event, mac: Option<MacAddr>) -> Option<Self> {
        Some(match *event {
            Event::Join { .. } => return None,
            Event::Asked { number, .. } => Self::Probed { number },
            Event::Looped { total } => Self::LoopedBack { total },
            Event::Unique => match mac {
                Some(mac) => Self::Held { mac },
                None => Self::Free,
            },
            Event::Announced { number } => Self::Announced { number },
            Event::Duplicate(Conflict {
                mac,
                ether_source,
                how,
                ..
            }) => Self::Duplicate {
                by: mac,
                ether_source,
                probe: how == How::Checked,
            },
            Event::Late(Conflict {
                mac,
                ether_source,
                how,
                times,
                ..
            }) => Self::Conflict {
                by: mac,
                ether_source,
                probe: how == How::Checked,
                times,
            },
        })
    }

    /// Whether it is a step on the way, not what comes of it.
    pub fn is_detail(&self) -> bool {
        matches!(self, Self::Probed { .. } | Self::Announced { .. })
    }
}

impl ClaimRow {
    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line like `fd00::9 is free`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let Self {
            address, interface, ..
        } = self;
        match self.stage {
            Stage::Probed { number } => writeln!(out, "{address}: probe {number}"),
            Stage::LoopedBack { total } => writeln!(
                out,
                "{address}: {interface} loops, {total} of our own probes came back"
            ),
            Stage::Free => writeln!(out, "{address} is free"),
            Stage::Held { mac } => writeln!(out, "{address} is ours on {interface}, at {mac}"),
            Stage::Announced { number } => writeln!(out, "{address}: announcement {number}"),
            Stage::Duplicate {
                by,
                ether_source,
                probe,
            } => {
                let does = if probe { "wants it too" } else { "has it" };
                write!(out, "{address} is a duplicate: {by} {does}")?;
                write_frame(by, ether_source, out)
            }
            Stage::Conflict {
                by,
                ether_source,
                probe,
                ..
            } => {
                let does = if probe { "wants" } else { "uses" };
                write!(out, "{address}: {by} {does} it too; kept it")?;
                write_frame(by, ether_source, out)
            }
            Stage::LinkDown => writeln!(out, "{address}: {interface} is down"),
            Stage::LinkUp => writeln!(out, "{address}: {interface} is up again"),
            Stage::Released => writeln!(out, "{address} is given back"),
        }
    }
}

/// Tells from whom the frame was, if that is another, and ends the line.
fn write_frame(by: MacAddr, ether_source: MacAddr, out: &mut impl Write) -> io::Result<()> {
    match by == ether_source {
        true => writeln!(out),
        false => writeln!(out, " (in a frame of {ether_source})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const THEIRS: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn conflict(how: How, ether_source: MacAddr) -> Conflict {
        Conflict {
            address: "fd00::9".parse().unwrap(),
            mac: THEIRS,
            ether_source,
            how,
            times: 1,
        }
    }

    fn row(event: &Event, mac: Option<MacAddr>) -> ClaimRow {
        ClaimRow {
            stage: Stage::of(event, mac).expect("a step"),
            address: "fd00::9".parse().unwrap(),
            interface: "eth0".into(),
            vlan: None,
        }
    }

    #[test]
    fn each_step_is_a_line() {
        let line = |row: ClaimRow| {
            let mut out = Vec::new();
            row.write_line(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let late = |how| Event::Late(conflict(how, THEIRS));
        for (event, mac, expected) in [
            (Event::Asked { number: 1, of: 1 }, None, "fd00::9: probe 1"),
            (
                Event::Looped { total: 2 },
                None,
                "fd00::9: eth0 loops, 2 of our own probes came back",
            ),
            (Event::Unique, None, "fd00::9 is free"),
            (
                Event::Unique,
                Some(OURS),
                "fd00::9 is ours on eth0, at 02:00:00:00:00:01",
            ),
            (
                Event::Announced { number: 1 },
                None,
                "fd00::9: announcement 1",
            ),
            (
                Event::Duplicate(conflict(How::Advertised, THEIRS)),
                None,
                "fd00::9 is a duplicate: 02:00:00:00:00:02 has it",
            ),
            (
                Event::Duplicate(conflict(How::Checked, OURS)),
                None,
                "fd00::9 is a duplicate: 02:00:00:00:00:02 wants it too (in a frame of 02:00:00:00:00:01)",
            ),
            (
                late(How::Advertised),
                None,
                "fd00::9: 02:00:00:00:00:02 uses it too; kept it",
            ),
            (
                late(How::Checked),
                None,
                "fd00::9: 02:00:00:00:00:02 wants it too; kept it",
            ),
        ] {
            assert_eq!(line(row(&event, mac)), format!("{expected}\n"));
        }
    }

    #[test]
    fn machines_read_objects() {
        let mut out = Vec::new();
        row(&Event::Unique, None).write_json(&mut out).unwrap();
        let late = Event::Late(conflict(How::Checked, THEIRS));
        row(&late, None).write_json(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"event":"free","address":"fd00::9","interface":"eth0","vlan":null}
{"event":"conflict","by":"02:00:00:00:00:02","ether_source":"02:00:00:00:00:02","probe":true,"times":1,"address":"fd00::9","interface":"eth0","vlan":null}
"#
        );
    }
}
