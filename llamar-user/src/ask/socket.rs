//! The sockets of a question: for each path one for datagrams, and one for each connection.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket as StdSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use crate::llmnr::sender::{End, Path};
use crate::net::tcp;
use crate::net::udp::{GROUP_V4, GROUP_V6, PORT, send_by};

/// RFC 4795 2.5: TTL and hop limit of queries by UDP.
const UDP_TTL: u32 = 255;
/// RFC 4795 2.5: TTL and hop limit of queries by TCP, so that none leaves the link.
const TCP_TTL: u32 = 1;

/// A socket that asks a path's group from a port of its own. `vrf`: the interface's name, if it belongs to a VRF.
pub(super) fn datagrams(path: &Path, vrf: Option<&str>) -> io::Result<UdpSocket> {
    let domain = Domain::for_address(address(path.source, 0, path.device));
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if let Some(interface) = vrf {
        // Else what arrives by an interface of a VRF is not for us. Otherwise a response may come by another interface on
        // the same link, which the other side takes for ours when it resolves our address.
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    match path.source {
        IpAddr::V4(_) => {
            socket.set_multicast_ttl_v4(UDP_TTL)?;
        }
        IpAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_multicast_hops_v6(UDP_TTL)?;
        }
    }
    socket.bind(&address(path.source, 0, path.device).into())?;
    UdpSocket::from_std(StdSocket::from(socket))
}

/// Sends a message to a path's group by its interface, without waiting.
pub(super) fn send(socket: &UdpSocket, path: &Path, message: &[u8]) -> io::Result<()> {
    let group: IpAddr = match path.source {
        IpAddr::V4(_) => GROUP_V4.into(),
        IpAddr::V6(_) => GROUP_V6.into(),
    };
    let to = address(group, PORT, path.device);
    send_by(socket, message, to, path.source, path.device)
}

/// Connects to a host of a path's link.
pub(super) async fn connect(path: &Path, interface: &str, to: IpAddr) -> io::Result<TcpStream> {
    let socket = match path.source {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    let options = SockRef::from(&socket);
    match path.source {
        IpAddr::V4(_) => options.set_ttl_v4(TCP_TTL)?,
        IpAddr::V6(_) => options.set_unicast_hops_v6(TCP_TTL)?,
    }
    // By this link, whatever the routes say.
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.bind(address(path.source, 0, path.device))?;
    socket.connect(address(to, PORT, path.device)).await
}

/// How a connection attempt that failed is to be taken.
pub(super) fn end(error: &io::Error) -> End {
    match error.raw_os_error() {
        Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::ETIMEDOUT) => End::Unreachable,
        _ => End::Closed,
    }
}

/// Sends a message with its length in front (RFC 1035 4.2.2).
pub(super) async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let framed = tcp::frame(message).ok_or(io::ErrorKind::InvalidInput)?;
    stream.write_all(&framed).await
}

/// Reads a message; none at the end.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

fn address(ip: IpAddr, port: u16, device: u32) -> SocketAddr {
    match ip {
        IpAddr::V4(ip) => (ip, port).into(),
        // The kernel refuses a link-local address without its interface, and another one with it.
        IpAddr::V6(ip) if is_scoped(ip) => SocketAddrV6::new(ip, port, 0, device).into(),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, 0).into(),
    }
}

fn is_scoped(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local() || ip.is_multicast()
}
