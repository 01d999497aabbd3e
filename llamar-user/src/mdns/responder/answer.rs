//! Answering questions (RFC 6762 6, 7): what is told, by which way, and when.

use std::collections::BTreeSet;
use std::time::Duration;

use llamar_common::wire::dns;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::Responder;
use super::announce::Urgency;
use super::claims::Stage;
use super::known::Known;
use super::tie::Proposals;
use super::unicast::Unicast;
use super::zone::{AGAIN, Id, Role};
use crate::dns::{Message, Question, kind};
use crate::mdns::{Arrival, Event, Family, Rule, Turn};

/// RFC 6762 6: how long after a multicast who probes gets an answer by multicast.
const AGAIN_PROBE: Duration = Duration::from_millis(250);
/// RFC 6762 6: in milliseconds, how long an answer waits that others may have too.
const DELAY: (u64, u64) = (20, 120);
/// RFC 6762 7.2: in milliseconds, how long one waits whose asker has more to say.
const DELAY_TRUNCATED: (u64, u64) = (400, 500);

/// A query, and what is known of its asker.
struct Query<'a> {
    message: &'a Message,
    arrival: &'a Arrival,
    on_link: bool,
    known: Known<'a>,
    proposals: Proposals<'a>,
}

/// Answers to the questions of one query by how they go out.
#[derive(Debug, Default)]
struct Answers {
    /// To everybody.
    multicast: BTreeSet<Id>,
    /// To the asker alone.
    unicast: BTreeSet<Id>,
}

/// When answers go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// At once: a name is being taken (RFC 6762 8.1).
    Urgent,
    /// After this time.
    After(Duration),
    /// When the asker has told all that he knows (RFC 6762 7.2).
    ToldAll,
}

/// How answers go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// To everybody.
    Multicast,
    /// To the asker, and in his place to everybody what they have not heard for long (RFC 6762 5.4).
    Unicast,
    /// To the asker who has to know at once, and to everybody as well what they have not heard for long.
    Both,
    /// To the asker only, who takes no part in mDNS (RFC 6762 6.7).
    Legacy,
}

impl Responder {
    /// Takes a query whose header is good and that is no echo of ours; `on_link`: its sender has an address of the link.
    /// Whether it is answered, now or later.
    pub fn handle_query(
        &mut self,
        turn: &mut Turn<'_>,
        message: &Message,
        arrival: &Arrival,
        on_link: bool,
    ) -> bool {
        // RFC 6762 5.5: what comes by unicast comes from the link.
        let is_heard = on_link || arrival.is_multicast();
        if !is_heard || !turn.families.contains(&arrival.family()) {
            return false;
        }
        let known = if turn.rules.hold(Rule::KnownAnswers) {
            Known::new(&message.answers)
        } else {
            Known::default()
        };
        // RFC 6762 6.7: who asks from another port takes part in nothing.
        let mut proposals = Proposals::default();
        if !arrival.is_legacy() {
            proposals = Proposals::new(message);
            self.leave_to(turn, message.authorities.iter(), arrival);
            self.break_ties(turn, &proposals);
            self.know(turn, message, arrival, &known);
        }
        let query = Query {
            message,
            arrival,
            on_link,
            known,
            proposals,
        };
        self.rebuff(turn, &query);
        let (urgent, others) = self.sort(turn, &query);
        let answered = !urgent.is_empty() || !others.is_empty();
        self.respond(turn, &query, urgent, When::Urgent);
        let when = self.when(turn, message, &others);
        self.respond(turn, &query, others, when);
        self.speak(turn);
        answered
    }

    /// The answers to a query's questions: those that defend a name, and all others.
    fn sort(&self, turn: &Turn<'_>, query: &Query<'_>) -> (Answers, Answers) {
        let (mut urgent, mut others) = (Answers::default(), Answers::default());
        let mut asked = BTreeSet::new();
        for question in &query.message.questions {
            // One that is asked a hundred times is answered once.
            if !asked.insert((&question.name, question.kind, question.class)) {
                continue;
            }
            let mut found = self.zone.answers(question);
            let is_known = |id| {
                self.zone
                    .entry(id)
                    .is_some_and(|entry| query.known.has(entry))
            };
            found.retain(|id| !is_known(*id));
            if found.is_empty() {
                continue;
            }
            let is_probe = query.proposals.answer(question);
            let from = query.arrival.from.ip();
            if is_probe && self.is_for_same_host(&question.name, &query.proposals, from) {
                continue;
            }
            let way = way(question, query, is_probe);
            let answers = if is_probe { &mut urgent } else { &mut others };
            self.direct(turn, query.arrival.family(), way, &found, answers);
        }
        (urgent, others)
    }

    /// Another host wants names of ours.
    fn rebuff(&mut self, turn: &mut Turn<'_>, query: &Query<'_>) {
        let culprit = query.arrival.from.ip();
        for (owner, proposed) in query.proposals.iter() {
            // RFC 6762 6.6: who proposes the same as we have takes nothing away.
            let differs = proposed
                .iter()
                .any(|record| self.zone.find(record).is_none());
            let claim = self.claims.using(owner);
            if let Some(claim) = claim.and_then(|id| self.claims.get_mut(id))
                && claim.stage() == Stage::Held
                && differs
                && claim.rebuff(culprit)
            {
                turn.events.push_back(Event::Defended {
                    device: turn.device,
                    name: claim.used().clone(),
                    culprit,
                });
            }
        }
    }

    /// Sorts the answers to one question by how they go out.
    fn direct(
        &self,
        turn: &Turn<'_>,
        family: Family,
        way: Way,
        found: &[Id],
        answers: &mut Answers,
    ) {
        for &id in found {
            let (unicast, multicast) = match way {
                Way::Multicast => (false, true),
                Way::Legacy => (true, false),
                Way::Unicast if self.is_fresh(turn, family, id) => (true, false),
                Way::Unicast => (false, true),
                Way::Both => (true, !self.is_fresh(turn, family, id)),
            };
            if unicast {
                answers.unicast.insert(id);
            }
            if multicast {
                answers.multicast.insert(id);
            }
        }
    }

    /// RFC 6762 5.4: whether a record was multicast within a quarter of its TTL, so that all caches have it.
    fn is_fresh(&self, turn: &Turn<'_>, family: Family, id: Id) -> bool {
        let set = self.zone.whole(id);
        let mut entries = set.iter().filter_map(|id| self.zone.entry(*id));
        entries.all(|entry| {
            let quarter = Duration::from_secs(entry.record.ttl.into()) / 4;
            entry.told_within(family, turn.now, quarter)
        })
    }

    /// When the answers to a query that is no probe go out.
    fn when(&self, turn: &mut Turn<'_>, message: &Message, answers: &Answers) -> When {
        if !turn.rules.hold(Rule::Delay) {
            return When::After(Duration::ZERO);
        }
        if message.flags & dns::TRUNCATED != 0 {
            return When::ToldAll;
        }
        let mut ids = answers.multicast.iter().chain(&answers.unicast);
        let is_shared = ids.any(|id| {
            let entry = self.zone.entry(*id);
            entry.is_some_and(|entry| entry.role == Role::Shared)
        });
        // RFC 6762 6, 6.3: nobody else answers a single question for what is ours alone.
        let waits = is_shared || message.questions.len() > 1;
        When::After(if waits {
            random(turn.rng, DELAY)
        } else {
            Duration::ZERO
        })
    }

    /// Has answers sent.
    fn respond(&mut self, turn: &mut Turn<'_>, query: &Query<'_>, answers: Answers, when: When) {
        if answers.is_empty() {
            return;
        }
        let arrival = query.arrival;
        let Answers { multicast, unicast } = answers;
        let unicast = Some(unicast).filter(|ids| !ids.is_empty());
        let unicast = unicast.map(|ids| Unicast::new(arrival, query.message, ids));
        let (delay, again) = match when {
            When::Urgent => (Duration::ZERO, AGAIN_PROBE),
            When::After(delay) => (delay, AGAIN),
            When::ToldAll => (pause_truncated(turn.rng), AGAIN),
        };
        let (from, family) = (arrival.from.ip(), arrival.family());
        let wants = (&multicast, unicast.as_ref());
        if when == When::ToldAll
            && !arrival.is_legacy()
            && self.askers.keep(from, turn.now + delay, family, wants)
        {
            return;
        }
        if let Some(unicast) = unicast {
            self.send_unicast(turn, unicast, delay);
        }
        let urgency = Urgency {
            delay,
            patient: !delay.is_zero(),
            firm: false,
            again,
        };
        self.enqueue(turn, family, &multicast, urgency);
    }
}

impl Answers {
    fn is_empty(&self) -> bool {
        self.multicast.is_empty() && self.unicast.is_empty()
    }
}

/// How the answers to a question go out.
fn way(question: &Question, query: &Query<'_>, is_probe: bool) -> Way {
    let arrival = query.arrival;
    // RFC 6762 5.4, 5.5: asked for by a bit, or by the way that it was asked.
    let is_unicast = question.class & kind::CLASS_TOP != 0 || !arrival.is_multicast();
    if arrival.is_legacy() {
        Way::Legacy
    } else if !is_unicast || !query.on_link {
        // RFC 6762 11: who is not of the link would not take a unicast response.
        Way::Multicast
    } else if is_probe {
        Way::Both
    } else {
        Way::Unicast
    }
}

/// A random time.
fn random(rng: &mut StdRng, (least, most): (u64, u64)) -> Duration {
    Duration::from_micros(rng.random_range(least * 1000..=most * 1000))
}

/// RFC 6762 6: a random wait for what others may tell too.
pub(super) fn random_delay(turn: &mut Turn<'_>) -> Duration {
    if turn.rules.hold(Rule::Delay) {
        random(turn.rng, DELAY)
    } else {
        Duration::ZERO
    }
}

/// RFC 6762 7.2: a random wait for what else an asker knows.
pub(super) fn pause_truncated(rng: &mut StdRng) -> Duration {
    random(rng, DELAY_TRUNCATED)
}
