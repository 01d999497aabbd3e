//! How long a message gets, before it is written (RFC 1035 4.1.4, RFC 6762 18.14).

use std::collections::HashSet;

use crate::dns::{Compression, Name, Question, Rdata, Record};
use llamar_common::wire::dns;

/// A message that grows. It counts what [`crate::dns::Message::write`] writes for the records that we have.
#[derive(Debug)]
pub(super) struct Size<'a> {
    length: usize,
    compression: Compression,
    /// Tails of names that can be pointed to.
    tails: HashSet<&'a [u8]>,
}

impl<'a> Size<'a> {
    /// An empty message.
    pub(super) fn new(compression: Compression) -> Self {
        Self {
            length: dns::HEADER,
            compression,
            tails: HashSet::new(),
        }
    }

    /// Adds a question.
    pub(super) fn question(&mut self, question: &'a Question) {
        self.length += self.name(&question.name, Compression::Unicast, &mut Vec::new()) + 4;
    }

    /// Adds records, if the message is not longer than `room` then.
    pub(super) fn take(
        &mut self,
        records: impl IntoIterator<Item = &'a Record>,
        room: usize,
    ) -> bool {
        let mut fresh = Vec::new();
        let records = records.into_iter();
        let length = records.map(|record| self.record(record, &mut fresh)).sum();
        self.settle(length, &fresh, room)
    }

    /// Adds a question and records, if the message is not longer than `room` then.
    pub(super) fn probe(
        &mut self,
        question: &'a Question,
        records: &'a [Record],
        room: usize,
    ) -> bool {
        let mut fresh = Vec::new();
        let length = self.name(&question.name, Compression::Unicast, &mut fresh) + 4;
        let records = records.iter();
        let length = records.fold(length, |sum, record| sum + self.record(record, &mut fresh));
        self.settle(length, &fresh, room)
    }

    /// Keeps what was counted, if it fits.
    fn settle(&mut self, length: usize, fresh: &[&'a [u8]], room: usize) -> bool {
        let fits = self.length + length <= room;
        if fits {
            self.length += length;
        } else {
            fresh.iter().for_each(|tail| {
                self.tails.remove(tail);
            });
        }
        fits
    }

    fn record(&mut self, record: &'a Record, fresh: &mut Vec<&'a [u8]>) -> usize {
        let owner = self.name(&record.owner, Compression::Unicast, fresh);
        let data = match &record.data {
            Rdata::A(_) => 4,
            Rdata::Aaaa(_) => 16,
            Rdata::Ptr(name) => self.name(name, Compression::Unicast, fresh),
            Rdata::Srv(srv) => 6 + self.name(&srv.target, Compression::Multicast, fresh),
            Rdata::Nsec(nsec) => {
                self.name(&nsec.next, Compression::Multicast, fresh) + nsec.bitmaps().len()
            }
            Rdata::Txt(txt) => txt.wire().len(),
            // We have no others.
            _ => 0,
        };
        owner + 10 + data
    }

    /// The length of a name whose compression needs a message of at least `least`.
    fn name(&mut self, name: &'a Name, least: Compression, fresh: &mut Vec<&'a [u8]>) -> usize {
        let wire = name.wire();
        let mut at = 0;
        let mut length = None;
        while let Some(&label) = wire.get(at)
            && label != 0
        {
            let tail = &wire[at..];
            if !self.tails.insert(tail) {
                length = Some(at + 2);
                break;
            }
            fresh.push(tail);
            at += 1 + usize::from(label);
        }
        let length = length.filter(|_| least <= self.compression);
        length.unwrap_or(wire.len())
    }
}
