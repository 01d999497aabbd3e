//! Hardware addresses as people write them.

use std::fmt;
use std::str::FromStr;

use llamar_common::wire::ethernet::{self, Mac};
use serde::{Deserialize, Serialize};

use super::refusal;

/// A hardware address of 48 bits (EUI-48), in the order of the wire. Shown as `02:00:00:00:00:01`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr(pub Mac);

/// Why a text is no hardware address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no hardware address: expected 12 hexadecimal digits, as 02:00:00:00:00:01, 02-00-00-00-00-01, \
     0200.0000.0001 or 020000000001"
)]
pub struct MacError(String);

impl MacAddr {
    /// Every station on the link.
    pub const BROADCAST: Self = Self(ethernet::BROADCAST);
    /// Nobody: all zeros.
    pub const ZERO: Self = Self([0; 6]);

    /// Whether it names more than one station; the broadcast address does.
    pub const fn is_group(self) -> bool {
        ethernet::is_group(ethernet::word(self.0))
    }

    /// Whether it is what a station may send from: neither a group's nor all zeros.
    pub fn is_station(self) -> bool {
        refusal::station(self).is_ok()
    }

    /// Whether it was chosen by software or by an administrator, not assigned to a vendor (bit U/L).
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = MacError;

    /// Reads twelve digits of either case: without separators, or in pairs between colons or hyphens, or in fours
    /// between dots; not mixed.
    fn from_str(text: &str) -> Result<Self, MacError> {
        digits(text)
            .map(Self)
            .ok_or_else(|| MacError(text.to_owned()))
    }
}

fn digits(text: &str) -> Option<Mac> {
    let (separator, between) = match text.len() {
        12 => (None, 12),
        14 => (Some('.'), 4),
        17 if text.contains('-') => (Some('-'), 2),
        17 => (Some(':'), 2),
        _ => return None,
    };
    let groups: Vec<&str> = match separator {
        Some(separator) => text.split(separator).collect(),
        None => vec![text],
    };
    let whole =
        |group: &&str| group.len() == between && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !groups.iter().all(whole) || groups.len() * between != 12 {
        return None;
    }
    let number = u64::from_str_radix(&groups.concat(), 16).ok()?;
    let [_, _, mac @ ..] = number.to_be_bytes();
    Some(mac)
}

impl From<Mac> for MacAddr {
    fn from(mac: Mac) -> Self {
        Self(mac)
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

impl TryFrom<String> for MacAddr {
    type Error = MacError;

    fn try_from(text: String) -> Result<Self, MacError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_each_of_the_usual_forms() {
        let expected = MacAddr([0x00, 0x1b, 0x21, 0xab, 0xcd, 0xef]);
        for text in [
            "00:1b:21:ab:cd:ef",
            "00-1B-21-AB-CD-EF",
            "001b.21ab.cdef",
            "001B21abcdef",
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!(expected.to_string(), "00:1b:21:ab:cd:ef");
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_was_expected() {
        for text in [
            "",
            "00",
            "00:1b:21:ab:cd",
            "00:1b:21:ab:cd:ef:01",
            "00:1b-21:ab-cd:ef",
            "0:1b:21:ab:cd:eff",
            "00:1b:21:ab:cd:eg",
            "+01b21abcdef",
            "00 1b 21 ab cd ef",
            "001b21.abcdef1",
            "0123456789abc",
            "\u{e9}01b21abcde",
        ] {
            let error = text.parse::<MacAddr>().unwrap_err().to_string();
            assert!(error.contains("expected 12 hexadecimal digits"), "{error}");
        }
    }

    #[test]
    fn groups_and_nobody_are_no_stations() {
        let station: MacAddr = "02:00:00:00:00:01".parse().unwrap();
        assert!(station.is_station() && station.is_local() && !station.is_group());
        assert!(MacAddr::BROADCAST.is_group() && !MacAddr::BROADCAST.is_station());
        assert!(!MacAddr::ZERO.is_station() && !MacAddr::ZERO.is_group());
    }
}
