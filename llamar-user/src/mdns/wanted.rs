//! What the engine is told to bring about on an interface.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::OnConflict;
use crate::dns::{Name, Txt};

/// What is wanted of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whether it can be sent and received on.
    pub up: bool,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Our IPv4 address that messages go out from; `None` if nothing is said or heard over IPv4.
    pub v4: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub v6: Option<Ipv6Addr>,
    /// All our addresses there and the lengths of their prefixes.
    pub addresses: BTreeSet<(IpAddr, u8)>,
    /// Whether unicast to port 5353 reaches us, which one of the programs that share the port can count on
    /// (RFC 6762 15.1).
    pub unicast: bool,
    /// Hosts whose names are claimed, this host first.
    pub hosts: Vec<Host>,
    /// Services that are offered.
    pub services: Vec<Service>,
    /// What becomes of a name that another host has.
    pub on_conflict: OnConflict,
}

/// A host: this one by one of its names, or another for which we speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its whole name, `casa.local`.
    pub name: Name,
    /// What it came to be called instead in a former life, and is still called if that can be had (RFC 6762 9).
    pub kept: Option<Name>,
    /// All its addresses that are valid on the interface, of both families; never empty.
    pub addresses: BTreeSet<IpAddr>,
    /// Whether the names of its addresses are told too (reverse PTR): of several names of one host the first.
    pub reverse: bool,
}

/// An instance of a service (RFC 6763 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its whole name, `Web on casa._http._tcp.local`.
    pub name: Name,
    /// What it came to be called instead in a former life.
    pub kept: Option<Name>,
    /// The names of its subtypes, each whole: `_printer._sub._http._tcp.local` (RFC 6763 7.1).
    pub subtypes: Vec<Name>,
    /// The name of the host that offers it; if that is one of [`Wanted::hosts`] and gets another name, so does the
    /// service's target.
    pub host: Name,
    /// Lower is tried first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// Where it is; 0 for a name that is held and not offered (RFC 6763 8): SRV and TXT, and no PTR.
    pub port: u16,
    /// Its TXT records, at least one (RFC 6763 6).
    pub txt: Vec<Txt>,
}
