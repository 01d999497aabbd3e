//! `llamar ether respond`: replies to `llamar ether ping`.

use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use tracing::{debug, warn};

use super::fields::PlaceArgs;
use super::{counted, note};
use crate::ask::tap::{BUFFER, Heard, Tap};
use crate::cli::drive::{Signals, log};
use crate::cli::output::{self, OutputArgs};
use crate::cli::values::seconds;
use crate::ether::Engine as _;
use crate::ether::echo::{EXPERIMENTAL, Respond, Responded};
use crate::net::{Options, ether_type_filter, until};
use crate::report::ether::RespondedRow;

/// Arguments of `llamar ether respond`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Prints a line for each reply. A station that asks more than 1,000 times a second is not replied to each time, and \
nobody is who claims to be a group. Goes on when the interface comes back after it was down.

Exit codes: 0 ended by Ctrl-C, SIGTERM, --count or --timeout; 2 wrong usage or failure."
)]
pub struct Args {
    /// Ends after so many replies
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Ends after this time
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Replies until it is over.
pub async fn respond(args: &Args) -> anyhow::Result<()> {
    let filter = ether_type_filter(&[EXPERIMENTAL]);
    let mut tap = Tap::open(args.place.iface.as_deref(), &filter, Options::default()).await?;
    let mut signals = Signals::open()?;
    let mut rng = StdRng::try_from_rng(&mut SysRng)?;
    let (now, link) = (Instant::now(), tap.raw().link());
    let (name, mac) = (link.name.clone(), tap.raw().mac());
    let mut engine = Respond::new(now, mac, link.mtu as usize, &mut rng);
    let mut shown = Shown::new(args);
    let end = args.timeout.and_then(|timeout| now.checked_add(timeout));
    if !args.output.quiet {
        note(format_args!("replying as {mac} on {name}"));
    }
    let mut buffer = vec![0; BUFFER];
    while shown.goes_on() {
        let heard = tokio::select! {
            biased;
            () = signals.received() => break,
            () = until(end) => break,
            heard = tap.next(&mut buffer) => heard?,
        };
        match heard {
            Heard::Down => warn!("{name} is down: nothing can be asked until it is up"),
            Heard::Up => warn!("{name} is up again"),
            Heard::Frame(received) => {
                let frame = buffer.get(..received.length).unwrap_or_default();
                log("received", frame);
                engine.handle_frame(Instant::now(), frame);
            }
        }
        reply(&tap, &mut engine);
        while let Some(event) = engine.poll_event() {
            shown.add(event)?;
        }
    }
    shown.end();
    Ok(())
}

/// Sends what is to be sent.
fn reply(tap: &Tap, engine: &mut Respond) {
    while let Some(frame) = engine.poll_transmit() {
        // Lost as on a bad link: one that does not come is asked again.
        match tap.raw().send(&frame) {
            Ok(()) => log("sent", &frame),
            Err(error) => debug!("{error}"),
        }
    }
}

/// What is shown, and what of it there was.
struct Shown<'a> {
    args: &'a Args,
    is_read: bool,
    replies: u64,
    ignored: u64,
}

impl<'a> Shown<'a> {
    fn new(args: &'a Args) -> Self {
        Self {
            args,
            is_read: true,
            replies: 0,
            ignored: 0,
        }
    }

    fn goes_on(&self) -> bool {
        self.is_read && self.args.count.is_none_or(|count| self.replies < count)
    }

    fn add(&mut self, event: Responded) -> anyhow::Result<()> {
        let row = RespondedRow::of(event);
        let is_reply = matches!(event, Responded::Replied { .. });
        match is_reply {
            true => self.replies += 1,
            false => self.ignored += 1,
        }
        let (json, quiet) = (self.args.output.json, self.args.output.quiet);
        self.is_read = match (json, is_reply) {
            (true, _) => output::write(|out| row.write_json(out))?.is_continue(),
            (false, true) if !quiet => output::write(|out| row.write_line(out))?.is_continue(),
            // The first tells that there is something; a flood of them would be one more.
            (false, false) if self.ignored == 1 => {
                let mut text = Vec::new();
                row.write_line(&mut text)?;
                warn!("{}", String::from_utf8_lossy(&text).trim_end());
                true
            }
            _ => true,
        };
        Ok(())
    }

    fn end(&self) {
        if !self.args.output.quiet {
            let replies = counted(self.replies, "reply", "replies");
            let ignored = counted(self.ignored, "request", "requests");
            note(format_args!("{replies}, {ignored} ignored"));
        }
    }
}
