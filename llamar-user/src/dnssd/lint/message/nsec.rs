//! NSEC records (RFC 6762 6.1).

use super::super::rules;
use super::names::browses;
use super::{Findings, Judged};
use crate::dns::{Nsec, Rdata, Record, kind, kind_name};

pub(super) fn check(judged: &Judged<'_>, findings: &mut Findings) {
    for record in judged.message.records() {
        if let Rdata::Nsec(nsec) = &record.data {
            form(record, nsec, findings);
            content(judged, record, nsec, findings);
        }
    }
}

fn form(record: &Record, nsec: &Nsec, findings: &mut Findings) {
    let mut wrong = |text: String| findings.record(rules::NSEC, record, text);
    if nsec.next != record.owner {
        wrong(format!(
            "the next name of an NSEC record is {}, not its own",
            nsec.next
        ));
    }
    // Names that have types above 255 may have more bitmaps.
    if !nsec.is_restricted() && nsec.kinds().all(|kind| kind < 256) {
        wrong("an NSEC record has not one bitmap with number 0".to_owned());
    }
    if nsec.has(kind::NSEC) {
        wrong("an NSEC record lists NSEC, which only those of signed zones do".to_owned());
    }
}

fn content(judged: &Judged<'_>, record: &Record, nsec: &Nsec, findings: &mut Findings) {
    if browses(&record.owner) {
        findings.record(
            rules::NSEC,
            record,
            "an NSEC record denies types of a shared name, which nobody owns",
        );
    }
    let denied = judged.message.records().find(|other| {
        let is_real = !matches!(other.kind, kind::NSEC | kind::OPT) && other.ttl > 0;
        is_real && other.owner == record.owner && !nsec.has(other.kind)
    });
    if let (Some(other), true) = (denied, record.ttl > 0) {
        findings.record(
            rules::NSEC,
            record,
            format!(
                "an NSEC record denies {}, which its name has in the same message",
                kind_name(other.kind)
            ),
        );
    }
    if nsec.has(kind::SRV) && !nsec.has(kind::TXT) {
        findings.record(
            rules::TXT_MISSING,
            record,
            "a name has an SRV record and, as its NSEC record says, no TXT record",
        );
    }
}
