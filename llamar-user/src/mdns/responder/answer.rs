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
use super::tie;
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

/// Answers to the questions of one query by how they go out.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// To everybody.
    pub multicast: BTreeSet<Id>,
    /// To the asker alone.
    pub unicast: BTreeSet<Id>,
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
        if !arrival.is_legacy() {
            self.break_ties(turn, message);
            self.know(turn, message, arrival, &known);
        }
        let (urgent, others) = self.sort(turn, message, arrival, on_link, &known);
        let answered = [&urgent, &others].map(|answers| !answers.is_empty());
        self.respond(turn, message, arrival, urgent, Some(Duration::ZERO));
        if answered[1] {
            let delay = self.delay(turn, message, &others);
            self.respond(turn, message, arrival, others, delay);
        }
        self.speak(turn);
        answered.contains(&true)
    }

    /// The answers to a query's questions: those that defend a name, and all others.
    fn sort(
        &mut self,
        turn: &mut Turn<'_>,
        message: &Message,
        arrival: &Arrival,
        on_link: bool,
        known: &Known<'_>,
    ) -> (Answers, Answers) {
        let (mut urgent, mut others) = (Answers::default(), Answers::default());
        let mut asked = BTreeSet::new();
        for question in &message.questions {
            // One that is asked a hundred times is answered once.
            if !asked.insert((&question.name, question.kind, question.class)) {
                continue;
            }
            let mut found = self.zone.answers(question);
            found.retain(|id| self.zone.entry(*id).is_some_and(|entry| !known.has(entry)));
            if found.is_empty() {
                continue;
            }
            let is_probe = self.is_probe(turn, message, question, arrival);
            let way = way(question, arrival, on_link, is_probe);
            let answers = if is_probe { &mut urgent } else { &mut others };
            self.direct(turn, arrival.family(), way, &found, answers);
        }
        (urgent, others)
    }

    /// Whether a question is a probe for a name of ours. RFC 6762 6: what answers it stands in the authority section.
    fn is_probe(
        &mut self,
        turn: &mut Turn<'_>,
        message: &Message,
        question: &Question,
        arrival: &Arrival,
    ) -> bool {
        let mut proposed = message.authorities.iter();
        if arrival.is_legacy() || !proposed.any(|record| tie::answers(question, record)) {
            return false;
        }
        // RFC 6762 6.6: who proposes the same as we have takes nothing away.
        let mut proposed = message.authorities.iter();
        let differs = proposed
            .any(|record| tie::answers(question, record) && self.zone.find(record).is_none());
        let claim = self.claims.using(&question.name);
        if differs
            && let Some(claim) = claim.and_then(|id| self.claims.get_mut(id))
            && claim.stage() == Stage::Held
            && claim.rebuff(arrival.from.ip())
        {
            turn.events.push_back(Event::Defended {
                device: turn.device,
                name: claim.used().clone(),
                culprit: arrival.from.ip(),
            });
        }
        true
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
        for id in found {
            // RFC 6762 5.4: what was not multicast within a quarter of its TTL is, for all caches to have it.
            let is_fresh = || {
                let set = self.zone.whole(*id);
                let mut entries = set.iter().filter_map(|id| self.zone.entry(*id));
                entries.all(|entry| {
                    let quarter = Duration::from_secs(entry.record.ttl.into()) / 4;
                    entry.told_within(family, turn.now, quarter)
                })
            };
            let (unicast, multicast) = match way {
                Way::Multicast => (false, true),
                Way::Legacy => (true, false),
                Way::Unicast if is_fresh() => (true, false),
                Way::Unicast => (false, true),
                Way::Both => (true, !is_fresh()),
            };
            if unicast {
                answers.unicast.insert(*id);
            }
            if multicast {
                answers.multicast.insert(*id);
            }
        }
    }

    /// How long answers wait; `None` if that depends on what else the asker says.
    fn delay(&self, turn: &mut Turn<'_>, message: &Message, answers: &Answers) -> Option<Duration> {
        if !turn.rules.hold(Rule::Delay) {
            return Some(Duration::ZERO);
        }
        if message.flags & dns::TRUNCATED != 0 {
            return None;
        }
        let mut ids = answers.multicast.iter().chain(&answers.unicast);
        let is_shared = ids.any(|id| {
            let entry = self.zone.entry(*id);
            entry.is_some_and(|entry| entry.role == Role::Shared)
        });
        // RFC 6762 6, 6.3: nobody else answers a single question for what is ours alone.
        let waits = is_shared || message.questions.len() > 1;
        Some(if waits {
            random(turn.rng, DELAY)
        } else {
            Duration::ZERO
        })
    }

    /// Has answers sent.
    fn respond(
        &mut self,
        turn: &mut Turn<'_>,
        message: &Message,
        arrival: &Arrival,
        answers: Answers,
        delay: Option<Duration>,
    ) {
        if answers.is_empty() {
            return;
        }
        let is_probe = delay == Some(Duration::ZERO) && !message.authorities.is_empty();
        let truncated = random(turn.rng, DELAY_TRUNCATED);
        let Answers { multicast, unicast } = answers;
        let unicast = (!unicast.is_empty()).then(|| Unicast::new(arrival, message, unicast));
        let delay = match delay {
            Some(delay) => delay,
            None if arrival.is_legacy() => truncated,
            None => {
                // RFC 6762 7.2: what else he knows comes in the next messages.
                let due = turn.now + truncated;
                let family = arrival.family();
                let kept =
                    self.askers
                        .keep(arrival.from.ip(), due, family, &multicast, unicast.as_ref());
                if kept {
                    return;
                }
                truncated
            }
        };
        if let Some(unicast) = unicast {
            self.send_unicast(turn, unicast, delay);
        }
        let urgency = Urgency {
            delay,
            patient: !delay.is_zero(),
            firm: false,
            again: if is_probe { AGAIN_PROBE } else { AGAIN },
        };
        self.enqueue(turn, arrival.family(), &multicast, urgency);
    }
}

impl Answers {
    fn is_empty(&self) -> bool {
        self.multicast.is_empty() && self.unicast.is_empty()
    }
}

/// How the answers to a question go out.
fn way(question: &Question, arrival: &Arrival, on_link: bool, is_probe: bool) -> Way {
    // RFC 6762 5.4, 5.5: asked for by a bit, or by the way that it was asked.
    let is_unicast = question.class & kind::CLASS_TOP != 0 || !arrival.is_multicast();
    if arrival.is_legacy() {
        Way::Legacy
    } else if !is_unicast || !on_link {
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
