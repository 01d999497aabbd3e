//! A second opinion, etherparse's, on every frame that an engine sends.

use std::net::Ipv6Addr;

use etherparse::icmpv6::{Icmpv6PayloadSlice, NdpOptionSlice};
use etherparse::{Icmpv6Type, NetSlice, SlicedPacket, TransportSlice};

use crate::ether::MacAddr;

/// A frame as etherparse sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub ether: (MacAddr, MacAddr),
    pub vlan: Option<u16>,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub kind: u8,
    /// R, S and O of an advertisement.
    pub flags: Option<[bool; 3]>,
    pub target: Option<Ipv6Addr>,
    /// Types of the options, and their values.
    pub options: Vec<(u8, Vec<u8>)>,
}

/// Reads a frame of Neighbor Discovery or an echo, and asserts what every one of them keeps to.
pub fn seen(frame: &[u8]) -> Seen {
    let sliced = SlicedPacket::from_ethernet(frame).expect("etherparse accepts it");
    let Some(NetSlice::Ipv6(ip)) = &sliced.net else {
        panic!("no IPv6: {sliced:?}");
    };
    let header = ip.header();
    // RFC 4861 4.3, 4.4: the hop limit.
    assert_eq!(header.hop_limit(), 255);
    let Some(TransportSlice::Icmpv6(icmp)) = &sliced.transport else {
        panic!("no ICMPv6: {sliced:?}");
    };
    assert!(icmp.is_checksum_valid(header.source(), header.destination()));
    assert_eq!(icmp.code_u8(), 0);
    let ether = sliced.link.as_ref().and_then(|link| match link {
        etherparse::LinkSlice::Ethernet2(ether) => Some(ether),
        _ => None,
    });
    let ether = ether.expect("Ethernet");
    let mut seen = Seen {
        ether: (MacAddr(ether.source()), MacAddr(ether.destination())),
        vlan: sliced.vlan_ids().first().map(|id| id.value()),
        source: header.source_addr(),
        destination: header.destination_addr(),
        kind: icmp.type_u8(),
        flags: None,
        target: None,
        options: Vec::new(),
    };
    let options = match icmp.payload_slice().expect("whole") {
        Icmpv6PayloadSlice::NeighborSolicitation(payload) => {
            seen.target = Some(payload.target_address());
            payload.options_iterator()
        }
        Icmpv6PayloadSlice::NeighborAdvertisement(payload) => {
            if let Icmpv6Type::NeighborAdvertisement(flags) = icmp.icmp_type() {
                seen.flags = Some([flags.router, flags.solicited, flags.r#override]);
            }
            seen.target = Some(payload.target_address());
            payload.options_iterator()
        }
        Icmpv6PayloadSlice::EchoRequest(_) | Icmpv6PayloadSlice::EchoReply(_) => return seen,
        other => panic!("{other:?}"),
    };
    for option in options {
        let option: NdpOptionSlice<'_> = option.expect("an option");
        let bytes = option.as_bytes();
        seen.options.push((bytes[0], bytes[2..].to_vec()));
    }
    // RFC 2464 7: a group has its hardware address; whoever is told apart has his own.
    if seen.destination.is_multicast() && seen.ether.1.is_group() {
        let [.., a, b, c, d] = seen.destination.octets();
        assert_eq!(seen.ether.1, MacAddr([0x33, 0x33, a, b, c, d]));
    }
    seen
}
