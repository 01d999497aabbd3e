//! What is due with each heartbeat, and in between: a pass over everything each minute, and the look at the kernel
//! path's maps, which is spread over the minute where they are large.

use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::Agent;

/// How often the agent tells the kernel path that it lives, where there is one.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// Time from one pass over everything to the next, events or not.
const FULL_PASS: Duration = Duration::from_secs(60);
/// Heartbeats over which the steps of a check are spread.
const BEATS_PER_CHECK: usize = 50;
/// Steps that are not worth being spread.
const STEPS_MIN: usize = 4;

/// A check of the kernel path's maps.
#[derive(Debug, Default)]
pub struct Check {
    /// Steps with each heartbeat; 0 if none is under way.
    each_beat: usize,
    /// Steps that are due now.
    due: usize,
    /// Entries that were put right.
    mended: usize,
}

impl Check {
    /// Begins one of about so many steps.
    fn begin(&mut self, steps: usize) {
        *self = Self {
            each_beat: steps.div_ceil(BEATS_PER_CHECK).max(STEPS_MIN),
            ..Self::default()
        };
    }

    /// Whether a step is due.
    pub fn is_due(&self) -> bool {
        self.due > 0
    }

    /// Makes due what is to be done until the next heartbeat.
    fn beat(&mut self) {
        self.due = self.each_beat;
    }

    /// Counts a step that put right so many entries.
    fn stepped(&mut self, mended: usize) {
        self.due = self.due.saturating_sub(1);
        self.mended += mended;
    }
}

impl Agent {
    /// What is due with each heartbeat.
    pub(super) async fn beat(&mut self) -> anyhow::Result<()> {
        self.kernel.beat();
        self.slept();
        self.beaten += self.heartbeat.period();
        if self.beaten >= FULL_PASS {
            self.beaten = Duration::ZERO;
            match self.watch.refresh().await {
                Ok(()) => self.pass(true),
                Err(error) => self.watch_anew(&error).await?,
            }
            if let Some(steps) = self.kernel.begin_check() {
                self.check.begin(steps);
            }
        }
        self.check.beat();
        Ok(())
    }

    /// Does what is to be done if the machine has slept.
    pub(super) fn slept(&mut self) {
        if self.sleep.was() {
            debug!("the machine has slept: every name is verified anew, every address announced");
            self.engine.wake(Instant::now());
            self.settle();
            self.drain();
            self.mdns.wake(Instant::now());
            self.mdns_drain();
            self.presence.wake(Instant::now());
            self.presence_drain();
        }
    }

    /// Beats as often as it takes: without a kernel path an idle agent does not wake.
    pub(super) fn pace(&mut self) {
        let period = if self.kernel.is_open() {
            HEARTBEAT
        } else {
            FULL_PASS
        };
        if let Err(error) = self.heartbeat.change_to(period) {
            warn!("{error}: the heartbeat goes on as it was");
        }
    }

    /// A step of the check of the kernel path's maps.
    pub(super) fn check_maps(&mut self) {
        let Some(checked) = self.kernel.check() else {
            self.check = Check::default();
            return;
        };
        self.check.stepped(checked.mended);
        if !checked.goes_on {
            self.end_check(checked.distrusted);
        }
        if !self.check.is_due() {
            self.kernel.rest();
        }
    }

    fn end_check(&mut self, distrusted: bool) {
        let mended = std::mem::take(&mut self.check).mended;
        if mended > 0 {
            warn!("somebody else has changed the kernel path's maps; entries put right: {mended}");
        }
        if distrusted {
            warn!("the kernel path's maps do not hold what they were made to hold: written anew");
            self.kernel.update(&self.desired);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps with each heartbeat until so many are done.
    fn steps(count: usize) -> Vec<usize> {
        let mut check = Check::default();
        check.begin(count);
        let (mut left, mut beats) = (count, Vec::new());
        while left > 0 {
            check.beat();
            let mut steps = 0;
            while check.is_due() && left > 0 {
                check.stepped(0);
                steps += 1;
                left -= 1;
            }
            beats.push(steps);
        }
        beats
    }

    #[test]
    fn few_steps_are_done_at_once_and_many_within_the_minute() {
        assert_eq!(steps(3), [3]);
        assert_eq!(steps(10), [4, 4, 2]);
        let many = steps(2000);
        assert_eq!(many.iter().max(), Some(&40));
        assert!(HEARTBEAT * many.len() as u32 <= FULL_PASS, "{}", many.len());
    }

    #[test]
    fn nothing_is_due_where_nothing_is_checked() {
        let mut check = Check::default();
        check.beat();
        assert!(!check.is_due());
    }
}
