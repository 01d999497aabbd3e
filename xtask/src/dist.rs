//! `cargo xtask dist`: what is to be installed, as a folder and as a tar archive of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::build;
use crate::stamp;
use crate::step;
use crate::workspace::Workspace;

/// What comes along, and where it is put.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "CHANGELOG.md",
    "CONFORMANCE.md",
    "BENCHMARKS.md",
    "BENCHMARKS.svg",
    "LICENSE-APACHE",
    "LICENSE-GPL-2.0",
    "LICENSE-MIT",
];

/// What to make.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Install into this folder instead, as /usr/local
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// Leave out the links under the names of older programs
    #[arg(long)]
    no_links: bool,
}

/// The `dist` command: prints what it made, the archive or, with a prefix, the program.
pub fn command(workspace: &Workspace, options: &Options) -> Result<()> {
    let built = build::build(
        workspace,
        build::Options {
            trace: false,
            debug: false,
        },
    )?;
    if let Some(prefix) = &options.prefix {
        println!("{}", install(workspace, &built, prefix, options)?.display());
        return Ok(());
    }
    let name = name();
    let tree = workspace.dist().join(&name);
    stamp::remove_dir(&tree)?;
    install(workspace, &built, &tree, options)?;
    println!("{}", pack(&workspace.dist(), &name)?.display());
    Ok(())
}

/// `llamar-VERSION-MACHINE-linux`.
fn name() -> String {
    let (version, machine) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    format!("llamar-{version}-{machine}-linux")
}

/// Puts everything below a folder, and gives the program there.
fn install(
    workspace: &Workspace,
    built: &Path,
    prefix: &Path,
    options: &Options,
) -> Result<PathBuf> {
    let (programs, documents) = (prefix.join("sbin"), prefix.join("share/doc/llamar"));
    stamp::create_dir(&programs)?;
    stamp::create_dir(&documents)?;
    let program = programs.join("llamar");
    copy(built, &program, "755")?;
    for document in DOCUMENTS {
        copy(
            &workspace.root().join(document),
            &documents.join(document),
            "644",
        )?;
    }
    if !options.no_links {
        // The program itself knows its other names.
        step::run(
            "making the links under the names of older programs",
            Command::new(&program).arg("links").arg(&programs),
        )?;
    }
    Ok(program)
}

/// Copies a file. A program that runs from the old file is not disturbed: `install` puts a new one in its place.
fn copy(from: &Path, to: &Path, mode: &str) -> Result<()> {
    let mut install = Command::new("install");
    install.args(["-m", mode]).arg(from).arg(to);
    step::output(&mut install).map(drop)
}

/// Packs a folder, and gives the archive: the same bytes for the same files.
fn pack(home: &Path, name: &str) -> Result<PathBuf> {
    let archive = home.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.arg("--create")
        .arg("--gzip")
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(home)
        .args([
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mtime=@0",
        ])
        .arg(name)
        .env("GZIP", "-n");
    step::run("packing", &mut tar)?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn listed(archive: &Path) -> Vec<String> {
        let listed = step::output(Command::new("tar").arg("--list").arg("--file").arg(archive));
        listed.unwrap().lines().map(str::to_owned).collect()
    }

    /// A stand-in for the program, which makes its links.
    const PROGRAM: &str = "#!/bin/sh\nln -s llamar \"$2/pyng\"\n";

    fn made() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let built = home.path().join("built");
        fs::write(&built, PROGRAM).unwrap();
        fs::set_permissions(&built, fs::Permissions::from_mode(0o755)).unwrap();
        (home, built)
    }

    #[test]
    fn the_archive_holds_the_program_its_links_and_the_licences() {
        let (home, built) = made();
        let workspace = Workspace::find().unwrap();
        let tree = home.path().join("llamar-1");
        install(&workspace, &built, &tree, &Options::default()).unwrap();
        let archive = pack(home.path(), "llamar-1").unwrap();
        let listed = listed(&archive);
        for expected in [
            "llamar-1/sbin/llamar",
            "llamar-1/sbin/pyng",
            "llamar-1/share/doc/llamar/LICENSE-MIT",
        ] {
            assert!(listed.iter().any(|file| file == expected), "{listed:?}");
        }
        let before = fs::read(&archive).unwrap();
        pack(home.path(), "llamar-1").unwrap();
        assert!(
            fs::read(&archive).unwrap() == before,
            "the same files, other bytes"
        );
    }

    #[test]
    fn without_links_there_are_none_and_installing_again_replaces_the_program() {
        let (home, built) = made();
        let workspace = Workspace::find().unwrap();
        let options = Options {
            no_links: true,
            ..Options::default()
        };
        let prefix = home.path().join("usr");
        for _ in 0..2 {
            let program = install(&workspace, &built, &prefix, &options).unwrap();
            assert_eq!(fs::read_to_string(&program).unwrap(), PROGRAM);
        }
        assert!(!prefix.join("sbin/pyng").exists());
    }
}
