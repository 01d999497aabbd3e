//! The rules that a test of the engine can switch off.

/// A rule of verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// RFC 4795 4.1: nothing is answered with T clear before it is verified.
    VerifyFirst,
    /// RFC 4795 4.1: what is being verified is answered for, with T set.
    AnswerTentative,
    /// RFC 4795 4.1: verification goes over every protocol that is responded on.
    BothFamilies,
    /// RFC 4795 4.1: a response of our own is no conflict.
    OwnAddresses,
    /// RFC 4795 4.1: a response with T clear ends verification, whatever the addresses.
    HolderKeeps,
    /// RFC 4795 4.1, 4.2: the smaller address keeps the name.
    CompareAddresses,
    /// RFC 4795 2.7: queries are repeated.
    Retransmit,
    /// RFC 4795 4.2: a query with C set is followed by one of our own.
    HeedDoubts,
    /// RFC 4795 4.2: after a loss the TTL of the response is waited for; here by chance up to twice as long.
    SpreadRetries,
    /// Checks that others cause are bounded.
    Pace,
    /// RFC 4795 4.1: one link reached by several interfaces is responded on with C set.
    SameLink,
}

/// Which of them hold.
pub type Rules = crate::rules::Rules<Rule>;
