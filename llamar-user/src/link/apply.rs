//! What a message of rtnetlink does to the table of interfaces. Pure: bytes and sockets are `watch`'s.

use std::net::IpAddr;

use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
    LinkXdp, VlanProtocol,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Address, AddressState, Link, Links};

impl Links {
    /// Enters what an event tells; whether that changed anything.
    pub fn apply(&mut self, message: &RouteNetlinkMessage) -> bool {
        match message {
            RouteNetlinkMessage::NewLink(message) => self.link_is(message),
            RouteNetlinkMessage::DelLink(message) => self.link_is_gone(message),
            RouteNetlinkMessage::NewAddress(message) => self.address_is(message, Place::Kernels),
            RouteNetlinkMessage::DelAddress(message) => self.address_is_gone(message),
            _ => false,
        }
    }

    /// Enters what a dump tells: as [`apply`](Self::apply), but addresses come in the order in which they belong.
    pub(super) fn apply_dumped(&mut self, message: &RouteNetlinkMessage) -> bool {
        match message {
            RouteNetlinkMessage::NewAddress(message) => self.address_is(message, Place::End),
            other => self.apply(other),
        }
    }

    fn link_is(&mut self, message: &LinkMessage) -> bool {
        if !is_about_link(message) {
            return false;
        }
        let index = message.header.index;
        let old = self.by_index.get(&index);
        let named = message
            .attributes
            .iter()
            .any(|attribute| matches!(attribute, LinkAttribute::IfName(_)));
        let mut new = match (old, named) {
            (old, true) => Link {
                index,
                addresses: old.map(|old| old.addresses.clone()).unwrap_or_default(),
                ..Link::default()
            },
            // Wireless events carry the flags and their own attribute only.
            (Some(old), false) => old.clone(),
            (None, false) => return false,
        };
        new.enter_header(message);
        new.enter_attributes(&message.attributes);
        if old == Some(&new) {
            return false;
        }
        self.by_index.insert(index, new);
        true
    }

    fn link_is_gone(&mut self, message: &LinkMessage) -> bool {
        is_about_link(message) && self.by_index.remove(&message.header.index).is_some()
    }

    fn address_is(&mut self, message: &AddressMessage, place: Place) -> bool {
        let Some(link) = self.by_index.get_mut(&message.header.index) else {
            return false;
        };
        let Some(new) = address(message) else {
            return false;
        };
        let known = link.addresses.iter().position(|old| old.is_same_as(&new));
        match known {
            Some(at) if link.addresses[at] == new => return false,
            // An address that is secondary no more takes its place among the primary ones.
            Some(at) if new.ip.is_ipv4() && link.addresses[at].secondary != new.secondary => {
                link.addresses.remove(at);
                link.addresses.insert(place_of(&new, &link.addresses), new);
            }
            Some(at) => link.addresses[at] = new,
            None if place == Place::End => {
                let end = if new.ip.is_ipv4() {
                    end_of_ipv4(&link.addresses)
                } else {
                    link.addresses.len()
                };
                link.addresses.insert(end, new);
            }
            None => link.addresses.insert(place_of(&new, &link.addresses), new),
        }
        true
    }

    fn address_is_gone(&mut self, message: &AddressMessage) -> bool {
        let Some(link) = self.by_index.get_mut(&message.header.index) else {
            return false;
        };
        let Some(gone) = address(message) else {
            return false;
        };
        let before = link.addresses.len();
        link.addresses.retain(|old| !old.is_same_as(&gone));
        link.addresses.len() != before
    }
}

impl Link {
    fn enter_header(&mut self, message: &LinkMessage) {
        let flags = message.header.flags;
        self.ethernet = message.header.link_layer_type == LinkLayerType::Ether;
        // Not IFF_RUNNING: it follows the carrier late, by the operational state.
        self.up = flags.contains(LinkFlags::Up | LinkFlags::LowerUp);
        self.noarp = flags.contains(LinkFlags::Noarp);
        self.multicast = flags.contains(LinkFlags::Multicast);
    }

    fn enter_attributes(&mut self, attributes: &[LinkAttribute]) {
        let mut parent = None;
        let mut vlan_id = None;
        for attribute in attributes {
            match attribute {
                LinkAttribute::IfName(name) => self.name.clone_from(name),
                LinkAttribute::Address(mac) if self.ethernet => {
                    self.mac = <[u8; 6]>::try_from(mac.as_slice())
                        .ok()
                        .filter(|mac| *mac != [0; 6]);
                }
                LinkAttribute::Mtu(mtu) => self.mtu = *mtu,
                LinkAttribute::Link(index) => parent = parent.or(Some(*index)),
                // The parent lives in another namespace, and its index counts there.
                LinkAttribute::LinkNetNsId(_) => parent = Some(0),
                LinkAttribute::Controller(master) => {
                    self.master = Some(*master).filter(|master| *master != 0)
                }
                LinkAttribute::LinkInfo(infos) => {
                    self.kind = infos.iter().find_map(kind);
                    vlan_id = vlan(infos);
                }
                LinkAttribute::Xdp(xdp) => self.xdp = program(xdp),
                _ => {}
            }
        }
        if let (Some(parent @ 1..), Some(id)) = (parent, vlan_id) {
            self.vlan = Some((parent, id));
        }
    }
}

impl Address {
    /// Whether both are the same entry of the kernel's list, in whatever state. IPv6 knows an address once for each
    /// interface; IPv4 with each prefix and peer.
    fn is_same_as(&self, other: &Self) -> bool {
        self.ip == other.ip
            && (self.ip.is_ipv6() || (self.prefix == other.prefix && self.peer == other.peer))
    }
}

/// Where an address that is not yet known goes in the list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// To the end of its family: dumps come in order.
    End,
    /// Where the kernel puts a new one.
    Kernels,
}

/// Whether a message tells of an interface itself. A bridge's messages about its ports come to the same multicast
/// group, and their `DelLink` says that a port left the bridge.
fn is_about_link(message: &LinkMessage) -> bool {
    message.header.interface_family == AddressFamily::Unspec && message.header.index != 0
}

fn kind(info: &LinkInfo) -> Option<String> {
    match info {
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    }
}

/// The id of an 802.1Q VLAN interface. One with 802.1ad tags serves other frames than the kernel path knows.
fn vlan(infos: &[LinkInfo]) -> Option<u16> {
    if !infos.contains(&LinkInfo::Kind(InfoKind::Vlan)) {
        return None;
    }
    let data = infos.iter().find_map(|info| match info {
        LinkInfo::Data(InfoData::Vlan(data)) => Some(data),
        _ => None,
    })?;
    if data.contains(&InfoVlan::Protocol(VlanProtocol::Ieee8021Ad)) {
        return None;
    }
    data.iter().find_map(|info| match info {
        InfoVlan::Id(id) => Some(*id),
        _ => None,
    })
}

/// The attached program; where several modes have one, the first that is given.
fn program(xdp: &[LinkXdp]) -> Option<u32> {
    xdp.iter().find_map(|xdp| match xdp {
        LinkXdp::ProgId(id)
        | LinkXdp::DrvProgId(id)
        | LinkXdp::SkbProgId(id)
        | LinkXdp::HwProgId(id)
            if *id != 0 =>
        {
            Some(*id)
        }
        _ => None,
    })
}

fn address(message: &AddressMessage) -> Option<Address> {
    let mut address = None;
    let mut local = None;
    // The attribute has all flags, the header their lowest byte; old kernels send the header only.
    let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Flags(all) => flags = *all,
            _ => {}
        }
    }
    let ip = local.or(address)?;
    let (family, bits) = if ip.is_ipv4() {
        (AddressFamily::Inet, 32)
    } else {
        (AddressFamily::Inet6, 128)
    };
    if message.header.family != family || message.header.prefix_len > bits {
        return None;
    }
    Some(Address {
        ip,
        peer: address.filter(|peer| *peer != ip),
        prefix: message.header.prefix_len,
        state: state(flags),
        secondary: flags.contains(AddressFlags::Secondary),
        scope_link: message.header.scope == AddressScope::Link,
    })
}

fn state(flags: AddressFlags) -> AddressState {
    // A failed address stays tentative, so the failure is asked for first.
    if flags.contains(AddressFlags::Dadfailed) {
        AddressState::DadFailed
    } else if flags.contains(AddressFlags::Tentative) {
        AddressState::Tentative
    } else if flags.contains(AddressFlags::Deprecated) {
        AddressState::Deprecated
    } else {
        AddressState::Usable
    }
}

fn end_of_ipv4(addresses: &[Address]) -> usize {
    addresses
        .iter()
        .position(|address| address.ip.is_ipv6())
        .unwrap_or(addresses.len())
}

/// Where the kernel puts a new address (`__inet_insert_ifa` and `ipv6_link_dev_addr`).
fn place_of(new: &Address, addresses: &[Address]) -> usize {
    let ipv4 = end_of_ipv4(addresses);
    match new.ip {
        IpAddr::V4(_) if new.secondary => ipv4,
        // Behind the last primary one whose scope is as narrow or narrower, else first.
        IpAddr::V4(_) => addresses[..ipv4]
            .iter()
            .rposition(|old| !old.secondary && (old.scope_link || !new.scope_link))
            .map_or(0, |at| at + 1),
        // Before the first one whose scope is as wide or narrower: the newest comes first.
        IpAddr::V6(_) => addresses[ipv4..]
            .iter()
            .position(|old| width_of_scope(old.ip) <= width_of_scope(new.ip))
            .map_or(addresses.len(), |at| ipv4 + at),
    }
}

/// The scope of an IPv6 address as `ipv6_addr_src_scope` numbers it.
fn width_of_scope(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V6(ip) if ip.is_loopback() => 1,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 2,
        IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfec0 => 5,
        _ => 14,
    }
}
