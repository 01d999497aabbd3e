//! What is wanted of a link.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::Presence;
use crate::ether::{MacAddr, Tag};

/// Most proxied addresses of a link that are announced. Each takes five frames, which at 50 a second is under two minutes
/// for all; of more than these every station on the link would hear for longer, and nobody needs to: they are answered
/// for.
pub const PROXIED_MAX: usize = 1024;

/// A link and our addresses on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Index of the interface by which frames come and go.
    pub device: u32,
    /// The tag of a VLAN that has no interface of its own.
    pub tag: Option<Tag>,
    /// Our hardware address.
    pub mac: MacAddr,
    /// Whether it is up.
    pub up: bool,
    /// Whether we are a router there, which advertisements tell.
    pub router: bool,
    /// What the configuration says.
    pub presence: Presence,
    /// The addresses.
    pub addresses: BTreeMap<IpAddr, Origin>,
}

impl Wanted {
    /// Whether there are more proxied addresses than are announced.
    pub fn is_crowded(&self) -> bool {
        let origins = self.addresses.values();
        let proxied = origins.filter(|origin| **origin == Origin::Proxied);
        proxied.count() > PROXIED_MAX
    }

    /// Where we are on which link: whatever is told holds for that alone.
    pub(super) fn place(&self) -> (bool, u32, Option<Tag>, MacAddr) {
        (self.up, self.device, self.tag, self.mac)
    }
}

/// Whose address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// This host's.
    Assigned,
    /// Another host's, for which we answer.
    Proxied,
}

/// What is to be heard on an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Our hardware address: what comes from it is ours.
    pub mac: MacAddr,
    /// The IPv4 addresses of which others may not speak as theirs.
    pub v4: Vec<Ipv4Addr>,
    /// The IPv6 addresses.
    pub v6: Vec<Ipv6Addr>,
}
