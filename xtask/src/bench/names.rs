//! A million names: how long they take to load, how long the change of one, and what memory they cost the kernel.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aya::maps::MapInfo;
use llamar_common::bench::program;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::agent::{Agent, Setup, write_hosts};
use super::ask::Asker;
use super::daemons::{LLMNR, field};
use super::load;
use super::measure::{Bench, Served, program_of};
use super::question::{address4, name};
use super::report::Report;
use super::rest;
use super::scene::Pair;
use crate::step;

/// How long anything with names may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two questions for a name that is about to be answered for: a part of what is hoped for.
const STEP: Duration = Duration::from_micros(200);
/// Parts of the file at whose ends are the names that are asked for.
const PARTS: u32 = 7;
/// More rounds of changes than there are.
const ROUNDS_MAX: u32 = 16;

/// A million names: loaded, one of them changed, and what they cost.
pub fn measure(bench: &mut Bench, report: &mut Report) -> Result<()> {
    let pair = Pair::new(&bench.bin.join("ip"), "million")?;
    bench.programs.attach(program::COUNT, &pair.near)?;
    bench.pass()?;
    let (starts, names) = (bench.extent.starts, bench.extent.names);
    let (mut loads, mut reloads) = (Vec::new(), Vec::new());
    let mut last: Option<Agent> = None;
    for _ in 0..starts {
        bench.progress.step("an agent with a million names");
        if last.take().is_some() {
            detach(&bench.bin, &bench.llamar, &pair)?;
            rest::machine()?;
        }
        let directory = bench.directory.join("million");
        let setup = Setup::new(names, "native");
        let mut agent = Agent::start(&bench.llamar, &pair.far, &directory, &setup)?;
        loads.push(load_seconds(&pair, &agent, names)?);
        agent.wait()?;
        last = Some(agent);
    }
    let agent = last.context("no agent with a million names was started")?;
    for round in 0..starts as u32 {
        bench.progress.step("one name of a million");
        reloads.push(reload_ms(&pair, &agent, names, round)?);
    }
    let id = program_of(&bench.bin, &pair)?;
    report.figure("names_1m_load_seconds", &loads);
    report.figure("names_1m_reload_one_ms", &reloads);
    report.figure("names_bytes_each", &[bytes_each(id, names)?]);
    // Written anew for those who draw from all of its names.
    write_hosts(&agent.hosts, names)?;
    reload(&pair, &agent, names)?;
    rest::agent(&agent)?;
    bench.million = Some(Served { pair, agent });
    Ok(())
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

/// Seconds from an agent's start until it answers for all of its names: names from all over the file are asked for, and
/// the one that is answered for last counts.
fn load_seconds(pair: &Pair, agent: &Agent, names: u32) -> Result<f64> {
    let asker = Asker::new(&pair.near, LLMNR)?;
    let mut answered = agent.started;
    for part in (0..=PARTS).rev() {
        let number = u64::from(names - 1) * u64::from(part) / u64::from(PARTS);
        answered = answered.max(asker.first(&name(number as u32), PATIENCE, STEP)?);
    }
    Ok((answered - agent.started).as_secs_f64())
}

/// Milliseconds from a hosts file in which one more name has taken the place of another until it is answered for:
/// from the moment that the new file takes the old one's place. The agent is told by SIGHUP.
fn reload_ms(pair: &Pair, agent: &Agent, names: u32, round: u32) -> Result<f64> {
    let text = fs::read_to_string(&agent.hosts).context("read the hosts file")?;
    // The line of a name in the middle; each round has another, and gives it a name that was nobody's.
    let number = names / 2 + round;
    let (old, new) = (name(number), name(names + round));
    let line = format!("{} {old}\n", address4(number));
    let text = text.replacen(&line, &format!("{} {new}\n", address4(number)), 1);
    let next = agent.hosts.with_extension("next");
    fs::write(&next, text).with_context(|| format!("write {}", next.display()))?;
    let asker = Asker::new(&pair.near, LLMNR)?;
    let began = std::time::Instant::now();
    fs::rename(&next, &agent.hosts).context("replace the hosts file")?;
    kill(Pid::from_raw(agent.process.id() as i32), Signal::SIGHUP).context("tell the agent")?;
    let answered = asker.first(&new, PATIENCE, STEP)?;
    Ok((answered - began).as_secs_f64() * 1e3)
}

/// Has the agent read its hosts file again, and waits until it answers for the names whose places others had taken.
fn reload(pair: &Pair, agent: &Agent, names: u32) -> Result<()> {
    kill(Pid::from_raw(agent.process.id() as i32), Signal::SIGHUP).context("tell the agent")?;
    let asker = Asker::new(&pair.near, LLMNR)?;
    for number in names / 2..names / 2 + ROUNDS_MAX {
        asker.first(&name(number), PATIENCE, STEP)?;
    }
    Ok(())
}

/// Bytes of kernel memory of all maps of a program, for each of the names.
fn bytes_each(program: u32, names: u32) -> Result<f64> {
    let maps = load::info(program)?
        .map_ids()?
        .context("the kernel tells no maps of a program")?;
    let mut sum = 0.0;
    for id in maps {
        let fd = MapInfo::from_id(id)?.fd()?;
        sum += field(fd.as_fd().as_raw_fd(), "memlock:")?;
    }
    Ok(sum / f64::from(names))
}
