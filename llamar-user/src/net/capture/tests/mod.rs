//! Files and frames made by hand.

mod files;
mod fragments;
mod links;
mod ng;
mod packets;
mod whole;

use std::io::Cursor;

use etherparse::PacketBuilder;

use super::{Capture, CaptureError, Captured, Skip, Skipped, Udp};

const ETHERNET: u32 = 1;
const RAW: u32 = 101;
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const GROUP_MAC: [u8; 6] = [1, 0, 0x5e, 0, 0, 0xfb];

/// What comes out of a file.
struct Read {
    datagrams: Vec<Captured>,
    error: Option<CaptureError>,
    skipped: Skipped,
}

impl Read {
    fn packets(&self) -> Vec<&Udp> {
        let captured = self.datagrams.iter();
        captured.map(|captured| &captured.packet).collect()
    }

    #[track_caller]
    fn only(&self) -> &Udp {
        assert!(self.error.is_none(), "{:?}", self.error);
        let [captured] = &self.datagrams[..] else {
            panic!("{:?}, skipped: {:?}", self.datagrams, self.skipped);
        };
        &captured.packet
    }
}

fn read(file: Vec<u8>) -> Read {
    let mut capture = Capture::new("test.pcap", Cursor::new(file));
    let (mut datagrams, mut error) = (Vec::new(), None);
    for item in capture.by_ref() {
        assert!(error.is_none(), "something behind an error");
        match item {
            Ok(captured) => datagrams.push(captured),
            Err(failed) => error = Some(failed),
        }
    }
    assert!(capture.next().is_none());
    let skipped = *capture.skipped();
    Read {
        datagrams,
        error,
        skipped,
    }
}

/// What comes of one frame: a datagram, or why none does.
#[track_caller]
fn one(link: u32, frame: &[u8]) -> Result<Udp, Skip> {
    let read = read(pcap(link, &[frame]));
    assert!(read.error.is_none());
    let skip = Skip::ALL
        .into_iter()
        .find(|skip| read.skipped.count(*skip) > 0);
    match (&read.datagrams[..], skip) {
        ([captured], None) => Ok(captured.packet.clone()),
        ([], Some(skip)) => Err(skip),
        (all, skip) => panic!("{all:?} {skip:?}"),
    }
}

/// A pcap file of these frames, one a second.
fn pcap(link: u32, frames: &[&[u8]]) -> Vec<u8> {
    let mut file = header(link);
    for (second, frame) in (0..).zip(frames) {
        file.extend(record([second, 0], frame, frame.len()));
    }
    file
}

fn header(link: u32) -> Vec<u8> {
    words([0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link])
}

fn record(time: [u32; 2], frame: &[u8], original: usize) -> Vec<u8> {
    let mut record = words([time[0], time[1], frame.len() as u32, original as u32]);
    record.extend(frame);
    record
}

fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An IPv4 packet with a datagram from 192.0.2.1:5353 to mDNS's group.
fn v4(payload: &[u8]) -> Vec<u8> {
    built(
        PacketBuilder::ipv4([192, 0, 2, 1], [224, 0, 0, 251], 255),
        payload,
    )
}

/// The same over IPv6, from fe80::1.
fn v6(payload: &[u8]) -> Vec<u8> {
    built(PacketBuilder::ipv6(FROM_6, TO_6, 255), payload)
}

const FROM_6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const TO_6: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb];

fn built(builder: etherparse::PacketBuilderStep<etherparse::IpHeaders>, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let udp = builder.udp(5353, 5353);
    udp.write(&mut packet, payload).unwrap();
    packet
}

/// What such a packet comes to.
fn udp(from: &str, to: &str, mac: Option<[u8; 6]>, payload: &[u8]) -> Udp {
    Udp {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        hop_limit: 255,
        vlan: None,
        source_mac: mac,
        payload: payload.into(),
    }
}

fn expected_v4(mac: Option<[u8; 6]>, payload: &[u8]) -> Udp {
    udp("192.0.2.1:5353", "224.0.0.251:5353", mac, payload)
}

fn expected_v6(mac: Option<[u8; 6]>, payload: &[u8]) -> Udp {
    udp("[fe80::1]:5353", "[ff02::fb]:5353", mac, payload)
}

/// An Ethernet header with a type, and what is behind it.
fn ethernet(kind: u16, packet: &[u8]) -> Vec<u8> {
    [&GROUP_MAC[..], &MAC, &kind.to_be_bytes(), packet].concat()
}
