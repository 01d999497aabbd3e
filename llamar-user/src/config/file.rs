//! What one configuration file says, as it says it: nothing inherited or filled in yet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use llamar_common::limit::Rate;

use super::{OnAddressConflict, OnConflict, Place, ServiceName, XdpMode};
use crate::dns::{Name, Txt};
use crate::dnssd::ServiceType;

/// A whole file. Lists of names that are empty count as not given.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) ttl: Option<u32>,
    pub(super) max_names: Option<u32>,
    pub(super) xdp: Option<XdpMode>,
    pub(super) limit: Option<Rate>,
    pub(super) on_conflict: Option<OnConflict>,
    pub(super) mdns: Option<bool>,
    pub(super) mdns_on_conflict: Option<OnConflict>,
    pub(super) presence: PresenceKeys,
    pub(super) names: Vec<Name>,
    /// Names that are too long for mDNS, and what is said of them.
    pub(super) too_long: Vec<(Place, String)>,
    pub(super) hosts: BTreeMap<Name, Vec<IpAddr>>,
    pub(super) services: Vec<ServiceTable>,
    pub(super) services_dir: Option<(Place, PathBuf)>,
    pub(super) hosts_file: Option<(Place, PathBuf)>,
    pub(super) interfaces: BTreeMap<String, InterfaceTable>,
    pub(super) notes: Vec<String>,
}

/// What it says about one interface.
#[derive(Debug, Default)]
pub(super) struct InterfaceTable {
    pub(super) ttl: Option<u32>,
    pub(super) xdp: Option<XdpMode>,
    pub(super) limit: Option<Rate>,
    pub(super) on_conflict: Option<OnConflict>,
    pub(super) mdns: Option<bool>,
    pub(super) mdns_on_conflict: Option<OnConflict>,
    pub(super) presence: PresenceKeys,
    pub(super) names: Vec<Name>,
    pub(super) hosts: BTreeMap<Name, Vec<IpAddr>>,
    pub(super) proxy_arp: BTreeSet<Ipv4Addr>,
    pub(super) vlans: BTreeMap<u16, VlanTable>,
}

/// What it says about announcements and address conflicts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PresenceKeys {
    pub(super) announce: Option<bool>,
    /// In seconds; `Some(None)` is `"off"`.
    pub(super) every: Option<Option<u32>>,
    pub(super) on_conflict: Option<OnAddressConflict>,
}

/// What it says about one VLAN of an interface.
#[derive(Debug, Default)]
pub(super) struct VlanTable {
    pub(super) names: Vec<Name>,
    pub(super) addresses: Vec<(IpAddr, u8)>,
    pub(super) hosts: BTreeMap<Name, Vec<IpAddr>>,
    pub(super) proxy_arp: BTreeSet<Ipv4Addr>,
}

/// What a file says about one service.
#[derive(Clone, Debug)]
pub(super) struct ServiceTable {
    pub(super) place: Place,
    pub(super) name: ServiceName,
    pub(super) kind: ServiceType,
    pub(super) subtypes: Vec<String>,
    pub(super) port: u16,
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) txt: Vec<Txt>,
    pub(super) host: Option<(Place, Name)>,
    pub(super) addresses: Vec<IpAddr>,
    /// Where it is offered; on all interfaces if it is empty.
    pub(super) interfaces: Vec<(Place, String)>,
}
