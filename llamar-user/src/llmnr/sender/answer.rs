//! What came of a question: the valid responses, and which of them the asker is given (RFC 4795 2.2).

use std::net::IpAddr;

use crate::dns::{Rdata, Record};

/// Records that are given to an asker: nobody has use for more, and hostile responders may send a million.
const RECORDS_MAX: usize = 1024;

/// A valid response.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Index of the path by which it was asked for.
    pub path: usize,
    /// Index of that path's interface, to which its link-local addresses belong (RFC 4795 4.4).
    pub device: u32,
    /// Who answered.
    pub from: IpAddr,
    /// Whether it came over TCP.
    pub tcp: bool,
    /// Whether C is set: the responder does not hold the name for unique.
    pub conflict: bool,
    /// Whether TC is set, and asking again over TCP brought no better one.
    pub truncated: bool,
    /// RCODE with its extension; other than zero only over TCP.
    pub rcode: u16,
    /// The records that answer the question, in the responder's order.
    pub records: Vec<Record>,
    /// For how many seconds an empty response may be kept: what its SOA record says (RFC 4795 2.9). Without one it
    /// is not to be kept.
    pub negative_ttl: Option<u32>,
    /// Whether its records count, or those of others have precedence.
    pub chosen: bool,
    /// Its place among all responses to the question.
    pub(super) order: usize,
}

impl Response {
    /// Whether it tells what the responder has, be it nothing.
    pub fn is_valid(&self) -> bool {
        // RFC 4795 2.1.1: a cut response without records stands for an error that is told over TCP only.
        self.rcode == 0 && !(self.truncated && self.records.is_empty())
    }
}

/// All that was heard until a question counted as answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The responses as they came.
    pub responses: Vec<Response>,
}

/// What an [`Answer`] comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There are records.
    Found,
    /// The name exists, but has no such record.
    Empty,
    /// Somebody answered with an error.
    Refused,
    /// Nobody answered: a resolver says that there is no such name (RFC 4795 2.2).
    Silence,
}

impl Answer {
    /// Chooses among responses.
    pub(super) fn of(mut responses: Vec<Response>) -> Self {
        responses.sort_by_key(|response| response.order);
        let any_valid = responses.iter().any(Response::is_valid);
        let shared: Vec<u32> = responses
            .iter()
            .filter(|response| response.is_valid() && response.conflict)
            .map(|response| response.device)
            .collect();
        for response in &mut responses {
            // RFC 4795 2.2: responses with C clear yield to those with C set, and errors to anything valid. A name
            // is unique on its link or is not (4.3): other links' responses stand for themselves.
            let yields = !response.conflict && shared.contains(&response.device);
            response.chosen = if any_valid {
                response.is_valid() && !yields
            } else {
                true
            };
        }
        Self { responses }
    }

    /// The records with the index of the interface on whose link they are valid: concatenated, each responder's order
    /// kept (RFC 4795 2.2), nothing twice.
    pub fn records(&self) -> Vec<(u32, &Record)> {
        let mut records: Vec<(u32, &Record)> = Vec::new();
        for response in self.responses.iter().filter(|response| response.chosen) {
            for record in &response.records {
                if records.len() == RECORDS_MAX {
                    return records;
                }
                if !records
                    .iter()
                    .any(|&(device, known)| device == response.device && is_same(known, record))
                {
                    records.push((response.device, record));
                }
            }
        }
        records
    }

    /// What it comes to.
    pub fn outcome(&self) -> Outcome {
        let chosen = || self.responses.iter().filter(|response| response.chosen);
        if chosen().any(|response| !response.records.is_empty()) {
            Outcome::Found
        } else if chosen().any(Response::is_valid) {
            Outcome::Empty
        } else if self.responses.is_empty() {
            Outcome::Silence
        } else {
            Outcome::Refused
        }
    }
}

/// Several holders of a name on one link, one of which takes itself for the only one (RFC 4795 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Index of the interface.
    pub device: u32,
    /// The responders, as they came.
    pub responders: Vec<IpAddr>,
}

/// Whether two records say the same; their TTLs may differ.
pub(super) fn is_same(one: &Record, other: &Record) -> bool {
    one.kind == other.kind && one.owner == other.owner && one.data == other.data
}

/// Whether an address of this data needs its interface to be told (RFC 4795 4.4).
pub fn is_scoped(data: &Rdata) -> bool {
    matches!(data, Rdata::Aaaa(address) if address.is_unicast_link_local())
}
