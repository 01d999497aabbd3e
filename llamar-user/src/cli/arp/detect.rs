//! `llamar arp detect`: whether anybody has an address.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::ask::{self, AskArgs};
use super::place::Place;
use super::request::asking_address;
use super::values;
use crate::arp::{Ask, refusal};

/// RFC 5227 1.1, PROBE_NUM.
const COUNT: u32 = 3;

/// Arguments of `llamar arp detect`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Broadcasts probes (RFC 5227 2.1.1): requests that tell no address of ours, so that no host learns anything wrong from them. \
Whoever has the address answers; whoever probes for it at the same time is heard too. A target is asked until it answers, \
with --all to the end. A host answers even where its firewall drops everything else.

Prints a line for each answer, like `10.0.0.1 is at 02:00:00:00:00:01  0.123 ms`. Everything else is said on standard error.

Exit codes: 0 somebody has one of the addresses; 1 nobody answered; 2 wrong usage, or nothing could be asked."
)]
pub struct Args {
    /// Addresses to ask for
    #[arg(value_name = "TARGET", required_unless_present = "trg_ip", value_parser = values::ip("llamar nd detect"))]
    targets: Vec<Ipv4Addr>,
    /// Another address to ask for; may be given several times
    #[arg(short = 'e', long, value_name = "ADDRESS", value_parser = values::ip("llamar nd detect"))]
    trg_ip: Vec<Ipv4Addr>,
    /// Asks as hosts do that want to talk to it, telling our address on the interface
    #[arg(long)]
    ask: bool,
    /// Tells this address as ours
    #[arg(short = 'i', long, value_name = "ADDRESS", value_parser = values::source_ip("llamar nd detect"))]
    src_ip: Option<Ipv4Addr>,
    /// How often each is asked
    #[arg(short, long, value_name = "N", default_value_t = COUNT, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Time between two rounds, and after the last
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    interval: Duration,
    /// Ends after this time, whatever is still to be done
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    deadline: Option<Duration>,
    /// Asks and listens to the end: several hosts may have one address
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: AskArgs,
}

/// Whether somebody has one of the addresses.
pub async fn detect(args: &Args) -> anyhow::Result<bool> {
    let common = &args.common;
    let targets = ask::once(args.targets.iter().chain(&args.trg_ip).copied());
    let place = Place::open(&common.place, &targets).await?;
    for target in &targets {
        common
            .place
            .unless_forced(refusal::detected(*target, &place.all))?;
    }
    let sender = match (args.ask, args.src_ip) {
        (_, Some(ip)) => Some(ip),
        (true, None) => Some(asking_address(&place, &targets)?),
        (false, None) => None,
    };
    let ask = Ask {
        count: Some(args.count),
        interval: args.interval,
        wait: args.interval,
        deadline: args.deadline,
        at_once: !args.all,
        ..Ask::new(place.raw.mac(), sender, targets)
    };
    ask::ask(&place, common, ask).await
}
