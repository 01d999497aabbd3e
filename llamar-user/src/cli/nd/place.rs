//! On which interface a command speaks, on which VLAN, and from which of the addresses there.

use std::net::{IpAddr, Ipv6Addr};

use anyhow::bail;
use llamar_common::wire::ndp;

use crate::ask::raw::{Need, Raw, RawError};
use crate::cli::force::Force;
use crate::cli::values;
use crate::ether::Tag;
use crate::link::{AddressState, Link, Links};
use crate::ndp::refusal::{self, AddressError};
use crate::ndp::{Port, listener};
use crate::net::{Membership, neighbour_discovery_filter};

/// All nodes on the link: ff02::1 (RFC 4291 2.7.1).
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::from_bits(u128::from_be_bytes(ndp::ALL_NODES));

/// The solicited-node group of an address (RFC 4291 2.7.1).
pub fn group(address: Ipv6Addr) -> Ipv6Addr {
    ndp::solicited_node(address.octets()).into()
}

/// An address on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub address: Ipv6Addr,
    /// The interface behind `%`.
    pub interface: Option<String>,
}

impl Target {
    /// Reads an address; `instead` is the command for IPv4.
    pub fn parse(text: &str, instead: &str) -> Result<Self, String> {
        match refusal::address(text) {
            Ok((address, interface)) => Ok(Self {
                address,
                interface: interface.map(String::from),
            }),
            Err(AddressError::Ipv4(_)) => Err(format!("an IPv4 address: {instead}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Arguments that tell where a command speaks.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Place {
    /// Interface [default: the one on whose prefix the address is, or the only one there is]
    #[arg(
        short = 'I',
        short_alias = 'i',
        long,
        alias = "interface",
        value_name = "IF"
    )]
    iface: Option<String>,
    /// VLAN in which frames are sent and received
    #[arg(short = 'V', long, value_name = "ID", value_parser = values::vlan())]
    vlan: Option<u16>,
    #[command(flatten)]
    pub force: Force,
}

impl Place {
    /// Opens the interface that is named, or the one that the addresses tell.
    pub async fn open(&self, targets: &[Target]) -> anyhow::Result<Raw> {
        let name = self.name(targets)?;
        let filter = neighbour_discovery_filter();
        let raw = match name {
            Some(name) => Raw::open(name, Need::Multicast, &filter).await,
            None => {
                let addresses: Vec<Ipv6Addr> =
                    targets.iter().map(|target| target.address).collect();
                Raw::choose(Need::Multicast, &filter, |links| choose(links, &addresses)).await
            }
        };
        Ok(raw?)
    }

    /// The tag of frames.
    pub fn tag(&self) -> Option<Tag> {
        self.vlan.map(Tag::vlan)
    }

    /// Joins groups until what is given back is dropped. In a VLAN without an interface the kernel reports that to
    /// nobody, so it is done here.
    pub fn join(&self, raw: &Raw, link: &Link, groups: &[Ipv6Addr]) -> anyhow::Result<Membership> {
        let membership = Membership::join(link.index, groups.iter().copied())?;
        if self.vlan.is_some() && link.index == raw.link().index {
            raw.send(&listener::joining(&self.port(raw), groups))?;
        }
        Ok(membership)
    }

    /// Where engines speak and hear.
    pub fn port(&self, raw: &Raw) -> Port {
        Port {
            mac: raw.mac(),
            tag: self.tag(),
        }
    }

    /// Whose addresses are ours where the command speaks: those of the VLAN's own interface, if it has one.
    pub fn spoken(&self, raw: &mut Raw) -> Link {
        let parent = raw.link().clone();
        let Some(id) = self.vlan else {
            return parent;
        };
        let links = raw.watch().links().by_index.values();
        let is_it = |link: &&Link| link.vlan == Some((parent.index, id));
        links.into_iter().find(is_it).cloned().unwrap_or(parent)
    }

    /// The name of the interface, which may stand in several places.
    fn name<'n>(&'n self, targets: &'n [Target]) -> anyhow::Result<Option<&'n str>> {
        let mut name = self.iface.as_deref();
        for target in targets {
            match (name, target.interface.as_deref()) {
                (Some(one), Some(other)) if one != other => {
                    bail!("{} is on {other}, not on {one}", target.address)
                }
                (None, own) => name = own,
                _ => {}
            }
        }
        Ok(name)
    }
}

/// All IPv6 addresses of an interface.
pub fn all(link: &Link) -> impl Iterator<Item = Ipv6Addr> + '_ {
    let addresses = link.addresses.iter();
    addresses.filter_map(|address| match address.ip {
        IpAddr::V6(ip) => Some(ip),
        IpAddr::V4(_) => None,
    })
}

/// Those from which one may speak; the others only if there are none.
pub fn own(link: &Link) -> anyhow::Result<Vec<Ipv6Addr>> {
    let of = |state: AddressState| -> Vec<Ipv6Addr> {
        let addresses = link.addresses.iter();
        let addresses = addresses.filter(|address| address.state == state);
        addresses
            .filter_map(|address| match address.ip {
                IpAddr::V6(ip) => Some(ip),
                IpAddr::V4(_) => None,
            })
            .collect()
    };
    let name = &link.name;
    // RFC 4862 5.5.4: deprecated addresses only where there are no others.
    let usable = [AddressState::Usable, AddressState::Deprecated].map(of);
    match usable.into_iter().find(|addresses| !addresses.is_empty()) {
        Some(addresses) => Ok(addresses),
        None if of(AddressState::Tentative).is_empty() => {
            bail!("{name}: no IPv6 address to speak from, or IPv6 is switched off")
        }
        None => bail!("{name}: duplicate address detection of its IPv6 addresses is not through"),
    }
}

/// The address of ours from which all nodes are told.
// RFC 6724 5: one of the group's scope.
pub fn source_for_all(own: &[Ipv6Addr]) -> Option<Ipv6Addr> {
    let of_link = own.iter().find(|own| own.is_unicast_link_local());
    of_link.or(own.first()).copied()
}

/// The interface on whose prefix all addresses are, or the only one that has IPv6.
fn choose(links: &Links, addresses: &[Ipv6Addr]) -> Result<u32, RawError> {
    let fit: Vec<&Link> = links
        .by_index
        .values()
        .filter(|link| is_fit(link, links))
        .collect();
    let near = |link: &&&Link| !addresses.is_empty() && addresses.iter().all(|ip| is_on(link, *ip));
    let on: Vec<&Link> = fit.iter().filter(near).copied().collect();
    match (on.as_slice(), fit.as_slice()) {
        ([one], _) | ([], [one]) => Ok(one.index),
        ([], []) => Err(RawError::Which(
            "there is none that is up, of Ethernet, and has an IPv6 address".into(),
        )),
        ([], several) | (several, _) => {
            let names: Vec<&str> = several.iter().map(|link| link.name.as_str()).collect();
            Err(RawError::Which(names.join(", ")))
        }
    }
}

/// Whether Neighbor Discovery is spoken on an interface. Bridges and bonds speak for their ports.
fn is_fit(link: &Link, links: &Links) -> bool {
    let master = link.master.and_then(|master| links.by_index.get(&master));
    let is_port = master.is_some_and(|master| master.kind.as_deref() != Some("vrf"));
    let has_ipv6 = all(link).next().is_some();
    link.ethernet && link.mac.is_some() && link.up && link.multicast && !is_port && has_ipv6
}

/// Whether an address is on the prefix of an interface. A link-local one tells nothing: every interface has that prefix.
fn is_on(link: &Link, ip: Ipv6Addr) -> bool {
    !ip.is_unicast_link_local()
        && link.addresses.iter().any(|address| {
            let IpAddr::V6(network) = address.peer.unwrap_or(address.ip) else {
                return false;
            };
            let common = (network.to_bits() ^ ip.to_bits()).leading_zeros();
            common >= u32::from(address.prefix)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::testing::{link, links};

    fn chosen(all: &[Link], addresses: &[&str]) -> Result<u32, String> {
        let links = links(all.iter().cloned());
        let addresses: Vec<Ipv6Addr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        choose(&links, &addresses).map_err(|error| error.to_string())
    }

    #[test]
    fn the_interface_is_the_one_on_whose_prefix_the_addresses_are() {
        let all = [
            link(2, "eth0", "fe80::1/64 fd00:1::1/64"),
            link(3, "eth1", "fe80::1/64 fd00:2::1/64"),
        ];
        assert_eq!(chosen(&all, &["fd00:2::7"]), Ok(3));
        assert_eq!(chosen(&all, &["fd00:1::7", "fd00:1::8"]), Ok(2));
        for unclear in [&["fe80::7"][..], &["fd00:1::7", "fd00:2::7"], &[]] {
            let error = chosen(&all, unclear).unwrap_err();
            assert!(
                error.contains("eth0, eth1") && error.contains("--iface"),
                "{error}"
            );
        }
        assert_eq!(chosen(&all[..1], &["fe80::7"]), Ok(2));
        assert_eq!(chosen(&all[..1], &[]), Ok(2));
    }

    #[test]
    fn interfaces_that_cannot_speak_are_not_chosen() {
        let fit = link(2, "eth0", "fd00:1::1/64");
        let unfit = |change: fn(&mut Link)| {
            let mut other = link(3, "other", "fd00:1::2/64");
            change(&mut other);
            other
        };
        for other in [
            unfit(|link| link.up = false),
            unfit(|link| link.mac = None),
            unfit(|link| link.ethernet = false),
            unfit(|link| link.multicast = false),
            unfit(|link| link.addresses.clear()),
            unfit(|link| link.master = Some(2)),
        ] {
            assert_eq!(chosen(&[fit.clone(), other.clone()], &["fd00:1::7"]), Ok(2));
            // A port whose bridge is not in this namespace is nobody's.
            assert_eq!(
                chosen(std::slice::from_ref(&other), &["fd00:1::7"]).is_ok(),
                other.master.is_some()
            );
        }
    }

    #[test]
    fn tentative_addresses_are_not_spoken_from_and_deprecated_ones_where_there_are_no_others() {
        let mut link = link(2, "eth0", "fe80::1/64 fe80::2/64");
        let shown = |link: &Link| {
            let own = own(link);
            own.map(|own| format!("{own:?}"))
                .map_err(|error| error.to_string())
        };
        assert_eq!(shown(&link).unwrap(), "[fe80::1, fe80::2]");
        link.addresses[0].state = AddressState::Deprecated;
        assert_eq!(shown(&link).unwrap(), "[fe80::2]");
        link.addresses[1].state = AddressState::DadFailed;
        assert_eq!(shown(&link).unwrap(), "[fe80::1]");
        link.addresses[0].state = AddressState::Tentative;
        assert!(shown(&link).unwrap_err().contains("not through"));
        link.addresses.clear();
        assert!(
            shown(&link)
                .unwrap_err()
                .contains("no IPv6 address to speak from")
        );
    }

    #[test]
    fn the_interface_behind_an_address_is_the_one_that_is_named() {
        let place = |iface: Option<&str>| Place {
            iface: iface.map(String::from),
            ..Place::default()
        };
        let hosts = ["fe80::1%eth0", "fe80::2"].map(|text| Target::parse(text, "").unwrap());
        for given in [None, Some("eth0")] {
            assert_eq!(place(given).name(&hosts).unwrap(), Some("eth0"));
        }
        let error = place(Some("eth1")).name(&hosts).unwrap_err().to_string();
        assert_eq!(error, "fe80::1 is on eth0, not on eth1");
    }

    #[test]
    fn an_ipv4_address_is_for_another_command() {
        let wrong = |text| Target::parse(text, "llamar arp detect").unwrap_err();
        assert_eq!(wrong("10.0.0.1"), "an IPv4 address: llamar arp detect");
        assert!(wrong("casa").contains("no IPv6 address"));
        assert!(wrong("fe80::1%").contains("no interface behind the %"));
    }
}
