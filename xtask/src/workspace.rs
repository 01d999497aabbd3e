//! Where things lie: the workspace, and what xtask keeps below `target/`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::bpf::Object;

/// The checkout that xtask works on.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that this xtask belongs to. `cargo run` says where; without it the place of the build counts.
    pub fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().with_context(|| {
            format!(
                "{} has no parent directory: run xtask as `cargo xtask`",
                manifest.display()
            )
        })?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The workspace at a directory.
    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Directory of the workspace's Cargo.toml.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Home of the BPF toolchain. Always below the workspace's own `target/`, wherever CARGO_TARGET_DIR points.
    pub fn tools(&self) -> PathBuf {
        self.root.join("target/tools")
    }

    /// Home of other people's programs for the tests.
    pub fn peers(&self) -> PathBuf {
        self.root.join("target/peers")
    }

    /// What `cargo xtask dist` makes.
    pub fn dist(&self) -> PathBuf {
        self.root.join("target/dist")
    }

    /// Where apt keeps its state and what it downloads.
    pub fn apt(&self) -> PathBuf {
        self.root.join("target/apt")
    }

    /// Target directory of the eBPF build; its own, because the outer cargo may hold the lock of the usual one.
    pub fn bpf_target(&self) -> PathBuf {
        self.root.join("target/bpf")
    }

    /// An eBPF object: the one to be embedded, or another, which has a place of its own so that no build takes it.
    pub fn object(&self, kind: Object) -> PathBuf {
        let name = match kind {
            Object::Plain => "llamar.bpf.o",
            Object::Trace => "llamar-trace.bpf.o",
            Object::Bench => "llamar-bench.bpf.o",
        };
        self.root.join("target").join(name)
    }

    /// `cargo` of the host, in the workspace. By name: `$CARGO` would fix the toolchain. What `cargo run` set for
    /// xtask alone is taken out, so that build scripts see the same environment as in a plain build.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
            }) {
                cargo.env_remove(name);
            }
        }
        cargo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_stay_below_the_workspaces_own_target() {
        let workspace = Workspace::at(Path::new("/src/llamar"));
        for path in [
            workspace.tools(),
            workspace.peers(),
            workspace.bpf_target(),
            workspace.object(Object::Plain),
        ] {
            assert!(path.starts_with("/src/llamar/target"), "{}", path.display());
        }
    }

    #[test]
    fn the_workspace_found_is_the_one_with_this_crate() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.root().join("xtask/src/workspace.rs").is_file());
        assert!(workspace.root().join("Cargo.toml").is_file());
    }
}
