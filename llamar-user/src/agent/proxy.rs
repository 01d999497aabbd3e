//! Answers over AF_PACKET what only llamar can answer: ARP requests for proxied addresses, those that RFC 3927 wants
//! answered by broadcast, and everything on VLANs that have no interface here. The answers are those of
//! `llamar_common::respond`, as in the kernel; LLMNR messages that have none there go to the engine, whose own ones go
//! out here.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use llamar_common::abi::{
    ARP_DECLARED, ArpHost, ArpKey, Control, Host, Link, LinkKey, NameKey, Outcome, Sender,
};
use llamar_common::frame::SliceFrame;
use llamar_common::limit::Source;
use llamar_common::records::{Records, World};
use llamar_common::respond::respond;
use llamar_common::wire::{be16, ethernet, ip};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::stations::Stations;
use super::tagged;
use super::tap::{Received, Tap};
use crate::dns::Name;
use crate::llmnr::{Limiter, TICKS};
use crate::net::{arp_and_llmnr_filter, arp_filter};
use crate::state::{Desired, Served};

/// Room in front of a frame for an answer's growth: four AAAA records.
const HEADROOM: usize = 128;
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

/// When a frame came, and what limits the answers.
#[derive(Clone, Copy)]
pub struct Clock<'a> {
    /// The limiter.
    pub limiter: &'a Limiter,
    /// The time now.
    pub now: Instant,
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

/// The records for one frame.
struct AgentRecords<'a> {
    key: LinkKey,
    served: &'a Served,
    link: Link,
    vlan: u16,
    host: OnceCell<Host>,
    clock: Clock<'a>,
}

impl<'a> AgentRecords<'a> {
    /// The records for a frame received on an interface; `None` if it is left to the stack.
    fn new(desired: &'a Desired, device: u32, frame: &[u8], clock: Clock<'a>) -> Option<Self> {
        let header = frame.get(..ethernet::HEADER + ethernet::TAG)?;
        let ether_type = be16(header, ethernet::ETHER_TYPE);
        let (key, served, vlan) = if ether_type == ethernet::VLAN {
            let vlan = be16(header, ethernet::HEADER) & ethernet::VLAN_ID;
            let key = LinkKey::new(device, vlan);
            // A VLAN with an interface is seen there without its tag.
            let served = desired
                .links
                .get(&key)
                .filter(|served| served.device.is_none())?;
            (key, served, vlan)
        } else if ether_type == ethernet::ARP {
            let (key, served) = desired.link_of(device)?;
            (key, served, 0)
        } else {
            // LLMNR without a tag comes through the UDP sockets.
            return None;
        };
        Some(Self {
            key,
            served,
            link: served.link(key, TICKS),
            vlan,
            host: OnceCell::new(),
            clock,
        })
    }
}

impl AgentRecords<'_> {
    /// The frame that answers another, if any does, and what to count.
    fn answer(&self, frame: &[u8]) -> (Option<Vec<u8>>, Option<&'static str>) {
        let mut buffer = vec![0; HEADROOM];
        buffer.extend_from_slice(frame);
        let mut in_place = SliceFrame::new(&mut buffer, HEADROOM);
        let verdict = respond(&mut in_place, self);
        if verdict.reply {
            let answer = in_place.bytes().to_vec();
            return (Some(answer), verdict.outcome.map(Outcome::as_str));
        }
        match verdict.outcome {
            _ if verdict.drop => (None, verdict.outcome.map(Outcome::as_str)),
            // Of a host that claims an address of ours it is the watch that tells.
            _ => (None, None),
        }
    }
}

impl Records for AgentRecords<'_> {
    const WORLD: World = World::Agent;

    fn link(&self, vlan: u16) -> Option<(u32, &Link)> {
        (vlan == self.vlan && self.served.up).then_some((0, &self.link))
    }

    fn generation(&self, link: &Link) -> u32 {
        link.generation
    }

    fn settled(&self, _link: &Link, _key: LinkKey, _generation: u32) -> bool {
        true
    }

    fn host(&self, key: &NameKey) -> Option<&Host> {
        let label: Vec<u8> = key.label().collect();
        let name = Name::from_labels([label.as_slice()]).ok()?;
        let addresses = self.served.names.get(&name)?;
        Some(self.host.get_or_init(|| addresses.host()))
    }

    fn arp(&self, key: &ArpKey) -> Option<&ArpHost> {
        self.served.arp.get(&key.address)
    }

    fn control(&self) -> Option<&Control> {
        None
    }

    fn jiffies(&self) -> u64 {
        self.clock.limiter.ticks(self.clock.now)
    }

    fn sender(&self, _slot: u32) -> Option<Sender> {
        None
    }

    fn remember(&self, _slot: u32, _sender: Sender) {}

    fn bucket<T>(
        &self,
        link: LinkKey,
        source: Source,
        change: impl FnOnce(u64) -> (u64, T),
    ) -> Option<T> {
        Some(self.clock.limiter.bucket(link, source, change))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use llamar_common::abi::ARP_ASSIGNED;

    use super::*;

    fn served(device: Option<u32>, arp: &[([u8; 4], u16)]) -> Served {
        let mac = [2, 0, 0, 0, 0, 1];
        let host = |&(address, origin)| (address, ArpHost { mac, origin });
        Served {
            interface: "eth0".into(),
            device,
            mac,
            up: true,
            prefixes4: Vec::new(),
            prefixes6: Vec::new(),
            own: Vec::<IpAddr>::new().into(),
            ttl: 30,
            limit: llamar_common::limit::Rate::OFF,
            names: crate::state::Names::default(),
            arp: arp.iter().map(host).collect(),
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
    fn queries_on_a_vlan_without_an_interface_are_limited_too() {
        use llamar_common::abi::Prefix4;
        use llamar_common::limit::Rate;
        use llamar_common::testing::{A, FrameBuilder, Station};
        use rand::SeedableRng as _;

        use crate::state::{Addresses, Names};

        let mut addresses = Addresses::new([IpAddr::from([10, 0, 100, 1])], 30);
        addresses.state = llamar_common::abi::NameState::Unique;
        let names = [(Name::parse("casa").unwrap(), addresses)];
        let link = Served {
            prefixes4: vec![Prefix4 {
                network: [10, 0, 100, 0],
                mask: [255, 255, 255, 0],
                source: [10, 0, 100, 1],
            }],
            names: Names::new(names, Arc::default()),
            limit: Rate {
                per_second: 5,
                burst: 20,
            },
            ..served(None, &[])
        };
        let desired = Desired {
            links: BTreeMap::from([(LinkKey::new(2, 100), link)]),
            warnings: Vec::new(),
        };
        let limiter = Limiter::new(&mut rand::rngs::StdRng::seed_from_u64(1));
        let asker = Station::new([2, 0, 0, 0, 0, 9], [10, 0, 100, 9].map(u8::from));
        let query = FrameBuilder::llmnr(asker).vlan(100).question("casa", A);
        let (frame, start) = (query.build(), Instant::now());
        let mut answered = |seconds| {
            let clock = Clock {
                limiter: &limiter,
                now: start + std::time::Duration::from_secs(seconds),
            };
            let answer = |_: &u8| {
                let records = AgentRecords::new(&desired, 2, &frame, clock).unwrap();
                let (answer, outcome) = records.answer(&frame);
                let word = if answer.is_some() {
                    "llmnr-answered"
                } else {
                    "llmnr-limited"
                };
                assert_eq!(outcome, Some(word));
                answer.is_some()
            };
            (0..100).filter(answer).count()
        };
        assert_eq!([0, 1, 2, 10].map(&mut answered), [20, 5, 5, 20]);
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
