//! `llamar nd`: asks for IPv6 addresses, tells of them, and finds out whether they are free (RFC 4861, RFC 4862, RFC 7527).

use std::process::ExitCode;

use super::stations::watch::{WatchArgs, watch};
use super::stations::{Speech, help};
use super::{asked, block_on, told};

mod announce;
mod dad;
mod detect;
pub(super) mod place;
mod scan;
mod tell;

/// Arguments of `llamar nd`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Asks who has an address, or whether anybody has it
    Detect(detect::Args),
    /// Tells neighbours who has an address
    Announce(announce::Args),
    /// Finds out whether an address is free, and keeps it if it is wanted
    Dad(dad::Args),
    /// Shows who is there
    Scan(scan::Args),
    /// Tells who has which address, and what changes
    #[command(disable_version_flag = true, after_help = help(Speech::Ndp))]
    Watch(WatchArgs),
}

/// Does what is asked.
pub fn nd(args: &Args) -> ExitCode {
    match &args.command {
        Command::Detect(args) => asked(block_on(detect::detect(args))),
        Command::Announce(args) => told(block_on(announce::announce(args))),
        Command::Dad(args) => asked(block_on(dad::dad(args))),
        Command::Scan(args) => asked(block_on(scan::scan(args))),
        Command::Watch(args) => told(watch(args, Speech::Ndp)),
    }
}
