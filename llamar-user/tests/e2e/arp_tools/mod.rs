//! `llamar arp` and arpsend, end to end: against the kernel, both arpings and arp-scan, and frame by frame on a wire.

use std::net::Ipv4Addr;
use std::process::Command;

use llamar_common::testing::Mac;

use crate::support::agent::{LLAMAR, finish, said};
use crate::support::links::Links;
use crate::support::net::Namespace;
use crate::support::peers::Peer;
use crate::support::process::Process;
use crate::support::reply::Arp;
use crate::support::scene::{HOST_LOCAL_V4, HOST_V4, Scene};
use crate::support::tshark;
use crate::support::wire::Wire;

mod arpsend;
mod asking;
mod claiming;
mod refusing;
mod telling;

/// All stations.
const ALL: Mac = [0xff; 6];
const ZERO: Mac = [0; 6];
const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// `llamar arp` in a namespace with these words behind it.
fn arp_command(from: &Namespace, line: &str) -> Command {
    let mut command = from.service(LLAMAR);
    command.arg("arp").args(line.split_whitespace());
    command
}

/// Runs `llamar arp` to its end.
#[track_caller]
fn arp(from: &Namespace, line: &str) -> (i32, String, String) {
    said(&finish(arp_command(from, line)))
}

/// Starts `llamar arp`.
fn start(from: &Namespace, line: &str) -> Process {
    Process::start(&format!("llamar arp {line}"), arp_command(from, line))
}

/// The binary under the name `arpsend`.
struct Arpsend(Links);

impl Arpsend {
    fn new() -> Self {
        Self(Links::new(&["arpsend"]))
    }

    fn path(&self) -> String {
        self.0.path("arpsend")
    }

    fn command(&self, from: &Namespace, line: &str) -> Command {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.0.command(from, "arpsend", &words)
    }

    /// Runs it to its end.
    #[track_caller]
    fn run(&self, from: &Namespace, line: &str) -> (i32, String, String) {
        said(&finish(self.command(from, line)))
    }
}

/// A link on which nobody but a test says anything, our side with a routable and a link-local address.
fn addressed_scene() -> Option<Scene> {
    let scene = Scene::quiet()?;
    let addresses = [(HOST_V4, 24), (HOST_LOCAL_V4, 16)];
    for (address, length) in addresses {
        let line = format!("address add {address}/{length} dev eth0");
        scene.host.ip(&line);
    }
    Some(scene)
}

/// Adds interfaces by which nothing can be asked: `off` is down, `mute` does not use ARP.
fn add_unfit(host: &Namespace) {
    host.ip("link add off type veth peer name other");
    host.ip("link add mute type veth peer name deaf");
    host.ip("link set mute arp off up");
    host.ip("link set deaf up");
    host.wait_for_carrier("mute");
}

/// The frames of ARP that have arrived, as they came.
fn arp_frames(wire: &Wire) -> Vec<Vec<u8>> {
    let frames = wire.drain().into_iter();
    frames
        .filter(|frame| Arp::decode(frame).is_some())
        .collect()
}

/// The packets of frames.
fn packets(frames: &[Vec<u8>]) -> Vec<Arp> {
    frames
        .iter()
        .filter_map(|frame| Arp::decode(frame))
        .collect()
}

/// Asserts that tshark holds each frame for an ARP packet, finds nothing wrong with it, and reads this in it.
#[track_caller]
fn assert_dissected(frames: &[Vec<u8>], summaries: &[&str]) {
    let tshark = or_skip!(Peer::find("tshark"));
    let dissections = tshark::dissect(&tshark, frames);
    for dissection in &dissections {
        assert_eq!(dissection.protocol, "ARP", "{dissection:?}");
    }
    let read: Vec<_> = dissections
        .iter()
        .map(|found| found.summary.as_str())
        .collect();
    assert_eq!(read, summaries);
}
