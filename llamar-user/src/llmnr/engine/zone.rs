//! What is ours on a link, as far as the engine lets it be used.

use std::net::IpAddr;

use llamar_common::abi::{LinkKey, NameState};
use llamar_common::limit::Rate;

use super::Engine;
use super::claim::Claim;
use super::link::Link;
use crate::dns::Name;
use crate::llmnr::responder::{Found, Owner, Zone};
use crate::llmnr::rules::Rule;

/// A zone in which names have the state and the name that they stand under.
#[derive(Debug)]
pub struct LinkZone<'a, Z> {
    engine: &'a Engine,
    key: LinkKey,
    zone: &'a Z,
}

impl<'a, Z: Zone> LinkZone<'a, Z> {
    pub(super) const fn new(engine: &'a Engine, key: LinkKey, zone: &'a Z) -> Self {
        Self { engine, key, zone }
    }

    /// The link, if it is up.
    fn link(&self) -> Option<&'a Link> {
        self.engine.links.get(&self.key).filter(|link| link.up)
    }

    /// The state in which a name is used; `None` if it is not.
    fn state(
        &self,
        link: &Link,
        name: &Name,
        claim: &Claim,
        of_zone: NameState,
    ) -> Option<NameState> {
        let state = self.engine.state_of(link, name, claim)?;
        match state {
            NameState::Tentative => {
                let answered = self.engine.rules.hold(Rule::AnswerTentative);
                answered.then_some(state)
            }
            // RFC 4795 4: held by several hosts on purpose, that is not ours to verify.
            NameState::Unique if of_zone == NameState::Shared => Some(of_zone),
            _ => Some(state),
        }
    }
}

impl<Z: Zone> Zone for LinkZone<'_, Z> {
    fn find(&self, name: &Name) -> Option<Found<'_>> {
        let link = self.link()?;
        match link.claim_of(name) {
            Some((claimed, claim)) => {
                // A zone that knows a renamed host by its new name knows it by no other. In one that knows it by the
                // claimed one, the new name may be another host's, which gives way.
                let found = self.zone.find(claimed);
                let found = found.or_else(|| self.zone.find(name))?;
                let state = self.state(link, claimed, claim, found.state)?;
                Some(Found { state, ..found })
            }
            // The claimed name of a host that was renamed.
            None if link.claims.contains_key(name) => None,
            None => self.zone.find(name),
        }
    }

    fn names_of(&self, address: IpAddr) -> Option<Vec<Owner<'_>>> {
        let link = self.link()?;
        let owners = self.zone.names_of(address)?.into_iter();
        let owners = owners.filter_map(|owner| {
            let renamed = link.renamed.get(owner.name);
            if renamed.is_some_and(|claimed| self.zone.find(claimed).is_some()) {
                // Another host's, which gave way.
                return None;
            }
            let Some((name, claim)) = link.claims.get_key_value(renamed.unwrap_or(owner.name))
            else {
                return Some(owner);
            };
            Some(Owner {
                // Who doubted it may have spelt it otherwise.
                name: claim.used.as_ref().unwrap_or(owner.name),
                state: self.state(link, name, claim, owner.state)?,
                ..owner
            })
        });
        Some(owners.collect())
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.zone.is_own(address)
    }

    fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
        let link = self.link()?;
        let family = if asker.is_ipv4() { link.v4 } else { link.v6 };
        family.and_then(|_| self.zone.source_for(asker))
    }

    fn limit(&self) -> Rate {
        self.zone.limit()
    }
}
