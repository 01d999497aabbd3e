//! `cargo xtask bench`: how fast the kernel path is, measured so that it does not flatter.
//!
//! Every contender gets the same live frames as a bare reflector right before and right after it, in one run, timed
//! by the kernel; what is compared is answers, which a program at the generator's end counts and of which one in a
//! thousand is compared byte by byte. All of it happens in a sandbox that ends with the process, whatever happens.

mod agent;
mod ask;
mod costs;
mod daemons;
mod figure;
mod lies;
mod load;
mod measure;
mod names;
mod page;
mod progress;
mod question;
mod report;
mod responders;
mod rest;
mod rival;
mod rounds;
mod scene;
mod steps;
mod svg;
mod tcp;
mod upkeep;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use nix::unistd::Uid;

use self::measure::Cast;
use crate::bpf::{self, Object};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{build, peers, sandbox, step};

/// How many names are few.
const FEW: u32 = 16;

/// Names instead of a million, where the program was built without optimisation.
const UNOPTIMISED: u32 = 100_000;

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
    /// Write a page with how it is measured, the figures and, beside it, the picture; and a few of them into its README.md
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Fewer names than a million, for a program that was built without optimisation
    #[arg(long, hide = true, value_name = "N")]
    names: Option<u32>,
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
    /// The million names.
    names: u32,
    /// Starts of an agent with them, and changes of one of them.
    starts: usize,
    /// How long agents with nothing to do are watched.
    idle: Duration,
    /// How long TCP is sent, and peers are asked, at a time.
    time: Duration,
    /// Questions for a name of nobody, at a time.
    foreign: u32,
}

impl Extent {
    fn of(quick: bool) -> Self {
        if quick {
            Self {
                frames: 1 << 14,
                rounds: 2,
                repeat: 100_000,
                names: 1_000_000,
                starts: 1,
                idle: Duration::from_secs(1),
                time: Duration::from_millis(100),
                foreign: 500,
            }
        } else {
            Self {
                frames: 1 << 18,
                rounds: 15,
                repeat: 4_000_000,
                names: 1_000_000,
                starts: 3,
                idle: Duration::from_secs(5),
                time: Duration::from_millis(500),
                foreign: 5_000,
            }
        }
    }
}

impl Extent {
    fn text(&self) -> String {
        let Self {
            frames,
            rounds,
            names,
            ..
        } = self;
        format!("{frames} frames a run, {rounds} rounds, {names} names for a million")
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

/// A quick run for the correctness of all that is measured, of a program that was built already, with whatever
/// optimisation. Needs root.
pub fn check(workspace: &Workspace, toolchain: &Toolchain, program: &Path) -> Result<()> {
    bpf::build(workspace, toolchain, Object::Bench)?.without_warnings()?;
    let quick = Options {
        quick: true,
        names: Some(UNOPTIMISED),
        json: None,
        svg: None,
        markdown: None,
        inside: None,
    };
    step::run(
        "bench, quickly",
        &mut sandbox::wrap(&again(&quick, program)?)?,
    )
}

/// The same command once more, for the sandbox.
fn again(options: &Options, program: &Path) -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("find the program file of xtask")?);
    command.arg("bench").arg("--inside").arg(program);
    if options.quick {
        command.arg("--quick");
    }
    if let Some(names) = options.names {
        command.arg("--names").arg(names.to_string());
    }
    for (flag, file) in [
        ("--json", &options.json),
        ("--svg", &options.svg),
        ("--markdown", &options.markdown),
    ] {
        if let Some(file) = file {
            command.arg(flag).arg(file);
        }
    }
    Ok(command)
}

fn inside(workspace: &Workspace, options: &Options, program: &Path) -> Result<()> {
    let bin = peers::ready(workspace)?;
    let cast = Cast {
        bin: &bin,
        xdp_bench: &peers::file(workspace, "xdp-bench")?,
        object: &workspace.object(Object::Bench),
        llamar: program,
    };
    let mut extent = Extent::of(options.quick);
    extent.names = options.names.unwrap_or(extent.names);
    let report = measure::all(&cast, extent)?;
    print!("{}", report.table());
    let write = |file: &Path, text: String| {
        fs::write(file, text).with_context(|| format!("write {}", file.display()))
    };
    if let Some(file) = &options.json {
        write(file, report.json())?;
    }
    if let Some(file) = &options.svg {
        write(file, svg::draw(&report))?;
    }
    if let Some(file) = &options.markdown {
        let picture = file.with_extension("svg");
        write(&picture, svg::draw(&report))?;
        write(file, page::write(&report, &picture))?;
        let readme = file.with_file_name("README.md");
        if let Ok(text) = fs::read_to_string(&readme) {
            write(&readme, page::headlines(&text, &report)?)?;
        }
    }
    if options.quick {
        step::say("a quick run: its figures say that everything works, not how fast it is");
    }
    Ok(())
}
