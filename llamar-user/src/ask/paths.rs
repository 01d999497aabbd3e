//! By which links, and from which of our addresses, a question goes out: a pure function.

use std::net::{IpAddr, Ipv6Addr};

use super::{AskError, Family, Options};
use crate::config::is_link_local;
use crate::link::{Address, AddressState, Link, Links};
use crate::llmnr::sender::{Network, Path};

/// The paths that options leave; never none.
pub(super) fn paths(links: &Links, options: &Options) -> Result<Vec<Path>, AskError> {
    let mut paths = if options.interfaces.is_empty() {
        all(links, options.family)
    } else {
        named(links, &options.interfaces, options.family)?
    };
    if paths.is_empty() {
        return Err(AskError::NoInterface);
    }
    if let Some(server) = options.server {
        paths.retain(|path| path.reaches(server));
        if paths.is_empty() {
            return Err(AskError::OffLink(server));
        }
    }
    Ok(paths)
}

/// The paths of every interface that is fit for it.
fn all(links: &Links, family: Option<Family>) -> Vec<Path> {
    let is_fit = |link: &&Link| unfitness(link).is_none() && !is_port(link, links);
    let fit = links.by_index.values().filter(is_fit);
    fit.flat_map(|link| of(link, family)).collect()
}

/// The paths of some interfaces; each must be fit.
fn named(links: &Links, names: &[String], family: Option<Family>) -> Result<Vec<Path>, AskError> {
    let mut paths: Vec<Path> = Vec::new();
    for name in names {
        let link = fit_link(links, name)?;
        if paths.iter().any(|path| path.device == link.index) {
            continue;
        }
        let before = paths.len();
        paths.extend(of(link, family));
        if paths.len() == before {
            return Err(no_address(name, family));
        }
    }
    Ok(paths)
}

/// The link of a name or a number, which must be fit to ask on.
pub(super) fn fit_link<'a>(links: &'a Links, name: &str) -> Result<&'a Link, AskError> {
    let link = link_named(links, name).ok_or_else(|| AskError::NoSuchInterface(name.into()))?;
    match unfitness(link) {
        Some(reason) => Err(AskError::Interface {
            interface: name.into(),
            reason,
        }),
        None => Ok(link),
    }
}

/// The error of a link that has no address to ask from.
pub(super) fn no_address(name: &str, family: Option<Family>) -> AskError {
    AskError::NoAddress {
        interface: name.into(),
        family: match family {
            None => "IPv4 or IPv6",
            Some(Family::Ipv4) => "IPv4",
            Some(Family::Ipv6) => "IPv6",
        },
    }
}

/// The link of a name or a number.
pub(super) fn link_named<'a>(links: &'a Links, name: &str) -> Option<&'a Link> {
    let numbered = || links.by_index.get(&name.parse().ok()?);
    links.by_name(name).or_else(numbered)
}

/// Why nothing can be asked on a link.
pub(super) fn unfitness(link: &Link) -> Option<&'static str> {
    if !link.up {
        return Some("down, or without a carrier");
    }
    // Nothing else cannot but loopback and point-to-point links without a group to ask.
    (!link.multicast).then_some("cannot carry multicast")
}

/// Whether it is a port of a bridge or a bond, which has the addresses and is asked instead. The interfaces of a VRF
/// have their own.
pub(super) fn is_port(link: &Link, links: &Links) -> bool {
    link.master.is_some() && !is_in_vrf(link, links)
}

/// Whether it belongs to a VRF.
pub(super) fn is_in_vrf(link: &Link, links: &Links) -> bool {
    let master = link.master.and_then(|master| links.by_index.get(&master));
    master.is_some_and(|master| master.kind.as_deref() == Some("vrf"))
}

/// IPv4 networks of one link that are asked: each costs its own queries.
const NETWORKS_MAX: usize = 8;

/// The paths of one link: one for each routable IPv4 network, whose hosts answer those who are in it, or without such
/// one for a link-local network, and one for IPv6.
fn of(link: &Link, family: Option<Family>) -> Vec<Path> {
    let usable = |wanted: Family| {
        let addresses = link.addresses.iter();
        let mut usable: Vec<&Address> = addresses
            .filter(|address| Family::of(address.ip) == wanted && preference(address).is_some())
            .collect();
        usable.sort_by_key(|address| preference(address));
        usable
    };
    let mut paths: Vec<Path> = Vec::new();
    if family != Some(Family::Ipv6) {
        for address in usable(Family::Ipv4) {
            let is_covered = paths.iter().any(|path| path.reaches(address.ip));
            let is_last = !paths.is_empty() && is_link_local(address.ip);
            if !is_covered && !is_last && paths.len() < NETWORKS_MAX {
                // RFC 4795 2.5: a source address that is assigned on the interface.
                paths.push(Path {
                    device: link.index,
                    source: address.ip,
                    networks: vec![network(address)],
                });
            }
        }
    }
    if family != Some(Family::Ipv4)
        && let Some(first) = usable(Family::Ipv6).first()
    {
        let addresses = link.addresses.iter();
        let networks = addresses.filter(|address| Family::of(address.ip) == Family::Ipv6);
        paths.push(Path {
            device: link.index,
            source: first.ip,
            networks: networks.map(network).chain([LINK_LOCAL]).collect(),
        });
    }
    paths
}

/// Every host of these is on the link (RFC 4291 2.5.6).
const LINK_LOCAL: Network = Network {
    address: IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)),
    prefix: 10,
};

fn network(address: &Address) -> Network {
    Network {
        address: address.peer.unwrap_or(address.ip),
        prefix: address.prefix,
    }
}

/// How late an address is chosen for a source. Responders put addresses of its scope first (RFC 4795 2.6), and a host is
/// reached from anywhere by its routable IPv4 address, which outlives no lease, but on the link most surely by its
/// link-local IPv6 address; that is also the source for which RFC 6724 5 provides when the group is of the link's scope.
pub(super) fn preference(address: &Address) -> Option<(bool, bool)> {
    let is_late = match address.state {
        AddressState::Usable => false,
        AddressState::Deprecated => true,
        AddressState::Tentative | AddressState::DadFailed => return None,
    };
    let is_other_scope = match address.ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    Some((is_late, is_other_scope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::testing::{link, links};

    fn on(interfaces: &[&str], family: Option<Family>) -> Options {
        Options {
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            family,
            ..Options::default()
        }
    }

    fn shown(paths: Result<Vec<Path>, AskError>) -> String {
        match paths {
            Ok(paths) => {
                let shown = paths
                    .iter()
                    .map(|path| format!("{} {}", path.device, path.source));
                shown.collect::<Vec<_>>().join(", ")
            }
            Err(error) => error.to_string(),
        }
    }

    // RFC 4795 2.5: S1
    #[test]
    fn source_is_an_address_of_the_interface_routable_in_ipv4_and_link_local_in_ipv6() {
        let eth0 = "169.254.7.7/16 10.0.0.1/24 10.0.0.2/24 172.16.0.1/16 2001:db8::1/64 fe80::1/64";
        let links = links([link(2, "eth0", eth0), link(3, "wlan0", "169.254.7.8/16")]);
        assert_eq!(
            shown(paths(&links, &on(&[], None))),
            "2 10.0.0.1, 2 172.16.0.1, 2 fe80::1, 3 169.254.7.8"
        );
        assert_eq!(
            shown(paths(&links, &on(&[], Some(Family::Ipv6)))),
            "2 fe80::1"
        );
        assert_eq!(
            shown(paths(&links, &on(&["wlan0", "wlan0"], None))),
            "3 169.254.7.8"
        );
    }

    #[test]
    fn address_that_is_not_usable_yet_is_no_source_and_a_deprecated_one_the_last() {
        let mut eth0 = link(2, "eth0", "fe80::1/64 2001:db8::1/64 2001:db8::2/64");
        eth0.addresses[0].state = AddressState::Tentative;
        eth0.addresses[1].state = AddressState::Deprecated;
        assert_eq!(
            shown(paths(&links([eth0.clone()]), &on(&[], None))),
            "2 2001:db8::2"
        );
        eth0.addresses.truncate(2);
        assert_eq!(
            shown(paths(&links([eth0]), &on(&[], None))),
            "2 2001:db8::1"
        );
    }

    #[test]
    fn only_links_that_are_up_and_carry_multicast_are_asked_on_and_of_a_bridge_not_its_ports() {
        let mut port = link(4, "port", "fe80::4/64");
        port.master = Some(5);
        let mut bridge = link(5, "br0", "10.0.5.1/24");
        bridge.kind = Some("bridge".into());
        let mut member = link(6, "member", "10.0.6.1/24");
        member.master = Some(7);
        let mut vrf = link(7, "vrf", "");
        vrf.kind = Some("vrf".into());
        let links = links([
            Link {
                multicast: false,
                ..link(1, "lo", "127.0.0.1/8")
            },
            Link {
                up: false,
                ..link(2, "off", "10.0.2.1/24")
            },
            link(3, "bare", ""),
            port,
            bridge,
            member,
            vrf,
        ]);
        assert_eq!(
            shown(paths(&links, &on(&[], None))),
            "5 10.0.5.1, 6 10.0.6.1"
        );
        let refused = |name| shown(paths(&links, &on(&[name], Some(Family::Ipv4))));
        assert_eq!(refused("lo"), "lo: cannot carry multicast");
        assert_eq!(refused("off"), "off: down, or without a carrier");
        assert_eq!(refused("bare"), "bare: no usable IPv4 address");
        assert_eq!(refused("eth9"), "eth9: no such interface");
        assert_eq!(
            shown(paths(&Links::default(), &on(&[], None))),
            "no interface is up, can carry multicast and has an address"
        );
    }

    #[test]
    fn a_server_is_asked_on_its_link_only() {
        let links = links([
            link(2, "eth0", "10.0.0.1/24 fe80::1/64"),
            link(3, "wlan0", "10.0.1.1/24 2001:db8::1/64"),
        ]);
        let asked = |server: &str| {
            let options = Options {
                server: Some(server.parse().unwrap()),
                ..Options::default()
            };
            shown(paths(&links, &options))
        };
        assert_eq!(asked("10.0.1.9"), "3 10.0.1.1");
        assert_eq!(asked("2001:db8::9"), "3 2001:db8::1");
        assert_eq!(asked("fe80::9"), "2 fe80::1, 3 2001:db8::1");
        assert!(asked("123.123.123.123").starts_with("123.123.123.123 is on no link"));
    }

    #[test]
    fn the_other_end_of_a_point_to_point_address_is_on_the_link() {
        let mut tun = link(2, "tun0", "10.0.0.1/32");
        tun.addresses[0].peer = Some("10.0.0.2".parse().unwrap());
        let paths = paths(&links([tun]), &on(&[], None)).unwrap();
        assert!(paths[0].reaches("10.0.0.2".parse().unwrap()));
        assert!(!paths[0].reaches("10.0.0.3".parse().unwrap()));
    }
}
