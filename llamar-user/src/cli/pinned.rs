//! The reports made from the pinned maps, where no agent runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use llamar_common::abi::{ADDRESSES_MAX, Counters, Host, LinkKey, NameKey, NameState};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_indextoname};

use crate::config::XdpMode;
use crate::datapath::read::{Pinned, PinnedLink};
use crate::datapath::{DatapathError, Instance};
use crate::dns::Name;
use crate::report::{LinkRow, NameRow, NamesReport, StatusReport, outcomes};

/// The names that a former agent has left.
pub fn names(instance: &Instance) -> Result<NamesReport, DatapathError> {
    let mut report = NamesReport::default();
    if let Some(pinned) = Pinned::open(instance)? {
        let attached = pinned.attached()?.into_iter();
        let attached: BTreeSet<u32> = attached
            .filter(|link| link.kind.is_some())
            .map(|link| link.ifindex)
            .collect();
        // Behind its lease the kernel path passes everything.
        let answering = if pinned.answers()? {
            attached
        } else {
            BTreeSet::new()
        };
        let names = pinned.names()?;
        let rows = names.iter();
        report.names = rows.map(|(key, host)| row(key, host, &answering)).collect();
    }
    Ok(report)
}

fn row(key: &NameKey, host: &Host, attached: &BTreeSet<u32>) -> NameRow {
    let label: Vec<u8> = key.label().collect();
    let name = Name::from_labels([label.as_slice()]);
    let a = host
        .a
        .iter()
        .take(held(host.a_count))
        .map(|&address| IpAddr::from(address));
    let aaaa = host
        .aaaa
        .iter()
        .take(held(host.aaaa_count))
        .map(|&address| IpAddr::from(address));
    NameRow {
        name: name.map_or_else(
            |_| label.escape_ascii().to_string(),
            |name| name.to_string(),
        ),
        interface: interface(key.ifindex),
        ifindex: key.ifindex,
        vlan: key.vlan,
        addresses: a.chain(aaaa).collect(),
        ttl: host.ttl,
        state: NameState::from_byte(host.state),
        kernel: answerable(host) && attached.contains(&key.ifindex),
    }
}

/// Whether the kernel path answers by an entry: it passes a host with more addresses than there is room for, and a
/// name that is not known to be unique.
fn answerable(host: &Host) -> bool {
    let fits = [host.a_count, host.aaaa_count]
        .into_iter()
        .all(|count| usize::from(count) <= ADDRESSES_MAX);
    fits && NameState::from_byte(host.state) == NameState::Unique
}

/// How many addresses an entry holds: none of a host that has more than it has room for.
fn held(count: u8) -> usize {
    let count = usize::from(count);
    if count > ADDRESSES_MAX { 0 } else { count }
}

/// The standing of the kernel path that a former agent has left.
pub fn status(instance: &Instance) -> Result<StatusReport, DatapathError> {
    let mut report = StatusReport {
        instance: instance.name.clone(),
        agent: None,
        links: Vec::new(),
        no_link: BTreeMap::new(),
        names_used: 0,
        names_capacity: 0,
    };
    let Some(pinned) = Pinned::open(instance)? else {
        return Ok(report);
    };
    let counters: BTreeMap<Option<LinkKey>, Counters> = pinned.counters()?.into_iter().collect();
    let attached = pinned.attached()?;
    let entered: BTreeSet<LinkKey> = pinned.links()?.into_iter().map(|(key, _)| key).collect();
    let up = up();
    report.links = entered
        .iter()
        .map(|key| link_row(*key, &attached, &up, counters.get(&Some(*key))))
        .collect();
    report.no_link = counters.get(&None).map(outcomes).unwrap_or_default();
    report.names_used = pinned.names()?.len() as u64;
    report.names_capacity = pinned.capacity() as u64;
    Ok(report)
}

fn link_row(
    key: LinkKey,
    attached: &[PinnedLink],
    up: &BTreeSet<String>,
    counters: Option<&Counters>,
) -> LinkRow {
    let attached = attached.iter().find(|link| link.ifindex == key.ifindex);
    let kind = attached.and_then(|link| link.kind);
    let name = interface(key.ifindex);
    LinkRow {
        up: up.contains(&name),
        interface: name,
        ifindex: key.ifindex,
        vlan: key.vlan,
        mode: kind
            .map_or(XdpMode::Off.as_str(), |kind| kind.as_str())
            .to_owned(),
        program_id: attached.map(|link| link.program),
        counters: counters.map(outcomes).unwrap_or_default(),
        userspace: BTreeMap::new(),
        conflicts: Vec::new(),
    }
}

/// The interfaces that are up and have a carrier; none if they cannot be told.
fn up() -> BTreeSet<String> {
    let running = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
    let interfaces = getifaddrs().into_iter().flatten();
    interfaces
        .filter(|interface| interface.flags.contains(running))
        .map(|interface| interface.interface_name)
        .collect()
}

/// The name that an interface has now.
pub fn interface(ifindex: u32) -> String {
    match if_indextoname(ifindex) {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => format!("if{ifindex}"),
    }
}
