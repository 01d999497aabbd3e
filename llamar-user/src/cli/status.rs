//! `llamar status`: the links and what became of the frames on them, from the agent or from the pinned maps.

use super::names::Shown;
use super::{Failure, pinned};
use crate::agent::control::{Request, ask};
use crate::datapath::Instance;
use crate::report::StatusReport;

/// Prints the standing of every link.
pub fn status(args: &Shown) -> Result<(), Failure> {
    let instance = Instance::new(args.instance.as_deref())?;
    let report: StatusReport = match ask(&instance.socket(), Request::Status)? {
        Some(report) => report,
        None => pinned::status(&instance)?,
    };
    report.print(args.json)?;
    Ok(())
}
