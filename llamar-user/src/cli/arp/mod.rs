//! `llamar arp`: asks for IPv4 addresses, tells of them, and makes them ours (RFC 826, RFC 5227).

use std::process::ExitCode;

use super::stations::watch::{WatchArgs, watch};
use super::stations::{Speech, help};
use super::{asked, block_on, told};

mod addresses;
mod announce;
mod ask;
mod claim;
mod detect;
mod fields;
pub(super) mod place;
mod reply;
mod request;
mod scan;
mod tell;
mod update;

/// Arguments of `llamar arp`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Asks whether anybody has an address, without telling one of ours
    Detect(detect::Args),
    /// Asks for an address again and again, and shows how long the answers take
    Request(request::Args),
    /// Announces addresses of ours
    Announce(announce::Args),
    /// Sends a reply that nobody asked for, to all or to one host
    Reply(reply::Args),
    /// Makes others learn that an address is here now, if nobody else has it
    Update(update::Args),
    /// Asks for all addresses of a network, and shows who is there
    Scan(scan::Args),
    /// Tells who has which address, and what changes
    #[command(disable_version_flag = true, after_help = help(Speech::Arp))]
    Watch(WatchArgs),
    /// Makes an address ours: asks whether it is free, announces it, and defends it
    Claim(claim::Args),
}

/// Does what is asked.
pub fn arp(args: &Args) -> ExitCode {
    match &args.command {
        Command::Detect(args) => asked(block_on(detect::detect(args))),
        Command::Request(args) => asked(block_on(request::request(args))),
        Command::Announce(args) => told(block_on(announce::announce(args))),
        Command::Reply(args) => told(block_on(reply::reply(args))),
        Command::Update(args) => asked(block_on(update::update(args))),
        Command::Scan(args) => asked(block_on(scan::scan(args))),
        Command::Watch(args) => told(watch(args, Speech::Arp)),
        Command::Claim(args) => asked(block_on(claim::claim(args))),
    }
}
