//! `llamar status`: the links and what became of the frames on them, from the agent or from the pinned maps.

use super::names::Args as NamesArgs;
use super::report::StatusReport;
use super::{Failure, pinned};
use crate::agent::control::{Request, ask};
use crate::datapath::Instance;

/// Arguments of `llamar status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    of: NamesArgs,
}

/// Prints the standing of every link.
pub fn status(args: &Args) -> Result<(), Failure> {
    let instance = Instance::new(args.of.instance.as_deref())?;
    let report: StatusReport = match ask(&instance.socket(), Request::Status)? {
        Some(report) => report,
        None => pinned::status(&instance)?,
    };
    report.print(args.of.json)?;
    Ok(())
}
