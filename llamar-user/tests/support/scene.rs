//! The scene of most tests: a host that runs the agent, a peer that asks, one link between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::testing::{A, Mac, Station, skip};

use super::net::{Namespace, Net};
use super::sys::PassAll;
use super::wire::Wire;

/// The host's hardware address on the link.
pub const HOST_MAC: Mac = [2, 0, 0, 0, 0, 1];
/// The peer's.
pub const PEER_MAC: Mac = [2, 0, 0, 0, 0, 2];
/// The host's routable IPv4 address.
pub const HOST_V4: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 1);
/// The host's link-local IPv4 address.
pub const HOST_LOCAL_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 7, 1);
/// The host's routable IPv6 address.
pub const HOST_V6: Ipv6Addr = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, 1);
/// The host's link-local IPv6 address, made of its hardware address.
pub const HOST_LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
/// The peer's addresses, in the same order.
pub const PEER_V4: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 2);
/// See [`PEER_V4`].
pub const PEER_LOCAL_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 7, 2);
/// See [`PEER_V4`].
pub const PEER_V6: Ipv6Addr = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, 2);
/// See [`PEER_V4`].
pub const PEER_LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 2);

/// The peer as an asker from each of its addresses.
pub fn asker(ip: impl Into<IpAddr>) -> Station {
    Station::new(PEER_MAC, ip)
}

/// The peer's addresses, one of each family and scope.
pub const ASKERS: [IpAddr; 4] = [
    IpAddr::V4(PEER_V4),
    IpAddr::V4(PEER_LOCAL_V4),
    IpAddr::V6(PEER_V6),
    IpAddr::V6(PEER_LOCAL_V6),
];

/// What lies between the agent and its askers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// XDP in veth's driver.
    NativeVeth,
    /// Generic XDP on a veth.
    GenericVeth,
    /// Generic XDP on a bridge whose port is a veth.
    GenericBridge,
    /// No XDP: a veth and the userspace responder.
    Userspace,
}

impl Path {
    /// The value of `--xdp` for it.
    pub fn mode(self) -> &'static str {
        match self {
            Self::NativeVeth => "native",
            Self::GenericVeth | Self::GenericBridge => "generic",
            Self::Userspace => "off",
        }
    }

    /// The interface that the agent serves.
    pub fn interface(self) -> &'static str {
        match self {
            Self::GenericBridge => "br0",
            _ => "eth0",
        }
    }
}

/// Two namespaces and the link between them. The peer's interface is `eth0` too.
pub struct Scene {
    /// Where the agent runs.
    pub host: Namespace,
    /// Where the askers are.
    pub peer: Namespace,
    /// What lies between them.
    pub path: Path,
    _stub: Option<PassAll>,
}

impl Scene {
    /// Two namespaces with a link without addresses of our making.
    pub fn bare(path: Path) -> Option<Self> {
        Self::bare_in(&Net::new()?, path)
    }

    /// The same without the kernel path, where nobody but a test says anything.
    pub fn quiet() -> Option<Self> {
        let scene = Self::bare(Path::Userspace)?;
        for namespace in [&scene.host, &scene.peer] {
            namespace.set("net/ipv6/conf/eth0/disable_ipv6", "1");
        }
        Some(scene)
    }

    /// The same as `bare` among others with the same mounts.
    pub fn bare_in(net: &Net, path: Path) -> Option<Self> {
        if path != Path::Userspace && llamar_user::datapath::object().is_none() {
            skip("built without the kernel path: cargo xtask build");
            return None;
        }
        let (host, peer) = (net.namespace("host"), net.namespace("peer"));
        if path == Path::GenericBridge {
            host.veth(("port0", 0x11), &peer, ("eth0", 2));
            host.bridge(("br0", 1), &["port0"]);
        } else {
            host.veth(("eth0", 1), &peer, ("eth0", 2));
        }
        // What XDP sends by a veth arrives only if the other end has an XDP program too.
        let stub = (path == Path::NativeVeth).then(|| {
            peer.inside(|| PassAll::attach("eth0", "pass_all", true))
                .expect("attach a program to the peer's end")
        });
        Some(Self {
            host,
            peer,
            path,
            _stub: stub,
        })
    }

    /// The same with a routable and a link-local address of each family on both sides.
    pub fn new(path: Path) -> Option<Self> {
        Self::bare(path).map(Self::with_addresses)
    }

    /// Gives both sides a routable and a link-local address of each family.
    pub fn with_addresses(self) -> Self {
        let scene = self;
        let interface = scene.interface();
        scene
            .host
            .ip(&format!("address add {HOST_V4}/24 dev {interface}"));
        scene
            .host
            .ip(&format!("address add {HOST_LOCAL_V4}/16 dev {interface}"));
        scene
            .host
            .ip(&format!("address add {HOST_V6}/64 dev {interface}"));
        scene.peer.ip(&format!("address add {PEER_V4}/24 dev eth0"));
        scene
            .peer
            .ip(&format!("address add {PEER_LOCAL_V4}/16 dev eth0"));
        scene.peer.ip(&format!("address add {PEER_V6}/64 dev eth0"));
        scene.host.wait_for_addresses(interface);
        scene.peer.wait_for_addresses("eth0");
        scene
    }

    /// Somebody with 10.8.0.1 on a second link of the peer, whose own is 10.8.0.2 on eth1.
    pub fn far(&self, net: &Net) -> Namespace {
        let far = net.namespace("far");
        far.veth(("eth0", 0x21), &self.peer, ("eth1", 0x22));
        far.ip("address add 10.8.0.1/24 dev eth0");
        self.peer.ip("address add 10.8.0.2/24 dev eth1");
        far
    }

    /// The interface that the agent serves.
    pub fn interface(&self) -> &'static str {
        self.path.interface()
    }

    /// The arguments of `llamar run` for this path, and more.
    pub fn arguments<'s>(&self, more: &[&'s str]) -> Vec<&'s str> {
        [
            &["--iface", self.interface(), "--xdp", self.path.mode()],
            more,
        ]
        .concat()
    }

    /// A raw wire out of the peer's end.
    pub fn wire(&self) -> Wire {
        Wire::open(&self.peer, "eth0")
    }
}

/// Our addresses of a type, in the order in which an asker gets them: those of its own scope first (RFC 4795 2.6).
pub fn own_addresses(kind: u16, asker: IpAddr) -> [IpAddr; 2] {
    let mut addresses: [IpAddr; 2] = match kind {
        A => [HOST_V4.into(), HOST_LOCAL_V4.into()],
        _ => [HOST_V6.into(), HOST_LOCAL_V6.into()],
    };
    if is_link_local(asker) {
        addresses.reverse();
    }
    addresses
}

/// The address from which an asker on the link is answered.
pub fn own_address_for(asker: IpAddr) -> IpAddr {
    match (asker, is_link_local(asker)) {
        (IpAddr::V4(_), false) => HOST_V4.into(),
        (IpAddr::V4(_), true) => HOST_LOCAL_V4.into(),
        (IpAddr::V6(_), false) => HOST_V6.into(),
        (IpAddr::V6(_), true) => HOST_LOCAL_V6.into(),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
