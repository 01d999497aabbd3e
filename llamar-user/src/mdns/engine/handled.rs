//! What came of a datagram.

/// What came of a datagram that was for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handled {
    /// One of our own came back, from this interface by the link or by the loop of multicasts.
    Echo {
        /// Index of the interface that sent it.
        sent_by: u32,
    },
    /// A query.
    Query {
        /// Whether something of ours was asked for, which is answered now, later, or by others in our place.
        answered: bool,
    },
    /// A response.
    Response,
}

/// Why nothing came of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Ignored {
    /// An interface that is not served, is down, or does not speak the family.
    #[error("mDNS is not spoken there")]
    Interface,
    /// Longer than any message.
    #[error("with its headers it is longer than 9000 bytes (RFC 6762 17)")]
    TooLong,
    /// Sent from an address or a port that no message comes from.
    #[error("its source is not a unicast address and a port")]
    Source,
    /// Sent neither to the group nor to one of our addresses.
    #[error("it was sent neither to the group of mDNS nor to us (RFC 6762 5.5, 11)")]
    Destination,
    /// Shorter than a header.
    #[error("its header is cut off (RFC 1035 4.1.1)")]
    Header,
    /// An OPCODE other than 0.
    #[error("its OPCODE is not 0 (RFC 6762 18.3)")]
    Opcode,
    /// An RCODE other than 0.
    #[error("its RCODE is not 0 (RFC 6762 18.11)")]
    Rcode,
    /// A response from another port.
    #[error("a response that was not sent from port 5353 (RFC 6762 6)")]
    Port,
    /// A unicast from another link.
    #[error("a unicast from an address that is not on the link (RFC 6762 5.5, 11)")]
    OffLink,
    /// A unicast response that nobody asked for.
    #[error("a unicast response that nobody asked for (RFC 6762 6)")]
    Unasked,
    /// Questions that are none.
    #[error("its questions are malformed (RFC 1035 4.1.2)")]
    Question,
    /// A source that asks more often than it is answered.
    #[error("its source asks more often than the limit allows")]
    Limited,
}

impl Handled {
    /// Every counter of what was for us.
    pub const COUNTERS: [&'static str; 4] =
        ["mdns-echo", "mdns-answered", "mdns-query", "mdns-response"];

    /// The name of its counter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Echo { .. } => "mdns-echo",
            Self::Query { answered: true } => "mdns-answered",
            Self::Query { answered: false } => "mdns-query",
            Self::Response => "mdns-response",
        }
    }
}

impl Ignored {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Interface,
        Self::TooLong,
        Self::Source,
        Self::Destination,
        Self::Header,
        Self::Opcode,
        Self::Rcode,
        Self::Port,
        Self::OffLink,
        Self::Unasked,
        Self::Question,
        Self::Limited,
    ];

    /// The name of its counter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interface => "mdns-interface",
            Self::TooLong => "mdns-too-long",
            Self::Source => "mdns-source",
            Self::Destination => "mdns-destination",
            Self::Header => "mdns-header",
            Self::Opcode => "mdns-opcode",
            Self::Rcode => "mdns-rcode",
            Self::Port => "mdns-port",
            Self::OffLink => "mdns-off-link",
            Self::Unasked => "mdns-unasked",
            Self::Question => "mdns-question",
            Self::Limited => "mdns-limited",
        }
    }

    /// Whether the message is broken, and not merely none for us.
    pub const fn is_malformed(self) -> bool {
        matches!(self, Self::TooLong | Self::Header | Self::Question)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_outcome_has_a_counter_of_its_own() {
        let handled = [
            Handled::Echo { sent_by: 1 },
            Handled::Query { answered: true },
            Handled::Query { answered: false },
            Handled::Response,
        ];
        assert_eq!(handled.map(Handled::as_str), Handled::COUNTERS);
        let ignored = Ignored::ALL.map(Ignored::as_str);
        let all: BTreeSet<_> = Handled::COUNTERS.into_iter().chain(ignored).collect();
        assert_eq!(all.len(), Handled::COUNTERS.len() + Ignored::ALL.len());
    }
}
