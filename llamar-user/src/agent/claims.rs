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
    let mut wanted = BTreeMap::new();
    for (&key, served) in &bare.links {
        // The same link by another key.
        if bare.claimed_on(key) == key {
            let interface = config.interfaces.get(&served.interface);
            let on_conflict =
                interface.map_or_else(OnConflict::default, |interface| interface.on_conflict);
            wanted.insert(key, wanted_on(key, served, on_conflict, inherited));
        }
    }
    engine.follow(now, wanted, own(links, bare));
}

fn wanted_on(
    key: LinkKey,
    served: &Served,
    on_conflict: OnConflict,
    inherited: &BTreeSet<NameKey>,
) -> Wanted {
    let claimed = |name: &Name| {
        let label = name.single_label();
        let key = label.and_then(|label| NameKey::new(key, label));
        Claimed {
            name: name.clone(),
            inherited: key.is_some_and(|key| inherited.contains(&key)),
        }
    };
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
        names: served.names.own().keys().map(claimed).collect(),
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
