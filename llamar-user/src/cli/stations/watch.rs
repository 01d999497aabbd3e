//! `llamar arp watch` and `llamar nd watch`: who has which address, and what changes.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use tokio::sync::mpsc::Receiver;
use tracing::{info, warn};

use super::Speech;
use super::capture;
use super::ears::{Ears, Heard};
use super::facts::facts;
use super::speech::Bare;
use super::teller::Teller;
use super::vendors::VendorArgs;
use crate::cli::dnssd::output::{self, Read};
use crate::cli::drive::Signals;
use crate::cli::query::parse_timeout;
use crate::ether::Frame;
use crate::link::{Links, Watch};
use crate::net::until;
use crate::stations::Place;

/// Lines in a second unless others are asked for: what people can follow, and no disk is filled by.
const RATE: u32 = 20;

/// Arguments of both.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    /// Interface to listen on; may be given several times [default: all Ethernet interfaces that are up]
    #[arg(
        short = 'I',
        long,
        alias = "interface",
        value_name = "IF",
        conflicts_with = "pcap"
    )]
    pub iface: Vec<String>,
    /// Reads a capture, pcap or pcapng, `-` from standard input, instead of listening
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["promiscuous", "timeout"])]
    pub pcap: Option<PathBuf>,
    /// Takes frames to other stations too
    #[arg(long)]
    pub promiscuous: bool,
    /// Tells every packet too, and those that are damaged
    #[arg(short, long)]
    pub all: bool,
    /// Ends after so many lines
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Ends after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_timeout)]
    pub timeout: Option<Duration>,
    /// Keeps what is known in a file, and begins with what was kept there
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Most lines in a second, ten times as many at once; what is left out is counted, of a capture nothing is
    #[arg(long, value_name = "LINES", default_value_t = RATE, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    #[command(flatten)]
    pub vendors: VendorArgs,
    /// Says nothing on standard error when it begins and ends
    #[arg(short, long)]
    pub quiet: bool,
    /// Prints objects of JSON, one a line
    #[arg(long)]
    pub json: bool,
}

/// Tells what happens until a signal comes, or it is enough.
pub fn watch(args: &WatchArgs, speech: Speech) -> anyhow::Result<()> {
    if let Some(path) = &args.pcap {
        return capture::read(args, speech, path);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    runtime.block_on(live(args, speech))
}

async fn live(args: &WatchArgs, speech: Speech) -> anyhow::Result<()> {
    let mut signals = Signals::open()?;
    let (mut watch, links) = Watch::open().await?;
    let mut teller = Teller::new(args, speech, true)?;
    let (mut ears, mut heard) = Ears::new(&args.iface, speech, args.promiscuous);
    ears.begin(&links)?;
    let known = facts(&links, |name| teller.number(name));
    teller.learn(known);
    if !args.quiet {
        info!("listening on {}", ears.names().join(", "));
    }
    let end = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut live = Live {
        teller: &mut teller,
        ears: &mut ears,
    };
    tokio::select! {
        biased;
        () = signals.received() => {}
        () = output::closed() => {}
        () = until(end) => {}
        result = live.run(&mut watch, &mut heard) => result?,
    }
    let lost = ears.lost();
    teller.finish(since_1970(SystemTime::now()), lost)
}

struct Live<'l, 'a> {
    teller: &'l mut Teller<'a>,
    ears: &'l mut Ears,
}

impl Live<'_, '_> {
    async fn run(&mut self, watch: &mut Watch, heard: &mut Receiver<Heard>) -> anyhow::Result<()> {
        loop {
            let now = SystemTime::now();
            let due = self.teller.poll_timeout().map(|due| {
                let left = due.saturating_sub(since_1970(now));
                Instant::now() + left
            });
            let flow = tokio::select! {
                biased;
                change = watch.changed() => {
                    change?;
                    self.follow(watch.links());
                    ControlFlow::Continue(())
                }
                () = until(due) => self.teller.handle_timeout(since_1970(SystemTime::now()))?,
                Some(heard) = heard.recv() => self.take(heard)?,
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    fn follow(&mut self, links: &Links) {
        self.ears.follow(links);
        let facts = facts(links, |name| self.teller.number(name));
        self.teller.learn(facts);
    }

    fn take(&mut self, heard: Heard) -> Read {
        let Heard { name, at, frame } = heard;
        let bytes = match frame {
            Ok(bytes) => bytes,
            Err(error) => {
                warn!("{name}: {error}; nothing more is heard there");
                return Ok(ControlFlow::Continue(()));
            }
        };
        let Some(frame) = Frame::read(&bytes) else {
            return Ok(ControlFlow::Continue(()));
        };
        let place = Place {
            link: self.teller.number(&name),
            vlan: frame.vlan(),
        };
        let bare = Bare {
            source: Some(frame.source),
            ether_type: frame.ether_type,
            payload: frame.payload,
        };
        self.teller.hear(since_1970(at), place, bare)
    }
}

fn since_1970(now: SystemTime) -> Duration {
    // A clock that is before 1970 is at its beginning.
    now.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
