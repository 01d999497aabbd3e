//! `cargo xtask fuzz`: the fuzzer of `llamar-user/tests/fuzz`, optimised, for as long as one likes.
//!
//! It is a test program like any other: what it is to do goes to it in its environment. It shows its progress on a
//! terminal; in a pipe it says nothing but what it found. The kernel itself is fuzzed by a test of another program,
//! `llamar-user/tests/kernel`, which needs root and the eBPF object.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use nix::unistd::Uid;

use crate::bpf::{self, Object};
use crate::step::{self, Usage};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// What to fuzz, and how.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What to fuzz; everything, one after the other, unless something is named
    #[arg(value_enum)]
    target: Vec<Target>,
    /// For how many seconds, each target
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Repeat the run of a seed; another one each time without it
    #[arg(long, value_name = "SEED", value_parser = seed, conflicts_with = "input")]
    seed: Option<u64>,
    /// Run one input only, that of a file which a former run has written
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

/// What can be fuzzed: tests of these names in `llamar-user/tests/fuzz/targets`, and the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// DNS messages: the codec against itself, hickory-proto and simple-dns
    Message,
    /// Domain names, as text and in messages
    Name,
    /// The responder: messages by UDP and TCP
    Respond,
    /// The engine that verifies names: messages at any time
    Engine,
    /// The asker: messages at any time
    Sender,
    /// The engine of mDNS: messages at any time, by two interfaces
    Mdns,
    /// The engines of Neighbor Discovery: frames at any time
    Ndp,
    /// The kernel path's logic on frames in memory, held against the responder
    Frame,
    /// Messages on a TCP connection
    Stream,
    /// The configuration file
    Toml,
    /// LLamar's configuration file
    Ini,
    /// The hosts file
    Hosts,
    /// The engines of ARP: frames at any time
    Arp,
    /// Capture files, and the linter for what they hold
    Capture,
    /// The table of who has which address: packets at any time, what was kept, lists of vendors
    Stations,
    /// The program in the kernel, held against the same logic on the host, in scenes that chance draws; needs root
    Kernel,
}

/// The test that fuzzes the kernel.
const KERNEL: &str = "endless::kernel_and_host_make_the_same_of_frames_in_whatever_scene";

impl Target {
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// A number, decimal or with `0x` in front.
fn seed(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|error| error.to_string())
}

/// The `fuzz` command.
pub fn command(workspace: &Workspace, options: &Options) -> Result<()> {
    let targets = targets(options)?;
    let input = options.input.as_deref().map(absolute).transpose()?;
    ensure_input_fits(targets, input.is_some())?;
    let object = match targets.contains(&Target::Kernel) {
        true => Some(bpf::build(workspace, &Toolchain::ready(workspace)?, Object::Plain)?.object),
        false => None,
    };
    for target in targets {
        let mut cargo = cargo(workspace, *target);
        if let Some(object) = &object {
            cargo
                .env("LLAMAR_BPF_OBJECT", object)
                .env("LLAMAR_TESTS", "require");
        }
        cargo.args(["--quiet", "--", "--exact", "--nocapture"]);
        cargo.arg(match target {
            Target::Kernel => KERNEL.to_owned(),
            _ => format!("targets::{}", target.name()),
        });
        if let Some(input) = &input {
            cargo.env("LLAMAR_FUZZ_INPUT", input);
        }
        if let Some(seed) = options.seed {
            cargo.env("LLAMAR_FUZZ_SEED", seed.to_string());
        }
        cargo.env("LLAMAR_FUZZ_SECONDS", options.seconds.to_string());
        let what = what(*target, options);
        if *target == Target::Kernel {
            let said = step::run_for_output(&what, &mut cargo)?;
            let mut told = said.lines().filter(|line| line.contains("frames a second"));
            step::say(told.next().unwrap_or("the kernel was not fuzzed"));
        } else {
            step::run(&what, &mut cargo)?;
        }
    }
    Ok(())
}

/// What is to be fuzzed.
fn targets(options: &Options) -> Result<&[Target]> {
    match (&options.target[..], &options.input) {
        ([], Some(_)) => {
            let usage = "--input needs the target that the file is for";
            Err(Usage(usage.to_owned()).into())
        }
        ([], None) if Uid::effective().is_root() => Ok(Target::value_variants()),
        ([], None) => {
            step::say("the kernel is left out: that needs root");
            Ok(&Target::value_variants()[..Target::Kernel as usize])
        }
        (targets, _) => Ok(targets),
    }
}

/// Whether a file can be an input of what is to be fuzzed: the kernel's are drawn from a seed.
fn ensure_input_fits(targets: &[Target], input: bool) -> Result<()> {
    if input && targets.contains(&Target::Kernel) {
        let usage = "the kernel takes no --input: give the --seed that the failure has named";
        return Err(Usage(usage.to_owned()).into());
    }
    Ok(())
}

fn what(target: Target, options: &Options) -> String {
    let name = target.name();
    match &options.input {
        Some(input) => format!("fuzz {name} with {}", input.display()),
        None => format!("fuzz {name} for {} s", options.seconds),
    }
}

/// The test program, optimised, with the checks that only unoptimised code has.
fn cargo(workspace: &Workspace, target: Target) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--profile", "fuzz", "--package", "llamar-user"]);
    let program = if target == Target::Kernel {
        "kernel"
    } else {
        "fuzz"
    };
    cargo.args(["--test", program]);
    cargo.env(
        "LLAMAR_FUZZ_OUTPUT",
        workspace.root().join("target/fuzz/found"),
    );
    let captures = workspace.root().join("../shared/pcaps");
    if let (None, Ok(captures)) = (std::env::var_os("LLAMAR_CAPTURES"), captures.canonicalize()) {
        cargo.env("LLAMAR_CAPTURES", captures);
    }
    cargo
}

/// The test program runs in another directory.
fn absolute(file: &Path) -> Result<PathBuf> {
    file.canonicalize()
        .with_context(|| format!("find {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn line(words: &[&str]) -> Result<Options, clap::Error> {
        let words = ["fuzz"].iter().chain(words);
        Line::try_parse_from(words).map(|line| line.options)
    }

    #[test]
    fn targets_seconds_and_seeds_are_taken() {
        let options = line(&["message", "frame", "--seconds", "5", "--seed", "0x11"]).unwrap();
        assert_eq!(options.target, [Target::Message, Target::Frame]);
        assert_eq!((options.seconds, options.seed), (5, Some(17)));
        assert_eq!(what(Target::Frame, &options), "fuzz frame for 5 s");
        let options = line(&[]).unwrap();
        assert_eq!(
            (options.target.len(), options.seconds, options.seed),
            (0, 60, None)
        );
        for wrong in [&["mesage"][..], &["--seconds", "0"], &["--seed", "x"]] {
            assert!(line(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_input_without_its_target_is_a_mistake_in_the_call() {
        let options = line(&["--input", "/nonexistent"]).unwrap();
        let workspace = Workspace::at(Path::new("/nonexistent"));
        let error = command(&workspace, &options).unwrap_err();
        assert!(error.is::<Usage>(), "{error}");
        let options = line(&["name", "--input", "/nonexistent"]).unwrap();
        let error = format!("{:#}", command(&workspace, &options).unwrap_err());
        assert!(error.starts_with("find /nonexistent: "), "{error}");
        let options = line(&["kernel", "--input", "/"]).unwrap();
        assert!(command(&workspace, &options).unwrap_err().is::<Usage>());
    }

    #[test]
    fn every_target_is_a_test_and_the_other_way_round() {
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../llamar-user/tests/fuzz/targets/mod.rs");
        let source = fs::read_to_string(source).unwrap();
        let mut tests: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("fn ")?.strip_suffix("() {"))
            .collect();
        let (kernel, others) = Target::value_variants().split_last().unwrap();
        let mut targets: Vec<String> = others.iter().map(|target| target.name()).collect();
        tests.sort_unstable();
        targets.sort_unstable();
        assert_eq!(tests, targets);
        assert_eq!(*kernel, Target::Kernel);
        let (file, test) = KERNEL.split_once("::").unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../llamar-user/tests/kernel");
        let source = fs::read_to_string(source.join(file).with_extension("rs")).unwrap();
        assert!(source.contains(&format!("#[test]\nfn {test}() {{")));
    }
}
