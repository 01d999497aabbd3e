//! What `llamar ether send` shows.

use std::io::{self, Write};

use serde::Serialize;

use crate::ether::{EtherType, Frame, MacAddr};
use crate::report::layout::json;

/// A frame that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentRow {
    /// The how manieth it is, from 1 on.
    pub sequence: u32,
    /// By which interface.
    pub interface: String,
    /// From whom.
    pub source: MacAddr,
    /// To whom.
    pub destination: MacAddr,
    /// In which VLAN.
    pub vlan: Option<u16>,
    /// Its type.
    pub ether_type: String,
    /// Its length in bytes, header and padding included.
    pub length: usize,
}

impl SentRow {
    /// The row of a frame.
    pub fn new(sequence: u32, interface: &str, frame: &Frame<'_>) -> Self {
        Self {
            sequence,
            interface: interface.to_owned(),
            source: frame.source,
            destination: frame.destination,
            vlan: frame.vlan(),
            ether_type: EtherType(frame.ether_type).to_string(),
            length: frame.to_bytes().len(),
        }
    }

    /// Writes an object.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line: `60 bytes to 02:00:00:00:00:01, type 0x88b5, vlan 100`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        write!(
            out,
            "{} bytes to {}, type {}",
            self.length, self.destination, self.ether_type
        )?;
        if let Some(vlan) = self.vlan {
            write!(out, ", vlan {vlan}")?;
        }
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ether::Tag;

    #[test]
    fn a_frame_is_told_of_in_a_line_or_an_object() {
        let frame = Frame {
            destination: MacAddr([2, 0, 0, 0, 0, 1]),
            source: MacAddr([2, 0, 0, 0, 0, 2]),
            tag: Some(Tag::vlan(100)),
            inner_tag: None,
            ether_type: 0x0806,
            payload: b"Hi",
        };
        let row = SentRow::new(7, "eth0", &frame);
        let mut out = Vec::new();
        row.write_line(&mut out).unwrap();
        row.write_json(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        20 bytes to 02:00:00:00:00:01, type 0x0806, vlan 100
        {"sequence":7,"interface":"eth0","source":"02:00:00:00:00:02","destination":"02:00:00:00:00:01","vlan":100,"ether_type":"0x0806","length":20}
        "#);
    }
}
