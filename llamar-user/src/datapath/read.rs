//! What the pinned maps hold, for `llamar names` and `llamar status` where no agent runs: nothing is loaded, and
//! the maps are opened for reading only.

use std::time::Duration;

use llamar_common::abi::{
    ArpHost, ArpKey, Control, Counters, Host, LEASE_SECONDS, Link, LinkKey, NameKey,
};
use nix::time::{ClockId, clock_gettime};

use super::bpf::{Access, XdpKind, XdpLink};
use super::entries::Table as _;
use super::error::DatapathError;
use super::instance::Instance;
use super::pins::Pins;
use super::query::running;
use super::table::Maps;

/// The kernel path of an instance, as it is pinned.
pub struct Pinned {
    pins: Pins,
    maps: Maps,
}

/// A pinned link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedLink {
    /// Index of the interface.
    pub ifindex: u32,
    /// Id of the program, 0 if the interface is gone.
    pub program: u32,
    /// How the program is run, if the interface is in this network namespace.
    pub kind: Option<XdpKind>,
}

impl Pinned {
    /// The pins of an instance; `None` if there are none, as where no BPF file system is mounted.
    pub fn open(instance: &Instance) -> Result<Option<Self>, DatapathError> {
        let pins = Pins::of(instance);
        match pins.check_bpffs() {
            Err(DatapathError::NoBpffs(_)) => return Ok(None),
            checked => checked?,
        }
        pins.check_shapes(Access::Read)?;
        if pins.lacking().is_some() {
            return Ok(None);
        }
        let maps = Maps::open(&pins, Access::Read, None)?;
        Ok(Some(Self { pins, maps }))
    }

    /// The names, in their keys' order.
    pub fn names(&self) -> Result<Vec<(NameKey, Host)>, DatapathError> {
        sorted(self.maps.names.all(), "read the names' map", |&(key, _)| {
            key
        })
    }

    /// The addresses for which ARP requests are answered, in their keys' order.
    pub fn arp(&self) -> Result<Vec<(ArpKey, ArpHost)>, DatapathError> {
        sorted(self.maps.arp.all(), "read the arp map", |&(key, _)| key)
    }

    /// The links, in their keys' order.
    pub fn links(&self) -> Result<Vec<(LinkKey, Link)>, DatapathError> {
        let links = self.maps.links.all();
        let links = links.map(|links| {
            links
                .into_iter()
                .map(|(_, link)| (link.key(), link))
                .collect()
        });
        sorted(links, "read the links' map", |&(key, _)| key)
    }

    /// The frames counted for each link, and under `None` those of no link.
    pub fn counters(&self) -> Result<Vec<(Option<LinkKey>, Counters)>, DatapathError> {
        sorted(
            self.maps.links.counters(),
            "read the counters",
            |&(key, _)| key,
        )
    }

    /// The pinned links.
    pub fn attached(&self) -> Result<Vec<PinnedLink>, DatapathError> {
        let links = self.pins.links()?.into_iter();
        links
            .map(|(ifindex, pin)| {
                let info = XdpLink::open(&pin).and_then(|link| link.info());
                let info = info.map_err(DatapathError::io("open the pinned link", &pin))?;
                let here = running(ifindex).ok().flatten();
                let here = here.filter(|here| here.id == info.program);
                Ok(PinnedLink {
                    ifindex,
                    program: if info.ifindex == 0 { 0 } else { info.program },
                    kind: here.map(|here| here.kind),
                })
            })
            .collect()
    }

    /// How many names the map has room for.
    pub fn capacity(&self) -> usize {
        self.maps.names.capacity()
    }

    /// Whether the kernel path answers: its agent has given a sign of life within the lease.
    pub fn answers(&self) -> Result<bool, DatapathError> {
        Ok(is_fresh(&self.control()?))
    }

    fn control(&self) -> Result<Control, DatapathError> {
        self.maps.control().map_err(|error| DatapathError::Map {
            what: "read the heartbeat",
            why: error.to_string(),
        })
    }
}

/// Whether the last heartbeat was within the lease.
pub(super) fn is_fresh(control: &Control) -> bool {
    let lease = Duration::from_secs(u64::from(LEASE_SECONDS));
    age(control.beat_ns).is_some_and(|age| age < lease)
}

/// Time since a stamp of `bpf_ktime_get_ns()`, which is the monotonic clock; `None` for 0, no stamp.
fn age(stamp: u64) -> Option<Duration> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).ok()?);
    (stamp != 0).then(|| now.saturating_sub(Duration::from_nanos(stamp)))
}

fn sorted<T, K: Ord>(
    entries: Result<Vec<T>, String>,
    what: &'static str,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>, DatapathError> {
    let mut entries = entries.map_err(|why| DatapathError::Map { what, why })?;
    entries.sort_by_key(key);
    Ok(entries)
}
