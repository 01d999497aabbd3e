//! The header of a message, its way and its size (RFC 6762 3, 6, 11, 17, 18).

use std::net::IpAddr;

use llamar_common::wire::dns;

use super::super::rules::{self, Rule};
use super::{Findings, Judged, Purpose};
use crate::config::share_prefix;
use crate::mdns::{Family, PACKET_MAX, PORT};

/// Bits of the header that no other protocol here has a use for.
mod bit {
    pub const AUTHORITATIVE: u16 = 0x0400;
    pub const RECURSION_DESIRED: u16 = 0x0100;
    pub const RECURSION_AVAILABLE: u16 = 0x0080;
    pub const ZERO: u16 = 0x0040;
    pub const AUTHENTIC: u16 = 0x0020;
    pub const CHECKING_DISABLED: u16 = 0x0010;
}

pub(super) fn check(judged: &Judged<'_>, findings: &mut Findings) {
    codes(judged, findings);
    match judged.purpose {
        Purpose::Query => query(judged, findings),
        Purpose::LegacyQuery => authoritative_query(judged, findings),
        Purpose::Response => response(judged, findings),
        Purpose::LegacyResponse => legacy_response(judged, findings),
    }
    way(judged, findings);
    size(judged, findings);
}

fn codes(judged: &Judged<'_>, findings: &mut Findings) {
    let flags = judged.message.flags;
    let opcode = (flags & dns::OPCODE) >> 11;
    if opcode != 0 {
        findings.message(rules::OPCODE, format!("the opcode is {opcode}, not 0"));
    }
    let rcode = flags & dns::RCODE;
    if rcode != 0 {
        findings.message(rules::RCODE, format!("the response code is {rcode}, not 0"));
    }
}

fn query(judged: &Judged<'_>, findings: &mut Findings) {
    let id = judged.message.id;
    if id != 0 {
        findings.message(
            rules::ID_OF_QUERY,
            format!("a query from port {PORT} has id {id}, not 0"),
        );
    }
    authoritative_query(judged, findings);
    unused_bits(judged, findings);
}

fn authoritative_query(judged: &Judged<'_>, findings: &mut Findings) {
    if judged.message.flags & bit::AUTHORITATIVE != 0 {
        findings.message(
            rules::AUTHORITATIVE_QUERY,
            "a query has the AA bit set, which is for responses",
        );
    }
}

fn response(judged: &Judged<'_>, findings: &mut Findings) {
    let message = &judged.message;
    authoritative(judged, findings);
    unused_bits(judged, findings);
    if !message.questions.is_empty() {
        let (count, first) = (message.questions.len(), &message.questions[0]);
        findings.message(
            rules::NO_QUESTIONS,
            format!("a response repeats questions, {count} of them: {first}"),
        );
    }
    if !judged.is_multicast() {
        return;
    }
    if message.id != 0 {
        findings.message(
            rules::ID,
            format!("a multicast response has id {}, not 0", message.id),
        );
    }
    if message.flags & dns::TRUNCATED != 0 {
        findings.message(
            rules::TRUNCATED,
            "a multicast response has the TC bit set, which is for queries",
        );
    }
}

fn legacy_response(judged: &Judged<'_>, findings: &mut Findings) {
    authoritative(judged, findings);
    if judged.message.questions.is_empty() {
        findings.message(
            rules::LEGACY,
            "a response to a simple resolver does not repeat its question",
        );
    }
}

fn authoritative(judged: &Judged<'_>, findings: &mut Findings) {
    if judged.message.flags & bit::AUTHORITATIVE == 0 {
        findings.message(
            rules::AUTHORITATIVE,
            "a response has the AA bit clear, as if others knew better",
        );
    }
}

fn unused_bits(judged: &Judged<'_>, findings: &mut Findings) {
    const UNUSED: [(u16, Rule, &str); 5] = [
        (bit::RECURSION_DESIRED, rules::RECURSION_DESIRED, "RD"),
        (bit::RECURSION_AVAILABLE, rules::RECURSION_AVAILABLE, "RA"),
        (bit::ZERO, rules::ZERO, "Z"),
        (bit::AUTHENTIC, rules::AUTHENTIC, "AD"),
        (bit::CHECKING_DISABLED, rules::CHECKING_DISABLED, "CD"),
    ];
    for (bit, rule, name) in UNUSED {
        if judged.message.flags & bit != 0 {
            findings.message(
                rule,
                format!("the {name} bit is set, which has no meaning in mDNS"),
            );
        }
    }
}

/// Ports, addresses and hop limit.
fn way(judged: &Judged<'_>, findings: &mut Findings) {
    let is_response = judged.is_response();
    destination(judged, is_response, findings);
    if !is_response {
        return;
    }
    let from = judged.heard.from;
    if from.port() != PORT {
        findings.message(
            rules::SOURCE_PORT,
            format!(
                "a response comes from port {}, not {PORT}, and everybody has to ignore it",
                from.port()
            ),
        );
    }
    // RFC 6762 11: what goes to the group comes from the link, whatever its source is.
    let mut prefixes = judged.link.prefixes.iter();
    let is_known = !judged.link.prefixes.is_empty();
    if !judged.is_multicast() && is_known && !prefixes.any(|prefix| is_in(from.ip(), *prefix)) {
        findings.message(
            rules::ON_LINK,
            "a unicast response comes from an address that is not of this link, and has to be ignored",
        );
    }
    if let Some(limit) = judged.heard.hop_limit.filter(|limit| *limit < u8::MAX) {
        findings.message(
            rules::HOP_LIMIT,
            format!("a response has a hop limit of {limit}, not 255"),
        );
    }
}

fn destination(judged: &Judged<'_>, is_response: bool, findings: &mut Findings) {
    if !judged.is_multicast() {
        return;
    }
    let to = judged.heard.to;
    let group = Family::of(to.ip()).group();
    let (rule, what) = match is_response {
        true => (rules::DESTINATION, "response"),
        false => (rules::GROUP, "query"),
    };
    if !judged.is_to_group() {
        let text = format!("a {what} goes to {}, not to the group {group}", to.ip());
        findings.message(rule, text);
    } else if is_response && to.port() != PORT {
        let text = format!(
            "a multicast response goes to port {}, not {PORT}",
            to.port()
        );
        findings.message(rule, text);
    }
}

fn is_in(address: IpAddr, (prefix, length): (IpAddr, u8)) -> bool {
    let is_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    is_local && prefix.is_ipv6() || share_prefix(address, prefix, length)
}

fn size(judged: &Judged<'_>, findings: &mut Findings) {
    let headers = Family::of(judged.heard.to.ip()).headers();
    let length = judged.heard.message.len() + headers;
    let records = judged.message.records().count();
    if length > PACKET_MAX {
        findings.message(
            rules::SIZE,
            format!("a packet has {length} bytes, more than {PACKET_MAX}"),
        );
    } else if length > judged.link.mtu && records > 1 {
        findings.message(
            rules::SIZE,
            format!(
                "a packet of {length} bytes, which is sent in fragments, has {records} records instead of one"
            ),
        );
    }
}
