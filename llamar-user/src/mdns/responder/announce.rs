//! Announcing what is new and saying goodbye to what ended (RFC 6762 8.3, 8.4, 10.1), and sending what waits.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::Responder;
use super::publish::Changes;
use super::speak;
use super::zone::{AGAIN, Entry, Id};
use crate::dns::{Compression, Record};
use crate::mdns::{Family, Rule, Turn};

/// RFC 6762 8.3: how often something new is announced.
const ROUNDS: u8 = 2;
/// RFC 6762 8.3: between both.
const ROUND_GAP: Duration = Duration::from_secs(1);

impl Responder {
    /// Tells of changes.
    pub(super) fn tell(&mut self, turn: &mut Turn<'_>, changes: &Changes) {
        // RFC 6762 8.4: goodbyes go before what takes the place of the old data.
        let ended = changes.ended.iter();
        let ended = ended.filter(|entry| entry.told != [None; 2]);
        let ended: Vec<_> = ended.map(Entry::goodbye).collect();
        if !ended.is_empty() && turn.rules.hold(Rule::Goodbye) {
            say_goodbye(turn, &ended);
            self.farewells.push_back((turn.now + ROUND_GAP, ended));
        }
        for &(id, at) in &changes.announced {
            self.announce(turn, id, at, ROUNDS);
        }
        self.announce_on(turn);
    }

    /// A record is to be announced so many times.
    pub(super) fn announce(&mut self, turn: &Turn<'_>, id: Id, at: Instant, rounds: u8) {
        if !turn.rules.hold(Rule::Announce) {
            return;
        }
        let rounds = if turn.rules.hold(Rule::Repeat) {
            rounds
        } else {
            1
        };
        if let Some(entry) = self.zone.entry_mut(id) {
            if let Some((_, old)) = entry.rounds.replace((rounds, at)) {
                self.rounds.remove(&(old, id));
            }
            self.rounds.insert((at, id));
        }
    }

    /// Announces what is due, and says goodbye again.
    pub(super) fn announce_on(&mut self, turn: &mut Turn<'_>) {
        while let Some((at, _)) = self.farewells.front()
            && *at <= turn.now
        {
            let (_, records) = self.farewells.pop_front().unwrap_or((turn.now, Vec::new()));
            let gone = records.into_iter().filter(|record| !self.is_back(record));
            let gone: Vec<_> = gone.collect();
            say_goodbye(turn, &gone);
        }
        let mut due = BTreeSet::new();
        while let Some(&(at, id)) = self.rounds.first()
            && at <= turn.now
        {
            self.rounds.pop_first();
            let Some(entry) = self.zone.entry_mut(id) else {
                continue;
            };
            let left = entry.rounds.take().map_or(0, |(rounds, _)| rounds - 1);
            if left > 0 {
                let next = turn.now + ROUND_GAP;
                entry.rounds = Some((left, next));
                self.rounds.insert((next, id));
            }
            due.extend(self.zone.whole(id));
        }
        for family in turn.families {
            self.enqueue(turn, *family, &due, Urgency::ANNOUNCEMENT);
        }
    }

    /// Has records multicast.
    pub(super) fn enqueue(
        &mut self,
        turn: &Turn<'_>,
        family: Family,
        ids: &BTreeSet<Id>,
        urgency: Urgency,
    ) {
        // The interface may have lost the family while an asker was waited for.
        if !turn.families.contains(&family) {
            return;
        }
        let pause = if turn.rules.hold(Rule::OncePerSecond) {
            urgency.again
        } else {
            Duration::ZERO
        };
        let Urgency { patient, firm, .. } = urgency;
        let earliest = turn.now + urgency.delay;
        let mut done = BTreeSet::new();
        for id in ids {
            let queue = &self.queues[family as usize];
            // What waits already costs a flood of questions next to nothing.
            if done.contains(id) || queue.has(*id, earliest, patient, firm) {
                continue;
            }
            let set = self.zone.whole(*id);
            let told = set
                .iter()
                .filter_map(|id| self.zone.entry(*id)?.told(family));
            // RFC 6762 6: not within a second, or 250 ms for who probes.
            let free = told.max().map(|told| told + pause);
            let due = earliest.max(free.unwrap_or(earliest));
            let queue = &mut self.queues[family as usize];
            for id in &set {
                queue.push(*id, due, patient, firm);
            }
            done.extend(set);
        }
    }

    /// A record was multicast over a family.
    pub(super) fn was_told(&mut self, now: Instant, family: Family, id: Id) {
        if let Some(entry) = self.zone.entry_mut(id) {
            entry.told[family as usize] = Some(now);
        }
        self.queues[family as usize].told(id, now + AGAIN);
        self.askers.told(family, id);
    }

    /// Sends what is due.
    pub(super) fn speak(&mut self, turn: &mut Turn<'_>) {
        for &family in turn.families {
            let answers = self.queues[family as usize].take(turn.now);
            if !answers.is_empty() {
                self.multicast(turn, family, &answers);
            }
        }
    }

    fn multicast(&mut self, turn: &mut Turn<'_>, family: Family, answers: &BTreeSet<Id>) {
        let (now, zone) = (turn.now, &self.zone);
        // RFC 6762 10.2: with whatever has become a member of a set since.
        let answers = answers.iter().flat_map(|id| zone.whole(*id)).collect();
        let once = turn.rules.hold(Rule::OncePerSecond);
        // RFC 6762 6: what nobody asked for is no reason to say it again either.
        let is_fresh = |id| {
            let entry = zone.entry(id);
            entry.is_some_and(|entry| !once || !entry.told_within(family, now, AGAIN))
        };
        for said in speak::responses(zone, &answers, turn.room(family), is_fresh) {
            if let Some(bytes) = speak::bytes(&said.message, family, Compression::Multicast) {
                turn.multicast(family, bytes);
            }
            for id in said.ids {
                self.was_told(now, family, id);
            }
        }
        self.queues[family as usize].settle();
    }
}

/// How urgent it is that a record is multicast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Urgency {
    /// How long it waits in any case.
    pub delay: Duration,
    /// Whether it may wait longer for company (RFC 6762 6.4).
    pub patient: bool,
    /// Whether it goes out even if another host tells it.
    pub firm: bool,
    /// How long ago it must have been multicast.
    pub again: Duration,
}

impl Urgency {
    const ANNOUNCEMENT: Self = Self {
        delay: Duration::ZERO,
        patient: false,
        firm: true,
        again: AGAIN,
    };
}

/// Goodbyes (RFC 6762 10.1) over all families.
pub(super) fn say_goodbye(turn: &mut Turn<'_>, records: &[Record]) {
    for &family in turn.families {
        for message in speak::unsolicited(records, turn.room(family)) {
            if let Some(bytes) = speak::bytes(&message, family, Compression::Multicast) {
                turn.multicast(family, bytes);
            }
        }
    }
}
