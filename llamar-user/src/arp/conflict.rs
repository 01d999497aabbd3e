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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arp::Station;

    const OWN: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
    const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    // RFC 5227 2.1.1, 2.4: C6, C7
    #[test]
    fn an_address_is_disputed_by_who_uses_it_and_wanted_by_who_probes_for_it() {
        let judged = |packet: &Packet| {
            let own = [OWN];
            (disputes(packet, IP, &own), probes_too(packet, IP, &own))
        };
        let station = |mac| Station { mac, ip: IP };
        let elsewhere = Ipv4Addr::new(10, 0, 0, 9);
        for (packet, expected) in [
            (Packet::announcement(station(OTHER)), (true, false)),
            (Packet::gratuitous_reply(station(OTHER)), (true, false)),
            (Packet::request(station(OTHER), elsewhere), (true, false)),
            (Packet::probe(OTHER, IP), (false, true)),
            (Packet::probe(OTHER, elsewhere), (false, false)),
            (Packet::announcement(station(OWN)), (false, false)),
            (Packet::probe(OWN, IP), (false, false)),
        ] {
            assert_eq!(judged(&packet), expected, "{packet:?}");
        }
        // Whoever probes uses no address, not 0.0.0.0 either.
        assert!(!disputes(
            &Packet::probe(OTHER, IP),
            Ipv4Addr::UNSPECIFIED,
            &[OWN]
        ));
    }
}
