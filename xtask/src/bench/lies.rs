//! Whether the benchmark would notice: a responder that lies has to be found out, each time that anything is measured.

use anyhow::{Context as _, Result, ensure};
use llamar_common::bench::{lie, program};

use super::FEW;
use super::load::Programs;
use super::question::Question;
use super::rounds::{self, Contender};
use super::scene::Pair;

/// Frames that a liar is asked.
const FRAMES: u32 = 1 << 13;
/// What the liar is asked: LLMNR A over IPv4.
const QUESTION: Question = Question::Llmnr {
    v6: false,
    aaaa: false,
    names: FEW,
};

/// Each lie, and what the benchmark has to say of it.
const LIES: [(u32, &str); 5] = [
    (lie::NAME, "answers for a name of nobody"),
    (lie::CHECKSUM, "an answer is wrong"),
    (lie::ADDRESS, "an answer is wrong"),
    (lie::QUERY, "answers for a wrong checksum"),
    (lie::SILENCE, "right answers to"),
];

/// Has the benchmark look at a responder that is right, at the same with one lie each, and at the bare reflector.
pub fn are_found(programs: &mut Programs, bare: &Pair, pair: &Pair) -> Result<()> {
    programs.attach(program::COUNT, &pair.near)?;
    programs.attach(program::LIAR, &pair.far)?;
    let contender = |key, pair: &Pair| Contender {
        key,
        question: QUESTION,
        pair: pair.clone(),
        driver: true,
    };
    let liar = contender("a responder that lies", pair);
    programs.can(&QUESTION.canned(lie::NONE)?)?;
    looked_at(programs, &liar).context("a responder that does not lie is held for a liar")?;
    for (lie, wanted) in LIES {
        programs.can(&QUESTION.canned(lie)?)?;
        is_found(looked_at(programs, &liar), wanted)?;
    }
    let reflector = contender("a reflector", bare);
    is_found(looked_at(programs, &reflector), "0 right answers to")
}

fn looked_at(programs: &mut Programs, contender: &Contender) -> Result<()> {
    rounds::is_silent(programs, contender)?;
    rounds::answer(programs, contender, FRAMES).map(drop)
}

fn is_found(looked_at: Result<()>, wanted: &str) -> Result<()> {
    let said = match looked_at {
        Ok(()) => "nothing".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    ensure!(
        said.contains(wanted),
        "the benchmark is no use: of a responder of which it should say \"{wanted}\" it says {said}"
    );
    Ok(())
}
