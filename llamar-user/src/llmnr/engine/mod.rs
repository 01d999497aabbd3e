//! The engine of LLMNR (RFC 4795 2.7, 4): datagrams, times and what is wanted in; datagrams, events and the next
//! deadline out. It verifies that the names claimed on a link are unique there, delays what has to be delayed, and
//! has the responder answer the rest. Sockets, clocks and what there is to be claimed are for others, as is the
//! responder's truth about addresses ([`Zone`]); how far a name may be used is the engine's ([`Engine::zone`]).
//!
//! Drain rule: after each `handle_*`, `follow` and `wake`, poll transmits and events until both give `None`, then
//! sleep until [`Engine::poll_timeout`].
//!
//! What the RFC leaves open:
//! - All transmissions of a verification are sent, also if a response came that is no conflict: it does not tell that
//!   nobody else has the name.
//! - Names that nobody claimed and that are only in the zone (a hosts file of a million) are taken for unique, and
//!   verified when a query with C set doubts one. Reverse names (PTR) are not: that is a conflict of addresses.
//! - With `on-conflict = "keep"` a name that is lost stays in use, against 4.1 and 4.2: the administrator's order.
//! - Two hosts of which one has the smaller IPv4 and the other the smaller IPv6 address both have to give in (4.1).
//!   Whose pause is shorter gets the name then.

mod claim;
mod conflict;
mod event;
mod follow;
mod link;
mod rename;
mod same;
mod standings;
mod verify;
mod wanted;
mod zone;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use llamar_common::abi::{LinkKey, NameState};
use llamar_common::wire::{dns, udp};
use rand::rngs::StdRng;

use super::delayed::Delayed;
use super::limiter::Limiter;
use super::responder::{Asked, Ignored, Response, Transport, Zone, is_unicast, respond};
use super::rules::{Rule, Rules};
use super::uniqueness::Heard;
use crate::config::is_link_local;
use crate::dns::{Header, Question};
use link::{Doubt, Link, Turn};
use same::Same;

pub use claim::Standing;
pub use event::{Event, Handled, Outcome, Transmit, Why};
pub use wanted::{Claimed, Wanted};
pub use zone::LinkZone;

/// The engine.
#[derive(Debug)]
pub struct Engine {
    rng: StdRng,
    rules: Rules,
    links: BTreeMap<LinkKey, Link>,
    own: BTreeSet<IpAddr>,
    same: Same,
    delayed: Delayed,
    limiter: Arc<Limiter>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Engine {
    /// An engine without links.
    pub fn new(mut rng: StdRng) -> Self {
        Self {
            limiter: Arc::new(Limiter::new(&mut rng)),
            rng,
            rules: Rules::default(),
            links: BTreeMap::new(),
            own: BTreeSet::new(),
            same: Same::default(),
            delayed: Delayed::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Becomes what is wanted of each link; others are forgotten. `own` are the addresses of all interfaces of this
    /// host, served or not.
    ///
    /// RFC 4795 4.1: names are verified when they are added, when their link comes up, and when it gets an address.
    /// Standings may be others afterwards, without an event.
    pub fn follow(
        &mut self,
        now: Instant,
        wanted: BTreeMap<LinkKey, Wanted>,
        own: BTreeSet<IpAddr>,
    ) {
        self.own = own;
        let parted = self.same.part(|key| {
            let (link, wanted) = (self.links.get(&key), wanted.get(&key));
            let moved = link.map(|link| &link.addresses) != wanted.map(|wanted| &wanted.addresses);
            moved || !wanted.is_some_and(|wanted| wanted.up)
        });
        self.events.extend(parted);
        self.links.retain(|key, _| wanted.contains_key(key));
        for (key, wanted) in wanted {
            self.links.entry(key).or_insert_with(|| Link::new(key));
            self.with(now, key, |link, turn| link.follow(turn, wanted));
        }
        let links = &self.links;
        self.delayed.retain(|transmit| {
            let link = links.get(&transmit.key).filter(|link| link.up);
            link.is_some_and(|link| link.addresses.contains(&transmit.source))
        });
    }

    /// The machine slept: verifies all names as if their links had just come up (RFC 4795 4.1).
    pub fn wake(&mut self, now: Instant) {
        let keys: Vec<_> = self.links.keys().copied().collect();
        for key in keys {
            self.with(now, key, Link::wake);
        }
    }

    /// Takes a datagram that came to port 5355 on a link; `zone` holds what is ours there. Why nothing came of it
    /// otherwise. What comes by TCP is none, and for [`respond`] with [`Engine::zone`].
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        key: LinkKey,
        zone: &impl Zone,
        asked: &Asked<'_>,
    ) -> Result<Handled, Ignored> {
        if !matches!(asked.transport, Transport::Udp { .. }) {
            return Err(Ignored::Destination);
        }
        let header = Header::read(asked.message).ok_or(Ignored::Header)?;
        if header.flags & dns::RESPONSE != 0 {
            return self.hear(now, key, zone, asked);
        }
        if self.is_echo(key, &header, asked) {
            return Ok(Handled::Echo);
        }
        // RFC 4795 2.7, 4.2: what the responder checks before it comes to C holds for queries with C set too.
        match respond(&self.zone(key, zone), asked) {
            // RFC 4795 5.1: a forged source makes us send to somebody else.
            Ok(_) if !self.limiter.admits(now, key, zone.limit(), asked.from.ip()) => {
                Err(Ignored::Limited)
            }
            Ok(response) => Ok(self.send(now, key, asked.from, response)),
            Err(Ignored::Conflict) => self.doubt(now, key, zone, asked, &header),
            Err(ignored) => Err(ignored),
        }
    }

    /// A query that [`poll_transmit`](Self::poll_transmit) gave could not be sent: it does not count.
    pub fn handle_unsent(&mut self, transmit: &Transmit) {
        let header = Header::read(&transmit.message);
        if let (Some(header), Some(link)) = (header, self.links.get_mut(&transmit.key)) {
            link.unsent(header.id, transmit.source);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(transmit) = self.delayed.pop(now) {
            self.transmits.push_back(transmit);
        }
        let due = |(key, link): (&LinkKey, &Link)| {
            link.poll_timeout()
                .is_some_and(|due| due <= now)
                .then_some(*key)
        };
        let keys: Vec<_> = self.links.iter().filter_map(due).collect();
        for key in keys {
            self.with(now, key, Link::handle_timeout);
        }
    }

    /// When [`Engine::handle_timeout`] is to be called; `None` if nothing is due by itself.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let links = self.links.values().filter_map(Link::poll_timeout);
        links.chain(self.delayed.poll_timeout()).min()
    }

    /// The next datagram to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What limits the responses by UDP; for those that do not go through the engine.
    pub const fn limiter(&self) -> &Arc<Limiter> {
        &self.limiter
    }

    /// What is ours on a link, as far as it may be used now; for responses that do not go through the engine, by TCP.
    pub const fn zone<'a, Z: Zone>(&'a self, key: LinkKey, zone: &'a Z) -> LinkZone<'a, Z> {
        LinkZone::new(self, key, zone)
    }

    /// Has a link do something.
    fn with<T>(
        &mut self,
        now: Instant,
        key: LinkKey,
        act: impl FnOnce(&mut Link, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let link = self.links.get_mut(&key)?;
        let mut turn = Turn {
            now,
            rng: &mut self.rng,
            rules: self.rules,
            own: &self.own,
            delayed: &mut self.delayed,
            transmits: &mut self.transmits,
            events: &mut self.events,
        };
        Some(act(link, &mut turn))
    }

    /// Sends a response, or has it wait.
    fn send(&mut self, now: Instant, key: LinkKey, to: SocketAddr, response: Response) -> Handled {
        let question = response.question;
        let transmit = Transmit {
            key,
            source: response.source,
            to,
            message: response.message,
            why: Why::Response(question.clone()),
        };
        if !response.delay {
            self.transmits.push_back(transmit);
        } else if !self.delayed.push(now, &mut self.rng, transmit) {
            return Handled::Dropped { question };
        }
        Handled::Responded { question }
    }

    /// Takes a response.
    fn hear(
        &mut self,
        now: Instant,
        key: LinkKey,
        zone: &impl Zone,
        asked: &Asked<'_>,
    ) -> Result<Handled, Ignored> {
        let heard = Heard::read(asked.message, asked.from.port())?;
        let from = asked.from.ip();
        // RFC 4795 2.5: it comes from a unicast address; 0.0.0.0 would be the smallest of all.
        if !is_unicast(from) {
            return Err(Ignored::Source);
        }
        // RFC 4795 2.3 b: it is sent to where the query came from.
        if matches!(asked.transport, Transport::Udp { to } if !zone.is_own(to)) {
            return Err(Ignored::Destination);
        }
        // RFC 4795 4.1: only a host within the scope of the query has the name there; nobody beyond a router does.
        let is_near = is_link_local(from) || self.own.contains(&from);
        if !is_near && zone.source_for(from).is_none() {
            return Err(Ignored::OffLink);
        }
        let verdict = self.with(now, key, |link, turn| link.hear(turn, &heard, from));
        match verdict.flatten() {
            Some(_) => Ok(Handled::Heard),
            // RFC 4795 5.1: what nobody asked for is dropped.
            None => Err(Ignored::Response),
        }
    }

    /// Takes a query with C set.
    fn doubt(
        &mut self,
        now: Instant,
        key: LinkKey,
        zone: &impl Zone,
        asked: &Asked<'_>,
        header: &Header,
    ) -> Result<Handled, Ignored> {
        let question = self.doubted(key, zone, asked, header)?;
        match self.with(now, key, |link, turn| link.doubt(turn, &question)) {
            None | Some(Doubt::Ignored) => return Err(Ignored::Conflict),
            Some(Doubt::Absorbed) => {}
            Some(Doubt::Checked) => self.events.push_back(Event::Doubted {
                key,
                question: question.clone(),
                by: asked.from.ip(),
                message: asked.message.to_vec(),
            }),
        }
        Ok(Handled::Doubted { question })
    }

    /// What a query with C set doubts, if that is a unique name of ours.
    fn doubted(
        &self,
        key: LinkKey,
        zone: &impl Zone,
        asked: &Asked<'_>,
        header: &Header,
    ) -> Result<Question, Ignored> {
        // RFC 4795 2.1.1, 4.2: it is discarded like any other query, never responded to, and its additional section
        // means nothing but to the log.
        if (header.questions, header.answers, header.authorities) != (1, 0, 0) {
            return Err(Ignored::Counts);
        }
        let (question, _) = Question::read(asked.message, dns::HEADER).ok_or(Ignored::Question)?;
        if !matches!(question.class, dns::IN | dns::CLASS_ANY) {
            return Err(Ignored::Class);
        }
        let zone = self.zone(key, zone);
        let found = zone.find(&question.name).ok_or(Ignored::Name)?;
        // One of our own tools may be who met the conflict.
        let by = asked.from.ip();
        if zone.source_for(by).is_none() && !self.own.contains(&by) {
            return Err(Ignored::OffLink);
        }
        // RFC 4795 4.2: a name that is held by several hosts on purpose is not verified. One that is shared because
        // we reach the link twice is meant to be unique.
        let link = self.links.get(&key);
        let claimed = link.is_some_and(|link| link.claim_of(&question.name).is_some());
        if !self.rules.hold(Rule::HeedDoubts) || !claimed && found.state == NameState::Shared {
            return Err(Ignored::Conflict);
        }
        Ok(question)
    }

    /// Whether a query is one of ours that came back. If it went out on another link, both are the same.
    fn is_echo(&mut self, key: LinkKey, header: &Header, asked: &Asked<'_>) -> bool {
        let from = asked.from.ip();
        let sent_so = asked.from.port() == udp::LLMNR && self.own.contains(&from);
        if !sent_so || !self.rules.hold(Rule::OwnAddresses) {
            return false;
        }
        let Some((question, _)) = Question::read(asked.message, dns::HEADER) else {
            return false;
        };
        let asked = |link: &Link| link.asked(header.id, &question, from);
        let Some(link) = self.links.values().find(|link| asked(link)) else {
            return false;
        };
        let other = link.key;
        let served = self.links.get(&key).is_some_and(|link| link.up);
        if other != key && served && self.same.join(key, other) {
            self.events.push_back(Event::SameLink {
                key,
                other,
                same: true,
            });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    mod bounds;
    mod conflicts;
    mod doubts;
    mod edges;
    mod loss;
    mod outcomes;
    mod races;
    mod same_link;
    mod scene;
    mod triggers;
    mod view;
    mod zone;

    use super::*;

    /// When the clock of a test starts; all that matters is what passes from there.
    fn epoch() -> Instant {
        Instant::now()
    }
}
