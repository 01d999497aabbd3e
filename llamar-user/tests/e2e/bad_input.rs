//! Wrong configurations and arguments: exit code 2, the file and line, what was found there, and nothing left behind.

use std::fs;
use std::process::{Command, Output};

use crate::support::agent::{LLAMAR, config_file, config_file_named, finish, instance, llamar};
use crate::support::net::Net;

/// A configuration that is wrong: its text, the line that is, and words that the error says of it.
struct Wrong {
    text: &'static str,
    line: u32,
    words: &'static [&'static str],
}

const fn wrong(text: &'static str, line: u32, words: &'static [&'static str]) -> Wrong {
    Wrong { text, line, words }
}

const WRONG: &[Wrong] = &[
    wrong("names = [\"casa\"\n", 1, &[]),
    wrong("ttl = 30\ncolour = \"red\"\n", 2, &["colour"]),
    wrong("ttl = \"long\"\n", 1, &["ttl"]),
    wrong("ttl = -1\n", 1, &["ttl"]),
    wrong("ttl = 4294967296\n", 1, &["ttl"]),
    wrong("max-names = 0\n", 1, &["max-names"]),
    wrong(
        "xdp = \"fast\"\n",
        1,
        &["fast", "auto", "native", "generic", "off"],
    ),
    wrong("names = [\"\"]\n", 1, &["empty"]),
    wrong("names = [\n\"casa\",\n\"casa\"]\n", 3, &["casa", "twice"]),
    wrong("names = [\"casa\", \"CASA\"]\n", 1, &["CASA", "twice"]),
    wrong(
        "names = [\"a-label-that-has-sixty-four-bytes-and-so-is-longer-than-a-label-may\"]\n",
        1,
        &["63"],
    ),
    wrong("names = [7]\n", 1, &["names"]),
    wrong(
        "[hosts]\nprinter = \"127.0.0.1\"\n",
        2,
        &["127.0.0.1", "loopback"],
    ),
    wrong("[hosts]\nprinter = \"::1\"\n", 2, &["::1", "loopback"]),
    wrong(
        "[hosts]\nprinter = \"224.0.0.1\"\n",
        2,
        &["224.0.0.1", "multicast"],
    ),
    wrong(
        "[hosts]\nprinter = \"ff02::1\"\n",
        2,
        &["ff02::1", "multicast"],
    ),
    wrong(
        "[hosts]\nprinter = \"0.0.0.0\"\n",
        2,
        &["0.0.0.0", "unspecified"],
    ),
    wrong("[hosts]\nprinter = \"::\"\n", 2, &["::", "unspecified"]),
    wrong(
        "[hosts]\nprinter = \"255.255.255.255\"\n",
        2,
        &["255.255.255.255", "broadcast"],
    ),
    wrong("[hosts]\nprinter = \"192.168.1\"\n", 2, &["192.168.1"]),
    wrong(
        "[hosts]\nprinter = [\"192.168.1.9\",\n\"192.168.1.300\"]\n",
        3,
        &["192.168.1.300"],
    ),
    wrong(
        "[hosts]\nprinter = \"fe80::9\"\n",
        2,
        &["fe80::9", "link-local"],
    ),
    wrong(
        "[hosts]\nprinter = \"192.168.1.9\"\nPrinter = \"192.168.1.10\"\n",
        3,
        &["rinter", "twice"],
    ),
    wrong(
        "[interface.eth0]\nproxy-arp = [\"192.168.1.0/33\"]\n",
        2,
        &["192.168.1.0/33"],
    ),
    wrong(
        "[interface.eth0]\nproxy-arp = [\"192.168.1.9-192.168.1.1\"]\n",
        2,
        &["192.168.1.9-192.168.1.1"],
    ),
    wrong(
        "[interface.eth0]\nproxy-arp = [\"2001:db8::1\"]\n",
        2,
        &["2001:db8::1"],
    ),
    wrong(
        "[interface.eth0]\nproxy-arp = [\"224.0.0.1\"]\n",
        2,
        &["224.0.0.1", "multicast"],
    ),
    wrong("[interface.eth0]\nmode = \"fast\"\n", 2, &["mode"]),
    wrong(
        "[interface.an-interface-with-a-long-name]\n",
        1,
        &["an-interface-with-a-long-name"],
    ),
    wrong("[interface.eth0.vlan.4095]\n", 1, &["4095", "4094"]),
    wrong("[interface.eth0.vlan.0]\n", 1, &["0"]),
    wrong(
        "[interface.eth0.vlan.100]\naddresses = [\"10.0.100.1\"]\n",
        2,
        &["10.0.100.1"],
    ),
    wrong(
        "[interface.eth0.vlan.100]\naddresses = [\"10.0.100.1/40\"]\n",
        2,
        &["10.0.100.1/40"],
    ),
    wrong("mdns = \"off\"\n", 1, &["mdns", "true or false"]),
    wrong(
        "mdns-on-conflict = \"fight\"\n",
        1,
        &["fight", "withdraw", "keep", "rename"],
    ),
    wrong("announce = 1\n", 1, &["announce", "true or false"]),
    wrong("announce-every = 5\n", 1, &["announce-every", "5", "10"]),
    wrong(
        "[interface.eth0]\non-address-conflict = \"fight\"\n",
        2,
        &["fight", "defend", "report", "withdraw"],
    ),
    wrong(
        "services-dir = \"/nonexistent/services\"\n",
        1,
        &["/nonexistent/services"],
    ),
    wrong("[service]\nport = 80\n", 1, &["[[service]]"]),
    wrong("[[service]]\nport = 80\n", 1, &["type", "_http._tcp"]),
    wrong(
        "[[service]]\ntype = \"http\"\nport = 80\n",
        2,
        &["http", "_http._tcp"],
    ),
    wrong(
        "[[service]]\ntype = \"_http._tcp\"\nport = 65536\n",
        3,
        &["65536", "65535"],
    ),
    wrong(
        "[interface.eth0]\nnames = \"casa\"\n[[service]]\ntype = \"_http._tcp\"\nport = 80\n\
         [[service]]\ntype = \"_http._tcp\"\nport = 81\nname = \"CASA\"\n",
        6,
        &["CASA", "twice", "_http._tcp"],
    ),
    wrong(
        "hosts-file = \"/nonexistent/hosts\"\n",
        1,
        &["/nonexistent/hosts"],
    ),
];

fn check(path: &str) -> Output {
    let mut command = Command::new(LLAMAR);
    command.args(["check", "--config", path]);
    finish(command)
}

/// Asserts what a command that refuses a configuration says and that its exit code is 2.
#[track_caller]
fn assert_refused(output: &Output, place: &str, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{place}: {said}");
    let line = said
        .lines()
        .find(|line| line.contains(place))
        .unwrap_or_else(|| panic!("{place} is not in: {said}"));
    for word in words {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
}

#[test]
fn every_wrong_configuration_is_refused_by_check_with_its_line() {
    for case in WRONG {
        let config = config_file(case.text);
        assert_refused(
            &check(&config.path),
            &format!("{}:{}:", config.path, case.line),
            case.words,
        );
    }
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let config =
        config_file("ttl = \"long\"\ncolour = 1\n[hosts]\na = \"127.0.0.1\"\nb = \"224.0.0.1\"\n");
    let output = check(&config.path);
    for line in [1, 2, 4, 5] {
        assert_refused(&output, &format!("{}:{line}:", config.path), &[]);
    }
}

#[test]
fn a_wrong_file_of_services_is_refused_with_its_own_line() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("web.toml");
    fs::write(&file, "[[service]]\ntype = \"_http._tcp\"\n").expect("write a file");
    let text = format!("services-dir = {:?}\n[interface.eth0]\n", folder.path());
    let config = config_file(&text);
    let refused = check(&config.path);
    assert_refused(&refused, &format!("{}:1:1:", file.display()), &["port"]);
    fs::write(&file, "[[service]]\ntype = \"_http._tcp\"\nport = 80\n").expect("write a file");
    let output = check(&config.path);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("._http._tcp.local at "), "{shown}");
}

#[test]
fn run_refuses_wrong_configurations_and_leaves_nothing_behind() {
    let net = or_skip!(Net::new());
    let host = net.namespace("host");
    host.ip("link add eth0 type veth peer name eth0peer");
    for case in WRONG.iter().step_by(5) {
        let config = config_file(case.text);
        let output = llamar(
            &host,
            &["run", "--iface", "eth0", "--config", &config.path],
            Some(&instance()),
        );
        assert_refused(
            &output,
            &format!("{}:{}:", config.path, case.line),
            case.words,
        );
        for folder in ["/sys/fs/bpf/llamar", "/run/llamar"] {
            assert_eq!(
                fs::read_dir(folder).into_iter().flatten().count(),
                0,
                "{folder} after {}",
                case.text
            );
        }
        assert!(!host.ip("link show dev eth0").contains("xdp"));
    }
}

#[test]
fn wrong_hosts_file_is_refused_with_its_own_line() {
    let config = config_file("hosts-file = \"hosts\"\n");
    let hosts = config.path.replace("llamar.toml", "hosts");
    fs::write(&hosts, "192.168.1.9 printer\n192.168.1.300 other\n").unwrap();
    assert_refused(
        &check(&config.path),
        &format!("{hosts}:2:"),
        &["192.168.1.300"],
    );
}

#[test]
fn configuration_that_is_not_utf_8_is_refused_with_its_line() {
    let config = config_file_named("llamar.toml", b"ttl = 30\nnames = [\"caf\xe9\"]\n");
    assert_refused(
        &check(&config.path),
        &format!("{}:2:", config.path),
        &["UTF-8"],
    );
}

#[test]
fn configuration_that_is_missing_is_refused() {
    assert_refused(
        &check("/nonexistent/llamar.toml"),
        "/nonexistent/llamar.toml",
        &[],
    );
}

#[test]
fn wrong_ini_file_is_refused_with_its_line() {
    let config = config_file_named("llmnr.conf", b"[eth0]\nname = casa\ncolour = red\n");
    assert_refused(
        &check(&config.path),
        &format!("{}:3", config.path),
        &["colour"],
    );
}

#[test]
fn good_configuration_is_summed_up_on_standard_output() {
    let config =
        config_file("[interface.eth0]\nnames = [\"casa\"]\n[hosts]\nprinter = \"192.168.1.9\"\n");
    let output = check(&config.path);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for word in ["eth0", "casa"] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
}

#[test]
fn wrong_arguments_are_refused_with_exit_code_2() {
    let long = "x".repeat(64);
    let empty = config_file("");
    let cases: [&[&str]; 9] = [
        &["run", "--config", &empty.path],
        &["run", "--iface"],
        &["run", "--iface", "eth0", "--xdp", "fast"],
        &["run", "--iface", "eth0", "--ttl", "long"],
        &["run", "--iface", "eth0", "--max-names", "0"],
        &["run", "--iface", "eth0", "--name", ""],
        &["run", "--iface", "eth0", "--name", &long],
        &["run", "--iface", "eth0", "--name", "casa", "--name", "CASA"],
        &["fly"],
    ];
    for arguments in cases {
        let mut command = Command::new(LLAMAR);
        command.args(arguments);
        let output = finish(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("llamar: error: "), "{arguments:?}: {said}");
    }
}

#[test]
fn name_that_is_not_utf_8_is_refused_with_exit_code_2() {
    use std::os::unix::ffi::OsStrExt;
    let mut command = Command::new(LLAMAR);
    command.args(["run", "--iface", "eth0", "--name"]);
    command.arg(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    let output = finish(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("UTF-8"), "{said}");
}
