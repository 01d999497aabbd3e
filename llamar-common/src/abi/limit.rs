//! The limiter's part of the maps.

/// How often one source is answered on a link, in fractions of a jiffy as [`limit::time`](crate::limit::time) counts
/// them. Made by [`Rate::limit`](crate::limit::Rate::limit), judged by [`Limit::spend`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Time that an answer uses up.
    pub interval: u64,
    /// Time that a source may have used up in advance when it is answered once more.
    pub tolerance: u64,
}

impl Limit {
    /// No limit: an answer uses up nothing, and what others have used up is of no matter.
    pub const OFF: Self = Self {
        interval: 0,
        tolerance: u64::MAX,
    };
}

/// Words of links and of sources that the hash of a bucket takes in, each with a seed of its own.
pub const SEEDS: usize = 4;
/// Bits of a bucket's place.
pub const BUCKETS_BITS: u32 = 14;
/// Places in the array of buckets.
pub const BUCKETS_MAX: u32 = 1 << BUCKETS_BITS;
