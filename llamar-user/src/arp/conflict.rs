//! Whether a packet tells that another host uses an address, or is about to (RFC 5227 2.1.1, 2.4). Both judge by the
//! hardware address in the packet, and that must be told of no interface of this host: some hubs and access points send
//! a host its own frames back.

use std::net::Ipv4Addr;

use super::Packet;
use crate::ether::MacAddr;

/// Whether another host than one of these hardware addresses has an address that we use.
pub fn disputes(packet: &Packet, address: Ipv4Addr, own: &[MacAddr]) -> bool {
    // RFC 5227 2.4: a request or a reply, whatever it asks for; zero is nobody's address.
    packet.sender.ip == address && !address.is_unspecified() && !own.contains(&packet.sender.mac)
}

/// Whether another host than one of these probes for an address too.
pub fn probes_too(packet: &Packet, address: Ipv4Addr, own: &[MacAddr]) -> bool {
    // RFC 5227 2.1.1: two hosts that probe at the same time.
    packet.is_probe() && packet.target.ip == address && !own.contains(&packet.sender.mac)
}
