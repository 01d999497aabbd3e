//! `cargo xtask setup`: brings what building and testing need, below `target/`.

use anyhow::Result;

use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{peers, step};

/// The `setup` command: the BPF toolchain, and with `peers` other people's programs for the tests.
pub fn command(workspace: &Workspace, with_peers: bool) -> Result<()> {
    let toolchain = Toolchain::ready(workspace)?;
    step::say(format_args!("BPF toolchain: {}", toolchain.describe()));
    if with_peers {
        let peers = peers::ready(workspace)?;
        step::say(format_args!("peers for the tests: {}", peers.display()));
    }
    Ok(())
}
