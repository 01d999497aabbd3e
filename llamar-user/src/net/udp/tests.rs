//! The groups on a pair of interfaces.

mod ears;
mod many;
mod scene;
mod shared;

use std::io::IoSliceMut;
use std::net::{SocketAddrV6, UdpSocket as Asker};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Socket, Type};

use super::message::sender;
use super::*;
use crate::link::space::{Peer, addr, block_on, in_namespace, ip, sysctl, until_up};
use crate::net::pair::{SOON, index_of, pair, soon};
use scene::{FAMILIES, LONGEST, Scene, answers, ask, ask_all};

#[test]
fn a_datagram_to_a_group_tells_its_group_and_interface() {
    in_namespace(async || {
        let scene = Scene::joined().await;
        let (peer, device) = (&scene.peer, scene.device);
        for (from, to) in [
            ("10.0.0.2", "224.0.0.252"),
            ("fe80::2", "ff02::1:3"),
            ("2001:db8::2", "ff02::1:3"),
        ] {
            ask(peer, from, to, "query");
            let (text, datagram) = scene.next();
            assert_eq!((text.as_str(), datagram.from.ip()), ("query", addr(from)));
            assert_eq!((datagram.to, datagram.device), (addr(to), device));
        }
    });
}

#[test]
fn a_unicast_datagram_is_told_from_one_to_a_group() {
    in_namespace(async || {
        let scene = Scene::new().await;
        let (peer, device) = (&scene.peer, scene.device);
        for (from, to) in [
            ("10.0.0.2", "10.0.0.1"),
            ("2001:db8::2", "2001:db8::1"),
            ("fe80::2", "fe80::1"),
        ] {
            ask(peer, from, to, "query");
            let (_, datagram) = scene.next();
            assert_eq!((datagram.to, datagram.device), (addr(to), device));
        }
    });
}

#[test]
fn groups_are_heard_only_while_they_are_joined() {
    in_namespace(async || {
        let scene = Scene::new().await;
        let (peer, groups, device) = (&scene.peer, &scene.groups, scene.device);
        let both = [("10.0.0.2", "224.0.0.252"), ("fe80::2", "ff02::1:3")];
        // Another process is in the groups, so the interface takes the frames in.
        let other = Asker::bind("0.0.0.0:0").unwrap();
        other
            .join_multicast_v4(&GROUP_V4, &"10.0.0.1".parse().unwrap())
            .unwrap();
        let other6 = Asker::bind("[::]:0").unwrap();
        other6.join_multicast_v6(&GROUP_V6, device).unwrap();
        for joined in [false, true, false, true] {
            if joined {
                groups.join(device).unwrap();
                groups.join(device).unwrap();
            } else {
                groups.leave(device);
                groups.leave(device);
            }
            for (from, to) in both {
                ask(peer, from, to, "query");
                if joined {
                    assert_eq!(scene.next().1.to, addr(to));
                } else {
                    assert!(scene.hears_nothing(), "{to} without having joined it");
                }
            }
        }
    });
}

#[test]
fn groups_are_heard_again_after_the_link_was_down() {
    in_namespace(async || {
        let scene = Scene::joined().await;
        let (peer, groups, device) = (&scene.peer, &scene.groups, scene.device);
        ip("link set v0 down");
        ip("link set v0 up");
        until_up("v0").await;
        peer.run(|| block_on(until_up("v1")));
        groups.join(device).unwrap();
        for (from, to) in [("10.0.0.2", "224.0.0.252"), ("fe80::2", "ff02::1:3")] {
            ask(peer, from, to, "query");
            assert_eq!(scene.next().1.to, addr(to));
        }
    });
}

#[test]
fn an_interface_that_is_gone_can_be_left_and_does_not_use_up_memberships() {
    in_namespace(async || {
        let groups = Groups::bind().unwrap();
        // More than net.ipv4.igmp_max_memberships.
        for _ in 0..30 {
            ip("link add v0 type veth peer name v1");
            let device = index_of("v0");
            groups.join(device).unwrap();
            ip("link del v0");
            groups.leave(device);
        }
    });
}

#[test]
fn too_many_memberships_and_missing_interfaces_are_named() {
    in_namespace(async || {
        let groups = Groups::bind().unwrap();
        let error = groups.join(4711).unwrap_err().to_string();
        assert!(
            error.starts_with("join 224.0.0.252 on interface 4711: "),
            "{error}"
        );
        sysctl("ipv4/igmp_max_memberships", "1");
        ip("link add v0 type veth peer name v1");
        groups.join(index_of("v0")).unwrap();
        let error = groups.join(index_of("v1")).unwrap_err().to_string();
        assert!(error.contains("net.ipv4.igmp_max_memberships"), "{error}");
    });
}

#[test]
fn an_answer_leaves_from_the_named_source_with_ttl_255() {
    in_namespace(async || {
        let scene = Scene::joined().await;
        let (peer, groups, device) = (&scene.peer, &scene.groups, scene.device);
        ip("addr add 10.0.0.77/24 dev v0");
        ip("addr add 2001:db8::77/64 dev v0 nodad");
        for (from, to, source) in [
            ("10.0.0.2", "224.0.0.252", "10.0.0.1"),
            ("10.0.0.2", "224.0.0.252", "10.0.0.77"),
            ("fe80::2", "ff02::1:3", "fe80::1"),
            ("2001:db8::2", "ff02::1:3", "2001:db8::1"),
            ("2001:db8::2", "ff02::1:3", "2001:db8::77"),
        ] {
            let asker = ask(peer, from, to, "query");
            let (_, datagram) = scene.next();
            tell_ttl(&asker);
            groups
                .send(b"answer", datagram.from, addr(source), device)
                .unwrap();
            let (text, from, ttl) = peer.run(move || receive_with_ttl(&asker));
            assert_eq!(
                (text.as_str(), from.ip(), from.port(), ttl),
                ("answer", addr(source), PORT, 255)
            );
        }
    });
}

fn tell_ttl(socket: &Asker) {
    if socket.local_addr().unwrap().is_ipv4() {
        setsockopt(socket, sockopt::Ipv4RecvTtl, &true).unwrap();
    } else {
        setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true).unwrap();
    }
}

fn receive_with_ttl(socket: &Asker) -> (String, SocketAddr, i32) {
    let mut bytes = [0; 100];
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let mut control = nix::cmsg_space!(i32);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::empty(),
    )
    .unwrap();
    let ttl = message.cmsgs().unwrap().find_map(|control| match control {
        ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => Some(ttl),
        _ => None,
    });
    let (from, length) = (sender(&message).unwrap(), message.bytes);
    (
        String::from_utf8_lossy(&bytes[..length]).into_owned(),
        from,
        ttl.unwrap(),
    )
}

#[test]
fn an_answer_takes_the_named_interface_even_where_no_route_leads_there() {
    in_namespace(async || {
        let scene = Scene::joined().await;
        let (peer, groups, device) = (&scene.peer, &scene.groups, scene.device);
        peer.run(|| ip("addr add 192.168.9.2/24 dev v1"));
        peer.run(|| ip("route add 10.0.0.0/24 dev v1 metric 1"));
        let asker = ask(peer, "192.168.9.2", "224.0.0.252", "query");
        let (_, datagram) = scene.next();
        groups
            .send(b"answer", datagram.from, addr("10.0.0.1"), device)
            .unwrap();
        let length = peer.run(move || asker.recv(&mut [0; 100]).unwrap());
        assert_eq!(length, 6);
    });
}

#[test]
fn a_source_that_is_not_ours_or_of_the_other_family_is_refused() {
    in_namespace(async || {
        let scene = Scene::new().await;
        let (groups, device) = (&scene.groups, scene.device);
        for (to, source) in [
            ("10.0.0.2", "10.0.0.99"),
            ("2001:db8::2", "2001:db8::99"),
            ("10.0.0.2", "2001:db8::1"),
            ("2001:db8::2", "10.0.0.1"),
        ] {
            let to = SocketAddr::new(addr(to), 4000);
            assert!(
                groups.send(b"answer", to, addr(source), device).is_err(),
                "{to} from {source}"
            );
        }
    });
}

#[test]
fn another_responder_is_named() {
    for (address, domain, family) in [
        ("0.0.0.0:5355", Domain::IPV4, "IPv4"),
        ("127.0.0.1:5355", Domain::IPV4, "IPv4"),
        ("[::1]:5355", Domain::IPV6, "IPv6"),
        // Of both families.
        ("[::]:5355", Domain::IPV6, "IPv4"),
    ] {
        in_namespace(async || {
            ip("link set lo up");
            let other = Socket::new(domain, Type::DGRAM, None).unwrap();
            // As systemd-resolved and llmnrd do.
            other.set_reuse_address(true).unwrap();
            other
                .bind(&address.parse::<SocketAddr>().unwrap().into())
                .unwrap();
            let error = Groups::bind().unwrap_err();
            let BindError::InUse { holders, .. } = &error else {
                panic!("{error}")
            };
            assert!(
                holders
                    .0
                    .iter()
                    .any(|holder| holder.pid == std::process::id()),
                "{error}"
            );
            let begin = format!("udp port 5355 ({family}) is held by ");
            assert!(error.to_string().starts_with(&begin), "{error}");
        });
    }
}

#[test]
fn our_port_is_not_shared() {
    in_namespace(async || {
        let _groups = Groups::bind().unwrap();
        let error = Groups::bind().unwrap_err();
        assert!(
            matches!(error, BindError::InUse { family: "IPv4", .. }),
            "{error}"
        );
    });
}
