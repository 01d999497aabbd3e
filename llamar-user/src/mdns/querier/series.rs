//! How often a question is asked on one family (RFC 6762 5.2).

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::mdns::{Rule, Rules};

/// How long the first query of a series waits by chance, so that hosts that begin at one moment do not ask at one.
pub(super) const FIRST: RangeInclusive<Duration> =
    Duration::from_millis(20)..=Duration::from_millis(120);
/// The gap behind the first query, and the least between any two.
pub(super) const GAP_MIN: Duration = Duration::from_secs(1);
/// The gap that is not doubled any more.
pub(super) const GAP_MAX: Duration = Duration::from_secs(60 * 60);
/// RFC 6762 6: how recent a question must be for its unicast responses to be taken.
const ASKED: Duration = Duration::from_secs(2);

/// The queries of one question on one family.
#[derive(Debug)]
pub(super) struct Series {
    /// When the next is sent; `None` while an answer is known to be the whole one.
    due: Option<Instant>,
    /// When the last was sent, or the series was begun.
    since: Instant,
    /// The gap behind the last one, none before the first.
    gap: Duration,
    /// Whether the first is to have unicast responses (RFC 6762 5.4).
    unicast: bool,
    /// When the question went out last, for whatever reason, by us or by another in our place.
    last: Option<Instant>,
    /// When it went out last with a request for unicast responses.
    asked: Option<Instant>,
}

impl Series {
    /// A series whose first query is sent then.
    pub(super) const fn new(now: Instant, due: Instant, unicast: bool) -> Self {
        Self {
            due: Some(due),
            since: now,
            gap: Duration::ZERO,
            unicast,
            last: None,
            asked: None,
        }
    }

    /// A series that need not begin: the answer is known.
    pub(super) const fn ended(now: Instant) -> Self {
        Self {
            due: None,
            since: now,
            gap: Duration::ZERO,
            unicast: false,
            last: None,
            asked: None,
        }
    }

    /// Takes the place of another series: what was just sent is not sent again.
    pub(super) fn follow(&mut self, old: &Self) {
        (self.last, self.asked) = (old.last, old.asked);
        let rest = old.last.map(|last| last + GAP_MIN);
        self.due = self.due.map(|due| rest.map_or(due, |rest| due.max(rest)));
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The question was sent; whether it asks for unicast responses, as only the first does, if they reach us (RFC 6762
    /// 5.4).
    pub(super) fn sent(&mut self, now: Instant, rules: Rules, unicast: bool) -> bool {
        let planned = self.due.is_some_and(|due| due <= now);
        let unicast = unicast && planned && self.unicast;
        if unicast {
            self.asked = Some(now);
        }
        if planned {
            self.advance(now, rules);
        }
        self.last = Some(now);
        // RFC 6762 5.2: a second between queries, also where one was sent to keep a record.
        self.due = self.due.map(|due| due.max(now + GAP_MIN));
        unicast
    }

    /// Another host asked the same, in place of a query of ours that is planned (RFC 6762 7.3): the first, or one whose
    /// time has more than half come. What is far off is not planned yet.
    pub(super) fn suppress(&mut self, now: Instant, rules: Rules) {
        self.last = Some(now);
        let is_near = |due: Instant| due.saturating_duration_since(now) <= self.gap / 2;
        if self
            .due
            .is_some_and(|due| self.gap.is_zero() || is_near(due))
        {
            self.advance(now, rules);
        }
    }

    /// Until when the question is not to be sent again, if it was just sent.
    pub(super) fn rests_until(&self, now: Instant) -> Option<Instant> {
        let end = self.last? + GAP_MIN;
        (now < end).then_some(end)
    }

    /// The answer is known and whole: no more queries (RFC 6762 5.2).
    pub(super) const fn end(&mut self) {
        self.due = None;
        self.unicast = false;
    }

    /// The answer is lost: goes on where it was ended, and not before a moment.
    pub(super) fn resume(&mut self, moment: Instant) {
        if self.due.is_none() {
            self.since = moment;
            let due = moment + self.gap;
            self.due = Some(self.last.map_or(due, |last| due.max(last + GAP_MIN)));
        }
    }

    /// Whether a unicast response may be one to this question (RFC 6762 6).
    pub(super) fn takes_unicast(&self, now: Instant) -> bool {
        self.asked
            .is_some_and(|asked| now.saturating_duration_since(asked) <= ASKED)
    }

    /// A query of the series was sent, or counts as sent.
    fn advance(&mut self, now: Instant, rules: Rules) {
        self.unicast = false;
        // RFC 6762 5.2: each gap is at least twice the one before, as it was and not as it was planned.
        let was = now.saturating_duration_since(self.since);
        let next = match self.gap {
            Duration::ZERO => GAP_MIN,
            _ if !rules.hold(Rule::BackOff) => GAP_MIN,
            planned => planned.max(was).saturating_mul(2).min(GAP_MAX),
        };
        self.gap = next;
        self.since = now;
        self.due = Some(now + next);
    }
}
