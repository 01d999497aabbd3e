//! A host as the RFCs want it, for engines to ask: it answers echo requests and solicitations.

use super::*;
use crate::ndp::{Echo, Flaw};

/// A host with one interface.
pub struct Stack {
    pub number: u8,
    pub addresses: Vec<Ipv6Addr>,
    pub router: bool,
    /// Whether it answers echo requests to groups.
    pub echoes: bool,
    /// Whether it answers solicitations.
    pub answers: bool,
    /// What it did not heed, and why.
    pub flaws: Vec<Flaw>,
}

impl Stack {
    pub fn new(number: u8, addresses: &[&str]) -> Self {
        Self {
            number,
            addresses: addresses.iter().map(|text| ip(text)).collect(),
            router: false,
            echoes: true,
            answers: true,
            flaws: Vec::new(),
        }
    }

    /// What it answers a frame with.
    pub fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let sent = Frame::read(bytes)?;
        if let Ok(echo) = Echo::read(sent.payload) {
            return self.hear_echo(sent.source, &echo);
        }
        let packet = match Packet::read(sent.payload) {
            Ok(packet) => packet,
            Err(flaw) => {
                self.flaws.push(flaw);
                return None;
            }
        };
        let Message::Solicitation(asked) = &packet.message else {
            return None;
        };
        if !self.answers || !self.addresses.contains(&asked.target) {
            return None;
        }
        // RFC 4861 7.2.4
        let detects = packet.source.is_unspecified();
        let to = match detects {
            true => ALL_NODES.into(),
            false => packet.source,
        };
        let answer = Packet {
            source: asked.target,
            destination: to,
            message: Message::Advertisement(Advertisement {
                target: asked.target,
                router: self.router,
                solicited: !detects,
                overriding: true,
                target_mac: Some(mac(self.number)),
            }),
        };
        let to = answer.group().or(asked.source_mac).unwrap_or(sent.source);
        Some(answer.to_frame(mac(self.number), to, sent.tag))
    }

    fn hear_echo(&self, from: MacAddr, echo: &Echo) -> Option<Vec<u8>> {
        let local = |address: &&Ipv6Addr| {
            address.is_unicast_link_local() == echo.source.is_unicast_link_local()
        };
        let own = self.addresses.iter().find(local)?;
        let heeds = self.echoes && !echo.reply && echo.destination == Ipv6Addr::from(ALL_NODES);
        heeds.then(|| echo.answer(*own).to_frame(mac(self.number), from, None))
    }
}
