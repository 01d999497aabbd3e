//! The two UDP sockets of a protocol: one for each IP version, for all interfaces, on the groups of LLMNR (RFC 4795 2) or
//! of mDNS (RFC 6762 3).
//!
//! A datagram comes with the address and the interface to which it was sent, because much counts only if it was sent to
//! a group (RFC 4795 2.4, 2.5, RFC 6762 5.5, 6); an answer goes out with the source address and by the interface that
//! the caller names.

mod ear;
mod inbox;
mod message;
mod open;
mod outbox;
mod system;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::Poll;

use socket2::{InterfaceIndexOrAddress, SockRef};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use super::holder::{self, Holders};
use super::register;

pub use ear::{Ears, Take};
pub use inbox::Inbox;
pub(crate) use message::{receive, send_by};
pub(crate) use open::share;
pub use open::{BindError, LLMNR, MDNS, Protocol};
pub use outbox::{Letter, Outbox};

/// LLMNR's port (RFC 4795 2).
pub const PORT: u16 = LLMNR.port;
/// LLMNR's IPv4 group.
pub const GROUP_V4: Ipv4Addr = LLMNR.group_v4;
/// LLMNR's IPv6 group.
pub const GROUP_V6: Ipv6Addr = LLMNR.group_v6;

/// The sockets: those that tokio waits for, or those that [`Ears`] do.
#[derive(Debug)]
pub struct Groups<S = AsyncFd<OwnedFd>> {
    protocol: Protocol,
    ipv4: S,
    /// None where the kernel has no IPv6.
    ipv6: Option<S>,
    /// Whose turn it is.
    ipv6_first: Cell<bool>,
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

impl Groups<Arc<OwnedFd>> {
    /// Takes LLMNR's port, exclusively, so that another responder is noticed. No group is joined yet, and nothing is
    /// heard without [`Ears`].
    pub fn bind() -> Result<Self, BindError> {
        Self::open(LLMNR, false, |socket| Ok(Arc::new(socket)))
    }
}

impl<S: AsFd> Groups<S> {
    fn open(
        protocol: Protocol,
        shared: bool,
        wrap: impl Fn(OwnedFd) -> io::Result<S> + Copy,
    ) -> Result<Self, BindError> {
        Ok(Self {
            protocol,
            ipv4: open::ipv4(protocol, shared, wrap)?,
            ipv6: open::ipv6(protocol, shared, wrap)?,
            ipv6_first: Cell::new(false),
        })
    }

    /// The protocol whose groups these are.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Who else has the port now; `None` if nobody has. Of several sockets of a port one gets what is sent to an address
    /// of this host (on Linux mostly the latest), and all get what is sent to a group (RFC 6762 15.1).
    pub fn others(&self) -> Option<Holders> {
        let own = [
            Some(self.ipv4.as_fd()),
            self.ipv6.as_ref().map(|socket| socket.as_fd()),
        ];
        holder::besides(self.protocol.port, own.into_iter().flatten())
    }

    /// Joins both groups on an interface, or joins them anew after its link was down: every join tells the network
    /// (IGMP, MLD). One that fails leaves the other joined.
    pub fn join(&self, device: u32) -> io::Result<()> {
        self.leave(device);
        let ipv4 = SockRef::from(&self.ipv4)
            .join_multicast_v4_n(
                &self.protocol.group_v4,
                &InterfaceIndexOrAddress::Index(device),
            )
            .map_err(|error| join_error(self.protocol.group_v4.into(), device, &error));
        let ipv6 = match &self.ipv6 {
            Some(socket) => SockRef::from(socket)
                .join_multicast_v6(&self.protocol.group_v6, device)
                .map_err(|error| join_error(self.protocol.group_v6.into(), device, &error)),
            None => Ok(()),
        };
        ipv4.and(ipv6)
    }

    /// Leaves both groups on an interface, which may be gone: its memberships count against the kernel's limit until
    /// they are left.
    pub fn leave(&self, device: u32) {
        // An error says that the group was not joined there.
        let index = InterfaceIndexOrAddress::Index(device);
        let _ = SockRef::from(&self.ipv4).leave_multicast_v4_n(&self.protocol.group_v4, &index);
        if let Some(socket) = &self.ipv6 {
            let _ = SockRef::from(socket).leave_multicast_v6(&self.protocol.group_v6, device);
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
        send_by(self.socket(to)?, message, to, source, device)
    }

    /// The socket that sends to an address.
    fn socket(&self, to: SocketAddr) -> io::Result<BorrowedFd<'_>> {
        let socket = match to {
            SocketAddr::V4(_) => Some(&self.ipv4),
            SocketAddr::V6(_) => self.ipv6.as_ref(),
        };
        let socket = socket.ok_or(io::ErrorKind::Unsupported)?;
        Ok(socket.as_fd())
    }
}

impl Groups {
    /// Takes a protocol's port together with whoever else has it and lets others have it. No group is joined yet.
    /// What is sent to a group comes back, for the other programs of this host hear the same.
    pub fn bind_shared(protocol: Protocol) -> Result<Self, BindError> {
        // RFC 6762 15.1: several programs of a host should be able to share the port.
        // Of what has been sent nothing is waited for: each answer that leaves would wake us.
        Self::open(protocol, true, |socket| {
            register(socket, Interest::READABLE)
        })
    }

    /// Waits for a datagram of either IP version. One that is longer than the buffer is dropped (RFC 4795 2.1, RFC 6762
    /// 17: 9194 bytes are enough). Nothing is lost if the future is dropped before it is ready.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        loop {
            let mut ready = self.readable().await?;
            match message::receive(ready.get_inner(), buffer) {
                Ok(Some(datagram)) => return Ok(datagram),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until a socket has something to be read. They take turns at being looked at first: neither waits for the end
    /// of the other's flood.
    async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, OwnedFd>> {
        let sockets = match &self.ipv6 {
            Some(ipv6) if self.ipv6_first.get() => [Some(ipv6), Some(&self.ipv4)],
            ipv6 => [Some(&self.ipv4), ipv6.as_ref()],
        };
        self.ipv6_first.set(!self.ipv6_first.get());
        poll_fn(|context| {
            let mut polled = sockets.iter().flatten();
            let ready = polled.find_map(|socket| match socket.poll_read_ready(context) {
                Poll::Ready(ready) => Some(ready),
                Poll::Pending => None,
            });
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await
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
