//! `cargo xtask verify`: loads every program of the eBPF object and counts what the kernel's verifier walked through.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use aya::programs::{Program, ProgramInfo};
use aya::{Ebpf, EbpfLoader};
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::Uid;

use crate::bpf::Object;
use crate::marked::Index;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{bpf, sandbox};

/// Instructions that the verifier may process for one program; the kernel's own limit is 1,000,000.
const LIMIT: u32 = 100_000;
/// Buckets of an index that is not used.
const BUCKETS: u32 = 64;
/// Lines of the verifier's log that an error repeats.
const LOG_LINES: usize = 40;

/// What the kernel says about one loaded program.
#[derive(Debug)]
struct Verified {
    program: String,
    instructions: u32,
    translated: u32,
    jited: u32,
}

/// The `verify` command.
pub fn command(workspace: &Workspace, json: bool) -> Result<()> {
    if !Uid::effective().is_root() {
        bail!(
            "verify loads programs into the kernel and needs root: `sudo env \"PATH=$PATH\" cargo xtask verify`"
        );
    }
    let built = bpf::build(workspace, &Toolchain::ready(workspace)?, Object::Plain)?;
    let programs = load(&built.object)?;
    print!(
        "{}",
        if json {
            as_json(&programs)
        } else {
            as_table(&programs)
        }
    );
    let over: Vec<_> = programs
        .iter()
        .filter(|program| program.instructions > LIMIT)
        .collect();
    if !over.is_empty() {
        let names: Vec<_> = over
            .iter()
            .map(|program| program.program.as_str())
            .collect();
        bail!(
            "the verifier walked through more than {LIMIT} instructions: {}",
            names.join(", ")
        );
    }
    Ok(())
}

fn load(object: &Path) -> Result<Vec<Verified>> {
    // Pins, should the object ask for any, go into a bpffs that nobody else sees and that ends with this process.
    unshare(CloneFlags::CLONE_NEWNS).context("make a private mount namespace")?;
    sandbox::private_mounts()?;
    sandbox::mount_at("bpf", "/sys/fs/bpf", MsFlags::empty())?;
    let bytes = fs::read(object).with_context(|| format!("read {}", object.display()))?;
    let index = Index::new(BUCKETS).context("make the maps of the index")?;
    let bytes = index.written(&bytes);
    let bytes = bytes.with_context(|| format!("{} has no marks", object.display()))?;
    let mut ebpf = EbpfLoader::new()
        .load(&bytes)
        .with_context(|| format!("load {}", object.display()))?;
    let mut verified = all(&mut ebpf)?;
    if verified.is_empty() {
        bail!("{} has no programs", object.display());
    }
    verified.sort_by(|a, b| a.program.cmp(&b.program));
    Ok(verified)
}

fn all(ebpf: &mut Ebpf) -> Result<Vec<Verified>> {
    let one = |(name, program): (&str, &mut Program)| {
        let info = load_program(program).with_context(|| format!("load the program {name}"))?;
        Ok(Verified {
            program: name.to_owned(),
            instructions: info.verified_instruction_count().with_context(|| {
                format!("the kernel does not say what it verified of {name}: it is older than 5.16")
            })?,
            translated: info.size_translated().unwrap_or(0),
            jited: info.size_jitted(),
        })
    };
    ebpf.programs_mut().map(one).collect()
}

fn load_program(program: &mut Program) -> Result<ProgramInfo> {
    match program {
        Program::Xdp(xdp) => xdp.load().map_err(short)?,
        Program::SocketFilter(filter) => filter.load().map_err(short)?,
        Program::SchedClassifier(classifier) => classifier.load().map_err(short)?,
        other => bail!(
            "verify does not know how to load a program of type {:?}",
            other.prog_type()
        ),
    }
    program.info().context("ask the kernel about it")
}

/// An error with the end of the verifier's log, which can be of any length.
fn short(error: aya::programs::ProgramError) -> anyhow::Error {
    let text = error.to_string();
    let lines: Vec<_> = text.lines().collect();
    if lines.len() <= LOG_LINES {
        return anyhow::Error::msg(text);
    }
    let (first, last) = (lines[0], lines[lines.len() - LOG_LINES..].join("\n"));
    anyhow::Error::msg(format!(
        "{first}\n... {} lines ...\n{last}",
        lines.len() - LOG_LINES - 1
    ))
}

fn as_table(programs: &[Verified]) -> String {
    let width = programs
        .iter()
        .map(|program| program.program.len())
        .max()
        .unwrap_or(0)
        .max("program".len());
    let mut text = format!(
        "{:width$}  {:>12}  {:>7}  {:>10}  {:>7}\n",
        "program", "instructions", "limit", "translated", "jited"
    );
    for Verified {
        program,
        instructions,
        translated,
        jited,
    } in programs
    {
        text += &format!(
            "{program:width$}  {instructions:>12}  {LIMIT:>7}  {translated:>8} B  {jited:>5} B\n"
        );
    }
    text
}

fn as_json(programs: &[Verified]) -> String {
    let one = |program: &Verified| {
        serde_json::json!({
            "program": program.program,
            "verified_instructions": program.instructions,
            "translated_bytes": program.translated,
            "jited_bytes": program.jited,
            "ok": program.instructions <= LIMIT,
        })
    };
    let programs: Vec<_> = programs.iter().map(one).collect();
    format!(
        "{:#}\n",
        serde_json::json!({ "limit": LIMIT, "programs": programs })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Verified {
        Verified {
            program: "llamar_xdp".to_owned(),
            instructions: 5234,
            translated: 9000,
            jited: 5000,
        }
    }

    #[test]
    fn the_table_has_one_aligned_line_for_each_program() {
        let expected = "program     instructions    limit  translated    jited\n\
                        llamar_xdp          5234   100000      9000 B   5000 B\n";
        assert_eq!(as_table(&[example()]), expected);
    }

    #[test]
    fn json_says_who_is_over_the_limit() {
        let over = Verified {
            instructions: LIMIT + 1,
            ..example()
        };
        let value: serde_json::Value = serde_json::from_str(&as_json(&[example(), over])).unwrap();
        assert_eq!(value["limit"], 100_000);
        assert_eq!(value["programs"][0]["ok"], true);
        assert_eq!(value["programs"][0]["verified_instructions"], 5234);
        assert_eq!(value["programs"][1]["ok"], false);
    }
}
