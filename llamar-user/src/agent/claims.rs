//! The claims on names as the agent drives them: what LLMNR's engine is told of the links, and what is served by what
//! it makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use llamar_common::abi::{LinkKey, NameKey, NameState};

use crate::config::{Config, OnConflict};
use crate::dns::Name;
use crate::link::Links;
use crate::llmnr::engine::{Claimed, Engine, Standing, Wanted};
use crate::state::{Claim, Desired, Served};

/// Tells the engine what is to be claimed and answered now. `inherited` are the names that a former agent had
/// verified, for the first time only.
pub fn follow(
    engine: &mut Engine,
    now: Instant,
    config: &Config,
    links: &Links,
    bare: &Desired,
    inherited: &BTreeSet<NameKey>,
) {
    // A link may be there by several keys.
    let mut keys: BTreeMap<LinkKey, Vec<LinkKey>> = BTreeMap::new();
    for &key in bare.links.keys() {
        keys.entry(bare.claimed_on(key)).or_default().push(key);
    }
    let wanted = keys.iter().filter_map(|(&key, keys)| {
        let served = bare.links.get(&key)?;
        let interface = config.interfaces.get(&served.interface);
        let on_conflict =
            interface.map_or_else(OnConflict::default, |interface| interface.on_conflict);
        Some((key, wanted_on(keys, served, on_conflict, inherited)))
    });
    engine.follow(now, wanted.collect(), own(links, bare));
}

fn wanted_on(
    keys: &[LinkKey],
    served: &Served,
    on_conflict: OnConflict,
    inherited: &BTreeSet<NameKey>,
) -> Wanted {
    let claimed = |name: &Name| {
        // The kernel path may have answered by one key only: where the tag is seen.
        let label = name.single_label();
        let mut known = keys.iter().filter_map(|key| NameKey::new(*key, label?));
        Claimed {
            name: name.clone(),
            inherited: known.any(|key| inherited.contains(&key)),
        }
    };
    // They are verified some at a time: by which this host is found goes before what it holds for others.
    let host = served.names.host();
    let held = served.names.own().keys();
    let held = held.filter(|name| !host.contains(name));
    let v4 = served.own.iter().find_map(|address| match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    });
    let v6 = served.own.iter().filter_map(|address| match address {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    });
    Wanted {
        up: served.up,
        names: host.iter().chain(held).map(claimed).collect(),
        v4,
        // RFC 4795 2.3, 2.5: any address of the interface will do; the link's own is valid wherever the query gets.
        v6: v6.min_by_key(|address| !address.is_unicast_link_local()),
        addresses: served.own.iter().copied().collect(),
        on_conflict,
    }
}

/// Every address of this host, and those that are ours on VLANs without an interface.
fn own(links: &Links, bare: &Desired) -> BTreeSet<IpAddr> {
    let assigned = links.by_index.values().flat_map(|link| &link.addresses);
    let declared = bare.links.values().flat_map(|served| served.own.iter());
    let assigned = assigned.map(|address| address.ip);
    assigned.chain(declared.copied()).collect()
}

/// What may be answered as the claims stand.
pub fn settle(engine: &Engine, bare: &Desired) -> Desired {
    let claim = |key: LinkKey, name: &Name| match engine.standing(key, name) {
        Some(Standing {
            used,
            state: Some(state),
            ..
        }) => Claim::Held(used, state),
        Some(Standing { state: None, .. }) => Claim::Lost,
        None => Claim::Held(name.clone(), NameState::Tentative),
    };
    bare.settled(claim, |key| engine.withdrawn(key).cloned().collect())
}

#[cfg(test)]
mod tests {
    mod plain;

    use std::sync::Arc;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::config::Interface;
    use crate::llmnr::engine::Transmit;
    use crate::llmnr::{Asked, Transport, Zone as _};
    use crate::state::{Addresses, Hosts, Names};

    const ETH: LinkKey = LinkKey::new(2, 0);

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn table(names: &[(&str, IpAddr)]) -> Hosts {
        let entry = |&(text, address): &(&str, IpAddr)| (name(text), Addresses::new([address], 30));
        names.iter().map(entry).collect()
    }

    /// A link whose host has 10.0.0.2 and is called `casa`; the hosts file knows `casa-2`.
    fn served(device: u32) -> Served {
        let shared = Arc::new(table(&[("casa-2", ip(9))]));
        Served {
            own: Arc::new([ip(2)]),
            names: Names::new(table(&[("casa", ip(2))]), shared).of_host(&[name("casa")]),
            ..Served::bare(Some(device))
        }
    }

    fn desired(links: impl IntoIterator<Item = (LinkKey, u32)>) -> Desired {
        let links = links.into_iter();
        Desired {
            links: links.map(|(key, device)| (key, served(device))).collect(),
            warnings: Vec::new(),
        }
    }

    fn config(on_conflict: OnConflict) -> Config {
        let interface = Interface {
            on_conflict,
            ..Interface::named(vec![name("casa")])
        };
        Config {
            file: None,
            interfaces: [("eth0".to_owned(), interface)].into(),
            everywhere: BTreeMap::new(),
            hosts: Arc::default(),
            max_names: 1024,
            notes: Vec::new(),
        }
    }

    fn followed(bare: &Desired, on_conflict: OnConflict, inherited: &[NameKey]) -> Engine {
        let mut engine = Engine::new(StdRng::seed_from_u64(1));
        let inherited = inherited.iter().copied().collect();
        let (now, config) = (Instant::now(), config(on_conflict));
        follow(
            &mut engine,
            now,
            &config,
            &Links::default(),
            bare,
            &inherited,
        );
        engine
    }

    /// Goes on until a query is sent.
    fn query(engine: &mut Engine) -> (Instant, Transmit) {
        loop {
            let now = engine.poll_timeout().unwrap();
            engine.handle_timeout(now);
            if let Some(transmit) = engine.poll_transmit() {
                return (now, transmit);
            }
        }
    }

    /// Gives the engine the response of another host that has the name.
    fn contest(engine: &mut Engine, bare: &Desired) {
        let (now, query) = query(engine);
        let mut message = query.message;
        message[2] |= 0x80;
        let asked = Asked {
            message: &message,
            from: "169.254.0.1:5355".parse().unwrap(),
            transport: Transport::Udp { to: ip(2) },
        };
        let heard = engine.handle_datagram(now, ETH, &bare.links[&ETH], &asked);
        heard.unwrap();
    }

    #[test]
    fn renamed_host_is_answered_for_alike_from_userspace_and_from_the_maps() {
        let bare = desired([(ETH, 2)]);
        let mut engine = followed(&bare, OnConflict::Rename, &[]);
        contest(&mut engine, &bare);
        let standing = engine.standing(ETH, &name("casa")).unwrap();
        assert_eq!(standing.used, name("casa-2"));
        // The hosts file has given that name to another host.
        let settled = settle(&engine, &bare);
        let in_map = settled.links[&ETH].names.get(&name("casa-2")).unwrap();
        assert_eq!(in_map.iter().collect::<Vec<_>>(), [ip(2)]);
        let zone = engine.zone(ETH, &bare.links[&ETH]);
        let found = zone.find(&name("casa-2")).unwrap();
        assert_eq!(found.a, [std::net::Ipv4Addr::new(10, 0, 0, 2)]);
        assert!(zone.names_of(ip(9)).is_none_or(|owners| owners.is_empty()));
        let owners = zone.names_of(ip(2)).unwrap();
        let owners: Vec<_> = owners.iter().map(|owner| owner.name.to_string()).collect();
        assert_eq!(owners, ["casa-2"]);
    }

    #[test]
    fn names_of_the_host_itself_are_verified_before_those_that_it_holds_for_others() {
        let own = table(&[("a", ip(8)), ("casa", ip(2)), ("nas", ip(9))]);
        let served = Served {
            names: Names::new(own, Arc::default()).of_host(&[name("casa")]),
            ..served(2)
        };
        let wanted = wanted_on(&[ETH], &served, OnConflict::Withdraw, &BTreeSet::new());
        let names = wanted.names.iter().map(|claimed| claimed.name.to_string());
        assert_eq!(names.collect::<Vec<_>>(), ["casa", "a", "nas"]);
    }

    // A frame with the tag is answered on the parent, under another key than the one of the claim.
    #[test]
    fn name_of_a_vlan_is_inherited_by_whichever_key_the_maps_had_it() {
        let (vlan, tagged) = (LinkKey::new(7, 0), LinkKey::new(2, 100));
        let bare = desired([(vlan, 7), (tagged, 7)]);
        for (inherited, state) in [
            (Some(vlan), NameState::Unique),
            (Some(tagged), NameState::Unique),
            (Some(LinkKey::new(2, 200)), NameState::Tentative),
            (None, NameState::Tentative),
        ] {
            let inherited = inherited.and_then(|key| NameKey::new(key, b"casa"));
            let engine = followed(&bare, OnConflict::Withdraw, inherited.as_slice());
            let settled = settle(&engine, &bare);
            for key in [vlan, tagged] {
                let casa = settled.links[&key].names.get(&name("casa")).unwrap();
                assert_eq!(casa.state, state, "{inherited:?} {key:?}");
            }
        }
    }
}
