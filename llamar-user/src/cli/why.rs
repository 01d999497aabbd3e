//! `llamar why`: whether a name is answered for on each link, and the rule that keeps it silent where it is not.

use std::net::IpAddr;
use std::process::ExitCode;

use super::asked;
use crate::agent::control::{Request, ask};
use crate::datapath::Instance;
use crate::datapath::read::Pinned;
use crate::dns::Name;
use crate::net::holder;
use crate::net::udp::PORT;
use crate::report::WhyReport;

/// Arguments of `llamar why`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line for each link: interface, VLAN, verdict and why.

Exit codes: 0 the name is answered for on a link; 1 it is not; 2 wrong usage, or the agent cannot be asked.")]
pub struct Args {
    /// The name, or an address whose names are asked for
    #[arg(value_name = "NAME|ADDRESS")]
    name: String,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Name of the agent's pins and control socket
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}

/// Prints how the name stands.
pub fn why(args: &Args) -> ExitCode {
    asked(run(args))
}

fn run(args: &Args) -> anyhow::Result<bool> {
    let instance = Instance::new(args.instance.as_deref())?;
    let name = args.name.clone();
    // A wrong name is wrong whether an agent runs or not.
    if name.parse::<IpAddr>().is_err() {
        Name::parse(&name)?;
    }
    let request = Request::Why { name: name.clone() };
    let report: WhyReport = match ask(&instance.socket(), request)? {
        Some(report) => report,
        None => without_agent(name, &instance),
    };
    report.print(args.json)?;
    Ok(report.is_answered())
}

/// Where no agent runs, nothing is answered; another program may hold the port that one would need.
fn without_agent(name: String, instance: &Instance) -> WhyReport {
    let mut notes = vec![format!(
        "no agent of instance {} runs in this network namespace: llamar run --iface IF starts one",
        instance.name
    )];
    if matches!(Pinned::open(instance), Ok(Some(pinned)) if pinned.answers().unwrap_or(false)) {
        let note = "the kernel path of an agent that has just ended answers on for a moment: see llamar names";
        notes.push(note.to_owned());
    }
    let mut holders = holder::of_ipv4_port(PORT).0;
    holders.extend(holder::of_ipv6_port(PORT).0);
    holders.sort();
    holders.dedup();
    notes.extend(holders.iter().map(|holder| {
        format!(
            "udp port {PORT} is held by {holder}, beside which no agent starts: stop it, or switch off its LLMNR"
        )
    }));
    WhyReport {
        name,
        notes,
        ..WhyReport::default()
    }
}
