//! What is wrong with a message, whatever was said before it.

mod compression;
mod header;
mod names;
mod nsec;
mod queries;
mod records;
mod txt;

use std::net::IpAddr;

use llamar_common::wire::dns;

use super::breach::Findings;
use super::{Heard, Link, rules};
use crate::dns::{Message, Question, Record, kind};
use crate::mdns::{Family, PORT};

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A full mDNS host asks or probes.
    Query,
    /// A simple resolver asks (RFC 6762 6.7).
    LegacyQuery,
    /// Somebody answers or announces.
    Response,
    /// Somebody answers a simple resolver.
    LegacyResponse,
}

/// A message that could be read, and all that is known of it.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    pub heard: &'a Heard<'a>,
    pub link: &'a Link,
    pub message: Message,
    pub purpose: Purpose,
}

impl<'a> Judged<'a> {
    /// Reads a message; what cannot be read of it is a finding.
    pub fn read(heard: &'a Heard<'a>, link: &'a Link, findings: &mut Findings) -> Option<Self> {
        let message = match Message::read(heard.message) {
            Ok(message) => message,
            Err(flaw) => {
                findings.message(rules::WIRE, flaw.to_string());
                return None;
            }
        };
        for flaw in &message.flaws {
            findings.message(rules::WIRE, flaw.to_string());
        }
        let is_response = message.flags & dns::RESPONSE != 0;
        let purpose = match (is_response, heard.from.port(), heard.to.port()) {
            (true, _, PORT) => Purpose::Response,
            (true, ..) => Purpose::LegacyResponse,
            (false, PORT, _) => Purpose::Query,
            (false, ..) => Purpose::LegacyQuery,
        };
        Some(Self {
            heard,
            link,
            message,
            purpose,
        })
    }

    /// Whether it goes to more than one host.
    pub fn is_multicast(&self) -> bool {
        is_to_many(self.heard.to.ip())
    }

    /// Whether it goes to the group of mDNS.
    pub fn is_to_group(&self) -> bool {
        let to = self.heard.to.ip();
        to == Family::of(to).group()
    }

    /// Whether it is a response of either kind.
    pub fn is_response(&self) -> bool {
        matches!(self.purpose, Purpose::Response | Purpose::LegacyResponse)
    }
}

/// Judges a message by itself.
pub(super) fn check(judged: &Judged<'_>, findings: &mut Findings) {
    header::check(judged, findings);
    names::check(judged, findings);
    compression::check(judged, findings);
    if judged.is_response() {
        records::check(judged, findings);
        nsec::check(judged, findings);
        txt::check(judged, findings);
    } else {
        queries::check(judged, findings);
    }
}

fn is_to_many(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_multicast(),
    }
}

/// Whether a record has its cache-flush bit set. RFC 6762 10.2: OPT has none, the bit is a part of a size there.
pub(super) fn flushes(record: &Record) -> bool {
    record.kind != kind::OPT && record.class & kind::CLASS_TOP != 0
}

/// Whether a question asks for an answer by unicast (RFC 6762 5.4).
pub(super) fn wants_unicast(question: &Question) -> bool {
    question.class & kind::CLASS_TOP != 0
}

/// Whether a record answers a question (RFC 6762 6).
pub(super) fn answers(record: &Record, question: &Question) -> bool {
    let class = |class: u16| class & !kind::CLASS_TOP;
    let (kind, asked) = (record.kind, class(question.class));
    record.owner == question.name
        && (kind == question.kind || question.kind == kind::ANY || kind == kind::CNAME)
        && (class(record.class) == asked || asked == kind::CLASS_ANY)
}
