//! `llamar nd` and ndsend, end to end: beside the kernel's Neighbor Discovery, ndisc6, and made-up neighbours that do
//! what those do not.

use std::os::unix::fs::symlink;
use std::process::Output;

use crate::support::agent::{LLAMAR, finish, llamar};
use crate::support::net::Namespace;
use crate::support::process::Process;

mod announce;
mod dad;
mod detect;
mod ndsend;
mod refusals;

/// What a command came to: its exit code, standard output, and standard error.
#[track_caller]
fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

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

/// Runs the binary under another name in a namespace.
#[track_caller]
fn run_as(name: &str, from: &Namespace, arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().expect("make a folder");
    let link = folder.path().join(name);
    symlink(LLAMAR, &link).expect("link the binary");
    let mut command = from.service(link.to_str().expect("a path in UTF-8"));
    command.args(arguments);
    said(&finish(command))
}
