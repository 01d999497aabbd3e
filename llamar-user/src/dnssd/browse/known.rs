//! An instance as far as it is known, and when it is told of.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::hosts::Hosts;
use super::place::View;
use super::{Service, Target, What};
use crate::dns::{Name, Srv, Txt};
use crate::dnssd::{Instance, ServiceType};

/// How long an address of the other family is waited for, which a responder of one family may not have: time for a
/// question and its answer (RFC 6762 5.2, 6: 120 ms each).
const SOON: Duration = Duration::from_millis(300);
/// How long addresses or attributes are waited for that ought to be there: time for a question to be repeated.
const LATE: Duration = Duration::from_millis(1_500);
/// How long a change is waited with. RFC 6762 10.2: what is replaced stays for a second.
const CHANGE: Duration = Duration::from_millis(1_200);
/// SRV, TXT and PTR records of one instance that are kept. RFC 6763 6.8, 5: more than one are rare.
const RECORDS_MAX: usize = 16;

/// An instance.
#[derive(Debug)]
pub(super) struct Known {
    pub instance: Instance,
    /// The names that point to it.
    pub pointers: Vec<Name>,
    /// Whether there was one at any time: then there is no instance without.
    pub was_pointed: bool,
    pub srv: Vec<Srv>,
    pub txt: Vec<Txt>,
    /// Who told of it last.
    pub from: IpAddr,
    /// What was told of it.
    told: Told,
    /// When it is told of again at the latest, though not everything has come.
    pub due: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Added,
    Resolved(Service),
}

impl Known {
    pub fn new(instance: Instance, from: IpAddr) -> Self {
        Self {
            instance,
            pointers: Vec::new(),
            was_pointed: false,
            srv: Vec::new(),
            txt: Vec::new(),
            from,
            told: Told::Nothing,
            due: None,
        }
    }

    /// Whether nothing is known of it any more, and nothing is left to be told.
    pub fn is_empty(&self) -> bool {
        let untold = self.told == Told::Nothing;
        untold && self.pointers.is_empty() && self.srv.is_empty() && self.txt.is_empty()
    }

    /// Tells what there is to tell. `is_wanted`: whether it counts although nobody points to it.
    pub fn settle(&mut self, view: &View<'_>, is_wanted: bool, hosts: &Hosts) -> Vec<What> {
        let mut whats = Vec::new();
        let is_unpointed = is_wanted && !self.was_pointed && !self.srv.is_empty();
        let is_there = !self.pointers.is_empty() || is_unpointed;
        // RFC 6763 8: with port 0 a name is held, and nothing is offered under it.
        let is_held = !self.srv.is_empty() && self.srv.iter().all(|srv| srv.port == 0);
        if !is_there || is_held {
            whats.extend(self.end());
            return whats;
        }
        if self.told == Told::Nothing {
            self.told = Told::Added;
            let instance = self.instance.clone();
            let subtypes = self.subtypes();
            whats.push(What::Added { instance, subtypes });
        }
        whats.extend(self.resolve(view, hosts));
        whats
    }

    /// Tells that it is no more, if it was told that it is.
    pub fn end(&mut self) -> Option<What> {
        self.due = None;
        let told = std::mem::replace(&mut self.told, Told::Nothing);
        (told != Told::Nothing).then(|| What::Removed {
            instance: self.instance.clone(),
        })
    }

    /// Where it is, if that has changed and it is time to say so.
    fn resolve(&mut self, view: &View<'_>, hosts: &Hosts) -> Option<What> {
        let service = self.service(hosts);
        if service.targets.is_empty() || self.told_is(&service) {
            self.due = None;
            return None;
        }
        // The wait gets shorter when more is known, and no longer because more comes.
        let due = view.now + self.patience(&service, hosts);
        let due = self.due.map_or(due, |earlier| earlier.min(due));
        self.due = Some(due);
        if due > view.now && !view.is_last {
            return None;
        }
        self.due = None;
        let told = std::mem::replace(&mut self.told, Told::Resolved(service.clone()));
        Some(match told {
            Told::Resolved(_) => What::Updated(service),
            _ => What::Resolved(service),
        })
    }

    /// How long what is missing is waited for.
    fn patience(&self, service: &Service, hosts: &Hosts) -> Duration {
        if matches!(self.told, Told::Resolved(_)) {
            return CHANGE;
        }
        let has_addresses = service
            .targets
            .iter()
            .any(|target| !target.addresses.is_empty());
        if self.txt.is_empty() || !has_addresses {
            LATE
        } else if service
            .targets
            .iter()
            .all(|target| hosts.is_dual(&target.host))
        {
            Duration::ZERO
        } else {
            SOON
        }
    }

    fn told_is(&self, service: &Service) -> bool {
        matches!(&self.told, Told::Resolved(told) if told == service)
    }

    /// The service as it is known now.
    fn service(&self, hosts: &Hosts) -> Service {
        let offered = self.srv.iter().filter(|srv| srv.port != 0);
        let mut targets: Vec<Target> = offered.map(|srv| target(srv, hosts)).collect();
        // RFC 6763 5: priority and weight must be honoured.
        targets.sort_by_key(|target| (target.priority, Reverse(target.weight)));
        // RFC 6763 6.1: no record, an empty one, and one of an empty string are the same.
        let says = |txt: &&Txt| txt.strings().any(|string| !string.is_empty());
        Service {
            instance: self.instance.clone(),
            subtypes: self.subtypes(),
            targets,
            txt: self.txt.iter().filter(says).cloned().collect(),
        }
    }

    fn subtypes(&self) -> Vec<Vec<u8>> {
        let names = self.pointers.iter();
        // RFC 6763 7.2: case does not matter, so that what it was is any of them.
        let subtype = |name: &Name| Some((name.clone(), ServiceType::split_subtype(name)?.0));
        let subtypes: BTreeMap<Name, Vec<u8>> = names.filter_map(subtype).collect();
        subtypes.into_values().collect()
    }
}

fn target(srv: &Srv, hosts: &Hosts) -> Target {
    Target {
        priority: srv.priority,
        weight: srv.weight,
        host: srv.target.clone(),
        port: srv.port,
        addresses: hosts.addresses(&srv.target),
    }
}

/// Puts something into a set that is kept in the order in which it came, or takes it out; whether that changed it.
pub(super) fn change<T: Clone + PartialEq>(set: &mut Vec<T>, item: &T, is_there: bool) -> bool {
    let place = set.iter().position(|each| each == item);
    match (place, is_there) {
        (None, true) if set.len() < RECORDS_MAX => set.push(item.clone()),
        (Some(place), false) => drop(set.remove(place)),
        _ => return false,
    }
    true
}
