//! Rules of a protocol that a test of its engine can switch off, to see that the test's assertions notice. Everywhere else
//! each of them holds, and asking for it costs nothing.

use std::marker::PhantomData;

/// Which rules of a protocol hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules<R> {
    #[cfg(test)]
    off: Option<R>,
    of: PhantomData<R>,
}

impl<R> Default for Rules<R> {
    fn default() -> Self {
        Self {
            #[cfg(test)]
            off: None,
            of: PhantomData,
        }
    }
}

impl<R: Copy + PartialEq> Rules<R> {
    /// All but one.
    #[cfg(test)]
    pub const fn without(rule: R) -> Self {
        Self {
            off: Some(rule),
            of: PhantomData,
        }
    }

    /// Whether a rule holds.
    #[inline]
    pub fn hold(self, rule: R) -> bool {
        #[cfg(test)]
        return self.off != Some(rule);
        #[cfg(not(test))]
        {
            let _ = rule;
            true
        }
    }
}
