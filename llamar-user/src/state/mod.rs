//! What is to be served: a pure function of the configuration and of the interfaces that there are.

mod claims;
mod desired;
pub mod mdns;
mod names;
mod prefixes;
pub mod presence;
mod served;

use std::collections::BTreeMap;

use llamar_common::abi::{ArpHost, ArpKey, Host, LinkKey, NameKey};

pub use crate::config::{Addresses, Hosts};
pub use claims::Claim;
pub use desired::desired;
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
        let shared = self.links.iter().flat_map(|(key, served)| {
            let names = served.names.shared();
            names.filter_map(|(name, addresses)| Some((name_key(*key, name)?, addresses.host())))
        });
        let own = self.own_names();
        own.map(|(key, addresses)| (key, addresses.host()))
            .chain(shared)
    }

    /// The links' own names as the kernel path knows them: those of one label.
    pub fn own_names(&self) -> impl Iterator<Item = (NameKey, &Addresses)> {
        self.links.iter().flat_map(|(key, served)| {
            let names = served.names.own().iter();
            names.filter_map(|(name, addresses)| Some((name_key(*key, name)?, addresses)))
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Name;
    use std::sync::Arc;

    fn table(names: &[&str]) -> Hosts {
        let entry = |name: &&str| {
            let addresses = Addresses::new([[10, 0, 0, 1].into()], 30);
            (Name::parse(name).unwrap(), addresses)
        };
        names.iter().map(entry).collect()
    }

    fn served(own: &[&str], shared: &Arc<Hosts>) -> Served {
        Served {
            names: Names::new(table(own), shared.clone()),
            ..Served::bare(None)
        }
    }

    #[test]
    fn the_kernel_path_gets_single_labels_folded_and_own_names_first() {
        let shared = Arc::new(table(&["a", "dotted.name", "Casa"]));
        let links = [2, 3].map(|index| (LinkKey::new(index, 0), served(&["CASA", "x.y"], &shared)));
        let desired = Desired {
            links: links.into(),
            warnings: Vec::new(),
        };
        let keys: Vec<_> = desired
            .kernel_names()
            .map(|(key, _)| {
                (
                    key.ifindex,
                    String::from_utf8(key.label().collect()).unwrap(),
                )
            })
            .collect();
        let expected = [(2, "casa"), (3, "casa"), (2, "a"), (3, "a")];
        assert_eq!(
            keys,
            expected.map(|(index, label)| (index, label.to_owned()))
        );
    }
}
