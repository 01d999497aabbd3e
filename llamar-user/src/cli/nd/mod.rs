//! `llamar nd`: Neighbor Discovery by hand.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

mod announce;
mod dad;
mod detect;
pub(super) mod place;
mod scan;
mod tell;
mod watch;

/// Arguments of `llamar nd`.
#[derive(Debug, clap::Args)]
// -V is the VLAN of the commands below.
#[command(disable_version_flag = true)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Asks who has an address, or whether anybody has it
    Detect(detect::Args),
    /// Tells neighbours who has an address
    Announce(announce::Args),
    /// Finds out whether an address can be had, and holds it if it is to be kept
    Dad(dad::Args),
    /// Shows who is there
    Scan(scan::Args),
    /// Tells who has which address, and what changes
    Watch(watch::Args),
}

/// Does what is asked.
pub fn nd(args: &Args) -> ExitCode {
    match &args.command {
        Command::Detect(args) => detect::detect(args),
        Command::Announce(args) => announce::announce(args),
        Command::Dad(args) => dad::dad(args),
        Command::Scan(args) => super::asked(block_on(scan::scan(args))),
        Command::Watch(args) => super::asked(watch::watch(args).map(|()| true)),
    }
}

/// Waits for something with a runtime of its own.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    runtime.block_on(work)
}

/// Waits for something; none if Ctrl-C or SIGTERM came before.
async fn unless_interrupted<T>(work: impl Future<Output = T>) -> anyhow::Result<Option<T>> {
    let open = |kind| signal(kind).context("listen for signals");
    let mut interrupt = open(SignalKind::interrupt())?;
    let mut terminate = open(SignalKind::terminate())?;
    Ok(tokio::select! {
        biased;
        done = work => Some(done),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    })
}

/// Longest time that anybody may want to wait: an hour.
const WAIT_MAX: f64 = 3600.0;
/// Shortest: what is asked more often than once in a millisecond is a flood.
const WAIT_MIN: f64 = 0.001;

/// Reads a number of seconds.
fn parse_wait(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| String::from("no number of seconds"))?;
    match (WAIT_MIN..=WAIT_MAX).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(format!("not from {WAIT_MIN} to {WAIT_MAX} seconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_of_seconds_with_bounds() {
        assert_eq!(parse_wait("0.1"), Ok(Duration::from_millis(100)));
        assert_eq!(parse_wait("3600"), Ok(Duration::from_secs(3600)));
        for wrong in ["", "0", "-1", "nan", "inf", "1e300", "3601", "1s", "0.0009"] {
            assert!(parse_wait(wrong).is_err(), "{wrong}");
        }
    }
}
