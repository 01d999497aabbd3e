//! Answers over AF_PACKET what only llamar can answer: ARP requests for proxied addresses, those that RFC 3927 wants
//! answered by broadcast, and everything on VLANs that have no interface here. The answers are those of
//! `llamar_common::respond`, as in the kernel; LLMNR messages that have none there go to the engine, whose own ones go
//! out here.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};

use llamar_common::abi::{ARP_DECLARED, ArpHost, LinkKey};
use llamar_common::wire::{ethernet, ip};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use self::records::AgentRecords;
pub use self::records::Clock;
use super::stations::Stations;
use super::tagged;
use super::tap::{Received, Tap};
use crate::net::{arp_and_llmnr_filter, arp_filter};
use crate::state::{Desired, Served};

mod records;

/// Frames that wait for the agent; more are dropped, as a full socket would.
const WAITING_MAX: usize = 256;

/// What a frame was.
pub enum Heard<'f> {
    /// Nothing for us.
    Nothing,
    /// It was answered or needs no answer; to be counted on a link.
    Settled(LinkKey, &'static str),
    /// An LLMNR message on a VLAN that has no interface here.
    Message(LinkKey, tagged::Datagram<'f>),
}

/// The packet sockets, one for each interface that needs one.
pub struct Proxies {
    sockets: BTreeMap<u32, Proxy>,
    stations: Stations,
    failed: BTreeSet<u32>,
    sender: mpsc::Sender<Received>,
    receiver: mpsc::Receiver<Received>,
}

struct Proxy {
    tap: Tap,
    need: Need,
}

/// What an interface's socket has to see.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Arp,
    /// There is a VLAN without an interface: nothing but this socket sees its queries.
    ArpAndLlmnr,
}

impl Proxies {
    /// No sockets yet.
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self {
            sockets: BTreeMap::new(),
            stations: Stations::default(),
            failed: BTreeSet::new(),
            sender,
            receiver,
        }
    }

    /// Opens the sockets that are needed and closes the others. `again` tries once more what failed before.
    pub fn follow(&mut self, desired: &Desired, again: bool) {
        if again {
            self.failed.clear();
        }
        let mut needed: BTreeMap<u32, Need> = BTreeMap::new();
        for (device, need) in desired.links.iter().filter_map(needs) {
            let most = needed.entry(device).or_insert(need);
            *most = need.max(*most);
        }
        self.sockets.retain(|device, proxy| {
            needed.get(device) == Some(&proxy.need) && !proxy.tap.is_lost()
        });
        self.failed.retain(|device| needed.contains_key(device));
        for (device, need) in needed {
            if !self.sockets.contains_key(&device) && !self.failed.contains(&device) {
                self.open(device, need);
            }
        }
    }

    fn open(&mut self, device: u32, need: Need) {
        let filter = match need {
            Need::Arp => arp_filter(),
            Need::ArpAndLlmnr => arp_and_llmnr_filter(),
        };
        match Tap::open(device, &filter, self.sender.clone()) {
            Ok(tap) => {
                self.sockets.insert(device, Proxy { tap, need });
            }
            Err(error) => {
                self.failed.insert(device);
                warn!(
                    "{error}; what the agent would answer over it stays unanswered from here; tried again within a minute"
                );
            }
        }
    }

    /// The next frame that may have to be answered. Cancelling loses none.
    pub async fn receive(&mut self) -> Received {
        match self.receiver.recv().await {
            Some(received) => received,
            // The sender above keeps the channel open.
            None => std::future::pending().await,
        }
    }

    /// Answers a frame if `llamar_common::respond` has an answer for it.
    pub fn answer<'f>(
        &mut self,
        desired: &Desired,
        received: &'f Received,
        clock: Clock<'_>,
    ) -> Heard<'f> {
        let Some(proxy) = self.sockets.get(&received.device) else {
            return Heard::Nothing;
        };
        let frame = &received.frame;
        let Some(records) = AgentRecords::new(desired, received.device, frame, clock) else {
            return Heard::Nothing;
        };
        let key = records.key;
        let (answer, outcome) = records.answer(frame);
        if let Some(answer) = answer
            && let Err(error) = proxy.tap.send(&answer)
        {
            let device = received.device;
            debug!("answer over the packet socket of interface {device}: {error}");
            return Heard::Nothing;
        }
        if let Some(outcome) = outcome {
            return Heard::Settled(key, outcome);
        }
        match tagged::Datagram::read(frame).filter(|_| records.vlan != 0) {
            Some(datagram) => {
                let sender = datagram.from.ip();
                self.stations.heard(key, sender, datagram.station);
                Heard::Message(key, datagram)
            }
            None => Heard::Nothing,
        }
    }

    /// Sends a message on a VLAN that has no interface here.
    pub fn send(
        &self,
        key: LinkKey,
        served: &Served,
        source: IpAddr,
        to: SocketAddr,
        message: &[u8],
    ) -> io::Result<()> {
        let station = if to.ip().is_multicast() {
            Some(tagged::group(to.ip(), key.vlan))
        } else {
            self.stations.station(key, to.ip())
        };
        let lost = || io::Error::from(io::ErrorKind::HostUnreachable);
        let station = station.ok_or_else(lost)?;
        let proxy = self.sockets.get(&key.ifindex).ok_or_else(lost)?;
        let frame = tagged::frame(served, station, source, to, message);
        proxy.tap.send(&frame).map(drop)
    }

    /// The hardware address of a station that was heard on a VLAN that has no interface here.
    pub fn mac(&self, key: LinkKey, address: IpAddr) -> Option<ethernet::Mac> {
        Some(self.stations.station(key, address)?.mac)
    }
}

/// The interface that needs a packet socket for a link, if it does.
fn needs((key, served): (&LinkKey, &Served)) -> Option<(u32, Need)> {
    if !served.up {
        return None;
    }
    let Some(device) = served.device else {
        return Some((key.ifindex, Need::ArpAndLlmnr));
    };
    let ours_alone = |(address, host): (&[u8; 4], &ArpHost)| {
        host.origin == ARP_DECLARED || ip::v4::is_link_local(*address)
    };
    served
        .arp
        .iter()
        .any(ours_alone)
        .then_some((device, Need::Arp))
}

#[cfg(test)]
mod tests {
    use llamar_common::abi::ARP_ASSIGNED;

    use super::*;

    fn served(device: Option<u32>, arp: &[([u8; 4], u16)]) -> Served {
        let mac = [2, 0, 0, 0, 0, 1];
        let host = |&(address, origin)| (address, ArpHost { mac, origin });
        Served {
            mac,
            arp: arp.iter().map(host).collect(),
            ..Served::bare(device)
        }
    }

    fn need(key: LinkKey, served: &Served) -> Option<(u32, Need)> {
        needs((&key, served))
    }

    #[test]
    fn assigned_addresses_are_the_stacks_to_answer_for() {
        let link = served(Some(2), &[([192, 0, 2, 1], ARP_ASSIGNED)]);
        assert!(need(LinkKey::new(2, 0), &link).is_none());
        assert!(need(LinkKey::new(2, 0), &served(Some(2), &[])).is_none());
    }

    #[test]
    fn proxied_and_link_local_addresses_need_arp() {
        for host in [
            ([192, 0, 2, 9], ARP_DECLARED),
            ([169, 254, 3, 4], ARP_ASSIGNED),
        ] {
            let link = served(Some(2), &[([192, 0, 2, 1], ARP_ASSIGNED), host]);
            assert!(need(LinkKey::new(2, 0), &link) == Some((2, Need::Arp)));
        }
    }

    #[test]
    fn a_vlan_interface_is_where_its_socket_is() {
        let link = served(Some(7), &[([192, 0, 2, 9], ARP_DECLARED)]);
        assert!(need(LinkKey::new(2, 100), &link) == Some((7, Need::Arp)));
    }

    #[test]
    fn a_vlan_without_an_interface_needs_everything_on_its_parent() {
        let link = served(None, &[]);
        assert!(need(LinkKey::new(2, 100), &link) == Some((2, Need::ArpAndLlmnr)));
    }

    #[test]
    fn a_link_that_is_down_needs_nothing() {
        let link = Served {
            up: false,
            ..served(None, &[([192, 0, 2, 9], ARP_DECLARED)])
        };
        assert!(need(LinkKey::new(2, 100), &link).is_none());
    }
}
