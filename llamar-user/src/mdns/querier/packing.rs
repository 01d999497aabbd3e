//! Questions and known answers in as few messages as hold them (RFC 6762 5.3, 7.1, 7.2).

use llamar_common::wire::dns;

use crate::dns::{Compression, Message, Question, Record};

/// Most messages with known answers for one query. Each holds some thirty, so these are more than real links need;
/// a link on which somebody invents thousands is not flooded by us as well.
pub(super) const MESSAGES_MAX: usize = 16;
/// Most known answers that are looked at for one query: more than those messages hold.
pub(super) const KNOWN_MAX: usize = MESSAGES_MAX * 128;

/// The messages of a query; none is longer than `room` bytes, if each question fits in that. `known` are the answers that
/// are known to some questions.
pub(super) fn messages(
    mut questions: &[Question],
    known: impl Fn(&[Question]) -> Vec<Record>,
    room: usize,
) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while !questions.is_empty() {
        let fits = |count: usize| length(&query(0, &questions[..count], &[])) <= room;
        let (these, rest) = questions.split_at(most(questions.len(), fits).max(1));
        questions = rest;
        let mut known = known(these);
        // One that fits in no message stays untold, and is answered.
        known.retain(|record| length(&query(0, &[], std::slice::from_ref(record))) <= room);
        fill(these, &known, room, &mut messages);
    }
    messages
}

/// Adds the message of these questions, and those that its known answers need.
fn fill(
    mut questions: &[Question],
    mut known: &[Record],
    room: usize,
    messages: &mut Vec<Vec<u8>>,
) {
    for number in 1..=MESSAGES_MAX {
        let fits = |count: usize| length(&query(0, questions, &known[..count])) <= room;
        let (these, rest) = known.split_at(most(known.len(), fits));
        // RFC 6762 7.2, 18.5: TC says that more known answers follow, in messages without questions.
        let more = !rest.is_empty() && number < MESSAGES_MAX;
        let flags = if more { dns::TRUNCATED } else { 0 };
        let message = query(flags, questions, these);
        messages.extend(message.write(Compression::Multicast));
        if !more {
            return;
        }
        (questions, known) = (&[], rest);
    }
}

/// RFC 6762 18.1 to 18.11: the id and all flags but TC are 0.
fn query(flags: u16, questions: &[Question], known: &[Record]) -> Message {
    Message {
        flags,
        questions: questions.to_vec(),
        answers: known.to_vec(),
        ..Message::default()
    }
}

fn length(message: &Message) -> usize {
    let bytes = message.write(Compression::Multicast);
    bytes.map_or(usize::MAX, |bytes| bytes.len())
}

/// The largest number up to `limit` that fits; if one does, all smaller ones do.
fn most(limit: usize, fits: impl Fn(usize) -> bool) -> usize {
    let mut high = 1;
    while high < limit && fits(high) {
        high *= 2;
    }
    let (mut low, mut high) = (0, high.min(limit) + 1);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}
