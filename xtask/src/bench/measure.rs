//! All measurements, one after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use llamar_common::bench::{Expect, program};
use llamar_common::testing::{A, FrameBuilder};

use super::agent::{Agent, OWN};
use super::daemons::{self, Daemon, Effort, LLMNR};
use super::load::{self, Programs};
use super::names;
use super::progress::Progress;
use super::question::Question;
use super::report::{self, Report};
use super::rounds::{self, Contender, Results};
use super::scene::{HOST_MAC, INTERFACE, Pair, asker};
use super::{Extent, FEW, tcp};
use crate::step;

/// Names of the larger agents.
const MANY: u32 = 10_000;
const MILLION: u32 = 1_000_000;
/// Keys of llamar itself among the daemons.
const KERNEL: &str = "llamar_kernel";
const USER: &str = "llamar_userspace";

/// Measures everything there is a key for.
pub fn all(bin: &Path, object: &Path, llamar: &Path, extent: Extent) -> Result<Report> {
    let mut report = Report {
        run: report::machine(),
        ..Report::default()
    };
    let version = step::output(Command::new(llamar).arg("--version"))?;
    report.run.push(("llamar", version.trim().to_owned()));
    report.run.push((
        "extent",
        format!("{} frames a run, {} rounds", extent.frames, extent.rounds),
    ));
    let mut bench = Bench::new(bin, object, llamar, extent)?;
    bench.names(&mut report)?;
    bench.ratios(&mut report)?;
    bench.costs(&mut report)?;
    bench.tcp(&mut report)?;
    bench.peers(&mut report)?;
    let mut keys = vec![KERNEL, USER];
    keys.extend(Daemon::ALL.map(Daemon::key));
    report.complete(&keys)?;
    Ok(report)
}

/// Everything that is set up.
struct Bench {
    bin: PathBuf,
    llamar: PathBuf,
    directory: PathBuf,
    extent: Extent,
    programs: Programs,
    progress: Progress,
    bare: Pair,
    few: Served,
    million: Option<Served>,
    user: Served,
}

/// A pair with an agent at its far end.
struct Served {
    pair: Pair,
    agent: Agent,
}

impl Bench {
    fn new(bin: &Path, object: &Path, llamar: &Path, extent: Extent) -> Result<Self> {
        // The sandbox has this directory for itself.
        let directory = PathBuf::from("/run/llamar/bench");
        let mut programs = Programs::load(object)?;
        let ip = bin.join("ip");
        let bare = Pair::new(&ip, "bare")?;
        programs.attach(program::COUNT, &bare.near)?;
        programs.attach(program::REFLECT, &bare.far)?;
        let mut serve = |label: &str, xdp: &str| {
            let pair = Pair::new(&ip, label)?;
            programs.attach(program::COUNT, &pair.near)?;
            let mut agent = Agent::start(llamar, &pair.far, &directory.join(label), FEW, xdp)?;
            agent.wait()?;
            anyhow::Ok(Served { pair, agent })
        };
        let (few, user) = (serve("few", "native")?, serve("user", "off")?);
        receives(bin, &user.pair)?;
        // Names: one step for each start and change; ratios: one for each round; and the rest.
        let steps = 2 * extent.starts + extent.rounds + 1 + 1 + extent.rounds + 5;
        Ok(Self {
            bin: bin.to_owned(),
            llamar: llamar.to_owned(),
            directory,
            extent,
            programs,
            progress: Progress::new(steps),
            bare,
            few,
            million: None,
            user,
        })
    }

    /// A million names: loaded, one of them changed, and what they cost.
    fn names(&mut self, report: &mut Report) -> Result<()> {
        let pair = Pair::new(&self.bin.join("ip"), "million")?;
        self.programs.attach(program::COUNT, &pair.near)?;
        self.pass()?;
        let (mut loads, mut reloads) = (Vec::new(), Vec::new());
        let mut last: Option<Agent> = None;
        for _ in 0..self.extent.starts {
            self.progress.step("an agent with a million names");
            if last.take().is_some() {
                detach(&self.bin, &self.llamar, &pair)?;
            }
            let directory = self.directory.join("million");
            let mut agent = Agent::start(&self.llamar, &pair.far, &directory, MILLION, "native")?;
            loads.push(names::load_seconds(&pair, &agent, MILLION)?);
            agent.wait()?;
            last = Some(agent);
        }
        let agent = last.context("no agent with a million names was started")?;
        for round in 0..self.extent.starts as u32 {
            self.progress.step("one name of a million");
            reloads.push(names::reload_ms(&pair, &agent, MILLION, round)?);
        }
        let id = program_of(&self.bin, &pair)?;
        report.figure("names_1m_load_seconds", &loads);
        report.figure("names_1m_reload_one_ms", &reloads);
        report.figure("names_bytes_each", &[names::bytes_each(id, MILLION)?]);
        // Written anew for those who draw from all of its names.
        super::agent::write_hosts(&agent.hosts, MILLION)?;
        names::reload(&pair, &agent, MILLION)?;
        self.million = Some(Served { pair, agent });
        Ok(())
    }

    /// Contenders against the reflector, and against each other.
    fn ratios(&mut self, report: &mut Report) -> Result<()> {
        let ip = self.bin.join("ip");
        let (many, stack) = (Pair::new(&ip, "many")?, Pair::new(&ip, "stack")?);
        for pair in [&many, &stack] {
            self.programs.attach(program::COUNT, &pair.near)?;
        }
        receives(&self.bin, &stack)?;
        let directory = self.directory.join("many");
        let mut agent = Agent::start(&self.llamar, &many.far, &directory, MANY, "native")?;
        agent.wait()?;
        let contenders = self.contenders(&many, &stack)?;
        for contender in &contenders {
            rounds::is_silent(&mut self.programs, contender)?;
        }
        let results = self.rounds(&contenders)?;
        let driver = contenders.iter().filter(|contender| contender.driver);
        for key in driver.map(|contender| contender.key) {
            report.figure(key, &results[key].ratios);
        }
        let (llmnr, arp) = (&results["llmnr_a_v4_ratio"], &results["arp_ratio"]);
        let millions: Vec<f64> = llmnr.reflector.iter().map(|rate| rate / 1e6).collect();
        report.figure("reflector_mpps", &millions);
        let stack = &results["arp_vs_kernel"].rates;
        report.figure("arp_vs_kernel", &times(&arp.rates, stack));
        let userspace = self.userspace(llmnr.rates.len())?;
        report.figure("llmnr_vs_userspace", &times(&llmnr.rates, &userspace));
        Ok(())
    }

    /// All rounds of all contenders, by their keys.
    fn rounds(&mut self, contenders: &[Contender]) -> Result<BTreeMap<&'static str, Results>> {
        let mut results: BTreeMap<_, Results> = BTreeMap::new();
        for round in 0..=self.extent.rounds {
            let what = format!("round {round} of {}", self.extent.rounds);
            self.progress.step(&what);
            for contender in contenders {
                let mut unused = Results::default();
                let kept = results.entry(contender.key).or_default();
                // The first round only warms caches up.
                let kept = if round == 0 { &mut unused } else { kept };
                let frames = self.extent.frames;
                rounds::round(&mut self.programs, &self.bare, contender, frames, kept)?;
            }
        }
        Ok(results)
    }

    fn contenders(&self, many: &Pair, stack: &Pair) -> Result<Vec<Contender>> {
        let million = self
            .million
            .as_ref()
            .context("no agent with a million names runs")?;
        let llmnr = |key, pair: &Pair, v6, aaaa, names| Contender {
            key,
            question: Question::Llmnr { v6, aaaa, names },
            pair: pair.clone(),
            driver: true,
        };
        let arp = |key, pair: &Pair, driver| Contender {
            key,
            question: Question::Arp,
            pair: pair.clone(),
            driver,
        };
        let few = &self.few.pair;
        Ok(vec![
            llmnr("llmnr_a_v4_ratio", few, false, false, FEW),
            llmnr("llmnr_a_v6_ratio", few, true, false, FEW),
            llmnr("llmnr_aaaa_v6_ratio", few, true, true, FEW),
            llmnr("llmnr_a_10k_names_ratio", many, false, false, MANY),
            llmnr(
                "llmnr_a_1m_names_ratio",
                &million.pair,
                false,
                false,
                MILLION,
            ),
            arp("arp_ratio", few, true),
            arp("arp_vs_kernel", stack, false),
        ])
    }

    /// Answers a second of the responder in userspace, to whom the generator sends more than it can answer. It runs
    /// on another CPU than the generator, so that the time that counts is the wall's.
    fn userspace(&mut self, rounds: usize) -> Result<Vec<f64>> {
        let contender = Contender {
            key: "llmnr_vs_userspace",
            question: Question::Llmnr {
                v6: false,
                aaaa: false,
                names: FEW,
            },
            pair: self.user.pair.clone(),
            driver: false,
        };
        // Enough frames that what the kernel needs to prepare them does not count.
        let frames = self.extent.frames.max(1 << 18) << 2;
        let rate = |_| {
            let run = rounds::answer(&mut self.programs, &contender, frames)?;
            Ok(run.answers as f64 / run.wall.as_secs_f64())
        };
        (0..rounds).map(rate).collect()
    }

    /// What a frame costs that is passed, by test-run, and what the verifier says.
    fn costs(&mut self, report: &mut Report) -> Result<()> {
        self.progress.step("frames for others");
        let pair = &self.few.pair;
        let id = program_of(&self.bin, pair)?;
        let program = load::attached(id)?;
        let foreign = FrameBuilder::llmnr(asker(false))
            .question("zaaaaaaa", A)
            .build();
        for (key, frame) in [("other_traffic_ns", other()), ("foreign_name_ns", foreign)] {
            let mut costs = Vec::new();
            for _ in 0..self.extent.rounds {
                let control = self.programs.control(&frame, self.extent.repeat)?;
                let run =
                    || load::nanoseconds(&program, &frame, pair.far_index, self.extent.repeat);
                costs.push(pair.far.inside(run)? - control);
            }
            report.figure(key, &costs);
        }
        let verified = load::info(id)?.verified_instruction_count();
        let verified = verified.context("the kernel does not say what it verified")?;
        report.figure("verified_instructions", &[verified.into()]);
        Ok(())
    }

    /// TCP through an interface with the program in generic mode, between two runs through one without.
    fn tcp(&mut self, report: &mut Report) -> Result<()> {
        let ip = self.bin.join("ip");
        let (plain, generic) = (Pair::new(&ip, "plain")?, Pair::new(&ip, "generic")?);
        let directory = self.directory.join("generic");
        let mut agent = Agent::start(&self.llamar, &generic.far, &directory, FEW, "generic")?;
        agent.wait()?;
        program_of(&self.bin, &generic).context("generic mode")?;
        let mut ratios = Vec::new();
        for _ in 0..self.extent.rounds {
            self.progress.step("TCP beside generic XDP");
            let time = self.extent.time / 2;
            let before = tcp::rate(&plain, time)?;
            let beside = tcp::rate(&generic, time)?;
            let after = tcp::rate(&plain, time)?;
            ratios.push(beside / f64::midpoint(before, after));
        }
        report.figure("other_tcp_ratio_generic", &ratios);
        Ok(())
    }

    /// Daemons, each asked by ordinary sockets; llamar is one of them, with and without its kernel path.
    fn peers(&mut self, report: &mut Report) -> Result<()> {
        self.pass()?;
        let effort = Effort::new(self.extent.time, self.extent.foreign);
        let id = program_of(&self.bin, &self.few.pair)?;
        let llmnr = (LLMNR, OWN.to_owned(), "nobody".to_owned());
        for (key, name, served, program) in [
            (KERNEL, "llamar, native XDP", &self.few, Some(id)),
            (USER, "llamar, --xdp off", &self.user, None),
        ] {
            self.progress.step(name);
            let process = served.agent.process.id();
            let mut figures =
                daemons::measure(&served.pair, &llmnr, process, program, effort).context(name)?;
            (figures.key, figures.name) = (key, name.to_owned());
            report.peers.push(figures);
        }
        for daemon in Daemon::ALL {
            self.progress.step(daemon.program());
            let pair = Pair::new(&self.bin.join("ip"), daemon.program())?;
            let process = daemon.start(&self.bin, &pair)?;
            let effort = effort.of(daemon);
            let figures = daemons::measure(&pair, &daemon.asked(), process.id(), None, effort);
            let mut figures = figures.context(daemon.program())?;
            (figures.key, figures.name) = (daemon.key(), daemon.version(&self.bin)?);
            report.peers.push(figures);
        }
        Ok(())
    }

    /// From now on the counter passes what it counted: to the sockets of askers.
    fn pass(&mut self) -> Result<()> {
        self.programs.expect(&Expect {
            pass: 1,
            ..Expect::default()
        })
    }
}

/// How many times as much, round by round.
fn times(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    let pairs = ours.iter().zip(theirs);
    pairs.map(|(ours, theirs)| ours / theirs).collect()
}

/// Has a veth without an XDP program take frames that XDP sends.
fn receives(bin: &Path, pair: &Pair) -> Result<()> {
    pair.far.inside(|| {
        let mut command = Command::new(bin.join("ethtool"));
        step::output(command.args(["-K", INTERFACE, "gro", "on"])).map(drop)
    })
}

/// Removes what a killed agent has left: the next one would take it over, and have nothing to load.
fn detach(bin: &Path, llamar: &Path, pair: &Pair) -> Result<()> {
    pair.far
        .inside(|| step::output(Command::new(llamar).arg("detach")).map(drop))?;
    ensure!(
        program_of(bin, pair).is_err(),
        "a killed agent's program is still there"
    );
    Ok(())
}

/// Id of the XDP program on a pair's far interface.
fn program_of(bin: &Path, pair: &Pair) -> Result<u32> {
    let text = pair.far.inside(|| {
        let mut command = Command::new(bin.join("ip"));
        step::output(command.args(["-j", "-d", "link", "show", "dev", INTERFACE]))
    })?;
    let links: serde_json::Value = serde_json::from_str(&text).context("read what ip says")?;
    let id = links[0]["xdp"]["prog"]["id"].as_u64();
    Ok(id
        .context("no XDP program is on the interface")?
        .try_into()?)
}

/// A TCP segment for the host.
fn other() -> Vec<u8> {
    let mut frame = vec![0x55; 66];
    frame[..6].copy_from_slice(&HOST_MAC);
    frame[12..16].copy_from_slice(&[0x08, 0x00, 0x45, 0x00]);
    frame[23] = 6;
    frame
}
