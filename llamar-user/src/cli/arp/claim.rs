//! `llamar arp claim`: makes an address ours, and keeps it.

use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::bail;
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use tracing::info;

use super::addresses;
use super::fields::PlaceArgs;
use super::place::Place;
use crate::arp::refusal::Own;
use crate::arp::{Candidate, Claim, ClaimEvent, ClaimState, Claiming, Policy, refusal, timing};
use crate::cli::drive::{Ended, Happened, Keeper, Restart, flow};
use crate::cli::output::{self, OutputArgs};
use crate::cli::values;
use crate::report::arp::{ClaimRow, Stage};

/// Arguments of `llamar arp claim`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Does what RFC 5227 asks of a host that wants an address: probes three times in 4 to 7 seconds whether another host has it, \
announces it, and from then on answers requests for it and defends it, until Ctrl-C. When the interface was down it begins \
anew. The address is not assigned to the interface: that is for you to do (ip address add) when it is ours, or with \
--no-answer before.

Prints a line for each step.

Exit codes: 0 it was ours, until Ctrl-C, --for or --once; 1 another host has it, from the beginning or later; 2 wrong usage, \
failure, or ended while it was not ours."
)]
pub struct Args {
    /// Address to claim; with --link-local the one that is tried first
    #[arg(value_name = "ADDRESS", required_unless_present = "link_local", value_parser = addresses::ip("llamar nd dad --keep"))]
    address: Option<Ipv4Addr>,
    /// Claims any free address of 169.254.0.0/16, and another one whenever it is lost (RFC 3927)
    #[arg(long)]
    link_local: bool,
    /// What to do when another host uses the address that is ours
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = OnConflict::Defend)]
    on_conflict: OnConflict,
    /// Ends as soon as it is ours and announced
    #[arg(long)]
    once: bool,
    /// Ends this time after it became ours
    #[arg(long = "for", value_name = "SECONDS", conflicts_with = "once", value_parser = values::seconds)]
    time: Option<Duration>,
    /// Does not answer requests: the kernel does, which has the address
    #[arg(long)]
    no_answer: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is done in a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OnConflict {
    /// Gives it up at once
    GiveUp,
    /// Announces it once more, and gives it up at the next conflict within 10 seconds
    Defend,
    /// Never gives it up, and announces it every 10 seconds at most: for routers and servers
    Keep,
}

impl From<OnConflict> for Policy {
    fn from(on_conflict: OnConflict) -> Self {
        match on_conflict {
            OnConflict::GiveUp => Self::GiveUp,
            OnConflict::Defend => Self::DefendOnce,
            OnConflict::Keep => Self::Keep,
        }
    }
}

/// Whether it was ours to the end.
pub async fn claim(args: &Args) -> anyhow::Result<bool> {
    let towards: Vec<Ipv4Addr> = args.address.into_iter().collect();
    let place = Place::open(&args.place, &towards).await?;
    check(args, &place)?;
    let claiming = Claiming {
        others: place.other_macs.clone(),
        policy: args.on_conflict.into(),
        answer: !args.no_answer,
        tag: args.place.tag(),
        ..Claiming::new(place.raw.mac(), candidate(args))
    };
    let rng = StdRng::try_from_rng(&mut SysRng)?;
    let mut claim = Claim::new(rng, Instant::now(), claiming);
    let mut keeper = Keeper::new(&place.raw).await?;
    let mut steps = Steps::new(args, &place);
    let ended = steps.follow(&mut keeper, &mut claim).await?;
    steps.finish(ended, &mut claim)
}

fn candidate(args: &Args) -> Candidate {
    match args.address {
        Some(address) if !args.link_local => Candidate::Fixed(address),
        before => Candidate::LinkLocal { before },
    }
}

fn check(args: &Args, place: &Place) -> anyhow::Result<()> {
    let link_local = args.link_local || args.address.is_some_and(|ip| ip.is_link_local());
    if link_local && args.on_conflict == OnConflict::Keep {
        // RFC 3927 2.5
        bail!("a link-local address has to be given up (--on-conflict defend)");
    }
    let Some(address) = args.address else {
        return Ok(());
    };
    if args.link_local && !address.is_link_local() {
        bail!("{address} is not in 169.254.0.0/16, as --link-local wants it");
    }
    // With --no-answer it may be assigned already: then the kernel is to answer for it.
    let is_assigned = |own: &&Own| args.no_answer && own.ip == address;
    let others: Vec<Own> = place
        .all
        .iter()
        .filter(|own| !is_assigned(own))
        .copied()
        .collect();
    args.place
        .force
        .unless_forced(refusal::claimed(address, &others))
}

/// How a claim ended.
enum End {
    /// It was ours long enough.
    Held,
    /// Another host has it.
    Lost,
    /// Nobody reads what is shown any more.
    Unread,
}

struct Steps<'a> {
    args: &'a Args,
    place: &'a Place,
    address: Ipv4Addr,
    /// When it became ours first.
    held: Option<Instant>,
}

impl<'a> Steps<'a> {
    fn new(args: &'a Args, place: &'a Place) -> Self {
        Self {
            args,
            place,
            address: Ipv4Addr::UNSPECIFIED,
            held: None,
        }
    }

    /// Shows each step until the end.
    async fn follow(
        &mut self,
        keeper: &mut Keeper<'_>,
        claim: &mut Claim,
    ) -> anyhow::Result<Ended<End>> {
        loop {
            let deadline = self
                .held
                .zip(self.args.time)
                .map(|(held, time)| held + time);
            let heed = |happened| flow(self.heed(happened));
            return Ok(match keeper.keep(claim, deadline, heed).await? {
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
    fn heed(&mut self, happened: Happened<ClaimEvent>) -> anyhow::Result<ControlFlow<Option<End>>> {
        let Some(stage) = self.stage(&happened) else {
            return Ok(ControlFlow::Continue(()));
        };
        if self.show(stage)?.is_break() {
            return Ok(ControlFlow::Break(Some(End::Unread)));
        }
        let Happened::Event(event) = happened else {
            return Ok(ControlFlow::Continue(()));
        };
        Ok(match event {
            ClaimEvent::Held { .. } => self.is_held(),
            ClaimEvent::Announced { number, .. }
                if self.args.once && number >= timing::ANNOUNCE_NUM =>
            {
                ControlFlow::Break(Some(End::Held))
            }
            ClaimEvent::Lost { .. } if !self.args.link_local => ControlFlow::Break(Some(End::Lost)),
            _ => ControlFlow::Continue(()),
        })
    }

    /// What is to be shown of something; that a question was answered is not.
    fn stage(&mut self, happened: &Happened<ClaimEvent>) -> Option<Stage> {
        let event = match happened {
            Happened::Event(event) => event,
            Happened::LinkDown => return Some(Stage::LinkDown),
            Happened::LinkUp => return Some(Stage::LinkUp),
        };
        let mut wait = None;
        if let ClaimEvent::Begun {
            address,
            paused_until,
        } = event
        {
            self.address = *address;
            let left = |until: Instant| until.saturating_duration_since(Instant::now());
            wait = paused_until.map(|until| left(until).as_secs_f64().ceil() as u64);
        }
        Stage::of(event, self.place.raw.mac(), wait)
    }

    fn is_held(&mut self) -> ControlFlow<Option<End>> {
        let (address, on) = (self.address, self.place.name());
        let has_it = self.place.own.iter().any(|own| own.ip == address);
        if self.args.output.tells() && self.held.is_none() && !has_it {
            let usual = if address.is_link_local() { 16 } else { 32 };
            let prefix = self.place.prefix_of(address).unwrap_or(usual);
            match self.args.place.vlan {
                None => info!(
                    "{address} is not assigned to {on}: ip address add {address}/{prefix} dev {on}"
                ),
                Some(id) => info!(
                    "{address} is not assigned: ip address add {address}/{prefix} to the interface of VLAN {id}"
                ),
            }
        }
        match self.held.replace(self.held.unwrap_or_else(Instant::now)) {
            None if self.args.time.is_some() => ControlFlow::Break(None),
            _ => ControlFlow::Continue(()),
        }
    }

    fn show(&self, stage: Stage) -> output::Read {
        let row = ClaimRow {
            stage,
            address: self.address,
            interface: self.place.name().to_owned(),
            vlan: self.args.place.vlan,
        };
        let output = self.args.output;
        output.show(|out| row.write_json(out), |out| row.write_line(out))
    }

    /// Gives the address back; whether it was ours to the end.
    fn finish(&self, ended: Ended<End>, claim: &mut Claim) -> anyhow::Result<bool> {
        if let Ended::With(End::Lost) = ended {
            return Ok(false);
        }
        let was_held = claim.state() == ClaimState::Held;
        claim.release();
        // With --once it is for whoever assigns it now.
        if !matches!(ended, Ended::With(End::Held)) {
            let _ = self.show(Stage::Released)?;
        }
        if !was_held {
            bail!("ended while {} was not ours", self.address);
        }
        Ok(true)
    }
}

impl Restart for Claim {
    fn restart(&mut self, now: Instant) {
        Claim::restart(self, now);
    }
}
