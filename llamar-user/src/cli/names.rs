//! `llamar names`: what is answered for, from the agent or, where none runs, from the pinned maps; and the agent's
//! names added and removed while it runs.

use std::net::IpAddr;

use anyhow::anyhow;
use tracing::error;

use super::{Failure, pinned};
use crate::agent::control::{Request, ask};
use crate::config::{judge_addition, judge_removal};
use crate::datapath::Instance;
use crate::report::NamesReport;

/// Arguments of `llamar names`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(flatten)]
    shown: Shown,
    #[command(subcommand)]
    change: Option<Change>,
}

/// What is shown of an agent, and of which: arguments of `llamar names` and `llamar status`, among others.
#[derive(Debug, clap::Args)]
pub struct Shown {
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
    /// Name of the agent's pins and control socket
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
}

/// A change to the names of a running agent.
#[derive(Debug, clap::Subcommand)]
enum Change {
    /// Adds a name: this host's, or with addresses one held for another host. It stays until the agent ends
    Add {
        /// The name to answer for
        #[arg(value_name = "NAME")]
        name: String,
        /// Addresses of the host that has the name, if that is another one
        #[arg(value_name = "ADDRESS")]
        addresses: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Removes a name, wherever it comes from, until the agent ends
    Remove {
        /// The name to answer for no more
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Which agent, and which of its interfaces.
#[derive(Debug, clap::Args)]
struct Place {
    /// The one interface that is meant [default: all that are served]
    #[arg(short, long, value_name = "IF")]
    iface: Option<String>,
    /// Name of the agent's control socket
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}

/// Prints the names, or changes them.
pub fn names(args: Args) -> Result<(), Failure> {
    match args.change {
        None => show(&args.shown),
        Some(Change::Add {
            name,
            addresses,
            place,
        }) => {
            let judged = judge_addition(&name, place.iface.as_deref(), &addresses);
            let addresses: Vec<IpAddr> = judged.map_err(will_not_do)?;
            tell(
                place.instance.as_deref(),
                Request::Add {
                    name,
                    interface: place.iface,
                    addresses,
                },
            )
        }
        Some(Change::Remove { name, place }) => {
            judge_removal(&name, place.iface.as_deref()).map_err(will_not_do)?;
            tell(
                place.instance.as_deref(),
                Request::Remove {
                    name,
                    interface: place.iface,
                },
            )
        }
    }
}

fn show(shown: &Shown) -> Result<(), Failure> {
    let instance = Instance::new(shown.instance.as_deref())?;
    let report: NamesReport = match ask(&instance.socket(), Request::Names)? {
        Some(report) => report,
        None => pinned::names(&instance)?,
    };
    report.print(shown.json)?;
    Ok(())
}

/// Has the agent do something.
fn tell(instance: Option<&str>, request: Request) -> Result<(), Failure> {
    let instance = Instance::new(instance)?;
    let done: Option<()> = ask(&instance.socket(), request)?;
    done.ok_or_else(|| {
        let name = &instance.name;
        anyhow!(
            "no agent of the instance {name} runs: start one with llamar run, or name another with --instance"
        )
    })?;
    Ok(())
}

/// Says everything that is wrong with what was typed, a line each.
fn will_not_do(problems: Vec<String>) -> Failure {
    for problem in problems {
        error!("{problem}");
    }
    Failure::Usage
}
