//! LLMNR messages between the sockets and the engine: what is heard goes in, what the engine wants sent goes out, and
//! what it has found out about our names is acted upon and said.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use llamar_common::abi::{LinkKey, Outcome};
use tracing::debug;

use super::proxy::{Clock, Heard};
use super::tap::Received;
use super::{Agent, settled};
use crate::dns::Question;
use crate::llmnr::engine::{Event, Handled, Transmit, Why};
use crate::llmnr::{self, Asked, Ignored, Transport};
use crate::net::{Datagram, StreamMessage};

/// Datagrams that are taken in one turn: few enough that a flood keeps nothing else waiting for a millisecond, many
/// enough that the turn costs nothing beside them.
const TURN_MAX: usize = 64;

impl Agent {
    /// A datagram that came to the UDP sockets, and those that wait behind it.
    pub(super) fn datagrams(&mut self, first: Datagram, buffer: &mut [u8]) {
        self.datagram(&first, buffer.get(..first.length).unwrap_or_default());
        for _ in 1..TURN_MAX {
            match self.groups.try_recv(buffer) {
                Ok(Some(next)) => {
                    self.datagram(&next, buffer.get(..next.length).unwrap_or_default());
                }
                Ok(None) => return,
                // An ICMP error of an earlier answer, or a shortage that passes.
                Err(error) => debug!("receive on the LLMNR sockets: {error}"),
            }
        }
    }

    fn datagram(&mut self, datagram: &Datagram, message: &[u8]) {
        if let Some((key, _)) = self.desired.link_of(datagram.device) {
            let transport = Transport::Udp { to: datagram.to };
            self.message(
                key,
                &Asked {
                    message,
                    from: datagram.from,
                    transport,
                },
            );
        }
    }

    /// A frame that came to a packet socket.
    pub(super) fn frame(&mut self, received: &Received) {
        let clock = Clock {
            limiter: self.engine.limiter(),
            now: Instant::now(),
        };
        match self.proxies.answer(&self.desired, received, clock) {
            Heard::Nothing => {}
            Heard::Settled(key, outcome) => self.count(key, outcome),
            Heard::Message(key, datagram) => {
                let transport = Transport::Udp { to: datagram.to };
                self.message(
                    key,
                    &Asked {
                        message: datagram.message,
                        from: datagram.from,
                        transport,
                    },
                );
            }
        }
    }

    /// A message that came by UDP, to the engine.
    fn message(&mut self, key: LinkKey, asked: &Asked<'_>) {
        // The engine knows how each claim stands, be it written anywhere already or not.
        let Some(served) = self.bare.links.get(&key) else {
            return;
        };
        debug!("Received datagram.");
        match self
            .engine
            .handle_datagram(Instant::now(), key, served, asked)
        {
            Ok(handled) => self.handled(key, asked.from, &handled),
            Err(reason) => {
                tell_ignored(asked.from, reason);
                self.count(key, super::count_of(reason));
            }
        }
        self.drain();
    }

    fn handled(&mut self, key: LinkKey, from: SocketAddr, handled: &Handled) {
        match handled {
            // Counted when it is sent.
            Handled::Responded { question } => tell_query(from, question),
            Handled::Dropped { question } => {
                tell_query(from, question);
                debug!("Not responding: too many responses wait.");
                self.count(key, "llmnr-delayed-full");
            }
            Handled::Doubted { .. } => self.count(key, "llmnr-conflict-query"),
            Handled::Echo => self.count(key, "llmnr-echo"),
            Handled::Heard => self.count(key, "llmnr-verification-response"),
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
        self.count(key, outcome);
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
            (Why::Response(_), Ok(())) => {
                debug!("Responding.");
                Outcome::LlmnrAnswered.as_str()
            }
            (why, Err(error)) => {
                debug!("send to {to} from {source}: {error}");
                if *why == Why::Verification {
                    self.engine.handle_unsent(transmit);
                }
                "llmnr-send-failed"
            }
        };
        self.count(key, outcome);
    }
}

fn tell_query(from: SocketAddr, question: &Question) {
    let (kind, name) = (question.kind_name(), &question.name);
    debug!("Received {kind} query from {from} for {name}.");
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
