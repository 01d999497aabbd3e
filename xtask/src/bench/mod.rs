//! `cargo xtask bench`: how fast the kernel path is, measured so that it does not flatter.
//!
//! Every contender gets the same live frames as a bare reflector right before and right after it, in one run, timed
//! by the kernel; what is compared is answers, which a program at the generator's end counts and of which one in a
//! thousand is compared byte by byte. All of it happens in a sandbox that ends with the process, whatever happens.

mod agent;
mod ask;
mod daemons;
mod figure;
mod load;
mod measure;
mod names;
mod progress;
mod question;
mod report;
mod rounds;
mod scene;
mod svg;
mod tcp;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use nix::unistd::Uid;

use crate::bpf::{self, Object};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{build, peers, sandbox, step};

/// How many names are few.
const FEW: u32 = 16;

/// How much to measure, and where to put it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Measure less, in a minute or two: to see that all of it works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// Write the figures to a file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the ratios into a file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measure this program, which was built before; only in a sandbox
    #[arg(long, hide = true, value_name = "PROGRAM")]
    inside: Option<PathBuf>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Frames of one run.
    frames: u32,
    /// Rounds of each comparison; one more comes first and does not count.
    rounds: usize,
    /// Repetitions of a test-run.
    repeat: u32,
    /// Starts of an agent with a million names, and changes of one of them.
    starts: usize,
    /// How long TCP is sent, and peers are asked.
    time: Duration,
    /// Questions for a name of nobody.
    foreign: u32,
}

impl Extent {
    fn of(quick: bool) -> Self {
        if quick {
            Self {
                frames: 1 << 14,
                rounds: 2,
                repeat: 100_000,
                starts: 1,
                time: Duration::from_millis(200),
                foreign: 1_000,
            }
        } else {
            Self {
                frames: 1 << 18,
                rounds: 9,
                repeat: 4_000_000,
                starts: 3,
                time: Duration::from_secs(1),
                foreign: 10_000,
            }
        }
    }
}

/// The `bench` command.
pub fn command(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    if let Some(program) = &options.inside {
        return inside(workspace, options, program).map(|()| ExitCode::SUCCESS);
    }
    if !Uid::effective().is_root() {
        bail!(
            "bench makes network namespaces and needs root: `sudo env \"PATH=$PATH\" cargo xtask bench`"
        );
    }
    let toolchain = Toolchain::ready(workspace)?;
    bpf::build(workspace, &toolchain, Object::Bench)?;
    peers::ready(workspace).context("bring the programs that llamar is compared with")?;
    let release = build::Options {
        trace: false,
        debug: false,
    };
    let program = build::build(workspace, release)?;
    let status = sandbox::wrap(&again(options, &program)?)?.status();
    let status = status.context("start the sandbox")?;
    Ok(ExitCode::from(sandbox::exit_code(status)))
}

/// The same command once more, for the sandbox.
fn again(options: &Options, program: &Path) -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("find the program file of xtask")?);
    command.arg("bench").arg("--inside").arg(program);
    if options.quick {
        command.arg("--quick");
    }
    for (flag, file) in [("--json", &options.json), ("--svg", &options.svg)] {
        if let Some(file) = file {
            command.arg(flag).arg(file);
        }
    }
    Ok(command)
}

fn inside(workspace: &Workspace, options: &Options, program: &Path) -> Result<()> {
    let bin = peers::ready(workspace)?;
    let object = workspace.object(Object::Bench);
    let report = measure::all(&bin, &object, program, Extent::of(options.quick))?;
    print!("{}", report.table());
    if let Some(file) = &options.json {
        fs::write(file, report.json()).with_context(|| format!("write {}", file.display()))?;
    }
    if let Some(file) = &options.svg {
        fs::write(file, svg::draw(&report)).with_context(|| format!("write {}", file.display()))?;
    }
    if options.quick {
        step::say("a quick run: its figures say that everything works, not how fast it is");
    }
    Ok(())
}
