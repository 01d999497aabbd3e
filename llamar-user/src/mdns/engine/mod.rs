//! The engine of mDNS: what a host says and hears on all its interfaces. Datagrams, times and what is wanted go in;
//! datagrams, events and the next deadline come out.
//!
//! Each interface has a [`Responder`] and a [`Querier`]. The engine decides which messages they get (RFC 6762 5.5, 6, 11, 17, 18),
//! and keeps what concerns all of them: our own messages that come back, interfaces on one link (14), one name
//! everywhere, and how much one source makes us send.
//!
//! Drain rule: after each `handle_*`, `follow`, `wake`, `shutdown` and `ask`, poll transmits and events until both give
//! `None`, then sleep until [`Engine::poll_timeout`].

mod asked;
mod check;
mod echo;
mod handled;
mod hear;
mod interface;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use llamar_common::abi::LinkKey;
use llamar_common::limit::Rate;
use llamar_common::wire::dns;
use rand::rngs::StdRng;

use crate::config::LIMIT_DEFAULT;
use crate::dns::{Header, Name, Question};
use crate::llmnr::Limiter;
use crate::mdns::{
    Arrival, AskId, Cache, Event, Outcome, Querier, Responder, Rules, Standing, Transmit, Turn,
    Wanted,
};
use asked::Asked;
use echo::Echoes;
use interface::Interface;

pub use handled::{Handled, Ignored};

/// The engine.
#[derive(Debug)]
pub struct Engine {
    rng: StdRng,
    rules: Rules,
    interfaces: BTreeMap<u32, Interface>,
    own: BTreeSet<IpAddr>,
    asks: BTreeMap<AskId, (u32, Question)>,
    asks_count: u64,
    echoes: Echoes,
    asked: Asked,
    limiter: Limiter,
    rate: Rate,
    /// What a part has just given out.
    fresh: VecDeque<Transmit>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Engine {
    /// An engine without interfaces.
    pub fn new(mut rng: StdRng) -> Self {
        Self {
            echoes: Echoes::new(&mut rng),
            limiter: Limiter::new(&mut rng),
            rng,
            rules: Rules::default(),
            interfaces: BTreeMap::new(),
            own: BTreeSet::new(),
            asks: BTreeMap::new(),
            asks_count: 0,
            asked: Asked::default(),
            rate: LIMIT_DEFAULT,
            fresh: VecDeque::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Limits how many unicast responses a source gets: its address may be forged. How much is multicast is limited by
    /// RFC 6762 6, whoever asks.
    pub const fn limit(&mut self, rate: Rate) {
        self.rate = rate;
    }

    /// Becomes what is wanted of each interface, by index; others are forgotten, with goodbyes while they are up. `own`
    /// are the addresses of all interfaces of this host, served or not.
    pub fn follow(&mut self, now: Instant, wanted: BTreeMap<u32, Wanted>, own: BTreeSet<IpAddr>) {
        self.own = own;
        let gone = |device: &u32| (!wanted.contains_key(device)).then_some(*device);
        let gone: Vec<_> = self.interfaces.keys().filter_map(gone).collect();
        for device in gone {
            self.forget(now, device);
        }
        for (device, wanted) in wanted {
            let is_new = !self.interfaces.contains_key(&device);
            let interface = self.interfaces.entry(device).or_insert_with(Interface::new);
            interface.follow(&wanted);
            self.act(now, device, |responder, querier, turn| {
                responder.follow(turn, &wanted);
                querier.follow(turn);
            });
            if is_new {
                self.resume(now, device);
            }
        }
    }

    /// The machine slept: names are probed for and announced anew, questions are asked anew (RFC 6762 8, 8.3).
    pub fn wake(&mut self, now: Instant) {
        for device in self.devices() {
            self.act(now, device, |responder, querier, turn| {
                responder.wake(turn);
                querier.wake(turn);
            });
        }
    }

    /// Says goodbye (RFC 6762 10.1) and is an engine without interfaces then.
    pub fn shutdown(&mut self, now: Instant) {
        for device in self.devices() {
            self.forget(now, device);
        }
    }

    /// Takes a datagram that came to port 5353 by an interface, and says what came of it, or why nothing did.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        device: u32,
        arrival: &Arrival,
        message: &[u8],
    ) -> Result<Handled, Ignored> {
        self.hear(now, device, arrival, message)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        for device in self.devices() {
            let due = self.interfaces.get(&device).and_then(|one| one.due);
            if due.is_some_and(|due| due <= now) {
                self.act(now, device, |responder, querier, turn| {
                    responder.handle_timeout(turn);
                    querier.handle_timeout(turn);
                });
            }
        }
    }

    /// When [`Engine::handle_timeout`] is to be called; `None` if nothing is due by itself.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.interfaces.values().filter_map(|one| one.due).min()
    }

    /// The next datagram to be sent, from port 5353.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Asks a question by an interface until that is ceased; also while there is no such interface, as soon as there is.
    /// Answers come as [`Event::Record`]. What we ourselves offer there is none: it does not come from the link.
    pub fn ask(&mut self, now: Instant, device: u32, question: Question) -> AskId {
        self.asks_count += 1;
        let id = AskId(self.asks_count);
        self.act(now, device, |_, querier, turn| {
            querier.ask(turn, id, &question);
        });
        self.asks.insert(id, (device, question));
        id
    }

    /// Ceases to ask.
    pub fn cease(&mut self, id: AskId) {
        let ask = self.asks.remove(&id);
        let interface = ask.and_then(|(device, _)| self.interfaces.get_mut(&device));
        if let Some(interface) = interface {
            interface.querier.cease(id);
            interface.settle();
        }
    }

    /// How the names that are claimed on an interface stand.
    pub fn standings(&self, device: u32) -> impl Iterator<Item = Standing> {
        let interface = self.interfaces.get(&device).into_iter();
        interface.flat_map(|interface| interface.responder.standings())
    }

    /// What was heard by an interface.
    pub fn cache(&self, device: u32) -> Option<&Cache> {
        let interface = self.interfaces.get(&device)?;
        Some(interface.querier.cache())
    }

    fn devices(&self) -> Vec<u32> {
        self.interfaces.keys().copied().collect()
    }

    /// Ends an interface: goodbye to others, and nothing that was heard by it holds.
    fn forget(&mut self, now: Instant, device: u32) {
        self.with(now, device, |responder, _, turn| responder.shutdown(turn));
        if let Some(interface) = self.interfaces.get_mut(&device) {
            interface.families.clear();
        }
        self.with(now, device, |_, querier, turn| querier.follow(turn));
        self.interfaces.remove(&device);
    }

    /// Asks by an interface that is new what was to be asked there.
    fn resume(&mut self, now: Instant, device: u32) {
        let here = |(id, (by, question)): (&AskId, &(u32, Question))| {
            (*by == device).then(|| (*id, question.clone()))
        };
        let asks: Vec<_> = self.asks.iter().filter_map(here).collect();
        self.act(now, device, |_, querier, turn| {
            for (id, question) in &asks {
                querier.ask(turn, *id, question);
            }
        });
    }

    /// Has the parts of an interface do something; if one takes another name, all other interfaces do so.
    fn act<T>(
        &mut self,
        now: Instant,
        device: u32,
        act: impl FnOnce(&mut Responder, &mut Querier, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let before = self.events.len();
        let done = self.with(now, device, act)?;
        let renamed = |event: &Event| match event {
            Event::Conflict(lost) => match &lost.outcome {
                Outcome::Renamed { to } => Some(to.clone()),
                _ => None,
            },
            _ => None,
        };
        let names: Vec<Name> = self.events.range(before..).filter_map(renamed).collect();
        for to in names {
            self.rename_elsewhere(now, device, &to);
        }
        Some(done)
    }

    /// RFC 6762 14: one name on all interfaces. A host that lost it on one has another everywhere.
    fn rename_elsewhere(&mut self, now: Instant, device: u32, to: &Name) {
        let mut standings = self.standings(device);
        let Some(wanted) = standings
            .find(|standing| standing.used == *to)
            .map(|standing| standing.wanted)
        else {
            return;
        };
        drop(standings);
        for other in self.devices() {
            let mut standings = self.standings(other);
            let is_to = |standing: Standing| standing.wanted == wanted && standing.used != *to;
            let is_to = standings.any(is_to);
            drop(standings);
            if other != device && is_to {
                self.with(now, other, |responder, _, turn| {
                    responder.rename(turn, &wanted, to);
                });
            }
        }
    }

    /// Has the parts of an interface do something.
    fn with<T>(
        &mut self,
        now: Instant,
        device: u32,
        act: impl FnOnce(&mut Responder, &mut Querier, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let interface = self.interfaces.get_mut(&device)?;
        let mut turn = Turn {
            now,
            rng: &mut self.rng,
            rules: self.rules,
            device,
            families: &interface.families,
            mtu: interface.mtu,
            unicast: interface.unicast,
            transmits: &mut self.fresh,
            events: &mut self.events,
        };
        let done = act(&mut interface.responder, &mut interface.querier, &mut turn);
        interface.settle();
        while let Some(transmit) = self.fresh.pop_front() {
            self.send(now, transmit);
        }
        Some(done)
    }

    /// Gives a datagram out, unless whom it goes to has had too many.
    fn send(&mut self, now: Instant, transmit: Transmit) {
        let to = transmit.to.ip();
        let header = Header::read(&transmit.message);
        let is_response = header.is_some_and(|header| header.flags & dns::RESPONSE != 0);
        if to.is_multicast() {
            self.echoes.sent(now, &transmit);
        } else if is_response
            && !self
                .limiter
                .admits(now, key(transmit.device), self.rate, to)
        {
            return;
        }
        if !is_response {
            self.asked.sent(now, &transmit);
        }
        self.transmits.push_back(transmit);
    }
}

/// An interface for the limiter.
const fn key(device: u32) -> LinkKey {
    LinkKey::new(device, 0)
}

#[cfg(test)]
mod tests {
    mod caches;
    mod checks;
    mod life;
    mod limits;
    mod names;
    mod same_link;
    mod scene;
    mod sizes;
    mod storms;
    mod view;
    mod wire;

    use super::*;

    /// When the clock of a test starts; all that matters is what passes from there.
    fn epoch() -> Instant {
        Instant::now()
    }
}
