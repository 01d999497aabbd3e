//! All measurements, one after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use llamar_common::bench::{Expect, program};

use super::agent::{Agent, Setup};
use super::figure::OPTIONAL;
use super::load::Programs;
use super::progress::Progress;
use super::question::Question;
use super::report::{self, Report};
use super::rival::{self, Rival};
use super::rounds::{self, Contender, Results};
use super::scene::{INTERFACE, Pair};
use super::{Extent, FEW, costs, lies, names, responders, rest, tcp, upkeep};
use crate::step;

/// Names of the agent with some.
const MANY: u32 = 10_000;

/// Measures everything there is a key for.
pub fn all(cast: &Cast<'_>, extent: Extent) -> Result<Report> {
    let mut report = Report {
        run: report::machine(),
        ..Report::default()
    };
    let version = step::output(Command::new(cast.llamar).arg("--version"))?;
    report.run.push(("llamar", version.trim().to_owned()));
    report.run.push(("extent", extent.text()));
    let mut bench = Bench::new(cast, extent)?;
    let liar = Pair::new(&bench.bin.join("ip"), "liar")?;
    lies::are_found(&mut bench.programs, &bench.bare, &liar)?;
    names::measure(&mut bench, &mut report)?;
    bench.ratios(cast, &mut report)?;
    costs::passed(&mut bench, &mut report)?;
    costs::steps(&mut bench, &mut report)?;
    tcp::measure(&mut bench, &mut report)?;
    upkeep::measure(&mut bench, &mut report)?;
    responders::measure(&mut bench, &mut report)?;
    report.complete(&responders::keys())?;
    Ok(report)
}

/// The programs that take part.
#[derive(Clone, Copy, Debug)]
pub struct Cast<'a> {
    /// Wrappers of other people's programs.
    pub bin: &'a Path,
    /// xdp-bench itself.
    pub xdp_bench: &'a Path,
    /// The benchmark's eBPF object.
    pub object: &'a Path,
    /// llamar.
    pub llamar: &'a Path,
}

/// Everything that is set up.
pub struct Bench {
    /// Wrappers of other people's programs.
    pub bin: PathBuf,
    /// llamar.
    pub llamar: PathBuf,
    /// A directory for the agents' files.
    pub directory: PathBuf,
    /// How much is measured.
    pub extent: Extent,
    /// The benchmark's programs in the kernel.
    pub programs: Programs,
    /// How far all of it is.
    pub progress: Progress,
    /// The pair with the reflector.
    pub bare: Pair,
    /// An agent with few names, native.
    pub few: Served,
    /// One with a million, once it is started.
    pub million: Option<Served>,
    /// One with few names and without a kernel path.
    pub user: Served,
}

/// A pair with an agent at its far end.
pub struct Served {
    /// The pair.
    pub pair: Pair,
    /// The agent.
    pub agent: Agent,
}

impl Bench {
    fn new(cast: &Cast<'_>, extent: Extent) -> Result<Self> {
        // The sandbox has this directory for itself.
        let directory = PathBuf::from("/run/llamar/bench");
        let mut programs = Programs::load(cast.object)?;
        let ip = cast.bin.join("ip");
        let bare = Pair::new(&ip, "bare")?;
        programs.attach(program::COUNT, &bare.near)?;
        programs.attach(program::REFLECT, &bare.far)?;
        let mut serve = |label: &str, xdp| {
            let pair = Pair::new(&ip, label)?;
            programs.attach(program::COUNT, &pair.near)?;
            Served::start(
                cast.llamar,
                pair,
                &directory.join(label),
                &Setup::new(FEW, xdp),
            )
        };
        let (few, user) = (serve("few", "native")?, serve("user", "off")?);
        receives(cast.bin, &user.pair)?;
        // Names: one step for each start and change; ratios: one for each round; and the rest.
        let peers = responders::rounds(extent);
        let steps = 2 * extent.starts + extent.rounds + 1 + 1 + 1 + extent.rounds + 1 + peers;
        Ok(Self {
            bin: cast.bin.to_owned(),
            llamar: cast.llamar.to_owned(),
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

    /// Another agent at the far end of a pair of its own, ready.
    pub fn serve(&mut self, label: &str, setup: &Setup) -> Result<Served> {
        let pair = Pair::new(&self.bin.join("ip"), label)?;
        self.programs.attach(program::COUNT, &pair.near)?;
        Served::start(&self.llamar, pair, &self.directory.join(label), setup)
    }

    /// An agent without a kernel path at the far end of a link as other daemons get it, ready: no program of the
    /// benchmark takes part in what it sends, and no offload in what it receives.
    pub fn plain(&self, label: &str) -> Result<Served> {
        let pair = Pair::new(&self.bin.join("ip"), label)?;
        let directory = self.directory.join(label);
        Served::start(&self.llamar, pair, &directory, &Setup::new(FEW, "off"))
    }

    /// Contenders against the reflector, and against each other.
    fn ratios(&mut self, cast: &Cast<'_>, report: &mut Report) -> Result<()> {
        let stack = Pair::new(&self.bin.join("ip"), "stack")?;
        self.programs.attach(program::COUNT, &stack.near)?;
        receives(&self.bin, &stack)?;
        let mut many = self.serve("many", &Setup::new(MANY, "native"))?;
        let contenders = self.contenders(&many.pair, &stack)?;
        for contender in &contenders {
            rounds::is_silent(&mut self.programs, contender)?;
        }
        let rival = self.rival(cast, report)?;
        let results = self.rounds(&contenders, &mut many, rival.as_ref().map(|(pair, _)| pair))?;
        if let Some(rival) = results.get(OPTIONAL) {
            report.figure(OPTIONAL, &rival.ratios);
        }
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

    /// A pair with xdp-bench's reflector, or the reason why there is none.
    fn rival(&mut self, cast: &Cast<'_>, report: &mut Report) -> Result<Option<(Pair, Rival)>> {
        let pair = Pair::new(&self.bin.join("ip"), "rival")?;
        self.programs.attach(program::COUNT, &pair.near)?;
        match Rival::attach(cast.xdp_bench, &pair.far) {
            Ok(rival) => {
                report
                    .run
                    .push(("xdp-tools", rival::version(cast.xdp_bench)));
                Ok(Some((pair, rival)))
            }
            Err(error) => {
                let reason = format!("{error:#}");
                let line = reason.lines().next().unwrap_or_default();
                report.absent.insert(OPTIONAL, line.to_owned());
                Ok(None)
            }
        }
    }

    /// All rounds of all contenders, by their keys. For each round the programs of agents with some names are loaded anew:
    /// where in memory the kernel puts one is worth some nanoseconds as long as it is there.
    fn rounds(
        &mut self,
        contenders: &[Contender],
        many: &mut Served,
        rival: Option<&Pair>,
    ) -> Result<BTreeMap<&'static str, Results>> {
        let mut results: BTreeMap<_, Results> = BTreeMap::new();
        for round in 0..=self.extent.rounds {
            let what = format!("round {round} of {}", self.extent.rounds);
            self.progress.step(&what);
            for served in [&mut self.few, many] {
                served.load_again(&self.bin, &self.llamar)?;
            }
            for contender in contenders {
                let mut unused = Results::default();
                let kept = results.entry(contender.key).or_default();
                // The first round only warms caches up.
                let kept = if round == 0 { &mut unused } else { kept };
                let frames = self.extent.frames;
                rounds::round(&mut self.programs, &self.bare, contender, frames, kept)?;
            }
            if let (Some(rival), true) = (rival, round > 0) {
                let frames = self.extent.frames;
                let ratio = rounds::reflectors(&mut self.programs, &self.bare, rival, frames)?;
                results.entry(OPTIONAL).or_default().ratios.push(ratio);
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
                self.extent.names,
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

    /// From now on the counter passes what it counted: to the sockets of askers.
    pub fn pass(&mut self) -> Result<()> {
        self.programs.expect(&Expect {
            pass: 1,
            ..Expect::default()
        })
    }
}

impl Served {
    /// Starts an agent at the far end of a pair and waits until it is ready.
    pub fn start(llamar: &Path, pair: Pair, directory: &Path, setup: &Setup) -> Result<Self> {
        let mut agent = Agent::start(llamar, &pair.far, directory, setup)?;
        agent.wait()?;
        Ok(Self { pair, agent })
    }

    /// Has the kernel load the agent's program anew, elsewhere in memory.
    pub fn load_again(&mut self, bin: &Path, llamar: &Path) -> Result<()> {
        let before = program_of(bin, &self.pair)?;
        self.agent.start_again(llamar, &self.pair.far)?;
        rest::agent(&self.agent)?;
        ensure!(
            program_of(bin, &self.pair)? != before,
            "an agent goes on with the program of the one before"
        );
        Ok(())
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

/// Id of the XDP program on a pair's far interface.
pub fn program_of(bin: &Path, pair: &Pair) -> Result<u32> {
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
