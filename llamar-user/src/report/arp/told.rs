//! What the commands of `llamar arp` show that tell others something.

use std::io::{self, Write};
use std::net::Ipv4Addr;

use llamar_common::wire::arp::REPLY;
use serde::Serialize;

use crate::arp::Packet;
use crate::ether::MacAddr;
use crate::report::layout::json;

/// A packet that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename = "sent")]
pub struct ToldRow {
    /// The address.
    pub address: Ipv4Addr,
    /// Who has it, as others now hear.
    pub mac: MacAddr,
    /// `request` or `reply`.
    pub operation: &'static str,
    /// Whom the packet is about: the same address if it is for all.
    pub target: Ipv4Addr,
    /// To whom the frame is sent.
    pub destination: MacAddr,
    /// The how manieth of this address, from 1.
    pub number: u32,
    /// The interface.
    pub interface: String,
    /// The VLAN.
    pub vlan: Option<u16>,
}

impl ToldRow {
    /// A packet that was sent to somebody for the how manieth time.
    pub fn new(packet: &Packet, destination: MacAddr, number: u32) -> Self {
        Self {
            address: packet.sender.ip,
            mac: packet.sender.mac,
            operation: match packet.operation {
                REPLY => "reply",
                _ => "request",
            },
            target: packet.target.ip,
            destination,
            number,
            interface: String::new(),
            vlan: None,
        }
    }

    /// Where it was sent.
    pub fn on(self, interface: &str, vlan: Option<u16>) -> Self {
        Self {
            interface: interface.to_owned(),
            vlan,
            ..self
        }
    }

    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line like `announced 10.0.0.1 at 02:00:00:00:00:01 on eth0`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { address, mac, .. } = self;
        match (self.target == self.address, self.operation) {
            (true, "request") => write!(out, "announced {address} at {mac}")?,
            (true, operation) => write!(out, "announced {address} at {mac} by a {operation}")?,
            (false, operation) => {
                let target = self.target;
                write!(
                    out,
                    "told {target} by a {operation} that {address} is at {mac}"
                )?;
            }
        }
        if self.destination != MacAddr::BROADCAST {
            write!(out, ", to {}", self.destination)?;
        }
        writeln!(out, " on {}", self.interface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arp::Station;

    #[test]
    fn what_was_sent_is_a_line_or_an_object() {
        let holder = Station {
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            ip: [10, 0, 0, 1].into(),
        };
        let other = Station {
            mac: MacAddr([2, 0, 0, 0, 0, 2]),
            ip: [10, 0, 0, 2].into(),
        };
        let directed = Packet {
            operation: REPLY,
            sender: holder,
            target: other,
        };
        let all = MacAddr::BROADCAST;
        for (packet, destination, line) in [
            (
                Packet::announcement(holder),
                all,
                "announced 10.0.0.1 at 02:00:00:00:00:01 on eth0\n",
            ),
            (
                Packet::gratuitous_reply(holder),
                all,
                "announced 10.0.0.1 at 02:00:00:00:00:01 by a reply on eth0\n",
            ),
            (
                directed,
                other.mac,
                "told 10.0.0.2 by a reply that 10.0.0.1 is at 02:00:00:00:00:01, to \
                 02:00:00:00:00:02 on eth0\n",
            ),
        ] {
            let row = ToldRow::new(&packet, destination, 1).on("eth0", None);
            let mut out = Vec::new();
            row.write_line(&mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), line);
        }
        let row = ToldRow::new(&directed, other.mac, 2).on("eth0", Some(7));
        let mut out = Vec::new();
        row.write_json(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"event":"sent","address":"10.0.0.1","mac":"02:00:00:00:00:01","operation":"reply","target":"10.0.0.2","destination":"02:00:00:00:00:02","number":2,"interface":"eth0","vlan":7}
"#
        );
    }
}
