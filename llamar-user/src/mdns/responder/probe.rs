//! Probing (RFC 6762 8.1): asking three times whether anybody has a name.

use std::time::Duration;

use rand::RngExt as _;

use super::Responder;
use super::claims::{ClaimId, Claims, Stage};
use super::publish::Cause;
use super::size::Size;
use super::speak;
use crate::config::OnConflict;
use crate::dns::{Compression, Message, Question, Record, kind};
use crate::mdns::{Event, Family, PACKET_MAX, Rule, Turn};

/// RFC 6762 8.1: the longest random wait before the first probe.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// RFC 6762 8.1: between probes, and behind the last one.
const GAP: Duration = Duration::from_millis(250);
/// RFC 6762 8.1: how many there are.
const PROBES: u8 = 3;
/// Names of which the first probes go out together; the next ones follow with these names' second probes. A host with
/// hundreds of services does not fill the link at once, and a probe message is not full of a single probe.
const WAVE: usize = 40;
/// RFC 6762 9: after how long without a free name that is told.
const VAIN_MAX: Duration = Duration::from_secs(60);

impl Responder {
    /// Begins to probe names.
    pub(super) fn probe(&mut self, turn: &mut Turn<'_>, ids: &[ClaimId]) {
        if !turn.rules.hold(Rule::Probe) {
            return self.win(turn, ids.to_vec());
        }
        // RFC 6762 8.1: one wait for all of them, so that they share messages.
        let wait = turn.rng.random_range(Duration::ZERO..=WAIT_MAX);
        let start = turn.now + wait + self.pace.pause(turn.now, turn.rules);
        for (wave, ids) in (0..).zip(ids.chunks(WAVE)) {
            let until = start + GAP * wave;
            for id in ids {
                self.claims.enter(*id, Stage::Waiting { until });
            }
        }
    }

    /// Sends the probes that are due, and takes the names that nobody else had.
    pub(super) fn probe_on(&mut self, turn: &mut Turn<'_>) {
        let (mut asked, mut won, mut again) = (Vec::new(), Vec::new(), Vec::new());
        for id in self.claims.due(turn.now) {
            let sent = match self.claims.get(id).map(super::Claim::stage) {
                Some(Stage::Waiting { .. }) => 0,
                Some(Stage::Probing { sent: PROBES.., .. }) => {
                    won.push(id);
                    continue;
                }
                Some(Stage::Probing { sent, .. }) => sent,
                Some(Stage::Withdrawn { .. }) => {
                    again.push(id);
                    continue;
                }
                Some(Stage::Down | Stage::Held) | None => continue,
            };
            let next = turn.now + GAP;
            let sent = sent + 1;
            self.claims.enter(id, Stage::Probing { sent, next });
            self.complain(turn, id);
            asked.push(id);
        }
        self.ask(turn, &asked);
        if !again.is_empty() {
            self.probe(turn, &again);
        }
        if !won.is_empty() {
            self.win(turn, won);
        }
    }

    /// Names are ours.
    pub(super) fn win(&mut self, turn: &mut Turn<'_>, ids: Vec<ClaimId>) {
        for id in &ids {
            self.claims.enter(*id, Stage::Held);
            let Some(claim) = self.claims.get_mut(*id) else {
                continue;
            };
            claim.won();
            turn.events.push_back(Event::Verified {
                device: turn.device,
                name: claim.used().clone(),
            });
        }
        self.publish(turn, &ids, Cause::Standing);
    }

    /// RFC 6762 9: after a minute without a free name that is an error, which is told once.
    fn complain(&mut self, turn: &mut Turn<'_>, id: ClaimId) {
        let Some(claim) = self.claims.get_mut(id) else {
            return;
        };
        let Some((since, false)) = claim.vain else {
            return;
        };
        if turn.now < since + VAIN_MAX || self.on_conflict != OnConflict::Rename {
            return;
        }
        claim.vain = Some((since, true));
        turn.events.push_back(Event::Nameless {
            device: turn.device,
            wanted: claim.wanted().clone(),
        });
    }

    /// Sends one probe for each of these names over all families.
    fn ask(&self, turn: &mut Turn<'_>, ids: &[ClaimId]) {
        let families = turn.families;
        // The same messages go out over each.
        let rooms = families.iter().map(|family| turn.room(*family));
        let Some(room) = rooms.min() else {
            return;
        };
        // RFC 6762 5.4, 8.1, 15.1: QU, if a unicast response would reach us.
        let top = if turn.unicast { kind::CLASS_TOP } else { 0 };
        let probes = ids
            .iter()
            .filter_map(|id| Probe::new(&self.claims, *id, kind::IN | top));
        let probes = probes.chain(
            self.reverse_questions(turn, ids)
                .into_iter()
                .map(|question| Probe {
                    question,
                    proposed: Vec::new(),
                }),
        );
        let probes: Vec<_> = probes.collect();
        for message in pack(&probes, room) {
            for family in families {
                send(turn, *family, &message);
            }
        }
    }
}

/// The question and the authority section's records for a name.
struct Probe {
    question: Question,
    /// RFC 6762 8.2: all that is proposed. RFC 6762 10.2: the bit that flushes caches is for responses.
    proposed: Vec<Record>,
}

impl Probe {
    fn new(claims: &Claims, id: ClaimId, class: u16) -> Option<Self> {
        let claim = claims.get(id)?;
        // RFC 6762 8.1: ANY, so that the name is ours for all types.
        let question = Question {
            name: claim.used().clone(),
            kind: kind::ANY,
            class,
        };
        let proposed = claims.proposed(claim);
        Some(Self { question, proposed })
    }
}

/// Puts probes into messages. RFC 6762 8.2: what is proposed for a name stands in one message with its question.
fn pack(probes: &[Probe], room: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut size = Size::new(Compression::Multicast);
    let mut open = Message::default();
    for probe in probes {
        if !size.probe(&probe.question, &probe.proposed, room) {
            if !open.questions.is_empty() {
                messages.push(std::mem::take(&mut open));
            }
            size = Size::new(Compression::Multicast);
            // What is too long for any goes alone, in fragments.
            size.probe(&probe.question, &probe.proposed, usize::MAX);
        }
        open.questions.push(probe.question.clone());
        open.authorities.extend(probe.proposed.iter().cloned());
    }
    if !open.questions.is_empty() {
        messages.push(open);
    }
    messages
}

fn send(turn: &mut Turn<'_>, family: Family, message: &Message) {
    let mut message = message.clone();
    // RFC 6762 17: nothing is longer than 9000 bytes, so what is compared last is left out.
    let fits = fitting(&message, PACKET_MAX - family.headers());
    message.authorities.truncate(fits);
    if let Some(bytes) = speak::bytes(&message, family, Compression::Multicast) {
        turn.multicast(family, bytes);
    }
}

/// How many of a message's records fit behind its questions.
fn fitting(message: &Message, room: usize) -> usize {
    let mut size = Size::new(Compression::Multicast);
    for question in &message.questions {
        size.question(question);
    }
    let records = message.authorities.iter();
    records
        .take_while(|record| size.take([*record], room))
        .count()
}
