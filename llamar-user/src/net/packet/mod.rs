//! Raw Ethernet frames of one interface, filtered in the kernel.

#![expect(
    unsafe_code,
    reason = "packet sockets are bound and set up by calls that no crate wraps"
)]

use std::io::{self, IoSliceMut};
use std::mem::{size_of, size_of_val};
use std::os::fd::{AsRawFd, OwnedFd};

use libc::{c_int, sock_filter};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use socket2::{Domain, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::filter::ETHERTYPE;

const TAG: usize = 4;

/// Sends and receives the frames of one interface.
#[derive(Debug)]
pub struct PacketSocket {
    socket: AsyncFd<OwnedFd>,
}

/// A frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length in bytes, with the tag.
    pub length: usize,
    /// The tag (priority and VLAN id) that the kernel had taken off and that is in the buffer again.
    pub vlan: Option<u16>,
}

impl PacketSocket {
    /// Opens a socket for the frames of an interface that pass the filter, except those that this host sends.
    ///
    /// It outlives the interface's going down and up, not its being deleted.
    pub fn open(device: u32, filter: &[sock_filter]) -> io::Result<Self> {
        let context = |what: &str, error: &io::Error| {
            io::Error::new(
                error.kind(),
                format!("{what} a packet socket for interface {device}: {error}"),
            )
        };
        // Protocol 0: nothing comes in before the filter is there.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), None)
            .map_err(|error| context("open (needs CAP_NET_RAW)", &error))?;
        let filter: Vec<SockFilter> = filter
            .iter()
            .map(|i| SockFilter::new(i.code, i.jt, i.jf, i.k))
            .collect();
        socket
            .attach_filter(&filter)
            .map_err(|error| context("filter", &error))?;
        let socket = OwnedFd::from(socket);
        set_option(&socket, libc::PACKET_AUXDATA, 1).map_err(|error| context("set up", &error))?;
        set_option(&socket, libc::PACKET_IGNORE_OUTGOING, 1)
            .map_err(|error| context("set up", &error))?;
        bind(&socket, device).map_err(|error| context("bind", &error))?;
        let socket = register(socket, Interest::READABLE | Interest::ERROR)?;
        Ok(Self { socket })
    }

    /// Waits for a frame. One that is longer than the buffer less four bytes is dropped. Nothing is lost if the future
    /// is dropped before it is ready.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        loop {
            let mut guard = self
                .socket
                .ready(Interest::READABLE | Interest::ERROR)
                .await?;
            match receive(self.socket.get_ref(), buffer) {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Told once when the interface goes down; frames come again when it is up.
                Err(error) if error.kind() == io::ErrorKind::NetworkDown => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a whole frame, without waiting: an error says that it is lost.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        nix::sys::socket::send(self.socket.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }
}

/// Hands a socket to tokio, which waits for it.
pub(crate) fn register(socket: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, names the same descriptor at every call, and is closed only when it is dropped.
    unsafe { AsyncFd::register_with_interest(socket, interest) }
        .map_err(|error| error.into_parts().1)
}

/// Receives a frame with its tag; none if it was cut.
fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    // Room for a tag that is put back.
    let room = buffer.len().saturating_sub(TAG);
    let mut parts = [IoSliceMut::new(&mut buffer[..room])];
    let mut control = nix::cmsg_space!(libc::tpacket_auxdata);
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::empty(),
    )?;
    if message.flags.contains(MsgFlags::MSG_TRUNC) {
        return Ok(None);
    }
    let length = message.bytes;
    let tag = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Unknown(control) => {
            let level = (
                control.cmsg_header.cmsg_level,
                control.cmsg_header.cmsg_type,
            );
            (level == (libc::SOL_PACKET, libc::PACKET_AUXDATA))
                .then(|| tag(&control.data_bytes))
                .flatten()
        }
        _ => None,
    });
    match tag {
        Some(tag) => Ok(put_back(tag, buffer, length)),
        None => Ok(Some(Received { length, vlan: None })),
    }
}

/// A VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    protocol: u16,
    control: u16,
}

/// The tag in a `tpacket_auxdata`, if the frame had one.
fn tag(auxdata: &[u8]) -> Option<Tag> {
    let word = |at: usize| {
        Some(u32::from_ne_bytes(
            auxdata.get(at..at + 4)?.try_into().ok()?,
        ))
    };
    let half = |at: usize| {
        Some(u16::from_ne_bytes(
            auxdata.get(at..at + 2)?.try_into().ok()?,
        ))
    };
    let status = word(std::mem::offset_of!(libc::tpacket_auxdata, tp_status))?;
    let control = half(std::mem::offset_of!(libc::tpacket_auxdata, tp_vlan_tci))?;
    let protocol = half(std::mem::offset_of!(libc::tpacket_auxdata, tp_vlan_tpid))?;
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let known = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    Some(Tag {
        protocol: if known {
            protocol
        } else {
            libc::ETH_P_8021Q as u16
        },
        control,
    })
}

/// Puts a tag back behind the two addresses of a frame; none if that is no frame.
fn put_back(tag: Tag, buffer: &mut [u8], length: usize) -> Option<Received> {
    let at = ETHERTYPE as usize;
    if length < at || buffer.len() < length + TAG {
        return None;
    }
    buffer.copy_within(at..length, at + TAG);
    buffer[at..at + 2].copy_from_slice(&tag.protocol.to_be_bytes());
    buffer[at + 2..at + TAG].copy_from_slice(&tag.control.to_be_bytes());
    Some(Received {
        length: length + TAG,
        vlan: Some(tag.control),
    })
}

fn set_option(socket: &OwnedFd, option: c_int, value: c_int) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer is to a c_int that outlives the call, and the length is its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw const value).cast(),
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// All protocols, not ARP's: by then the kernel has taken a VLAN's tag off and forgotten it.
fn bind(socket: &OwnedFd, device: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: i32::try_from(device)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the pointer is to a whole sockaddr_ll that outlives the call, and the length is its size.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests;
