//! Asking, as `detect` and `request` do it: shows the answers as they come, and what came of it all.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tracing::info;

use super::addresses;
use super::fields::{PlaceArgs, SourceArgs, TargetArgs};
use super::place::Place;
use crate::arp::{Answer, Ask, AskEvent, Asker, Station, refusal};
use crate::cli::drive::{drive, flow};
use crate::cli::output::{self, OutputArgs};
use crate::cli::values;
use crate::ether::{self, Statistics};
use crate::report::EndRow;
use crate::report::arp::AnswerRow;

/// Options of both.
#[derive(Clone, Debug, clap::Args)]
pub struct AskArgs {
    /// Where is asked.
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Which addresses are asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct TargetsArgs {
    /// Addresses to ask for
    #[arg(value_name = "TARGET", required_unless_present = "trg_ip", value_parser = addresses::ip("llamar nd detect"))]
    targets: Vec<Ipv4Addr>,
    /// Another address to ask for; may be given several times
    #[arg(short = 'e', long, value_name = "ADDRESS", value_parser = addresses::ip("llamar nd detect"))]
    trg_ip: Vec<Ipv4Addr>,
}

impl TargetsArgs {
    /// Where to ask for them, and which they are, each once.
    pub async fn open(&self, args: &PlaceArgs) -> anyhow::Result<(Place, Vec<Ipv4Addr>)> {
        let targets = once(self.targets.iter().chain(&self.trg_ip).copied());
        let place = Place::open(args, &targets).await?;
        for target in &targets {
            args.force
                .unless_forced(refusal::detected(*target, &place.all))?;
        }
        Ok((place, targets))
    }
}

/// For how long is asked.
#[derive(Clone, Debug, clap::Args)]
pub struct TimeArgs {
    /// Time between two rounds, and after the last
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    pub interval: Duration,
    /// Ends after this time, whatever is still to be done
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub deadline: Option<Duration>,
}

/// Asks for addresses; whether somebody answered.
pub async fn ask(place: &Place, args: &AskArgs, ask: Ask) -> anyhow::Result<bool> {
    check(place, args, &ask)?;
    let ask = Ask {
        source: args.source.src_hw,
        destination: args.target.trg_hw,
        sender_mac: args.source.src_arp,
        target_mac: args.target.trg_arp,
        tag: args.place.tag(),
        padding: args.source.pad,
        ..ask
    };
    let mut asking = Asking::new(place, args, &ask);
    asking.say_what();
    let mut asker = Asker::new(Instant::now(), ask);
    let ended = drive(&place.raw, &mut asker, |event| asking.heed(event)).await?;
    ended.unwrap_or(Ok(()))?;
    asking.finish()
}

/// Refuses addresses that no frame and no packet may have.
fn check(place: &Place, args: &AskArgs, ask: &Ask) -> anyhow::Result<()> {
    if let Some(sender) = ask.sender_ip {
        let judged = refusal::asking(sender, &ask.targets, &place.own);
        args.place.force.unless_forced(judged)?;
        let mac = place.raw.mac();
        let told = Station {
            mac: args.source.packet(mac),
            ip: sender,
        };
        if place.own.iter().any(|own| own.ip == sender) {
            args.place
                .force
                .unless_forced(refusal::announced(told, mac, &place.own))?;
        }
    }
    for source in [args.source.src_hw, args.source.src_arp]
        .into_iter()
        .flatten()
    {
        args.place
            .force
            .unless_forced(ether::refusal::station(source))?;
    }
    let destination = args
        .target
        .trg_hw
        .map_or(Ok(()), ether::refusal::destination);
    args.place.force.unless_forced(destination)
}

struct Asking<'a> {
    place: &'a Place,
    args: &'a AskArgs,
    sender: Option<Ipv4Addr>,
    targets: Vec<Ipv4Addr>,
    heard: BTreeSet<Ipv4Addr>,
    statistics: Statistics,
}

impl<'a> Asking<'a> {
    fn new(place: &'a Place, args: &'a AskArgs, ask: &Ask) -> Self {
        Self {
            place,
            args,
            sender: ask.sender_ip,
            targets: ask.targets.clone(),
            heard: BTreeSet::new(),
            statistics: Statistics::default(),
        }
    }

    fn say_what(&self) {
        let (targets, on) = (listed(&self.targets), self.place.name());
        let from = match self.sender {
            Some(sender) => format!("from {sender}"),
            None => "without telling an address".to_owned(),
        };
        let output = self.args.output;
        output.say(format_args!("asking for {targets} on {on} {from}"));
    }

    /// Breaks with an error, or where nobody reads any more.
    fn heed(&mut self, event: AskEvent) -> ControlFlow<anyhow::Result<()>> {
        match event {
            AskEvent::Asked(_) => self.statistics.sent(),
            AskEvent::Answer(answer) => return flow(self.show(&answer)),
            AskEvent::Heard(_) | AskEvent::Done => {}
        }
        ControlFlow::Continue(())
    }

    fn show(&mut self, answer: &Answer) -> output::Read {
        self.heard.insert(answer.target);
        match answer.rtt {
            _ if answer.repeated => self.statistics.duplicate(),
            Some(time) => self.statistics.received(time),
            None => self.statistics.received_untimed(),
        }
        let row = AnswerRow::new(answer, self.place.name(), self.args.place.vlan);
        let output = self.args.output;
        output.show(|out| row.write_json(out), |out| row.write_line(out))
    }

    /// Says what came of it; whether anybody answered.
    fn finish(self) -> anyhow::Result<bool> {
        let is_silent = |target: &Ipv4Addr| !self.heard.contains(target);
        let silent: Vec<Ipv4Addr> = self.targets.iter().copied().filter(is_silent).collect();
        let found = !self.heard.is_empty();
        if self.args.output.json {
            let row = EndRow {
                silent,
                statistics: self.statistics,
                interface: self.place.name().to_owned(),
                vlan: self.args.place.vlan,
            };
            let _ = output::write(|out| row.write_json(out))?;
        } else if !self.args.output.quiet {
            self.explain(&silent);
            for line in self.statistics.to_string().lines() {
                info!("{line}");
            }
        }
        Ok(found)
    }

    /// Tells who did not answer, and why that may be.
    fn explain(&self, silent: &[Ipv4Addr]) {
        if silent.is_empty() {
            return;
        }
        info!("no answer for {}", listed(silent));
        for &target in silent {
            if let Some(networks) = self.place.off_link(target) {
                let on = self.place.name();
                info!(
                    "{target} is on none of the networks of {on} ({networks}): routers do not pass ARP on"
                );
                return;
            }
        }
    }
}

/// At most so many addresses are named in a sentence.
const LISTED_MAX: usize = 8;

fn listed(addresses: &[Ipv4Addr]) -> String {
    let shown: Vec<_> = addresses
        .iter()
        .take(LISTED_MAX)
        .map(Ipv4Addr::to_string)
        .collect();
    let more = addresses.len().saturating_sub(LISTED_MAX);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Addresses in the order in which they were given, each once.
pub fn once(targets: impl Iterator<Item = Ipv4Addr>) -> Vec<Ipv4Addr> {
    let mut seen = BTreeSet::new();
    targets.filter(|target| seen.insert(*target)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_addresses_are_not_all_named() {
        let addresses: Vec<Ipv4Addr> = (1..=10).map(|last| [10, 0, 0, last].into()).collect();
        assert_eq!(listed(&addresses[..2]), "10.0.0.1, 10.0.0.2");
        assert!(listed(&addresses).ends_with("10.0.0.8 and 2 more"));
        let twice = addresses.iter().chain(&addresses).copied();
        assert_eq!(once(twice), addresses);
    }
}
