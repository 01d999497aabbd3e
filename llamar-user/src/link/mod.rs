//! The interfaces and addresses of this machine as rtnetlink tells them.
//!
//! [`Links`] is a plain table, for others to read, and [`Watch`] keeps it true; what to serve on a link is decided in
//! `state`.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

mod apply;
mod decode;
pub mod ethtool;
mod follow;
pub mod neighbours;
#[cfg(test)]
pub(crate) mod space;
#[cfg(test)]
pub(crate) mod testing;
mod watch;

pub use watch::Watch;

/// All interfaces of the network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The interfaces by their index.
    pub by_index: BTreeMap<u32, Link>,
}

impl Links {
    /// The interface that has this name now.
    pub fn by_name(&self, name: &str) -> Option<&Link> {
        self.by_index.values().find(|link| link.name == name)
    }
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its index, which stays when it is renamed and changes when it is deleted and made again.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its hardware address, where that is an Ethernet one and not all zeros.
    pub mac: Option<[u8; 6]>,
    /// Whether it is an Ethernet interface (`ARPHRD_ETHER`).
    pub ethernet: bool,
    /// Whether it is set up, has a carrier, and takes frames.
    pub up: bool,
    /// Whether it does not use ARP (`IFF_NOARP`).
    pub noarp: bool,
    /// Whether it can carry multicast (`IFF_MULTICAST`).
    pub multicast: bool,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Index of the parent and 802.1Q VLAN id, if it is a VLAN interface whose parent lives in this namespace.
    pub vlan: Option<(u32, u16)>,
    /// Index of the bridge, bond or VRF to which it belongs.
    pub master: Option<u32>,
    /// What kind of interface it is (`IFLA_INFO_KIND`: veth, bridge, vlan, ...); most hardware names none.
    pub kind: Option<String>,
    /// Its addresses: IPv4, then IPv6, both in the kernel's order (primary ones before secondary ones).
    pub addresses: Vec<Address>,
    /// Id of the XDP program that was attached by anyone when the kernel last spoke of the interface. Attaching
    /// often makes no message (by a BPF link, or while it is down): see [`Watch::refresh`].
    pub xdp: Option<u32>,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface's own address.
    pub ip: IpAddr,
    /// The other end's address, if the address was assigned with a peer.
    pub peer: Option<IpAddr>,
    /// Length of the prefix: of `peer` where there is one, else of `ip`.
    pub prefix: u8,
    /// Whether it may be used.
    pub state: AddressState,
    /// Whether another address of the same network comes before it (for IPv6: whether it is a temporary one).
    pub secondary: bool,
    /// Whether its scope is the link.
    pub scope_link: bool,
}

/// Whether an address may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressState {
    /// It may.
    Usable,
    /// Duplicate address detection is not yet through (RFC 4862 5.4).
    Tentative,
    /// Duplicate address detection found another holder.
    DadFailed,
    /// Its preferred lifetime is over (RFC 4862 5.5.4).
    Deprecated,
}

/// What [`Watch::changed`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Interfaces or addresses changed.
    Links,
    /// Events were lost, or may have been: everything was read anew.
    Resynced,
}

/// Why interfaces cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// No socket.
    #[error("open a netlink socket for interfaces and addresses: {0}")]
    Open(#[source] io::Error),
    /// The kernel did not give its table.
    #[error("ask the kernel for its {what}: {source}")]
    Dump {
        /// What was asked for.
        what: &'static str,
        /// Why it was not given.
        source: io::Error,
    },
    /// The socket failed.
    #[error("read from netlink: {0}")]
    Receive(#[source] io::Error),
}
