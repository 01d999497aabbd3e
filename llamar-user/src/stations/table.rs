//! The table of all stations: what is heard goes in, what is worth telling comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::askers::{Askers, SCAN_TIME};
use super::history::{History, Holder};
use super::room::Room;
use super::{Fellow, How, News, Place, Sighting, Strange, What};
use crate::ether::MacAddr;

/// Most addresses that are known: those of some networks of 4096 hosts, each with several, in a few MB.
pub const STATIONS_MAX: usize = 32_768;
/// One that comes to have more addresses than this within a day has very many: a host has a handful, a server with
/// virtual ones dozens. Temporary addresses of IPv6 come one a day.
pub const MANY_MIN: u32 = 32;
/// The time within which it comes to have them.
const MANY_TIME: Duration = Duration::from_secs(86_400);
/// Told again whenever there are so many times as many.
const MANY_AGAIN: u32 = 4;
/// Most stations whose new addresses are counted.
const GAINERS_MAX: usize = 4096;
/// Most oddities that are remembered so that they are not told twice.
const ODDITIES_MAX: usize = 1024;
/// How long an oddity is not told again.
const ODDITY_AGAIN: Duration = Duration::from_secs(86_400);
/// The same where somebody has an address of ours.
const OWN_AGAIN: Duration = Duration::from_secs(600);

/// What is known of a link besides what is heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its prefixes, each by an address and a length. Without any, no address is off the link.
    pub prefixes: Vec<(IpAddr, u8)>,
    /// The routers that this host uses.
    pub routers: BTreeSet<IpAddr>,
    /// This host's own addresses there, and the hardware address that it has.
    pub own: BTreeMap<IpAddr, MacAddr>,
}

/// What is known of an address, to be kept between runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its link.
    pub place: Place,
    /// The address.
    pub ip: IpAddr,
    /// When it was heard of first, since the epoch.
    pub first: Duration,
    /// Whether a holder called itself a router.
    pub router: bool,
    /// Who has it, and who had it before, the last first.
    pub holders: Vec<Holder>,
}

/// Who has which address on some links. Its size is bounded; see [`STATIONS_MAX`].
#[derive(Clone, Debug)]
pub struct Table {
    addresses: Room<(Place, IpAddr), History>,
    /// How many addresses each has.
    pub(super) stations: BTreeMap<(Place, MacAddr), u32>,
    /// How many each has come to have within a day.
    pub(super) gains: Room<(Place, MacAddr), Gain>,
    askers: Askers,
    oddities: Room<Oddity, Duration>,
    facts: BTreeMap<Place, Facts>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Gain {
    since: Duration,
    addresses: u32,
    told: u32,
}

/// What is told once a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Oddity {
    Mismatch(Place, MacAddr, MacAddr),
    Address(Place, MacAddr, IpAddr),
}

impl Default for Table {
    fn default() -> Self {
        Self::new(STATIONS_MAX)
    }
}

impl Table {
    /// A table for so many addresses.
    pub fn new(capacity: usize) -> Self {
        Self {
            addresses: Room::new(capacity),
            stations: BTreeMap::new(),
            gains: Room::new(GAINERS_MAX.min(capacity)),
            askers: Askers::default(),
            oddities: Room::new(ODDITIES_MAX.min(capacity)),
            facts: BTreeMap::new(),
        }
    }

    /// Tells what is known of some links, and nothing any more of all others.
    pub fn learn(&mut self, facts: BTreeMap<Place, Facts>) {
        self.facts = facts;
    }

    /// The number of addresses that are known.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who has an address.
    pub fn holder(&self, place: Place, ip: IpAddr) -> Option<MacAddr> {
        self.addresses
            .find(&(place, ip))
            .map(|history| history.now.mac)
    }

    /// Takes note of what a packet tells at a time since the epoch. Gives what is worth telling: mostly nothing.
    pub fn hear(&mut self, at: Duration, sighting: &Sighting) -> Vec<News> {
        let found = [
            self.mismatch(at, sighting),
            self.holding(at, sighting),
            self.many(at, sighting),
            self.scan(at, sighting),
        ];
        let router = self.is_router(sighting);
        let news = |what| News {
            at,
            place: sighting.place,
            mac: sighting.mac,
            ip: sighting.ip,
            how: sighting.how,
            router,
            what,
        };
        found.into_iter().flatten().map(news).collect()
    }

    /// Everything that is known, to be kept between runs.
    pub fn known(&self) -> impl Iterator<Item = Known> {
        self.addresses.iter().map(|((place, ip), history)| Known {
            place: *place,
            ip: *ip,
            first: history.first,
            router: history.router,
            holders: [history.now]
                .into_iter()
                .chain(history.former.iter().copied())
                .collect(),
        })
    }

    /// Takes in what was kept. What there is no room for is left out.
    pub fn remember(&mut self, known: &Known) {
        let Some(history) = History::of(known.first, known.router, &known.holders) else {
            return;
        };
        let (key, last) = ((known.place, known.ip), history.now.last);
        self.add(known.first, key, history);
        self.addresses.hear(last, key);
    }

    /// A frame that is not from whom its packet tells of: a bridge that translates, a proxy, a forgery.
    fn mismatch(&mut self, at: Duration, sighting: &Sighting) -> Option<What> {
        let source = sighting.source.filter(|source| *source != sighting.mac)?;
        // Routers of a group tell the group's address from their own (RFC 9568 8.1.2 has them not, many do).
        if Fellow::of(sighting.mac).is_some() || Fellow::of(source).is_some() {
            return None;
        }
        let oddity = Oddity::Mismatch(sighting.place, sighting.mac, source);
        self.is_news(at, oddity, ODDITY_AGAIN)
            .then_some(What::Mismatch { source })
    }

    /// What it means that the sender has its address.
    fn holding(&mut self, at: Duration, sighting: &Sighting) -> Option<What> {
        let (place, mac) = (sighting.place, sighting.mac);
        let ip = sighting.ip?;
        let facts = self.facts.get(&place);
        if let Some(own) = facts.and_then(|facts| facts.own.get(&ip)).copied() {
            return self.own(at, sighting, ip, own);
        }
        let facts = self.facts.get(&place);
        let prefixes = facts.map_or(&[][..], |facts| &facts.prefixes);
        let strange = Strange::of(ip, prefixes);
        let refused = match strange {
            _ if !mac.is_station() => Some(What::NoStation),
            Some(Strange::OffLink) | None => None,
            Some(strange) => Some(What::Bogon(strange)),
        };
        // Nobody has these: they are told of, and not remembered as anybody's.
        if let Some(what) = refused {
            let oddity = Oddity::Address(place, mac, ip);
            return self.is_news(at, oddity, ODDITY_AGAIN).then_some(what);
        }
        let key = (place, ip);
        if self.addresses.find(&key).is_some() {
            return self.holding_known(at, key, sighting);
        }
        let mut history = History::new(at, mac, sighting.how);
        history.router = sighting.router;
        let is_station = self.stations.contains_key(&(place, mac));
        self.add(at, key, history);
        self.gain(at, (place, mac));
        match strange {
            // One that has very many is told of by itself.
            _ if self.has_many(at, (place, mac)) => None,
            Some(strange) => Some(What::Bogon(strange)),
            None if is_station => Some(What::NewAddress),
            None => Some(What::New),
        }
    }

    /// Somebody says to have an address of ours: that is a duplicate, unless it is an echo (RFC 5227 2.4, RFC 4862 5.4.4).
    fn own(&mut self, at: Duration, sighting: &Sighting, ip: IpAddr, own: MacAddr) -> Option<What> {
        let mac = sighting.mac;
        let oddity = Oddity::Address(sighting.place, mac, ip);
        let is_other = mac != own && !sighting.weak;
        let duplicate = What::Duplicate {
            other: own,
            times: 1,
        };
        (is_other && self.is_news(at, oddity, OWN_AGAIN)).then_some(duplicate)
    }

    /// The same for an address that somebody has.
    fn holding_known(
        &mut self,
        at: Duration,
        key: (Place, IpAddr),
        sighting: &Sighting,
    ) -> Option<What> {
        let mac = sighting.mac;
        let history = self.addresses.hear(at, key)?;
        let before = history.now.mac;
        let is_known = history.knows(mac);
        let what = history.hear(at, mac, sighting.how, sighting.weak);
        let after = history.now.mac;
        history.router |= sighting.router && after == mac;
        if before != after {
            self.leave((key.0, before));
            *self.stations.entry((key.0, after)).or_default() += 1;
        }
        if before != after && !is_known {
            self.gain(at, (key.0, after));
        }
        what
    }

    fn add(&mut self, first: Duration, key: (Place, IpAddr), history: History) {
        let mac = history.now.mac;
        if let Some(((place, _), gone)) = self.addresses.add(first, key, history) {
            self.leave((place, gone.now.mac));
        }
        *self.stations.entry((key.0, mac)).or_default() += 1;
    }

    /// One has an address less.
    fn leave(&mut self, station: (Place, MacAddr)) {
        if let Some(addresses) = self.stations.get_mut(&station) {
            *addresses = addresses.saturating_sub(1);
            if *addresses == 0 {
                self.stations.remove(&station);
            }
        }
    }

    /// One has an address more.
    fn gain(&mut self, at: Duration, station: (Place, MacAddr)) {
        let fresh = Gain {
            since: at,
            addresses: 1,
            told: 0,
        };
        match self.gains.hear(at, station) {
            Some(gain) if at.abs_diff(gain.since) <= MANY_TIME => gain.addresses += 1,
            Some(gain) => *gain = fresh,
            None => drop(self.gains.add(at, station, fresh)),
        }
    }

    fn has_many(&mut self, at: Duration, station: (Place, MacAddr)) -> bool {
        let gain = self.gains.hear(at, station);
        gain.is_some_and(|gain| gain.addresses > MANY_MIN)
    }

    /// Whether somebody has come to have very many addresses.
    fn many(&mut self, at: Duration, sighting: &Sighting) -> Option<What> {
        let gain = self.gains.hear(at, (sighting.place, sighting.mac))?;
        let next = match gain.told {
            0 => MANY_MIN,
            told => told.saturating_mul(MANY_AGAIN),
        };
        let addresses = gain.addresses;
        (addresses > next).then(|| {
            gain.told = next;
            What::Many { addresses }
        })
    }

    fn scan(&mut self, at: Duration, sighting: &Sighting) -> Option<What> {
        let asks = matches!(sighting.how, How::Probe | How::Request | How::Solicitation);
        let target = sighting.asks.filter(|_| asks)?;
        let (place, mac) = (sighting.place, sighting.mac);
        let addresses = self.askers.hear(at, place, mac, target)?;
        let within = SCAN_TIME;
        Some(What::Scan { addresses, within })
    }

    fn is_router(&self, sighting: &Sighting) -> bool {
        let Some(ip) = sighting.ip else {
            return false;
        };
        let facts = self.facts.get(&sighting.place);
        let history = self.addresses.find(&(sighting.place, ip));
        facts.is_some_and(|facts| facts.routers.contains(&ip))
            || history.is_some_and(|history| history.router)
    }

    fn is_news(&mut self, at: Duration, oddity: Oddity, again: Duration) -> bool {
        match self.oddities.hear(at, oddity) {
            Some(told) if at.abs_diff(*told) < again => false,
            Some(told) => {
                *told = at;
                true
            }
            None => {
                self.oddities.add(at, oddity, at);
                true
            }
        }
    }
}
