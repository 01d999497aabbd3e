//! `llamar arp request`: asks for an address as arping does.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;

use super::ask::{self, AskArgs};
use super::place::Place;
use super::values;
use crate::arp::{Ask, refusal};

/// Arguments of `llamar arp request`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Broadcasts requests that tell our address, as hosts do that want to talk to the target: from the answers it is known how far \
it is, and whether two hosts have its address. Without -c or --deadline it goes on until Ctrl-C.

Prints a line for each answer, like `10.0.0.1 is at 02:00:00:00:00:01  0.123 ms`. Everything else is said on standard error, \
at the end how many were sent and received and how long they took.

Exit codes: 0 somebody answered; 1 nobody did; 2 wrong usage, or nothing could be asked."
)]
pub struct Args {
    /// Addresses to ask for
    #[arg(value_name = "TARGET", required_unless_present = "trg_ip", value_parser = values::ip("llamar nd detect"))]
    targets: Vec<Ipv4Addr>,
    /// Another address to ask for; may be given several times
    #[arg(short = 'e', long, value_name = "ADDRESS", value_parser = values::ip("llamar nd detect"))]
    trg_ip: Vec<Ipv4Addr>,
    /// Tells this address as ours [default: the interface's on the target's network]
    #[arg(short = 'i', long, value_name = "ADDRESS", value_parser = values::source_ip("llamar nd detect"))]
    src_ip: Option<Ipv4Addr>,
    /// How often each is asked [default: until Ctrl-C]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Time between two rounds, and after the last
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    interval: Duration,
    /// Ends after this time, whatever is still to be done
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    deadline: Option<Duration>,
    /// Asks a target no more once it has answered
    #[arg(short = 'o', long, alias = "first", short_alias = 'f')]
    at_once: bool,
    /// Asks whoever answered alone, no longer all
    #[arg(long, conflicts_with = "trg_hw")]
    unicast: bool,
    #[command(flatten)]
    common: AskArgs,
}

/// Whether somebody answered.
pub async fn request(args: &Args) -> anyhow::Result<bool> {
    let common = &args.common;
    let targets = ask::once(args.targets.iter().chain(&args.trg_ip).copied());
    let place = Place::open(&common.place, &targets).await?;
    for target in &targets {
        common
            .place
            .unless_forced(refusal::detected(*target, &place.all))?;
    }
    let sender = match args.src_ip {
        Some(ip) => ip,
        None => asking_address(&place, &targets)?,
    };
    let ask = Ask {
        count: args.count,
        interval: args.interval,
        wait: args.interval,
        deadline: args.deadline,
        at_once: args.at_once,
        unicast: args.unicast,
        solicited_only: true,
        ..Ask::new(place.raw.mac(), Some(sender), targets)
    };
    ask::ask(&place, common, ask).await
}

/// The address to tell as ours.
pub fn asking_address(place: &Place, targets: &[Ipv4Addr]) -> anyhow::Result<Ipv4Addr> {
    place.source_for(targets).with_context(|| {
        format!(
            "{} has no IPv4 address from which to ask: give one with -i, or ask without (llamar arp detect)",
            place.name()
        )
    })
}
