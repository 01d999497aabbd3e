//! Several hosts on one link.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::net::{Namespace, Net};

/// A switch and the hosts at it. Each host has `eth0`, with the MAC and the addresses that its number gives it.
pub struct Lan {
    hosts: Vec<Namespace>,
    _switch: Namespace,
}

impl Lan {
    /// Joins hosts, numbered from 1; on the first the agent runs.
    pub fn new(count: u8) -> Option<Self> {
        Some(Self::new_in(&Net::new()?, count))
    }

    /// The same among others with the same mounts.
    pub fn new_in(net: &Net, count: u8) -> Self {
        let switch = net.namespace("switch");
        switch.ip("link add br0 type bridge mcast_snooping 0");
        switch.ip("link set br0 up");
        let host = |number| {
            let host = net.namespace(&format!("host{number}"));
            let port = format!("port{number}");
            host.veth(("eth0", number), &switch, (&port, 0x10 + number));
            switch.ip(&format!("link set {port} master br0"));
            host.ip(&format!("address add {}/24 dev eth0", v4(number)));
            host.ip(&format!("address add {}/64 dev eth0", v6(number)));
            host
        };
        let hosts: Vec<Namespace> = (1..=count).map(host).collect();
        for host in &hosts {
            host.wait_for_addresses("eth0");
        }
        Self {
            hosts,
            _switch: switch,
        }
    }

    /// A host by its number.
    pub fn host(&self, number: u8) -> &Namespace {
        &self.hosts[usize::from(number) - 1]
    }
}

/// The IPv4 address of a host.
pub fn v4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 7, 0, number)
}

/// Its routable IPv6 address.
pub fn v6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, number.into())
}

/// Its link-local IPv6 address, made of its MAC.
pub fn local_v6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, number.into())
}
