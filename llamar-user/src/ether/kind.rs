//! EtherTypes as people write them.

use std::fmt;
use std::str::FromStr;

/// Lowest EtherType: what is below is the length of an 802.3 frame (IEEE 802.3 3.2.6).
const LOWEST: u16 = 0x0600;

/// Names of EtherTypes (IEEE 802 numbers, IANA's list). The first name of a type is the one that is shown.
const NAMES: [(&str, u16); 24] = [
    ("ipv4", 0x0800),
    ("ip", 0x0800),
    ("arp", 0x0806),
    ("wake-on-lan", 0x0842),
    ("wol", 0x0842),
    ("rarp", 0x8035),
    ("vlan", 0x8100),
    ("ipv6", 0x86dd),
    ("mac-control", 0x8808),
    ("slow", 0x8809),
    ("lacp", 0x8809),
    ("mpls", 0x8847),
    ("pppoe-discovery", 0x8863),
    ("pppoe", 0x8864),
    ("eapol", 0x888e),
    ("qinq", 0x88a8),
    ("experimental", 0x88b5),
    ("experimental2", 0x88b6),
    ("lldp", 0x88cc),
    ("macsec", 0x88e5),
    ("ptp", 0x88f7),
    ("batman", 0x4305),
    ("homeplug", 0x88e1),
    ("loopback", 0x9000),
];

/// The EtherType of a frame, or the length of an 802.3 frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtherType(pub u16);

/// Why a text is no EtherType.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no EtherType: expected a number, as 0x88b5 or 34997, or a name, as arp, ipv4, ipv6, lldp or experimental"
)]
pub struct EtherTypeError(String);

impl EtherType {
    /// Whether it is a length instead (IEEE 802.3 3.2.6).
    pub const fn is_length(self) -> bool {
        self.0 < LOWEST
    }

    /// Its name, if it has one here.
    pub fn name(self) -> Option<&'static str> {
        let named = NAMES.iter().find(|(_, number)| *number == self.0);
        named.map(|(name, _)| *name)
    }
}

/// `0x88b5`.
impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04x}", self.0)
    }
}

impl FromStr for EtherType {
    type Err = EtherTypeError;

    /// Reads a name of any case, a hexadecimal number with `0x` in front or with letters among its digits, or a decimal
    /// number. Digits alone that begin with 0 could be either, and are refused.
    fn from_str(text: &str) -> Result<Self, EtherTypeError> {
        let named = NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some((_, number)) => Some(*number),
            None => number(text),
        };
        number
            .map(Self)
            .ok_or_else(|| EtherTypeError(text.to_owned()))
    }
}

fn number(text: &str) -> Option<u16> {
    // Else `+5` would be a number.
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u16::from_str_radix(digits, 16).ok();
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let clear = text == "0" || !text.starts_with('0');
        return text.parse().ok().filter(|_| clear);
    }
    u16::from_str_radix(text, 16)
        .ok()
        .filter(|_| text.len() == 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_as_a_name_or_a_number() {
        for (text, number) in [
            ("0x88b5", 0x88b5),
            ("0X88B5", 0x88b5),
            ("88b5", 0x88b5),
            ("34997", 0x88b5),
            ("0x6", 6),
            ("0", 0),
            ("65535", 0xffff),
            ("arp", 0x0806),
            ("IPv6", 0x86dd),
            ("experimental", 0x88b5),
        ] {
            assert_eq!(text.parse(), Ok(EtherType(number)), "{text}");
        }
        assert_eq!(EtherType(0x0806).to_string(), "0x0806");
        assert_eq!(EtherType(0x0800).name(), Some("ipv4"));
        assert_eq!(EtherType(0x1234).name(), None);
    }

    #[test]
    fn what_is_none_or_could_be_two_is_refused() {
        for text in [
            "", "0x", "0x10000", "65536", "0800", "00", "+5", "-1", "0x+5", "b5", "arpp", "88b50",
            "88 b5", "\u{fc}",
        ] {
            let error = text.parse::<EtherType>().unwrap_err().to_string();
            assert!(error.contains("expected a number"), "{error}");
        }
    }

    #[test]
    fn lengths_are_told_from_types_and_every_name_is_a_type() {
        assert!(EtherType(0x05ff).is_length() && !EtherType(0x0600).is_length());
        for (name, number) in NAMES {
            assert_eq!(name.parse(), Ok(EtherType(number)));
            assert!(!EtherType(number).is_length());
        }
    }
}
