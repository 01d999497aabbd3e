//! `llamar nd announce`: tells neighbours who has an address.

use std::net::Ipv6Addr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::place::{self, Place, Target};
use super::tell::Teller;
use crate::ask::raw::Raw;
use crate::cli::drive::{self, Restart};
use crate::cli::output::OutputArgs;
use crate::cli::values;
use crate::ether::{self, MacAddr};
use crate::link::Link;
use crate::link::neighbours::hardware_address;
use crate::ndp::announcer::Event;
use crate::ndp::{self, Announce, Announcer, MAX_NEIGHBOR_ADVERTISEMENT, Schedule, refusal};
use crate::report::nd::{Neighbour, ToldRow};

/// Arguments of `llamar nd announce`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Sends unsolicited advertisements (RFC 4861 7.2.6) to all nodes. Those who know the address by another hardware address take \
up the new one at once, and switches learn where we are; who has not heard of the address learns nothing. Three of each, a \
second apart, are what the RFC allows: -c and -w are not held to it.

Prints a line for each advertisement.

Exit codes: 0 sent; 2 wrong usage, or it could not be sent."
)]
pub struct Args {
    /// Addresses to announce [default: all IPv6 addresses of the interface]
    #[arg(value_name = "ADDRESS", value_parser = parse_address)]
    addresses: Vec<Target>,
    #[command(flatten)]
    place: Place,
    /// How many times each is announced
    #[arg(
        short, long, value_name = "N", default_value_t = MAX_NEIGHBOR_ADVERTISEMENT,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    count: u32,
    /// Time between two announcements of an address
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    interval: Duration,
    /// Goes on, and announces each again in this time
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    every: Option<Duration>,
    /// Says that a router has the addresses (R)
    #[arg(short = 'R', long)]
    router: bool,
    /// Leaves to those who know another hardware address to make sure first (without O)
    #[arg(long)]
    no_override: bool,
    /// Hardware address to tell [default: the interface's]
    #[arg(long, value_name = "MAC")]
    mac: Option<MacAddr>,
    /// Tells this neighbour alone
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    to: Option<Target>,
    /// The neighbour's hardware address [default: the kernel finds it]
    #[arg(long, value_name = "MAC", requires = "to")]
    unicast: Option<MacAddr>,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_address(text: &str) -> Result<Target, String> {
    Target::parse(text, "llamar arp announce")
}

/// Announces addresses.
pub async fn announce(args: &Args) -> anyhow::Result<()> {
    let named: Vec<Target> = args.addresses.iter().chain(&args.to).cloned().collect();
    let mut raw = args.place.open(&named).await?;
    let link = args.place.spoken(&mut raw);
    args.check()?;
    let to = args.neighbour(&link).await?;
    let announces = args.announces(&raw, &link, to)?;
    let schedule = Schedule {
        count: args.count,
        interval: args
            .every
            .map_or(args.interval, |every| every.min(args.interval)),
        // Whoever wants more, or faster, has said so.
        hasty: true,
        period: args.every,
    };
    let now = Instant::now();
    let mut announcer = Announcer::new(args.place.port(&raw), schedule);
    for announce in &announces {
        announcer.add(now, announce.clone());
    }
    let telling = Telling {
        teller: Teller::new(args.output, &args.place, &raw),
        announces,
    };
    let is_endless = args.every.is_some();
    let heed = |event: Event| telling.heed(&event);
    drive::tell(&raw, &mut announcer, is_endless, heed).await
}

/// What is announced, and how it is told of.
struct Telling {
    teller: Teller,
    announces: Vec<Announce>,
}

impl Telling {
    fn heed(&self, event: &Event) -> ControlFlow<anyhow::Result<()>> {
        let Event::Announced { address, number } = *event else {
            return ControlFlow::Continue(());
        };
        let mut announces = self.announces.iter();
        let Some(announce) = announces.find(|announce| announce.address == address) else {
            return ControlFlow::Continue(());
        };
        let row = ToldRow {
            address,
            mac: announce.mac,
            router: announce.router,
            overriding: announce.overriding,
            to: announce.to.map(|(address, mac)| Neighbour { address, mac }),
            number,
            interface: self.teller.interface.clone(),
            vlan: self.teller.vlan,
        };
        let output = self.teller.output;
        output.show_told(|out| row.write_json(out), |out| row.write_line(out))
    }
}

impl Restart for Announcer {
    fn restart(&mut self, now: Instant) {
        Announcer::restart(self, now);
    }
}

impl Args {
    /// Whether it makes sense and does no harm.
    fn check(&self) -> anyhow::Result<()> {
        for address in self.addresses.iter().chain(&self.to) {
            self.place
                .force
                .unless_forced(refusal::host(address.address))?;
        }
        for mac in self.mac.iter().chain(&self.unicast) {
            self.place
                .force
                .unless_forced(ether::refusal::station(*mac))?;
        }
        Ok(())
    }

    /// The neighbour that alone is told, and its hardware address.
    async fn neighbour(&self, link: &Link) -> anyhow::Result<Option<(Ipv6Addr, MacAddr)>> {
        let Some(Target { address, .. }) = self.to else {
            return Ok(None);
        };
        let mac = match self.unicast {
            Some(mac) => mac,
            None => hardware_address(link.index, address.into())
                .await
                .map(MacAddr)
                .with_context(|| {
                    format!("{address} does not answer: tell its hardware address with --unicast")
                })?,
        };
        Ok(Some((address, mac)))
    }

    /// What is announced.
    fn announces(
        &self,
        raw: &Raw,
        link: &Link,
        to: Option<(Ipv6Addr, MacAddr)>,
    ) -> anyhow::Result<Vec<Announce>> {
        let own = place::own(link)?;
        let addresses = match self.addresses.as_slice() {
            [] => own.clone(),
            given => given.iter().map(|target| target.address).collect(),
        };
        let mac = self.mac.unwrap_or(raw.mac());
        let announce = |address: Ipv6Addr| {
            let judged = refusal::announced(address, mac, raw.mac(), &own);
            self.place.force.unless_forced(judged)?;
            // RFC 4861 4.4: from an address of ours, of which the announced one need not be one: a proxy's.
            let source = match to {
                _ if own.contains(&address) => Some(address),
                Some((neighbour, _)) => ndp::source_for(neighbour, &own),
                None => place::source_for_all(&own),
            };
            Ok(Announce {
                source: source.with_context(|| format!("{address}: no address to tell it from"))?,
                router: self.router,
                overriding: !self.no_override,
                to,
                ..Announce::own(address, mac)
            })
        };
        addresses.into_iter().map(announce).collect()
    }
}
