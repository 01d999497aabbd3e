//! LLMNR on a VLAN that has no interface here: no UDP socket sees its messages, so the engine's are taken
//! from whole frames and put into such. What `llamar_common::respond` answers itself never comes here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use llamar_common::wire::checksum::Sum;
use llamar_common::wire::ip::{LIFETIME, UDP, v4, v6};
use llamar_common::wire::{be16, chunk, ethernet, put, udp};

use super::stations::Station;
use crate::state::Served;

/// Length of the Ethernet header and the tag.
const LINK_HEADER: usize = ethernet::HEADER + ethernet::TAG;

/// The frame that carries a message from our address on a VLAN to a station or a group there.
pub fn frame(
    served: &Served,
    station: Station,
    source: IpAddr,
    to: SocketAddr,
    message: &[u8],
) -> Vec<u8> {
    let ether_type = match source {
        IpAddr::V4(_) => ethernet::IPV4,
        IpAddr::V6(_) => ethernet::IPV6,
    };
    let mut frame = vec![0; LINK_HEADER];
    put(&mut frame, ethernet::DESTINATION, station.mac);
    put(&mut frame, ethernet::SOURCE, served.mac);
    put(
        &mut frame,
        ethernet::ETHER_TYPE,
        ethernet::VLAN.to_be_bytes(),
    );
    put(&mut frame, ethernet::HEADER, station.tag.to_be_bytes());
    put(&mut frame, ethernet::HEADER + 2, ether_type.to_be_bytes());
    append_ip(&mut frame, source, to, message);
    frame
}

/// The group of LLMNR in a family on a VLAN.
pub fn group(family: IpAddr, vlan: u16) -> Station {
    let mac = match family {
        IpAddr::V4(_) => ethernet::LLMNR_V4,
        IpAddr::V6(_) => ethernet::LLMNR_V6,
    };
    Station { mac, tag: vlan }
}

/// A UDP datagram for the port of LLMNR in a tagged frame.
pub struct Datagram<'a> {
    /// Who sent it.
    pub station: Station,
    /// The sender's address and port.
    pub from: SocketAddr,
    /// The address it was sent to.
    pub to: IpAddr,
    /// Its payload.
    pub message: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// The datagram in a frame; `None` if there is none, or its checksum is wrong.
    pub fn read(frame: &'a [u8]) -> Option<Self> {
        let header = frame.get(..LINK_HEADER)?;
        let packet = &frame[LINK_HEADER..];
        let (from, to, datagram) = match be16(header, ethernet::HEADER + 2) {
            ethernet::IPV4 => read_v4(packet)?,
            ethernet::IPV6 => read_v6(packet)?,
            _ => return None,
        };
        let head = datagram.get(..udp::HEADER)?;
        let whole = be16(head, udp::LENGTH) as usize == datagram.len();
        let ours = be16(head, udp::DESTINATION) == udp::LLMNR;
        if !whole || !ours || !is_good(from, to, datagram) {
            return None;
        }
        Some(Self {
            station: Station {
                mac: chunk(header, ethernet::SOURCE),
                tag: be16(header, ethernet::HEADER),
            },
            from: SocketAddr::new(from, be16(head, udp::SOURCE)),
            to,
            message: &datagram[udp::HEADER..],
        })
    }
}

fn read_v4(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header = packet.get(..v4::HEADER)?;
    let length = usize::from(header[0] & 0xf) * 4;
    let header = packet.get(..length.max(v4::HEADER))?;
    let total = usize::from(be16(header, v4::TOTAL_LENGTH));
    let whole = be16(header, v4::FRAGMENT) & !v4::DONT_FRAGMENT == 0;
    let good = header[0] >> 4 == 4 && length >= v4::HEADER && header[v4::PROTOCOL] == UDP;
    if !good || !whole || Sum::ZERO.bytes(header).fold() != 0xffff {
        return None;
    }
    let address = |at| IpAddr::V4(Ipv4Addr::from(chunk::<4>(header, at)));
    let datagram = packet.get(length..total)?;
    Some((address(v4::SOURCE), address(v4::DESTINATION), datagram))
}

fn read_v6(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header = packet.get(..v6::HEADER)?;
    let length = usize::from(be16(header, v6::PAYLOAD_LENGTH));
    if header[0] >> 4 != 6 || header[v6::NEXT_HEADER] != UDP {
        return None;
    }
    let address = |at| IpAddr::V6(Ipv6Addr::from(chunk::<16>(header, at)));
    let datagram = packet.get(v6::HEADER..v6::HEADER + length)?;
    Some((address(v6::SOURCE), address(v6::DESTINATION), datagram))
}

/// Whether the checksum is right, absent where it may be, or left to a device (then it is the pseudo-header's sum).
fn is_good(from: IpAddr, to: IpAddr, datagram: &[u8]) -> bool {
    let pseudo = pseudo_header(from, to, datagram.len());
    match be16(datagram, udp::CHECKSUM) {
        0 => from.is_ipv4(),
        checksum => {
            checksum.swap_bytes() == pseudo.fold() || pseudo.bytes(datagram).fold() == 0xffff
        }
    }
}

fn pseudo_header(from: IpAddr, to: IpAddr, length: usize) -> Sum {
    let addresses = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Sum::ZERO.bytes(&from.octets()).bytes(&to.octets()),
        (from, to) => Sum::ZERO.bytes(&octets6(from)).bytes(&octets6(to)),
    };
    // A datagram's length fits: it was read from, or is written to, its header.
    addresses.number(u16::from(UDP)).number(length as u16)
}

fn octets6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Appends the IP packet that carries a message from our address to an asker of the same family.
fn append_ip(frame: &mut Vec<u8>, source: IpAddr, asker: SocketAddr, message: &[u8]) {
    let length = udp::HEADER + message.len();
    match (source, asker.ip()) {
        (IpAddr::V4(source), IpAddr::V4(asker)) => {
            let mut header = [0; v4::HEADER];
            header[0] = v4::VERSION_IHL;
            put(
                &mut header,
                v4::TOTAL_LENGTH,
                ((v4::HEADER + length) as u16).to_be_bytes(),
            );
            put(&mut header, v4::FRAGMENT, v4::DONT_FRAGMENT.to_be_bytes());
            header[v4::TTL] = LIFETIME;
            header[v4::PROTOCOL] = UDP;
            put(&mut header, v4::SOURCE, source.octets());
            put(&mut header, v4::DESTINATION, asker.octets());
            let checksum = Sum::ZERO.bytes(&header).checksum();
            put(&mut header, v4::CHECKSUM, checksum.to_le_bytes());
            frame.extend(header);
        }
        (source, asker) => {
            let mut header = [0; v6::HEADER];
            header[0] = 0x60;
            put(
                &mut header,
                v6::PAYLOAD_LENGTH,
                (length as u16).to_be_bytes(),
            );
            header[v6::NEXT_HEADER] = UDP;
            header[v6::HOP_LIMIT] = LIFETIME;
            put(&mut header, v6::SOURCE, octets6(source));
            put(&mut header, v6::DESTINATION, octets6(asker));
            frame.extend(header);
        }
    }
    let start = frame.len();
    frame.extend(udp::LLMNR.to_be_bytes());
    frame.extend(asker.port().to_be_bytes());
    frame.extend((length as u16).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(message);
    let sum = pseudo_header(source, asker.ip(), length).bytes(&frame[start..]);
    put(
        &mut frame[start..],
        udp::CHECKSUM,
        sum.udp_checksum().to_le_bytes(),
    );
}
