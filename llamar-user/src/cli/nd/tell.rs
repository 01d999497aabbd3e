//! How findings are told: on standard output a line or an object each, everything else on standard error.

use std::fmt::Display;
use std::io;

use tracing::info;

use super::place::Place;
use crate::ask::raw::Raw;
use crate::cli::dnssd::output;

/// What is printed.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct OutputArgs {
    /// Says nothing but results
    #[arg(short, long)]
    quiet: bool,
    /// Prints JSON, an object on each line
    #[arg(long)]
    json: bool,
}

/// Tells findings.
#[derive(Debug)]
pub struct Teller {
    args: OutputArgs,
    /// The interface.
    pub interface: String,
    /// VLAN id of the tag that frames have.
    pub vlan: Option<u16>,
}

impl Teller {
    /// Tells what is found there.
    pub fn new(args: OutputArgs, place: &Place, raw: &Raw) -> Self {
        Self {
            args,
            interface: raw.link().name.clone(),
            vlan: place.tag().map(|tag| tag.id()),
        }
    }

    /// Where it is: `eth0`, `VLAN 100 of eth0`.
    pub fn place(&self) -> String {
        match self.vlan {
            Some(vlan) => format!("VLAN {vlan} of {}", self.interface),
            None => self.interface.clone(),
        }
    }

    /// Shows a result, as an object or a line; breaks where nobody reads any more.
    pub fn show(
        &self,
        object: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
        line: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> output::Read {
        output::write(|out| match self.args.json {
            true => object(out),
            false => line(out),
        })
    }

    /// Whether people are to see steps, not only results.
    pub fn is_quiet(&self) -> bool {
        self.args.quiet
    }

    /// Says something besides to people, a line for each of its lines.
    pub fn say(&self, what: &impl Display) {
        if !self.args.quiet && !self.args.json {
            for line in what.to_string().lines() {
                info!("{line}");
            }
        }
    }
}
