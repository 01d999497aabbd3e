//! The internet checksum (RFC 1071): the one's complement sum of 16-bit words.
//!
//! The sum does not depend on the byte order in which words are read, so everything here works on little-endian
//! words, up to four of the sum's words at a time.

use crate::frame::Frame;

/// A running sum, not yet folded to 16 bits. Holds at least 2^23 additions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// The sum of nothing.
    pub const ZERO: Self = Self(0);

    /// The sum that folds to a word.
    #[inline(always)]
    #[must_use]
    pub const fn folded(word: u64) -> Self {
        Self(word)
    }

    /// Adds four 16-bit words, read as one little-endian word.
    #[inline(always)]
    #[must_use]
    pub const fn le64(self, words: u64) -> Self {
        Self(self.0 + (words & 0xffff_ffff) + (words >> 32))
    }

    /// Adds eight 16-bit words, read as two little-endian words: in fewer steps than one after the other.
    #[inline(always)]
    #[must_use]
    pub const fn le128(self, [first, second]: [u64; 2]) -> Self {
        // Both less their upper halves, and those.
        let upper = (first >> 32) + (second >> 32);
        let lower = first.wrapping_add(second).wrapping_sub(upper << 32);
        Self(self.0 + lower + upper)
    }

    /// Adds two 16-bit words, read as one little-endian word.
    #[inline(always)]
    #[must_use]
    pub const fn le32(self, words: u32) -> Self {
        Self(self.0 + words as u64)
    }

    /// Adds a 16-bit word, read little-endian.
    #[inline(always)]
    #[must_use]
    pub const fn le16(self, word: u16) -> Self {
        Self(self.0 + word as u64)
    }

    /// Adds a 16-bit integer of the host.
    #[inline(always)]
    #[must_use]
    pub const fn number(self, number: u16) -> Self {
        Self(self.0 + number.swap_bytes() as u64)
    }

    /// Adds another sum.
    #[inline(always)]
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The sum of the same bytes, moved to an odd offset if `odd`: every word's bytes trade places.
    ///
    /// A shift by 8 does that modulo 0xffff. Holds as long as the sum has fewer than 2^56 in it.
    #[inline(always)]
    #[must_use]
    pub const fn moved(self, odd: bool) -> Self {
        Self(self.0 << ((odd as u64) * 8))
    }

    /// Adds a folded sum that is a constant, here and not where the sum is needed: until then the words of it would be
    /// kept, and a multiplication by a constant would be done twice.
    #[inline(always)]
    #[must_use]
    pub fn here<F: Frame, const FOLDED: i32>(self) -> Self {
        Self(F::added::<FOLDED>(self.0))
    }

    /// Its [folded](Self::fold) sum as a constant for [`here`](Self::here).
    #[must_use]
    pub const fn constant(self) -> i32 {
        self.fold() as i32
    }

    /// Adds bytes that begin at an even offset.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        for pair in bytes.chunks(2) {
            self = self.le16(u16::from_le_bytes([
                pair[0],
                pair.get(1).copied().unwrap_or(0),
            ]));
        }
        self
    }

    /// The folded sum, as a word to be written little-endian. Over data that contains its own checksum it is
    /// 0xffff if the checksum is right.
    #[inline(always)]
    pub const fn fold(self) -> u16 {
        Self((self.0 & 0xffff_ffff) + (self.0 >> 32)).fold_few()
    }

    /// The [folded](Self::fold) sum of one below 2^48.
    #[inline(always)]
    pub const fn fold_few(self) -> u16 {
        // Be the sum q times 0xffff and r: this times 0xffff is 2^64 - 1, so the product is r times this, less q. The four
        // words of that are r each, and q, at most 2^32 + 2^16 where r is not 0, is less than the three lower ones: it takes
        // nothing from the uppermost. Where r is 0 that is 0xffff, unless q is 0 too.
        (self.0.wrapping_mul(EACH) >> 48) as u16
    }

    /// Whether a sum below 2^46 over data that contains its own checksum says that it is right: whether it is a multiple of
    /// 0xffff. So is the sum of nothing but zeros, which is for the caller to rule out.
    #[inline(always)]
    pub const fn is_right(self) -> bool {
        // A multiple, times the inverse of 0xffff modulo 2^64, is how often it has 0xffff, which is below 2^31; all other
        // numbers come out larger than 2^48. What is between fits into the operand of one instruction.
        const INVERSE: u64 = EACH.wrapping_neg();
        self.0.wrapping_mul(INVERSE) <= i32::MAX as u64
    }

    /// The [checksum](Self::checksum) of a sum below 2^48 that is not 0.
    #[inline(always)]
    pub const fn checksum_few(self) -> u16 {
        // Of the product in `fold_few` less everything: r taken from all words, or 0 where they were 0xffff.
        const INVERSE: u64 = EACH.wrapping_neg();
        (self.0.wrapping_mul(INVERSE) >> 48) as u16
    }

    /// The UDP checksum in place of another one where the data has this sum more than it had, below 2^43.
    #[inline(always)]
    pub const fn udp_checksum_after(self, before: u16) -> u16 {
        // Less than a multiple of 0xffff, and never 0, so that the folded sum is not 0 either, which would mean "none".
        const MULTIPLE: u64 = 0xffff << 28;
        Self(MULTIPLE - self.0 + before as u64).fold_few()
    }

    /// The checksum, as a word to be written little-endian.
    #[inline(always)]
    pub const fn checksum(self) -> u16 {
        !self.fold()
    }

    /// The UDP checksum: 0 means "none" there, so a sum of 0 is sent as 0xffff (RFC 768).
    #[inline(always)]
    pub const fn udp_checksum(self) -> u16 {
        let folded = self.fold();
        // Without a branch: only a folded sum of 0xffff has the complement 0.
        if folded == 0xffff { 0xffff } else { !folded }
    }
}

/// How often 2^64 - 1 has 0xffff: 1 in each of its four words.
const EACH: u64 = u64::MAX / 0xffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_the_example_of_rfc_1071() {
        let sum = Sum::ZERO.bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.fold().to_le_bytes(), [0xdd, 0xf2]);
        assert_eq!(sum.checksum().to_le_bytes(), [0x22, 0x0d]);
    }

    #[test]
    fn words_of_any_size_give_the_sum_of_the_bytes() {
        let bytes: [u8; 16] = core::array::from_fn(|i| (i * 37 + 200) as u8);
        let [first, second] = [0, 8].map(|at| crate::wire::le64(&bytes, at));
        let words = Sum::ZERO.le64(first).le64(second);
        assert_eq!(words.fold(), Sum::ZERO.bytes(&bytes).fold());
        assert_eq!(Sum::ZERO.le128([first, second]).0, words.0);
        assert_eq!(Sum::ZERO.le128([u64::MAX; 2]).0, 4 * u64::from(u32::MAX));
    }

    #[test]
    fn moved_sum_is_the_sum_at_the_next_offset() {
        let bytes = [0xffu8, 0xff, 1, 2, 0xfe, 0xff, 0x80];
        let mut shifted = [0u8; 8];
        shifted[1..].copy_from_slice(&bytes);
        assert_eq!(
            Sum::ZERO.bytes(&bytes).moved(true).fold(),
            Sum::ZERO.bytes(&shifted).fold()
        );
    }

    #[test]
    fn a_sum_is_right_where_it_folds_to_ffff() {
        let end = 1 << 46;
        for sum in (1..3_000_000)
            .chain(0xfffe_fff0..0x1_0001_0010)
            .chain(end - 3_000_000..end)
        {
            let right = Sum(sum).fold() == 0xffff;
            assert_eq!(Sum(sum).is_right(), right, "{sum:#x}");
        }
    }

    #[test]
    fn a_changed_datagram_has_the_checksum_that_is_computed_whole() {
        let before = Sum::ZERO.le64(0x1234_5678_9abc_def0).le16(7);
        for more in (0..200_000).chain((1 << 43) - 200_000..1 << 43) {
            let after = Sum(more).udp_checksum_after(before.udp_checksum());
            assert_eq!(after, before.plus(Sum(more)).udp_checksum(), "{more:#x}");
        }
    }

    #[test]
    fn sums_fold_as_word_by_word() {
        let slowly = |mut sum: u64| {
            while sum > 0xffff {
                sum = (sum & 0xffff) + (sum >> 16);
            }
            sum as u16
        };
        let ends = [
            0,
            0xffff,
            0x1_0000,
            0xffff_0000,
            0xffff_ffff,
            0xffff << 28,
            (1 << 48) - 1,
        ];
        let near = |end: &u64| end.saturating_sub(100_000)..(end + 100_000).min(1 << 48);
        for sum in ends.iter().flat_map(near) {
            assert_eq!(Sum(sum).fold_few(), slowly(sum), "{sum:#x}");
            assert_eq!(Sum(sum).fold(), slowly(sum), "{sum:#x}");
            if sum != 0 {
                assert_eq!(Sum(sum).checksum_few(), !slowly(sum), "{sum:#x}");
            }
        }
        for end in 0..100_000 {
            assert_eq!(Sum(u64::MAX - end).fold(), slowly(u64::MAX - end));
        }
    }

    #[test]
    fn largest_sums_fold() {
        let mut sum = Sum::ZERO;
        for _ in 0..100 {
            sum = sum.le64(u64::MAX);
        }
        assert_eq!(sum.fold(), 0xffff);
        assert_eq!(sum.moved(true).fold(), 0xffff);
        assert_eq!(sum.udp_checksum(), 0xffff);
    }
}
