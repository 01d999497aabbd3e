//! The reply that is expected to a query, byte by byte from the RFCs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::vec::Vec;

use super::query::sent;
use super::{A, AAAA, LLMNR_PORT, Query, SOA, Station, checksum, ethernet, pseudo_header};

/// An expected LLMNR response.
#[derive(Clone, Debug)]
pub struct Reply {
    query: Query,
    from: Station,
    answers: u16,
    authority: u16,
    records: Vec<u8>,
}

impl Reply {
    /// The reply of a station to a query.
    pub(super) fn to(query: &Query, from: Station) -> Self {
        Self {
            query: query.clone(),
            from,
            answers: 0,
            authority: 0,
            records: Vec::new(),
        }
    }

    /// Adds an address to the answer section.
    #[must_use]
    pub fn address(self, ttl: u32, address: impl Into<IpAddr>) -> Self {
        match address.into() {
            IpAddr::V4(address) => self.a(ttl, address),
            IpAddr::V6(address) => self.aaaa(ttl, address),
        }
    }

    fn a(self, ttl: u32, address: Ipv4Addr) -> Self {
        Self {
            answers: self.answers + 1,
            ..self.record(A, ttl, &address.octets())
        }
    }

    fn aaaa(self, ttl: u32, address: Ipv6Addr) -> Self {
        Self {
            answers: self.answers + 1,
            ..self.record(AAAA, ttl, &address.octets())
        }
    }

    /// Adds the SOA record of an empty answer to the authority section (RFC 4795 2.9).
    #[must_use]
    pub fn soa(self, ttl: u32) -> Self {
        let mut value = Vec::from(*b"\xc0\x0c\x04root\xc0\x0c");
        for number in [1, 1, 1, 1, ttl] {
            value.extend(number.to_be_bytes());
        }
        Self {
            authority: self.authority + 1,
            ..self.record(SOA, ttl, &value)
        }
    }

    fn record(mut self, kind: u16, ttl: u32, value: &[u8]) -> Self {
        self.records.extend([0xc0, 0x0c]);
        self.records.extend(kind.to_be_bytes());
        self.records.extend(1_u16.to_be_bytes());
        self.records.extend(ttl.to_be_bytes());
        self.records.extend((value.len() as u16).to_be_bytes());
        self.records.extend(value);
        self
    }

    /// The DNS message.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for word in [self.query.id, 0x8000, 1, self.answers, self.authority, 0] {
            message.extend(word.to_be_bytes());
        }
        message.extend(&self.query.questions);
        message.extend(&self.records);
        message
    }

    /// The frame.
    ///
    /// # Panics
    /// If the addresses of the two stations are not of one family.
    #[track_caller]
    pub fn build(&self) -> Vec<u8> {
        let asker = self.query.from;
        let message = self.message();
        let length = message.len() as u16 + 8;
        let mut udp = Vec::new();
        for word in [LLMNR_PORT, self.query.port, length, 0] {
            udp.extend(word.to_be_bytes());
        }
        udp.extend(message);
        let sum = sent(checksum(
            &udp,
            pseudo_header(self.from.ip, asker.ip, length),
        ));
        udp[6..8].copy_from_slice(&sum.to_be_bytes());
        let (ether_type, ip) = match (self.from.ip, asker.ip) {
            (IpAddr::V4(from), IpAddr::V4(to)) => (0x0800, ipv4(from, to, length)),
            (IpAddr::V6(from), IpAddr::V6(to)) => (0x86dd, ipv6(from, to, length)),
            mixed => panic!("both addresses are of one family: {mixed:?}"),
        };
        let mut frame = ethernet(asker.mac, self.from.mac, &self.query.tags, ether_type);
        frame.extend(ip);
        frame.extend(udp);
        frame
    }
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, length: u16) -> Vec<u8> {
    let mut ip = Vec::from([0x45, 0]);
    for word in [length + 20, 0, 0x4000, u16::from_be_bytes([255, 17]), 0] {
        ip.extend(word.to_be_bytes());
    }
    ip.extend(from.octets());
    ip.extend(to.octets());
    let sum = checksum(&ip, 0);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    ip
}

fn ipv6(from: Ipv6Addr, to: Ipv6Addr, length: u16) -> Vec<u8> {
    let mut ip = Vec::from([0x60, 0, 0, 0]);
    ip.extend(length.to_be_bytes());
    ip.extend([17, 255]);
    ip.extend(from.octets());
    ip.extend(to.octets());
    ip
}
