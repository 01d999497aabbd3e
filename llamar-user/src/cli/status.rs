//! `llamar status`: the links and what became of the frames on them, from the agent or from the pinned maps.

use std::time::SystemTime;

use super::names::Shown;
use super::{Failure, pinned};
use crate::agent::control::{Request, ask};
use crate::datapath::Instance;
use crate::report::{StatusReport, print};

/// Arguments of `llamar status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    shown: Shown,
    /// Prints metrics in Prometheus' text format, for node_exporter's textfile collector
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
}

/// Prints the standing of every link.
pub fn status(args: &Args) -> Result<(), Failure> {
    let instance = Instance::new(args.shown.instance.as_deref())?;
    let report: StatusReport = match ask(&instance.socket(), Request::Status)? {
        Some(report) => report,
        None => pinned::status(&instance)?,
    };
    if args.prometheus {
        print(|out| report.write_prometheus(SystemTime::now(), out))?;
    } else {
        report.print(args.shown.json)?;
    }
    Ok(())
}
