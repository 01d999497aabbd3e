//! Numbers and names of types and classes (RFC 1035 3.2, RFC 3597 5). Those that the kernel path knows as well are in
//! [`llamar_common::wire::dns`] and told again here.

use std::borrow::Cow;

pub use llamar_common::wire::dns::{A, AAAA, CLASS_ANY, IN, OPT, SOA};

/// Type NS (RFC 1035 3.3.11).
pub const NS: u16 = 2;
/// Type CNAME (RFC 1035 3.3.1).
pub const CNAME: u16 = 5;
/// Type PTR (RFC 1035 3.3.12).
pub const PTR: u16 = 12;
/// Type HINFO (RFC 1035 3.3.2).
pub const HINFO: u16 = 13;
/// Type MX (RFC 1035 3.3.9).
pub const MX: u16 = 15;
/// Type TXT (RFC 1035 3.3.14).
pub const TXT: u16 = 16;
/// Type SRV (RFC 2782).
pub const SRV: u16 = 33;
/// Type DNAME (RFC 6672 2.1).
pub const DNAME: u16 = 39;
/// Type NSEC (RFC 4034 4).
pub const NSEC: u16 = 47;
/// Type ANY, of questions only (RFC 1035 3.2.3: `*`).
pub const ANY: u16 = 255;

/// The top bit of a class. RFC 6762 10.2, 18.12: in a record of mDNS it flushes caches, in a question it asks for a
/// unicast response; LLMNR has no such bit.
pub const CLASS_TOP: u16 = 0x8000;

/// Types that have a name here; the first is the one that is shown.
const KINDS: [(u16, &str); 35] = [
    (A, "A"),
    (NS, "NS"),
    (CNAME, "CNAME"),
    (SOA, "SOA"),
    (PTR, "PTR"),
    (HINFO, "HINFO"),
    (14, "MINFO"),
    (MX, "MX"),
    (TXT, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (21, "RT"),
    (24, "SIG"),
    (25, "KEY"),
    (26, "PX"),
    (AAAA, "AAAA"),
    (29, "LOC"),
    (SRV, "SRV"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (DNAME, "DNAME"),
    (OPT, "OPT"),
    (43, "DS"),
    (44, "SSHFP"),
    (46, "RRSIG"),
    (NSEC, "NSEC"),
    (48, "DNSKEY"),
    (50, "NSEC3"),
    (52, "TLSA"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (250, "TSIG"),
    (ANY, "ANY"),
];

/// A type's name, for people (RFC 3597 5 for types that have none here).
pub fn kind_name(kind: u16) -> Cow<'static, str> {
    match KINDS.iter().find(|&&(number, _)| number == kind) {
        Some(&(_, name)) => name.into(),
        None => format!("TYPE{kind}").into(),
    }
}

/// The type that people mean by a text: its name in any case, or `TYPE65`.
pub fn kind_named(text: &str) -> Option<u16> {
    let known = KINDS
        .iter()
        .find(|(_, name)| name.eq_ignore_ascii_case(text));
    if let Some(&(kind, _)) = known {
        return Some(kind);
    }
    let (word, number) = text.split_at_checked(4)?;
    let digits = word.eq_ignore_ascii_case("TYPE") && number.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| number.parse().ok())?
}

/// A class's name, for people (RFC 3597 5 for classes that have none), without regard to the top bit's meaning.
pub fn class_name(class: u16) -> Cow<'static, str> {
    Cow::Borrowed(match class {
        IN => "IN",
        3 => "CH",
        4 => "HS",
        254 => "NONE",
        CLASS_ANY => "ANY",
        class => return Cow::Owned(format!("CLASS{class}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_names() {
        assert_eq!(
            [1, 28, 65, 65280].map(kind_name),
            ["A", "AAAA", "HTTPS", "TYPE65280"]
        );
        assert_eq!(
            [1, 254, 32769].map(class_name),
            ["IN", "NONE", "CLASS32769"]
        );
    }

    #[test]
    fn names_mean_types() {
        for kind in 0..=u16::MAX {
            assert_eq!(kind_named(&kind_name(kind)), Some(kind));
            assert_eq!(kind_named(&format!("type{kind}")), Some(kind));
        }
        assert_eq!(kind_named("aaaa"), Some(28));
        for text in [
            "",
            "B",
            "TYPE",
            "TYPE65536",
            "TYPE+1",
            "TYPE-1",
            "Größe",
            "255",
        ] {
            assert_eq!(kind_named(text), None, "{text}");
        }
    }
}
