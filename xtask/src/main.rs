//! `cargo xtask`: builds, runs, tests and checks llamar. Each command has a file of its own.
//!
//! Exit codes: 0 done, 1 failure, 2 usage.

mod apt;
mod bench;
mod bpf;
mod btf;
mod build;
mod dist;
mod fuzz;
mod linker;
#[path = "../../llamar-user/tests/support/marked.rs"]
mod marked;
mod peers;
mod run;
mod sandbox;
mod setup;
mod stamp;
mod step;
mod test;
mod toolchain;
mod verify;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::step::Usage;
use crate::workspace::Workspace;

/// Builds, runs, tests and checks llamar
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the BPF toolchain below target/ and nothing else
    Setup {
        /// Bring the programs that the tests talk to as well
        #[arg(long)]
        peers: bool,
    },
    /// Build target/release/llamar with the eBPF object inside
    Build(build::Options),
    /// Build what is to be installed: the program, links under the names of older ones, licences, as a folder and a tar
    Dist(dist::Options),
    /// Build, then start `llamar run` with the arguments; as non-root by sudo
    Run {
        #[command(flatten)]
        options: build::Options,
        /// Arguments of `llamar run`, after `--`
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Run rustfmt, clippy, rustdoc, all tests and verify; with arguments only `cargo test` with them
    Test {
        /// A part of a test's name, or other arguments of `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Feed parsers and responder with made-up, captured and damaged input until something breaks or time is up
    Fuzz(fuzz::Options),
    /// Measure the kernel path against a bare reflector, the kernel and other people's responders; needs root
    Bench(bench::Options),
    /// Load the eBPF programs and check how many instructions the verifier walked through
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    #[command(name = sandbox::ENTER, hide = true)]
    SandboxEnter {
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    #[command(name = sandbox::INIT, hide = true)]
    SandboxInit {
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            step::say(format_args!("error: {error:#}"));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup { peers } => setup::command(&workspace, peers)?,
        Command::Build(options) => build::command(&workspace, options)?,
        Command::Dist(options) => dist::command(&workspace, &options)?,
        Command::Run { options, arguments } => run::command(&workspace, options, &arguments)?,
        Command::Test { arguments } => test::command(&workspace, &arguments)?,
        Command::Fuzz(options) => fuzz::command(&workspace, &options)?,
        Command::Bench(options) => return bench::command(&workspace, &options),
        Command::Verify { json } => verify::command(&workspace, json)?,
        Command::SandboxEnter { command } => {
            return Ok(ExitCode::from(sandbox::exit_code(sandbox::enter(
                &command,
            )?)));
        }
        Command::SandboxInit { command } => {
            return Ok(ExitCode::from(sandbox::exit_code(sandbox::init(&command)?)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_after_the_dashes_are_the_agents() {
        let cli =
            Cli::try_parse_from(["xtask", "run", "--trace", "--", "--iface", "eth0"]).unwrap();
        let Command::Run { options, arguments } = cli.command else {
            panic!("{:?}", cli.command)
        };
        assert!(options.trace && !options.debug);
        assert_eq!(arguments, ["--iface", "eth0"]);
    }

    #[test]
    fn arguments_of_test_may_be_options_of_cargo() {
        let cli = Cli::try_parse_from([
            "xtask",
            "test",
            "-p",
            "llamar-user",
            "name",
            "--",
            "--nocapture",
        ])
        .unwrap();
        let Command::Test { arguments } = cli.command else {
            panic!("{:?}", cli.command)
        };
        assert_eq!(
            arguments,
            ["-p", "llamar-user", "name", "--", "--nocapture"]
        );
    }
}
