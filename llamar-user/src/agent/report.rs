//! What the agent tells of itself over the control socket.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use llamar_common::abi::{ADDRESSES_MAX, LinkKey, NameState};

use super::Counts;
use super::kernel::KernelPath;
use crate::dns::Name;
use crate::link::Links;
use crate::report::{AgentRow, LinkRow, NameRow, NamesReport, StatusReport, outcomes};
use crate::state::{Addresses, Desired, Served};

/// Every name on every link.
pub fn names(desired: &Desired, kernel: &KernelPath) -> NamesReport {
    let rows = desired.links.iter().flat_map(|(key, served)| {
        let attached = kernel.attached(key.ifindex).is_some();
        let names = served.names.iter();
        names.map(move |(name, addresses)| row(*key, served, name, addresses, attached))
    });
    NamesReport {
        agent: true,
        names: rows.collect(),
    }
}

fn row(
    key: LinkKey,
    served: &Served,
    name: &Name,
    addresses: &Addresses,
    attached: bool,
) -> NameRow {
    let fits = addresses.a.len() <= ADDRESSES_MAX && addresses.aaaa.len() <= ADDRESSES_MAX;
    let all = addresses.a.iter().copied().map(IpAddr::V4);
    NameRow {
        name: name.to_string(),
        interface: served.interface.clone(),
        ifindex: key.ifindex,
        vlan: key.vlan,
        addresses: all
            .chain(addresses.aaaa.iter().copied().map(IpAddr::V6))
            .collect(),
        ttl: addresses.ttl,
        state: addresses.state,
        kernel: attached
            && fits
            && name.single_label().is_some()
            && addresses.state == NameState::Unique,
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
        userspace: userspace(seen.counts.get(key)),
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
        names_used: seen.desired.kernel_names().count() as u64,
        names_capacity: seen.kernel.capacity() as u64,
    }
}

fn userspace(counts: Option<&BTreeMap<&'static str, u64>>) -> BTreeMap<String, u64> {
    let counts = counts.into_iter().flatten();
    counts
        .map(|(what, count)| ((*what).to_owned(), *count))
        .collect()
}
