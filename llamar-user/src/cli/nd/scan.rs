//! `llamar nd scan`: who is there?

use std::net::{IpAddr, Ipv6Addr};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::bail;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::place::{self, Place, Target};
use crate::cli::drive::{drive, flow};
use crate::cli::stations::scan::{RATE_MAX, RETRIES_MAX, ScanArgs, Scanning, check_count};
use crate::cli::values;
use crate::config::share_prefix;
use crate::link::Link;
use crate::ndp::RETRANS_TIMER;
use crate::ndp::refusal;
use crate::ndp::scan::{Event, Range, Scan, Survey};
use crate::report::stations::FoundRow;

/// Requests a second unless another number is asked for.
const RATE: u32 = 250;

/// Arguments of `llamar nd scan`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Without an argument all nodes are asked for an echo, from each of our addresses there: hosts answer from an address of the \
same prefix. Hosts that do not answer echo requests are not found so; their addresses can be asked for one by one, as \
fd00::/120, for which they have to answer. At a terminal there is a table in the end, in a pipe a line for each address as it is \
found, with --json an object: `ip`, `mac`, `vendor`, `rtt_ms`, `router`, `duplicate_of`, `interface`, `vlan`; the last \
object has the event `end`.

Exit codes: 0 somebody is there; 1 nobody answered; 2 wrong usage, or nothing could be asked."
)]
pub struct Args {
    /// Addresses to ask for one by one: fd00::/120, fd00::1-fd00::ff or fd00::1; an interface may stand behind, as in
    /// fe80::1%eth0 [default: --all-nodes]
    #[arg(value_name = "RANGE", value_parser = Wanted::parse)]
    ranges: Vec<Wanted>,
    /// Asks all nodes too
    #[arg(short, long)]
    all_nodes: bool,
    #[command(flatten)]
    place: Place,
    /// Requests a second
    #[arg(long, value_name = "N", default_value_t = RATE, value_parser = clap::value_parser!(u32).range(1..=RATE_MAX))]
    rate: u32,
    /// How often all nodes, and silent addresses, are asked again
    #[arg(short, long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=RETRIES_MAX))]
    retries: u32,
    /// How long answers are waited for after each round; RFC 4861 does not want an address asked for more often than once
    /// a second
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    timeout: Duration,
    #[command(flatten)]
    scan: ScanArgs,
}

/// Addresses on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    range: Range,
    interface: Option<String>,
}

/// Whether anybody is there.
pub async fn scan(args: &Args) -> anyhow::Result<bool> {
    let targets: Vec<Target> = args.ranges.iter().map(Wanted::target).collect();
    let mut raw = args.place.open(&targets).await?;
    let link = args.place.spoken(&mut raw);
    let sources = place::own(&link)?;
    let ranges = ranges(args, &sources)?;
    let vlan = args.place.tag().map(|tag| tag.id());
    let mut scanning = Scanning::new(&args.scan, &raw.link().name, vlan)?;
    say(&scanning, &link, &ranges, args.all_nodes);
    let survey = Survey {
        all_nodes: args.all_nodes || ranges.is_empty(),
        ranges,
        rounds: args.retries + 1,
        rate: args.rate,
        wait: args.timeout,
        hasty: args.timeout < RETRANS_TIMER,
        ..Survey::new(args.place.port(&raw), sources)
    };
    let mut engine = Scan::new(
        StdRng::try_from_rng(&mut rand::rngs::SysRng)?,
        Instant::now(),
        survey,
    )?;
    let mut asked = 0;
    let driven = drive(&raw, &mut engine, |event| {
        heed(&mut scanning, &mut asked, event)
    });
    driven.await?.unwrap_or(Ok(()))?;
    scanning.finish()
}

/// The addresses to ask for one by one.
fn ranges(args: &Args, own: &[Ipv6Addr]) -> anyhow::Result<Vec<Range>> {
    let ranges: Vec<Range> = args.ranges.iter().map(|wanted| wanted.range).collect();
    for range in &ranges {
        // In a larger range our own address is left out.
        let own = if range.first == range.last { own } else { &[] };
        for end in [range.first, range.last] {
            args.place.force.unless_forced(refusal::target(end, own))?;
        }
    }
    let count = count(&ranges);
    if count == u64::MAX {
        bail!(
            "{} addresses or more: nobody lives to see the end; without an argument all nodes are asked at once",
            u64::MAX
        );
    }
    check_count(count, args.rate, args.place.force.given)?;
    Ok(ranges)
}

fn count(ranges: &[Range]) -> u64 {
    let counts = ranges.iter().map(|range| range.count());
    counts.fold(0, u64::saturating_add)
}

fn heed(
    scanning: &mut Scanning,
    asked_last: &mut u64,
    event: Event,
) -> ControlFlow<anyhow::Result<()>> {
    match event {
        Event::Found(found) => {
            let row =
                |vendor, interface: &str, vlan| FoundRow::ndp(&found, vendor, interface, vlan);
            return flow(scanning.found(found.mac, row));
        }
        Event::Progress { asked, total } => {
            *asked_last = asked;
            scanning.progress(asked, total);
        }
        Event::Done { dropped, .. } => {
            scanning.done(*asked_last);
            if dropped > 0 {
                scanning.say(&format!(
                    "{dropped} answers were for more addresses than are kept"
                ));
            }
        }
    }
    ControlFlow::Continue(())
}

/// Says what is done, and what is unusual about it.
fn say(scanning: &Scanning, link: &Link, ranges: &[Range], all_nodes: bool) {
    let name = &link.name;
    if ranges.is_empty() || all_nodes {
        scanning.say(&format!("asking all nodes on {name}"));
    }
    let count = count(ranges);
    if count > 0 {
        let addresses = if count == 1 { "address" } else { "addresses" };
        scanning.say(&format!("asking on {name} for {count} {addresses}"));
    }
    let is_on = |ip: Ipv6Addr| {
        let mut addresses = link.addresses.iter();
        ip.is_unicast_link_local()
            || addresses
                .any(|own| share_prefix(own.peer.unwrap_or(own.ip), IpAddr::V6(ip), own.prefix))
    };
    if let Some(off) = ranges.iter().find(|range| !is_on(range.first)) {
        let first = off.first;
        scanning.say(&format!("{first} is on none of the prefixes of {name}"));
    }
}

impl Wanted {
    fn parse(text: &str) -> Result<Self, String> {
        let (text, interface) = match text.split_once('%') {
            Some((_, "")) => return Err(String::from("no interface behind the %")),
            Some((address, interface)) => match interface.split_once('/') {
                Some((interface, length)) => (format!("{address}/{length}"), Some(interface)),
                None => (address.to_owned(), Some(interface)),
            },
            None => (text.to_owned(), None),
        };
        let address = |text: &str| match text.parse() {
            Ok(IpAddr::V6(address)) => Ok(address),
            Ok(IpAddr::V4(_)) => Err(String::from("of IPv4: llamar arp scan")),
            Err(_) => Err(String::from(
                "no range of IPv6 addresses: expected fd00::/120, fd00::1-fd00::ff or fd00::1",
            )),
        };
        let range = if let Some((prefix, length)) = text.split_once('/') {
            let prefix = address(prefix)?;
            let length: u8 = length
                .parse()
                .ok()
                .filter(|length| *length <= 128)
                .ok_or("the length of a prefix is a number from 0 to 128")?;
            Range::prefix(prefix, length)
        } else if let Some((first, last)) = text.split_once('-') {
            let (first, last) = (address(first)?, address(last)?);
            if last < first {
                return Err(String::from("ends before it begins"));
            }
            Range { first, last }
        } else {
            Range::from(address(&text)?)
        };
        let interface = interface.map(String::from);
        Ok(Self { range, interface })
    }

    fn target(&self) -> Target {
        Target {
            address: self.range.first,
            interface: self.interface.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Wanted::parse(text) {
            Ok(Wanted { range, interface }) => {
                format!(
                    "{} {} {}",
                    range.first,
                    range.last,
                    interface.unwrap_or_default()
                )
            }
            Err(error) => error,
        }
    }

    #[test]
    fn ranges_are_read_in_each_of_their_forms() {
        for (text, expected) in [
            ("fd00::/120", "fd00:: fd00::ff "),
            ("fd00::1-fd00::9", "fd00::1 fd00::9 "),
            ("fe80::1", "fe80::1 fe80::1 "),
            ("fe80::1%eth0", "fe80::1 fe80::1 eth0"),
            ("fe80::%eth0/126", "fe80:: fe80::3 eth0"),
            ("10.0.0.1", "of IPv4: llamar arp scan"),
            ("10.0.0.0/24", "of IPv4: llamar arp scan"),
            ("fe80::1%", "no interface behind the %"),
            (
                "fd00::/129",
                "the length of a prefix is a number from 0 to 128",
            ),
            (
                "fd00::/x",
                "the length of a prefix is a number from 0 to 128",
            ),
            ("fd00::9-fd00::1", "ends before it begins"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        for text in ["", "casa", "fd00::1-", "-", "/64", "fd00::1-9"] {
            assert!(shown(text).starts_with("no range of IPv6"), "{text}");
        }
    }
}
