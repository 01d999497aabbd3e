//! The compression of names (RFC 6762 18.14).

use llamar_common::wire::dns;

use super::super::rules;
use super::{Findings, Judged, Purpose};
use crate::dns::{Compression, Header, Part, Question, RawRecord, Rdata, Record, kind_name};

pub(super) fn check(judged: &Judged<'_>, findings: &mut Findings) {
    // What is broken was told, and has no length to be compared with.
    if !judged.message.flaws.is_empty() {
        return;
    }
    for (record, length) in judged.message.records().zip(lengths(judged.heard.message)) {
        forbidden(judged, record, length, findings);
    }
    let Ok(best) = judged.message.write(Compression::Multicast) else {
        return;
    };
    let (length, best) = (judged.heard.message.len(), best.len());
    let is_legacy = judged.purpose == Purpose::LegacyResponse;
    if length > best && !is_legacy {
        findings.message(
            rules::COMPRESSED,
            format!("a message of {length} bytes would have {best} if all names were compressed"),
        );
    }
}

/// Names in data that are compressed and must not be.
fn forbidden(judged: &Judged<'_>, record: &Record, length: usize, findings: &mut Findings) {
    let whole = match &record.data {
        Rdata::Mixed(parts) if !may_be_compressed(record.kind) => parts.iter().map(part).sum(),
        Rdata::Srv(srv) if judged.purpose == Purpose::LegacyResponse => 6 + srv.target.wire().len(),
        _ => return,
    };
    if length == whole {
        return;
    }
    let kind = kind_name(record.kind);
    match judged.purpose {
        Purpose::LegacyResponse => findings.record(
            rules::LEGACY_SRV,
            record,
            format!("a response to a simple resolver has compressed data in an {kind} record"),
        ),
        _ => findings.record(
            rules::NOT_COMPRESSED,
            record,
            format!("a name in the data of {kind} is compressed, which only listed types allow"),
        ),
    }
}

/// AFSDB, RT, KX, RP, PX of RFC 6762 18.14's list, which have no form of their own here, and what RFC 1035 defines.
fn may_be_compressed(kind: u16) -> bool {
    matches!(kind, 3 | 4 | 7..=9 | 14 | 17 | 18 | 21 | 26 | 36)
}

fn part(part: &Part) -> usize {
    match part {
        Part::Name(name) => name.wire().len(),
        Part::Bytes(bytes) => bytes.len(),
    }
}

/// The lengths of the data of all records of a message that has no flaws.
fn lengths(message: &[u8]) -> impl Iterator<Item = usize> {
    let questions = Header::read(message).map_or(0, |header| header.questions);
    let mut at = Some(dns::HEADER);
    for _ in 0..questions {
        at = at.and_then(|at| Some(Question::read(message, at)?.1));
    }
    std::iter::from_fn(move || {
        let (record, end) = RawRecord::read(message, at?).ok()?;
        at = Some(end);
        Some(record.data.len())
    })
}
