//! `llamar nd`: asks for IPv6 addresses, tells of them, and finds out whether they are free (RFC 4861, RFC 4862, RFC 7527).

use std::process::ExitCode;

use anyhow::Context as _;

mod announce;
mod dad;
mod detect;
pub(super) mod place;
mod scan;
mod tell;
mod watch;

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
    Watch(watch::Args),
}

/// Does what is asked.
pub fn nd(args: &Args) -> ExitCode {
    super::asked(match &args.command {
        Command::Detect(args) => block_on(detect::detect(args)),
        Command::Announce(args) => block_on(announce::announce(args)).map(|()| true),
        Command::Dad(args) => block_on(dad::dad(args)),
        Command::Scan(args) => block_on(scan::scan(args)),
        Command::Watch(args) => watch::watch(args).map(|()| true),
    })
}

/// Waits for something with a runtime of its own.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    runtime.block_on(work)
}
