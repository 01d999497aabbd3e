//! What changes when a link, its addresses or its names do (RFC 4795 4.1: when uniqueness is verified).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::claim::{Claim, Phase, Work};
use super::link::{Link, Turn};
use super::{Claimed, Wanted};
use crate::dns::Name;

/// What has changed, of that which RFC 4795 4.1 has names verified for.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// The link was down or not known.
    came_up: bool,
    /// There is a new address, or responses over another family.
    address: bool,
    /// Conflicts are to end otherwise.
    policy: bool,
}

impl Link {
    /// Becomes what is wanted.
    pub fn follow(&mut self, turn: &mut Turn<'_>, wanted: Wanted) {
        let change = self.change(&wanted);
        self.up = wanted.up;
        self.v4 = wanted.v4.map(IpAddr::V4);
        self.v6 = wanted.v6.map(IpAddr::V6);
        self.addresses = wanted.addresses;
        self.on_conflict = wanted.on_conflict;
        self.drop_unclaimed(turn, &wanted.names);
        if !self.up {
            self.begin_anew();
        }
        self.rank(&wanted.names);
        self.trigger(turn, change);
        self.add(turn, &wanted.names);
        self.make_room(turn);
        self.leave_old_sources(turn);
        self.start(turn);
    }

    /// Every name as if the link had just come up.
    pub fn wake(&mut self, turn: &mut Turn<'_>) {
        if self.up {
            self.begin_anew();
            let change = Change {
                came_up: true,
                address: false,
                policy: false,
            };
            self.trigger(turn, change);
            self.start(turn);
        }
    }

    fn change(&self, wanted: &Wanted) -> Change {
        let family =
            self.v4.is_none() && wanted.v4.is_some() || self.v6.is_none() && wanted.v6.is_some();
        Change {
            came_up: wanted.up && !self.up,
            address: family || !wanted.addresses.is_subset(&self.addresses),
            policy: wanted.on_conflict != self.on_conflict,
        }
    }

    /// Forgets the names that are claimed no more. RFC 4795 4.1: that is no reason to verify anything.
    fn drop_unclaimed(&mut self, turn: &mut Turn<'_>, names: &[Claimed]) {
        let claimed: BTreeSet<&Name> = names.iter().map(|claimed| &claimed.name).collect();
        let gone = |(name, claim): &(&Name, &Claim)| !claim.vouched && !claimed.contains(name);
        let gone = self.claims.iter().filter(gone);
        let gone: Vec<_> = gone.map(|(name, _)| name.clone()).collect();
        if gone.is_empty() {
            return;
        }
        for name in gone {
            let used = self.claims.get(&name).and_then(|claim| claim.used.clone());
            self.silence(turn, used.as_ref().unwrap_or(&name));
            self.forget(&name);
        }
        self.tidy();
    }

    /// Forgets what happened on the link: it may be another one now.
    fn begin_anew(&mut self) {
        let vouched = self.claims.iter().filter(|(_, claim)| claim.vouched);
        let vouched: Vec<_> = vouched.map(|(name, _)| name.clone()).collect();
        vouched.iter().for_each(|name| self.forget(name));
        self.renamed.clear();
        self.waiting.clear();
        self.doubted.clear();
        self.running.clear();
        self.finished.clear();
        self.due.clear();
        for claim in self.claims.values_mut() {
            *claim = Claim {
                rank: claim.rank,
                ..Claim::new(Phase::Tentative)
            };
        }
    }

    /// Notes the order of the names that are claimed already.
    fn rank(&mut self, names: &[Claimed]) {
        for (rank, claimed) in names.iter().enumerate() {
            if let Some(claim) = self.claims.get_mut(&claimed.name) {
                claim.rank = rank;
            }
        }
    }

    /// Has the names verified that a change concerns, the most important first.
    fn trigger(&mut self, turn: &Turn<'_>, change: Change) {
        if !self.up {
            return;
        }
        let all = change.came_up || change.address;
        let concerned = |claim: &Claim| {
            let contested = claim.phase == Phase::Lost || claim.number > 1 || claim.losses > 0;
            !claim.vouched && (all || change.policy && contested)
        };
        let names = self.claims.iter().filter(|(_, claim)| concerned(claim));
        let names = names.map(|(name, claim)| (claim.rank, name.clone()));
        let names: BTreeMap<usize, Name> = names.collect();
        for name in names.values() {
            if change.policy {
                self.restore(name);
            }
            self.verify(turn, name);
        }
    }

    /// Takes in the names that are claimed and not known yet.
    fn add(&mut self, turn: &Turn<'_>, names: &[Claimed]) {
        for (rank, Claimed { name, inherited }) in names.iter().enumerate() {
            if self.claims.get(name).is_some_and(|claim| claim.vouched) {
                self.forget(name);
            }
            if self.claims.contains_key(name) {
                continue;
            }
            let inherited = *inherited && self.up;
            let phase = if inherited {
                Phase::Unique
            } else {
                Phase::Tentative
            };
            let claim = Claim {
                inherited,
                rank,
                ..Claim::new(phase)
            };
            self.claims.insert(name.clone(), claim);
            if self.up {
                self.verify(turn, name);
            }
        }
    }

    /// Gives other names to those that were renamed to what is claimed now.
    fn make_room(&mut self, turn: &Turn<'_>) {
        let taken = |(used, _): &(&Name, &Name)| self.claims.contains_key(used);
        let taken = self.renamed.iter().filter(taken);
        let taken: Vec<_> = taken.map(|(_, name)| name.clone()).collect();
        for name in taken {
            if self.number(&name).is_none() {
                self.restore(&name);
            }
            self.verify(turn, &name);
        }
    }

    /// Begins anew what asks from addresses that are not ours any more.
    fn leave_old_sources(&mut self, turn: &Turn<'_>) {
        let sources: BTreeSet<_> = self.sources(turn.rules).collect();
        let is_old = |source| !sources.contains(&source);
        let old = self.running.iter();
        let old = old.filter(|running| running.verification.sources().any(is_old));
        let old: Vec<_> = old
            .map(|running| {
                let question = running.verification.question().clone();
                (running.name.clone(), running.doubt.then_some(question))
            })
            .collect();
        for (name, doubt) in old {
            match doubt {
                None => self.verify(turn, &name),
                Some(question) => {
                    self.stop(&name);
                    if let Some(claim) = self.claims.get_mut(&name) {
                        claim.work = Work::Doubt(question);
                        self.doubted.push_back(name);
                    }
                }
            }
        }
    }
}
