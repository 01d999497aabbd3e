//! The names that are claimed, and how far each is.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::records;
use super::rename::{number_of, numbered};
use super::zone::{Draft, Id, Role, is_same_data};
use crate::dns::{Name, Rdata, Record, kind};
use crate::mdns::{Host, Service};

/// Culprits that are remembered of one name, so that each is told of once; a forger has as many as he likes.
const CULPRITS_MAX: usize = 8;
/// RFC 6762 8.4: a record is not updated more often than this in a minute.
const UPDATES_MAX: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// A claimed name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClaimId(u64);

/// What a name is claimed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Host(Host),
    Service(Service),
}

/// How far a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The interface is down.
    Down,
    /// Its first probe is sent then.
    Waiting { until: Instant },
    /// So many probes have been sent; what follows is due then (RFC 6762 8.1).
    Probing { sent: u8, next: Instant },
    /// It is ours.
    Held,
    /// It is another's, and probed again then.
    Withdrawn { retry: Instant },
}

/// A claimed name, and what is known of it.
#[derive(Debug)]
pub(super) struct Claim {
    wanted: Name,
    used: Name,
    number: u32,
    stage: Stage,
    pub what: What,
    /// Whether it has been ours since it is called as it is, so that others may be pointed to it.
    pub sure: bool,
    /// Its records in the zone.
    pub ids: BTreeSet<Id>,
    /// How often in a row it was lost.
    pub losses: u32,
    /// Since when it has been tried in vain, and whether that was told.
    pub vain: Option<(Instant, bool)>,
    /// Who had it too at last.
    pub culprit: Option<IpAddr>,
    /// When it was last defended with announcements against the will of the rules.
    pub defended: Option<Instant>,
    /// Who was told of: those who have it too, and those who wanted it.
    culprits: BTreeSet<IpAddr>,
    claimants: BTreeSet<IpAddr>,
    updates: VecDeque<Instant>,
}

impl What {
    /// The name that is wanted.
    const fn name(&self) -> &Name {
        match self {
            Self::Host(host) => &host.name,
            Self::Service(service) => &service.name,
        }
    }

    /// The name that is wanted, and the one that was kept from a former life, which is no part of it any more.
    pub(super) fn take_names(&mut self) -> (Name, Option<Name>) {
        let kept = match self {
            Self::Host(host) => host.kept.take(),
            Self::Service(service) => service.kept.take(),
        };
        (self.name().clone(), kept)
    }

    const fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }
}

impl Claim {
    pub(super) const fn wanted(&self) -> &Name {
        &self.wanted
    }

    pub(super) const fn used(&self) -> &Name {
        &self.used
    }

    pub(super) const fn stage(&self) -> Stage {
        self.stage
    }

    /// When something is due for it.
    const fn due(&self) -> Option<Instant> {
        match self.stage {
            Stage::Waiting { until } => Some(until),
            Stage::Probing { next, .. } => Some(next),
            Stage::Withdrawn { retry } => Some(retry),
            Stage::Down | Stage::Held => None,
        }
    }

    /// Takes note of who has the name too; whether that is news.
    pub(super) fn blame(&mut self, culprit: IpAddr) -> bool {
        self.culprit = Some(culprit);
        self.culprits.len() < CULPRITS_MAX && self.culprits.insert(culprit)
    }

    /// Takes note of who wants the name and was told that it is ours; whether that is news.
    pub(super) fn rebuff(&mut self, claimant: IpAddr) -> bool {
        self.claimants.len() < CULPRITS_MAX && self.claimants.insert(claimant)
    }

    /// It is ours: no loss counts any more.
    pub(super) fn won(&mut self) {
        self.sure = true;
        self.losses = 0;
        self.vain = None;
        if self.used == self.wanted {
            self.culprit = None;
        }
        self.culprits.clear();
    }

    /// Counts an update of its records; when it may be announced. Those that have to wait are announced as one.
    pub(super) fn update(&mut self, now: Instant) -> Instant {
        if let Some(&waiting) = self.updates.back().filter(|at| **at > now) {
            return waiting;
        }
        while self.updates.front().is_some_and(|at| *at + MINUTE <= now) {
            self.updates.pop_front();
        }
        let at = match self.updates.len() {
            UPDATES_MAX.. => self.updates.pop_front().map_or(now, |at| at + MINUTE),
            _ => now,
        };
        self.updates.push_back(at);
        at
    }
}

/// All claimed names.
#[derive(Debug, Default)]
pub(super) struct Claims {
    list: BTreeMap<ClaimId, Claim>,
    wanted: HashMap<Name, ClaimId>,
    used: HashMap<Name, ClaimId>,
    due: BTreeSet<(Instant, ClaimId)>,
    count: u64,
}

impl Claims {
    /// Takes in a name that is not claimed yet.
    pub(super) fn add(&mut self, what: What, kept: Option<Name>) -> ClaimId {
        self.count += 1;
        let id = ClaimId(self.count);
        let wanted = what.name().clone();
        let mut used = kept.into_iter().chain([wanted.clone()]);
        let used = used.find(|name| !self.used.contains_key(name));
        let free = || self.next_name(&wanted, 1, what.is_service());
        let (used, number) = match used {
            Some(used) => {
                let number = number_of(&wanted, &used, what.is_service());
                (used, number)
            }
            // A name that another of our own has come to be called by.
            None => free().unwrap_or_else(|| (wanted.clone(), 1)),
        };
        self.wanted.insert(wanted.clone(), id);
        self.used.insert(used.clone(), id);
        let claim = Claim {
            wanted,
            used,
            number,
            stage: Stage::Down,
            what,
            sure: false,
            ids: BTreeSet::new(),
            losses: 0,
            vain: None,
            culprit: None,
            defended: None,
            culprits: BTreeSet::new(),
            claimants: BTreeSet::new(),
            updates: VecDeque::new(),
        };
        self.list.insert(id, claim);
        id
    }

    /// Gives up a name.
    pub(super) fn remove(&mut self, id: ClaimId) -> Option<Claim> {
        let claim = self.list.remove(&id)?;
        self.wanted.remove(&claim.wanted);
        if self.used.get(&claim.used) == Some(&id) {
            self.used.remove(&claim.used);
        }
        if let Some(due) = claim.due() {
            self.due.remove(&(due, id));
        }
        Some(claim)
    }

    pub(super) fn get(&self, id: ClaimId) -> Option<&Claim> {
        self.list.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ClaimId) -> Option<&mut Claim> {
        self.list.get_mut(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ClaimId, &Claim)> {
        self.list.iter().map(|(id, claim)| (*id, claim))
    }

    pub(super) fn ids(&self) -> Vec<ClaimId> {
        self.list.keys().copied().collect()
    }

    /// The claim of a name as it is used.
    pub(super) fn using(&self, name: &Name) -> Option<ClaimId> {
        self.used.get(name).copied()
    }

    /// The claim of a name as it was wanted.
    pub(super) fn wanting(&self, name: &Name) -> Option<ClaimId> {
        self.wanted.get(name).copied()
    }

    /// A name is so far now.
    pub(super) fn enter(&mut self, id: ClaimId, stage: Stage) {
        let Some(claim) = self.list.get_mut(&id) else {
            return;
        };
        if let Some(due) = claim.due() {
            self.due.remove(&(due, id));
        }
        claim.stage = stage;
        if let Some(due) = claim.due() {
            self.due.insert((due, id));
        }
    }

    /// Calls it otherwise.
    pub(super) fn call(&mut self, id: ClaimId, used: Name, number: u32) {
        let Some(claim) = self.list.get_mut(&id) else {
            return;
        };
        if self.used.get(&claim.used) == Some(&id) {
            self.used.remove(&claim.used);
        }
        self.used.insert(used.clone(), id);
        claim.used = used;
        claim.number = number;
        claim.sure = false;
    }

    /// Calls it as others do.
    pub(super) fn rename(&mut self, id: ClaimId, used: Name) {
        let number = self
            .get(id)
            .map(|claim| number_of(&claim.wanted, &used, claim.what.is_service()));
        self.call(id, used, number.unwrap_or(1));
    }

    /// The next name that it could have, none of our own, and its number; `None` if its domain leaves no room for one.
    pub(super) fn alternative(&self, id: ClaimId) -> Option<(Name, u32)> {
        let claim = self.list.get(&id)?;
        self.next_name(&claim.wanted, claim.number, claim.what.is_service())
    }

    fn next_name(&self, wanted: &Name, number: u32, is_service: bool) -> Option<(Name, u32)> {
        // As many tries as there are names: one of them is free.
        let numbers = (number.saturating_add(1)..).take(self.list.len() + 1);
        let mut names = numbers.map(|number| (numbered(wanted, number, is_service), number));
        names.find_map(|(name, number)| {
            let name = name.filter(|name| !self.used.contains_key(name))?;
            Some((name, number))
        })
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The names for which something is due.
    pub(super) fn due(&self, now: Instant) -> Vec<ClaimId> {
        let due = self.due.iter().take_while(|(due, _)| *due <= now);
        due.map(|(_, id)| *id).collect()
    }

    /// The services of a host that is claimed.
    pub(super) fn guests(&self, host: &Name) -> Vec<ClaimId> {
        let is_guest =
            |claim: &Claim| matches!(&claim.what, What::Service(service) if service.host == *host);
        let guests = self.iter().filter(|(_, claim)| is_guest(claim));
        guests.map(|(id, _)| id).collect()
    }

    /// The claim of a service's host, if that is claimed here.
    pub(super) fn host_of(&self, service: &Service) -> Option<&Claim> {
        let claim = self.get(self.wanting(&service.host)?)?;
        (!claim.what.is_service()).then_some(claim)
    }

    /// The records of a name if it may be used for everything that it is wanted for.
    pub(super) fn drafts(&self, claim: &Claim) -> Vec<Draft> {
        match &claim.what {
            What::Host(host) => records::of_host(host, &claim.used),
            What::Service(service) => {
                // RFC 6762 8.2: the data is what would be used, should probing be successful.
                let host = self.host_of(service).map_or(&service.host, Claim::used);
                records::of_service(service, &claim.used, Some(host))
            }
        }
    }

    /// Whether a name is probed with a record, which has it as its owner.
    pub(super) fn proposes(&self, claim: &Claim, record: &Record) -> bool {
        let What::Host(host) = &claim.what else {
            let proposed = self.proposed(claim);
            return proposed.iter().any(|own| is_same_data(own, record));
        };
        // A host may have many addresses, and a message many records.
        let address = match &record.data {
            Rdata::A(address) => IpAddr::V4(*address),
            Rdata::Aaaa(address) => IpAddr::V6(*address),
            _ => return false,
        };
        record.class & !kind::CLASS_TOP == kind::IN && host.addresses.contains(&address)
    }

    /// Whether a name is probed with records of a type.
    pub(super) fn proposes_kind(&self, claim: &Claim, kind: u16) -> bool {
        match (&claim.what, kind) {
            (What::Host(host), kind::A) => host.addresses.iter().any(IpAddr::is_ipv4),
            (What::Host(host), kind::AAAA) => host.addresses.iter().any(IpAddr::is_ipv6),
            (What::Host(_), _) => false,
            (What::Service(_), kind) => self.proposed(claim).iter().any(|own| own.kind == kind),
        }
    }

    /// The records that a name is probed with: all that it is to have, but not what only points to it.
    pub(super) fn proposed(&self, claim: &Claim) -> Vec<Record> {
        let drafts = match &claim.what {
            What::Host(host) => records::of_addresses(host, &claim.used),
            What::Service(_) => self.drafts(claim),
        };
        let own = drafts.into_iter();
        let own = own.filter(|draft| draft.role == Role::Unique);
        own.map(|draft| draft.record).collect()
    }
}
