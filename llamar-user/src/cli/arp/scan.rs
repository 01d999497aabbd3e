//! `llamar arp scan`: who is there?

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::addresses;
use super::fields::PlaceArgs;
use super::place::Place;
use crate::arp::{self, Scan, ScanEvent, Span, Spans, refusal};
use crate::cli::drive::{drive, flow};
use crate::cli::stations::scan::{RATE_MAX, RETRIES_MAX, ScanArgs, Scanning, check_count};
use crate::cli::values;
use crate::report::stations::FoundRow;

/// Requests a second unless another number is asked for: a network of 254 takes a second.
const RATE: u32 = 250;

/// Arguments of `llamar arp scan`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Broadcasts a request for each address, and again for those that say nothing. At a terminal there is a table in the end, in a \
pipe a line for each station as it is found, with --json an object: `ip`, `mac`, `vendor`, `rtt_ms`, `late`, `duplicate_of`, \
`ether_source` if the frame was from another, `interface`, `vlan`; the last object has the event `end`. Two stations with \
one address are told both.

Exit codes: 0 somebody is there; 1 nobody answered; 2 wrong usage, or nothing could be asked."
)]
pub struct Args {
    /// Addresses to ask for: 10.0.0.0/24, 10.0.0.5-10.0.0.9, 10.0.0.5-9 or 10.0.0.5 [default: --local]
    #[arg(value_name = "RANGE", value_parser = parse_span)]
    ranges: Vec<Span>,
    /// Asks for all addresses of the interface's networks
    #[arg(short, long)]
    local: bool,
    #[command(flatten)]
    place: PlaceArgs,
    /// Tells this address as ours [default: that of the interface; without one, none is told]
    #[arg(short = 'i', long, value_name = "ADDRESS", value_parser = addresses::source_ip("llamar nd scan"))]
    src_ip: Option<Ipv4Addr>,
    /// Requests a second
    #[arg(long, value_name = "N", default_value_t = RATE, value_parser = clap::value_parser!(u32).range(1..=RATE_MAX))]
    rate: u32,
    /// How often silent addresses are asked again
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(..=RETRIES_MAX))]
    retries: u32,
    /// How long answers are waited for after each round
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = values::seconds)]
    timeout: Duration,
    /// Pads frames to 60 bytes, as hardware does
    #[arg(long)]
    pad: bool,
    #[command(flatten)]
    scan: ScanArgs,
}

/// Whether anybody is there.
pub async fn scan(args: &Args) -> anyhow::Result<bool> {
    let towards: Vec<Ipv4Addr> = args.ranges.iter().map(|span| span.first()).collect();
    let place = Place::open(&args.place, &towards).await?;
    let spans = spans(args, &place)?;
    check_count(spans.count(), args.rate, args.place.force.given)?;
    let mut scanning = Scanning::new(&args.scan, place.name(), args.place.vlan)?;
    let firsts: Vec<Ipv4Addr> = spans.iter().map(Span::first).collect();
    let sender_ip = args.src_ip.or_else(|| place.source_for(&firsts));
    if let Some(sender) = args.src_ip {
        args.place
            .force
            .unless_forced(refusal::sender(sender, &place.own))?;
    }
    say(&scanning, &place, &spans, sender_ip);
    let engine = arp::Scanning {
        passes: args.retries + 1,
        pace: args.rate,
        wait: args.timeout,
        tag: args.place.tag(),
        padding: args.pad,
        ..arp::Scanning::new(place.raw.mac(), sender_ip, spans)
    };
    let mut engine = Scan::new(Instant::now(), engine)?;
    let ended = drive(&place.raw, &mut engine, |event| {
        match event {
            ScanEvent::Found(found) => {
                let mac = found.station.mac;
                let row =
                    |vendor, interface: &str, vlan| FoundRow::arp(&found, vendor, interface, vlan);
                return flow(scanning.found(mac, row));
            }
            ScanEvent::Progress(progress) => scanning.progress(progress.asked, progress.total),
            ScanEvent::Done(progress) => scanning.done(progress.asked),
        }
        std::ops::ControlFlow::Continue(())
    });
    ended.await?.unwrap_or(Ok(()))?;
    scanning.finish()
}

/// The addresses to ask for.
fn spans(args: &Args, place: &Place) -> anyhow::Result<Spans> {
    let name = place.name();
    let networks = place.own.iter().filter(|own| own.prefix < 32);
    let networks: Vec<Span> = networks
        .map(|own| Span::network(own.ip, own.prefix, false))
        .collect();
    let mut all = args.ranges.clone();
    for span in &all {
        let own = if span.count() == 1 {
            &place.own[..]
        } else {
            &[]
        };
        for end in [span.first(), span.last()] {
            args.place.force.unless_forced(refusal::target(end, own))?;
        }
    }
    if args.local || args.ranges.is_empty() {
        if networks.is_empty() {
            bail!("{name} has no IPv4 network: name the addresses to ask for, as 10.0.0.0/24");
        }
        all.extend(networks);
    }
    Ok(Spans::new(all))
}

/// Says what is done, and what is unusual about it.
fn say(scanning: &Scanning, place: &Place, spans: &Spans, sender: Option<Ipv4Addr>) {
    let name = place.name();
    let count = spans.count();
    let shown: Vec<String> = spans.iter().take(4).map(|span| span.to_string()).collect();
    let more = if spans.iter().nth(4).is_some() {
        ", ..."
    } else {
        ""
    };
    let shown = shown.join(", ");
    let addresses = if count == 1 { "address" } else { "addresses" };
    scanning.say(&format!(
        "asking on {name} for {count} {addresses}: {shown}{more}"
    ));
    if sender.is_none() {
        scanning.say(&format!(
            "{name} has no IPv4 address: no address of ours is told"
        ));
    }
    for span in spans.iter() {
        if let Some(networks) = place.off_link(span.first()) {
            scanning.say(&format!(
                "{span} is on none of the networks of {name} ({networks})"
            ));
            break;
        }
    }
}

fn parse_span(text: &str) -> Result<Span, String> {
    let (address, _) = text.split_once(['/', '%']).unwrap_or((text, ""));
    if address.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(String::from("of IPv6: llamar nd scan"));
    }
    Span::parse(text, false).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_ipv6_is_for_another_command() {
        for text in ["fe80::1", "fe80::1%eth0", "fd00::/64"] {
            assert_eq!(parse_span(text), Err("of IPv6: llamar nd scan".into()));
        }
        assert!(parse_span("eth0").unwrap_err().contains("no range"));
        assert_eq!(parse_span("10.0.0.5-9").unwrap().count(), 5);
    }
}
