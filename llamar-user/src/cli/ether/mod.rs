//! `llamar ether`: raw frames, sent, shown, and given back.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

mod fields;
mod listen;
mod output;
mod payload;
mod ping;
mod respond;
mod send;
mod stop;

pub(super) use output::Output;
pub(super) use stop::Stop;

use output::{counted, note};

/// Arguments of `llamar ether`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends a frame
    Send(send::Args),
    /// Shows the frames that come in and go out, or writes them to a capture file
    Listen(listen::Args),
    /// Asks a hardware address whether `llamar ether respond` runs there, and how long the way is
    Ping(ping::Args),
    /// Replies to `llamar ether ping`
    Respond(respond::Args),
}

/// Runs one of the commands.
pub fn ether(args: &Args) -> ExitCode {
    match &args.command {
        Command::Send(args) => done(run(send::send(args))),
        Command::Listen(args) => done(run(listen::listen(args))),
        Command::Ping(args) => super::asked(run(ping::ping(args))),
        Command::Respond(args) => done(run(respond::respond(args))),
    }
}

/// Runs a command in a runtime of its own.
pub(super) fn run<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    runtime.block_on(command)
}

/// The exit code of a command that does something for others: done, or how it failed, which is said.
fn done(result: anyhow::Result<()>) -> ExitCode {
    super::asked(result.map(|()| true))
}
