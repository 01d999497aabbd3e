//! How names stand: what the engine has found out about each, with what other links change in it.

use llamar_common::abi::{LinkKey, NameState};

use super::Engine;
use super::claim::{Claim, Standing};
use super::link::Link;
use crate::dns::Name;
use crate::llmnr::rules::Rule;

impl Engine {
    /// How a claimed name stands on a link, or one of the zone that was doubted; `None` if it is neither.
    pub fn standing(&self, key: LinkKey, name: &Name) -> Option<Standing> {
        let link = self.links.get(&key)?;
        let claim = link.claims.get(name)?;
        Some(self.standing_of(link, name, claim))
    }

    /// How all names stand on a link that are claimed, or were doubted and are of the zone.
    pub fn standings(&self, key: LinkKey) -> impl Iterator<Item = (&Name, Standing)> {
        let link = self.links.get(&key).into_iter();
        link.flat_map(move |link| {
            let claims = link.claims.iter();
            claims.map(move |(name, claim)| (name, self.standing_of(link, name, claim)))
        })
    }

    /// The names of the zone that nobody claimed and that are not unique on a link: withdrawn, or being verified
    /// again. All others of the zone are unique.
    pub fn withdrawn(&self, key: LinkKey) -> impl Iterator<Item = &Name> {
        let link = self.links.get(&key).into_iter();
        let claims = link.flat_map(|link| link.claims.iter());
        claims
            .filter(|(_, claim)| claim.vouched && !claim.is_unique())
            .map(|(name, _)| name)
    }

    /// How a claimed name stands, with what other links change in it.
    fn standing_of(&self, link: &Link, name: &Name, claim: &Claim) -> Standing {
        let state = self.state_of(link, name, claim);
        Standing {
            state,
            ..claim.standing(name)
        }
    }

    /// How far the uniqueness of a claimed name is known, with what other links change in it.
    pub(super) fn state_of(&self, link: &Link, name: &Name, claim: &Claim) -> Option<NameState> {
        let state = claim.state();
        let used = claim.used.as_ref().unwrap_or(name);
        // RFC 4795 4.1, 4.2: C is set where the same link is reached by several interfaces. What is not verified has
        // T set first.
        let uses = |other: LinkKey| {
            let other = self.links.get(&other);
            let claim = other.and_then(|other| other.claim_of(used));
            claim.is_some_and(|(_, claim)| claim.state().is_some())
        };
        let unique = state == Some(NameState::Unique);
        if unique && self.rules.hold(Rule::SameLink) && self.same.with(link.key).any(uses) {
            return Some(NameState::Shared);
        }
        state
    }
}
