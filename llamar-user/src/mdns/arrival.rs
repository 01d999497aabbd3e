//! Where messages come from and go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::PORT;

/// An IP version of an interface: those whom one multicast reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// That of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The group of mDNS (RFC 6762 3).
    pub const fn group(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)),
            Self::V6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb)),
        }
    }

    /// Where multicasts go.
    pub const fn everybody(self) -> SocketAddr {
        SocketAddr::new(self.group(), PORT)
    }

    /// Bytes of the IP and UDP headers.
    pub const fn headers(self) -> usize {
        match self {
            Self::V4 => 20 + 8,
            Self::V6 => 40 + 8,
        }
    }
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its sender.
    pub from: SocketAddr,
    /// The address to which it was sent.
    pub to: IpAddr,
}

impl Arrival {
    /// The family by which it came.
    pub const fn family(&self) -> Family {
        Family::of(self.to)
    }

    /// Whether it was sent to the group, and so to everybody.
    pub fn is_multicast(&self) -> bool {
        self.to == self.family().group()
    }

    /// Whether its sender is no full mDNS host, but asks as one asks a DNS server (RFC 6762 6.7).
    pub const fn is_legacy(&self) -> bool {
        self.from.port() != PORT
    }
}
