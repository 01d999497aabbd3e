//! Queries: known answers (RFC 6762 7.1) and probes (RFC 6762 8.1, 8.2).

use super::super::rules;
use super::{Findings, Judged, answers, flushes};
use crate::dns::{Question, Record, kind};
use crate::dnssd::Instance;

pub(super) fn check(judged: &Judged<'_>, findings: &mut Findings) {
    let message = &judged.message;
    for record in message.answers.iter().filter(|record| flushes(record)) {
        findings.record(
            rules::FLUSH_ELSEWHERE,
            record,
            "a known answer has the cache-flush bit, which is for responses",
        );
    }
    for record in &message.authorities {
        proposed(judged, record, findings);
    }
    for question in &message.questions {
        probe(judged, question, findings);
    }
}

fn proposed(judged: &Judged<'_>, record: &Record, findings: &mut Findings) {
    if flushes(record) {
        findings.record(
            rules::PROBE_FLUSH,
            record,
            "a proposed record has the cache-flush bit, which is for responses",
        );
    }
    let questions = &judged.message.questions;
    if !questions.iter().any(|question| answers(record, question)) {
        findings.record(
            rules::PROBE_RECORDS,
            record,
            "a record is proposed that no question of the probe asks for",
        );
    }
    let authorities = &judged.message.authorities;
    let mut txt = authorities
        .iter()
        .filter(|other| other.kind == kind::TXT && other.owner == record.owner);
    let is_instance = record.kind == kind::SRV && Instance::of(&record.owner).is_some();
    if is_instance && txt.next().is_none() {
        findings.record(
            rules::PROBE_WHOLE,
            record,
            "an SRV record is proposed without the TXT record that belongs to it",
        );
    }
}

/// A question for which records are proposed.
fn probe(judged: &Judged<'_>, question: &Question, findings: &mut Findings) {
    let mut proposed = judged.message.authorities.iter();
    if !proposed.any(|record| answers(record, question)) {
        return;
    }
    if question.kind != kind::ANY {
        findings.name(
            rules::PROBE_ANY,
            &question.name,
            format!(
                "a probe asks for {} only, so that the name may become another's with other types",
                question.kind_name()
            ),
        );
    }
}
