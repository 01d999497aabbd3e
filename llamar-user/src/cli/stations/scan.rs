//! What both scans do with what they find.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::bail;
use tracing::{info, warn};

use super::progress::Progress;
use super::vendors::{VendorArgs, VendorList};
use crate::cli::dnssd::output::{self, Read};
use crate::ether::MacAddr;
use crate::report::stations::{FoundForm, FoundReport, FoundRow, ScanEnd};

/// Addresses that are asked for one by one without being told that this is meant: those of a /16, which is four minutes.
const ADDRESSES_USUAL: u64 = 1 << 16;
/// Times that silent addresses are asked again at most.
pub const RETRIES_MAX: i64 = 10;
/// Requests a second at most.
pub const RATE_MAX: i64 = 10_000;

/// Arguments of both.
#[derive(Clone, Debug, clap::Args)]
pub struct ScanArgs {
    #[command(flatten)]
    pub vendors: VendorArgs,
    /// Says nothing but which stations there are, and draws no bar
    #[arg(short, long)]
    pub quiet: bool,
    /// Prints objects of JSON, one a line
    #[arg(long)]
    pub json: bool,
}

/// Refuses to ask for so many addresses that nobody can mean it, unless that is forced.
pub fn check_count(count: u64, rate: u32, forced: bool) -> anyhow::Result<()> {
    if count > ADDRESSES_USUAL && !forced {
        let minutes = count / u64::from(rate.max(1)) / 60;
        bail!(
            "{count} addresses take {minutes} minutes at {rate} a second; --force asks for them nevertheless"
        );
    }
    Ok(())
}

/// A scan that is going on.
pub struct Scanning {
    args: ScanArgs,
    report: FoundReport,
    vendors: VendorList,
    progress: Progress,
    interface: String,
    vlan: Option<u16>,
    begun: Instant,
    asked: u64,
    found: u64,
    duplicates: u64,
    done: bool,
}

impl Scanning {
    /// Begins on an interface.
    pub fn new(args: &ScanArgs, interface: &str, vlan: Option<u16>) -> anyhow::Result<Self> {
        let form = match (args.json, std::io::stdout().is_terminal()) {
            (true, _) => FoundForm::Json,
            (false, true) => FoundForm::Table,
            (false, false) => FoundForm::Lines,
        };
        Ok(Self {
            report: FoundReport::new(form),
            vendors: VendorList::open(&args.vendors)?,
            progress: Progress::new(!args.quiet),
            interface: interface.to_owned(),
            vlan,
            begun: Instant::now(),
            asked: 0,
            found: 0,
            duplicates: 0,
            done: false,
            args: args.clone(),
        })
    }

    /// Says something besides.
    pub fn say(&self, what: &str) {
        if !self.args.quiet {
            self.progress.aside(|| info!("{what}"));
        }
    }

    /// Tells a station of which the row is made with its vendor, the interface and the VLAN.
    pub fn found(
        &mut self,
        mac: MacAddr,
        row: impl FnOnce(Option<String>, &str, Option<u16>) -> FoundRow,
    ) -> Read {
        let row = row(self.vendors.name(mac), &self.interface, self.vlan);
        match row.duplicate_of {
            Some(_) => self.duplicates += 1,
            None => self.found += 1,
        }
        let report = &mut self.report;
        self.progress
            .aside(|| output::write(|out| report.add(row, out)))
    }

    /// Shows how far it is.
    pub fn progress(&mut self, asked: u64, total: u64) {
        self.asked = asked;
        self.progress.show(asked, total, self.found);
    }

    /// All is asked and waited for: so many requests there were.
    pub fn done(&mut self, asked: u64) {
        self.asked = asked;
        self.done = true;
    }

    /// Tells what is told in the end; whether anybody was found.
    pub fn finish(mut self) -> anyhow::Result<bool> {
        self.progress.finish();
        let end = ScanEnd {
            asked: self.asked,
            found: self.found,
            duplicates: self.duplicates,
            interrupted: !self.done,
            took: self.begun.elapsed(),
            interface: self.interface,
            vlan: self.vlan,
        };
        let report = &mut self.report;
        // Whether anybody still reads makes no difference any more.
        let _ = output::write(|out| report.finish(&end, out))?;
        if !self.args.quiet {
            info!("{end}");
            if self.duplicates > 0 {
                warn!("there are addresses that more than one station has");
            }
        }
        Ok(self.found > 0)
    }
}

/// What an engine's driver goes on with: it ends with an error, or when nobody reads any more.
pub fn flow(read: Read) -> ControlFlow<anyhow::Result<()>> {
    match read {
        Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
        Ok(ControlFlow::Break(())) => ControlFlow::Break(Ok(())),
        Err(error) => ControlFlow::Break(Err(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_numbers_of_addresses_are_asked_for_only_if_that_is_meant() {
        assert!(check_count(65_536, 250, false).is_ok());
        assert!(check_count(1 << 24, 250, true).is_ok());
        let error = check_count(1 << 24, 250, false).unwrap_err().to_string();
        assert_eq!(
            error,
            "16777216 addresses take 1118 minutes at 250 a second; --force asks for them nevertheless"
        );
        assert!(check_count(u64::MAX, 0, false).is_err());
    }
}
