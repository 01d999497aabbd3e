//! Responses to one host (RFC 6762 5.4, 5.5, 6.7).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::Responder;
use super::speak;
use super::zone::Id;
use crate::dns::{Compression, Message, Opt, Question};
use crate::mdns::{Arrival, Family, Turn};

/// Responses that wait at a time. More than a few hosts do not ask within a tenth of a second for what is shared; what would
/// be one more is not sent.
const WAITING_MAX: usize = 64;
/// RFC 1035 4.2.1: what everybody takes by UDP.
const PAYLOAD: usize = 512;

/// A response to one host.
#[derive(Clone, Debug)]
pub(super) struct Unicast {
    to: SocketAddr,
    /// RFC 2181 4.1: a response comes from the address that was asked.
    from: Option<IpAddr>,
    family: Family,
    id: u16,
    legacy: Option<Legacy>,
    pub ids: BTreeSet<Id>,
}

/// What a response repeats to one who asks as one asks a DNS server, and how long it may be.
#[derive(Clone, Debug)]
struct Legacy {
    questions: Vec<Question>,
    payload: usize,
}

/// Responses that wait.
#[derive(Debug, Default)]
pub(super) struct Unicasts(Vec<(Instant, Unicast)>);

impl Unicast {
    /// The response to a query.
    pub(super) fn new(arrival: &Arrival, query: &Message, ids: BTreeSet<Id>) -> Self {
        let legacy = arrival.is_legacy().then(|| {
            let opt = query.additionals.iter().find_map(Opt::of);
            let payload = opt.map_or(PAYLOAD, |opt| PAYLOAD.max(opt.payload.into()));
            let questions = query.questions.clone();
            Legacy { questions, payload }
        });
        Self {
            to: arrival.from,
            from: (!arrival.is_multicast()).then_some(arrival.to),
            family: arrival.family(),
            id: query.id,
            legacy,
            ids,
        }
    }

    /// Takes in another response to the same host.
    pub(super) fn join(&mut self, other: &Self) {
        self.ids.extend(&other.ids);
    }
}

impl Unicasts {
    /// When the next one goes out.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.iter().map(|(due, _)| *due).min()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Responder {
    /// Has a response sent after a while.
    pub(super) fn send_unicast(&mut self, turn: &mut Turn<'_>, unicast: Unicast, delay: Duration) {
        if delay.is_zero() {
            self.send_now(turn, &unicast);
        } else if self.unicasts.0.len() < WAITING_MAX {
            self.unicasts.0.push((turn.now + delay, unicast));
        }
    }

    /// Sends what is due.
    pub(super) fn speak_unicast(&mut self, turn: &mut Turn<'_>) {
        let waiting = std::mem::take(&mut self.unicasts.0).into_iter();
        let (due, waiting) = waiting.partition(|(due, _)| *due <= turn.now);
        self.unicasts.0 = waiting;
        let due: Vec<(Instant, Unicast)> = due;
        for (_, unicast) in due {
            self.send_now(turn, &unicast);
        }
    }

    fn send_now(&self, turn: &mut Turn<'_>, unicast: &Unicast) {
        if !turn.families.contains(&unicast.family) {
            return;
        }
        let room = turn.room(unicast.family);
        // RFC 6762 10.2: members of a unique set are never alone.
        let ids = unicast.ids.iter().flat_map(|id| self.zone.whole(*id));
        let ids: BTreeSet<Id> = ids.collect();
        if ids.is_empty() {
            return;
        }
        let (messages, compression) = match &unicast.legacy {
            Some(legacy) => {
                let room = room.min(legacy.payload);
                let message = speak::legacy(&self.zone, &ids, &legacy.questions, room);
                (vec![message], Compression::Unicast)
            }
            None => {
                let said = speak::responses(&self.zone, &ids, room, |_| true);
                let messages = said.into_iter().map(|said| said.message);
                (messages.collect(), Compression::Multicast)
            }
        };
        for mut message in messages {
            message.id = unicast.id;
            if let Some(bytes) = speak::bytes(&message, unicast.family, compression) {
                turn.send(unicast.to, unicast.from, bytes);
            }
        }
    }
}
