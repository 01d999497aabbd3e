//! The sockets that listen: one for each interface and IP version.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::net::holder::{self, Holders};
use crate::net::udp::PORT;

/// RFC 4795 2.5: TTL and hop limit of what is sent over TCP, so that no connection leads off the link.
const TTL: u32 = 1;
/// Connections that wait to be accepted, and half-open ones that the kernel remembers before it goes over to
/// cookies: a second's worth of a flood, in which a true client must find a place.
const BACKLOG: i32 = 1024;
/// Bytes that the kernel holds for a connection in each direction (it doubles them): a whole message, and no more than
/// 32 MiB for all connections together.
const SOCKET_BUFFER: usize = 16 << 10;

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];
}

/// Why a port is not listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another responder runs.
    #[error(
        "tcp port {PORT} ({family}) on {device} is held by {holders}: stop it, or switch off its LLMNR \
         (systemd-resolved: LLMNR=no in resolved.conf)"
    )]
    InUse {
        /// The IP version.
        family: &'static str,
        /// Name of the interface.
        device: String,
        /// Who holds it.
        holders: Holders,
    },
    /// Anything else.
    #[error("listen on tcp port {PORT} ({family}) on {device}: {source}")]
    Socket {
        /// The IP version.
        family: &'static str,
        /// Name of the interface.
        device: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Listens on an interface. None where the kernel has no such IP version.
pub(super) fn listen(device: u32, family: Family) -> Result<Option<TcpListener>, ListenError> {
    let name = name_of(device).map_err(|error| {
        let device = format!("interface {device}");
        failure(device, family, error)
    })?;
    match open(&name, device, family) {
        Ok(listener) => {
            match family {
                Family::Ipv4 => tracing::debug!("Created TCP listener at 0.0.0.0%{name}."),
                Family::Ipv6 => tracing::debug!("Created TCP listener at ::%{name}."),
            }
            Ok(Some(listener))
        }
        Err(error) if is_without(family, &error) => Ok(None),
        Err(source) => Err(failure(name, family, source)),
    }
}

fn name_of(device: u32) -> io::Result<String> {
    let name = nix::net::if_::if_indextoname(device)?;
    // nix 0.31 takes the null pointer of an error for a success.
    if name.is_empty() {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    Ok(name.to_string_lossy().into_owned())
}

fn open(name: &str, device: u32, family: Family) -> io::Result<TcpListener> {
    let (domain, any) = match family {
        Family::Ipv4 => (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()),
        Family::Ipv6 => (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()),
    };
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.bind_device(Some(name.as_bytes()))?;
    // The name may have gone over to another interface meanwhile.
    if nix::net::if_::if_nametoindex(name)? != device {
        return Err(io::ErrorKind::NotFound.into());
    }
    // Connections of an agent that was here before may still be closing.
    socket.set_reuse_address(true)?;
    // RFC 4795 2.5: before the socket listens, so that the SYN-ACK has it.
    match family {
        Family::Ipv4 => socket.set_ttl_v4(TTL)?,
        Family::Ipv6 => {
            socket.set_only_v6(true)?;
            socket.set_unicast_hops_v6(TTL)?;
        }
    }
    // These go over to the connections.
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&SocketAddr::new(any, PORT).into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(StdListener::from(socket))
}

/// Whether a kernel without IPv6 (built or booted so) refused a socket.
fn is_without(family: Family, error: &io::Error) -> bool {
    let refused = matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    );
    family == Family::Ipv6 && refused
}

fn failure(device: String, family: Family, source: io::Error) -> ListenError {
    let in_use = source.kind() == io::ErrorKind::AddrInUse;
    let (family, holders): (_, fn(u16) -> Holders) = match family {
        Family::Ipv4 => ("IPv4", holder::of_ipv4_tcp_port),
        Family::Ipv6 => ("IPv6", holder::of_ipv6_tcp_port),
    };
    if in_use {
        ListenError::InUse {
            family,
            device,
            holders: holders(PORT),
        }
    } else {
        ListenError::Socket {
            family,
            device,
            source,
        }
    }
}
