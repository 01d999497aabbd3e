//! On which interfaces, and from which of our addresses, is asked: a pure function.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{AskError, Family, Where};
use crate::ask::paths::{fit_link, is_port, link_named, no_address, preference, unfitness};
use crate::config::OnConflict;
use crate::link::{Address, Link, Links};
use crate::mdns::Wanted;

/// Whether there is where to ask: each interface that is named must be fit for it, else one at least.
pub(super) fn check(links: &Links, place: &Where) -> Result<(), AskError> {
    for name in &place.interfaces {
        let link = fit_link(links, name)?;
        if of(link, place.family).is_none() {
            return Err(no_address(name, place.family));
        }
    }
    match wanted(links, place).is_empty() {
        true => Err(AskError::NoInterface),
        false => Ok(()),
    }
}

/// The interfaces on which is asked, by index.
pub(super) fn wanted(links: &Links, place: &Where) -> BTreeMap<u32, Wanted> {
    let is_meant = |link: &&Link| match place.interfaces.is_empty() {
        // A bridge is asked on, and not its ports.
        true => !is_port(link, links),
        false => {
            let mut names = place.interfaces.iter();
            names.any(|name| link_named(links, name).is_some_and(|named| named.index == link.index))
        }
    };
    let fit = links
        .by_index
        .values()
        .filter(|link| unfitness(link).is_none());
    let wanted = fit
        .filter(is_meant)
        .filter_map(|link| Some((link.index, of(link, place.family)?)));
    wanted.collect()
}

/// All our addresses, on whatever interface.
pub(super) fn own(links: &Links) -> BTreeSet<IpAddr> {
    let addresses = links.by_index.values().flat_map(|link| &link.addresses);
    addresses.map(|address| address.ip).collect()
}

/// What is wanted of an interface; `None` if it has no address to ask from.
fn of(link: &Link, family: Option<Family>) -> Option<Wanted> {
    let mut usable: Vec<&Address> = link.addresses.iter().collect();
    usable.retain(|address| preference(address).is_some());
    usable.sort_by_key(|address| preference(address));
    let mut sources = usable.iter().map(|address| address.ip);
    let v4 = sources.clone().find_map(|ip| match ip {
        IpAddr::V4(ip) if family != Some(Family::Ipv6) => Some(ip),
        _ => None,
    });
    let v6 = sources.find_map(|ip| match ip {
        IpAddr::V6(ip) if family != Some(Family::Ipv4) => Some(ip),
        _ => None,
    });
    if v4.is_none() && v6.is_none() {
        return None;
    }
    // With a peer, the prefix is the peer's.
    let network = |address: &Address| (address.peer.unwrap_or(address.ip), address.prefix);
    Some(Wanted {
        up: true,
        mtu: link.mtu,
        v4,
        v6,
        addresses: link.addresses.iter().map(network).collect(),
        // RFC 6762 15.1: the responder of this host gets what is sent to the host alone, and we do not.
        unicast: false,
        hosts: Vec::new(),
        services: Vec::new(),
        on_conflict: OnConflict::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::testing::{link, links};

    fn scene() -> Links {
        let mut down = link(4, "down0", "10.0.4.1/24");
        down.up = false;
        let mut dumb = link(5, "tun0", "10.0.5.1/24");
        dumb.multicast = false;
        let all = [
            link(
                2,
                "eth0",
                "169.254.7.7/16 10.0.0.1/24 2001:db8::1/64 fe80::1/64",
            ),
            link(3, "wlan0", "fe80::2/64"),
            down,
            dumb,
            link(6, "bare0", ""),
        ];
        links(all)
    }

    fn place(interfaces: &[&str], family: Option<Family>) -> Where {
        Where {
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            family,
        }
    }

    fn shown(place: &Where) -> String {
        if let Err(error) = check(&scene(), place) {
            return error.to_string();
        }
        let shown = |(device, wanted): (u32, Wanted)| {
            let source = |ip: Option<IpAddr>| ip.map_or("-".into(), |ip| ip.to_string());
            let (v4, v6) = (wanted.v4.map(IpAddr::V4), wanted.v6.map(IpAddr::V6));
            format!("{device} {} {}", source(v4), source(v6))
        };
        let all: Vec<String> = wanted(&scene(), place).into_iter().map(shown).collect();
        all.join(", ")
    }

    // RFC 6762 3, 20: A50
    #[test]
    fn fit_interfaces_are_asked_on_by_both_families() {
        let both = "2 10.0.0.1 fe80::1, 3 - fe80::2";
        assert_eq!(shown(&place(&[], None)), both);
        assert_eq!(shown(&place(&["wlan0", "eth0"], None)), both);
        assert_eq!(shown(&place(&[], Some(Family::Ipv4))), "2 10.0.0.1 -");
        assert_eq!(shown(&place(&["2"], Some(Family::Ipv6))), "2 - fe80::1");
    }

    #[test]
    fn interface_that_was_named_and_cannot_be_asked_on_says_why() {
        for (name, family, why) in [
            ("eth9", None, "eth9: no such interface"),
            ("down0", None, "down0: down, or without a carrier"),
            ("tun0", None, "tun0: cannot carry multicast"),
            ("bare0", None, "bare0: no usable IPv4 or IPv6 address"),
            ("wlan0", Some(Family::Ipv4), "wlan0: no usable IPv4 address"),
        ] {
            assert_eq!(shown(&place(&["eth0", name], family)), why);
        }
    }

    #[test]
    fn without_any_that_is_fit_nothing_can_be_asked() {
        let error = check(&Links::default(), &place(&[], None)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no interface is up, can carry multicast and has an address"
        );
    }

    // RFC 6762 11: A33
    #[test]
    fn prefixes_are_those_of_all_addresses() {
        let wanted = wanted(&scene(), &place(&["eth0"], None));
        assert_eq!(wanted[&2].addresses.len(), 4);
        assert!(!wanted[&2].unicast && wanted[&2].hosts.is_empty());
        assert_eq!(own(&scene()).len(), 7);
    }
}
