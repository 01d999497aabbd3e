//! What is done about an address in use when another host is found to use it too (RFC 5227 2.4). This is the clockwork
//! only: it knows neither address nor packet, so that it serves whoever defends an address.

use std::time::Instant;

use super::rules::{Rule, Rules};
use super::timing::DEFEND_INTERVAL;

/// What an address is worth to its holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// RFC 5227 2.4 (a): it is given up at the first conflict.
    GiveUp,
    /// RFC 5227 2.4 (b): it is defended once, and given up if that does not help.
    #[default]
    DefendOnce,
    /// RFC 5227 2.4 (c): it is never given up: that of a router or of a server that all have to find.
    Keep,
}

/// What is to be done about one conflicting packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// Send one announcement, go on using the address, and tell of the conflict.
    Announce,
    /// Go on using the address without a word, neither to the link nor to the administrator: both were told in the last
    /// 10 seconds.
    StaySilent,
    /// Cease using the address at once, and tell of it.
    GiveUp,
}

/// The memory of one address's conflicts.
#[derive(Clone, Copy, Debug)]
pub struct Defence {
    policy: Policy,
    /// When the conflict came that was met by the last announcement.
    recorded: Option<Instant>,
    conflicts: u64,
    pub(super) rules: Rules,
}

impl Defence {
    /// An address that nobody disputed yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            recorded: None,
            conflicts: 0,
            rules: Rules::default(),
        }
    }

    /// Takes note of a conflicting packet, and decides.
    // C10, C19: what is not answered by an announcement is not reported either, so that whoever floods the link with
    // conflicts causes no flood of reports.
    pub fn conflict(&mut self, now: Instant) -> Then {
        self.conflicts = self.conflicts.saturating_add(1);
        let recent = self.is_recent(now);
        match self.policy {
            Policy::GiveUp => Then::GiveUp,
            Policy::DefendOnce if recent && self.rules.hold(Rule::GiveUp) => Then::GiveUp,
            _ if recent && self.rules.hold(Rule::DefendInterval) => Then::StaySilent,
            _ => {
                self.recorded = Some(now);
                if self.rules.hold(Rule::Defend) {
                    Then::Announce
                } else {
                    Then::StaySilent
                }
            }
        }
    }

    /// Whether the last conflict is so recent that another one is not met by an announcement.
    pub fn is_recent(&self, now: Instant) -> bool {
        self.recorded
            .is_some_and(|recorded| now.saturating_duration_since(recorded) < DEFEND_INTERVAL)
    }

    /// What was decided in the beginning.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// How many conflicting packets there were, those that were met by silence too.
    pub fn conflicts(&self) -> u64 {
        self.conflicts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn decisions(policy: Policy, seconds: &[u64]) -> Vec<Then> {
        let (start, mut defence) = (Instant::now(), Defence::new(policy));
        let at = |second: &u64| start + Duration::from_secs(*second);
        let decided = seconds.iter().map(|s| defence.conflict(at(s))).collect();
        assert_eq!(defence.conflicts(), seconds.len() as u64);
        decided
    }

    // RFC 5227 2.4: C10
    #[test]
    fn each_policy_meets_conflicts_in_its_own_way() {
        use Then::{Announce, GiveUp, StaySilent};
        assert_eq!(decisions(Policy::GiveUp, &[0]), [GiveUp]);
        assert_eq!(decisions(Policy::DefendOnce, &[0, 9]), [Announce, GiveUp]);
        let apart = decisions(Policy::DefendOnce, &[0, 10, 25]);
        assert_eq!(apart, [Announce, Announce, Announce]);
        let kept = decisions(Policy::Keep, &[0, 1, 9, 10, 11, 20]);
        let silent = [
            Announce, StaySilent, StaySilent, Announce, StaySilent, Announce,
        ];
        assert_eq!(kept, silent);
    }

    proptest! {
        // RFC 5227 2.4: C10, C19
        #[test]
        fn no_two_defences_or_reports_are_within_ten_seconds(
            pauses in prop::collection::vec(0u64..12_000, 1..200)
        ) {
            let mut now = Instant::now();
            let (mut defence, mut last) = (Defence::new(Policy::Keep), None);
            for pause in pauses {
                now += Duration::from_millis(pause);
                match defence.conflict(now) {
                    Then::Announce => {
                        let long_ago = last.is_none_or(|last| now - last >= DEFEND_INTERVAL);
                        prop_assert!(long_ago);
                        last = Some(now);
                    }
                    Then::StaySilent => prop_assert!(defence.is_recent(now)),
                    Then::GiveUp => prop_assert!(false, "it is never given up"),
                }
            }
        }
    }
}
