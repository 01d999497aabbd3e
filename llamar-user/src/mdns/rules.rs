//! The rules that a test of the engine can switch off.

/// A rule of mDNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// RFC 6762 8.1: unique records are probed for before they are used.
    Probe,
    /// RFC 6762 8.2: of two that probe at once the later in order wins.
    TieBreak,
    /// RFC 6762 8.1, 9: a name that another host has is given up.
    GiveWay,
    /// RFC 6762 8.3: new records are announced.
    Announce,
    /// RFC 6762 8.3: announcements are repeated.
    Repeat,
    /// RFC 6762 10.1: what ends is told.
    Goodbye,
    /// RFC 6762 10.2: a cache-flush record replaces what the cache had.
    Flush,
    /// RFC 6762 6: a record is not multicast again within a second.
    OncePerSecond,
    /// RFC 6762 7.1: what the asker knows is not answered.
    KnownAnswers,
    /// RFC 6762 7.3: a question that another host asks is not asked again.
    DuplicateQuestions,
    /// RFC 6762 7.4: an answer that another host gives is not given again.
    DuplicateAnswers,
    /// RFC 6762 6, 7.2: shared answers are delayed by chance.
    Delay,
    /// RFC 6762 5.2: the gaps between repeated questions grow.
    BackOff,
    /// RFC 6762 8.1: many conflicts make a host wait.
    Pace,
}

/// Which of them hold.
pub type Rules = crate::rules::Rules<Rule>;
