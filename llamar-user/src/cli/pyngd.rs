//! The listener of the pyng lesson: the program that a link named `pyngd` is. It prints a line for each frame of an
//! interface, of both directions, as Python prints it.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use tracing::{error, warn};

use super::block_on;
use crate::ask::tap::{BUFFER, Heard, Tap};
use crate::cli::drive::Signals;
use crate::cli::output;
use crate::ether::Frame;
use crate::net::{Options, Received, all_filter};

/// Bytes of the payload that are shown.
const SHOWN: usize = 4;

/// Prints a line for each Ethernet frame that comes in or goes out.
#[derive(Debug, Parser)]
#[command(
    name = "pyngd",
    version,
    after_help = "\
Ends by Ctrl-C or SIGTERM.

Exit codes: 0 it was ended; 1 failure; 2 wrong usage."
)]
struct Pyngd {
    /// Interface to listen on
    iface: String,
}

/// Runs the command line of pyngd.
pub fn main() -> ExitCode {
    let args: Pyngd = super::parse();
    super::log::start(0);
    match block_on(pyngd(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            error!("{reason:#}");
            ExitCode::FAILURE
        }
    }
}

async fn pyngd(args: &Pyngd) -> anyhow::Result<()> {
    let mut tap = Tap::open(Some(&args.iface), &all_filter(), BOTH_WAYS).await?;
    let mut signals = Signals::open()?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let heard = tokio::select! {
            biased;
            () = signals.received() => return Ok(()),
            heard = tap.next(&mut buffer) => heard?,
        };
        match heard {
            Heard::Down => warn!("{} is down: nothing comes until it is up", args.iface),
            Heard::Up => warn!("{} is up again", args.iface),
            Heard::Frame(received) => {
                let bytes = untagged(&mut buffer, &received);
                let Some(line) = Frame::read(bytes).map(|_| line(bytes)) else {
                    continue;
                };
                if !output::write(|out| writeln!(out, "{line}"))?.is_continue() {
                    return Ok(());
                }
            }
        }
    }
}

/// As a socket of Python sees it.
pub(super) const BOTH_WAYS: Options = Options {
    outgoing: true,
    promiscuous: false,
    times: false,
};

/// The frame as a program has it that does not ask the kernel for the tag that it took off.
pub(super) fn untagged<'b>(buffer: &'b mut [u8], received: &Received) -> &'b [u8] {
    const ADDRESSES: usize = 12;
    const TAG: usize = 4;
    let whole = buffer.get_mut(..received.length).unwrap_or_default();
    if received.vlan.is_some() && whole.len() >= ADDRESSES + TAG {
        whole.copy_within(..ADDRESSES, TAG);
        return whole.get(TAG..).unwrap_or_default();
    }
    whole
}

/// `dst: aa:…, src: aa:…, type: 0x88b5, payload: b'Hi'...`.
fn line(bytes: &[u8]) -> String {
    let (header, payload) = bytes.split_at_checked(14).unwrap_or_default();
    let mac = |at: usize| {
        let octets = header.iter().skip(at).take(6);
        let octets: Vec<_> = octets.map(|octet| format!("{octet:02x}")).collect();
        octets.join(":")
    };
    let kind = header.get(12..14).unwrap_or_default();
    let kind = kind
        .iter()
        .fold(0, |kind: u16, byte| kind << 8 | u16::from(*byte));
    let shown = payload.get(..SHOWN).unwrap_or(payload);
    format!(
        "dst: {}, src: {}, type: {kind:#x}, payload: {}...",
        mac(0),
        mac(6),
        Literal(shown)
    )
}

/// Bytes as Python's `repr` writes them: between double quotes if there are single ones among them and no double ones.
struct Literal<'b>(&'b [u8]);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |quote: u8| self.0.contains(&quote);
        let quote = match has(b'\'') && !has(b'"') {
            true => '"',
            false => '\'',
        };
        write!(f, "b{quote}")?;
        for byte in self.0 {
            match byte {
                b'\\' => f.write_str("\\\\")?,
                b'\t' => f.write_str("\\t")?,
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                b'\'' if quote == '\'' => f.write_str("\\'")?,
                b' '..=b'~' => write!(f, "{}", char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        write!(f, "{quote}")
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::net::Direction;

    #[test]
    fn the_command_line_is_consistent() {
        Pyngd::command().debug_assert();
    }

    #[test]
    fn a_line_is_as_pyngd_printed_it() {
        let frame = |kind: &[u8], payload: &[u8]| {
            let macs = b"\x08\x00\x27\xdd\xd7\x43\x08\x00\x27\x8e\x75\x44";
            line(&[&macs[..], kind, payload].concat())
        };
        assert_eq!(
            frame(b"\x88\xb5", b"Hi"),
            "dst: 08:00:27:dd:d7:43, src: 08:00:27:8e:75:44, type: 0x88b5, payload: b'Hi'..."
        );
        // Python's hex() puts no zeros in front.
        assert_eq!(
            frame(b"\x08\x00", b"E\0\0T1234"),
            "dst: 08:00:27:dd:d7:43, src: 08:00:27:8e:75:44, type: 0x800, payload: b'E\\x00\\x00T'..."
        );
        assert!(frame(b"\0\0", b"").ends_with("type: 0x0, payload: b''..."));
    }

    #[test]
    fn literals_have_the_quotes_that_python_chooses() {
        for (bytes, literal) in [
            (&b"'"[..], r#"b"'""#),
            (b"\"", r#"b'"'"#),
            (b"'\"", r#"b'\'"'"#),
            (b"\\\t\n\r", r"b'\\\t\n\r'"),
            (b"\x00\x1f\x7f\xff ~", r"b'\x00\x1f\x7f\xff ~'"),
        ] {
            assert_eq!(Literal(bytes).to_string(), literal);
        }
    }

    #[test]
    fn a_tag_that_the_kernel_took_off_is_left_out_as_in_python() {
        let mut buffer = *b"dddddd\x02\0\0\0\0\x02\x81\0\0\x64\x88\xb5Hi...";
        let received = |vlan| Received {
            length: 20,
            cut: 0,
            vlan,
            direction: Direction::ToUs,
            at: None,
        };
        assert_eq!(untagged(&mut buffer, &received(None)).len(), 20);
        assert_eq!(
            untagged(&mut buffer, &received(Some(100))),
            b"dddddd\x02\0\0\0\0\x02\x88\xb5Hi"
        );
    }
}
