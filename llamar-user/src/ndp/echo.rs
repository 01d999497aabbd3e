//! Echo requests and replies (RFC 4443 4.1, 4.2): who is there.

use std::net::Ipv6Addr;

use llamar_common::wire::ndp::{CODE, ECHO_REPLY, ECHO_REQUEST};
use llamar_common::wire::{be16, put};

use super::Flaw;
use super::datagram::{self, Datagram};
use crate::ether::{MacAddr, Tag};

/// Length without data: type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;
/// Offset of the identifier.
const IDENTIFIER: usize = 4;
/// Offset of the sequence number.
const SEQUENCE: usize = 6;

/// An echo request or reply with its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The source.
    pub source: Ipv6Addr,
    /// The destination.
    pub destination: Ipv6Addr,
    /// Whether it answers a request.
    pub reply: bool,
    /// Which series of requests it is of.
    pub identifier: u16,
    /// Which request of the series.
    pub sequence: u16,
    /// What comes back as it was sent.
    pub data: Vec<u8>,
}

impl Echo {
    /// Reads what a frame of type IPv6 carries; padding may follow. A flaw says why it has to be discarded.
    // RFC 4443 4.2: the hop limit is not looked at; a reply may have any.
    pub fn read(payload: &[u8]) -> Result<Self, Flaw> {
        let packet = Datagram::read(payload)?;
        let kind = *packet.message.first().ok_or(Flaw::Short)?;
        if kind != ECHO_REQUEST && kind != ECHO_REPLY {
            return Err(Flaw::Other);
        }
        let (header, data) = packet.message.split_at_checked(HEADER).ok_or(Flaw::Short)?;
        if header[CODE] != 0 {
            return Err(Flaw::Code(header[CODE]));
        }
        if !packet.is_sound() {
            return Err(Flaw::Checksum);
        }
        Ok(Self {
            source: packet.source,
            destination: packet.destination,
            reply: kind == ECHO_REPLY,
            identifier: be16(header, IDENTIFIER),
            sequence: be16(header, SEQUENCE),
            data: data.to_vec(),
        })
    }

    /// Its bytes, from the IPv6 header on.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut message = vec![0; HEADER];
        message[0] = if self.reply { ECHO_REPLY } else { ECHO_REQUEST };
        put(&mut message, IDENTIFIER, self.identifier.to_be_bytes());
        put(&mut message, SEQUENCE, self.sequence.to_be_bytes());
        message.extend(&self.data);
        datagram::packet(self.source, self.destination, message)
    }

    /// The frame that carries it.
    pub fn to_frame(&self, source: MacAddr, destination: MacAddr, tag: Option<Tag>) -> Vec<u8> {
        datagram::frame(source, destination, tag, &self.to_bytes())
    }

    /// The reply to a request that came to `source`.
    pub fn answer(&self, source: Ipv6Addr) -> Self {
        Self {
            source,
            destination: self.source,
            reply: true,
            ..self.clone()
        }
    }
}
