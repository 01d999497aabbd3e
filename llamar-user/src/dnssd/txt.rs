//! The strings of TXT records as somebody who offers a service writes them (RFC 6763 6). How they are read is
//! [`Txt`]'s matter.

use std::collections::BTreeSet;

use crate::dns::Txt;

/// Longest string (RFC 6763 6.1).
pub const STRING_MAX: usize = 255;
/// Most bytes of a record that is still good to have (RFC 6763 6.2).
pub const GOOD_MAX: usize = 1300;
/// Longest key that is still good to have (RFC 6763 6.4); longer ones are taken.
pub const KEY_GOOD_MAX: usize = 9;

/// The string of an attribute: `key=value`, or `key` alone without a value.
pub fn attribute(key: &str, value: Option<&str>) -> Result<String, TxtError> {
    check_key(key, key)?;
    let string = match value {
        Some(value) => format!("{key}={value}"),
        None => key.to_owned(),
    };
    check_length(string)
}

/// A string as it was written. An empty one is no attribute and can stand for none at all (RFC 6763 6.1).
pub fn string(text: &str) -> Result<String, TxtError> {
    if !text.is_empty() {
        check_key(key_of(text), text)?;
    }
    check_length(text.to_owned())
}

/// The key of a string.
pub fn key_of(string: &str) -> &str {
    string.split_once('=').map_or(string, |(key, _)| key)
}

/// The record of these strings; the error is how many bytes are too many for any record.
pub fn record(strings: &[String]) -> Result<Txt, TxtError> {
    let length = strings.iter().map(|string| string.len() + 1).sum();
    Txt::new(strings.iter().map(String::as_bytes)).ok_or(TxtError::RecordTooLong(length))
}

/// The first string whose key is there before it, case aside: it counts for nothing (RFC 6763 6.4).
pub fn key_twice(strings: &[String]) -> Option<usize> {
    let mut seen = BTreeSet::new();
    let mut keys = strings.iter().map(|string| key_of(string));
    keys.position(|key| !key.is_empty() && !seen.insert(key.to_ascii_lowercase()))
}

/// What clients may have trouble with, one sentence each. `port` is where the service is, if that is known.
pub fn doubts(strings: &[String], port: Option<u16>) -> Vec<String> {
    let mut doubts = Vec::new();
    let length: usize = strings.iter().map(|string| string.len() + 1).sum();
    if length > GOOD_MAX {
        // RFC 6763 6.2: more than 1300 bytes are not recommended.
        doubts.push(format!(
            "txt has {length} bytes, more than {GOOD_MAX} may not fit in one packet"
        ));
    }
    let port = port.map(|port| port.to_string());
    for (index, string) in strings.iter().enumerate() {
        let key = key_of(string);
        let value = string.get(key.len() + 1..);
        if index > 0 && key.eq_ignore_ascii_case("txtvers") {
            // RFC 6763 6.7: it should be the first, so that clients find it at once.
            doubts.push(format!("{key:?} comes first where it is there"));
        }
        // RFC 6763 6.3: host and port are in the SRV record and must not be in the TXT record too.
        let is_port = value.is_some() && value == port.as_deref();
        let repeats = key.eq_ignore_ascii_case("port") && is_port
            || ["host", "hostname"]
                .iter()
                .any(|name| key.eq_ignore_ascii_case(name));
        if repeats {
            doubts.push(format!(
                "the key {key:?} repeats what the SRV record says, which is what counts"
            ));
        }
    }
    doubts
}

/// Why there is no such TXT record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TxtError {
    /// A string without a key; others ignore it.
    #[error("{0:?} has no key, expected one in front of the equals sign")]
    NoKey(String),
    /// A key with a character that none may have.
    #[error("the key {0:?} has {1:?} in it, expected printable ASCII without an equals sign")]
    Key(String, char),
    /// A string above [`STRING_MAX`].
    #[error("{0:?} has {1} bytes with its key, expected at most {STRING_MAX}")]
    StringTooLong(String, usize),
    /// More than any record holds.
    #[error("txt has {0} bytes, expected at most 65535")]
    RecordTooLong(usize),
}

/// RFC 6763 6.4: a key has at least one character, and all are printable ASCII but the equals sign.
fn check_key(key: &str, string: &str) -> Result<(), TxtError> {
    if key.is_empty() {
        return Err(TxtError::NoKey(string.to_owned()));
    }
    let strange = |c: &char| !(' '..='~').contains(c) || *c == '=';
    match key.chars().find(strange) {
        Some(strange) => Err(TxtError::Key(key.to_owned(), strange)),
        None => Ok(()),
    }
}

fn check_length(string: String) -> Result<String, TxtError> {
    match string.len() {
        0..=STRING_MAX => Ok(string),
        length => Err(TxtError::StringTooLong(string, length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Attribute;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    // RFC 6763 6.4: B4
    #[test]
    fn an_attribute_is_there_alone_empty_or_with_a_value() {
        let written = [
            attribute("color", None).unwrap(),
            attribute("note", Some("")).unwrap(),
            attribute("Path Of", Some("/a=b \u{e9}\n")).unwrap(),
        ];
        assert_eq!(written, ["color", "note=", "Path Of=/a=b \u{e9}\n"]);
        let txt = record(&written).unwrap();
        assert_eq!(txt.attribute("color"), Some(Attribute::Present));
        assert_eq!(txt.attribute("note"), Some(Attribute::Value(b"")));
        let value = txt.attribute("path of").unwrap();
        assert_eq!(value, Attribute::Value("/a=b \u{e9}\n".as_bytes()));
    }

    // RFC 6763 6.1, 6.4: B3, B4
    #[test]
    fn what_no_attribute_can_be_says_why() {
        let error = |result: Result<String, TxtError>| result.unwrap_err().to_string();
        assert!(error(attribute("", Some("x"))).contains("no key"));
        assert!(error(string("=x")).contains("no key"));
        for key in ["a=b", "a\n", "\u{e9}", "\x7f"] {
            assert!(
                error(attribute(key, None)).contains("expected printable ASCII"),
                "{key:?}"
            );
        }
        assert!(error(string("caf\u{e9}=x")).contains("'\u{e9}'"));
        assert_eq!(string(&"x".repeat(255)).unwrap().len(), 255);
        assert!(error(string(&"x".repeat(256))).contains("256 bytes"));
        assert!(error(attribute("k", Some(&"x".repeat(254)))).contains("256 bytes"));
        assert_eq!(string("").unwrap(), "");
        // Keys of more than nine characters are taken.
        assert!(attribute("a-long-key-indeed", None).is_ok());
    }

    // RFC 6763 6.1: B3
    #[test]
    fn a_record_has_a_string_whatever_is_written() {
        assert_eq!(record(&[]).unwrap().wire(), b"\0");
        assert_eq!(record(&strings(&[""])).unwrap().wire(), b"\0");
        let many = vec!["x".repeat(255); 256];
        assert_eq!(record(&many), Err(TxtError::RecordTooLong(65_536)));
    }

    // RFC 6763 6.4: B13
    #[test]
    fn a_key_that_is_there_twice_is_found() {
        assert_eq!(key_twice(&strings(&["a=1", "b", "A"])), Some(2));
        assert_eq!(key_twice(&strings(&["a", "ab", "", "", "b"])), None);
    }

    // RFC 6763 6.2, 6.3, 6.4, 6.7: B4, B13
    #[test]
    fn what_is_better_left_out_is_told() {
        let told = |texts: &[&str]| doubts(&strings(texts), Some(80)).join("\n");
        assert_eq!(told(&["txtvers=1", "path=/", "ninechars=x", "port=81"]), "");
        assert!(told(&["path=/", "txtvers=1"]).contains("comes first"));
        assert_eq!(told(&["tencharsxx=1"]), "");
        assert!(told(&["Port=80"]).contains("repeats"));
        assert!(told(&["hostname=casa"]).contains("repeats"));
        let long = "x".repeat(216);
        let keys = ["a", "b", "c", "d", "e"].map(|key| format!("{key}{key}={long}"));
        let mut whole = keys.to_vec();
        whole.push("f=".to_owned() + &"x".repeat(197));
        assert_eq!(doubts(&whole, Some(80)), [""; 0]);
        whole[5].push('x');
        assert!(doubts(&whole, Some(80))[0].contains("1301 bytes"));
    }
}
