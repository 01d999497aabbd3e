//! The way of most queries, with nothing on it that they do not need: a plain frame without a tag and with its whole
//! checksum, in the driver, that asks for a name of up to [`SHORT`] bytes which has one address of the type.
//!
//! It takes the name from the index, so that an answer costs one call of the kernel. Whatever is not so is left, as it
//! came, to the way of all queries beside this file; what is decided here, that one would decide likewise.

use self::wire::{Answer, Record};
use super::super::{Arrival, Ending};
use super::Ip;
use crate::abi::{
    ADDRESS, Bucket, Control, ELSEWHERE, INDEX_INTERFACES, INDEX_TTLS, LINK_NATIVE, Link, ONE_A,
    ONE_AAAA, Outcome, SHORT, SLOTS, Short, Slot, TAG, TTL_SHIFT,
};
use crate::frame::Frame;
use crate::records::{Records, World};
use crate::wire::checksum::Sum;
use crate::wire::{dns, le32, le64, name};

mod wire;

/// What differs between IPv4 and IPv6.
pub(in crate::respond) trait Quick: Ip {
    /// Offset of the label.
    const LABEL: usize;

    /// The query in a frame, if it is one for this way; what begins with the label is not looked at yet.
    fn plain<F: Frame>(frame: &F) -> Option<Plain<Self::Address>>;
    /// Our address in the asker's prefix, if that is one of the first ones.
    fn near(link: &Link, asker: Self::Address) -> Option<Ours<Self::Address>>;
    /// Writes the answer into the frame that has grown by `GROWTH`.
    fn write<F: Frame, const GROWTH: usize>(
        frame: &mut F,
        length: usize,
        answer: &Answer<Self::Address>,
    ) -> Option<()>;
}

/// A query that may be answered from the index.
#[derive(Clone, Copy)]
pub(in crate::respond) struct Plain<A> {
    asker: A,
    /// Source of the frame.
    hardware: u64,
    /// Length of the label, 1 to [`SHORT`].
    length: usize,
    /// Sum of the datagram and its pseudo-header up to the label.
    sum: Sum,
}

/// Our address.
#[derive(Clone, Copy)]
pub(in crate::respond) struct Ours<A> {
    address: A,
    sum: Sum,
}

/// What follows the label: the root's length byte, type and class.
const END: usize = 5;
/// Bytes of the two words in which a label is read; one more than it has, so that no shift is by all bits of a word.
const WORDS: usize = SHORT + 1;
/// Prefixes of a link that are looked at.
const NEAR: usize = 2;

/// Type and class IN, as they lie in memory.
const A_IN: u32 = in_class(dns::A);
const AAAA_IN: u32 = in_class(dns::AAAA);

const fn in_class(kind: u16) -> u32 {
    (kind.swap_bytes() as u32) | (dns::IN.swap_bytes() as u32) << 16
}

/// What becomes of a query; `None` if that is not decided here.
#[inline(always)]
pub(in crate::respond) fn respond<I: Quick, F: Frame, R: Records>(
    frame: &mut F,
    records: &R,
) -> Option<Ending> {
    if R::WORLD != World::Kernel {
        return None;
    }
    let plain = I::plain(frame)?;
    let window = frame.last_at::<{ WORDS + END }>(I::LABEL + plain.length - WORDS)?;
    let label = Label::read(window, plain.length);
    if window[WORDS] != 0 {
        return None;
    }
    // Each type has code of its own from here on.
    match le32(window, WORDS + 1) {
        A_IN => asked::<I, F, R, false>(frame, records, &plain, &label),
        AAAA_IN => asked::<I, F, R, true>(frame, records, &plain, &label),
        _ => None,
    }
}

#[inline(always)]
fn asked<I: Quick, F: Frame, R: Records, const AAAA: bool>(
    frame: &mut F,
    records: &R,
    plain: &Plain<I::Address>,
    label: &Label,
) -> Option<Ending> {
    let question = label.question::<AAAA>(plain.length);
    if !plain.sum.plus(question).is_right() {
        return None;
    }
    let ifindex = records.ifindex();
    let control = records.control()?;
    if control.index_slots == 0 || ifindex >= INDEX_INTERFACES {
        return None;
    }
    let short = Short::new(ifindex, plain.length, label.folded);
    // Begun before what follows, which it does not wait for: the memory of a large index is far away.
    let looked = Looked::at(records, Short::first(short.hash(control), control))?;
    let arrival = Arrival::find(records, 0).ok()?;
    if arrival.link.mode != LINK_NATIVE || plain.hardware == arrival.mac {
        return None;
    }
    let ours = I::near(arrival.link, plain.asker)?;
    let record = match looked.find::<F, R, AAAA>(records, control, &short)? {
        Found::Here(record) => record,
        // RFC 4795 2.1.1: R22; the agent may know it.
        Found::Foreign => return Some(arrival.pass(Outcome::LlmnrForeign)),
    };
    let answer = Answer {
        ours,
        mac: arrival.mac,
        record,
    };
    let now = records.jiffies();
    arrival.vouch_at(records, control, now).ok()?;
    let admitted = arrival.admit_at(records, control, now, I::limited(plain.asker));
    let sent = admitted.and_then(|()| send::<I, F, AAAA>(frame, &arrival, plain.length, &answer));
    Some(sent.unwrap_or_else(|ending| ending))
}

/// Growth and the answer itself.
#[inline(always)]
fn send<I: Quick, F: Frame, const AAAA: bool>(
    frame: &mut F,
    arrival: &Arrival<'_>,
    length: usize,
    answer: &Answer<I::Address>,
) -> Result<Ending, Ending> {
    let growth = if AAAA {
        dns::AAAA_RECORD
    } else {
        dns::A_RECORD
    };
    if !frame.grow_head(growth) {
        return Err(arrival.pass(Outcome::NoRoom));
    }
    // The old frame is gone; it was long enough for every window, so all of them are there.
    let _ = if AAAA {
        I::write::<F, { dns::AAAA_RECORD }>(frame, length, answer)
    } else {
        I::write::<F, { dns::A_RECORD }>(frame, length, answer)
    };
    Ok(Ending::reply(Outcome::LlmnrAnswered, arrival.slot))
}

/// A label of up to [`SHORT`] bytes.
struct Label {
    /// In lower case, zeros behind it.
    folded: [u64; 2],
    /// Its sum as it was asked for, if it began at an even offset.
    sum: Sum,
}

impl Label {
    /// The label that ends before the last [`END`] bytes of a window.
    #[inline(always)]
    fn read(window: &[u8; WORDS + END], length: usize) -> Self {
        let (low, high) = (le64(window, 0), le64(window, 8));
        // What stands before the label is shifted out.
        if length <= 8 {
            let word = high >> ((8 - length) * 8);
            return Self {
                folded: [name::fold_if_upper(word), 0],
                sum: Sum::ZERO.le64(word),
            };
        }
        let by = (WORDS - length) * 8;
        let words = [low >> by | high << (64 - by), high >> by];
        Self {
            folded: words.map(name::fold_if_upper),
            sum: Sum::ZERO.le128(words),
        }
    }

    /// Sum of the question, which begins at an odd offset, without its length byte.
    #[inline(always)]
    fn question<const AAAA: bool>(&self, length: usize) -> Sum {
        let kind = if AAAA { dns::AAAA } else { dns::A };
        let end = Sum::ZERO.le16(kind).le16(dns::IN);
        self.sum.plus(end.moved(length % 2 == 1)).moved(true)
    }
}

/// What the index says of a name.
enum Found {
    /// It has one address of the type.
    Here(Record),
    /// The map does not hold it.
    Foreign,
}

/// A bucket of the index.
struct Looked<'r> {
    bucket: &'r Bucket,
    /// Number of the bucket.
    place: u32,
    /// Slot of the bucket where the name is looked for first.
    home: usize,
    /// The word of that slot, read before its label.
    word: u64,
}

impl<'r> Looked<'r> {
    #[inline(always)]
    fn at<R: Records>(records: &'r R, slot: u32) -> Option<Self> {
        let place = slot / SLOTS as u32;
        let bucket = records.bucket_of_names(place)?;
        let home = slot as usize % SLOTS;
        Some(Self {
            bucket,
            place,
            home,
            word: records.began(&bucket.slots[home]),
        })
    }

    /// Looks a name up; `None` if the index does not say, or not enough.
    #[inline(always)]
    fn find<F: Frame, R: Records, const AAAA: bool>(
        &self,
        records: &R,
        control: &Control,
        short: &Short,
    ) -> Option<Found> {
        if let Some(found) = self.entry::<F, R>(records, short) {
            return self.record::<R, AAAA>(records, control, found);
        }
        if self.bucket.slots[0].word & ELSEWHERE == 0 {
            return Some(Found::Foreign);
        }
        let second = Looked::at(records, Short::second(short.hash(control), control))?;
        if let Some(found) = second.entry::<F, R>(records, short) {
            return second.record::<R, AAAA>(records, control, found);
        }
        (second.bucket.slots[0].word & ELSEWHERE == 0).then_some(Found::Foreign)
    }

    /// The slot of a name in the bucket, and its word as it was before the label was compared.
    #[inline(always)]
    fn entry<F: Frame, R: Records>(&self, records: &R, short: &Short) -> Option<(usize, u64)> {
        let slots = &self.bucket.slots;
        if short.is_long() {
            let holds = |at: usize, word: u64| {
                slots[at].is(short, word) && slots[at + 1].label == short.label[1]
            };
            for at in [self.home & 2, self.home & 2 ^ 2] {
                let word = records.began(&slots[at]);
                if holds(at, word) {
                    return Some((at, word));
                }
            }
            return None;
        }
        if slots[self.home].is(short, self.word) {
            return Some((self.home, self.word));
        }
        // Which of the others cannot be foreseen: a branch that goes wrong costs more than all of them.
        let (mut at, mut word) = (0, 0);
        for step in 1..SLOTS {
            let other = self.home ^ step;
            let held = records.began(&slots[other]);
            let differs = (slots[other].label ^ short.label[0]) | ((held ^ short.tag) & TAG);
            let mask = (F::opaque(differs.wrapping_sub(1) & !differs) as i64 >> 63) as u64;
            at |= other as u64 & mask;
            word |= held & mask;
        }
        (word != 0).then_some((at as usize % SLOTS, word))
    }

    /// The record of a slot, if nobody wrote the slot while it was read.
    #[inline(always)]
    fn record<R: Records, const AAAA: bool>(
        &self,
        records: &R,
        control: &Control,
        (at, word): (usize, u64),
    ) -> Option<Found> {
        let ttl = control.index_ttls[(word >> TTL_SHIFT) as usize % INDEX_TTLS];
        let ttl = u32::from_le_bytes(ttl);
        let (kind, record) = if AAAA {
            let aaaa = records.bucket_of_names6(self.place)?.aaaa[at];
            (ONE_AAAA, Record { ttl, a: 0, aaaa })
        } else {
            let a = (word & ADDRESS) as u32;
            let aaaa = [0; 2];
            (ONE_A, Record { ttl, a, aaaa })
        };
        let settled = records.ended(&self.bucket.slots[at]) == word;
        (word & kind != 0 && settled).then_some(Found::Here(record))
    }
}

impl Slot {
    /// Whether it is a name's, as far as a slot says.
    #[inline(always)]
    const fn is(&self, short: &Short, word: u64) -> bool {
        (self.label ^ short.label[0]) | ((word ^ short.tag) & TAG) == 0
    }
}
