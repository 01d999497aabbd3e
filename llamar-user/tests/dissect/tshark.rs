//! The same files before tshark.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use llamar_common::testing::skip;
use llamar_user::net::capture::Captured;

use super::pcap::files;
use super::{name, read};

/// tshark where `cargo xtask setup --peers` puts it, or where it is installed.
pub fn tshark() -> Option<Command> {
    let brought = std::env::var_os("LLAMAR_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/bin"),
        PathBuf::from,
    );
    let installed = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::iter::once(brought).chain(std::env::split_paths(&installed));
    let Some(folder) = folders.find(|folder| folder.join("tshark").is_file()) else {
        skip("no tshark: cargo xtask setup --peers");
        return None;
    };
    let mut command = Command::new(folder.join("tshark"));
    // Without anybody's preferences.
    command.env("HOME", env!("CARGO_TARGET_TMPDIR"));
    Some(command)
}

/// What a command prints.
#[track_caller]
pub fn output(command: &mut Command) -> String {
    let output = command.output().expect("run tshark");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// A datagram as both see it: when, from, to, hop limit, length.
type Seen = (String, SocketAddr, SocketAddr, u8, usize);

#[test]
fn datagrams_are_those_that_tshark_sees() {
    let Some(files) = files() else { return };
    let mut total = 0;
    for file in files {
        let Some(command) = tshark() else { return };
        let theirs = seen_by(command, &file);
        let ours: Vec<Seen> = read(&file).0.iter().map(seen).collect();
        assert_eq!(ours, theirs, "{}", name(&file));
        total += ours.len();
    }
    assert!(total > 500, "{total} datagrams");
}

fn seen(captured: &Captured) -> Seen {
    let (at, udp) = (captured.at, &captured.packet);
    let time = format!("{}.{:09}", at.as_secs(), at.subsec_nanos());
    (time, udp.from, udp.to, udp.hop_limit, udp.payload.len())
}

fn seen_by(mut command: Command, file: &Path) -> Vec<Seen> {
    const FIELDS: [&str; 9] = [
        "frame.time_epoch",
        "ip.src",
        "ip.dst",
        "ip.ttl",
        "ipv6.src",
        "ipv6.dst",
        "ipv6.hlim",
        "udp.port",
        "udp.length",
    ];
    command.arg("-nr").arg(file);
    // ICMP cites what it is about.
    command.args(["-Y", "udp && !icmp && !icmpv6"]);
    command.args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    output(&mut command).lines().map(line).collect()
}

#[track_caller]
fn line(line: &str) -> Seen {
    let fields: Vec<_> = line.split('\t').collect();
    let [time, from4, to4, ttl4, from6, to6, ttl6, ports, length] = fields[..] else {
        panic!("fields of tshark's line {line:?}");
    };
    let (from, to, ttl) = match from4 {
        "" => (from6, to6, ttl6),
        _ => (from4, to4, ttl4),
    };
    let (source, destination) = ports.split_once(',').expect("two ports");
    let address = |address: &str, port: &str| {
        let address: IpAddr = address.parse().expect("one address");
        SocketAddr::new(address, port.parse().expect("a port"))
    };
    (
        time.to_owned(),
        address(from, source),
        address(to, destination),
        ttl.parse().expect("a TTL"),
        length.parse::<usize>().expect("a length") - 8,
    )
}
