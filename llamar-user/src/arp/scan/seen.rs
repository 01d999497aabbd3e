//! One bit for each address of a scan.

/// Which numbers below a count are set.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    words: Vec<u64>,
    count: u64,
    unset: u64,
}

impl Seen {
    /// So many numbers, none of them set.
    pub fn new(count: u64) -> Self {
        let words = vec![0; count.div_ceil(64) as usize];
        Self {
            words,
            count,
            unset: count,
        }
    }

    /// Sets a number below the count; whether it was not before.
    pub fn set(&mut self, number: u64) -> bool {
        let bit = 1 << (number % 64);
        let Some(word) = self.words.get_mut((number / 64) as usize) else {
            return false;
        };
        let fresh = *word & bit == 0;
        *word |= bit;
        self.unset -= u64::from(fresh);
        fresh
    }

    /// How many are not set.
    pub fn unset(&self) -> u64 {
        self.unset
    }

    /// The first number from one on that is not set.
    pub fn next_unset(&self, from: u64) -> Option<u64> {
        let mut at = from;
        while at < self.count {
            let word = self.words.get((at / 64) as usize)?;
            let unset = !word & (u64::MAX << (at % 64));
            if unset != 0 {
                let number = at / 64 * 64 + u64::from(unset.trailing_zeros());
                return (number < self.count).then_some(number);
            }
            at = (at / 64 + 1) * 64;
        }
        None
    }
}
