//! What is served, as the LLMNR responder asks for it: by the interface on which a query arrived.

use std::net::IpAddr;

use llamar_common::abi::LinkKey;

use crate::dns::Name;
use crate::llmnr::{Found, Zone};
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

/// The host that has a name on a link.
pub fn found<'a>(served: &'a Served, name: &Name) -> Option<Found<'a>> {
    let addresses = served.names.get(name)?;
    Some(Found {
        a: &addresses.a,
        aaaa: &addresses.aaaa,
        ttl: addresses.ttl,
        state: addresses.state,
    })
}

impl Zone for Desired {
    fn find(&self, device: u32, name: &Name) -> Option<Found<'_>> {
        found(link_of(self, device)?.1, name)
    }

    fn source_for(&self, device: u32, asker: IpAddr) -> Option<IpAddr> {
        link_of(self, device)?.1.source_for(asker)
    }
}
