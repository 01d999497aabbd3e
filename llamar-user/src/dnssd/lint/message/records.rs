//! Records of responses: the cache-flush bit, TTLs, and data that no responder has a use for.

use std::net::IpAddr;

use super::super::rules;
use super::names::browses;
use super::{Findings, Judged, Purpose, flushes};
use crate::dns::{Name, Rdata, Record, Srv, kind};
use crate::dnssd::{Instance, ServiceType, meta_query_name};
use crate::mdns::{TTL_HOST, TTL_OTHER};

/// Longest TTL for a simple resolver (RFC 6762 6.7).
const LEGACY_TTL: u32 = 10;

pub(super) fn check(judged: &Judged<'_>, findings: &mut Findings) {
    let message = &judged.message;
    for record in message.records().filter(|record| record.kind != kind::OPT) {
        flush(judged, record, findings);
        ttl(judged, record, findings);
        match &record.data {
            Rdata::A(address) => self::address(record, (*address).into(), findings),
            Rdata::Aaaa(address) => self::address(record, (*address).into(), findings),
            Rdata::Srv(srv) => self::srv(judged, record, srv, findings),
            Rdata::Ptr(target) => pointer(record, target, findings),
            Rdata::Soa(_) | Rdata::Ns(_) => findings.record(
                rules::DELEGATION,
                record,
                "mDNS has no zones, and so neither SOA nor NS records",
            ),
            _ => {}
        }
    }
    goodbyes(judged, findings);
}

fn flush(judged: &Judged<'_>, record: &Record, findings: &mut Findings) {
    let flushes = flushes(record);
    if judged.purpose == Purpose::LegacyResponse {
        if flushes {
            findings.record(
                rules::LEGACY,
                record,
                "a response to a simple resolver has a record with the cache-flush bit",
            );
        }
        return;
    }
    if flushes && is_shared(record) {
        findings.record(
            rules::FLUSH_SHARED,
            record,
            "a shared record has the cache-flush bit, which deletes those of all other hosts",
        );
    }
    // RFC 6762 10.1 has a goodbye say nothing else than that the record goes.
    if !flushes && record.ttl > 0 && is_unique(judged, record) {
        findings.record(
            rules::FLUSH_UNIQUE,
            record,
            "a unique record lacks the cache-flush bit, so that outdated ones stay in caches",
        );
    }
}

/// RFC 6763 4.1, 7.1, 9: what is found by browsing may be found with several hosts.
fn is_shared(record: &Record) -> bool {
    record.kind == kind::PTR && browses(&record.owner)
}

/// Records that one host has alone by what they are for, if it does not say otherwise.
fn is_unique(judged: &Judged<'_>, record: &Record) -> bool {
    match record.kind {
        kind::A | kind::AAAA | kind::HINFO | kind::SRV => true,
        // That of a service: there are TXT records which hosts share, as Apple's of what device it is.
        kind::TXT => has_srv(judged, &record.owner),
        kind::PTR => is_reverse(&record.owner),
        _ => false,
    }
}

fn has_srv(judged: &Judged<'_>, name: &Name) -> bool {
    let mut records = judged.message.records();
    records.any(|record| record.kind == kind::SRV && record.owner == *name)
}

fn is_reverse(name: &Name) -> bool {
    let labels: Vec<_> = name.labels().collect();
    let [.., above, top] = labels[..] else {
        return false;
    };
    let zones = [&b"in-addr"[..], b"ip6"];
    top.eq_ignore_ascii_case(b"arpa") && zones.iter().any(|zone| above.eq_ignore_ascii_case(zone))
}

fn ttl(judged: &Judged<'_>, record: &Record, findings: &mut Findings) {
    let ttl = record.ttl;
    if judged.purpose == Purpose::LegacyResponse {
        if ttl > LEGACY_TTL {
            findings.record(
                rules::LEGACY_TTL,
                record,
                format!(
                    "a record for a simple resolver has a TTL of {ttl} s, more than {LEGACY_TTL}"
                ),
            );
        }
        return;
    }
    let Some(wanted) = usual_ttl(record) else {
        return;
    };
    if ttl != 0 && ttl != wanted {
        findings.record(
            rules::TTL,
            record,
            format!("the TTL is {ttl} s, where {wanted} is recommended"),
        );
    }
}

/// RFC 6762 10: 120 seconds for what has a host's name as its owner or in its data, 75 minutes for all else. `None` for
/// types of which one cannot tell.
fn usual_ttl(record: &Record) -> Option<u32> {
    match record.kind {
        kind::A | kind::AAAA | kind::HINFO | kind::SRV => Some(TTL_HOST),
        kind::PTR if is_reverse(&record.owner) => Some(TTL_HOST),
        kind::PTR if browses(&record.owner) => Some(TTL_OTHER),
        kind::TXT if Instance::of(&record.owner).is_some() => Some(TTL_OTHER),
        _ => None,
    }
}

fn address(record: &Record, address: IpAddr, findings: &mut Findings) {
    let is_broadcast = address == IpAddr::from([255; 4]);
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() || is_broadcast {
        findings.record(
            rules::ADDRESS,
            record,
            format!("{address} is the address of no host on any link"),
        );
    }
}

fn srv(judged: &Judged<'_>, record: &Record, srv: &Srv, findings: &mut Findings) {
    if srv.target.labels().next().is_none() {
        findings.record(
            rules::TARGET,
            record,
            "the target of an SRV record is the root, so that others cannot notice a conflict",
        );
    }
    let records = || judged.message.records();
    let is_pointed_to = || {
        records().any(|other| matches!(&other.data, Rdata::Ptr(target) if *target == record.owner))
    };
    if srv.port == 0 && record.ttl > 0 && is_pointed_to() {
        findings.record(
            rules::PLACEHOLDER,
            record,
            "an instance without a port, which only holds its name, is offered by a PTR record",
        );
    }
    let is_other = |other: &&Record| {
        other.kind == kind::SRV && other.owner == record.owner && other.data != record.data
    };
    let is_alone = records().find(is_other).is_none();
    if is_alone && (srv.priority, srv.weight) != (0, 0) {
        findings.record(
            rules::WEIGHT,
            record,
            "the only SRV record of an instance has a priority or a weight, which mean nothing then",
        );
    }
}

fn pointer(record: &Record, target: &Name, findings: &mut Findings) {
    if is_meta(&record.owner) {
        let is_type =
            ServiceType::split(target).is_some_and(|(_, domain)| domain.labels().next().is_some());
        if !is_type {
            findings.record(
                rules::META,
                record,
                "what is listed as a type of service is none, or has no domain",
            );
        }
        return;
    }
    let Some((_, kind, _)) = ServiceType::split_subtype(&record.owner) else {
        return;
    };
    let same = Instance::of(target)
        .and_then(|instance| instance.parts())
        .is_some_and(|(of, _)| of.name() == kind.name());
    if !same {
        findings.record(
            rules::SUBTYPE,
            record,
            format!("what is listed under a subtype of {kind} is no instance of {kind}"),
        );
    }
}

/// Whether a name lists the types of some domain (RFC 6763 9).
fn is_meta(name: &Name) -> bool {
    let meta = meta_query_name();
    let is_same = |(mine, theirs): (&[u8], &[u8])| mine.eq_ignore_ascii_case(theirs);
    name.labels().count() > 3 && name.labels().zip(meta.labels()).take(3).all(is_same)
}

/// RFC 6762 8.4: where new data of a unique record is told, the cache-flush bit does what a goodbye would.
fn goodbyes(judged: &Judged<'_>, findings: &mut Findings) {
    let records = || judged.message.records();
    for gone in records().filter(|record| record.ttl == 0 && flushes(record)) {
        let is_new = |other: &&Record| {
            other.ttl > 0
                && other.kind == gone.kind
                && other.owner == gone.owner
                && other.data != gone.data
        };
        if records().find(is_new).is_some() {
            findings.record(
                rules::GOODBYE,
                gone,
                "a goodbye for old data of a unique record comes with the new data, which replaces it anyway",
            );
        }
    }
}
