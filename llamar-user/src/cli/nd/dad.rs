//! `llamar nd dad`: duplicate address detection by hand, and holding what was found to be free.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::place::{self, Place, Target};
use super::tell::{Teller, Telling};
use super::{block_on, parse_wait, unless_interrupted};
use crate::ask::raw::Raw;
use crate::cli::asked;
use crate::link::Link;
use crate::ndp::dad::Event;
use crate::ndp::defence::How;
use crate::ndp::{After, Check, Conflict, Dad, Schedule, refusal};
use crate::net::Membership;
use crate::report::NdFinding;

/// Rounds of solicitations that may all come back before the address is taken for free nonetheless. RFC 7527 4.1 goes on
/// until the link loops no more or somebody orders otherwise; whoever waits for an exit code has.
const LOOPS: u32 = 1;

/// Arguments of `llamar nd dad`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Prints `fd00::9 is free`, or `fd00::9 is a duplicate: 02:00:00:00:00:02 has it` (`wants it too` if that one is about to \
find it out as well). Solicitations have nonces (RFC 7527): those of ours that come back are no duplicate, and are told of.

Exit codes: 0 nobody has the address, it was ours if it was kept; 1 somebody has it; 2 wrong usage, or it was not found \
out."
)]
pub struct Args {
    /// The address
    #[arg(value_name = "ADDRESS", value_parser = parse_address)]
    address: Target,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    telling: Telling,
    /// How many solicitations have to go unanswered
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// How long each waits for an answer; RFC 4862 waits a second
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = parse_wait)]
    wait: Duration,
    /// Keeps the address: announces it, answers those who ask for it, and defends it, until Ctrl-C
    #[arg(short, long)]
    keep: bool,
    /// Keeps it for so long
    #[arg(long = "for", value_name = "SECONDS", requires = "keep", value_parser = parse_wait)]
    duration: Option<Duration>,
    /// Says that a router has it (R)
    #[arg(short = 'R', long, requires = "keep")]
    router: bool,
    /// Sends no nonces, as before RFC 7527
    #[arg(long)]
    no_nonce: bool,
    /// Checks also what no host can have, and our own addresses
    #[arg(long)]
    force: bool,
}

fn parse_address(text: &str) -> Result<Target, String> {
    Target::parse(text, "llamar arp claim")
}

/// Finds out whether an address can be had.
pub fn dad(args: &Args) -> ExitCode {
    asked(block_on(run(args)))
}

/// Whether nobody has it.
async fn run(args: &Args) -> anyhow::Result<bool> {
    let mut raw = args.place.open(std::slice::from_ref(&args.address)).await?;
    let link = args.place.spoken(&mut raw);
    args.check(&link)?;
    let teller = Teller::new(args.telling, &args.place, &raw);
    let address = args.address.address;
    teller.say(&format!("checking {address} on {}", teller.place()));
    // RFC 4862 5.4.2: both groups are joined before the first solicitation, which reports us to switches.
    let groups = [place::group(address), place::ALL_NODES];
    let _membership = Membership::join(link.index, groups).context("listen for an answer")?;
    let mut claim = Claim {
        teller,
        address,
        looped_back: 0,
    };
    let mut dad = Dad::new(rand::make_rng(), Instant::now(), args.plan(&raw));
    let driven = raw.drive(&mut dad, false, |event| claim.heed(event));
    let Some(decided) = unless_interrupted(driven).await? else {
        bail!("interrupted before it was found out");
    };
    let is_free = decided?.context("nothing was found out")??;
    if is_free && args.keep {
        claim.hold(&raw, &mut dad, args.duration).await?;
    }
    Ok(is_free)
}

impl Args {
    /// Whether it makes sense and does no harm.
    fn check(&self, link: &Link) -> anyhow::Result<()> {
        if self.force {
            return Ok(());
        }
        let own: Vec<Ipv6Addr> = place::all(link).collect();
        let addresses = link.addresses.iter();
        let prefixes: Vec<(Ipv6Addr, u8)> = addresses
            .filter_map(|address| match address.peer.unwrap_or(address.ip) {
                IpAddr::V6(ip) => Some((ip, address.prefix)),
                IpAddr::V4(_) => None,
            })
            .collect();
        place::unless_refused(refusal::claim(self.address.address, &own, &prefixes))
    }

    fn plan(&self, raw: &Raw) -> Check {
        Check {
            transmits: self.count,
            retrans: self.wait,
            // RFC 4862 5.4.2: only the first message of an interface waits; this one has been up.
            delay: Duration::ZERO,
            nonces: !self.no_nonce,
            loops: Some(LOOPS),
            after: match self.keep {
                true => After::Hold,
                false => After::Leave,
            },
            announce: self.keep.then(Schedule::default),
            router: self.router,
            ..Check::new(self.place.port(raw), self.address.address)
        }
    }
}

/// A claim, and how it is told of.
struct Claim {
    teller: Teller,
    address: Ipv6Addr,
    looped_back: u64,
}

impl Claim {
    /// Breaks when it is found out; whether the address is free.
    fn heed(&mut self, event: Event) -> ControlFlow<io::Result<bool>> {
        let address = self.address;
        let told = match event {
            Event::Unique => {
                let looped_back = self.looped_back;
                let finding = NdFinding::Free {
                    address,
                    looped_back,
                };
                return ControlFlow::Break(self.teller.find(finding).map(|()| true));
            }
            Event::Duplicate(Conflict { mac, how, .. }) => {
                let finding = NdFinding::Duplicate {
                    address,
                    mac,
                    tentative: how == How::Checked,
                };
                return ControlFlow::Break(self.teller.find(finding).map(|()| false));
            }
            Event::Looped { total } => {
                self.looped_back = total;
                self.teller
                    .say(&"our own solicitation came back: the link loops");
                self.teller.find(NdFinding::LoopedBack { address })
            }
            Event::Late(conflict) => self.take_conflict(&conflict),
            Event::Asked { number, of } => {
                debug!("sent solicitation {number} of {of} for {address}");
                Ok(())
            }
            Event::Announced { number } => {
                debug!("sent advertisement {number} of {address}");
                Ok(())
            }
            // Joined from the start.
            Event::Join { .. } => Ok(()),
        };
        match told {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    }

    /// Answers for the address until it is enough.
    async fn hold(
        &mut self,
        raw: &Raw,
        dad: &mut Dad,
        duration: Option<Duration>,
    ) -> anyhow::Result<()> {
        let address = self.address;
        self.teller.say(&format!("keeping {address}"));
        let driven = raw.drive(dad, true, |event| self.heed(event));
        let held = unless_interrupted(async {
            match duration {
                Some(duration) => timeout(duration, driven).await.unwrap_or(Ok(None)),
                None => driven.await,
            }
        });
        if let Some(ended) = held.await? {
            ended?.transpose()?;
        }
        self.teller.say(&format!("gave up {address}"));
        Ok(())
    }

    fn take_conflict(&self, conflict: &Conflict) -> io::Result<()> {
        let (address, mac) = (self.address, conflict.mac);
        match conflict.how {
            How::Advertised => warn!("{mac} says that it has {address}, which we keep"),
            How::Checked => warn!("{mac} wants {address}, and was told that we keep it"),
        }
        self.teller.find(NdFinding::Conflict {
            address,
            mac,
            tentative: conflict.how == How::Checked,
            times: conflict.times,
        })
    }
}
