//! What tests and fuzzers of the answering logic share: readable frames, the replies that are expected to them,
//! and the maps' content in memory. Nothing here uses the code under test to write or to sum a packet.

mod arp;
mod clock;
mod mend;
mod query;
mod reply;
mod sum;
mod tables;

pub use self::arp::Arp;
pub use self::clock::{Flying, pass};
pub use self::mend::{complete_checksum, mend};
pub use self::query::{Checksum, FrameBuilder, Query, wire_name};
pub use self::reply::Reply;
pub use self::sum::{checksum, pseudo_header};
pub use self::tables::{FOREVER, SEEDS_FIXED, Tables, host};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::vec::Vec;

/// A hardware address.
pub type Mac = [u8; 6];
/// The Ethernet broadcast address.
pub const BROADCAST: Mac = [0xff; 6];
/// LLMNR's port (RFC 4795 2).
pub const LLMNR_PORT: u16 = 5355;
/// LLMNR's group over IPv4.
pub const LLMNR_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 252);
/// LLMNR's group over IPv6.
pub const LLMNR_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 3);
/// mDNS's port (RFC 6762 3).
pub const MDNS_PORT: u16 = 5353;
/// mDNS's group over IPv4.
pub const MDNS_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
/// mDNS's group over IPv6.
pub const MDNS_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// Type A.
pub const A: u16 = 1;
/// Type SOA.
pub const SOA: u16 = 6;
/// Type AAAA.
pub const AAAA: u16 = 28;

/// A station: its hardware address and the address from which it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its hardware address.
    pub mac: Mac,
    /// The address from which it sends.
    pub ip: IpAddr,
}

impl Station {
    /// A station that sends from an address.
    pub fn new(mac: Mac, ip: impl Into<IpAddr>) -> Self {
        Self { mac, ip: ip.into() }
    }

    /// Its IPv4 address.
    ///
    /// # Panics
    /// If it has an IPv6 one.
    #[track_caller]
    pub fn v4(self) -> Ipv4Addr {
        match self.ip {
            IpAddr::V4(ip) => ip,
            IpAddr::V6(ip) => panic!("{ip} does not speak ARP"),
        }
    }
}

/// Reports that a test cannot run here. For one that lacks a right, a peer or a capture.
///
/// # Panics
/// Where `LLAMAR_TESTS=require` wants every test to run.
#[track_caller]
pub fn skip(reason: &str) {
    assert!(
        std::env::var_os("LLAMAR_TESTS").is_none_or(|value| value != "require"),
        "must not be skipped: {reason}"
    );
    std::println!("skipped: {reason}");
}

/// An Ethernet header with its tags: type and control word of each, outermost first.
fn ethernet(to: Mac, from: Mac, tags: &[(u16, u16)], ether_type: u16) -> Vec<u8> {
    let mut frame = Vec::from(to);
    frame.extend(from);
    for (kind, control) in tags {
        frame.extend(kind.to_be_bytes());
        frame.extend(control.to_be_bytes());
    }
    frame.extend(ether_type.to_be_bytes());
    frame
}
