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
        // The carrier comes first; what is sent before IFF_RUNNING is dropped, reports of joined groups included.
        self.up = flags.contains(LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Running);
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

#[cfg(test)]
mod tests {
    use netlink_packet_route::address::AddressHeaderFlags;
    use netlink_packet_route::link::XdpAttached;

    use super::super::space::addr;
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];

    fn link(index: u32, attributes: Vec<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.link_layer_type = LinkLayerType::Ether;
        message.header.flags = LinkFlags::Up
            | LinkFlags::LowerUp
            | LinkFlags::Running
            | LinkFlags::Multicast
            | LinkFlags::Broadcast;
        message.attributes = attributes;
        message
    }

    fn named(name: &str) -> Vec<LinkAttribute> {
        vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::Mtu(1500),
            LinkAttribute::Address(MAC.to_vec()),
            LinkAttribute::Xdp(vec![LinkXdp::Attached(XdpAttached::None)]),
        ]
    }

    fn eth0() -> Links {
        let mut links = Links::default();
        assert!(links.apply(&RouteNetlinkMessage::NewLink(link(7, named("eth0")))));
        links
    }

    fn new_link(links: &mut Links, message: LinkMessage) -> bool {
        links.apply(&RouteNetlinkMessage::NewLink(message))
    }

    /// The message of an address as the kernel writes it: IPv4 always with both attributes, IPv6 with the second only
    /// for a peer.
    fn address_of(index: u32, ip: &str, peer: Option<&str>, flags: AddressFlags) -> AddressMessage {
        let (ip, prefix) = ip.split_once('/').unwrap();
        let ip = addr(ip);
        let mut message = AddressMessage::default();
        message.header.index = index;
        message.header.prefix_len = prefix.parse().unwrap();
        message.header.family = if ip.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        message.header.flags = AddressHeaderFlags::from_bits_retain(flags.bits() as u8);
        message.header.scope = match ip {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => AddressScope::Link,
            _ => AddressScope::Universe,
        };
        message
            .attributes
            .push(AddressAttribute::Address(peer.map_or(ip, addr)));
        if ip.is_ipv4() || peer.is_some() {
            message.attributes.push(AddressAttribute::Local(ip));
        }
        message.attributes.push(AddressAttribute::Flags(flags));
        message
    }

    fn add(links: &mut Links, ip: &str, flags: AddressFlags) -> bool {
        links.apply(&RouteNetlinkMessage::NewAddress(address_of(
            7, ip, None, flags,
        )))
    }

    fn remove(links: &mut Links, ip: &str) -> bool {
        links.apply(&RouteNetlinkMessage::DelAddress(address_of(
            7,
            ip,
            None,
            AddressFlags::empty(),
        )))
    }

    fn ips(links: &Links) -> Vec<String> {
        links.by_index[&7]
            .addresses
            .iter()
            .map(|address| format!("{}/{}", address.ip, address.prefix))
            .collect()
    }

    #[test]
    fn a_new_link_is_entered_with_all_that_is_told_of_it() {
        let expected = Link {
            index: 7,
            name: "eth0".into(),
            mac: Some(MAC),
            ethernet: true,
            up: true,
            multicast: true,
            mtu: 1500,
            ..Link::default()
        };
        let links = eth0();
        assert_eq!(links.by_index[&7], expected);
        assert_eq!(links.by_name("eth0"), Some(&expected));
        assert_eq!(links.by_name("eth"), None);
    }

    #[test]
    fn a_message_that_tells_nothing_new_changes_nothing() {
        let mut links = eth0();
        assert!(!new_link(&mut links, link(7, named("eth0"))));
        assert!(add(&mut links, "10.0.0.1/24", AddressFlags::Permanent));
        assert!(!add(&mut links, "10.0.0.1/24", AddressFlags::Permanent));
        // A flag that does not matter here.
        assert!(!add(
            &mut links,
            "10.0.0.1/24",
            AddressFlags::Permanent | AddressFlags::Noprefixroute
        ));
        assert_eq!(links, { links.clone() });
    }

    #[test]
    fn a_rename_a_mac_and_an_mtu_keep_the_addresses() {
        let mut links = eth0();
        add(&mut links, "10.0.0.1/24", AddressFlags::Permanent);
        let attributes = vec![
            LinkAttribute::IfName("lan".into()),
            LinkAttribute::Mtu(9000),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 8]),
        ];
        assert!(new_link(&mut links, link(7, attributes)));
        assert_eq!(links.by_name("eth0"), None);
        let lan = links.by_name("lan").unwrap();
        assert_eq!(
            (lan.mtu, lan.mac, lan.addresses.len()),
            (9000, Some([2, 0, 0, 0, 0, 8]), 1)
        );
    }

    #[test]
    fn a_link_is_up_only_with_a_carrier_and_keeps_its_ipv4_addresses_when_down() {
        let mut links = eth0();
        add(&mut links, "10.0.0.1/24", AddressFlags::Permanent);
        let mut message = link(7, named("eth0"));
        for (flags, up) in [
            (LinkFlags::Up | LinkFlags::Running, false),
            (LinkFlags::Up | LinkFlags::LowerUp, false),
            (
                LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Running,
                true,
            ),
            (LinkFlags::LowerUp | LinkFlags::Running, false),
            (LinkFlags::empty(), false),
        ] {
            message.header.flags = flags;
            new_link(&mut links, message.clone());
            assert_eq!(links.by_index[&7].up, up, "{flags:?}");
            assert_eq!(ips(&links), ["10.0.0.1/24"]);
        }
    }

    #[test]
    fn a_deleted_link_takes_its_addresses_along() {
        let mut links = eth0();
        add(&mut links, "10.0.0.1/24", AddressFlags::Permanent);
        let gone = RouteNetlinkMessage::DelLink(link(7, named("eth0")));
        assert!(links.apply(&gone));
        assert_eq!(links, Links::default());
        assert!(!links.apply(&gone));
        assert!(!remove(&mut links, "10.0.0.1/24"));
        assert!(!add(&mut links, "10.0.0.1/24", AddressFlags::Permanent));
    }

    #[test]
    fn a_bridge_that_loses_a_port_does_not_delete_the_interface() {
        let mut links = eth0();
        let mut message = link(7, named("eth0"));
        message.header.interface_family = AddressFamily::Bridge;
        assert!(!links.apply(&RouteNetlinkMessage::DelLink(message.clone())));
        message.attributes.push(LinkAttribute::Mtu(1));
        assert!(!new_link(&mut links, message));
        assert_eq!(links, eth0());
    }

    #[test]
    fn a_wireless_event_has_flags_only_and_leaves_the_rest() {
        let mut links = eth0();
        assert!(!new_link(&mut links, link(7, vec![])));
        assert!(!new_link(&mut links, link(8, vec![])));
        assert_eq!(links, eth0());
        let mut message = link(7, vec![]);
        message.header.flags = LinkFlags::Up;
        assert!(new_link(&mut links, message));
        assert_eq!(
            (links.by_index[&7].up, links.by_index[&7].name.as_str()),
            (false, "eth0")
        );
    }

    #[test]
    fn a_master_comes_and_goes() {
        let mut links = eth0();
        let mut attributes = named("eth0");
        attributes.push(LinkAttribute::Controller(3));
        assert!(new_link(&mut links, link(7, attributes)));
        assert_eq!(links.by_index[&7].master, Some(3));
        assert!(new_link(&mut links, link(7, named("eth0"))));
        assert_eq!(links.by_index[&7].master, None);
    }

    #[test]
    fn a_program_is_seen_in_whatever_mode_it_is_attached() {
        for (xdp, id) in [
            (
                vec![
                    LinkXdp::Attached(XdpAttached::Driver),
                    LinkXdp::ProgId(5),
                    LinkXdp::DrvProgId(5),
                ],
                Some(5),
            ),
            (
                vec![
                    LinkXdp::Attached(XdpAttached::Multiple),
                    LinkXdp::SkbProgId(6),
                    LinkXdp::HwProgId(7),
                ],
                Some(6),
            ),
            (vec![LinkXdp::Attached(XdpAttached::None)], None),
            (
                vec![LinkXdp::Attached(XdpAttached::None), LinkXdp::ProgId(0)],
                None,
            ),
        ] {
            let mut links = Links::default();
            new_link(
                &mut links,
                link(
                    7,
                    vec![
                        LinkAttribute::IfName("eth0".into()),
                        LinkAttribute::Xdp(xdp),
                    ],
                ),
            );
            assert_eq!(links.by_index[&7].xdp, id);
        }
    }

    #[test]
    fn only_ethernet_interfaces_have_a_mac() {
        let mut message = link(7, named("wg0"));
        message.header.link_layer_type = LinkLayerType::None;
        let mut links = Links::default();
        new_link(&mut links, message);
        assert_eq!(
            (links.by_index[&7].mac, links.by_index[&7].ethernet),
            (None, false)
        );

        let zeros = vec![
            LinkAttribute::IfName("eth0".into()),
            LinkAttribute::Address(vec![0; 6]),
        ];
        new_link(&mut links, link(7, zeros));
        assert_eq!(
            (links.by_index[&7].mac, links.by_index[&7].ethernet),
            (None, true)
        );
    }

    fn vlan_of(protocol: VlanProtocol, namespace: Option<i32>) -> Option<(u32, u16)> {
        let mut attributes = named("eth0.100");
        attributes.push(LinkAttribute::Link(7));
        attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Vlan),
            LinkInfo::Data(InfoData::Vlan(vec![
                InfoVlan::Protocol(protocol),
                InfoVlan::Id(100),
            ])),
        ]));
        attributes.extend(namespace.map(LinkAttribute::LinkNetNsId));
        let mut links = Links::default();
        new_link(&mut links, link(9, attributes));
        assert_eq!(links.by_index[&9].kind.as_deref(), Some("vlan"));
        links.by_index[&9].vlan
    }

    #[test]
    fn a_vlan_interface_names_its_parent_and_id() {
        assert_eq!(vlan_of(VlanProtocol::Ieee8021Q, None), Some((7, 100)));
    }

    #[test]
    fn a_vlan_with_provider_tags_or_a_parent_elsewhere_is_none_of_ours() {
        assert_eq!(vlan_of(VlanProtocol::Ieee8021Ad, None), None);
        assert_eq!(vlan_of(VlanProtocol::Ieee8021Q, Some(0)), None);
    }

    #[test]
    fn the_end_of_a_veth_is_not_a_vlan_of_the_other_end() {
        let mut attributes = named("veth0");
        attributes.push(LinkAttribute::Link(7));
        attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(
            InfoKind::Veth,
        )]));
        let mut links = Links::default();
        new_link(&mut links, link(9, attributes));
        assert_eq!(
            (links.by_index[&9].vlan, links.by_index[&9].kind.as_deref()),
            (None, Some("veth"))
        );
    }

    #[test]
    fn duplicate_address_detection_ends_well_or_ill() {
        for (flags, state) in [
            (AddressFlags::Tentative, AddressState::Tentative),
            (
                AddressFlags::Tentative | AddressFlags::Optimistic,
                AddressState::Tentative,
            ),
            (AddressFlags::empty(), AddressState::Usable),
            (AddressFlags::Deprecated, AddressState::Deprecated),
            (
                AddressFlags::Tentative | AddressFlags::Dadfailed,
                AddressState::DadFailed,
            ),
        ] {
            let mut links = eth0();
            add(&mut links, "2001:db8::1/64", AddressFlags::Nodad);
            add(&mut links, "2001:db8::1/64", flags);
            let addresses = &links.by_index[&7].addresses;
            assert_eq!(
                (addresses.len(), addresses[0].state),
                (1, state),
                "{flags:?}"
            );
        }
    }

    #[test]
    fn flags_of_the_header_count_where_there_are_no_others() {
        let mut message = address_of(7, "2001:db8::1/64", None, AddressFlags::Tentative);
        message
            .attributes
            .retain(|attribute| !matches!(attribute, AddressAttribute::Flags(_)));
        let mut links = eth0();
        links.apply(&RouteNetlinkMessage::NewAddress(message));
        assert_eq!(
            links.by_index[&7].addresses[0].state,
            AddressState::Tentative
        );
    }

    #[test]
    fn ipv4_keeps_an_address_once_for_each_prefix_and_peer() {
        let mut links = eth0();
        let peers = [None, Some("10.0.0.8"), Some("10.0.0.9")];
        for peer in peers {
            let message = address_of(7, "10.0.0.1/32", peer, AddressFlags::Permanent);
            assert!(links.apply(&RouteNetlinkMessage::NewAddress(message)));
        }
        add(&mut links, "10.0.0.1/24", AddressFlags::Permanent);
        assert_eq!(links.by_index[&7].addresses.len(), 4);
        let message = address_of(7, "10.0.0.1/32", peers[1], AddressFlags::Permanent);
        assert!(links.apply(&RouteNetlinkMessage::DelAddress(message)));
        let left: Vec<_> = links.by_index[&7]
            .addresses
            .iter()
            .map(|address| (address.prefix, address.peer))
            .collect();
        assert_eq!(left, [(32, None), (32, Some(addr("10.0.0.9"))), (24, None)]);
    }

    #[test]
    fn ipv6_keeps_an_address_once_and_changes_its_prefix_and_peer() {
        let mut links = eth0();
        add(&mut links, "2001:db8::1/64", AddressFlags::Permanent);
        let message = address_of(
            7,
            "2001:db8::1/128",
            Some("2001:db8::2"),
            AddressFlags::Permanent,
        );
        assert!(links.apply(&RouteNetlinkMessage::NewAddress(message)));
        let expected = Address {
            ip: addr("2001:db8::1"),
            peer: Some(addr("2001:db8::2")),
            prefix: 128,
            state: AddressState::Usable,
            secondary: false,
            scope_link: false,
        };
        assert_eq!(links.by_index[&7].addresses, [expected]);
        assert!(remove(&mut links, "2001:db8::1/64"));
        assert_eq!(ips(&links), Vec::<String>::new());
    }

    #[test]
    fn a_primary_address_comes_before_secondary_ones() {
        let mut links = eth0();
        add(&mut links, "fe80::7/64", AddressFlags::Permanent);
        add(&mut links, "10.0.0.1/24", AddressFlags::Permanent);
        add(
            &mut links,
            "10.0.0.2/24",
            AddressFlags::Permanent | AddressFlags::Secondary,
        );
        add(&mut links, "10.1.0.1/24", AddressFlags::Permanent);
        assert_eq!(
            ips(&links),
            ["10.0.0.1/24", "10.1.0.1/24", "10.0.0.2/24", "fe80::7/64"]
        );
    }

    #[test]
    fn a_promoted_address_takes_its_place_among_the_primary_ones() {
        let mut links = eth0();
        add(&mut links, "10.0.0.1/24", AddressFlags::Permanent);
        add(&mut links, "10.1.0.1/24", AddressFlags::Permanent);
        add(
            &mut links,
            "10.1.0.2/24",
            AddressFlags::Permanent | AddressFlags::Secondary,
        );
        add(
            &mut links,
            "10.0.0.2/24",
            AddressFlags::Permanent | AddressFlags::Secondary,
        );
        remove(&mut links, "10.0.0.1/24");
        assert!(add(&mut links, "10.0.0.2/24", AddressFlags::Permanent));
        assert_eq!(ips(&links), ["10.1.0.1/24", "10.0.0.2/24", "10.1.0.2/24"]);
        assert!(!links.by_index[&7].addresses[1].secondary);
    }

    #[test]
    fn the_newest_ipv6_address_comes_first_and_link_local_ones_last() {
        let mut links = eth0();
        add(&mut links, "fe80::7/64", AddressFlags::Permanent);
        add(&mut links, "2001:db8::1/64", AddressFlags::Permanent);
        add(&mut links, "2001:db8::2/64", AddressFlags::Permanent);
        add(&mut links, "10.0.0.1/24", AddressFlags::Permanent);
        assert_eq!(
            ips(&links),
            [
                "10.0.0.1/24",
                "2001:db8::2/64",
                "2001:db8::1/64",
                "fe80::7/64"
            ]
        );
        assert!(links.by_index[&7].addresses[3].scope_link);
    }

    #[test]
    fn addresses_of_a_dump_keep_their_order() {
        let mut links = eth0();
        for ip in [
            "10.0.0.1/24",
            "10.1.0.1/24",
            "2001:db8::2/64",
            "2001:db8::1/64",
            "fe80::7/64",
        ] {
            links.apply_dumped(&RouteNetlinkMessage::NewAddress(address_of(
                7,
                ip,
                None,
                AddressFlags::Permanent,
            )));
        }
        assert_eq!(
            ips(&links),
            [
                "10.0.0.1/24",
                "10.1.0.1/24",
                "2001:db8::2/64",
                "2001:db8::1/64",
                "fe80::7/64"
            ]
        );
    }

    #[test]
    fn an_address_that_cannot_be_one_is_left_out() {
        let mut links = eth0();
        let mut without = address_of(7, "10.0.0.1/24", None, AddressFlags::Permanent);
        without.attributes.clear();
        let mut long = address_of(7, "10.0.0.1/24", None, AddressFlags::Permanent);
        long.header.prefix_len = 33;
        let mut mixed = address_of(7, "10.0.0.1/24", None, AddressFlags::Permanent);
        mixed.header.family = AddressFamily::Inet6;
        for message in [without, long, mixed] {
            assert!(!links.apply(&RouteNetlinkMessage::NewAddress(message)));
        }
        assert_eq!(links, eth0());
    }
}
