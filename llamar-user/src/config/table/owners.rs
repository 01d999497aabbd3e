//! Which names an address has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::Addresses;

/// Where in a list of names those of an address are: 8 bytes for each IPv4 address and 20 for each IPv6 one, in their
/// order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Owners {
    v4: Box<[(Ipv4Addr, u32)]>,
    v6: Box<[(Ipv6Addr, u32)]>,
}

impl Owners {
    /// Those of the addresses of a list.
    pub(super) fn of<'a>(list: impl Iterator<Item = &'a Addresses> + Clone) -> Self {
        // Four thousand million names fit into no memory.
        let placed = || (0..=u32::MAX).zip(list.clone());
        let v4 = placed().map(|(_, addresses)| addresses.a.len()).sum();
        let v6 = placed().map(|(_, addresses)| addresses.aaaa.len()).sum();
        let (mut owners4, mut owners6) = (Vec::with_capacity(v4), Vec::with_capacity(v6));
        for (place, addresses) in placed() {
            owners4.extend(addresses.a.iter().map(|address| (*address, place)));
            owners6.extend(addresses.aaaa.iter().map(|address| (*address, place)));
        }
        owners4.sort_unstable_by_key(|(address, place)| {
            u64::from(address.to_bits()) << 32 | u64::from(*place)
        });
        owners6.sort_unstable();
        Self {
            v4: owners4.into(),
            v6: owners6.into(),
        }
    }

    /// The places of an address's names, in their order.
    pub(super) fn places(&self, address: IpAddr) -> impl Iterator<Item = usize> {
        let (v4, v6) = match address {
            IpAddr::V4(address) => (of(&self.v4, address), &[][..]),
            IpAddr::V6(address) => (&[][..], of(&self.v6, address)),
        };
        let v4 = v4.iter().map(|(_, place)| *place);
        let places = v4.chain(v6.iter().map(|(_, place)| *place));
        places.filter_map(|place| usize::try_from(place).ok())
    }
}

/// The part of a sorted list that is about one address.
fn of<T: Ord>(list: &[(T, u32)], address: T) -> &[(T, u32)] {
    let start = list.partition_point(|(known, _)| *known < address);
    let rest = list.get(start..).unwrap_or_default();
    let end = rest.partition_point(|(known, _)| *known == address);
    rest.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_list_is_indexed_in_little_memory() {
        let count = if cfg!(debug_assertions) {
            50_000
        } else {
            1_000_000
        };
        let addresses = |number: u32| {
            // In an order that is not that of the names.
            let address =
                Ipv4Addr::from_bits(0x0a00_0000 + number.wrapping_mul(0x9e37_79b1) % count);
            Addresses::one(address.into(), 30)
        };
        let list: Vec<_> = (0..count).map(addresses).collect();
        let start = std::time::Instant::now();
        let owners = Owners::of(list.iter());
        let built = start.elapsed();
        assert_eq!(size_of_val(&*owners.v4), 8 * count as usize);
        assert_eq!(size_of::<(Ipv6Addr, u32)>(), 20);
        let start = std::time::Instant::now();
        let found = list.iter().enumerate().filter(|(place, addresses)| {
            let address = addresses.iter().next().unwrap();
            owners.places(address).any(|owner| owner == *place)
        });
        assert_eq!(found.count(), count as usize);
        let each = start.elapsed() / count;
        println!("{count} names: indexed in {built:?}, an address found in {each:?}");
    }
}
