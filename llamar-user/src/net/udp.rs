//! LLMNR's two UDP sockets: one for each IP version, for all interfaces, on the groups of RFC 4795 2.
//!
//! A datagram comes with the address and the interface to which it was sent, because a query counts only if it was
//! sent to a group (RFC 4795 2.4, 2.5); an answer goes out with the source address and by the interface that the
//! caller names.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket as StdSocket,
};
use std::os::fd::AsRawFd;

use llamar_common::wire::{ip, udp};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, SockaddrIn, SockaddrIn6, SockaddrLike,
    SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::holder::{self, Holders};

/// LLMNR's port (RFC 4795 2).
pub const PORT: u16 = udp::LLMNR;
/// LLMNR's IPv4 group.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::from_bits(u32::from_be_bytes(ip::v4::LLMNR));
/// LLMNR's IPv6 group.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::from_bits(u128::from_be_bytes(ip::v6::LLMNR));
/// RFC 4795 2.5: TTL and hop limit of queries and responses.
const TTL: u32 = 255;
/// Bytes of datagrams that the kernel holds for a socket until they are sent. Those to an address that nobody has wait
/// for its hardware address, three seconds long, and the default of 208 KiB is full of them after some two hundred
/// queries with a forged source: then nobody else is answered. The kernel bounds what waits for one address.
const SEND_BUFFER: usize = 4 << 20;

/// The sockets.
#[derive(Debug)]
pub struct Groups {
    ipv4: UdpSocket,
    /// None where the kernel has no IPv6.
    ipv6: Option<UdpSocket>,
}

/// A datagram that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its length in bytes.
    pub length: usize,
    /// Its sender.
    pub from: SocketAddr,
    /// The address to which it was sent.
    pub to: IpAddr,
    /// Index of the interface by which it came.
    pub device: u32,
}

/// Why the sockets cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another responder runs.
    #[error(
        "udp port {PORT} ({family}) is held by {holders}: stop it, or switch off its LLMNR \
         (systemd-resolved: LLMNR=no in resolved.conf)"
    )]
    InUse {
        /// The IP version.
        family: &'static str,
        /// Who holds it.
        holders: Holders,
    },
    /// Anything else.
    #[error("open the socket for udp port {PORT} ({family}): {source}")]
    Socket {
        /// The IP version.
        family: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Groups {
    /// Takes the port, exclusively, so that another responder is noticed. No group is joined yet.
    pub fn bind() -> Result<Self, BindError> {
        let ipv4 =
            bind_ipv4().map_err(|source| in_use_or_other("IPv4", source, holder::of_ipv4_port))?;
        let ipv6 = match bind_ipv6() {
            Ok(socket) => Some(socket),
            Err(error) if is_without_ipv6(&error) => None,
            Err(source) => return Err(in_use_or_other("IPv6", source, holder::of_ipv6_port)),
        };
        Ok(Self { ipv4, ipv6 })
    }

    /// Joins both groups on an interface, or joins them anew after its link was down: every join tells the network
    /// (IGMP, MLD). One that fails leaves the other joined.
    pub fn join(&self, device: u32) -> io::Result<()> {
        self.leave(device);
        let ipv4 = socket2::SockRef::from(&self.ipv4)
            .join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(device))
            .map_err(|error| join_error(GROUP_V4.into(), device, &error));
        let ipv6 = match &self.ipv6 {
            Some(socket) => socket2::SockRef::from(socket)
                .join_multicast_v6(&GROUP_V6, device)
                .map_err(|error| join_error(GROUP_V6.into(), device, &error)),
            None => Ok(()),
        };
        ipv4.and(ipv6)
    }

    /// Leaves both groups on an interface, which may be gone: its memberships count against the kernel's limit until
    /// they are left.
    pub fn leave(&self, device: u32) {
        // An error says that the group was not joined there.
        let index = InterfaceIndexOrAddress::Index(device);
        let _ = socket2::SockRef::from(&self.ipv4).leave_multicast_v4_n(&GROUP_V4, &index);
        if let Some(socket) = &self.ipv6 {
            let _ = socket2::SockRef::from(socket).leave_multicast_v6(&GROUP_V6, device);
        }
    }

    /// Waits for a datagram of either IP version. One that is longer than the buffer is dropped (RFC 4795 2.1: 9194
    /// bytes are enough). Nothing is lost if the future is dropped before it is ready.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        loop {
            let socket = self.readable().await?;
            match socket.try_io(Interest::READABLE, || receive(socket, buffer)) {
                Ok(Some(datagram)) => return Ok(datagram),
                Ok(None) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a datagram from one of our addresses by an interface, without waiting: an error says that it is lost.
    pub fn send(
        &self,
        message: &[u8],
        to: SocketAddr,
        source: IpAddr,
        device: u32,
    ) -> io::Result<()> {
        let socket = match (to, &self.ipv6) {
            (SocketAddr::V4(_), _) => &self.ipv4,
            (SocketAddr::V6(_), Some(ipv6)) => ipv6,
            (SocketAddr::V6(_), None) => return Err(io::ErrorKind::Unsupported.into()),
        };
        send_by(socket, message, to, source, device)
    }

    async fn readable(&self) -> io::Result<&UdpSocket> {
        let Some(ipv6) = &self.ipv6 else {
            self.ipv4.readable().await?;
            return Ok(&self.ipv4);
        };
        tokio::select! {
            ready = self.ipv4.readable() => ready.map(|()| &self.ipv4),
            ready = ipv6.readable() => ready.map(|()| ipv6),
        }
    }
}

/// Sends a datagram from one of our addresses by an interface, without waiting: an error says that it is lost.
pub(crate) fn send_by(
    socket: &UdpSocket,
    message: &[u8],
    to: SocketAddr,
    source: IpAddr,
    device: u32,
) -> io::Result<()> {
    match (to, source) {
        (SocketAddr::V4(to), IpAddr::V4(source)) => send_ipv4(socket, message, to, source, device),
        (SocketAddr::V6(to), IpAddr::V6(source)) => send_ipv6(socket, message, to, source, device),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("send to {to} from {source}"),
        )),
    }
}

fn send_ipv4(
    socket: &UdpSocket,
    message: &[u8],
    to: SocketAddrV4,
    source: Ipv4Addr,
    device: u32,
) -> io::Result<()> {
    let info = libc::in_pktinfo {
        ipi_ifindex: index(device)?,
        ipi_spec_dst: libc::in_addr {
            s_addr: u32::from_ne_bytes(source.octets()),
        },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let info = ControlMessage::Ipv4PacketInfo(&info);
    send(socket, message, info, &SockaddrIn::from(to))
}

fn send_ipv6(
    socket: &UdpSocket,
    message: &[u8],
    mut to: SocketAddrV6,
    source: Ipv6Addr,
    device: u32,
) -> io::Result<()> {
    let info = libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr {
            s6_addr: source.octets(),
        },
        ipi6_ifindex: device,
    };
    // A scope other than the interface's is refused by the kernel.
    to.set_scope_id(device);
    let info = ControlMessage::Ipv6PacketInfo(&info);
    send(socket, message, info, &SockaddrIn6::from(to))
}

fn bind_ipv4() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    // Else groups count that any other process has joined, on interfaces that are not served.
    socket.set_multicast_all_v4(false)?;
    socket.set_ttl_v4(TTL)?;
    socket.set_multicast_ttl_v4(TTL)?;
    // Our own queries are for others; what other programs of this host send is still heard.
    socket.set_multicast_loop_v4(false)?;
    enlarge(&socket);
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
    UdpSocket::from_std(StdSocket::from(socket))
}

fn bind_ipv6() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.set_only_v6(true)?;
    setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    socket.set_multicast_all_v6(false)?;
    socket.set_unicast_hops_v6(TTL)?;
    socket.set_multicast_hops_v6(TTL)?;
    socket.set_multicast_loop_v6(false)?;
    enlarge(&socket);
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)).into())?;
    UdpSocket::from_std(StdSocket::from(socket))
}

/// Gives a socket its send buffer; without the right to more, as much as everybody may have.
fn enlarge(socket: &Socket) {
    if setsockopt(socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
        // Too small a buffer is no reason not to serve.
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
    }
}

/// Whether a kernel without IPv6 (built or booted so) refused a socket.
fn is_without_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

fn in_use_or_other(
    family: &'static str,
    source: io::Error,
    holders: fn(u16) -> Holders,
) -> BindError {
    if source.kind() == io::ErrorKind::AddrInUse {
        BindError::InUse {
            family,
            holders: holders(PORT),
        }
    } else {
        BindError::Socket { family, source }
    }
}

fn join_error(group: IpAddr, device: u32, error: &io::Error) -> io::Error {
    let limit = match (error.raw_os_error(), group) {
        (Some(libc::ENOBUFS), IpAddr::V4(_)) => {
            ": one socket may join so many; raise net.ipv4.igmp_max_memberships"
        }
        _ => "",
    };
    io::Error::new(
        error.kind(),
        format!("join {group} on interface {device}: {error}{limit}"),
    )
}

/// Receives a datagram; none if it was cut, or if the kernel did not say where it was sent to.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
    let mut parts = [IoSliceMut::new(buffer)];
    // in6_pktinfo is the larger of the two.
    let mut control = nix::cmsg_space!(libc::in6_pktinfo);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::empty(),
    )?;
    if message.flags.contains(MsgFlags::MSG_TRUNC) {
        tracing::debug!(from = ?message.address, "datagram longer than the buffer: dropped");
        return Ok(None);
    }
    let (Some(from), Some((to, device))) = (sender(&message), destination(&message)?) else {
        return Ok(None);
    };
    Ok(Some(Datagram {
        length: message.bytes,
        from,
        to,
        device,
    }))
}

fn sender(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<SocketAddr> {
    let address = message.address?;
    match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(ipv4), _) => Some(SocketAddrV4::from(*ipv4).into()),
        (_, Some(ipv6)) => Some(SocketAddrV6::from(*ipv6).into()),
        _ => None,
    }
}

fn destination(message: &RecvMsg<'_, '_, SockaddrStorage>) -> io::Result<Option<(IpAddr, u32)>> {
    Ok(message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            let to = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
            Some((to.into(), u32::try_from(info.ipi_ifindex).ok()?))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => Some((
            Ipv6Addr::from(info.ipi6_addr.s6_addr).into(),
            info.ipi6_ifindex,
        )),
        _ => None,
    }))
}

fn send(
    socket: &UdpSocket,
    message: &[u8],
    info: ControlMessage<'_>,
    to: &impl SockaddrLike,
) -> io::Result<()> {
    sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(message)],
        &[info],
        MsgFlags::MSG_DONTWAIT,
        Some(to),
    )?;
    Ok(())
}

fn index(device: u32) -> io::Result<i32> {
    i32::try_from(device)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("interface {device}")))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as Asker;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::link::space::{Peer, addr, block_on, in_namespace, ip, sysctl, until_up};
    use crate::net::pair::{SOON, index_of, pair};

    const WHILE: Duration = Duration::from_millis(150);

    /// Sends a datagram from a new socket of the peer, which is returned.
    fn ask(peer: &Peer, from: &str, to: &str, text: &'static str) -> Asker {
        let (from, to) = (addr(from), addr(to));
        peer.run(move || {
            let scope = index_of("v1");
            let with_scope = |ip: IpAddr, port| match ip {
                IpAddr::V4(ip) => SocketAddr::from((ip, port)),
                IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
            };
            let socket = Asker::bind(with_scope(from, 0)).unwrap();
            if let IpAddr::V4(from) = from {
                socket2::SockRef::from(&socket)
                    .set_multicast_if_v4(&from)
                    .unwrap();
            }
            socket
                .send_to(text.as_bytes(), with_scope(to, PORT))
                .unwrap();
            socket.set_read_timeout(Some(SOON)).unwrap();
            socket
        })
    }

    async fn receives(groups: &Groups) -> (String, Datagram) {
        let mut buffer = [0; 9194];
        let datagram = timeout(SOON, groups.recv(&mut buffer))
            .await
            .expect("no datagram came")
            .unwrap();
        (
            String::from_utf8_lossy(&buffer[..datagram.length]).into_owned(),
            datagram,
        )
    }

    async fn receives_nothing(groups: &Groups) -> bool {
        timeout(WHILE, groups.recv(&mut [0; 9194])).await.is_err()
    }

    #[test]
    fn a_datagram_to_a_group_tells_its_group_and_interface() {
        in_namespace(async || {
            let (peer, device) = pair().await;
            let groups = Groups::bind().unwrap();
            groups.join(device).unwrap();
            for (from, to) in [
                ("10.0.0.2", "224.0.0.252"),
                ("fe80::2", "ff02::1:3"),
                ("2001:db8::2", "ff02::1:3"),
            ] {
                ask(&peer, from, to, "query");
                let (text, datagram) = receives(&groups).await;
                assert_eq!((text.as_str(), datagram.from.ip()), ("query", addr(from)));
                assert_eq!((datagram.to, datagram.device), (addr(to), device));
            }
        });
    }

    #[test]
    fn a_unicast_datagram_is_told_from_one_to_a_group() {
        in_namespace(async || {
            let (peer, device) = pair().await;
            let groups = Groups::bind().unwrap();
            for (from, to) in [
                ("10.0.0.2", "10.0.0.1"),
                ("2001:db8::2", "2001:db8::1"),
                ("fe80::2", "fe80::1"),
            ] {
                ask(&peer, from, to, "query");
                let (_, datagram) = receives(&groups).await;
                assert_eq!((datagram.to, datagram.device), (addr(to), device));
            }
        });
    }

    #[test]
    fn groups_are_heard_only_while_they_are_joined() {
        in_namespace(async || {
            let (peer, device) = pair().await;
            let groups = Groups::bind().unwrap();
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
                    ask(&peer, from, to, "query");
                    if joined {
                        assert_eq!(receives(&groups).await.1.to, addr(to));
                    } else {
                        assert!(
                            receives_nothing(&groups).await,
                            "{to} without having joined it"
                        );
                    }
                }
            }
        });
    }

    #[test]
    fn groups_are_heard_again_after_the_link_was_down() {
        in_namespace(async || {
            let (peer, device) = pair().await;
            let groups = Groups::bind().unwrap();
            groups.join(device).unwrap();
            ip("link set v0 down");
            ip("link set v0 up");
            until_up("v0").await;
            peer.run(|| block_on(until_up("v1")));
            groups.join(device).unwrap();
            for (from, to) in [("10.0.0.2", "224.0.0.252"), ("fe80::2", "ff02::1:3")] {
                ask(&peer, from, to, "query");
                assert_eq!(receives(&groups).await.1.to, addr(to));
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
            let (peer, device) = pair().await;
            ip("addr add 10.0.0.77/24 dev v0");
            ip("addr add 2001:db8::77/64 dev v0 nodad");
            let groups = Groups::bind().unwrap();
            groups.join(device).unwrap();
            for (from, to, source) in [
                ("10.0.0.2", "224.0.0.252", "10.0.0.1"),
                ("10.0.0.2", "224.0.0.252", "10.0.0.77"),
                ("fe80::2", "ff02::1:3", "fe80::1"),
                ("2001:db8::2", "ff02::1:3", "2001:db8::1"),
                ("2001:db8::2", "ff02::1:3", "2001:db8::77"),
            ] {
                let asker = ask(&peer, from, to, "query");
                let (_, datagram) = receives(&groups).await;
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
            let (peer, device) = pair().await;
            let groups = Groups::bind().unwrap();
            groups.join(device).unwrap();
            peer.run(|| ip("addr add 192.168.9.2/24 dev v1"));
            peer.run(|| ip("route add 10.0.0.0/24 dev v1 metric 1"));
            let asker = ask(&peer, "192.168.9.2", "224.0.0.252", "query");
            let (_, datagram) = receives(&groups).await;
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
            let (_peer, device) = pair().await;
            let groups = Groups::bind().unwrap();
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
    fn a_datagram_that_is_too_long_is_dropped_and_the_next_one_comes() {
        in_namespace(async || {
            let (peer, _) = pair().await;
            let groups = Groups::bind().unwrap();
            ask(&peer, "10.0.0.2", "10.0.0.1", "a long one");
            ask(&peer, "10.0.0.2", "10.0.0.1", "next");
            let mut buffer = [0; 5];
            let datagram = timeout(SOON, groups.recv(&mut buffer))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(&buffer[..datagram.length], b"next");
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
}
