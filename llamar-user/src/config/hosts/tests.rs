//! Whole files, and files that change.

use super::super::Addresses;
use super::*;
use crate::dns::Name;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> (Hosts, Option<String>, ConfigError) {
    let path = Path::new("hosts");
    let whole = Whole::parse(path, bytes);
    (whole.table(30), note(path, &whole.left_out), whole.wrong)
}

fn shown(hosts: &Hosts) -> String {
    let entry = |(name, addresses): (&Name, &Addresses)| {
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

/// A file, and what is kept of it.
struct Told {
    directory: tempfile::TempDir,
    kept: Option<Kept>,
}

impl Told {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            kept: None,
        }
    }

    /// Reads the file as it is now: what it says of it, or what is wrong. `whole` forgets what is kept before.
    fn read(&mut self, bytes: &[u8], whole: bool) -> Result<Option<String>, ConfigError> {
        let path = self.directory.path().join("hosts");
        std::fs::write(&path, bytes).unwrap();
        let mut error = ConfigError::default();
        let known = self.kept.as_ref().filter(|_| !whole);
        let news = News::read(&path, known, &mut error).unwrap();
        error.check()?;
        let news = news.unwrap();
        let note = news.note(&path, known);
        let known = self.kept.take().filter(|_| !whole).unwrap_or_default();
        self.kept = Some(known.with(news, &path, 30));
        Ok(note)
    }

    /// What is kept, down to the spelling of the names and the number of their lines.
    fn shown(&mut self, ttl: u32) -> Vec<String> {
        let Some(kept) = &mut self.kept else {
            return Vec::new();
        };
        let table = kept.table(ttl);
        let entries = table.iter().map(|(name, addresses)| {
            let list: Vec<_> = addresses.iter().collect();
            let mentions = table.mentions(name).counts();
            format!("{name} {list:?} {} {mentions:?}", addresses.ttl)
        });
        entries.chain([format!("{}", table.len())]).collect()
    }

    fn table(&mut self) -> std::sync::Arc<Hosts> {
        self.kept.as_mut().unwrap().table(30)
    }
}

/// Whether a change from one text to another is made without reading all of it anew.
fn is_simple(before: &str, after: &str) -> bool {
    let mut told = Told::new();
    told.read(before.as_bytes(), true).unwrap();
    let known = told.table();
    told.read(after.as_bytes(), false).unwrap();
    let is_simple = told.table().changed(&known).is_some();
    let mut whole = Told::new();
    whole.read(after.as_bytes(), true).unwrap();
    assert_eq!(told.shown(30), whole.shown(30), "{before:?} {after:?}");
    is_simple
}

#[test]
fn a_name_that_one_line_mentions_comes_goes_and_changes_without_reading_all() {
    let file = "10.0.0.1 a\n10.0.0.2 b\n10.0.0.3 c\n";
    for after in [
        file,
        "10.0.0.1 a\n10.0.0.9 b\n10.0.0.3 c\n",
        "10.0.0.1 a\n10.0.0.2 other\n10.0.0.3 c\n",
        "10.0.0.1 a\n10.0.0.3 c\n",
        "10.0.0.2 b\n",
        "",
        "# nothing\n10.0.0.1 a\n\n10.0.0.2 b x y\n10.0.0.4 z\n10.0.0.3 c\n",
        "10.0.0.1 a\n10.0.0.2 B\n10.0.0.3 c",
    ] {
        assert!(is_simple(file, after), "{after:?}");
        assert!(is_simple(after, file), "{after:?}");
    }
}

#[test]
fn a_name_that_other_lines_mention_too_changes_where_its_order_is_known() {
    let file = "10.0.0.1 a\n10.0.0.2 a\n10.0.0.3 a\nfd00::1 a\n10.0.0.4 b\n";
    for after in [
        "10.0.0.1 a\n10.0.0.9 a\n10.0.0.3 a\nfd00::1 a\n10.0.0.4 b\n",
        "10.0.0.1 a\n10.0.0.3 a\nfd00::1 a\n10.0.0.4 b\n",
        "10.0.0.1 a\n10.0.0.2 a\n10.0.0.3 a\nfd00::2 a\n10.0.0.4 b\n",
        "10.0.0.9 a\n10.0.0.1 a\n10.0.0.2 a\n10.0.0.3 a\nfd00::1 a\n10.0.0.4 b\n",
        "10.0.0.1 a\n10.0.0.2 a\n10.0.0.3 a\nfd00::1 a\n10.0.0.4 b\n10.0.0.9 a\n",
        "10.0.0.1 a\n10.0.0.2 a\n10.0.0.1 a\nfd00::1 a\n10.0.0.4 b\n",
    ] {
        assert!(is_simple(file, after), "{after:?}");
    }
    // Where is the new address among the others? Which line gave the address that two have given?
    let more = "10.0.0.4 b\n10.0.0.9 a\n10.0.0.5 c\n10.0.0.6 d\n";
    assert!(!is_simple(
        "10.0.0.1 a\n10.0.0.4 b\n10.0.0.5 c\n10.0.0.6 d\n",
        &format!("10.0.0.1 a\n{more}")
    ));
    let twice = "10.0.0.1 a\n10.0.0.4 b\n10.0.0.1 a\n10.0.0.5 c\n";
    assert!(!is_simple(
        twice,
        "10.0.0.1 a\n10.0.0.4 b\n10.0.0.9 a\n10.0.0.5 c\n"
    ));
    // Which spelling is the first?
    let spelt = "10.0.0.1 A\n10.0.0.4 b\n10.0.0.2 a\n10.0.0.5 c\n";
    assert!(!is_simple(spelt, "10.0.0.4 b\n10.0.0.2 a\n10.0.0.5 c\n"));
}

#[test]
fn a_broken_file_changes_nothing_of_what_is_kept() {
    let mut told = Told::new();
    told.read(b"10.0.0.1 a\n10.0.0.2 b\n10.0.0.3 c\n", false)
        .unwrap();
    let known = told.table();
    let wrong = told
        .read(b"10.0.0.1 a\n10.0.0.2 b..\n10.0.0.3 c\n", false)
        .unwrap_err();
    assert!(wrong.to_string().contains("hosts:2:10: "), "{wrong}");
    assert!(told.table().is_same(&known));
    told.read(b"10.0.0.1 a\n10.0.0.2 b\n10.0.0.3 d\n", false)
        .unwrap();
    assert_eq!(told.table().changed(&known).unwrap().len(), 2);
}

#[test]
fn a_file_is_read_in_pieces_as_if_it_was_one() {
    let text = "\u{feff}10.0.0.1 a b\nx y\n127.0.0.1 l\n10.0.0.2 A\n\u{feff}10.0.0.3 c\n::1 l\nfd00::1 a..\n10.0.0.4 b";
    let path = Path::new("hosts");
    let shown = |whole: Whole| {
        let table = whole.table(30);
        (shown(&table), whole.left_out, whole.wrong.to_string())
    };
    let one = shown(Whole::parse_pieces(path, &[text.as_bytes()]));
    for count in 1..12 {
        let pieces = pieces(text.as_bytes(), count);
        assert_eq!(pieces.concat(), text.as_bytes());
        assert!(pieces.len() <= count);
        assert_eq!(shown(Whole::parse_pieces(path, &pieces)), one, "{count}");
    }
    assert_eq!(pieces(text.as_bytes(), 3).len(), 3);
}

/// Lines of few names and addresses, so that they meet; some are wrong, some are left out.
fn line() -> impl Strategy<Value = String> {
    let address = prop::sample::select(vec![
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "fd00::1",
        "fd00::2",
        "127.0.0.1",
        "fe80::1",
    ]);
    let name = prop::sample::select(vec![
        "a",
        "A",
        "b",
        "c.d",
        "C.d",
        "\u{e9}t\u{e9}",
        "a-name-that-is-a-long-one",
    ]);
    let good = (address, prop::collection::vec(name, 1..3));
    prop_oneof![
        12 => good.prop_map(|(address, names)| format!("{address} {}", names.join(" "))),
        1 => Just("# a comment".to_owned()),
        1 => Just(String::new()),
        1 => Just("10.0.0.1 a # \u{feff}\r".to_owned()),
        1 => prop::sample::select(vec!["10.0.0.1", "a 10.0.0.1", "10.0.0.1 b..c", "\u{feff}10.0.0.1 a"]).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 256 } else { 5_000 }))]
    #[test]
    fn a_file_that_changes_is_always_what_reading_all_of_it_says(
        mark in any::<bool>(),
        start in prop::collection::vec(line(), 0..10),
        edits in prop::collection::vec((0..10usize, 0..3usize, prop::collection::vec(line(), 0..3), any::<bool>()), 1..6),
    ) {
        let mut lines = start;
        let (mut told, mut whole) = (Told::new(), Told::new());
        let text = |lines: &[String], ends: bool| {
            let mark = if mark { "\u{feff}" } else { "" };
            format!("{mark}{}{}", lines.join("\n"), if ends { "\n" } else { "" })
        };
        let _ = told.read(text(&lines, true).as_bytes(), false);
        told.shown(5);
        for (at, gone, new, ends) in edits {
            let at = at.min(lines.len());
            let end = (at + gone).min(lines.len());
            lines.splice(at..end, new);
            let text = text(&lines, ends);
            let known = told.shown(30);
            let is = told.read(text.as_bytes(), false);
            let should = whole.read(text.as_bytes(), true);
            let failed = is.is_err();
            let said = |told: &Told, said: Result<Option<String>, ConfigError>| {
                let text = said.map(|note| note.unwrap_or_default()).unwrap_or_else(|error| error.to_string());
                text.replace(&*told.directory.path().to_string_lossy(), "")
            };
            prop_assert_eq!(said(&told, is), said(&whole, should));
            if failed {
                prop_assert_eq!(told.shown(30), known);
            } else {
                prop_assert_eq!(told.shown(30), whole.shown(30));
                prop_assert_eq!(told.shown(5), whole.shown(5));
                let (is, should) = (told.table(), whole.table());
                for address in ["10.0.0.1", "10.0.0.2", "fd00::1"] {
                    let address = address.parse().unwrap();
                    prop_assert!(is.owners(address).eq(should.owners(address)));
                }
            }
        }
    }
}
