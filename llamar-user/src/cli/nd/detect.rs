//! `llamar nd detect`: asks who has an address.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv6Addr;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use tracing::{debug, warn};

use super::place::{self, Place, Target};
use super::tell::{Teller, Telling};
use super::{block_on, parse_wait, unless_interrupted};
use crate::ask::raw::Raw;
use crate::cli::asked;
use crate::ether::{MacAddr, Statistics};
use crate::link::Link;
use crate::ndp::{self, Answer, Ask, Asker, asker, refusal};
use crate::net::Membership;
use crate::report::{NdAnswer, NdFinding};

/// Arguments of `llamar nd detect`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Prints a line for each answer, like `fe80::2 is at 02:00:00:00:00:02  0.123 ms`; with -v also the flags of the \
advertisement on standard error: R of a router, S solicited, O replaces what is known. Each address is asked for until it \
is answered for; others who have it too may answer until the wait is over.

Exit codes: 0 somebody has one of the addresses; 1 nobody; 2 wrong usage, or nothing could be asked."
)]
pub struct Args {
    /// Addresses to ask for
    #[arg(required = true, value_name = "ADDRESS", value_parser = parse_target)]
    targets: Vec<Target>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    telling: Telling,
    /// How many times each is asked for at most
    #[arg(
        short, long, alias = "retry", short_alias = 'r', value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    count: u32,
    /// How long each question waits for answers; RFC 4861 does not want them to follow each other by less than a second
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = parse_wait)]
    wait: Duration,
    /// Asks from this address [default: the closest one of the interface]
    #[arg(short, long, value_name = "ADDRESS", conflicts_with = "probe")]
    source: Option<Ipv6Addr>,
    /// Asks from ::, as duplicate address detection does: nobody learns of us
    #[arg(short = 'D', long)]
    probe: bool,
    /// Asks this station alone whether it still has the address
    #[arg(long, value_name = "MAC")]
    unicast: Option<MacAddr>,
    /// Ends at the first answer for each
    #[arg(short = '1', long)]
    single: bool,
    /// Goes on asking when there are answers
    #[arg(short, long, conflicts_with = "single")]
    multiple: bool,
    /// Asks also for what no host can have, for our own addresses, and from an address that is not ours
    #[arg(long)]
    force: bool,
    /// For ndisc6's sake: names are never looked up
    #[arg(short, long, hide = true)]
    numeric: bool,
}

fn parse_target(text: &str) -> Result<Target, String> {
    Target::parse(text, "llamar arp detect")
}

/// Asks, and prints the answers.
pub fn detect(args: &Args) -> ExitCode {
    asked(block_on(run(args)))
}

/// Whether somebody has one of the addresses.
async fn run(args: &Args) -> anyhow::Result<bool> {
    let mut raw = args.place.open(&args.targets).await?;
    let link = args.place.spoken(&mut raw);
    args.check(&link)?;
    let ask = args.ask(&raw, &link)?;
    let _membership = args.listen(&link);
    let mut detection = Detection::new(args, &raw, &ask);
    let mut asker = Asker::new(rand::make_rng(), Instant::now(), ask);
    let driven = raw.drive(&mut asker, false, |event| detection.heed(event));
    // None: nothing is waited for any more, or Ctrl-C.
    let failed = match unless_interrupted(driven).await? {
        Some(driven) => driven?,
        None => None,
    };
    match failed {
        Some(Err(error)) => Err(error.into()),
        _ => Ok(detection.end()?),
    }
}

impl Args {
    /// Whether it makes sense and does no harm.
    fn check(&self, link: &Link) -> anyhow::Result<()> {
        let own: Vec<Ipv6Addr> = place::all(link).collect();
        if self.force {
            return Ok(());
        }
        for target in &self.targets {
            place::unless_refused(refusal::target(target.address, &own))?;
        }
        if let Some(mac) = self.unicast {
            place::unless_refused(refusal::hardware(mac))?;
        }
        if let Some(source) = self.source
            && !own.contains(&source)
        {
            let name = &link.name;
            bail!("{source} is no address of {name}, answers will not come here; --force asks");
        }
        Ok(())
    }

    fn ask(&self, raw: &Raw, link: &Link) -> anyhow::Result<Ask> {
        let port = self.place.port(raw);
        let sources = match self.source {
            Some(source) => vec![source],
            None if self.probe => Vec::new(),
            None => place::own(link)?,
        };
        let target = |target: &Target| asker::Target {
            address: target.address,
            mac: self.unicast,
        };
        let targets = self.targets.iter().map(target).collect();
        Ok(Ask {
            count: Some(self.count),
            interval: self.wait,
            // Whoever wants less than RetransTimer has said so.
            hasty: true,
            wait: self.wait,
            at_once: !self.multiple,
            ..Ask::new(port, sources, targets)
        })
    }

    /// Joins the groups to which goes what a probe is answered by.
    // RFC 4861 7.2.4: whoever is asked from :: answers to all nodes; another who checks the same address asks its group
    // (RFC 4862 5.4.3).
    fn listen(&self, link: &Link) -> Option<Membership> {
        if !self.probe {
            return None;
        }
        let groups = self
            .targets
            .iter()
            .map(|target| place::group(target.address));
        let groups = groups.chain([place::ALL_NODES]);
        Membership::join(link.index, groups)
            .inspect_err(|error| warn!("{error}: some answers may not be heard"))
            .ok()
    }
}

/// What was answered so far.
struct Detection {
    teller: Teller,
    statistics: Statistics,
    /// Whether it ends when each address was answered for.
    is_single: bool,
    /// Whether somebody who checks an address will have it.
    is_probe: bool,
    targets: BTreeMap<Ipv6Addr, Answers>,
}

/// What was answered for an address.
#[derive(Default)]
struct Answers {
    /// Those who have it, in the order in which they answered.
    holders: Vec<MacAddr>,
    /// Whether nobody has answered the last question yet.
    is_open: bool,
}

/// Holders of an address that are told of: a few are a fault, more are somebody's invention.
const HOLDERS_MAX: usize = 16;

impl Detection {
    fn new(args: &Args, raw: &Raw, ask: &Ask) -> Self {
        let teller = Teller::new(args.telling, &args.place, raw);
        let targets = ask.targets.iter();
        let targets: BTreeMap<_, _> = targets
            .map(|target| (target.address, Answers::default()))
            .collect();
        for &target in targets.keys() {
            let from = ndp::source_for(target, &ask.sources).unwrap_or(Ipv6Addr::UNSPECIFIED);
            let on = teller.place();
            match args.unicast {
                Some(mac) => teller.say(&format!("asking {mac} for {target} on {on} from {from}")),
                None => teller.say(&format!("asking for {target} on {on} from {from}")),
            }
        }
        Self {
            teller,
            statistics: Statistics::default(),
            is_single: args.single,
            is_probe: args.probe,
            targets,
        }
    }

    fn heed(&mut self, event: asker::Event) -> ControlFlow<io::Result<()>> {
        let told = match event {
            asker::Event::Asked { target, number } => {
                debug!("sent solicitation {number} for {target}");
                self.statistics.sent();
                self.targets.entry(target).or_default().is_open = true;
                Ok(())
            }
            asker::Event::Answer(answer) => self.take(&answer),
            asker::Event::Claim { target, by } => self.take_claim(target, by),
            // It is silent, but another who checks it has been heard.
            asker::Event::Silent { target } if self.is_held(target) => Ok(()),
            asker::Event::Silent { target } => {
                self.teller.say(&format!("no answer for {target}"));
                self.teller.find(NdFinding::Silent { address: target })
            }
            asker::Event::Done => Ok(()),
        };
        let answered = || {
            self.targets
                .values()
                .all(|answers| !answers.holders.is_empty())
        };
        match told {
            Err(error) => ControlFlow::Break(Err(error)),
            Ok(()) if self.is_single && answered() => ControlFlow::Break(Ok(())),
            Ok(()) => ControlFlow::Continue(()),
        }
    }

    fn is_held(&self, target: Ipv6Addr) -> bool {
        let answers = self.targets.get(&target);
        answers.is_some_and(|answers| !answers.holders.is_empty())
    }

    fn take(&mut self, answer: &Answer) -> io::Result<()> {
        let row = NdAnswer::from(answer);
        let (target, mac) = (answer.target, answer.mac);
        debug!(
            "{target} at {mac}: advertisement from {} at {}, flags {}",
            answer.source,
            answer.ether_source,
            row.flags()
        );
        let answers = self.targets.entry(target).or_default();
        match (std::mem::take(&mut answers.is_open), answer.rtt) {
            (true, Some(rtt)) => self.statistics.received(rtt),
            (true, None) => self.statistics.received_untimed(),
            (false, _) => self.statistics.duplicate(),
        }
        answers.add(mac);
        self.teller.find(NdFinding::Answer(row))
    }

    fn take_claim(&mut self, address: Ipv6Addr, mac: MacAddr) -> io::Result<()> {
        if self.is_probe {
            let answers = self.targets.entry(address).or_default();
            match std::mem::take(&mut answers.is_open) {
                true => self.statistics.received_untimed(),
                false => self.statistics.duplicate(),
            }
            answers.add(mac);
        }
        self.teller.find(NdFinding::Claim { address, mac })
    }

    /// Tells what came of it; whether somebody has one of the addresses.
    fn end(self) -> io::Result<bool> {
        for (target, answers) in &self.targets {
            if let [first, others @ ..] = answers.holders.as_slice()
                && !others.is_empty()
            {
                let others: Vec<_> = others.iter().map(MacAddr::to_string).collect();
                warn!("{target} is at several: {first} and {}", others.join(", "));
            }
        }
        let is_answered = |answers: &&Answers| !answers.holders.is_empty();
        let answered = self.targets.values().filter(is_answered).count();
        self.teller.say(&self.statistics);
        self.teller.find(NdFinding::Summary {
            addresses: self.targets.len(),
            answered,
            statistics: self.statistics,
        })?;
        Ok(answered > 0)
    }
}

impl Answers {
    fn add(&mut self, mac: MacAddr) {
        if !self.holders.contains(&mac) && self.holders.len() < HOLDERS_MAX {
            self.holders.push(mac);
        }
    }
}
