//! One multicast query over one path: its transmissions, its responses, and the notice of a conflict
//! (RFC 4795 2.7, 4.2).

use std::net::IpAddr;
use std::time::Instant;

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::Collect;
use super::answer::Response;
use super::check::Discarded;
use crate::llmnr::timing::{JITTER_INTERVAL, LLMNR_TIMEOUT, TRANSMISSIONS_MAX, jitter};

/// Responders of which one query takes note: more on one link with one name is a flood.
const RESPONDERS_MAX: usize = 32;

/// A query over one path.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The query's id.
    pub id: u16,
    /// What was heard, duplicates left out.
    pub heard: Vec<Response>,
    progress: Progress,
    sent: u8,
    last_sent: Option<Instant>,
    notice: Notice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Not to be sent, or not yet.
    Idle,
    /// To be sent at this time.
    Due(Instant),
    /// To be sent again at this time, or given up.
    Waiting(Instant),
    /// Answered by somebody who shares the name: until this time others may answer too.
    Gathering(Instant),
    /// Answered or given up.
    Over,
}

/// The query with C set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    NotNeeded,
    Due(Instant),
    Sent,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Query,
    Notice,
}

impl Exchange {
    pub fn new(rng: &mut StdRng) -> Self {
        Self {
            // RFC 4795 2.1.1: the id is pseudo-random.
            id: rng.random(),
            heard: Vec::new(),
            progress: Progress::Idle,
            sent: 0,
            last_sent: None,
            notice: Notice::NotNeeded,
        }
    }

    /// Has the query sent, if it was not, and is not stopped.
    pub fn begin(&mut self, now: Instant, rng: &mut StdRng) {
        if self.progress == Progress::Idle {
            self.progress = Progress::Due(now + jitter(rng));
        }
    }

    /// Ends it: nothing is sent any more but a notice.
    pub fn stop(&mut self) {
        self.progress = Progress::Over;
    }

    /// Whether nothing more is to come of it.
    pub fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Idle | Progress::Over)
    }

    /// Whether holders of one name were found to be in conflict.
    pub fn is_in_conflict(&self) -> bool {
        self.notice != Notice::NotNeeded
    }

    /// When a response to the last transmission may arrive at the latest.
    pub fn heard_until(&self) -> Option<Instant> {
        // RFC 4795 2.7: responders may wait for JITTER_INTERVAL.
        Some(self.last_sent? + LLMNR_TIMEOUT + JITTER_INTERVAL)
    }

    /// Whether a response from there may be taken.
    pub fn admits(&self, from: IpAddr) -> Result<(), Discarded> {
        if self.sent == 0 {
            return Err(Discarded::Unsolicited);
        }
        // RFC 4795 2.2: a response with the source address and the id of one that came already is a duplicate.
        if self.heard.iter().any(|response| response.from == from) {
            return Err(Discarded::Duplicate);
        }
        if self.heard.len() >= RESPONDERS_MAX {
            return Err(Discarded::TooMany);
        }
        Ok(())
    }

    /// Takes a response that was admitted.
    pub fn hear(&mut self, now: Instant, response: Response, collect: Collect, rng: &mut StdRng) {
        let is_shared = response.conflict;
        self.heard.push(response);
        self.check_conflict(now, rng);
        self.progress = match self.progress {
            Progress::Idle | Progress::Over | Progress::Gathering(_) => return,
            progress if collect == Collect::All => progress,
            // RFC 4795 2.7: if the first response has C set, others may follow within LLMNR_TIMEOUT + JITTER_INTERVAL.
            _ if is_shared => Progress::Gathering(now + LLMNR_TIMEOUT + JITTER_INTERVAL),
            // RFC 4795 2.7: the first response with C clear answers the query.
            _ => Progress::Over,
        };
    }

    /// RFC 4795 4.2: of several responses to a query one has C clear. That holds only for what came to the group's
    /// query of this path, and for each responder once.
    fn check_conflict(&mut self, now: Instant, rng: &mut StdRng) {
        let someone_alone = self.heard.iter().any(|response| !response.conflict);
        if self.notice == Notice::NotNeeded && self.heard.len() > 1 && someone_alone {
            self.notice = Notice::Due(now + jitter(rng));
        }
    }

    /// What is to be sent now. `patience` is when the asker gives up, if it said so.
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        patience: Option<Instant>,
        rng: &mut StdRng,
    ) -> Option<Action> {
        if matches!(self.notice, Notice::Due(at) if at <= now) {
            // RFC 4795 2.7: queries with C set are not retransmitted.
            self.notice = Notice::Sent;
            return Some(Action::Notice);
        }
        match self.progress {
            Progress::Due(at) if at <= now => {
                self.sent += 1;
                self.last_sent = Some(now);
                self.progress = Progress::Waiting(self.wait(now, patience));
                Some(Action::Query)
            }
            Progress::Waiting(until) if until <= now => {
                self.progress = if self.sent < TRANSMISSIONS_MAX {
                    Progress::Due(now + jitter(rng))
                } else {
                    Progress::Over
                };
                None
            }
            Progress::Gathering(until) if until <= now => {
                self.progress = Progress::Over;
                None
            }
            _ => None,
        }
    }

    /// How long a transmission is waited for.
    fn wait(&self, now: Instant, patience: Option<Instant>) -> Instant {
        if self.sent < TRANSMISSIONS_MAX {
            return now + LLMNR_TIMEOUT;
        }
        // No later transmission makes up for what a responder delayed by the jitter of RFC 4795 2.7.
        patience.unwrap_or(now + LLMNR_TIMEOUT + JITTER_INTERVAL)
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let progress = match self.progress {
            Progress::Due(at) | Progress::Waiting(at) | Progress::Gathering(at) => Some(at),
            Progress::Idle | Progress::Over => None,
        };
        let notice = match self.notice {
            Notice::Due(at) => Some(at),
            Notice::NotNeeded | Notice::Sent => None,
        };
        progress.into_iter().chain(notice).min()
    }
}
