//! What the agent answers frames from: the records of one link, as `llamar_common::respond` looks them up, whose answers are
//! then those of the kernel.

use std::cell::OnceCell;
use std::time::Instant;

use llamar_common::abi::{ArpHost, ArpKey, Control, Host, Link, LinkKey, NameKey, Outcome, Sender};
use llamar_common::frame::SliceFrame;
use llamar_common::limit::Source;
use llamar_common::records::{Records, World};
use llamar_common::respond::respond;
use llamar_common::wire::{be16, ethernet};

use crate::dns::Name;
use crate::llmnr::{Limiter, TICKS};
use crate::state::{Desired, Served};

/// Room in front of a frame for an answer's growth: four AAAA records.
const HEADROOM: usize = 128;
/// When a frame came, and what limits the answers.
#[derive(Clone, Copy)]
pub struct Clock<'a> {
    /// The limiter.
    pub limiter: &'a Limiter,
    /// The time now.
    pub now: Instant,
}

/// The records for one frame.
pub(super) struct AgentRecords<'a> {
    /// The link that the frame came by.
    pub(super) key: LinkKey,
    served: &'a Served,
    link: Link,
    /// Its VLAN, 0 for none.
    pub(super) vlan: u16,
    host: OnceCell<Host>,
    clock: Clock<'a>,
}

impl<'a> AgentRecords<'a> {
    /// The records for a frame received on an interface; `None` if it is left to the stack.
    pub(super) fn new(
        desired: &'a Desired,
        device: u32,
        frame: &[u8],
        clock: Clock<'a>,
    ) -> Option<Self> {
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
    pub(super) fn answer(&self, frame: &[u8]) -> (Option<Vec<u8>>, Option<&'static str>) {
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
    use std::collections::BTreeMap;
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use llamar_common::abi::{NameState, Prefix4};
    use llamar_common::limit::Rate;
    use llamar_common::testing::{A, FrameBuilder, Station};
    use rand::SeedableRng as _;

    use super::*;
    use crate::state::{Addresses, Names};

    #[test]
    fn queries_on_a_vlan_without_an_interface_are_limited_too() {
        let mut addresses = Addresses::new([IpAddr::from([10, 0, 100, 1])], 30);
        addresses.state = NameState::Unique;
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
            mac: [2, 0, 0, 0, 0, 1],
            ..Served::bare(None)
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
                now: start + Duration::from_secs(seconds),
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
}
