//! Who has had one address, and what it means that another says so.

use std::time::Duration;

use super::{Fellow, How, What};
use crate::ether::MacAddr;

/// Former holders that are remembered: those who take turns, and who had the address before.
const FORMER_MAX: usize = 3;
/// Two who answer within this time answer the same question, and one who announces itself within it after another did,
/// defends its address (RFC 5227 2.4 b: at once).
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// So many changes within this time are no host that has got another interface, but two that have the same address:
/// RFC 5227 2.4's DEFEND_INTERVAL.
const CONTEST_TIME: Duration = Duration::from_secs(10);
const CONTEST_CHANGES: usize = 3;
/// How long the same two are not told of again.
const AGAIN: Duration = Duration::from_secs(600);
/// Silent for longer, a station is back, and not only awake again: longer than a holiday.
pub(super) const BACK_AFTER: Duration = Duration::from_secs(30 * 86_400);

/// One who has or had an address. Times are since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its hardware address.
    pub mac: MacAddr,
    /// Since when it has had the address, this time.
    pub since: Duration,
    /// When it was heard last.
    pub last: Duration,
    /// For how long it had had the address in all before.
    pub held: Duration,
}

impl Holder {
    const fn new(at: Duration, mac: MacAddr) -> Self {
        Self {
            mac,
            since: at,
            last: at,
            held: Duration::ZERO,
        }
    }

    /// For how long it has been heard with the address in all.
    fn total(&self) -> Duration {
        self.held
            .saturating_add(self.last.saturating_sub(self.since))
    }
}

/// The holders of an address.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) now: Holder,
    /// Those before it, the last first.
    pub(super) former: Vec<Holder>,
    pub(super) first: Duration,
    /// Whether a holder called itself a router.
    pub(super) router: bool,
    /// When the holder gave its last answer.
    answered: Option<Duration>,
    /// When the last changes were.
    changes: [Option<Duration>; CONTEST_CHANGES - 1],
    contest: Option<Contest>,
}

/// Two who take turns.
#[derive(Clone, Copy, Debug)]
struct Contest {
    /// The lower address first.
    between: [MacAddr; 2],
    told: Duration,
    /// Whether they were told of as having the address at the same time.
    duplicate: bool,
    /// Changes between them since it was told.
    times: u64,
}

impl History {
    /// The first who says to have it.
    pub(super) fn new(at: Duration, mac: MacAddr, how: How) -> Self {
        Self {
            answered: how.is_answer().then_some(at),
            ..Self::unheard(at, mac)
        }
    }

    const fn unheard(at: Duration, mac: MacAddr) -> Self {
        Self {
            now: Holder::new(at, mac),
            former: Vec::new(),
            first: at,
            router: false,
            answered: None,
            changes: [None; CONTEST_CHANGES - 1],
            contest: None,
        }
    }

    /// What is remembered of an earlier run; the holder first.
    pub(super) fn of(first: Duration, router: bool, holders: &[Holder]) -> Option<Self> {
        let (now, former) = holders.split_first()?;
        Some(Self {
            now: *now,
            former: former.iter().take(FORMER_MAX).copied().collect(),
            first,
            router,
            ..Self::unheard(first, now.mac)
        })
    }

    /// Whether somebody has or had it, as far as that is remembered.
    pub(super) fn knows(&self, mac: MacAddr) -> bool {
        let mut all = [&self.now].into_iter().chain(&self.former);
        all.any(|holder| holder.mac == mac)
    }

    /// Takes note that somebody says to have the address. What is worth telling of that.
    pub(super) fn hear(
        &mut self,
        at: Duration,
        mac: MacAddr,
        how: How,
        weak: bool,
    ) -> Option<What> {
        if mac == self.now.mac || Fellow::share(mac, self.now.mac) {
            let after = at.saturating_sub(self.now.last);
            self.now.last = at;
            if how.is_answer() {
                self.answered = Some(at);
            }
            return (after >= BACK_AFTER).then_some(What::Back { after });
        }
        // RFC 4861 7.2.5: without O an advertisement replaces no other hardware address; several nodes may have an anycast
        // address, and a proxy advertises so too (7.2.7, 7.2.8).
        if weak {
            return None;
        }
        let duplicate = self.is_duplicate(at, mac, how);
        let (from, place) = self.change(at, mac);
        self.answered = how.is_answer().then_some(at);
        let times = self.contest(at, [from.mac, mac], duplicate, place.is_some())?;
        Some(what(at, &from, place, duplicate, times))
    }

    /// Whether the holder and another have the address at the same time.
    fn is_duplicate(&self, at: Duration, mac: MacAddr, how: How) -> bool {
        let within = |since: Duration, time| at.abs_diff(since) <= time;
        let both_answer = how.is_answer()
            && self
                .answered
                .is_some_and(|answered| within(answered, ANSWER_TIME));
        // RFC 5227 2.4: who had it, and announces it as soon as another says to have it, defends it.
        let was_before = self.former.first().is_some_and(|former| former.mac == mac);
        let defends = how == How::Announcement && was_before && within(self.now.since, ANSWER_TIME);
        let in_turn = self
            .changes
            .iter()
            .all(|change| change.is_some_and(|change| within(change, CONTEST_TIME)));
        both_answer || defends || in_turn
    }

    /// Makes another the holder. Gives the one before, and the place of the new one among the former ones.
    fn change(&mut self, at: Duration, mac: MacAddr) -> (Holder, Option<usize>) {
        self.changes.rotate_right(1);
        self.changes[0] = Some(at);
        let place = self.former.iter().position(|former| former.mac == mac);
        let held = place
            .map(|place| self.former.remove(place).total())
            .unwrap_or_default();
        let from = self.now;
        self.now = Holder {
            held,
            ..Holder::new(at, mac)
        };
        self.former.insert(0, from);
        if self.former.len() > FORMER_MAX {
            // Not the one of long ago: made-up holders, which have the address for moments, push out each other.
            let shortest = self.former.iter().enumerate().skip(1);
            let shortest = shortest.min_by_key(|(_, former)| former.total());
            let shortest = shortest.map_or(FORMER_MAX, |(index, _)| index);
            self.former.remove(shortest);
        }
        (from, place)
    }

    /// Whether a change is to be told: how many of the same two there have been since one was.
    fn contest(
        &mut self,
        at: Duration,
        mut between: [MacAddr; 2],
        duplicate: bool,
        returns: bool,
    ) -> Option<u64> {
        between.sort();
        let same = self
            .contest
            .as_mut()
            .filter(|contest| contest.between == between);
        if let Some(contest) = same {
            contest.times += 1;
            let worse = duplicate && !contest.duplicate;
            if at.abs_diff(contest.told) < AGAIN && !worse {
                return None;
            }
        } else if !duplicate && !returns {
            // The first change between two begins nothing yet.
            return Some(1);
        }
        let times = same_times(self.contest.as_ref(), between);
        self.contest = Some(Contest {
            between,
            told: at,
            duplicate,
            times: 0,
        });
        Some(times)
    }
}

/// What a change is: from whom, to which place among the former holders, whether both have the address, how often of late.
fn what(at: Duration, from: &Holder, place: Option<usize>, duplicate: bool, times: u64) -> What {
    let holder = from;
    let from = holder.mac;
    match place {
        _ if duplicate => What::Duplicate { other: from, times },
        Some(0) => What::FlipFlop { from, times },
        Some(_) => What::Reused { from },
        None => What::Changed {
            from,
            had_for: holder.last.saturating_sub(holder.since),
            silent_for: at.saturating_sub(holder.last),
        },
    }
}

fn same_times(contest: Option<&Contest>, between: [MacAddr; 2]) -> u64 {
    contest
        .filter(|contest| contest.between == between)
        .map_or(1, |contest| contest.times)
}
