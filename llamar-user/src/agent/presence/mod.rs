//! The presence of our addresses as the agent drives it: what the engine is told of the links, its sockets, and what it
//! finds out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::time::Instant;

use llamar_common::abi::LinkKey;
use rand::rngs::StdRng;

use self::watches::Watches;
use super::claims;
use super::tap::Received;
use crate::config::Config;
use crate::link::Links;
use crate::llmnr;
use crate::presence::{Engine, Event, Heard, Record, Transmit};
use crate::state::{Desired, presence};

mod tell;
mod watches;

/// The addresses of all links.
pub struct Presence {
    engine: Engine,
    watches: Watches,
    /// The links on which a former agent has announced everything; until the first pass.
    inherited: BTreeSet<LinkKey>,
}

impl Presence {
    /// No address yet. `inherited` are the links on which a former agent has announced the addresses a moment ago.
    pub fn new(rng: StdRng, inherited: BTreeSet<LinkKey>) -> Self {
        Self {
            engine: Engine::new(rng),
            watches: Watches::new(),
            inherited,
        }
    }

    /// Makes everything follow the configuration and the interfaces; `full` tries again what failed before. What is to be
    /// said of it waits until it is polled.
    pub fn follow(
        &mut self,
        now: Instant,
        config: &Config,
        links: &Links,
        bare: &Desired,
        full: bool,
    ) {
        let wanted = presence::wanted(config, links, bare, &routers(links, bare));
        let inherited = std::mem::take(&mut self.inherited);
        let own = presence::own(links, bare);
        self.engine.follow(now, wanted, own, &inherited);
        self.watches.follow(self.engine.watched(), full);
    }

    /// The machine slept.
    pub fn wake(&mut self, now: Instant) {
        self.engine.wake(now);
    }

    /// The next frame by which an address of ours may be claimed. Cancelling loses none.
    pub async fn receive(&mut self) -> Received {
        self.watches.receive().await
    }

    /// Takes a frame; what became of it, and on which link.
    pub fn frame(&mut self, now: Instant, received: &Received) -> Option<(LinkKey, Heard)> {
        let Received { device, frame } = received;
        self.engine.handle_frame(now, *device, frame)
    }

    /// When [`timeout`](Self::timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.engine.poll_timeout()
    }

    /// A deadline of the engine's has come.
    pub fn timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.engine.poll_event()
    }

    /// The next frame to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.engine.poll_transmit()
    }

    /// Sends a frame; an error says that it is lost.
    pub fn transmit(&self, transmit: &Transmit) -> std::io::Result<()> {
        self.watches.send(transmit.device, &transmit.frame)
    }

    /// The addresses of a link that may not be answered for.
    pub fn withdrawn(&self, key: LinkKey) -> impl Iterator<Item = Ipv4Addr> {
        self.engine.withdrawn(key)
    }

    /// The conflicts of a link.
    pub fn records(&self, key: LinkKey) -> impl Iterator<Item = &Record> {
        self.engine.records(key)
    }
}

/// What may be answered as the claims on names and addresses stand.
pub fn settled(names: &llmnr::engine::Engine, presence: &Presence, bare: &Desired) -> Desired {
    claims::settle(names, bare).without(|key| presence.withdrawn(key))
}

/// The interfaces that forward IPv6: there this host is a router (RFC 4861 7.2.6, 4.4). Where that cannot be read it is
/// none.
fn routers(links: &Links, bare: &Desired) -> BTreeSet<u32> {
    let devices = bare.links.values().filter_map(|served| served.device);
    let names: BTreeMap<u32, &str> = devices
        .filter_map(|device| Some((device, links.by_index.get(&device)?.name.as_str())))
        .collect();
    let forwards = |(_, name): &(u32, &str)| {
        let setting = fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{name}/forwarding"));
        setting.is_ok_and(|setting| setting.trim() != "0")
    };
    names
        .into_iter()
        .filter(forwards)
        .map(|(device, _)| device)
        .collect()
}
