//! The announcer: tells the link who has an address (RFC 5227 2.3), for one address as for thousands of proxied ones,
//! which are paced so that no announcement of many is a flood.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::outbox::Outbox;
use super::pace::Pace;
use super::rules::{Rule, Rules};
use super::timing::{ANNOUNCE_INTERVAL, ANNOUNCE_NUM};
use super::{Packet, Station};
use crate::ether::{Engine, MacAddr, Tag};

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
    /// When each is due.
    due: BTreeSet<(Instant, Ipv4Addr)>,
    pace: Pace,
    outbox: Outbox<Told>,
}

/// One address.
#[derive(Clone, Copy, Debug)]
struct Address {
    mac: MacAddr,
    told: u32,
    last: Option<Instant>,
    due: Option<Instant>,
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
            due: BTreeSet::new(),
            pace: Pace::per_second(how.pace),
            outbox: Outbox::new(how.padding),
        }
    }

    /// Announces an address from now on; one that is announced already begins anew, at its new holder if that changed.
    pub fn add(&mut self, now: Instant, station: Station) {
        let before = self.forget(station.ip);
        // What was told a moment ago is not told again before its interval is over.
        let told = before.filter(|before| before.mac == station.mac);
        let last = told.and_then(|before| before.last);
        let due = last.map_or(now, |last| (last + self.how.interval).max(now));
        let address = Address {
            mac: station.mac,
            told: 0,
            last,
            due: None,
        };
        self.addresses.insert(station.ip, address);
        if self.how.count > 0 || self.how.period.is_some() {
            self.schedule(station.ip, due);
        }
    }

    /// Announces an address no more.
    pub fn remove(&mut self, ip: Ipv4Addr) {
        self.forget(ip);
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

    fn forget(&mut self, ip: Ipv4Addr) -> Option<Address> {
        let address = self.addresses.remove(&ip)?;
        if let Some(due) = address.due {
            self.due.remove(&(due, ip));
        }
        Some(address)
    }

    fn schedule(&mut self, ip: Ipv4Addr, due: Instant) {
        if let Some(address) = self.addresses.get_mut(&ip) {
            address.due = Some(due);
            self.due.insert((due, ip));
        }
    }

    fn announce(&mut self, now: Instant, ip: Ipv4Addr) {
        let Some(address) = self.addresses.get_mut(&ip) else {
            return;
        };
        address.told = address.told.saturating_add(1);
        (address.last, address.due) = (Some(now), None);
        let (told, mac) = (address.told, address.mac);
        self.send(Station { mac, ip }, told);
        let count = match self.rules.hold(Rule::AnnounceAgain) {
            true => self.how.count,
            false => 1,
        };
        let pause = if told < count {
            Some(self.how.interval)
        } else {
            self.how.period
        };
        if let Some(pause) = pause {
            self.schedule(ip, now + pause);
        }
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
                .send(packet, source, MacAddr::BROADCAST, self.how.tag);
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
        while let Some(&(due, ip)) = self.due.first() {
            if due > now || self.outbox.is_full() || !self.pace.take(now) {
                break;
            }
            if self.how.form == Form::Both {
                self.pace.spend(now);
            }
            self.due.pop_first();
            self.announce(now, ip);
            any = true;
        }
        if any && self.due.is_empty() {
            self.outbox.tell(Told::Done);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let (due, _) = self.due.first()?;
        Some(self.pace.not_before(*due))
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Told> {
        self.outbox.event()
    }
}
