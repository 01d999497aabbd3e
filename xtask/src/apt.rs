//! Debian packages, downloaded and unpacked below `target/` without installing anything and without being root.
//!
//! First the machine's own package lists are used. If they are missing or too old to serve, fresh ones are fetched
//! into a private state directory; those of the machine stay as they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::fcntl::Flock;

use crate::stamp::{self, create_dir};
use crate::step;

/// apt with state and cache of its own.
pub struct Apt {
    directory: PathBuf,
    own_lists: bool,
    _lock: Flock<fs::File>,
}

impl Apt {
    /// apt that keeps its files in `directory`.
    pub fn open(directory: &Path) -> Result<Self> {
        for (program, package) in [
            ("apt-get", "apt"),
            ("dpkg-deb", "dpkg"),
            ("dpkg-query", "dpkg"),
        ] {
            if step::on_path(program).is_none() {
                bail!(
                    "there is no `{program}` on PATH (Debian package {package}), so no Debian packages can be brought"
                );
            }
        }
        for part in ["cache/archives/partial", "lists/partial"] {
            create_dir(&directory.join(part))?;
        }
        let apt = Self {
            directory: directory.to_owned(),
            own_lists: false,
            _lock: stamp::lock(directory)?,
        };
        // An empty status file: what a package needs is asked for as if nothing were installed.
        fs::write(apt.directory.join("status"), "").context("write an empty dpkg status file")?;
        apt.configure()?;
        Ok(apt)
    }

    /// Tries with the machine's package lists, and if that fails with fresh ones.
    pub fn with_lists<T>(&mut self, attempt: impl Fn(&Self) -> Result<T>) -> Result<T> {
        if let Ok(result) = attempt(self) {
            return Ok(result);
        }
        self.own_lists = true;
        self.configure()?;
        if is_fresh(&self.updated())
            && let Ok(result) = attempt(self)
        {
            return Ok(result);
        }
        // An unreachable third party makes apt-get fail too, so what counts is whether the packages can be had then.
        let what = "fetching package lists (apt-get update, into target/)";
        let updated = step::run(what, self.apt_get().arg("update"));
        match (attempt(self), updated) {
            (Ok(result), _) => {
                fs::write(self.updated(), "")
                    .with_context(|| format!("write {}", self.updated().display()))?;
                Ok(result)
            }
            (Err(error), Ok(())) => Err(error),
            (Err(error), Err(update)) => Err(error.context(format!("{update:#}"))),
        }
    }

    /// A file as old as our own package lists.
    fn updated(&self) -> PathBuf {
        self.directory.join("updated")
    }

    /// The packages and all they depend on, as if nothing were installed.
    pub fn closure(&self, packages: &[&str]) -> Result<BTreeSet<String>> {
        let mut apt = self.apt_get();
        apt.args(["install", "--simulate", "--no-install-recommends"])
            .args(packages);
        Ok(parse_simulation(&step::output(&mut apt)?))
    }

    /// Downloads the packages and unpacks them below `root`.
    pub fn unpack(&self, packages: &[String], root: &Path) -> Result<()> {
        let debs = self.debs();
        let names = self.download(packages)?;
        step::say(format_args!("unpacking them below {}", root.display()));
        create_dir(root)?;
        for name in names {
            let deb = debs.join(name);
            step::output(
                Command::new("dpkg-deb")
                    .arg("--extract")
                    .arg(&deb)
                    .arg(root),
            )?;
            fs::remove_file(&deb).with_context(|| format!("remove {}", deb.display()))?;
        }
        Ok(())
    }

    /// Downloads the packages; the names of their files.
    fn download(&self, packages: &[String]) -> Result<Vec<String>> {
        let debs = self.debs();
        let uris = step::output(
            self.apt_get()
                .current_dir(&debs)
                .args(["download", "--print-uris"])
                .args(packages),
        )?;
        let files = parse_uris(&uris);
        if files.len() < packages.len() {
            bail!(
                "apt-get would download {} of these packages only: {}",
                files.len(),
                packages.join(" ")
            );
        }
        let size: u64 = files.iter().map(|file| file.1).sum();
        let what = format!(
            "downloading {} Debian packages ({} MB)",
            files.len(),
            size.div_ceil(1_000_000)
        );
        step::run(
            &what,
            self.apt_get()
                .current_dir(&debs)
                .arg("download")
                .args(packages),
        )?;
        Ok(files.into_iter().map(|(name, _)| name).collect())
    }

    fn debs(&self) -> PathBuf {
        self.directory.join("cache/archives")
    }

    fn apt_get(&self) -> Command {
        let mut apt = Command::new("apt-get");
        apt.arg("--config-file")
            .arg(self.configuration())
            .args(["--quiet", "--yes"])
            .env("LC_ALL", "C");
        apt
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("apt.conf")
    }

    fn configure(&self) -> Result<()> {
        let directory = self
            .directory
            .to_str()
            .context("the path of the workspace is not UTF-8, which apt needs")?;
        let lists = if self.own_lists {
            format!("Dir::State::lists \"{directory}/lists/\";\n")
        } else {
            String::new()
        };
        // What the machine does after an update (clearing its caches, telling its desktop) is not for ours.
        let text = format!(
            "Dir::State::status \"{directory}/status\";\n\
             Dir::State::extended_states \"{directory}/extended_states\";\n\
             Dir::Cache \"{directory}/cache/\";\n\
             {lists}\
             APT::Sandbox::User \"root\";\n\
             #clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n\
             #clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n"
        );
        fs::write(self.configuration(), text)
            .with_context(|| format!("write {}", self.configuration().display()))
    }
}

/// Whether a file was written within the last hour.
fn is_fresh(file: &Path) -> bool {
    let age = file
        .metadata()
        .and_then(|data| data.modified())
        .ok()
        .and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age < Duration::from_secs(3600))
}

/// The shared libraries among `closure` that this machine lacks. The C library is everywhere, and must be the one of
/// the dynamic loader.
pub fn missing_libraries(closure: &BTreeSet<String>) -> Result<Vec<String>> {
    let format = "${db:Status-Status} ${Package}\\n";
    let text = step::output(Command::new("dpkg-query").args(["--show", "--showformat", format]))?;
    let installed: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("installed "))
        .collect();
    let missing = closure
        .iter()
        .filter(|name| is_library(name) && !installed.contains(name.as_str()));
    Ok(missing.cloned().collect())
}

/// Whether a package holds shared libraries, or data of one, that a program may need at run time.
fn is_library(package: &str) -> bool {
    let library = package.starts_with("lib") || package.ends_with("-libs") || package == "zlib1g";
    let c = package == "libc6" || package.starts_with("libc6-") || package == "libc-l10n";
    let other = [
        "-dev", "-bin", "-doc", "-dbg", "-perl", "-stdlib", "-minimal",
    ];
    library && !c && !other.iter().any(|end| package.ends_with(end))
}

/// Names of the packages that a simulated installation would install.
fn parse_simulation(text: &str) -> BTreeSet<String> {
    let packages = text
        .lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
    // `name:arch` stands for packages of another architecture only.
    packages
        .filter(|name| !name.contains(':'))
        .map(str::to_owned)
        .collect()
}

/// File names and sizes from `apt-get download --print-uris`: `'URI' FILE SIZE HASH`.
fn parse_uris(text: &str) -> Vec<(String, u64)> {
    let file = |line: &str| {
        let mut words = line.strip_prefix('\'')?.split_whitespace().skip(1);
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    text.lines().filter_map(file).collect()
}

/// Directories below `root` that hold shared libraries, for LD_LIBRARY_PATH; whatever the architecture is called.
pub fn library_directories(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for part in ["usr/lib", "lib"] {
        for entry in fs::read_dir(root.join(part))
            .into_iter()
            .flatten()
            .flatten()
        {
            let triplet = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.contains("-linux-gnu"));
            if triplet && entry.path().is_dir() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_names_what_it_would_install() {
        let text = "Reading package lists...\nInst libz3-4 (4.8.12-3.1 Debian:12.15/oldstable [amd64])\n\
                    Inst rustc-web (1.96.0 Debian-Security:12 [amd64]) []\nInst libc6:i386 (2.36)\nConf libz3-4 (4.8.12-3.1)\n";
        assert_eq!(
            parse_simulation(text).into_iter().collect::<Vec<_>>(),
            ["libz3-4", "rustc-web"]
        );
    }

    #[test]
    fn only_lists_of_the_last_hour_are_fresh() {
        let file =
            std::env::temp_dir().join(format!("llamar-xtask-{}-updated", std::process::id()));
        assert!(!is_fresh(&file));
        let written = fs::File::create(&file).unwrap();
        assert!(is_fresh(&file));
        written
            .set_modified(std::time::SystemTime::now() - Duration::from_secs(4000))
            .unwrap();
        assert!(!is_fresh(&file));
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn uris_give_file_names_as_apt_writes_them_and_sizes() {
        let text = "'http://deb.debian.org/pool/l/llvm-22_22.1.8-1_amd64.deb' llvm-22_1%3a22.1.8-1_amd64.deb 19143812 SHA512:ab\nE: noise\n";
        assert_eq!(
            parse_uris(text),
            [("llvm-22_1%3a22.1.8-1_amd64.deb".to_owned(), 19_143_812)]
        );
    }

    #[test]
    fn only_libraries_follow_a_program_and_never_the_c_library() {
        for name in [
            "libz3-4",
            "libicu72",
            "bind9-libs",
            "libwireshark-data",
            "zlib1g",
            "libcap2",
            "libc-ares2",
        ] {
            assert!(is_library(name), "{name}");
        }
        for name in [
            "libc6",
            "libc-bin",
            "libc6-dev",
            "libz3-dev",
            "libcap2-bin",
            "systemd",
            "python3",
            "libpython3.11-stdlib",
        ] {
            assert!(!is_library(name), "{name}");
        }
    }

    #[test]
    fn library_directories_are_those_of_an_architecture() {
        let root =
            std::env::temp_dir().join(format!("llamar-xtask-{}-libraries", std::process::id()));
        for part in [
            "usr/lib/aarch64-linux-gnu/systemd",
            "usr/lib/rustlib",
            "lib/aarch64-linux-gnu",
        ] {
            create_dir(&root.join(part)).unwrap();
        }
        let expected = [
            root.join("lib/aarch64-linux-gnu"),
            root.join("usr/lib/aarch64-linux-gnu"),
        ];
        assert_eq!(library_directories(&root), expected);
        assert!(library_directories(&root.join("missing")).is_empty());
        fs::remove_dir_all(root).unwrap();
    }
}
