//! Reports of group membership (MLDv2, RFC 3810 5.2) for links where the kernel makes none: VLANs without an interface.

use std::net::Ipv6Addr;

use llamar_common::wire::ip::v6;
use llamar_common::wire::ndp::ICMPV6;
use llamar_common::wire::put;

use super::Port;
use super::datagram::{self, group_mac};

/// Type of a report (RFC 3810 5.2).
const REPORT: u8 = 143;
/// Record type CHANGE_TO_EXCLUDE_MODE: everything to the group is wanted from now on (RFC 3810 5.2.12).
const EXCLUDE: u8 = 4;
/// Hop limit of a report.
const HOP_LIMIT: u8 = 1;
/// All routers that follow memberships, and switches that listen in on them: ff02::16 (RFC 3810 5.2.14).
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// Hop-by-hop options: ICMPv6 follows, router alert for MLD (RFC 2711 2.1), padding.
const ROUTER_ALERT: [u8; 8] = [ICMPV6, 0, 5, 2, 0, 0, 1, 0];
/// Bytes of a report before its records.
const HEADER: usize = 8;
/// Bytes of a record without sources.
const RECORD: usize = 20;
/// Groups of one report; more would not fit into a packet of the least MTU, 1280 bytes (RFC 8200 5).
const GROUPS_MAX: usize = (1280 - v6::HEADER - ROUTER_ALERT.len() - HEADER) / RECORD;

/// The frame by which a port joins groups, 61 at most.
// RFC 4862 5.4.2, RFC 3810 5.2.13: D7. From `::`, for there is no address yet.
pub fn joining(port: &Port, groups: &[Ipv6Addr]) -> Vec<u8> {
    let groups = groups.get(..GROUPS_MAX).unwrap_or(groups);
    let mut message = vec![0; HEADER];
    message[0] = REPORT;
    // 61 at most.
    put(
        &mut message,
        HEADER - 2,
        (groups.len() as u16).to_be_bytes(),
    );
    for group in groups {
        message.extend([EXCLUDE, 0, 0, 0]);
        message.extend(group.octets());
    }
    let mut packet = datagram::packet(Ipv6Addr::UNSPECIFIED, ROUTERS, message);
    // The checksum is not of the hop-by-hop options (RFC 8200 8.1).
    packet.splice(v6::HEADER..v6::HEADER, ROUTER_ALERT);
    let length = (packet.len() - v6::HEADER) as u16;
    put(&mut packet, v6::PAYLOAD_LENGTH, length.to_be_bytes());
    packet[v6::NEXT_HEADER] = 0;
    packet[v6::HOP_LIMIT] = HOP_LIMIT;
    datagram::frame(port.mac, group_mac(ROUTERS), port.tag, &packet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ether::{MacAddr, Tag};

    const PORT: Port = Port {
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        tag: Some(Tag::vlan(7)),
    };

    // RFC 4862 5.4.2: D7. What the kernel sends for ff02::1:ff12:3456, but for the tag; its checksum is tshark's to judge.
    #[test]
    fn a_report_is_as_the_kernel_makes_it() {
        let group = "ff02::1:ff12:3456".parse().unwrap();
        let frame = joining(&PORT, &[group]);
        let mut expected = b"\x33\x33\0\0\0\x16\x02\0\0\0\0\x01\x81\0\0\x07\x86\xdd".to_vec();
        expected.extend(b"\x60\0\0\0\0\x24\0\x01");
        expected.extend([0; 16]);
        expected.extend(b"\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x16");
        expected.extend(b"\x3a\0\x05\x02\0\0\x01\0");
        expected.extend(b"\x8f\0\0\0\0\0\0\x01\x04\0\0\0");
        expected.extend(b"\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\x12\x34\x56");
        let mut bare = frame.clone();
        let checksum = 18 + 40 + 8 + 2;
        bare[checksum..checksum + 2].fill(0);
        assert_eq!(bare, expected);
        assert_ne!(frame, expected);
    }

    #[test]
    fn more_groups_than_fit_are_left_out() {
        let groups = [ROUTERS; 100];
        assert_eq!(joining(&PORT, &groups).len(), 18 + 40 + 16 + 61 * 20);
    }
}
