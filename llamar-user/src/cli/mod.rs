//! The command line: one file per subcommand, each turning arguments into a library call and its result into
//! lines. Exit codes: 0 done, 1 failure, 2 usage or configuration; of commands that ask others: 0 answered, 1 no
//! answer, 2 usage or failure. Under the names of older programs the binary is those programs.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{ArgAction, Parser, Subcommand};
use tracing::error;

use crate::config::ConfigError;

mod arp;
mod arpsend;
mod busco;
mod check;
mod detach;
mod dnssd;
mod drive;
mod eterm;
mod ether;
mod family;
mod force;
mod host;
mod links;
mod log;
mod mdns;
mod names;
mod nd;
mod ndsend;
mod output;
mod pinned;
mod pyng;
mod pyngd;
mod query;
mod run;
mod stations;
mod status;
mod values;
mod why;

/// Answers ARP requests, LLMNR and mDNS queries for this host's names and addresses, in the kernel where it can.
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
    /// Asks others on the link for a name or an address
    Query(query::Args),
    /// Shows the services on the link as they come and go, or those in a capture
    Dnssd(dnssd::Args),
    /// Asks by multicast DNS, and shows what is told of by it
    Mdns(mdns::Args),
    /// Asks for IPv4 addresses on the link, tells of them, and makes them ours
    Arp(arp::Args),
    /// Speaks Neighbor Discovery: asks for IPv6 addresses, announces them, finds out whether they are free
    Nd(nd::Args),
    /// Sends and shows raw Ethernet frames, and pings hardware addresses
    Ether(ether::Args),
    /// Shows the names that are answered for, and changes them
    Names(names::Args),
    /// Shows the links and what became of the frames on them
    Status(status::Args),
    /// Tells on which links a name is answered for, and what keeps it silent on the others
    Why(why::Args),
    /// Takes the kernel path of an agent that is gone off its interfaces
    Detach(detach::Args),
    /// Judges a configuration without serving anything
    Check(check::Args),
    /// Shows the names of older programs that this one takes the place of, or makes links under them
    Links(links::Args),
}

/// What a program does from its arguments to its exit code.
type Main = fn() -> ExitCode;

/// What the binary is under another name, which a link to it has.
const LINKS: [(&str, Main); 6] = [
    ("arpsend", arpsend::main),
    ("busco", busco::main),
    ("eterm", eterm::main),
    ("ndsend", ndsend::main),
    ("pyng", pyng::main),
    ("pyngd", pyngd::main),
];

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
    match linked() {
        Some(main) => main(),
        None => llamar(),
    }
}

/// Reads the arguments, or ends with what is to be said of them: what is wrong in the form in which all errors are told.
fn parse<P: Parser>() -> P {
    let error = match P::try_parse() {
        Ok(arguments) => return arguments,
        Err(error) => error,
    };
    if !error.to_string().starts_with("error:") {
        error.exit();
    }
    let rendered = error.render();
    // Nobody to tell is no reason for another exit code.
    let _ = match std::io::stderr().is_terminal() {
        true => write!(std::io::stderr(), "llamar: {}", rendered.ansi()),
        false => write!(std::io::stderr(), "llamar: {rendered}"),
    };
    std::process::exit(error.exit_code())
}

/// The program that this is by the name under which it was called.
fn linked() -> Option<Main> {
    let called = std::env::args_os().next()?;
    let name = Path::new(&called).file_name()?;
    let link = LINKS.iter().find(|(link, _)| name == *link)?;
    Some(link.1)
}

fn llamar() -> ExitCode {
    let cli: Cli = parse();
    log::start(cli.verbose);
    let result = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Query(args) => return query::query(&args),
        Command::Dnssd(args) => return dnssd::dnssd(&args),
        Command::Mdns(args) => return mdns::mdns(&args),
        Command::Arp(args) => return arp::arp(&args),
        Command::Nd(args) => return nd::nd(&args),
        Command::Ether(args) => return ether::ether(&args),
        Command::Names(args) => names::names(args),
        Command::Status(args) => status::status(&args),
        Command::Why(args) => return why::why(&args),
        Command::Detach(args) => detach::detach(&args),
        Command::Check(args) => check::check(&args),
        Command::Links(args) => links::links(&args),
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

/// The exit code of a command that asks: whether there was an answer, or how it failed, which is said.
fn asked(result: anyhow::Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(reason) => {
            error!("{reason:#}");
            ExitCode::from(2)
        }
    }
}

/// The exit code of a command that tells others something: it did, or how it failed, which is said.
fn told(result: anyhow::Result<()>) -> ExitCode {
    asked(result.map(|()| true))
}

/// Runs a command in a runtime of its own.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    runtime.block_on(command)
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
