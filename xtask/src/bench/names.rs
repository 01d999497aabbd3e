//! A million names: how long they take to load, how long the change of one, and what memory they cost the kernel.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;

use anyhow::{Context as _, Result};
use aya::maps::MapInfo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::agent::Agent;
use super::ask::Asker;
use super::daemons::{LLMNR, field};
use super::load;
use super::question::{address4, name};
use super::scene::Pair;

/// How long anything with names may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// More rounds of changes than there are.
const ROUNDS_MAX: u32 = 16;

/// Seconds from an agent's start until it answers for the last of its names.
pub fn load_seconds(pair: &Pair, agent: &Agent, names: u32) -> Result<f64> {
    let asker = Asker::new(&pair.near, LLMNR)?;
    let answered = asker.first(&name(names - 1), PATIENCE)?;
    Ok((answered - agent.started).as_secs_f64())
}

/// Milliseconds from a hosts file in which one more name has taken the place of another until it is answered for:
/// from the moment that the new file takes the old one's place. The agent is told by SIGHUP.
pub fn reload_ms(pair: &Pair, agent: &Agent, names: u32, round: u32) -> Result<f64> {
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
    let answered = asker.first(&new, PATIENCE)?;
    Ok((answered - began).as_secs_f64() * 1e3)
}

/// Has the agent read its hosts file again, and waits until it answers for the names whose places others had taken.
pub fn reload(pair: &Pair, agent: &Agent, names: u32) -> Result<()> {
    kill(Pid::from_raw(agent.process.id() as i32), Signal::SIGHUP).context("tell the agent")?;
    let asker = Asker::new(&pair.near, LLMNR)?;
    for number in names / 2..names / 2 + ROUNDS_MAX {
        asker.first(&name(number), PATIENCE)?;
    }
    Ok(())
}

/// Bytes of kernel memory of all maps of a program, for each of the names.
pub fn bytes_each(program: u32, names: u32) -> Result<f64> {
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
