//! LLamar's asker: the program that a link named `busco` is. It takes that program's options and prints its lines.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use tracing::{debug, error};

use super::block_on;
use super::host::Host;
use super::query::{Asked, explain, questions, warn_of_conflicts};
use crate::ask::{AskError, Asker, Family, Options};
use crate::dns::{Question, kind_named};
use crate::report::{AskedReport, print};

/// What is printed instead of records.
const NOTHING: &str = "No response.";

/// Runs LLMNR queries of type A, AAAA, PTR or ANY and prints the results.
#[derive(Debug, Parser)]
// As argparse did: --int for --interface.
#[command(name = "busco", version, infer_long_args = true)]
struct Busco {
    /// What to ask for
    name_or_address: String,
    /// The query type [default: A, for an address PTR]
    #[arg(short, long, value_name = "TYPE", value_parser = ["A", "AAAA", "PTR", "ANY"])]
    qtype: Option<String>,
    /// Uses IPv6 only [default: both IPv4 and IPv6]
    #[arg(short = '6', long = "useIPv6")]
    use_ipv6: bool,
    /// Specifies a network interface, e.g. -i eth1
    #[arg(short, long, value_name = "INTERFACE")]
    interface: Option<String>,
    /// Sends the query to ADDRESS by unicast TCP
    #[arg(short, long, value_name = "ADDRESS", value_parser = Host::parse)]
    address: Option<Host>,
}

/// Runs the command line of busco. Its exit code is 0 whether or not there was an answer.
pub fn main() -> ExitCode {
    let args: Busco = super::parse();
    super::log::start(0);
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            error!("{reason:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Busco) -> anyhow::Result<()> {
    let kind = args.qtype.as_deref().and_then(kind_named);
    let (mut questions, host) = questions(&args.name_or_address, kind)?;
    // For a name A is busco's default.
    questions.truncate(1);
    let mut options = Options {
        interfaces: args.interface.iter().cloned().collect(),
        family: (args.use_ipv6 && args.address.is_none()).then_some(Family::Ipv6),
        server: args.address.as_ref().map(|server| server.address),
        ..Options::default()
    };
    for host in host.iter().chain(&args.address) {
        host.narrow(&mut options)?;
    }
    block_on(ask(&args.name_or_address, &options, &questions))
}

async fn ask(what: &str, options: &Options, questions: &[Question]) -> anyhow::Result<()> {
    let asker = match Asker::open(options).await {
        Err(AskError::OffLink(server)) => {
            debug!("{server} is on no link");
            return Ok(print(|out| writeln!(out, "{NOTHING}"))?);
        }
        asker => asker?,
    };
    let mut asked = Asked::ask(&asker, questions).await?;
    let mut report = AskedReport::new(&asker, questions);
    for (question, answer) in questions.iter().zip(&asked.answers) {
        report.add(&asker, question, answer);
    }
    asked.warn_of_unusable();
    print(|out| match report.found {
        true => report.write_unscoped(out),
        false => writeln!(out, "{NOTHING}"),
    })?;
    if !report.found && !report.responses.is_empty() {
        explain(what, &report);
    }
    report.add_conflicts(&asker, &asked.finish().await);
    warn_of_conflicts(what, &report);
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Busco;

    #[test]
    fn the_command_line_is_consistent() {
        Busco::command().debug_assert();
    }
}
