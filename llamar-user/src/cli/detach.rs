//! `llamar detach`: takes the kernel path of an agent that is gone off its interfaces.

use std::io::Write as _;

use super::Failure;
use super::pinned::interface;
use crate::datapath::{self, Instance};
use crate::report::print;

/// Arguments of `llamar detach`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the agent's pins
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}

/// Detaches and unpins everything of the instance. An agent that runs is not disturbed.
pub fn detach(args: &Args) -> Result<(), Failure> {
    let instance = Instance::new(args.instance.as_deref())?;
    let removed = datapath::detach_all(&instance)?;
    print(|out| {
        if removed.pins == 0 {
            writeln!(
                out,
                "nothing is attached or pinned for instance {}",
                instance.name
            )?;
        }
        let mut interfaces = removed.interfaces.iter();
        interfaces.try_for_each(|ifindex| writeln!(out, "detached from {}", interface(*ifindex)))
    })?;
    Ok(())
}
