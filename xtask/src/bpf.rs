//! Builds the eBPF object: a nested cargo with the BPF toolchain, then the check and the change that btf.rs makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{btf, stamp, step};

const TARGET: &str = "bpfel-unknown-none";

/// Compiler flags of the eBPF crates: type information, and instructions of version 3 with unaligned access.
const FLAGS: [&str; 4] = [
    "-Cdebuginfo=2",
    "-Clink-arg=--btf",
    "-Ctarget-cpu=v3",
    "-Ctarget-feature=+allows-misaligned-mem-access",
];

/// A built eBPF object.
#[derive(Debug)]
pub struct Built {
    /// Its absolute path below `target/`.
    pub object: PathBuf,
    /// The compiler's warnings about the eBPF crates, which clippy on the host does not see. They were printed.
    pub warnings: usize,
}

impl Built {
    /// Where it is, if the compiler had nothing to say about it.
    pub fn without_warnings(self) -> Result<PathBuf> {
        ensure!(
            self.warnings == 0,
            "the eBPF crates build with {} warnings, and warnings are denied",
            self.warnings
        );
        Ok(self.object)
    }
}

/// Which of the eBPF objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The one that is meant to be fast.
    Plain,
    /// The same, logging every verdict.
    Trace,
    /// The programs of the benchmark.
    Bench,
}

impl Object {
    fn feature(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Trace => Some("trace"),
            Self::Bench => Some("bench"),
        }
    }
}

/// Builds an eBPF object.
pub fn build(workspace: &Workspace, toolchain: &Toolchain, kind: Object) -> Result<Built> {
    let what = match kind {
        Object::Plain => "building the eBPF object",
        Object::Trace => "building the eBPF object, with its log",
        Object::Bench => "building the eBPF object of the benchmark",
    };
    let messages = step::run_for_output(what, &mut cargo(workspace, toolchain, kind, "build"))
        .with_context(|| format!("the toolchain is {}", toolchain.describe()))?;
    let warnings = warnings(&messages);
    warnings.iter().for_each(|text| eprint!("{text}"));
    let linked = workspace
        .bpf_target()
        .join(TARGET)
        .join("release/llamar-ebpf");
    let object = finish(&workspace.object(kind), &linked, kind != Object::Bench)
        .with_context(|| format!("use the eBPF object {}", linked.display()))?;
    Ok(Built {
        object,
        warnings: warnings.len(),
    })
}

/// Runs clippy on the eBPF crates, as they are in each of the objects; without its driver nothing.
pub fn lint(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let Some(driver) = toolchain.clippy(workspace)? else {
        step::say("the BPF toolchain has no clippy, the eBPF crates go without");
        return Ok(());
    };
    for kind in [Object::Plain, Object::Trace, Object::Bench] {
        let mut cargo = cargo(workspace, toolchain, kind, "check");
        // What `cargo clippy` does; that of another toolchain would take the driver beside it.
        cargo.env("RUSTC_WORKSPACE_WRAPPER", &driver);
        cargo.env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
        step::run_for_output("clippy on the eBPF crates", &mut cargo)?;
    }
    Ok(())
}

/// Marks the text in the linked object, which is to have some if `text`, and puts it into its place.
fn finish(object: &Path, linked: &Path, text: bool) -> Result<PathBuf> {
    let mut elf = fs::read(linked).context("read it")?;
    let marked = btf::mark_text(&mut elf)?;
    ensure!(
        marked > 0 || !text,
        "its type information has no `i8`, by which the maps declare text"
    );
    // The same bytes keep their time, so that nothing is built again because of them.
    if fs::read(object).ok().as_deref() != Some(&elf) {
        stamp::write(object, &elf)?;
    }
    Ok(object.to_owned())
}

/// The warnings in `cargo --message-format json`; cargo repeats them for what was built before.
fn warnings(messages: &str) -> Vec<String> {
    let diagnostics = messages.lines().filter_map(step::diagnostic);
    diagnostics
        .filter(|(level, _)| level == "warning")
        .map(|(_, text)| text)
        .collect()
}

fn cargo(workspace: &Workspace, toolchain: &Toolchain, kind: Object, what: &str) -> Command {
    let mut cargo = toolchain.cargo(workspace);
    cargo.args([
        what,
        "--package",
        "llamar-ebpf",
        "--bin",
        "llamar-ebpf",
        "--release",
        "--target",
        TARGET,
    ]);
    cargo
        .args([
            "--message-format",
            "json",
            "-Z",
            "build-std=core",
            "--target-dir",
        ])
        .arg(workspace.bpf_target());
    if let Some(feature) = kind.feature() {
        cargo.args(["--features", feature]);
    }
    let linker = format!("-Clinker={}", toolchain.linker().display());
    let flags: Vec<&str> = FLAGS.into_iter().chain([linker.as_str()]).collect();
    // This variable, even an empty one that cargo set for a build script, wins over RUSTFLAGS.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_told_from_other_messages() {
        let message = |level: &str, spans: &str| {
            format!(
                r#"{{"reason":"compiler-message","message":{{"level":"{level}","spans":[{spans}],"rendered":"{level}: text\n"}}}}"#
            )
        };
        let messages = [
            message("warning", "{}"),
            message("warning", ""),
            message("note", "{}"),
            "not JSON".to_owned(),
        ];
        assert_eq!(warnings(&messages.join("\n")), ["warning: text\n"]);
    }

    #[test]
    fn an_object_without_type_information_is_refused_and_named() {
        let workspace = Workspace::at(Path::new("/nonexistent"));
        let own = std::env::current_exe().unwrap();
        let error = format!(
            "{:#}",
            finish(&workspace.object(Object::Plain), &own, true).unwrap_err()
        );
        assert!(error.contains("no section .BTF"), "{error}");
        assert!(
            finish(
                &workspace.object(Object::Plain),
                Path::new("/nonexistent/object"),
                true
            )
            .is_err()
        );
    }
}
