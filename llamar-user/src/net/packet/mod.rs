//! Raw Ethernet frames of one interface, filtered in the kernel.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::SystemTime;

use libc::sock_filter;
use nix::sys::socket::{MsgFlags, setsockopt, sockopt};
use socket2::{Domain, SockFilter, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

mod receive;
mod system;
#[cfg(test)]
mod tests;

pub(crate) use system::register;

use receive::receive;
use system::{all_groups, bind, dropped, promiscuous, set_option};

/// Sends and receives the frames of one interface.
#[derive(Debug)]
pub struct PacketSocket {
    socket: AsyncFd<OwnedFd>,
}

/// What else a socket receives, and with what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Frames that this host sends too, except by this socket.
    pub outgoing: bool,
    /// Frames to other stations too: the interface is promiscuous until the socket is closed.
    pub promiscuous: bool,
    /// The time at which the kernel saw each frame.
    pub times: bool,
}

/// A frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length in the buffer in bytes, with the tag.
    pub length: usize,
    /// How many more bytes it had, which did not fit into the buffer.
    pub cut: usize,
    /// The tag (priority and VLAN id) that the kernel had taken off and that is in the buffer again.
    pub vlan: Option<u16>,
    /// Whose it is.
    pub direction: Direction,
    /// When the kernel saw it, if that was asked for.
    pub at: Option<SystemTime>,
}

/// To whom a frame was sent, as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To this interface's address.
    ToUs,
    /// To everybody.
    Broadcast,
    /// To a group.
    Multicast,
    /// To another station.
    ToOthers,
    /// By this host.
    Outgoing,
}

impl PacketSocket {
    /// Opens a socket for the frames of an interface that pass the filter, except those that this host sends.
    ///
    /// It outlives the interface's going down and up, not its being deleted.
    pub fn open(device: u32, filter: &[sock_filter]) -> io::Result<Self> {
        Self::with(device, filter, Options::default())
    }

    /// The same with more frames than those.
    pub fn with(device: u32, filter: &[sock_filter], options: Options) -> io::Result<Self> {
        let context = |what: &str, error: &io::Error| {
            io::Error::new(
                error.kind(),
                format!("{what} a packet socket for interface {device}: {error}"),
            )
        };
        // Protocol 0: nothing comes in before the filter is there.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), None)
            .map_err(|error| context("open (needs CAP_NET_RAW)", &error))?;
        attach(SockRef::from(&socket), filter).map_err(|error| context("filter", &error))?;
        let socket = OwnedFd::from(socket);
        set_up(&socket, options).map_err(|error| context("set up", &error))?;
        bind(&socket, device).map_err(|error| context("bind", &error))?;
        if options.promiscuous {
            promiscuous(&socket, device).map_err(|error| context("make promiscuous", &error))?;
        }
        let socket = register(socket, Interest::READABLE | Interest::ERROR)?;
        Ok(Self { socket })
    }

    /// Waits for a frame. One that is longer than the buffer less four bytes is dropped. Nothing is lost if the future
    /// is dropped before it is ready.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        loop {
            let received = self.recv_cut(buffer).await?;
            if received.cut == 0 {
                return Ok(received);
            }
        }
    }

    /// The same, but of a frame that is longer its beginning is received.
    pub async fn recv_cut(&self, buffer: &mut [u8]) -> io::Result<Received> {
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

    /// Puts another filter in the place of the one there is; no frame is lost between them.
    pub fn refilter(&self, filter: &[sock_filter]) -> io::Result<()> {
        attach(SockRef::from(self.socket.get_ref()), filter)
    }

    /// Takes frames to all groups from now on, also to those of which this host is no member.
    pub fn hear_groups(&self, device: u32) -> io::Result<()> {
        all_groups(self.socket.get_ref(), device)
    }

    /// How many frames passed the filter and were lost, since this was asked last, because nobody took them in time.
    pub fn dropped(&self) -> io::Result<u32> {
        dropped(self.socket.get_ref())
    }
}

fn attach(socket: SockRef<'_>, filter: &[sock_filter]) -> io::Result<()> {
    let statements = filter.iter();
    let statements = statements.map(|i| SockFilter::new(i.code, i.jt, i.jf, i.k));
    socket.attach_filter(&statements.collect::<Vec<_>>())
}

fn set_up(socket: &OwnedFd, options: Options) -> io::Result<()> {
    set_option(socket, libc::PACKET_AUXDATA, 1)?;
    if !options.outgoing {
        set_option(socket, libc::PACKET_IGNORE_OUTGOING, 1)?;
    }
    if options.times {
        setsockopt(socket, sockopt::ReceiveTimestampns, &true)?;
    }
    Ok(())
}
