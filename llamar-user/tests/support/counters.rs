//! What the kernel path has counted, by `llamar status --json`.

use std::collections::BTreeMap;

use llamar_common::abi::Outcome;
use serde_json::Value;

/// Frames by outcome, over all links and CPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    frames: BTreeMap<&'static str, u64>,
}

impl Counters {
    /// Reads what `llamar status --json` printed.
    #[track_caller]
    pub fn parse(json: &str) -> Self {
        let value: Value = serde_json::from_str(json)
            .unwrap_or_else(|error| panic!("status as JSON: {error}\n{json}"));
        let mut counters = Self::default();
        for outcome in Outcome::ALL {
            counters.frames.insert(outcome.as_str(), 0);
        }
        counters.add(&value);
        counters
    }

    /// Adds whatever the kernel path counted, wherever it stands; what userspace counted stands apart.
    fn add(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.add(value)),
            Value::Object(members) => {
                for (name, value) in members.iter().filter(|(name, _)| *name != "userspace") {
                    match (self.frames.get_mut(name.as_str()), value.as_u64()) {
                        (Some(frames), Some(counted)) => *frames += counted,
                        _ => self.add(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// How many frames had an outcome.
    #[track_caller]
    pub fn of(&self, outcome: &str) -> u64 {
        *self
            .frames
            .get(outcome)
            .unwrap_or_else(|| panic!("{outcome} is not an outcome"))
    }

    /// What was counted since an earlier reading.
    pub fn since(&self, earlier: &Self) -> Self {
        let frames = self
            .frames
            .iter()
            .map(|(name, frames)| (*name, frames - earlier.of(name)))
            .collect();
        Self { frames }
    }
}
