//! `llamar arp announce`: tells everybody of addresses of ours.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::bail;

use super::addresses;
use super::ask;
use super::fields::{PlaceArgs, SourceArgs};
use super::place::Place;
use super::tell::TellArgs;
use crate::arp::{Announcing, Form, Station, refusal, timing};
use crate::cli::values;
use crate::ether;

/// Arguments of `llamar arp announce`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Broadcasts announcements (RFC 5227 2.3): requests whose sender and target are the address, twice, two seconds apart. Hosts \
that know the address learn where it is now, and switches where we are. It asks nobody whether the address is free: that is \
what `llamar arp update` does once, and `llamar arp claim` as the RFC wants it.

Prints a line for each announcement.

Exit codes: 0 sent; 2 wrong usage, or it could not be sent."
)]
pub struct Args {
    /// Addresses to announce [default: all IPv4 addresses of the interface]
    #[arg(value_name = "ADDRESS", value_parser = addresses::ip("llamar nd announce"))]
    addresses: Vec<Ipv4Addr>,
    /// Another address to announce
    #[arg(short = 'i', long, value_name = "ADDRESS", value_parser = addresses::source_ip("llamar nd announce"))]
    src_ip: Vec<Ipv4Addr>,
    /// How often each is announced
    #[arg(short, long, value_name = "N", default_value_t = timing::ANNOUNCE_NUM, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Time between two announcements of an address
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "2", value_parser = values::seconds)]
    interval: Duration,
    /// Goes on, and announces each again in this time: for switches that forget who is silent
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    every: Option<Duration>,
    /// As what: old hosts may heed only replies
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = AsForm::Request)]
    form: AsForm,
    #[command(flatten)]
    tell: TellArgs,
}

/// As what an address is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AsForm {
    /// A request, as RFC 5227 has it
    Request,
    /// A reply that nobody asked for
    Reply,
    /// A request, and then a reply
    Both,
}

impl From<AsForm> for Form {
    fn from(form: AsForm) -> Self {
        match form {
            AsForm::Request => Self::Request,
            AsForm::Reply => Self::Reply,
            AsForm::Both => Self::Both,
        }
    }
}

/// Announces.
pub async fn announce(args: &Args) -> anyhow::Result<()> {
    let named = ask::once(args.addresses.iter().chain(&args.src_ip).copied());
    let place = Place::open(&args.tell.place, &named).await?;
    let addresses = match named.is_empty() {
        true => place.own.iter().map(|own| own.ip).collect(),
        false => named,
    };
    if addresses.is_empty() {
        bail!(
            "{} has no IPv4 address: name the one to announce",
            place.name()
        );
    }
    let how = Announcing {
        form: args.form.into(),
        count: args.count,
        // Whoever wants more of them than -w says has said so.
        interval: args
            .every
            .map_or(args.interval, |every| every.min(args.interval)),
        period: args.every,
        ..args.tell.announcing(&place)
    };
    let stations = stations(&place, &args.tell.place, &args.tell.source, &addresses)?;
    args.tell.teller(&place).announce(how, &stations).await
}

/// What is announced, unless it is refused.
pub fn stations(
    place: &Place,
    args: &PlaceArgs,
    source: &SourceArgs,
    addresses: &[Ipv4Addr],
) -> anyhow::Result<Vec<Station>> {
    let mac = place.raw.mac();
    args.force
        .unless_forced(ether::refusal::station(source.ether(mac)))?;
    let mut stations = Vec::new();
    for &ip in addresses {
        let station = Station {
            mac: source.packet(mac),
            ip,
        };
        args.force
            .unless_forced(refusal::announced(station, mac, &place.own))?;
        stations.push(station);
    }
    Ok(stations)
}
