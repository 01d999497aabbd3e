//! Files in the format of `/etc/hosts`: an address and its names on each line. Several lines for one name add up.
//!
//! Such a file may have a million lines, so it is read in one pass over its bytes and sorted once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use super::{
    Addresses, BYTE_ORDER_MARK, ConfigError, Hosts, Place, Unusable, is_link_local, value,
};
use crate::dns::Name;

/// Adds what a hosts file says to `entries`. The result is a note about what was left out, if anything was:
/// addresses that nobody else can reach, such as 127.0.0.1.
pub(super) fn parse(
    path: &Path,
    bytes: &[u8],
    entries: &mut Vec<(Name, IpAddr)>,
    error: &mut ConfigError,
) -> Option<String> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut left_out = BTreeMap::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        match parse_line(line, entries) {
            Ok(None) => {}
            Ok(Some(why)) => *left_out.entry(why).or_insert(0u32) += 1,
            Err((at, message)) => error.push(Place::in_line(path, index + 1, &line[..at]), message),
        }
    }
    note(path, &left_out)
}

/// The table of what was collected, several entries of one name added up.
pub(super) fn table(mut entries: Vec<(Name, IpAddr)>, ttl: u32) -> Hosts {
    // Stable, so that the addresses of a name stay in the order in which they were given.
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut entries = entries.into_iter().peekable();
    let hosts = std::iter::from_fn(|| {
        let (name, first) = entries.next()?;
        let mut addresses = vec![first];
        while let Some((_, address)) = entries.next_if(|(next, _)| *next == name) {
            addresses.push(address);
        }
        Some((name, Arc::new(Addresses::new(addresses, ttl))))
    });
    hosts.collect()
}

/// The same table with another TTL.
pub(super) fn with_ttl(hosts: &Hosts, ttl: u32) -> Hosts {
    let entry = |(name, addresses): (&Name, &Arc<Addresses>)| {
        let addresses = Addresses::clone(addresses);
        (name.clone(), Arc::new(Addresses { ttl, ..addresses }))
    };
    hosts.iter().map(entry).collect()
}

/// Adds the names of one line. The result is why its address was left out, if it was; or where the line is wrong,
/// and how.
fn parse_line<'l>(
    line: &[u8],
    entries: &mut Vec<(Name, IpAddr)>,
) -> Result<Option<&'l str>, (usize, String)> {
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
        let Ok(text) = str::from_utf8(word) else {
            let found = String::from_utf8_lossy(word);
            return Err((
                at,
                format!("{found:?} is not UTF-8, expected a name that is"),
            ));
        };
        let name = value::name(text).map_err(|message| (at, message))?;
        entries.push((name, address));
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
    let end = line
        .iter()
        .position(|&byte| byte == b'#')
        .unwrap_or(line.len());
    let mut at = 0;
    line[..end]
        .split(|byte| byte.is_ascii_whitespace())
        .map(move |word| {
            let start = at;
            at += word.len() + 1;
            (start, word)
        })
        .filter(|(_, word)| !word.is_empty())
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

fn note(path: &Path, left_out: &BTreeMap<&str, u32>) -> Option<String> {
    let total: u32 = left_out.values().sum();
    let kinds: Vec<_> = left_out
        .iter()
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    let lines = if total == 1 { "line" } else { "lines" };
    (total > 0).then(|| {
        format!(
            "{}: left out {total} {lines} with an address that is not for others ({})",
            path.display(),
            kinds.join(", ")
        )
    })
}
