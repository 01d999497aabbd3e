//! Which addresses of ours are announced and watched over on which link.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use llamar_common::abi::LinkKey;

use super::{Desired, Served};
use crate::config::{Config, Unusable};
use crate::ether::{MacAddr, Tag};
use crate::link::{AddressState, Link, Links};
use crate::presence::{Origin, Wanted};

/// What is wanted of every link that is served; `routers` are the interfaces that forward IPv6.
pub fn wanted(
    config: &Config,
    links: &Links,
    bare: &Desired,
    routers: &BTreeSet<u32>,
) -> BTreeMap<LinkKey, Wanted> {
    // A VLAN interface may be served under two keys; frames come and go by the one of it.
    let once = bare
        .links
        .iter()
        .filter(|(key, _)| bare.claimed_on(**key) == **key);
    once.filter_map(|(key, served)| Some((*key, on_link(*key, served, config, links, routers)?)))
        .collect()
}

/// The hardware addresses of this host.
pub fn own(links: &Links, bare: &Desired) -> BTreeSet<MacAddr> {
    let interfaces = links.by_index.values().filter_map(|link| link.mac);
    let served = bare.links.values().map(|served| served.mac);
    interfaces.chain(served).map(MacAddr).collect()
}

fn on_link(
    key: LinkKey,
    served: &Served,
    config: &Config,
    links: &Links,
    routers: &BTreeSet<u32>,
) -> Option<Wanted> {
    let interface = config.interfaces.get(&served.interface)?;
    let device = served.device.unwrap_or(key.ifindex);
    let link = links.by_index.get(&device)?;
    let vlan = interface.vlans.get(&key.vlan);
    // Rule 7: an address is ours to tell of if it is assigned here or on a `proxy-arp` list; names give none.
    let proxied = vlan.map_or(&interface.proxy_arp, |vlan| &vlan.proxy_arp);
    let proxied = proxied
        .iter()
        .map(|address| (IpAddr::V4(*address), Origin::Proxied));
    let own: Vec<IpAddr> = match served.device {
        Some(_) => assigned(link).collect(),
        None => served.own.to_vec(),
    };
    let own = own.into_iter().map(|address| (address, Origin::Assigned));
    // Where there is no interface nobody answers solicitations, so advertisements would lead astray.
    let nd = link.multicast && served.device.is_some();
    let speaks = |address: &IpAddr| !link.noarp && (address.is_ipv4() || nd);
    Some(Wanted {
        device,
        tag: served.device.is_none().then(|| Tag::vlan(key.vlan)),
        mac: MacAddr(served.mac),
        up: served.up,
        router: routers.contains(&device),
        presence: interface.presence,
        addresses: proxied
            .chain(own)
            .filter(|(address, _)| speaks(address))
            .collect(),
    })
}

/// The addresses that are in use: RFC 4862 5.5.4 has a deprecated one be one too.
fn assigned(link: &Link) -> impl Iterator<Item = IpAddr> {
    let used = |state| matches!(state, AddressState::Usable | AddressState::Deprecated);
    let addresses = link.addresses.iter();
    let addresses = addresses.filter(move |address| used(address.state));
    addresses
        .map(|address| address.ip)
        .filter(|ip| Unusable::of(*ip).is_none())
}

impl Desired {
    /// The same without the IPv4 addresses of links that may not be answered for; `withdrawn` tells those of the link
    /// that is claimed on.
    pub fn without<I>(mut self, withdrawn: impl Fn(LinkKey) -> I) -> Self
    where
        I: Iterator<Item = std::net::Ipv4Addr>,
    {
        let keys: Vec<_> = self
            .links
            .keys()
            .map(|key| (*key, self.claimed_on(*key)))
            .collect();
        for (key, on) in keys {
            let Some(served) = self.links.get_mut(&key) else {
                continue;
            };
            for address in withdrawn(on) {
                served.arp.remove(&address.octets());
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::config::{Defaults, Flags, judge};
    use crate::link::testing::{link, links};
    use crate::state::desired;

    fn config(toml: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("llamar.toml");
        std::fs::write(&path, format!("names = \"casa\"\n{toml}")).unwrap();
        let flags = Flags {
            config: Some(path),
            ..Flags::default()
        };
        judge(&flags, &Defaults::system()).unwrap()
    }

    fn on(toml: &str, links: &Links) -> BTreeMap<LinkKey, Wanted> {
        let config = config(toml);
        let bare = desired(&config, links);
        wanted(&config, links, &bare, &BTreeSet::from([2]))
    }

    /// The addresses as text, proxied ones in brackets.
    fn shown(wanted: &Wanted) -> String {
        let shown = wanted
            .addresses
            .iter()
            .map(|(address, origin)| match origin {
                Origin::Assigned => address.to_string(),
                Origin::Proxied => format!("({address})"),
            });
        shown.collect::<Vec<_>>().join(" ")
    }

    // RFC 5227 2.3; RFC 4862 5.4, 5.5.4: D2
    #[test]
    fn addresses_in_use_and_proxied_ones_are_ours_to_announce_and_no_others() {
        let toml = "[hosts]\nnas = \"10.0.0.88\"\n[interface.eth0]\nproxy-arp = [\"10.0.0.9\", \"10.0.0.1\"]\n";
        let addresses = "10.0.0.1/24 10.0.0.2/24!secondary 169.254.7.1/16 fe80::1/64 fd00::1/64!tentative \
                         fd00::2/64!dadfailed fd00::3/64!deprecated";
        let mut eth0 = link(2, "eth0", addresses);
        let wanted = on(toml, &links([eth0.clone()]));
        let of = &wanted[&LinkKey::new(2, 0)];
        assert_eq!(
            shown(of),
            "10.0.0.1 10.0.0.2 (10.0.0.9) 169.254.7.1 fd00::3 fe80::1"
        );
        assert_eq!((of.device, of.tag, of.up, of.router), (2, None, true, true));
        assert_eq!(of.mac, MacAddr([2, 0, 0, 0, 0, 2]));
        eth0.multicast = false;
        let wanted = on(toml, &links([eth0.clone()]));
        assert_eq!(
            shown(&wanted[&LinkKey::new(2, 0)]),
            "10.0.0.1 10.0.0.2 (10.0.0.9) 169.254.7.1"
        );
        eth0.noarp = true;
        let wanted = on(toml, &links([eth0]));
        assert_eq!(shown(&wanted[&LinkKey::new(2, 0)]), "");
    }

    #[test]
    fn a_link_that_is_down_keeps_its_addresses_so_that_what_is_known_of_them_stays() {
        let mut eth0 = link(2, "eth0", "10.0.0.1/24");
        eth0.up = false;
        let wanted = on(
            "[interface.eth0]\nproxy-arp = \"10.0.0.9\"\n",
            &links([eth0]),
        );
        let of = &wanted[&LinkKey::new(2, 0)];
        assert_eq!((shown(of).as_str(), of.up), ("10.0.0.1 (10.0.0.9)", false));
    }

    #[test]
    fn a_vlan_is_announced_once_by_its_interface_or_by_its_tag() {
        let toml = "[interface.eth0]\n[interface.eth0.vlan.7]\naddresses = [\"10.7.0.1/24\", \"fd07::1/64\"]\n\
                    proxy-arp = \"10.7.0.9\"\n[interface.eth0.vlan.8]\nproxy-arp = \"10.8.0.9\"\n[interface.vlan9]\n";
        let mut eight = link(3, "vlan8", "10.8.0.1/24");
        eight.vlan = Some((2, 8));
        let mut nine = link(4, "vlan9", "10.9.0.1/24");
        nine.vlan = Some((2, 9));
        let wanted = on(toml, &links([link(2, "eth0", ""), eight, nine]));
        let places: Vec<_> = wanted
            .iter()
            .map(|(key, of)| {
                (
                    key.ifindex,
                    key.vlan,
                    of.device,
                    of.tag.map(Tag::id),
                    shown(of),
                )
            })
            .collect();
        assert_eq!(
            places,
            [
                (2, 0, 2, None, String::new()),
                // Nobody answers solicitations there, so IPv6 is not told of.
                (2, 7, 2, Some(7), "10.7.0.1 (10.7.0.9)".to_owned()),
                (2, 8, 3, None, "10.8.0.1 (10.8.0.9)".to_owned()),
                (4, 0, 4, None, "10.9.0.1".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_withdrawn_is_answered_for_by_no_key_of_its_link() {
        let toml = "[interface.eth0]\n[interface.vlan9]\nproxy-arp = \"10.9.0.9\"\n";
        let mut nine = link(4, "vlan9", "10.9.0.1/24");
        nine.vlan = Some((2, 9));
        let links = links([link(2, "eth0", "10.9.0.9/24"), nine]);
        let bare = desired(&config(toml), &links);
        let withdrawn = Ipv4Addr::new(10, 9, 0, 9);
        let settled =
            bare.without(|key| (key == LinkKey::new(4, 0)).then_some(withdrawn).into_iter());
        let has = |ifindex, vlan| {
            let served = &settled.links[&LinkKey::new(ifindex, vlan)];
            served.arp.contains_key(&withdrawn.octets())
        };
        assert_eq!((has(4, 0), has(2, 9), has(2, 0)), (false, false, true));
    }

    #[test]
    fn the_hardware_addresses_of_all_interfaces_are_our_own() {
        let links = links([link(2, "eth0", ""), link(9, "eth9", "")]);
        let bare = desired(&config("[interface.eth0]\n"), &links);
        let macs = [2, 9].map(|last| MacAddr([2, 0, 0, 0, 0, last]));
        assert_eq!(own(&links, &bare), macs.into());
    }
}
