//! `cargo xtask build`: the eBPF object, and the program `llamar` with it inside.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::bpf::Object;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{bpf, step};

/// What to build.
#[derive(Args, Clone, Copy, Debug)]
pub struct Options {
    /// Build the kernel path so that it logs every verdict
    #[arg(long)]
    pub trace: bool,
    /// Build the agent without optimisation, into target/debug
    #[arg(long)]
    pub debug: bool,
}

/// Builds everything and returns where the program is.
pub fn build(workspace: &Workspace, options: Options) -> Result<PathBuf> {
    let toolchain = Toolchain::ready(workspace)?;
    let kind = if options.trace {
        Object::Trace
    } else {
        Object::Plain
    };
    let built = bpf::build(workspace, &toolchain, kind)?;
    program(workspace, &built.object, options)
}

/// The `build` command: prints where the program is.
pub fn command(workspace: &Workspace, options: Options) -> Result<()> {
    println!("{}", build(workspace, options)?.display());
    Ok(())
}

fn program(workspace: &Workspace, object: &Path, options: Options) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "build",
        "--package",
        "llamar-user",
        "--bin",
        "llamar",
        "--message-format",
        "json-render-diagnostics",
    ]);
    if !options.debug {
        cargo.arg("--release");
    }
    if options.trace {
        cargo.args(["--features", "trace"]);
    }
    let messages = step::run_for_output("building llamar", cargo.env("LLAMAR_BPF_OBJECT", object))?;
    executable(&messages).context("cargo built llamar-user but names no executable `llamar`")
}

/// The executable `llamar` that cargo's messages name; its own unit tests are one of the same name.
pub fn executable(messages: &str) -> Option<PathBuf> {
    let mut messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let ours = |message: &serde_json::Value| {
        message["target"]["name"] == "llamar"
            && message["executable"].is_string()
            && !message["executable"]
                .as_str()
                .is_some_and(|path| path.contains("/deps/"))
    };
    messages.rfind(ours)?["executable"]
        .as_str()
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_where_cargo_says() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}"#,
            "\nwarning: not JSON\n",
            r#"{"reason":"compiler-artifact","target":{"name":"llamar"},"executable":"/t/release/llamar"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"llamar"},"executable":"/t/release/deps/llamar-1"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#
        );
        assert_eq!(
            executable(messages),
            Some(PathBuf::from("/t/release/llamar"))
        );
        assert_eq!(executable("{}"), None);
    }
}
