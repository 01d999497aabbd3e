//! The kernel path: loading, attaching, feeding and removing it, and taking over what an agent before has left.
//!
//! Everything is pinned below `<bpffs>/llamar/<instance>/`, so that an agent may end without a query being lost:
//! dropping a [`Datapath`] leaves the program on its interfaces, [`Datapath::close`] takes it off. What the maps are
//! to hold comes from `state`; what the program answers is `llamar-common`'s matter.

mod attach;
mod beat;
mod bpf;
pub mod diff;
mod instance;
mod pins;
mod places;
mod privilege;
mod query;
pub mod read;
mod table;
#[cfg(test)]
mod tests;
#[cfg(feature = "trace")]
mod trace;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aya::EbpfLoader;
use llamar_common::abi::{
    ArpHost, ArpKey, Counters, Host, Link as LinkEntry, LinkKey, NameKey, map, program,
};
use llamar_common::respond::sender_slot;

pub use attach::{AttachError, Attached};
pub use bpf::XdpKind;
pub use instance::{Instance, InstanceError, Lock};
pub use pins::{DatapathError, Removed};
pub use query::{Running, running};

use crate::config::XdpMode;
use crate::link::Link;
use crate::state::Desired;
use attach::Programs;
use bpf::{Access, XdpLink};
use diff::{Done, Known, Pass};
use pins::{Pins, remove_file};
use places::{Places, shown};
use table::Maps;
use wanted::{Entries, KernelNames};

/// The eBPF object that was embedded at build time.
#[cfg(bpf_object)]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!(concat!(
    env!("OUT_DIR"),
    "/llamar.bpf.o"
)));
#[cfg(not(bpf_object))]
static OBJECT: Option<&[u8]> = None;

/// The eBPF object in this binary, if it was built with one: `cargo xtask build` does.
pub fn object() -> Option<&'static [u8]> {
    OBJECT
}

/// The loaded kernel path of one instance.
pub struct Datapath {
    pins: Pins,
    ebpf: aya::Ebpf,
    maps: Maps,
    held: BTreeMap<u32, Held>,
    places: Places,
    applied: Option<Applied>,
    warnings: Vec<String>,
}

/// A link of ours on an interface.
struct Held {
    link: XdpLink,
    /// `None` while it still holds a former agent's program.
    attached: Option<Attached>,
}

impl Held {
    fn new(link: XdpLink) -> Self {
        Self {
            link,
            attached: None,
        }
    }
}

/// What the maps were last made to hold.
struct Applied {
    names: KernelNames,
    names_known: Known,
    arp: Entries<ArpKey, ArpHost>,
    arp_known: Known,
}

/// What [`Datapath::apply`] has done.
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

impl Datapath {
    /// Loads the object, on the maps that are pinned or on new ones. Attached programs of a former agent go on
    /// answering; nothing is attached or replaced yet.
    ///
    /// A names' map of another capacity is replaced, unless programs in use hold it: then it stays as it is, and a
    /// warning says so.
    pub fn open(lock: &Lock, max_names: u32, object: &[u8]) -> Result<Self, DatapathError> {
        let pins = Pins::of(lock.instance());
        let status = Path::new("/proc/thread-self/status");
        let missing = privilege::missing().map_err(DatapathError::io("read", status))?;
        if let Some(missing) = missing {
            return Err(DatapathError::Privilege(missing));
        }
        pins.check_bpffs()?;
        let found = pins.examine()?;
        let mut warnings = Vec::new();
        let mut capacity = max_names;
        match found.max_names {
            Some(pinned) if pinned != max_names && found.live => {
                capacity = pinned;
                warnings.push(format!(
                    "the kernel path is in use with room for {pinned} names and keeps it: for max-names = {max_names} run `llamar detach` between stop and start"
                ));
            }
            Some(pinned) if pinned != max_names => remove_file(&pins.map(map::NAMES))?,
            _ => {}
        }
        let attempt = pins.begin()?;
        let mut ebpf = load(&pins, capacity, object)?;
        #[cfg(feature = "trace")]
        trace::start(&mut ebpf);
        let maps = Maps::open(&pins, Access::Write)?;
        let mut programs = Programs(&mut ebpf);
        programs.load(program::XDP)?;
        let beat = programs.load(program::BEAT)?;
        beat::set_leases(beat, &maps).map_err(|error| failed("set the lease", error))?;
        let places =
            Places::read(&maps.links).map_err(|error| failed("read the links' map", error))?;
        let held = held(&pins)?;
        attempt.keep();
        Ok(Self {
            pins,
            ebpf,
            maps,
            held,
            places,
            applied: None,
            warnings,
        })
    }

    /// What the administrator should know about the start, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Puts the program on an interface, or replaces a former agent's there without a gap. Never replaces anybody
    /// else's.
    pub fn attach(&mut self, link: &Link, mode: XdpMode) -> Result<Attached, AttachError> {
        let pin = self.pins.link(link.index);
        let held = self.held.remove(&link.index).map(|held| held.link);
        let programs = &mut Programs(&mut self.ebpf);
        let (held, result) = match attach::attach(programs, link, mode, &pin, held) {
            Ok((link, attached)) => (Some(Held::new(link)), Ok(attached)),
            // What is pinned still is, and the next attempt goes on from there.
            Err(error) => (XdpLink::open(&pin).ok().map(Held::new), Err(error)),
        };
        if let Some(mut held) = held {
            held.attached = result.as_ref().ok().cloned();
            self.held.insert(link.index, held);
        }
        result
    }

    /// Takes the program off an interface; one that is gone or has no program of ours is fine.
    pub fn detach(&mut self, ifindex: u32) -> Result<(), DatapathError> {
        let Some(held) = self.held.get(&ifindex) else {
            return Ok(());
        };
        let pin = self.pins.link(ifindex);
        held.link
            .detach()
            .map_err(DatapathError::io("detach", &pin))?;
        remove_file(&pin)?;
        self.held.remove(&ifindex);
        Ok(())
    }

    /// The interfaces on which a link of ours is, by index; `None` where it holds a former agent's program still.
    pub fn attached(&self) -> impl Iterator<Item = (u32, Option<&Attached>)> {
        let held = self.held.iter();
        held.map(|(&ifindex, held)| (ifindex, held.attached.as_ref()))
    }

    /// Gives the kernel path a sign of life. Without one it falls silent after the lease.
    ///
    /// Does nothing before the first [`apply`](Self::apply): what a former agent has left may no longer be true.
    pub fn beat(&mut self) -> Result<(), DatapathError> {
        if self.applied.is_none() {
            return Ok(());
        }
        let mut programs = Programs(&mut self.ebpf);
        let beat = programs.load(program::BEAT)?;
        beat::stamp(beat).map_err(|error| failed("stamp the heartbeat", error))
    }

    /// Makes the maps hold what is desired. Lost and changed entries go first, then new ones come; see [`diff`].
    pub fn apply(&mut self, desired: &Arc<Desired>) -> Report {
        let links: BTreeMap<LinkKey, LinkEntry> = desired
            .links
            .iter()
            .map(|(&key, served)| (key, served.link(key)))
            .collect();
        let plan = self.places.plan(links.keys());
        let names = KernelNames {
            desired: Arc::clone(desired),
            links: plan.links(),
        };
        let arp = Entries::arp(desired, plan.links());
        let mut report = Report {
            unplaced: plan.unplaced.clone(),
            ..Report::default()
        };
        report.errors = self.places.lose(&plan, &links, &mut self.maps.links);

        let before = self.applied.take();
        let before = before.as_ref();
        let known = before.map_or_else(Known::default, |before| before.names_known);
        let names_before = before.map(|before| &before.names);
        let mut names_pass = Pass::new(&names, names_before, known, &mut self.maps.names);
        let known = before.map_or_else(Known::default, |before| before.arp_known);
        let arp_before = before.map(|before| &before.arp);
        let mut arp_pass = Pass::new(&arp, arp_before, known, &mut self.maps.arp);
        let mut senders = BTreeSet::new();
        arp_pass.lose(|key: &ArpKey| {
            senders.insert(sender_slot(key.link(), key.address));
        });
        names_pass.lose(|_| ());
        arp_pass.add();
        names_pass.add();
        arp_pass.sweep();
        names_pass.sweep();
        let (names_known, names_done) = names_pass.finish();
        let (arp_known, arp_done) = arp_pass.finish();

        // RFC 5227 2.4: who used an address before it was ours is met anew, so that the conflict is noticed.
        if let Err(error) = self.maps.forget_senders(&senders) {
            report.errors.push(format!("forget arp senders: {error}"));
        }
        let failed = self.places.add(&plan, &links, &mut self.maps.links);
        report.errors.extend(failed);
        report.full = report.take(names_done, shown_name);
        report.arp_full = report.take(arp_done, shown_address);
        self.applied = Some(Applied {
            names,
            names_known,
            arp,
            arp_known,
        });
        report
    }

    /// Makes the next [`apply`](Self::apply) compare with what the maps hold instead of what was applied last.
    pub fn distrust(&mut self) {
        if let Some(applied) = &mut self.applied {
            applied.names_known.exact = false;
            applied.arp_known.exact = false;
        }
        if let Ok(places) = Places::read(&self.maps.links) {
            self.places = places;
        }
    }

    /// How many names the kernel path has room for.
    pub fn capacity(&self) -> usize {
        diff::Table::capacity(&self.maps.names)
    }

    /// The frames counted for each link, and under `None` those that belong to no link.
    pub fn counters(&self) -> Result<Vec<(Option<LinkKey>, Counters)>, DatapathError> {
        let counters = self.maps.links.counters();
        counters.map_err(|error| failed("read the counters", error))
    }

    /// The names that the map holds, in no order.
    pub fn names(&self) -> Result<Vec<(NameKey, Host)>, DatapathError> {
        let names = self.maps.names.all();
        names.map_err(|error| failed("read the names' map", error))
    }

    /// Takes the program off all interfaces and removes pins, maps and empty directories.
    pub fn close(self) -> Result<Removed, DatapathError> {
        self.pins.remove_all()
    }
}

/// Removes the kernel path of an instance that no agent serves, of whatever layout.
pub fn detach_all(instance: &Instance) -> Result<Removed, DatapathError> {
    let lock = instance.lock()?;
    let pins = Pins::of(lock.instance());
    pins.check_bpffs()?;
    pins.remove_all()
}

fn load(pins: &Pins, capacity: u32, object: &[u8]) -> Result<aya::Ebpf, DatapathError> {
    let paths = map::ALL.map(|name| (name, pins.map(name)));
    let mut loader = EbpfLoader::new();
    loader.map_max_entries(map::NAMES, capacity);
    for (name, path) in &paths {
        loader.map_pin_path(name, path.as_path());
    }
    loader
        .load(object)
        .map_err(|error| DatapathError::Load(Box::new(error)))
}

/// The pinned links of a former agent.
fn held(pins: &Pins) -> Result<BTreeMap<u32, Held>, DatapathError> {
    let links = pins.links()?.into_iter();
    links
        .map(|(ifindex, pin)| {
            let link =
                XdpLink::open(&pin).map_err(DatapathError::io("open the pinned link", &pin))?;
            Ok((ifindex, Held::new(link)))
        })
        .collect()
}

fn failed(what: &'static str, why: impl ToString) -> DatapathError {
    DatapathError::Map {
        what,
        why: why.to_string(),
    }
}

impl Report {
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
    let address = std::net::Ipv4Addr::from(key.address);
    format!("{address} on {}", shown(key.link()))
}
