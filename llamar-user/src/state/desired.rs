//! From configuration and interfaces to what is served on each link.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use llamar_common::abi::{ARP_ASSIGNED, ARP_DECLARED, ArpHost, LinkKey, PREFIXES_MAX};
use llamar_common::limit::Rate;

use super::prefixes::{Assigned, prefixes4, prefixes6};
use super::{Addresses, Desired, Hosts, Names, Served};
use crate::config::{Config, Interface, Unusable, Vlan};
use crate::dns::Name;
use crate::link::{AddressState, Link, Links};

/// What is to be served with this configuration on these interfaces.
pub fn desired(config: &Config, links: &Links) -> Desired {
    let mut desired = Desired::default();
    for (name, interface) in &config.interfaces {
        let Some(link) = links.by_name(name) else {
            continue;
        };
        let Some(mac) = link.mac.filter(|_| link.ethernet) else {
            continue;
        };
        warn_of_link(link, links, &mut desired.warnings);
        let ground = Ground::of(link, mac);
        let served = Wanted::on_interface(name, interface).on(&ground);
        desired.insert(LinkKey::new(link.index, 0), served, name);
        for (&id, vlan) in &interface.vlans {
            let what = format!("{name}: VLAN {id}");
            let ground = vlan_ground(&what, link, mac, id, vlan, links, &mut desired.warnings);
            let served = Wanted::on_vlan(name, interface, vlan).on(&ground);
            desired.insert(LinkKey::new(link.index, id), served, &what);
        }
    }
    serve_vlan_interfaces_by_their_tag(config, links, &mut desired);
    desired
}

impl Desired {
    fn insert(&mut self, key: LinkKey, served: Served, what: &str) {
        for (count, family) in [
            (served.prefixes4.len(), "IPv4"),
            (served.prefixes6.len(), "IPv6"),
        ] {
            if count > PREFIXES_MAX {
                self.warnings.push(format!(
                    "{what}: the kernel path holds {PREFIXES_MAX} of {count} {family} prefixes, \
                     askers in the others are answered from userspace"
                ));
            }
        }
        self.links.insert(key, served);
    }
}

fn warn_of_link(link: &Link, links: &Links, warnings: &mut Vec<String>) {
    let name = &link.name;
    let master = link.master.and_then(|master| links.by_index.get(&master));
    // A VRF leaves its members their addresses; a bridge or bond has them itself.
    let Some(master) = master.filter(|master| master.kind.as_deref() != Some("vrf")) else {
        return;
    };
    if usable(link).next().is_none() {
        warnings.push(format!(
            "{name}: it belongs to {master} and has no address, serve {master} instead",
            master = master.name
        ));
    }
}

/// A frame with a VLAN's tag is seen on the parent, before the VLAN interface: what is served on that interface is
/// served there too, if the parent is.
fn serve_vlan_interfaces_by_their_tag(config: &Config, links: &Links, desired: &mut Desired) {
    for name in config.interfaces.keys() {
        let Some(link) = links.by_name(name) else {
            continue;
        };
        let Some((parent, id)) = link.vlan else {
            continue;
        };
        let Some(served) = desired.links.get(&LinkKey::new(link.index, 0)).cloned() else {
            continue;
        };
        let Some(parent_name) = desired
            .links
            .get(&LinkKey::new(parent, 0))
            .map(|parent| parent.interface.clone())
        else {
            continue;
        };
        if desired
            .links
            .insert(LinkKey::new(parent, id), served)
            .is_some()
        {
            desired.warnings.push(format!(
                "{parent_name}: VLAN {id} is served as [interface.\"{name}\"] says, not as \
                 [interface.{parent_name}.vlan.{id}] does"
            ));
        }
    }
}

/// Where a VLAN is served: on the interface for it, or if there is none, on its parent with the addresses of the
/// configuration.
fn vlan_ground(
    what: &str,
    parent: &Link,
    mac: [u8; 6],
    id: u16,
    vlan: &Vlan,
    links: &Links,
    warnings: &mut Vec<String>,
) -> Ground {
    let on_it = |link: &&Link| link.vlan == Some((parent.index, id));
    if let Some(link) = links.by_index.values().find(on_it) {
        if !vlan.addresses.is_empty() {
            warnings.push(format!(
                "{what}: the addresses of {} are used, not those of the configuration",
                link.name
            ));
        }
        return Ground::of(link, link.mac.unwrap_or(mac));
    }
    if vlan.addresses.is_empty() {
        warnings.push(format!(
            "{what}: it has neither an interface nor addresses here, nothing is answered on it"
        ));
    }
    let assigned = |&(address, length): &(IpAddr, u8)| Assigned {
        address,
        peer: None,
        length,
    };
    Ground {
        device: None,
        mac,
        up: parent.up,
        arp: !parent.noarp,
        origin: ARP_DECLARED,
        addresses: vlan.addresses.iter().map(assigned).collect(),
    }
}

/// What there is on a link: the hardware, and our addresses.
struct Ground {
    device: Option<u32>,
    mac: [u8; 6],
    up: bool,
    arp: bool,
    origin: u16,
    addresses: Vec<Assigned<IpAddr>>,
}

impl Ground {
    fn of(link: &Link, mac: [u8; 6]) -> Self {
        Self {
            device: Some(link.index),
            mac,
            up: link.up,
            arp: !link.noarp,
            origin: ARP_ASSIGNED,
            addresses: usable(link).collect(),
        }
    }
}

/// The addresses that may be told to others, secondary and temporary ones last.
fn usable(link: &Link) -> impl Iterator<Item = Assigned<IpAddr>> {
    let of_kind = |secondary: bool| {
        link.addresses.iter().filter(move |address| {
            address.secondary == secondary
                && address.state == AddressState::Usable
                && Unusable::of(address.ip).is_none()
        })
    };
    of_kind(false).chain(of_kind(true)).map(|address| Assigned {
        address: address.ip,
        peer: address.peer,
        length: address.prefix,
    })
}

/// What the configuration wants on a link.
struct Wanted<'c> {
    interface: &'c str,
    names: &'c [Name],
    hosts: &'c BTreeMap<Name, Vec<IpAddr>>,
    shared: &'c Arc<Hosts>,
    hidden: &'c BTreeSet<Name>,
    proxy_arp: &'c BTreeSet<Ipv4Addr>,
    ttl: u32,
    limit: Rate,
}

impl<'c> Wanted<'c> {
    fn on_interface(name: &'c str, interface: &'c Interface) -> Self {
        Self {
            interface: name,
            names: &interface.names,
            hosts: &interface.hosts,
            shared: &interface.shared,
            hidden: &interface.hidden,
            proxy_arp: &interface.proxy_arp,
            ttl: interface.ttl,
            limit: interface.limit,
        }
    }

    fn on_vlan(name: &'c str, interface: &'c Interface, vlan: &'c Vlan) -> Self {
        Self {
            names: &vlan.names,
            hosts: &vlan.hosts,
            proxy_arp: &vlan.proxy_arp,
            ..Self::on_interface(name, interface)
        }
    }

    fn on(&self, ground: &Ground) -> Served {
        let mut seen = HashSet::new();
        let own = ground.addresses.iter().map(|assigned| assigned.address);
        let own: Vec<_> = own.filter(|address| seen.insert(*address)).collect();
        let mut served = Served {
            interface: self.interface.to_owned(),
            device: ground.device,
            mac: ground.mac,
            up: ground.up,
            prefixes4: Vec::new(),
            prefixes6: Vec::new(),
            own: own.into(),
            ttl: self.ttl,
            limit: self.limit,
            names: Names::default(),
            arp: BTreeMap::new(),
        };
        if ground.up {
            served.prefixes4 = prefixes4(ground.addresses.iter().filter_map(only4));
            served.prefixes6 = prefixes6(ground.addresses.iter().filter_map(only6));
            served.names = self.names(&served.own);
            served.arp = self.arp(ground);
        }
        served
    }

    /// This host's names stand for its addresses on the link (R36), others for those that are given. What several
    /// places say of one name adds up.
    fn names(&self, own: &[IpAddr]) -> Names {
        let mut table: BTreeMap<Name, Vec<IpAddr>> = BTreeMap::new();
        for name in self.names {
            table.insert(name.clone(), own.to_vec());
        }
        for (name, addresses) in self.hosts {
            let known = table.entry(name.clone()).or_default();
            known.extend_from_slice(addresses);
        }
        let complete = |(name, mut addresses): (Name, Vec<IpAddr>)| {
            let shared = self.shared.get(&name);
            if let Some(shared) = shared.filter(|_| !self.hidden.contains(&name)) {
                addresses.extend(shared.iter());
            }
            (name, Addresses::new(addresses, self.ttl))
        };
        Names::new(table.into_iter().map(complete), self.shared.clone())
            .hiding(self.hidden.clone())
            .of_host(self.names)
    }

    /// Our addresses on the link, and those that `proxy-arp` names.
    fn arp(&self, ground: &Ground) -> BTreeMap<[u8; 4], ArpHost> {
        let mut hosts = BTreeMap::new();
        if !ground.arp {
            return hosts;
        }
        let host = |origin| ArpHost {
            mac: ground.mac,
            origin,
        };
        for address in self.proxy_arp {
            hosts.insert(address.octets(), host(ARP_DECLARED));
        }
        for assigned in ground.addresses.iter().filter_map(only4) {
            hosts.insert(assigned.address.octets(), host(ground.origin));
        }
        hosts
    }
}

fn only4(assigned: &Assigned<IpAddr>) -> Option<Assigned<Ipv4Addr>> {
    assigned.of(|address| match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    })
}

fn only6(assigned: &Assigned<IpAddr>) -> Option<Assigned<Ipv6Addr>> {
    assigned.of(|address| match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overlay;
    use crate::link::testing::{address, link, links};
    use llamar_common::abi::{NameState, Prefix4};

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
    const VLAN_MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn names(text: &str) -> Vec<Name> {
        let names = text.split_whitespace();
        names.map(|name| Name::parse(name).unwrap()).collect()
    }

    fn ips(text: &str) -> Vec<IpAddr> {
        text.split_whitespace()
            .map(|ip| ip.parse().unwrap())
            .collect()
    }

    fn hosts(name: &str, addresses: &str) -> BTreeMap<Name, Vec<IpAddr>> {
        names(name)
            .into_iter()
            .map(|name| (name, ips(addresses)))
            .collect()
    }

    fn shared(name: &str, addresses: &str) -> Arc<Hosts> {
        let entry = |name| (name, Addresses::new(ips(addresses), 30));
        Arc::new(names(name).into_iter().map(entry).collect())
    }

    fn interface(own: &str) -> Interface {
        Interface::named(names(own))
    }

    fn vlan(own: &str, addresses: &str) -> Vlan {
        let own_addresses = addresses.split_whitespace().map(address);
        Vlan {
            names: names(own),
            inherits: false,
            addresses: own_addresses
                .map(|address| (address.ip, address.prefix))
                .collect(),
            hosts: BTreeMap::new(),
            proxy_arp: BTreeSet::new(),
        }
    }

    fn config<const N: usize>(interfaces: [(&str, Interface); N]) -> Config {
        let named = interfaces.into_iter();
        Config {
            file: None,
            interfaces: named
                .map(|(name, interface)| (name.to_owned(), interface))
                .collect(),
            everywhere: BTreeMap::new(),
            hosts: Arc::default(),
            max_names: 16,
            notes: Vec::new(),
        }
    }

    /// What is served of `casa` on eth0 with these addresses.
    fn served(addresses: &str) -> Served {
        let config = config([("eth0", interface("casa"))]);
        let mut desired = desired(&config, &links([link(7, "eth0", addresses)]));
        assert_eq!(desired.warnings, [""; 0]);
        desired.links.remove(&LinkKey::new(7, 0)).unwrap()
    }

    fn told(served: &Served, name: &str) -> Option<Vec<IpAddr>> {
        let name = Name::parse(name).unwrap();
        served
            .names
            .get(&name)
            .map(|addresses| addresses.iter().collect())
    }

    fn proxied(served: &Served) -> Vec<(Ipv4Addr, u16)> {
        let hosts = served.arp.iter();
        hosts
            .map(|(address, host)| (Ipv4Addr::from(*address), host.origin))
            .collect()
    }

    #[test]
    fn own_names_stand_for_the_addresses_of_the_link_routable_ones_first() {
        let served = served(
            "169.254.9.9/16 10.0.0.2/24!secondary 10.0.0.1/24 fe80::1/64 2001:db8::2/64!secondary 2001:db8::1/64",
        );
        let expected = "10.0.0.1 10.0.0.2 169.254.9.9 2001:db8::1 2001:db8::2 fe80::1";
        assert_eq!(told(&served, "CASA"), Some(ips(expected)));
        assert_eq!(served.interface, "eth0");
        assert_eq!(
            (served.device, served.mac, served.up),
            (Some(7), [2, 0, 0, 0, 0, 7], true)
        );
        let prefix = served.prefixes4[0];
        assert_eq!(
            (prefix.network, prefix.source),
            ([10, 0, 0, 0], [10, 0, 0, 1])
        );
        let casa = served.names.get(&names("casa")[0]).unwrap();
        assert_eq!((casa.ttl, casa.state), (30, NameState::Unique));
    }

    #[test]
    fn addresses_that_may_not_be_used_are_told_to_nobody() {
        let served = served(
            "127.0.0.1/8 ::1/128 10.0.0.1/24!deprecated 10.0.0.2/24 2001:db8::1/64!tentative \
             2001:db8::2/64!dadfailed fe80::1/64!tentative 2001:db8::3/64!deprecated",
        );
        assert_eq!(told(&served, "casa"), Some(ips("10.0.0.2")));
        assert_eq!(served.own[..], ips("10.0.0.2"));
        assert_eq!(served.prefixes4.len(), 1);
        assert!(served.prefixes6.is_empty());
        assert_eq!(
            proxied(&served),
            [("10.0.0.2".parse().unwrap(), ARP_ASSIGNED)]
        );
    }

    #[test]
    fn a_name_is_served_on_a_link_that_has_no_address_yet() {
        let served = served("");
        assert_eq!(told(&served, "casa"), Some(vec![]));
        assert!(served.own.is_empty() && served.arp.is_empty() && served.prefixes4.is_empty());
    }

    #[test]
    fn peer_and_single_addresses_are_told_but_only_a_peer_is_on_the_link() {
        let served = served("10.0.0.1/32 10.1.0.1>10.1.0.9/32 fd00::1/128 fd00::2>fd00::3/128");
        assert_eq!(
            told(&served, "casa"),
            Some(ips("10.0.0.1 10.1.0.1 fd00::1 fd00::2"))
        );
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(served.source_for(ip("10.1.0.9")), Some(ip("10.1.0.1")));
        assert_eq!(served.source_for(ip("10.0.0.2")), None);
        assert_eq!(served.source_for(ip("fd00::3")), Some(ip("fd00::2")));
        assert_eq!(served.source_for(ip("fd00::4")), None);
    }

    #[test]
    fn one_address_with_two_prefixes_is_told_once() {
        let served = served("10.0.0.1/24 10.0.0.1/16 10.0.0.1>10.9.9.9/32");
        assert_eq!(told(&served, "casa"), Some(ips("10.0.0.1")));
        assert_eq!(served.own.len(), 1);
        assert_eq!(served.prefixes4.len(), 3);
    }

    #[test]
    fn more_than_four_addresses_are_all_told_and_counted_for_the_kernel_path() {
        let served =
            served("10.0.0.1/24 10.0.0.2/24 10.0.0.3/24 10.0.0.4/24 10.0.0.5/24 fe80::1/64");
        assert_eq!(told(&served, "casa").unwrap().len(), 6);
        let host = served.names.get(&names("casa")[0]).unwrap().host();
        assert_eq!((host.a_count, host.aaaa_count), (5, 1));
    }

    #[test]
    fn the_kernel_path_gets_the_sixteen_longest_prefixes_and_a_warning_tells_of_the_rest() {
        let addresses: Vec<_> = (8..=29)
            .map(|length| format!("{length}.0.0.1/{length}"))
            .collect();
        let config = config([("eth0", interface("casa"))]);
        let desired = desired(&config, &links([link(7, "eth0", &addresses.join(" "))]));
        let key = LinkKey::new(7, 0);
        let served = &desired.links[&key];
        assert_eq!(served.prefixes4.len(), 22);
        let link = served.link(key, 250);
        assert_eq!((link.prefix4_count, link.prefix6_count), (16, 0));
        assert_eq!(link.prefix4[0].source, [29, 0, 0, 1]);
        assert_eq!(link.prefix4[15].source, [14, 0, 0, 1]);
        assert!(
            desired.warnings[0].contains("16 of 22 IPv4"),
            "{:?}",
            desired.warnings
        );
        let asker = "8.200.200.200".parse().unwrap();
        assert_eq!(served.source_for(asker), "8.0.0.1".parse().ok());
    }

    #[test]
    fn a_link_that_is_down_serves_nothing_but_stays_known() {
        let mut eth0 = link(7, "eth0", "10.0.0.1/24 fe80::1/64");
        eth0.up = false;
        let mut wanted = interface("casa");
        wanted.shared = shared("nas", "10.0.0.9");
        wanted.proxy_arp = BTreeSet::from([Ipv4Addr::new(10, 0, 0, 20)]);
        wanted.vlans.insert(100, vlan("casa", "10.0.100.1/24"));
        let desired = desired(&config([("eth0", wanted)]), &links([eth0]));
        assert_eq!(desired.links.len(), 2);
        for served in desired.links.values() {
            assert!(!served.up && served.names.is_empty() && served.arp.is_empty());
            assert!(served.prefixes4.is_empty() && served.prefixes6.is_empty());
            assert!(!served.own.is_empty());
        }
        assert_eq!(
            desired.kernel_names().count() + desired.kernel_arp().count(),
            0
        );
    }

    #[test]
    fn a_missing_interface_and_one_without_a_mac_are_left_out() {
        let mut tun = link(8, "tun0", "10.0.0.1/24");
        tun.mac = None;
        tun.ethernet = false;
        let config = config([("eth9", interface("casa")), ("tun0", interface("casa"))]);
        let desired = desired(&config, &links([tun]));
        assert!(desired.links.is_empty());
    }

    #[test]
    fn several_interfaces_have_their_own_names_and_addresses() {
        let config = config([
            ("eth0", interface("casa media")),
            ("eth1", interface("patio")),
        ]);
        let links = links([
            link(2, "eth0", "10.0.0.1/24"),
            link(3, "eth1", "10.1.0.1/24"),
        ]);
        let desired = desired(&config, &links);
        let [eth0, eth1] = [2, 3].map(|index| &desired.links[&LinkKey::new(index, 0)]);
        assert_eq!(told(eth0, "casa"), Some(ips("10.0.0.1")));
        assert_eq!(told(eth0, "media"), Some(ips("10.0.0.1")));
        assert_eq!(told(eth0, "patio"), None);
        assert_eq!(told(eth1, "patio"), Some(ips("10.1.0.1")));
        assert_eq!(told(eth1, "casa"), None);
    }

    #[test]
    fn what_own_name_interface_and_everybody_say_of_one_name_adds_up() {
        let mut wanted = interface("casa");
        wanted.hosts = hosts("casa nas", "10.0.0.9 fe80::9 10.0.0.1");
        wanted.shared = shared("Casa NAS printer", "2001:db8::9 10.0.0.9");
        let everybody = wanted.shared.clone();
        let desired = desired(
            &config([("eth0", wanted)]),
            &links([link(2, "eth0", "10.0.0.1/24")]),
        );
        let served = &desired.links[&LinkKey::new(2, 0)];
        let casa = "10.0.0.1 10.0.0.9 2001:db8::9 fe80::9";
        assert_eq!(told(served, "casa"), Some(ips(casa)));
        assert_eq!(
            told(served, "nas"),
            Some(ips("10.0.0.9 10.0.0.1 2001:db8::9 fe80::9"))
        );
        assert_eq!(told(served, "printer"), Some(ips("10.0.0.9 2001:db8::9")));
        assert_eq!(served.names.len(), 3);
        let printer = &names("printer")[0];
        assert!(std::ptr::eq(
            served.names.get(printer).unwrap(),
            everybody.get(printer).unwrap()
        ));
    }

    #[test]
    fn a_hidden_name_of_the_hosts_file_is_not_served_on_the_interface_and_its_vlans() {
        let mut wanted = interface("casa");
        wanted.shared = shared("nas printer", "10.0.0.9");
        wanted.hidden = names("NAS printer").into_iter().collect();
        wanted.hosts = hosts("printer", "10.0.0.8");
        wanted.vlans.insert(5, vlan("casa", "10.5.0.1/24"));
        let config = config([("eth0", wanted)]);
        let desired = desired(&config, &links([link(2, "eth0", "10.0.0.1/24")]));
        let [eth0, vlan] = [0, 5].map(|id| &desired.links[&LinkKey::new(2, id)]);
        assert_eq!((told(eth0, "nas"), told(vlan, "nas")), (None, None));
        // What is held beside it does not take the hidden addresses along.
        assert_eq!(told(eth0, "printer"), Some(ips("10.0.0.8")));
        assert_eq!(told(vlan, "printer"), None);
        assert_eq!(desired.kernel_names().count(), 3);
    }

    #[test]
    fn the_names_of_our_address_are_in_the_order_of_the_configuration() {
        let mut wanted = interface("media casa");
        wanted.hosts = hosts("alias", "10.0.0.1");
        let config = config([("eth0", wanted)]);
        let desired = desired(&config, &links([link(2, "eth0", "10.0.0.1/24")]));
        let names = &desired.links[&LinkKey::new(2, 0)].names;
        let owners = names.owners("10.0.0.1".parse().unwrap());
        let owners: Vec<_> = owners.map(|(name, _)| name.to_string()).collect();
        assert_eq!(owners, ["media", "casa", "alias"]);
    }

    #[test]
    fn hosts_of_everybody_are_one_table_on_all_links() {
        let everybody = shared("a b c", "10.9.9.9");
        let mut interfaces = [interface("casa"), interface("casa")];
        interfaces[0].vlans.insert(5, vlan("casa", "10.5.0.1/24"));
        for interface in &mut interfaces {
            interface.shared = everybody.clone();
        }
        let [eth0, eth1] = interfaces;
        let config = config([("eth0", eth0), ("eth1", eth1)]);
        let links = links([
            link(2, "eth0", "10.0.0.1/24"),
            link(3, "eth1", "10.1.0.1/24"),
        ]);
        let desired = desired(&config, &links);
        let served: Vec<_> = desired.links.values().collect();
        assert_eq!(served.len(), 3);
        assert!(
            served
                .iter()
                .all(|one| one.names.same_shared(&served[0].names))
        );
        assert_eq!(desired.kernel_names().count(), 12);
    }

    #[test]
    fn one_name_more_leaves_a_hosts_file_as_it_is() {
        let entry = |number: u32| {
            let address = Ipv4Addr::from_bits(0x0a00_0000 + number);
            let name = Name::parse(&format!("host-{number:06}")).unwrap();
            (name, Addresses::one(address.into(), 30))
        };
        let mut wanted = interface("casa");
        wanted.shared = Arc::new((0..100).map(entry).collect());
        let config = config([("eth0", wanted)]);
        let links = links([link(2, "eth0", "10.0.0.1/24")]);
        let before = desired(&config, &links);
        let key = LinkKey::new(2, 0);
        let mut overlay = Overlay::default();
        overlay.add(&config, "tv", None, &ips("10.0.0.5")).unwrap();
        overlay.remove(&config, "host-000007", None).unwrap();
        let after = desired(&overlay.apply(&config), &links);
        let [before, after] = [before, after].map(|mut desired| desired.links.remove(&key));
        let (before, after) = (before.unwrap().names, after.unwrap().names);
        let changes = after.changes(&before);
        assert!(after.same_shared(&before));
        let changes: Vec<_> = changes
            .iter()
            .map(|(name, now)| (name.to_string(), now.is_some()))
            .collect();
        let expected = [("tv", true), ("host-000007", false)];
        assert_eq!(changes, expected.map(|(name, now)| (name.to_owned(), now)));
    }

    #[test]
    fn arp_is_answered_for_own_addresses_and_those_declared() {
        let mut wanted = interface("casa");
        wanted.proxy_arp = [1, 20, 21].map(|host| Ipv4Addr::new(10, 0, 0, host)).into();
        wanted.hosts = hosts("nas", "10.0.0.9");
        let mut eth0 = link(2, "eth0", "10.0.0.1/24 10.0.0.2/24!secondary");
        let config = config([("eth0", wanted)]);
        let key = LinkKey::new(2, 0);
        let declared = desired(&config, &links([eth0.clone()]));
        // Naming a host is not being it: 10.0.0.9 is not among them.
        let origins = [
            (1, ARP_ASSIGNED),
            (2, ARP_ASSIGNED),
            (20, ARP_DECLARED),
            (21, ARP_DECLARED),
        ];
        assert_eq!(
            proxied(&declared.links[&key]),
            origins.map(|(host, origin)| (Ipv4Addr::new(10, 0, 0, host), origin))
        );
        assert!(
            declared
                .kernel_arp()
                .all(|(key, host)| key.ifindex == 2 && host.mac == MAC)
        );

        eth0.noarp = true;
        let silent = desired(&config, &links([eth0]));
        assert!(silent.links[&key].arp.is_empty());
        assert!(!silent.links[&key].names.is_empty());
    }

    #[test]
    fn a_vlan_without_an_interface_has_the_addresses_of_the_configuration() {
        let mut wanted = interface("casa");
        let mut tagged = vlan("casa100", "10.0.100.1/24 fe80::100/64");
        tagged.hosts = hosts("nas", "10.0.100.9");
        tagged.proxy_arp = BTreeSet::from([Ipv4Addr::new(10, 0, 100, 7)]);
        wanted.vlans.insert(100, tagged);
        let desired = desired(
            &config([("eth0", wanted)]),
            &links([link(2, "eth0", "10.0.0.1/24")]),
        );
        assert_eq!(desired.warnings, [""; 0]);
        let served = &desired.links[&LinkKey::new(2, 100)];
        assert_eq!((served.device, served.mac, served.up), (None, MAC, true));
        assert_eq!(told(served, "casa100"), Some(ips("10.0.100.1 fe80::100")));
        assert_eq!(told(served, "casa"), None);
        assert_eq!(told(served, "nas"), Some(ips("10.0.100.9")));
        assert_eq!(served.own[..], ips("10.0.100.1 fe80::100"));
        assert_eq!(
            proxied(served),
            [1, 7].map(|host| (Ipv4Addr::new(10, 0, 100, host), ARP_DECLARED))
        );
        let expected = Prefix4 {
            network: [10, 0, 100, 0],
            mask: [255, 255, 255, 0],
            source: [10, 0, 100, 1],
        };
        assert_eq!(served.prefixes4, [expected]);
        let link = served.link(LinkKey::new(2, 100), 250);
        assert_eq!((link.ifindex, link.vlan, link.mac), (2, 100, MAC));
        assert_eq!((link.prefix4_count, link.prefix6_count), (1, 1));
        let untagged = &desired.links[&LinkKey::new(2, 0)];
        assert_eq!(told(untagged, "casa"), Some(ips("10.0.0.1")));
        assert_eq!(told(untagged, "nas"), None);
    }

    #[test]
    fn a_vlan_has_the_limit_of_its_interface() {
        let limit = Rate {
            per_second: 7,
            burst: 9,
        };
        let mut eth0 = Interface {
            limit,
            ..interface("casa")
        };
        eth0.vlans.insert(100, vlan("casa", "10.0.100.1/24"));
        let links = links([link(2, "eth0", "10.0.0.1/24")]);
        let desired = desired(&config([("eth0", eth0)]), &links);
        for key in [LinkKey::new(2, 0), LinkKey::new(2, 100)] {
            let served = &desired.links[&key];
            assert_eq!(served.limit, limit);
            assert_eq!(served.link(key, 250).limit, limit.limit(250));
        }
    }

    #[test]
    fn a_vlan_with_nothing_to_it_is_warned_about() {
        let mut wanted = interface("casa");
        wanted.vlans.insert(100, vlan("casa", ""));
        let links = links([link(2, "eth0", "10.0.0.1/24")]);
        let desired = desired(&config([("eth0", wanted)]), &links);
        assert!(desired.warnings[0].starts_with("eth0: VLAN 100: it has neither"));
    }

    fn tagged_link(addresses: &str) -> Link {
        Link {
            vlan: Some((2, 100)),
            ..link(9, "eth0.100", addresses)
        }
    }

    #[test]
    fn a_vlan_with_an_interface_has_its_addresses_and_mac() {
        let mut wanted = interface("casa");
        wanted.vlans.insert(100, vlan("casa100", "10.0.100.1/24"));
        let tagged = tagged_link("10.7.0.1/16");
        let config = config([("eth0", wanted)]);
        let desired_links = links([link(2, "eth0", "10.0.0.1/24"), tagged.clone()]);
        let with_interface = desired(&config, &desired_links);
        assert_eq!(with_interface.links.len(), 2);
        let served = &with_interface.links[&LinkKey::new(2, 100)];
        assert_eq!((served.device, served.mac), (Some(9), VLAN_MAC));
        assert_eq!(told(served, "casa100"), Some(ips("10.7.0.1")));
        assert_eq!(
            proxied(served),
            [("10.7.0.1".parse().unwrap(), ARP_ASSIGNED)]
        );
        assert!(with_interface.warnings[0].contains("addresses of eth0.100 are used"));

        let down = Link {
            up: false,
            ..tagged
        };
        let with_down = desired(&config, &links([link(2, "eth0", "10.0.0.1/24"), down]));
        assert!(!with_down.links[&LinkKey::new(2, 100)].up);
        assert!(with_down.links[&LinkKey::new(2, 100)].names.is_empty());
    }

    #[test]
    fn a_vlan_interface_that_is_served_is_served_by_its_tag_too() {
        let links = links([link(2, "eth0", "10.0.0.1/24"), tagged_link("10.7.0.1/16")]);
        let alone = desired(&config([("eth0.100", interface("casa100"))]), &links);
        assert_eq!(
            alone.links.keys().collect::<Vec<_>>(),
            [&LinkKey::new(9, 0)]
        );

        let mut eth0 = interface("casa");
        let both = [("eth0", eth0.clone()), ("eth0.100", interface("casa100"))];
        let both = desired(&config(both), &links);
        assert_eq!(both.warnings, [""; 0]);
        assert_eq!(both.links.len(), 3);
        assert_eq!(
            both.links[&LinkKey::new(2, 100)],
            both.links[&LinkKey::new(9, 0)]
        );
        assert_eq!(
            told(&both.links[&LinkKey::new(2, 100)], "casa100"),
            Some(ips("10.7.0.1"))
        );

        eth0.vlans.insert(100, vlan("other", ""));
        let twice = [("eth0", eth0), ("eth0.100", interface("casa100"))];
        let twice = desired(&config(twice), &links);
        assert_eq!(told(&twice.links[&LinkKey::new(2, 100)], "other"), None);
        assert_eq!(
            twice.links[&LinkKey::new(2, 100)],
            twice.links[&LinkKey::new(9, 0)]
        );
        assert!(twice.warnings[0].contains("VLAN 100 is served as [interface.\"eth0.100\"]"));
    }

    #[test]
    fn a_port_of_a_bridge_without_addresses_is_warned_about() {
        let mut port = link(2, "eth0", "");
        port.master = Some(5);
        let mut bridge = link(5, "br0", "10.0.0.1/24");
        bridge.kind = Some("bridge".to_owned());
        let config = config([("eth0", interface("casa"))]);
        let on_bridge = desired(&config, &links([port.clone(), bridge.clone()]));
        assert!(on_bridge.warnings[0].contains("serve br0 instead"));
        bridge.kind = Some("vrf".to_owned());
        let on_vrf = desired(&config, &links([port, bridge]));
        assert_eq!(on_vrf.warnings, [""; 0]);
    }
}
