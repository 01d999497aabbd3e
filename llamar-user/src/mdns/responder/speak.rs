//! Messages with records of ours, as many to a message as fit (RFC 6762 17, 18).

use std::collections::BTreeSet;

use llamar_common::wire::dns;

use super::size::Size;
use super::zone::{Entry, Id, Role, Zone};
use crate::dns::{Compression, Message, Question, Record};
use crate::mdns::{Family, PACKET_MAX};

/// RFC 6762 18.2, 18.4: QR and AA; everything else is 0.
pub(super) const RESPONSE: u16 = dns::RESPONSE | 0x0400;

/// A message and which records are in it.
pub(super) struct Said {
    pub message: Message,
    pub ids: Vec<Id>,
}

/// Answers in as many messages as they need, with additional records where there is room, but none of those that are
/// answers of another message of the same burst or that may not be `added`.
pub(super) fn responses(
    zone: &Zone,
    answers: &BTreeSet<Id>,
    room: usize,
    added: impl Fn(Id) -> bool,
) -> Vec<Said> {
    let mut taken = answers.clone();
    let messages = split(zone, answers, room).into_iter();
    let messages = messages.map(|ids| {
        let mut said = answer(zone, ids);
        add(zone, &mut said, room, &mut taken, &added);
        said
    });
    messages.collect()
}

/// Records that tell of something, in as many messages as they need: goodbyes.
pub(super) fn unsolicited(records: &[Record], room: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let mut size = Size::new(Compression::Multicast);
        let count = rest.iter().take_while(|record| size.take([*record], room));
        let (taken, behind) = rest.split_at(count.count().max(1));
        rest = behind;
        messages.push(Message {
            flags: RESPONSE,
            answers: taken.to_vec(),
            ..Message::default()
        });
    }
    messages
}

/// Puts records in messages. RFC 6762 10.2: members of a unique set stay together if that is possible.
fn split(zone: &Zone, answers: &BTreeSet<Id>, room: usize) -> Vec<Vec<Id>> {
    let mut pack = Pack::new(zone, room);
    let mut done = BTreeSet::new();
    for &id in answers {
        if done.contains(&id) {
            continue;
        }
        let mut set = zone.whole(id);
        set.retain(|id| answers.contains(id));
        done.extend(set.iter().copied());
        pack.set(&set);
    }
    pack.finish()
}

/// Messages being filled.
struct Pack<'a> {
    zone: &'a Zone,
    room: usize,
    size: Size<'a>,
    full: Vec<Vec<Id>>,
    open: Vec<Id>,
}

impl<'a> Pack<'a> {
    fn new(zone: &'a Zone, room: usize) -> Self {
        Self {
            zone,
            room,
            size: Size::new(Compression::Multicast),
            full: Vec::new(),
            open: Vec::new(),
        }
    }

    fn set(&mut self, set: &[Id]) {
        if self.take(set) {
            return;
        }
        self.close();
        if self.take(set) {
            return;
        }
        // RFC 6762 10.2, 17: more than a message holds goes in a burst of several, and what is too long for one goes alone.
        for id in set {
            if !self.take(&[*id]) {
                self.close();
                if !self.take(&[*id]) {
                    self.full.push(vec![*id]);
                }
            }
        }
    }

    fn take(&mut self, set: &[Id]) -> bool {
        let entries = set.iter().filter_map(|id| self.zone.entry(*id));
        let fits = self
            .size
            .take(entries.map(|entry| &entry.record), self.room);
        if fits {
            self.open.extend(set);
        }
        fits
    }

    fn close(&mut self) {
        self.size = Size::new(Compression::Multicast);
        if !self.open.is_empty() {
            self.full.push(std::mem::take(&mut self.open));
        }
    }

    fn finish(mut self) -> Vec<Vec<Id>> {
        self.close();
        self.full
    }
}

/// A response with these answers. RFC 6762 18.1: its id is 0.
fn answer(zone: &Zone, ids: Vec<Id>) -> Said {
    let entries = ids.iter().filter_map(|id| zone.entry(*id));
    let message = Message {
        flags: RESPONSE,
        answers: entries.map(Entry::outgoing).collect(),
        ..Message::default()
    };
    Said { message, ids }
}

/// Adds additional records as far as there is room.
fn add(
    zone: &Zone,
    said: &mut Said,
    room: usize,
    taken: &mut BTreeSet<Id>,
    added: impl Fn(Id) -> bool,
) {
    let mut size = Size::new(Compression::Multicast);
    let answers = said.ids.iter().filter_map(|id| zone.entry(*id));
    if !size.take(answers.map(|entry| &entry.record), room) {
        return;
    }
    for set in zone.additionals(&said.ids) {
        // RFC 6762 10.2: a unique set goes whole or not at all.
        let useful = set.iter().all(|id| !taken.contains(id) && added(*id));
        let entries = || set.iter().filter_map(|id| zone.entry(*id));
        if useful && size.take(entries().map(|entry| &entry.record), room) {
            let records = entries().map(Entry::outgoing);
            said.message.additionals.extend(records);
            said.ids.extend(&set);
            taken.extend(set);
        }
    }
}

/// RFC 6762 6.7: a response to somebody who asks as one asks a DNS server: questions repeated, TTLs of at most ten
/// seconds, no bit that flushes caches, and TC if it is longer than he takes.
pub(super) fn legacy(
    zone: &Zone,
    answers: &BTreeSet<Id>,
    questions: &[Question],
    room: usize,
) -> Message {
    let mut message = Message {
        flags: RESPONSE,
        questions: questions.to_vec(),
        ..Message::default()
    };
    let mut size = Size::new(Compression::Unicast);
    questions
        .iter()
        .for_each(|question| size.question(question));
    for entry in answers.iter().filter_map(|id| zone.entry(*id)) {
        if !size.take([&entry.record], room) {
            message.flags |= dns::TRUNCATED;
            return message;
        }
        // A DNS server tells that there is nothing in the authority section (RFC 4035 3.1.3.1).
        let section = match entry.role {
            Role::Absent => &mut message.authorities,
            Role::Shared | Role::Unique => &mut message.answers,
        };
        section.push(brief(&entry.record));
    }
    message.additionals = legacy_additionals(zone, answers, &mut size, room);
    message
}

/// Additional records as a DNS server has them, as far as there is room.
fn legacy_additionals<'a>(
    zone: &'a Zone,
    answers: &BTreeSet<Id>,
    size: &mut Size<'a>,
    room: usize,
) -> Vec<Record> {
    let mut taken = answers.clone();
    let ids: Vec<_> = answers.iter().copied().collect();
    let mut additionals = Vec::new();
    for set in zone.additionals(&ids) {
        let entries = || set.iter().filter_map(|id| zone.entry(*id));
        let useful = entries().all(|entry| entry.role != Role::Absent);
        let fresh = set.iter().all(|id| !taken.contains(id));
        if useful && fresh && size.take(entries().map(|entry| &entry.record), room) {
            additionals.extend(entries().map(|entry| brief(&entry.record)));
            taken.extend(set);
        }
    }
    additionals
}

/// RFC 6762 6.7: who does not take part in mDNS does not hear when a record changes.
fn brief(record: &Record) -> Record {
    let mut record = record.clone();
    record.ttl = record.ttl.min(LEGACY_TTL);
    record
}

/// RFC 6762 6.7: longest TTL in seconds for one who is no full mDNS host.
const LEGACY_TTL: u32 = 10;

/// A message's bytes; `None` if it is longer than any may be.
pub(super) fn bytes(
    message: &Message,
    family: Family,
    compression: Compression,
) -> Option<Vec<u8>> {
    let bytes = message.write(compression).ok()?;
    // RFC 6762 17: not even in fragments.
    (bytes.len() + family.headers() <= PACKET_MAX).then_some(bytes)
}
