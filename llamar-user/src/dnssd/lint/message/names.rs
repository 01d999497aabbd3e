//! Names: their encoding (RFC 6762 16), and those of services and instances (RFC 6763 4.1, 7).

use super::super::rules;
use super::{Findings, Judged};
use crate::dns::escape::escape;
use crate::dns::{Name, Rdata, Record, kind};
use crate::dnssd::{Instance, ServiceType};

pub(super) fn check(judged: &Judged<'_>, findings: &mut Findings) {
    let message = &judged.message;
    let asked = message.questions.iter().map(|question| &question.name);
    let owners = message.records().map(|record| &record.owner);
    let inner = message.records().filter_map(|record| named(&record.data));
    for name in asked.chain(owners).chain(inner) {
        encoding(name, findings);
    }
    if judged.is_response() {
        message
            .records()
            .for_each(|record| service(record, findings));
    }
}

/// The name in a record's data, of the types that mDNS has a use for.
fn named(data: &Rdata) -> Option<&Name> {
    match data {
        Rdata::Ptr(name) | Rdata::Cname(name) => Some(name),
        Rdata::Srv(srv) => Some(&srv.target),
        _ => None,
    }
}

fn encoding(name: &Name, findings: &mut Findings) {
    for label in name.labels() {
        let Ok(text) = str::from_utf8(label) else {
            findings.name(
                rules::NET_UNICODE,
                name,
                format!("the label {} is not UTF-8", shown(label)),
            );
            continue;
        };
        let wrong = if text.contains('\u{feff}') {
            "has a byte order mark in it"
        } else if is_decomposed(text) {
            "has accents behind their letters, and is not precomposed"
        } else if starts_with(label, b"xn--") {
            "is Punycode, where UTF-8 is the only encoding"
        } else {
            continue;
        };
        let text = format!("the label {} {wrong}", shown(label));
        findings.name(rules::NET_UNICODE, name, text);
    }
}

/// Whether a text has a letter with a mark behind it for both of which there is one character (RFC 5198 3). These are
/// not all that there are, but those that keyboards and file systems of the latin world bring about.
fn is_decomposed(text: &str) -> bool {
    let behind = text.chars().skip(1);
    text.chars().zip(behind).any(|(letter, mark)| match mark {
        // Grave, acute, circumflex.
        '\u{300}'..='\u{302}' => "aeiouAEIOU".contains(letter),
        // Tilde.
        '\u{303}' => "anoANO".contains(letter),
        // Diaeresis.
        '\u{308}' => "aeiouAEIOU".contains(letter),
        // Ring, cedilla, caron.
        '\u{30a}' => "auAU".contains(letter),
        '\u{327}' => "cCsS".contains(letter),
        '\u{30c}' => "cszCSZ".contains(letter),
        _ => false,
    })
}

/// The names of services and instances that a record has.
fn service(record: &Record, findings: &mut Findings) {
    match &record.data {
        Rdata::Ptr(target) if browses(&record.owner) => {
            offered(&record.owner, record, findings);
            offered(target, record, findings);
        }
        Rdata::Srv(_) => offered(&record.owner, record, findings),
        Rdata::Txt(_) if Instance::of(&record.owner).is_some() => {
            offered(&record.owner, record, findings);
        }
        _ => {}
    }
}

/// Whether a name is one whose PTR records are instances or types.
pub(in super::super) fn browses(name: &Name) -> bool {
    let mut labels = name.labels();
    let first = labels.next().is_some_and(is_underscored);
    let second = labels.next();
    first && second.is_some_and(is_underscored)
        || second.is_some_and(|label| label.eq_ignore_ascii_case(b"_sub"))
}

/// Judges the name of a type, a subtype or an instance.
fn offered(name: &Name, record: &Record, findings: &mut Findings) {
    let labels: Vec<_> = name.labels().collect();
    let Some(place) = pair(&labels) else {
        return;
    };
    let Some((kind, _)) = tail(&labels, place).and_then(|name| ServiceType::split(&name)) else {
        let protocol = shown(labels[place + 1]);
        findings.record(
            rules::PROTOCOL,
            record,
            format!("the protocol of a service is {protocol}, not _tcp or _udp"),
        );
        return;
    };
    if let Some(flaw) = kind.flaw() {
        findings.record(
            rules::SERVICE,
            record,
            format!("the type {kind} has {flaw}"),
        );
    }
    let front = &labels[..place];
    let is_subtype = front.last().is_some_and(|label| is_sub(label));
    if !(front.is_empty() || record.kind == kind::PTR && is_subtype) {
        instance(front, record, findings);
    }
}

/// Judges the labels in front of a type.
fn instance(labels: &[&[u8]], record: &Record, findings: &mut Findings) {
    if labels.len() > 1 {
        findings.record(
            rules::INSTANCE,
            record,
            format!(
                "the name of an instance has {} labels, not one",
                labels.len()
            ),
        );
    }
    let mut labels = labels.iter();
    if let Some(label) = labels.find(|label| label.iter().any(u8::is_ascii_control)) {
        findings.record(
            rules::INSTANCE,
            record,
            format!(
                "the instance {} has a control character in its name",
                shown(label)
            ),
        );
    }
}

/// Where the two labels of a type are among those of a name: where a protocol is that there is, or else where two labels
/// look like a type's.
fn pair(labels: &[&[u8]]) -> Option<usize> {
    let pairs = || labels.windows(2).enumerate();
    let is_known =
        |label: &[u8]| label.eq_ignore_ascii_case(b"_tcp") || label.eq_ignore_ascii_case(b"_udp");
    let looks = |pair: &[&[u8]]| {
        let mut both = pair.iter();
        both.all(|label| is_underscored(label) && !is_sub(label))
    };
    let place = pairs().find(|(_, pair)| looks(pair) && is_known(pair[1]));
    let place = place.or_else(|| pairs().find(|(_, pair)| looks(pair)));
    place.map(|(place, _)| place)
}

fn tail(labels: &[&[u8]], place: usize) -> Option<Name> {
    Name::from_labels(labels.get(place..)?.iter().copied()).ok()
}

fn is_underscored(label: &[u8]) -> bool {
    label.len() > 1 && label.starts_with(b"_")
}

fn is_sub(label: &[u8]) -> bool {
    label.eq_ignore_ascii_case(b"_sub")
}

fn starts_with(label: &[u8], start: &[u8]) -> bool {
    let front = label.get(..start.len());
    front.is_some_and(|front| front.eq_ignore_ascii_case(start))
}

/// Bytes as text in quotation marks.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    // Writing to a string does not fail.
    let _ = escape(bytes, ['"', '\\'], true, &mut text);
    text + "\""
}
