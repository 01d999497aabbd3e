//! From what the configuration wants to what may be answered: names whose uniqueness is not verified are told to be
//! tentative, and those that another host has are not ours (RFC 4795 4).

use std::collections::{BTreeMap, BTreeSet};

use llamar_common::abi::{LinkKey, NameState};

use super::{Addresses, Desired, Names, Served};
use crate::dns::Name;

/// How a claimed name stands on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is answered for, by this name: another one if the host had to rename itself.
    Held(Name, NameState),
    /// Another host has it.
    Lost,
}

impl Desired {
    /// The link on which the names of a link are claimed: one that sockets see under two keys, as a VLAN interface and
    /// by its tag, is claimed on once.
    pub fn claimed_on(&self, key: LinkKey) -> LinkKey {
        let device = self.links.get(&key).and_then(|served| served.device);
        device.map_or(key, |device| {
            self.link_of(device).map_or(key, |(key, _)| key)
        })
    }

    /// The link that sockets see on an interface.
    pub fn link_of(&self, device: u32) -> Option<(LinkKey, &Served)> {
        let seen = |served: &Served| served.device == Some(device);
        let untagged = LinkKey::new(device, 0);
        if let Some(served) = self.links.get(&untagged).filter(|served| seen(served)) {
            return Some((untagged, served));
        }
        // A VLAN interface that is served as a VLAN of its parent.
        let mut links = self.links.iter();
        links
            .find(|(_, served)| seen(served))
            .map(|(key, served)| (*key, served))
    }

    /// The same as the claims on its names stand: `claim` tells it of every own name of a link, `lost` gives the names
    /// held for others there that another host turned out to have.
    pub fn settled(
        &self,
        claim: impl Fn(LinkKey, &Name) -> Claim,
        lost: impl Fn(LinkKey) -> BTreeSet<Name>,
    ) -> Self {
        let settle = |(&key, served): (&LinkKey, &Served)| {
            let on = self.claimed_on(key);
            let names = settled(&served.names, |name| claim(on, name), lost(on));
            let served = Served {
                names,
                ..served.clone()
            };
            (key, served)
        };
        Self {
            links: self.links.iter().map(settle).collect(),
            warnings: self.warnings.clone(),
        }
    }
}

fn settled(names: &Names, claim: impl Fn(&Name) -> Claim, mut lost: BTreeSet<Name>) -> Names {
    let mut own = Vec::new();
    let mut used_names = BTreeMap::new();
    for (name, addresses) in names.own().iter() {
        match claim(name) {
            Claim::Held(used, state) => {
                if used != *name {
                    lost.insert(name.clone());
                }
                used_names.insert(name, used.clone());
                own.push((used, in_state(addresses, state)));
            }
            Claim::Lost => {
                lost.insert(name.clone());
            }
        }
    }
    let host = names.host().iter();
    let host: Vec<Name> = host
        .filter_map(|name| used_names.get(name).cloned())
        .collect();
    names.with(own, lost).of_host(&host)
}

fn in_state(addresses: &Addresses, state: NameState) -> Addresses {
    Addresses {
        state,
        ..addresses.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::state::Hosts;

    const ON: LinkKey = LinkKey::new(2, 0);

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn table(names: &[&str]) -> Hosts {
        let addresses = || Addresses::new([[10, 0, 0, 1].into()], 30);
        names.iter().map(|text| (name(text), addresses())).collect()
    }

    fn served(device: Option<u32>, own: &[&str], shared: &Arc<Hosts>) -> Served {
        Served {
            names: Names::new(table(own), shared.clone()),
            ..Served::bare(device)
        }
    }

    fn shown(desired: &Desired, key: LinkKey) -> Vec<(String, NameState)> {
        let names = desired.links[&key].names.iter();
        names
            .map(|(name, addresses)| (name.to_string(), addresses.state))
            .collect()
    }

    // RFC 4795 4.1, 4.2: R27, R49, R52
    #[test]
    fn names_are_told_as_their_claims_stand() {
        let shared = Arc::new(table(&["a", "b", "gone"]));
        let desired = Desired {
            links: [(
                ON,
                served(Some(2), &["b", "casa", "gone", "old", "sure"], &shared),
            )]
            .into(),
            warnings: Vec::new(),
        };
        let claim = |on: LinkKey, claimed: &Name| {
            assert_eq!(on, ON);
            match claimed.to_string().as_str() {
                "casa" => Claim::Held(claimed.clone(), NameState::Tentative),
                "old" => Claim::Held(name("old-2"), NameState::Unique),
                "gone" => Claim::Lost,
                _ => Claim::Held(claimed.clone(), NameState::Unique),
            }
        };
        let settled = desired.settled(claim, |_| [name("a")].into());
        let unique = NameState::Unique;
        let expected = [
            ("b", unique),
            ("casa", NameState::Tentative),
            ("sure", unique),
            ("old-2", unique),
        ];
        assert_eq!(
            shown(&settled, ON),
            expected.map(|(name, state)| (name.to_owned(), state))
        );
        // What did not change is so still, so that the maps are not written for it.
        let entry = |desired: &Desired| desired.links[&ON].names.get(&name("sure")).cloned();
        assert_eq!(entry(&settled).unwrap(), entry(&desired).unwrap());
    }

    #[test]
    fn a_link_that_sockets_see_under_two_keys_is_claimed_on_once() {
        let shared = Arc::default();
        let tagged = LinkKey::new(2, 100);
        let links = [
            (ON, served(Some(2), &["casa"], &shared)),
            (tagged, served(Some(7), &["casa"], &shared)),
            (LinkKey::new(2, 200), served(None, &["casa"], &shared)),
            (LinkKey::new(7, 0), served(Some(7), &["casa"], &shared)),
        ];
        let mut desired = Desired {
            links: links.into(),
            warnings: Vec::new(),
        };
        let on = |desired: &Desired, ifindex, vlan| desired.claimed_on(LinkKey::new(ifindex, vlan));
        assert_eq!(on(&desired, 2, 100), LinkKey::new(7, 0));
        assert_eq!(on(&desired, 7, 0), LinkKey::new(7, 0));
        assert_eq!(on(&desired, 2, 200), LinkKey::new(2, 200));
        assert_eq!(desired.link_of(7).unwrap().0, LinkKey::new(7, 0));
        desired.links.remove(&LinkKey::new(7, 0));
        assert_eq!(on(&desired, 2, 100), tagged);
        assert_eq!(desired.link_of(7).unwrap().0, tagged);
        assert!(desired.link_of(9).is_none());
    }
}
