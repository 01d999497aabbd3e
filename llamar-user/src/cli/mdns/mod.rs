//! `llamar mdns`: asks by multicast DNS, and shows what is told of by it.

use std::process::ExitCode;

mod names;
mod query;

/// Arguments of `llamar mdns`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Asks for the records of a name or an address
    Query(query::Args),
    /// Shows the hosts and services that are told of, and how their names stand
    Names(names::Args),
}

/// Does what is asked.
pub fn mdns(args: &Args) -> ExitCode {
    match &args.command {
        Command::Query(args) => query::query(args),
        Command::Names(args) => names::names(args),
    }
}
