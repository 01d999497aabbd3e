//! What the agent tells of itself over the control socket.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use llamar_common::abi::{ADDRESSES_MAX, LinkKey, NameKey, NameState};

use super::Counts;
use super::kernel::KernelPath;
use super::presence::Presence;
use crate::dns::Name;
use crate::link::Links;
use crate::presence::Record;
use crate::report::{
    AddressConflictRow, AgentRow, LinkRow, NameRow, NamesReport, StatusReport, outcomes,
};
use crate::state::{Addresses, Desired, Served};

/// Every name on every link, links and names in order.
pub fn names(desired: &Desired, kernel: &KernelPath) -> NamesReport {
    let held = kernel.held_names();
    let mut rows = Vec::new();
    for (key, served) in &desired.links {
        // Without an address nobody is on the link.
        let serves = kernel.serves(key) && !served.own.is_empty();
        let names = served.names.iter();
        let start = rows.len();
        rows.extend(names.map(|(name, addresses)| NameRow {
            kernel: serves && is_held(*key, name, addresses, held.as_ref()),
            ..row(*key, served, name, addresses)
        }));
        rows[start..].sort_by(|one: &NameRow, other| one.name.cmp(&other.name));
    }
    NamesReport {
        agent: true,
        names: rows,
    }
}

/// Whether the kernel path's map has an entry that is answered from. `held` tells what it has where not all fits.
pub fn is_held(
    key: LinkKey,
    name: &Name,
    addresses: &Addresses,
    held: Option<&BTreeSet<NameKey>>,
) -> bool {
    let fits = addresses.a.len() <= ADDRESSES_MAX && addresses.aaaa.len() <= ADDRESSES_MAX;
    let Some(key) = name
        .single_label()
        .and_then(|label| NameKey::new(key, label))
    else {
        return false;
    };
    fits && addresses.state == NameState::Unique && held.is_none_or(|held| held.contains(&key))
}

fn row(key: LinkKey, served: &Served, name: &Name, addresses: &Addresses) -> NameRow {
    let a = addresses.a.iter().copied().map(IpAddr::V4);
    let aaaa = addresses.aaaa.iter().copied().map(IpAddr::V6);
    NameRow {
        name: name.to_string(),
        interface: served.interface.clone(),
        ifindex: key.ifindex,
        vlan: key.vlan,
        addresses: a.chain(aaaa).collect(),
        ttl: addresses.ttl,
        state: addresses.state,
        kernel: false,
    }
}

/// What a status is made of.
pub struct Seen<'a> {
    /// Name of the instance.
    pub instance: &'a str,
    /// When the agent started.
    pub started: Instant,
    /// The interfaces.
    pub links: &'a Links,
    /// What is served.
    pub desired: &'a Desired,
    /// The kernel path.
    pub kernel: &'a KernelPath,
    /// What became of messages in userspace.
    pub counts: &'a Counts,
    /// Our addresses and who else uses them.
    pub presence: &'a Presence,
}

/// The standing of the agent and of every link.
pub fn status(seen: &Seen<'_>) -> StatusReport {
    let counters = seen.kernel.counters();
    let frames = |key: Option<LinkKey>| counters.get(&key).map(outcomes).unwrap_or_default();
    let links = seen.desired.links.iter().map(|(key, served)| LinkRow {
        interface: seen
            .links
            .by_index
            .get(&key.ifindex)
            .map_or(&served.interface, |link| &link.name)
            .clone(),
        ifindex: key.ifindex,
        vlan: key.vlan,
        up: served.up,
        mode: seen.kernel.mode(key.ifindex).to_owned(),
        program_id: seen
            .kernel
            .attached(key.ifindex)
            .map(|attached| attached.program),
        counters: frames(Some(*key)),
        userspace: userspace(seen.counts, *key),
        conflicts: seen.presence.records(*key).map(conflict).collect(),
    });
    StatusReport {
        instance: seen.instance.to_owned(),
        agent: Some(AgentRow {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: seen.started.elapsed().as_secs(),
        }),
        links: links.collect(),
        no_link: frames(None),
        names_used: seen.kernel.names_held() as u64,
        names_capacity: seen.kernel.capacity() as u64,
    }
}

fn conflict(record: &Record) -> AddressConflictRow {
    AddressConflictRow {
        address: record.address,
        mac: record.culprit,
        count: record.count,
        first: record.first.elapsed().as_secs(),
        last: record.last.elapsed().as_secs(),
        outcome: record.outcome.as_str().to_owned(),
    }
}

fn userspace(counts: &Counts, key: LinkKey) -> BTreeMap<String, u64> {
    let counts = counts.link(key).into_iter();
    counts
        .map(|(what, count)| (what.to_owned(), count))
        .collect()
}
