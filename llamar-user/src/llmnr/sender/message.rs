//! The queries (RFC 4795 2.1.1, 2.9, 4.2).

use llamar_common::wire::dns;

use super::Ask;
use super::answer::{Response, is_same};
use crate::dns::{Compression, Message, Opt, Question, Record};

/// RFC 4795 2.1: when in doubt, a message of 512 bytes is not fragmented.
const NOTICE_MAX: usize = 512;

/// The query for a question.
pub(super) fn query(id: u16, ask: &Ask) -> Vec<u8> {
    // RFC 4795 2.1.1: QR, OPCODE, C, TC, T, Z and RCODE of a query are zero.
    let mut message = ask.question.query(id, u16::from(ask.payload.is_some()));
    if let Some(payload) = ask.payload {
        let opt = Opt {
            payload,
            extended_rcode: 0,
            version: 0,
        };
        message.extend_from_slice(&opt.bytes());
    }
    message
}

/// The query that tells responders of their conflict: C is set, and as many of the conflicting records as fit are in the
/// additional section (RFC 4795 4.2).
pub(super) fn notice(id: u16, question: &Question, heard: &[Response]) -> Vec<u8> {
    let mut message = Message {
        id,
        flags: dns::CONFLICT,
        questions: vec![question.clone()],
        answers: Vec::new(),
        authorities: Vec::new(),
        additionals: Vec::new(),
        flaws: Vec::new(),
    };
    let mut bytes = message.write(Compression::Off).unwrap_or_default();
    for record in heard.iter().flat_map(|response| &response.records) {
        if message
            .additionals
            .iter()
            .any(|known: &Record| is_same(known, record))
        {
            continue;
        }
        message.additionals.push(record.clone());
        match message.write(Compression::Off) {
            Ok(longer) if longer.len() <= NOTICE_MAX => bytes = longer,
            _ => break,
        }
    }
    bytes
}
