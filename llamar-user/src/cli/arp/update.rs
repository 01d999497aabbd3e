//! `llamar arp update`: others learn that an address is here now.

use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::bail;
use tracing::error;

use super::addresses;
use super::announce::{AsForm, stations};
use super::ask;
use super::place::Place;
use super::tell::{TellArgs, Teller};
use crate::arp::{Announcing, Ask, AskEvent, Asker, Station, refusal};
use crate::cli::drive::drive;
use crate::cli::values;

/// Arguments of `llamar arp update`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
For an address that has just come here, such as one that moved from another machine: asks once whether another host still \
has it, and if nobody answers broadcasts that it is here. With -e only some hosts are told, by a request for each.

Prints a line for each packet that tells of an address.

Exit codes: 0 sent; 1 another host has one of the addresses, and nobody was told; 2 wrong usage, or it could not be sent."
)]
pub struct Args {
    /// Addresses that are here now
    #[arg(value_name = "ADDRESS", required_unless_present = "src_ip", value_parser = addresses::ip("llamar nd announce"))]
    addresses: Vec<Ipv4Addr>,
    /// Another address that is here now
    #[arg(short = 'i', long, value_name = "ADDRESS", value_parser = addresses::source_ip("llamar nd announce"))]
    src_ip: Vec<Ipv4Addr>,
    /// Tells only this host; may be given several times
    #[arg(short = 'e', long, value_name = "ADDRESS", conflicts_with = "form", value_parser = addresses::ip("llamar nd announce"))]
    trg_ip: Vec<Ipv4Addr>,
    /// How often others are told
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// How long another holder's answer is waited for, and time between two packets
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    interval: Duration,
    /// As what it is told
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = AsForm::Both)]
    form: AsForm,
    #[command(flatten)]
    tell: TellArgs,
}

/// Asks, and tells; whether it was told, for no other host has one of the addresses.
pub async fn update(args: &Args) -> anyhow::Result<bool> {
    let addresses = ask::once(args.addresses.iter().chain(&args.src_ip).copied());
    let place = Place::open(&args.tell.place, &addresses).await?;
    let stations = stations(&place, &args.tell.place, &args.tell.source, &addresses)?;
    for host in &args.trg_ip {
        args.tell
            .place
            .force
            .unless_forced(refusal::detected(*host, &place.all))?;
    }
    if !args.tell.place.force.given && is_taken(args, &place, &addresses).await? {
        return Ok(false);
    }
    let teller = args.tell.teller(&place);
    if args.trg_ip.is_empty() {
        let how = Announcing {
            form: args.form.into(),
            count: args.count,
            interval: args.interval,
            ..args.tell.announcing(&place)
        };
        teller.announce(how, &stations).await?;
        return Ok(true);
    }
    for station in stations {
        tell_hosts(args, &teller, station).await?;
    }
    Ok(true)
}

/// Asks once whether another host has one of the addresses, and says so.
async fn is_taken(args: &Args, place: &Place, addresses: &[Ipv4Addr]) -> anyhow::Result<bool> {
    let probe = Ask {
        count: Some(1),
        wait: args.interval,
        at_once: true,
        tag: args.tell.place.tag(),
        padding: args.tell.source.pad,
        ..Ask::new(place.raw.mac(), None, addresses.to_vec())
    };
    let mut asker = Asker::new(Instant::now(), probe);
    let heed = |event: AskEvent| match event {
        AskEvent::Answer(answer) => ControlFlow::Break(answer),
        _ => ControlFlow::Continue(()),
    };
    let taken = drive(&place.raw, &mut asker, heed).await?;
    match taken {
        Some(answer) => {
            let (mac, address) = (answer.mac, answer.target);
            error!("{mac} has {address}: nobody is told; --force tells nevertheless");
            Ok(true)
        }
        None if !asker.is_done() => bail!("interrupted: nobody is told"),
        None => Ok(false),
    }
}

/// Tells some hosts by asking for them in the address's name.
async fn tell_hosts(args: &Args, teller: &Teller<'_>, station: Station) -> anyhow::Result<()> {
    let mac = teller.place.raw.mac();
    let ask = Ask {
        count: Some(args.count),
        interval: args.interval,
        wait: Duration::ZERO,
        source: Some(args.tell.source.ether(mac)),
        sender_mac: Some(station.mac),
        tag: args.tell.place.tag(),
        padding: args.tell.source.pad,
        ..Ask::new(mac, Some(station.ip), args.trg_ip.clone())
    };
    let mut asker = Asker::new(Instant::now(), ask);
    let heed = |event: AskEvent| match event {
        AskEvent::Asked(sent) => teller.show(&sent.packet, sent.destination, sent.number),
        _ => ControlFlow::Continue(()),
    };
    let ended = drive(&teller.place.raw, &mut asker, heed).await?;
    ended.unwrap_or(Ok(()))
}
