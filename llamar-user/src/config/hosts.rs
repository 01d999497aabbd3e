//! Files in the format of `/etc/hosts`: an address and its names on each line. Several lines for one name add up.
//!
//! Such a file may have a million lines, so it is read in one pass over its bytes and sorted once.

use std::cmp::Ordering;
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
    entries: &mut Entries,
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

/// Names and addresses as they were given, one after the other.
///
/// A million of them are sorted in a fraction of a second because most comparisons need the first bytes of a name
/// only, and those are in the list itself; the names lie behind each other in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Entries {
    wire: Vec<u8>,
    list: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The first [`START`] bytes of the name, folded.
    start: [u64; 2],
    /// Where the name begins in `wire`; entries of one name are in this order, which is that of the lines.
    at: usize,
    /// How long it is there.
    length: u8,
    address: IpAddr,
}

const START: usize = 16;

impl Entries {
    pub(super) fn push(&mut self, name: &Name, address: IpAddr) {
        let wire = name.wire();
        let mut start = [0; START];
        for (to, from) in start.iter_mut().zip(wire) {
            *to = from.to_ascii_lowercase();
        }
        let start = u128::from_be_bytes(start);
        self.list.push(Entry {
            start: [(start >> 64) as u64, start as u64],
            at: self.wire.len(),
            length: wire.len() as u8,
            address,
        });
        self.wire.extend_from_slice(wire);
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The table of all entries, several of one name added up.
    pub(super) fn table(self, ttl: u32) -> Hosts {
        let Self { wire, mut list } = self;
        let order = |left: &Entry, right: &Entry| order(&wire, left, right);
        list.sort_unstable_by(|left, right| order(left, right).then(left.at.cmp(&right.at)));
        let host = |group: &[Entry]| {
            let (name, _) = Name::from_wire(&wire[group[0].at..])?;
            let addresses = group.iter().map(|entry| entry.address);
            Some((name, Arc::new(Addresses::new(addresses, ttl))))
        };
        let groups = list.chunk_by(|left, right| order(left, right).is_eq());
        Hosts::from_sorted(groups.filter_map(host).collect())
    }
}

/// The order of two entries' names, which is that of [`Name`].
fn order(wire: &[u8], left: &Entry, right: &Entry) -> Ordering {
    left.start.cmp(&right.start).then_with(|| {
        // A name's last byte is its only length octet of zero: with equal starts, none ends in it or both do.
        if usize::from(left.length) <= START {
            return Ordering::Equal;
        }
        let folded = |entry: &Entry| {
            let name = &wire[entry.at..entry.at + usize::from(entry.length)];
            name.iter().map(u8::to_ascii_lowercase)
        };
        folded(left).cmp(folded(right))
    })
}

/// Adds the names of one line. The result is why its address was left out, if it was; or where the line is wrong,
/// and how.
fn parse_line<'l>(line: &[u8], entries: &mut Entries) -> Result<Option<&'l str>, (usize, String)> {
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
        entries.push(&name, address);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> (Hosts, Option<String>, ConfigError) {
        let mut error = ConfigError::default();
        let mut entries = Entries::default();
        let note = parse(Path::new("hosts"), bytes, &mut entries, &mut error);
        (entries.table(30), note, error)
    }

    fn shown(hosts: &Hosts) -> String {
        let entry = |(name, addresses): (&Name, &Arc<Addresses>)| {
            let addresses: Vec<_> = addresses
                .iter()
                .map(|address| address.to_string())
                .collect();
            format!("{name}={}", addresses.join(","))
        };
        hosts.iter().map(entry).collect::<Vec<_>>().join(" ")
    }

    fn good(text: &str) -> String {
        let (hosts, note, error) = read(text.as_bytes());
        assert_eq!((note, error.to_string()), (None, String::new()));
        shown(&hosts)
    }

    #[test]
    fn several_lines_for_a_name_add_up_and_names_differ_by_more_than_case() {
        let text = "10.0.0.1 nas NAS\n2001:db8::1\tNas\n10.0.0.2 nas\n10.0.0.1 nas other\n";
        assert_eq!(
            good(text),
            "nas=10.0.0.1,10.0.0.2,2001:db8::1 other=10.0.0.1"
        );
    }

    #[test]
    fn names_with_dots_are_kept_whole() {
        assert_eq!(
            good("10.0.0.1 nas.example.org nas nas.\n"),
            "nas=10.0.0.1 nas.example.org=10.0.0.1"
        );
    }

    #[test]
    fn comments_tabs_byte_order_mark_and_any_line_ends_are_taken() {
        let text = "\u{feff}# hosts\r\n\r\n \t 10.0.0.1\t\ta  b # c d\r\n10.0.0.2 c#d\n#\n10.0.0.3 \u{e9}t\u{e9}";
        assert_eq!(
            good(text),
            "a=10.0.0.1 b=10.0.0.1 c=10.0.0.2 \u{e9}t\u{e9}=10.0.0.3"
        );
        let (hosts, _, error) = read(b"10.0.0.1 a # caf\xe9\n");
        assert_eq!((hosts.len(), error.to_string()), (1, String::new()));
    }

    #[test]
    fn what_others_cannot_reach_is_left_out_with_one_note() {
        let text = "127.0.0.1 localhost\n127.0.1.1 casa.lan casa\n::1 ip6-localhost\nfe00::0 ip6-localnet\n\
            ff00::0 ip6-mcastprefix\nff02::1 ip6-allnodes\n0.0.0.0 0.0.0.0\n255.255.255.255 broadcasthost\n\
            fe80::1%lo0 localhost\n169.254.1.1 x\n10.0.0.1 nas\n";
        let (hosts, note, error) = read(text.as_bytes());
        assert_eq!(error.to_string(), "");
        assert_eq!(shown(&hosts), "nas=10.0.0.1");
        assert_eq!(
            note.unwrap(),
            "hosts: left out 10 lines with an address that is not for others \
             (1 broadcast, 2 link-local, 3 loopback, 2 multicast, 1 reserved, 1 unspecified)"
        );
        let (_, note, _) = read(b"::1 a\n");
        assert_eq!(
            note.unwrap(),
            "hosts: left out 1 line with an address that is not for others (1 loopback)"
        );
    }

    #[test]
    fn every_wrong_line_is_told_with_its_place_and_the_others_count() {
        let long = "a".repeat(64);
        let text = format!(
            "10.0.0.1 good\nnas 10.0.0.2\n  10.0.0.3\n10.0.0.4 ok a..b\n10.0.0.5 {long}\n10.0.0.6 10.0.0.7\n\
             10.0.0.256 b\n10.0.0.8/24 c\n10.0.0.9%eth0 d\nfe80::1% e\n"
        );
        let (hosts, _, error) = read(text.as_bytes());
        let told = error.to_string();
        let told: Vec<_> = told.lines().collect();
        assert_eq!(
            told[0],
            "hosts:2:1: \"nas\" is no address, expected an address and names behind it"
        );
        assert_eq!(
            told[1],
            "hosts:3:3: no name behind 10.0.0.3, expected at least one"
        );
        assert!(told[2].starts_with("hosts:4:13: \"a..b\" has an empty label"));
        assert!(told[3].starts_with("hosts:5:10: \"aaa") && told[3].contains("64 bytes"));
        assert!(told[4].starts_with("hosts:6:10: \"10.0.0.7\" is an address"));
        assert_eq!(told.len(), 9);
        assert!(hosts.contains_key(&Name::parse("good").unwrap()));
    }

    #[test]
    fn names_that_are_not_utf8_are_told() {
        let (_, _, error) = read(b"\xef\xbb\xbf10.0.0.1 caf\xe9\n\xff\xfe1\x000\x00");
        let told = error.to_string();
        assert!(
            told.starts_with("hosts:1:10: \"caf\u{fffd}\" is not UTF-8, expected"),
            "{told}"
        );
        assert!(told.contains("\nhosts:2:1: "));
    }

    #[test]
    fn a_million_bad_lines_are_not_all_told() {
        let (_, _, error) = read(&b"x y\n".repeat(100_000));
        assert!(error.to_string().ends_with("\nand 99980 problems more"));
    }

    #[test]
    fn one_name_with_very_many_addresses_takes_no_quadratic_time() {
        let mut text = String::new();
        for low in 0..200_000u32 {
            text += &format!("{} nas\n", std::net::Ipv4Addr::from_bits(0x0a00_0000 + low));
        }
        let (hosts, _, error) = read(text.as_bytes());
        assert_eq!(error.to_string(), "");
        assert_eq!(
            hosts.get(&Name::parse("nas").unwrap()).unwrap().a.len(),
            200_000
        );
    }

    #[test]
    fn names_are_sorted_as_names_are() {
        let names = [
            "a",
            "b",
            "aa",
            "a.a",
            "aaaaaaaaaaaaa",
            "aaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaa",
            "AAAAAAAAAAAAAAAA",
            "aaaaaaaaaaaaaaaa.b",
            "aaaaaaaaaaaaaaaa.B",
            "aaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaa.aaaaaaa",
            "\\000",
            "a\\000",
        ];
        let mut entries = Entries::default();
        for (number, name) in names.iter().enumerate() {
            let address = IpAddr::from([10, 0, 0, number as u8]);
            entries.push(&Name::parse(name).unwrap(), address);
        }
        let hosts = entries.table(30);
        let counts: Vec<_> = hosts.values().map(|addresses| addresses.a.len()).collect();
        assert_eq!(hosts.len(), 12);
        assert_eq!(counts.iter().sum::<usize>(), names.len());
        for name in names {
            assert!(hosts.contains_key(&Name::parse(name).unwrap()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_hosts_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in "([0-9a-f:.%]{1,12}|[a-c.]{1,4}|[ \t#\r\n]){0,60}",
        ) {
            read(&bytes);
            read(text.as_bytes());
        }
    }
}
