//! Somebody on the link who can say anything.

use std::net::IpAddr;

use llamar_common::testing::{FrameBuilder, Query, Station};

use super::{Heard, PORT, Speech};
use crate::support::net::Namespace;
use crate::support::scene::{HOST_MAC, PEER_MAC};
use crate::support::wire::Wire;

/// The group of mDNS over IPv4 (RFC 6762 3).
const GROUP_V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(224, 0, 0, 251));
/// The same over IPv6.
const GROUP_V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb));

/// Somebody behind an interface, who speaks by frames of their own and hears every frame that arrives.
pub struct Somebody {
    wire: Wire,
}

impl Somebody {
    /// Opens the wire behind an interface.
    pub fn new(namespace: &Namespace, interface: &str) -> Self {
        Self {
            wire: Wire::open(namespace, interface),
        }
    }

    /// Somebody who hears also what the host itself says.
    pub fn witness(namespace: &Namespace, interface: &str) -> Self {
        Self {
            wire: Wire::tap(namespace, interface),
        }
    }

    /// The wire.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// A frame to the group, from mDNS's port, of the peer with an address: changed at will, it is sent by the wire.
    pub fn frame(from: impl Into<IpAddr>, speech: &Speech) -> Query {
        let from = from.into();
        let group = if from.is_ipv4() { GROUP_V4 } else { GROUP_V6 };
        let (id, flags, counts) = speech.header();
        FrameBuilder::llmnr(Station::new(PEER_MAC, from))
            .to(group)
            .port(PORT)
            .to_port(PORT)
            .ttl(255)
            .id(id)
            .flags(flags)
            .counts(counts)
            .records(&speech.body())
    }

    /// Says something to everybody.
    #[track_caller]
    pub fn say(&self, from: impl Into<IpAddr>, speech: &Speech) {
        self.wire.send(&Self::frame(from, speech).build());
    }

    /// Says something to everybody from another port.
    #[track_caller]
    pub fn say_from_port(&self, from: impl Into<IpAddr>, port: u16, speech: &Speech) {
        self.wire
            .send(&Self::frame(from, speech).port(port).build());
    }

    /// Says something to the host alone, at one of its addresses.
    #[track_caller]
    pub fn tell(&self, from: impl Into<IpAddr>, to: impl Into<IpAddr>, speech: &Speech) {
        let frame = Self::frame(from, speech).to(to.into()).to_mac(HOST_MAC);
        self.wire.send(&frame.build());
    }

    /// Waits for a message of which something can be made.
    #[track_caller]
    pub fn hear<T>(&self, what: &str, mut wanted: impl FnMut(Heard) -> Option<T>) -> T {
        let mut heard = Vec::new();
        let found = self.wire.next(|frame| {
            let message = Heard::decode(frame)?;
            heard.push(message.to_string());
            wanted(message)
        });
        found.unwrap_or_else(|| panic!("in vain for {what}; heard was\n{}", heard.join("\n")))
    }

    /// Waits for a response that holds a record, written as [`super::Told`] writes it, in any section.
    #[track_caller]
    pub fn hear_record(&self, record: &str) -> Heard {
        self.hear(&format!("the record {record}"), |heard| {
            heard.tells(record).then_some(heard)
        })
    }

    /// Everything that came and was not taken.
    pub fn heard(&self) -> Vec<Heard> {
        let frames = self.wire.drain();
        frames
            .iter()
            .filter_map(|frame| Heard::decode(frame))
            .collect()
    }
}
