//! Packets as `watch --all` shows them.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use super::Heard;
use crate::arp;
use crate::ether::MacAddr;
use crate::ndp::{self, Advertisement, Message, Solicitation};
use crate::report::arp::Words;
use crate::report::layout::json;

/// A packet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PacketRow {
    event: &'static str,
    /// When and where.
    #[serde(flatten)]
    pub heard: Heard,
    /// Whom the frame is from.
    pub ether_source: Option<MacAddr>,
    #[serde(flatten)]
    said: Said,
    /// The same in words.
    #[serde(skip)]
    words: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Said {
    Arp {
        operation: u16,
        sender_mac: MacAddr,
        sender_ip: Ipv4Addr,
        target_mac: MacAddr,
        target_ip: Ipv4Addr,
    },
    Ndp {
        message: &'static str,
        source_ip: Ipv6Addr,
        destination_ip: Ipv6Addr,
        target_ip: Ipv6Addr,
        mac: Option<MacAddr>,
        #[serde(skip_serializing_if = "Option::is_none")]
        router: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        solicited: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        r#override: Option<bool>,
    },
}

impl PacketRow {
    /// An ARP packet.
    pub fn arp(heard: Heard, ether_source: Option<MacAddr>, packet: &arp::Packet) -> Self {
        Self {
            event: "packet",
            heard,
            ether_source,
            said: Said::Arp {
                operation: packet.operation,
                sender_mac: packet.sender.mac,
                sender_ip: packet.sender.ip,
                target_mac: packet.target.mac,
                target_ip: packet.target.ip,
            },
            words: Words(packet).to_string(),
        }
    }

    /// A message of Neighbor Discovery.
    pub fn ndp(heard: Heard, ether_source: Option<MacAddr>, packet: &ndp::Packet) -> Self {
        let (said, words) = match &packet.message {
            Message::Solicitation(asked) => (asks(packet, asked), asking(packet, asked)),
            Message::Advertisement(told) => {
                (tells(packet, told), telling(packet, told, ether_source))
            }
        };
        Self {
            event: "packet",
            heard,
            ether_source,
            said,
            words,
        }
    }

    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let words = &self.words;
        match (self.ether_source, &self.said) {
            (Some(source), said) if said.mac().is_some_and(|mac| mac != source) => {
                writeln!(
                    out,
                    "{} packet: {words} in a frame of {source}",
                    self.heard.shown()
                )
            }
            _ => writeln!(out, "{} packet: {words}", self.heard.shown()),
        }
    }
}

fn asks(packet: &ndp::Packet, asked: &Solicitation) -> Said {
    Said::Ndp {
        message: "solicitation",
        source_ip: packet.source,
        destination_ip: packet.destination,
        target_ip: asked.target,
        mac: asked.source_mac,
        router: None,
        solicited: None,
        r#override: None,
    }
}

fn asking(packet: &ndp::Packet, asked: &Solicitation) -> String {
    match packet.source.is_unspecified() {
        true => format!("who has {}? (probe)", asked.target),
        false => format!("who has {}? tell {}", asked.target, packet.source),
    }
}

fn tells(packet: &ndp::Packet, told: &Advertisement) -> Said {
    Said::Ndp {
        message: "advertisement",
        source_ip: packet.source,
        destination_ip: packet.destination,
        target_ip: told.target,
        mac: told.target_mac,
        router: Some(told.router),
        solicited: Some(told.solicited),
        r#override: Some(told.overriding),
    }
}

fn telling(packet: &ndp::Packet, told: &Advertisement, source: Option<MacAddr>) -> String {
    let mac = told.target_mac.or(source);
    let at = mac.map_or_else(|| String::from("?"), |mac| mac.to_string());
    match told.solicited {
        true => format!(
            "{} is at {at} (reply to {})",
            told.target, packet.destination
        ),
        false => format!("{} is at {at} (announcement)", told.target),
    }
}

impl Said {
    /// The hardware address that it tells of.
    const fn mac(&self) -> Option<MacAddr> {
        match self {
            Self::Arp { sender_mac, .. } => Some(*sender_mac),
            Self::Ndp { mac, .. } => *mac,
        }
    }
}

/// A packet that cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename = "damaged")]
pub struct DamagedRow {
    /// When and where.
    #[serde(flatten)]
    pub heard: Heard,
    /// Whom the frame is from.
    pub ether_source: Option<MacAddr>,
    /// What is wrong.
    pub why: String,
}

impl DamagedRow {
    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let (heard, why) = (self.heard.shown(), &self.why);
        match self.ether_source {
            Some(source) => writeln!(out, "{heard} damaged: {why}, from {source}"),
            None => writeln!(out, "{heard} damaged: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::arp::Station;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn heard() -> Heard {
        Heard {
            at: Duration::from_secs(1_700_000_000),
            interface: Some("eth0".into()),
            vlan: None,
        }
    }

    fn rows() -> Vec<PacketRow> {
        let ip = [10, 0, 0, 1].into();
        let request = arp::Packet::request(Station { mac: MAC, ip }, [10, 0, 0, 2].into());
        let address = |text: &str| text.parse::<Ipv6Addr>().unwrap();
        let packet = |source: &str, message| ndp::Packet {
            source: address(source),
            destination: address("ff02::1"),
            message,
        };
        let target = address("fe80::2");
        let asks = |source_mac| {
            Message::Solicitation(Solicitation {
                target,
                source_mac,
                nonce: None,
            })
        };
        let tells = |solicited| {
            Message::Advertisement(Advertisement {
                target,
                router: true,
                solicited,
                overriding: false,
                target_mac: Some(MAC),
            })
        };
        let other = Some(MacAddr([2, 0, 0, 0, 0, 9]));
        vec![
            PacketRow::arp(heard(), Some(MAC), &request),
            PacketRow::arp(heard(), other, &request),
            PacketRow::ndp(heard(), Some(MAC), &packet("fe80::1", asks(Some(MAC)))),
            PacketRow::ndp(heard(), Some(MAC), &packet("::", asks(None))),
            PacketRow::ndp(heard(), Some(MAC), &packet("fe80::2", tells(true))),
            PacketRow::ndp(heard(), other, &packet("fe80::2", tells(false))),
        ]
    }

    #[test]
    fn packets_are_lines_and_objects() {
        let mut out = Vec::new();
        for row in rows() {
            row.write_line(&mut out).unwrap();
        }
        for row in rows() {
            row.write_json(&mut out).unwrap();
        }
        let damaged = DamagedRow {
            heard: heard(),
            ether_source: Some(MAC),
            why: String::from("shorter than an ARP packet"),
        };
        damaged.write_line(&mut out).unwrap();
        damaged.write_json(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        2023-11-14T22:13:20.000Z eth0 packet: who has 10.0.0.2? tell 10.0.0.1
        2023-11-14T22:13:20.000Z eth0 packet: who has 10.0.0.2? tell 10.0.0.1 in a frame of 02:00:00:00:00:09
        2023-11-14T22:13:20.000Z eth0 packet: who has fe80::2? tell fe80::1
        2023-11-14T22:13:20.000Z eth0 packet: who has fe80::2? (probe)
        2023-11-14T22:13:20.000Z eth0 packet: fe80::2 is at 02:00:00:00:00:01 (reply to ff02::1)
        2023-11-14T22:13:20.000Z eth0 packet: fe80::2 is at 02:00:00:00:00:01 (announcement) in a frame of 02:00:00:00:00:09
        {"event":"packet","time":1700000000.0,"interface":"eth0","vlan":null,"ether_source":"02:00:00:00:00:01","operation":1,"sender_mac":"02:00:00:00:00:01","sender_ip":"10.0.0.1","target_mac":"00:00:00:00:00:00","target_ip":"10.0.0.2"}
        {"event":"packet","time":1700000000.0,"interface":"eth0","vlan":null,"ether_source":"02:00:00:00:00:09","operation":1,"sender_mac":"02:00:00:00:00:01","sender_ip":"10.0.0.1","target_mac":"00:00:00:00:00:00","target_ip":"10.0.0.2"}
        {"event":"packet","time":1700000000.0,"interface":"eth0","vlan":null,"ether_source":"02:00:00:00:00:01","message":"solicitation","source_ip":"fe80::1","destination_ip":"ff02::1","target_ip":"fe80::2","mac":"02:00:00:00:00:01"}
        {"event":"packet","time":1700000000.0,"interface":"eth0","vlan":null,"ether_source":"02:00:00:00:00:01","message":"solicitation","source_ip":"::","destination_ip":"ff02::1","target_ip":"fe80::2","mac":null}
        {"event":"packet","time":1700000000.0,"interface":"eth0","vlan":null,"ether_source":"02:00:00:00:00:01","message":"advertisement","source_ip":"fe80::2","destination_ip":"ff02::1","target_ip":"fe80::2","mac":"02:00:00:00:00:01","router":true,"solicited":true,"override":false}
        {"event":"packet","time":1700000000.0,"interface":"eth0","vlan":null,"ether_source":"02:00:00:00:00:09","message":"advertisement","source_ip":"fe80::2","destination_ip":"ff02::1","target_ip":"fe80::2","mac":"02:00:00:00:00:01","router":true,"solicited":false,"override":false}
        2023-11-14T22:13:20.000Z eth0 damaged: shorter than an ARP packet, from 02:00:00:00:00:01
        {"event":"damaged","time":1700000000.0,"interface":"eth0","vlan":null,"ether_source":"02:00:00:00:00:01","why":"shorter than an ARP packet"}
        "#);
    }
}
