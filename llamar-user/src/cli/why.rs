//! `llamar why`: whether a name is answered for on each link, and the rule that keeps it silent.

use super::{Failure, Outcome};
use crate::agent::control::{Request, ask};
use crate::datapath::Instance;
use crate::net::{PORT, holder};
use crate::report::WhyReport;

/// Arguments of `llamar why`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name, or an address whose name is asked for
    name: String,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Name of the agent's pins and control socket
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}
