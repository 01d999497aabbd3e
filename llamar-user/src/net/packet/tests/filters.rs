//! The filters before real frames: what comes in and what does not.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::arp::{Packet as Arp, Station};
use crate::ether::{Frame, MacAddr};
use crate::ndp::{Advertisement, Message, Packet as Ndp, Solicitation};
use crate::net::{
    Wanted, address_conflict_filter, ether_type_filter, neighbour_discovery_filter, wanted_filter,
};

const OWN: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
/// As the kernel gives them: without a tag, with one that it takes off, with one behind that.
const TAGS: [&[(u16, u16)]; 3] = [&[], &[(0x8100, 100)], &[(0x88a8, 7), (0x8100, 100)]];

/// Sends frames (destination, source, type and payload) with each number of tags, and says which came in. What else is
/// on the wire does not matter.
async fn come(filter: &[sock_filter], frames: &[Vec<u8>]) -> Vec<bool> {
    let (ours, theirs) = bare_pair().await;
    // The kernel gives a frame to the socket that was opened last before the others.
    let control = PacketSocket::open(ours, &all_filter()).unwrap();
    let socket = PacketSocket::open(ours, filter).unwrap();
    let peer = PacketSocket::open(theirs, &all_filter()).unwrap();
    let mut buffer = [0; 2048];
    let mut came = Vec::new();
    for frame in frames {
        let mut times = 0;
        for tags in TAGS {
            let tags = tags.iter().flat_map(|(protocol, control)| {
                [protocol.to_be_bytes(), control.to_be_bytes()].concat()
            });
            let mut tagged = frame.clone();
            tagged.splice(12..12, tags);
            peer.send(&tagged).unwrap();
            // When one that takes everything has it, the other has had it too.
            while receives(&control).await.0 != tagged {}
            while let Ok(Some(received)) = receive(socket.socket.get_ref(), &mut buffer) {
                times += usize::from(buffer[..received.length] == tagged);
            }
        }
        assert!(times == 0 || times == TAGS.len(), "{times}: {frame:x?}");
        came.push(times > 0);
    }
    ip("link del v0");
    came
}

fn arp_from(ether: MacAddr, mac: MacAddr, sender: &str, target: &str) -> Vec<u8> {
    let (ip, target): (Ipv4Addr, Ipv4Addr) = (sender.parse().unwrap(), target.parse().unwrap());
    Arp::request(Station { mac, ip }, target).to_frame(ether, MacAddr::BROADCAST, None)
}

fn neighbour(mac: MacAddr, source: &str, message: Message) -> Vec<u8> {
    let packet = Ndp {
        source: source.parse().unwrap(),
        destination: "ff02::1".parse().unwrap(),
        message,
    };
    packet.to_frame(mac, MacAddr([0x33, 0x33, 0, 0, 0, 1]), None)
}

fn advertisement(mac: MacAddr, target: &str) -> Vec<u8> {
    let message = Advertisement {
        target: target.parse().unwrap(),
        router: false,
        solicited: false,
        overriding: true,
        target_mac: Some(mac),
    };
    neighbour(mac, "fe80::9", Message::Advertisement(message))
}

fn solicitation(mac: MacAddr, source: &str, target: &str) -> Vec<u8> {
    let message = Solicitation {
        target: target.parse().unwrap(),
        source_mac: None,
        nonce: None,
    };
    neighbour(mac, source, Message::Solicitation(message))
}

/// An IPv6 packet that is no Neighbor Discovery: of this next header, its payload beginning with this byte.
fn ipv6(next: u8, first: u8) -> Vec<u8> {
    let mut payload = [0; 72];
    payload[0] = 0x60;
    payload[6] = next;
    payload[40] = first;
    frame(&[], 0x86dd, &payload)
}

#[test]
fn of_the_ether_types_those_that_are_wanted_come_in_and_all_without_a_filter() {
    in_namespace(async || {
        let frames = [0x88b5, 0x0806, 0x0800, 0x0010, 0x9000].map(|kind| frame(&[], kind, b"Hi"));
        for (wanted, expected) in [
            (&[0x88b5][..], [true, false, false, false, false]),
            (&[0x0806, 0x0010, 0x9000], [false, true, false, true, true]),
            (&[], [false; 5]),
        ] {
            assert_eq!(come(&ether_type_filter(wanted), &frames).await, expected);
        }
        assert_eq!(come(&all_filter(), &frames).await, [true; 5]);
    });
}

#[test]
fn neighbour_discovery_and_echo_replies_come_in() {
    in_namespace(async || {
        let frames = [
            solicitation(OTHER, "fe80::9", "fe80::1"),
            solicitation(OTHER, "::", "fe80::1"),
            advertisement(OTHER, "fe80::1"),
            ipv6(58, 129),
            ipv6(58, 128),
            ipv6(58, 133),
            ipv6(58, 143),
            ipv6(17, 135),
            frame(&[], 0x0800, &ipv6(58, 135)[14..]),
            frame(&[], 0x86dd, &[0x60, 0, 0, 0, 0, 32, 58]),
        ];
        let expected = [
            true, true, true, true, false, false, false, false, false, false,
        ];
        assert_eq!(come(&neighbour_discovery_filter(), &frames).await, expected);
    });
}

// RFC 5227 2.1.1, 2.4: C6, C7
#[test]
fn arp_that_claims_an_address_of_ours_comes_in_unless_it_is_ours() {
    in_namespace(async || {
        let v4 = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        let frames = [
            arp_from(OTHER, OTHER, "10.0.0.1", "10.0.0.7"),
            arp_from(OTHER, OTHER, "10.0.0.2", "10.0.0.2"),
            arp_from(OTHER, OTHER, "0.0.0.0", "10.0.0.2"),
            // Our address is all that is asked for.
            arp_from(OTHER, OTHER, "10.0.0.7", "10.0.0.1"),
            arp_from(OTHER, OTHER, "0.0.0.0", "10.0.0.7"),
            arp_from(OTHER, OTHER, "10.0.0.3", "10.0.0.3"),
            // A hub echoes what we send; a bridge may send for us.
            arp_from(OWN, OWN, "10.0.0.1", "10.0.0.1"),
            arp_from(OTHER, OWN, "10.0.0.1", "10.0.0.1"),
            arp_from(OWN, OTHER, "10.0.0.1", "10.0.0.1"),
            // Differs from ours in one half.
            arp_from(OTHER, MacAddr([2, 1, 0, 0, 0, 1]), "10.0.0.1", "10.0.0.1"),
            advertisement(OTHER, "fe80::1"),
            frame(
                &[],
                0x0806,
                &[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 0],
            ),
        ];
        let expected = [
            true, true, true, false, false, false, false, false, true, true, false, false,
        ];
        assert_eq!(
            come(&address_conflict_filter(OWN, &v4, &[]), &frames).await,
            expected
        );
    });
}

// RFC 4862 5.4.3, 5.4.4: D7, D10, D14
#[test]
fn advertisements_and_dad_for_an_address_of_ours_come_in_unless_they_are_ours() {
    in_namespace(async || {
        let v6 = ["fe80::1", "fd00::1:2"].map(|ip| ip.parse().unwrap());
        let frames = [
            advertisement(OTHER, "fe80::1"),
            advertisement(OTHER, "fd00::1:2"),
            solicitation(OTHER, "::", "fd00::1:2"),
            // Somebody who has an address asks for ours.
            solicitation(OTHER, "fe80::9", "fd00::1:2"),
            solicitation(OTHER, "0:0:0:1::", "fd00::1:2"),
            solicitation(OTHER, "::1:0:0", "fd00::1:2"),
            // Each differs from one of ours in one word.
            advertisement(OTHER, "fd00:1::1:2"),
            advertisement(OTHER, "fd00::1:0:0:1:2"),
            advertisement(OTHER, "fd00::1:0:1:2"),
            advertisement(OTHER, "fd00::1:3"),
            advertisement(OWN, "fe80::1"),
            solicitation(OWN, "::", "fe80::1"),
            ipv6(58, 133),
            ipv6(17, 136),
            arp_from(OTHER, OTHER, "10.0.0.1", "10.0.0.1"),
        ];
        let mut expected = [false; 15];
        expected[..3].fill(true);
        assert_eq!(
            come(&address_conflict_filter(OWN, &[], &v6), &frames).await,
            expected
        );
    });
}

#[test]
fn among_many_addresses_each_is_found_and_of_too_many_every_claim_comes_in() {
    in_namespace(async || {
        let v4 = |count: u32| -> Vec<Ipv4Addr> {
            (1..=count)
                .map(|n| Ipv4Addr::from_bits(0x0a00_0000 + n))
                .collect()
        };
        let v6 = |count: u128| -> Vec<Ipv6Addr> {
            (1..=count)
                .map(|n| Ipv6Addr::from_bits((0xfd00 << 112) + n))
                .collect()
        };
        let claims = |n: u32| {
            let (v4, v6) = (format!("10.0.0.{n}"), format!("fd00::{n:x}"));
            [
                arp_from(OTHER, OTHER, &v4, &v4),
                arp_from(OWN, OWN, &v4, &v4),
                advertisement(OTHER, &v6),
                advertisement(OWN, &v6),
                solicitation(OTHER, "::", &v6),
            ]
        };
        let frames: Vec<_> = [1, 50, 100, 102].into_iter().flat_map(claims).collect();
        let some = address_conflict_filter(OWN, &v4(100), &v6(100));
        let all = address_conflict_filter(OWN, &v4(101), &v6(101));
        let claim = [true, false, true, false, true];
        let expected = [claim, claim, claim, [false; 5]].concat();
        assert_eq!(come(&some, &frames).await, expected);
        assert_eq!(come(&all, &frames).await, claim.repeat(4));
    });
}

#[test]
fn a_frame_as_large_as_frames_can_be_comes_in_whole() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        ip("link set v0 mtu 65535");
        ip("link set v1 mtu 65535");
        for filter in [all_filter(), ether_type_filter(&[0x88b5])] {
            let socket = PacketSocket::open(ours, &filter).unwrap();
            let peer = PacketSocket::open(theirs, &filter).unwrap();
            let long = Frame {
                destination: MacAddr::BROADCAST,
                source: OTHER,
                tag: None,
                inner_tag: None,
                ether_type: 0x88b5,
                payload: &[7; 65_535],
            };
            peer.send(&long.to_bytes()).unwrap();
            let mut buffer = vec![0; 70_000];
            let received = whole(&socket, &mut buffer).await;
            assert_eq!(buffer[..received.length], long.to_bytes());
        }
    });
}

#[test]
fn frames_come_in_by_their_addresses() {
    in_namespace(async || {
        let to = |destination: MacAddr, source: MacAddr| {
            let frame = Frame {
                destination,
                source,
                tag: None,
                inner_tag: None,
                ether_type: 0x88b5,
                payload: b"Hi",
            };
            frame.to_bytes()
        };
        // Differs from the other in one half.
        let (near, far) = (MacAddr([2, 0, 0, 0, 1, 9]), MacAddr([2, 0, 0, 1, 0, 9]));
        let frames = [
            to(OTHER, OWN),
            to(OWN, OTHER),
            to(near, far),
            to(far, near),
            to(OWN, OWN),
        ];
        let wanted = Wanted::default();
        let some = Some(OTHER);
        for (wanted, expected) in [
            (wanted.clone(), [true; 5]),
            (
                Wanted {
                    source: some,
                    ..wanted.clone()
                },
                [false, true, false, false, false],
            ),
            (
                Wanted {
                    destination: some,
                    ..wanted.clone()
                },
                [true, false, false, false, false],
            ),
            (
                Wanted {
                    station: some,
                    ..wanted.clone()
                },
                [true, true, false, false, false],
            ),
            (
                Wanted {
                    station: some,
                    source: Some(OWN),
                    ..wanted.clone()
                },
                [true, false, false, false, false],
            ),
            (
                Wanted {
                    outgoing: true,
                    ..wanted
                },
                [false; 5],
            ),
        ] {
            assert_eq!(
                come(&wanted_filter(&wanted), &frames).await,
                expected,
                "{wanted:?}"
            );
        }
    });
}

#[test]
fn frames_come_in_by_their_types_of_which_there_may_be_many() {
    in_namespace(async || {
        let frames =
            [0x0600, 0x0600 + 999, 0x0600 + 1000, 0x88b5].map(|kind| frame(&[], kind, b"Hi"));
        let wanted = |ether_types: Vec<u16>| Wanted {
            ether_types,
            ..Wanted::default()
        };
        let many = wanted((0x0600..0x0600 + crate::net::filter::ETHER_TYPES_MAX as u16).collect());
        assert_eq!(
            come(&wanted_filter(&many), &frames).await,
            [true, true, false, false]
        );
        let one = wanted(vec![0x88b5]);
        assert_eq!(
            come(&wanted_filter(&one), &frames).await,
            [false, false, false, true]
        );
    });
}

#[test]
fn frames_come_in_by_their_vlan_also_those_that_this_host_sends() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let wanted = Wanted {
            vlan: Some(100),
            ..Wanted::default()
        };
        let options = Options {
            outgoing: true,
            ..Options::default()
        };
        let socket = PacketSocket::with(ours, &wanted_filter(&wanted), options).unwrap();
        let sent = Wanted {
            outgoing: true,
            ..wanted
        };
        let sent = PacketSocket::with(ours, &wanted_filter(&sent), options).unwrap();
        let here = PacketSocket::open(ours, &all_filter()).unwrap();
        let there = PacketSocket::open(theirs, &all_filter()).unwrap();
        for (tags, comes) in [
            (&[][..], false),
            (&[(0x8100, 101)], false),
            (&[(0x8100, 100)], true),
            (&[(0x88a8, 0xe064)], true),
            (&[(0x88a8, 7), (0x8100, 100)], false),
            (&[(0x8100, 100), (0x8100, 7)], true),
        ] {
            let frame = frame(tags, 0x88b5, &[0; 46]);
            for sender in [&there, &here] {
                sender.send(&frame).unwrap();
                if comes {
                    assert_eq!(receives(&socket).await.0, frame);
                }
            }
            if comes {
                assert_eq!(receives(&sent).await.0, frame);
            }
        }
        assert!(receives_nothing(&socket).await && receives_nothing(&sent).await);
    });
}
