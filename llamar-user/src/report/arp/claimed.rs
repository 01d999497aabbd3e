//! What `llamar arp claim` shows: each step of a claim.

use std::io::{self, Write};
use std::net::Ipv4Addr;

use serde::Serialize;

use crate::arp::{ClaimEvent, Conflict, Then};
use crate::ether::MacAddr;
use crate::report::layout::json;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimRow {
    /// What happened.
    #[serde(flatten)]
    pub stage: Stage,
    /// The address.
    pub address: Ipv4Addr,
    /// The interface.
    pub interface: String,
    /// The VLAN.
    pub vlan: Option<u16>,
}

/// What happened to a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Stage {
    /// An attempt begins, perhaps some seconds from now.
    Claiming {
        /// How many seconds it has to wait after many conflicts.
        wait_seconds: Option<u64>,
    },
    /// A probe was sent.
    Probed {
        /// The how manieth.
        number: u32,
    },
    /// The address is ours.
    Held {
        /// Our hardware address.
        mac: MacAddr,
    },
    /// It was announced once more.
    Announced {
        /// The how manieth time.
        number: u32,
    },
    /// Another host uses the address, or wants it.
    Conflict {
        /// The other host.
        by: MacAddr,
        /// From whom the frame was.
        ether_source: MacAddr,
        /// What is done: `defended`, `kept` or `given_up`.
        then: &'static str,
        /// Whether the other one only probes for it.
        probe: bool,
        /// Conflicts since the last that was told.
        unreported: u64,
    },
    /// Another host has it.
    Lost {
        /// The other host.
        by: MacAddr,
        /// Whether it was ours before.
        was_held: bool,
    },
    /// The interface went down.
    LinkDown,
    /// The interface is up again.
    LinkUp,
    /// It was given back.
    Released,
}

impl Stage {
    /// What an event of a claim is to people; none is that a question was answered. `mac` is ours; `wait` is how many
    /// seconds an attempt waits.
    pub fn of(event: &ClaimEvent, mac: MacAddr, wait: Option<u64>) -> Option<Self> {
        Some(match *event {
            ClaimEvent::Begun { .. } => Self::Claiming { wait_seconds: wait },
            ClaimEvent::Probed { number, .. } => Self::Probed { number },
            ClaimEvent::Held { .. } => Self::Held { mac },
            ClaimEvent::Announced { number, .. } => Self::Announced { number },
            ClaimEvent::Conflict(conflict) => Self::of_conflict(&conflict),
            ClaimEvent::Lost { was_held, by, .. } => Self::Lost {
                by: by.mac,
                was_held,
            },
            ClaimEvent::Answered { .. } => return None,
            ClaimEvent::Released { .. } => Self::Released,
        })
    }

    fn of_conflict(conflict: &Conflict) -> Self {
        Self::Conflict {
            by: conflict.by.mac,
            ether_source: conflict.arrival.source,
            then: match conflict.then {
                Then::Announce => "defended",
                Then::StaySilent => "kept",
                Then::GiveUp => "given_up",
            },
            probe: conflict.arrival.packet.is_probe(),
            unreported: conflict.unreported,
        }
    }
}

impl ClaimRow {
    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line like `10.0.0.1 is ours on eth0, at 02:00:00:00:00:01`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let Self {
            address, interface, ..
        } = self;
        match &self.stage {
            Stage::Claiming { wait_seconds: None } => {
                writeln!(out, "{address}: asking on {interface} whether it is taken")
            }
            Stage::Claiming {
                wait_seconds: Some(seconds),
            } => writeln!(out, "{address}: waiting {seconds} s after many conflicts"),
            Stage::Probed { number } => writeln!(out, "{address}: probe {number}"),
            Stage::Held { mac } => writeln!(out, "{address} is ours on {interface}, at {mac}"),
            Stage::Announced { number } => writeln!(out, "{address}: announcement {number}"),
            Stage::Conflict { .. } => self.write_conflict(out),
            Stage::Lost { by, was_held } => {
                let before = if *was_held { "lost" } else { "taken" };
                writeln!(out, "{address} is {before}: {by} has it")
            }
            Stage::LinkDown => writeln!(out, "{address}: {interface} is down"),
            Stage::LinkUp => writeln!(out, "{address}: {interface} is up again"),
            Stage::Released => writeln!(out, "{address} is given back"),
        }
    }

    fn write_conflict(&self, out: &mut impl Write) -> io::Result<()> {
        let Stage::Conflict {
            by,
            ether_source,
            then,
            probe,
            unreported,
        } = &self.stage
        else {
            return Ok(());
        };
        let address = self.address;
        let does = if *probe { "wants" } else { "uses" };
        write!(out, "{address}: {by} {does} it too")?;
        if ether_source != by {
            write!(out, " (in a frame of {ether_source})")?;
        }
        if *unreported > 0 {
            write!(out, ", after {unreported} more conflicts")?;
        }
        match *then {
            "defended" => writeln!(out, "; announced it once more"),
            "kept" => writeln!(out, "; kept it"),
            _ => writeln!(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arp::{Arrival, Packet, Station};

    const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const THEIRS: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn conflict(packet: Packet, then: Then) -> ClaimEvent {
        ClaimEvent::Conflict(Conflict {
            address: ADDRESS,
            by: packet.sender,
            arrival: Arrival {
                destination: MacAddr::BROADCAST,
                source: THEIRS,
                packet,
            },
            was_held: true,
            then,
            unreported: 0,
        })
    }

    fn row(event: &ClaimEvent, wait: Option<u64>) -> ClaimRow {
        ClaimRow {
            stage: Stage::of(event, OURS, wait).expect("a step"),
            address: ADDRESS,
            interface: "eth0".into(),
            vlan: None,
        }
    }

    fn line(row: &ClaimRow) -> String {
        let mut out = Vec::new();
        row.write_line(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_step_is_a_line() {
        let (address, other) = (
            ADDRESS,
            Station {
                mac: THEIRS,
                ip: ADDRESS,
            },
        );
        let asker = other;
        assert_eq!(Stage::of(&ClaimEvent::Answered { asker }, OURS, None), None);
        let used = Packet::announcement(other);
        let begun = ClaimEvent::Begun {
            address,
            paused_until: None,
        };
        assert_eq!(
            line(&row(&begun, Some(60))),
            "10.0.0.1: waiting 60 s after many conflicts\n"
        );
        for (event, text) in [
            (begun, "10.0.0.1: asking on eth0 whether it is taken\n"),
            (
                ClaimEvent::Probed { address, number: 1 },
                "10.0.0.1: probe 1\n",
            ),
            (
                ClaimEvent::Held { address },
                "10.0.0.1 is ours on eth0, at 02:00:00:00:00:01\n",
            ),
            (
                ClaimEvent::Announced { address, number: 2 },
                "10.0.0.1: announcement 2\n",
            ),
            (
                conflict(used, Then::Announce),
                "10.0.0.1: 02:00:00:00:00:02 uses it too; announced it once more\n",
            ),
            (
                conflict(used, Then::StaySilent),
                "10.0.0.1: 02:00:00:00:00:02 uses it too; kept it\n",
            ),
            (
                conflict(Packet::probe(THEIRS, ADDRESS), Then::GiveUp),
                "10.0.0.1: 02:00:00:00:00:02 wants it too\n",
            ),
            (
                ClaimEvent::Lost {
                    address,
                    was_held: true,
                    by: other,
                },
                "10.0.0.1 is lost: 02:00:00:00:00:02 has it\n",
            ),
            (
                ClaimEvent::Lost {
                    address,
                    was_held: false,
                    by: other,
                },
                "10.0.0.1 is taken: 02:00:00:00:00:02 has it\n",
            ),
            (ClaimEvent::Released { address }, "10.0.0.1 is given back\n"),
        ] {
            assert_eq!(line(&row(&event, None)), text);
        }
    }

    #[test]
    fn a_conflict_tells_whoever_forwards_it_and_what_was_not_told() {
        let forged = Station {
            mac: OURS,
            ip: ADDRESS,
        };
        let ClaimEvent::Conflict(mut conflict) =
            conflict(Packet::announcement(forged), Then::GiveUp)
        else {
            unreachable!("it is one");
        };
        conflict.unreported = 3;
        assert_eq!(
            line(&row(&ClaimEvent::Conflict(conflict), None)),
            "10.0.0.1: 02:00:00:00:00:01 uses it too (in a frame of 02:00:00:00:00:02), after 3 more conflicts\n"
        );
    }

    #[test]
    fn machines_read_objects() {
        let held = row(&ClaimEvent::Held { address: ADDRESS }, None);
        let down = ClaimRow {
            stage: Stage::LinkDown,
            ..held.clone()
        };
        let mut out = Vec::new();
        held.write_json(&mut out).unwrap();
        down.write_json(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"event":"held","mac":"02:00:00:00:00:01","address":"10.0.0.1","interface":"eth0","vlan":null}
{"event":"link_down","address":"10.0.0.1","interface":"eth0","vlan":null}
"#
        );
    }
}
