//! Time in tests of engines: it stands still until it is moved, and what is sent takes some of it.

use std::collections::BTreeMap;
use std::time::Instant;

/// Lets time pass for something, deadline by deadline: `turn` does what is due, after which nothing may be due any more.
/// Panics after `most` deadlines: that is something that turns in a circle.
pub fn pass<T>(
    it: &mut T,
    (mut now, end): (Instant, Instant),
    most: usize,
    due: impl Fn(&T) -> Option<Instant>,
    mut turn: impl FnMut(&mut T, Instant),
) {
    for count in 0.. {
        let Some(next) = due(it).filter(|next| *next <= end) else {
            return;
        };
        assert!(count < most, "{count} deadlines in {:?}", end - now);
        now = now.max(next);
        turn(it, now);
        let next = due(it);
        assert!(
            next.is_none_or(|next| next > now),
            "what was due is still due"
        );
    }
}

/// What is on its way, each until its time.
#[derive(Debug)]
pub struct Flying<T> {
    waiting: BTreeMap<(Instant, u64), T>,
    sent: u64,
}

impl<T> Default for Flying<T> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            sent: 0,
        }
    }
}

impl<T> Flying<T> {
    /// Sends something that arrives at a time; of several that arrive at once the one that was sent first is first.
    pub fn send(&mut self, arrives: Instant, what: T) {
        self.sent += 1;
        self.waiting.insert((arrives, self.sent), what);
    }

    /// What arrives next, and when.
    pub fn next(&self) -> Option<(Instant, &T)> {
        let ((arrives, _), what) = self.waiting.first_key_value()?;
        Some((*arrives, what))
    }

    /// Takes what has arrived.
    pub fn arrived(&mut self, now: Instant) -> Option<T> {
        let next = self.waiting.first_entry()?;
        (next.key().0 <= now).then(|| next.remove())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn each_deadline_is_met_at_its_time_or_at_once_if_that_was_before() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut left = vec![at(9), at(5), at(1)];
        let mut met = Vec::new();
        let turn = |left: &mut Vec<Instant>, now| {
            left.retain(|due| *due > now);
            met.push(now);
        };
        pass(
            &mut left,
            (at(2), at(8)),
            9,
            |left| left.last().copied(),
            turn,
        );
        assert_eq!((met, left), (vec![at(2), at(5)], vec![at(9)]));
    }

    #[test]
    #[should_panic(expected = "what was due is still due")]
    fn what_turns_in_a_circle_is_found() {
        let now = Instant::now();
        pass(&mut (), (now, now), 9, |()| Some(now), |(), _| {});
    }

    #[test]
    fn what_is_sent_arrives_in_the_order_of_its_times() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut flying = Flying::default();
        for (seconds, what) in [(3, 'c'), (1, 'a'), (1, 'b')] {
            flying.send(at(seconds), what);
        }
        assert_eq!(flying.next(), Some((at(1), &'a')));
        let arrived: Vec<char> = std::iter::from_fn(|| flying.arrived(at(2))).collect();
        assert_eq!(arrived, ['a', 'b']);
        assert_eq!(
            (flying.arrived(at(2)), flying.arrived(at(3))),
            (None, Some('c'))
        );
        assert_eq!(flying.next(), None);
    }
}
