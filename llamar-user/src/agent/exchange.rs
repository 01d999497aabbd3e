//! LLMNR messages between the sockets and the engine: what is heard goes in, what the engine wants sent goes out, and
//! what it has found out about our names is acted upon and said.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use llamar_common::abi::{LinkKey, Outcome};
use llamar_common::wire::udp::LLMNR_MAX;
use tokio::task::yield_now;
use tracing::debug;

use super::counts::Counts;
use super::proxy::{Clock, Heard};
use super::tap::Received;
use super::{Agent, settled};
use crate::dns::Question;
use crate::llmnr::engine::{Engine, Event, Handled, Transmit, Why};
use crate::llmnr::{self, Asked, Ignored, Transport};
use crate::net::{Groups, Inbox, Outbox, StreamMessage};
use crate::state::{Desired, Served};

/// Datagrams after which others have their turn: few enough that a flood keeps nothing else waiting for a millisecond,
/// many enough that the turn costs nothing beside them.
const TURN_MAX: usize = 64;

/// LLMNR's datagrams that came and that go.
#[derive(Debug)]
pub struct Mail {
    inbox: Inbox,
    outbox: Outbox<LinkKey>,
}

impl Mail {
    /// None yet.
    pub fn new() -> Self {
        Self {
            inbox: Inbox::new(LLMNR_MAX),
            outbox: Outbox::default(),
        }
    }
}

/// What the exchange of datagrams takes of the agent: as long as answers are all that comes of them, nothing else is
/// looked at.
pub(super) struct Exchange<'a> {
    pub groups: &'a Groups,
    pub engine: &'a mut Engine,
    pub bare: &'a Desired,
    pub desired: &'a Desired,
    pub counts: &'a mut Counts,
    pub mail: &'a mut Mail,
}

impl Exchange<'_> {
    /// Takes and answers datagrams, until something comes of one that the agent has to act upon. Nothing is lost if the
    /// future is dropped before.
    pub async fn run(mut self) {
        let due = self.engine.poll_timeout();
        let mut taken = 0;
        loop {
            self.answer();
            if !self.engine.is_drained() || self.engine.poll_timeout() != due {
                return;
            }
            if taken >= TURN_MAX {
                taken = 0;
                yield_now().await;
            }
            match self.groups.recv_all(&mut self.mail.inbox).await {
                Ok(()) if self.mail.inbox.is_full() => taken += self.mail.inbox.len(),
                // Before more comes the others have had theirs.
                Ok(()) => taken = 0,
                Err(error) => {
                    // An ICMP error of an earlier answer, or a shortage that passes.
                    debug!("receive on the LLMNR sockets: {error}");
                    yield_now().await;
                }
            }
        }
    }

    /// Answers what is in the inbox; once the agent has to act the rest stays there.
    fn answer(&mut self) {
        let now = Instant::now();
        // Most of what comes together comes by the same interface.
        let mut last: Option<(u32, LinkKey, &Served)> = None;
        while self.engine.is_drained()
            && let Some((datagram, message)) = self.mail.inbox.take()
        {
            let device = datagram.device;
            let link = last.filter(|(known, ..)| *known == device);
            let Some((_, key, served)) = link.or_else(|| link_of(self.bare, self.desired, device))
            else {
                continue;
            };
            last = Some((device, key, served));
            let asked = Asked {
                message,
                from: datagram.from,
                transport: Transport::Udp { to: datagram.to },
            };
            let answered = hear(self.engine, self.counts, now, (key, served), &asked);
            if answered && let Some(answer) = self.engine.poll_transmit() {
                let outbox = &mut self.mail.outbox;
                outbox.push(&answer.message, answer.to, answer.source, device, key);
            }
        }
        self.send();
    }

    fn send(&mut self) {
        let outbox = &mut self.mail.outbox;
        self.groups.send_all(outbox, |letter, sent| {
            let outcome = match sent {
                Ok(()) => responded(),
                Err(error) => unsent(letter.to, letter.source, &error),
            };
            self.counts.add(letter.mark, outcome);
        });
    }
}

/// The link that sockets see on an interface, and what is served there: the engine knows how each claim stands, be it
/// written anywhere already or not.
fn link_of<'a>(
    bare: &'a Desired,
    desired: &Desired,
    device: u32,
) -> Option<(u32, LinkKey, &'a Served)> {
    let (key, _) = desired.link_of(device)?;
    Some((device, key, bare.links.get(&key)?))
}

impl Agent {
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
                    let (engine, counts) = (&mut self.engine, &mut self.counts);
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
            changed |= !matches!(event, Event::Doubted { .. } | Event::Defended { .. });
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

/// Hands a message that came by UDP to the engine, and tells and counts what comes of it, but responses: they count when
/// they are sent. Whether there is one.
fn hear(
    engine: &mut Engine,
    counts: &mut Counts,
    now: Instant,
    (key, served): (LinkKey, &Served),
    asked: &Asked<'_>,
) -> bool {
    debug!("Received datagram.");
    let outcome = match engine.handle_datagram(now, key, served, asked) {
        Ok(Handled::Responded { question }) => {
            tell_query(asked.from, &question);
            return true;
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
    false
}

/// What a response that was sent counts as.
fn responded() -> &'static str {
    debug!("Responding.");
    Outcome::LlmnrAnswered.as_str()
}

/// What a message that could not be sent counts as.
fn unsent(to: SocketAddr, source: IpAddr, error: &io::Error) -> &'static str {
    debug!("send to {to} from {source}: {error}");
    "llmnr-send-failed"
}

fn tell_query(from: SocketAddr, question: &Question) {
    let name = &question.name;
    debug!(
        "Received {} query from {from} for {name}.",
        question.kind_name()
    );
}

fn tell_ignored(from: SocketAddr, reason: Ignored) {
    if reason == Ignored::Destination {
        debug!("Ignored unicast UDP query from {from}.");
    } else if reason.is_malformed() {
        debug!("Bad packet from {from}: {reason}.");
    } else {
        debug!("Ignored a message from {from}: {reason}.");
    }
}
