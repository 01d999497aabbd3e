//! `llamar names`: what is answered for, from the agent or, where none runs, from the pinned maps.

use super::{Failure, pinned};
use crate::agent::control::{Request, ask};
use crate::datapath::Instance;
use crate::report::NamesReport;

/// Arguments of `llamar names` and `llamar status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
    /// Name of the agent's pins and control socket
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
}

/// Prints the names.
pub fn names(args: &Args) -> Result<(), Failure> {
    let instance = Instance::new(args.instance.as_deref())?;
    let report: NamesReport = match ask(&instance.socket(), Request::Names)? {
        Some(report) => report,
        None => pinned::names(&instance)?,
    };
    report.print(args.json)?;
    Ok(())
}
