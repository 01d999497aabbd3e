//! Becoming what is wanted, and beginning and ending as a whole.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use super::announce::say_goodbye;
use super::claims::{ClaimId, Stage, What};
use super::publish::Cause;
use super::zone::Role;
use super::{Claim, Responder};
use crate::dns::Name;
use crate::mdns::{Family, Rule, Turn, Wanted};

/// What a name is wanted for, its place among all, and what it was called in a former life.
struct Want {
    what: What,
    rank: usize,
    kept: Option<Name>,
}

impl Responder {
    /// Whether anything can be said.
    pub(super) fn is_up(&self) -> bool {
        !self.families.is_empty()
    }

    /// See [`Responder::follow`].
    pub(super) fn become_wanted(&mut self, turn: &mut Turn<'_>, wanted: &Wanted) {
        let policy = std::mem::replace(&mut self.on_conflict, wanted.on_conflict);
        let moved = self.look_around(turn, wanted);
        if !self.is_up() {
            self.fall_silent(turn);
        }
        let mut wants = wants(wanted);
        let mut hosts_change = self.drop_unwanted(turn, &wants);
        let mut changed = self.take_changes(&mut wants);
        let mut added: Vec<_> = wants.into_values().collect();
        // In the order of the configuration: this host first, services last.
        added.sort_by_key(|want| want.rank);
        hosts_change |= added.iter().any(|want| matches!(want.what, What::Host(_)));
        let added = added
            .into_iter()
            .map(|want| self.claims.add(want.what, want.kept));
        let added: Vec<_> = added.collect();
        let hosts = wanted.hosts.iter();
        self.speakers = hosts
            .flat_map(|host| host.addresses.iter().copied())
            .collect();
        // Nobody else of this host is there any more.
        hosts_change |= turn.unicast && self.take_back();
        if hosts_change {
            // Services may have got or lost the host that they are on.
            changed = self.claims.ids();
        }
        self.publish(turn, &changed, Cause::Wanted);
        if moved {
            return self.start_over(turn);
        }
        let mut probed = added;
        if policy != self.on_conflict {
            // Another order may find them another name.
            probed.extend(self.withdrawn());
        }
        if self.is_up() && !probed.is_empty() {
            self.probe(turn, &probed);
        }
    }

    /// Takes over what names are wanted for now; which of them that changes. New ones are left.
    fn take_changes(&mut self, wants: &mut BTreeMap<Name, Want>) -> Vec<ClaimId> {
        let mut changed = Vec::new();
        for id in self.claims.ids() {
            if let Some(claim) = self.claims.get_mut(id)
                && let Some(want) = wants.remove(claim.wanted())
                && claim.what != want.what
            {
                claim.what = want.what;
                changed.push(id);
            }
        }
        changed
    }

    fn withdrawn(&self) -> Vec<ClaimId> {
        let is_withdrawn = |claim: &Claim| matches!(claim.stage(), Stage::Withdrawn { .. });
        let claims = self.claims.iter().filter(|(_, claim)| is_withdrawn(claim));
        claims.map(|(id, _)| id).collect()
    }

    /// Takes note of families and networks; whether this may be another link than before.
    fn look_around(&mut self, turn: &Turn<'_>, wanted: &Wanted) -> bool {
        let families = if wanted.up { turn.families } else { &[] };
        let more = families
            .iter()
            .any(|family| !self.families.contains(family));
        for family in Family::ALL {
            if !families.contains(&family) {
                self.queues[family as usize].clear();
            }
        }
        self.families = families.to_vec();
        let networks = wanted
            .addresses
            .iter()
            .map(|&(address, length)| network(address, length));
        let networks = networks.collect();
        let old = std::mem::replace(&mut self.networks, networks);
        let elsewhere = !self.networks.is_subset(&old);
        self.is_up() && (more || elsewhere)
    }

    /// Gives up the names that are not wanted any more; whether hosts are among them.
    fn drop_unwanted(&mut self, turn: &mut Turn<'_>, wants: &BTreeMap<Name, Want>) -> bool {
        let mut hosts = false;
        for id in self.claims.ids() {
            let gone = |claim: &Claim| !wants.contains_key(claim.wanted());
            if self.claims.get(id).is_some_and(gone)
                && let Some(claim) = self.claims.remove(id)
            {
                hosts |= matches!(claim.what, What::Host(_));
                self.unpublish(turn, claim);
            }
        }
        hosts
    }

    /// Probes everything as if it had never been done. RFC 6762 10.2: what was verified before an absence from the link is
    /// not answered for until it is verified again.
    pub(super) fn start_over(&mut self, turn: &mut Turn<'_>) {
        if self.is_up() {
            self.fall_silent(turn);
            let ids = self.claims.ids();
            self.probe(turn, &ids);
        }
    }

    /// Drops all that was to be sent, and all records without a word.
    fn fall_silent(&mut self, turn: &mut Turn<'_>) {
        self.queues.iter_mut().for_each(super::Queue::clear);
        self.unicasts.clear();
        self.askers.clear();
        self.rounds.clear();
        self.farewells.clear();
        self.take_back();
        let ids = self.claims.ids();
        for id in &ids {
            self.claims.enter(*id, Stage::Down);
            if let Some(claim) = self.claims.get_mut(*id) {
                claim.sure = false;
            }
        }
        self.publish(turn, &ids, Cause::Silence);
    }

    /// See [`Responder::shutdown`].
    pub(super) fn take_leave(&mut self, turn: &mut Turn<'_>) {
        let told = self
            .zone
            .iter()
            .filter(|(_, entry)| entry.role != Role::Absent && entry.told != [None; 2]);
        let records: Vec<_> = told.map(|(_, entry)| entry.goodbye()).collect();
        if self.is_up() && turn.rules.hold(Rule::Goodbye) {
            say_goodbye(turn, &records);
        }
        self.fall_silent(turn);
        self.families.clear();
        self.networks.clear();
    }
}

/// What is wanted by name. Hosts of one name are one host.
fn wants(wanted: &Wanted) -> BTreeMap<Name, Want> {
    let hosts = wanted.hosts.iter().cloned().map(What::Host);
    let services = wanted.services.iter().cloned().map(What::Service);
    let mut wants = BTreeMap::new();
    for (rank, mut what) in hosts.chain(services).enumerate() {
        let (name, kept) = what.take_names();
        match wants.entry(name) {
            Entry::Vacant(place) => {
                place.insert(Want { what, rank, kept });
            }
            Entry::Occupied(mut place) => {
                let first: &mut Want = place.get_mut();
                if let (What::Host(first), What::Host(more)) = (&mut first.what, what) {
                    first.addresses.extend(more.addresses);
                    first.reverse |= more.reverse;
                }
            }
        }
    }
    wants
}

/// The network that an address is in.
fn network(address: IpAddr, length: u8) -> (IpAddr, u8) {
    let address = match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(length.min(32)))
                .unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(length.min(128)))
                .unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    };
    (address, length)
}
