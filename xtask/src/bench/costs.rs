//! What frames and single steps of an answer cost, by test-run.
//!
//! A frame that is passed may be repeated as it is. An answer grows its frame, so that a wrapper in front of the program
//! gives each repetition the next frame of the load, and takes the growth of the last one back; what the wrapper costs in
//! front of a program that only passes is taken off, and half of what growing a frame and taking that back costs. Steps
//! are told apart by frames, and agents, with which the program gets to one step more.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aya::programs::Xdp;
use llamar_common::bench::{Load, program};
use llamar_common::testing::{A, Arp, FrameBuilder};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::agent::{LONG, Setup, TWO};
use super::load::{self, Programs, Target};
use super::measure::{Bench, Served, program_of};
use super::question::{Question, fixed};
use super::report::Report;
use super::scene::{HOST_MAC, Pair, asker};
use super::{Extent, FEW};

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
}

/// Frames that are passed, repeated as they are, and what the verifier says of the program.
pub fn passed(bench: &mut Bench, report: &mut Report) -> Result<()> {
    bench.progress.step("frames for others");
    let pair = bench.few.pair.clone();
    let id = program_of(&bench.bin, &pair)?;
    let program = load::attached(id)?;
    let repeat = bench.extent.repeat;
    for (key, frame) in [
        ("other_traffic_ns", other()),
        ("foreign_name_ns", foreign()),
    ] {
        let mut costs = Vec::new();
        for _ in 0..bench.extent.rounds {
            let control = bench.programs.control(&frame, repeat)?;
            let run = || load::nanoseconds(&program, &frame, pair.far_index, repeat);
            costs.push(pair.far.inside(run)? - control);
        }
        report.figure(key, &costs);
    }
    let verified = load::info(id)?.verified_instruction_count();
    let verified = verified.context("the kernel does not say what it verified")?;
    report.figure("verified_instructions", &[verified.into()]);
    Ok(())
}

/// Everything behind the wrapper.
pub fn steps(bench: &mut Bench, report: &mut Report) -> Result<()> {
    bench.progress.step("steps of an answer");
    let limit_off = Setup {
        limit: "\"off\"",
        ..Setup::new(FEW, "native")
    };
    let limited = Setup {
        limit: "{ rate = \"1/s\", burst = 1 }",
        ..limit_off
    };
    let limited = bench.serve("limited", &limited)?;
    let free = bench.serve("free", &limit_off)?;
    let few = bench.few.pair.clone();
    let (extent, bin) = (bench.extent, bench.bin.clone());
    let mut costs = |pair: &Pair, cases: &[Case]| -> Result<Vec<Vec<f64>>> {
        let program = load::attached(program_of(&bin, pair)?)?;
        let cost = |case| cost(&mut bench.programs, pair, &program, case, extent);
        cases.iter().map(cost).collect()
    };
    let cases = cases()?;
    let all = costs(&few, &cases)?;
    let answered = || answer_v4("", "");
    let dropped = Case {
        action: DROP,
        ..answered()?
    };
    let stopped = Case {
        action: PASS,
        ..answered()?
    };
    let [free] = one(costs(&free.pair, &[answered()?])?)?;
    let [over] = one(costs(&limited.pair, &[dropped])?)?;
    let stopped = stop(&limited, || one(costs(&limited.pair, &[stopped])?))?;
    let mut growth = Vec::new();
    for _ in 0..extent.rounds {
        growth.push(growth_of(&mut bench.programs, &few, extent.repeat)?);
    }
    for (case, costs) in cases.iter().zip(&all) {
        report.cost(case.key, case.what, costs);
    }
    let of = |key: &str| {
        let place = cases.iter().position(|case| case.key == key);
        place.map(|place| &all[place]).context("no such case")
    };
    let [stopped] = stopped;
    let (foreign, answer) = (of("foreign_name")?, of("answer_a_v4")?);
    report.cost(
        "stopped_agent",
        "the same, of an agent that has stopped: passed",
        &stopped,
    );
    report.cost("limited", "the same, over the limit: dropped", &over);
    report.cost(
        "step_look_up",
        "step: parse, query's checksum, name, index",
        &less(foreign, of("other_traffic")?),
    );
    report.cost(
        "step_gates",
        "step: link, prefix, record, heartbeat",
        &less(&stopped, foreign),
    );
    report.cost("step_limiter", "step: limiter", &less(answer, &free));
    report.cost("step_growth", "step: growing the frame", &growth);
    report.cost(
        "step_write",
        "step: writing the answer, its checksum, counter",
        &less(&less(answer, &over), &growth),
    );
    Ok(())
}

fn cases() -> Result<Vec<Case>> {
    let question = |key, what, question: Question, action| -> Result<Case> {
        Ok(Case {
            key,
            what,
            load: question.load()?,
            action,
        })
    };
    let frame = |key, what, frame: Vec<u8>, action| -> Result<Case> {
        Ok(Case {
            key,
            what,
            load: fixed(&frame)?,
            action,
        })
    };
    let llmnr = |v6, aaaa| Question::Llmnr {
        v6,
        aaaa,
        names: FEW,
    };
    let named = |name| FrameBuilder::llmnr(asker(false)).question(name, A).build();
    let nobody = Arp::request(asker(false), [10, 7, 0, 77].into()).build();
    Ok(vec![
        frame("other_traffic", "frame that is not ours", other(), PASS)?,
        frame(
            "foreign_address",
            "ARP request for somebody else",
            nobody,
            PASS,
        )?,
        frame(
            "foreign_name",
            "LLMNR query for somebody else",
            foreign(),
            PASS,
        )?,
        question("answer_arp", "ARP, answered", Question::Arp, TX)?,
        answer_v4("answer_a_v4", "LLMNR A over IPv4, answered")?,
        question(
            "answer_a_v6",
            "LLMNR A over IPv6, answered",
            llmnr(true, false),
            TX,
        )?,
        question(
            "answer_aaaa_v6",
            "LLMNR AAAA over IPv6, answered",
            llmnr(true, true),
            TX,
        )?,
        frame(
            "answer_two_addresses",
            "LLMNR A over IPv4, two addresses",
            named(TWO),
            TX,
        )?,
        frame(
            "answer_long_name",
            "LLMNR A over IPv4, a long name",
            named(LONG),
            TX,
        )?,
    ])
}

fn answer_v4(key: &'static str, what: &'static str) -> Result<Case> {
    let question = Question::Llmnr {
        v6: false,
        aaaa: false,
        names: FEW,
    };
    Ok(Case {
        key,
        what,
        load: question.load()?,
        action: TX,
    })
}

/// What a case costs in each round.
fn cost(
    programs: &mut Programs,
    pair: &Pair,
    program: &Xdp,
    case: &Case,
    extent: Extent,
) -> Result<Vec<f64>> {
    let repeat = extent.repeat / 4;
    let round = |_| {
        let passed = undone(
            programs,
            pair,
            Target::Own(program::PASS),
            &case.load,
            repeat,
        )?;
        let growth = match case.action {
            TX if case.key != "answer_arp" => growth_of(programs, pair, repeat)?,
            _ => 0.0,
        };
        let (cost, action) = undone(programs, pair, Target::Other(program), &case.load, repeat)?;
        ensure!(
            action == case.action,
            "{}: action {action} instead of {}",
            case.what,
            case.action
        );
        Ok(cost - passed.0 - growth)
    };
    (0..extent.rounds).map(round).collect()
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

fn one<T>(of: Vec<T>) -> Result<[T; 1]> {
    of.try_into().map_err(|_| anyhow::anyhow!("not one case"))
}

fn less(these: &[f64], those: &[f64]) -> Vec<f64> {
    let pairs = these.iter().zip(those);
    pairs.map(|(these, those)| these - those).collect()
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
