//! `cargo xtask run`: builds llamar and becomes it; as root directly, otherwise by sudo.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::unistd::Uid;

use crate::build::{self, Options};
use crate::step;
use crate::workspace::Workspace;

/// The `run` command. Returns only if something fails: the program takes this process's place, so that signals reach
/// it and its exit code is the one that is seen.
pub fn command(workspace: &Workspace, options: Options, arguments: &[OsString]) -> Result<()> {
    let root = Uid::effective().is_root();
    if !root && step::on_path("sudo").is_none() {
        bail!(
            "llamar needs root, and there is no sudo on PATH to start it with: `apt-get install sudo`, \
             or `cargo xtask build` and start target/release/llamar as root"
        );
    }
    let program = build::build(workspace, options)?;
    let mut command = agent(&program, arguments, !root);
    step::say(format_args!("starting {}", step::line(&command)));
    let error = command.exec();
    Err(error).with_context(|| format!("start `{}`", step::line(&command)))
}

fn agent(program: &Path, arguments: &[OsString], sudo: bool) -> Command {
    let mut command = Command::new(if sudo { Path::new("sudo") } else { program });
    if sudo {
        // `--` ends sudo's own options.
        command.arg("--").arg(program);
    }
    command.arg("run").args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_starts_the_agent_itself() {
        let command = agent(
            Path::new("/t/llamar"),
            &["--iface".into(), "eth0".into()],
            false,
        );
        assert_eq!(step::line(&command), "/t/llamar run --iface eth0");
    }

    #[test]
    fn others_start_it_by_sudo() {
        let command = agent(
            Path::new("/t/llamar"),
            &["--iface".into(), "eth 0".into()],
            true,
        );
        assert_eq!(
            step::line(&command),
            "sudo -- /t/llamar run --iface 'eth 0'"
        );
    }
}
