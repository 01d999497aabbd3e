//! A place to test as root in: mount and process namespaces of its own, so that pins, named network namespaces and
//! processes of a test that was killed die with it.
//!
//! It takes two processes: one makes the namespaces, the other is process 1 of the new one and mounts what belongs
//! into it. Each dies with its parent, and with process 1 the kernel ends all others.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

/// Hidden commands of xtask, for the two processes.
pub const ENTER: &str = "sandbox-enter";
/// See [`ENTER`].
pub const INIT: &str = "sandbox-init";

/// The command, to be run in a sandbox. Needs root.
pub fn wrap(command: &Command) -> Result<Command> {
    let mut wrapped = Command::new(env::current_exe().context("find the program file of xtask")?);
    wrapped
        .args([ENTER, "--"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        wrapped.current_dir(directory);
    }
    Ok(wrapped)
}

/// The first process: makes the namespaces and starts the second in them.
pub fn enter(command: &[OsString]) -> Result<ExitStatus> {
    die_with_parent()?;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID)
        .context("make a private mount and process namespace (needs CAP_SYS_ADMIN)")?;
    let own = env::current_exe().context("find the program file of xtask")?;
    Command::new(&own)
        .args([INIT, "--"])
        .args(command)
        .status()
        .with_context(|| format!("start {}", own.display()))
}

/// The second process: process 1 of its namespace. Mounts, starts the command, and collects whoever ends.
pub fn init(command: &[OsString]) -> Result<ExitStatus> {
    die_with_parent()?;
    private_mounts()?;
    mount_at(
        "proc",
        "/proc",
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
    )?;
    mount_at("bpf", "/sys/fs/bpf", MsFlags::empty())?;
    for directory in ["/run/netns", "/run/llamar"] {
        fs::create_dir_all(directory)
            .with_context(|| format!("create the directory {directory}"))?;
        mount_at("tmpfs", directory, MsFlags::MS_NOSUID | MsFlags::MS_NODEV)?;
    }
    let (program, arguments) = command
        .split_first()
        .context("no command to run in the sandbox")?;
    let child = Command::new(program).args(arguments).spawn();
    let child = child.with_context(|| format!("start {}", Path::new(program).display()))?;
    let child = Pid::from_raw(
        child
            .id()
            .try_into()
            .context("the child's process id is out of range")?,
    );
    loop {
        match wait().context("wait for processes to end")? {
            WaitStatus::Exited(pid, code) if pid == child => {
                return Ok(ExitStatus::from_raw(code << 8));
            }
            WaitStatus::Signaled(pid, signal, _) if pid == child => {
                return Ok(ExitStatus::from_raw(signal as i32));
            }
            _ => {}
        }
    }
}

/// Detaches this process's mounts from the machine's: what is mounted from now on nobody else sees.
pub fn private_mounts() -> Result<()> {
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .context("make the mounts private")
}

/// Mounts a fresh filesystem of a kind.
pub fn mount_at(kind: &str, directory: &str, flags: MsFlags) -> Result<()> {
    mount(Some(kind), directory, Some(kind), flags, None::<&str>)
        .with_context(|| format!("mount a {kind} on {directory}"))
}

fn die_with_parent() -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).context("ask to be ended with the parent process")
}

/// The exit code for a status, as shells have it.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_command_keeps_its_arguments_environment_and_directory() {
        let mut command = Command::new("cargo");
        command
            .args(["test", "--workspace"])
            .env("LLAMAR_TESTS", "require")
            .env_remove("LD_LIBRARY_PATH")
            .current_dir("/");
        let wrapped = wrap(&command).unwrap();
        let arguments: Vec<_> = wrapped.get_args().collect();
        assert_eq!(arguments, [ENTER, "--", "cargo", "test", "--workspace"]);
        assert_eq!(
            wrapped.get_envs().collect::<Vec<_>>(),
            command.get_envs().collect::<Vec<_>>()
        );
        assert_eq!(wrapped.get_current_dir(), Some(Path::new("/")));
    }

    #[test]
    fn exit_codes_are_those_that_shells_give() {
        assert_eq!(exit_code(ExitStatus::from_raw(0)), 0);
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
    }
}
