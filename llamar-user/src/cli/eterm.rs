//! Yasusi Kanada's Ethernet terminal: the program that a link named `eterm` is. Once a second it sends a frame, and it
//! prints what it sends and receives.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use tracing::{error, warn};

use super::block_on;
use super::pyngd::{BOTH_WAYS, untagged};
use crate::ask::tap::{BUFFER, Heard, Tap};
use crate::cli::drive::Signals;
use crate::cli::output;
use crate::ether::echo::EXPERIMENTAL;
use crate::ether::{Frame, MacAddr, refusal};
use crate::net::{all_filter, until};

/// Time from one frame to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// What a frame carries.
const PAYLOAD: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Sends an Ethernet frame of type 0x88b5 every second, and prints every frame that is sent or received.
#[derive(Debug, Parser)]
#[command(
    name = "eterm",
    version,
    // As optparse did: --rec for --receiveOnly.
    infer_long_args = true,
    after_help = "\
Ends by Ctrl-C or SIGTERM.

Exit codes: 0 it was ended; 1 failure; 2 wrong usage."
)]
struct Eterm {
    /// Has no meaning: Ethernet has no ports
    #[arg(long, visible_alias = "p", value_name = "N", allow_hyphen_values = true, value_parser = integer)]
    port: Option<i64>,
    /// Local MAC address, 12 hexadecimal digits [default: the interface's]
    #[arg(long = "lm", visible_aliases = ["lmac", "localMAC"], value_name = "MAC")]
    local: Option<String>,
    /// Remote MAC address, 12 hexadecimal digits
    #[arg(long = "rm", visible_aliases = ["rmac", "remoteMAC"], value_name = "MAC", default_value = "ffffffffffff")]
    remote: String,
    /// Sends nothing
    #[arg(long = "receiveOnly", visible_alias = "receiveonly")]
    receive_only: bool,
    /// Interface
    #[arg(long, value_name = "IF", default_value = "eth1")]
    interface: String,
}

/// Runs the command line of eterm.
pub fn main() -> ExitCode {
    let args: Eterm = super::parse();
    super::log::start(0);
    match block_on(eterm(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            error!("{reason:#}");
            ExitCode::FAILURE
        }
    }
}

/// An integer as optparse takes one: also hexadecimal and binary.
fn integer(text: &str) -> Result<i64, String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let lower = digits.to_lowercase();
    let (radix, digits) = match (lower.strip_prefix("0x"), lower.strip_prefix("0b")) {
        (Some(digits), _) => (16, digits),
        (_, Some(digits)) => (2, digits),
        _ => (10, lower.as_str()),
    };
    let whole = digits.chars().all(|digit| digit.is_digit(radix));
    let number = i64::from_str_radix(digits, radix).ok().filter(|_| whole);
    number
        .map(|number| sign * number)
        .ok_or_else(|| format!("invalid integer value: '{text}'"))
}

async fn eterm(args: &Eterm) -> anyhow::Result<()> {
    let (local, remote) = addresses(args)?;
    let mut tap = Tap::open(Some(&args.interface), &all_filter(), BOTH_WAYS).await?;
    let mut signals = Signals::open()?;
    let frame = frame(args, local.unwrap_or(tap.raw().mac()), remote);
    let mut buffer = vec![0; BUFFER];
    let mut next = (!args.receive_only).then(|| Instant::now() + INTERVAL);
    loop {
        let block = tokio::select! {
            biased;
            () = signals.received() => return Ok(()),
            () = until(next) => {
                next = next.map(|next| Instant::now().max(next) + INTERVAL);
                send(&tap, &frame)
            }
            heard = tap.next(&mut buffer) => received(args, heard?, &mut buffer),
        };
        if let Some(block) = block
            && !output::write(|out| writeln!(out, "{block}"))?.is_continue()
        {
            return Ok(());
        }
    }
}

/// Ours, if it is given, and the other's.
fn addresses(args: &Eterm) -> anyhow::Result<(Option<MacAddr>, MacAddr)> {
    let local = args.local.as_deref().map(str::parse);
    Ok((local.transpose()?, args.remote.parse()?))
}

/// The frame that is sent again and again.
fn frame(args: &Eterm, source: MacAddr, destination: MacAddr) -> Vec<u8> {
    if let Err(refusal) = refusal::station(source)
        && !args.receive_only
    {
        warn!("{refusal}");
    }
    let frame = Frame {
        destination,
        source,
        tag: None,
        inner_tag: None,
        ether_type: EXPERIMENTAL,
        payload: &PAYLOAD,
    };
    frame.to_bytes()
}

/// What is printed of what came.
fn received(args: &Eterm, heard: Heard, buffer: &mut [u8]) -> Option<String> {
    match heard {
        Heard::Frame(received) => {
            let frame = untagged(buffer, &received);
            return Some(block("Received:", SystemTime::now(), frame));
        }
        Heard::Down => warn!("{} is down: nothing comes until it is up", args.interface),
        Heard::Up => warn!("{} is up again", args.interface),
    }
    None
}

/// Sends a frame; what is printed of it.
fn send(tap: &Tap, frame: &[u8]) -> Option<String> {
    match tap.raw().send(frame) {
        Ok(()) => Some(block("Sent:   ", SystemTime::now(), frame)),
        // The interface is down, perhaps; the next one comes in a second.
        Err(error) => {
            warn!("{error}");
            None
        }
    }
}

/// The three lines of a frame. Python's `print` puts a space between any two of its arguments.
fn block(message: &str, at: SystemTime, bytes: &[u8]) -> String {
    let part = |from: usize, to: usize| {
        let bytes = bytes.get(from.min(bytes.len())..to.min(bytes.len()));
        Digits(bytes.unwrap_or_default())
    };
    format!(
        "{message} {} bytes time: {} \n  SMAC: {}  DMAC: {}  Type: {} \n  Payload: {}",
        bytes.len(),
        Time(at),
        part(6, 12),
        part(0, 6),
        part(12, 14),
        part(14, bytes.len())
    )
}

struct Digits<'b>(&'b [u8]);

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A time as Python 3 shows that of `time.time()`: the shortest decimal that is the same number of 64 bits.
struct Time(SystemTime);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(SystemTime::UNIX_EPOCH);
        let nanoseconds = since.unwrap_or_default().as_nanos();
        write!(f, "{:?}", nanoseconds as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Eterm::command().debug_assert();
    }

    #[test]
    fn options_have_the_names_that_they_had() {
        let parse = |line: &str| {
            let words = std::iter::once("eterm").chain(line.split_whitespace());
            Eterm::try_parse_from(words)
        };
        for line in [
            "--p 5000 --lm 00123456789a --rm 00a987654321",
            "--port 0x1388 --lmac 00123456789a --rmac 00a987654321",
            "--p=-1 --localMAC 00123456789a --remoteMAC 00a987654321 --receiveonly",
            "--rec --interface eth0",
        ] {
            let args = parse(line).unwrap();
            assert_eq!(
                args.local.is_some(),
                line.contains("00123456789a"),
                "{line}"
            );
            assert_eq!(args.remote == "00a987654321", line.contains("00a987654321"));
            assert_eq!(args.receive_only, line.contains("rec"));
        }
        let defaults = parse("").unwrap();
        assert_eq!(
            (&defaults.interface[..], &defaults.remote[..]),
            ("eth1", "ffffffffffff")
        );
        for line in ["--p x", "--p", "--mac 1", "extra"] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn integers_are_those_of_optparse() {
        for (text, number) in [("7", 7), ("-7", -7), ("0x1F", 31), ("-0b11", -3)] {
            assert_eq!(integer(text), Ok(number));
        }
        for text in ["", "-", "0x", "7.0", "--7", "+-7"] {
            assert_eq!(
                integer(text),
                Err(format!("invalid integer value: '{text}'"))
            );
        }
    }

    #[test]
    fn a_frame_is_three_lines_as_print_wrote_them() {
        let at = |nanoseconds| SystemTime::UNIX_EPOCH + Duration::new(1_406_635_749, nanoseconds);
        let frame = *b"\x00\xa9\x87\x65\x43\x21\x00\x12\x34\x56\x78\x9a\x88\xb5\x00\x01";
        assert_eq!(
            block("Sent:   ", at(500_000_000), &frame),
            "Sent:    16 bytes time: 1406635749.5 \n  SMAC: 00123456789a  DMAC: 00a987654321  Type: 88b5 \n  \
             Payload: 0001"
        );
        // As in Python, a whole second has a digit behind the point, and no digit is there that tells nothing.
        assert!(block("", at(0), &frame).contains("time: 1406635749.0 \n"));
        assert!(block("", at(123_456_789), &frame).contains("time: 1406635749.1234567 \n"));
        // Shorter than a header, as nothing comes in.
        assert!(
            block("", at(0), &frame[..7])
                .ends_with("SMAC: 00  DMAC: 00a987654321  Type:  \n  Payload: ")
        );
    }
}
