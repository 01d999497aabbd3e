//! `llamar nd detect`: asks who has an address.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tracing::warn;

use super::place::{self, Place, Target};
use super::tell::Teller;
use crate::ask::raw::Raw;
use crate::cli::drive::{drive, flow};
use crate::cli::output::OutputArgs;
use crate::cli::output::Read;
use crate::cli::values;
use crate::ether::{self, MacAddr, Statistics};
use crate::link::Link;
use crate::ndp::{self, Answer, Ask, Asker, MAX_MULTICAST_SOLICIT, asker, refusal};
use crate::net::Membership;
use crate::report::EndRow;
use crate::report::nd::AnswerRow;

/// Arguments of `llamar nd detect`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Sends solicitations (RFC 4861 7.2.2) to the group of those who may have the address. Whoever has it answers, even where its \
firewall drops everything else that is not Neighbor Discovery. An address is asked for until it is answered for; others who \
have it too are heard until the wait is over.

Prints a line for each answer, like `fe80::2 is at 02:00:00:00:00:02  0.123 ms`. Everything else is said on standard error, \
with -v each packet and the flags of advertisements: R of a router, S solicited, O replaces what is known.

Exit codes: 0 somebody has one of the addresses; 1 nobody answered; 2 wrong usage, or nothing could be asked."
)]
pub struct Args {
    /// Addresses to ask for; each may have its interface behind it, as in fe80::2%eth0
    #[arg(required = true, value_name = "TARGET", value_parser = parse_target)]
    targets: Vec<Target>,
    #[command(flatten)]
    place: Place,
    /// How often each is asked for
    #[arg(
        short, long, alias = "retry", short_alias = 'r', value_name = "N", default_value_t = MAX_MULTICAST_SOLICIT,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    count: u32,
    /// How long each question waits for answers; RFC 4861 wants a second between two
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    wait: Duration,
    /// Asks from this address [default: the closest one of the interface]
    #[arg(short, long, value_name = "ADDRESS", conflicts_with = "probe")]
    source: Option<Ipv6Addr>,
    /// Asks from ::, as duplicate address detection does: nobody learns of us
    #[arg(long)]
    probe: bool,
    /// Asks this host alone whether it has the address
    #[arg(long, value_name = "MAC")]
    unicast: Option<MacAddr>,
    /// Ends as soon as each was answered for
    #[arg(short = '1', long)]
    single: bool,
    /// Asks to the end, also for what was answered for
    #[arg(
        short = 'm',
        long = "all",
        alias = "multiple",
        conflicts_with = "single"
    )]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
    /// For ndisc6's sake: nothing is ever looked up
    #[arg(short, long, hide = true)]
    numeric: bool,
}

fn parse_target(text: &str) -> Result<Target, String> {
    Target::parse(text, "llamar arp detect")
}

/// Whether somebody has one of the addresses.
pub async fn detect(args: &Args) -> anyhow::Result<bool> {
    let mut raw = args.place.open(&args.targets).await?;
    let link = args.place.spoken(&mut raw);
    args.check(&link)?;
    let ask = args.ask(&raw, &link)?;
    let _membership = args.listen(&raw, &link);
    let mut asking = Asking::new(args, &raw, &ask);
    let mut asker = Asker::new(rand::make_rng(), Instant::now(), ask);
    let ended = drive(&raw, &mut asker, |event| flow(asking.heed(event))).await?;
    ended.unwrap_or(Ok(()))?;
    asking.finish()
}

impl Args {
    /// Whether it makes sense and does no harm.
    fn check(&self, link: &Link) -> anyhow::Result<()> {
        let own: Vec<Ipv6Addr> = place::all(link).collect();
        for target in &self.targets {
            let judged = refusal::target(target.address, &own);
            self.place.force.unless_forced(judged)?;
        }
        if let Some(mac) = self.unicast {
            self.place
                .force
                .unless_forced(ether::refusal::station(mac))?;
        }
        let judged = match self.source {
            Some(source) if !own.contains(&source) => Err(format!(
                "{source} is no address of {}, nobody would answer to us",
                link.name
            )),
            _ => Ok(()),
        };
        self.place.force.unless_forced(judged)
    }

    fn ask(&self, raw: &Raw, link: &Link) -> anyhow::Result<Ask> {
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
            at_once: !self.all,
            ..Ask::new(self.place.port(raw), sources, targets)
        })
    }

    /// Joins the groups to which goes what a probe is answered by.
    // RFC 4861 7.2.4: whoever is asked from :: answers to all nodes; another who checks the same address asks its group
    // (RFC 4862 5.4.3).
    fn listen(&self, raw: &Raw, link: &Link) -> Option<Membership> {
        if !self.probe {
            return None;
        }
        let groups = self.targets.iter();
        let groups = groups.map(|target| place::group(target.address));
        let groups: Vec<Ipv6Addr> = groups.chain([place::ALL_NODES]).collect();
        self.place
            .join(raw, link, &groups)
            .inspect_err(|error| warn!("{error:#}: some answers may not be heard"))
            .ok()
    }
}

/// What was answered so far.
struct Asking {
    teller: Teller,
    statistics: Statistics,
    /// Whether it ends when each address was answered for.
    is_single: bool,
    targets: BTreeMap<Ipv6Addr, Answers>,
}

/// What was answered for an address.
#[derive(Default)]
struct Answers {
    /// Whether anybody was heard.
    is_heard: bool,
    /// Those who answered the last question.
    answered: Vec<MacAddr>,
}

/// Hosts that are told apart for one question: a few have an address by mistake, more are somebody's invention.
const ANSWERED_MAX: usize = 16;

impl Asking {
    fn new(args: &Args, raw: &Raw, ask: &Ask) -> Self {
        let teller = Teller::new(args.output, &args.place, raw);
        let targets = ask.targets.iter();
        let targets: BTreeMap<_, _> = targets
            .map(|target| (target.address, Answers::default()))
            .collect();
        for &target in targets.keys() {
            let on = teller.place();
            let to = match args.unicast {
                Some(mac) => format!("{mac} for"),
                None => "for".to_owned(),
            };
            match ndp::source_for(target, &ask.sources) {
                Some(from) => teller
                    .output
                    .say(format!("asking {to} {target} on {on} from {from}")),
                None => teller.output.say(format!(
                    "asking {to} {target} on {on} without telling an address"
                )),
            }
        }
        Self {
            teller,
            statistics: Statistics::default(),
            is_single: args.single,
            targets,
        }
    }

    /// Breaks at the end, or where nobody reads any more.
    fn heed(&mut self, event: asker::Event) -> Read {
        match event {
            asker::Event::Asked { target, .. } => {
                self.statistics.sent();
                self.targets.entry(target).or_default().answered.clear();
            }
            asker::Event::Answer(answer) => {
                if self.take(&answer)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            asker::Event::Claim { target, by } => {
                if self.take_probe(target, by)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            // Told at the end.
            asker::Event::Silent { .. } | asker::Event::Done => {}
        }
        let answered = self.targets.values().all(|answers| answers.is_heard);
        Ok(match self.is_single && answered {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    }

    fn take(&mut self, answer: &Answer) -> Read {
        let answers = self.targets.entry(answer.target).or_default();
        let repeated = answers.note(answer.mac);
        match answer.rtt {
            _ if repeated => self.statistics.duplicate(),
            Some(rtt) => self.statistics.received(rtt),
            None => self.statistics.received_untimed(),
        }
        let (interface, vlan) = (&self.teller.interface, self.teller.vlan);
        self.show(&AnswerRow::new(answer, repeated, interface, vlan))
    }

    fn take_probe(&mut self, target: Ipv6Addr, by: MacAddr) -> Read {
        let answers = self.targets.entry(target).or_default();
        match answers.note(by) {
            true => self.statistics.duplicate(),
            false => self.statistics.received_untimed(),
        }
        let (interface, vlan) = (&self.teller.interface, self.teller.vlan);
        self.show(&AnswerRow::probe(target, by, interface, vlan))
    }

    fn show(&self, row: &AnswerRow) -> Read {
        self.teller
            .output
            .show(|out| row.write_json(out), |out| row.write_line(out))
    }

    /// Says what came of it; whether anybody answered.
    fn finish(self) -> anyhow::Result<bool> {
        let heard = self.targets.values().any(|answers| answers.is_heard);
        let silent = self.targets.iter().filter(|(_, answers)| !answers.is_heard);
        let silent: Vec<Ipv6Addr> = silent.map(|(target, _)| *target).collect();
        for target in &silent {
            self.teller.output.say(format!("no answer for {target}"));
        }
        self.teller.output.say(self.statistics);
        let row = EndRow {
            silent,
            statistics: self.statistics,
            interface: self.teller.interface.clone(),
            vlan: self.teller.vlan,
        };
        let _ = self
            .teller
            .output
            .show(|out| row.write_json(out), |_| Ok(()))?;
        Ok(heard)
    }
}

impl Answers {
    /// Takes down who answers; whether it has answered this question before.
    fn note(&mut self, mac: MacAddr) -> bool {
        self.is_heard = true;
        let repeated = self.answered.contains(&mac);
        if !repeated && self.answered.len() < ANSWERED_MAX {
            self.answered.push(mac);
        }
        repeated
    }
}
