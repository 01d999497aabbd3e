//! ARP for IPv4 over Ethernet (RFC 826), address conflict detection (RFC 5227), link-local addresses (RFC 3927 2).

mod packet;

pub use packet::{Flaw, Packet, Station};
