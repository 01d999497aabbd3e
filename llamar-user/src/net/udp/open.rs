//! How the sockets come about: ports, groups and options.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use llamar_common::wire::{ip, udp};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use crate::mdns;
use crate::net::holder::{self, Holders};

/// Where a protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its port.
    pub port: u16,
    /// Its IPv4 group.
    pub group_v4: Ipv4Addr,
    /// Its IPv6 group.
    pub group_v6: Ipv6Addr,
    /// What is to be done about another program that does not let go of the port.
    way_out: &'static str,
}

impl fmt::Display for Protocol {
    /// The groups.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.group_v4, self.group_v6)
    }
}

/// LLMNR (RFC 4795 2).
pub const LLMNR: Protocol = Protocol {
    port: udp::LLMNR,
    group_v4: Ipv4Addr::from_bits(u32::from_be_bytes(ip::v4::LLMNR)),
    group_v6: Ipv6Addr::from_bits(u128::from_be_bytes(ip::v6::LLMNR)),
    way_out: "stop it, or switch off its LLMNR (systemd-resolved: LLMNR=no in resolved.conf)",
};

/// mDNS (RFC 6762 3).
pub const MDNS: Protocol = Protocol {
    port: mdns::PORT,
    group_v4: Ipv4Addr::new(224, 0, 0, 251),
    group_v6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb),
    way_out: "it does not share the port: stop it, or do without mDNS (--no-mdns)",
};

/// RFC 4795 2.5, RFC 6762 11: TTL and hop limit of all that is sent.
const TTL: u32 = 255;
/// Bytes of datagrams that the kernel holds for a socket until they are sent. Those to an address that nobody has wait
/// for its hardware address, three seconds long, and the default of 208 KiB is full of them after some two hundred
/// queries with a forged source: then nobody else is answered. The kernel bounds what waits for one address.
const SEND_BUFFER: usize = 4 << 20;
/// Bytes of datagrams that the kernel holds for a shared socket until they are read. A question to a group is answered
/// by everybody within 120 ms (RFC 6762 6), and the kernel counts two to sixteen KiB for each answer: the default of
/// 208 KiB is full after a hundred or less.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Why the sockets cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has the port.
    #[error("udp port {} ({family}) is held by {holders}: {}", protocol.port, protocol.way_out)]
    InUse {
        /// The protocol.
        protocol: Protocol,
        /// The IP version.
        family: &'static str,
        /// Who holds it.
        holders: Holders,
    },
    /// Anything else.
    #[error("open the socket for udp port {} ({family}): {source}", protocol.port)]
    Socket {
        /// The protocol.
        protocol: Protocol,
        /// The IP version.
        family: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// The socket for IPv4, as `wrap` makes it.
pub(super) fn ipv4<S>(
    protocol: Protocol,
    shared: bool,
    wrap: impl Fn(OwnedFd) -> io::Result<S>,
) -> Result<S, BindError> {
    let open = || -> io::Result<S> {
        let socket = socket(Domain::IPV4, shared)?;
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        // Else groups count that any other process has joined, on interfaces that are not served.
        socket.set_multicast_all_v4(false)?;
        socket.set_ttl_v4(TTL)?;
        socket.set_multicast_ttl_v4(TTL)?;
        // LLMNR's own queries are for others; what other programs of this host send is still heard.
        socket.set_multicast_loop_v4(shared)?;
        let address = (Ipv4Addr::UNSPECIFIED, protocol.port).into();
        wrap(finish(socket, address, shared)?)
    };
    open().map_err(|source| failure(protocol, "IPv4", source, holder::of_ipv4_port))
}

/// The socket for IPv6, as `wrap` makes it; `None` where the kernel has none.
pub(super) fn ipv6<S>(
    protocol: Protocol,
    shared: bool,
    wrap: impl Fn(OwnedFd) -> io::Result<S>,
) -> Result<Option<S>, BindError> {
    let open = || -> io::Result<S> {
        let socket = socket(Domain::IPV6, shared)?;
        socket.set_only_v6(true)?;
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        socket.set_multicast_all_v6(false)?;
        socket.set_unicast_hops_v6(TTL)?;
        socket.set_multicast_hops_v6(TTL)?;
        socket.set_multicast_loop_v6(shared)?;
        let address = (Ipv6Addr::UNSPECIFIED, protocol.port).into();
        wrap(finish(socket, address, shared)?)
    };
    match open() {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if is_without_ipv6(&error) => Ok(None),
        Err(source) => Err(failure(protocol, "IPv6", source, holder::of_ipv6_port)),
    }
}

/// A new socket. A shared one is one of many things that the runtime waits for, and what is not shared has a thread that
/// waits for it alone.
fn socket(domain: Domain, shared: bool) -> io::Result<Socket> {
    let kind = Type::DGRAM;
    let kind = if shared { kind.nonblocking() } else { kind };
    Socket::new(domain, kind, Some(socket2::Protocol::UDP))
}

/// Sizes its buffers and binds it.
fn finish(socket: Socket, address: SocketAddr, shared: bool) -> io::Result<OwnedFd> {
    // Without the right to more, as much as everybody may have: too small a buffer is no reason not to serve.
    if setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
    }
    if shared && setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    }
    if shared {
        share(&socket, address)?;
    } else {
        socket.bind(&address.into())?;
    }
    Ok(OwnedFd::from(socket))
}

/// Binds a socket to a port that others may have. avahi, systemd-resolved and nearly all others set SO_REUSEADDR, if not
/// at first. SO_REUSEPORT makes those that set it one group, of which chance says who gets what is sent to one host; so
/// it is set only where somebody has set nothing else.
pub(crate) fn share(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    match socket.bind(&address.into()) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            socket.set_reuse_port(true)?;
            socket.bind(&address.into())
        }
        bound => bound,
    }
}

/// Whether a kernel without IPv6 (built or booted so) refused a socket.
fn is_without_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

fn failure(
    protocol: Protocol,
    family: &'static str,
    source: io::Error,
    holders: fn(u16) -> Holders,
) -> BindError {
    if source.kind() == io::ErrorKind::AddrInUse {
        BindError::InUse {
            protocol,
            family,
            holders: holders(protocol.port),
        }
    } else {
        BindError::Socket {
            protocol,
            family,
            source,
        }
    }
}
