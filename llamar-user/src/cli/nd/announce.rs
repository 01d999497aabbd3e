//! `llamar nd announce`: tells neighbours who has an address.

use std::io;
use std::net::Ipv6Addr;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tracing::debug;

use super::place::{self, Place, Target};
use super::tell::{Teller, Telling};
use super::{block_on, parse_wait, unless_interrupted};
use crate::ask::raw::Raw;
use crate::cli::asked;
use crate::ether::MacAddr;
use crate::link::Link;
use crate::link::neighbours::hardware_address;
use crate::ndp::{
    self, Announce, Announcer, MAX_NEIGHBOR_ADVERTISEMENT, Schedule, announcer, refusal,
};
use crate::report::NdFinding;

/// Arguments of `llamar nd announce`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Prints a line for each address, like `fe80::2 is at 02:00:00:00:00:02`. RFC 4861 wants an address to be announced three \
times at most, a second apart: this is the default, and -c and -w are not held to it.

Exit codes: 0 sent; 2 wrong usage, or something was not sent."
)]
pub struct Args {
    /// Addresses to announce [default: all IPv6 addresses of the interface]
    #[arg(value_name = "ADDRESS", value_parser = parse_address)]
    addresses: Vec<Target>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    telling: Telling,
    /// How many times each is announced
    #[arg(
        short, long, value_name = "N", default_value_t = MAX_NEIGHBOR_ADVERTISEMENT,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    count: u32,
    /// Time between two announcements of an address
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = parse_wait)]
    interval: Duration,
    /// Announces each address again after such a time, until Ctrl-C
    #[arg(long, value_name = "SECONDS", value_parser = parse_wait)]
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
    /// Announces also what no host can have
    #[arg(long)]
    force: bool,
}

fn parse_address(text: &str) -> Result<Target, String> {
    Target::parse(text, "llamar arp announce")
}

/// Announces, and prints what was announced.
pub fn announce(args: &Args) -> ExitCode {
    asked(block_on(run(args)).map(|()| true))
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let named: Vec<Target> = args.addresses.iter().chain(&args.to).cloned().collect();
    let mut raw = args.place.open(&named).await?;
    let link = args.place.spoken(&mut raw);
    args.check()?;
    let to = args.neighbour(&link).await?;
    let announces = args.announces(&raw, &link, to)?;
    let teller = Teller::new(args.telling, &args.place, &raw);
    args.head(&teller, announces.len(), to);
    let schedule = Schedule {
        count: args.count,
        interval: args.interval,
        // Whoever wants more, or faster, has said so.
        hasty: true,
        period: args.every,
    };
    let now = Instant::now();
    let mut announcer = Announcer::new(now, args.place.port(&raw), schedule);
    for announce in announces {
        announcer.add(now, announce);
    }
    let mac = args.mac.unwrap_or(raw.mac());
    let driven = raw.drive(&mut announcer, false, |event| heed(&teller, mac, &event));
    if let Some(ended) = unless_interrupted(driven).await? {
        ended?.transpose()?;
    }
    Ok(())
}

fn heed(teller: &Teller, mac: MacAddr, event: &announcer::Event) -> ControlFlow<io::Result<()>> {
    let announcer::Event::Announced { address, number } = *event else {
        return ControlFlow::Continue(());
    };
    debug!("sent advertisement {number} of {address} at {mac}");
    match teller.find(NdFinding::Announced {
        address,
        mac,
        number,
    }) {
        Ok(()) => ControlFlow::Continue(()),
        failed => ControlFlow::Break(failed),
    }
}

impl Args {
    /// Whether it makes sense and does no harm.
    fn check(&self) -> anyhow::Result<()> {
        if self.force {
            return Ok(());
        }
        for address in self.addresses.iter().chain(&self.to) {
            place::unless_refused(refusal::host(address.address))?;
        }
        for mac in self.mac.iter().chain(&self.unicast) {
            place::unless_refused(refusal::hardware(*mac))?;
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
        let announce = |address: Ipv6Addr| {
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
                ..Announce::own(address, self.mac.unwrap_or(raw.mac()))
            })
        };
        addresses.into_iter().map(announce).collect()
    }

    fn head(&self, teller: &Teller, number: usize, to: Option<(Ipv6Addr, MacAddr)>) {
        let to = match to {
            Some((address, mac)) => format!("{address} at {mac}"),
            None => "all nodes".to_owned(),
        };
        let addresses = match number {
            1 => "1 address".to_owned(),
            more => format!("{more} addresses"),
        };
        teller.say(&format!(
            "announcing {addresses} on {} to {to}",
            teller.place()
        ));
    }
}
