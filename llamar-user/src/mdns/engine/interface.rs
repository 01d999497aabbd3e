//! What an engine knows of one interface.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use crate::config::{is_link_local, share_prefix};
use crate::mdns::{Family, Querier, Responder, Wanted};

/// An interface.
#[derive(Debug)]
pub struct Interface {
    /// Our records there.
    pub responder: Responder,
    /// Our questions there, and what was heard.
    pub querier: Querier,
    /// The families that are spoken there, none while it is down.
    pub families: Vec<Family>,
    /// Its MTU in bytes.
    pub mtu: usize,
    /// Whether unicast to port 5353 reaches us.
    pub unicast: bool,
    /// When one of its parts has something to do.
    pub due: Option<Instant>,
    addresses: BTreeSet<(IpAddr, u8)>,
}

impl Interface {
    /// One that is down.
    pub fn new() -> Self {
        Self {
            responder: Responder::new(),
            querier: Querier::new(),
            families: Vec::new(),
            mtu: 0,
            unicast: false,
            due: None,
            addresses: BTreeSet::new(),
        }
    }

    /// Takes note of what messages have to know of it. What is wanted of its parts they are to be told.
    pub fn follow(&mut self, wanted: &Wanted) {
        let speaks = |family: &Family| match family {
            Family::V4 => wanted.up && wanted.v4.is_some(),
            Family::V6 => wanted.up && wanted.v6.is_some(),
        };
        self.families = Family::ALL.into_iter().filter(speaks).collect();
        self.mtu = usize::try_from(wanted.mtu).unwrap_or(usize::MAX);
        self.unicast = wanted.unicast;
        self.addresses.clone_from(&wanted.addresses);
    }

    /// Whether an address is one of ours there.
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|(own, _)| *own == address)
    }

    /// Whether an address is on the link, as far as our addresses there tell.
    ///
    /// RFC 6762 11: it has a prefix in common with one of them. Link-local addresses are on the link that they are seen
    /// on, whatever ours are (RFC 3927 2.8, RFC 4291 2.5.6).
    pub fn is_near(&self, address: IpAddr) -> bool {
        if address == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
            return false;
        }
        is_link_local(address)
            || self
                .addresses
                .iter()
                .any(|&(own, length)| share_prefix(own, address, length))
    }

    /// Takes note of when its parts have something to do, once they did something.
    pub fn settle(&mut self) {
        let (responder, querier) = (self.responder.poll_timeout(), self.querier.poll_timeout());
        self.due = responder.into_iter().chain(querier).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OnConflict;

    fn interface(addresses: &[(&str, u8)]) -> Interface {
        let mut interface = Interface::new();
        let address = |&(text, length): &(&str, u8)| (text.parse().unwrap(), length);
        interface.follow(&Wanted {
            up: true,
            mtu: 1500,
            v4: Some(Ipv4Addr::new(10, 0, 0, 1)),
            v6: None,
            addresses: addresses.iter().map(address).collect(),
            unicast: true,
            hosts: Vec::new(),
            services: Vec::new(),
            on_conflict: OnConflict::Rename,
        });
        interface
    }

    // RFC 6762 11: A33
    #[test]
    fn address_is_near_if_it_shares_a_prefix() {
        let near = |interface: &Interface, text: &str| interface.is_near(text.parse().unwrap());
        let one = interface(&[("10.0.0.1", 24), ("2001:db8::1", 64), ("192.0.2.7", 32)]);
        for text in ["10.0.0.255", "2001:db8::ffff:0:0:1", "192.0.2.7"] {
            assert!(near(&one, text), "{text}");
        }
        for text in ["10.0.1.1", "2001:db8:0:1::1", "192.0.2.6", "0.0.0.0", "::"] {
            assert!(!near(&one, text), "{text}");
        }
        for text in ["169.254.1.1", "fe80::1"] {
            assert!(near(&one, text) && near(&interface(&[]), text), "{text}");
        }
        assert!(near(&interface(&[("10.0.0.1", 0)]), "8.8.8.8"));
        assert!(!near(&interface(&[("10.0.0.1", 0)]), "0.0.0.0"));
    }

    #[test]
    fn families_are_those_with_an_address_while_the_interface_is_up() {
        let one = interface(&[("10.0.0.1", 24)]);
        assert_eq!(one.families, [Family::V4]);
        assert!(one.is_own("10.0.0.1".parse().unwrap()));
        assert!(!one.is_own("10.0.0.2".parse().unwrap()));
    }
}
