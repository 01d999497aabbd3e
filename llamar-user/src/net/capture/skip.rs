//! Frames that no datagram is read from, counted by the reason.

use std::fmt;

/// Why a frame gives no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// It holds something else than UDP over IP.
    NotUdp,
    /// Its link type is not known here.
    LinkType,
    /// Less of it was captured than was sent.
    Truncated,
    /// It is encrypted.
    Protected,
    /// It is a part of something whose other parts are missing, too many or contradictory.
    Fragment,
    /// It has not the form of what it says that it is.
    Malformed,
}

impl Skip {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::NotUdp,
        Self::LinkType,
        Self::Truncated,
        Self::Protected,
        Self::Fragment,
        Self::Malformed,
    ];

    /// The reason in words, behind a number of frames.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotUdp => "not UDP",
            Self::LinkType => "of unknown link type",
            Self::Truncated => "truncated",
            Self::Protected => "encrypted",
            Self::Fragment => "of incomplete datagrams",
            Self::Malformed => "malformed",
        }
    }
}

/// How many frames were skipped for which reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped([u64; Skip::ALL.len()]);

impl Skipped {
    /// The number of frames that were skipped for a reason.
    pub const fn count(&self, skip: Skip) -> u64 {
        self.0[skip as usize]
    }

    /// The number of frames that may have held a datagram: all but those that are not UDP.
    pub fn lost(&self) -> u64 {
        let lost = Skip::ALL.iter().filter(|skip| **skip != Skip::NotUdp);
        lost.map(|skip| self.count(*skip)).sum()
    }

    pub(super) fn add(&mut self, skip: Skip, count: u64) {
        self.0[skip as usize] += count;
    }
}

/// What was skipped and not for being something else: `3 truncated, 1 malformed`; nothing if that is nothing.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = Skip::ALL.iter().filter(|skip| **skip != Skip::NotUdp);
        let lost = lost.filter(|skip| self.count(**skip) > 0);
        for (index, skip) in lost.enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{} {}", self.count(*skip), skip.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_told_and_what_is_no_loss_is_not() {
        let mut skipped = Skipped::default();
        skipped.add(Skip::NotUdp, 7);
        assert_eq!((skipped.lost(), skipped.to_string()), (0, String::new()));
        skipped.add(Skip::Malformed, 1);
        skipped.add(Skip::Truncated, 3);
        assert_eq!(
            (skipped.lost(), skipped.to_string()),
            (4, "3 truncated, 1 malformed".into())
        );
        for (index, skip) in Skip::ALL.into_iter().enumerate() {
            assert_eq!(skip as usize, index);
        }
    }
}
