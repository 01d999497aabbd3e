//! Hardware addresses that several routers share: whoever has one is not a single station.

use std::fmt;

use crate::ether::MacAddr;

/// A group of routers by its virtual hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fellow {
    /// VRRP, or CARP, which has the same addresses (RFC 9568 7.3).
    Vrrp(u8),
    /// HSRP of either version.
    Hsrp(u16),
    /// GLBP: a group, whose members answer for its address in turn.
    Glbp(u16),
}

impl Fellow {
    /// The group that has this address.
    pub const fn of(mac: MacAddr) -> Option<Self> {
        match mac.0 {
            // RFC 9568 7.3: IPv4 and IPv6.
            [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, group] => Some(Self::Vrrp(group)),
            // RFC 2281 5.3, and what Cisco documents of its second version, for IPv4 and IPv6.
            [0x00, 0x00, 0x0c, 0x07, 0xac, group] => Some(Self::Hsrp(group as u16)),
            [0x00, 0x00, 0x0c, 0x9f, high @ 0xf0..=0xff, group]
            | [0x00, 0x05, 0x73, 0xa0, high @ 0x00..=0x0f, group] => {
                Some(Self::Hsrp((high as u16 & 0x0f) << 8 | group as u16))
            }
            // The last byte is that of the forwarder within the group.
            [0x00, 0x07, 0xb4, high @ 0x00..=0x03, group, _] => {
                Some(Self::Glbp((high as u16) << 8 | group as u16))
            }
            _ => None,
        }
    }

    /// Whether two addresses are those of one group that shares its load: each answers for the group.
    pub fn share(one: MacAddr, other: MacAddr) -> bool {
        match (Self::of(one), Self::of(other)) {
            (Some(Self::Glbp(one)), Some(Self::Glbp(other))) => one == other,
            _ => false,
        }
    }
}

impl fmt::Display for Fellow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vrrp(group) => write!(f, "VRRP {group}"),
            Self::Hsrp(group) => write!(f, "HSRP {group}"),
            Self::Glbp(group) => write!(f, "GLBP {group}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_routers_are_known_by_their_addresses() {
        for (mac, shown) in [
            ("00:00:5e:00:01:05", "VRRP 5"),
            ("00:00:5e:00:02:ff", "VRRP 255"),
            ("00:00:0c:07:ac:0a", "HSRP 10"),
            ("00:00:0c:9f:f1:02", "HSRP 258"),
            ("00:05:73:a0:0f:ff", "HSRP 4095"),
            ("00:07:b4:01:02:01", "GLBP 258"),
        ] {
            let fellow = Fellow::of(mac.parse().unwrap()).unwrap();
            assert_eq!(fellow.to_string(), shown);
        }
        for mac in [
            "00:00:5e:00:03:05",
            "00:00:0c:9f:e0:01",
            "00:07:b4:04:00:01",
        ] {
            assert_eq!(Fellow::of(mac.parse().unwrap()), None);
        }
        let mac = |text: &str| text.parse::<MacAddr>().unwrap();
        assert!(Fellow::share(
            mac("00:07:b4:00:01:01"),
            mac("00:07:b4:00:01:02")
        ));
        assert!(!Fellow::share(
            mac("00:07:b4:00:01:01"),
            mac("00:07:b4:00:02:02")
        ));
        assert!(!Fellow::share(
            mac("00:00:5e:00:01:05"),
            mac("00:00:5e:00:01:05")
        ));
    }
}
