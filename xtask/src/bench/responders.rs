//! llamar with and without its kernel path among other people's daemons, each asked by ordinary sockets.

use anyhow::{Context as _, Result};

use super::agent::OWN;
use super::daemons::{self, Daemon, Effort, LLMNR};
use super::measure::{Bench, program_of};
use super::report::Report;
use super::scene::Pair;

/// Keys of llamar itself.
const KERNEL: &str = "llamar_kernel";
const USER: &str = "llamar_userspace";

/// Keys of all of them.
pub fn keys() -> Vec<&'static str> {
    let daemons = Daemon::ALL.map(Daemon::key);
    [&[KERNEL, USER][..], &daemons].concat()
}

/// Asks all of them.
pub fn measure(bench: &mut Bench, report: &mut Report) -> Result<()> {
    bench.pass()?;
    let effort = Effort::new(bench.extent.time, bench.extent.foreign);
    let id = program_of(&bench.bin, &bench.few.pair)?;
    let llmnr = (LLMNR, OWN.to_owned(), "nobody".to_owned());
    let user = bench.plain("asked")?;
    for (key, name, served, program) in [
        (KERNEL, "llamar, native XDP", &bench.few, Some(id)),
        (USER, "llamar, --xdp off", &user, None),
    ] {
        bench.progress.step(name);
        let process = served.agent.process.id();
        let mut figures =
            daemons::measure(&served.pair, &llmnr, process, program, effort).context(name)?;
        (figures.key, figures.name) = (key, name.to_owned());
        report.peers.push(figures);
    }
    for daemon in Daemon::ALL {
        bench.progress.step(daemon.program());
        let pair = Pair::new(&bench.bin.join("ip"), daemon.program())?;
        let process = daemon.start(&bench.bin, &pair)?;
        let effort = effort.of(daemon);
        let figures = daemons::measure(&pair, &daemon.asked(), process.id(), None, effort);
        let mut figures = figures.context(daemon.program())?;
        (figures.key, figures.name) = (daemon.key(), daemon.version(&bench.bin)?);
        report.peers.push(figures);
    }
    Ok(())
}
