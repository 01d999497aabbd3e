//! The rules that a test of an engine can switch off.

/// A rule of ARP and of address conflict detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// RFC 5227 2.1: an address is probed for before it is used.
    Probe,
    /// RFC 5227 2.1.1: the first probe waits a random time, and so do the others.
    RandomWait,
    /// RFC 5227 2.1.1: whoever sends from the address has it.
    HeedUsers,
    /// RFC 5227 2.1.1: whoever probes for it at the same time is a conflict.
    HeedProbes,
    /// RFC 5227 2.1.1: what comes from an interface of ours is no conflict.
    IgnoreOwn,
    /// RFC 5227 2.1.1: after many conflicts attempts are rare.
    RateLimit,
    /// RFC 5227 2.3: there are two announcements.
    AnnounceAgain,
    /// RFC 5227 2.4: the address is defended.
    Defend,
    /// RFC 5227 2.4: but only once within 10 seconds.
    DefendInterval,
    /// RFC 5227 2.4 (b): with a second conflict within that time it is given up.
    GiveUp,
    /// RFC 5227 2.5: requests are answered while it is held.
    Answer,
    /// RFC 3927 2.5: what tells a link-local address is broadcast.
    Broadcast,
}

/// Which of them hold.
pub type Rules = crate::rules::Rules<Rule>;
