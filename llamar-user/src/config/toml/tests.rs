//! The configuration in TOML, good and bad.

mod presence;
mod services;

use super::*;
use llamar_common::limit::Rate;
use proptest::prelude::*;

fn read(text: &str) -> (File, ConfigError) {
    let mut error = ConfigError::default();
    let file = parse(Path::new("/etc/llamar.toml"), text, &mut error);
    (file, error)
}

fn good(text: &str) -> File {
    let (file, error) = read(text);
    assert_eq!(error.to_string(), "");
    file
}

/// What is wrong with a text, without the file's name.
fn wrong(text: &str) -> String {
    let (_, error) = read(text);
    error.to_string().replace("/etc/llamar.toml:", "")
}

fn names(texts: &[&str]) -> Vec<Name> {
    texts
        .iter()
        .map(|text| Name::parse(text).unwrap())
        .collect()
}

#[test]
fn everything_there_is_to_say() {
    let file = good(
        r#"
ttl = 60
max-names = 1_000
xdp = "generic"
limit = "2000/s"
on-conflict = "keep"
mdns = false
mdns-on-conflict = "withdraw"
services-dir = "services.d"
names = "odroid"                    # one name needs no list
hosts-file = "llamar.hosts"
[hosts]
printer = ["192.168.1.9", "2001:db8::9"]
"files.example" = "192.168.1.10"
[interface.eth0]
names = ["casa", "Media"]
ttl = 5
xdp = "native"
limit = { rate = "50/s", burst = 200 }
on-conflict = "rename"
mdns = true
mdns-on-conflict = "keep"
proxy-arp = ["192.168.1.20", "192.168.1.64/30", "192.168.1.30-192.168.1.32"]
[interface.eth0.hosts]
nas = "fe80::9"
[interface.eth0.vlan.100]
names = ["casa100"]
addresses = ["10.0.100.1/24", "fe80::1/64"]
proxy-arp = []
[interface.eth0.vlan.100.hosts]
camera = ["10.0.100.9"]
[interface.eth0.vlan.7]
[interface."eth0.100"]
"#,
    );
    assert_eq!((file.ttl, file.max_names), (Some(60), Some(1000)));
    assert_eq!(file.xdp, Some(XdpMode::Generic));
    assert_eq!(file.limit, Some(value::rate(2_000, None)));
    assert_eq!(file.on_conflict, Some(OnConflict::Keep));
    assert_eq!(file.names, names(&["odroid"]));
    assert_eq!(file.hosts.len(), 2);
    assert_eq!(file.hosts[&names(&["PRINTER"])[0]].len(), 2);
    let (place, path) = file.hosts_file.unwrap();
    assert_eq!(path, Path::new("/etc/llamar.hosts"));
    assert_eq!(place.to_string(), "/etc/llamar.toml:11:14");
    let (place, path) = file.services_dir.unwrap();
    assert_eq!(path, Path::new("/etc/services.d"));
    assert_eq!(place.to_string(), "/etc/llamar.toml:9:16");
    assert_eq!(
        (file.mdns, file.mdns_on_conflict),
        (Some(false), Some(OnConflict::Withdraw))
    );
    assert_eq!(file.interfaces.len(), 2);
    let eth0 = &file.interfaces["eth0"];
    assert_eq!(eth0.names, names(&["casa", "media"]));
    assert_eq!((eth0.ttl, eth0.xdp), (Some(5), Some(XdpMode::Native)));
    assert_eq!(eth0.limit, Some(value::rate(50, Some(200))));
    assert_eq!(eth0.on_conflict, Some(OnConflict::Rename));
    assert_eq!(
        (eth0.mdns, eth0.mdns_on_conflict),
        (Some(true), Some(OnConflict::Keep))
    );
    let proxied: Vec<_> = eth0
        .proxy_arp
        .iter()
        .map(|address| address.octets()[3])
        .collect();
    assert_eq!(proxied, [20, 30, 31, 32, 64, 65, 66, 67]);
    assert_eq!(
        eth0.hosts[&names(&["nas"])[0]],
        ["fe80::9".parse::<IpAddr>().unwrap()]
    );
    assert_eq!(eth0.vlans.keys().collect::<Vec<_>>(), [&7, &100]);
    let vlan = &eth0.vlans[&100];
    assert_eq!(vlan.names, names(&["casa100"]));
    assert_eq!(vlan.addresses[0], ("10.0.100.1".parse().unwrap(), 24));
    assert_eq!(vlan.hosts.len(), 1);
    assert!(file.interfaces["eth0.100"].names.is_empty());
}

#[test]
fn nothing_is_a_configuration_too() {
    assert!(good("").interfaces.is_empty());
    assert!(good("\u{feff}# nothing\r\n").interfaces.is_empty());
    assert_eq!(good("\u{feff}ttl = 5\r\nnames = []\r\n").ttl, Some(5));
}

#[test]
fn every_problem_is_told_in_the_order_of_the_lines() {
    let text = "ttl = -1\nnames = [\"casa\", \"\", \"CASA\"]\nxpd = \"auto\"\n[interface.eth0]\nxdp = \"on\"\non-conflict = \"defend\"\n";
    assert_eq!(
        wrong(text),
        "1:7: \"ttl\" is -1, expected a number from 0 to 2147483647\n\
         2:18: the name is empty, expected a name such as casa or casa.example\n\
         2:22: \"CASA\" is there twice (case makes no difference), expected every name once\n\
         3:1: unknown key \"xpd\", expected one of ttl, max-names, xdp, limit, on-conflict, mdns, mdns-on-conflict, announce, announce-every, on-address-conflict, names, hosts-file, hosts, services-dir, service, interface\n\
         5:7: \"on\" is no mode of XDP, expected auto, native, generic or off\n\
         6:15: \"defend\" is no way out of a conflict, expected withdraw, keep or rename"
    );
}

#[test]
fn unknown_keys_are_told_with_those_that_there_are() {
    assert_eq!(
        wrong("[interface.eth0]\nname = \"casa\""),
        "2:1: unknown key \"name\", expected one of names, ttl, xdp, limit, on-conflict, mdns, mdns-on-conflict, announce, announce-every, on-address-conflict, proxy-arp, hosts, vlan"
    );
    assert_eq!(
        wrong("[interface.eth0.vlan.7]\nttl = 5"),
        "2:1: unknown key \"ttl\", expected one of names, addresses, proxy-arp, hosts"
    );
    assert!(wrong("[interfaces.eth0]").starts_with("1:2: unknown key \"interfaces\""));
    assert!(wrong("[eth0]").starts_with("1:2: unknown key \"eth0\""));
    assert_eq!(
        wrong("[interface.eth0.100]"),
        "1:17: unknown key \"100\", expected [interface.eth0.vlan.100] for the VLAN or \
         [interface.\"eth0.100\"] for an interface of that name"
    );
}

#[test]
fn values_of_another_type_are_told_with_what_is_expected() {
    for (text, problem) in [
        (
            "ttl = \"30\"",
            "1:7: \"ttl\" is a string, expected a number from 0 to 2147483647",
        ),
        (
            "ttl = 1.5",
            "1:7: \"ttl\" is a float, expected a number from 0 to 2147483647",
        ),
        (
            "max-names = 0",
            "1:13: \"max-names\" is 0, expected a number from 1 to 16777216",
        ),
        (
            "max-names = 0x1000001",
            "1:13: \"max-names\" is 0x1000001, expected a number from 1 to 16777216",
        ),
        (
            "xdp = true",
            "1:7: \"xdp\" is a boolean, expected \"auto\", \"native\", \"generic\" or \"off\"",
        ),
        (
            "names = [1]",
            "1:10: \"names\" is an integer, expected a name or a list of names",
        ),
        (
            "hosts = 5",
            "1:9: \"hosts\" is an integer, expected a table of names and addresses",
        ),
        (
            "interface = \"eth0\"",
            "1:13: \"interface\" is a string, expected [interface.NAME]",
        ),
        (
            "[interface]\neth0 = 5",
            "2:8: \"eth0\" is an integer, expected [interface.eth0]",
        ),
        (
            "[[interface]]",
            "1:1: \"interface\" is an array, expected [interface.NAME]",
        ),
        (
            "[interface.eth0]\nvlan = 100",
            "2:8: \"vlan\" is an integer, expected [interface.NAME.vlan.ID]",
        ),
        (
            "hosts-file = [\"a\"]",
            "1:14: \"hosts-file\" is an array, expected the path of a file",
        ),
        (
            "mdns = \"off\"",
            "1:8: \"mdns\" is a string, expected true or false",
        ),
        (
            "mdns-on-conflict = true",
            "1:20: \"mdns-on-conflict\" is a boolean, expected \"withdraw\", \"keep\" or \"rename\"",
        ),
        (
            "mdns-on-conflict = \"defend\"",
            "1:20: \"defend\" is no way out of a conflict, expected withdraw, keep or rename",
        ),
        (
            "services-dir = 5",
            "1:16: \"services-dir\" is an integer, expected the path of a directory",
        ),
        (
            "services-dir = \"\"",
            "1:16: \"services-dir\" is empty, expected the path of a directory",
        ),
        (
            "service = 5",
            "1:11: \"service\" is an integer, expected [[service]]",
        ),
        (
            "[service]\nname = \"Web\"",
            "1:1: \"service\" is a table, expected [[service]]",
        ),
        (
            "service = [5]",
            "1:12: \"service\" is an integer, expected [[service]]",
        ),
        (
            "hosts-file = \"\"",
            "1:14: \"hosts-file\" is empty, expected the path of a file",
        ),
    ] {
        assert_eq!(wrong(text), problem, "{text}");
    }
}

#[test]
fn limits_are_rates_with_or_without_a_burst() {
    let limit = |text: &str| good(&format!("limit = {text}")).limit.unwrap();
    for (text, rate, burst) in [
        ("\"1000/s\"", 1_000, 1_000),
        ("\"1000 /s\"", 1_000, 1_000),
        ("\"1/s\"", 1, 10),
        ("1000000", 1_000_000, 1_000_000),
        ("{ rate = \"3/s\" }", 3, 10),
        ("{ rate = 3, burst = 1 }", 3, 1),
        ("{ burst = 1_000_000, rate = \"3/s\" }", 3, 1_000_000),
        ("\"100000000/s\"", 100_000_000, 1_000_000),
    ] {
        assert_eq!(
            (limit(text).per_second, limit(text).burst),
            (rate, burst),
            "{text}"
        );
    }
    for text in ["0", "\"off\"", "\"0/s\"", "{ rate = \"off\", burst = 7 }"] {
        assert_eq!(limit(text), Rate::OFF, "{text}");
    }
    let rate = "is no rate, expected one such as 1000/s, up to 100000000/s, or off";
    for (text, problem) in [
        ("\"1000\"", format!("1:9: \"1000\" {rate}")),
        ("\"5/m\"", format!("1:9: \"5/m\" {rate}")),
        ("\"-1/s\"", format!("1:9: \"-1/s\" {rate}")),
        ("\"100000001/s\"", format!("1:9: \"100000001/s\" {rate}")),
        (
            "true",
            "1:9: \"limit\" is a boolean, expected a rate such as \"1000/s\", or \"off\"".into(),
        ),
        (
            "-1",
            "1:9: \"limit\" is -1, expected a number from 0 to 100000000".into(),
        ),
        (
            "{ rate = \"5/s\", burst = 0 }",
            "1:33: \"burst\" is 0, expected a number from 1 to 1000000".into(),
        ),
        (
            "{ rate = 5, brust = 9 }",
            "1:21: unknown key \"brust\", expected one of rate, burst".into(),
        ),
        (
            "{ burst = 9 }",
            "1:9: \"limit\" has no rate, expected one such as { rate = \"1000/s\", burst = 5000 }"
                .into(),
        ),
    ] {
        assert_eq!(wrong(&format!("limit = {text}")), problem, "{text}");
    }
}

#[test]
fn broken_syntax_is_told_with_its_place() {
    for (text, place) in [
        ("ttl = \n", "1:7"),
        ("names = [\"casa\n", "1:15"),
        ("[interface.eth0\n", "1:16"),
        ("ttl = 5\nttl = 6\n", "2:1"),
        ("name casa\n", "1:6"),
        ("[interface.eth0]\n[interface.eth0]\n", "2:12"),
    ] {
        let message = wrong(text);
        assert!(message.starts_with(place), "{text:?}: {message}");
    }
}

#[test]
fn missing_quotes_are_told_as_such() {
    for (text, word) in [
        ("names = casa", "casa"),
        ("names = [casa, \"media\"]", "casa"),
        ("hosts.nas = 10.0.0.1", "10.0.0.1"),
        ("hosts.nas = fe80::1 # nas", "fe80::1"),
        ("hosts.nas = 2001:db8::1", "2001:db8::1"),
        ("interface.a.proxy-arp = [10.0.0.0/24]", "10.0.0.0/24"),
        (
            "interface.a.proxy-arp = [10.0.0.1-10.0.0.9]",
            "10.0.0.1-10.0.0.9",
        ),
        ("xdp = off", "off"),
        ("ttl = 30s", "30s"),
    ] {
        let message = wrong(text);
        let expected =
            format!("{word} is no value of TOML, expected quotes around text: \"{word}\"");
        assert!(message.ends_with(&expected), "{text}: {message}");
    }
    assert_eq!(wrong("ttl = \n"), "1:7: there is no value, expected one");
    assert_eq!(
        wrong("ttl = 5 6"),
        "1:7: there is more behind 5, expected the end of the line"
    );
    assert!(wrong("hosts.nas = 10.0.0.1").starts_with("1:13: "));
}

#[test]
fn names_that_are_too_long_or_no_names_are_told() {
    let long = format!("names = [\"{}\"]", "a".repeat(64));
    assert!(
        wrong(&long).contains("label of 64 bytes (at most 63)"),
        "{}",
        wrong(&long)
    );
    let long = format!("names = [\"{}\"]", ["abcdefg"; 32].join("."));
    assert!(
        wrong(&long).contains("257 bytes (at most 255"),
        "{}",
        wrong(&long)
    );
    assert!(wrong("names = [\"a b\"]").starts_with("1:10: \"a b\" has ' ' in it"));
    assert!(wrong("names = [\"10.0.0.1\"]").contains("is an address"));
    assert!(wrong("[hosts]\n\"\" = \"10.0.0.1\"").starts_with("2:1: the name is empty"));
    assert!(wrong("[interface.\"a/b\"]").starts_with("1:12: \"a/b\" has '/' in it"));
    assert!(wrong("[interface.aaaaaaaaaaaaaaaa]").contains("16 bytes"));
}

#[test]
fn hosts_have_addresses_that_a_host_can_have() {
    for (text, problem) in [
        ("a = \"127.0.0.1\"", "2:5: \"127.0.0.1\" is loopback"),
        ("a = \"0.0.0.0\"", "2:5: \"0.0.0.0\" is unspecified"),
        (
            "a = [\"10.0.0.1\", \"224.0.0.1\"]",
            "2:18: \"224.0.0.1\" is multicast",
        ),
        (
            "a = \"255.255.255.255\"",
            "2:5: \"255.255.255.255\" is broadcast",
        ),
        (
            "a = \"fe80::1\"",
            "2:5: \"fe80::1\" is link-local, so valid on one link, expected it under [interface.NAME.hosts]",
        ),
        ("a = \"nas\"", "2:5: \"nas\" is no address"),
        ("a = []", "2:5: \"a\" has no address"),
        (
            "a = [\"10.0.0.1\", \"10.0.0.1\"]",
            "2:18: \"10.0.0.1\" is there twice",
        ),
        (
            "a = \"10.0.0.1\"\nA = \"10.0.0.2\"",
            "3:1: \"A\" is there twice",
        ),
        (
            "a.lan = \"10.0.0.1\"",
            "2:1: \"a\" is a table, expected addresses; a name with dots in it needs quotes: \"a.lan\"",
        ),
    ] {
        let message = wrong(&format!("[hosts]\n{text}"));
        assert!(message.starts_with(problem), "{text}: {message}");
        assert!(!message.contains('\n'), "{text}: {message}");
    }
    good("[interface.eth0.hosts]\na = [\"fe80::1\", \"169.254.1.1\"]");
    good("[interface.eth0.vlan.1.hosts]\na = \"fe80::1\"");
}

#[test]
fn vlans_have_ids_and_addresses_with_prefixes() {
    assert!(wrong("[interface.eth0.vlan.4095]").starts_with("1:22: \"4095\" is no VLAN id"));
    assert!(wrong("[interface.eth0.vlan.0]").contains("expected a number from 1 to 4094"));
    assert!(wrong("[interface.eth0.vlan.x]").contains("no VLAN id"));
    let addresses = |list: &str| wrong(&format!("[interface.eth0.vlan.1]\naddresses = {list}"));
    assert!(addresses("\"10.0.0.1\"").starts_with("2:13: \"10.0.0.1\" has no prefix length"));
    assert!(addresses("[\"10.0.0.0/24\"]").contains("the address of the network"));
    assert!(addresses("[\"10.0.0.1/24\", \"10.0.0.1/24\"]").contains("twice"));
}

// RFC 3927 2.7: C21
#[test]
fn nobody_answers_for_all_link_local_addresses() {
    let proxy = |list: &str| wrong(&format!("[interface.a]\nproxy-arp = [{list}]"));
    let message = "all of 169.254/16 is on the list, for which nobody may answer (RFC 3927 2.7), expected single addresses";
    let whole = proxy("\"169.254.0.0/16\"");
    assert_eq!(whole, format!("2:14: with \"169.254.0.0/16\" {message}"));
    let halves = proxy("\"169.254.1.0-169.254.127.255\", \"169.254.128.0-169.254.254.255\"");
    assert_eq!(
        halves,
        format!("2:45: with \"169.254.128.0-169.254.254.255\" {message}")
    );
    good("[interface.a]\nproxy-arp = \"169.254.1.0-169.254.254.254\"");
}

#[test]
fn proxy_arp_lists_have_all_addresses_of_their_ranges_up_to_the_maps_size() {
    let all = good("[interface.eth0]\nproxy-arp = \"10.1.0.0/16\"");
    assert_eq!(all.interfaces["eth0"].proxy_arp.len(), 65_536);
    let overlap = "[interface.eth0]\nproxy-arp = [\"10.1.0.0/16\", \"10.1.0.0/16\", \"10.1.2.3\"]";
    assert_eq!(good(overlap).interfaces["eth0"].proxy_arp.len(), 65_536);
    let two =
        "[interface.a]\nproxy-arp = \"10.1.0.0/16\"\n[interface.b]\nproxy-arp = \"10.2.0.1\"\n";
    assert_eq!(
        wrong(two),
        "4:13: with \"10.2.0.1\" there are 65537 addresses on \"proxy-arp\" lists, expected at most 65536 in all"
    );
    let vlan = "[interface.a]\nproxy-arp = \"10.1.0.0/16\"\n[interface.a.vlan.2]\nproxy-arp = \"10.2.0.1\"\n";
    assert!(wrong(vlan).contains("65537 addresses"));
    let proxy = |item: &str| wrong(&format!("[interface.a]\nproxy-arp = [\"{item}\"]"));
    assert!(proxy("0.0.0.0/0").starts_with("2:14: \"0.0.0.0/0\" has 4294967296 addresses"));
    assert!(proxy("127.0.0.1").contains("loopback"));
    assert!(proxy("10.0.0.9/24").contains("expected 10.0.0.0/24"));
    // RFC 3927 2.7: C21
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_an_error(text in "\\PC*") {
        read(&text);
    }

    #[test]
    fn any_values_are_a_configuration_or_an_error(
        key in prop::sample::select(vec!["ttl", "xdp", "announce-every", "names", "hosts.a", "interface.a.proxy-arp", "interface.a.vlan.1.addresses", "interface.a.hosts.b"]),
        value in prop_oneof![
            "\"[0-9a-f:./%-]{0,20}\"",
            "-?[0-9]{1,20}",
            "\\[\"\\PC{0,8}\"\\]",
            "\\{ *\\}",
            "[0-9:T.-]{1,12}",
        ],
    ) {
        let (_, error) = read(&format!("{key} = {value}"));
        for problem in error.problems() {
            prop_assert!(problem.to_string().starts_with("/etc/llamar.toml:1:"), "{problem}");
        }
    }
}
