//! `llamar ether` and the old names pyng, pyngd and eterm, end to end.

use std::process::Command;

use serde_json::Value;

use crate::support::agent::{LLAMAR, finish, said};
use crate::support::links::Links;
use crate::support::net::Namespace;
use crate::support::process::Process;

mod beside_seeds;
mod capturing;
mod listening;
mod old_names;
mod pinging;
mod refusing;
mod sending;

/// `llamar ether` in a namespace with these words behind it.
fn command(from: &Namespace, line: &str) -> Command {
    let mut command = from.service(LLAMAR);
    command.arg("ether").args(line.split_whitespace());
    command
}

/// Runs `llamar ether` to its end.
#[track_caller]
fn ether(from: &Namespace, line: &str) -> (i32, String, String) {
    said(&finish(command(from, line)))
}

/// Starts `llamar ether`, and waits until it is at work.
#[track_caller]
fn start(from: &Namespace, line: &str) -> Process {
    let mut process = Process::start(&format!("llamar ether {line}"), command(from, line));
    process.wait_for_line("that it is at work", |line| {
        let at_work =
            ["listening on ", "replying as ", "PING "].map(|words| format!("llamar: {words}"));
        at_work
            .iter()
            .any(|words| line.starts_with(words.as_str()))
            .then_some(())
    });
    process
}

/// The objects that a process has printed.
fn objects(process: &Process) -> Vec<Value> {
    let said = process.said();
    let objects = said.lines().filter(|line| line.starts_with('{'));
    objects
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect()
}

/// The binary under the names of older programs.
fn links() -> Links {
    Links::new(&["pyng", "pyngd", "eterm"])
}
