//! What the programs of the benchmark and `cargo xtask bench` share: the load, what counts as an answer, the samples.

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

/// The label of a name by its number, as a little-endian word: eight letters from `a` to `p`.
#[inline(always)]
pub const fn label(number: u32) -> u64 {
    let mut word = number as u64;
    word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    word = (word | word << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    word + 0x6161_6161_6161_6161
}

/// The number of a name by its label; `None` if the label is no name's.
pub fn number(label: [u8; LABEL]) -> Option<u32> {
    let digit = |letter: u8| letter.checked_sub(b'a').filter(|digit| *digit < 16);
    label.iter().rev().try_fold(0, |number, letter| {
        Some(number << 4 | u32::from(digit(*letter)?))
    })
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_numbers_belong_together() {
        assert_eq!(&label(0x0f01).to_le_bytes(), b"bapaaaaa");
        for drawn in [0, 1, 15, 16, 999_999, u32::MAX] {
            assert_eq!(number(label(drawn).to_le_bytes()), Some(drawn));
        }
        assert_eq!(number(*b"aaaaaaaq"), None);
        assert_eq!(number(*b"aaaaaaa "), None);
    }
}
