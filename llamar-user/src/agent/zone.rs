//! What is served on a link, as the LLMNR responder asks for it.

use std::net::IpAddr;

use llamar_common::abi::LinkKey;

use crate::dns::Name;
use crate::llmnr::{Found, OWNERS_MAX, Owner, Zone};
use crate::state::{Desired, Served};

/// The link that sockets see on an interface.
pub fn link_of(desired: &Desired, device: u32) -> Option<(LinkKey, &Served)> {
    let untagged = LinkKey::new(device, 0);
    if let Some(served) = desired
        .links
        .get(&untagged)
        .filter(|served| served.device == Some(device))
    {
        return Some((untagged, served));
    }
    // A VLAN interface that is served as a VLAN of its parent.
    let mut links = desired.links.iter();
    links
        .find(|(_, served)| served.device == Some(device))
        .map(|(key, served)| (*key, served))
}

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
}
