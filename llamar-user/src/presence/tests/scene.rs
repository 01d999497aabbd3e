//! A host with one link, and what it says there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use llamar_common::abi::LinkKey;
use llamar_common::wire::ndp::{ALL_NODES, solicited_node};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::arp::{self, Station};
use crate::config::{OnAddressConflict, Presence};
use crate::ether::{Frame, MacAddr};
use crate::ndp::{self, Advertisement, Message, Solicitation};
use crate::presence::{Engine, Event, Heard, Origin, Outcome, Sent, Wanted};

/// What is sent for an address that was not ours and is free.
pub const PROBED_AND_ANNOUNCED: [Sent; 5] = [
    Sent::ArpProbe,
    Sent::ArpProbe,
    Sent::ArpProbe,
    Sent::ArpAnnouncement,
    Sent::ArpAnnouncement,
];
pub const KEY: LinkKey = LinkKey::new(2, 0);
pub const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
/// Another interface of this host.
pub const SECOND: MacAddr = MacAddr([2, 0, 0, 0, 0, 7]);
pub const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
pub const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 7, 1));
pub const SIX: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));

/// What was sent, and how many milliseconds after the start.
pub type Said = (u64, Sent, IpAddr);

pub struct Scene {
    pub engine: Engine,
    pub start: Instant,
    pub now: Instant,
    pub wanted: Wanted,
    /// Everything that was sent, as it was.
    pub frames: Vec<Vec<u8>>,
}

pub fn wanted(addresses: &[(IpAddr, Origin)]) -> Wanted {
    Wanted {
        device: 2,
        tag: None,
        mac: MAC,
        up: true,
        router: false,
        presence: Presence::default(),
        addresses: addresses.iter().copied().collect(),
    }
}

pub fn policy(on_conflict: OnAddressConflict) -> Presence {
    Presence {
        on_conflict,
        ..Presence::default()
    }
}

impl Scene {
    pub fn new(wanted: Wanted) -> Self {
        Self::after(wanted, &BTreeSet::new())
    }

    pub fn after(wanted: Wanted, inherited: &BTreeSet<LinkKey>) -> Self {
        let now = Instant::now();
        let mut scene = Self {
            engine: Engine::new(StdRng::seed_from_u64(7)),
            start: now,
            now,
            wanted,
            frames: Vec::new(),
        };
        scene.follow_after(inherited);
        scene
    }

    /// One that has said everything that it had to say of these addresses of its own.
    pub fn settled(presence: Presence, addresses: &[IpAddr]) -> Self {
        let own: Vec<_> = addresses.iter().map(|a| (*a, Origin::Assigned)).collect();
        let mut scene = Self::new(Wanted {
            presence,
            ..wanted(&own)
        });
        scene.run(9_000);
        scene
    }

    pub fn follow(&mut self) {
        self.follow_after(&BTreeSet::new());
    }

    fn follow_after(&mut self, inherited: &BTreeSet<LinkKey>) {
        let wanted = BTreeMap::from([(KEY, self.wanted.clone())]);
        let own = BTreeSet::from([MAC, SECOND]);
        self.engine.follow(self.now, wanted, own, inherited);
    }

    /// Changes what is wanted.
    pub fn change(&mut self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.wanted);
        self.follow();
    }

    /// Goes on for so many milliseconds, deadline by deadline; what was sent.
    pub fn run(&mut self, millis: u64) -> Vec<Said> {
        let end = self.now + Duration::from_millis(millis);
        let mut said = self.said();
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) {
            assert!(
                due >= self.now || said.is_empty(),
                "a deadline that has passed"
            );
            self.now = self.now.max(due);
            self.engine.handle_timeout(self.now);
            let new = self.said();
            said.extend(new);
        }
        self.now = end;
        said
    }

    /// What is to be sent now.
    pub fn said(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        while let Some(transmit) = self.engine.poll_transmit() {
            assert_eq!((transmit.key, transmit.device), (KEY, 2));
            let at = self.now.duration_since(self.start).as_millis() as u64;
            said.push((at, transmit.sent, address_of(&transmit.frame)));
            self.frames.push(transmit.frame);
        }
        said
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.engine.poll_event()).collect()
    }

    /// What became of the conflicts since this was asked last.
    pub fn outcomes(&mut self) -> Vec<Outcome> {
        let outcome = |event| match event {
            Event::Conflict { outcome, .. } => Some(outcome),
            _ => None,
        };
        self.events().into_iter().filter_map(outcome).collect()
    }

    pub fn hear(&mut self, frame: &[u8]) -> Option<Heard> {
        let heard = self.engine.handle_frame(self.now, 2, frame);
        assert!(heard.is_none_or(|(key, _)| key == KEY));
        heard.map(|(_, heard)| heard)
    }

    /// The other host announces an address as its own.
    pub fn contest(&mut self, address: IpAddr) -> Option<Heard> {
        self.hear(&announcement(OTHER, address))
    }

    pub fn withdrawn(&self) -> Vec<IpAddr> {
        self.engine.withdrawn(KEY).map(IpAddr::V4).collect()
    }
}

/// The address of which a frame of ours tells, or for which it asks.
fn address_of(frame: &[u8]) -> IpAddr {
    let frame = Frame::read(frame).unwrap();
    match arp::Packet::read(frame.payload) {
        Ok(packet) => packet.target.ip.into(),
        Err(_) => match ndp::Packet::read(frame.payload).unwrap().message {
            Message::Advertisement(advertisement) => advertisement.target.into(),
            Message::Solicitation(solicitation) => solicitation.target.into(),
        },
    }
}

/// An announcement of an address by a host.
pub fn announcement(mac: MacAddr, address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(ip) => {
            let packet = arp::Packet::announcement(Station { mac, ip });
            packet.to_frame(mac, MacAddr::BROADCAST, None)
        }
        IpAddr::V6(target) => {
            let packet = ndp::Packet {
                source: target,
                destination: ALL_NODES.into(),
                message: Message::Advertisement(Advertisement {
                    target,
                    router: false,
                    solicited: false,
                    overriding: true,
                    target_mac: Some(mac),
                }),
            };
            packet.to_frame(mac, packet.group().unwrap(), None)
        }
    }
}

/// A probe for an address by a host.
pub fn probe(mac: MacAddr, address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(ip) => arp::Packet::probe(mac, ip).to_frame(mac, MacAddr::BROADCAST, None),
        IpAddr::V6(target) => {
            let packet = ndp::Packet {
                source: Ipv6Addr::UNSPECIFIED,
                destination: solicited_node(target.octets()).into(),
                message: Message::Solicitation(Solicitation {
                    target,
                    source_mac: None,
                    nonce: None,
                }),
            };
            packet.to_frame(mac, packet.group().unwrap(), None)
        }
    }
}
