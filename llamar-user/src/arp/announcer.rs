//! The announcer: tells the link who has an address (RFC 5227 2.3), for one address as for thousands of proxied ones,
//! which are paced so that no announcement of many is a flood.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::rules::{Rule, Rules};
use super::timing::{ANNOUNCE_INTERVAL, ANNOUNCE_NUM};
use super::{Packet, Station};
use crate::ether::{Agenda, Engine, MacAddr, Outbox, Pace, Repeats, Series, Tag};

/// Frames a second unless another pace is asked for.
pub const PACE_DEFAULT: u32 = 100;
/// Shortest interval and period.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// As what an address is announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// RFC 5227 2.3, 3: as a request.
    #[default]
    Request,
    /// As a reply, for old hosts that heed nothing else.
    Reply,
    /// As a request and then as a reply.
    Both,
}

/// How addresses are announced.
#[derive(Clone, Copy, Debug)]
pub struct Announcing {
    /// As what.
    pub form: Form,
    /// How often each; 0 announces none.
    pub count: u32,
    /// Time between two announcements of an address.
    pub interval: Duration,
    /// Announces each again and again in this time, after the first ones. RFC 826 does not want that; switches do, that
    /// forget a silent host after 5 minutes (C11).
    pub period: Option<Duration>,
    /// Frames a second at most, all addresses together.
    pub pace: u32,
    /// The Ethernet source, if it is another one than the address's holder.
    pub source: Option<MacAddr>,
    /// The VLAN.
    pub tag: Option<Tag>,
    /// Pads frames to 60 bytes.
    pub padding: bool,
}

impl Default for Announcing {
    // RFC 5227 2.3: ANNOUNCE_NUM announcements, ANNOUNCE_INTERVAL apart.
    fn default() -> Self {
        Self {
            form: Form::Request,
            count: ANNOUNCE_NUM,
            interval: ANNOUNCE_INTERVAL,
            period: None,
            pace: PACE_DEFAULT,
            source: None,
            tag: None,
            padding: false,
        }
    }
}

/// What an announcer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// An announcement goes out.
    Announced {
        /// Who has the address.
        station: Station,
        /// The how manieth announcement since it was added, from 1.
        number: u32,
        /// What is sent.
        packet: Packet,
    },
    /// Nothing is left to announce, now or later.
    Done,
}

/// Announces addresses.
#[derive(Debug)]
pub struct Announcer {
    how: Announcing,
    pub(super) rules: Rules,
    addresses: BTreeMap<Ipv4Addr, Address>,
    agenda: Agenda<Ipv4Addr>,
    pace: Pace,
    outbox: Outbox<Told>,
}

/// One address.
#[derive(Clone, Copy, Debug)]
struct Address {
    mac: MacAddr,
    series: Series,
}

impl Announcer {
    /// An announcer without addresses.
    pub fn new(mut how: Announcing) -> Self {
        how.interval = how.interval.max(INTERVAL_MIN);
        how.period = how.period.map(|period| period.max(how.interval));
        Self {
            how,
            rules: Rules::default(),
            addresses: BTreeMap::new(),
            agenda: Agenda::default(),
            pace: Pace::per_second(how.pace),
            outbox: Outbox::padding(how.padding),
        }
    }

    /// Announces an address from now on; one that is announced already begins anew, at its new holder if that changed.
    pub fn add(&mut self, now: Instant, station: Station) {
        let Station { mac, ip } = station;
        let before = self.addresses.remove(&ip);
        // What was told a moment ago is not told again before its interval is over.
        let told = before.filter(|before| before.mac == mac);
        let mut series = told.map_or_else(Series::default, |before| before.series);
        self.agenda.put(ip, series.begin(now, self.repeats()));
        self.addresses.insert(ip, Address { mac, series });
    }

    /// Announces an address no more.
    pub fn remove(&mut self, ip: Ipv4Addr) {
        self.agenda.put(ip, None);
        self.addresses.remove(&ip);
    }

    /// Announces all addresses anew: the link is up again.
    pub fn restart(&mut self, now: Instant) {
        let stations: Vec<Station> = self.stations().collect();
        for station in stations {
            self.add(now, station);
        }
    }

    /// What it announces, or has announced.
    pub fn stations(&self) -> impl Iterator<Item = Station> {
        let station = |(ip, address): (&Ipv4Addr, &Address)| Station {
            mac: address.mac,
            ip: *ip,
        };
        self.addresses.iter().map(station)
    }

    fn repeats(&self) -> Repeats {
        let Announcing {
            count,
            interval,
            period,
            ..
        } = self.how;
        Repeats {
            count: match self.rules.hold(Rule::AnnounceAgain) {
                true => count,
                false => count.min(1),
            },
            interval,
            least: interval,
            period,
        }
    }

    fn announce(&mut self, now: Instant, ip: Ipv4Addr) {
        let repeats = self.repeats();
        let Some(address) = self.addresses.get_mut(&ip) else {
            return;
        };
        let due = address.series.tell(now, repeats);
        let (mac, number) = (address.mac, address.series.number());
        self.agenda.put(ip, due);
        self.send(Station { mac, ip }, number);
    }

    fn send(&mut self, station: Station, number: u32) {
        let request = Packet::announcement(station);
        let reply = Packet::gratuitous_reply(station);
        let packets: &[Packet] = match self.how.form {
            Form::Request => &[request],
            Form::Reply => &[reply],
            Form::Both => &[request, reply],
        };
        let source = self.how.source.unwrap_or(station.mac);
        for packet in packets {
            self.outbox
                .send(packet.to_frame(source, MacAddr::BROADCAST, self.how.tag));
            self.outbox.tell(Told::Announced {
                station,
                number,
                packet: *packet,
            });
        }
    }
}

impl Engine for Announcer {
    type Event = Told;

    /// Heeds nothing: a conflict is for whoever has the address to see.
    fn handle_frame(&mut self, _: Instant, _: &[u8]) {}

    fn handle_timeout(&mut self, now: Instant) {
        let mut any = false;
        while let Some(ip) = self.agenda.due(now) {
            if self.outbox.is_full() || !self.pace.take(now) {
                break;
            }
            if self.how.form == Form::Both {
                self.pace.spend(now);
            }
            self.announce(now, ip);
            any = true;
        }
        if any && self.agenda.earliest().is_none() {
            self.outbox.tell(Told::Done);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let earliest = self.agenda.earliest()?;
        Some(self.pace.not_before(earliest))
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Told> {
        self.outbox.event()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arp::tests::bench::{Bench, millis, seconds};

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn station(last: u8) -> Station {
        let ip = Ipv4Addr::new(10, 0, 0, last);
        Station { mac: MAC, ip }
    }

    fn bench(how: Announcing, addresses: u8) -> Bench<Announcer> {
        let mut bench = Bench::new(|_| Announcer::new(how));
        bench.act(|announcer, now| {
            for last in 1..=addresses {
                announcer.add(now, station(last));
            }
        });
        bench
    }

    // RFC 5227 2.3: C9
    #[test]
    fn an_address_is_announced_twice_two_seconds_apart_as_a_broadcast_request() {
        let told = |rules: Rules| {
            let mut bench = bench(Announcing::default(), 0);
            bench.engine.rules = rules;
            bench.act(|announcer, now| announcer.add(now, station(1)));
            bench.pass(seconds(60));
            bench
        };
        let bench = told(Rules::default());
        let expected = *b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\
            \0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\x0a\0\0\x01\0\0\0\0\0\0\x0a\0\0\x01";
        assert!(bench.sent.iter().all(|(_, frame)| *frame == expected));
        assert_eq!(bench.times(), [0, 2000]);
        assert_eq!(bench.told.last(), Some(&(seconds(2), Told::Done)));
        assert_eq!(told(Rules::without(Rule::AnnounceAgain)).times(), [0]);
    }

    // RFC 5227 3: C9
    #[test]
    fn old_hosts_can_be_told_by_replies_too() {
        let packets = |form| {
            let mut bench = bench(
                Announcing {
                    form,
                    count: 1,
                    source: Some(MacAddr([2, 0, 0, 0, 0, 9])),
                    ..Announcing::default()
                },
                1,
            );
            bench.pass(seconds(1));
            let sent = bench.sent_on(None);
            assert!(sent.iter().all(|(_, frame)| frame.source.0[5] == 9));
            bench.packets()
        };
        let request = Packet::announcement(station(1));
        let reply = Packet::gratuitous_reply(station(1));
        assert_eq!(packets(Form::Request), [request]);
        assert_eq!(packets(Form::Reply), [reply]);
        assert_eq!(packets(Form::Both), [request, reply]);
    }

    // RFC 826: C11
    #[test]
    fn nothing_is_announced_again_and_again_unless_asked_for() {
        let period = Some(seconds(100));
        let mut bench = bench(
            Announcing {
                period,
                ..Announcing::default()
            },
            1,
        );
        bench.pass(seconds(250));
        assert_eq!(bench.times(), [0, 2000, 102_000, 202_000]);
        assert!(bench.events().iter().all(|told| **told != Told::Done));
        let mut only = self::bench(
            Announcing {
                period,
                count: 0,
                ..Announcing::default()
            },
            1,
        );
        only.pass(seconds(150));
        assert_eq!(only.times(), [0, 100_000]);
        let mut often = self::bench(
            Announcing {
                period: Some(Duration::ZERO),
                ..Announcing::default()
            },
            1,
        );
        often.pass(seconds(7));
        assert_eq!(often.times(), [0, 2000, 4000, 6000]);
    }

    #[test]
    fn two_hundred_addresses_take_two_seconds_at_a_hundred_a_second() {
        let mut bench = bench(Announcing::default(), 200);
        bench.pass(millis(999));
        assert!(
            (95..=105).contains(&bench.sent.len()),
            "{}",
            bench.sent.len()
        );
        bench.pass(seconds(10));
        assert_eq!(bench.sent.len(), 400);
        assert_eq!(bench.engine.stations().count(), 200);
    }

    #[test]
    fn a_removed_address_is_not_announced_any_more() {
        let mut bench = bench(Announcing::default(), 3);
        bench.pass(millis(500));
        bench.act(|announcer, _| announcer.remove(station(2).ip));
        bench.pass(seconds(10));
        let of = |last| {
            let packets = bench.packets().into_iter();
            packets
                .filter(|packet| packet.sender == station(last))
                .count()
        };
        assert_eq!([of(1), of(2), of(3)], [2, 1, 2]);
    }

    #[test]
    fn an_address_that_moved_is_announced_at_its_new_holder_at_once() {
        let mut bench = bench(Announcing::default(), 1);
        bench.pass(millis(500));
        let mac = MacAddr([2, 0, 0, 0, 0, 2]);
        bench.act(|announcer, now| announcer.add(now, Station { mac, ..station(1) }));
        bench.pass(seconds(10));
        assert_eq!(bench.times(), [0, 500, 2500]);
        assert!(
            bench.packets()[1..]
                .iter()
                .all(|packet| packet.sender.mac == mac)
        );
    }

    #[test]
    fn a_link_that_comes_up_again_and_again_is_not_flooded() {
        let mut bench = bench(Announcing::default(), 1);
        for _ in 0..40 {
            bench.pass(millis(100));
            bench.act(Announcer::restart);
        }
        assert_eq!(bench.times(), [0, 2000, 4000]);
        bench.pass(seconds(10));
        assert_eq!(bench.times()[3..], [6000, 8000]);
    }

    proptest! {
        #[test]
        fn the_pace_and_the_interval_are_kept_whatever_comes_and_goes(
            steps in prop::collection::vec((0u64..400, 1u8..20, 0u8..8), 1..80),
            pace in 1u32..50,
        ) {
            let form = Form::Both;
            let mut bench = bench(Announcing { form, pace, ..Announcing::default() }, 0);
            for (pause, last, what) in steps {
                bench.pass(millis(pause));
                bench.act(|announcer, now| match what {
                    0 => announcer.restart(now),
                    1 => announcer.remove(station(last).ip),
                    _ => announcer.add(now, station(last)),
                });
            }
            bench.pass(seconds(100));
            prop_assert_eq!(bench.engine.poll_timeout(), None);
            let frames = bench.sent.len() as f64;
            let time = bench.sent.last().map_or(0.0, |(at, _)| at.as_secs_f64());
            prop_assert!(frames <= time * f64::from(pace) + 3.0);
        }
    }
}
