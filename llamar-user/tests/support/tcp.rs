//! LLMNR over TCP, by hand: messages behind their lengths (RFC 1035 4.2.2).

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use llamar_common::testing::LLMNR_PORT;

use super::DEADLINE;
use super::message::Message;
use super::net::Namespace;

/// Connects to port 5355 of an address within some time.
pub fn connect(from: &Namespace, to: IpAddr, patience: Duration) -> std::io::Result<TcpStream> {
    let to = SocketAddr::new(to, LLMNR_PORT);
    from.inside(|| TcpStream::connect_timeout(&to, patience))
}

/// A connection to port 5355 of an address.
#[track_caller]
pub fn connected(from: &Namespace, to: IpAddr) -> TcpStream {
    connect(from, to, DEADLINE).unwrap_or_else(|error| panic!("connect to {to}: {error}"))
}

/// Sends a message.
#[track_caller]
pub fn send(stream: &mut TcpStream, message: &[u8]) {
    try_send(stream, message).expect("send a message");
}

/// Sends a message on a connection that may have been closed.
pub fn try_send(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    let length = u16::try_from(message.len()).expect("a length in two octets");
    let framed = [&length.to_be_bytes(), message].concat();
    stream.write_all(&framed)
}

/// The next message; `None` if the connection is closed or reset, or none comes within the deadline.
pub fn receive(stream: &mut TcpStream) -> Option<Message> {
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).ok()?;
    Some(Message::parse(&message).expect("a DNS message"))
}

/// A TCP segment, as far as tests judge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Port it comes from.
    pub from: u16,
    /// Port it goes to.
    pub to: u16,
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack: bool,
    /// IP TTL or hop limit.
    pub ttl: u8,
}

impl Segment {
    /// Decodes a frame; `None` if it is no TCP segment.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let Some(TransportSlice::Tcp(tcp)) = &packet.transport else {
            return None;
        };
        let ttl = match packet.net.as_ref()? {
            NetSlice::Ipv4(ip) => ip.header().ttl(),
            NetSlice::Ipv6(ip) => ip.header().hop_limit(),
            NetSlice::Arp(_) => return None,
        };
        Some(Self {
            from: tcp.source_port(),
            to: tcp.destination_port(),
            syn: tcp.syn(),
            ack: tcp.ack(),
            ttl,
        })
    }
}
