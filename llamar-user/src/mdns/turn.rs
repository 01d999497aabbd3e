//! What a part of the engine has at hand while it does something.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use rand::rngs::StdRng;

use super::{Event, Family, Rules};

/// A datagram to be sent from port 5353 by an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Index of the interface.
    pub device: u32,
    /// [`Family::everybody`], or one host.
    pub to: SocketAddr,
    /// The address of ours that it goes out from, if one was asked: who asks it hears no other.
    pub from: Option<IpAddr>,
    /// The message.
    pub message: Vec<u8>,
}

/// What the parts of one interface share while they do something.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The time.
    pub now: Instant,
    /// Chance.
    pub rng: &'a mut StdRng,
    /// Which rules hold.
    pub rules: Rules,
    /// Index of the interface.
    pub device: u32,
    /// The families that are spoken there, none while it is down.
    pub families: &'a [Family],
    /// Its MTU in bytes.
    pub mtu: usize,
    /// Whether unicast to port 5353 reaches us.
    pub unicast: bool,
    /// Where datagrams go.
    pub transmits: &'a mut VecDeque<Transmit>,
    /// Where events go.
    pub events: &'a mut VecDeque<Event>,
}

impl Turn<'_> {
    /// Bytes of a message that passes a family of the interface unfragmented (RFC 6762 17).
    pub const fn room(&self, family: Family) -> usize {
        let packet = if self.mtu < ETHERNET {
            self.mtu
        } else {
            ETHERNET
        };
        packet.saturating_sub(family.headers())
    }

    /// Sends a message to everybody of a family.
    pub fn multicast(&mut self, family: Family, message: Vec<u8>) {
        self.send(family.everybody(), None, message);
    }

    /// Sends a message to one host, from the address of ours that it asked.
    pub fn send(&mut self, to: SocketAddr, from: Option<IpAddr>, message: Vec<u8>) {
        self.transmits.push_back(Transmit {
            device: self.device,
            to,
            from,
            message,
        });
    }
}

/// RFC 6762 17: messages are best kept below the MTU of Ethernet, whatever that of the interface is.
const ETHERNET: usize = 1500;
