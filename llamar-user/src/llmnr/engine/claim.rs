//! How one name stands on one link, and how long a lost one is left alone.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::abi::NameState;
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::config::TTL_DEFAULT;
use crate::dns::{Name, Question};
use crate::llmnr::rules::{Rule, Rules};

/// Shortest and longest time before a lost name is verified again, whatever the TTL of the response: neither does a
/// TTL of 0 make us ask all the time, nor one of years give up a name for ever.
const PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(3600));
/// Culprits that are remembered of one name, so that the log tells of each once; a forger has as many as he likes.
const CULPRITS_MAX: usize = 8;

/// A name on a link, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The name that is answered for: another than the claimed one after a rename.
    pub used: Name,
    /// How far its uniqueness is known; `None` if it is withdrawn.
    pub state: Option<NameState>,
    /// Who had it too, at the last conflict since it was verified; after a rename who has the claimed one.
    pub culprit: Option<IpAddr>,
    /// When a withdrawn name is verified again.
    pub retry: Option<Instant>,
}

/// A name on a link, as the engine keeps it.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The name in use after a rename.
    pub used: Option<Name>,
    /// The number of the name in use, 1 for the claimed one.
    pub number: u32,
    /// Its place among the names that are claimed, the most important of which is verified first.
    pub rank: usize,
    /// How far it is.
    pub phase: Phase,
    /// What is to be done for it.
    pub work: Work,
    /// Nobody claimed it: it is in the zone, and was doubted.
    pub vouched: bool,
    /// In use without verification since it was verified by a former agent, and not checked yet.
    pub inherited: bool,
    /// Conflicts since it was verified.
    pub losses: u32,
    /// The last of [`Claim::culprits`] that was heard.
    pub culprit: Option<IpAddr>,
    /// Who was seen with the name since it was verified.
    pub culprits: BTreeSet<IpAddr>,
    /// Who had it too and had to give in.
    pub defended: BTreeSet<IpAddr>,
    /// When the last check ended that another host caused.
    pub checked: Option<Instant>,
    /// When something is due: a lost name's retry, a doubted one's check, a vouched one's end.
    pub due: Option<Instant>,
}

/// How far a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not verified.
    Tentative,
    /// Verified.
    Unique,
    /// Another's.
    Lost,
}

/// What is to be done for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing.
    Rest,
    /// It waits to be verified.
    Wait,
    /// It waits for a check by this question.
    Doubt(Question),
    /// Its verification runs.
    Run,
}

impl Claim {
    /// A name that is claimed, in this phase.
    pub fn new(phase: Phase) -> Self {
        Self {
            used: None,
            number: 1,
            rank: 0,
            phase,
            work: Work::Rest,
            vouched: false,
            inherited: false,
            losses: 0,
            culprit: None,
            culprits: BTreeSet::new(),
            defended: BTreeSet::new(),
            checked: None,
            due: None,
        }
    }

    /// A name of the zone that is doubted.
    pub fn vouched() -> Self {
        Self {
            vouched: true,
            ..Self::new(Phase::Unique)
        }
    }

    /// How the name `claimed` stands.
    pub fn standing(&self, claimed: &Name) -> Standing {
        Standing {
            used: self.used.as_ref().unwrap_or(claimed).clone(),
            state: self.state(),
            culprit: self.culprit,
            retry: self.due.filter(|_| self.phase == Phase::Lost),
        }
    }

    /// How far the uniqueness of the name in use is known; `None` if it is withdrawn.
    pub const fn state(&self) -> Option<NameState> {
        match self.phase {
            Phase::Tentative => Some(NameState::Tentative),
            Phase::Unique => Some(NameState::Unique),
            Phase::Lost => None,
        }
    }

    /// Whether it is in use and verified.
    pub fn is_unique(&self) -> bool {
        self.phase == Phase::Unique
    }

    /// It was verified: no conflict counts any more. Who has the name in whose place this one is stays known.
    pub fn verified(&mut self) {
        self.phase = Phase::Unique;
        self.inherited = false;
        self.losses = 0;
        if self.used.is_none() {
            self.culprit = None;
        }
        self.culprits.clear();
    }

    /// Counts a conflict; whether its culprit is news.
    pub fn conflict(&mut self, culprit: IpAddr) -> bool {
        self.losses = self.losses.saturating_add(1);
        self.culprit = Some(culprit);
        self.culprits.len() < CULPRITS_MAX && self.culprits.insert(culprit)
    }

    /// Takes note of a host that has the name too and has to give in; whether that is news.
    pub fn defended(&mut self, other: IpAddr) -> bool {
        self.defended.len() < CULPRITS_MAX && self.defended.insert(other)
    }

    /// How long the name is left alone after a response with this TTL.
    pub fn pause(&self, rng: &mut StdRng, rules: Rules, ttl: Option<u32>) -> Duration {
        // RFC 4795 4.2: verification may be attempted again when the TTL of the conflicting response has expired.
        // Twice as late after each loss in a row, as the name seems to be taken for good.
        let ttl = Duration::from_secs(ttl.unwrap_or(TTL_DEFAULT).into());
        let doublings = self.losses.saturating_sub(1).min(16);
        let pause = ttl.clamp(PAUSE.0, PAUSE.1) * (1 << doublings);
        let pause = pause.min(PAUSE.1);
        // Hosts that made each other give in, for one has the smaller IPv4 and the other the smaller IPv6 address,
        // would do so again if they met again: chance lets one come first.
        if rules.hold(Rule::SpreadRetries) {
            pause + rng.random_range(Duration::ZERO..=pause)
        } else {
            pause
        }
    }
}
