//! The rules of the house that a compiler does not check: who may name what.

use std::fs;
use std::path::{Path, PathBuf};

/// What logic does not name: IO, the runtime, the loader, the clock.
const IO: [&str; 9] = [
    "tokio",
    "aya::",
    "aya_log",
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "socket2",
    "nix::sys::socket",
    "Instant::now",
    "SystemTime::now",
];

/// Folders and files of `src` that hold logic.
const LOGIC: [&str; 14] = [
    "arp",
    "config",
    "dns",
    "dnssd",
    "ether",
    "llmnr",
    "mdns",
    "ndp",
    "presence",
    "state",
    "stations",
    "datapath/diff.rs",
    "datapath/places.rs",
    "datapath/wanted.rs",
];

/// The sources below a path, tests in files of their own left out.
fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    let is_test = path.ends_with("tests") || path.ends_with("tests.rs");
    if is_test {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

/// Lines of a source that name something forbidden; comments and tests may.
fn breaches(text: &str, forbidden: &[&str]) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let lines = code.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines
        .filter(|(_, line)| forbidden.iter().any(|word| line.contains(word)))
        .map(|(number, line)| format!("{}: {}", number + 1, line.trim()))
        .collect()
}

fn check(roots: &[PathBuf], forbidden: &[&str]) {
    let mut files = Vec::new();
    for root in roots {
        assert!(root.exists(), "{} is gone: mend this test", root.display());
        sources(root, &mut files);
    }
    assert!(!files.is_empty());
    for file in files {
        let found = breaches(&fs::read_to_string(&file).unwrap(), forbidden);
        assert!(found.is_empty(), "{}: {found:#?}", file.display());
    }
}

#[test]
fn logic_names_no_io() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    check(&LOGIC.map(|path| src.join(path)), &IO);
}

#[test]
fn nothing_below_names_the_command_line() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let below = [
        "agent", "arp", "ask", "config", "datapath", "dns", "dnssd", "ether", "link", "llmnr",
        "mdns", "ndp", "net", "presence", "report", "state", "stations",
    ];
    check(&below.map(|path| src.join(path)), &["crate::cli", "clap"]);
}

#[test]
fn common_code_names_neither_the_standard_library_nor_ebpf() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../llamar-common/src");
    check(
        &[
            src.join("respond"),
            src.join("wire"),
            src.join("abi"),
            src.join("records.rs"),
        ],
        &["std::", "aya", "alloc::"],
    );
}

#[test]
fn a_breach_is_found() {
    assert_eq!(
        breaches("use a;\n    use tokio::net;\n// tokio\n", &IO).len(),
        1
    );
}
