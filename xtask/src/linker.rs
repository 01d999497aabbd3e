//! bpf-linker: one on PATH that suits the compiler's LLVM, or one of our own, built on Debian's LLVM.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::step;
use crate::workspace::Workspace;

/// The version that is built, and that one on PATH must have at least.
const VERSION: (u32, u32, u32) = (0, 13, 0);
/// LLVM releases that this version can be built on.
const LLVM: std::ops::RangeInclusive<u32> = 21..=23;

/// What to do when there is no linker and none can be built.
pub const HINT: &str = "bring bpf-linker 0.13: `cargo binstall bpf-linker`, or a binary from \
                        https://github.com/aya-rs/bpf-linker/releases, into a directory on PATH";

/// A bpf-linker on PATH that reads what an LLVM of that major version writes.
pub fn on_path(llvm: u32) -> Option<PathBuf> {
    step::on_path("bpf-linker").filter(|linker| suits(linker, llvm))
}

/// Where our own bpf-linker lies.
pub fn own(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin/bpf-linker")
}

/// An error unless our own bpf-linker can be built on that LLVM.
pub fn builds_on(major: u32) -> Result<()> {
    if !LLVM.contains(&major) {
        bail!(
            "bpf-linker 0.13 builds on LLVM {} to {}, but Debian's rustc-web comes with {major}; that of \
             Debian 12 is recent enough in the suite bookworm-security",
            LLVM.start(),
            LLVM.end()
        );
    }
    Ok(())
}

/// Builds our own bpf-linker on the LLVM `major` unpacked below `root`, unless it is there.
pub fn build(workspace: &Workspace, root: &Path, major: u32, libraries: &str) -> Result<()> {
    let linker = own(workspace);
    if step::is_program(&linker)
        && is_recent(&linker, libraries)
        && llvm_major(&linker, libraries) == Some(major)
    {
        return Ok(());
    }
    if step::on_path("cc").is_none() {
        bail!(
            "there is no C compiler, which cargo needs for linking: `apt-get install gcc libc6-dev`"
        );
    }
    let scratch = workspace.tools().join("linker-build");
    let mut cargo = install(workspace, root, major, libraries);
    cargo.arg("--target-dir").arg(&scratch);
    step::run("building bpf-linker (about a minute)", &mut cargo)?;
    fs::remove_dir_all(&scratch).with_context(|| format!("remove {}", scratch.display()))
}

/// What installs our own bpf-linker.
fn install(workspace: &Workspace, root: &Path, major: u32, libraries: &str) -> Command {
    let tools = workspace.tools();
    let mut cargo = workspace.cargo();
    cargo.current_dir(&tools).args([
        "install",
        "bpf-linker",
        "--version",
        "0.13.0",
        "--locked",
        "--force",
    ]);
    cargo
        .args([
            "--no-default-features",
            "--features",
            &format!("llvm-{major}"),
            "--root",
        ])
        .arg(&tools);
    cargo
        .env("LLVM_PREFIX", root.join(format!("usr/lib/llvm-{major}")))
        .env("LD_LIBRARY_PATH", libraries);
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(flags);
    }
    cargo
}

/// Whether a bpf-linker is recent enough and has an LLVM that reads what one of major version `llvm` writes.
pub fn suits(linker: &Path, llvm: u32) -> bool {
    step::is_program(linker)
        && is_recent(linker, "")
        && llvm_major(linker, "").is_some_and(|own| own >= llvm)
}

fn is_recent(linker: &Path, libraries: &str) -> bool {
    let mut version = Command::new(linker);
    with_libraries(&mut version, libraries);
    let text = step::output(version.arg("--version")).unwrap_or_default();
    parse_version(&text).is_some_and(|version| version >= VERSION)
}

/// Major version of the LLVM in a bpf-linker: that of the library it is linked with, or else of the one inside.
fn llvm_major(linker: &Path, libraries: &str) -> Option<u32> {
    let mut ldd = Command::new("ldd");
    with_libraries(&mut ldd, libraries);
    let shared = step::output(ldd.arg(linker))
        .ok()
        .and_then(|text| shared_llvm(&text));
    shared.or_else(|| {
        // LLVM writes this string into the bitcode it makes.
        let pattern = r"LLVM[0-9]+\.[0-9]+\.[0-9]+";
        let mut grep = Command::new("grep");
        let text = step::output(grep.args(["-a", "-o", "-E", "-m1", pattern]).arg(linker)).ok()?;
        first_number(text.strip_prefix("LLVM")?)
    })
}

fn with_libraries(command: &mut Command, libraries: &str) {
    if !libraries.is_empty() {
        command.env("LD_LIBRARY_PATH", libraries);
    }
}

/// The major version in `libLLVM.so.22.1 => ...` or `libLLVM-17.so.1 => ...`, as ldd prints it.
fn shared_llvm(ldd: &str) -> Option<u32> {
    let name = ldd
        .lines()
        .find_map(|line| line.trim().strip_prefix("libLLVM"))?;
    first_number(
        name.strip_prefix(".so.")
            .or_else(|| name.strip_prefix('-'))?,
    )
}

fn first_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The version in `bpf-linker 0.13.0`.
fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split_whitespace().nth(1)?.split('.').map(first_number);
    Some((parts.next()??, parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_and_compared_as_numbers() {
        assert_eq!(parse_version("bpf-linker 0.13.0\n"), Some((0, 13, 0)));
        assert_eq!(parse_version("bpf-linker 0.14.1-rc2"), Some((0, 14, 1)));
        assert!(parse_version("bpf-linker 0.9.15").unwrap() < VERSION);
        assert_eq!(parse_version("command not found"), None);
    }

    #[test]
    fn it_builds_on_some_releases_of_llvm_only() {
        assert!((21..=23).all(|major| builds_on(major).is_ok()));
        let error = builds_on(19).unwrap_err().to_string();
        assert!(
            error.contains("LLVM 21 to 23") && error.contains("comes with 19"),
            "{error}"
        );
    }

    #[test]
    fn the_llvm_of_a_dynamic_linker_is_that_of_its_library() {
        let ldd = "\tlinux-vdso.so.1 (0x7f)\n\tlibLLVM.so.22.1 => /usr/lib/llvm-22/lib/libLLVM.so.22.1 (0x7f)\n";
        assert_eq!(shared_llvm(ldd), Some(22));
        assert_eq!(
            shared_llvm("\tlibLLVM-17.so.1 => /usr/lib/libLLVM-17.so.1\n"),
            Some(17)
        );
        assert_eq!(shared_llvm("\tlibc.so.6 => /lib/libc.so.6\n"), None);
    }

    #[test]
    fn the_llvm_of_a_static_linker_is_found_inside_of_it() {
        let file = std::env::temp_dir().join(format!("llamar-xtask-{}-linker", std::process::id()));
        fs::write(&file, b"\x7fELF\0\0LLVM22.1.4-rust-1.97.0-nightly\0").unwrap();
        assert_eq!(llvm_major(&file, ""), Some(22));
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_file_that_is_no_linker_suits_nobody() {
        assert!(!suits(Path::new("/bin/true"), 1));
        assert!(!suits(Path::new("/nonexistent"), 1));
    }
}
