//! The binary under the names of older programs.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::agent::{LLAMAR, finish, said};
use super::net::Namespace;
use super::process::Process;

/// A folder with a link to the binary for each name, removed on drop.
pub struct Links {
    folder: tempfile::TempDir,
}

impl Links {
    /// The binary under some names.
    pub fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        for name in names {
            symlink(LLAMAR, folder.path().join(name)).expect("link an old name");
        }
        Self { folder }
    }

    /// Where a name is.
    pub fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_string_lossy().into_owned()
    }

    /// A program in a namespace, with words behind its name.
    pub fn command(&self, from: &Namespace, name: &str, words: &[&str]) -> Command {
        let mut command = from.service(&self.path(name));
        command.args(words);
        command
    }

    /// Runs a line to its end: the exit code, standard output, and standard error.
    #[track_caller]
    pub fn run(&self, from: &Namespace, line: &str) -> (i32, String, String) {
        said(&finish(self.line(from, line)))
    }

    /// Starts a line.
    pub fn start(&self, from: &Namespace, line: &str) -> Process {
        Process::start(line, self.line(from, line))
    }

    fn line(&self, from: &Namespace, line: &str) -> Command {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, words) = words.split_first().expect("a name");
        self.command(from, name, words)
    }
}
