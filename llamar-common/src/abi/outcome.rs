//! What became of a frame, and the counters of it.

/// What became of a frame. A counter for each lies in [`Counters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Outcome {
    /// ARP request answered.
    ArpAnswered,
    /// ARP request for an address that is not ours: passed.
    ArpForeign,
    /// ARP request of a sender that the stack has to learn: passed.
    ArpLearn,
    /// ARP probe, announcement, reply or a request that is not plain Ethernet and IPv4: passed.
    ArpOther,
    /// ARP packet from another station that uses an address of ours: passed.
    ArpConflict,
    /// LLMNR query answered with addresses.
    LlmnrAnswered,
    /// LLMNR query answered: the name exists, the type does not.
    LlmnrEmpty,
    /// LLMNR query for a name that is not in the map: passed.
    LlmnrForeign,
    /// LLMNR query for a tentative or shared name: passed.
    LlmnrNotUnique,
    /// LLMNR query for a host with more addresses than an entry holds: passed.
    LlmnrTooMany,
    /// LLMNR query whose source is not on the link: passed.
    LlmnrOffLink,
    /// LLMNR message that only the agent handles (another type, class, flag, section or name form): passed.
    LlmnrOther,
    /// LLMNR packet whose lengths or IP form are not plain: passed.
    LlmnrMalformed,
    /// LLMNR packet with a wrong checksum: passed.
    LlmnrChecksum,
    /// LLMNR query of a source that asks more often than the link's limit allows: dropped.
    LlmnrLimited,
    /// mDNS message to everybody, which the agent answers: passed.
    Mdns,
    /// Frame on a link that is not served: passed.
    NoLink,
    /// Frame that would have been answered, but the agent gave no sign of life: passed.
    NoHeartbeat,
    /// Frame that would have been answered, but the driver left no room in front of it: passed.
    NoRoom,
}

impl Outcome {
    /// Every outcome, in the order of [`Counters`].
    pub const ALL: [Self; OUTCOMES] = [
        Self::ArpAnswered,
        Self::ArpForeign,
        Self::ArpLearn,
        Self::ArpOther,
        Self::ArpConflict,
        Self::LlmnrAnswered,
        Self::LlmnrEmpty,
        Self::LlmnrForeign,
        Self::LlmnrNotUnique,
        Self::LlmnrTooMany,
        Self::LlmnrOffLink,
        Self::LlmnrOther,
        Self::LlmnrMalformed,
        Self::LlmnrChecksum,
        Self::LlmnrLimited,
        Self::Mdns,
        Self::NoLink,
        Self::NoHeartbeat,
        Self::NoRoom,
    ];

    /// The outcome's name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ArpAnswered => "arp-answered",
            Self::ArpForeign => "arp-foreign",
            Self::ArpLearn => "arp-learn",
            Self::ArpOther => "arp-other",
            Self::ArpConflict => "arp-conflict",
            Self::LlmnrAnswered => "llmnr-answered",
            Self::LlmnrEmpty => "llmnr-empty",
            Self::LlmnrForeign => "llmnr-foreign",
            Self::LlmnrNotUnique => "llmnr-not-unique",
            Self::LlmnrTooMany => "llmnr-too-many",
            Self::LlmnrOffLink => "llmnr-off-link",
            Self::LlmnrOther => "llmnr-other",
            Self::LlmnrMalformed => "llmnr-malformed",
            Self::LlmnrChecksum => "llmnr-checksum",
            Self::LlmnrLimited => "llmnr-limited",
            Self::Mdns => "mdns",
            Self::NoLink => "no-link",
            Self::NoHeartbeat => "no-heartbeat",
            Self::NoRoom => "no-room",
        }
    }
}

/// How many outcomes there are.
pub const OUTCOMES: usize = 19;
/// Places for outcomes: a power of two, so that one `and` bounds an index for the verifier.
pub const OUTCOME_PLACES: usize = 32;
const _: () = assert!(OUTCOMES <= OUTCOME_PLACES);

/// Value of the counters' map: frames by [`Outcome`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Indexed by [`Outcome`].
    pub frames: [u64; OUTCOME_PLACES],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_numbered_in_the_order_of_all() {
        for (index, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, index);
        }
    }
}
