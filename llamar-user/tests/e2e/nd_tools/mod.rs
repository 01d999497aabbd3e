//! `llamar nd` and ndsend, end to end: beside the kernel's Neighbor Discovery, ndisc6, and made-up neighbours that do
//! what those do not.

use crate::support::agent::{LLAMAR, finish, llamar, said};
use crate::support::links::Links;
use crate::support::net::Namespace;
use crate::support::peers::Peer;
use crate::support::process::Process;
use crate::support::tshark::fields;

mod announce;
mod dad;
mod detect;
mod ndsend;
mod refusals;

/// Runs `llamar nd` in a namespace.
#[track_caller]
fn nd(from: &Namespace, arguments: &[&str]) -> (i32, String, String) {
    said(&llamar(from, &[&["nd"], arguments].concat(), None))
}

/// Starts `llamar nd` in a namespace.
fn start_nd(from: &Namespace, arguments: &[&str]) -> Process {
    let mut command = from.service(LLAMAR);
    command.arg("nd").args(arguments);
    Process::start(&format!("llamar nd {}", arguments.join(" ")), command)
}

/// What tshark reads of sound messages of a type: VLAN, addresses of frame and packet, and some fields besides.
#[track_caller]
fn as_tshark_reads(
    tshark: &Peer,
    frames: &[Vec<u8>],
    kind: u8,
    besides: &[&str],
) -> Vec<Vec<String>> {
    const SOUND: [&str; 4] = [
        "ipv6.hlim",
        "icmpv6.type",
        "icmpv6.checksum.status",
        "_ws.malformed",
    ];
    const WHERE: [&str; 5] = ["vlan.id", "eth.src", "eth.dst", "ipv6.src", "ipv6.dst"];
    let mut read = fields(tshark, frames, &[&SOUND[..], &WHERE, besides].concat());
    assert_eq!(read.len(), frames.len(), "tshark dissected every frame");
    for row in &mut read {
        let sound: Vec<String> = row.drain(..SOUND.len()).collect();
        assert_eq!(sound, ["255", &kind.to_string(), "1", ""], "{row:?}");
    }
    read
}

/// Runs the binary under another name in a namespace.
#[track_caller]
fn run_as(name: &str, from: &Namespace, arguments: &[&str]) -> (i32, String, String) {
    said(&finish(Links::new(&[name]).command(from, name, arguments)))
}
