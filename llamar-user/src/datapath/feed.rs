//! Feeding the maps: what is desired, against what they were last made to hold or, where that is not known, against
//! what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use llamar_common::abi::{ArpHost, ArpKey, Link, LinkKey, NameKey};
use llamar_common::respond::sender_slot;

use super::bpf::Cursor;
use super::check::{STEP, Walk};
use super::diff::{Done, Known, Pass};
use super::front::IndexWalk;
use super::places::{Placement, Places, shown};
use super::table::Maps;
use super::wanted::{Entries, KernelNames, Wanted as _};
use crate::state::Desired;

/// The maps and what is known of them.
pub struct Feed {
    maps: Maps,
    places: Places,
    applied: Option<Applied>,
    check: Option<Check>,
    /// Jiffies per second.
    hz: u64,
}

/// A check of the maps that is under way: of the one after the other.
struct Check {
    arp: Walk<Cursor>,
    names: Walk<Cursor>,
    index: IndexWalk,
}

/// How a check of the maps stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Entries that this step has put right.
    pub mended: usize,
    /// Whether there is more to be checked.
    pub goes_on: bool,
    /// Whether a map lacks something, or cannot be trusted for another reason. The next
    /// [`apply`](super::Datapath::apply) reads it and puts it right.
    pub distrusted: bool,
}

/// What the maps were last made to hold.
struct Applied {
    names: KernelNames,
    names_known: Known,
    arp: Entries<ArpKey, ArpHost>,
    arp_known: Known,
}

/// What [`Datapath::apply`](super::Datapath::apply) has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Names for which the map has no room, if any: they are answered for from userspace.
    pub full: Option<usize>,
    /// ARP addresses for which the map has no room, if any.
    pub arp_full: Option<usize>,
    /// Links for which the map has no place: served from userspace.
    pub unplaced: Vec<LinkKey>,
    /// Entries of names and addresses that were written.
    pub written: usize,
    /// Entries that were removed.
    pub removed: usize,
    /// What failed, with its key; the next pass tries again.
    pub errors: Vec<String>,
}

impl Feed {
    /// Starts with what a former agent has left.
    pub fn new(maps: Maps, hz: u64) -> Result<Self, String> {
        let places = Places::read(&maps.links)?;
        Ok(Self {
            maps,
            places,
            applied: None,
            check: None,
            hz,
        })
    }

    /// The maps.
    pub fn maps(&self) -> &Maps {
        &self.maps
    }

    /// Whether the maps have been made true by this process.
    pub fn has_applied(&self) -> bool {
        self.applied.is_some()
    }

    /// Reads the links' map again, so that the next [`apply`](Self::apply) puts it right.
    pub fn reread_links(&mut self) {
        if let Ok(places) = Places::read(&self.maps.links) {
            self.places = places;
        }
    }

    /// Begins a check of the maps of names and addresses, unless one is under way; tells about how many steps are left of
    /// a new one.
    pub fn begin_check(&mut self) -> Option<usize> {
        let applied = self.applied.as_ref()?;
        if self.check.is_some() {
            return None;
        }
        self.check = Some(Check {
            arp: Walk::new(),
            names: Walk::new(),
            index: IndexWalk::default(),
        });
        let steps = |known: Known| known.held / STEP + 1;
        let index = self.maps.names.index_steps();
        Some(steps(applied.arp_known) + steps(applied.names_known) + index)
    }

    /// Goes on with the check of the maps by one step.
    pub fn check(&mut self) -> Checked {
        let mut checked = Checked {
            mended: 0,
            goes_on: false,
            distrusted: false,
        };
        let (Some(check), Some(applied)) = (&mut self.check, &mut self.applied) else {
            return checked;
        };
        let Applied {
            names,
            names_known,
            arp,
            arp_known,
        } = applied;
        // A map which does not hold what is wanted is not compared with it: the next pass reads it anyway.
        if arp_known.exact && !check.arp.is_over() {
            checked.mended = check.arp.step(arp, arp_known, &mut self.maps.arp);
            checked.distrusted = !arp_known.exact;
        } else if names_known.exact && !check.names.is_over() {
            checked.mended = check.names.step(names, names_known, &mut self.maps.names);
            checked.distrusted = !names_known.exact;
        } else if names_known.exact {
            let host = |key: &NameKey| names.value(key);
            let (mended, trusted) = self.maps.names.check_index(&mut check.index, &host);
            names_known.exact = trusted;
            checked.mended = mended;
            checked.distrusted = !trusted;
        }
        let goes_on =
            arp_known.exact && !check.arp.is_over() || names_known.exact && !check.index.is_over();
        checked.goes_on = goes_on && !checked.distrusted;
        if !checked.goes_on {
            self.check = None;
        }
        checked
    }

    /// Gives back the memory that a check took.
    pub fn rest(&mut self) {
        self.maps.names.rest();
    }

    /// How many names the map holds as far as is known: 0 before the first [`apply`](Self::apply).
    pub fn names_held(&self) -> usize {
        let applied = self.applied.as_ref();
        applied.map_or(0, |applied| applied.names_known.held)
    }

    /// Whether a link has its place in the links' map.
    pub fn placed(&self, key: &LinkKey) -> bool {
        self.places.has(key)
    }

    /// Makes the entries of an interface tell no mode, before its program is run in another. Where that fails they may
    /// tell what would be wrong then.
    pub fn forget_mode(&mut self, ifindex: u32) -> io::Result<()> {
        let failed = self.places.forget_mode(ifindex, &mut self.maps.links);
        match &failed[..] {
            [] => Ok(()),
            failed => Err(io::Error::other(failed.join(", "))),
        }
    }

    /// Makes the maps hold what is desired. `modes` tells by interface how the program is run there, as
    /// [`Link::mode`] has it; it is not known where there is none.
    pub fn apply(&mut self, desired: &Arc<Desired>, modes: &BTreeMap<u32, u16>) -> Report {
        let mode = |key: LinkKey| modes.get(&key.ifindex).copied().unwrap_or(0);
        let links: BTreeMap<LinkKey, Link> = desired
            .links
            .iter()
            .map(|(&key, served)| {
                let link = Link {
                    mode: mode(key),
                    ..served.link(key, self.hz)
                };
                (key, link.with_near())
            })
            .collect();
        let plan = self.places.plan(links.keys());
        let mut report = Report {
            unplaced: plan.unplaced.clone(),
            ..Report::default()
        };
        let known = self.places.without_new_addresses(&links);
        let failed = self.places.lose(&plan, &known, &mut self.maps.links);
        report.errors.extend(failed);
        self.entries(desired, &plan, &mut report);
        // Links name no address for ARP before the map has it and who used it is forgotten.
        let failed = self.places.lose(&plan, &links, &mut self.maps.links);
        report.errors.extend(failed);
        let failed = self.places.add(&plan, &links, &mut self.maps.links);
        report.errors.extend(failed);
        // What waits for readers is last: nothing that is gone waits with it.
        let failed = self.places.finish(&mut self.maps.links);
        report.errors.extend(failed);
        report
    }

    /// Names and addresses, on the links that have a place.
    fn entries(&mut self, desired: &Arc<Desired>, plan: &Placement, report: &mut Report) {
        let names = KernelNames {
            desired: Arc::clone(desired),
            links: plan.links(),
        };
        let arp = Entries::arp(desired, plan.links());
        let before = self.applied.take();
        let before = before.as_ref();
        let known = before.map_or_else(Known::default, |before| before.names_known);
        let names_before = before.map(|before| &before.names);
        let mut names_pass = Pass::new(&names, names_before, known, &mut self.maps.names);
        let known = before.map_or_else(Known::default, |before| before.arp_known);
        let arp_before = before.map(|before| &before.arp);
        let mut arp_pass = Pass::new(&arp, arp_before, known, &mut self.maps.arp);

        let mut senders = BTreeSet::new();
        arp_pass.lose(Some(&mut |key: &ArpKey| {
            senders.insert(sender_slot(key.link(), key.address));
        }));
        names_pass.lose(None);
        arp_pass.add();
        names_pass.add();
        arp_pass.sweep();
        names_pass.sweep();
        let (names_known, done) = names_pass.finish();
        self.maps.names.rest();
        report.full = report.take(done, shown_name);
        let (arp_known, done) = arp_pass.finish();
        report.arp_full = report.take(done, shown_address);
        if let Some(check) = self.check.as_mut().filter(|_| report.changed_something()) {
            check.disturb();
        }

        // RFC 5227 2.4: who used an address before it was ours is met anew, so that the conflict is noticed.
        if let Err(error) = self.maps.forget_senders(&senders) {
            report.errors.push(format!("forget arp senders: {error}"));
        }
        self.applied = Some(Applied {
            names,
            names_known,
            arp,
            arp_known,
        });
    }
}

impl Check {
    fn disturb(&mut self) {
        self.arp.disturb();
        self.names.disturb();
        self.index.disturb();
    }
}

impl Report {
    fn changed_something(&self) -> bool {
        self.written + self.removed > 0 || !self.errors.is_empty()
    }

    /// Adds what was done to a map; gives back how many entries found no room, if any did not.
    fn take<K>(&mut self, done: Done<K>, shown: impl Fn(&K) -> String) -> Option<usize> {
        self.written += done.written;
        self.removed += done.removed;
        let failed = done.failed.iter();
        self.errors
            .extend(failed.map(|(key, why)| format!("{}: {why}", shown(key))));
        self.errors
            .extend(done.unread.map(|why| format!("read a map: {why}")));
        (done.left_out > 0).then_some(done.left_out)
    }
}

fn shown_name(key: &NameKey) -> String {
    let label: Vec<u8> = key.label().collect();
    format!("{} on {}", label.escape_ascii(), shown(key.link()))
}

fn shown_address(key: &ArpKey) -> String {
    let address = Ipv4Addr::from(key.address);
    format!("{address} on {}", shown(key.link()))
}
