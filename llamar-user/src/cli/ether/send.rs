//! `llamar ether send`: sends a frame, once or several times.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::fields::{PlaceArgs, TagArgs};
use super::note;
use super::payload::PayloadArgs;
use crate::ask::raw::Raw;
use crate::cli::drive::{Signals, log};
use crate::cli::force::Force;
use crate::cli::output::{self, OutputArgs};
use crate::cli::values::{mac, seconds};
use crate::ether::{EtherType, FRAME_MIN, Frame, MacAddr, echo, refusal};
use crate::link::Link;
use crate::net::{Options, ether_type_filter, until};
use crate::report::ether::SentRow;
use llamar_common::wire::ethernet::{HEADER, TAG, VLAN};

/// Arguments of `llamar ether send`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Prints a line for each frame that was sent. Virtual interfaces send short frames as they are; hardware pads them to 60 \
bytes.

Exit codes: 0 sent; 2 wrong usage, or something was not sent."
)]
pub struct Args {
    /// Whom to send it to; the word broadcast is everybody
    #[arg(value_name = "DESTINATION", required_unless_present = "whole", value_parser = mac)]
    destination: Option<MacAddr>,
    /// From whom it claims to be [default: the interface]
    #[arg(short, long, value_name = "MAC", value_parser = mac)]
    source: Option<MacAddr>,
    /// Its EtherType, as 0x88b5, 34997 or arp [default: 0x88b5, for experiments]
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    ether_type: Option<EtherType>,
    #[command(flatten)]
    payload: PayloadArgs,
    /// What is given is the whole frame, header included
    #[arg(long, conflicts_with_all = ["destination", "source", "ether_type", "vlan", "priority"])]
    whole: bool,
    /// How often
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Time between two frames
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    #[command(flatten)]
    tag: TagArgs,
    /// Pads the frame with zeros to 60 bytes, as hardware does
    #[arg(long)]
    pad: bool,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Sends, and prints what was sent.
pub async fn send(args: &Args) -> anyhow::Result<()> {
    ensure!(
        !args.whole || args.payload.is_given(),
        "--whole: the frame is missing: give it by --text, --hex, --file or --hex-file"
    );
    let payload = args.payload.read()?;
    // Nothing is received.
    let filter = ether_type_filter(&[]);
    let raw = Raw::with(args.place.iface.as_deref(), &filter, Options::default()).await?;
    let bytes = frame(args, raw.mac(), payload);
    let frame = check(args, raw.link(), &bytes)?;
    let mut signals = Signals::open()?;
    let mut next = Instant::now();
    for sequence in 1..=args.count {
        tokio::select! {
            biased;
            () = signals.received() => {
                note(format_args!("{} of {} sent", sequence - 1, args.count));
                return Ok(());
            }
            () = until(Some(next)) => {}
        }
        raw.send(&bytes)?;
        log("sent", &bytes);
        next += args.interval;
        let row = SentRow::new(sequence, &raw.link().name, &frame);
        match (args.output.json, args.output.quiet) {
            (true, _) => output::write(|out| row.write_json(out))?.is_continue(),
            (false, true) => true,
            (false, false) => output::write(|out| row.write_line(out))?.is_continue(),
        };
    }
    Ok(())
}

/// The frame's bytes.
fn frame(args: &Args, own: MacAddr, payload: Vec<u8>) -> Vec<u8> {
    let mut bytes = match args.whole {
        true => payload,
        false => Frame {
            destination: args.destination.unwrap_or(MacAddr::BROADCAST),
            source: args.source.unwrap_or(own),
            tag: args.tag.tag(),
            inner_tag: None,
            ether_type: args.ether_type.map_or(echo::EXPERIMENTAL, |kind| kind.0),
            payload: &payload,
        }
        .to_bytes(),
    };
    if args.pad && bytes.len() < FRAME_MIN {
        bytes.resize(FRAME_MIN, 0);
    }
    bytes
}

/// The frame, if the interface can send it and it hurts nobody.
fn check<'b>(args: &Args, link: &Link, bytes: &'b [u8]) -> anyhow::Result<Frame<'b>> {
    let length = bytes.len();
    ensure!(
        length >= HEADER,
        "a frame of {length} bytes is too short: an Ethernet header alone has {HEADER}"
    );
    let frame = Frame::read(bytes).with_context(|| {
        format!("a frame of {length} bytes ends within its VLAN tag, which has {TAG} bytes more")
    })?;
    let longest = link.mtu as usize + HEADER;
    // As the kernel has it: room for one tag of a customer.
    let tagged = frame.tag.is_some_and(|tag| tag.protocol == VLAN);
    if length > longest + if tagged { TAG } else { 0 } {
        bail!(
            "a frame of {length} bytes does not fit on {}: its MTU is {}, so that a frame has {longest} bytes at most, \
             or {} with a VLAN tag",
            link.name,
            link.mtu,
            longest + TAG
        );
    }
    args.force.unless_forced(refusal::frame(&frame))?;
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, String> {
        let words = std::iter::once("send").chain(line.split_whitespace());
        let parsed = Line::try_parse_from(words);
        parsed
            .map(|line| line.args)
            .map_err(|error| error.to_string())
    }

    fn made(line: &str) -> Result<Vec<u8>, String> {
        let args = parse(line)?;
        let link = Link {
            name: "eth0".into(),
            mtu: 1500,
            ..Link::default()
        };
        let payload = args.payload.read().map_err(|error| format!("{error:#}"))?;
        let bytes = frame(&args, MacAddr([2, 0, 0, 0, 0, 1]), payload);
        let checked = check(&args, &link, &bytes).map(|_| ());
        checked.map_err(|error| format!("{error:#}"))?;
        Ok(bytes)
    }

    #[test]
    fn a_frame_is_made_of_what_is_given() {
        for (line, expected) in [
            (
                "02:00:00:00:00:02 --text Hi",
                &b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb5Hi"[..],
            ),
            (
                "broadcast -s 02:00:00:00:00:09 -t arp -x 00:ff",
                b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x09\x08\x06\0\xff",
            ),
            (
                "broadcast -V 100 --priority 7",
                b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x81\0\xe0\x64\x88\xb5",
            ),
            (
                "--whole -x ffffffffffff-020000000007-0806",
                b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x07\x08\x06",
            ),
        ] {
            assert_eq!(made(line).as_deref(), Ok(expected), "{line}");
        }
        let padded = made("broadcast -p Hi --pad").unwrap();
        assert_eq!((padded.len(), &padded[14..18]), (60, &b"Hi\0\0"[..]));
    }

    #[test]
    fn what_does_not_fit_or_hurts_is_refused_with_the_reason() {
        let long = "00".repeat(1501);
        for (line, reason) in [
            (
                "--whole -x 020000000007",
                "a frame of 6 bytes is too short: an Ethernet header alone has 14",
            ),
            (
                "--whole -x ffffffffffff0200000000078100",
                "a frame of 14 bytes ends within its VLAN tag, which has 4 bytes more",
            ),
            (
                &format!("broadcast -x {long}"),
                "a frame of 1515 bytes does not fit on eth0: its MTU is 1500, so that a frame has 1514 bytes at most, \
                 or 1518 with a VLAN tag",
            ),
            (
                &format!("broadcast -V 5 -x {long}"),
                "a frame of 1519 bytes does not fit on eth0: its MTU is 1500, so that a frame has 1514 bytes at most, \
                 or 1518 with a VLAN tag",
            ),
            (
                "broadcast -s broadcast",
                "ff:ff:ff:ff:ff:ff is a group of stations: no frame comes from one, and no host has it; --force does \
                 it nevertheless",
            ),
        ] {
            assert_eq!(made(line), Err(reason.into()));
        }
        assert!(made(&format!("broadcast -x {}", &long[2..])).is_ok());
        assert!(made(&format!("broadcast -V 5 -x {}", &long[2..])).is_ok());
        assert!(made("broadcast -s broadcast --force").is_ok());
    }

    #[test]
    fn arguments_that_mean_nothing_are_refused() {
        for (line, words) in [
            ("", "DESTINATION"),
            ("02:00", "no hardware address"),
            ("broadcast -t 0800", "no EtherType"),
            ("broadcast -x 4", "odd number"),
            ("broadcast -x 4g", "'g' at character 2"),
            (r"broadcast -p \q", "means nothing"),
            ("broadcast -p a -x 00", "cannot be used with"),
            ("broadcast -c 0", "0 is not in 1.."),
            ("broadcast -w 0", "not from 0.001"),
            ("broadcast -V 4095", "4095 is not in 1..=4094"),
            ("broadcast --whole -x 00", "cannot be used with"),
        ] {
            let error = parse(line).map(|_| ()).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
