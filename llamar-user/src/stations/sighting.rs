//! What one packet tells.

use std::net::IpAddr;

use llamar_common::wire::arp::{REPLY, REQUEST};

use crate::arp;
use crate::ether::MacAddr;
use crate::ndp::{self, Message};

/// A link: addresses of two of them have nothing to do with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The interface, by a number of the caller's.
    pub link: u32,
    /// The VLAN id of tagged frames.
    pub vlan: Option<u16>,
}

/// How a packet tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// It asks for an address and tells none (RFC 5227 1.1, RFC 4862 5.4.2).
    Probe,
    /// It tells, and nobody had asked.
    Announcement,
    /// It asks by ARP.
    Request,
    /// It answers by ARP.
    Reply,
    /// It asks by Neighbor Discovery.
    Solicitation,
    /// It answers by Neighbor Discovery.
    Advertisement,
}

impl How {
    /// Whether somebody had asked for the address.
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Reply | Self::Advertisement)
    }

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Announcement => "announcement",
            Self::Request => "request",
            Self::Reply => "reply",
            Self::Solicitation => "solicitation",
            Self::Advertisement => "advertisement",
        }
    }
}

/// What a packet tells of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Where it was heard.
    pub place: Place,
    /// How it tells.
    pub how: How,
    /// The hardware address that is told of.
    pub mac: MacAddr,
    /// The address that it has; none is told by a probe.
    pub ip: Option<IpAddr>,
    /// The address that is asked for.
    pub asks: Option<IpAddr>,
    /// Whom the frame is from, where that is known.
    pub source: Option<MacAddr>,
    /// Whether it calls itself a router.
    pub router: bool,
    /// Whether it replaces nothing that is known (an advertisement without O).
    pub weak: bool,
}

impl Sighting {
    /// What an ARP packet tells; none if it is neither a request nor a reply, or a reply that tells no address.
    pub fn of_arp(place: Place, source: Option<MacAddr>, packet: &arp::Packet) -> Option<Self> {
        let how = match packet.operation {
            REQUEST if packet.is_probe() => How::Probe,
            REQUEST | REPLY if packet.is_announcement() => How::Announcement,
            REQUEST => How::Request,
            REPLY if packet.sender.ip.is_unspecified() => return None,
            REPLY => How::Reply,
            _ => return None,
        };
        let asks = matches!(how, How::Probe | How::Request).then_some(packet.target.ip.into());
        Some(Self {
            place,
            how,
            mac: packet.sender.mac,
            // RFC 5227 1.1: the sender's address of a probe is zero so that no cache is changed by it.
            ip: (how != How::Probe).then_some(packet.sender.ip.into()),
            asks,
            source,
            router: false,
            weak: false,
        })
    }

    /// What a message of Neighbor Discovery tells; none if nobody can say whose it is.
    pub fn of_ndp(place: Place, source: Option<MacAddr>, packet: &ndp::Packet) -> Option<Self> {
        let told = match &packet.message {
            // RFC 4861 4.3: a unicast one need not tell its sender's hardware address; the frame does.
            Message::Solicitation(asked) => asked.source_mac,
            Message::Advertisement(told) => told.target_mac,
        };
        let sighting = Self {
            place,
            how: How::Solicitation,
            mac: told.or(source)?,
            ip: Some(packet.source.into()),
            asks: None,
            source,
            router: false,
            weak: false,
        };
        Some(match &packet.message {
            // RFC 4861 7.2.3: one from the unspecified address tells of nobody.
            Message::Solicitation(asked) if packet.source.is_unspecified() => Self {
                how: How::Probe,
                ip: None,
                asks: Some(asked.target.into()),
                ..sighting
            },
            Message::Solicitation(asked) => Self {
                asks: Some(asked.target.into()),
                ..sighting
            },
            Message::Advertisement(told) => Self {
                how: match told.solicited {
                    true => How::Advertisement,
                    false => How::Announcement,
                },
                ip: Some(told.target.into()),
                router: told.router,
                weak: !told.overriding,
                ..sighting
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::arp::{Packet, Station};
    use crate::ndp::{Advertisement, Solicitation};

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const SOURCE: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
    const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
    const STATION: Station = Station { mac: MAC, ip: IP };

    fn told(packet: &Packet) -> Option<(How, Option<IpAddr>, Option<IpAddr>)> {
        let sighting = Sighting::of_arp(Place::default(), Some(SOURCE), packet)?;
        assert_eq!((sighting.mac, sighting.source), (MAC, Some(SOURCE)));
        Some((sighting.how, sighting.ip, sighting.asks))
    }

    // RFC 5227 1.1, 2.1.1, 2.3: C4, C9, C16
    #[test]
    fn a_probe_tells_no_address_and_every_other_request_or_reply_tells_its_senders() {
        let ip = |ip: Ipv4Addr| Some(IpAddr::from(ip));
        let reply = Packet {
            operation: REPLY,
            ..Packet::request(STATION, OTHER)
        };
        for (packet, expected) in [
            (Packet::probe(MAC, OTHER), (How::Probe, None, ip(OTHER))),
            (
                Packet::announcement(STATION),
                (How::Announcement, ip(IP), None),
            ),
            (
                Packet::gratuitous_reply(STATION),
                (How::Announcement, ip(IP), None),
            ),
            (
                Packet::request(STATION, OTHER),
                (How::Request, ip(IP), ip(OTHER)),
            ),
            (reply, (How::Reply, ip(IP), None)),
        ] {
            assert_eq!(told(&packet), Some(expected));
        }
        let nobody = Packet {
            operation: REPLY,
            ..Packet::probe(MAC, OTHER)
        };
        let rarp = Packet {
            operation: 3,
            ..Packet::announcement(STATION)
        };
        assert_eq!((told(&nobody), told(&rarp)), (None, None));
    }

    fn address(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn packet(source: &str, message: Message) -> ndp::Packet {
        ndp::Packet {
            source: address(source),
            destination: address("ff02::1"),
            message,
        }
    }

    // RFC 4861 7.2.3: D11
    #[test]
    fn a_solicitation_from_the_unspecified_address_tells_no_address() {
        let solicitation = |source, source_mac| {
            let target = address("fe80::2");
            let nonce = None;
            let message = Message::Solicitation(Solicitation {
                target,
                source_mac,
                nonce,
            });
            Sighting::of_ndp(Place::default(), Some(SOURCE), &packet(source, message)).unwrap()
        };
        let probe = solicitation("::", None);
        assert_eq!((probe.how, probe.ip, probe.mac), (How::Probe, None, SOURCE));
        let asks = solicitation("fe80::1", Some(MAC));
        assert_eq!(
            (asks.how, asks.ip, asks.mac),
            (How::Solicitation, Some(address("fe80::1").into()), MAC)
        );
        assert_eq!(solicitation("fe80::1", None).mac, SOURCE);
    }

    // RFC 4861 7.2.5: D13
    #[test]
    fn an_advertisement_tells_of_its_target_whoever_sends_it() {
        let advertisement = |solicited, overriding, target_mac| {
            let message = Message::Advertisement(Advertisement {
                target: address("fe80::1"),
                router: true,
                solicited,
                overriding,
                target_mac,
            });
            Sighting::of_ndp(Place::default(), None, &packet("fe80::9", message))
        };
        let told = advertisement(true, true, Some(MAC)).unwrap();
        assert_eq!(
            (told.how, told.ip, told.mac, told.router, told.weak),
            (
                How::Advertisement,
                Some(address("fe80::1").into()),
                MAC,
                true,
                false
            )
        );
        let told = advertisement(false, false, Some(MAC)).unwrap();
        assert_eq!((told.how, told.weak), (How::Announcement, true));
        assert_eq!(advertisement(true, true, None), None);
    }
}
