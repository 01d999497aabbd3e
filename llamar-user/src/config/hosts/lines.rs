//! What lines of a hosts file say.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use super::super::{BYTE_ORDER_MARK, ConfigError, Place, Unusable, is_link_local, value};
use super::entries::Entries;
use crate::dns::Name;

/// What was read of some lines.
#[derive(Debug, Default)]
pub struct Lines {
    /// How many of them end.
    pub ends: usize,
    /// The names and addresses.
    pub entries: Entries,
    /// Lines with addresses that nobody else can reach, such as 127.0.0.1, by why that is so.
    pub left_out: LeftOut,
    /// What is wrong with the others; the first line counts as number 1.
    pub wrong: ConfigError,
}

/// Lines that are left out, by the reason.
pub type LeftOut = BTreeMap<&'static str, usize>;

impl Lines {
    /// Reads lines of a file, whether from its start on or from somewhere in it.
    pub fn parse(path: &Path, bytes: &[u8], is_start: bool) -> Self {
        let mark = bytes.strip_prefix(BYTE_ORDER_MARK).filter(|_| is_start);
        let bytes = mark.unwrap_or(bytes);
        let mut lines = Self::default();
        // A mark in a line that is not the file's first is one that is seen.
        let first = if is_start { 1 } else { FURTHER };
        for (number, line) in (first..).zip(bytes.split(|&byte| byte == b'\n')) {
            lines.ends = number - first;
            match parse_line(line, &mut lines.entries) {
                Ok(None) => {}
                Ok(Some(why)) => *lines.left_out.entry(why).or_default() += 1,
                Err((at, message)) => {
                    let place = Place::in_line(path, number, &line[..at]);
                    lines.wrong.push(place, message);
                }
            }
        }
        // Lines are counted from the first of these.
        lines.wrong.shift(1, first);
        lines
    }
}

/// The number of a line that is not the first.
const FURTHER: usize = 2;

/// Adds the names of one line. The result is why its address was left out, if it was; or where the line is wrong,
/// and how.
fn parse_line(line: &[u8], entries: &mut Entries) -> Result<Option<&'static str>, (usize, String)> {
    let mut words = words(line);
    let Some((at, word)) = words.next() else {
        return Ok(None);
    };
    let Some(address) = parse_address(word) else {
        let found = String::from_utf8_lossy(word);
        let message = format!("{found:?} is no address, expected an address and names behind it");
        return Err((at, message));
    };
    if let Some(why) = Unusable::of(address) {
        return Ok(Some(why.as_str()));
    }
    // A hosts file is for all links; what is valid on one of them only is told on none.
    if is_link_local(address) {
        return Ok(Some("link-local"));
    }
    let before = entries.len();
    for (at, word) in words {
        let name = parse_name(word).map_err(|message| (at, message))?;
        entries.push(name, address);
    }
    if entries.len() == before {
        return Err((
            at,
            format!("no name behind {address}, expected at least one"),
        ));
    }
    Ok(None)
}

/// The words of a line up to a comment, and where they begin.
fn words(line: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = line.get(at..)?;
        let start = at + rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let rest = line.get(start..)?;
        let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'#';
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        at = start + length;
        // Nothing but a comment is a word without a letter; what is behind it is none either.
        (length > 0).then(|| (start, &rest[..length]))
    })
    .fuse()
}

/// An address; an IPv6 one may name its interface, as in fe80::1%eth0.
fn parse_address(word: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(word).ok()?;
    match text.split_once('%') {
        Some((address, interface)) if !interface.is_empty() => {
            address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => text.parse().ok(),
    }
}

fn parse_name(word: &[u8]) -> Result<Name, String> {
    // Most names are so plain that nothing can be wrong with them: an address has dots or colons.
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if let Some(name) = Name::from_label(word).filter(|_| word.iter().all(is_plain)) {
        return Ok(name);
    }
    let Ok(text) = str::from_utf8(word) else {
        let found = String::from_utf8_lossy(word);
        return Err(format!("{found:?} is not UTF-8, expected a name that is"));
    };
    value::name(text)
}
