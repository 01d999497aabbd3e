//! The rules that are watched over, as they are numbered in this project's list of them.

use std::fmt;

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    /// Its number in the list.
    pub id: &'static str,
    /// Where it stands.
    pub section: &'static str,
    /// How much it is wanted.
    pub level: Level,
}

/// How much a rule is wanted (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// MUST, MUST NOT, and what the text states plainly.
    Must,
    /// SHOULD, SHOULD NOT, NOT RECOMMENDED.
    Should,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "must",
            Self::Should => "should",
        })
    }
}

const fn must(id: &'static str, section: &'static str) -> Rule {
    Rule {
        id,
        section,
        level: Level::Must,
    }
}

const fn should(id: &'static str, section: &'static str) -> Rule {
    Rule {
        id,
        section,
        level: Level::Should,
    }
}

// The whole message.
pub(super) const WIRE: Rule = must("wire", "RFC 1035 4.1");
pub(super) const GROUP: Rule = must("A1", "RFC 6762 3");
pub(super) const NO_QUESTIONS: Rule = must("A9", "RFC 6762 6");
pub(super) const ID: Rule = must("A10", "RFC 6762 18.1");
pub(super) const ID_OF_QUERY: Rule = should("A10", "RFC 6762 18.1");
pub(super) const OPCODE: Rule = must("A10", "RFC 6762 18.3");
pub(super) const AUTHORITATIVE: Rule = must("A10", "RFC 6762 18.4");
pub(super) const TRUNCATED: Rule = must("A10", "RFC 6762 18.5");
pub(super) const RCODE: Rule = must("A10", "RFC 6762 18.11");
pub(super) const AUTHORITATIVE_QUERY: Rule = must("A38", "RFC 6762 18.4");
pub(super) const RECURSION_DESIRED: Rule = should("A38", "RFC 6762 18.6");
pub(super) const RECURSION_AVAILABLE: Rule = must("A38", "RFC 6762 18.7");
pub(super) const ZERO: Rule = must("A38", "RFC 6762 18.8");
pub(super) const AUTHENTIC: Rule = must("A38", "RFC 6762 18.9");
pub(super) const CHECKING_DISABLED: Rule = must("A38", "RFC 6762 18.10");
pub(super) const SOURCE_PORT: Rule = must("A14", "RFC 6762 6");
pub(super) const DESTINATION: Rule = must("A14", "RFC 6762 6");
pub(super) const HOP_LIMIT: Rule = should("A33", "RFC 6762 11");
pub(super) const ON_LINK: Rule = must("A33", "RFC 6762 11");
pub(super) const SIZE: Rule = must("A36", "RFC 6762 17");
pub(super) const COMPRESSED: Rule = should("A37", "RFC 6762 18.14");
pub(super) const NOT_COMPRESSED: Rule = must("A37", "RFC 6762 18.14");

// Names.
pub(super) const NET_UNICODE: Rule = must("A35", "RFC 6762 16");
pub(super) const INSTANCE: Rule = must("B1", "RFC 6763 4.1.1");
pub(super) const SERVICE: Rule = must("B2", "RFC 6763 7");
pub(super) const PROTOCOL: Rule = must("B2", "RFC 6763 4.1.2");

// Records of responses.
pub(super) const FLUSH_UNIQUE: Rule = must("A31", "RFC 6762 10.2");
pub(super) const FLUSH_SHARED: Rule = must("B11", "RFC 6762 10.2");
pub(super) const FLUSH_ELSEWHERE: Rule = must("A31", "RFC 6762 10.2");
pub(super) const WHOLE: Rule = must("A31", "RFC 6762 10.2");
pub(super) const TTL: Rule = should("A29", "RFC 6762 10");
pub(super) const ADDRESS: Rule = must("A17", "RFC 6762 6.2");
pub(super) const NSEC: Rule = must("A16", "RFC 6762 6.1");
pub(super) const GOODBYE: Rule = should("A30", "RFC 6762 8.4");
pub(super) const DELEGATION: Rule = must("A51", "RFC 6762 12");
pub(super) const TARGET: Rule = must("B9", "RFC 6763 8");
pub(super) const PLACEHOLDER: Rule = must("B9", "RFC 6763 8");
pub(super) const WEIGHT: Rule = should("B9", "RFC 6763 5");
pub(super) const SUBTYPE: Rule = must("B5", "RFC 6763 7.1");
pub(super) const META: Rule = must("B6", "RFC 6763 9");
pub(super) const TXT_MISSING: Rule = must("B3", "RFC 6763 6");
pub(super) const TXT_EMPTY: Rule = must("B3", "RFC 6763 6.1");
pub(super) const TXT_SIZE: Rule = should("B4", "RFC 6763 6.2");
pub(super) const TXT_KEY: Rule = must("B4", "RFC 6763 6.4");
pub(super) const TXT_KEY_LENGTH: Rule = should("B4", "RFC 6763 6.4");
pub(super) const TXT_REPEATS: Rule = must("B13", "RFC 6763 6.3");
pub(super) const TXT_KEY_TWICE: Rule = should("B13", "RFC 6763 6.4");

// Legacy unicast responses.
pub(super) const LEGACY: Rule = must("A20", "RFC 6762 6.7");
pub(super) const LEGACY_TTL: Rule = should("A20", "RFC 6762 6.7");
pub(super) const LEGACY_SRV: Rule = must("A20", "RFC 6762 18.14");

// Queries.
pub(super) const REPEAT: Rule = must("A3", "RFC 6762 5.2");
pub(super) const UNICAST_REPEAT: Rule = should("A6", "RFC 6762 5.4");
pub(super) const KNOWN_ANSWER: Rule = should("A21", "RFC 6762 7.1");
pub(super) const MORE_ANSWERS: Rule = must("A22", "RFC 6762 7.2");
pub(super) const PROBE_ANY: Rule = should("A24", "RFC 6762 8.1");
pub(super) const PROBE_PACE: Rule = must("A24", "RFC 6762 8.1");
pub(super) const PROBE_RECORDS: Rule = must("A24", "RFC 6762 8.2");
pub(super) const PROBE_FLUSH: Rule = must("A24", "RFC 6762 10.2");
pub(super) const PROBE_WHOLE: Rule = must("B11", "RFC 6762 8.2");

// Times of responses.
pub(super) const ONCE_A_SECOND: Rule = must("A13", "RFC 6762 6");
pub(super) const UNASKED: Rule = must("A27", "RFC 6762 8.3");
pub(super) const UPDATES: Rule = should("A27", "RFC 6762 8.4");
pub(super) const UNICAST: Rule = must("A14", "RFC 6762 6");
