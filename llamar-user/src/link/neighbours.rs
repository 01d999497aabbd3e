//! The hardware address behind an address on a link, from the kernel's neighbour table (ARP, RFC 826; NDP, RFC 4861).

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_CREATE, NLM_F_REQUEST, NLMSG_ERROR, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourHeader, NeighbourMessage,
    NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::sys::socket::SockProtocol;
use tokio::time::{Instant, sleep};

use crate::net::netlink::{self, Reply};

/// How long the kernel is given to find a neighbour. It asks for it at once, and again after a second.
const DEADLINE: Duration = Duration::from_secs(1);
/// Between two looks into the table. An answer on a link takes less as a rule.
const PERIOD: Duration = Duration::from_millis(20);
/// What an entry needs at most is a tenth of that.
const DATAGRAM: usize = 4096;
const NEIGHBOUR_HEADER: usize = 12;
const NDA_LLADDR: u16 = 2;

/// The Ethernet address behind an address on an interface. Where the kernel does not know it, it is made to ask the
/// link, for which it has a second (and the agent needs CAP_NET_ADMIN); none if nobody answers.
pub async fn hardware_address(device: u32, address: IpAddr) -> Option<[u8; 6]> {
    if !is_of_one_host(address) {
        return None;
    }
    let mut asked = None;
    loop {
        match look_up(device, address) {
            Ok(Some(found)) => return Some(found),
            Ok(None) => {}
            Err(error) => tracing::debug!("look up neighbour {address}: {error}"),
        }
        match asked {
            None => {
                asked = Some(Instant::now());
                if let Err(error) = resolve(device, address) {
                    tracing::debug!("have the kernel resolve neighbour {address}: {error}");
                }
            }
            Some(asked) if asked.elapsed() >= DEADLINE => return None,
            Some(_) => {}
        }
        sleep(PERIOD).await;
    }
}

/// Whether an address can be that of a neighbour: not a group's and not our own by its form.
fn is_of_one_host(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(broadcast || address.is_multicast() || address.is_unspecified() || address.is_loopback())
}

/// What the table has; none if the entry is not there, or is one that nobody has answered for.
fn look_up(device: u32, address: IpAddr) -> io::Result<Option<[u8; 6]>> {
    let message = RouteNetlinkMessage::GetNeighbour(entry(device, address));
    match ask(&request(message, NLM_F_REQUEST)) {
        Ok(Some(reply)) => Ok(hardware_address_in(&reply)),
        Ok(None) => Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes an entry and has the kernel fill it, as if something were to be sent there.
fn resolve(device: u32, address: IpAddr) -> io::Result<()> {
    let mut entry = entry(device, address);
    entry.header.flags = NeighbourFlags::Use;
    let message = RouteNetlinkMessage::NewNeighbour(entry);
    ask(&request(message, NLM_F_REQUEST | NLM_F_CREATE)).map(drop)
}

fn entry(device: u32, address: IpAddr) -> NeighbourMessage {
    let (family, destination) = match address {
        IpAddr::V4(address) => (AddressFamily::Inet, NeighbourAddress::Inet(address)),
        IpAddr::V6(address) => (AddressFamily::Inet6, NeighbourAddress::Inet6(address)),
    };
    let mut message = NeighbourMessage::default();
    message.header.family = family;
    message.header.ifindex = device;
    let destination = NeighbourAttribute::Destination(destination);
    message.attributes.push(destination);
    message
}

fn request(message: RouteNetlinkMessage, flags: u16) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Sends a request; the reply, if there is one: a request that changes something is replied to only if it fails.
fn ask(request: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let reply = Reply::to(SockProtocol::NetlinkRoute, request)?;
    let mut buffer = [0; DATAGRAM];
    let Some(reply) = reply.next(&mut buffer)? else {
        return Ok(None);
    };
    refused(reply)?;
    Ok(Some(reply.to_vec()))
}

/// Why the kernel did not do what it was asked.
fn refused(reply: &[u8]) -> io::Result<()> {
    match NetlinkBuffer::new_checked(reply) {
        Ok(message) if message.message_type() == NLMSG_ERROR => netlink::outcome(message.payload()),
        _ => Ok(()),
    }
}

/// The hardware address in a reply, if the neighbour has one that counts.
fn hardware_address_in(reply: &[u8]) -> Option<[u8; 6]> {
    let message = NetlinkBuffer::new_checked(reply).ok()?;
    if message.message_type() != libc::RTM_NEWNEIGH {
        return None;
    }
    let header = NeighbourHeader::parse(message.payload()).ok()?;
    let counts = matches!(
        header.state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
    );
    let attributes = message
        .payload()
        .get(NEIGHBOUR_HEADER..)
        .filter(|_| counts)?;
    let found = netlink::attribute(attributes, NDA_LLADDR)?;
    found.value().try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::link::space::{Peer, addr, in_namespace, ip};
    use crate::net::pair::{index_of, pair};

    const THEIRS: [u8; 6] = [2, 0, 0, 0, 0, 0x22];

    async fn pair_with_known_mac() -> (Peer, u32) {
        let (peer, device) = pair().await;
        peer.run(|| ip("link set v1 address 02:00:00:00:00:22"));
        (peer, device)
    }

    #[test]
    fn a_neighbour_that_the_kernel_does_not_know_is_asked_for() {
        in_namespace(async || {
            let (_peer, device) = pair_with_known_mac().await;
            for address in ["10.0.0.2", "fe80::2", "2001:db8::2"] {
                let address = addr(address);
                ip("neigh flush dev v0 nud all");
                assert_eq!(look_up(device, address).unwrap(), None);
                let found = hardware_address(device, address).await;
                assert_eq!(found, Some(THEIRS), "{address}");
            }
        });
    }

    #[test]
    fn a_neighbour_that_the_kernel_knows_is_told_at_once() {
        in_namespace(async || {
            let (peer, device) = pair_with_known_mac().await;
            peer.run(|| ip("link set v1 down"));
            for address in ["10.0.0.7", "fe80::7"] {
                for state in ["permanent", "stale", "reachable"] {
                    ip(&format!(
                        "neigh replace {address} lladdr 02:00:00:00:00:77 nud {state} dev v0"
                    ));
                    let found = look_up(device, addr(address)).unwrap();
                    assert_eq!(found, Some([2, 0, 0, 0, 0, 0x77]), "{address} {state}");
                }
            }
        });
    }

    #[test]
    fn a_neighbour_that_does_not_exist_is_given_up_after_a_second() {
        in_namespace(async || {
            let (_peer, device) = pair().await;
            let begin = Instant::now();
            let (v4, v6) = tokio::join!(
                hardware_address(device, addr("10.0.0.99")),
                hardware_address(device, addr("fe80::99"))
            );
            assert_eq!((v4, v6), (None, None));
            let took = begin.elapsed();
            assert!(took >= DEADLINE && took < DEADLINE * 20, "{took:?}");
            // One that appears after all is found, although the kernel had given it up.
            ip("neigh replace 10.0.0.99 nud failed dev v0");
            _peer.run(|| ip("addr add 10.0.0.99/24 dev v1"));
            assert!(hardware_address(device, addr("10.0.0.99")).await.is_some());
        });
    }

    #[test]
    fn an_address_that_is_no_hosts_is_not_asked_for() {
        in_namespace(async || {
            let (_peer, device) = pair().await;
            for address in [
                "255.255.255.255",
                "224.0.0.252",
                "0.0.0.0",
                "127.0.0.1",
                "ff02::1:3",
                "::",
                "::1",
            ] {
                assert_eq!(hardware_address(device, addr(address)).await, None);
                assert_eq!(look_up(device, addr(address)).unwrap(), None, "{address}");
            }
        });
    }

    #[test]
    fn neighbours_of_another_or_a_missing_interface_do_not_count() {
        in_namespace(async || {
            let (_peer, device) = pair_with_known_mac().await;
            assert!(hardware_address(device, addr("10.0.0.2")).await.is_some());
            ip("link add w0 type veth peer name w1");
            ip("link set w0 up");
            assert_eq!(
                hardware_address(index_of("w0"), addr("10.0.0.2")).await,
                None
            );
            assert_eq!(hardware_address(4711, addr("10.0.0.2")).await, None);
        });
    }

    proptest! {
        #[test]
        fn no_reply_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), neighbour in any::<bool>()) {
            let mut reply = bytes;
            if let (true, Some(head)) = (neighbour, reply.get_mut(..6)) {
                head.copy_from_slice(&[100, 0, 0, 0, libc::RTM_NEWNEIGH as u8, 0]);
            }
            let _ = (refused(&reply), hardware_address_in(&reply));
        }
    }
}
