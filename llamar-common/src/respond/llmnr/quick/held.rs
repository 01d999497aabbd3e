//! Names in the index: where they are looked for, and what a slot says of one.

use super::wire::Record;
use crate::abi::{
    ADDRESS_SHIFT, Bucket, Control, ELSEWHERE, INDEX_TTLS, ONE_A, ONE_AAAA, SLOTS, Short, Slot,
    TAG, TTL_SHIFT,
};
use crate::frame::Frame;
use crate::records::Records;

/// The name in the index; `None` if that is not to be asked.
#[inline(always)]
pub(super) fn short<R: Records>(
    records: &R,
    control: &Control,
    length: usize,
    label: [u64; 2],
) -> Option<Short> {
    (control.index_slots != 0).then_some(Short::new(records.ifindex(), length, label))
}

/// The slot of a name; `None` if the index does not say, and `Some(None)` if the map does not hold it.
#[inline(always)]
pub(super) fn search<'r, F: Frame, R: Records>(
    records: &'r R,
    short: &Short,
) -> Option<Option<Held<'r>>> {
    let control = records.control()?;
    let hash = short.hash(control);
    let first = Short::first(hash, control);
    let bucket = records.bucket_of_names(first)?;
    let held = among::<F, R>(bucket, first, records, short);
    if held.is_some() || bucket.slots[0].word & ELSEWHERE == 0 {
        return Some(held);
    }
    let second = Short::second(hash, control);
    let bucket = records.bucket_of_names(second)?;
    let held = among::<F, R>(bucket, second, records, short);
    if held.is_some() || bucket.slots[0].word & ELSEWHERE == 0 {
        return Some(held);
    }
    None
}

/// The slot of a name.
pub(super) struct Held<'r> {
    /// Its number.
    place: u32,
    slot: &'r Slot,
    /// Its word as it was before the label was compared.
    word: u64,
}

/// The slot of a name in the bucket.
#[inline(always)]
fn among<'b, F: Frame, R: Records>(
    bucket: &'b Bucket,
    home: u32,
    records: &R,
    short: &Short,
) -> Option<Held<'b>> {
    let slots = &bucket.slots;
    let (first, home) = (home & !(SLOTS as u32 - 1), home as usize % SLOTS);
    let held = |at: usize, word: u64| Held {
        place: first | at as u32,
        slot: &slots[at],
        word,
    };
    if short.is_long() {
        let holds = |at: usize, word: u64| {
            slots[at].is::<F>(short, word) && slots[at + 1].label == short.label[1]
        };
        for at in [home & 2, home & 2 ^ 2] {
            let word = records.began(&slots[at]);
            if holds(at, word) {
                return Some(held(at, word));
            }
        }
        return None;
    }
    // Which of them cannot be foreseen: a branch that goes wrong costs more than all of them.
    let (mut at, mut word) = (0, 0);
    for step in 0..SLOTS {
        let other = home ^ step;
        let read = records.began(&slots[other]);
        let differs = (slots[other].label ^ short.label[0]) | ((read ^ short.tag) & TAG);
        let mask = (F::opaque(differs.wrapping_sub(1) & !differs) as i64 >> 63) as u64;
        at |= other as u64 & mask;
        word |= read & mask;
    }
    (word != 0).then(|| held(at as usize % SLOTS, word))
}

impl<'r> Held<'r> {
    /// The slot of a name of one word, if that is where it is looked for first; `None` if there is no such slot.
    #[inline(always)]
    pub(super) fn at_home<F: Frame, R: Records>(
        records: &'r R,
        control: &Control,
        short: &Short,
    ) -> Option<Option<Self>> {
        let place = Short::first(short.hash_of_word(control), control);
        let slot = records.slot_of_names(place)?;
        let word = records.began(slot);
        let held = Self { place, slot, word };
        Some(slot.is::<F>(short, word).then_some(held))
    }

    /// The record of the slot, if nobody wrote it while it was read.
    #[inline(always)]
    pub(super) fn record<F: Frame, R: Records, const AAAA: bool>(
        &self,
        records: &R,
        control: &Control,
    ) -> Option<Record> {
        let ttl = control.index_ttls[(self.word >> TTL_SHIFT) as usize % INDEX_TTLS];
        let ttl = u32::from_le_bytes(ttl);
        let (is_there, record) = if AAAA {
            let aaaa = *records.address_of_names(self.place)?;
            let is_there = F::any::<{ ONE_AAAA as u32 }>(self.word);
            (is_there, Record { ttl, a: 0, aaaa })
        } else {
            let a = (self.word >> ADDRESS_SHIFT) as u32;
            let aaaa = [0; 2];
            // The sign of the lower half, for which there is one instruction as well.
            (self.word & ONE_A != 0, Record { ttl, a, aaaa })
        };
        let settled = records.ended(self.slot) == self.word;
        (is_there && settled).then_some(record)
    }
}

impl Slot {
    /// Whether it is a name's, as far as a slot says.
    #[inline(always)]
    fn is<F: Frame>(&self, short: &Short, word: u64) -> bool {
        self.label == short.label[0] && !F::any::<{ TAG as u32 }>(word ^ short.tag)
    }
}
