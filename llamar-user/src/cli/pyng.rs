//! The sender of the pyng lesson: the program that a link named `pyng` is. It sends one frame and waits for no reply;
//! `llamar ether ping` does.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use tracing::error;

use super::block_on;
use crate::ask::raw::Raw;
use crate::ether::echo::EXPERIMENTAL;
use crate::ether::{Frame, MacAddr};
use crate::net::{Options, ether_type_filter};
use crate::report::print;

/// What the frame carries.
const PAYLOAD: &[u8] = b"Hi";

/// Sends one Ethernet frame of type 0x88b5 that says Hi.
#[derive(Debug, Parser)]
#[command(
    name = "pyng",
    version,
    after_help = "\
No reply is awaited: `llamar ether ping` awaits one.

Exit codes: 0 sent; 1 it was not; 2 wrong usage."
)]
struct Pyng {
    /// Whom to send it to, as aa:bb:cc:dd:ee:ff or aa-bb-cc-dd-ee-ff
    target_mac: String,
    /// Interface to send it from
    iface: String,
}

/// Runs the command line of pyng.
pub fn main() -> ExitCode {
    let args: Pyng = super::parse();
    super::log::start(0);
    match block_on(pyng(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            error!("{reason:#}");
            ExitCode::FAILURE
        }
    }
}

async fn pyng(args: &Pyng) -> anyhow::Result<()> {
    let destination: MacAddr = args.target_mac.parse()?;
    // Nothing is received.
    let filter = ether_type_filter(&[]);
    let raw = Raw::with(Some(&args.iface), &filter, Options::default()).await?;
    let frame = Frame {
        destination,
        source: raw.mac(),
        tag: None,
        inner_tag: None,
        ether_type: EXPERIMENTAL,
        payload: PAYLOAD,
    };
    raw.send(&frame.to_bytes())?;
    Ok(print(|out| writeln!(out, "Sent!"))?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Pyng;

    #[test]
    fn the_command_line_is_consistent() {
        Pyng::command().debug_assert();
    }
}
