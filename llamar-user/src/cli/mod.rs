//! The command line: one file per subcommand, each turning arguments into a library call and its result into
//! lines. Exit codes: 0 done, 1 failure, 2 usage or configuration.

use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use tracing::error;

use crate::config::ConfigError;

mod check;
mod detach;
mod log;
mod names;
mod pinned;
mod run;
mod status;
mod why;

/// Answers ARP requests and LLMNR queries for this host's names and addresses, in the kernel where it can.
#[derive(Debug, Parser)]
#[command(
    name = "llamar",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
struct Cli {
    /// Logs every message received and answered; twice also what the libraries do
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves interfaces until SIGTERM or Ctrl-C
    Run(run::Args),
    /// Shows the names that are answered for, and changes them
    Names(names::Args),
    /// Shows the links and what became of the frames on them
    Status(names::Shown),
    /// Tells on which links a name is answered for, and what keeps it silent on the others
    Why(why::Args),
    /// Takes the kernel path of an agent that is gone off its interfaces
    Detach(detach::Args),
    /// Judges a configuration without serving anything
    Check(check::Args),
}

/// How a command failed, which decides the exit code.
enum Failure {
    /// Wrong usage or configuration: exit code 2. Every line has been said already.
    Usage,
    /// Anything else: exit code 1.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs the command line and returns the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.verbose);
    let result = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Names(args) => names::names(args),
        Command::Status(args) => status::status(&args),
        Command::Why(args) => return why::why(&args),
        Command::Detach(args) => detach::detach(&args),
        Command::Check(args) => check::check(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage) => ExitCode::from(2),
        Err(Failure::Failed(reason)) => {
            error!("{reason:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says everything that is wrong with a configuration, a line each.
fn misconfigured(reason: &ConfigError) -> Failure {
    for line in reason.to_string().lines() {
        error!("{line}");
    }
    Failure::Usage
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
