//! `llamar mdns names`: the hosts and services that the agent tells of.

use std::process::ExitCode;

use crate::agent::control::{Request, ask};
use crate::cli::asked;
use crate::datapath::Instance;
use crate::report::ClaimedReport;

/// Arguments of `llamar mdns names`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line for each host and service on each interface: name, interface, state, and addresses or host and port.

Exit codes: 0 something is told of; 1 nothing is, or no agent runs; 2 wrong usage, or the agent cannot be asked.")]
pub struct Args {
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Name of the agent's control socket
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}

/// Prints what is told of.
pub fn names(args: &Args) -> ExitCode {
    asked(run(args))
}

fn run(args: &Args) -> anyhow::Result<bool> {
    let instance = Instance::new(args.instance.as_deref())?;
    let report: Option<ClaimedReport> = ask(&instance.socket(), Request::Mdns)?;
    let report = report.unwrap_or_default();
    report.print(args.json)?;
    Ok(!report.names.is_empty())
}
