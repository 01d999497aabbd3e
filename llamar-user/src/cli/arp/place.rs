//! The interface of a command, and our addresses on it.

use std::net::{IpAddr, Ipv4Addr};

use super::fields::PlaceArgs;
use crate::arp::refusal::Own;
use crate::ask::raw::{Need, Raw, RawError};
use crate::ether::MacAddr;
use crate::link::{Address, AddressState, Link, Links};
use crate::net::arp_filter;

/// An open interface.
pub struct Place {
    /// What frames go through.
    pub raw: Raw,
    /// Where our addresses are: the interface, or that of the VLAN.
    spoken: Link,
    /// Our addresses on it.
    pub own: Vec<Own>,
    /// All our addresses: those on other interfaces too, whose networks are none here.
    pub all: Vec<Own>,
    /// Hardware addresses of our other interfaces.
    pub other_macs: Vec<MacAddr>,
}

impl Place {
    /// Opens the interface that is named, or the one on whose network some addresses are.
    pub async fn open(args: &PlaceArgs, towards: &[Ipv4Addr]) -> Result<Self, RawError> {
        let filter = arp_filter();
        let mut raw = match &args.iface {
            Some(name) => Raw::open(name, Need::Arp, &filter).await?,
            None => Raw::choose(Need::Arp, &filter, |links| choose(links, towards)).await?,
        };
        let link = raw.link().clone();
        let spoken = spoken(&link, args.vlan, raw.watch().links()).clone();
        let others: Vec<Link> = {
            let links = raw.watch().links().by_index.values();
            let others = links.filter(|other| ![link.index, spoken.index].contains(&other.index));
            others.cloned().collect()
        };
        let own = own_addresses(&spoken);
        let elsewhere = others.iter().flat_map(usable).map(|address| Own {
            prefix: 32,
            ..own_of(address)
        });
        Ok(Self {
            all: own.iter().copied().chain(elsewhere).collect(),
            other_macs: others
                .iter()
                .filter_map(|link| link.mac)
                .map(MacAddr)
                .collect(),
            raw,
            spoken,
            own,
        })
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.raw.link().name
    }

    /// The address from which to ask for others: one on the network of the first of them, or at least of its kind.
    pub fn source_for(&self, targets: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        let target = targets.first()?;
        let on_network = usable(&self.spoken).find(|address| is_near(address, *target));
        let same_kind = |own: &&Own| own.ip.is_link_local() == target.is_link_local();
        on_network
            .map(own_of)
            .or_else(|| self.own.iter().find(same_kind).copied())
            .or_else(|| self.own.first().copied())
            .map(|own| own.ip)
    }

    /// How many bits the network of an address has, if one of ours is on it.
    pub fn prefix_of(&self, target: Ipv4Addr) -> Option<u8> {
        let near = usable(&self.spoken).find(|address| is_near(address, target));
        near.map(|address| address.prefix)
    }

    /// The networks of our addresses, if an address is on none of them.
    pub fn off_link(&self, target: Ipv4Addr) -> Option<String> {
        let mut addresses = usable(&self.spoken).peekable();
        addresses.peek()?;
        if usable(&self.spoken).any(|address| is_near(address, target)) {
            return None;
        }
        let networks: Vec<_> = addresses
            .filter_map(|own| Some(format!("{}/{}", network(own)?, own.prefix)))
            .collect();
        Some(networks.join(", "))
    }
}

/// The interface that is meant by the addresses on its network.
fn choose(links: &Links, towards: &[Ipv4Addr]) -> Result<u32, RawError> {
    let fit = || links.by_index.values().filter(|link| is_fit(link, links));
    let is_meant = |link: &&Link| {
        usable(link).any(|address| towards.iter().any(|target| is_near(address, *target)))
    };
    let near: Vec<&Link> = fit().filter(is_meant).collect();
    let chosen = match near.is_empty() {
        true => fit().collect(),
        false => near,
    };
    match chosen.as_slice() {
        [one] => Ok(one.index),
        [] => Err(RawError::Which(String::from("none is up and uses ARP"))),
        several => {
            let names: Vec<_> = several.iter().map(|link| link.name.as_str()).collect();
            Err(RawError::Which(format!("it may be {}", names.join(" or "))))
        }
    }
}

/// Whether an interface has neighbours of its own: a port of a bridge or of a bond has not.
fn is_fit(link: &Link, links: &Links) -> bool {
    let master = link.master.and_then(|index| links.by_index.get(&index));
    let kind = master.and_then(|master| master.kind.as_deref());
    let is_port = matches!(kind, Some("bridge" | "bond" | "team"));
    link.ethernet && link.up && !link.noarp && link.mac.is_some() && !is_port
}

/// The interface that has our addresses: that of the VLAN, if there is one.
fn spoken<'l>(link: &'l Link, vlan: Option<u16>, links: &'l Links) -> &'l Link {
    let is_it = |other: &&Link| vlan.is_some_and(|id| other.vlan == Some((link.index, id)));
    links.by_index.values().find(is_it).unwrap_or(link)
}

/// The IPv4 addresses of an interface that may be used.
fn usable(link: &Link) -> impl Iterator<Item = &Address> {
    let addresses = link.addresses.iter();
    addresses.filter(|address| address.ip.is_ipv4() && address.state == AddressState::Usable)
}

/// Our IPv4 addresses on an interface, in the kernel's order.
pub fn own_addresses(link: &Link) -> Vec<Own> {
    usable(link).map(own_of).collect()
}

fn own_of(address: &Address) -> Own {
    let ip = match address.ip {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    // The prefix of an address with a peer is that of the peer.
    let prefix = match address.peer {
        Some(_) => 32,
        None => address.prefix,
    };
    Own { ip, prefix }
}

/// Whether an address is on the network of one of ours.
fn is_near(own: &Address, target: Ipv4Addr) -> bool {
    let target = Ipv4Addr::from_bits(target.to_bits() & mask(own.prefix));
    network(own) == Some(target)
}

/// The first address of the network of one of ours.
fn network(own: &Address) -> Option<Ipv4Addr> {
    match own.peer.unwrap_or(own.ip) {
        IpAddr::V4(ip) => Some(Ipv4Addr::from_bits(ip.to_bits() & mask(own.prefix))),
        IpAddr::V6(_) => None,
    }
}

fn mask(prefix: u8) -> u32 {
    !u32::MAX.checked_shr(prefix.into()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str, prefix: u8, peer: Option<&str>) -> Address {
        Address {
            ip: text.parse().unwrap(),
            peer: peer.map(|peer| peer.parse().unwrap()),
            prefix,
            state: AddressState::Usable,
            secondary: false,
            scope_link: false,
        }
    }

    fn link(index: u32, addresses: &[Address]) -> Link {
        Link {
            index,
            name: format!("eth{index}"),
            mac: Some([2, 0, 0, 0, 0, index as u8]),
            ethernet: true,
            up: true,
            addresses: addresses.to_vec(),
            ..Link::default()
        }
    }

    fn links(links: &[Link]) -> Links {
        let by_index = links.iter().map(|link| (link.index, link.clone()));
        Links {
            by_index: by_index.collect(),
        }
    }

    fn chosen(links: &Links, target: &str) -> Result<u32, String> {
        choose(links, &[target.parse().unwrap()]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_interface_is_the_one_on_whose_network_the_address_is() {
        let all = links(&[
            link(
                1,
                &[address("10.1.0.1", 24, None), address("fe80::1", 64, None)],
            ),
            link(2, &[address("10.2.0.1", 24, None)]),
            link(3, &[address("10.9.0.1", 32, Some("10.3.0.2"))]),
            link(4, &[address("10.4.0.1", 0, None)]),
        ]);
        let without_default = links(&all.by_index.values().take(3).cloned().collect::<Vec<_>>());
        assert_eq!(chosen(&without_default, "10.2.0.9"), Ok(2));
        assert_eq!(chosen(&without_default, "10.3.0.2"), Ok(3));
        let unclear = "which interface? it may be eth1 or eth2 or eth3: name one with --iface";
        assert_eq!(chosen(&without_default, "10.8.0.1"), Err(unclear.into()));
        assert_eq!(chosen(&all, "10.8.0.1"), Ok(4));
        assert!(
            chosen(&all, "10.1.0.1")
                .unwrap_err()
                .contains("eth1 or eth4")
        );
    }

    #[test]
    fn in_a_vlan_our_addresses_are_those_of_its_interface() {
        let parent = link(1, &[address("10.1.0.1", 24, None)]);
        let of_seven = Link {
            vlan: Some((1, 7)),
            ..link(2, &[address("10.7.0.1", 24, None)])
        };
        let all = links(&[parent.clone(), of_seven]);
        let spoken = |vlan| spoken(&parent, vlan, &all).index;
        assert_eq!([None, Some(7), Some(8)].map(spoken), [1, 2, 1]);
    }

    #[test]
    fn an_interface_that_cannot_be_used_is_not_chosen() {
        let mut bridge = link(9, &[]);
        bridge.kind = Some("bridge".into());
        let unfit = [
            Link {
                up: false,
                ..link(2, &[])
            },
            Link {
                noarp: true,
                ..link(3, &[])
            },
            Link {
                ethernet: false,
                ..link(4, &[])
            },
            Link {
                master: Some(9),
                ..link(5, &[address("10.0.0.1", 24, None)])
            },
        ];
        let mut all = unfit.to_vec();
        all.push(bridge);
        assert_eq!(chosen(&links(&all), "10.0.0.7"), Ok(9));
        let none = "which interface? none is up and uses ARP: name one with --iface";
        assert_eq!(chosen(&links(&unfit[..3]), "10.0.0.7"), Err(none.into()));
    }
}
