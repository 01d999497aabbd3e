//! Services, good and bad.

use super::*;
use crate::dns::{Attribute, Txt};

fn table(lines: &str) -> String {
    format!("[[service]]\ntype = \"_http._tcp\"\nport = 80\n{lines}\n")
}

fn one(lines: &str) -> ServiceTable {
    let mut services = good(&table(lines)).services;
    assert_eq!(services.len(), 1);
    services.remove(0)
}

fn notes(lines: &str) -> Vec<String> {
    let notes = good(&table(lines)).notes.into_iter();
    notes
        .map(|note| note.replace("/etc/llamar.toml:", ""))
        .collect()
}

#[test]
fn everything_there_is_to_say_of_a_service() {
    let file = good(
        r#"
[[service]]
name = "Web on %h, 100 %%"
type = "_HTTP._tcp"
port = 8080
txt = { txtvers = "1", path = "/a=b", color = true, note = "" }
subtypes = ["_printer", "Über. 1"]
priority = 1
weight = 2
host = "nas.lab"
addresses = ["10.0.0.9", "2001:db8::9"]
interfaces = ["eth0", "eth1"]
[[service]]
type = "_ipp._udp"
port = 0
"#,
    );
    let [web, ipp] = &file.services[..] else {
        panic!("{:?}", file.services)
    };
    assert_eq!(web.place.to_string(), "/etc/llamar.toml:2:1");
    assert_eq!(web.name.on("casa"), "Web on casa, 100 %");
    assert_eq!(web.kind.to_string(), "_HTTP._tcp");
    assert_eq!((web.port, web.priority, web.weight), (8080, 1, 2));
    let strings: Vec<_> = web.txt[0].strings().collect();
    let expected = [&b"txtvers=1"[..], b"path=/a=b", b"color", b"note="];
    assert_eq!((web.txt.len(), strings), (1, expected.to_vec()));
    assert_eq!(web.subtypes, ["_printer", "Über. 1"]);
    let (place, host) = web.host.as_ref().unwrap();
    assert_eq!(place.to_string(), "/etc/llamar.toml:10:8");
    assert_eq!(
        (host, web.addresses.len()),
        (&Name::parse("nas.lab").unwrap(), 2)
    );
    let interfaces = web.interfaces.iter().map(|(_, name)| name.as_str());
    assert_eq!(interfaces.collect::<Vec<_>>(), ["eth0", "eth1"]);
    assert_eq!(ipp.place.to_string(), "/etc/llamar.toml:13:1");
    assert_eq!(ipp.name.on("casa"), "casa");
    assert_eq!((ipp.port, ipp.priority, ipp.weight), (0, 0, 0));
    assert!(ipp.host.is_none() && ipp.addresses.is_empty() && ipp.interfaces.is_empty());
    assert!(ipp.subtypes.is_empty());
}

// RFC 6763 6.1, 6.4, 6.8: B3, B4, B15
#[test]
fn txt_is_a_table_strings_or_several_tables() {
    let txt = |text: &str| one(&format!("txt = {text}")).txt;
    let strings = |txt: &Txt| -> Vec<String> {
        let strings = txt.strings();
        strings
            .map(|string| String::from_utf8_lossy(string).into_owned())
            .collect()
    };
    for nothing in ["{}", "[]", "\"\"", "[\"\"]"] {
        let records = txt(nothing);
        assert_eq!(
            (records.len(), records[0].wire()),
            (1, &b"\0"[..]),
            "{nothing}"
        );
    }
    assert_eq!(one("").txt[0].wire(), b"\0");
    assert_eq!(strings(&txt("\"path=/\"")[0]), ["path=/"]);
    let raw = &txt("[\"b=2\", \"a\", \"\", \"c=\"]")[0];
    assert_eq!(strings(raw), ["b=2", "a", "", "c="]);
    // In the order in which it was written, for the first of two counts.
    assert_eq!(strings(&txt("{ b = \"2\", a = true }")[0]), ["b=2", "a"]);
    let two = txt("[{ txtvers = \"1\", a = \"x\" }, { txtvers = \"2\", A = \"y\" }]");
    assert_eq!(two.len(), 2);
    assert_eq!(two[1].attribute("a"), Some(Attribute::Value(b"y")));
    assert_eq!(
        one("txt.\"long key indeed\" = \"x\"").txt[0]
            .attributes()
            .count(),
        1
    );
}

// RFC 6763 4.1.1, 4.1.2, 6.1, 6.4, 7, 7.1: B1, B2, B4, B5
#[test]
fn every_bad_value_is_told_with_its_place() {
    let label = "x".repeat(64);
    let long = "x".repeat(254);
    for (lines, problem) in [
        (
            "prot = 80",
            "4:1: unknown key \"prot\", expected one of name, type, port, txt, subtypes, priority, weight, host, addresses, interfaces",
        ),
        (
            "name = 5",
            "4:8: \"name\" is an integer, expected a name such as \"Web on %h\"",
        ),
        (
            "name = \"\"",
            "4:8: the name is empty, expected one such as \"Web on %h\"",
        ),
        (
            r#"name = "a\nb""#,
            r#"4:8: "a\nb" has '\n' in it, expected a name without control characters"#,
        ),
        (
            "name = \"%n\"",
            "4:8: \"%n\" has a percent sign that means nothing, expected %h for this host's name or %%",
        ),
        (
            "priority = -1",
            "4:12: \"priority\" is -1, expected a number from 0 to 65535",
        ),
        (
            "weight = 65536",
            "4:10: \"weight\" is 65536, expected a number from 0 to 65535",
        ),
        (
            "weight = \"1\"",
            "4:10: \"weight\" is a string, expected a number from 0 to 65535",
        ),
        (
            "subtypes = 1",
            "4:12: \"subtypes\" is an integer, expected a subtype such as \"_printer\" or a list of such",
        ),
        (
            "subtypes = [\"\"]",
            "4:13: a subtype is empty, expected a label such as _printer",
        ),
        (
            "subtypes = [\"_a\", \"_A\"]",
            "4:19: \"_A\" is there twice (case makes no difference), expected every name once",
        ),
        (
            "subtypes = \"_printer._sub._http._tcp\"",
            "4:12: \"_printer._sub._http._tcp\" has the type behind it, expected a label such as _printer alone",
        ),
        (
            &format!("subtypes = \"{label}\"")[..],
            &format!(
                "4:12: \"{label}\" has 64 bytes, expected a label such as _printer of at most 63"
            )[..],
        ),
        (
            "interfaces = []",
            "4:14: \"interfaces\" is empty, expected an interface such as \"eth0\" or a list of such",
        ),
        (
            "interfaces = [1]",
            "4:15: \"interfaces\" is an integer, expected an interface such as \"eth0\" or a list of such",
        ),
        (
            "interfaces = [\"a\", \"a\"]",
            "4:20: \"a\" is there twice, expected it once",
        ),
        (
            "interfaces = \"a/b\"",
            "4:14: \"a/b\" has '/' in it, expected the name of an interface such as eth0",
        ),
        (
            "host = 1",
            "4:8: \"host\" is an integer, expected the name of a host",
        ),
        (
            "host = \"a b\"",
            "4:8: \"a b\" has ' ' in it, expected a name such as casa or casa.example",
        ),
        (
            "host = \"localhost\"",
            "4:8: \"localhost\" means every host itself, expected a name for others to use",
        ),
        (
            "addresses = \"10.0.0.1\"",
            "4:13: \"addresses\" are nobody's, expected a \"host\" beside them",
        ),
        (
            "host = \"a\"\naddresses = []",
            "5:13: \"addresses\" is empty, expected at least one, or only the host",
        ),
        (
            "host = \"a\"\naddresses = [\"x\"]",
            "5:14: \"x\" is no address, expected one such as 192.168.1.9 or 2001:db8::9",
        ),
        (
            "host = \"a\"\naddresses = \"127.0.0.1\"",
            "5:13: \"127.0.0.1\" is loopback, expected an address that a host can have",
        ),
        (
            "host = \"a\"\naddresses = [\"10.0.0.1\", \"10.0.0.1\"]",
            "5:26: \"10.0.0.1\" is there twice, expected it once",
        ),
        (
            "host = \"a\"\naddresses = \"fe80::1\"",
            "5:13: \"fe80::1\" is link-local, so valid on one link, expected one of \"interfaces\" beside it",
        ),
        (
            "host = \"a\"\ninterfaces = [\"a\", \"b\"]\naddresses = \"fe80::1\"",
            "6:13: \"fe80::1\" is link-local, so valid on one link, expected one of \"interfaces\" beside it",
        ),
        (
            "txt = 5",
            "4:7: \"txt\" is an integer, expected a table such as { path = \"/\" } or a list of strings",
        ),
        (
            "txt = [5]",
            "4:8: \"txt\" is an integer, expected a table such as { path = \"/\" } or a list of strings",
        ),
        (
            "txt = { a = 5 }",
            "4:13: \"a\" is an integer, expected a string, or true for a key without a value",
        ),
        (
            "txt = { a = false }",
            "4:13: \"a\" is a boolean, expected a string, or true for a key without a value",
        ),
        (
            "txt = { \"\" = \"x\" }",
            "4:9: \"\" has no key, expected one in front of the equals sign",
        ),
        (
            "txt = { \"a=b\" = \"x\" }",
            "4:9: the key \"a=b\" has '=' in it, expected printable ASCII without an equals sign",
        ),
        ("txt = { ä = \"x\" }", "4:9: "),
        (
            "txt = [\"=x\"]",
            "4:8: \"=x\" has no key, expected one in front of the equals sign",
        ),
        (
            "txt = [\"é=x\"]",
            "4:8: the key \"é\" has 'é' in it, expected printable ASCII without an equals sign",
        ),
        (
            "txt = { a = \"1\", A = \"2\" }",
            "4:18: \"A\" is there twice (case makes no difference), expected every name once",
        ),
        (
            "txt = [\"a=1\", \"b\", \"A\"]",
            "4:20: \"A\" is there twice (case makes no difference), expected every name once",
        ),
        (
            &format!("txt = {{ a = \"{long}\" }}")[..],
            &format!("4:9: \"a={long}\" has 256 bytes with its key, expected at most 255")[..],
        ),
        (
            "txt = [{ a = \"1\" }, \"b\"]",
            "4:21: \"txt\" is a string, expected a table like others of the list",
        ),
    ] {
        let message = wrong(&table(lines));
        assert!(message.starts_with(problem), "{lines}: {message}");
        assert!(!message.contains('\n'), "{lines}: {message}");
    }
}

// RFC 6763 4.1.2, 5, 7: B2, B3
#[test]
fn a_service_has_a_type_and_a_port() {
    for (text, problem) in [
        (
            "",
            "1:1: the service has no \"type\", expected one such as \"_http._tcp\"\n1:1: the service has no \"port\", expected a number from 0 to 65535",
        ),
        (
            "type = \"_http._tcp\"",
            "1:1: the service has no \"port\", expected a number from 0 to 65535",
        ),
        (
            "port = 80",
            "1:1: the service has no \"type\", expected one such as \"_http._tcp\"",
        ),
        (
            "port = 80\ntype = 1",
            "3:8: \"type\" is an integer, expected a type of service such as \"_http._tcp\"",
        ),
        (
            "port = 80\ntype = \"http\"",
            "3:8: \"http\" is no type of service, expected one such as _http._tcp or _ipp._udp",
        ),
        (
            "port = 80\ntype = \"_http._tcp.local\"",
            "3:8: \"_http._tcp.local\" is no type of service, expected one such as _http._tcp or _ipp._udp",
        ),
        (
            "port = 80\ntype = \"_a--b._tcp\"",
            "3:8: \"_a--b._tcp\" has a service with two hyphens in a row, expected one such as _http._tcp",
        ),
        (
            "type = \"_http._tcp\"\nport = 65536",
            "3:8: \"port\" is 65536, expected a number from 0 to 65535",
        ),
        (
            "type = \"_http._tcp\"\nport = \"80\"",
            "3:8: \"port\" is a string, expected a number from 0 to 65535",
        ),
    ] {
        let message = wrong(&format!("[[service]]\n{text}"));
        assert!(message.starts_with(problem), "{text}: {message}");
    }
    // The second table is told where it is.
    let second = table("") + "\n[[service]]\nport = 1\n";
    assert!(
        wrong(&second).starts_with("6:1: the service has no \"type\""),
        "{}",
        wrong(&second)
    );
}

// RFC 6763 5, 6.2, 6.3, 6.7, 8: B4, B9, B13
#[test]
fn what_is_doubtful_is_noted_and_taken() {
    assert_eq!(
        notes("txt = { txtvers = \"1\", a-key-of-many-letters = \"x\" }"),
        [""; 0]
    );
    for (lines, note) in [
        (
            "txt = { path = \"/\", txtvers = \"1\" }",
            "4:7: \"txtvers\" comes first",
        ),
        ("txt = [\"port=80\"]", "4:7: the key \"port\" repeats"),
        ("weight = 5", "4:10: weight 5 counts for nothing"),
        (
            "name = \"e\u{301}t\u{e9}\"",
            "4:8: \"e\\u{301}té\" has combining characters in it",
        ),
    ] {
        let notes = notes(lines);
        assert_eq!(notes.len(), 1, "{lines}: {notes:?}");
        assert!(notes[0].starts_with(note), "{notes:?}");
    }
    // Five strings of 252 bytes with their lengths, and one of 61.
    let mut strings: Vec<String> = (0..5)
        .map(|key| format!("\"{key}{}\"", "x".repeat(250)))
        .collect();
    strings.push(format!("\"{}\"", "y".repeat(60)));
    let long = notes(&format!("txt = [{}]", strings.join(",")));
    assert!(
        long[0].starts_with("4:7: txt has 1321 bytes, more than 1300"),
        "{long:?}"
    );
    let placeholder = good("[[service]]\ntype = \"_ipp._tcp\"\nport = 0\n").notes;
    assert!(
        placeholder[0].starts_with("/etc/llamar.toml:3:8: port 0: "),
        "{placeholder:?}"
    );
    // Valid on the one link that is named.
    let one = one("host = \"a\"\naddresses = \"fe80::1\"\ninterfaces = \"eth0\"");
    assert_eq!(one.addresses.len(), 1);
}

#[test]
fn names_without_room_for_the_domain_are_noticed() {
    let label = "a".repeat(62);
    let name = format!("{label}.{label}.{label}.{}", "b".repeat(59));
    for (text, place) in [
        (format!("names = [\"{name}\"]"), "1:10"),
        (format!("[hosts]\n\"{name}\" = \"10.0.0.1\""), "2:1"),
        (table(&format!("host = \"{name}\"")), "4:8"),
        (format!("[interface.a]\nnames = \"{name}\""), "2:9"),
    ] {
        let too_long = good(&text).too_long;
        assert_eq!(too_long.len(), 1, "{text}");
        assert_eq!(
            too_long[0].0.to_string(),
            format!("/etc/llamar.toml:{place}")
        );
        assert!(
            too_long[0].1.contains("256 bytes (at most 255"),
            "{}",
            too_long[0].1
        );
    }
    let fits = good(&format!("names = [\"{}\"]", &name[..name.len() - 1]));
    assert!(fits.too_long.is_empty());
}

#[test]
fn a_file_of_services_holds_nothing_else() {
    let read = |text: &str| {
        let mut error = ConfigError::default();
        let (services, notes) = parse_services(Path::new("web.toml"), text, &mut error);
        (services.len(), notes, error.to_string())
    };
    let text = table("weight = 1") + &table("");
    let (services, notes, error) = read(&text);
    assert_eq!((services, error.as_str()), (2, ""));
    assert!(notes[0].starts_with("web.toml:4:10: weight 1"));
    assert_eq!(read("").0, 0);
    let (_, _, error) = read("ttl = 5\n[[service]]\nport = 1\n");
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(
        lines[0],
        "web.toml:1:1: unknown key \"ttl\", expected [[service]] and nothing else in a file of services-dir"
    );
    assert!(lines[1].starts_with("web.toml:2:1: the service has no \"type\""));
    assert!(read("[[service\n").2.starts_with("web.toml:1:10"));
}

proptest! {
    #[test]
    fn any_values_of_a_service_are_taken_or_told(
        key in prop::sample::select(vec!["name", "type", "port", "txt", "subtypes", "weight", "host", "addresses", "interfaces"]),
        value in prop_oneof![
            "\"[_a-z0-9%h.:=-]{0,20}\"",
            "-?[0-9]{1,6}",
            "\\[\"\\PC{0,8}\"(, \"[a-c=]{0,3}\"){0,3}\\]",
            "\\{ *([a-c]{1,2} = (true|\"x\")(, [A-C]{1,2} = \"\"){0,2})? *\\}",
            "\\[(\\{ a = \"x\" \\}, ){0,3}\\{\\}\\]",
        ],
    ) {
        let (_, error) = read(&format!("[[service]]\n{key} = {value}"));
        for problem in error.problems() {
            let text = problem.to_string();
            prop_assert!(text.starts_with("/etc/llamar.toml:1:") || text.starts_with("/etc/llamar.toml:2:"), "{text}");
        }
    }
}
