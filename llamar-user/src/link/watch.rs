//! The netlink socket that follows the kernel's interfaces and addresses.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname,
    recvmsg, sendto, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::follow::Follower;
use super::{Change, Links, WatchError};
use crate::net::packet::register;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR`.
const GROUPS: u32 =
    (libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR) as u32;
/// Room for events while the agent is busy; the default of 208 KiB holds about 130 of an interface.
const RECEIVE_BUFFER: usize = 4 << 20;
/// What one datagram needs: the kernel makes pieces of 32 KiB of a dump.
const DATAGRAM: usize = 64 << 10;
/// Datagrams after which a storm is reported although more are waiting.
const BATCH: usize = 4096;
const INTEREST: Interest = Interest::READABLE.add(Interest::ERROR);

/// Follows the interfaces and addresses of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Watch {
    socket: AsyncFd<OwnedFd>,
    follower: Follower,
    buffer: Vec<u8>,
}

impl Watch {
    /// Subscribes and reads everything once.
    pub async fn open() -> Result<(Self, Links), WatchError> {
        Self::open_with(RECEIVE_BUFFER).await
    }

    async fn open_with(receive_buffer: usize) -> Result<(Self, Links), WatchError> {
        let (socket, port) =
            subscribe(receive_buffer).map_err(|errno| WatchError::Open(errno.into()))?;
        let socket = register(socket, INTEREST).map_err(WatchError::Open)?;
        let mut watch = Self {
            socket,
            follower: Follower::new(port),
            buffer: vec![0; DATAGRAM],
        };
        while watch.changed().await? != Change::Resynced {}
        let links = watch.links().clone();
        Ok((watch, links))
    }

    /// The interfaces as of the last [`changed`](Self::changed).
    pub fn links(&self) -> &Links {
        self.follower.links()
    }

    /// Waits until the kernel tells of a change, takes in everything that it has told by then, and returns.
    ///
    /// Nothing is lost if the future is dropped before it is ready. After an error the watch is of no more use.
    pub async fn changed(&mut self) -> Result<Change, WatchError> {
        loop {
            self.send_request()?;
            let mut guard = self
                .socket
                .ready(INTEREST)
                .await
                .map_err(WatchError::Receive)?;
            let more = receive_all(self.socket.get_ref(), &mut self.follower, &mut self.buffer)?;
            if !more {
                guard.clear_ready();
            }
            if let Some(change) = self.follower.poll_change() {
                return Ok(change);
            }
        }
    }

    /// Reads everything anew, also what makes no message (a program attached by a BPF link).
    ///
    /// Nothing is lost if the future is dropped before it is ready: a later [`changed`](Self::changed) returns
    /// [`Change::Resynced`].
    pub async fn refresh(&mut self) -> Result<(), WatchError> {
        self.follower.resync();
        while self.changed().await? != Change::Resynced {}
        Ok(())
    }

    fn send_request(&mut self) -> Result<(), WatchError> {
        let Some(request) = self.follower.poll_request() else {
            return Ok(());
        };
        let kernel = NetlinkAddr::new(0, 0);
        sendto(
            self.socket.as_raw_fd(),
            &request,
            &kernel,
            MsgFlags::empty(),
        )
        .map_err(|errno| WatchError::Dump {
            what: "interfaces and addresses",
            source: errno.into(),
        })?;
        Ok(())
    }
}

/// A socket that receives the events, and its port.
fn subscribe(receive_buffer: usize) -> nix::Result<(OwnedFd, u32)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        flags,
        SockProtocol::NetlinkRoute,
    )?;
    // Without CAP_NET_ADMIN the system's limit holds, and an overrun costs a dump.
    setsockopt(&socket, sockopt::RcvBufForce, &receive_buffer)
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &receive_buffer))?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    let port = getsockname::<NetlinkAddr>(socket.as_raw_fd())?.pid();
    Ok((socket, port))
}

/// Takes in what is queued; whether more may be.
fn receive_all(
    socket: &OwnedFd,
    follower: &mut Follower,
    buffer: &mut Vec<u8>,
) -> Result<bool, WatchError> {
    for _ in 0..BATCH {
        let mut parts = [IoSliceMut::new(buffer)];
        match recvmsg::<NetlinkAddr>(socket.as_raw_fd(), &mut parts, None, MsgFlags::empty()) {
            Ok(message) => {
                let from_kernel = message.address.is_some_and(|from| from.pid() == 0);
                let (length, cut) = (message.bytes, message.flags.contains(MsgFlags::MSG_TRUNC));
                if cut {
                    // An interface with very many attributes: ask again, with room for them.
                    buffer.resize(buffer.len() * 2, 0);
                    follower.resync();
                } else if from_kernel {
                    follower.handle_datagram(&buffer[..length])?;
                }
            }
            Err(Errno::EAGAIN) => return Ok(false),
            Err(Errno::EINTR) => {}
            Err(Errno::ENOBUFS) => {
                tracing::debug!(
                    "netlink events were lost: reading all interfaces and addresses anew"
                );
                follower.resync();
            }
            Err(errno) => return Err(WatchError::Receive(io::Error::from(errno))),
        }
    }
    Ok(true)
}
