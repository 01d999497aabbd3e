//! Late duplicates: others who use or want an address that is ours (RFC 4862 5.4.4). What is to be done about it the RFC
//! leaves open; here it is told, with who did it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::outbox::Outbox;
use super::port::Heard;
use super::rules::{Rule, Rules};
use super::{Message, Port};
use crate::ether::{Engine, MacAddr};

/// Between two reports about the same station and address.
const REPEAT: Duration = Duration::from_secs(10);
/// Between two reports about whomever, once the first few are through: a station may invent others.
const PACE: Duration = Duration::from_secs(1);
/// Reports at once.
const BURST: u32 = 8;
/// Stations and addresses that are remembered; BURST and PACE let no more in within REPEAT.
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

/// Listens for conflicts about addresses.
#[derive(Debug)]
pub struct Defence {
    port: Port,
    own: BTreeSet<MacAddr>,
    addresses: BTreeSet<Ipv6Addr>,
    reports: Reports,
    outbox: Outbox<Conflict>,
}

impl Defence {
    /// One that has nothing to defend yet.
    pub fn new(now: Instant, port: Port) -> Self {
        Self {
            port,
            own: BTreeSet::from([port.mac]),
            addresses: BTreeSet::new(),
            reports: Reports::new(now, Rules::default()),
            outbox: Outbox::default(),
        }
    }

    /// Sets which addresses are ours, and which hardware addresses besides the port's: other interfaces of this host on
    /// the same link.
    pub fn follow(
        &mut self,
        addresses: BTreeSet<Ipv6Addr>,
        own: impl IntoIterator<Item = MacAddr>,
    ) {
        self.addresses = addresses;
        self.own = own.into_iter().chain([self.port.mac]).collect();
    }
}

impl Engine for Defence {
    type Event = Conflict;

    fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        let Some(heard) = self.port.hear(frame) else {
            return;
        };
        if heard.resolves() || !self.addresses.contains(&heard.target()) {
            return;
        }
        let conflict = conflict(&heard);
        // RFC 4862 5.4.3: what comes from ourselves is no conflict. Who tells our hardware address but sends from another
        // is not ourselves, nor is who does it the other way round.
        let is_own = |mac| self.own.contains(&mac);
        if is_own(conflict.mac) && is_own(conflict.ether_source) {
            return;
        }
        if let Some(conflict) = self.reports.admit(now, conflict) {
            self.outbox.tell(conflict);
        }
    }

    /// Nothing is ever due.
    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Conflict> {
        self.outbox.event()
    }
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
            budget: Budget::new(now, BURST, PACE),
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
    use crate::ether::Tag;
    use crate::ndp::tests::*;

    const OWN: u8 = 1;

    fn address() -> Ipv6Addr {
        ip("fe80::1")
    }

    fn clock() -> Clock<Defence> {
        let mut clock = Clock::new(|now| Defence::new(now, port(OWN)));
        let addresses = BTreeSet::from([address(), ip("2001:db8::1")]);
        clock.engine.follow(addresses, [mac(2)]);
        clock
    }

    fn conflict(from: u8, how: How, times: u64) -> Conflict {
        Conflict {
            address: address(),
            mac: mac(from),
            ether_source: mac(from),
            how,
            times,
        }
    }

    // RFC 4862 5.4.4: D14
    #[test]
    fn another_who_says_that_it_has_an_address_of_ours_is_told_of() {
        let mut clock = clock();
        clock.hear(&frame(7, 0, &unsolicited(7, address())));
        clock.hear(&frame(8, OWN, &solicited(8, address(), ip("fe80::9"))));
        let expected = [
            conflict(7, How::Advertised, 1),
            conflict(8, How::Advertised, 1),
        ];
        assert_eq!(clock.found(), expected);
    }

    // RFC 4862 5.4.3, 5.4.4: D14
    #[test]
    fn another_who_checks_an_address_of_ours_is_told_of_but_not_who_asks_for_it() {
        let mut clock = clock();
        clock.hear(&frame(7, 0, &resolution(7, ip("fe80::7"), address())));
        assert_eq!(clock.found(), []);
        clock.hear(&frame(7, 0, &detection(address(), Some([1; 6]))));
        assert_eq!(clock.found(), [conflict(7, How::Checked, 1)]);
    }

    // RFC 4862 5.4.3: D10
    #[test]
    fn what_comes_from_this_host_by_whichever_interface_is_no_conflict() {
        let mut clock = clock();
        for from in [OWN, 2] {
            clock.hear(&frame(from, 0, &unsolicited(from, address())));
            clock.hear(&frame(from, 0, &detection(address(), None)));
        }
        clock.hear(&frame(2, 0, &unsolicited(OWN, address())));
        assert_eq!(clock.found(), []);
        // A thief who sends from our hardware address, or tells it.
        clock.hear(&frame(OWN, 0, &unsolicited(7, address())));
        clock.hear(&frame(7, 0, &unsolicited(OWN, address())));
        let pairs: Vec<_> = clock
            .found()
            .iter()
            .map(|c| (c.mac, c.ether_source))
            .collect();
        assert_eq!(pairs, [(mac(7), mac(OWN)), (mac(OWN), mac(7))]);
    }

    // RFC 4861 7.1.2: D13
    #[test]
    fn other_addresses_other_links_and_what_is_not_valid_are_no_conflict() {
        let mut clock = clock();
        let packet = unsolicited(7, address());
        clock.hear(&frame(7, 0, &unsolicited(7, ip("fe80::7"))));
        clock.hear(&packet.to_frame(mac(7), all_nodes(), Some(Tag::vlan(5))));
        let mut far = frame(7, 0, &packet);
        far[14 + 7] = 254;
        clock.hear(&far);
        clock.hear(b"");
        clock.engine.follow(BTreeSet::new(), []);
        clock.hear(&frame(7, 0, &packet));
        assert_eq!(clock.found(), []);
        assert_eq!(clock.engine.poll_timeout(), None);
    }

    // RFC 4862 5.4.4: D14
    #[test]
    fn one_culprit_is_told_of_every_ten_seconds_with_how_often_it_was_heard() {
        let mut clock = clock();
        for at in 0..=25 {
            clock.until(ms(at * 1000));
            clock.hear(&frame(7, 0, &unsolicited(7, address())));
        }
        let expected = [1, 10, 10].map(|times| conflict(7, How::Advertised, times));
        assert_eq!(clock.found(), expected);
    }

    /// Reports of a minute in which a hundred invented stations a second claim our address.
    fn reports(rules: Rules) -> usize {
        let mut clock = clock();
        clock.engine.reports = Reports::new(clock.start, rules);
        let packet = unsolicited(7, address());
        for number in 0..6000u16 {
            clock.until(ms(u64::from(number) * 10));
            let [a, b] = number.to_be_bytes();
            let mut packet = packet.clone();
            if let Message::Advertisement(advertisement) = &mut packet.message {
                advertisement.target_mac = Some(MacAddr([2, 7, 7, 7, a, b]));
            }
            clock.hear(&frame(7, 0, &packet));
        }
        let known = clock.engine.reports.known.len();
        assert!(known <= REMEMBERED_MAX, "{known}");
        clock.found().len()
    }

    // RFC 4862 5.4.4: D14
    #[test]
    fn invented_stations_cannot_flood_the_log() {
        let told = reports(Rules::default());
        assert!((60..=70).contains(&told), "{told}");
        assert_eq!(reports(Rules::without(Rule::Pace)), 6000);
    }
}
