//! The frames by which addresses are told of and asked for.

use std::net::{IpAddr, Ipv6Addr};

use llamar_common::wire::ndp::{ALL_NODES, solicited_node};
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::{Sent, Wanted};
use crate::arp::{self, Station};
use crate::ether::MacAddr;
use crate::ndp::{self, Advertisement, Message, Solicitation};

/// A probe for an address, or its announcement.
pub(super) fn speak(
    wanted: &Wanted,
    address: IpAddr,
    probe: bool,
    rng: &mut StdRng,
) -> (Vec<u8>, Sent) {
    let (mac, tag) = (wanted.mac, wanted.tag);
    match address {
        IpAddr::V4(ip) => {
            // RFC 5227 2.1.1, 2.3; RFC 3927 2.5: by broadcast.
            let (packet, sent) = match probe {
                true => (arp::Packet::probe(mac, ip), Sent::ArpProbe),
                false => {
                    let holder = Station { mac, ip };
                    (arp::Packet::announcement(holder), Sent::ArpAnnouncement)
                }
            };
            (packet.to_frame(mac, MacAddr::BROADCAST, tag), sent)
        }
        IpAddr::V6(ip) => {
            let (packet, sent) = match probe {
                true => (solicitation(ip, rng.random()), Sent::NdProbe),
                false => (advertisement(wanted, ip), Sent::NdAnnouncement),
            };
            // Both go to groups.
            let group = packet.group().unwrap_or(MacAddr::BROADCAST);
            (packet.to_frame(mac, group, tag), sent)
        }
    }
}

// RFC 4862 5.4.2: from the unspecified address to the target's group, without a hardware address; RFC 7527 4.1: with a
// nonce of its own.
fn solicitation(target: Ipv6Addr, nonce: [u8; 6]) -> ndp::Packet {
    ndp::Packet {
        source: Ipv6Addr::UNSPECIFIED,
        destination: solicited_node(target.octets()).into(),
        message: Message::Solicitation(Solicitation {
            target,
            source_mac: None,
            nonce: Some(nonce.to_vec()),
        }),
    }
}

// RFC 4861 7.2.6, 4.4: to all nodes, not solicited, with the hardware address, which replaces what is known.
fn advertisement(wanted: &Wanted, target: Ipv6Addr) -> ndp::Packet {
    ndp::Packet {
        source: target,
        destination: ALL_NODES.into(),
        message: Message::Advertisement(Advertisement {
            target,
            router: wanted.router,
            solicited: false,
            overriding: true,
            target_mac: Some(wanted.mac),
        }),
    }
}
