//! Which responses count (RFC 4795 2.1.1, 2.2, 2.3): everything else is silently discarded.

use std::net::SocketAddr;

use llamar_common::wire::{dns, udp};

use crate::dns::{Header, Message, Opt, Question, Rdata, Record, kind};
use crate::llmnr::responder::is_unicast;

/// Aliases that a name is followed through; a chain of more is nobody's intent.
const ALIASES_MAX: usize = 8;

/// Why a message was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Discarded {
    /// Nothing was asked by this path yet.
    #[error("nothing was asked")]
    Unsolicited,
    /// It does not come from LLMNR's port, or not from a host.
    #[error("not from port {} of a host", udp::LLMNR)]
    Origin,
    /// No message can be read from it.
    #[error("malformed")]
    Malformed,
    /// It is above [`udp::LLMNR_MAX`].
    #[error("longer than {} bytes", udp::LLMNR_MAX)]
    TooLong,
    /// It is a query.
    #[error("not a response")]
    Query,
    /// OPCODE is not zero.
    #[error("opcode {0}")]
    Opcode(u8),
    /// It answers another query.
    #[error("another id")]
    Id,
    /// QDCOUNT is not one.
    #[error("{0} questions")]
    Questions(u16),
    /// It answers another question.
    #[error("another question")]
    Question,
    /// T is set.
    #[error("tentative")]
    Tentative,
    /// RCODE is not zero, but the query was sent to a group.
    #[error("rcode {0}")]
    Rcode(u16),
    /// Its records are about something else.
    #[error("records that answer nothing")]
    Irrelevant,
    /// The same host has answered this query already.
    #[error("duplicate")]
    Duplicate,
    /// More hosts answer than anybody would want to know.
    #[error("too many responders")]
    TooMany,
}

/// What a valid response says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub conflict: bool,
    pub truncated: bool,
    pub rcode: u16,
    pub records: Vec<Record>,
    pub negative_ttl: Option<u32>,
}

/// Whether a datagram may be a response at all.
pub(super) fn origin(from: SocketAddr) -> Result<(), Discarded> {
    // RFC 4795 2.5: its source is assigned on an interface. 2.3: it comes from the port to which the query went.
    if is_unicast(from.ip()) && from.port() == udp::LLMNR {
        Ok(())
    } else {
        Err(Discarded::Origin)
    }
}

/// What a message says in response to a query with this id and question, if it is a response to it.
pub(super) fn content(
    id: u16,
    question: &Question,
    tcp: bool,
    message: &[u8],
) -> Result<Content, Discarded> {
    let header = header(id, message)?;
    let parsed = Message::read(message).map_err(|_| Discarded::Malformed)?;
    // RFC 1035 7.3: the question is the one that was asked.
    if parsed.questions.first() != Some(question) {
        return Err(Discarded::Question);
    }
    let rcode = rcode(&header, &parsed);
    if rcode != 0 && !tcp {
        // RFC 4795 2.1.1: a non-zero RCODE in response to a multicast query is silently discarded.
        return Err(Discarded::Rcode(rcode));
    }
    let truncated = header.flags & dns::TRUNCATED != 0;
    let records = if rcode == 0 {
        answering(question, &parsed.answers)
    } else {
        Vec::new()
    };
    if rcode == 0 && !truncated && records.is_empty() && header.answers != 0 {
        // Not empty, and so not to be taken for "there is no such record" either.
        return Err(Discarded::Irrelevant);
    }
    let is_empty = rcode == 0 && !truncated && records.is_empty();
    Ok(Content {
        conflict: header.flags & dns::CONFLICT != 0,
        truncated,
        rcode,
        records,
        negative_ttl: negative_ttl(question, &parsed).filter(|_| is_empty),
    })
}

/// The header of a response to a query with this id.
fn header(id: u16, message: &[u8]) -> Result<Header, Discarded> {
    let header = Header::read(message).ok_or(Discarded::Malformed)?;
    if header.flags & dns::RESPONSE == 0 {
        return Err(Discarded::Query);
    }
    let opcode = (header.flags & dns::OPCODE) >> 11;
    if opcode != 0 {
        return Err(Discarded::Opcode(opcode as u8));
    }
    if header.id != id {
        return Err(Discarded::Id);
    }
    // RFC 4795 2.1.1: senders discard responses with QDCOUNT not equal to one.
    if header.questions != 1 {
        return Err(Discarded::Questions(header.questions));
    }
    // RFC 4795 2.1.1: a response with T set is discarded by the sender. (Z is ignored.)
    if header.flags & dns::TENTATIVE != 0 {
        return Err(Discarded::Tentative);
    }
    Ok(header)
}

/// RCODE with the upper bits that an OPT record holds (RFC 6891 6.1.3).
fn rcode(header: &Header, message: &Message) -> u16 {
    let extended = message
        .additionals
        .iter()
        .find_map(Opt::of)
        .map_or(0, |opt| u16::from(opt.extended_rcode));
    extended << 4 | header.flags & dns::RCODE
}

/// The records of the answer section that are about the question, in their order: of its name or of what that is an
/// alias of. RFC 4795 2.9: the other sections never answer.
fn answering(question: &Question, answers: &[Record]) -> Vec<Record> {
    let mut names = vec![&question.name];
    for _ in 0..ALIASES_MAX {
        let target = answers.iter().find_map(|record| match &record.data {
            Rdata::Cname(target) if names.contains(&&record.owner) => {
                (!names.contains(&target)).then_some(target)
            }
            _ => None,
        });
        match target {
            Some(target) => names.push(target),
            None => break,
        }
    }
    let is_asked_for = |record: &Record| {
        let kind = [question.kind, kind::CNAME].contains(&record.kind)
            || question.kind == kind::ANY && record.kind != dns::OPT;
        kind && record.class == dns::IN && names.contains(&&record.owner)
    };
    let records = answers.iter().filter(|record| is_asked_for(record));
    records.cloned().collect()
}

/// How long an empty response may be kept.
fn negative_ttl(question: &Question, message: &Message) -> Option<u32> {
    // RFC 4795 2.9: the minimum of MINIMUM and the SOA record's TTL, whose owner is the name that was asked for. The
    // other fields are ignored.
    message
        .authorities
        .iter()
        .find_map(|record| match &record.data {
            Rdata::Soa(soa) if record.owner == question.name => Some(soa.minimum.min(record.ttl)),
            _ => None,
        })
}
