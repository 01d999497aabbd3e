//! UDP headers (RFC 768).

use network_types::udp::UdpHdr;

/// Length of a header.
pub const HEADER: usize = UdpHdr::LEN;
/// Offset of the source port.
pub const SOURCE: usize = 0;
/// Offset of the destination port.
pub const DESTINATION: usize = 2;
/// Offset of the length of header and data.
pub const LENGTH: usize = 4;
/// Offset of the checksum.
pub const CHECKSUM: usize = 6;
/// The port of LLMNR (RFC 4795 2).
pub const LLMNR: u16 = 5355;
/// The port of mDNS (RFC 6762 3).
pub const MDNS: u16 = 5353;
/// Longest LLMNR message in bytes (RFC 4795 2.1).
pub const LLMNR_MAX: usize = 9194;
