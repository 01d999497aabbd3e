//! `llamar ether` and the old names pyng, pyngd and eterm, end to end.

use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::agent::{LLAMAR, finish};
use crate::support::net::Namespace;
use crate::support::process::Process;
use crate::support::scene::{Path, Scene};

mod beside_seeds;
mod capturing;
mod listening;
mod old_names;
mod pinging;
mod refusing;
mod sending;

/// What a command came to: its exit code, standard output, and standard error.
#[track_caller]
fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

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
        let at_work = ["listening on ", "replying as ", "PING "];
        at_work
            .iter()
            .any(|words| line.starts_with(words))
            .then_some(())
    });
    process
}

/// A link between two namespaces on which nobody but a test says anything.
fn quiet_scene() -> Option<Scene> {
    let scene = Scene::bare(Path::Userspace)?;
    for namespace in [&scene.host, &scene.peer] {
        namespace.set("net/ipv6/conf/eth0/disable_ipv6", "1");
    }
    Some(scene)
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
struct Links {
    folder: tempfile::TempDir,
}

impl Links {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        for name in ["pyng", "pyngd", "eterm"] {
            symlink(LLAMAR, folder.path().join(name)).expect("link an old name");
        }
        Self { folder }
    }

    /// A program with these words behind it.
    fn command(&self, from: &Namespace, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let program = self.folder.path().join(words.next().expect("a name"));
        let mut command = from.service(&program.to_string_lossy());
        command.args(words);
        command
    }

    /// Runs it to its end.
    #[track_caller]
    fn run(&self, from: &Namespace, line: &str) -> (i32, String, String) {
        said(&finish(self.command(from, line)))
    }

    /// Starts it.
    fn start(&self, from: &Namespace, line: &str) -> Process {
        Process::start(line, self.command(from, line))
    }
}
