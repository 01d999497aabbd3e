//! A way by which a question goes out: a link, and an address of ours on it.

use std::net::IpAddr;

use crate::config::share_prefix;

/// A link and one of our addresses on it, whose family is that of the group to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Index of the interface.
    pub device: u32,
    /// RFC 4795 2.5: an address that is assigned on it.
    pub source: IpAddr,
    /// The networks whose hosts are on the link.
    pub networks: Vec<Network>,
}

/// The addresses of a link, as a prefix tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// One of the addresses.
    pub address: IpAddr,
    /// Bits that they have in common.
    pub prefix: u8,
}

impl Path {
    /// Whether an address is on the link, and of the family that is spoken here.
    pub fn reaches(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.source.is_ipv4()
            && self.networks.iter().any(|network| network.holds(address))
    }
}

impl Network {
    /// Whether an address is one of the network. One of no bits is nobody's: it would be everything.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.prefix > 0 && share_prefix(self.address, address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, prefix: u8, address: &str) -> bool {
        let network = Network {
            address: network.parse().unwrap(),
            prefix,
        };
        network.holds(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_what_begins_like_it() {
        assert!(holds("10.0.0.1", 24, "10.0.0.255"));
        assert!(!holds("10.0.0.1", 24, "10.0.1.0"));
        assert!(holds("10.0.0.1", 32, "10.0.0.1"));
        assert!(!holds("10.0.0.1", 32, "10.0.0.2"));
        assert!(holds("fe80::1", 64, "fe80::2"));
        assert!(!holds("fe80::1", 128, "fe80::2"));
        assert!(!holds("10.0.0.1", 0, "10.0.0.2"));
        assert!(!holds("::1", 1, "10.0.0.2"));
    }
}
