//! The kernel path as the agent drives it: where it is attached, and what to do where it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context as _;
use llamar_common::abi::{Counters, LinkKey, NameKey};
use tracing::{error, info, warn};

use super::offload::{attach, reason_against, tell};
use crate::config::{Config, XdpMode};
use crate::datapath::{self, Attached, Checked, Datapath, Lock, Report};
use crate::link::{Link, Links};
use crate::state::Desired;

/// The kernel path, or none where every interface is served from userspace.
pub struct KernelPath {
    datapath: Option<Datapath>,
    /// Interfaces that are left to userspace and why; tried again at a full pass.
    failed: BTreeMap<u32, String>,
    /// Whether the map of names has no room for all.
    full: bool,
    /// What was said last of writing the maps.
    complaints: Vec<String>,
    beating: bool,
}

impl KernelPath {
    /// Opens the maps and programs unless no interface wants them; then what a dead agent has left is removed.
    pub fn open(lock: &Lock, config: &Config) -> anyhow::Result<Self> {
        let datapath = if wants_any(config) {
            Some(open(lock, config)?)
        } else {
            match datapath::remove_leftovers(lock) {
                Ok(removed) if removed.pins == 0 => {}
                Ok(_) => info!("removed the kernel path that a former agent has left"),
                Err(error) => warn!("remove what a former agent may have left: {error}"),
            }
            None
        };
        Ok(Self {
            datapath,
            failed: BTreeMap::new(),
            full: false,
            complaints: Vec::new(),
            beating: true,
        })
    }

    /// Fills the maps and attaches to every interface that is there. On failure nothing that is new stays behind;
    /// what a former agent has left answers on until its lease ends.
    pub fn start(
        &mut self,
        config: &Config,
        links: &Links,
        desired: &Arc<Desired>,
    ) -> anyhow::Result<()> {
        let Some(datapath) = &mut self.datapath else {
            return Ok(());
        };
        let before: BTreeSet<u32> = datapath.attached().map(|(ifindex, _)| ifindex).collect();
        let report = datapath.apply(desired);
        self.complain(&report);
        let result = self.attach_all(config, links, desired);
        if result.is_err() {
            self.roll_back(&before);
        }
        result
    }

    fn attach_all(
        &mut self,
        config: &Config,
        links: &Links,
        desired: &Arc<Desired>,
    ) -> anyhow::Result<()> {
        let Some(datapath) = &mut self.datapath else {
            return Ok(());
        };
        datapath.beat()?;
        for (link, mode) in wanted(config, links) {
            if let Some(reason) = reason_against(link, mode, config, links) {
                warn!("{reason}");
                self.failed.insert(link.index, reason);
                continue;
            }
            tell(&datapath.attach(link, mode)?, link, config, links);
        }
        // Only now is it known how the program is run on each link.
        datapath.apply(desired);
        Ok(())
    }

    /// Takes the program off the interfaces that no former agent had it on.
    fn roll_back(&mut self, before: &BTreeSet<u32>) {
        let Some(mut datapath) = self.datapath.take() else {
            return;
        };
        if before.is_empty() {
            if let Err(error) = datapath.close() {
                warn!("{error}");
            }
            return;
        }
        detach_where(&mut datapath, |ifindex| !before.contains(&ifindex));
    }

    /// Writes what is to be answered, attaches to interfaces that appeared and detaches from those that are not
    /// served any more. `again` looks whether the links are as they were left and tries once more what failed before.
    pub fn follow(&mut self, config: &Config, links: &Links, desired: &Arc<Desired>, again: bool) {
        let Some(datapath) = &mut self.datapath else {
            if again && wants_any(config) {
                warn!(
                    "every interface had xdp off when llamar started: start it anew to have the kernel path"
                );
            }
            return;
        };
        // What is still so at the next attempt is not said again.
        let before = self.failed.clone();
        if again {
            self.failed.clear();
            datapath.reread_links();
        }
        let mut report = datapath.apply(desired);
        // A link that somebody has detached, or whose interface was made anew, is one to be attached.
        datapath.recheck();
        let wanted: Wanted<'_> = wanted(config, links)
            .map(|(link, mode)| (link.index, (link, mode)))
            .collect();
        detach_where(datapath, |ifindex| !wanted.contains_key(&ifindex));
        self.failed
            .retain(|ifindex, _| wanted.contains_key(ifindex));
        let changed = self.attach_missing(config, links, &wanted, &before);
        if let (true, Some(datapath)) = (changed, &mut self.datapath) {
            // Links have a mode now. What failed before has been tried once more.
            report = datapath.apply(desired);
        }
        self.complain(&report);
    }

    /// Attaches where it is wanted, not there and not known to fail; whether it did so anywhere. What failed `before` for
    /// the same reason is not said.
    fn attach_missing(
        &mut self,
        config: &Config,
        links: &Links,
        wanted: &Wanted<'_>,
        before: &BTreeMap<u32, String>,
    ) -> bool {
        let Some(datapath) = &mut self.datapath else {
            return false;
        };
        let mut changed = false;
        for (ifindex, (link, mode)) in wanted {
            let held = held(datapath, *ifindex).is_some_and(|attached| attached.mode == *mode);
            if held || self.failed.contains_key(ifindex) {
                continue;
            }
            match attach(datapath, link, *mode, config, links) {
                Ok(()) => changed = true,
                Err(reason) => {
                    if before.get(ifindex) != Some(&reason) {
                        warn!("{reason}");
                    }
                    self.failed.insert(*ifindex, reason);
                }
            }
        }
        changed
    }

    /// Writes what is to be answered now, on the interfaces as they are.
    pub fn update(&mut self, desired: &Arc<Desired>) {
        if let Some(datapath) = &mut self.datapath {
            let report = datapath.apply(desired);
            self.complain(&report);
        }
    }

    /// Begins to look whether the maps hold what they were made to hold, unless that is under way; tells about how many
    /// steps it takes.
    pub fn begin_check(&mut self) -> Option<usize> {
        self.datapath.as_mut()?.begin_check()
    }

    /// Goes on with that by one step.
    pub fn check(&mut self) -> Option<Checked> {
        Some(self.datapath.as_mut()?.check())
    }

    /// Gives back the memory that it took, until it goes on.
    pub fn rest(&mut self) {
        if let Some(datapath) = &mut self.datapath {
            datapath.rest();
        }
    }

    /// Those of the links' own names that a former agent had verified and that are answered for from its maps still.
    pub fn inherited_names(&self, bare: &Desired) -> BTreeSet<NameKey> {
        let Some(datapath) = &self.datapath else {
            return BTreeSet::new();
        };
        let keys = bare.own_names().map(|(key, _)| key);
        datapath.inherited_names(keys).unwrap_or_else(|error| {
            warn!("{error}; every name is verified anew");
            BTreeSet::new()
        })
    }

    /// The links that a former agent's program has answered on until a moment ago.
    pub fn inherited_links(&self, bare: &Desired) -> BTreeSet<LinkKey> {
        let Some(datapath) = &self.datapath else {
            return BTreeSet::new();
        };
        let keys = bare.links.keys().copied();
        // A link may be there by several keys.
        match datapath.inherited_links(keys) {
            Ok(links) => links.into_iter().map(|key| bare.claimed_on(key)).collect(),
            Err(error) => {
                warn!("{error}; every address is announced anew");
                BTreeSet::new()
            }
        }
    }

    /// Says what could not be written, once.
    fn complain(&mut self, report: &Report) {
        self.full = report.full.is_some();
        let capacity = self.capacity();
        let full = report.full.map(|left_out| {
            format!("the kernel path's map is full: {left_out} names beyond max-names = {capacity} are answered from userspace")
        });
        let arp_full = report.arp_full.map(|left_out| {
            format!("the kernel path's ARP map is full: {left_out} addresses are answered from userspace")
        });
        let unplaced = report.unplaced.iter().map(|key| {
            format!(
                "the kernel path has no place left for interface {} VLAN {}: served from userspace",
                key.ifindex, key.vlan
            )
        });
        let complaints: Vec<String> = full
            .into_iter()
            .chain(arp_full)
            .chain(unplaced)
            .chain(report.errors.iter().cloned())
            .collect();
        if complaints != self.complaints {
            for complaint in &complaints {
                error!("{complaint}");
            }
            self.complaints = complaints;
        }
    }

    /// Whether there is a kernel path that has to be told that the agent lives.
    pub const fn is_open(&self) -> bool {
        self.datapath.is_some()
    }

    /// Tells the kernel path that the agent lives.
    pub fn beat(&mut self) {
        let Some(datapath) = &mut self.datapath else {
            return;
        };
        match datapath.beat() {
            Ok(()) => self.beating = true,
            Err(error) if self.beating => {
                self.beating = false;
                error!(
                    "heartbeat: {error}; the kernel path passes everything up until it comes back"
                );
            }
            Err(_) => {}
        }
    }

    /// Our program on an interface.
    pub fn attached(&self, ifindex: u32) -> Option<&Attached> {
        held(self.datapath.as_ref()?, ifindex)
    }

    /// How an interface's frames are answered: `native`, `generic` or `off`.
    pub fn mode(&self, ifindex: u32) -> &'static str {
        self.attached(ifindex)
            .map_or(XdpMode::Off.as_str(), |attached| attached.kind.as_str())
    }

    /// The counters of every link, and under `None` those of frames of no link.
    pub fn counters(&self) -> BTreeMap<Option<LinkKey>, Counters> {
        let counters = self
            .datapath
            .as_ref()
            .map_or(Ok(Vec::new()), Datapath::counters);
        match counters {
            Ok(counters) => counters.into_iter().collect(),
            Err(error) => {
                warn!("{error}");
                BTreeMap::new()
            }
        }
    }

    /// Capacity of the names' map; 0 without one.
    pub fn capacity(&self) -> usize {
        self.datapath.as_ref().map_or(0, Datapath::capacity)
    }

    /// Whether our program is on a link's interface and knows the link.
    pub fn serves(&self, key: &LinkKey) -> bool {
        let placed = self
            .datapath
            .as_ref()
            .is_some_and(|datapath| datapath.placed(key));
        placed && self.attached(key.ifindex).is_some()
    }

    /// What the map of names holds, where not everything finds room in it.
    pub fn held_names(&self) -> Option<BTreeSet<NameKey>> {
        let datapath = self.datapath.as_ref().filter(|_| self.full)?;
        match datapath.names() {
            Ok(names) => Some(names.into_iter().map(|(key, _)| key).collect()),
            Err(error) => {
                warn!("{error}");
                None
            }
        }
    }

    /// Names that the map holds.
    pub fn names_held(&self) -> usize {
        self.datapath.as_ref().map_or(0, Datapath::names_held)
    }

    /// Detaches, unpins and removes the maps.
    pub fn close(self) -> anyhow::Result<()> {
        match self.datapath {
            Some(datapath) => Ok(datapath.close().map(drop)?),
            None => Ok(()),
        }
    }
}

/// Whether the kernel path is to answer on any interface.
pub fn wants_any(config: &Config) -> bool {
    let mut interfaces = config.interfaces.values();
    interfaces.any(|interface| interface.xdp != XdpMode::Off)
}

fn open(lock: &Lock, config: &Config) -> anyhow::Result<Datapath> {
    let object = datapath::object().context(
        "built without the kernel path: cargo xtask build makes a binary that has it, --xdp off runs without",
    )?;
    let datapath = Datapath::open(lock, config.max_names, object)
        .context("start the kernel path (--xdp off runs without it)")?;
    for warning in datapath.warnings() {
        warn!("{warning}");
    }
    Ok(datapath)
}

/// Interfaces and the modes in which they are to have the program.
type Wanted<'a> = BTreeMap<u32, (&'a Link, XdpMode)>;

fn held(datapath: &Datapath, ifindex: u32) -> Option<&Attached> {
    let mut held = datapath.attached();
    held.find(|(index, _)| *index == ifindex)?.1
}

/// Takes the program off some interfaces.
fn detach_where(datapath: &mut Datapath, chosen: impl Fn(u32) -> bool) {
    let held = datapath.attached().map(|(ifindex, _)| ifindex);
    let chosen: Vec<u32> = held.filter(|ifindex| chosen(*ifindex)).collect();
    for ifindex in chosen {
        if let Err(error) = datapath.detach(ifindex) {
            warn!("detach from interface {ifindex}: {error}");
        }
    }
}

/// The interfaces that are there and want the kernel path.
fn wanted<'a>(config: &'a Config, links: &'a Links) -> impl Iterator<Item = (&'a Link, XdpMode)> {
    config.interfaces.iter().filter_map(|(name, interface)| {
        let link = links.by_name(name).filter(|link| link.ethernet)?;
        (interface.xdp != XdpMode::Off).then_some((link, interface.xdp))
    })
}
