//! The internet checksum (RFC 1071) as the RFC writes it: big-endian words, one by one.

use std::net::IpAddr;

/// The checksum of bytes, with a sum to begin with.
pub fn checksum(bytes: &[u8], seed: u32) -> u16 {
    let mut sum = words(bytes) + seed;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The sum of the pseudo-header of UDP (RFC 768, RFC 8200 8.1).
///
/// # Panics
/// If the addresses are not of one family.
#[track_caller]
pub fn pseudo_header(from: IpAddr, to: IpAddr, length: u16) -> u32 {
    let addresses = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => words(&from.octets()) + words(&to.octets()),
        (IpAddr::V6(from), IpAddr::V6(to)) => words(&from.octets()) + words(&to.octets()),
        mixed => panic!("both addresses are of one family: {mixed:?}"),
    };
    addresses + 17 + u32::from(length)
}

fn words(bytes: &[u8]) -> u32 {
    bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum()
}
