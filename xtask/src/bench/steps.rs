//! The steps of an answer: what one case costs more than another that ends one step earlier.
//!
//! Only cases that go the same way can be taken from each other. Those here are decided on the quick way, in its order: a
//! frame that is not ours ends first, a source over its limit right before the frame grows. With a frame that is not ours
//! the steps add up to an answer.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::figure::Figure;

/// A step: what these cases cost less what those do.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its key.
    pub key: &'static str,
    /// What happens in it.
    pub what: &'static str,
    more: &'static [&'static str],
    less: &'static [&'static str],
}

/// Key of what growing a frame costs, which a program of its own measures.
pub const GROWTH: &str = "step_growth";

/// All steps, in their order.
pub const STEPS: [Step; 4] = [
    Step {
        key: "step_look_up",
        what: "step: parse, query's checksum, index, link, heartbeat",
        // Who is over the limit has passed the limiter too.
        more: &["limited", "answer_without_limit"],
        less: &["other_traffic", "answer_a_v4"],
    },
    Step {
        key: "step_limiter",
        what: "step: limiter",
        more: &["answer_a_v4"],
        less: &["answer_without_limit"],
    },
    Step {
        key: GROWTH,
        what: "step: growing the frame",
        more: &[GROWTH],
        less: &[],
    },
    Step {
        key: "step_write",
        what: "step: writing the answer, its checksum",
        more: &["answer_a_v4"],
        less: &["limited", GROWTH],
    },
];

/// What was measured in each round, by the keys of cases.
pub type Rounds = BTreeMap<&'static str, Vec<f64>>;

impl Step {
    /// What it costs: of the medians, so that the steps add up; its range is that of the rounds.
    pub fn figure(&self, rounds: &Rounds) -> Result<Figure> {
        let mut total = Figure {
            median: 0.0,
            ..self.range(rounds)?
        };
        for (key, sign) in self.terms() {
            total.median += sign * Figure::of(of(rounds, key)?).context(key)?.median;
        }
        Ok(total)
    }

    fn range(&self, rounds: &Rounds) -> Result<Figure> {
        let mut totals: Vec<f64> = Vec::new();
        for (key, sign) in self.terms() {
            let costs = of(rounds, key)?;
            totals.resize(costs.len(), 0.0);
            let both = totals.iter_mut().zip(costs);
            both.for_each(|(total, cost)| *total += sign * cost);
        }
        Figure::of(&totals).context(self.key)
    }

    /// Keys of cases, and whether they count as more or less.
    fn terms(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let more = self.more.iter().map(|key| (*key, 1.0));
        more.chain(self.less.iter().map(|key| (*key, -1.0)))
    }
}

fn of<'a>(rounds: &'a Rounds, key: &str) -> Result<&'a [f64]> {
    let costs = rounds.get(key);
    Ok(costs.with_context(|| format!("{key} was not measured"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds() -> Rounds {
        [
            ("other_traffic", [1.0, 2.0, 1.0]),
            ("limited", [17.0, 15.0, 16.0]),
            ("answer_without_limit", [19.0, 18.0, 25.0]),
            ("answer_a_v4", [21.0, 22.0, 20.5]),
            (GROWTH, [2.0, 2.5, 2.0]),
        ]
        .map(|(key, costs)| (key, costs.to_vec()))
        .into()
    }

    fn figure(key: &str) -> Figure {
        let step = STEPS.iter().find(|step| step.key == key).unwrap();
        step.figure(&rounds()).unwrap()
    }

    #[test]
    fn the_steps_and_a_frame_that_is_not_ours_add_up_to_an_answer() {
        let steps = STEPS.iter().map(|step| figure(step.key).median);
        assert_eq!(1.0 + steps.sum::<f64>(), 21.0);
    }

    #[test]
    fn a_step_is_what_one_median_is_more_than_another() {
        assert_eq!(figure("step_look_up").median, 13.0);
        assert_eq!(figure("step_limiter").median, 2.0);
        assert_eq!(figure(GROWTH).median, 2.0);
        assert_eq!(figure("step_write").median, 3.0);
    }

    #[test]
    fn the_range_of_a_step_is_that_of_its_rounds() {
        let limiter = figure("step_limiter");
        assert_eq!((limiter.low, limiter.high), (-4.5, 4.0));
        assert_eq!(limiter.rounds, 3);
    }

    #[test]
    fn a_case_that_was_not_measured_is_an_error_that_names_it() {
        let mut rounds = rounds();
        rounds.remove("limited");
        let error = STEPS[0].figure(&rounds).unwrap_err().to_string();
        assert_eq!(error, "limited was not measured");
    }
}
