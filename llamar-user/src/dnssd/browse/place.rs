//! What is known on one interface.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use super::hosts::Hosts;
use super::known::{Known, change};
use super::scope::types_of;
use super::wishes::Wishes;
use super::{Found, Scope, What};
use crate::dns::{Name, Rdata, Srv, Txt, kind};
use crate::dnssd::{Instance, ServiceType};
use crate::mdns::{Change, Held};

/// Types on one link, each of which is a question without end. Networks have some dozens.
const TYPES_MAX: usize = 512;
/// Instances on one link, each of which is four questions: more than the largest networks have (an office with a
/// thousand printers), and less than a flood can make up.
const INSTANCES_MAX: usize = 4096;
/// Names that one name points to: see [`Scope::Pointers`].
const POINTERS_MAX: usize = 4096;

/// How things are looked at.
pub(super) struct View<'a> {
    pub now: Instant,
    pub scope: &'a Scope,
    /// Whether nobody is asked.
    pub is_passive: bool,
    /// Whether nothing more is to come.
    pub is_last: bool,
}

/// Where to put what is to be asked, if anything is.
type Asks<'a> = Option<&'a mut Wishes>;

/// What is known on one interface.
#[derive(Debug)]
pub(super) struct Place {
    device: u32,
    types: BTreeMap<Name, Kind>,
    pointers: BTreeMap<(Name, Name), IpAddr>,
    instances: BTreeMap<Name, Known>,
    hosts: Hosts,
    /// Instances that are to be looked at.
    stirred: BTreeSet<Name>,
    due: BTreeSet<(Instant, Name)>,
}

/// A type of which there are instances.
#[derive(Debug)]
struct Kind {
    kind: ServiceType,
    domain: Name,
    from: IpAddr,
}

impl Place {
    pub fn new(device: u32) -> Self {
        Self {
            device,
            types: BTreeMap::new(),
            pointers: BTreeMap::new(),
            instances: BTreeMap::new(),
            hosts: Hosts::default(),
            stirred: BTreeSet::new(),
            due: BTreeSet::new(),
        }
    }

    /// Takes in that a record came or went.
    pub fn hear(
        &mut self,
        scope: &Scope,
        held: &Held,
        asks: &mut Asks<'_>,
        events: &mut VecDeque<Found>,
    ) {
        let owner = &held.record.owner;
        match &held.record.data {
            Rdata::Ptr(target) => match types_of(owner) {
                Some(domain) if scope.has_types(&domain) => {
                    self.hear_type(scope, held, target, &domain, asks, events);
                }
                Some(_) => {}
                None if *scope == Scope::Pointers(owner.clone()) => {
                    self.hear_other(held, target, events);
                }
                None => self.hear_pointer(scope, held, target, asks),
            },
            Rdata::Srv(srv) => self.hear_srv(held, srv, asks),
            Rdata::Txt(txt) => self.hear_txt(held, txt),
            Rdata::A(address) => self.hear_address(held, (*address).into()),
            Rdata::Aaaa(address) => self.hear_address(held, (*address).into()),
            _ => {}
        }
    }

    fn hear_type(
        &mut self,
        scope: &Scope,
        held: &Held,
        target: &Name,
        domain: &Name,
        asks: &mut Asks<'_>,
        events: &mut VecDeque<Found>,
    ) {
        // RFC 6763 9: only the first two labels matter.
        let Some((kind, _)) = ServiceType::split(target) else {
            return;
        };
        let Ok(name) = kind.browse_name(domain) else {
            return;
        };
        let (domain, from, change) = (domain.clone(), held.from, held.change);
        let known = Kind { kind, domain, from };
        let (kind, domain) = (known.kind.clone(), known.domain.clone());
        if !change_bounded(&mut self.types, &name, known, change, TYPES_MAX) {
            return;
        }
        if let (Some(wishes), Scope::All(_)) = (asks, scope) {
            match change {
                Change::Added => wishes.add(self.device, name, kind::PTR),
                Change::Removed => wishes.remove(self.device, &name, kind::PTR),
            }
        }
        let what = What::Type {
            kind,
            domain,
            change,
        };
        self.tell(from, what, events);
    }

    fn hear_other(&mut self, held: &Held, target: &Name, events: &mut VecDeque<Found>) {
        let (name, target) = (held.record.owner.clone(), target.clone());
        let (from, change) = (held.from, held.change);
        let key = (name.clone(), target.clone());
        if change_bounded(&mut self.pointers, &key, from, change, POINTERS_MAX) {
            let what = What::Pointer {
                name,
                target,
                change,
            };
            self.tell(from, what, events);
        }
    }

    fn hear_pointer(&mut self, scope: &Scope, held: &Held, target: &Name, asks: &mut Asks<'_>) {
        let owner = &held.record.owner;
        let is_type = ServiceType::split(owner).is_some();
        if !is_type && ServiceType::split_subtype(owner).is_none() || !scope.has_pointer(owner) {
            return;
        }
        let is_there = held.change == Change::Added;
        // RFC 6763 4.2: instance, type and domain are those that it points to, whatever was asked.
        let Some(known) = self.known(target, held) else {
            return;
        };
        let was_pointed = !known.pointers.is_empty();
        change(&mut known.pointers, owner, is_there);
        let is_pointed = !known.pointers.is_empty();
        known.was_pointed |= is_pointed;
        match (was_pointed, is_pointed) {
            (false, true) => self.ask_instance(target, asks),
            (true, false) => self.leave_instance(target, asks),
            _ => {}
        }
    }

    fn ask_instance(&self, name: &Name, asks: &mut Asks<'_>) {
        let Some(wishes) = asks else { return };
        if wishes.leaves_unresolved {
            return;
        }
        // RFC 6763 5, 12: clients ask for what did not come as additional records.
        wishes.add(self.device, name.clone(), kind::SRV);
        wishes.add(self.device, name.clone(), kind::TXT);
    }

    /// Forgets what was asked of an instance: nobody tells of it any more.
    fn leave_instance(&mut self, name: &Name, asks: &mut Asks<'_>) {
        let Some(wishes) = asks else { return };
        wishes.remove(self.device, name, kind::SRV);
        wishes.remove(self.device, name, kind::TXT);
        let Some(known) = self.instances.get_mut(name) else {
            return;
        };
        known.txt.clear();
        let hosts: BTreeSet<Name> = known.srv.drain(..).map(|srv| srv.target).collect();
        for host in hosts {
            self.leave_host(&host, name, asks);
        }
    }

    fn hear_srv(&mut self, held: &Held, srv: &Srv, asks: &mut Asks<'_>) {
        let owner = &held.record.owner;
        let is_there = held.change == Change::Added;
        let Some(known) = self.known(owner, held) else {
            return;
        };
        let is_at = |known: &Known| known.srv.iter().any(|each| each.target == srv.target);
        let was_at = is_at(known);
        change(&mut known.srv, srv, is_there);
        match (was_at, is_at(known)) {
            (false, true) => self.use_host(&srv.target, owner, asks),
            (true, false) => self.leave_host(&srv.target, owner, asks),
            _ => {}
        }
    }

    fn use_host(&mut self, host: &Name, instance: &Name, asks: &mut Asks<'_>) {
        self.hosts.use_by(host, instance);
        if let Some(wishes) = asks {
            wishes.add(self.device, host.clone(), kind::A);
            wishes.add(self.device, host.clone(), kind::AAAA);
        }
    }

    fn leave_host(&mut self, host: &Name, instance: &Name, asks: &mut Asks<'_>) {
        let is_used = self.hosts.leave_by(host, instance);
        if let Some(wishes) = asks {
            wishes.remove(self.device, host, kind::A);
            wishes.remove(self.device, host, kind::AAAA);
            if !is_used {
                self.hosts.forget(host);
            }
        }
    }

    fn hear_txt(&mut self, held: &Held, txt: &Txt) {
        let is_there = held.change == Change::Added;
        if let Some(known) = self.known(&held.record.owner, held) {
            change(&mut known.txt, txt, is_there);
        }
    }

    fn hear_address(&mut self, held: &Held, address: IpAddr) {
        let owner = &held.record.owner;
        let is_there = held.change == Change::Added;
        let instances = self.hosts.change(owner, address, is_there);
        self.stirred.extend(instances);
    }

    /// What is known of an instance, which is about to change; `None` if a name is none's, or there are too many.
    fn known(&mut self, name: &Name, held: &Held) -> Option<&mut Known> {
        let is_added = held.change == Change::Added;
        if !self.instances.contains_key(name) {
            if !is_added || self.instances.len() >= INSTANCES_MAX {
                return None;
            }
            let known = Known::new(Instance::of(name)?, held.from);
            self.instances.insert(name.clone(), known);
        }
        self.stirred.insert(name.clone());
        let known = self.instances.get_mut(name)?;
        if is_added {
            known.from = held.from;
        }
        Some(known)
    }

    /// Looks at what has been waited with for long enough.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, name)) = self.due.first() {
            if *due > now {
                return;
            }
            self.stirred.insert(name.clone());
            self.due.pop_first();
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Tells what there is to tell.
    pub fn settle(&mut self, view: &View<'_>, events: &mut VecDeque<Found>) {
        if view.is_last {
            let waiting = std::mem::take(&mut self.due).into_iter();
            self.stirred.extend(waiting.map(|(_, name)| name));
        }
        let device = self.device;
        for name in std::mem::take(&mut self.stirred) {
            let Some(known) = self.instances.get_mut(&name) else {
                continue;
            };
            if let Some(due) = known.due {
                self.due.remove(&(due, name.clone()));
            }
            let is_wanted = view.scope.has_unpointed(&name, view.is_passive);
            let from = known.from;
            let whats = known.settle(view, is_wanted, &self.hosts).into_iter();
            events.extend(whats.map(|what| Found { device, from, what }));
            match known.due {
                Some(due) => drop(self.due.insert((due, name))),
                None if known.is_empty() => drop(self.instances.remove(&name)),
                None => {}
            }
        }
    }

    /// Tells that everything is gone.
    pub fn end(self, events: &mut VecDeque<Found>) {
        let device = self.device;
        let services = self.instances.into_values();
        let services = services.filter_map(|mut known| Some((known.from, known.end()?)));
        let pointers = self.pointers.into_iter().map(|((name, target), from)| {
            let change = Change::Removed;
            (
                from,
                What::Pointer {
                    name,
                    target,
                    change,
                },
            )
        });
        let types = self.types.into_values().map(|known| {
            let Kind { kind, domain, from } = known;
            let change = Change::Removed;
            (
                from,
                What::Type {
                    kind,
                    domain,
                    change,
                },
            )
        });
        let all = services.chain(pointers).chain(types);
        events.extend(all.map(|(from, what)| Found { device, from, what }));
    }

    fn tell(&self, from: IpAddr, what: What, events: &mut VecDeque<Found>) {
        let device = self.device;
        events.push_back(Found { device, from, what });
    }
}

/// Puts something into a map that has room for so much, or takes it out; whether that changed it.
fn change_bounded<K: Clone + Ord, V>(
    map: &mut BTreeMap<K, V>,
    key: &K,
    value: V,
    change: Change,
    most: usize,
) -> bool {
    let is_known = map.contains_key(key);
    match change {
        Change::Added if is_known || map.len() >= most => return false,
        Change::Added => map.insert(key.clone(), value),
        Change::Removed => map.remove(key),
    };
    is_known || change == Change::Added
}
