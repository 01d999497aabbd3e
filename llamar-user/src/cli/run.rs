//! `llamar run`: the agent in the foreground.

use std::path::PathBuf;

use super::{Failure, misconfigured};
use crate::agent::{self, Options, RunError};
use crate::config::{Defaults, Flags, XdpMode};
use crate::datapath::Instance;

/// Arguments of `llamar run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Interface to serve, besides those of the configuration; may be given several times
    #[arg(short, long, value_name = "IF")]
    iface: Vec<String>,
    /// Configuration file [default: /etc/llamar.toml, else /etc/llmnr.conf, where there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Name to answer for on the interfaces of --iface [default: the host name's first label]
    #[arg(short, long, value_name = "NAME")]
    name: Vec<String>,
    /// Where XDP answers: in the driver, in the kernel's generic code, or nowhere
    #[arg(long, value_name = "MODE", value_parser = ["auto", "native", "generic", "off"])]
    xdp: Option<String>,
    /// TTL of LLMNR answers in seconds
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u32>,
    /// Capacity of the kernel path's map of names
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_names: Option<u32>,
    /// Does without mDNS
    #[arg(long)]
    no_mdns: bool,
    /// Announces no address
    #[arg(long)]
    no_announce: bool,
    /// Folder for the names that are kept after a conflict [default: $STATE_DIRECTORY, else /var/lib/llamar]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Waits for interfaces that do not exist yet
    #[arg(long)]
    wait: bool,
    /// Name of this agent's pins and control socket
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}

/// Serves until a signal ends it.
pub fn run(args: Args) -> Result<(), Failure> {
    let xdp = args.xdp.as_deref();
    let options = Options {
        flags: Flags {
            ifaces: args.iface,
            config: args.config,
            names: args.name,
            xdp: XdpMode::ALL
                .into_iter()
                .find(|mode| Some(mode.as_str()) == xdp),
            ttl: args.ttl,
            max_names: args.max_names,
            no_mdns: args.no_mdns,
            no_announce: args.no_announce,
        },
        kept: kept(args.state_dir, args.instance.as_deref()),
        defaults: Defaults::system(),
        instance: Instance::new(args.instance.as_deref())?,
        wait: args.wait,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(agent::run(options)) {
        Ok(()) => Ok(()),
        Err(RunError::Config(reason)) => Err(misconfigured(&reason)),
        Err(RunError::Failed(reason)) => Err(Failure::Failed(reason)),
    }
}

/// The file of the kept names: one for each instance that was named, and one for all others, which may have another
/// network namespace after each start of the machine.
fn kept(folder: Option<PathBuf>, instance: Option<&str>) -> PathBuf {
    // systemd gives StateDirectory= in this variable.
    let given = || std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
    let folder = folder.or_else(given);
    let folder = folder.unwrap_or_else(|| PathBuf::from("/var/lib/llamar"));
    folder.join(format!("{}.names.json", instance.unwrap_or("host")))
}
