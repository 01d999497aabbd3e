//! Rounds: each contender between two runs of the bare reflector with the same frames, and whether its answers are
//! right.

use anyhow::{Context as _, Result, ensure};
use llamar_common::bench::SAMPLE_EVERY;

use super::FEW;
use super::load::{Programs, Run};
use super::question::Question;
use super::scene::Pair;

/// Part of the frames that a program in the driver has to answer; a full queue may cost some.
const ANSWERED: f64 = 0.99;
/// Frames that nobody may answer.
const UNANSWERABLE: u32 = 4_096;

/// Somebody who answers.
#[derive(Clone, Debug)]
pub struct Contender {
    /// The key of its ratio.
    pub key: &'static str,
    /// What it is asked.
    pub question: Question,
    /// Where it is.
    pub pair: Pair,
    /// Whether it answers in the driver: then it may lose nothing, and its answers are the same to the byte.
    pub driver: bool,
}

/// What came of a contender's rounds.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Ratios to the reflector.
    pub ratios: Vec<f64>,
    /// Its answers a second.
    pub rates: Vec<f64>,
    /// The reflector's frames a second.
    pub reflector: Vec<f64>,
}

/// One round of a contender between two of the reflector.
pub fn round(
    programs: &mut Programs,
    bare: &Pair,
    contender: &Contender,
    frames: u32,
    results: &mut Results,
) -> Result<()> {
    let before = reflect(programs, bare, contender.question, frames)?;
    let run = answer(programs, contender, frames)?;
    let after = reflect(programs, bare, contender.question, frames)?;
    let reflector = f64::midpoint(before.rate(), after.rate());
    results.ratios.push(run.rate() / reflector);
    results.rates.push(run.rate());
    results.reflector.push(reflector);
    Ok(())
}

/// The bare reflector before and after another one: how many times as fast it is.
pub fn reflectors(programs: &mut Programs, bare: &Pair, other: &Pair, frames: u32) -> Result<f64> {
    let question = Question::Llmnr {
        v6: false,
        aaaa: false,
        names: FEW,
    };
    let before = reflect(programs, bare, question, frames)?;
    let run = reflect(programs, other, question, frames).context("xdp-bench")?;
    let after = reflect(programs, bare, question, frames)?;
    Ok(f64::midpoint(before.rate(), after.rate()) / run.rate())
}

fn reflect(programs: &mut Programs, bare: &Pair, question: Question, frames: u32) -> Result<Run> {
    let run = programs.run(bare, &question.load()?, &question.reflection()?, frames)?;
    complete(&run).context("the reflector")?;
    Ok(run)
}

/// Asks a contender and looks at its answers.
pub fn answer(programs: &mut Programs, contender: &Contender, frames: u32) -> Result<Run> {
    let question = contender.question;
    let expect = question.answer()?;
    let run = programs.run(&contender.pair, &question.load()?, &expect, frames)?;
    if contender.driver {
        complete(&run).with_context(|| contender.key.to_owned())?;
    }
    ensure!(run.answers > 0, "{}: not one answer", contender.key);
    let kept = run.samples.len() as u64;
    ensure!(
        kept >= run.answers.div_ceil(SAMPLE_EVERY),
        "{}: {kept} samples of {} answers",
        contender.key,
        run.answers
    );
    for sample in &run.samples {
        question
            .check(sample, !contender.driver)
            .with_context(|| contender.key.to_owned())?;
    }
    Ok(run)
}

/// Whether all frames came back.
fn complete(run: &Run) -> Result<()> {
    let (answers, frames) = (run.answers, run.frames);
    ensure!(
        answers as f64 >= ANSWERED * frames as f64 && answers <= frames,
        "{answers} right answers to {frames} frames, and {} other frames",
        run.others
    );
    Ok(())
}

/// Whether a contender is silent where it has to be: a program that skips a check fails here.
pub fn is_silent(programs: &mut Programs, contender: &Contender) -> Result<()> {
    for (what, load) in contender.question.unanswerable()? {
        let expect = contender.question.answer()?;
        let run = programs.run(&contender.pair, &load, &expect, UNANSWERABLE)?;
        ensure!(
            run.answers == 0,
            "{}: {} answers for {what}",
            contender.key,
            run.answers
        );
    }
    Ok(())
}
