//! llamar with and without its kernel path among other people's daemons, each asked by ordinary sockets.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::agent::OWN;
use super::daemons::{self, Daemon, Effort, LLMNR};
use super::figure::PeerFigures;
use super::measure::{Bench, Served, program_of};
use super::report::Report;
use super::scene::{Pair, Process};
use super::{Extent, rest};

/// Keys of llamar itself.
const KERNEL: &str = "llamar_kernel";
const USER: &str = "llamar_userspace";

/// Keys of all of them.
pub fn keys() -> Vec<&'static str> {
    let daemons = Daemon::ALL.map(Daemon::key);
    [&[KERNEL, USER][..], &daemons].concat()
}

/// Somebody who answers ordinary sockets.
struct Responder {
    key: &'static str,
    name: String,
    pair: Pair,
    /// Where it is asked, for which name, and for which that is nobody's.
    asked: (SocketAddr, String, String),
    id: u32,
    /// Its XDP program, if it has one.
    program: Option<u32>,
    effort: Effort,
    /// Ended with this, where nobody else does it.
    _process: Option<Process>,
}

impl Responder {
    fn agent(key: &'static str, name: &str, served: &Served, effort: Effort) -> Self {
        Self {
            key,
            name: name.to_owned(),
            pair: served.pair.clone(),
            asked: (LLMNR, OWN.to_owned(), "nobody".to_owned()),
            id: served.agent.process.id(),
            program: None,
            effort,
            _process: None,
        }
    }

    fn daemon(daemon: Daemon, bin: &Path, effort: Effort) -> Result<Self> {
        let pair = Pair::new(&bin.join("ip"), daemon.program())?;
        let process = daemon.start(bin, &pair)?;
        Ok(Self {
            key: daemon.key(),
            name: daemon.version(bin)?,
            pair,
            asked: daemon.asked(),
            id: process.id(),
            program: None,
            effort: effort.of(daemon),
            _process: Some(process),
        })
    }

    fn measure(&self) -> Result<PeerFigures> {
        let Self {
            pair,
            asked,
            id,
            program,
            effort,
            ..
        } = self;
        let figures = daemons::measure(pair, asked, *id, *program, *effort);
        figures.with_context(|| self.name.clone())
    }
}

/// Asks all of them, in turns.
pub fn measure(bench: &mut Bench, report: &mut Report) -> Result<()> {
    bench.pass()?;
    let effort = Effort::new(bench.extent.time, bench.extent.foreign);
    let user = bench.plain("asked")?;
    let mut kernel = Responder::agent(KERNEL, "llamar, native XDP", &bench.few, effort);
    kernel.program = Some(program_of(&bench.bin, &bench.few.pair)?);
    let mut all = vec![
        kernel,
        Responder::agent(USER, "llamar, --xdp off", &user, effort),
    ];
    for daemon in Daemon::ALL {
        all.push(Responder::daemon(daemon, &bench.bin, effort)?);
    }
    rest::agent(&user.agent)?;
    let rounds = rounds(bench.extent);
    let mut figures = vec![Vec::new(); all.len()];
    for round in 1..=rounds {
        bench
            .progress
            .step(&format!("round {round} of {rounds}: responders"));
        for (responder, figures) in all.iter().zip(&mut figures) {
            figures.push(responder.measure()?);
        }
    }
    for (responder, figures) in all.into_iter().zip(figures) {
        report.peers.push(PeerFigures {
            key: responder.key,
            name: responder.name,
            ..PeerFigures::median(&figures)
        });
    }
    Ok(())
}

/// In how many rounds they are asked.
pub fn rounds(extent: Extent) -> usize {
    extent.rounds.min(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_asked_whose_figures_others_rely_on() {
        assert_eq!(
            keys(),
            [
                "llamar_kernel",
                "llamar_userspace",
                "llmnrd",
                "systemd-resolved",
                "avahi"
            ]
        );
    }
}
