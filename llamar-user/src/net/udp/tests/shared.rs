//! mDNS's port, which many programs of a host have at once (RFC 6762 15.1).

use std::io::Read as _;

use tokio::time::timeout;

use super::*;

const V4: &str = "224.0.0.251";
const V6: &str = "ff02::fb";

/// Another program's socket on mDNS's port and in its group, as its options say.
fn other(family: Domain, device: u32, reuse_address: bool, reuse_port: bool) -> Socket {
    let socket = Socket::new(family, Type::DGRAM, None).unwrap();
    socket.set_reuse_address(reuse_address).unwrap();
    socket.set_reuse_port(reuse_port).unwrap();
    let any = if family == Domain::IPV4 {
        "0.0.0.0"
    } else {
        "::"
    };
    if family == Domain::IPV6 {
        socket.set_only_v6(true).unwrap();
    }
    socket
        .bind(&SocketAddr::new(addr(any), MDNS.port).into())
        .unwrap();
    if family == Domain::IPV4 {
        let index = InterfaceIndexOrAddress::Index(device);
        socket.join_multicast_v4_n(&MDNS.group_v4, &index).unwrap();
    } else {
        socket.join_multicast_v6(&MDNS.group_v6, device).unwrap();
    }
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

/// Sends a datagram to mDNS's port.
fn query(peer: &Peer, from: &str, to: &str, text: &str) {
    ask_all(peer, from, (to, MDNS.port), [text.to_owned()]);
}

async fn receives(groups: &Groups) -> (String, Datagram) {
    let mut buffer = [0; LONGEST];
    let datagram = timeout(SOON, groups.recv(&mut buffer)).await;
    let datagram = datagram.expect("no datagram came").unwrap();
    let text = String::from_utf8_lossy(&buffer[..datagram.length]);
    (text.into_owned(), datagram)
}

fn hears(other: &Socket) -> String {
    let mut bytes = [0; 100];
    let length = (&mut &*other).read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

fn families() -> [(Domain, &'static str, &'static str); 2] {
    [
        (Domain::IPV4, "10.0.0.2", V4),
        (Domain::IPV6, "fe80::2", V6),
    ]
}

/// What avahi, systemd-resolved, mdns-sd and others set: SO_REUSEADDR, SO_REUSEPORT.
const OPTIONS: [(bool, bool); 3] = [(true, false), (true, true), (false, true)];

// RFC 6762 15.1: A34
#[test]
fn the_port_is_shared_with_those_who_came_before_and_all_hear_a_group() {
    for (reuse_address, reuse_port) in OPTIONS {
        in_namespace(async || {
            let (peer, device) = pair().await;
            let others =
                families().map(|(family, ..)| other(family, device, reuse_address, reuse_port));
            let groups = Groups::bind_shared(MDNS).unwrap();
            groups.join(device).unwrap();
            // Of those that set it chance would choose who gets what is sent to one host.
            let reuses_port = SockRef::from(&groups.ipv4).reuse_port().unwrap();
            assert_eq!(reuses_port, !reuse_address);
            for ((_, from, to), other) in families().iter().zip(&others) {
                query(&peer, from, to, "query");
                let (text, datagram) = receives(&groups).await;
                assert_eq!(
                    (text.as_str(), datagram.to, datagram.device),
                    ("query", addr(to), device)
                );
                assert_eq!(hears(other), "query");
            }
        });
    }
}

// RFC 6762 15.1: A34
#[test]
fn the_port_is_shared_with_those_who_come_later() {
    for reuse_port in [false, true] {
        in_namespace(async || {
            let (peer, device) = pair().await;
            let groups = Groups::bind_shared(MDNS).unwrap();
            groups.join(device).unwrap();
            let others = families().map(|(family, ..)| other(family, device, true, reuse_port));
            for ((_, from, to), other) in families().iter().zip(&others) {
                query(&peer, from, to, "query");
                assert_eq!(receives(&groups).await.0, "query");
                assert_eq!(hears(other), "query");
            }
            // And with another of our own kind.
            let again = Groups::bind_shared(MDNS).unwrap();
            again.join(device).unwrap();
            query(&peer, "10.0.0.2", V4, "both");
            assert_eq!(receives(&groups).await.0, "both");
            assert_eq!(receives(&again).await.0, "both");
        });
    }
}

// RFC 6762 3, 5.2, 6, 11: A1, A2, A14, A33
#[test]
fn what_is_sent_to_a_group_leaves_from_the_port_with_ttl_255_and_comes_back() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let groups = Groups::bind_shared(MDNS).unwrap();
        groups.join(device).unwrap();
        for (family, source, to) in [
            (Domain::IPV4, "10.0.0.1", V4),
            (Domain::IPV6, "fe80::1", V6),
        ] {
            let listener =
                peer.run(move || Asker::from(other(family, index_of("v1"), true, false)));
            tell_ttl(&listener);
            let everybody = SocketAddr::new(addr(to), MDNS.port);
            groups
                .send(b"answer", everybody, addr(source), device)
                .unwrap();
            let (text, from, ttl) = peer.run(move || receive_with_ttl(&listener));
            assert_eq!(
                (text.as_str(), from.ip(), from.port(), ttl),
                ("answer", addr(source), MDNS.port, 255)
            );
            // The other programs of this host hear it, and so do we.
            let (text, datagram) = receives(&groups).await;
            assert_eq!(
                (text.as_str(), datagram.from.ip()),
                ("answer", addr(source))
            );
            assert_eq!((datagram.to, datagram.device), (addr(to), device));
        }
    });
}

// RFC 6762 5.5, 11: A7, A33
#[test]
fn a_unicast_message_is_heard_and_told_from_one_to_a_group() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let groups = Groups::bind_shared(MDNS).unwrap();
        groups.join(device).unwrap();
        for (from, to) in [("10.0.0.2", "10.0.0.1"), ("fe80::2", "fe80::1")] {
            query(&peer, from, to, "query");
            let (_, datagram) = receives(&groups).await;
            assert_eq!((datagram.to, datagram.device), (addr(to), device));
        }
    });
}

// RFC 6762 15.1: A34
#[test]
fn others_on_the_port_are_named_while_they_have_it() {
    in_namespace(async || {
        ip("link add v0 type veth peer name v1");
        let groups = Groups::bind_shared(MDNS).unwrap();
        assert_eq!(groups.others(), None);
        for (family, ..) in families() {
            let socket = other(family, index_of("v0"), true, true);
            let holders = groups.others().unwrap();
            let own = std::process::id();
            assert!(
                holders.0.iter().any(|holder| holder.pid == own),
                "{holders}"
            );
            drop(socket);
            soon(|| groups.others().map_or(Ok(()), Err));
        }
        // LLMNR's port is another one.
        let _llmnr = Groups::bind().unwrap();
        assert_eq!(groups.others(), None);
    });
}

#[test]
fn one_that_does_not_share_is_named_with_a_way_out() {
    for (family, name) in [(Domain::IPV4, "IPv4"), (Domain::IPV6, "IPv6")] {
        in_namespace(async || {
            ip("link add v0 type veth peer name v1");
            let _other = other(family, index_of("v0"), false, false);
            let error = Groups::bind_shared(MDNS).unwrap_err();
            let BindError::InUse { holders, .. } = &error else {
                panic!("{error}")
            };
            let own = std::process::id();
            assert!(holders.0.iter().any(|holder| holder.pid == own), "{error}");
            let told = error.to_string();
            let begin = format!("udp port 5353 ({name}) is held by ");
            assert!(
                told.starts_with(&begin) && told.ends_with("(--no-mdns)"),
                "{told}"
            );
        });
    }
}

// RFC 6762 17: A36
#[test]
fn the_longest_message_goes_out_in_fragments_and_comes_in_whole() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let groups = Groups::bind_shared(MDNS).unwrap();
        groups.join(device).unwrap();
        for (family, source, to, headers) in [
            (Domain::IPV4, "10.0.0.1", V4, 28),
            (Domain::IPV6, "fe80::1", V6, 48),
        ] {
            let message = vec![7; crate::mdns::PACKET_MAX - headers];
            let listener = peer.run(move || other(family, index_of("v1"), true, false));
            let everybody = SocketAddr::new(addr(to), MDNS.port);
            groups
                .send(&message, everybody, addr(source), device)
                .unwrap();
            let length = peer.run(move || (&listener).read(&mut [0; 9194]).unwrap());
            assert_eq!(length, message.len());
            let (_, datagram) = receives(&groups).await;
            assert_eq!(datagram.length, message.len());
        }
    });
}

#[test]
fn a_datagram_that_is_too_long_is_dropped_and_the_next_one_comes() {
    in_namespace(async || {
        let (peer, _) = pair().await;
        let groups = Groups::bind_shared(MDNS).unwrap();
        query(&peer, "10.0.0.2", "10.0.0.1", "a long one");
        query(&peer, "10.0.0.2", "10.0.0.1", "next");
        let mut buffer = [0; 5];
        let datagram = timeout(SOON, groups.recv(&mut buffer)).await;
        let datagram = datagram.unwrap().unwrap();
        assert_eq!(&buffer[..datagram.length], b"next");
    });
}

#[test]
fn a_burst_of_answers_is_held_until_it_is_read() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let groups = Groups::bind_shared(MDNS).unwrap();
        groups.join(device).unwrap();
        // With the buffer that a socket has otherwise, a few hundred would be left.
        let count = 1000;
        peer.run(move || {
            let socket = Asker::bind("10.0.0.2:0").unwrap();
            for _ in 0..count {
                socket.send_to(&[7; 1400], (V4, MDNS.port)).unwrap();
            }
        });
        for _ in 0..count {
            receives(&groups).await;
        }
    });
}
