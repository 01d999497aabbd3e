//! Waiting for rest: what somebody still does is not to be measured as somebody else's.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::agent::Agent;
use super::daemons::spent;

/// How long an agent may take to come to rest, and how long it has to do next to nothing.
const PATIENCE: Duration = Duration::from_secs(60);
const BREATH: Duration = Duration::from_millis(200);
/// How long the kernel may take to free a million names.
const FREED: Duration = Duration::from_secs(3);

/// Waits until an agent has nothing to do any more.
pub fn agent(agent: &Agent) -> Result<()> {
    let began = Instant::now();
    loop {
        let before = spent(agent.process.id(), None)?;
        sleep(BREATH);
        let worked = Duration::from_nanos((spent(agent.process.id(), None)? - before) as u64);
        if worked < BREATH / 20 {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "an agent does not come to rest");
    }
}

/// Waits until the kernel has given back what a dead agent had, which it does in the background: until the machine has next
/// to nothing to do, or for as long as that may take. A machine with other work is not waited for.
pub fn machine() -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < FREED {
        let before = busy()?;
        sleep(BREATH);
        if busy()? <= before + 1 {
            break;
        }
    }
    Ok(())
}

/// CPU time that was used for anything, in hundredths of a second.
fn busy() -> Result<u64> {
    let text = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    // user, nice, system, idle, iowait, irq, softirq.
    let ticks = line.split_whitespace().skip(1).take(7).map(str::parse);
    let ticks = ticks.collect::<Result<Vec<u64>, _>>();
    let ticks = ticks.with_context(|| format!("read `{line}` of /proc/stat"))?;
    Ok([0, 1, 2, 5, 6]
        .iter()
        .filter_map(|&place| ticks.get(place))
        .sum())
}
