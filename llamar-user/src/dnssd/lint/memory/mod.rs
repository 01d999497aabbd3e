//! What was said before: rules about times, and about what belongs together without being in one message.
//!
//! What is remembered is bounded. When there is too much of it, everything is forgotten: a flood then costs some
//! breaches, and nobody is accused for what was forgotten.

mod copies;
mod print;
mod questions;
mod responses;
mod senders;
mod updates;

use std::time::Duration;

use super::Heard;
use super::breach::Findings;
use super::message::{Judged, Purpose};

use copies::Copies;
use questions::Questions;
use responses::Responses;
use senders::Senders;
use updates::Updates;

/// Timers of senders, the way of a packet and clocks of captures are not exact: what is this much too early is in time.
const EARLY: Duration = Duration::from_millis(50);

/// What was said before.
#[derive(Debug, Default)]
pub(super) struct Memory {
    copies: Copies,
    questions: Questions,
    responses: Responses,
    senders: Senders,
    updates: Updates,
    /// When the first message came.
    since: Option<Duration>,
}

impl Memory {
    /// Most that is remembered by all parts together.
    #[cfg(test)]
    pub const MOST: usize = 2 * 32_768 + 2 * 8192 + 4096 + 256;

    /// How much is remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.questions.len() + self.responses.len() + self.senders.len() + self.updates.len()
    }

    /// Whether a message is one that has been heard already and came twice, as by a bridge, an access point, or
    /// because it was captured on its way out and in.
    pub fn is_copy(&mut self, heard: &Heard<'_>) -> bool {
        self.copies.is_copy(heard)
    }

    /// Judges a message by what was said before, and remembers it.
    pub fn check(&mut self, judged: &Judged<'_>, findings: &mut Findings) {
        let since = *self.since.get_or_insert(judged.heard.at);
        let heard_for = judged.heard.at.saturating_sub(since);
        match judged.purpose {
            Purpose::Query | Purpose::LegacyQuery => {
                self.senders.query(judged, heard_for, findings);
                self.questions.check(judged, findings);
                self.responses.known_answers(judged, findings);
            }
            Purpose::Response => {
                self.senders.response(judged, findings);
                self.updates.check(judged, findings);
                self.responses
                    .check(judged, &self.questions, heard_for, findings);
            }
            Purpose::LegacyResponse => self.senders.response(judged, findings),
        }
    }
}
