//! IP and UDP.

use etherparse::{IpNumber, Ipv4Header, PacketBuilder};

use super::*;

#[test]
fn ipv4_options_are_stepped_over() {
    let udp = &v4(b"hello")[20..];
    let mut header = Ipv4Header::new(
        udp.len() as u16,
        255,
        IpNumber::UDP,
        [192, 0, 2, 1],
        [224, 0, 0, 251],
    )
    .unwrap();
    // Router alert.
    header.options = [0x94, 4, 0, 0].into();
    header.set_payload_len(udp.len()).unwrap();
    let mut packet = Vec::new();
    header.write(&mut packet).unwrap();
    packet.extend_from_slice(udp);
    assert_eq!(one(RAW, &packet), Ok(expected_v4(None, b"hello")));
}

#[test]
fn ipv6_extension_headers_are_stepped_over() {
    let whole = v6(b"hello");
    let udp = &whole[40..];
    // Hop-by-hop and destination options, each with padding, then a fragment header of an unfragmented packet.
    let extensions = [
        &[60, 0, 1, 4, 0, 0, 0, 0][..],
        &[44, 0, 1, 4, 0, 0, 0, 0],
        &[17, 0, 0, 0, 0, 0, 0, 9],
    ]
    .concat();
    let mut packet = whole[..40].to_vec();
    packet[4..6].copy_from_slice(&((extensions.len() + udp.len()) as u16).to_be_bytes());
    packet[6] = 0;
    packet.extend_from_slice(&extensions);
    packet.extend_from_slice(udp);
    assert_eq!(one(RAW, &packet), Ok(expected_v6(None, b"hello")));
}

#[test]
fn other_protocols_are_counted() {
    let mut tcp = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .tcp(1, 2, 3, 4)
        .write(&mut tcp, b"x")
        .unwrap();
    assert_eq!(one(RAW, &tcp), Err(Skip::NotUdp));
    let arp = ethernet(
        0x0806,
        &[
            0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
        ],
    );
    assert_eq!(one(ETHERNET, &arp), Err(Skip::NotUdp));
    assert_eq!(one(ETHERNET, &ethernet(0x88cc, b"lldp")), Err(Skip::NotUdp));
}

#[test]
fn lengths_that_contradict_each_other_are_malformed() {
    let whole = v4(b"hello");
    let with = |at: usize, value: u16| {
        let mut packet = whole.clone();
        packet[at..at + 2].copy_from_slice(&value.to_be_bytes());
        one(RAW, &packet)
    };
    let length = whole.len() as u16;
    assert!(with(2, length).is_ok());
    assert_eq!(with(2, length + 1), Err(Skip::Malformed));
    assert_eq!(with(2, length - 1), Err(Skip::Malformed));
    // A kernel that leaves the length to the network card writes 0.
    assert!(with(2, 0).is_ok());
    let udp = length - 20;
    assert_eq!(with(24, udp + 1), Err(Skip::Malformed));
    assert_eq!(with(24, 7), Err(Skip::Malformed));
    assert_eq!(with(24, 0), Err(Skip::Malformed));
    assert_eq!(with(24, udp - 1).unwrap().payload, b"hell");
}

#[test]
fn empty_datagrams_are_datagrams() {
    assert_eq!(one(RAW, &v4(b"")), Ok(expected_v4(None, b"")));
}
