//! Frames before tshark, which must find nothing wrong with them.

use super::net::run;
use super::peers::Peer;

/// A dissected frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissection {
    /// The innermost protocol.
    pub protocol: String,
    /// The one-line summary.
    pub summary: String,
}

/// What tshark finds in each frame for each field; several occurrences with commas between.
#[track_caller]
pub fn fields(tshark: &Peer, frames: &[Vec<u8>], fields: &[&str]) -> Vec<Vec<String>> {
    let text = run_tshark(tshark, frames, fields);
    let split = |line: &str| line.split('\t').map(String::from).collect();
    text.lines().map(split).collect()
}

/// Dissects frames with tshark; panics if it holds one for malformed, for worth a warning, or its checksum for bad.
#[track_caller]
pub fn dissect(tshark: &Peer, frames: &[Vec<u8>]) -> Vec<Dissection> {
    const FIELDS: [&str; 9] = [
        "_ws.malformed",
        "_ws.expert.severity",
        "_ws.expert.message",
        "ip.checksum.status",
        "udp.checksum.status",
        "icmpv6.checksum.status",
        "_ws.col.Protocol",
        "_ws.col.Info",
        "frame.protocols",
    ];
    let text = run_tshark(tshark, frames, &FIELDS);
    let dissections: Vec<_> = text.lines().map(judge).collect();
    assert_eq!(
        dissections.len(),
        frames.len(),
        "tshark dissected every frame: {text}"
    );
    dissections
}

/// What tshark prints of some fields, a line for each frame.
#[track_caller]
fn run_tshark(tshark: &Peer, frames: &[Vec<u8>], fields: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("make a folder for tshark");
    let file = folder.path().join("frames.pcap");
    std::fs::write(&file, capture(frames)).expect("write the capture");
    let mut command = tshark.command();
    command
        // Without anybody's preferences.
        .env("HOME", folder.path())
        .arg("-nr")
        .arg(&file)
        .args(["-T", "fields", "-E", "separator=/t"]);
    for option in [
        "ip.check_checksum",
        "udp.check_checksum",
        "tcp.check_checksum",
    ] {
        command.args(["-o", &format!("{option}:TRUE")]);
    }
    for field in fields {
        command.args(["-e", field]);
    }
    let output = run(&mut command);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn judge(line: &str) -> Dissection {
    /// PI_WARN; errors are above, notes and chats below.
    const WARNING: u32 = 0x0060_0000;
    /// What tshark says of a good checksum.
    const GOOD: &str = "1";
    let fields: Vec<_> = line.split('\t').collect();
    let [
        malformed,
        severities,
        messages,
        ip,
        udp,
        icmpv6,
        protocol,
        summary,
        protocols,
    ] = fields[..]
    else {
        panic!("fields of tshark's line {line:?}");
    };
    assert_eq!(malformed, "", "malformed: {line}");
    let severities = severities.split(',').filter(|text| !text.is_empty());
    let severities = severities.map(|text| text.parse::<u32>().expect("a severity"));
    let worst = severities.filter(|severity| *severity >= WARNING).count();
    // mDNS repeats itself, always with id 0.
    let repeated = messages.matches(" retransmission. Original re").count();
    assert!(worst <= repeated, "expert warning: {line}");
    assert!(
        !protocols.contains(":ip:") || ip == GOOD,
        "IPv4 checksum: {line}"
    );
    assert!(
        !protocols.contains(":udp:") || udp == GOOD,
        "UDP checksum: {line}"
    );
    assert!(
        !protocols.contains(":icmpv6") || icmpv6 == GOOD,
        "ICMPv6 checksum: {line}"
    );
    Dissection {
        protocol: protocol.into(),
        summary: summary.into(),
    }
}

/// The frames as a pcap file.
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    const ETHERNET: u32 = 1;
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, ETHERNET] {
        file.extend(u32::to_le_bytes(word));
    }
    for (number, frame) in frames.iter().enumerate() {
        for word in [number as u32, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(u32::to_le_bytes(word));
        }
        file.extend(frame);
    }
    file
}
