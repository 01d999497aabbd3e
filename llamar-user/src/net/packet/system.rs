//! The calls that no crate wraps.

#![expect(
    unsafe_code,
    reason = "packet sockets are bound and set up by calls that no crate wraps"
)]

use std::io;
use std::mem::{size_of, size_of_val};
use std::os::fd::{AsRawFd, OwnedFd};

use libc::{c_int, c_void, socklen_t};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Hands a socket to tokio, which waits for it.
pub(crate) fn register(socket: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, names the same descriptor at every call, and is closed only when it is dropped.
    unsafe { AsyncFd::register_with_interest(socket, interest) }
        .map_err(|error| error.into_parts().1)
}

/// Sets an option of packet sockets, a `c_int` or a `packet_mreq`.
pub(super) fn set_option<T: Copy>(socket: &OwnedFd, option: c_int, value: T) -> io::Result<()> {
    let length = size_of_val(&value) as socklen_t;
    // SAFETY: the pointer is to a value that outlives the call, and the length is its size.
    checked(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw const value).cast::<c_void>(),
            length,
        )
    })
}

/// Makes the interface take frames to other stations until the socket is closed: the kernel counts who wants that.
pub(super) fn promiscuous(socket: &OwnedFd, device: u32) -> io::Result<()> {
    join(socket, device, libc::PACKET_MR_PROMISC)
}

/// The same with frames to groups of which this host is no member.
pub(super) fn all_groups(socket: &OwnedFd, device: u32) -> io::Result<()> {
    join(socket, device, libc::PACKET_MR_ALLMULTI)
}

fn join(socket: &OwnedFd, device: u32, kind: c_int) -> io::Result<()> {
    let membership = libc::packet_mreq {
        mr_ifindex: index(device)?,
        mr_type: kind as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set_option(socket, libc::PACKET_ADD_MEMBERSHIP, membership)
}

/// How many frames were lost since this was asked last.
pub(super) fn dropped(socket: &OwnedFd) -> io::Result<u32> {
    let mut counts = libc::tpacket_stats {
        tp_packets: 0,
        tp_drops: 0,
    };
    let mut length = size_of_val(&counts) as socklen_t;
    // SAFETY: both pointers are to values that outlive the call, and the length is the first one's size.
    checked(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counts).cast::<c_void>(),
            &raw mut length,
        )
    })?;
    Ok(counts.tp_drops)
}

/// All protocols, not ARP's: by then the kernel has taken a VLAN's tag off and forgotten it.
pub(super) fn bind(socket: &OwnedFd, device: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: index(device)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of::<libc::sockaddr_ll>() as socklen_t;
    // SAFETY: the pointer is to a whole sockaddr_ll that outlives the call, and the length is its size.
    checked(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })
}

fn index(device: u32) -> io::Result<c_int> {
    c_int::try_from(device).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn checked(result: c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
