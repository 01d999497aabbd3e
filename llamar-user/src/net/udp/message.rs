//! Single datagrams: what they carry besides their bytes.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd as _};

use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, SockaddrIn, SockaddrIn6, SockaddrLike,
    SockaddrStorage, recvmsg, sendmsg,
};

use super::Datagram;

/// Sends a datagram from one of our addresses by an interface, without waiting: an error says that it is lost.
pub(crate) fn send_by(
    socket: impl AsFd,
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
    socket: impl AsFd,
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
    socket: impl AsFd,
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

/// Receives a datagram; none if it was cut, or if the kernel did not say where it was sent to.
pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
    let mut parts = [IoSliceMut::new(buffer)];
    // in6_pktinfo is the larger of the two.
    let mut control = nix::cmsg_space!(libc::in6_pktinfo);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_fd().as_raw_fd(),
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

pub(super) fn sender(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<SocketAddr> {
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
    socket: impl AsFd,
    message: &[u8],
    info: ControlMessage<'_>,
    to: &impl SockaddrLike,
) -> io::Result<()> {
    sendmsg(
        socket.as_fd().as_raw_fd(),
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
