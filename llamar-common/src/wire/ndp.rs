//! Neighbor Discovery (RFC 4861 4.3, 4.4): what solicitations and advertisements look like behind an IPv6 header.

/// Next header number of ICMPv6 (RFC 4443).
pub const ICMPV6: u8 = 58;
/// Hop limit of every packet: nobody off the link can send one that has it (RFC 4861 3.1).
pub const HOP_LIMIT: u8 = 255;
/// Type of a Neighbor Solicitation.
pub const SOLICITATION: u8 = 135;
/// Type of a Neighbor Advertisement.
pub const ADVERTISEMENT: u8 = 136;
/// Type of an Echo Request (RFC 4443 4.1).
pub const ECHO_REQUEST: u8 = 128;
/// Type of an Echo Reply (RFC 4443 4.2).
pub const ECHO_REPLY: u8 = 129;

/// Length of a message without options: type, code, checksum, four bytes, target.
pub const LENGTH: usize = 24;
/// Offset of the code.
pub const CODE: usize = 1;
/// Offset of the checksum.
pub const CHECKSUM: usize = 2;
/// Offset of an advertisement's flags.
pub const FLAGS: usize = 4;
/// Offset of the target.
pub const TARGET: usize = 8;
/// Flag R: whoever sends it is a router.
pub const ROUTER: u8 = 0x80;
/// Flag S: it answers a solicitation.
pub const SOLICITED: u8 = 0x40;
/// Flag O: it replaces what is known.
pub const OVERRIDE: u8 = 0x20;

/// Unit of an option's length, in bytes.
pub const OPTION_UNIT: usize = 8;
/// Option: the sender's hardware address (RFC 4861 4.6.1).
pub const SOURCE_LINK_LAYER: u8 = 1;
/// Option: the target's hardware address (RFC 4861 4.6.1).
pub const TARGET_LINK_LAYER: u8 = 2;
/// Option: a nonce (RFC 3971 5.3.2, as RFC 7527 uses it).
pub const NONCE: u8 = 14;

/// All nodes on the link: ff02::1 (RFC 4291 2.7.1).
pub const ALL_NODES: [u8; 16] = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// What every solicited-node group begins with: ff02::1:ff00:0/104 (RFC 4291 2.7.1).
pub const SOLICITED_NODE: [u8; 13] = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff];

/// The solicited-node group of an address: ff02::1:ffXX:XXXX with its last 24 bits (RFC 4291 2.7.1).
#[inline(always)]
pub const fn solicited_node(address: [u8; 16]) -> [u8; 16] {
    let [.., a, b, c] = address;
    [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]
}
