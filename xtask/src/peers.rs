//! Other people's programs that the tests ask and answer: unpacked Debian packages, and a wrapper for each program in
//! `target/peers/bin` that lets it find its libraries and data there. Installing some of them would start daemons.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::apt::{self, Apt};
use crate::stamp::{self, Stamp};
use crate::step;
use crate::workspace::Workspace;

/// One program: the name of its wrapper, its package, its place in it below `/usr` or `/`, and arguments with which it
/// ends at once.
struct Peer(
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const PEERS: &[Peer] = &[
    Peer("llmnrd", "llmnrd", "sbin/llmnrd", &["--version"]),
    Peer("llmnr-query", "llmnrd", "bin/llmnr-query", &["--version"]),
    Peer(
        "systemd-resolved",
        "systemd-resolved",
        "lib/systemd/systemd-resolved",
        &["--version"],
    ),
    Peer(
        "resolvectl",
        "systemd-resolved",
        "bin/resolvectl",
        &["--version"],
    ),
    Peer(
        "dbus-daemon",
        "dbus-daemon",
        "bin/dbus-daemon",
        &["--version"],
    ),
    Peer(
        "avahi-daemon",
        "avahi-daemon",
        "sbin/avahi-daemon",
        &["--version"],
    ),
    Peer(
        "avahi-browse",
        "avahi-utils",
        "bin/avahi-browse",
        &["--version"],
    ),
    Peer(
        "avahi-resolve",
        "avahi-utils",
        "bin/avahi-resolve",
        &["--version"],
    ),
    Peer(
        "avahi-publish",
        "avahi-utils",
        "bin/avahi-publish",
        &["--version"],
    ),
    Peer("dig", "bind9-dnsutils", "bin/dig", &["-v"]),
    Peer("arping", "arping", "sbin/arping", &["--help"]),
    Peer("iputils-arping", "iputils-arping", "bin/arping", &["-V"]),
    Peer("arp-scan", "arp-scan", "sbin/arp-scan", &["--version"]),
    Peer("ethtool", "ethtool", "sbin/ethtool", &["--version"]),
    Peer("ndisc6", "ndisc6", "bin/ndisc6", &["--version"]),
    Peer("rdisc6", "ndisc6", "bin/rdisc6", &["--version"]),
    Peer("tshark", "tshark", "bin/tshark", &["--version"]),
    Peer("dumpcap", "wireshark-common", "bin/dumpcap", &["--version"]),
    Peer(
        "text2pcap",
        "wireshark-common",
        "bin/text2pcap",
        &["--version"],
    ),
    Peer("tcpdump", "tcpdump", "bin/tcpdump", &["--version"]),
    Peer("bpftool", "bpftool", "sbin/bpftool", &["version"]),
    Peer("xdp-loader", "xdp-tools", "sbin/xdp-loader", &["--version"]),
    Peer("xdp-bench", "xdp-tools", "sbin/xdp-bench", &["--version"]),
    Peer(
        "xdp-trafficgen",
        "xdp-tools",
        "sbin/xdp-trafficgen",
        &["--version"],
    ),
    Peer("ip", "iproute2", "bin/ip", &["-V"]),
    Peer("python3", "python3-minimal", "bin/python3", &["--version"]),
];

/// Needed in the version that fits a peer, whatever is installed.
const COMPANIONS: &[&str] = &["libsystemd-shared"];

/// Not brought where the machine has it: what it starts should not find libraries below `target/`.
const PREFER_INSTALLED: &[&str] = &["ip", "python3"];

/// The directory with a wrapper for each peer; brings what is missing.
pub fn ready(workspace: &Workspace) -> Result<PathBuf> {
    let (home, bin) = (workspace.peers(), workspace.peers().join("bin"));
    let names: Vec<_> = PEERS.iter().map(|peer| peer.0).collect();
    let stamp = Stamp::new(
        &home,
        "peers.stamp",
        &format!("peers 2: {}", names.join(" ")),
    );
    let wrappers: Vec<_> = names.iter().map(|name| bin.join(name)).collect();
    if stamp.holds(&wrappers) {
        return Ok(bin);
    }
    let _lock = stamp::lock(&home)?;
    if stamp.holds(&wrappers) {
        return Ok(bin);
    }
    stamp.break_off()?;
    let root = home.join("root");
    unpack(&workspace.apt(), &root).context("bring the programs that the tests talk to")?;
    wrap(&root, &bin)?;
    stamp.set()?;
    Ok(bin)
}

/// The program file behind a wrapper, once they are there.
pub fn file(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let peer = PEERS.iter().find(|peer| peer.0 == name);
    let Peer(_, _, file, _) = peer.with_context(|| format!("{name} is no peer"))?;
    Ok(installed(name).unwrap_or_else(|| unpacked(&workspace.peers().join("root"), file)))
}

fn unpack(apt: &Path, root: &Path) -> Result<()> {
    let brought = PEERS.iter().filter(|peer| installed(peer.0).is_none());
    let mut packages: Vec<&str> = brought.map(|peer| peer.1).collect();
    packages.dedup();
    Apt::open(apt)?.with_lists(|apt| {
        // The two arpings conflict as packages, so they are looked up apart; as files they do not.
        let (first, second): (Vec<&str>, Vec<&str>) =
            packages.iter().partition(|name| **name != "iputils-arping");
        let mut closure = apt.closure(&first)?;
        closure.append(&mut apt.closure(&second)?);
        let mut all: Vec<String> = packages
            .iter()
            .chain(COMPANIONS)
            .map(|&name| name.to_owned())
            .collect();
        // What `python3` is a link to, and its standard library.
        let of_python = |name: &&String| {
            ["python3.", "libpython3."]
                .iter()
                .any(|of| name.starts_with(of))
        };
        all.extend(closure.iter().filter(of_python).cloned());
        let libraries = apt::missing_libraries(&closure)?;
        all.extend(
            libraries
                .into_iter()
                .filter(|name| !COMPANIONS.contains(&name.as_str())),
        );
        stamp::remove_dir(root)?;
        apt.unpack(&all, root)
    })
}

/// Writes the wrappers and tries each of them.
fn wrap(root: &Path, bin: &Path) -> Result<()> {
    stamp::remove_dir(bin)?;
    stamp::create_dir(bin)?;
    let environment = environment(root);
    for Peer(name, package, file, probe) in PEERS {
        let wrapper = bin.join(name);
        let text = match installed(name) {
            Some(program) => script(&program, &[]),
            None => script(&unpacked(root, file), &environment),
        };
        stamp::write(&wrapper, text.as_bytes())?;
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("make {} executable", wrapper.display()))?;
        check(&wrapper, probe).with_context(|| format!("{name} of Debian's package {package}"))?;
    }
    Ok(())
}

/// The machine's own program, if that is to be preferred.
fn installed(name: &str) -> Option<PathBuf> {
    let places =
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(|place| Path::new(place).join(name));
    places
        .into_iter()
        .find(|place| PREFER_INSTALLED.contains(&name) && step::is_program(place))
}

/// Where an unpacked program lies: they move from / to /usr between Debian's releases.
fn unpacked(root: &Path, file: &str) -> PathBuf {
    let usr = root.join("usr").join(file);
    if usr.is_file() { usr } else { root.join(file) }
}

/// What the programs need to find their parts below `root`.
fn environment(root: &Path) -> Vec<(&'static str, String)> {
    let mut libraries = apt::library_directories(root);
    libraries.extend(
        apt::library_directories(root)
            .into_iter()
            .map(|directory| directory.join("systemd")),
    );
    libraries.retain(|directory| directory.is_dir());
    let libraries: Vec<_> = libraries
        .iter()
        .map(|directory| directory.to_string_lossy())
        .collect();
    let below = |part: &str| root.join(part).display().to_string();
    let mut environment = vec![
        ("LD_LIBRARY_PATH", libraries.join(":")),
        ("WIRESHARK_DATA_DIR", below("usr/share/wireshark")),
        ("MAXMINDDB_DIR", below("usr/share/GeoIP")),
    ];
    for directory in apt::library_directories(root) {
        for (name, part) in [
            ("WIRESHARK_EXTCAP_DIR", "wireshark/extcap"),
            ("LIBXDP_OBJECT_PATH", "bpf"),
        ] {
            if directory.join(part).is_dir() {
                environment.push((name, directory.join(part).display().to_string()));
            }
        }
    }
    environment
}

fn script(program: &Path, environment: &[(&str, String)]) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let mut text = "#!/bin/sh\n# Written by `cargo xtask setup --peers`: a program of an unpacked Debian package.\n".to_owned();
    for (name, value) in environment {
        text += &format!("export {name}={}\n", quoted(value));
    }
    text + &format!("exec {} \"$@\"\n", quoted(&program.display().to_string()))
}

/// Starts a program to see that it finds its libraries. Some end their help with an error code of their own.
fn check(program: &Path, probe: &[&str]) -> Result<()> {
    let mut command = Command::new(program);
    let output = command
        .args(probe)
        .output()
        .with_context(|| format!("start {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let lost = said.contains("error while loading shared libraries")
        || said.contains("symbol lookup error");
    if lost || !matches!(output.status.code(), Some(0..=125)) {
        bail!(
            "`{}` {}: {}",
            step::line(&command),
            step::ending(output.status),
            said.trim()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_sets_the_environment_and_passes_arguments_on() {
        let directory = std::env::temp_dir().join(format!(
            "llamar-xtask-{}-it's a wrapper",
            std::process::id()
        ));
        stamp::create_dir(&directory).unwrap();
        let (program, wrapper) = (directory.join("program"), directory.join("wrapper"));
        let text = script(&program, &[("LLAMAR_PEER_TEST", "it's one".to_owned())]);
        for (file, text) in [
            (&program, "#!/bin/sh\necho \"$LLAMAR_PEER_TEST:$2\"\n"),
            (&wrapper, text.as_str()),
        ] {
            // By another process: what another test starts would hold a file open that was written here, and nobody can
            // run what is open for writing.
            let source = file.with_extension("text");
            stamp::write(&source, text.as_bytes()).unwrap();
            step::output(Command::new("install").arg(&source).arg(file)).unwrap();
        }
        assert_eq!(
            step::output(Command::new(&wrapper).args(["a", "b c"])).unwrap(),
            "it's one:b c\n"
        );
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_program_that_cannot_start_is_found_out() {
        assert!(check(Path::new("/bin/true"), &[]).is_ok());
        assert!(check(Path::new("/bin/false"), &[]).is_ok());
        let error = format!(
            "{:#}",
            check(Path::new("/bin/sh"), &["-c", "echo broken >&2; exit 127"]).unwrap_err()
        );
        assert!(error.contains("exit code 127: broken"), "{error}");
        assert!(check(Path::new("/nonexistent"), &[]).is_err());
    }

    #[test]
    fn every_wrapper_has_its_own_name() {
        let mut names: Vec<_> = PEERS.iter().map(|peer| peer.0).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
