//! Addresses that a host gives itself (RFC 3927 2.1).

use std::net::Ipv4Addr;

use llamar_common::wire::ethernet::word;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::ether::MacAddr;

/// First and last address that may be taken: the 256 at each end of the prefix are reserved.
const RANGE: (Ipv4Addr, Ipv4Addr) = (
    Ipv4Addr::new(169, 254, 1, 0),
    Ipv4Addr::new(169, 254, 254, 255),
);

/// Candidates in an order that each host has for itself, the same in every run.
#[derive(Debug)]
pub struct Candidates(StdRng);

impl Candidates {
    /// Those of a host with this hardware address.
    // RFC 3927 2.1: SHOULD be seeded from what is different for each host, so that hosts which are switched on together do
    // not try the same addresses, and each mostly gets the one that it had before.
    pub fn of(mac: MacAddr) -> Self {
        Self(StdRng::seed_from_u64(word(mac.0)))
    }

    /// The next one.
    // RFC 3927 2.1: uniformly distributed.
    pub fn draw(&mut self) -> Ipv4Addr {
        let (first, last) = RANGE;
        let bits = self.0.random_range(first.to_bits()..=last.to_bits());
        Ipv4Addr::from_bits(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3927 2.1: C21
    #[test]
    fn candidates_are_spread_over_the_whole_range_and_differ_from_host_to_host() {
        let of = |last| {
            let mut candidates = Candidates::of(MacAddr([2, 0, 0, 0, 0, last]));
            std::iter::repeat_with(move || candidates.draw()).take(5000)
        };
        let one: Vec<_> = of(1).collect();
        assert!(of(1).eq(one.iter().copied()));
        assert!(!of(2).eq(one.iter().copied()));
        assert!(one.iter().all(|ip| (1..=254).contains(&ip.octets()[2])));
        for quarter in 0..4 {
            let within = |ip: &&Ipv4Addr| usize::from((ip.octets()[2] - 1) / 64) == quarter;
            let count = one.iter().filter(within).count();
            assert!((1100..1400).contains(&count), "{count}");
        }
        for end in [1, 254] {
            assert!(one.iter().any(|ip| ip.octets()[2] == end));
        }
    }
}
