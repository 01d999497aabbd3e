//! What an agent costs that has nothing to do: memory, and how often it wakes.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::agent::Agent;
use super::measure::Bench;
use super::report::Report;
use super::rest;
use super::scene::{INTERFACE, Pair};

/// How often agents are watched.
const WATCHES: usize = 3;

/// An agent without names, one with a million, and two that have had nothing to do for a while.
pub fn measure(bench: &mut Bench, report: &mut Report) -> Result<()> {
    bench.progress.step("agents with nothing to do");
    let pair = Pair::new(&bench.bin.join("ip"), "empty")?;
    let directory = bench.directory.join("empty");
    let text = format!("[interface.{INTERFACE}]\n");
    let mut empty = Agent::with_config(&bench.llamar, &pair.far, &directory, &text)?;
    empty.wait()?;
    let idle = [&bench.few.agent, &bench.user.agent];
    let (mut native, mut off, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..WATCHES {
        let counted = wakeups(&idle, bench.extent.idle)?;
        native.extend(counted.first());
        off.extend(counted.last());
        memory.push(resident(&empty)?);
    }
    report.figure("idle_wakeups_per_s", &native);
    report.figure("idle_wakeups_per_s_off", &off);
    report.figure("rss_empty_mb", &memory);
    let million = bench.million.as_ref();
    let million = million.context("no agent with a million names runs")?;
    rest::agent(&million.agent)?;
    report.figure("rss_1m_mb", &[resident(&million.agent)?]);
    Ok(())
}

/// Resident memory of an agent in millions of bytes.
fn resident(agent: &Agent) -> Result<f64> {
    let file = format!("/proc/{}/status", agent.process.id());
    Ok(field(&file, "VmRSS:")? * 1_024.0 / 1e6)
}

/// How often each of the agents wakes in a second, all of them watched for so long.
fn wakeups(agents: &[&Agent], time: Duration) -> Result<Vec<f64>> {
    let count = || -> Result<Vec<f64>> { agents.iter().map(|agent| waits(agent)).collect() };
    let (began, before) = (Instant::now(), count()?);
    sleep(time);
    let (after, seconds) = (count()?, began.elapsed().as_secs_f64());
    let each = before.iter().zip(&after);
    Ok(each
        .map(|(before, after)| (after - before) / seconds)
        .collect())
}

/// How often the threads of an agent have waited for something.
fn waits(agent: &Agent) -> Result<f64> {
    let directory = format!("/proc/{}/task", agent.process.id());
    let mut sum = 0.0;
    for task in fs::read_dir(&directory).with_context(|| format!("read {directory}"))? {
        let file = task?.path().join("status");
        sum += field(&file.to_string_lossy(), "voluntary_ctxt_switches:")?;
    }
    Ok(sum)
}

/// The number behind a name in a file of lines.
fn field(file: &str, name: &str) -> Result<f64> {
    let text = fs::read_to_string(file).with_context(|| format!("read {file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("{file} has no {name}"))
}
