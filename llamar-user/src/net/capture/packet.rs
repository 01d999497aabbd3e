//! From frames to datagrams: VLAN tags, IP with options and extension headers, fragments, UDP.

use std::net::IpAddr;

use etherparse::{IpNumber, LaxNetSlice, LaxSlicedPacket, UdpSlice};

use super::fragments::{Fragment, Fragments};
use super::frames::Frame;
use super::link::{self, Carried};
use super::{Captured, Skip, Udp};

/// The datagram that a frame holds or completes; none if others are to come before it is whole.
pub(super) fn read(frame: &Frame, fragments: &mut Fragments) -> Result<Option<Captured>, Skip> {
    // What is missing at the end may be all that is wrong with the rest.
    let worst = |skip: Skip| match skip {
        Skip::Malformed if frame.truncated => Skip::Truncated,
        skip => skip,
    };
    let carried = link::open(frame).map_err(worst)?;
    let udp = datagram(frame, &carried, fragments).map_err(worst)?;
    let device = carried.device.map(|index| format!("#{index}"));
    let interface = match (&frame.interface, device) {
        (Some(name), Some(device)) => Some(format!("{name}{device}")),
        (Some(name), None) => Some(name.clone()),
        (None, device) => device,
    };
    Ok(udp.map(|packet| Captured {
        at: frame.at,
        interface,
        packet,
    }))
}

fn datagram(
    frame: &Frame,
    carried: &Carried<'_>,
    fragments: &mut Fragments,
) -> Result<Option<Udp>, Skip> {
    let packet = LaxSlicedPacket::from_ether_type(carried.ether_type, carried.packet);
    let vlan = packet.vlan_ids().last().map(|id| id.value());
    let Some(net) = &packet.net else {
        return Err(match packet.stop_err {
            Some(_) => Skip::Malformed,
            None => Skip::NotUdp,
        });
    };
    let ip = Ip::of(net).ok_or(Skip::NotUdp)?;
    let payload = net.ip_payload_ref().ok_or(Skip::NotUdp)?;
    if payload.incomplete {
        return Err(Skip::Malformed);
    }
    let whole;
    let (number, bytes) = if payload.fragmented {
        let fragment = Fragment::of(net, vlan, carried.device).ok_or(Skip::Malformed)?;
        let Some(done) = fragments.add(frame, fragment)? else {
            return Ok(None);
        };
        whole = done;
        (whole.0, &whole.1[..])
    } else {
        (payload.ip_number, payload.payload)
    };
    if number != IpNumber::UDP {
        return Err(Skip::NotUdp);
    }
    let (source_mac, udp) = (carried.source_mac, udp(bytes)?);
    Ok(Some(Udp {
        from: (ip.from, udp.source_port()).into(),
        to: (ip.to, udp.destination_port()).into(),
        hop_limit: ip.hop_limit,
        vlan,
        source_mac,
        payload: udp.payload().to_vec(),
    }))
}

/// What the header of either version says.
struct Ip {
    from: IpAddr,
    to: IpAddr,
    hop_limit: u8,
}

impl Ip {
    /// `None` if it is ARP.
    fn of(net: &LaxNetSlice<'_>) -> Option<Self> {
        let (from, to, hop_limit) = match net {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                let (from, to) = (header.source_addr(), header.destination_addr());
                (from.into(), to.into(), header.ttl())
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                let (from, to) = (header.source_addr(), header.destination_addr());
                (from.into(), to.into(), header.hop_limit())
            }
            LaxNetSlice::Arp(_) => return None,
        };
        Some(Self {
            from,
            to,
            hop_limit,
        })
    }
}

fn udp(bytes: &[u8]) -> Result<UdpSlice<'_>, Skip> {
    let udp = UdpSlice::from_slice(bytes).map_err(|_| Skip::Malformed)?;
    match udp.length() {
        // RFC 2675 4: a length of 0 stands for more than 65535 bytes, which nothing here has.
        0 => Err(Skip::Malformed),
        _ => Ok(udp),
    }
}
