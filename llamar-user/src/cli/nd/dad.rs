//! `llamar nd dad`: duplicate address detection by hand, and keeping what was found to be free.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::place::{self, Place, Target};
use super::tell::Teller;
use crate::ask::raw::Raw;
use crate::cli::drive::{Ended, Happened, Keeper, Restart, flow};
use crate::cli::output::OutputArgs;
use crate::cli::values;
use crate::link::Link;
use crate::ndp::dad::{Event, State};
use crate::ndp::{
    After, Check, DUP_ADDR_DETECT_TRANSMITS, Dad, MAX_NEIGHBOR_ADVERTISEMENT, Schedule, refusal,
};
use crate::report::nd::{ClaimRow, Stage};

/// Rounds of solicitations that may all come back before the address is taken for free nonetheless. RFC 7527 4.1 goes on
/// until the link loops no more or somebody orders otherwise; whoever waits for an exit code has.
const LOOPS: u32 = 1;

/// Arguments of `llamar nd dad`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Does what RFC 4862 5.4 asks of a host that wants an address: joins its group, asks once from :: whether another host has it, \
and waits a second. Solicitations bear nonces (RFC 7527): those of ours that come back on a link that loops are no \
duplicates, and three more are sent. With --keep the address is announced then, solicitations are answered and those who \
want it are told, until Ctrl-C; when the interface was down it begins anew. The address is not assigned to the interface.

Prints `fd00::9 is free`, or `fd00::9 is a duplicate: 02:00:00:00:00:02 has it` (`wants it too`: it is finding it out as we \
do, and neither may have it); with --keep a line for each step.

Exit codes: 0 nobody has it, it was ours until Ctrl-C, --for or --once; 1 another host has it; 2 wrong usage, failure, or \
ended before it was found out."
)]
pub struct Args {
    /// Address; its interface may be behind it, as in fe80::9%eth0
    #[arg(value_name = "ADDRESS", value_parser = parse_address)]
    address: Target,
    #[command(flatten)]
    place: Place,
    /// How many solicitations have to go unanswered
    #[arg(
        short, long, value_name = "N", default_value_t = DUP_ADDR_DETECT_TRANSMITS,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    count: u32,
    /// How long each waits for an answer
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    wait: Duration,
    /// Keeps the address
    #[arg(short, long)]
    keep: bool,
    /// Ends as soon as it is ours and announced
    #[arg(long, requires = "keep")]
    once: bool,
    /// Ends this time after it became ours
    #[arg(
        long = "for", value_name = "SECONDS", requires = "keep", conflicts_with = "once",
        value_parser = values::seconds
    )]
    time: Option<Duration>,
    /// Says that it is a router's (R)
    #[arg(short = 'R', long, requires = "keep")]
    router: bool,
    /// Sends no nonces, as before RFC 7527
    #[arg(long)]
    no_nonce: bool,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_address(text: &str) -> Result<Target, String> {
    Target::parse(text, "llamar arp claim")
}

/// Whether nobody else has it, to the end.
pub async fn dad(args: &Args) -> anyhow::Result<bool> {
    let mut raw = args.place.open(std::slice::from_ref(&args.address)).await?;
    let link = args.place.spoken(&mut raw);
    args.check(&mut raw, &link)?;
    let address = args.address.address;
    let teller = Teller::new(args.output, &args.place, &raw);
    teller
        .output
        .say(format!("checking {address} on {}", teller.place()));
    // RFC 4862 5.4.2: both groups are joined before the first solicitation, which reports us to switches.
    let groups = [place::group(address), place::ALL_NODES];
    let membership = args.place.join(&raw, &link, &groups);
    let _membership = membership.context("listen for others")?;
    let mut dad = Dad::new(rand::make_rng(), Instant::now(), args.plan(&raw));
    let mut keeper = Keeper::new(&raw).await?;
    let mut steps = Steps {
        args,
        raw: &raw,
        teller,
        held: None,
    };
    let ended = steps.follow(&mut keeper, &mut dad).await?;
    steps.finish(ended, &dad)
}

impl Restart for Dad {
    fn restart(&mut self, now: Instant) {
        Dad::restart(self, now);
    }
}

impl Args {
    /// Whether it makes sense and does no harm.
    fn check(&self, raw: &mut Raw, link: &Link) -> anyhow::Result<()> {
        let links = raw.watch().links().by_index.values();
        let elsewhere = links.filter(|other| other.index != link.index);
        // The same link-local address may be ours on several links.
        let elsewhere = elsewhere
            .flat_map(place::all)
            .filter(|ip| !ip.is_unicast_link_local());
        let own: Vec<Ipv6Addr> = place::all(link).chain(elsewhere).collect();
        let addresses = link.addresses.iter();
        let prefixes: Vec<(Ipv6Addr, u8)> = addresses
            .filter_map(|address| match address.peer.unwrap_or(address.ip) {
                IpAddr::V6(ip) => Some((ip, address.prefix)),
                IpAddr::V4(_) => None,
            })
            .collect();
        let judged = refusal::claim(self.address.address, &own, &prefixes);
        self.place.force.unless_forced(judged)
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

/// How it ended.
enum End {
    /// Nobody has it, or it was ours long enough.
    Free,
    /// Another host has it.
    Duplicate,
    /// Nobody reads what is shown any more.
    Unread,
}

struct Steps<'a> {
    args: &'a Args,
    raw: &'a Raw,
    teller: Teller,
    /// When it became ours first.
    held: Option<Instant>,
}

impl Steps<'_> {
    /// Shows each step until the end.
    async fn follow(
        &mut self,
        keeper: &mut Keeper<'_>,
        dad: &mut Dad,
    ) -> anyhow::Result<Ended<End>> {
        loop {
            let held = self.held.zip(self.args.time);
            let deadline = held.map(|(held, time)| held + time);
            let heed = |happened| flow(self.heed(&happened));
            return Ok(match keeper.keep(dad, deadline, heed).await? {
                Ended::With(found) => match found? {
                    Some(end) => Ended::With(end),
                    // The time begins to run.
                    None => continue,
                },
                Ended::Interrupted => Ended::Interrupted,
                Ended::Over => Ended::Over,
            });
        }
    }

    /// Shows what happened; breaks at the end, and with nothing where the time begins to run.
    fn heed(&mut self, happened: &Happened<Event>) -> anyhow::Result<ControlFlow<Option<End>>> {
        let mac = self.args.keep.then(|| self.raw.mac());
        let stage = match happened {
            Happened::Event(event) => Stage::of(event, mac),
            Happened::LinkDown => Some(Stage::LinkDown),
            Happened::LinkUp => Some(Stage::LinkUp),
        };
        let Some(stage) = stage else {
            return Ok(ControlFlow::Continue(()));
        };
        if self.show(stage)?.is_break() {
            return Ok(ControlFlow::Break(Some(End::Unread)));
        }
        Ok(match stage {
            Stage::Free => ControlFlow::Break(Some(End::Free)),
            Stage::Duplicate { .. } => ControlFlow::Break(Some(End::Duplicate)),
            Stage::Held { .. } if self.held.is_none() => {
                self.held = Some(Instant::now());
                ControlFlow::Break(None)
            }
            Stage::Announced { number }
                if self.args.once && number >= MAX_NEIGHBOR_ADVERTISEMENT =>
            {
                ControlFlow::Break(Some(End::Free))
            }
            _ => ControlFlow::Continue(()),
        })
    }

    /// Shows a step: to people those on the way only if the address is kept.
    fn show(&self, stage: Stage) -> anyhow::Result<ControlFlow<()>> {
        let row = ClaimRow {
            stage,
            address: self.args.address.address,
            interface: self.teller.interface.clone(),
            vlan: self.teller.vlan,
        };
        let is_wanted = !stage.is_detail() || self.args.keep && !self.teller.output.quiet;
        let line = |out: &mut Vec<u8>| match is_wanted {
            true => row.write_line(out),
            false => Ok(()),
        };
        self.teller.output.show(|out| row.write_json(out), line)
    }

    /// Says how it ended; whether nobody else has it.
    fn finish(&self, ended: Ended<End>, dad: &Dad) -> anyhow::Result<bool> {
        let is_free = match ended {
            Ended::With(End::Duplicate) => return Ok(false),
            Ended::With(End::Free) => true,
            // Nobody reads any more, a signal came, or the time is over.
            Ended::With(End::Unread) | Ended::Interrupted | Ended::Over => false,
        };
        let address = self.args.address.address;
        if !is_free && self.held.is_none() {
            bail!("ended before it was found out whether {address} is free");
        }
        if self.args.keep && dad.state() == State::Ours {
            let _ = self.show(Stage::Released)?;
        }
        Ok(true)
    }
}
