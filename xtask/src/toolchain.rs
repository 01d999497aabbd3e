//! The toolchain for eBPF: a rustc with the sources of `core`, and a bpf-linker that suits it.
//!
//! Three ways lead to one, and `LLAMAR_BPF_TOOLCHAIN` forces one of them: a rustup nightly with rust-src, Debian's
//! packages unpacked below `target/tools`, or what is on PATH. Nothing that is installed is changed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::apt::{self, Apt};
use crate::linker;
use crate::stamp::{self, Stamp};
use crate::step::{self, Usage};
use crate::workspace::Workspace;

const VARIABLE: &str = "LLAMAR_BPF_TOOLCHAIN";
const RUST_SRC: &str = "`rustup toolchain install nightly --component rust-src`";

/// A toolchain that is there and complete.
#[derive(Clone, Debug)]
pub struct Toolchain {
    kind: Kind,
    linker: PathBuf,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The nightly of that name.
    Rustup(String),
    /// Debian's packages: rustc, and the directories of its libraries for LD_LIBRARY_PATH.
    Debian { rustc: PathBuf, libraries: String },
    /// The rustc on PATH.
    Path,
}

impl Toolchain {
    /// Finds the toolchain, or brings it.
    pub fn ready(workspace: &Workspace) -> Result<Self> {
        match env::var(VARIABLE).ok().filter(|value| !value.is_empty()).as_deref() {
            Some("rustup") => rustup(workspace, true),
            Some("debian") => debian(workspace),
            Some("path") => path(),
            Some(other) => Err(Usage(format!("{VARIABLE} is `{other}`; it may be rustup, debian or path")).into()),
            None => rustup(workspace, false).or_else(|unsuitable| {
                debian(workspace).with_context(|| {
                    format!("rustup's toolchain does not serve ({unsuitable:#}), and Debian's packages cannot be had either")
                })
            }),
        }
    }

    /// What it is, in words.
    pub fn describe(&self) -> String {
        let rustc = match &self.kind {
            Kind::Rustup(name) => format!("rustup's {name}"),
            Kind::Debian { rustc, .. } => format!("Debian's {}", rustc.display()),
            Kind::Path => "rustc on PATH".to_owned(),
        };
        format!("{rustc}, {}", self.linker.display())
    }

    /// The linker that makes the eBPF object.
    pub fn linker(&self) -> &Path {
        &self.linker
    }

    /// A cargo that builds with this toolchain, in an environment without what an outer cargo left there.
    pub fn cargo(&self, workspace: &Workspace) -> Command {
        let mut cargo = workspace.cargo();
        match &self.kind {
            Kind::Rustup(name) => {
                let rest = cargo;
                cargo = Command::new("rustup");
                cargo
                    .args(["run", name, "cargo"])
                    .env("RUSTUP_AUTO_INSTALL", "0")
                    .current_dir(workspace.root());
                for (name, _) in rest.get_envs() {
                    cargo.env_remove(name);
                }
                cargo.env_remove("RUSTC").env_remove("LD_LIBRARY_PATH");
            }
            Kind::Debian { rustc, libraries } => {
                cargo
                    .env("RUSTC", rustc)
                    .env("LD_LIBRARY_PATH", libraries)
                    .env("RUSTC_BOOTSTRAP", "1");
            }
            Kind::Path => {
                cargo.env_remove("RUSTC").env("RUSTC_BOOTSTRAP", "1");
            }
        }
        let leaks = [
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTDOC",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
        ];
        for name in leaks {
            cargo.env_remove(name);
        }
        cargo
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO_BUILD_TARGET")
            .env_remove("CARGO_TARGET_DIR");
        cargo
    }
}

impl Toolchain {
    /// clippy's driver of this toolchain: brought with Debian's, else if it is there.
    pub fn clippy(&self, workspace: &Workspace) -> Result<Option<PathBuf>> {
        match &self.kind {
            Kind::Rustup(name) => {
                let mut which = Command::new("rustup");
                let found =
                    step::output(which.args(["which", "--toolchain", name, "clippy-driver"]));
                Ok(found.ok().map(|path| PathBuf::from(path.trim())))
            }
            Kind::Debian { .. } => bring_clippy(workspace).map(Some),
            Kind::Path => Ok(step::on_path("clippy-driver")),
        }
    }
}

/// Unpacks Debian's clippy beside its rustc.
fn bring_clippy(workspace: &Workspace) -> Result<PathBuf> {
    let (tools, root) = (workspace.tools(), workspace.tools().join("clippy"));
    let driver = root.join("usr/bin/clippy-driver");
    let stamp = Stamp::new(&tools, "clippy.stamp", "rust-web-clippy");
    let needed = [driver.clone()];
    if stamp.holds(&needed) {
        return Ok(driver);
    }
    let _lock = stamp::lock(&tools)?;
    stamp.break_off()?;
    stamp::remove_dir(&root)?;
    Apt::open(&workspace.apt())?
        .with_lists(|apt| apt.unpack(&["rust-web-clippy".to_owned()], &root))
        .context("bring Debian's rust-web-clippy")?;
    stamp.set()?;
    Ok(driver)
}

/// A rustup nightly with rust-src. With `bring`, a missing linker is built.
fn rustup(workspace: &Workspace, bring: bool) -> Result<Toolchain> {
    if step::on_path("rustup").is_none() {
        bail!("there is no rustup on PATH");
    }
    let list = step::output(Command::new("rustup").args(["toolchain", "list", "--verbose"]))?;
    let nightlies = parse_toolchains(&list);
    let complete = nightlies.iter().find(|(_, directory)| has_core(directory));
    let Some((name, directory)) = complete else {
        match nightlies.first() {
            Some((name, _)) => {
                bail!("{name} lacks rust-src: `rustup component add rust-src --toolchain {name}`")
            }
            None => bail!("rustup has no nightly: {RUST_SRC}"),
        }
    };
    let llvm = rustc_llvm(&directory.join("bin/rustc"))?;
    let own = linker::own(workspace);
    let found = linker::on_path(llvm).or_else(|| linker::suits(&own, llvm).then(|| own.clone()));
    let linker = match found {
        Some(linker) => linker,
        None if bring => {
            let (_, major) = bring_debian(workspace, false).context(linker::HINT)?;
            if major < llvm {
                bail!(
                    "{name} has LLVM {llvm}, Debian only {major}, so no linker for it can be built; {}",
                    linker::HINT
                );
            }
            own
        }
        None => bail!(
            "{name} has no bpf-linker for its LLVM {llvm}; {}",
            linker::HINT
        ),
    };
    Ok(Toolchain {
        kind: Kind::Rustup(name.clone()),
        linker,
    })
}

/// What is on PATH: rustc, which must have the sources of `core`, and bpf-linker.
fn path() -> Result<Toolchain> {
    let mut rustc = Command::new("rustc");
    let sysroot = step::output(rustc.args(["--print", "sysroot"]))
        .context("there is no usable rustc on PATH")?;
    if !has_core(Path::new(sysroot.trim())) {
        bail!(
            "the rustc on PATH has no sources of `core` below {}: {RUST_SRC}",
            sysroot.trim()
        );
    }
    let llvm = rustc_llvm(Path::new("rustc"))?;
    let Some(linker) = linker::on_path(llvm) else {
        bail!(
            "there is no bpf-linker 0.13 with LLVM {llvm} or newer on PATH; {}",
            linker::HINT
        );
    };
    Ok(Toolchain {
        kind: Kind::Path,
        linker,
    })
}

/// Debian's packages, below `target/tools`.
fn debian(workspace: &Workspace) -> Result<Toolchain> {
    let (libraries, _) = bring_debian(workspace, true).with_context(|| {
        format!("bring Debian's rustc-web and llvm (another way to a BPF toolchain: {RUST_SRC})")
    })?;
    let rustc = workspace.tools().join("root/usr/bin/rustc");
    Ok(Toolchain {
        kind: Kind::Debian { rustc, libraries },
        linker: linker::own(workspace),
    })
}

/// Unpacks Debian's LLVM, and its rustc if wanted, and builds bpf-linker on it, unless all that is there. Returns the
/// search path for its libraries and LLVM's major version.
fn bring_debian(workspace: &Workspace, rustc: bool) -> Result<(String, u32)> {
    let (tools, root) = (workspace.tools(), workspace.tools().join("root"));
    let (name, recipe) = match rustc {
        true => ("debian.stamp", "rustc-web llvm bpf-linker-0.13.0"),
        false => ("linker.stamp", "llvm bpf-linker-0.13.0"),
    };
    let stamp = Stamp::new(&tools, name, recipe);
    let mut needed = vec![linker::own(workspace)];
    if rustc {
        needed.push(root.join("usr/bin/rustc"));
    }
    let there = || {
        let major = unpacked_llvm(&root).filter(|_| stamp.holds(&needed))?;
        Some((libraries(&root, major), major))
    };
    if let Some(found) = there() {
        return Ok(found);
    }
    let _lock = stamp::lock(&tools)?;
    if let Some(found) = there() {
        return Ok(found);
    }
    stamp.break_off()?;
    let mut apt = Apt::open(&workspace.apt())?;
    let major = apt.with_lists(|apt| {
        let (mut packages, major) = choose(
            apt.closure(&["rustc-web", "rust-web-src"])?
                .iter()
                .map(String::as_str),
            rustc,
        )?;
        // Package lists without the security suite have a rustc-web that is too old; fresh ones may have it.
        linker::builds_on(major)?;
        let more = apt::missing_libraries(&apt.closure(&[&format!("libllvm{major}")])?)?;
        packages.extend(more.into_iter().filter(|name| !name.starts_with("libllvm")));
        stamp::remove_dir(&root)?;
        apt.unpack(&packages, &root).map(|()| major)
    })?;
    let libraries = libraries(&root, major);
    linker::build(workspace, &root, major, &libraries)?;
    stamp.set()?;
    Ok((libraries, major))
}

/// The packages to unpack, out of all that rustc-web depends on, and the major version of their LLVM.
fn choose<'a>(closure: impl Iterator<Item = &'a str>, rustc: bool) -> Result<(Vec<String>, u32)> {
    let (mut packages, mut llvm) = (Vec::new(), None);
    for name in closure {
        if let Some(major) = name
            .strip_prefix("libllvm")
            .and_then(|rest| rest.parse::<u32>().ok())
        {
            llvm = Some(major);
            packages.push(name.to_owned());
        } else if rustc
            && (["rustc-web", "rust-web-src"].contains(&name)
                || name.starts_with("libstd-rust-web"))
        {
            packages.push(name.to_owned());
        }
    }
    let major = llvm.context("Debian's rustc-web depends on no libllvm")?;
    packages.extend([format!("llvm-{major}"), format!("llvm-{major}-dev")]);
    Ok((packages, major))
}

/// Major version of the LLVM that is unpacked below `root`.
fn unpacked_llvm(root: &Path) -> Option<u32> {
    let entries = std::fs::read_dir(root.join("usr/lib")).ok()?;
    let major = |name: &str| name.strip_prefix("llvm-")?.parse().ok();
    entries
        .flatten()
        .filter_map(|entry| major(entry.file_name().to_str()?))
        .max()
}

/// LD_LIBRARY_PATH for what is unpacked below `root`.
fn libraries(root: &Path, llvm: u32) -> String {
    let mut directories = apt::library_directories(root);
    directories.push(root.join(format!("usr/lib/llvm-{llvm}/lib")));
    let texts: Vec<_> = directories
        .iter()
        .map(|directory| directory.to_string_lossy())
        .collect();
    texts.join(":")
}

/// Names and directories of the nightlies in `rustup toolchain list --verbose`.
fn parse_toolchains(list: &str) -> Vec<(String, PathBuf)> {
    let toolchain = |line: &str| {
        let name = line.split_whitespace().next()?;
        let directory =
            PathBuf::from(line[line.find(" /").or_else(|| line.find("\t/"))? + 1..].trim_end());
        name.starts_with("nightly")
            .then(|| (name.to_owned(), directory))
    };
    list.lines().filter_map(toolchain).collect()
}

/// Whether a sysroot has the sources of `core`.
fn has_core(sysroot: &Path) -> bool {
    sysroot
        .join("lib/rustlib/src/rust/library/core/Cargo.toml")
        .is_file()
}

/// Major version of a compiler's LLVM.
fn rustc_llvm(rustc: &Path) -> Result<u32> {
    let text = step::output(Command::new(rustc).arg("-vV"))?;
    parse_llvm(&text).with_context(|| format!("`{} -vV` names no LLVM version", rustc.display()))
}

fn parse_llvm(text: &str) -> Option<u32> {
    text.lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?
        .split('.')
        .next()?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nightlies_are_found_in_rustups_list() {
        let list = "stable-x86_64-unknown-linux-gnu (active, default) /root/.rustup/toolchains/stable\n\
                    nightly-x86_64-unknown-linux-gnu /root/my rust/toolchains/nightly\n1.95.0-x86_64 /root/.rustup/1.95\n";
        let expected = (
            "nightly-x86_64-unknown-linux-gnu".to_owned(),
            PathBuf::from("/root/my rust/toolchains/nightly"),
        );
        assert_eq!(parse_toolchains(list), [expected]);
        assert_eq!(parse_toolchains("no installed toolchains\n"), []);
    }

    #[test]
    fn the_seven_packages_are_chosen_whatever_their_versions() {
        let closure = [
            "gcc",
            "libc6",
            "libllvm23",
            "libstd-rust-web-1.98",
            "libstd-rust-web-dev",
            "rust-web-src",
            "rustc-web",
        ];
        let (packages, major) = choose(closure.into_iter(), true).unwrap();
        assert_eq!(major, 23);
        let expected = [
            "libllvm23",
            "libstd-rust-web-1.98",
            "libstd-rust-web-dev",
            "rust-web-src",
            "rustc-web",
            "llvm-23",
            "llvm-23-dev",
        ];
        assert_eq!(packages, expected);
        assert_eq!(
            choose(closure.into_iter(), false).unwrap().0,
            ["libllvm23", "llvm-23", "llvm-23-dev"]
        );
    }

    #[test]
    fn packages_without_llvm_are_an_error() {
        assert!(choose(["rustc-web"].into_iter(), true).is_err());
    }

    #[test]
    fn the_llvm_of_a_compiler_is_read_from_its_version() {
        assert_eq!(
            parse_llvm("rustc 1.97.0-nightly\nhost: x86_64\nLLVM version: 22.1.4\n"),
            Some(22)
        );
        assert_eq!(parse_llvm("rustc 1.97.0\n"), None);
    }

    #[test]
    fn the_compiler_that_builds_this_names_its_llvm() {
        assert!(rustc_llvm(Path::new("rustc")).unwrap() >= 18);
    }
}
