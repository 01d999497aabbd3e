//! `llamar ether listen -w`: files that others read.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;

use super::{command, ether, start};
use crate::support::net::run;
use crate::support::peers::Peer;
use crate::support::scene::Scene;
use crate::support::{pcap, wait_until};

/// What tshark finds in each frame of a file.
#[track_caller]
fn fields(tshark: &Peer, file: &Path, names: &[&str]) -> Vec<Vec<String>> {
    let home = tempfile::tempdir().unwrap();
    let mut tshark = tshark.command();
    tshark
        .env("HOME", home.path())
        .arg("-nr")
        .arg(file)
        .args(["-T", "fields"]);
    for name in names {
        tshark.args(["-e", name]);
    }
    let text = String::from_utf8(run(&mut tshark).stdout).unwrap();
    let split = |line: &str| line.split('\t').map(String::from).collect();
    text.lines().map(split).collect()
}

/// How many whole frames there are in a file that may be being written.
fn frames_in(file: &Path) -> usize {
    pcap::read(file).0.len()
}

#[test]
fn a_file_of_a_listener_that_was_killed_is_whole_and_others_read_it() {
    let scene = or_skip!(Scene::quiet());
    let (tshark, tcpdump) = (
        or_skip!(Peer::find("tshark")),
        or_skip!(Peer::find("tcpdump")),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frames.pcap");
    let line = format!("listen -I eth0 -t experimental -w {}", file.display());
    let mut listen = start(&scene.host, &line);
    ether(&scene.peer, "send -I eth0 02:00:00:00:00:01 --text one");
    ether(
        &scene.peer,
        "send -I eth0 02:00:00:00:00:01 --text two -V 100 --priority 3",
    );
    ether(&scene.host, "send -I eth0 broadcast --text three");
    wait_until("three frames in the file", || frames_in(&file) == 3);
    listen.signal(Signal::SIGKILL);
    listen.wait();
    assert_eq!(
        listen.said().lines().count(),
        1,
        "nothing is printed beside: {}",
        listen.said()
    );
    let names = [
        "frame.len",
        "vlan.id",
        "vlan.priority",
        "eth.src",
        "frame.cap_len",
        "data.data",
    ];
    let found = fields(&tshark, &file, &names);
    let expected = [
        ["17", "", "", "02:00:00:00:00:02", "17", "6f6e65"],
        ["21", "100", "3", "02:00:00:00:00:02", "21", "74776f"],
        ["19", "", "", "02:00:00:00:00:01", "19", "7468726565"],
    ];
    assert_eq!(found, expected);
    // Nanoseconds, of now.
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    for time in fields(&tshark, &file, &["frame.time_epoch"]) {
        let time: f64 = time[0].parse().unwrap();
        assert!((now.as_secs_f64() - time).abs() < 60.0, "{time}");
    }
    let read = run(tcpdump.command().args(["-Z", "root", "-nner"]).arg(&file));
    let text = String::from_utf8(read.stdout).unwrap();
    let frames = text.lines().filter(|line| line.contains("0x88b5"));
    assert_eq!(frames.count(), 3, "{text}");
    assert!(text.contains("vlan 100, p 3"), "{text}");
}

#[test]
fn standard_output_takes_a_capture_and_nothing_beside_it() {
    let scene = or_skip!(Scene::quiet());
    let mut command = command(&scene.host, "listen -I eth0 -w - -c 1 -t experimental");
    let mut listen = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = listen.stdout.take().unwrap();
    let mut capture = vec![0; 24];
    // The header comes at once: whoever reads need not wait for a frame.
    out.read_exact(&mut capture).unwrap();
    ether(&scene.peer, "send -I eth0 broadcast --text Hi");
    out.read_to_end(&mut capture).unwrap();
    assert!(listen.wait().unwrap().success());
    assert_eq!(capture[..4], [0x4d, 0x3c, 0xb2, 0xa1]);
    assert_eq!(
        (capture.len(), &capture[24 + 16 + 14..]),
        (24 + 16 + 16, &b"Hi"[..])
    );
    let (code, _, err) = ether(&scene.host, "listen -I eth0 -w - --json");
    assert_eq!(code, 2);
    assert!(
        err.contains("-w - takes standard output: nothing else can be printed"),
        "{err}"
    );
}

#[test]
fn a_file_and_lines_may_both_be_wanted() {
    let scene = or_skip!(Scene::quiet());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frames.pcap");
    let line = format!(
        "listen -I eth0 -c 1 -t experimental --payload text -w {}",
        file.display()
    );
    let mut listen = start(&scene.host, &line);
    ether(&scene.peer, "send -I eth0 broadcast --text Hi");
    listen.wait_for_words(&["bytes: Hi"]);
    assert!(listen.wait().success());
    assert_eq!(frames_in(&file), 1);
}

#[test]
fn a_disk_that_is_full_ends_it() {
    let scene = or_skip!(Scene::quiet());
    let (code, _, err) = ether(&scene.host, "listen -I eth0 -w /dev/full");
    assert_eq!(code, 2);
    assert!(
        err.contains("write /dev/full: No space left on device"),
        "{err}"
    );
    let (code, _, err) = ether(&scene.host, "listen -I eth0 -w /nonexistent/file");
    assert_eq!(code, 2);
    assert!(
        err.contains("write /nonexistent/file: No such file or directory"),
        "{err}"
    );
}

#[test]
fn damaged_frames_of_real_networks_are_taken_as_they_are() {
    let files = or_skip!(pcap::files());
    let scene = or_skip!(Scene::quiet());
    let damaged = files
        .iter()
        .find(|file| file.ends_with("tcpdump__arp-oobr.pcap"));
    let frames: Vec<_> = pcap::frames(damaged.expect("the capture of damaged ARP frames"))
        .into_iter()
        .map(|(_, frame)| frame)
        .filter(|frame| (14..=1514).contains(&frame.len()))
        .collect();
    assert!(frames.len() > 2000, "{}", frames.len());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frames.pcap");
    let line = format!(
        "listen -I eth0 -c {} --json -w {}",
        frames.len(),
        file.display()
    );
    let mut listen = start(&scene.host, &line);
    let wire = scene.wire();
    for frames in frames.chunks(50) {
        let before = frames_in(&file);
        frames.iter().for_each(|frame| wire.send(frame));
        // No more at once than a socket holds.
        wait_until("the frames in the file", || {
            frames_in(&file) == before + frames.len()
        });
    }
    assert!(listen.wait().success());
    let written: Vec<_> = pcap::frames(&file)
        .into_iter()
        .map(|(_, frame)| frame)
        .collect();
    assert_eq!(written, frames);
    assert_eq!(super::objects(&listen).len(), frames.len());
}
