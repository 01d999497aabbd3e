//! The link that the tests stand on, its stations, and the ways in which a frame can end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use llamar_common::abi::{ARP_ASSIGNED, ARP_DECLARED, LinkKey, NO_LINK, Outcome};
use llamar_common::respond::Verdict;
use llamar_common::testing::{Arp, FrameBuilder, Mac, Query, Station, Tables};

/// The interface.
pub const ETH: u32 = 7;
/// The link of its untagged frames.
pub const UNTAGGED: LinkKey = LinkKey::new(ETH, 0);
/// The link of its frames in VLAN 100.
pub const VLAN_100: LinkKey = LinkKey::new(ETH, 100);
/// Enough room in front of a frame for any answer; what XDP gives.
pub const HEADROOM: usize = 256;
/// TTL of the records of the names.
pub const TTL: u32 = 30;

/// Our hardware address.
pub const OUR_MAC: Mac = [0x02, 0, 0, 0, 0, 0x01];
/// Our hardware address in VLAN 100.
pub const OUR_MAC_100: Mac = [0x02, 0, 0, 0, 0x01, 0x00];
/// The asker's hardware address.
pub const PEER_MAC: Mac = [0x02, 0, 0, 0, 0, 0xaa];

/// Our addresses.
pub const OUR_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
pub const OUR_V4_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 7, 1);
pub const OUR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
pub const OUR_V6_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
pub const OUR_V4_100: Ipv4Addr = Ipv4Addr::new(10, 0, 100, 1);
/// An address that is answered for, but not ours.
pub const PROXIED: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 64);

/// The asker's addresses.
pub const PEER_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 77);
pub const PEER_V4_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 9, 9);
pub const PEER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0xaa);
pub const PEER_V6_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xaa);
pub const PEER_V4_100: Ipv4Addr = Ipv4Addr::new(10, 0, 100, 77);

/// The name that is ours, with all of our addresses.
pub const NAME: &str = "casa";

/// The asker with one of its addresses.
pub fn peer(ip: impl Into<IpAddr>) -> Station {
    Station::new(PEER_MAC, ip)
}

/// We, with the address from which an asker is answered.
pub fn us(ip: impl Into<IpAddr>) -> Station {
    Station::new(OUR_MAC, ip)
}

/// The asker over both versions of IP, and we as it is answered.
pub fn pairs() -> [(Station, Station); 4] {
    [
        (peer(PEER_V4), us(OUR_V4)),
        (peer(PEER_V4_LOCAL), us(OUR_V4_LOCAL)),
        (peer(PEER_V6), us(OUR_V6)),
        (peer(PEER_V6_LOCAL), us(OUR_V6_LOCAL)),
    ]
}

/// An interface with two links, its own addresses and a name for them.
pub fn world() -> Tables {
    let mut world = Tables::default();
    let ours: [(IpAddr, u8); 4] = [
        (OUR_V4.into(), 24),
        (OUR_V4_LOCAL.into(), 16),
        (OUR_V6.into(), 64),
        (OUR_V6_LOCAL.into(), 64),
    ];
    world.link(UNTAGGED, OUR_MAC, &ours);
    world.link(
        VLAN_100,
        OUR_MAC_100,
        &[(OUR_V4_100.into(), 24), (OUR_V6_LOCAL.into(), 64)],
    );
    world.name(UNTAGGED, NAME, TTL, &ours.map(|(address, _)| address));
    world.name(VLAN_100, "casa100", TTL, &[OUR_V4_100.into()]);
    world.address(UNTAGGED, OUR_V4, OUR_MAC, ARP_ASSIGNED);
    world.address(UNTAGGED, OUR_V4_LOCAL, OUR_MAC, ARP_ASSIGNED);
    world.address(UNTAGGED, PROXIED, OUR_MAC, ARP_DECLARED);
    world.address(VLAN_100, OUR_V4_100, OUR_MAC_100, ARP_DECLARED);
    world
}

/// A plain query for the name.
pub fn query(from: Station, kind: u16) -> Query {
    FrameBuilder::llmnr(from).question(NAME, kind)
}

/// Place of the counters of a link.
#[track_caller]
pub fn slot(world: &Tables, link: LinkKey) -> u32 {
    world
        .links
        .iter()
        .find(|(_, other)| other.key() == link)
        .expect("a link of this world")
        .0
}

/// A frame on the untagged link is answered by exactly these bytes, and counted as such.
#[track_caller]
pub fn assert_answered(world: &Tables, frame: &[u8], outcome: Outcome, expected: &[u8]) {
    assert_answered_on(world, UNTAGGED, frame, outcome, expected);
}

/// A frame is answered by exactly these bytes, and counted as such.
#[track_caller]
pub fn assert_answered_on(
    world: &Tables,
    link: LinkKey,
    frame: &[u8],
    outcome: Outcome,
    expected: &[u8],
) {
    let (verdict, answer) = world.respond(link.ifindex, frame, HEADROOM);
    assert_eq!(verdict.outcome, Some(outcome));
    assert!(verdict.reply, "not answered");
    assert_eq!(verdict.slot, slot(world, link), "counted elsewhere");
    assert_eq!(hex(&answer), hex(expected));
    assert_sums(&answer);
}

/// A query for addresses on the untagged link is answered by exactly these bytes.
#[track_caller]
pub fn assert_llmnr(world: &Tables, query: &Query, expected: &[u8]) {
    assert_answered(world, &query.build(), Outcome::LlmnrAnswered, expected);
}

/// An ARP request on the untagged link is answered by exactly this packet, once its sender is known.
#[track_caller]
pub fn assert_arp(world: &Tables, request: &Arp, expected: &Arp) {
    let (first, _) = world.respond(ETH, &request.build(), HEADROOM);
    assert_eq!(
        first.outcome,
        Some(Outcome::ArpLearn),
        "the first request of a sender is passed"
    );
    assert_answered(
        world,
        &request.build(),
        Outcome::ArpAnswered,
        &expected.build(),
    );
}

/// A frame on the untagged link is passed on as it came, and counted as such.
#[track_caller]
pub fn assert_passed(world: &Tables, frame: &[u8], outcome: Outcome) {
    let place = if outcome == Outcome::NoLink {
        NO_LINK
    } else {
        slot(world, UNTAGGED)
    };
    let came_out = world.respond(ETH, frame, HEADROOM);
    assert_untouched(frame, came_out, Some(outcome), place);
}

/// A frame is passed on as it came, as traffic that is none of ours.
#[track_caller]
pub fn assert_ignored(world: &Tables, frame: &[u8]) {
    let came_out = world.respond(ETH, frame, HEADROOM);
    assert_untouched(frame, came_out, None, NO_LINK);
}

/// What came out of a frame is the frame itself, passed on and counted in this place.
#[track_caller]
pub fn assert_untouched(
    frame: &[u8],
    (verdict, after): (Verdict, Vec<u8>),
    outcome: Option<Outcome>,
    place: u32,
) {
    assert_eq!(
        (verdict.reply, verdict.outcome, verdict.slot),
        (false, outcome, place)
    );
    assert_eq!(hex(&after), hex(frame), "touched");
}

/// Every checksum of a frame is right, by the sums of another implementation.
#[track_caller]
pub fn assert_sums(frame: &[u8]) {
    let packet = SlicedPacket::from_ethernet(frame).expect("a well-formed frame");
    let Some(TransportSlice::Udp(udp)) = packet.transport else {
        assert!(
            matches!(packet.net, Some(NetSlice::Arp(_))),
            "neither UDP nor ARP: {packet:?}"
        );
        return;
    };
    let header = udp.to_header();
    let right = match packet.net.expect("an IP header") {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header().to_header();
            assert_eq!(ip.header_checksum, ip.calc_header_checksum(), "IPv4 header");
            header.calc_checksum_ipv4_raw(ip.source, ip.destination, udp.payload())
        }
        NetSlice::Ipv6(ip) => {
            let ip = ip.header().to_header();
            header.calc_checksum_ipv6_raw(ip.source, ip.destination, udp.payload())
        }
        NetSlice::Arp(arp) => panic!("UDP in {arp:?}"),
    };
    assert_eq!(Ok(header.checksum), right, "UDP");
    assert_ne!(header.checksum, 0, "a sum of 0 is sent as 0xffff");
}

/// Bytes as text, sixteen a line, so that a difference is found by eye.
pub fn hex(frame: &[u8]) -> String {
    let line = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x} "))
            .collect::<String>()
    };
    frame.chunks(16).map(|bytes| line(bytes) + "\n").collect()
}
