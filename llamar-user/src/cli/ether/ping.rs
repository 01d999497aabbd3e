//! `llamar ether ping`: asks a hardware address.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};

use super::fields::{PlaceArgs, TagArgs};
use super::note;
use crate::ask::raw::Raw;
use crate::cli::drive::drive;
use crate::cli::output::{self, OutputArgs};
use crate::cli::values::{mac, seconds};
use crate::ether::MacAddr;
use crate::ether::echo::{Ask, EXPERIMENTAL, Ping, SIZE_MIN};
use crate::net::{Options, ether_type_filter};
use crate::report::ether::PongRow;

/// Arguments of `llamar ether ping`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Prints a line for each reply, and statistics on standard error. `llamar ether respond` has to run on the other side.

Exit codes: 0 somebody replied; 1 nobody did; 2 wrong usage, or nothing could be asked."
)]
pub struct Args {
    /// Whom to ask; the word broadcast is everybody
    #[arg(value_name = "MAC", value_parser = mac)]
    target: MacAddr,
    /// How often [default: until Ctrl-C]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Time between two requests
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// How long a reply is waited for
    #[arg(short = 'W', long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    timeout: Duration,
    /// Ends after this time, whatever is missing
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    deadline: Option<Duration>,
    /// Bytes that a frame carries: 22 at least, the MTU at most
    #[arg(long, value_name = "BYTES", default_value_t = 46, value_parser = clap::value_parser!(u16).range(SIZE_MIN as i64..))]
    size: u16,
    #[command(flatten)]
    tag: TagArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Whether somebody replied.
pub async fn ping(args: &Args) -> anyhow::Result<bool> {
    let filter = ether_type_filter(&[EXPERIMENTAL]);
    let raw = Raw::with(args.place.iface.as_deref(), &filter, Options::default()).await?;
    check(args, &raw)?;
    let mut rng = StdRng::try_from_rng(&mut SysRng)?;
    let mut ping = Ping::new(Instant::now(), ask(args, raw.mac()), &mut rng);
    if !args.output.quiet {
        note(format_args!(
            "PING {} from {} on {}: {} bytes",
            args.target,
            raw.mac(),
            raw.link().name,
            args.size
        ));
    }
    let heed = |event| match PongRow::of(event).map(|row| show(args, &row)) {
        None | Some(Ok(true)) => ControlFlow::Continue(()),
        Some(Ok(false)) => ControlFlow::Break(Ok(())),
        Some(Err(error)) => ControlFlow::Break(Err(error)),
    };
    let driven = drive(&raw, &mut ping, heed).await;
    // What came until then is told also of a ping that failed.
    let row = PongRow::Statistics {
        target: args.target,
        statistics: *ping.statistics(),
    };
    show(args, &row)?;
    driven?.transpose()?;
    Ok(ping.statistics().received > 0)
}

fn check(args: &Args, raw: &Raw) -> anyhow::Result<()> {
    let (target, link) = (args.target, raw.link());
    ensure!(
        target != raw.mac(),
        "{target} is our own address on {}: a frame to it does not leave this host",
        link.name
    );
    ensure!(
        target != MacAddr::ZERO,
        "{target} is nobody's address: nobody can reply"
    );
    ensure!(
        u32::from(args.size) <= link.mtu,
        "{} bytes do not fit on {}: its MTU is {}",
        args.size,
        link.name,
        link.mtu
    );
    Ok(())
}

fn ask(args: &Args, source: MacAddr) -> Ask {
    Ask {
        source,
        target: args.target,
        tag: args.tag.tag(),
        count: args.count,
        interval: args.interval,
        patience: args.timeout,
        limit: args.deadline,
        size: args.size,
    }
}

/// Shows a row where it belongs. Says whether anybody still reads.
fn show(args: &Args, row: &PongRow) -> anyhow::Result<bool> {
    if args.output.json {
        return Ok(output::write(|out| row.write_json(out))?.is_continue());
    }
    if row.is_reply() {
        return Ok(output::write(|out| row.write_line(out))?.is_continue());
    }
    if !args.output.quiet {
        let mut text = Vec::new();
        row.write_line(&mut text)?;
        note(String::from_utf8_lossy(&text));
    }
    Ok(true)
}
