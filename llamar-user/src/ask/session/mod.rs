//! Asking others by mDNS (RFC 6762 5.2): the sockets, the clock and the interfaces of an
//! [`Engine`] that offers nothing and only asks.
//!
//! It lives beside the responders of this host, which have the port too: it hears what is sent to the group, and never
//! takes away what is sent to this host alone, which the kernel gives to one of them (RFC 6762 15.1).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::time::Instant;

use rand::rngs::StdRng;
use tracing::{debug, warn};

use super::{AskError, Family};
use crate::dns::Question;
use crate::link::Watch;
use crate::mdns::{self, Arrival, AskId, Cache, Engine, Event, Handled, Wanted};
use crate::net::holder;

mod legacy;
mod sockets;
mod wanted;

pub use legacy::{Legacy, Reply};

use sockets::{Datagram, Sockets};

/// Where is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Where {
    /// Names of the interfaces; none means all that are up, can carry multicast, and are not loopback.
    pub interfaces: Vec<String>,
    /// The IP version; both by default.
    pub family: Option<Family>,
}

/// Asks, and hears what is said, until it is dropped.
#[derive(Debug)]
pub struct Session {
    place: Where,
    watch: Watch,
    sockets: Sockets,
    engine: Engine,
    wanted: BTreeMap<u32, Wanted>,
    /// What the interfaces were called last.
    names: BTreeMap<u32, String>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Happened {
    /// A record that was asked for came or went, or something else that the engine tells.
    Event(Event),
    /// A message was heard, and is taken in.
    Heard(Message),
    /// There are other interfaces to ask on than before.
    Interfaces,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// Index of the interface.
    pub device: u32,
    /// Whose it is, and whom it was sent to.
    pub arrival: Arrival,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether we sent it ourselves.
    pub is_own: bool,
}

impl Session {
    /// Reads the interfaces and opens the sockets.
    pub async fn open(place: Where) -> Result<Self, AskError> {
        let (watch, links) = Watch::open().await?;
        wanted::check(&links, &place)?;
        let mut session = Self {
            place,
            watch,
            sockets: Sockets::new(),
            engine: Engine::new(rand::make_rng::<StdRng>()),
            wanted: BTreeMap::new(),
            names: BTreeMap::new(),
        };
        let failures = session.follow();
        // On one of several interfaces it may fail; nowhere to ask is an error.
        match failures.into_iter().next() {
            Some(error) if session.wanted.is_empty() => Err(error),
            _ => Ok(session),
        }
    }

    /// The interfaces on which is asked, by index.
    pub fn devices(&self) -> BTreeSet<u32> {
        self.wanted.keys().copied().collect()
    }

    /// What an interface is called, or was if it is gone.
    pub fn interface(&self, device: u32) -> String {
        let name = self.names.get(&device).cloned();
        name.unwrap_or_else(|| device.to_string())
    }

    /// Our addresses and prefixes on an interface, and its MTU.
    pub fn wanted(&self, device: u32) -> Option<&Wanted> {
        self.wanted.get(&device)
    }

    /// What was heard on an interface.
    pub fn cache(&self, device: u32) -> Option<&Cache> {
        self.engine.cache(device)
    }

    /// Asks until it is ceased. What is known already comes as events.
    pub fn ask(&mut self, device: u32, question: Question) -> AskId {
        self.engine.ask(Instant::now(), device, question)
    }

    /// Asks no more.
    pub fn cease(&mut self, id: AskId) {
        self.engine.cease(id);
    }

    /// What has happened already, if anything has.
    pub fn poll(&mut self) -> Option<Happened> {
        self.transmit();
        self.engine.poll_event().map(Happened::Event)
    }

    /// Waits for the next thing to happen. Nothing is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Result<Happened, AskError> {
        loop {
            if let Some(happened) = self.poll() {
                return Ok(happened);
            }
            let due = self.engine.poll_timeout().map(tokio::time::Instant::from);
            tokio::select! {
                // A flood of messages must not keep time from passing.
                biased;
                () = sleep_until(due) => self.engine.handle_timeout(Instant::now()),
                changed = self.watch.changed() => {
                    changed?;
                    let before = self.devices();
                    self.follow();
                    if self.devices() != before {
                        return Ok(Happened::Interfaces);
                    }
                }
                datagram = self.sockets.recv() => return Ok(Happened::Heard(self.hear(datagram))),
            }
        }
    }

    fn hear(&mut self, datagram: Datagram) -> Message {
        let Datagram {
            device,
            arrival,
            bytes,
        } = datagram;
        let taken = self
            .engine
            .handle_datagram(Instant::now(), device, &arrival, &bytes);
        if let Err(reason) = &taken {
            debug!("ignored a message from {}: {reason}", arrival.from);
        }
        Message {
            device,
            arrival,
            bytes,
            is_own: matches!(taken, Ok(Handled::Echo { .. })),
        }
    }

    /// Takes the interfaces as they are now. Where that fails, nothing is asked.
    fn follow(&mut self) -> Vec<AskError> {
        let links = self.watch.links();
        for (&device, link) in &links.by_index {
            self.names.insert(device, link.name.clone());
        }
        let mut failures = Vec::new();
        let mut wanted = wanted::wanted(links, &self.place);
        let names = &self.names;
        self.sockets.retain(&wanted);
        wanted.retain(|device, wanted| {
            let interface = names.get(device).cloned().unwrap_or_default();
            let opened = self.sockets.open(*device, &interface, wanted);
            opened
                .map_err(|source| {
                    let source = held(source);
                    warn!("cannot ask on {interface}: {source}");
                    failures.push(AskError::Open { interface, source });
                })
                .is_ok()
        });
        let own = wanted::own(links);
        self.engine.follow(Instant::now(), wanted.clone(), own);
        self.wanted = wanted;
        failures
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.engine.poll_transmit() {
            let Some(source) = self.source(transmit.device, transmit.to.ip()) else {
                continue;
            };
            if let Err(error) = self.sockets.send(&transmit, source) {
                // A queue is full, or the interface is about to go: lost, as any message may be.
                self.say_lost(transmit.device, &error);
            }
        }
    }

    fn say_lost(&self, device: u32, error: &io::Error) {
        let interface = self.interface(device);
        debug!("cannot send on {interface}: {error}");
    }

    fn source(&self, device: u32, to: IpAddr) -> Option<IpAddr> {
        let wanted = self.wanted.get(&device)?;
        match mdns::Family::of(to) {
            mdns::Family::V4 => wanted.v4.map(IpAddr::V4),
            mdns::Family::V6 => wanted.v6.map(IpAddr::V6),
        }
    }
}

/// An error that tells who has the port and does not share it.
fn held(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::AddrInUse {
        return error;
    }
    let holders = holder::of_ipv4_port(mdns::PORT);
    let text = format!("{error}; udp port {} is held by {holders}", mdns::PORT);
    io::Error::new(io::ErrorKind::AddrInUse, text)
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
