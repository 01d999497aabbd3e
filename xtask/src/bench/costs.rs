//! What frames and single steps of an answer cost, by test-run.
//!
//! A frame that is passed may be repeated as it is. An answer grows its frame, so that a wrapper in front of the program
//! gives each repetition the next frame of the load, and takes the growth of the last one back; what the wrapper costs in
//! front of a program that only passes is taken off, and half of what growing a frame and taking that back costs.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llamar_common::bench::{Load, program};
use llamar_common::testing::{A, Arp, FrameBuilder};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::FEW;
use super::agent::{LONG, Setup, TWO};
use super::load::{self, Programs, Target};
use super::measure::{Bench, Served, program_of};
use super::question::{Question, fixed};
use super::report::Report;
use super::scene::{HOST_MAC, Pair, asker};
use super::steps::{GROWTH, Rounds, STEPS};

/// What the program returns.
const DROP: u32 = 1;
const PASS: u32 = 2;
const TX: u32 = 3;
/// Longer than the lease of an agent's heartbeat.
const LEASE: Duration = Duration::from_millis(3_500);

/// A frame and what the program is to do with it.
struct Case {
    key: &'static str,
    what: &'static str,
    load: Load,
    action: u32,
    /// Whether the answer is longer than the query.
    grows: bool,
}

impl Case {
    fn new(key: &'static str, what: &'static str, load: Load, action: u32) -> Self {
        Self {
            key,
            what,
            load,
            action,
            grows: action == TX,
        }
    }
}

/// Frames that are passed, repeated as they are, and what the verifier says of the program.
pub fn passed(bench: &mut Bench, report: &mut Report) -> Result<()> {
    bench.progress.step("frames for others");
    let pair = bench.few.pair.clone();
    let repeat = bench.extent.repeat;
    let frames = [
        ("other_traffic_ns", other()),
        ("foreign_name_ns", foreign()),
    ];
    let mut costs = Rounds::new();
    for _ in 0..bench.extent.rounds {
        bench.few.load_again(&bench.bin, &bench.llamar)?;
        let program = load::attached(program_of(&bench.bin, &pair)?)?;
        for (key, frame) in &frames {
            let control = bench.programs.control(frame, repeat)?;
            let run = || load::nanoseconds(&program, frame, pair.far_index, repeat);
            let cost = pair.far.inside(run)? - control;
            costs.entry(key).or_default().push(cost);
        }
    }
    for (key, costs) in &costs {
        report.figure(key, costs);
    }
    let id = program_of(&bench.bin, &pair)?;
    let verified = load::info(id)?.verified_instruction_count();
    let verified = verified.context("the kernel does not say what it verified")?;
    report.figure("verified_instructions", &[verified.into()]);
    Ok(())
}

/// Everything behind the wrapper.
pub fn steps(bench: &mut Bench, report: &mut Report) -> Result<()> {
    bench.progress.step("steps of an answer");
    let limit = |limit| Setup {
        limit,
        ..Setup::new(FEW, "native")
    };
    let mut free = bench.serve("free", &limit("\"off\""))?;
    let mut limited = bench.serve("limited", &limit("{ rate = \"1/s\", burst = 1 }"))?;
    let few = bench.few.pair.clone();
    let of_few = |case| (case, few.clone());
    let mut cases: Vec<(Case, Pair)> = cases()?.into_iter().map(of_few).collect();
    cases.push((unlimited()?, free.pair.clone()));
    cases.push((over()?, limited.pair.clone()));
    let costs = rounds(bench, &cases, |bench| {
        let mut all = [&mut bench.few, &mut free, &mut limited].into_iter();
        all.try_for_each(|served| served.load_again(&bench.bin, &bench.llamar))
    })?;
    for (case, _) in &cases {
        report.cost(case.key, case.what, &costs[case.key]);
    }
    // No step is taken from this one: the quick way leaves it to the way of all.
    let stale = [(stale()?, limited.pair.clone())];
    let costs_of_stale = stop(&limited, || rounds(bench, &stale, |_| Ok(())))?;
    let [(stale, _)] = stale;
    report.cost(stale.key, stale.what, &costs_of_stale[stale.key]);
    for step in STEPS {
        report
            .costs
            .push((step.key, step.what, step.figure(&costs)?));
    }
    Ok(())
}

fn llmnr(v6: bool, aaaa: bool) -> Question {
    Question::Llmnr {
        v6,
        aaaa,
        names: FEW,
    }
}

fn answer_a_v4(key: &'static str, what: &'static str) -> Result<Case> {
    Ok(Case::new(key, what, llmnr(false, false).load()?, TX))
}

/// An agent without a limit answers.
fn unlimited() -> Result<Case> {
    answer_a_v4(
        "answer_without_limit",
        "LLMNR A over IPv4, answered without a limit",
    )
}

/// An agent drops what is over the limit.
fn over() -> Result<Case> {
    Ok(Case {
        action: DROP,
        grows: false,
        ..answer_a_v4("limited", "LLMNR A over IPv4, over the limit: dropped")?
    })
}

/// An agent has stopped.
fn stale() -> Result<Case> {
    Ok(Case {
        action: PASS,
        grows: false,
        ..answer_a_v4(
            "stopped_agent",
            "LLMNR A over IPv4, the agent has stopped: passed",
        )?
    })
}

/// Cases of an agent with few names.
fn cases() -> Result<Vec<Case>> {
    let named = |name| fixed(&FrameBuilder::llmnr(asker(false)).question(name, A).build());
    let nobody = Arp::request(asker(false), [10, 7, 0, 77].into()).build();
    let (other, nobody, foreign) = (fixed(&other())?, fixed(&nobody)?, fixed(&foreign())?);
    let (v6, aaaa) = (llmnr(true, false).load()?, llmnr(true, true).load()?);
    let (two, long) = (named(TWO)?, named(LONG)?);
    let passed = |key, what, load| Case::new(key, what, load, PASS);
    let answered = |key, what, load| Case::new(key, what, load, TX);
    Ok(vec![
        passed("other_traffic", "frame that is not ours", other),
        passed("foreign_address", "ARP request for somebody else", nobody),
        passed("foreign_name", "LLMNR query for somebody else", foreign),
        Case {
            grows: false,
            ..answered("answer_arp", "ARP, answered", Question::Arp.load()?)
        },
        answer_a_v4("answer_a_v4", "LLMNR A over IPv4, answered")?,
        answered("answer_a_v6", "LLMNR A over IPv6, answered", v6),
        answered("answer_aaaa_v6", "LLMNR AAAA over IPv6, answered", aaaa),
        answered(
            "answer_two_addresses",
            "LLMNR A over IPv4, two addresses",
            two,
        ),
        answered("answer_long_name", "LLMNR A over IPv4, a long name", long),
    ])
}

/// What each case costs in each round, in the program at the far end of its pair. In a round all cases take turns, so
/// that what comes and goes on the machine meets all of them alike; something is done before each.
fn rounds(
    bench: &mut Bench,
    cases: &[(Case, Pair)],
    mut before: impl FnMut(&mut Bench) -> Result<()>,
) -> Result<Rounds> {
    let mut costs = Rounds::new();
    let pair = bench.few.pair.clone();
    for _ in 0..bench.extent.rounds {
        before(bench)?;
        let growth = growth_of(&mut bench.programs, &pair, bench.extent.repeat / 4)?;
        costs.entry(GROWTH).or_default().push(growth);
        for (case, pair) in cases {
            let cost = cost(bench, pair, case, growth)?;
            costs.entry(case.key).or_default().push(cost);
        }
    }
    Ok(costs)
}

fn cost(bench: &mut Bench, pair: &Pair, case: &Case, growth: f64) -> Result<f64> {
    let program = load::attached(program_of(&bench.bin, pair)?)?;
    let (repeat, programs) = (bench.extent.repeat / 4, &mut bench.programs);
    let pass = Target::Own(program::PASS);
    let (passed, _) = undone(programs, pair, pass, &case.load, repeat)?;
    let (cost, action) = undone(programs, pair, Target::Other(&program), &case.load, repeat)?;
    let Case { what, .. } = case;
    ensure!(
        action == case.action,
        "{what}: action {action} instead of {}",
        case.action
    );
    Ok(cost - passed - if case.grows { growth } else { 0.0 })
}

/// What growing a frame costs; taking that back costs the wrapper as much.
fn growth_of(programs: &mut Programs, pair: &Pair, repeat: u32) -> Result<f64> {
    let load = fixed(&other())?;
    let passed = undone(programs, pair, Target::Own(program::PASS), &load, repeat)?;
    let grown = undone(programs, pair, Target::Own(program::GROW), &load, repeat)?;
    ensure!(grown.1 == TX, "a frame does not grow");
    Ok((grown.0 - passed.0) / 2.0)
}

fn undone(
    programs: &mut Programs,
    pair: &Pair,
    target: Target<'_>,
    load: &Load,
    repeat: u32,
) -> Result<(f64, u32)> {
    let run = || programs.undone(target, load, pair.far_index, repeat);
    pair.far.inside(run)
}

/// Does something while an agent stands still, and its heartbeat is too old.
fn stop<T>(served: &Served, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let id = Pid::from_raw(served.agent.process.id() as i32);
    kill(id, Signal::SIGSTOP).context("stop the agent")?;
    sleep(LEASE);
    let result = work();
    kill(id, Signal::SIGCONT).context("have the agent go on")?;
    result
}

/// A query for a name of nobody.
fn foreign() -> Vec<u8> {
    let query = FrameBuilder::llmnr(asker(false));
    query.question("zaaaaaaa", A).build()
}

/// A TCP segment for the host.
fn other() -> Vec<u8> {
    let mut frame = vec![0x55; 66];
    frame[..6].copy_from_slice(&HOST_MAC);
    frame[12..16].copy_from_slice(&[0x08, 0x00, 0x45, 0x00]);
    frame[23] = 6;
    frame
}
