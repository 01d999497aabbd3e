//! How findings are told: on standard output a line or an object each, everything else on standard error.

use std::fmt::Display;
use std::io;

use tracing::info;

use crate::ask::raw::Raw;
use crate::report::{NdFinding, NdReport, print};

use super::place::Place;

/// How a command tells what it finds.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Telling {
    /// Says nothing but what is found
    #[arg(short, long)]
    quiet: bool,
    /// Prints a JSON object a line
    #[arg(long)]
    json: bool,
}

/// Tells findings.
#[derive(Debug)]
pub struct Teller {
    telling: Telling,
    interface: String,
    vlan: Option<u16>,
}

impl Teller {
    /// Tells what is found there.
    pub fn new(telling: Telling, place: &Place, raw: &Raw) -> Self {
        Self {
            telling,
            interface: raw.link().name.clone(),
            vlan: place.tag().map(|tag| tag.id()),
        }
    }

    /// Where it is: `eth0`, `eth0 vlan 100`.
    pub fn place(&self) -> String {
        match self.vlan {
            Some(vlan) => format!("{} vlan {vlan}", self.interface),
            None => self.interface.clone(),
        }
    }

    /// Tells a finding, if it is one for standard output.
    pub fn find(&self, finding: NdFinding) -> io::Result<()> {
        if self.telling.json {
            let report = NdReport {
                interface: &self.interface,
                vlan: self.vlan,
                finding,
            };
            return print(|out| report.write_json(out));
        }
        match finding.line() {
            Some(line) => print(|out| io::Write::write_fmt(out, format_args!("{line}\n"))),
            None => Ok(()),
        }
    }

    /// Says something besides, a line for each of its lines, unless quiet is wanted.
    pub fn say(&self, what: &impl Display) {
        if !self.telling.quiet {
            for line in what.to_string().lines() {
                info!("{line}");
            }
        }
    }
}
