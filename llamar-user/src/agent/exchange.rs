//! LLMNR messages between the sockets and the engine: what is heard and not plain goes in, what the engine wants sent goes
//! out, and what it has found out about our names is acted upon and said.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use llamar_common::abi::{LinkKey, Outcome};
use tracing::debug;

use super::counts::Counts;
use super::hearing;
use super::proxy::{Clock, Heard};
use super::tap::Received;
use super::{Agent, settled};
use crate::dns::Question;
use crate::llmnr::engine::{Engine, Event, Handled, Transmit, Why};
use crate::llmnr::{self, Asked, Ignored, Transport};
use crate::net::{Datagram, StreamMessage};
use crate::state::Served;

/// Messages after which others have their turn: few enough that a flood keeps nothing else waiting for a millisecond, many
/// enough that the turn costs nothing beside them.
const TURN_MAX: usize = 64;

/// What a response by UDP counts as.
pub(super) const ANSWERED: &str = Outcome::LlmnrAnswered.as_str();

impl Agent {
    /// A message that was heard and is not plain, and those that wait behind it.
    pub(super) fn heard(&mut self, heard: hearing::Heard) -> anyhow::Result<()> {
        self.take(heard)?;
        for _ in 1..TURN_MAX {
            let Some(heard) = self.hearing.try_next() else {
                break;
            };
            self.take(heard)?;
        }
        Ok(())
    }

    fn take(&mut self, heard: hearing::Heard) -> anyhow::Result<()> {
        match heard {
            hearing::Heard::Message(datagram, message) => self.message(&datagram, &message),
            hearing::Heard::Ended => bail!("a thread that hears LLMNR has ended"),
        }
        Ok(())
    }

    fn message(&mut self, datagram: &Datagram, message: &[u8]) {
        // Where sockets see a link under two keys, it is that which is claimed on. The engine knows how each claim
        // stands, be it written anywhere already or not.
        let link = self.desired.link_of(datagram.device);
        let link = link.and_then(|(key, _)| Some((key, self.bare.links.get(&key)?)));
        let Some(link) = link else {
            return;
        };
        let asked = Asked {
            message,
            from: datagram.from,
            transport: Transport::Udp { to: datagram.to },
        };
        hear(&mut self.engine, &self.counts, Instant::now(), link, &asked);
        self.drain();
    }

    /// A frame that came to a packet socket.
    pub(super) fn frame(&mut self, received: &Received) {
        let clock = Clock {
            limiter: self.engine.limiter(),
            now: Instant::now(),
        };
        match self.proxies.answer(&self.desired, received, clock) {
            Heard::Nothing => {}
            Heard::Settled(key, outcome) => self.counts.add(key, outcome),
            Heard::Message(key, datagram) => {
                let asked = Asked {
                    message: datagram.message,
                    from: datagram.from,
                    transport: Transport::Udp { to: datagram.to },
                };
                if let Some(served) = self.bare.links.get(&key) {
                    let (engine, counts) = (&mut self.engine, &self.counts);
                    hear(engine, counts, Instant::now(), (key, served), &asked);
                    self.drain();
                }
            }
        }
    }

    /// A message that came by TCP: answered on its connection.
    pub(super) fn stream(&mut self, stream: StreamMessage) {
        let Some((key, served)) = self.bare.link_of(stream.device) else {
            return;
        };
        let asked = Asked {
            message: &stream.message,
            from: stream.from,
            transport: Transport::Tcp {
                local: stream.local,
            },
        };
        let zone = self.engine.zone(key, served);
        let (answer, outcome) = match llmnr::respond(&zone, &asked) {
            Ok(response) => {
                tell_query(stream.from, &response.question);
                debug!("Responding.");
                (Some(response.message), "llmnr-tcp-answered")
            }
            Err(reason) => {
                tell_ignored(stream.from, reason);
                (None, super::count_of(reason))
            }
        };
        // A client that has gone away wants no answer.
        let _ = stream.answer.send(answer);
        self.counts.add(key, outcome);
    }

    /// A deadline of the engine's has come.
    pub(super) fn timeout(&mut self) {
        self.engine.handle_timeout(Instant::now());
        self.drain();
    }

    /// Acts upon everything that the engine has to say: first what may no longer be answered, then what is to be sent.
    pub(super) fn drain(&mut self) {
        let mut changed = false;
        while let Some(event) = self.engine.poll_event() {
            changed |= changes_answers(&event);
            self.tell_event(event);
        }
        if changed {
            self.settle();
        }
        while let Some(transmit) = self.engine.poll_transmit() {
            self.transmit(&transmit);
        }
    }

    /// Makes what is answered follow the claims.
    pub(super) fn settle(&mut self) {
        self.desired = Arc::new(settled(&self.engine, &self.presence, &self.bare));
        self.hearing.tell(&self.desired);
        self.kernel.update(&self.desired);
        self.tell_standings();
    }

    fn transmit(&mut self, transmit: &Transmit) {
        let Transmit {
            key, source, to, ..
        } = *transmit;
        let Some(served) = self.desired.links.get(&key) else {
            return;
        };
        let message = &transmit.message;
        let sent = match served.device {
            Some(device) => self.groups.send(message, to, source, device),
            None => self.proxies.send(key, served, source, to, message),
        };
        let outcome = match (&transmit.why, sent) {
            (Why::Verification, Ok(())) => "llmnr-verification",
            (Why::Response(_), Ok(())) => responded(),
            (why, Err(error)) => {
                if *why == Why::Verification {
                    self.engine.handle_unsent(transmit);
                }
                unsent(to, source, &error)
            }
        };
        self.counts.add(key, outcome);
    }
}

/// Whether names stand otherwise than before the engine had this to say.
pub(super) const fn changes_answers(event: &Event) -> bool {
    !matches!(event, Event::Doubted { .. } | Event::Defended { .. })
}

/// Hands a message that came by UDP to the engine, and tells and counts what comes of it, but responses: they count when
/// they are sent.
fn hear(
    engine: &mut Engine,
    counts: &Counts,
    now: Instant,
    (key, served): (LinkKey, &Served),
    asked: &Asked<'_>,
) {
    debug!("Received datagram.");
    let outcome = match engine.handle_datagram(now, key, served, asked) {
        Ok(Handled::Responded { question }) => {
            tell_query(asked.from, &question);
            return;
        }
        Ok(Handled::Dropped { question }) => {
            tell_query(asked.from, &question);
            debug!("Not responding: too many responses wait.");
            "llmnr-delayed-full"
        }
        Ok(Handled::Doubted { .. }) => "llmnr-conflict-query",
        Ok(Handled::Echo) => "llmnr-echo",
        Ok(Handled::Heard) => "llmnr-verification-response",
        Err(reason) => {
            tell_ignored(asked.from, reason);
            super::count_of(reason)
        }
    };
    counts.add(key, outcome);
}

/// What a response that is sent counts as.
pub(super) fn responded() -> &'static str {
    debug!("Responding.");
    ANSWERED
}

/// What a message that could not be sent counts as.
pub(super) fn unsent(to: SocketAddr, source: IpAddr, error: &io::Error) -> &'static str {
    debug!("send to {to} from {source}: {error}");
    "llmnr-send-failed"
}

pub(super) fn tell_query(from: SocketAddr, question: &Question) {
    let name = &question.name;
    debug!(
        "Received {} query from {from} for {name}.",
        question.kind_name()
    );
}

pub(super) fn tell_ignored(from: SocketAddr, reason: Ignored) {
    if reason == Ignored::Destination {
        debug!("Ignored unicast UDP query from {from}.");
    } else if reason.is_malformed() {
        debug!("Bad packet from {from}: {reason}.");
    } else {
        debug!("Ignored a message from {from}: {reason}.");
    }
}
