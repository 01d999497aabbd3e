//! What `llamar ether listen` shows.

use std::io::{self, Write};
use std::time::SystemTime;

use serde::Serialize;

use super::hexdump::hexdump;
use super::time::Utc;
use crate::ether::{EtherType, Frame, MacAddr, Tag};
use crate::net::{Direction, Received};
use crate::report::layout::json;

/// Bytes of a payload that are shown where it is not asked for whole.
const BRIEF: usize = 16;

/// How a payload is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Its first bytes as text.
    Brief,
    /// All of it as text, what is none escaped.
    Text,
    /// All of it in hexadecimal, on the same line.
    Hex,
    /// All of it in rows below the line.
    Dump,
    /// Not at all.
    Nothing,
}

/// A frame that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeardRow {
    /// When.
    at: Utc,
    /// By which interface.
    interface: String,
    /// `to-us`, `broadcast`, `multicast`, `to-others` or `outgoing`.
    direction: &'static str,
    /// From whom; none, as the four below, if the frame ends within its header.
    source: Option<MacAddr>,
    /// To whom.
    destination: Option<MacAddr>,
    /// The VLAN id of the outer tag.
    vlan: Option<u16>,
    /// The priority of the outer tag.
    priority: Option<u16>,
    /// The VLAN id of the inner tag.
    inner_vlan: Option<u16>,
    /// The EtherType, or the length of an 802.3 frame.
    ether_type: Option<String>,
    /// Length of the whole frame in bytes.
    length: usize,
    /// Bytes at the end of the payload that were not received.
    missing: usize,
    /// What follows the header, in hexadecimal digits; all of it, if the frame ends within its header.
    #[serde(serialize_with = "digits")]
    payload: Vec<u8>,
}

impl HeardRow {
    /// The row of a frame.
    pub fn new(at: SystemTime, interface: &str, received: &Received, bytes: &[u8]) -> Self {
        let frame = Frame::read(bytes);
        let tag = frame.and_then(|frame| frame.tag);
        Self {
            at: Utc(at),
            interface: interface.to_owned(),
            direction: word(received.direction),
            source: frame.map(|frame| frame.source),
            destination: frame.map(|frame| frame.destination),
            vlan: tag.map(Tag::id),
            priority: tag.map(Tag::priority),
            inner_vlan: frame.and_then(|frame| frame.inner_tag).map(Tag::id),
            ether_type: frame.map(|frame| EtherType(frame.ether_type).to_string()),
            length: bytes.len() + received.cut,
            missing: received.cut,
            payload: frame.map_or(bytes, |frame| frame.payload).to_vec(),
        }
    }

    /// Writes an object.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line, and rows below it if they are wanted:
    /// `2023-11-14T22:13:20.123456Z in 02:00:00:00:00:02 > 02:00:00:00:00:01 0x88b5 vlan 100, 20 bytes: Hi`.
    pub fn write_line(&self, show: Show, out: &mut impl Write) -> io::Result<()> {
        let arrow = match self.direction {
            "outgoing" => "out",
            "to-others" => "other",
            _ => "in",
        };
        write!(out, "{} {arrow}", self.at)?;
        if let (Some(source), Some(destination)) = (self.source, self.destination) {
            write!(out, " {source} > {destination}")?;
        }
        if let Some(kind) = &self.ether_type {
            write!(out, " {kind}")?;
        }
        for vlan in [self.vlan, self.inner_vlan].into_iter().flatten() {
            write!(out, " vlan {vlan}")?;
        }
        write!(out, ", {} bytes", self.length)?;
        if self.missing > 0 {
            write!(out, " ({} of them not received)", self.missing)?;
        }
        if self.source.is_none() {
            write!(out, " (ends within its header)")?;
        }
        self.write_payload(show, out)
    }

    fn write_payload(&self, show: Show, out: &mut impl Write) -> io::Result<()> {
        match show {
            _ if self.payload.is_empty() => writeln!(out),
            Show::Brief if self.payload.len() > BRIEF => {
                writeln!(out, ": {}...", self.payload[..BRIEF].escape_ascii())
            }
            Show::Brief | Show::Text => writeln!(out, ": {}", self.payload.escape_ascii()),
            Show::Hex => {
                write!(out, ": ")?;
                self.payload
                    .iter()
                    .try_for_each(|byte| write!(out, "{byte:02x}"))?;
                writeln!(out)
            }
            Show::Dump => {
                writeln!(out)?;
                hexdump(&self.payload, out)
            }
            Show::Nothing => writeln!(out),
        }
    }
}

fn digits<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    serializer.serialize_str(&digits)
}

const fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::ToUs => "to-us",
        Direction::Broadcast => "broadcast",
        Direction::Multicast => "multicast",
        Direction::ToOthers => "to-others",
        Direction::Outgoing => "outgoing",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(direction: Direction, tag: Option<Tag>, payload: &[u8], cut: usize) -> HeardRow {
        let frame = Frame {
            destination: MacAddr([2, 0, 0, 0, 0, 1]),
            source: MacAddr([2, 0, 0, 0, 0, 2]),
            tag,
            inner_tag: None,
            ether_type: 0x88b5,
            payload,
        };
        of(direction, &frame.to_bytes(), cut)
    }

    fn of(direction: Direction, bytes: &[u8], cut: usize) -> HeardRow {
        let received = Received {
            length: bytes.len(),
            cut,
            vlan: None,
            direction,
            at: None,
        };
        let at = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        HeardRow::new(at, "eth0", &received, bytes)
    }

    fn line(row: &HeardRow, show: Show) -> String {
        let mut out = Vec::new();
        row.write_line(show, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_frame_is_a_line_and_its_payload_as_it_is_wanted() {
        let tag = Tag {
            protocol: 0x8100,
            control: 0xe064,
        };
        let all = [
            Show::Brief,
            Show::Text,
            Show::Hex,
            Show::Dump,
            Show::Nothing,
        ];
        let long = row(Direction::ToUs, Some(tag), b"Hi\n, who is there\0?", 0);
        let mut lines: String = all.map(|show| line(&long, show)).concat();
        let short = row(Direction::Outgoing, None, b"Hi", 9000);
        lines += &line(&short, Show::Brief);
        let twice = [&[2; 12][..], b"\x88\xa8\0\x07\x81\0\0\x64\x08\x00"].concat();
        lines += &line(&of(Direction::ToOthers, &twice, 0), Show::Brief);
        let headless = [&[2; 12][..], b"\x81\0\0"].concat();
        lines += &line(&of(Direction::Broadcast, &headless, 0), Show::Hex);
        insta::assert_snapshot!(lines, @r"
        2023-11-14T22:13:20.123456Z in 02:00:00:00:00:02 > 02:00:00:00:00:01 0x88b5 vlan 100, 37 bytes: Hi\n, who is ther...
        2023-11-14T22:13:20.123456Z in 02:00:00:00:00:02 > 02:00:00:00:00:01 0x88b5 vlan 100, 37 bytes: Hi\n, who is there\x00?
        2023-11-14T22:13:20.123456Z in 02:00:00:00:00:02 > 02:00:00:00:00:01 0x88b5 vlan 100, 37 bytes: 48690a2c2077686f206973207468657265003f
        2023-11-14T22:13:20.123456Z in 02:00:00:00:00:02 > 02:00:00:00:00:01 0x88b5 vlan 100, 37 bytes
          0000  48 69 0a 2c 20 77 68 6f  20 69 73 20 74 68 65 72  |Hi., who is ther|
          0010  65 00 3f                                          |e.?|
        2023-11-14T22:13:20.123456Z in 02:00:00:00:00:02 > 02:00:00:00:00:01 0x88b5 vlan 100, 37 bytes
        2023-11-14T22:13:20.123456Z out 02:00:00:00:00:02 > 02:00:00:00:00:01 0x88b5, 9016 bytes (9000 of them not received): Hi
        2023-11-14T22:13:20.123456Z other 02:02:02:02:02:02 > 02:02:02:02:02:02 0x0800 vlan 7 vlan 100, 22 bytes
        2023-11-14T22:13:20.123456Z in, 15 bytes (ends within its header): 020202020202020202020202810000
        ");
    }

    #[test]
    fn machines_get_an_object() {
        let mut out = Vec::new();
        row(Direction::Multicast, None, b"Hi", 3)
            .write_json(&mut out)
            .unwrap();
        of(Direction::ToUs, b"\x02\0", 0)
            .write_json(&mut out)
            .unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        {"at":"2023-11-14T22:13:20.123456789Z","interface":"eth0","direction":"multicast","source":"02:00:00:00:00:02","destination":"02:00:00:00:00:01","vlan":null,"priority":null,"inner_vlan":null,"ether_type":"0x88b5","length":19,"missing":3,"payload":"4869"}
        {"at":"2023-11-14T22:13:20.123456789Z","interface":"eth0","direction":"to-us","source":null,"destination":null,"vlan":null,"priority":null,"inner_vlan":null,"ether_type":null,"length":2,"missing":0,"payload":"0200"}
        "#);
    }
}
