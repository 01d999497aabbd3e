//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers without options or extension headers.

use network_types::ip::IpProto;

/// Protocol number of UDP.
pub const UDP: u8 = IpProto::Udp as u8;
/// TTL and hop limit of every LLMNR packet (RFC 4795 2.5).
pub const LIFETIME: u8 = 255;

/// IPv4.
pub mod v4 {
    use network_types::ip::Ipv4Hdr;

    /// Length of a header without options.
    pub const HEADER: usize = Ipv4Hdr::LEN;
    /// First byte of a header without options: version 4, five words.
    pub const VERSION_IHL: u8 = 0x45;
    /// Offset of the total length.
    pub const TOTAL_LENGTH: usize = 2;
    /// Offset of the flags and the fragment offset.
    pub const FRAGMENT: usize = 6;
    /// Flag: do not fragment.
    pub const DONT_FRAGMENT: u16 = 0x4000;
    /// Offset of the TTL.
    pub const TTL: usize = 8;
    /// Offset of the protocol.
    pub const PROTOCOL: usize = 9;
    /// Offset of the header's checksum.
    pub const CHECKSUM: usize = 10;
    /// Offset of the source address.
    pub const SOURCE: usize = 12;
    /// Offset of the destination address.
    pub const DESTINATION: usize = 16;
    /// The group of LLMNR (RFC 4795 2).
    pub const LLMNR: [u8; 4] = [224, 0, 0, 252];
    /// The group of mDNS (RFC 6762 3).
    pub const MDNS: [u8; 4] = [224, 0, 0, 251];

    /// Whether an address is link-local (RFC 3927).
    #[inline(always)]
    pub const fn is_link_local(address: [u8; 4]) -> bool {
        address[0] == 169 && address[1] == 254
    }
}

/// IPv6.
pub mod v6 {
    use network_types::ip::Ipv6Hdr;

    /// Length of a header.
    pub const HEADER: usize = Ipv6Hdr::LEN;
    /// Offset of the payload length.
    pub const PAYLOAD_LENGTH: usize = 4;
    /// Offset of the next header's number.
    pub const NEXT_HEADER: usize = 6;
    /// Offset of the hop limit.
    pub const HOP_LIMIT: usize = 7;
    /// Offset of the source address.
    pub const SOURCE: usize = 8;
    /// Offset of the destination address.
    pub const DESTINATION: usize = 24;
    /// The group of LLMNR: ff02::1:3 (RFC 4795 2).
    pub const LLMNR: [u8; 16] = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3];
    /// The group of mDNS: ff02::fb (RFC 6762 3).
    pub const MDNS: [u8; 16] = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb];

    /// Whether an address is a link-local unicast one (RFC 4291 2.5.6).
    #[inline(always)]
    pub const fn is_link_local(address: [u8; 16]) -> bool {
        address[0] == 0xfe && address[1] & 0xc0 == 0x80
    }
}
