//! Askers that know more than fits in one message (RFC 6762 7.2): their answers wait until they have said everything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::wire::dns;

use super::Responder;
use super::announce::Urgency;
use super::answer::pause_truncated;
use super::known::Known;
use super::unicast::Unicast;
use super::zone::{AGAIN, Id, Zone};
use crate::dns::Message;
use crate::mdns::{Arrival, Family, Turn};

/// Askers that are waited for at a time. Nobody has so many neighbours that browse for hundreds of services within the same half
/// second; the answers to one more wait as long, but what he says later is not heeded.
const ASKERS_MAX: usize = 32;

/// All of them. RFC 6762 15.2: messages of one source address belong together.
#[derive(Debug, Default)]
pub(super) struct Askers(BTreeMap<IpAddr, Asker>);

/// What one asker waits for.
#[derive(Debug)]
struct Asker {
    due: Instant,
    family: Family,
    multicast: BTreeSet<Id>,
    unicast: Option<Unicast>,
}

impl Askers {
    /// When the next asker has said everything.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.values().map(|asker| asker.due).min()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Has answers wait; whether there is room for that.
    pub(super) fn keep(
        &mut self,
        from: IpAddr,
        due: Instant,
        family: Family,
        (multicast, unicast): (&BTreeSet<Id>, Option<&Unicast>),
    ) -> bool {
        if self.0.len() >= ASKERS_MAX && !self.0.contains_key(&from) {
            return false;
        }
        let asker = self.0.entry(from).or_insert_with(|| Asker {
            due,
            family,
            multicast: BTreeSet::new(),
            unicast: None,
        });
        asker.due = due;
        asker.multicast.extend(multicast);
        match (&mut asker.unicast, unicast) {
            (Some(old), Some(new)) => old.join(new),
            (old, new) => *old = old.take().or_else(|| new.cloned()),
        }
        true
    }

    /// A record was multicast: who waits for that has it.
    pub(super) fn told(&mut self, family: Family, id: Id) {
        for asker in self.0.values_mut().filter(|asker| asker.family == family) {
            asker.multicast.remove(&id);
        }
    }

    /// An asker says more.
    fn know(&mut self, zone: &Zone, from: IpAddr, known: &Known<'_>, due: Option<Instant>) {
        let Some(asker) = self.0.get_mut(&from) else {
            return;
        };
        // RFC 6762 7.2: the pause begins again with each message that is not the last one.
        asker.due = due.unwrap_or(asker.due);
        if known.is_empty() {
            return;
        }
        let is_unknown = |id: &Id| zone.entry(*id).is_some_and(|entry| !known.has(entry));
        asker.multicast.retain(is_unknown);
        if let Some(unicast) = &mut asker.unicast {
            unicast.ids.retain(is_unknown);
        }
    }

    fn pop(&mut self, now: Instant) -> Option<Asker> {
        let (from, _) = self.0.iter().find(|(_, asker)| asker.due <= now)?;
        let from = *from;
        self.0.remove(&from)
    }
}

impl Responder {
    /// An asker may say what else he knows.
    pub(super) fn know(
        &mut self,
        turn: &mut Turn<'_>,
        message: &Message,
        arrival: &Arrival,
        known: &Known<'_>,
    ) {
        let more = message.flags & dns::TRUNCATED != 0;
        let due = more.then(|| turn.now + pause_truncated(turn.rng));
        self.askers.know(&self.zone, arrival.from.ip(), known, due);
    }

    /// Answers those who have said everything.
    pub(super) fn end_askers(&mut self, turn: &mut Turn<'_>) {
        while let Some(asker) = self.askers.pop(turn.now) {
            if let Some(unicast) = asker.unicast {
                self.send_unicast(turn, unicast, Duration::ZERO);
            }
            let urgency = Urgency {
                delay: Duration::ZERO,
                patient: false,
                firm: false,
                again: AGAIN,
            };
            self.enqueue(turn, asker.family, &asker.multicast, urgency);
        }
    }
}
