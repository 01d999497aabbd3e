//! How often a file mentions a name.

/// Lines of a file that give a name an address, by its version. What is known of them tells whether some lines are
/// all that there is of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mentions {
    v4: u8,
    v6: u8,
}

/// More than are counted, or not known.
const MANY: u8 = u8::MAX;

impl Mentions {
    /// None.
    pub const NONE: Self = Self { v4: 0, v6: 0 };
    /// Nothing is known.
    pub const UNSURE: Self = Self { v4: MANY, v6: MANY };

    /// So many of each version, in one spelling.
    pub fn of(v4: usize, v6: usize) -> Self {
        let [v4, v6] = [v4, v6].map(|count| u8::try_from(count).unwrap_or(MANY));
        Self { v4, v6 }
    }

    /// How many there are of each version, if that is known.
    pub fn counts(self) -> Option<[usize; 2]> {
        let counts = [self.v4, self.v6];
        (!counts.contains(&MANY)).then(|| counts.map(usize::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_to_count_is_not_known() {
        assert_eq!(Mentions::of(3, 254).counts(), Some([3, 254]));
        assert_eq!(Mentions::NONE.counts(), Some([0, 0]));
        assert_eq!(Mentions::of(0, 255).counts(), None);
        assert_eq!(Mentions::of(1000, 0).counts(), None);
        assert_eq!(Mentions::UNSURE.counts(), None);
    }
}
