//! What mDNS is to bring about: a pure function of the configuration, of the interfaces that there are, and of the names
//! that had to be changed before.

mod kept;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::abi::LABEL_MAX;

use crate::config::{self, Config, Interface, OnConflict, Provider, ServiceName, Unusable};
use crate::dns::Name;
use crate::dnssd::{self, Instance};
use crate::link::{Address, AddressState, Link, Links};
use crate::mdns::{Host, Service, Wanted};

pub use kept::{KEPT_MAX, Kept};

/// Addresses that are told of one host, the first ones of each. RFC 6762 10.2, 17: the records of a name go whole, in a
/// message of at most 9000 bytes, with their reverse names beside them.
const ADDRESSES_MAX: usize = 128;

/// What is wanted of each interface, by its index. `unicast` says whether unicast to port 5353 reaches us.
///
/// Names of the hosts file are not among it: there may be a million, and each would be probed for and announced.
pub fn wanted(config: &Config, links: &Links, kept: &Kept, unicast: bool) -> BTreeMap<u32, Wanted> {
    let mut all = BTreeMap::new();
    let spoken = config.interfaces.iter().filter(|(_, on)| on.mdns);
    let found = spoken.filter_map(|(name, on)| Some((links.by_name(name)?, on)));
    for (link, interface) in found.filter(|(link, _)| link.ethernet) {
        let scene = Scene::of_interface(interface, link, kept);
        all.insert(link.index, scene.wanted(unicast));
        for (id, vlan) in &interface.vlans {
            let on_it = |one: &&Link| one.vlan == Some((link.index, *id));
            let Some(tagged) = links.by_index.values().find(on_it) else {
                // Without an interface there is no socket for a VLAN.
                continue;
            };
            // One that is served as an interface of its own is served as its own table says.
            if !config.interfaces.contains_key(&tagged.name) {
                let scene = Scene {
                    names: &vlan.names,
                    hosts: &vlan.hosts,
                    ..Scene::of_interface(interface, tagged, kept)
                };
                all.insert(tagged.index, scene.wanted(unicast));
            }
        }
    }
    all
}

/// A link and what the configuration wants there.
struct Scene<'c> {
    link: &'c Link,
    names: &'c [Name],
    hosts: &'c BTreeMap<Name, Vec<IpAddr>>,
    services: &'c [config::Service],
    on_conflict: OnConflict,
    kept: &'c Kept,
}

impl<'c> Scene<'c> {
    fn of_interface(interface: &'c Interface, link: &'c Link, kept: &'c Kept) -> Self {
        Self {
            link,
            names: &interface.names,
            hosts: &interface.hosts,
            services: &interface.services,
            on_conflict: interface.mdns_on_conflict,
            kept,
        }
    }

    fn wanted(&self, unicast: bool) -> Wanted {
        let told = told(self.link);
        let hosts = self.all_hosts(&told);
        let addresses = self
            .link
            .addresses
            .iter()
            .filter(|address| is_ours(address));
        Wanted {
            up: self.link.up && self.link.multicast,
            mtu: self.link.mtu,
            v4: told.iter().find_map(|address| v4(*address)),
            v6: source6(&told),
            addresses: addresses.map(network).collect(),
            unicast,
            services: self.all_services(&hosts),
            hosts,
            on_conflict: self.on_conflict,
        }
    }

    /// This host by all of its names, the first in front, then those for which it speaks. What several places say of one
    /// name adds up.
    fn all_hosts(&self, own: &[IpAddr]) -> Vec<Host> {
        let mut table = Table::default();
        for name in self.names {
            table.add(name, own);
        }
        for (name, addresses) in self.hosts {
            table.add(name, addresses);
        }
        for service in self.services {
            if let Provider::Other(name, addresses) = &service.provider {
                table.add(name, addresses);
            }
        }
        // RFC 6762 6.2: a name has all of its addresses, and one without any is nobody's. An address has one name.
        let mut named = BTreeSet::new();
        let hosts = table.list.into_iter();
        let hosts = hosts.filter(|(_, addresses)| !addresses.is_empty());
        hosts
            .map(|(name, addresses)| {
                let reverse = named.is_disjoint(&addresses);
                if reverse {
                    named.extend(&addresses);
                }
                Host {
                    kept: self.kept_of(&name),
                    name,
                    addresses,
                    reverse,
                }
            })
            .collect()
    }

    /// The services whose hosts are there.
    fn all_services(&self, hosts: &[Host]) -> Vec<Service> {
        let mut seen = BTreeSet::new();
        let services = self.services.iter();
        let services = services.filter_map(|service| self.service(service, hosts));
        // RFC 6763 8: an instance is one by its name and type.
        services
            .filter(|service| seen.insert(service.name.clone()))
            .collect()
    }

    fn service(&self, service: &config::Service, hosts: &[Host]) -> Option<Service> {
        let first = dnssd::in_local(self.names.first()?).ok();
        let host = match &service.provider {
            Provider::First => first.clone()?,
            Provider::Named(name) | Provider::Other(name, _) => dnssd::in_local(name).ok()?,
        };
        let host = hosts.iter().find(|known| known.name == host)?;
        // A host that has got another name is called so in its services' names too.
        let first = first?;
        let called = self.kept_of(&first).unwrap_or(first);
        let text = service.name.on(&ServiceName::host(&called));
        let local = dnssd::local();
        let instance = Instance::new(cut(&text), &service.kind, &local).ok()?;
        let subtypes = service.subtypes.iter();
        let subtypes = subtypes.map(|label| service.kind.subtype_name(label.as_bytes(), &local));
        Some(Service {
            kept: self.kept_of(instance.name()),
            name: instance.name().clone(),
            subtypes: subtypes.filter_map(Result::ok).collect(),
            host: host.name.clone(),
            priority: service.priority,
            weight: service.weight,
            port: service.port,
            txt: service.txt.clone(),
        })
    }

    /// What a name was changed to, where names are changed.
    fn kept_of(&self, name: &Name) -> Option<Name> {
        let kept = self.kept.of(name).cloned();
        kept.filter(|_| self.on_conflict == OnConflict::Rename)
    }
}

/// Names in the domain of mDNS and their addresses, in the order in which they came. There may be thousands.
#[derive(Default)]
struct Table {
    list: Vec<(Name, BTreeSet<IpAddr>)>,
    /// Where in the list each is.
    places: BTreeMap<Name, usize>,
}

impl Table {
    fn add(&mut self, name: &Name, addresses: &[IpAddr]) {
        // One that is too long is no name here; the configuration says so.
        let Ok(name) = dnssd::in_local(name) else {
            return;
        };
        let next = self.list.len();
        let place = *self.places.entry(name.clone()).or_insert(next);
        if place == next {
            self.list.push((name, BTreeSet::new()));
        }
        if let Some((_, known)) = self.list.get_mut(place) {
            for address in addresses {
                if known.len() < ADDRESSES_MAX {
                    known.insert(*address);
                }
            }
        }
    }
}

/// The addresses that are told to others: those that may be used, primary ones before secondary and temporary ones, and
/// deprecated ones only where there is nothing else.
fn told(link: &Link) -> Vec<IpAddr> {
    let of = |state: AddressState, secondary: bool| {
        let addresses = link.addresses.iter();
        let addresses = addresses.filter(move |address| {
            address.state == state && address.secondary == secondary && is_ours(address)
        });
        addresses.map(|address| address.ip)
    };
    let in_state = |state| of(state, false).chain(of(state, true)).collect();
    let usable: Vec<IpAddr> = in_state(AddressState::Usable);
    match usable.is_empty() {
        true => in_state(AddressState::Deprecated),
        false => usable,
    }
}

/// Whether an address is ours for certain and one that others can reach.
fn is_ours(address: &Address) -> bool {
    let settled = matches!(
        address.state,
        AddressState::Usable | AddressState::Deprecated
    );
    settled && Unusable::of(address.ip).is_none()
}

/// An address with the length of its prefix, as far as that says what is on the link: of a network that the address is
/// not in, as that of a peer may be, and of everything it says nothing.
fn network(address: &Address) -> (IpAddr, u8) {
    let (ip, length) = (address.ip, address.prefix);
    let bits = |ip: IpAddr| -> (u128, u8) {
        match ip {
            IpAddr::V4(ip) => (ip.to_bits().into(), 32),
            IpAddr::V6(ip) => (ip.to_bits(), 128),
        }
    };
    let (own, all) = bits(ip);
    let (peer, _) = bits(address.peer.unwrap_or(ip));
    let host_bits = u32::from(all.saturating_sub(length));
    let differs = (own ^ peer).checked_shr(host_bits).unwrap_or(0) != 0;
    match length {
        0 => (ip, all),
        _ if differs => (ip, all),
        length => (ip, length),
    }
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// Where IPv6 messages come from: the link-local address if there is one, which every receiver takes for one of the link
/// (RFC 6762 11).
fn source6(told: &[IpAddr]) -> Option<Ipv6Addr> {
    let all = || {
        told.iter().filter_map(|address| match address {
            IpAddr::V6(address) => Some(*address),
            IpAddr::V4(_) => None,
        })
    };
    all()
        .find(Ipv6Addr::is_unicast_link_local)
        .or_else(|| all().next())
}

/// The start of a text that has room in a label: what stands for `%h` may have grown since it was judged.
fn cut(text: &str) -> &str {
    let mut ends = text.char_indices().map(|(at, char)| at + char.len_utf8());
    let end = ends.rfind(|end| *end <= LABEL_MAX);
    text.get(..end.unwrap_or(0)).unwrap_or_default().trim_end()
}
