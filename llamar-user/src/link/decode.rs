//! Netlink datagrams to messages, and the requests that begin a dump.
//!
//! The kernel's attributes are read one by one, and only those that the table needs: an attribute that cannot be read
//! (an alias that is not UTF-8, data of a kind that changed since) must not hide an interface.

use netlink_packet_core::{
    DecodeError, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR,
    NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload, NlaBuffer, NlasIterator,
    Parseable, ParseableParametrized,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeader, AddressMessage};
use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkExtentMask, LinkHeader, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

const LINK_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_XDP: u16 = 43;
const IFLA_INFO_KIND: u16 = 1;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;

/// One message of a datagram.
#[derive(Debug, PartialEq)]
pub(super) struct Received {
    /// Sequence number of the request that it answers, 0 for an event.
    pub sequence: u32,
    /// Port to which it answers, or whose request made the event.
    pub port: u32,
    /// Whether the kernel says that the table changed while it was being dumped.
    pub interrupted: bool,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Debug, PartialEq)]
pub(super) enum Body {
    /// Something about an interface or an address.
    Route(RouteNetlinkMessage),
    /// The dump is complete, or has failed with an error number.
    Done(Option<i32>),
    /// The request has failed with an error number.
    Refused(i32),
    /// Nothing that is of interest here.
    Other,
}

/// The messages of a datagram, up to the first whose length cannot be right.
pub(super) fn messages(datagram: &[u8]) -> impl Iterator<Item = Received> + '_ {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let message = NetlinkBuffer::new_checked(rest).ok()?;
        // Messages begin at multiples of four bytes.
        let length = (message.length() as usize).next_multiple_of(4);
        rest = rest.get(length..).unwrap_or_default();
        Some(Received {
            sequence: message.sequence_number(),
            port: message.port_number(),
            interrupted: message.flags() & NLM_F_DUMP_INTR != 0,
            body: body(message.message_type(), message.payload()),
        })
    })
}

/// The request for all interfaces.
pub(super) fn dump_links(sequence: u32) -> Vec<u8> {
    let mut message = LinkMessage::default();
    // Statistics are the larger part of an answer, and not wanted.
    message
        .attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    request(sequence, RouteNetlinkMessage::GetLink(message))
}

/// The request for all addresses.
pub(super) fn dump_addresses(sequence: u32) -> Vec<u8> {
    request(
        sequence,
        RouteNetlinkMessage::GetAddress(AddressMessage::default()),
    )
}

fn request(sequence: u32, message: RouteNetlinkMessage) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn body(message_type: u16, payload: &[u8]) -> Body {
    let route = match message_type {
        NLMSG_DONE => return Body::Done(error_number(payload)),
        NLMSG_ERROR => return error_number(payload).map_or(Body::Other, Body::Refused),
        libc::RTM_NEWLINK => link(payload).map(RouteNetlinkMessage::NewLink),
        libc::RTM_DELLINK => link(payload).map(RouteNetlinkMessage::DelLink),
        libc::RTM_NEWADDR => address(payload).map(RouteNetlinkMessage::NewAddress),
        libc::RTM_DELADDR => address(payload).map(RouteNetlinkMessage::DelAddress),
        _ => return Body::Other,
    };
    match route {
        Ok(message) => Body::Route(message),
        Err(error) => {
            tracing::debug!(message_type, %error, "netlink message that cannot be read");
            Body::Other
        }
    }
}

/// The error number in an error or a done message, where it is one.
fn error_number(payload: &[u8]) -> Option<i32> {
    let code = i32::from_ne_bytes(payload.get(..4)?.try_into().ok()?);
    (code < 0).then(|| code.saturating_neg())
}

fn link(payload: &[u8]) -> Result<LinkMessage, DecodeError> {
    let mut message = LinkMessage::default();
    message.header = LinkHeader::parse(payload)?;
    let family = message.header.interface_family;
    let attributes = attributes(payload, LINK_HEADER);
    message.attributes = attributes
        .filter_map(|attribute| link_attribute(&attribute, family))
        .collect();
    Ok(message)
}

fn link_attribute(attribute: &NlaBuffer<&[u8]>, family: AddressFamily) -> Option<LinkAttribute> {
    let kind = attribute.kind();
    if !matches!(
        kind,
        IFLA_ADDRESS
            | IFLA_IFNAME
            | IFLA_MTU
            | IFLA_LINK
            | IFLA_MASTER
            | IFLA_LINKINFO
            | IFLA_LINK_NETNSID
            | IFLA_XDP
    ) {
        return None;
    }
    match (LinkAttribute::parse_with_param(attribute, family), kind) {
        (Ok(attribute), _) => Some(attribute),
        (Err(_), IFLA_IFNAME) => Some(LinkAttribute::IfName(text(attribute.value()))),
        (Err(_), IFLA_LINKINFO) => NlasIterator::new(attribute.value())
            .map_while(Result::ok)
            .find(|nested| nested.kind() == IFLA_INFO_KIND)
            .map(|nested| text(nested.value()))
            .map(|kind| {
                LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::from(kind.as_str()))])
            }),
        (Err(error), _) => {
            tracing::debug!(kind, %error, "attribute of an interface that cannot be read");
            None
        }
    }
}

fn address(payload: &[u8]) -> Result<AddressMessage, DecodeError> {
    let mut message = AddressMessage::default();
    message.header = AddressHeader::parse(payload)?;
    message.attributes = attributes(payload, ADDRESS_HEADER)
        .filter(|attribute| matches!(attribute.kind(), IFA_ADDRESS | IFA_LOCAL | IFA_FLAGS))
        .filter_map(|attribute| AddressAttribute::parse(&attribute).ok())
        .collect();
    Ok(message)
}

fn attributes(payload: &[u8], header: usize) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(payload.get(header..).unwrap_or_default()).map_while(Result::ok)
}

/// Text up to the zero byte that ends it.
fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Link, Links};
    use super::*;
    use crate::net::netlink::nla as attribute;

    fn message(message_type: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
        bytes.extend(message_type.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(5u32.to_ne_bytes());
        bytes.extend(6u32.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// An `ifinfomsg`: Ethernet, index 2, up with carrier.
    const ETHERNET_2: [u8; 16] = [0, 0, 1, 0, 2, 0, 0, 0, 0x43, 0x10, 1, 0, 0, 0, 0, 0];

    fn entered(attributes: &[Vec<u8>]) -> Link {
        let payload = [ETHERNET_2.to_vec(), attributes.concat()].concat();
        let mut links = Links::default();
        for received in messages(&message(libc::RTM_NEWLINK, 0, &payload)) {
            let Body::Route(message) = received.body else {
                panic!("{received:?}")
            };
            links.apply(&message);
        }
        links.by_index.remove(&2).unwrap()
    }

    #[test]
    fn a_name_an_alias_and_a_kind_that_are_not_utf8_hide_nothing() {
        let link = entered(&[
            attribute(IFLA_IFNAME, b"et\xffh0\0"),
            attribute(20, b"\xff\xfe an alias\0"),
            attribute(IFLA_MTU, &1400u32.to_ne_bytes()),
            attribute(IFLA_LINKINFO, &attribute(IFLA_INFO_KIND, b"\xffkind\0")),
        ]);
        assert_eq!(
            (link.name.as_str(), link.mtu, link.kind.as_deref()),
            ("et\u{fffd}h0", 1400, Some("\u{fffd}kind"))
        );
    }

    #[test]
    fn a_kind_is_known_where_its_data_cannot_be_read() {
        let data = attribute(2, &attribute(1, &[1]));
        let info = [attribute(IFLA_INFO_KIND, b"vlan\0"), data].concat();
        let link = entered(&[
            attribute(IFLA_IFNAME, b"eth0.1\0"),
            attribute(IFLA_LINKINFO, &info),
        ]);
        assert_eq!((link.kind.as_deref(), link.vlan), (Some("vlan"), None));
    }

    #[test]
    fn a_recorded_vlan_interface_has_its_parent_and_id() {
        // IFLA_LINKINFO as recorded in netlink-packet-route's tests (link/tests/vlan.rs): 802.1Q, id 101.
        let info = [
            0x09, 0x00, 0x01, 0x00, 0x76, 0x6c, 0x61, 0x6e, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00,
            0x02, 0x00, 0x06, 0x00, 0x05, 0x00, 0x81, 0x00, 0x00, 0x00, 0x06, 0x00, 0x01, 0x00,
            0x65, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x02, 0x00, 0x01, 0x00, 0x00, 0x00, 0xff, 0xff,
            0xff, 0xff, 0x10, 0x00, 0x04, 0x00, 0x0c, 0x00, 0x01, 0x00, 0x06, 0x00, 0x00, 0x00,
            0x07, 0x00, 0x00, 0x00, 0x10, 0x00, 0x03, 0x00, 0x0c, 0x00, 0x01, 0x00, 0x04, 0x00,
            0x00, 0x00, 0x05, 0x00, 0x00, 0x00,
        ];
        let link = entered(&[
            attribute(IFLA_IFNAME, b"eth0.101\0"),
            attribute(IFLA_LINK, &7u32.to_ne_bytes()),
            attribute(IFLA_LINKINFO, &info),
        ]);
        assert_eq!(
            (link.vlan, link.kind.as_deref(), link.up),
            (Some((7, 101)), Some("vlan"), true)
        );
    }

    #[test]
    fn a_datagram_of_several_messages_is_taken_apart() {
        let datagram = [
            message(libc::RTM_NEWLINK, NLM_F_DUMP_INTR, &ETHERNET_2),
            message(NLMSG_ERROR, 0, &[0xf0, 0xff, 0xff, 0xff]),
            message(NLMSG_ERROR, 0, &[0; 4]),
            message(NLMSG_DONE, 0, &[0; 4]),
            message(NLMSG_DONE, 0, &[0xfc, 0xff, 0xff, 0xff]),
            message(libc::RTM_NEWROUTE, 0, &[1, 2, 3]),
            message(libc::RTM_NEWADDR, 0, &[1, 2, 3]),
        ]
        .concat();
        let received: Vec<_> = messages(&datagram).collect();
        assert!(
            received
                .iter()
                .all(|message| (message.sequence, message.port) == (5, 6))
        );
        assert!(
            received[0].interrupted
                && matches!(
                    received[0].body,
                    Body::Route(RouteNetlinkMessage::NewLink(_))
                )
        );
        assert_eq!(received[1].body, Body::Refused(16));
        assert_eq!(received[2].body, Body::Other);
        assert_eq!(received[3].body, Body::Done(None));
        assert_eq!(received[4].body, Body::Done(Some(4)));
        assert_eq!(received[5].body, Body::Other);
        assert_eq!(received[6].body, Body::Other);
        assert_eq!(received.len(), 7);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            let mut links = Links::default();
            let all = [libc::RTM_NEWLINK, libc::RTM_DELLINK, libc::RTM_NEWADDR, libc::RTM_DELADDR, NLMSG_DONE];
            for message_type in all {
                let mut datagram = message(message_type, 0, &bytes);
                datagram.truncate(datagram.len().saturating_sub(cut));
                for received in messages(&datagram).chain(messages(&bytes)) {
                    if let Body::Route(message) = received.body {
                        links.apply(&message);
                    }
                }
            }
        }

        #[test]
        fn no_attributes_make_it_panic(values in prop::collection::vec(
            (0u16..70, prop::collection::vec(any::<u8>(), 0..24)), 0..12)) {
            let attributes: Vec<_> = values.iter().map(|(kind, value)| attribute(*kind, value)).collect();
            let named = [attributes, vec![attribute(IFLA_IFNAME, b"eth0\0")]].concat();
            entered(&named);
            let info = attribute(IFLA_LINKINFO, &named.concat());
            entered(&[attribute(IFLA_IFNAME, b"eth0\0"), info]);
        }
    }
}
