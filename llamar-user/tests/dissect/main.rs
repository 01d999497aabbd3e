//! Capture files: what is read from them, against tshark and as it was before, and what the linter and the tutorial's
//! lines make of it.

#[expect(dead_code, reason = "frames are read by the library here")]
#[path = "../support/pcap.rs"]
mod pcap;

mod formats;
mod golden;
mod ours;
mod tshark;

use std::path::Path;

use llamar_user::net::capture::{Capture, Captured, open};

/// The datagrams of a file that is whole, and the file for what was skipped in it.
#[track_caller]
fn read(file: &Path) -> (Vec<Captured>, Capture) {
    let mut capture = open(file);
    let datagrams = capture.by_ref().map(|next| match next {
        Ok(captured) => captured,
        Err(error) => panic!("{error}"),
    });
    (datagrams.collect(), capture)
}

/// A file's name without its folder.
fn name(file: &Path) -> String {
    let name = file.file_stem().expect("a file");
    name.to_string_lossy().into_owned()
}
