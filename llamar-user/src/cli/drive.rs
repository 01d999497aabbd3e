//! Engines on an interface until a signal comes: each frame is logged, and the interface's going down and up is followed.

use std::io;
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Context as _, bail};
use llamar_common::wire::ethernet;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::debug;

use crate::ask::raw::{Raw, RawError};
use crate::ether::{Engine, Frame, MacAddr};
use crate::link::Watch;
use crate::net::until;
use crate::{arp, ndp, report};

/// Drives an engine until it waits for nothing more, `heed` breaks with something, or a signal comes.
pub async fn drive<E: Engine, T>(
    raw: &Raw,
    engine: &mut E,
    heed: impl FnMut(E::Event) -> ControlFlow<T>,
) -> anyhow::Result<Option<T>> {
    let mut signals = Signals::open()?;
    let mut engine = Logged(engine);
    tokio::select! {
        biased;
        () = signals.received() => Ok(None),
        driven = raw.drive(&mut engine, false, heed) => Ok(driven?),
    }
}

/// Drives an engine that tells others something: until all is told, or, where that has no end, until a signal comes, and
/// anew whenever the interface is up again. `heed` breaks with what went wrong.
pub async fn tell<E: Restart>(
    raw: &Raw,
    engine: &mut E,
    is_endless: bool,
    mut heed: impl FnMut(E::Event) -> ControlFlow<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    if !is_endless {
        return drive(raw, engine, heed).await?.unwrap_or(Ok(()));
    }
    let heed = |happened: Happened<E::Event>| match happened {
        Happened::Event(event) => heed(event),
        Happened::LinkDown | Happened::LinkUp => ControlFlow::Continue(()),
    };
    match Keeper::new(raw).await?.keep(engine, None, heed).await? {
        Ended::With(result) => result,
        Ended::Interrupted | Ended::Over => Ok(()),
    }
}

/// What `heed` says, with what went wrong in its place.
pub fn flow<T>(result: anyhow::Result<ControlFlow<T>>) -> ControlFlow<anyhow::Result<T>> {
    match result {
        Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
        Ok(ControlFlow::Break(found)) => ControlFlow::Break(Ok(found)),
        Err(error) => ControlFlow::Break(Err(error)),
    }
}

/// What ends [`keep`](Keeper::keep).
pub enum Ended<T> {
    /// `heed` broke with this.
    With(T),
    /// A signal came.
    Interrupted,
    /// The time is over.
    Over,
}

/// What [`keep`](Keeper::keep) tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened<E> {
    /// The engine found something.
    Event(E),
    /// The interface went down, or lost its carrier.
    LinkDown,
    /// It is up again; the engine begins anew after this.
    LinkUp,
}

/// An engine that begins anew when its link is up again (RFC 5227 2.1, RFC 4862 5.4).
pub trait Restart: Engine {
    /// Begins anew.
    fn restart(&mut self, now: Instant);
}

/// An engine that goes on while its interface goes down and up.
pub struct Keeper<'r> {
    raw: &'r Raw,
    watch: Watch,
    signals: Signals,
    is_up: bool,
}

impl<'r> Keeper<'r> {
    /// For an interface that is up.
    pub async fn new(raw: &'r Raw) -> anyhow::Result<Self> {
        Ok(Self {
            raw,
            watch: Watch::open().await?.0,
            signals: Signals::open()?,
            is_up: true,
        })
    }

    /// Drives an engine until a signal comes, a time is over, or `heed` breaks.
    // RFC 5227 2.1, RFC 4862 5.4: an address is checked anew when the link is up again.
    pub async fn keep<E: Restart, T>(
        &mut self,
        engine: &mut E,
        deadline: Option<Instant>,
        mut heed: impl FnMut(Happened<E::Event>) -> ControlFlow<T>,
    ) -> anyhow::Result<Ended<T>> {
        loop {
            if let Some(up) = self.look()? {
                let change = if up {
                    Happened::LinkUp
                } else {
                    Happened::LinkDown
                };
                if let ControlFlow::Break(found) = heed(change) {
                    return Ok(Ended::With(found));
                }
                if up {
                    engine.restart(Instant::now());
                }
            }
            let mut logged = Logged(engine);
            let driven = self
                .raw
                .drive(&mut logged, true, |event| heed(Happened::Event(event)));
            tokio::select! {
                biased;
                () = self.signals.received() => return Ok(Ended::Interrupted),
                () = until(deadline) => return Ok(Ended::Over),
                change = self.watch.changed() => drop(change?),
                driven = driven, if self.is_up => match driven {
                    Ok(Some(found)) => return Ok(Ended::With(found)),
                    Ok(None) => {}
                    Err(error) => self.explain(error).await?,
                }
            }
        }
    }

    /// Whether the interface is up, if that changed since the last look.
    fn look(&mut self) -> anyhow::Result<Option<bool>> {
        let (name, index) = (&self.raw.link().name, self.raw.link().index);
        let Some(link) = self.watch.links().by_index.get(&index) else {
            bail!("{name} is gone");
        };
        if link.up && link.mac.map(MacAddr) != Some(self.raw.mac()) {
            bail!("{name} has another hardware address now: begin anew");
        }
        let before = std::mem::replace(&mut self.is_up, link.up);
        Ok((before != self.is_up).then_some(self.is_up))
    }

    /// An error is none if the interface went down before it was told: the next look finds it so.
    async fn explain(&mut self, error: RawError) -> anyhow::Result<()> {
        let index = self.raw.link().index;
        self.watch.refresh().await?;
        match self.watch.links().by_index.get(&index) {
            Some(link) if link.up => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Ctrl-C, what a service manager sends, and the end of the terminal.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None under `nohup`: what is ignored has to stay so.
    hangup: Option<Signal>,
}

impl Signals {
    /// Listens.
    pub fn open() -> anyhow::Result<Self> {
        let open = |kind| -> io::Result<Signal> { signal(kind) };
        Ok(Self {
            interrupt: open(SignalKind::interrupt()).context("listen for signals")?,
            terminate: open(SignalKind::terminate()).context("listen for signals")?,
            hangup: match is_ignored(SignalKind::hangup()) {
                true => None,
                false => Some(open(SignalKind::hangup()).context("listen for signals")?),
            },
        })
    }

    /// Waits for one.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            Some(_) = async { self.hangup.as_mut()?.recv().await } => {}
        }
    }
}

/// Whether whoever started this process has it ignore a signal; where that cannot be read it is left as it is.
fn is_ignored(signal: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal.as_raw_value() - 1) & 1 != 0)
}

/// An engine whose frames are logged.
struct Logged<'e, E>(&'e mut E);

impl<E: Engine> Engine for Logged<'_, E> {
    type Event = E::Event;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        log("received", frame);
        self.0.handle_frame(now, frame);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let frame = self.0.poll_transmit()?;
        log("sent", &frame);
        Some(frame)
    }

    fn poll_event(&mut self) -> Option<E::Event> {
        self.0.poll_event()
    }
}

/// Logs a frame that was sent or received.
pub fn log(what: &str, bytes: &[u8]) {
    let Some(frame) = Frame::read(bytes) else {
        return debug!("{what} {} bytes that are no frame", bytes.len());
    };
    let (source, destination) = (frame.source, frame.destination);
    let vlan = frame
        .vlan()
        .map_or_else(String::new, |id| format!(" in VLAN {id}"));
    let said = match frame.ether_type {
        ethernet::ARP => match arp::Packet::read(frame.payload) {
            Ok(packet) => report::arp::Words(&packet).to_string(),
            Err(flaw) => flaw.to_string(),
        },
        ethernet::IPV6 => match ndp::Packet::read(frame.payload) {
            Ok(packet) => report::nd::Words(&packet).to_string(),
            Err(flaw) => flaw.to_string(),
        },
        other => format!("of type {other:#06x}"),
    };
    debug!("{what} {source} -> {destination}{vlan}: {said}");
}
