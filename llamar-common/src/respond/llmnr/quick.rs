//! The way of most queries, with nothing on it that they do not need: a plain frame without a tag and with its whole
//! checksum, in the driver, that asks for a name of up to [`SHORT`] bytes which has one address of the type.
//!
//! It takes the name from the index, so that an answer costs one call of the kernel. Whatever is not so is left, as it
//! came, to the way of all queries beside this file; what is decided here, that one would decide likewise.

use self::held::{Held, search, short};
use self::wire::Answer;
use super::super::{Ending, Step};
use super::Ip;
use crate::abi::{Link, LinkKey, Outcome, SHORT};
use crate::frame::Frame;
use crate::limit;
use crate::records::{Records, World};
use crate::wire::checksum::Sum;
use crate::wire::{dns, le32, le64, name};

mod held;
mod v4;
mod v6;
mod wire;

/// What differs between IPv4 and IPv6.
pub(in crate::respond) trait Quick: Ip {
    /// Offset of the label.
    const LABEL: usize;

    /// The byte in the place of the label's length, if the frame is long enough to have one.
    fn length<F: Frame>(frame: &F) -> Option<usize>;
    /// The query in a frame, if it is one for this way with a label of that length, 1 to [`SHORT`]; what begins with the label
    /// is not looked at yet.
    fn plain<F: Frame>(frame: &F, length: usize) -> Option<Query<Self::Address>>;
    /// The source of our frames, with their EtherType.
    fn from(link: &Link) -> u64;
    /// Our address in the asker's prefix, if that is one of the near ones.
    fn near<F: Frame>(link: &Link, asker: Self::Address) -> Option<Ours<Self::Address>>;
    /// Writes the answer into the frame that has grown by `GROWTH`; the label may have more than [`WORD`] bytes only if it
    /// is `LONG`.
    fn write<F: Frame, const GROWTH: usize, const LONG: bool>(
        frame: &mut F,
        answer: &Answer<Self::Address>,
    ) -> Option<()>;
}

/// A query that may be answered from the index.
#[derive(Clone, Copy)]
pub(in crate::respond) struct Query<A> {
    asker: A,
    /// Source of the frame, with its EtherType.
    hardware: u64,
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
/// Bytes of one of them.
const WORD: usize = 8;

/// Type and class IN, as they lie in memory.
const A_IN: u32 = in_class(dns::A);
const AAAA_IN: u32 = in_class(dns::AAAA);

const fn in_class(kind: u16) -> u32 {
    (kind.swap_bytes() as u32) | (dns::IN.swap_bytes() as u32) << 16
}

/// What becomes of a query; `None` if that is not decided here.
///
/// Looks for a name of one word, in lower case, where it is at home. Every other name is left to [`elsewhere`].
#[inline(always)]
pub(in crate::respond) fn respond<I: Quick, F: Frame, R: Records>(
    frame: &mut F,
    records: &R,
) -> Option<Step<Ending>> {
    if R::WORLD != World::Kernel {
        return None;
    }
    let length = I::length(frame)?;
    if F::added::<-1>(length as u64) >= WORD as u64 {
        return Some(Step::Elsewhere);
    }
    let query = I::plain(frame, length)?;
    let window = end::<I, F>(frame, length)?;
    let word = one_word::<F>(window, length);
    // Each type has code of its own from here on.
    let kind = kind(window);
    if kind == A_IN {
        at_home::<I, F, R, false>(frame, records, &query, length, word)
    } else if kind == AAAA_IN {
        at_home::<I, F, R, true>(frame, records, &query, length, word)
    } else {
        None
    }
}

/// A query for a label of one word.
#[inline(always)]
fn at_home<I: Quick, F: Frame, R: Records, const AAAA: bool>(
    frame: &mut F,
    records: &R,
    query: &Query<I::Address>,
    length: usize,
    word: u64,
) -> Option<Step<Ending>> {
    let sum = Sum::folded(F::lower(word)).plus(Sum::folded(word >> 32));
    if !is_right::<_, AAAA>(query, length, sum) {
        return None;
    }
    let control = records.control()?;
    // What the index has is folded: a label with upper case is none of its own, and is folded elsewhere.
    let short = short(records, control, length, [word, 0])?;
    let Some(held) = Held::at_home::<F, R>(records, control, &short)? else {
        return Some(Step::Elsewhere);
    };
    let ended = answer::<I, F, R, AAAA, false>(frame, records, query, &held)?;
    Some(Step::Ended(ended))
}

/// The end of a frame, from the words in which its label is on, if nothing follows its only question.
#[inline(always)]
fn end<I: Quick, F: Frame>(frame: &F, length: usize) -> Option<&[u8; WORDS + END]> {
    let window = frame.last_behind(I::LABEL - WORDS, length as u8)?;
    (window[WORDS] == 0).then_some(window)
}

/// Type and class of the question at the end of a frame.
#[inline(always)]
fn kind(window: &[u8; WORDS + END]) -> u32 {
    le32(window, WORDS + 1)
}

/// Whether the datagram's checksum is right, by the label's sum as if it began at an even offset.
#[inline(always)]
fn is_right<A, const AAAA: bool>(query: &Query<A>, length: usize, label: Sum) -> bool {
    let kind = if AAAA { dns::AAAA } else { dns::A };
    let end = Sum::ZERO.le16(kind).le16(dns::IN);
    // The question begins at an odd offset.
    let question = label.plus(end.moved(length % 2 == 1)).moved(true);
    query.sum.plus(question).is_right()
}

/// The label of up to eight bytes that ends before the last [`END`] ones of a window, zeros behind it.
#[inline(always)]
fn one_word<F: Frame>(window: &[u8; WORDS + END], length: usize) -> u64 {
    // What stands before the label is shifted out: 64 bits less 8 for each byte of it, or 56 for each, modulo 64.
    F::shifted(le64(window, WORD), 56 * length)
}

/// The same for a longer one.
#[inline(always)]
fn two_words(window: &[u8; WORDS + END], length: usize) -> [u64; 2] {
    let (low, high) = (le64(window, 0), le64(window, WORD));
    let by = (WORDS - length) * 8;
    [low >> by | high << (64 - by), high >> by]
}

/// Answers with the record of a slot.
#[inline(always)]
fn answer<I: Quick, F: Frame, R: Records, const AAAA: bool, const LONG: bool>(
    frame: &mut F,
    records: &R,
    &Query {
        asker, hardware, ..
    }: &Query<I::Address>,
    held: &Held<'_>,
) -> Option<Ending> {
    let (place, link) = records.plain_link()?;
    if hardware == I::from(link) {
        return None;
    }
    let ours = I::near::<F>(link, asker)?;
    let control = records.control()?;
    let record = held.record::<F, R, AAAA>(records, control)?;
    let now = records.jiffies();
    let control = records.control()?;
    if now >= control.until {
        return None;
    }
    // Of an entry that is being written these may not belong together; then one query is judged wrongly.
    let limit = link.limit;
    let spend = |bucket| limit.spend(bucket, limit::time(now));
    let key = LinkKey::new(records.ifindex(), 0);
    if records.bucket_by(control, key, I::limited(asker), spend) == Some(false) {
        return Some(Ending::drop(Outcome::LlmnrLimited, place));
    }
    let from = I::from(link);
    let answer = Answer { ours, from, record };
    Some(if send::<I, F, AAAA, LONG>(frame, &answer) {
        Ending::reply(Outcome::LlmnrAnswered, place)
    } else {
        Ending::pass(Outcome::NoRoom, place)
    })
}

/// Makes a query its answer, if there is room for that.
#[inline(always)]
fn send<I: Quick, F: Frame, const AAAA: bool, const LONG: bool>(
    frame: &mut F,
    answer: &Answer<I::Address>,
) -> bool {
    let growth = if AAAA {
        dns::AAAA_RECORD
    } else {
        dns::A_RECORD
    };
    if !frame.grow_head(growth) {
        return false;
    }
    // The old frame is gone; it was long enough for every window, so all of them are there.
    let _ = if AAAA {
        I::write::<F, { dns::AAAA_RECORD }, LONG>(frame, answer)
    } else {
        I::write::<F, { dns::A_RECORD }, LONG>(frame, answer)
    };
    true
}

/// What becomes of a query that [`respond`] has left to this; `None` if that is not decided here either.
///
/// Looks for the name in the whole of its bucket, and in its second one. Reads everything anew, so that nothing has to be
/// kept for it.
#[inline(always)]
pub(in crate::respond) fn elsewhere<I: Quick, F: Frame, R: Records>(
    frame: &mut F,
    records: &R,
) -> Option<Ending> {
    let length = I::length(frame)?;
    if F::added::<-1>(length as u64) >= SHORT as u64 {
        return None;
    }
    let query = I::plain(frame, length)?;
    let window = end::<I, F>(frame, length)?;
    let label = if length > WORD {
        two_words(window, length)
    } else {
        [one_word::<F>(window, length), 0]
    };
    let (kind, sum) = (kind(window), Sum::ZERO.le128(label));
    let is_right = match kind {
        A_IN => is_right::<_, false>(&query, length, sum),
        AAAA_IN => is_right::<_, true>(&query, length, sum),
        _ => false,
    };
    if !is_right {
        return None;
    }
    let label = label.map(name::fold_if_upper::<F>);
    let short = short(records, records.control()?, length, label)?;
    let Some(held) = search::<F, R>(records, &short)? else {
        return foreign::<I, F, R>(records, &query);
    };
    if kind == A_IN {
        answer::<I, F, R, false, true>(frame, records, &query, &held)
    } else {
        answer::<I, F, R, true, true>(frame, records, &query, &held)
    }
}

/// A query for a name that the map does not hold.
#[inline(always)]
fn foreign<I: Quick, F: Frame, R: Records>(
    records: &R,
    &Query {
        asker, hardware, ..
    }: &Query<I::Address>,
) -> Option<Ending> {
    let (place, link) = records.plain_link()?;
    if hardware == I::from(link) {
        return None;
    }
    I::near::<F>(link, asker)?;
    // RFC 4795 2.1.1: R22; the agent may know it.
    Some(Ending::pass(Outcome::LlmnrForeign, place))
}
