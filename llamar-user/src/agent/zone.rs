//! What is served on a link, as the LLMNR responder asks for it.

use std::net::IpAddr;

use llamar_common::limit::Rate;

use crate::dns::Name;
use crate::llmnr::{Found, OWNERS_MAX, Owner, Zone};
use crate::state::Served;

impl Zone for Served {
    fn find(&self, name: &Name) -> Option<Found<'_>> {
        let addresses = self.names.get(name)?;
        Some(Found {
            a: &addresses.a,
            aaaa: &addresses.aaaa,
            ttl: addresses.ttl,
            state: addresses.state,
        })
    }

    fn names_of(&self, address: IpAddr) -> Option<Vec<Owner<'_>>> {
        let owners: Vec<_> = self
            .names
            .owners(address)
            .take(OWNERS_MAX)
            .map(|(name, addresses)| Owner {
                name,
                ttl: addresses.ttl,
                state: addresses.state,
            })
            .collect();
        (!owners.is_empty() || self.is_own(address)).then_some(owners)
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.own.contains(&address)
    }

    fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
        Served::source_for(self, asker)
    }

    fn limit(&self) -> Rate {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::state::{Addresses, Hosts, Names};

    fn ips(text: &str) -> Vec<IpAddr> {
        let ips = text.split_whitespace();
        ips.map(|ip| ip.parse().unwrap()).collect()
    }

    // RFC 4795 2.3: R61
    #[test]
    fn an_address_has_the_names_of_the_link_and_then_those_of_everybody() {
        let table = |hosts: &[(&str, &str)]| {
            let entry = |&(name, addresses): &(&str, &str)| {
                let addresses = Addresses::new(ips(addresses), 30);
                (Name::parse(name).unwrap(), addresses)
            };
            hosts.iter().map(entry).collect::<Hosts>()
        };
        let own = table(&[("casa", "10.0.0.1 fe80::1"), ("media", "10.0.0.1")]);
        let shared = table(&[("a", "10.0.0.1"), ("nas", "10.0.0.9 fe80::9")]);
        let served = Served {
            own: ips("10.0.0.1 10.0.0.2 fe80::1").into(),
            names: Names::new(own, Arc::new(shared)),
            ..Served::bare(Some(2))
        };
        let names = |address: &str| {
            let owners = served.names_of(address.parse().unwrap())?;
            let names = owners.iter().map(|owner| owner.name.to_string());
            Some(names.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names("10.0.0.1").as_deref(), Some("casa media a"));
        assert_eq!(names("fe80::1").as_deref(), Some("casa"));
        assert_eq!(names("fe80::9").as_deref(), Some("nas"));
        assert_eq!(names("10.0.0.2").as_deref(), Some(""));
        assert_eq!(names("10.0.0.3"), None);
    }
}
