//! The prefixes of a link in the form in which the quick way takes them: an asker is in one by a single comparison.

use super::{Prefix4, Prefix6};
use crate::wire::checksum::Sum;

/// Prefixes of either family that the quick way looks at.
pub const NEAR: usize = 2;

/// An IPv4 prefix and our address in it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near4 {
    /// The prefix, host bits zero.
    pub network: [u8; 4],
    /// How many addresses it has between its two ends; 0 in an unused entry.
    pub stations: u32,
    /// The address from which askers in the prefix are answered.
    pub source: [u8; 4],
}

impl Near4 {
    /// An entry in which nobody is.
    pub const UNUSED: Self = Self {
        network: [0; 4],
        stations: 0,
        source: [0; 4],
    };
}

/// An IPv6 prefix of 64 bits and our address in it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near6 {
    /// The prefix.
    pub network: [u8; 8],
    /// What follows it in the address from which askers in the prefix are answered.
    pub host: [u8; 8],
    /// The folded [sum](Sum) of that address; 0 in an unused entry.
    pub sum: u64,
}

impl Near6 {
    /// An entry without an address.
    pub const UNUSED: Self = Self {
        network: [0; 8],
        host: [0; 8],
        sum: 0,
    };
}

/// The first prefixes with stations that none before them overlaps, which come first.
pub(super) fn four(prefixes: &[Prefix4]) -> [Near4; NEAR] {
    let number = |bytes| u128::from(u32::from_be_bytes(bytes));
    let firsts = firsts(prefixes, |prefix| {
        (number(prefix.network), number(prefix.mask))
    });
    let found = firsts.filter_map(|prefix| {
        // The two ends of a prefix are no stations, but in narrow ones, which are not for the quick way.
        let stations = (!u32::from_be_bytes(prefix.mask)).saturating_sub(1);
        (stations != 0).then_some(Near4 {
            network: prefix.network,
            stations,
            source: prefix.source,
        })
    });
    collected(Near4::UNUSED, found)
}

/// The same of 64 bits.
pub(super) fn six(prefixes: &[Prefix6]) -> [Near6; NEAR] {
    let number = u128::from_be_bytes;
    let firsts = firsts(prefixes, |prefix| {
        (number(prefix.network), number(prefix.mask))
    });
    let found = firsts.filter_map(|prefix| {
        let is_half = number(prefix.mask) == u128::MAX << 64;
        let ours = number(prefix.source);
        let is_in = (ours ^ number(prefix.network)) >> 64 == 0;
        (is_half && is_in).then_some(Near6 {
            network: ((ours >> 64) as u64).to_be_bytes(),
            host: (ours as u64).to_be_bytes(),
            sum: Sum::ZERO.bytes(&prefix.source).fold().into(),
        })
    });
    collected(Near6::UNUSED, found)
}

/// The prefixes that none before them overlaps, by their networks and masks.
fn firsts<P>(prefixes: &[P], parts: impl Fn(&P) -> (u128, u128)) -> impl Iterator<Item = &P> {
    let overlap = move |one: &P, other: &P| {
        let ((network, mask), (other_network, other_mask)) = (parts(one), parts(other));
        (network ^ other_network) & mask & other_mask == 0
    };
    let numbered = prefixes.iter().enumerate();
    let is_first = move |&(place, prefix): &(usize, &P)| {
        !prefixes[..place].iter().any(|other| overlap(prefix, other))
    };
    numbered.filter(is_first).map(|(_, prefix)| prefix)
}

fn collected<T: Copy>(unused: T, found: impl Iterator<Item = T>) -> [T; NEAR] {
    let mut all = [unused; NEAR];
    for (to, from) in all.iter_mut().zip(found) {
        *to = from;
    }
    all
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::vec::Vec;

    use super::*;

    fn prefix4(source: [u8; 4], length: u32) -> Prefix4 {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        Prefix4 {
            network: (u32::from_be_bytes(source) & mask).to_be_bytes(),
            mask: mask.to_be_bytes(),
            source,
        }
    }

    fn prefix6(source: &str, length: u32) -> Prefix6 {
        let source = source.parse::<Ipv6Addr>().unwrap().to_bits();
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        Prefix6 {
            network: (source & mask).to_be_bytes(),
            mask: mask.to_be_bytes(),
            source: source.to_be_bytes(),
        }
    }

    fn sources4(prefixes: &[Prefix4]) -> Vec<(Ipv4Addr, u32)> {
        let used = four(prefixes).into_iter().filter(|near| near.stations != 0);
        used.map(|near| (near.source.into(), near.stations))
            .collect()
    }

    fn hosts6(prefixes: &[Prefix6]) -> Vec<u64> {
        let used = six(prefixes).into_iter().filter(|near| near.sum != 0);
        used.map(|near| u64::from_be_bytes(near.host)).collect()
    }

    #[test]
    fn stations_are_all_addresses_of_a_prefix_but_its_ends() {
        assert_eq!(
            sources4(&[prefix4([10, 0, 0, 1], 30), prefix4([10, 1, 0, 9], 16)]),
            [
                (Ipv4Addr::new(10, 0, 0, 1), 2),
                (Ipv4Addr::new(10, 1, 0, 9), 65_534)
            ]
        );
        assert_eq!(sources4(&[prefix4([1, 2, 3, 4], 0)])[0].1, u32::MAX - 1);
    }

    #[test]
    fn narrow_prefixes_and_what_overlaps_one_before_are_for_the_way_of_all() {
        let narrow = [prefix4([10, 0, 0, 1], 32), prefix4([10, 2, 0, 0], 31)];
        let wide = [prefix4([10, 0, 0, 1], 24), prefix4([10, 3, 0, 1], 24)];
        assert_eq!(
            sources4(&[narrow, wide].concat()),
            [(Ipv4Addr::new(10, 3, 0, 1), 254)]
        );
        let nested = [prefix4([10, 0, 0, 1], 25), prefix4([10, 0, 0, 200], 24)];
        assert_eq!(sources4(&nested), [(Ipv4Addr::new(10, 0, 0, 1), 126)]);
    }

    #[test]
    fn prefixes_of_64_bits_that_hold_our_address_are_near() {
        let prefixes = [
            prefix6("2001:db8::9", 128),
            prefix6("2001:db8::1", 64),
            prefix6("fd00::2", 64),
            prefix6("fe80::3", 64),
            prefix6("fd07::4", 48),
        ];
        assert_eq!(hosts6(&prefixes), [2, 3]);
        let of_a_peer = Prefix6 {
            source: prefixes[0].source,
            ..prefixes[2]
        };
        assert_eq!(hosts6(&[of_a_peer]), [0; 0]);
    }
}
