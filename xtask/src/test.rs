//! `cargo xtask test`: everything that proves the project, in one command.
//!
//! Brings the BPF toolchain and the peers, builds the eBPF object, then runs rustfmt, clippy, rustdoc, all tests, `verify`
//! and a quick `bench`. With arguments only the tests, and the arguments go to `cargo test`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::unistd::Uid;

use crate::bpf::Object;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{bench, bpf, build, peers, sandbox, step};

/// The `test` command.
pub fn command(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let root = Uid::effective().is_root();
    let required = env::var_os("LLAMAR_TESTS").is_some_and(|value| value == "require");
    if required && !root {
        bail!(
            "LLAMAR_TESTS=require allows no test to be skipped, and many need root: start this as root"
        );
    }
    let mut report = Report::default();
    let toolchain = report.must("toolchain", || Toolchain::ready(workspace))?;
    let peers = report.must("peers", || peers(workspace, required))?;
    let object = report.must("eBPF object", || object(workspace, &toolchain))?;
    let setting = Setting {
        workspace,
        object,
        peers,
        root,
    };
    if arguments.is_empty() {
        setting.lints(&mut report, &toolchain);
    }
    setting.tests(&mut report, arguments);
    if arguments.is_empty() && root {
        report.step("verify", || verify(workspace));
        // The last one, as its eBPF object takes the place of the other one in the build.
        report.step("bench", || setting.bench(&toolchain, required));
    }
    eprint!("{}", report.summary());
    if !root {
        step::say(
            "not root: tests that need root skipped themselves, and verify and bench were left out",
        );
    }
    match report.failed() {
        0 => Ok(()),
        1 => bail!("one step failed"),
        failed => bail!("{failed} steps failed"),
    }
}

/// The directory of the peers; without them the tests skip what needs them, unless that is not allowed.
fn peers(workspace: &Workspace, required: bool) -> Result<Option<PathBuf>> {
    match peers::ready(workspace) {
        Err(error) if !required => {
            step::say(format_args!(
                "no peers, tests that need them are going to be skipped: {error:#}"
            ));
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// Builds the eBPF object. Not every BPF toolchain has a clippy, so the compiler's warnings count here.
fn object(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    bpf::build(workspace, toolchain, Object::Plain)?.without_warnings()
}

/// In a process of its own, because it changes its mounts.
fn verify(workspace: &Workspace) -> Result<()> {
    step::say("verify");
    let own = env::current_exe().context("find the program file of xtask")?;
    let status = Command::new(own)
        .arg("verify")
        .current_dir(workspace.root())
        .status()
        .context("start xtask verify")?;
    if status.success() {
        Ok(())
    } else {
        bail!("verify {}", step::ending(status))
    }
}

/// What the tests run with.
struct Setting<'a> {
    workspace: &'a Workspace,
    object: PathBuf,
    peers: Option<PathBuf>,
    root: bool,
}

impl Setting<'_> {
    fn lints(&self, report: &mut Report, toolchain: &Toolchain) {
        report.step("rustfmt", || {
            step::run("rustfmt", self.cargo().args(["fmt", "--all", "--check"]))
        });
        let clippy = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        report.step("clippy", || step::run("clippy", self.cargo().args(clippy)));
        let traced = ["clippy", "--package", "llamar-user", "--features", "trace"];
        report.step("clippy, traced", || {
            let mut cargo = self.cargo();
            cargo.args(traced).args(["--", "-D", "warnings"]);
            step::run("clippy of what logs every verdict", &mut cargo)
        });
        report.step("clippy, eBPF", || bpf::lint(self.workspace, toolchain));
        let rustdoc = ["doc", "--workspace", "--no-deps"];
        report.step("rustdoc", || {
            step::run(
                "rustdoc",
                self.cargo()
                    .args(rustdoc)
                    .env("RUSTDOCFLAGS", "-D warnings"),
            )
        });
    }

    fn tests(&self, report: &mut Report, arguments: &[OsString]) {
        let mut counts = Counts::default();
        let mut cargo = self.cargo();
        cargo.args(cargo_test(arguments));
        if arguments.is_empty() {
            let mut build = self.cargo();
            let built = report.step("building the tests", || {
                step::run(
                    "building the tests",
                    build.args(["test", "--workspace", "--no-run"]),
                )
            });
            if !built {
                return;
            }
            cargo.arg("--no-fail-fast");
        }
        report.step("tests", || self.run_tests(&cargo, &mut counts));
        report.counts = Some(counts);
    }

    /// The benchmark, for its correctness alone, of the program that the tests have run.
    fn bench(&self, toolchain: &Toolchain, required: bool) -> Result<()> {
        if self.peers.is_none() && !required {
            step::say("bench was left out: it compares llamar with peers");
            return Ok(());
        }
        let mut build = self.cargo();
        build.args(["test", "--workspace", "--no-run"]);
        build.args(["--message-format", "json-render-diagnostics"]);
        let messages = step::run_for_output("finding the program that was tested", &mut build)?;
        let program = build::executable(&messages).context("cargo names no executable `llamar`")?;
        bench::check(self.workspace, toolchain, &program)
    }

    fn run_tests(&self, cargo: &Command, counts: &mut Counts) -> Result<()> {
        step::say(if self.root {
            "tests, in a private mount and process namespace"
        } else {
            "tests"
        });
        let mut command = if self.root {
            sandbox::wrap(cargo)?
        } else {
            copy(cargo)
        };
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start `{}`", step::line(cargo)))?;
        let output = child
            .stdout
            .take()
            .context("the tests have no standard output")?;
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("read the output of the tests")?;
            counts.add(&String::from_utf8_lossy(&line));
            let mut out = std::io::stdout().lock();
            out.write_all(&line)
                .and_then(|()| out.write_all(b"\n"))
                .context("write the output of the tests")?;
        }
        let status = child.wait().context("wait for the tests")?;
        if status.success() {
            Ok(())
        } else {
            bail!("`{}` {}", step::line(cargo), step::ending(status))
        }
    }

    /// A cargo that builds llamar with its eBPF object, and tells tests where things are.
    fn cargo(&self) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.env("LLAMAR_BPF_OBJECT", &self.object);
        if let Some(peers) = &self.peers {
            cargo.env("LLAMAR_PEERS", peers);
        }
        let captures = self.workspace.root().join("../shared/pcaps");
        if let (None, Ok(captures)) = (env::var_os("LLAMAR_CAPTURES"), captures.canonicalize()) {
            cargo.env("LLAMAR_CAPTURES", captures);
        }
        if env::var_os("RUST_TEST_THREADS").is_none() {
            cargo.env("RUST_TEST_THREADS", threads().to_string());
        }
        cargo
    }
}

/// Tests at a time: two for each core, as most of the time they wait for a protocol's own pauses.
fn threads() -> usize {
    2 * std::thread::available_parallelism().map_or(1, usize::from)
}

/// Arguments for cargo: all packages, unless a package is chosen.
fn cargo_test(arguments: &[OsString]) -> Vec<OsString> {
    let own = arguments.iter().take_while(|word| *word != "--");
    let chooses = |word: &OsStr| {
        let word = word.to_string_lossy();
        ["--package", "--workspace", "--all", "--manifest-path"]
            .iter()
            .any(|flag| word.starts_with(flag))
            || word.starts_with("-p")
    };
    let mut all: Vec<OsString> = vec!["test".into()];
    if !own.into_iter().any(|word| chooses(word)) {
        all.push("--workspace".into());
    }
    all.extend(arguments.iter().cloned());
    all
}

/// The same program with the same arguments, environment and directory.
fn copy(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    copy.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    copy
}

/// How many tests passed, failed and were ignored, by libtest's own lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(number)), Some(what)) =
                (words.next().map(str::parse::<u64>), words.next())
            else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// What became of each step.
#[derive(Default)]
struct Report {
    steps: Vec<(&'static str, bool, Duration)>,
    counts: Option<Counts>,
}

impl Report {
    /// A step without which nothing goes on.
    fn must<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = step();
        self.steps.push((name, result.is_ok(), start.elapsed()));
        result
    }

    /// A step whose failure is told now and counts at the end. Returns whether it succeeded.
    fn step(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) -> bool {
        match self.must(name, step) {
            Ok(()) => true,
            Err(error) => {
                step::say(format_args!("FAILED: {error:#}"));
                false
            }
        }
    }

    fn failed(&self) -> usize {
        self.steps.iter().filter(|step| !step.1).count()
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        for (name, good, time) in &self.steps {
            let verdict = if *good { "ok" } else { "FAILED" };
            text += &format!(
                "xtask: {name:18}  {verdict:6}  {:6.1} s\n",
                time.as_secs_f64()
            );
        }
        let total: Duration = self.steps.iter().map(|step| step.2).sum();
        if let Some(Counts {
            passed,
            failed,
            ignored,
        }) = self.counts
        {
            text += &format!("xtask: {passed} tests passed, {failed} failed, {ignored} ignored\n");
        }
        text + &format!("xtask: {:.1} s in all\n", total.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn tests_of_all_packages_run_unless_one_is_chosen() {
        assert_eq!(cargo_test(&[]), words("test --workspace"));
        assert_eq!(
            cargo_test(&words("conflict -- --nocapture")),
            words("test --workspace conflict -- --nocapture")
        );
        assert_eq!(
            cargo_test(&words("-p llamar-user --test cli")),
            words("test -p llamar-user --test cli")
        );
        assert_eq!(
            cargo_test(&words("name -- -p")),
            words("test --workspace name -- -p")
        );
    }

    #[test]
    fn results_of_all_test_programs_are_added_up() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s");
        counts.add("test dns::name ... ok");
        counts.add("test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s");
        assert_eq!(
            counts,
            Counts {
                passed: 17,
                failed: 2,
                ignored: 1
            }
        );
    }

    #[test]
    fn a_failed_step_does_not_stop_the_others_and_is_counted() {
        let mut report = Report::default();
        assert!(!report.step("clippy", || bail!("a lint")));
        assert!(report.step("rustdoc", || Ok(())));
        assert_eq!(report.failed(), 1);
        let summary = report.summary();
        assert!(summary.contains("clippy              FAILED"), "{summary}");
        assert!(summary.contains("rustdoc             ok"), "{summary}");
    }
}
