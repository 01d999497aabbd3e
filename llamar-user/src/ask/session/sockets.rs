//! The sockets of a session: for each interface and IP version one, bound to the group of mDNS, so that it gets nothing
//! that is sent to this host alone.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket as StdSocket};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::debug;

use crate::mdns::{Arrival, Family, PACKET_MAX, PORT, Transmit, Wanted};
use crate::net::MDNS;
use crate::net::udp::{receive, send_by, share};

/// RFC 6762 11: TTL and hop limit.
const TTL: u32 = 255;
/// Bytes of datagrams that the kernel holds until they are read: a hundred responders answer at once.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Messages that wait to be taken in; what comes on top waits in the kernel, which has a limit of its own.
const WAITING_MAX: usize = 256;
/// How long nothing is received after an error, so that one that stays does not keep the processor busy.
const RECEIVE_PAUSE: Duration = Duration::from_millis(10);

/// A datagram that was received.
#[derive(Debug)]
pub(super) struct Datagram {
    pub device: u32,
    pub arrival: Arrival,
    pub bytes: Vec<u8>,
}

/// The sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    open: BTreeMap<(u32, Family), Open>,
    told: mpsc::Sender<Datagram>,
    heard: mpsc::Receiver<Datagram>,
}

#[derive(Debug)]
struct Open {
    socket: Arc<UdpSocket>,
    task: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sockets {
    pub fn new() -> Self {
        let (told, heard) = mpsc::channel(WAITING_MAX);
        Self {
            open: BTreeMap::new(),
            told,
            heard,
        }
    }

    /// Closes those of interfaces and families that are not wanted any more.
    pub fn retain(&mut self, wanted: &BTreeMap<u32, Wanted>) {
        self.open.retain(|(device, family), _| {
            wanted
                .get(device)
                .is_some_and(|wanted| has(wanted, *family))
        });
    }

    /// Opens those of an interface that are not open yet.
    pub fn open(&mut self, device: u32, interface: &str, wanted: &Wanted) -> io::Result<()> {
        for family in Family::ALL {
            if !has(wanted, family) || self.open.contains_key(&(device, family)) {
                continue;
            }
            let socket = Arc::new(match family {
                Family::V4 => ipv4(device, interface)?,
                Family::V6 => ipv6(device)?,
            });
            let listens = listen(device, Arc::clone(&socket), self.told.clone());
            let task = tokio::spawn(listens);
            self.open.insert((device, family), Open { socket, task });
        }
        Ok(())
    }

    /// Waits for a datagram. Nothing is lost if the future is dropped before it is ready.
    pub async fn recv(&mut self) -> Datagram {
        match self.heard.recv().await {
            Some(datagram) => datagram,
            // We hold a sender ourselves.
            None => std::future::pending().await,
        }
    }

    /// Sends a datagram without waiting.
    pub fn send(&self, transmit: &Transmit, source: IpAddr) -> io::Result<()> {
        let key = (transmit.device, Family::of(transmit.to.ip()));
        let open = self.open.get(&key).ok_or(io::ErrorKind::NotConnected)?;
        send_by(
            &open.socket,
            &transmit.message,
            transmit.to,
            source,
            transmit.device,
        )
    }
}

fn has(wanted: &Wanted, family: Family) -> bool {
    match family {
        Family::V4 => wanted.v4.is_some(),
        Family::V6 => wanted.v6.is_some(),
    }
}

fn ipv4(device: u32, interface: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_ttl_v4(TTL)?;
    // RFC 6762 15: the responders of this host hear us too.
    socket.set_multicast_loop_v4(true)?;
    // What arrives by an interface of a VRF is for none else.
    socket.bind_device(Some(interface.as_bytes()))?;
    finish(&socket, (MDNS.group_v4, PORT).into())?;
    socket.join_multicast_v4_n(&MDNS.group_v4, &InterfaceIndexOrAddress::Index(device))?;
    UdpSocket::from_std(StdSocket::from(socket))
}

fn ipv6(device: u32) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.set_only_v6(true)?;
    setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    socket.set_multicast_all_v6(false)?;
    socket.set_multicast_hops_v6(TTL)?;
    socket.set_multicast_loop_v6(true)?;
    // The group is one of the link's scope, and so this binds to the interface as well.
    let group = SocketAddrV6::new(MDNS.group_v6, PORT, 0, device);
    finish(&socket, group.into())?;
    socket.join_multicast_v6(&MDNS.group_v6, device)?;
    UdpSocket::from_std(StdSocket::from(socket))
}

fn finish(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    // Without the right to more, as much as everybody may have.
    if setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    }
    share(socket, address)
}

/// Takes in a socket's datagrams.
async fn listen(device: u32, socket: Arc<UdpSocket>, told: mpsc::Sender<Datagram>) {
    // RFC 6762 17: one byte more tells a message that is too long from one that is not.
    let mut buffer = vec![0; PACKET_MAX + 1];
    loop {
        let received = match socket.readable().await {
            Ok(()) => socket.try_io(tokio::io::Interest::READABLE, || {
                receive(&socket, &mut buffer)
            }),
            Err(error) => Err(error),
        };
        match received {
            Ok(Some(datagram)) => {
                let datagram = Datagram {
                    device,
                    arrival: Arrival {
                        from: datagram.from,
                        to: datagram.to,
                    },
                    bytes: Vec::from(&buffer[..datagram.length.min(PACKET_MAX + 1)]),
                };
                if told.send(datagram).await.is_err() {
                    return;
                }
            }
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                debug!("receive: {error}");
                tokio::time::sleep(RECEIVE_PAUSE).await;
            }
        }
    }
}
