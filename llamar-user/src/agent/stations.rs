//! The hardware addresses of those who sent LLMNR messages on VLANs that have no interface here: no stack resolves
//! them for us.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use llamar_common::abi::LinkKey;
use llamar_common::wire::ethernet::Mac;

/// Stations that are remembered; an answer goes out within a tenth of a second of its query.
const STATIONS_MAX: usize = 512;

/// How a station is reached on its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its hardware address.
    pub mac: Mac,
    /// The tag of its last message: priority and VLAN id.
    pub tag: u16,
}

/// The stations heard last.
#[derive(Debug, Default)]
pub struct Stations {
    by_address: BTreeMap<(LinkKey, IpAddr), Station>,
    /// The same in the order in which they were first heard.
    order: VecDeque<(LinkKey, IpAddr)>,
}

impl Stations {
    /// Remembers who sent a message.
    pub fn heard(&mut self, link: LinkKey, address: IpAddr, station: Station) {
        if self.by_address.insert((link, address), station).is_none() {
            self.order.push_back((link, address));
        }
        if self.order.len() > STATIONS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_address.remove(&oldest);
        }
    }

    /// How a station is reached.
    pub fn station(&self, link: LinkKey, address: IpAddr) -> Option<Station> {
        self.by_address.get(&(link, address)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stations_heard_last_are_known_each_on_its_link() {
        let station = |last| Station {
            mac: [2, 0, 0, 0, 0, last],
            tag: 100,
        };
        let mut stations = Stations::default();
        let (one, other) = (LinkKey::new(2, 100), LinkKey::new(2, 200));
        let first = IpAddr::from([10, 0, 0, 1]);
        stations.heard(one, first, station(1));
        stations.heard(one, first, station(2));
        assert_eq!(stations.station(one, first), Some(station(2)));
        assert_eq!(stations.station(other, first), None);
        for host in 0..STATIONS_MAX as u32 {
            stations.heard(other, IpAddr::V4(host.into()), station(3));
        }
        assert_eq!(stations.station(one, first), None);
        assert_eq!(stations.by_address.len(), STATIONS_MAX);
        assert_eq!(stations.order.len(), STATIONS_MAX);
    }
}
