//! Hosts, their addresses, and the instances that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::dns::Name;

/// Hosts on one link.
const HOSTS_MAX: usize = 4096;
/// Addresses of one host.
const ADDRESSES_MAX: usize = 64;

/// Hosts and their addresses.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    by_name: BTreeMap<Name, Host>,
}

#[derive(Debug, Default)]
struct Host {
    addresses: BTreeSet<IpAddr>,
    /// Instances that are there.
    instances: BTreeSet<Name>,
}

impl Hosts {
    /// A host's addresses, IPv4 first, those that are valid on the link only last.
    pub fn addresses(&self, name: &Name) -> Vec<IpAddr> {
        let host = self.by_name.get(name);
        let mut addresses: Vec<IpAddr> = host
            .iter()
            .flat_map(|host| &host.addresses)
            .copied()
            .collect();
        addresses.sort_by_key(|address| match address {
            IpAddr::V4(ip) => (0, ip.is_link_local()),
            IpAddr::V6(ip) => (1, ip.is_unicast_link_local()),
        });
        addresses
    }

    /// Whether addresses of both families are known.
    pub fn is_dual(&self, name: &Name) -> bool {
        self.by_name.get(name).is_some_and(|host| {
            host.addresses.iter().any(IpAddr::is_ipv4) && host.addresses.iter().any(IpAddr::is_ipv6)
        })
    }

    /// An address came or went; the instances that are there.
    pub fn change(&mut self, name: &Name, address: IpAddr, is_there: bool) -> Vec<Name> {
        if is_there && !self.by_name.contains_key(name) && self.by_name.len() >= HOSTS_MAX {
            return Vec::new();
        }
        let host = self.by_name.entry(name.clone()).or_default();
        let is_changed = match is_there {
            true => host.addresses.len() < ADDRESSES_MAX && host.addresses.insert(address),
            false => host.addresses.remove(&address),
        };
        let instances = match is_changed {
            true => host.instances.iter().cloned().collect(),
            false => Vec::new(),
        };
        self.tidy(name);
        instances
    }

    /// An instance is at a host.
    pub fn use_by(&mut self, name: &Name, instance: &Name) {
        let host = self.by_name.entry(name.clone()).or_default();
        host.instances.insert(instance.clone());
    }

    /// It is there no more; whether another is.
    pub fn leave_by(&mut self, name: &Name, instance: &Name) -> bool {
        if let Some(host) = self.by_name.get_mut(name) {
            host.instances.remove(instance);
        }
        self.tidy(name);
        let host = self.by_name.get(name);
        host.is_some_and(|host| !host.instances.is_empty())
    }

    /// Nobody tells of a host any more.
    pub fn forget(&mut self, name: &Name) {
        self.by_name.remove(name);
    }

    fn tidy(&mut self, name: &Name) {
        let is_empty = |host: &Host| host.addresses.is_empty() && host.instances.is_empty();
        if self.by_name.get(name).is_some_and(is_empty) {
            self.by_name.remove(name);
        }
    }
}
