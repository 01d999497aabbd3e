//! Other people's tools, which `cargo xtask setup --peers` brings below `target/peers`.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use llamar_common::testing::skip;

use super::net::{Namespace, run};

/// A tool that was found.
#[derive(Clone, Debug)]
pub struct Peer {
    path: PathBuf,
}

impl Peer {
    /// Finds a tool in `$LLAMAR_PEERS`, `target/peers/bin`, or among the installed ones; a test that needs a
    /// tool that is nowhere is skipped.
    pub fn find(name: &str) -> Option<Self> {
        let found = path(name);
        if found.is_none() {
            skip(&format!(
                "{name} is not in {}: cargo xtask setup --peers",
                directory().display()
            ));
        }
        found.map(|path| Self { path })
    }

    /// A command that runs the tool.
    pub fn command(&self) -> Command {
        Command::new(&self.path)
    }

    /// A command that runs the tool in a namespace.
    pub fn command_in(&self, namespace: &Namespace) -> Command {
        namespace.command(&self.text())
    }

    /// Runs the tool in a namespace; standard output, whatever its exit code. Both are told on failure to start.
    #[track_caller]
    pub fn output_in(&self, namespace: &Namespace, arguments: &[&str]) -> String {
        let output = self
            .command_in(namespace)
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        let output = output.unwrap_or_else(|error| panic!("run {}: {error}", self.text()));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The tool's path.
    pub fn text(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

/// Where `cargo xtask setup --peers` puts the tools.
fn directory() -> &'static PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| match std::env::var_os("LLAMAR_PEERS") {
        Some(given) => given.into(),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/bin")),
    })
}

/// Where a tool is, if it is anywhere.
pub fn path(name: &str) -> Option<PathBuf> {
    let brought = directory().join(name);
    if brought.is_file() {
        Some(brought)
    } else {
        installed(name)
    }
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// What `bpftool --json` says, run with the mounts of the test.
#[track_caller]
pub fn bpftool_json(bpftool: &Peer, arguments: &[&str]) -> serde_json::Value {
    let output = run(bpftool.command().arg("--json").args(arguments));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("bpftool {arguments:?} printed no JSON: {error}"))
}
