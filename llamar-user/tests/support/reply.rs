//! Replies as they came over the wire, decoded by etherparse: every header field that a test can judge.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use etherparse::{LinkExtSlice, LinkSlice, NetSlice, SlicedPacket, TransportSlice};
use llamar_common::testing::{LLMNR_PORT, Mac, Query};

use super::message::Message;

/// An LLMNR response: a UDP packet from port 5355.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Ethernet source.
    pub source_mac: Mac,
    /// Ethernet destination.
    pub destination_mac: Mac,
    /// VLAN id of its tag.
    pub vlan: Option<u16>,
    /// IP source and UDP source port.
    pub source: SocketAddr,
    /// IP destination and UDP destination port.
    pub destination: SocketAddr,
    /// IP TTL or hop limit.
    pub ttl: u8,
    /// The DNS message as bytes.
    pub bytes: Vec<u8>,
    /// The DNS message.
    pub message: Message,
    /// The whole frame.
    pub frame: Vec<u8>,
}

impl Reply {
    /// Decodes a frame; `None` if it is no LLMNR response. Panics if it is one with a wrong length or checksum.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let (Some(LinkSlice::Ethernet2(ethernet)), Some(TransportSlice::Udp(udp))) =
            (&packet.link, &packet.transport)
        else {
            return None;
        };
        // RFC 4795 2.1.1: the first bit of the flags tells a response from a query.
        if udp.source_port() != LLMNR_PORT
            || udp.payload().get(2).is_none_or(|flags| flags & 0x80 == 0)
        {
            return None;
        }
        let header = udp.to_header();
        let (source, destination, ttl, end): (IpAddr, IpAddr, u8, usize) =
            match packet.net.as_ref()? {
                NetSlice::Ipv4(ip) => {
                    let ip_header = ip.header().to_header();
                    assert_eq!(
                        ip_header.header_checksum,
                        ip_header.calc_header_checksum(),
                        "IPv4 checksum of {frame:02x?}"
                    );
                    let sum = header
                        .calc_checksum_ipv4(&ip_header, udp.payload())
                        .expect("UDP length");
                    assert_eq!(header.checksum, sum, "UDP checksum of {frame:02x?}");
                    let end = usize::from(ip_header.total_len);
                    (
                        ip_header.source.into(),
                        ip_header.destination.into(),
                        ip_header.time_to_live,
                        end,
                    )
                }
                NetSlice::Ipv6(ip) => {
                    let ip_header = ip.header().to_header();
                    let sum = header
                        .calc_checksum_ipv6(&ip_header, udp.payload())
                        .expect("UDP length");
                    assert_eq!(header.checksum, sum, "UDP checksum of {frame:02x?}");
                    let end = usize::from(ip_header.payload_length) + 40;
                    (
                        ip_header.source.into(),
                        ip_header.destination.into(),
                        ip_header.hop_limit,
                        end,
                    )
                }
                NetSlice::Arp(_) => return None,
            };
        let vlan = vlan_of(&packet);
        let link = 14 + if vlan.is_some() { 4 } else { 0 };
        assert_eq!(
            frame.len(),
            link + end,
            "nothing behind the IP packet of {frame:02x?}"
        );
        assert_eq!(
            usize::from(header.length),
            udp.payload().len() + 8,
            "UDP length of {frame:02x?}"
        );
        let message = Message::parse(udp.payload())
            .unwrap_or_else(|| panic!("not a DNS message in {frame:02x?}"));
        Some(Self {
            source_mac: ethernet.source(),
            destination_mac: ethernet.destination(),
            vlan,
            source: (source, udp.source_port()).into(),
            destination: (destination, udp.destination_port()).into(),
            ttl,
            bytes: udp.payload().to_vec(),
            message,
            frame: frame.to_vec(),
        })
    }
}

impl Reply {
    /// Asserts that everything around the message is as it must be in the answer to a query on that VLAN: from
    /// our hardware address and this address of ours, port 5355, to where the query came from, TTL 255
    /// (RFC 4795 2.3, 2.5).
    #[track_caller]
    pub fn assert_headers(&self, query: &Query, mac: Mac, source: IpAddr) {
        let asker = query.sender();
        assert_eq!(
            (self.source_mac, self.destination_mac, self.vlan),
            (mac, asker.mac, query.sent_vlan()),
            "{self:?}"
        );
        assert_eq!(self.source, (source, LLMNR_PORT).into(), "{self:?}");
        assert_eq!(
            self.destination,
            (asker.ip, query.sent_port()).into(),
            "{self:?}"
        );
        assert_eq!(
            (self.ttl, self.message.id),
            (255, query.sent_id()),
            "{self:?}"
        );
    }
}

/// An ARP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Ethernet source.
    pub source_mac: Mac,
    /// Ethernet destination.
    pub destination_mac: Mac,
    /// VLAN id of its tag.
    pub vlan: Option<u16>,
    /// 1 for a request, 2 for a reply.
    pub operation: u16,
    /// Who sends it.
    pub sender: (Mac, Ipv4Addr),
    /// To whom, or for what.
    pub target: (Mac, Ipv4Addr),
}

impl Arp {
    /// Decodes a frame; `None` if it is no ARP packet for Ethernet and IPv4.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let (Some(LinkSlice::Ethernet2(ethernet)), Some(NetSlice::Arp(arp))) =
            (&packet.link, &packet.net)
        else {
            return None;
        };
        let vlan = vlan_of(&packet);
        let mac = |bytes: &[u8]| bytes.try_into().ok();
        let ip = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from);
        Some(Self {
            source_mac: ethernet.source(),
            destination_mac: ethernet.destination(),
            vlan,
            operation: arp.operation().0,
            sender: (mac(arp.sender_hw_addr())?, ip(arp.sender_protocol_addr())?),
            target: (mac(arp.target_hw_addr())?, ip(arp.target_protocol_addr())?),
        })
    }
}

/// VLAN id of the outermost tag.
fn vlan_of(packet: &SlicedPacket<'_>) -> Option<u16> {
    packet
        .link_exts
        .iter()
        .find_map(|extension| match extension {
            LinkExtSlice::Vlan(tag) => Some(tag.vlan_identifier().value()),
            _ => None,
        })
}
