//! Late duplicates: others who use or want an address that is ours (RFC 4862 5.4.4). What is to be done about it the RFC
//! leaves open; here it is told, with who did it.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use llamar_common::limit::Rate;

use super::Message;
use super::port::Heard;
use super::rules::{Rule, Rules};
use crate::ether::{Budget, MacAddr};

/// Between two reports about the same station and address.
const REPEAT: Duration = Duration::from_secs(10);
/// Reports about whomever: a station may invent others.
const RATE: Rate = Rate {
    per_second: 1,
    burst: 8,
};
/// Stations and addresses that are remembered; RATE lets no more in within REPEAT.
const REMEMBERED_MAX: usize = 64;

/// What another station does with an address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// It says that it has the address.
    Advertised,
    /// It checks whether it can have the address. Whoever answers it keeps the address.
    Checked,
}

/// A conflict about an address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The address.
    pub address: Ipv6Addr,
    /// The hardware address that is told, otherwise the one that the frame came from.
    pub mac: MacAddr,
    /// The hardware address that the frame came from.
    pub ether_source: MacAddr,
    /// What it does.
    pub how: How,
    /// How many of its kind there have been since the last report, this one included.
    pub times: u64,
}

/// What a message that is not ours does to the address that it is about.
// RFC 4862 5.4.4: D14. An advertisement by another, or another's detection of a duplicate (5.4.3).
pub(super) fn conflict(heard: &Heard) -> Conflict {
    let (mac, how) = match &heard.packet.message {
        Message::Advertisement(advertisement) => {
            let mac = advertisement.target_mac.unwrap_or(heard.source);
            (mac, How::Advertised)
        }
        Message::Solicitation(_) => (heard.source, How::Checked),
    };
    Conflict {
        address: heard.target(),
        mac,
        ether_source: heard.source,
        how,
        times: 1,
    }
}

/// Which conflicts are told: each station once in a while, all together not too often.
#[derive(Debug)]
pub(super) struct Reports {
    rules: Rules,
    known: BTreeMap<Key, Known>,
    budget: Budget,
}

type Key = (Ipv6Addr, MacAddr, How);

#[derive(Debug)]
struct Known {
    reported: Instant,
    times: u64,
}

impl Reports {
    pub fn new(now: Instant, rules: Rules) -> Self {
        Self {
            rules,
            known: BTreeMap::new(),
            budget: Budget::new(now, RATE),
        }
    }

    /// The conflict as it is to be told, if it is.
    pub fn admit(&mut self, now: Instant, conflict: Conflict) -> Option<Conflict> {
        if !self.rules.hold(Rule::Pace) {
            return Some(conflict);
        }
        let key = (conflict.address, conflict.mac, conflict.how);
        if let Some(known) = self.known.get_mut(&key) {
            known.times = known.times.saturating_add(1);
            if now.saturating_duration_since(known.reported) < REPEAT {
                return None;
            }
        }
        if !self.budget.take(now) {
            return None;
        }
        let times = self.known.get(&key).map_or(1, |known| known.times);
        let fresh = |known: &Known| now.saturating_duration_since(known.reported) < REPEAT;
        if self.known.len() >= REMEMBERED_MAX {
            self.known.retain(|_, known| fresh(known));
        }
        let reported = now;
        self.known.insert(key, Known { reported, times: 0 });
        Some(Conflict { times, ..conflict })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ndp::tests::{ip, mac};

    /// Reports of a minute in which a hundred invented stations a second claim our address.
    fn reports(rules: Rules) -> usize {
        let start = Instant::now();
        let mut reports = Reports::new(start, rules);
        let told = (0..6000_u16).filter(|number| {
            let now = start + Duration::from_millis(u64::from(*number) * 10);
            let [a, b] = number.to_be_bytes();
            let conflict = Conflict {
                address: ip("fe80::1"),
                mac: MacAddr([2, 7, 7, 7, a, b]),
                ether_source: mac(7),
                how: How::Advertised,
                times: 1,
            };
            reports.admit(now, conflict).is_some()
        });
        let told = told.count();
        let known = reports.known.len();
        assert!(known <= REMEMBERED_MAX, "{known}");
        told
    }

    // RFC 4862 5.4.4: D14
    #[test]
    fn invented_stations_cannot_flood_the_log() {
        let told = reports(Rules::default());
        assert!((60..=70).contains(&told), "{told}");
        assert_eq!(reports(Rules::without(Rule::Pace)), 6000);
    }
}
