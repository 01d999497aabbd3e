//! What the hosts of a scene hold, and addresses, names and messages to speak of.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use llamar_common::abi::{LinkKey, NameState};

use crate::dns::{Header, Name};
use crate::llmnr::responder::{Found, Owner, Zone};

pub const A: u16 = 1;
pub const PTR: u16 = 12;
pub const ANY: u16 = 255;
pub const C: u16 = 0x0400;
pub const T: u16 = 0x0100;

/// The first interface of a host, and others.
pub const ETH: LinkKey = LinkKey::new(1, 0);
pub const WLAN: LinkKey = LinkKey::new(2, 0);

pub fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn v4(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, last).into()
}

pub fn v6(last: u16) -> IpAddr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last).into()
}

/// The group of an address's family.
pub fn group(of: IpAddr) -> SocketAddr {
    let group = if of.is_ipv4() {
        "224.0.0.252"
    } else {
        "ff02::1:3"
    };
    SocketAddr::new(group.parse().unwrap(), 5355)
}

/// A message that is a header and a question.
pub fn message(id: u16, flags: u16, name: &Name, kind: u16) -> Vec<u8> {
    let header = Header {
        id,
        flags,
        questions: 1,
        answers: 0,
        authorities: 0,
        additionals: 0,
    };
    let mut message = header.bytes().to_vec();
    message.extend_from_slice(name.wire());
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&1_u16.to_be_bytes());
    message
}

/// The flags of a message.
pub fn flags(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[2], message[3]])
}

/// Names that all have the host's addresses, as the agent would have it that knows nothing of the engine: unique. The
/// link's IPv4 prefix is 10/8.
#[derive(Clone, Debug, Default)]
pub struct TestZone {
    pub names: BTreeMap<Name, NameState>,
    pub a: Vec<Ipv4Addr>,
    pub aaaa: Vec<Ipv6Addr>,
}

impl Zone for TestZone {
    fn find(&self, name: &Name) -> Option<Found<'_>> {
        let state = *self.names.get(name)?;
        Some(Found {
            a: &self.a,
            aaaa: &self.aaaa,
            ttl: 30,
            state,
        })
    }

    fn names_of(&self, address: IpAddr) -> Option<Vec<Owner<'_>>> {
        let owner = |(name, state): (_, &NameState)| Owner {
            name,
            ttl: 30,
            state: *state,
        };
        self.is_own(address)
            .then(|| self.names.iter().map(owner).collect())
    }

    fn is_own(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.a.contains(&address),
            IpAddr::V6(address) => self.aaaa.contains(&address),
        }
    }

    fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
        let source = match asker {
            IpAddr::V4(asker) if !matches!(asker.octets()[0], 9 | 10) => return None,
            IpAddr::V4(_) => IpAddr::V4(*self.a.first()?),
            IpAddr::V6(_) => IpAddr::V6(*self.aaaa.first()?),
        };
        (source != asker).then_some(source)
    }
}
