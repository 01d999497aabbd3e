//! Messages that come twice.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::super::Heard;

/// How much later a copy comes at most. No host has a reason to say the same thing again so soon, and if it did, nobody
/// could tell.
const LATER: Duration = Duration::from_millis(50);
/// Most messages of that time that are remembered.
const KEPT_MAX: usize = 256;

/// The messages of the last moment.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// The oldest first.
    last: VecDeque<(Duration, u64)>,
}

impl Copies {
    pub(super) fn is_copy(&mut self, heard: &Heard<'_>) -> bool {
        let now = heard.at;
        while self.last.len() == KEPT_MAX
            || self
                .last
                .front()
                .is_some_and(|(at, _)| now.saturating_sub(*at) > LATER)
        {
            self.last.pop_front();
        }
        let mut hasher = DefaultHasher::new();
        (heard.from, heard.to, heard.message).hash(&mut hasher);
        let hash = hasher.finish();
        if self.last.iter().any(|(_, other)| *other == hash) {
            return true;
        }
        self.last.push_back((now, hash));
        false
    }
}
