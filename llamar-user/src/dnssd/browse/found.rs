//! What a browser has to tell.

use std::net::IpAddr;

use crate::dns::{Name, Txt};
use crate::dnssd::{Instance, ServiceType};
use crate::mdns::Change;

/// Something that a browser has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Index of the interface on whose link it is.
    pub device: u32,
    /// Who said so.
    pub from: IpAddr,
    /// What it is.
    pub what: What,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// There are instances of a type, or are no more (RFC 6763 9).
    Type {
        /// The type.
        kind: ServiceType,
        /// Its domain.
        domain: Name,
        /// Whether there are.
        change: Change,
    },
    /// There is an instance.
    Added {
        /// Which.
        instance: Instance,
        /// The subtypes under which it is known (RFC 6763 7.1).
        subtypes: Vec<Vec<u8>>,
    },
    /// Where it is, and what it says of itself.
    Resolved(Service),
    /// That has changed.
    Updated(Service),
    /// It is no more.
    Removed {
        /// Which.
        instance: Instance,
    },
    /// A name that is neither a type's nor an instance's points to another one, or does no more.
    Pointer {
        /// The name.
        name: Name,
        /// To what it points.
        target: Name,
        /// Whether it does.
        change: Change,
    },
}

/// A service that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Which.
    pub instance: Instance,
    /// The subtypes under which it is known (RFC 6763 7.1).
    pub subtypes: Vec<Vec<u8>>,
    /// Where it is. RFC 6763 5: what comes first is to be tried first; several are rare.
    pub targets: Vec<Target>,
    /// What it says of itself. RFC 6763 6.8: several are rare, and are all kept. 6.1: none, and one that says nothing,
    /// are the same.
    pub txt: Vec<Txt>,
}

/// A place where a service is offered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Lower is tried first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The host.
    pub host: Name,
    /// The port there.
    pub port: u16,
    /// The host's addresses, IPv4 first, those that are valid on the link only last.
    pub addresses: Vec<IpAddr>,
}
