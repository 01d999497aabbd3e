//! What the engine is told to bring about.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::OnConflict;
use crate::dns::Name;

/// What is wanted of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whether it can be sent and received on.
    pub up: bool,
    /// The names to be used there, the most important first.
    pub names: Vec<Claimed>,
    /// Our IPv4 address that queries go out from; `None` if nothing is sent or responded to over IPv4.
    pub v4: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub v6: Option<Ipv6Addr>,
    /// All our addresses there.
    pub addresses: BTreeSet<IpAddr>,
    /// What becomes of a name that another host has.
    pub on_conflict: OnConflict,
}

/// A name to be used on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The name.
    pub name: Name,
    /// A former agent had it verified, not longer ago than its lease lasts: it is in use at once and only checked.
    pub inherited: bool,
}
