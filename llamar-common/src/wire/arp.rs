//! ARP for IPv4 over Ethernet (RFC 826): 28 bytes behind the Ethernet header.

/// Length of a packet.
pub const LENGTH: usize = 28;
/// Offset of the operation.
pub const OPERATION: usize = 6;
/// Offset of the sender's hardware address.
pub const SENDER_HARDWARE: usize = 8;
/// Offset of the sender's protocol address.
pub const SENDER_PROTOCOL: usize = 14;
/// Offset of the target's hardware address.
pub const TARGET_HARDWARE: usize = 18;
/// Offset of the target's protocol address.
pub const TARGET_PROTOCOL: usize = 24;

/// Hardware type 1, protocol 0x0800, address lengths 6 and 4: how every packet of this form begins.
pub const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Operation of a request.
pub const REQUEST: u16 = 1;
/// Operation of a reply.
pub const REPLY: u16 = 2;
