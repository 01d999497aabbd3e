//! One link with names on it: for the responder, and the same for the kernel path.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::abi::{ARP_ASSIGNED, LinkKey, NameState};
use llamar_common::testing::{Mac, Tables};
use llamar_user::dns::Name;
use llamar_user::llmnr::{Found, Owner, Zone};

/// Where frames arrive.
pub const DEVICE: u32 = 7;
/// The VLAN of tagged frames.
pub const VLAN: u16 = 100;
/// Our hardware address.
pub const MAC: Mac = [0x02, 0, 0, 0, 0, 1];
/// Our addresses and the length of their prefixes.
pub const OWN: [(IpAddr, u8); 4] = [
    (IpAddr::V4(Ipv4Addr::new(192, 168, 1, 10)), 24),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 7, 1)), 16),
    (
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)),
        64,
    ),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)), 64),
];
/// TTL of all records.
pub const TTL: u32 = 30;

/// The names: text, state, and how many addresses of each family.
pub const NAMES: [(&str, NameState, usize, usize); 9] = [
    ("casa", NameState::Unique, 2, 2),
    ("media", NameState::Unique, 1, 0),
    ("größe", NameState::Unique, 0, 1),
    ("nothing", NameState::Unique, 0, 0),
    ("cluster", NameState::Shared, 1, 1),
    ("new", NameState::Tentative, 1, 1),
    ("many", NameState::Unique, 60, 40),
    ("casa.example", NameState::Unique, 1, 1),
    ("_services._dns-sd._udp.local", NameState::Unique, 1, 1),
];

/// A host of the link.
struct Host {
    a: Vec<Ipv4Addr>,
    aaaa: Vec<Ipv6Addr>,
    state: NameState,
}

/// The link.
pub struct World(BTreeMap<Name, Host>);

impl World {
    /// The link with the names above.
    pub fn new() -> Self {
        let host = |(text, state, a, aaaa): (&str, _, _, _)| {
            let a = (0..a).map(|number: usize| match number {
                1 => Ipv4Addr::new(169, 254, 7, 1),
                number => Ipv4Addr::new(192, 168, 1, 10 + number as u8),
            });
            let aaaa = (0..aaaa).map(|number: usize| match number {
                1 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
                number => Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1 + number as u16),
            });
            let (a, aaaa) = (a.collect(), aaaa.collect());
            (Name::parse(text).expect("a name"), Host { a, aaaa, state })
        };
        Self(NAMES.into_iter().map(host).collect())
    }

    /// The same for the kernel path, with and without a tag.
    pub fn tables(&self) -> Tables {
        let mut tables = Tables::default();
        for key in [LinkKey::new(DEVICE, 0), LinkKey::new(DEVICE, VLAN)] {
            let prefixes: Vec<(IpAddr, u8)> = OWN.into();
            tables.link(key, MAC, &prefixes);
            for (name, host) in &self.0 {
                let Some(label) = name.single_label() else {
                    continue;
                };
                // A name without addresses is on a link without any, where the kernel path has no source to answer from.
                if host.a.is_empty() && host.aaaa.is_empty() {
                    continue;
                }
                let v4 = host.a.iter().copied().map(IpAddr::from);
                let all: Vec<_> = v4
                    .chain(host.aaaa.iter().copied().map(IpAddr::from))
                    .collect();
                tables.name(key, label, TTL, &all).state = host.state as u8;
            }
            for (address, _) in OWN {
                if let IpAddr::V4(address) = address {
                    tables.address(key, address, MAC, ARP_ASSIGNED);
                }
            }
        }
        tables
    }
}

impl Zone for World {
    fn find(&self, name: &Name) -> Option<Found<'_>> {
        let host = self.0.get(name)?;
        Some(Found {
            a: &host.a,
            aaaa: &host.aaaa,
            ttl: TTL,
            state: host.state,
        })
    }

    fn names_of(&self, address: IpAddr) -> Option<Vec<Owner<'_>>> {
        let has = |host: &Host| match address {
            IpAddr::V4(address) => host.a.contains(&address),
            IpAddr::V6(address) => host.aaaa.contains(&address),
        };
        let hosts = self.0.iter().filter(|(_, host)| has(host));
        let owners: Vec<_> = hosts
            .map(|(name, host)| Owner {
                name,
                ttl: TTL,
                state: host.state,
            })
            .collect();
        (!owners.is_empty() || self.is_own(address)).then_some(owners)
    }

    fn is_own(&self, address: IpAddr) -> bool {
        OWN.iter().any(|(own, _)| *own == address)
    }

    fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
        let near = |own: IpAddr, length: u8| match (own, asker) {
            (IpAddr::V4(own), IpAddr::V4(asker)) => {
                (own.to_bits() ^ asker.to_bits()).leading_zeros() >= length.into()
            }
            (IpAddr::V6(own), IpAddr::V6(asker)) => {
                (own.to_bits() ^ asker.to_bits()).leading_zeros() >= length.into()
            }
            _ => false,
        };
        let mut near = OWN.into_iter().filter(|&(own, length)| near(own, length));
        near.next().map(|(own, _)| own)
    }
}
