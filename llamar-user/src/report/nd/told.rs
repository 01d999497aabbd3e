//! What `llamar nd announce` shows.

use std::io::{self, Write};
use std::net::Ipv6Addr;

use serde::Serialize;

use crate::ether::MacAddr;
use crate::report::layout::json;

/// An advertisement that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename = "sent")]
pub struct ToldRow {
    /// The address.
    pub address: Ipv6Addr,
    /// Who has it, as others now hear.
    pub mac: MacAddr,
    /// R: its holder is a router.
    pub router: bool,
    /// O: it replaces what is known.
    #[serde(rename = "override")]
    pub overriding: bool,
    /// The neighbour that alone is told, by its addresses.
    pub to: Option<Neighbour>,
    /// The how manieth of this address, from 1.
    pub number: u32,
    /// The interface.
    pub interface: String,
    /// The VLAN.
    pub vlan: Option<u16>,
}

/// A neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Neighbour {
    /// Its address.
    pub address: Ipv6Addr,
    /// Its hardware address.
    pub mac: MacAddr,
}

impl ToldRow {
    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line like `announced fd00::9 at 02:00:00:00:00:01 on eth0`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let Self {
            address,
            mac,
            interface,
            ..
        } = self;
        match self.to {
            None => write!(out, "announced {address} at {mac}")?,
            Some(to) => {
                let (target, target_mac) = (to.address, to.mac);
                write!(
                    out,
                    "told {target} that {address} is at {mac}, to {target_mac}"
                )?;
            }
        }
        writeln!(out, " on {interface}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_a_line_or_an_object() {
        let row = ToldRow {
            address: "fd00::9".parse().unwrap(),
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            router: false,
            overriding: true,
            to: None,
            number: 2,
            interface: "eth0".into(),
            vlan: None,
        };
        let mut out = Vec::new();
        row.write_line(&mut out).unwrap();
        row.write_json(&mut out).unwrap();
        let directed = ToldRow {
            to: Some(Neighbour {
                address: "fe80::2".parse().unwrap(),
                mac: MacAddr([2, 0, 0, 0, 0, 2]),
            }),
            ..row
        };
        directed.write_line(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"announced fd00::9 at 02:00:00:00:00:01 on eth0
{"event":"sent","address":"fd00::9","mac":"02:00:00:00:00:01","router":false,"override":true,"to":null,"number":2,"interface":"eth0","vlan":null}
told fe80::2 that fd00::9 is at 02:00:00:00:00:01, to 02:00:00:00:00:02 on eth0
"#
        );
    }
}
