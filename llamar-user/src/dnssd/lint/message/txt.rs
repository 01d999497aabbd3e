//! TXT records of instances (RFC 6763 6).

use std::collections::BTreeSet;

use super::super::rules;
use super::{Findings, Judged};
use crate::dns::escape::escape;
use crate::dns::{Rdata, Record, Srv, Txt};
use crate::dnssd::Instance;
use crate::dnssd::txt::{GOOD_MAX, KEY_GOOD_MAX};

pub(super) fn check(judged: &Judged<'_>, findings: &mut Findings) {
    for record in judged.message.records() {
        if let (Rdata::Txt(txt), Some(_)) = (&record.data, Instance::of(&record.owner)) {
            size(record, txt, findings);
            keys(record, txt, findings);
            repeats(judged, record, txt, findings);
        }
    }
}

fn size(record: &Record, txt: &Txt, findings: &mut Findings) {
    match txt.wire().len() {
        0 => findings.record(
            rules::TXT_EMPTY,
            record,
            "a TXT record has no data, where one without attributes has a zero byte",
        ),
        1..=GOOD_MAX => {}
        length => findings.record(
            rules::TXT_SIZE,
            record,
            format!("a TXT record has {length} bytes, more than {GOOD_MAX}"),
        ),
    }
}

fn keys(record: &Record, txt: &Txt, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for string in txt.strings().filter(|string| !string.is_empty()) {
        let key = string.split(|&byte| byte == b'=').next().unwrap_or(string);
        let shown = shown(string);
        if key.is_empty() {
            findings.record(
                rules::TXT_KEY,
                record,
                format!("the string {shown} has no key, and everybody has to ignore it"),
            );
            continue;
        }
        if !key.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            findings.record(
                rules::TXT_KEY,
                record,
                format!("the key of {shown} has characters that are not printable ASCII"),
            );
        }
        if key.len() > KEY_GOOD_MAX {
            findings.record(
                rules::TXT_KEY_LENGTH,
                record,
                format!(
                    "the key of {shown} has {} characters, more than {KEY_GOOD_MAX}",
                    key.len()
                ),
            );
        }
        if !seen.insert(key.to_ascii_lowercase()) {
            findings.record(
                rules::TXT_KEY_TWICE,
                record,
                format!("the key of {shown} is there twice, and only the first one counts"),
            );
        }
    }
}

/// RFC 6763 6.3: host and port are the SRV record's to tell.
fn repeats(judged: &Judged<'_>, record: &Record, txt: &Txt, findings: &mut Findings) {
    let of = |other: &'_ Record| -> Option<Srv> {
        match &other.data {
            Rdata::Srv(srv) if other.owner == record.owner => Some(srv.clone()),
            _ => None,
        }
    };
    let Some(srv) = judged.message.records().find_map(of) else {
        return;
    };
    let (port, host) = (srv.port.to_string(), srv.target.to_string());
    for (key, value) in [("port", &port), ("host", &host), ("hostname", &host)] {
        let Some(crate::dns::Attribute::Value(told)) = txt.attribute(key) else {
            continue;
        };
        let told = told.strip_suffix(b".").unwrap_or(told);
        if told.eq_ignore_ascii_case(value.as_bytes()) {
            findings.record(
                rules::TXT_REPEATS,
                record,
                format!("the attribute {key} repeats what the SRV record says"),
            );
        }
    }
}

/// A string's beginning in quotation marks.
fn shown(string: &[u8]) -> String {
    /// Enough to know it by.
    const SHOWN: usize = 40;
    let mut text = String::from("\"");
    let front = &string[..string.len().min(SHOWN)];
    // Writing to a string does not fail.
    let _ = escape(front, ['"', '\\'], true, &mut text);
    text + if front.len() < string.len() {
        "...\""
    } else {
        "\""
    }
}
