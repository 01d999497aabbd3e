//! Answers over AF_PACKET what only llamar can answer: ARP requests for proxied addresses, those that RFC 3927 wants
//! answered by broadcast, and everything on VLANs that have no interface here. The answers are those of
//! `llamar_common::respond`, as in the kernel; LLMNR messages that have none there go to the engine, whose own ones go
//! out here.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use llamar_common::abi::{
    ARP_DECLARED, ArpHost, ArpKey, Control, Host, Link, LinkKey, NameKey, Outcome, Sender,
};
use llamar_common::frame::SliceFrame;
use llamar_common::records::{Records, World};
use llamar_common::respond::respond;
use llamar_common::wire::{be16, ethernet, ip, udp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use super::stations::Stations;
use super::tagged;
use crate::dns::Name;
use crate::net::{PacketSocket, arp_and_llmnr_filter, arp_filter};
use crate::state::{Desired, Served};

/// Largest frame that is looked at: the longest LLMNR message behind an Ethernet header, a tag, IPv6 and UDP.
const FRAME_MAX: usize =
    ethernet::HEADER + ethernet::TAG + ip::v6::HEADER + udp::HEADER + udp::LLMNR_MAX;
/// Room in front of a frame for an answer's growth: four AAAA records.
const HEADROOM: usize = 128;
/// Frames that wait for the agent; more are dropped, as a full socket would.
const WAITING_MAX: usize = 256;

/// A frame that a socket received.
pub struct Received {
    device: u32,
    frame: Vec<u8>,
}

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

/// What an interface's socket has to see.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Arp,
    /// There is a VLAN without an interface: nothing but this socket sees its queries.
    ArpAndLlmnr,
}

struct Proxy {
    socket: Arc<PacketSocket>,
    need: Need,
    reader: JoinHandle<()>,
}

impl Proxy {
    /// Whether the interface of the socket was deleted, be there another of its index by now. Receiving does not tell:
    /// it fails once, as when the interface goes down. Sending does, and no frame of no bytes is ever sent.
    fn is_lost(&self) -> bool {
        let refused = self.socket.send(&[]);
        self.reader.is_finished() || refused.is_err_and(|error| is_final(&error))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.reader.abort();
    }
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
        self.sockets
            .retain(|device, proxy| needed.get(device) == Some(&proxy.need) && !proxy.is_lost());
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
        match PacketSocket::open(device, &filter) {
            Ok(socket) => {
                let socket = Arc::new(socket);
                let reader = tokio::spawn(read(device, Arc::clone(&socket), self.sender.clone()));
                let proxy = Proxy {
                    socket,
                    need,
                    reader,
                };
                self.sockets.insert(device, proxy);
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
    pub fn answer<'f>(&mut self, desired: &Desired, received: &'f Received) -> Heard<'f> {
        let Some(proxy) = self.sockets.get(&received.device) else {
            return Heard::Nothing;
        };
        let frame = &received.frame;
        let Some(records) = AgentRecords::new(desired, received.device, frame) else {
            return Heard::Nothing;
        };
        let key = records.key;
        let (answer, outcome) = records.answer(frame);
        if let Some(answer) = answer
            && let Err(error) = proxy.socket.send(&answer)
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
        proxy.socket.send(&frame).map(drop)
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

async fn read(device: u32, socket: Arc<PacketSocket>, sender: mpsc::Sender<Received>) {
    let mut buffer = vec![0; FRAME_MAX];
    loop {
        match socket.recv(&mut buffer).await {
            Ok(received) => {
                let Some(frame) = buffer.get(..received.length) else {
                    continue;
                };
                // A full channel drops the frame: whoever asked will ask again.
                let _ = sender.try_send(Received {
                    device,
                    frame: frame.to_vec(),
                });
            }
            Err(error) if is_final(&error) => {
                debug!(
                    "packet socket of interface {device}: {error}; opened anew at the next pass"
                );
                return;
            }
            Err(error) => {
                debug!("receive on the packet socket of interface {device}: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// Whether a socket has lost its interface; one that only went down comes back.
fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
}

/// The records for one frame.
struct AgentRecords<'a> {
    key: LinkKey,
    served: &'a Served,
    link: Link,
    vlan: u16,
    host: OnceCell<Host>,
}

impl<'a> AgentRecords<'a> {
    /// The records for a frame received on an interface; `None` if it is left to the stack.
    fn new(desired: &'a Desired, device: u32, frame: &[u8]) -> Option<Self> {
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
            link: served.link(key),
            vlan,
            host: OnceCell::new(),
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
            // A host that claims an address of ours gets no answer, but is to be seen.
            Some(Outcome::ArpConflict) => (None, Some(Outcome::ArpConflict.as_str())),
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
        0
    }

    fn sender(&self, _slot: u32) -> Option<Sender> {
        None
    }

    fn remember(&self, _slot: u32, _sender: Sender) {}
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

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
    fn a_link_that_is_down_needs_nothing() {
        let link = Served {
            up: false,
            ..served(None, &[([192, 0, 2, 9], ARP_DECLARED)])
        };
        assert!(need(LinkKey::new(2, 100), &link).is_none());
    }

    #[test]
    fn only_a_lost_interface_ends_a_socket() {
        let ends = |number| is_final(&io::Error::from_raw_os_error(number));
        assert!(ends(libc::ENODEV) && ends(libc::ENXIO));
        assert!(!ends(libc::ENETDOWN) && !ends(libc::ENOBUFS));
    }
}
