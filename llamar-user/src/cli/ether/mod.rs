//! `llamar ether`: raw frames, sent, shown, and given back.

use std::fmt::Display;
use std::process::ExitCode;

use clap::Subcommand;
use tracing::info;

use super::{asked, block_on, told};

mod fields;
mod listen;
mod payload;
mod ping;
mod respond;
mod send;

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
        Command::Send(args) => told(block_on(send::send(args))),
        Command::Listen(args) => told(block_on(listen::listen(args))),
        Command::Ping(args) => asked(block_on(ping::ping(args))),
        Command::Respond(args) => told(block_on(respond::respond(args))),
    }
}

/// Says something besides, on standard error.
fn note(text: impl Display) {
    for line in text.to_string().lines() {
        info!("{line}");
    }
}

/// A number of things: `1 frame`, `2 frames`.
fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}
