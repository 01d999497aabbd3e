//! A table of names that is built once and then only searched, by name and by address. It may hold a million.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::Addresses;
use crate::dns::Name;

/// Names and the addresses that are told for them, in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    entries: Box<[(Name, Arc<Addresses>)]>,
    /// One for all copies that differ in nothing but the TTL.
    owners: Arc<Owners>,
}

/// Where in the table the names of an address are: 8 bytes for each IPv4 address and 20 for each IPv6 one, in their
/// order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Owners {
    v4: Box<[(Ipv4Addr, u32)]>,
    v6: Box<[(Ipv6Addr, u32)]>,
}

impl Hosts {
    /// The table of entries that are in order, each name once.
    pub(super) fn from_sorted(entries: Vec<(Name, Arc<Addresses>)>) -> Self {
        debug_assert!(entries.is_sorted_by(|(left, _), (right, _)| left < right));
        Self {
            owners: Arc::new(Owners::of(&entries)),
            entries: entries.into(),
        }
    }

    /// The same table with another TTL.
    pub(super) fn with_ttl(&self, ttl: u32) -> Self {
        let entry = |(name, addresses): &(Name, Arc<Addresses>)| {
            let addresses = Addresses::clone(addresses);
            (name.clone(), Arc::new(Addresses { ttl, ..addresses }))
        };
        Self {
            entries: self.entries.iter().map(entry).collect(),
            owners: self.owners.clone(),
        }
    }

    /// The addresses of a name.
    pub fn get(&self, name: &Name) -> Option<&Arc<Addresses>> {
        self.entry(name).map(|(_, addresses)| addresses)
    }

    /// A name as it is written here, and its addresses.
    pub fn entry(&self, name: &Name) -> Option<(&Name, &Arc<Addresses>)> {
        let found = self.entries.binary_search_by(|(known, _)| known.cmp(name));
        let (known, addresses) = self.entries.get(found.ok()?)?;
        Some((known, addresses))
    }

    /// Whether a name is in the table.
    pub fn contains_key(&self, name: &Name) -> bool {
        self.entry(name).is_some()
    }

    /// The names that an address has, in their order. There may be very many: a million hosts behind one address.
    pub fn owners(&self, address: IpAddr) -> impl Iterator<Item = (&Name, &Arc<Addresses>)> {
        let (v4, v6) = match address {
            IpAddr::V4(address) => (places(&self.owners.v4, address), &[][..]),
            IpAddr::V6(address) => (&[][..], places(&self.owners.v6, address)),
        };
        let v4 = v4.iter().map(|(_, place)| *place);
        let places = v4.chain(v6.iter().map(|(_, place)| *place));
        places.filter_map(|place| {
            let (name, addresses) = self.entries.get(usize::try_from(place).ok()?)?;
            Some((name, addresses))
        })
    }

    /// All names and addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<Addresses>)> {
        self.entries
            .iter()
            .map(|(name, addresses)| (name, addresses))
    }

    /// All names.
    pub fn keys(&self) -> impl Iterator<Item = &Name> {
        self.entries.iter().map(|(name, _)| name)
    }

    /// The addresses of all names.
    pub fn values(&self) -> impl Iterator<Item = &Arc<Addresses>> {
        self.entries.iter().map(|(_, addresses)| addresses)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl IntoIterator for Hosts {
    type Item = (Name, Arc<Addresses>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_vec().into_iter()
    }
}

/// In any order; of two entries for a name the last counts.
impl FromIterator<(Name, Arc<Addresses>)> for Hosts {
    fn from_iter<I: IntoIterator<Item = (Name, Arc<Addresses>)>>(entries: I) -> Self {
        let sorted: BTreeMap<Name, Arc<Addresses>> = entries.into_iter().collect();
        Self::from_sorted(sorted.into_iter().collect())
    }
}

impl Owners {
    fn of(entries: &[(Name, Arc<Addresses>)]) -> Self {
        let placed = || {
            let addresses = entries.iter().map(|(_, addresses)| addresses);
            // Four thousand million names fit into no memory.
            (0..=u32::MAX).zip(addresses)
        };
        let v4 = placed().map(|(_, addresses)| addresses.a.len()).sum();
        let v6 = placed().map(|(_, addresses)| addresses.aaaa.len()).sum();
        let mut owners = (Vec::with_capacity(v4), Vec::with_capacity(v6));
        for (place, addresses) in placed() {
            let a = addresses.a.iter().map(|address| (*address, place));
            owners.0.extend(a);
            let aaaa = addresses.aaaa.iter().map(|address| (*address, place));
            owners.1.extend(aaaa);
        }
        owners.0.sort_unstable();
        owners.1.sort_unstable();
        Self {
            v4: owners.0.into(),
            v6: owners.1.into(),
        }
    }
}

/// The part of a sorted list that is about one address.
fn places<T: Ord>(list: &[(T, u32)], address: T) -> &[(T, u32)] {
    let start = list.partition_point(|(known, _)| *known < address);
    let rest = list.get(start..).unwrap_or_default();
    let end = rest.partition_point(|(known, _)| *known == address);
    rest.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    /// A table of lines such as `nas 10.0.0.1 fd00::1`.
    fn table(lines: &[&str]) -> Hosts {
        let entry = |line: &&str| {
            let (owner, addresses) = line.split_once(' ').unwrap();
            let addresses = addresses.split(' ').map(|ip| ip.parse().unwrap());
            (name(owner), Arc::new(Addresses::new(addresses, 30)))
        };
        lines.iter().map(entry).collect()
    }

    fn owners(hosts: &Hosts, address: &str) -> String {
        let owners = hosts.owners(address.parse().unwrap());
        let owners: Vec<_> = owners.map(|(name, _)| name.to_string()).collect();
        owners.join(" ")
    }

    #[test]
    fn a_table_is_searched_by_name_without_regard_to_case() {
        let hosts = table(&[
            "nas 10.0.0.1",
            "Casa 10.0.0.2",
            "a.b fd00::1",
            "NAS 10.0.0.3",
        ]);
        assert_eq!((hosts.len(), hosts.is_empty()), (3, false));
        assert!(hosts.keys().is_sorted());
        assert_eq!(hosts.entry(&name("CASA")).unwrap().0.to_string(), "Casa");
        let nas = hosts.get(&name("nAs")).unwrap();
        assert_eq!(nas.a, [Ipv4Addr::new(10, 0, 0, 3)]);
        assert!(hosts.contains_key(&name("A.B")) && !hosts.contains_key(&name("a")));
        assert!(Hosts::default().is_empty() && !Hosts::default().contains_key(&name("a")));
    }

    #[test]
    fn a_table_is_searched_by_address() {
        let hosts = table(&[
            "d 10.0.0.1",
            "c 10.0.0.2 10.0.0.1 fd00::1",
            "b fd00::1 fd00::2",
            "a 10.0.0.2 10.0.0.3",
        ]);
        for (address, expected) in [
            ("10.0.0.0", ""),
            ("10.0.0.1", "c d"),
            ("10.0.0.2", "a c"),
            ("10.0.0.3", "a"),
            ("10.0.0.4", ""),
            ("fd00::1", "b c"),
            ("fd00::2", "b"),
            ("fd00::3", ""),
            ("::ffff:10.0.0.1", ""),
        ] {
            assert_eq!(owners(&hosts, address), expected, "{address}");
        }
        assert_eq!(owners(&Hosts::default(), "10.0.0.1"), "");
    }

    #[test]
    fn another_ttl_changes_nothing_else_and_the_index_is_not_copied() {
        let hosts = table(&["a 10.0.0.1", "b 10.0.0.1 fd00::1"]);
        let other = hosts.with_ttl(5);
        assert!(other.values().all(|addresses| addresses.ttl == 5));
        assert!(Arc::ptr_eq(&other.owners, &hosts.owners));
        assert_eq!(owners(&other, "10.0.0.1"), "a b");
        assert_eq!(other.with_ttl(30), hosts);
    }

    #[test]
    fn a_large_table_is_indexed_in_no_time_and_little_memory() {
        let count = if cfg!(debug_assertions) {
            50_000
        } else {
            1_000_000
        };
        let entry = |number: u32| {
            // In an order that is not that of the names.
            let address =
                Ipv4Addr::from_bits(0x0a00_0000 + number.wrapping_mul(0x9e37_79b1) % count);
            let addresses = Addresses::new([IpAddr::from(address)], 30);
            (name(&format!("host-{number:06}")), Arc::new(addresses))
        };
        let entries: Vec<_> = (0..count).map(entry).collect();
        let start = std::time::Instant::now();
        let owners = Owners::of(&entries);
        let built = start.elapsed();
        assert_eq!(size_of_val(&*owners.v4), 8 * count as usize);
        assert_eq!(size_of::<(Ipv6Addr, u32)>(), 20);
        let hosts = Hosts::from_sorted(entries);
        let start = std::time::Instant::now();
        let found = hosts
            .keys()
            .zip(hosts.values())
            .filter(|(name, addresses)| {
                let address = addresses.iter().next().unwrap();
                hosts.owners(address).any(|(owner, _)| owner == *name)
            });
        assert_eq!(found.count(), count as usize);
        let each = start.elapsed() / count;
        println!("{count} names: indexed in {built:?}, an address found in {each:?}");
        assert!(built.as_secs() < 2, "{built:?}");
    }
}
