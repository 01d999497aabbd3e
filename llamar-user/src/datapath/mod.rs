//! The kernel path: loading, attaching, feeding and removing it, and taking over what an agent before has left.
//!
//! Everything is pinned below `<bpffs>/llamar/<instance>/`, so that an agent may end without a query being lost:
//! dropping a [`Datapath`] leaves the program on its interfaces, [`Datapath::close`] takes it off. What the maps are
//! to hold comes from `state`; what the program answers is `llamar-common`'s matter.

mod attach;
mod beat;
mod bpf;
mod cells;
mod check;
mod diff;
mod entries;
mod error;
#[cfg(test)]
mod fake;
mod feed;
mod fill;
mod front;
mod globals;
mod index;
mod inherit;
mod instance;
mod load;
mod marked;
mod names;
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

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use llamar_common::abi::{Counters, Host, INDEX_SEEDS, LinkKey, NameKey, SEEDS, program};
use rand::rngs::{StdRng, SysRng};
use rand::{RngExt as _, SeedableRng as _};

pub use attach::Attached;
pub use bpf::XdpKind;
pub use error::{AttachError, DatapathError};
pub use feed::{Checked, Report};
pub use instance::{Instance, InstanceError, Lock};
pub use pins::Removed;
pub use query::{Running, running};

use crate::config::XdpMode;
use crate::link::Link;
use crate::state::Desired;
use attach::Programs;
use bpf::{Access, XdpLink};
use entries::Table as _;
use feed::Feed;
use marked::Marked;
use pins::{Pins, remove_file};
use table::Maps;

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

/// What the administrator is told where another layout's pins were.
const UPGRADED: &str = "removed the kernel path that an agent of another version has left: for a moment its queries went to the stack";

/// The loaded kernel path of one instance.
pub struct Datapath {
    pins: Pins,
    ebpf: aya::Ebpf,
    /// Programs that are loaded later name its maps by their descriptors, too.
    _marked: Marked,
    feed: Feed,
    held: BTreeMap<u32, Held>,
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

    /// How the program is run, also a former agent's; asks the kernel for that one.
    fn kind(&self, ifindex: u32) -> Option<XdpKind> {
        if let Some(attached) = &self.attached {
            return Some(attached.kind);
        }
        let info = self.link.info().ok()?;
        let here = running(ifindex).ok()??;
        (info.ifindex == ifindex && info.program == here.id).then_some(here.kind)
    }
}

impl Datapath {
    /// Loads the object, on the maps that are pinned or on new ones. Attached programs of a former agent go on
    /// answering; nothing is attached or replaced yet.
    ///
    /// A names' map of another capacity is replaced, unless programs in use hold it: then it stays as it is, and a
    /// warning says so.
    pub fn open(lock: &Lock, max_names: u32, object: &[u8]) -> Result<Self, DatapathError> {
        let pins = Pins::of(lock.instance());
        check_privileges()?;
        pins.check_bpffs()?;
        let found = pins.examine()?;
        let (capacity, warning) = load::capacity(&pins, found, max_names)?;
        let attempt = pins.begin()?;
        let (mut ebpf, marked) = load::load(&pins, capacity, object)?;
        #[cfg(feature = "trace")]
        trace::start(&mut ebpf);
        let seeds = seeds()?;
        let maps = Maps::open(&pins, Access::Write, Some(seeds.index))?;
        let mut programs = Programs(&mut ebpf);
        programs.load(program::BEAT)?;
        programs.load(program::XDP)?;
        let hz = beat::hz().map_err(|error| failed("read how long a jiffy is", error))?;
        beat::set_leases(&maps, hz, seeds.buckets)
            .map_err(|error| failed("set the lease", error))?;
        let feed = Feed::new(maps, hz).map_err(|error| failed("read the links' map", error))?;
        let upgraded = (pins.remove_others()?.pins > 0).then(|| UPGRADED.to_owned());
        let held = held(&pins)?;
        attempt.keep();
        Ok(Self {
            pins,
            ebpf,
            _marked: marked,
            feed,
            held,
            warnings: warning.into_iter().chain(upgraded).collect(),
        })
    }

    /// What the administrator should know about the start, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Puts the program on an interface, or replaces a former agent's there without a gap. Never replaces anybody
    /// else's. On an interface that has it already, another mode detaches and attaches anew. The next
    /// [`apply`](Self::apply) tells the kernel path how it is run.
    pub fn attach(&mut self, link: &Link, mode: XdpMode) -> Result<Attached, AttachError> {
        let pin = self.pins.link(link.index);
        let held = self.held.remove(&link.index);
        // It may be run in another way from then on, and a wrong word is worse than none.
        let anew = || self.feed.forget_mode(link.index);
        let (held, result) =
            match attach::attach(&mut Programs(&mut self.ebpf), link, mode, &pin, held, anew) {
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

    /// Looks whether the links are still on their interfaces: one that was detached by somebody, or whose interface is
    /// gone or was made anew, is forgotten, so that [`attach`](Self::attach) puts the program there again.
    pub fn recheck(&mut self) {
        self.held.retain(|&ifindex, held| {
            let info = held.link.info();
            let lost = matches!(&info, Ok(info) if info.ifindex == 0);
            if lost && remove_file(&self.pins.link(ifindex)).is_ok() {
                return false;
            }
            let program = held.attached.as_ref().map(|attached| attached.program);
            let whole =
                info.is_ok_and(|info| info.ifindex == ifindex && program == Some(info.program));
            if !whole {
                // What there is instead, attaching finds out.
                held.attached = None;
            }
            true
        });
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
        if !self.feed.has_applied() {
            return Ok(());
        }
        let mut programs = Programs(&mut self.ebpf);
        let beat = programs.load(program::BEAT)?;
        beat::stamp(beat).map_err(|error| failed("stamp the heartbeat", error))
    }

    /// Makes the maps hold what is desired. Lost and changed entries go first, then new ones come; see `diff.rs`.
    pub fn apply(&mut self, desired: &Arc<Desired>) -> Report {
        let modes = self.modes();
        self.feed.apply(desired, &modes)
    }

    /// How the program is run on each interface where that is known, as the links' map has it.
    fn modes(&self) -> BTreeMap<u32, u16> {
        let held = self.held.iter();
        held.filter_map(|(&ifindex, held)| Some((ifindex, held.kind(ifindex)?.mode())))
            .collect()
    }

    /// Reads the links' map again, so that the next [`apply`](Self::apply) puts right what somebody else has changed.
    pub fn reread_links(&mut self) {
        self.feed.reread_links();
    }

    /// Begins to look whether the maps of names and addresses still hold what they were made to hold, unless that is
    /// under way; tells about how many steps it takes.
    pub fn begin_check(&mut self) -> Option<usize> {
        self.feed.begin_check()
    }

    /// Goes on with the check by one step, which takes some milliseconds: what somebody else has changed is put right.
    pub fn check(&mut self) -> Checked {
        self.feed.check()
    }

    /// Gives back the memory that a check took, until it goes on.
    pub fn rest(&mut self) {
        self.feed.rest();
    }

    /// How many names the kernel path has room for.
    pub fn capacity(&self) -> usize {
        self.feed.maps().names.capacity()
    }

    /// How many names the kernel path holds, as far as is known: 0 before the first [`apply`](Self::apply).
    pub fn names_held(&self) -> usize {
        self.feed.names_held()
    }

    /// Whether a link has its place in the kernel path; before the first [`apply`](Self::apply), whether a former
    /// agent gave it one.
    pub fn placed(&self, key: &LinkKey) -> bool {
        self.feed.placed(key)
    }

    /// The frames counted for each link, and under `None` those that belong to no link.
    pub fn counters(&self) -> Result<Vec<(Option<LinkKey>, Counters)>, DatapathError> {
        let counters = self.feed.maps().links.counters();
        counters.map_err(|error| failed("read the counters", error))
    }

    /// The names that the map holds, in no order.
    pub fn names(&self) -> Result<Vec<(NameKey, Host)>, DatapathError> {
        let names = self.feed.maps().names.all();
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
    // Where no BPF file system is seen, nothing can be said about what is attached.
    Pins::of(lock.instance()).check_bpffs()?;
    remove_leftovers(&lock)
}

/// Whether this process may load and attach; the error names the capabilities that it lacks.
pub fn check_privileges() -> Result<(), DatapathError> {
    let status = Path::new("/proc/thread-self/status");
    match privilege::missing().map_err(DatapathError::io("read", status))? {
        Some(missing) => Err(DatapathError::Privilege(missing)),
        None => Ok(()),
    }
}

/// Removes what a dead agent of the instance has left in the kernel, of whatever layout, for one that runs without
/// the kernel path. No BPF file system or no pins are nothing to do.
pub fn remove_leftovers(lock: &Lock) -> Result<Removed, DatapathError> {
    let pins = Pins::of(lock.instance());
    match pins.check_bpffs() {
        Err(DatapathError::NoBpffs(_)) => Ok(Removed::default()),
        there => there.and_then(|()| pins.remove_all()),
    }
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

/// Seeds of the kernel path's hashes.
struct Seeds {
    buckets: [u64; SEEDS],
    index: [u64; INDEX_SEEDS],
}

/// Seeds that nobody can guess.
fn seeds() -> Result<Seeds, DatapathError> {
    let rng = StdRng::try_from_rng(&mut SysRng);
    let mut rng = rng.map_err(|error| failed("draw randomness", error))?;
    Ok(Seeds {
        buckets: rng.random(),
        index: rng.random(),
    })
}

fn failed(what: &'static str, why: impl ToString) -> DatapathError {
    DatapathError::Map {
        what,
        why: why.to_string(),
    }
}
