//! What the programs of the benchmark and `cargo xtask bench` share: the load, what counts as an answer, the samples,
//! and how the responder lies that has to be found out.

#![expect(unsafe_code, reason = "values are shown to the kernel as bytes")]

use core::mem::size_of;

use crate::abi::Plain;

/// Longest frame that is generated.
pub const FRAME_MAX: usize = 128;
/// Longest frame that is kept as a sample.
pub const SAMPLE_MAX: usize = 248;
/// Every how many answers one is kept.
pub const SAMPLE_EVERY: u64 = 1_000;
/// Samples that each CPU keeps; a power of two.
pub const SAMPLES_MAX: u32 = 1_024;
/// Length of the labels that the generator draws.
pub const LABEL: usize = 8;

/// Names of the maps.
pub mod map {
    /// Array of one [`Load`](super::Load).
    pub const LOAD: &str = "bench_load";
    /// Array of one [`Expect`](super::Expect).
    pub const EXPECT: &str = "bench_expect";
    /// Per-CPU array of one [`Tally`](super::Tally).
    pub const TALLY: &str = "bench_tally";
    /// Per-CPU array of [`Sample`](super::Sample).
    pub const SAMPLES: &str = "bench_samples";
    /// Program array of one: what [`UNDO`](super::program::UNDO) goes on to.
    pub const TARGET: &str = "bench_target";
    /// Array of one [`Canned`](super::Canned).
    pub const CANNED: &str = "bench_canned";
}

/// Names of the programs.
pub mod program {
    /// Writes the next frame of the load into whatever it is given and sends it.
    pub const GENERATE: &str = "bench_generate";
    /// Swaps the hardware addresses and sends the frame back.
    pub const REFLECT: &str = "bench_reflect";
    /// Counts, and keeps samples.
    pub const COUNT: &str = "bench_count";
    /// Passes everything.
    pub const PASS: &str = "bench_pass";
    /// Takes back by how much a frame has grown, writes the next frame of the load, and goes on to a target.
    pub const UNDO: &str = "bench_undo";
    /// Grows a frame by an A record's length and sends it back as it is.
    pub const GROW: &str = "bench_grow";
    /// Answers from a canned answer, right but for one lie.
    pub const LIAR: &str = "bench_liar";
}

/// What the responder of [`LIAR`](program::LIAR) does wrong.
pub mod lie {
    /// Nothing: it has to pass.
    pub const NONE: u32 = 0;
    /// It answers for every name.
    pub const NAME: u32 = 1;
    /// Its answers have no checksum.
    pub const CHECKSUM: u32 = 2;
    /// One bit of its addresses is wrong.
    pub const ADDRESS: u32 = 3;
    /// It does not look at a query's checksum.
    pub const QUERY: u32 = 4;
    /// It leaves one query in 50 without an answer.
    pub const SILENCE: u32 = 5;
}

/// What is generated.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The frame; label, id and checksum are written into it if `names` is not 0.
    pub frame: [u8; FRAME_MAX],
    /// State of the random numbers, not 0.
    pub random: u64,
    /// Length of the frame, 8 to [`FRAME_MAX`].
    pub length: u32,
    /// Names to draw from; 0 leaves the frame as it is.
    pub names: u32,
    /// Offset of the label of [`LABEL`] bytes, odd in its datagram.
    pub label_at: u32,
    /// Offset of the message's id.
    pub id_at: u32,
    /// Offset of the UDP checksum.
    pub checksum_at: u32,
    /// Sum of the datagram and its pseudo-header with label, id and checksum zero, folded, as read little-endian.
    pub sum: u32,
}

/// What a frame that is an answer looks like.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Expect {
    /// Eight bytes at `at`, as read little-endian, of which those in `mask` count.
    pub value: u64,
    /// See [`value`](Self::value).
    pub mask: u64,
    /// Offset of those bytes.
    pub at: u32,
    /// Length of the frame.
    pub length: u32,
    /// Whether frames go on to the stack after they were counted; otherwise they end there.
    pub pass: u32,
    /// Always 0.
    pub reserved: u32,
}

/// What was counted on one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Frames that look like an answer.
    pub answers: u64,
    /// All others.
    pub others: u64,
}

/// An answer that was kept.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its length; 0 in an empty place.
    pub length: u64,
    /// Its bytes.
    pub frame: [u8; SAMPLE_MAX],
}

/// An answer to be filled in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Canned {
    /// The answer with label, id, checksum and address zero, and their places.
    pub answer: Load,
    /// Address of the name with number 0; each further one has the next.
    pub address: u32,
    /// One of [`lie`].
    pub lie: u32,
}

/// The next number of a row of random ones that never is 0 (Marsaglia's xorshift64), and a number below a limit made of
/// its upper half: all of them alike, up to the limit in 2^32.
#[inline(always)]
pub const fn draw(random: u64, limit: u32) -> (u64, u32) {
    let mut random = random;
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    (random, (((random >> 32) * limit as u64) >> 32) as u32)
}

/// The label of a name by its number, as a little-endian word: eight letters from `a` to `p`.
#[inline(always)]
pub const fn label(number: u32) -> u64 {
    let mut word = number as u64;
    word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    word = (word | word << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    word + 0x6161_6161_6161_6161
}

/// The number of a name by its label as a little-endian word; `None` if the label is no name's.
#[inline(always)]
pub const fn number(label: u64) -> Option<u32> {
    let mut word = label.wrapping_sub(0x6161_6161_6161_6161);
    if word & 0xf0f0_f0f0_f0f0_f0f0 != 0 {
        return None;
    }
    word = (word | word >> 4) & 0x00ff_00ff_00ff_00ff;
    word = (word | word >> 8) & 0x0000_ffff_0000_ffff;
    Some((word | word >> 16) as u32)
}

macro_rules! plain {
    ($($type:ty = $size:literal),* $(,)?) => { $(
        const _: () = assert!(size_of::<$type>() == $size);
        // SAFETY: `repr(C)`, integers and arrays of them only, and the size is the sum of the fields' sizes.
        unsafe impl Plain for $type {}
    )* };
}

plain! {
    Load = 160,
    Expect = 32,
    Tally = 16,
    Sample = 256,
    Canned = 168,
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn names_and_their_numbers_belong_together() {
        assert_eq!(&label(0x0f01).to_le_bytes(), b"bapaaaaa");
        for drawn in [0, 1, 15, 16, 999_999, u32::MAX] {
            assert_eq!(number(label(drawn)), Some(drawn));
        }
        for other in [
            b"aaaaaaaq",
            b"qaaaaaaa",
            b"aaaaaaa ",
            b"aaa`aaaa",
            b"AAAAAAAA",
        ] {
            assert_eq!(number(u64::from_le_bytes(*other)), None);
        }
    }

    #[test]
    fn names_are_drawn_uniformly() {
        for limit in [16_u32, 10_000, 1_000_000] {
            let (mut random, mut seen) = (0x9e37_79b9_7f4a_7c15, vec![0_u32; limit as usize]);
            let draws = 8 * limit.max(100_000);
            for _ in 0..draws {
                let drawn;
                (random, drawn) = draw(random, limit);
                seen[drawn as usize] += 1;
            }
            // Pearson's sum is that of so many degrees of freedom, give or take six of its standard deviations.
            let wanted = f64::from(draws) / f64::from(limit);
            let apart = |count: &u32| (f64::from(*count) - wanted).powi(2) / wanted;
            let sum: f64 = seen.iter().map(apart).sum();
            let degrees = f64::from(limit - 1);
            let spread = 6.0 * (2.0 * degrees).sqrt();
            assert!((sum - degrees).abs() < spread, "{limit}: {sum}");
        }
    }
}
