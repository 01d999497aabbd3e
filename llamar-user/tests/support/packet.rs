//! The addresses in a frame's headers.

use std::net::IpAddr;

use etherparse::{NetSlice, SlicedPacket};

/// Who sent a packet to whom, and its TTL or hop limit; `None` if it is not of IP.
pub fn addresses(packet: &SlicedPacket<'_>) -> Option<(IpAddr, IpAddr, u8)> {
    match packet.net.as_ref()? {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header();
            let (from, to) = (ip.source_addr(), ip.destination_addr());
            Some((from.into(), to.into(), ip.ttl()))
        }
        NetSlice::Ipv6(ip) => {
            let ip = ip.header();
            let (from, to) = (ip.source_addr(), ip.destination_addr());
            Some((from.into(), to.into(), ip.hop_limit()))
        }
        NetSlice::Arp(_) => None,
    }
}
