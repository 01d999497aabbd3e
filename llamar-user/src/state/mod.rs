//! What is to be served: a pure function of the configuration and of the interfaces that there are.

mod names;
mod served;

use std::collections::BTreeMap;

use llamar_common::abi::{ArpHost, ArpKey, Host, LinkKey, NameKey};

pub use crate::config::{Addresses, Hosts};
pub use names::Names;
pub use served::Served;

/// Everything that is to be served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// The links; an interface that is missing or no Ethernet has none.
    pub links: BTreeMap<LinkKey, Served>,
    /// What the administrator should know, one sentence each.
    pub warnings: Vec<String>,
}

impl Desired {
    /// The names for the kernel path: those of one label. The links' own come first, so that a map that is too small
    /// leaves out names held for others.
    pub fn kernel_names(&self) -> impl Iterator<Item = (NameKey, Host)> {
        let own = self.links.iter().flat_map(|(key, served)| {
            let names = served.names.own().iter();
            names.filter_map(|(name, addresses)| Some((name_key(*key, name)?, addresses.host())))
        });
        let shared = self.links.iter().flat_map(|(key, served)| {
            let names = served.names.shared();
            names.filter_map(|(name, addresses)| Some((name_key(*key, name)?, addresses.host())))
        });
        own.chain(shared)
    }

    /// The addresses for which the kernel path answers ARP requests.
    pub fn kernel_arp(&self) -> impl Iterator<Item = (ArpKey, ArpHost)> {
        self.links.iter().flat_map(|(key, served)| {
            let hosts = served.arp.iter();
            hosts.map(|(address, host)| (ArpKey::new(*key, *address), *host))
        })
    }
}

fn name_key(link: LinkKey, name: &crate::dns::Name) -> Option<NameKey> {
    NameKey::new(link, name.single_label()?)
}
