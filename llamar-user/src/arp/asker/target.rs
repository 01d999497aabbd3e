//! What is known of one target.

use std::net::Ipv4Addr;
use std::time::Instant;

use super::answer::{Answer, How};
use crate::arp::Arrival;
use crate::ether::MacAddr;

/// Hosts that are remembered of one address: two are a mistake, more a forger, who has as many as he likes.
const HOSTS_MAX: usize = 16;

/// One target.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    /// Frames to it.
    pub asked: u32,
    /// When the last one was sent.
    last: Option<Instant>,
    /// Who answered, and which frame last.
    hosts: Vec<(MacAddr, u32)>,
}

impl Target {
    /// Takes note of a frame to it; which one it is, from 1.
    pub fn ask(&mut self, now: Instant) -> u32 {
        self.asked = self.asked.saturating_add(1);
        self.last = Some(now);
        self.asked
    }

    /// Who answered first.
    pub fn first(&self) -> Option<MacAddr> {
        self.hosts.first().map(|(mac, _)| *mac)
    }

    pub fn is_answered(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Takes note of an answer.
    pub fn answer(&mut self, now: Instant, ip: Ipv4Addr, how: How, arrival: Arrival) -> Answer {
        let mac = arrival.packet.sender.mac;
        let other = self.hosts.iter().find(|(host, _)| *host != mac);
        let duplicate_of = other.map(|(host, _)| *host);
        let rtt = self.last.filter(|_| how.is_solicited());
        Answer {
            target: ip,
            mac,
            how,
            rtt: rtt.map(|asked| now.saturating_duration_since(asked)),
            repeated: self.is_repeated(mac),
            duplicate_of,
            arrival,
        }
    }

    /// Whether a host has answered the last frame before; it is remembered that it has now.
    fn is_repeated(&mut self, mac: MacAddr) -> bool {
        let asked = self.asked;
        if let Some((_, answered)) = self.hosts.iter_mut().find(|(host, _)| *host == mac) {
            return std::mem::replace(answered, asked) == asked;
        }
        if self.hosts.len() < HOSTS_MAX {
            self.hosts.push((mac, asked));
        }
        false
    }
}
