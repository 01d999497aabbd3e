//! What this host knows of its links besides what it hears: prefixes, own addresses, routers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tracing::debug;

use crate::ether::MacAddr;
use crate::link::{AddressState, Link, Links};
use crate::stations::{Facts, Place};

/// Bytes of the kernel's tables that are read: a router with all routes of the internet has more, and its neighbours stand
/// among the first.
const BYTES_MAX: usize = 4 << 20;
const IPV4_ROUTES: &str = "/proc/thread-self/net/route";
const IPV6_ROUTES: &str = "/proc/thread-self/net/ipv6_route";

/// What is known of all links, by the numbers that their names have.
pub fn facts(links: &Links, mut number: impl FnMut(&str) -> u32) -> BTreeMap<Place, Facts> {
    let routers = routers();
    let facts = links.by_index.values().map(|link| {
        let (place, parent) = match link.vlan.and_then(|(parent, id)| {
            let parent = links.by_index.get(&parent)?;
            Some((parent, id))
        }) {
            // What a VLAN's interface has, its parent hears with a tag.
            Some((parent, id)) => (Some(id), parent),
            None => (None, link),
        };
        let of_name = |name: &str| routers.get(name).cloned().unwrap_or_default();
        let place = Place {
            link: number(&parent.name),
            vlan: place,
        };
        (place, facts_of(link, of_name(&link.name)))
    });
    let mut all: BTreeMap<_, _> = facts.collect();
    // On its own interface the VLAN's frames come without the tag.
    for link in links.by_index.values().filter(|link| link.vlan.is_some()) {
        let routers = routers.get(&link.name).cloned().unwrap_or_default();
        let place = Place {
            link: number(&link.name),
            vlan: None,
        };
        all.insert(place, facts_of(link, routers));
    }
    all
}

fn facts_of(link: &Link, routers: BTreeSet<IpAddr>) -> Facts {
    let prefixes = link.addresses.iter();
    let prefixes = prefixes.map(|address| (address.peer.unwrap_or(address.ip), address.prefix));
    let own = link.addresses.iter();
    let own = own.filter(|address| address.state != AddressState::DadFailed);
    Facts {
        prefixes: prefixes.collect(),
        routers,
        own: link
            .mac
            .map(|mac| own.map(|address| (address.ip, MacAddr(mac))).collect())
            .unwrap_or_default(),
    }
}

/// The routers on each interface, as far as the kernel tells its routes.
fn routers() -> BTreeMap<String, BTreeSet<IpAddr>> {
    let mut all: BTreeMap<String, BTreeSet<IpAddr>> = BTreeMap::new();
    for (path, read) in [
        (IPV4_ROUTES, router4 as fn(&str) -> Option<(&str, IpAddr)>),
        (IPV6_ROUTES, router6),
    ] {
        let text = fs::read(path).unwrap_or_else(|error| {
            debug!("{path}: {error}");
            Vec::new()
        });
        let text = text.get(..BYTES_MAX).unwrap_or(&text);
        for (interface, router) in String::from_utf8_lossy(text).lines().filter_map(read) {
            all.entry(interface.to_owned()).or_default().insert(router);
        }
    }
    all
}

/// Interface and router of a route: `eth0 00000000 0100A8C0 ...`, numbers in the host's byte order.
fn router4(line: &str) -> Option<(&str, IpAddr)> {
    let mut words = line.split_whitespace();
    let (interface, _, router) = (words.next()?, words.next()?, words.next()?);
    let router = u32::from_str_radix(router, 16).ok()?;
    let router = Ipv4Addr::from(router.to_ne_bytes());
    (!router.is_unspecified()).then(|| (interface, router.into()))
}

/// Interface and router of a route: destination, its length, source, its length, router, four numbers, interface.
fn router6(line: &str) -> Option<(&str, IpAddr)> {
    let mut words = line.split_whitespace();
    let router = words.nth(4)?;
    let interface = words.nth(4)?;
    let router = u128::from_str_radix(router, 16).ok()?;
    let router = Ipv6Addr::from_bits(router);
    (!router.is_unspecified()).then(|| (interface, router.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Address;

    #[test]
    fn routers_stand_in_the_kernels_routes() {
        let gateway = u32::from_ne_bytes([10, 0, 0, 254]);
        let line = format!("eth0\t00000000\t{gateway:08X}\t0003\t0\t0\t100\t00000000\t0\t0\t0");
        let expected = Some(("eth0", IpAddr::from([10, 0, 0, 254])));
        assert_eq!(router4(&line), expected);
        let local = "eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0";
        assert_eq!(router4(local), None);
        assert_eq!(router4("Iface\tDestination\tGateway \tFlags"), None);
        let line = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                    fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0";
        let router: IpAddr = "fe80::1".parse().unwrap();
        assert_eq!(router6(line), Some(("eth0", router)));
        assert_eq!(
            router6(
                &line
                    .replace("fe8", "000")
                    .replace("0001 00000400", "0000 1")
            ),
            None
        );
        assert_eq!((router4(""), router6("a b")), (None, None));
    }

    #[test]
    fn a_vlan_is_known_with_its_tag_and_without() {
        let link = |index: u32, name: &str, vlan, ip: [u8; 4]| Link {
            index,
            name: name.into(),
            mac: Some([2, 0, 0, 0, 0, 1]),
            vlan,
            addresses: vec![Address {
                ip: ip.into(),
                peer: None,
                prefix: 24,
                state: AddressState::Usable,
                secondary: false,
                scope_link: false,
            }],
            ..Link::default()
        };
        let all = [
            link(2, "eth0", None, [10, 0, 0, 1]),
            link(3, "eth0.7", Some((2, 7)), [10, 7, 0, 1]),
        ];
        let links = Links {
            by_index: all.into_iter().map(|link| (link.index, link)).collect(),
        };
        let facts = facts(&links, |name| u32::from(name == "eth0.7"));
        let prefix = |link, vlan| facts.get(&Place { link, vlan }).unwrap().prefixes[0].0;
        assert_eq!(prefix(0, None), IpAddr::from([10, 0, 0, 1]));
        assert_eq!(prefix(0, Some(7)), IpAddr::from([10, 7, 0, 1]));
        assert_eq!(prefix(1, None), IpAddr::from([10, 7, 0, 1]));
        assert_eq!(facts.len(), 3);
    }
}
