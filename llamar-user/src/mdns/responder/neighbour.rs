//! Another program of this host that speaks mDNS too, avahi-daemon or systemd-resolved for example.
//!
//! It has the same addresses as we have, tells their names, and often calls the host as we do. Both would tell these as
//! records that are theirs alone (RFC 6762 2), each with what it holds for the whole set, and so take each other for other
//! hosts: one would get a new name again and again. Nothing is in conflict there, as it is one host. So what such a program
//! tells, or is about to tell, of the host is left to it as long as it is there. The same goes for a host for which we speak,
//! should it speak for itself.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Responder;
use super::claims::{Claim, ClaimId, Stage, What};
use super::publish::Cause;
use super::tie::Proposals;
use crate::dns::{Name, Question, Rdata, Record, kind};
use crate::llmnr::reverse;
use crate::mdns::{Arrival, Host, Turn};

/// Names that are left to others; a host has few, but may have had many addresses. Beyond that all are taken back, and left
/// again when they are heard.
const LEFT_MAX: usize = 256;

impl Responder {
    /// Leaves to another program of a host what it tells, or proposes, of this host, and takes back what it takes leave of.
    pub(super) fn leave_to<'r>(
        &mut self,
        turn: &mut Turn<'_>,
        records: impl Iterator<Item = &'r Record>,
        arrival: &Arrival,
    ) {
        let from = arrival.from.ip();
        if !arrival.is_multicast() || !self.speakers.contains(&from) {
            return;
        }
        let records: Vec<_> = records.filter(|record| is_of_host(record)).collect();
        let (mut left, mut changed) = (self.left.clone(), [BTreeSet::new(), BTreeSet::new()]);
        for (id, claim) in self.claims.iter() {
            let Some(host) = host_of(claim).filter(|host| host.addresses.contains(&from)) else {
                continue;
            };
            // Our own words may come back late: that somebody else can say them has to be known.
            let may_be_called = !turn.unicast && is_same(claim.used(), host, &records);
            let reverse = reverse_names(host);
            for record in &records {
                let names_it = match record.kind {
                    kind::PTR if !reverse.contains(&record.owner) => continue,
                    kind::PTR => record.data != Rdata::Ptr(claim.used().clone()),
                    _ if record.owner != *claim.used() => continue,
                    _ => may_be_called,
                };
                let news = match record.ttl {
                    0 => left.remove(&record.owner),
                    _ => names_it && left.insert(record.owner.clone()),
                };
                if news {
                    changed[usize::from(record.ttl == 0)].insert(id);
                }
            }
        }
        if changed.iter().any(|ids| !ids.is_empty()) {
            self.left = left;
            self.settle(turn, changed);
        }
    }

    /// Makes the zone follow what is left to others. What another program of the host has verified needs no probing.
    fn settle(&mut self, turn: &mut Turn<'_>, [left, back]: [BTreeSet<ClaimId>; 2]) {
        if self.left.len() > LEFT_MAX {
            self.left.clear();
        }
        let is_open = |id: &ClaimId| {
            self.claims.get(*id).is_some_and(|claim| {
                let probed = matches!(claim.stage(), Stage::Waiting { .. } | Stage::Probing { .. });
                probed && self.left.contains(claim.used())
            })
        };
        let (open, others): (Vec<_>, Vec<_>) = left.into_iter().partition(is_open);
        // No goodbye: the other program goes on to tell it.
        self.publish(turn, &others, Cause::Silence);
        if !open.is_empty() {
            self.win(turn, open);
        }
        self.publish(turn, &Vec::from_iter(back), Cause::Standing);
    }

    /// Takes back all that was left to others.
    pub(super) fn take_back(&mut self) -> bool {
        !std::mem::take(&mut self.left).is_empty()
    }

    /// Whether a probe is another program's of this host and needs no defence: it proposes nothing but what we tell
    /// (RFC 6762 8.2.1).
    pub(super) fn is_for_same_host(
        &self,
        name: &Name,
        proposals: &Proposals<'_>,
        from: IpAddr,
    ) -> bool {
        let is_ours = |record: &&Record| self.zone.find(record).is_some();
        self.speakers.contains(&from) && proposals.of(name).iter().all(is_ours)
    }

    /// What is asked beside the probes for these names if another program shares the port: the names of our addresses, which
    /// it may have told already.
    pub(super) fn reverse_questions(&self, turn: &Turn<'_>, ids: &[ClaimId]) -> Vec<Question> {
        if turn.unicast {
            return Vec::new();
        }
        let hosts = ids.iter().filter_map(|id| host_of(self.claims.get(*id)?));
        let questions = hosts.flat_map(reverse_names).map(|name| Question {
            name,
            kind: kind::PTR,
            class: kind::IN,
        });
        questions.collect()
    }
}

/// Whether a record may tell of a host.
const fn is_of_host(record: &Record) -> bool {
    let kind = matches!(record.kind, kind::A | kind::AAAA | kind::PTR);
    kind && record.class & !kind::CLASS_TOP == kind::IN
}

const fn host_of(claim: &Claim) -> Option<&Host> {
    match &claim.what {
        What::Host(host) => Some(host),
        What::Service(_) => None,
    }
}

/// Whether all records that a name has there tell addresses of the host.
fn is_same(name: &Name, host: &Host, records: &[&Record]) -> bool {
    let own = records.iter().filter(|record| record.owner == *name);
    own.into_iter().all(|record| match record.data {
        Rdata::A(address) => host.addresses.contains(&IpAddr::V4(address)),
        Rdata::Aaaa(address) => host.addresses.contains(&IpAddr::V6(address)),
        _ => false,
    })
}

/// The names of a host's addresses, if these are told.
fn reverse_names(host: &Host) -> BTreeSet<Name> {
    let addresses = host.addresses.iter().filter(|_| host.reverse);
    addresses
        .map(|&address| reverse::name_of(address))
        .collect()
}
