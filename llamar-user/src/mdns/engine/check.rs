//! What is to be seen of a datagram before it is read.

use std::net::IpAddr;

use llamar_common::wire::dns;

use super::Ignored;
use super::interface::Interface;
use crate::dns::Header;
use crate::mdns::{Arrival, PACKET_MAX};

/// Checks where a message comes from and goes to, and its header.
///
/// RFC 6762 18.1, 18.4 to 18.10: id, AA, TC of a response, RD, RA, Z, AD and CD are ignored; 11: so is the TTL that it
/// came with, which is for nobody to see here.
pub fn check(interface: &Interface, arrival: &Arrival, message: &[u8]) -> Result<Header, Ignored> {
    if !interface.families.contains(&arrival.family()) {
        return Err(Ignored::Interface);
    }
    // RFC 6762 17: no packet exceeds 9000 bytes with its headers.
    if message.len() + arrival.family().headers() > PACKET_MAX {
        return Err(Ignored::TooLong);
    }
    if !is_source(arrival) {
        return Err(Ignored::Source);
    }
    if !arrival.is_multicast() && !interface.is_own(arrival.to) {
        return Err(Ignored::Destination);
    }
    // RFC 6762 5.5, 11: a unicast, query or response, comes from the link or is silently ignored.
    if !arrival.is_multicast() && !interface.is_near(arrival.from.ip()) {
        return Err(Ignored::OffLink);
    }
    let header = Header::read(message).ok_or(Ignored::Header)?;
    // RFC 6762 18.3, 18.11: silently ignored, whatever it is.
    if header.flags & dns::OPCODE != 0 {
        return Err(Ignored::Opcode);
    }
    if header.flags & dns::RCODE != 0 {
        return Err(Ignored::Rcode);
    }
    // RFC 6762 6: responses come from port 5353 or are silently ignored.
    if header.flags & dns::RESPONSE != 0 && arrival.is_legacy() {
        return Err(Ignored::Port);
    }
    Ok(header)
}

/// Whether a message can come from there. RFC 6762 11: what the group gets is taken whatever its source; a host without
/// an address yet is heard, but cannot be answered by unicast.
fn is_source(arrival: &Arrival) -> bool {
    let from = arrival.from.ip();
    let is_sender = match from {
        IpAddr::V4(address) => !address.is_multicast() && !address.is_broadcast(),
        IpAddr::V6(address) => !address.is_multicast(),
    };
    let is_answerable = !from.is_unspecified() || !arrival.is_legacy();
    let is_of_family = from.is_ipv4() == arrival.to.is_ipv4();
    is_sender && is_answerable && is_of_family && arrival.from.port() != 0
}
