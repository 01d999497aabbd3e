//! `llamar arp reply`: a reply that nobody asked for.

use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use llamar_common::wire::arp::REPLY;

use super::addresses;
use super::announce::stations;
use super::ask::AskArgs;
use super::place::Place;
use super::tell::Teller;
use crate::arp::{Ask, AskEvent, Asker, Station, refusal};
use crate::cli::drive::drive;
use crate::cli::values;
use crate::ether::{self, MacAddr};

/// Arguments of `llamar arp reply`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Without -e the reply is a gratuitous one: broadcast, about the address and for it. With -e and -t it goes to one host. Hosts \
may ignore replies that they did not ask for: `llamar arp announce` is what all heed.

Prints a line for each reply.

Exit codes: 0 sent; 2 wrong usage, or it could not be sent."
)]
pub struct Args {
    /// Address that is told of [default: the first IPv4 address of the interface]
    #[arg(value_name = "ADDRESS", conflicts_with = "src_ip", value_parser = addresses::ip("llamar nd announce"))]
    address: Option<Ipv4Addr>,
    /// The same
    #[arg(short = 'i', long, value_name = "ADDRESS", value_parser = addresses::source_ip("llamar nd announce"))]
    src_ip: Option<Ipv4Addr>,
    /// Host that is told, as if it had asked; needs -t
    #[arg(short = 'e', long, value_name = "ADDRESS", requires = "trg_hw", value_parser = addresses::ip("llamar nd announce"))]
    trg_ip: Option<Ipv4Addr>,
    /// How often
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Time between two replies
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    interval: Duration,
    #[command(flatten)]
    common: AskArgs,
}

/// Sends the replies.
pub async fn reply(args: &Args) -> anyhow::Result<()> {
    let named = args.address.or(args.src_ip);
    let towards: Vec<Ipv4Addr> = named.or(args.trg_ip).into_iter().collect();
    let place = Place::open(&args.common.place, &towards).await?;
    let own = || place.own.first().map(|own| own.ip);
    let ip = named.or_else(own).with_context(|| {
        format!(
            "{} has no IPv4 address: name the one to tell of",
            place.name()
        )
    })?;
    let told = stations(&place, &args.common.place, &args.common.source, &[ip])?;
    let Some(sender) = told.first() else {
        bail!("nothing to tell of");
    };
    let ask = ask(args, &place, *sender)?;
    let teller = Teller {
        place: &place,
        args: &args.common.place,
        output: args.common.output,
    };
    let mut asker = Asker::new(Instant::now(), ask);
    let heed = |event: AskEvent| match event {
        AskEvent::Asked(sent) => teller.show(&sent.packet, sent.destination, sent.number),
        _ => ControlFlow::Continue(()),
    };
    let ended = drive(&place.raw, &mut asker, heed).await?;
    ended.unwrap_or(Ok(()))
}

/// The replies, as something that is sent to a target some times.
fn ask(args: &Args, place: &Place, sender: Station) -> anyhow::Result<Ask> {
    let destination = args.common.target.trg_hw.unwrap_or(MacAddr::BROADCAST);
    args.common
        .place
        .force
        .unless_forced(ether::refusal::destination(destination))?;
    if let Some(host) = args.trg_ip {
        args.common
            .place
            .force
            .unless_forced(refusal::target(host, &place.own))?;
    }
    // RFC 3927 2.5: every packet whose sender is a link-local address is broadcast, replies too.
    if sender.ip.is_link_local() && destination != MacAddr::BROADCAST {
        args.common.place.force.unless_forced(Err(format!(
            "{} is a link-local address: what tells of it has to be broadcast (-t broadcast)",
            sender.ip
        )))?;
    }
    let heard_by = match args.trg_ip {
        Some(_) => destination,
        None => sender.mac,
    };
    Ok(Ask {
        operation: REPLY,
        count: Some(args.count),
        interval: args.interval,
        wait: Duration::ZERO,
        source: Some(args.common.source.ether(place.raw.mac())),
        destination: Some(destination),
        sender_mac: Some(sender.mac),
        target_mac: Some(args.common.target.trg_arp.unwrap_or(heard_by)),
        tag: args.common.place.tag(),
        padding: args.common.source.pad,
        ..Ask::new(
            place.raw.mac(),
            Some(sender.ip),
            vec![args.trg_ip.unwrap_or(sender.ip)],
        )
    })
}
