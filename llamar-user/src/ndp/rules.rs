//! The rules that a test of the engines can switch off.

/// A rule of claiming, defending or asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// RFC 7527 4.2: a solicitation with a nonce of ours is our own.
    KnowOwnNonces,
    /// RFC 7527 4.1: each solicitation bears another nonce.
    FreshNonces,
    /// RFC 7527 4.1: a loop is followed by more solicitations.
    AskOnAfterLoop,
    /// RFC 4862 5.4.3: another node's detection of the same address means a duplicate.
    HeedSolicitations,
    /// RFC 4862 5.4.4: an advertisement for a tentative address means a duplicate.
    HeedAdvertisements,
    /// RFC 4862 5.4.3: what is heard before the first solicitation was sent counts too.
    ListenFromStart,
    /// RFC 4862 5.4.3: who resolves a tentative address is ignored.
    IgnoreResolution,
    /// RFC 4861 7.2.4: whoever holds an address answers those who check it.
    AnswerChecks,
    /// Reports and answers that others cause are bounded.
    Pace,
}

/// Which of them hold.
pub type Rules = crate::rules::Rules<Rule>;
