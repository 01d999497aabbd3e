//! A query as a frame: Ethernet, IPv4 or IPv6, UDP, each as wrong as it was asked to be.

use std::net::IpAddr;
use std::vec::Vec;

use super::{Checksum, Query, sent};
use crate::testing::{BROADCAST, checksum, ethernet, pseudo_header};

impl Query {
    /// The frame.
    ///
    /// # Panics
    /// If the addresses are not of one family.
    #[track_caller]
    pub fn build(&self) -> Vec<u8> {
        let message = self.message();
        let length = (message.len() as u16 + 8).wrapping_add_signed(self.udp_length);
        let mut udp = Vec::new();
        for word in [self.port, self.to_port, length, 0] {
            udp.extend(word.to_be_bytes());
        }
        udp.extend(message);
        let pseudo = pseudo_header(self.from.ip, self.to, length);
        let sum = match self.checksum {
            Checksum::Complete => sent(checksum(&udp, pseudo)),
            Checksum::Partial => !checksum(&[], pseudo),
            Checksum::Absent => 0,
            Checksum::Wrong(bits) => sent(checksum(&udp, pseudo)) ^ bits,
        };
        udp[6..8].copy_from_slice(&sum.to_be_bytes());
        let mut frame = self.headers(&udp);
        frame.extend(udp);
        frame.extend(&self.trailer);
        frame
    }

    fn headers(&self, udp: &[u8]) -> Vec<u8> {
        let (mac, ether_type, ip) = match (self.from.ip, self.to) {
            (IpAddr::V4(_), IpAddr::V4(to)) => {
                let [_, b, c, d] = to.octets();
                let mac = if to.is_multicast() {
                    [1, 0, 0x5e, b & 0x7f, c, d]
                } else {
                    BROADCAST
                };
                (mac, 0x0800, self.ipv4(udp))
            }
            (_, IpAddr::V6(to)) => {
                let [.., c, d, e, f] = to.octets();
                ([0x33, 0x33, c, d, e, f], 0x86dd, self.ipv6(udp))
            }
            mixed => panic!("both addresses are of one family: {mixed:?}"),
        };
        let mut frame = ethernet(
            self.to_mac.unwrap_or(mac),
            self.from.mac,
            &self.tags,
            ether_type,
        );
        frame.extend(ip);
        frame
    }

    fn ipv4(&self, udp: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let length = ((header + udp.len()) as u16).wrapping_add_signed(self.ip_length);
        let mut ip = Vec::from([0x40 | (header / 4) as u8, 0]);
        for word in [
            length,
            1,
            self.fragment,
            u16::from_be_bytes([self.ttl, 17]),
            0,
        ] {
            ip.extend(word.to_be_bytes());
        }
        for address in [self.from.ip, self.to] {
            if let IpAddr::V4(address) = address {
                ip.extend(address.octets());
            }
        }
        ip.extend(&self.options);
        let sum = checksum(&ip, 0);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        ip
    }

    fn ipv6(&self, udp: &[u8]) -> Vec<u8> {
        let (next, extension) = self.extension.clone().unwrap_or((17, Vec::new()));
        let length = ((extension.len() + udp.len()) as u16).wrapping_add_signed(self.ip_length);
        let mut ip = Vec::from([0x60, 0, 0, 0]);
        ip.extend(length.to_be_bytes());
        ip.extend([next, self.ttl]);
        for address in [self.from.ip, self.to] {
            if let IpAddr::V6(address) = address {
                ip.extend(address.octets());
            }
        }
        ip.extend(extension);
        ip
    }
}
