//! Packet sockets over a veth pair.

mod filters;

use std::time::Duration;

use tokio::time::timeout;

use super::receive::{put_back, tag};
use super::*;
use crate::ether::Tag;
use crate::link::space::{in_namespace, ip, until_up};
use crate::net::pair::{SOON, bare_pair, soon};
use crate::net::{all_filter, arp_and_llmnr_filter, arp_filter};

const WHILE: Duration = Duration::from_millis(150);

/// A broadcast frame with these tags (protocol, control), then this type and payload.
fn frame(tags: &[(u16, u16)], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 9]);
    for (protocol, control) in tags {
        frame.extend(protocol.to_be_bytes());
        frame.extend(control.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

fn arp(tags: &[(u16, u16)]) -> Vec<u8> {
    let request = [
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1,
    ];
    frame(tags, 0x0806, &request)
}

async fn receives(socket: &PacketSocket) -> (Vec<u8>, Option<u16>) {
    let mut buffer = [0xee; 2048];
    let received = timeout(SOON, socket.recv(&mut buffer))
        .await
        .expect("no frame came")
        .unwrap();
    (buffer[..received.length].to_vec(), received.vlan)
}

async fn receives_nothing(socket: &PacketSocket) -> bool {
    timeout(WHILE, socket.recv(&mut [0; 2048])).await.is_err()
}

#[test]
fn arp_comes_in_as_it_was_on_the_wire_with_and_without_tags() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let socket = PacketSocket::open(ours, &arp_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &arp_filter()).unwrap();
        for (tags, vlan) in [
            (&[][..], None),
            (&[(0x8100, 100)], Some(100)),
            (&[(0x8100, 0x6000 | 100)], Some(0x6000 | 100)),
            (&[(0x8100, 0x2000)], Some(0x2000)),
            (&[(0x88a8, 7)], Some(7)),
            (&[(0x88a8, 7), (0x8100, 100)], Some(7)),
            (&[(0x8100, 7), (0x8100, 100)], Some(7)),
        ] {
            peer.send(&arp(tags)).unwrap();
            assert_eq!(receives(&socket).await, (arp(tags), vlan), "{tags:x?}");
        }
    });
}

#[test]
fn whoever_reads_many_frames_lets_others_have_their_turn() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let socket = PacketSocket::open(ours, &arp_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &arp_filter()).unwrap();
        // The first one is waited for; each after it is there when it is asked for.
        peer.send(&arp(&[])).unwrap();
        receives(&socket).await;
        let other = tokio::spawn(async {});
        for _ in 0..500 {
            peer.send(&arp(&[])).unwrap();
            receives(&socket).await;
        }
        assert!(other.is_finished());
    });
}

#[test]
fn frames_that_are_not_arp_are_filtered_out() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let socket = PacketSocket::open(ours, &arp_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &arp_filter()).unwrap();
        let payload = [0x08, 0x06].repeat(30);
        for tags in [&[][..], &[(0x8100, 100)], &[(0x8100, 7), (0x8100, 100)]] {
            for ethertype in [0x0800, 0x86dd, 0x88cc, 0x0805] {
                peer.send(&frame(tags, ethertype, &payload)).unwrap();
            }
        }
        assert!(receives_nothing(&socket).await);
        peer.send(&arp(&[])).unwrap();
        assert_eq!(receives(&socket).await.0, arp(&[]));
    });
}

#[test]
fn frames_to_the_groups_of_llmnr_come_in_where_they_are_wanted() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let socket = PacketSocket::open(ours, &arp_and_llmnr_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &arp_filter()).unwrap();
        let to = |mac: [u8; 6], tags: &[(u16, u16)], ethertype| {
            let mut frame = frame(tags, ethertype, &[0; 46]);
            frame[..6].copy_from_slice(&mac);
            frame
        };
        for tags in [&[][..], &[(0x8100, 100)], &[(0x8100, 7), (0x8100, 100)]] {
            // Each differs from a group in one half of the address, or is one of mDNS.
            for mac in [
                [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb],
                [0x01, 0x00, 0x5e, 0x01, 0x00, 0xfc],
                [0x33, 0x33, 0x00, 0x01, 0x00, 0x02],
                [0x33, 0x33, 0x00, 0x00, 0x00, 0x03],
                [0x01, 0x00, 0x5e, 0x00, 0x00, 0x03],
                [0x33, 0x33, 0x00, 0x01, 0x00, 0xfc],
            ] {
                peer.send(&to(mac, tags, 0x0800)).unwrap();
            }
            let v4 = to([0x01, 0x00, 0x5e, 0x00, 0x00, 0xfc], tags, 0x0800);
            let v6 = to([0x33, 0x33, 0x00, 0x01, 0x00, 0x03], tags, 0x86dd);
            for wanted in [v4, v6, arp(tags)] {
                peer.send(&wanted).unwrap();
                let vlan = tags.first().map(|(_, control)| *control);
                assert_eq!(receives(&socket).await, (wanted, vlan));
            }
        }
        assert!(receives_nothing(&socket).await);
    });
}

// RFC 4795 4.1: R46. Others respond to us by unicast, on VLANs that have no interface here too.
#[test]
fn tagged_datagrams_for_the_port_of_llmnr_come_in_and_nothing_else_by_unicast() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let socket = PacketSocket::open(ours, &arp_and_llmnr_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &arp_filter()).unwrap();
        let v4 = |options: usize, protocol: u8, fragment: u8, port: u16| {
            let mut packet = vec![0; 20 + options + 26];
            packet[0] = 0x45 + (options / 4) as u8;
            packet[7] = fragment;
            packet[9] = protocol;
            packet[20 + options + 2..][..2].copy_from_slice(&port.to_be_bytes());
            packet
        };
        let v6 = |next: u8, port: u16| {
            let mut packet = vec![0; 40 + 26];
            packet[0] = 0x60;
            packet[6] = next;
            packet[42..44].copy_from_slice(&port.to_be_bytes());
            packet
        };
        let to_us = |tags: &[(u16, u16)], kind, packet: &[u8]| {
            let mut frame = frame(tags, kind, packet);
            frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
            frame
        };
        let tags = [(0x8100, 100)];
        for (kind, packet, comes) in [
            (0x0800, v4(0, 17, 0, 5355), true),
            (0x0800, v4(8, 17, 0, 5355), true),
            (0x0800, v4(0, 6, 0, 5355), false),
            (0x0800, v4(0, 17, 1, 5355), false),
            (0x0800, v4(0, 17, 0, 5353), false),
            (0x86dd, v6(17, 5355), true),
            (0x86dd, v6(6, 5355), false),
            (0x86dd, v6(17, 5353), false),
            (0x88b5, v4(0, 17, 0, 5355), false),
        ] {
            peer.send(&to_us(&[], kind, &packet)).unwrap();
            peer.send(&to_us(&tags, kind, &packet)).unwrap();
            if comes {
                let expected = (to_us(&tags, kind, &packet), Some(100));
                assert_eq!(receives(&socket).await, expected);
            }
        }
        assert!(receives_nothing(&socket).await);
    });
}

#[test]
fn what_this_host_sends_is_ignored() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let socket = PacketSocket::open(ours, &arp_filter()).unwrap();
        let second = PacketSocket::open(ours, &arp_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &arp_filter()).unwrap();
        socket.send(&arp(&[])).unwrap();
        socket.send(&arp(&[(0x8100, 100)])).unwrap();
        assert_eq!(receives(&peer).await, (arp(&[]), None));
        assert_eq!(receives(&peer).await, (arp(&[(0x8100, 100)]), Some(100)));
        assert!(receives_nothing(&socket).await && receives_nothing(&second).await);
    });
}

#[test]
fn frames_of_another_interface_do_not_come_in() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        ip("link add w0 type veth peer name w1");
        ip("link set w0 up");
        ip("link set w1 up");
        let other = PacketSocket::open(nix::net::if_::if_nametoindex("w0").unwrap(), &arp_filter())
            .unwrap();
        let socket = PacketSocket::open(ours, &arp_filter()).unwrap();
        PacketSocket::open(theirs, &[]).map(|_| ()).unwrap_err();
        let peer = PacketSocket::open(theirs, &arp_filter()).unwrap();
        peer.send(&arp(&[])).unwrap();
        assert_eq!(receives(&socket).await.0, arp(&[]));
        assert!(receives_nothing(&other).await);
    });
}

#[test]
fn a_socket_outlives_its_interface_going_down_and_up() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        ip("link set v0 down");
        // Opened while down, too.
        let socket = PacketSocket::open(ours, &arp_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &arp_filter()).unwrap();
        for _ in 0..2 {
            assert!(receives_nothing(&socket).await);
            assert!(socket.send(&arp(&[])).is_err());
            ip("link set v0 up");
            until_up("v0").await;
            until_up("v1").await;
            peer.send(&arp(&[])).unwrap();
            assert_eq!(receives(&socket).await.0, arp(&[]));
            ip("link set v0 down");
        }
    });
}

#[test]
fn a_frame_that_does_not_fit_is_dropped() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let socket = PacketSocket::open(ours, &arp_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &arp_filter()).unwrap();
        let long = [arp(&[(0x8100, 5)]), vec![0; 100]].concat();
        peer.send(&long).unwrap();
        peer.send(&arp(&[(0x8100, 6)])).unwrap();
        // As long as the tagged frame; the tag was received apart from it.
        let mut buffer = [0; 46];
        let received = timeout(SOON, socket.recv(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (&buffer[..received.length], received.vlan),
            (&arp(&[(0x8100, 6)])[..], Some(6))
        );
    });
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    in_namespace(async || {
        let error = PacketSocket::open(4711, &arp_filter())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("bind a packet socket for interface 4711: No such device"),
            "{error}"
        );
    });
}

fn auxdata(status: u32, control: u16, protocol: u16) -> Vec<u8> {
    let mut bytes = status.to_ne_bytes().to_vec();
    bytes.extend([0; 12]);
    bytes.extend(control.to_ne_bytes());
    bytes.extend(protocol.to_ne_bytes());
    bytes
}

#[test]
fn a_tag_is_read_where_the_kernel_says_that_there_is_one() {
    let tpid = libc::TP_STATUS_VLAN_TPID_VALID;
    assert_eq!(tag(&auxdata(0, 5, 0x8100)), None);
    let valid = auxdata(libc::TP_STATUS_VLAN_VALID | tpid, 5, 0x88a8);
    assert_eq!(
        tag(&valid),
        Some(Tag {
            protocol: 0x88a8,
            control: 5
        })
    );
    let old = auxdata(libc::TP_STATUS_VLAN_VALID, 5, 0);
    assert_eq!(
        tag(&old),
        Some(Tag {
            protocol: 0x8100,
            control: 5
        })
    );
    for length in 0..valid.len() {
        assert_eq!(tag(&valid[..length]), None);
    }
}

fn received(length: usize) -> Received {
    Received {
        length,
        cut: 0,
        vlan: None,
        direction: Direction::ToUs,
        at: None,
    }
}

#[test]
fn a_tag_is_put_back_only_into_a_frame_with_room() {
    let tag = Tag {
        protocol: 0x8100,
        control: 5,
    };
    for (size, length) in [(11, 11), (20, 11), (17, 14), (0, 0)] {
        assert_eq!(
            put_back(tag, &mut vec![0; size], received(length)),
            None,
            "{length} bytes in {size}"
        );
    }
    let mut buffer: Vec<u8> = (0..18).collect();
    assert_eq!(
        put_back(tag, &mut buffer, received(14)),
        Some(Received {
            vlan: Some(5),
            ..received(18)
        })
    );
    assert_eq!(
        buffer,
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x81, 0, 0, 5, 12, 13]
    );
}

/// A frame with everything that is told of it.
async fn whole(socket: &PacketSocket, buffer: &mut [u8]) -> Received {
    timeout(SOON, socket.recv_cut(buffer))
        .await
        .expect("no frame came")
        .unwrap()
}

#[test]
fn frames_come_with_their_direction_and_those_to_others_only_if_wanted() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        ip("link set v0 address 02:00:00:00:00:01");
        let quiet = PacketSocket::open(ours, &all_filter()).unwrap();
        let options = Options {
            outgoing: true,
            promiscuous: true,
            times: true,
        };
        let socket = PacketSocket::with(ours, &all_filter(), options).unwrap();
        let peer = PacketSocket::open(theirs, &all_filter()).unwrap();
        let to = |mac: [u8; 6]| [&mac[..], &frame(&[], 0x88b5, b"Hi")[6..]].concat();
        let mut buffer = [0; 100];
        let before = SystemTime::now();
        for (mac, direction) in [
            ([2, 0, 0, 0, 0, 1], Direction::ToUs),
            ([0xff; 6], Direction::Broadcast),
            ([0x33, 0x33, 0, 0, 0, 1], Direction::Multicast),
            ([2, 0, 0, 0, 0, 7], Direction::ToOthers),
        ] {
            peer.send(&to(mac)).unwrap();
            let received = whole(&socket, &mut buffer).await;
            assert_eq!(
                (&buffer[..received.length], received.direction),
                (&to(mac)[..], direction)
            );
            let at = received.at.unwrap();
            assert!(at >= before && at <= SystemTime::now());
            // On a veth everything comes in, promiscuous or not.
            let received = whole(&quiet, &mut buffer).await;
            assert_eq!((received.direction, received.at), (direction, None));
        }
        for sender in [&socket, &quiet] {
            sender.send(&to([2, 0, 0, 0, 0, 7])).unwrap();
        }
        let received = whole(&socket, &mut buffer).await;
        assert_eq!(received.direction, Direction::Outgoing);
        // The kernel gives a frame to every socket but the one that sent it.
        assert!(receives_nothing(&socket).await);
        assert!(receives_nothing(&quiet).await);
    });
}

/// How often `v0` is in a state that `ip link show` counts by this word.
fn counted(state: &str) -> u32 {
    let shown = std::process::Command::new("ip")
        .args(["-d", "link", "show", "v0"])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let (_, rest) = shown.split_once(&format!("{state} ")).unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// Waits until `v0` is in no such state any more.
fn until_none(state: &str) {
    soon(|| match counted(state) {
        0 => Ok(()),
        count => Err((state, count)),
    });
}

#[test]
fn an_interface_is_promiscuous_as_long_as_the_socket_is_open() {
    in_namespace(async || {
        let (ours, _) = bare_pair().await;
        assert_eq!(counted("promiscuity"), 0);
        let options = Options {
            promiscuous: true,
            ..Options::default()
        };
        let socket = PacketSocket::with(ours, &all_filter(), options).unwrap();
        assert_eq!(counted("promiscuity"), 1);
        drop(socket);
        until_none("promiscuity");
    });
}

#[test]
fn an_interface_takes_frames_to_all_groups_as_long_as_the_socket_is_open() {
    in_namespace(async || {
        let (ours, _) = bare_pair().await;
        let socket = PacketSocket::open(ours, &all_filter()).unwrap();
        assert_eq!(counted("allmulti"), 0);
        socket.hear_groups(ours).unwrap();
        assert_eq!(counted("allmulti"), 1);
        drop(socket);
        until_none("allmulti");
    });
}

#[test]
fn of_a_frame_that_is_longer_than_the_buffer_the_beginning_comes_in_with_what_is_missing() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let socket = PacketSocket::open(ours, &all_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &all_filter()).unwrap();
        let untagged = frame(&[], 0x88b5, &[7; 100]);
        let tagged = frame(&[(0x8100, 5)], 0x88b5, &[7; 100]);
        let mut buffer = [0; 64];
        peer.send(&untagged).unwrap();
        let received = whole(&socket, &mut buffer).await;
        assert_eq!((received.length, received.cut), (60, 114 - 60));
        assert_eq!(buffer[..60], untagged[..60]);
        peer.send(&tagged).unwrap();
        let received = whole(&socket, &mut buffer).await;
        assert_eq!((received.length, received.cut), (64, 118 - 64));
        assert_eq!(buffer[..64], tagged[..64]);
        // None is missing.
        peer.send(&untagged).unwrap();
        let received = whole(&socket, &mut [0; 118]).await;
        assert_eq!((received.length, received.cut), (114, 0));
    });
}

#[test]
fn frames_that_nobody_took_in_time_are_counted_once() {
    in_namespace(async || {
        let (ours, theirs) = bare_pair().await;
        let socket = PacketSocket::open(ours, &all_filter()).unwrap();
        let peer = PacketSocket::open(theirs, &all_filter()).unwrap();
        nix::sys::socket::setsockopt(socket.socket.get_ref(), sockopt::RcvBuf, &4096).unwrap();
        assert_eq!(socket.dropped().unwrap(), 0);
        for _ in 0..100 {
            peer.send(&frame(&[], 0x88b5, &[0; 1000])).unwrap();
        }
        let mut dropped = 0;
        soon(|| {
            dropped += socket.dropped().unwrap();
            (dropped > 50).then_some(()).ok_or(dropped)
        });
        let mut taken = 0;
        soon(|| {
            while let Ok(Some(_)) = receive(socket.socket.get_ref(), &mut [0; 2048]) {
                taken += 1;
            }
            dropped += socket.dropped().unwrap();
            (taken + dropped == 100)
                .then_some(())
                .ok_or((taken, dropped))
        });
    });
}
