//! Builds the eBPF object: a nested cargo with the BPF toolchain, then the check and the change that btf.rs makes.

use std::fs;
use std::path::PathBuf;
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

/// Builds `target/llamar.bpf.o` and returns its absolute path.
pub fn build(workspace: &Workspace, toolchain: &Toolchain, trace: bool) -> Result<PathBuf> {
    let what = if trace {
        "building the eBPF object, with its log"
    } else {
        "building the eBPF object"
    };
    step::run(what, &mut cargo(workspace, toolchain, trace))
        .with_context(|| format!("the toolchain is {}", toolchain.describe()))?;
    let linked = workspace
        .bpf_target()
        .join(TARGET)
        .join("release/llamar-ebpf");
    let mut elf =
        fs::read(&linked).with_context(|| format!("read the eBPF object {}", linked.display()))?;
    let marked = btf::mark_text(&mut elf)
        .with_context(|| format!("use the eBPF object {}", linked.display()))?;
    ensure!(
        marked > 0,
        "the eBPF object {} has no type `i8`, by which the maps declare text",
        linked.display()
    );
    let object = workspace.object();
    // The same bytes keep their time, so that nothing is built again because of them.
    if fs::read(&object).ok().as_deref() != Some(&elf) {
        stamp::write(&object, &elf)?;
    }
    Ok(object)
}

fn cargo(workspace: &Workspace, toolchain: &Toolchain, trace: bool) -> Command {
    let mut cargo = toolchain.cargo(workspace);
    cargo.args([
        "build",
        "--package",
        "llamar-ebpf",
        "--bin",
        "llamar-ebpf",
        "--release",
        "--target",
        TARGET,
    ]);
    cargo
        .args(["-Z", "build-std=core", "--target-dir"])
        .arg(workspace.bpf_target());
    if trace {
        cargo.args(["--features", "trace"]);
    }
    let linker = format!("-Clinker={}", toolchain.linker().display());
    let flags: Vec<&str> = FLAGS.into_iter().chain([linker.as_str()]).collect();
    // This variable, even an empty one that cargo set for a build script, wins over RUSTFLAGS.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    cargo
}
