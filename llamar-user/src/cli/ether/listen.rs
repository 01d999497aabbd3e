//! `llamar ether listen`: shows frames, or writes them to a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use clap::ValueEnum;
use libc::sock_filter;
use tracing::warn;

use super::fields::PlaceArgs;
use super::{counted, note};
use crate::ask::tap::{BUFFER, FRAME_MAX, Heard, Tap};
use crate::cli::drive::Signals;
use crate::cli::output::{self, OutputArgs};
use crate::cli::values::{mac, seconds, vlan};
use crate::ether::{EtherType, MacAddr};
use crate::net::capture::PcapWriter;
use crate::net::{Options, Received, Wanted, until, wanted_filter};
use crate::report::ether::{HeardRow, Show};

/// Arguments of `llamar ether listen`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Prints a line for each frame:

  2023-11-14T22:13:20.123456Z in 02:00:00:00:00:02 > 02:00:00:00:00:01 0x88b5 vlan 100, 20 bytes: Hi

The time is UTC. A frame that this host sends is `out`, one to another station `other`. Goes on when the interface comes \
back after it was down. With -w nothing is printed unless --json or --payload is given. A capture file is whole at any \
time, also if llamar is killed.

Exit codes: 0 ended by Ctrl-C, SIGTERM, --count or --timeout; 2 wrong usage or failure."
)]
pub struct Args {
    /// Only frames of this EtherType, as 0x88b5, 34997 or arp; may be given several times
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    ether_types: Vec<EtherType>,
    /// Only frames from or to this station
    #[arg(short, long, value_name = "MAC", value_parser = mac)]
    mac: Option<MacAddr>,
    /// Only frames from this station
    #[arg(short, long, value_name = "MAC", value_parser = mac)]
    source: Option<MacAddr>,
    /// Only frames to this station or group; the word broadcast is everybody
    #[arg(short, long, value_name = "MAC", value_parser = mac)]
    destination: Option<MacAddr>,
    /// Only frames of this VLAN
    #[arg(short = 'V', long, value_name = "ID", value_parser = vlan())]
    vlan: Option<u16>,
    /// Only frames that come in, or that this host sends
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Way::Both)]
    direction: Way,
    /// Takes frames to other stations too, as far as they come here
    #[arg(short, long)]
    promiscuous: bool,
    /// How the payload is shown [default: brief]
    #[arg(long, value_name = "FORM", value_enum)]
    payload: Option<Form>,
    /// Writes the frames to a pcap file with nanoseconds; - is standard output
    #[arg(short = 'w', long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Ends after so many frames
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    In,
    Out,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Its first 16 bytes as text
    Brief,
    /// All of it as text, what is none escaped
    Text,
    /// All of it in hexadecimal digits
    Hex,
    /// All of it in rows of both
    Dump,
    /// Not at all
    None,
}

/// Shows what comes until it is over.
pub async fn listen(args: &Args) -> anyhow::Result<()> {
    let (filter, options) = wanted(args)?;
    let mut tap = Tap::open(args.place.iface.as_deref(), &filter, options).await?;
    let mut signals = Signals::open()?;
    let name = tap.raw().link().name.clone();
    let mut shown = Shown::new(args, &name)?;
    if !args.output.quiet {
        note(format_args!("listening on {name} ({})", tap.raw().mac()));
    }
    let timeout = args.timeout;
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut buffer = vec![0; BUFFER];
    let ended = loop {
        if !shown.goes_on() {
            break Ok(());
        }
        let heard = tokio::select! {
            biased;
            () = signals.received() => break Ok(()),
            () = until(end) => break Ok(()),
            heard = tap.next(&mut buffer) => heard,
        };
        match heard {
            Ok(Heard::Down) => warn!("{name} is down: nothing comes until it is up"),
            Ok(Heard::Up) => warn!("{name} is up again"),
            Ok(Heard::Frame(received)) => shown.add(&received, &buffer)?,
            Err(error) => break Err(error),
        }
    };
    shown.end(tap.raw().socket().dropped().unwrap_or_default());
    Ok(ended?)
}

/// What the kernel is asked for.
fn wanted(args: &Args) -> anyhow::Result<(Vec<sock_filter>, Options)> {
    let ether_types = args.ether_types.iter().map(|kind| kind.0);
    let wanted = Wanted {
        ether_types: ether_types.collect(),
        source: args.source,
        destination: args.destination,
        station: args.mac,
        vlan: args.vlan,
        outgoing: args.direction == Way::Out,
    };
    anyhow::ensure!(
        wanted.ether_types.len() <= crate::net::filter::ETHER_TYPES_MAX,
        "more than {} EtherTypes",
        crate::net::filter::ETHER_TYPES_MAX
    );
    let options = Options {
        outgoing: args.direction != Way::In,
        promiscuous: args.promiscuous,
        times: true,
    };
    Ok((wanted_filter(&wanted), options))
}

/// Where frames go, and how many there were.
struct Shown<'a> {
    args: &'a Args,
    interface: &'a str,
    file: Option<PcapWriter<Box<dyn Write>>>,
    is_read: bool,
    frames: u64,
}

impl<'a> Shown<'a> {
    fn new(args: &'a Args, interface: &'a str) -> anyhow::Result<Self> {
        let prints = args.output.json || args.payload.is_some();
        let file = match &args.write {
            Some(path) if path.as_os_str() == "-" => {
                anyhow::ensure!(
                    !prints,
                    "-w - takes standard output: nothing else can be printed"
                );
                Some(Box::new(io::stdout()) as Box<dyn Write>)
            }
            Some(path) => {
                let file = File::create(path);
                Some(Box::new(file.with_context(|| format!("write {}", path.display()))?) as _)
            }
            None => None,
        };
        let begin = |file| PcapWriter::new(file, FRAME_MAX as u32);
        let file = file.map(begin).transpose();
        Ok(Self {
            args,
            interface,
            file: file.with_context(|| format!("write {}", target(args)))?,
            is_read: true,
            frames: 0,
        })
    }

    fn goes_on(&self) -> bool {
        self.is_read && self.args.count.is_none_or(|count| self.frames < count)
    }

    fn add(&mut self, received: &Received, buffer: &[u8]) -> anyhow::Result<()> {
        let frame = buffer.get(..received.length).unwrap_or_default();
        let at = received.at.unwrap_or_else(SystemTime::now);
        self.frames += 1;
        if received.cut > 0 {
            warn!(
                "a frame of {} bytes came, of which {} are kept",
                received.length + received.cut,
                received.length
            );
        }
        if let Some(file) = &mut self.file {
            match file.write(at, frame, received.cut) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.is_read = false,
                result => result.with_context(|| format!("write {}", target(self.args)))?,
            }
        }
        if self.file.is_none() || self.args.output.json || self.args.payload.is_some() {
            let row = HeardRow::new(at, self.interface, received, frame);
            let form = self.form();
            self.is_read &= match self.args.output.json {
                true => output::write(|out| row.write_json(out))?.is_continue(),
                false => output::write(|out| row.write_line(form, out))?.is_continue(),
            };
        }
        Ok(())
    }

    fn form(&self) -> Show {
        match self.args.payload {
            None | Some(Form::Brief) => Show::Brief,
            Some(Form::Text) => Show::Text,
            Some(Form::Hex) => Show::Hex,
            Some(Form::Dump) => Show::Dump,
            Some(Form::None) => Show::Nothing,
        }
    }

    fn end(&self, dropped: u32) {
        if dropped > 0 {
            let dropped = counted(dropped.into(), "frame was", "frames were");
            warn!("{dropped} lost: more came than were taken in time");
        }
        if !self.args.output.quiet {
            note(counted(self.frames, "frame", "frames"));
        }
    }
}

/// The file's name in messages.
fn target(args: &Args) -> String {
    match &args.write {
        Some(path) if path.as_os_str() != "-" => path.display().to_string(),
        _ => "standard output".to_owned(),
    }
}
