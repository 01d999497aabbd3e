//! Questions: how often they are asked (RFC 6762 5.2, 5.4, 8.1), and which were asked lately.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::super::breach::Findings;
use super::super::message::{Judged, Purpose, answers, wants_unicast};
use super::super::rules;
use super::EARLY;
use crate::dns::{Name, Question, Record, kind};

/// Most names that are remembered, and most questions of all of them: some megabytes.
const NAMES_MAX: usize = 8192;
const KEPT_MAX: usize = 32_768;
/// RFC 6762 5.2: at least between the first two of a series.
const GAP: Duration = Duration::from_secs(1);
/// RFC 6762 8.1: between two probes.
const PROBE_GAP: Duration = Duration::from_millis(250);
/// How soon a question is the same one asked again, and not asked anew by somebody who has just begun to wonder.
const AGAIN: Duration = Duration::from_secs(10);
/// RFC 6762 5.2, 10: who asks no more often than that may only be refreshing what it knows: addresses live two minutes,
/// and after half of it they may be asked for.
const REFRESH: Duration = Duration::from_secs(60);
/// So many gaps in a row that do not grow are no series of questions that begins anew, and no refreshing of a record, of
/// which RFC 6762 5.2 has four.
const STEADY: u32 = 5;
/// RFC 6762 6, 6.4, 7.2: how long an answer may be on its way: known answers in several packets, aggregation, rates.
const ANSWERED: Duration = Duration::from_secs(3);

/// The questions of a link.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: HashMap<Name, Vec<Asked>>,
    /// How many there are of all names.
    count: usize,
}

/// When somebody asked a question.
#[derive(Debug)]
struct Asked {
    by: IpAddr,
    at: Duration,
    kind: u16,
    class: u16,
    /// Whether everybody had to listen to it, and a full mDNS host asked.
    loud: bool,
    probe: bool,
    unicast: bool,
    /// The time since it was asked before.
    gap: Option<Duration>,
    /// How many gaps were about the same.
    steady: u32,
    /// How many times it looked like a probe without proposed records.
    bare: u32,
}

/// Most hosts and types of one name that are remembered.
const ASKERS_MAX: usize = 128;

impl Questions {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.asked.values().map(Vec::len).sum()
    }

    /// Judges the questions of a query, and remembers them.
    pub(super) fn check(&mut self, judged: &Judged<'_>, findings: &mut Findings) {
        let (by, at) = (judged.heard.from.ip(), judged.heard.at);
        // Simple resolvers ask as they like, and only queries to everybody are in everybody's way.
        let loud = judged.purpose == Purpose::Query && judged.is_multicast();
        for question in &judged.message.questions {
            let mut proposed = judged.message.authorities.iter();
            let mut asked = Asked {
                by,
                at,
                kind: question.kind,
                class: question.class & !kind::CLASS_TOP,
                loud,
                probe: proposed.any(|record| answers(record, question)),
                unicast: wants_unicast(question),
                gap: None,
                steady: 0,
                bare: 0,
            };
            let askers = self.askers(question);
            let is_same = |other: &Asked| {
                (other.by, other.kind, other.class) == (by, asked.kind, asked.class)
            };
            let before = askers.iter().position(is_same);
            let before = before.map(|place| askers.swap_remove(place));
            if let Some(before) = before.as_ref().filter(|before| loud && before.loud) {
                compare(question, before, &mut asked, findings);
            }
            let is_new = before.is_none();
            if askers.len() < ASKERS_MAX {
                askers.push(asked);
                self.count += usize::from(is_new);
            }
        }
    }

    /// Whether somebody asked lately for what a record answers. RFC 6762 6.1: NSEC answers all that there is not.
    pub(super) fn wanted(&self, record: &Record, now: Duration) -> bool {
        let answers = |asked: &Asked| {
            let kinds = [record.kind, kind::ANY];
            kinds.contains(&asked.kind) || record.kind == kind::NSEC
        };
        let mut askers = self.asked.get(&record.owner).into_iter().flatten();
        askers.any(|asked| answers(asked) && now.saturating_sub(asked.at) <= ANSWERED)
    }

    /// Whether somebody probes for a name at the moment.
    pub(super) fn is_probed(&self, name: &Name, now: Duration) -> bool {
        let mut askers = self.asked.get(name).into_iter().flatten();
        askers.any(|asked| asked.probe && now.saturating_sub(asked.at) <= GAP)
    }

    fn askers(&mut self, question: &Question) -> &mut Vec<Asked> {
        let is_new = !self.asked.contains_key(&question.name);
        if self.count == KEPT_MAX || self.asked.len() == NAMES_MAX && is_new {
            self.asked.clear();
            self.count = 0;
        }
        self.asked.entry(question.name.clone()).or_default()
    }
}

/// Judges a question that the same host has asked before.
fn compare(question: &Question, before: &Asked, now: &mut Asked, findings: &mut Findings) {
    // Several questions of one message may be the same; some hosts ask so for each record that they propose.
    let gap = now.at.saturating_sub(before.at);
    if gap.is_zero() {
        return;
    }
    match (before.probe, now.probe) {
        (true, true) if gap + EARLY < PROBE_GAP => findings.name(
            rules::PROBE_PACE,
            &question.name,
            format!("the name is probed for again after {gap:.0?}, before 250 ms have passed"),
        ),
        (false, false) => ask_again(question, before, now, gap, findings),
        _ => {}
    }
}

/// Judges a question that is asked again, and is no probe.
fn ask_again(
    question: &Question,
    before: &Asked,
    now: &mut Asked,
    gap: Duration,
    findings: &mut Findings,
) {
    let mut wrong = |rule, text| findings.name(rule, &question.name, text);
    let probes = question.kind == kind::ANY && now.unicast && gap < GAP / 2;
    now.bare = if probes { before.bare + 1 } else { 0 };
    if now.bare == 2 {
        let text = "three questions like probes follow each other, and propose no records";
        wrong(rules::PROBE_RECORDS, text.to_owned());
    }
    if !probes && gap + EARLY < GAP {
        let text = format!("{question} is asked again after {gap:.0?}, before a second has passed");
        wrong(rules::REPEAT, text);
    }
    if !probes && now.unicast && before.unicast && gap < AGAIN {
        let text = format!("{question} is asked again and still wants its answer by unicast");
        wrong(rules::UNICAST_REPEAT, text);
    }
    steady(question, before, now, gap, findings);
}

/// RFC 6762 5.2: gaps grow by a factor of two.
fn steady(
    question: &Question,
    before: &Asked,
    now: &mut Asked,
    gap: Duration,
    findings: &mut Findings,
) {
    now.gap = Some(gap);
    let is_same = before.gap.is_some_and(|other| {
        let (short, long) = (gap.min(other), gap.max(other));
        long < short * 5 / 4 + EARLY
    });
    now.steady = if is_same { before.steady + 1 } else { 0 };
    if now.steady + 1 >= STEADY && gap < REFRESH {
        findings.name(
            rules::REPEAT,
            &question.name,
            format!("{question} is asked about every {gap:.0?}, and the gaps do not grow"),
        );
    }
}
